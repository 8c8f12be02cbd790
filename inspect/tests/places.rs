// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Raw files whose offsets are not addresses are read at the addresses in the state.

use kho_abi_inspect::image::{Image, OpenError, PAGE_SIZES};
use kho_abi_inspect::synth::container::{placed, placed_in, raw};
use kho_abi_inspect::synth::{sample, sample_at, MemfdSpec, Places, Ram, Store as _, Synth};
use kho_abi_inspect::{inspect_file, Options, State};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SIZE: u64 = 16 * MIB;

fn look(image: Image) -> (Image, State) {
    inspect_file(image, &Options::default()).unwrap()
}

/// Reads a shifted file, and returns the options in the finding.
fn words(image: Image, places: &Places, what: &str) -> String {
    let (_, state) = look(image);
    let kho = state.kho.as_ref().unwrap_or_else(|| panic!("{what}: no KHO"));
    let found: Vec<_> = state.findings.list().iter().map(|f| (f.rule.id, &f.what)).collect();
    assert_eq!(kho.at, places.fdt, "{what}: {found:?}");
    let [(rule, text)] = found.as_slice() else { panic!("{what}: {found:?}") };
    assert_eq!(*rule, "offsets_not_addresses", "{what}");
    text.split_once("By hand: ").unwrap().1.to_owned()
}

#[test]
fn ram_that_begins_elsewhere_is_found() {
    for page_size in PAGE_SIZES {
        for base in [GIB, 2 * GIB, 0x8_0000_0000, 0x1234_0000] {
            let (ram, places) = sample_at(page_size, base);
            let file = placed(&ram, &[(base, 0, SIZE)]);
            let what = format!("pages of {page_size} at {base:#x}");
            let words = words(Image::from_bytes(file).unwrap(), &places, &what);
            assert_eq!(words, format!("FILE@{base:#x}"));
        }
    }
}

#[test]
fn a_header_in_front_is_passed_over() {
    for page_size in PAGE_SIZES {
        for header in [8, 64, 512, 0x1000, 0x1040, 0x1_0000, 0x12_3456] {
            let (ram, places) = sample(page_size);
            let file = placed(&ram, &[(0, header, SIZE)]);
            let what = format!("pages of {page_size} behind {header:#x} bytes");
            let words = words(Image::from_bytes(file).unwrap(), &places, &what);
            assert_eq!(words, format!("FILE@0x0,offset={header:#x}"));
        }
    }
}

#[test]
fn without_luo_the_tree_of_preserved_pages_says_it() {
    for page_size in PAGE_SIZES {
        let ram = Ram::new(page_size, GIB + SIZE);
        let mut synth = Synth::new(ram, page_size);
        synth.start_at(GIB + MIB);
        synth.luo = false;
        synth.metadata("7.3.4", 2);
        let (ram, places) = synth.finish();
        let file = placed(&ram, &[(GIB, 0, SIZE)]);
        let words = words(Image::from_bytes(file).unwrap(), &places, &format!("{page_size}"));
        assert_eq!(words, "FILE@0x40000000");
    }
}

#[test]
fn the_hole_of_a_pc_is_found() {
    for hole in [2 * GIB, 0xb000_0000, 3 * GIB, 0xe000_0000, GIB + 512 * MIB] {
        let (ram, places) = sample_at(4096, 4 * GIB);
        let file = tempfile::NamedTempFile::new().unwrap();
        placed_in(file.as_file(), &ram, &[(0, 0, hole), (4 * GIB, hole, SIZE)]).unwrap();
        let image = Image::open(file.path()).unwrap();
        let words = words(image, &places, &format!("hole at {hole:#x}"));
        let expected = format!("FILE@0x0,size={hole:#x} FILE@0x100000000,offset={hole:#x}");
        assert_eq!(words, expected);
    }
}

#[test]
fn what_lies_on_both_sides_of_the_hole_is_read() {
    let hole = 2 * GIB;
    let mut synth = Synth::new(Ram::new(4096, 4 * GIB + SIZE), 4096);
    let session = synth.session("vm0");
    synth.device(session, 1, "0000:01:00.0");
    // LUO's root, its list, the tree and its nodes come last, and so are above.
    synth.start_at(4 * GIB + MIB);
    let (ram, places) = synth.finish();
    let file = tempfile::NamedTempFile::new().unwrap();
    placed_in(file.as_file(), &ram, &[(0, 0, hole), (4 * GIB, hole, SIZE)]).unwrap();
    let words = words(Image::open(file.path()).unwrap(), &places, "both sides");
    assert_eq!(words, "FILE@0x0,size=0x80000000 FILE@0x100000000,offset=0x80000000");
}

#[test]
fn what_is_said_below_the_hole_is_read_above_it() {
    let hole = 2 * GIB;
    let mut synth = Synth::new(Ram::new(4096, 4 * GIB + SIZE), 4096);
    let session = synth.session("vm0");
    synth.start_at(4 * GIB + MIB);
    synth.memfd(session, 2, &MemfdSpec::default());
    synth.start_at(MIB);
    let (ram, places) = synth.finish();
    let open = |hole: u64, size: u64| {
        let file = tempfile::NamedTempFile::new().unwrap();
        placed_in(file.as_file(), &ram, &[(0, 0, hole), (4 * GIB, hole, size)]).unwrap();
        Image::open(file.path()).unwrap()
    };
    let words = words(open(hole, SIZE), &places, "above");
    assert_eq!(words, "FILE@0x0,size=0x80000000 FILE@0x100000000,offset=0x80000000");
    // For a larger machine, several holes are possible: the content of the file decides.
    let words = self::words(open(hole, 4 * GIB), &places, "larger");
    assert_eq!(words, "FILE@0x0,size=0x80000000 FILE@0x100000000,offset=0x80000000");
}

