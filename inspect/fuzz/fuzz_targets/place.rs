// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Raw files whose addresses differ from their offsets: any shift, any damage.
#![no_main]

use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::container::placed;
use kho_abi_inspect::synth::{MemfdSpec, Ram, Synth};
use kho_abi_inspect::{inspect_file, Options};
use libfuzzer_sys::fuzz_target;

const SIZE: u64 = 2 << 20;

fuzz_target!(|data: &[u8]| {
    let [base, header, changes @ ..] = data else { return };
    let base = u64::from(*base) << 20;
    let mut synth = Synth::new(Ram::new(4096, base + SIZE), 4096);
    synth.start_at(base + (SIZE >> 1));
    let session = synth.session("vm");
    synth.memfd(session, 1, &MemfdSpec::default());
    let (ram, _) = synth.finish();
    let mut file = placed(&ram, &[(base, u64::from(*header) << 3, SIZE)]);
    for change in changes.chunks_exact(4) {
        let half = file.len() / 2;
        let at = half + usize::from(u16::from_le_bytes([change[0], change[1]])) * 8 % half;
        file[at] = change[2];
        file[at ^ 1] ^= change[3];
    }
    let Ok(image) = Image::from_bytes(file) else { return };
    let _ = inspect_file(image, &Options { threads: 1, ..Options::default() });
});
