// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What could not be read of an image is reported, and never treated as absent.

use kho_abi_inspect::image::{Format, Image, PAGE_SIZES};
use kho_abi_inspect::synth::container::{
    add_vmcoreinfo, avml, elf, elf32, flattened, kdump, kdump_in_blocks, lime, raw, vmcore, Packing,
};
use kho_abi_inspect::synth::{self, MemfdSpec, Places, Ram, Store as _, Synth};
use kho_abi_inspect::{inspect, Options, State};

const SIZE: u64 = 16 << 20;
const PACKINGS: [Packing; 4] = [Packing::Plain, Packing::Zlib, Packing::Snappy, Packing::Zstd];

/// The sample in less memory.
fn sample(page_size: usize) -> (Ram, Places) {
    let (ram, places) = synth::sample(page_size);
    (Ram { end: SIZE, ..ram }, places)
}

fn look(bytes: Vec<u8>) -> (Image, State) {
    let image = Image::from_bytes(bytes).unwrap();
    let state = inspect(&image, &Options::default());
    (image, state)
}

fn rules(state: &State) -> Vec<&'static str> {
    state.findings.counts().keys().copied().collect()
}

fn sessions(state: &State) -> usize {
    state.luo().map_or(0, |luo| luo.sessions.len())
}

/// Changes a file.
type Damage<'d> = &'d dyn Fn(&mut Vec<u8>);

/// The offset of a page's descriptor in the kdump of the sample.
fn descriptor(page_size: usize, pa: u64) -> usize {
    let pages = usize::try_from(SIZE).unwrap() / page_size;
    let bitmap_blocks = pages.div_ceil(8).div_ceil(page_size);
    (2 + 2 * bitmap_blocks) * page_size + usize::try_from(pa).unwrap() / page_size * 24
}

#[test]
fn the_size_of_pages_is_found_out_whatever_a_kdump_has_for_blocks() {
    for page_size in PAGE_SIZES {
        let (ram, places) = sample(page_size);
        let plain = kdump_in_blocks(&ram, Packing::Plain);
        let (_, state) = look(plain.clone());
        assert_eq!((state.page_size, state.page_size_guessed), (page_size, true));
        assert!(state.findings.is_empty(), "{page_size}: {:?}", state.findings.list());
        // The kernel's own value wins.
        let mut said = plain;
        add_vmcoreinfo(&mut said, page_size);
        let (image, state) = look(said);
        assert_eq!((state.page_size, state.page_size_guessed), (page_size, false));
        assert_eq!(image.release(), Some("7.3.4"));
        assert_eq!(state.kho.unwrap().at, places.fdt);
    }
}

#[test]
fn damage_to_the_tree_does_not_change_the_size_of_pages() {
    for page_size in PAGE_SIZES {
        let (ram, places) = sample(page_size);
        let bytes = [page_size, 8];
        for (node, len) in
            places.radix.iter().take(3).flat_map(|node| bytes.map(|len| (*node, len)))
        {
            for fill in [0, 0x40, 0xff] {
                let mut ram = ram.clone();
                ram.write(node, &vec![fill; len]);
                let (_, state) = look(raw(&ram));
                let what = format!("{len} bytes of {fill} at {node:#x}");
                assert_eq!(state.page_size, page_size, "{what}");
                assert_eq!(sessions(&state), 3, "{what}");
            }
        }
    }
}