#[test]
fn contents_alone_do_not_say_where_they_belong() {
    let mut synth = Synth::new(Ram::new(4096, 4 * GIB + SIZE), 4096);
    let session = synth.session("vm0");
    synth.device(session, 1, "0000:01:00.0");
    let file = synth.allocate(0);
    synth.start_at(4 * GIB + MIB);
    let content = synth.allocate(0);
    synth.write(content, &[7; 4096]);
    synth.start_at(file + 4096);
    let (ram, _) = synth.finish();
    let file = tempfile::NamedTempFile::new().unwrap();
    placed_in(file.as_file(), &ram, &[(0, 0, 4 * GIB + SIZE)]).unwrap();
    let (_, state) = look(Image::open(file.path()).unwrap());
    // Nothing refers to the page, wherever it is.
    let rules = state.findings.list().iter().map(|finding| finding.rule.id);
    assert!(rules.eq(["preserved_unowned"; 2]), "{:?}", state.findings.list());
    let said =
        state.notes.iter().any(|note| note.starts_with("not checked: whether the file contains"));
    assert!(said, "{:?}", state.notes);
}

#[test]
fn pieces_without_their_gaps_are_found() {
    // LiME's raw format leaves out the gaps between pieces of RAM.
    for page_size in [4096, 16 << 10] {
        let (ram, places) = sample_at(page_size, 2 * MIB);
        let file = placed(&ram, &[(0x1_0000, 0, 0x8_0000), (MIB, 0x8_0000, SIZE)]);
        let (image, state) = look(Image::from_bytes(file).unwrap());
        assert_eq!(state.kho.as_ref().unwrap().at, places.fdt);
        assert_eq!(state.luo().unwrap().sessions.len(), 3);
        assert_eq!(image.ranges()[0].start, 0x8_0000);
        let [finding] = state.findings.list() else { panic!("{:?}", state.findings.list()) };
        assert!(finding.what.ends_with("FILE@0x80000"), "{}", finding.what);
    }
}

#[test]
fn a_shift_is_found_although_the_tree_is_damaged() {
    let (mut ram, places) = sample_at(4096, GIB);
    ram.write(places.radix[0], &[0xff; 4096]);
    let file = placed(&ram, &[(GIB, 0, SIZE)]);
    let (_, state) = look(Image::from_bytes(file).unwrap());
    assert_eq!(state.luo().unwrap().sessions.len(), 3);
    let rules: Vec<_> = state.findings.counts().keys().copied().collect();
    assert!(rules.contains(&"offsets_not_addresses"), "{rules:?}");
    assert!(rules.len() > 1, "{rules:?}");
}

#[test]
fn offsets_that_are_addresses_stay_so() {
    let (ram, places) = sample(4096);
    let (image, state) = look(Image::from_bytes(raw(&ram)).unwrap());
    assert!(state.findings.is_empty());
    assert_eq!(image.ranges()[0].start, 0);
    // A truncated part is lost, and not somewhere else.
    let mut cut = raw(&ram);
    cut.truncate(usize::try_from(places.fdt).unwrap() + 4096);
    let (image, state) = look(Image::from_bytes(cut).unwrap());
    let rules: Vec<_> = state.findings.counts().keys().copied().collect();
    assert!(!rules.contains(&"offsets_not_addresses"), "{rules:?}");
    assert!(rules.contains(&"address_outside_image"), "{rules:?}");
    assert_eq!(image.ranges()[0].start, 0);
}

#[test]
fn offsets_are_proven_by_what_has_a_version_of_its_own() {
    let (mut ram, places) = sample(4096);
    let tree = ram.read(places.fdt, 4096);
    let at = tree.windows(6).position(|part| part == b"kho-v4").unwrap();
    ram.write(places.fdt + at as u64, b"kho-v7");
    // The tree leads to LUO's root and to the kernel's metadata: of a shifted file it would not.
    for (header, proven) in [(0, true), (0x40_0000, false)] {
        let file = placed(&ram, &[(0, header, SIZE)]);
        let (_, state) = look(Image::from_bytes(file).unwrap());
        let doubt = state.notes.iter().any(|note| note.starts_with("not proven: that the file's"));
        assert_eq!(doubt, !proven, "{:?}", state.notes);
        assert!(state.findings.counts().contains_key("compatible_unknown"));
    }
}

#[test]
fn addresses_that_are_given_are_believed() {
    let (ram, places) = sample_at(4096, GIB);
    let file = placed(&ram, &[(GIB, 0, SIZE)]);
    let at = places.fdt - GIB;
    let options = Options { fdt: Some(at), ..Options::default() };
    let (image, state) = inspect_file(Image::from_bytes(file).unwrap(), &options).unwrap();
    assert_eq!(state.kho.unwrap().at, at);
    assert_eq!(image.ranges()[0].start, 0);
}

#[test]
fn what_looks_like_memory_and_a_kernel_is_searched_first() {
    // A machine whose memory begins with its kernel.
    let (mut ram, _) = sample(4096);
    ram.write(0x38, b"ARM\x64");
    let (_, state) = look(Image::from_bytes(raw(&ram)).unwrap());
    assert!(state.findings.is_empty());
    let mut kernel = vec![0; 1 << 20];
    kernel[0x38..0x3c].copy_from_slice(b"ARM\x64");
    let error = inspect_file(Image::from_bytes(kernel).unwrap(), &Options::default());
    assert!(matches!(error, Err(OpenError::NotMemory { .. })));
}
