// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Long steps count all that there is to do, whatever the image, and not more.

use kho_abi_inspect::find::scan;
use kho_abi_inspect::image::{Image, Opener};
use kho_abi_inspect::synth::container::{elf, kdump, lime, raw, Packing};
use kho_abi_inspect::synth::sample;
use kho_abi_inspect::{inspect_file, Options};
use kho_abi_show::{Now, Progress, Unit};
use std::io::Write as _;

#[test]
fn the_search_passes_every_byte_once() {
    const PARTS: &[(u64, u64)] = &[(0, 8 << 20), (12 << 20, 4 << 20)];
    let (ram, _) = sample(4096);
    let images = [raw(&ram), elf(&ram), lime(&ram, PARTS), kdump(&ram, Packing::Zlib, &[])];
    for (number, bytes) in images.into_iter().enumerate() {
        let image = Image::from_bytes(bytes).unwrap();
        for threads in [1, 3] {
            let progress = Progress::watched();
            assert!(!scan::trees(&image, threads, &progress).too_many);
            let total = Some(image.bytes());
            let what = "searching the image";
            let all = Now { what, unit: Unit::Bytes, done: image.bytes(), total };
            assert_eq!(progress.now(), Some(all), "image {number}, {threads} threads");
            assert_eq!(scan::verify(&image, threads, &progress), scan::Unread::default());
            assert_eq!(progress.now().unwrap().done, image.bytes());
        }
    }
}

#[test]
fn unpacking_counts_what_is_packed() {
    let (ram, _) = sample(4096);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&raw(&ram)).unwrap();
    let packed = gzip.finish().unwrap();
    let len = packed.len() as u64;
    let opener = Opener { progress: Progress::watched() };
    let image = opener.recognise(std::sync::Arc::new(packed)).unwrap();
    let what = "unpacking the image";
    let all = Now { what, unit: Unit::Bytes, done: len, total: Some(len) };
    assert_eq!(opener.progress.now(), Some(all));

    let options = Options { progress: opener.progress.clone(), ..Options::default() };
    inspect_file(image, &options).unwrap();
    assert_eq!(opener.progress.now().unwrap().what, "checking what is preserved");
}