#[test]
fn pages_that_do_not_unpack_are_counted() {
    for page_size in PAGE_SIZES {
        for packing in PACKINGS {
            let (ram, places) = sample(page_size);
            let good = kdump(&ram, packing, &[]);
            let at = descriptor(page_size, places.fdt);
            let place = u64::from_le_bytes(good[at..at + 8].try_into().unwrap());
            let size = u32::from_le_bytes(good[at + 8..at + 12].try_into().unwrap());
            let damages: [Damage<'_>; 4] = [
                // No size, a wrong size, an unknown packing, other bytes in its middle.
                &|bytes| bytes[at + 8..at + 12].fill(0),
                &|bytes| bytes[at + 8] ^= 1,
                &|bytes| bytes[at + 12] = 0x40,
                &|bytes| {
                    let middle = usize::try_from(place + u64::from(size) / 2).unwrap();
                    bytes[middle..middle + 4].fill(0xa5);
                },
            ];
            for (number, damage) in damages.iter().enumerate() {
                // A page that is packed plain has no checksum, so a change is not noticed.
                if number == 3 && packing != Packing::Zlib {
                    continue;
                }
                let mut bytes = good.clone();
                damage(&mut bytes);
                let (_, state) = look(bytes);
                let what = format!("{page_size} {packing:?}, damage {number}");
                let expected = ["image_malformed", "kho_search_incomplete"];
                assert_eq!(rules(&state), expected, "{what}: {:?}", state.findings.list());
                let said = &state.findings.list()[0].what;
                assert!(said.starts_with(&format!("{page_size} bytes of memory")), "{said}");
            }
        }
    }
}

#[test]
fn pages_that_were_left_out_are_not_said_to_have_no_kho() {
    let (ram, places) = sample(4096);
    let (_, state) = look(kdump(&ram, Packing::Zlib, &[places.fdt]));
    assert_eq!(rules(&state), ["kho_search_incomplete"]);
    assert!(state.findings.list()[0].what.contains("4096 bytes were left out"));
    // An ELF core marks left-out memory by a segment that is larger in memory.
    let mut partial = elf(&ram);
    let size = 64 + 56 + 32;
    partial[size..size + 8].copy_from_slice(&4096_u64.to_le_bytes());
    let size = 64 + 2 * 56 + 32;
    partial[size..size + 8].copy_from_slice(&4096_u64.to_le_bytes());
    let (_, state) = look(partial);
    assert_eq!(rules(&state), ["kho_search_incomplete"], "{:?}", state.findings.list());
    // If everything was searched, the report says so.
    let (_, state) = look(kdump(&Ram::new(4096, 1 << 20), Packing::Zlib, &[]));
    assert_eq!(rules(&state), ["kho_not_found"]);
}

#[test]
fn a_kdump_that_says_to_be_incomplete_is_believed() {
    let (ram, _) = sample(4096);
    let mut bytes = kdump(&ram, Packing::Zlib, &[]);
    bytes[424] |= 8;
    let (_, state) = look(bytes);
    assert_eq!((rules(&state), sessions(&state)), (vec!["image_malformed"], 3));
}

#[test]
fn dumps_that_are_cut_are_read_as_far_as_they_go() {
    let (ram, places) = sample(4096);
    let until = usize::try_from(places.fdt).unwrap() + 4096;
    let cut = |bytes: &[u8], at: usize| bytes[..at].to_vec();
    let whole = [
        elf(&ram),
        raw(&ram),
        kdump(&ram, Packing::Zlib, &[]),
        flattened(&kdump(&ram, Packing::Plain, &[])),
        flattened(&elf(&ram)),
        lime(&ram, &[(0x1000, 0x9_f000), (0x10_0000, SIZE - 0x10_0000)]),
        avml(&ram, &[(0x1000, 0x9_f000), (0x10_0000, SIZE - 0x10_0000)]),
    ];
    for (number, bytes) in whole.iter().enumerate() {
        let (image, state) = look(bytes.clone());
        assert!(state.findings.is_empty(), "{number}: {:?}", state.findings.list());
        let format = image.format();
        // The end is lost, but contained nothing of KHO.
        let (_, state) = look(cut(bytes, bytes.len() - 17));
        assert_eq!(sessions(&state), 3, "{format}: {:?}", state.findings.list());
        if format != Format::Raw {
            assert_eq!(rules(&state), ["image_malformed"], "{format}");
        }
        // A file can be cut anywhere: missing parts are never reported as absent from memory.
        for part in 1..16 {
            let Ok(image) = Image::from_bytes(cut(bytes, bytes.len() * part / 16)) else {
                continue;
            };
            let state = inspect(&image, &Options::default());
            if format != Format::Raw {
                let rules = rules(&state);
                assert!(rules.contains(&"image_malformed"), "{format}, {part}: {rules:?}");
                assert!(!rules.contains(&"kho_not_found"), "{format}, {part}: {rules:?}");
            }
        }
    }
    let (_, state) = look(cut(&raw(&ram), until));
    assert!(rules(&state).contains(&"address_outside_image"));
}

#[test]
fn the_kernel_s_text_may_be_a_segment_within_ram() {
    let (ram, places) = sample(4096);
    for text in [(0xd0_0000, 0x10_0000), (0, 0x1000), (SIZE - 4096, 4096), (places.fdt, 4096)] {
        let (image, state) = look(vmcore(&ram, text));
        assert!(state.findings.is_empty(), "{:?}", state.findings.list());
        assert_eq!((image.bytes(), sessions(&state)), (SIZE, 3));
    }
    // This does not apply if the two are not the same memory.
    let mut bytes = vmcore(&ram, (0xd0_0000, 0x10_0000));
    let offset = 64 + 56 + 8;
    let text = u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap());
    let text = usize::try_from(text).unwrap();
    bytes[text..text + 0x10_0000].fill(1);
    let (_, state) = look(bytes);
    assert_eq!(rules(&state), ["image_malformed"]);
}

#[test]
fn headers_of_32_bits_are_read() {
    let (ram, _) = sample(4096);
    let (image, state) = look(elf32(&ram));
    assert_eq!((image.format(), image.bytes()), (Format::Elf, SIZE));
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    assert_eq!(sessions(&state), 3);
}

#[test]
fn raw_memory_that_ends_inside_a_page_may_be_cut_off() {
    let (ram, _) = sample(4096);
    let whole = raw(&ram);
    assert!(look(whole.clone()).1.findings.is_empty());
    for end in [whole.len() - 1, whole.len() - 4095] {
        assert_eq!(rules(&look(whole[..end].to_vec()).1), ["image_malformed"], "{end}");
    }
    assert!(look(whole[..whole.len() - 4096].to_vec()).1.findings.is_empty());
}

#[test]
fn pages_of_content_that_were_left_out_are_found_and_counted() {
    let spec = MemfdSpec { size: 150_001, ..MemfdSpec::default() };
    let mut synth = Synth::new(Ram::new(4096, SIZE), 4096);
    let session = synth.session("vm0");
    synth.memfd(session, 1, &spec);
    synth.memfd(session, 2, &spec);
    let (ram, places) = synth.finish();
    for packing in PACKINGS {
        assert!(look(kdump(&ram, packing, &[])).1.findings.is_empty());
        let folios = &places.memfds[1].folios;
        let lost: Vec<u64> = folios[4..7].iter().chain(&folios[36..37]).copied().collect();
        let (_, state) = look(kdump(&ram, packing, &lost));
        assert_eq!(rules(&state), ["address_excluded"], "{:?}", state.findings.list());
        let [finding] = state.findings.list() else { panic!("{:?}", state.findings.list()) };
        assert_eq!(
            finding.what,
            format!(
                "4 of the file's 37 pages of content were left out of the image, the first at {:#x}",
                lost[0]
            )
        );
        assert_eq!(finding.at, lost[0]);
    }
    // A folio that is not up to date has no content, so nothing of it is lost.
    let mut ram = ram;
    let entry = places.memfds[1].list[0] + 4 * 16;
    let number = ram.number(entry);
    ram.set_number(entry, number & !(2 << 52));
    let (_, state) = look(kdump(&ram, Packing::Plain, &[places.memfds[1].folios[4]]));
    assert_eq!(rules(&state), ["memfd_folio_not_uptodate"], "{:?}", state.findings.list());
}
