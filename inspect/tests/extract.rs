// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The result of an extraction: each byte of a memfd is written, or reported as lost or doubtful.

use kho_abi_inspect::extract::{self, Extracted, Why};
use kho_abi_inspect::handlers::memfd::Memfd;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::image::bytes::FileBytes;
use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::container::{elf, kdump, placed, raw, Packing};
use kho_abi_inspect::synth::counted::Counted;
use kho_abi_inspect::synth::{content, Lie, MemfdSpec, Places, Ram, Synth};
use kho_abi_inspect::{inspect, inspect_file, Options, State};
use kho_abi_show::Progress;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

const PAGE: u64 = 4096;

fn synth(spec: &MemfdSpec) -> (Ram, Places) {
    let mut synth = Synth::new(Ram::new(4096, 64 << 20), 4096);
    let session = synth.session("vm0");
    synth.memfd(session, 1, spec);
    synth.finish()
}

fn memfd(state: &State) -> &Memfd {
    match &state.luo().unwrap().sessions[0].files[0].payload {
        Payload::Memfd(memfd) => memfd,
        other => panic!("{other:?}"),
    }
}

fn extract(bytes: Vec<u8>) -> (Extracted, Vec<u8>) {
    let image = Image::from_bytes(bytes).unwrap();
    let state = inspect(&image, &Options { page_size: Some(4096), ..Options::default() });
    let mut file: File = tempfile::tempfile().unwrap();
    let extracted =
        extract::memfd(state.ground(&image), memfd(&state), &file, &Progress::default()).unwrap();
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    (extracted, bytes)
}

fn pieces(pieces: &extract::Pieces) -> Vec<(u64, u64, Why)> {
    pieces.list.iter().map(|piece| (piece.start, piece.end, piece.why)).collect()
}

/// Removes a block from the tree of preserved pages.
fn forget(ram: &mut Ram, places: &Places, pa: u64, order: u32) {
    use kho_abi_inspect::radix::Shape;
    let shape = Shape::of(4096);
    let key = shape.key(pa / PAGE, order);
    let mut node = places.radix[0];
    for level in (0..shape.levels - 1).rev() {
        let index = key >> (shape.leaf_bits + level * shape.table_bits);
        node = ram.number(node + (index & ((1 << shape.table_bits) - 1)) * 8);
    }
    let bit = key & ((1 << shape.leaf_bits) - 1);
    let word = ram.number(node + bit / 64 * 8);
    ram.set_number(node + bit / 64 * 8, word & !(1 << (bit % 64)));
}

#[test]
fn folios_of_any_order_that_are_not_preserved_are_doubtful_and_there() {
    for (order, lie) in [(0, Lie::Descending), (2, Lie::Ascending), (3, Lie::Descending)] {
        let size = 200_000;
        let (mut ram, places) = synth(&MemfdSpec { size, order, lie, ..MemfdSpec::default() });
        let folio = PAGE << order;
        // The second and the last.
        let last = places.memfds[0].folios.len() - 1;
        for number in [1, last] {
            forget(&mut ram, &places, places.memfds[0].folios[number], order);
        }
        let (extracted, bytes) = extract(raw(&ram));
        assert!(bytes == content(0, size), "order {order}");
        assert!(extracted.lost.is_empty(), "order {order}: {extracted:?}");
        let expected =
            [(folio, 2 * folio, Why::NotPreserved), (last as u64 * folio, size, Why::NotPreserved)];
        assert_eq!(pieces(&extracted.doubtful), expected, "order {order}");
    }
}

/// Two folios of 16 KiB, of which the second begins in the middle of the first: whichever is kept,
/// the other had that part as well.
#[test]
fn a_folio_inside_another_is_found_and_doubtful() {
    for size in [32_768, 24_576] {
        let spec = MemfdSpec { size, order: 2, ..MemfdSpec::default() };
        let (mut ram, places) = synth(&spec);
        let list = places.memfds[0].list[0];
        ram.set_number(list + 16 + 8, 2);
        let image = Image::from_bytes(raw(&ram)).unwrap();
        let state = inspect(&image, &Options { page_size: Some(4096), ..Options::default() });
        let rules: Vec<_> = state.findings.list().iter().map(|finding| finding.rule.id).collect();
        assert!(rules.contains(&"memfd_folio_index_twice"), "{rules:?}");
        let (extracted, _) = extract(raw(&ram));
        let twice = (0x2000, 0x4000, Why::Twice);
        assert!(pieces(&extracted.doubtful).contains(&twice), "{size}: {extracted:?}");
    }
}

#[test]
fn a_damaged_tree_makes_everything_doubtful_and_loses_nothing() {
    for (order, lie) in [(0, Lie::Ascending), (2, Lie::Ascending), (1, Lie::Scattered)] {
        let spec = MemfdSpec { size: 150_000, order, lie, ..MemfdSpec::default() };
        let (mut ram, places) = synth(&spec);
        // One of its nodes also leads to nowhere.
        ram.set_number(places.radix[1] + 300 * 8, 0x0dea_dbee_f000);
        let (extracted, bytes) = extract(raw(&ram));
        assert!(!extracted.is_complete());
        // In order, the size of a folio follows from the start of the next one.
        if lie == Lie::Ascending {
            assert!(bytes == content(0, 150_000), "order {order}");
            assert!(extracted.lost.is_empty(), "{extracted:?}");
            assert_eq!(extracted.doubtful.bytes, 150_000);
        } else {
            assert_eq!(extracted.doubtful.bytes + extracted.lost.bytes, 150_000);
        }
    }
}

#[test]
fn what_a_kdump_or_an_elf_core_lacks_is_lost() {
    let (ram, places) = synth(&MemfdSpec { size: 150_001, ..MemfdSpec::default() });
    let folios = &places.memfds[0].folios;
    let lost: Vec<u64> = folios[4..7].iter().chain(&folios[36..37]).copied().collect();
    let (extracted, bytes) = extract(kdump(&ram, Packing::Zlib, &lost));
    let mut expected = content(0, 150_001);
    expected[0x4000..0x7000].fill(0);
    expected[0x24000..].fill(0);
    assert!(bytes == expected);
    assert_eq!(
        pieces(&extracted.lost),
        [(0x4000, 0x7000, Why::Unreadable), (0x24000, 150_001, Why::Unreadable)]
    );
    assert_eq!(extracted.lost.bytes, 0x3000 + 150_001 - 0x24000);
    assert!(extracted.doubtful.is_empty() && extracted.error.is_some());

    let whole = elf(&ram);
    let (extracted, bytes) = extract(whole);
    assert!(extracted.is_complete() && bytes == content(0, 150_001));
}

#[test]
fn a_folio_that_is_not_up_to_date_is_zero_and_doubtful_where_it_has_bytes() {
    let (mut ram, places) = synth(&MemfdSpec::default());
    let list = places.memfds[0].list[0];
    // The fourth page of every five is empty.
    for number in [1_u64, 4] {
        let entry = ram.number(list + number * 16);
        ram.set_number(list + number * 16, entry & !(2 << 52));
    }
    let (extracted, bytes) = extract(raw(&ram));
    let mut expected = content(0, 65_536);
    expected[0x1000..0x2000].fill(0);
    assert!(bytes == expected);
    assert_eq!(pieces(&extracted.doubtful), [(0x1000, 0x2000, Why::NotUptodate)]);
    assert!(extracted.lost.is_empty());
}

#[test]
fn places_of_two_folios_and_of_none_are_said() {
    let (mut ram, places) = synth(&MemfdSpec::default());
    let list = places.memfds[0].list[0];
    ram.set_number(list + 9 * 16 + 8, 2);
    let (extracted, _) = extract(raw(&ram));
    assert_eq!(pieces(&extracted.lost), [(0x9000, 0xa000, Why::NoFolio)]);
    assert_eq!(pieces(&extracted.doubtful), [(0x2000, 0x3000, Why::Twice)]);

    // A struct without folios has lost all of them.
    ram.set_number(places.memfds[0].ser + 24, 0);
    let (extracted, _) = extract(raw(&ram));
    assert_eq!(pieces(&extracted.lost), [(0, 65_536, Why::NoFolio)]);
}

#[test]
fn sixteen_gibibytes_of_holes_take_no_time() {
    let directory = tempfile::tempdir().unwrap();
    let size = 16_u64 << 30;
    for (name, lie, order) in [
        ("ascending", Lie::Ascending, 0),
        ("descending", Lie::Descending, 9),
        ("scattered", Lie::Scattered, 9),
    ] {
        let path = directory.path().join(name);
        let mut synth = Synth::new(File::create(&path).unwrap(), 4096);
        let session = synth.session("vm0");
        synth.memfd(
            session,
            1,
            &MemfdSpec { size, lie, order, filled: false, ..MemfdSpec::default() },
        );
        let (file, places) = synth.finish();
        file.set_len(places.radix.iter().max().unwrap() + PAGE).unwrap();
        let counted = Counted::new(Arc::new(FileBytes::new(File::open(&path).unwrap()).unwrap()));
        let image = Image::recognise(counted.clone()).unwrap();
        let options =
            Options { fdt: Some(places.fdt), page_size: Some(4096), ..Options::default() };
        let state = inspect(&image, &options);
        let out = File::create(directory.path().join("out")).unwrap();
        counted.take();
        let extracted =
            extract::memfd(state.ground(&image), memfd(&state), &out, &Progress::default())
                .unwrap();
        let (calls, read) = counted.take();
        assert!(extracted.is_complete(), "{extracted:?}");
        let metadata = out.metadata().unwrap();
        assert_eq!((metadata.len(), metadata.blocks(), extracted.written), (size, 0, 0));
        // Page by page, there would be millions.
        assert!(calls < 100_000, "{name}: {calls} calls, {read} bytes");
    }
}

#[test]
fn content_at_derived_addresses_is_doubtful_and_there() {
    const GIB: u64 = 1 << 30;
    let size = 65_536;
    let mut synth = Synth::new(Ram::new(4096, GIB + (16 << 20)), 4096);
    synth.start_at(GIB + (1 << 20));
    let session = synth.session("vm0");
    synth.memfd(session, 1, &MemfdSpec { size, ..MemfdSpec::default() });
    let (ram, _) = synth.finish();
    let image = Image::from_bytes(placed(&ram, &[(GIB, 0, 16 << 20)])).unwrap();
    let (image, state) = inspect_file(image, &Options::default()).unwrap();
    assert_eq!(state.findings.list()[0].rule.id, "offsets_not_addresses");
    let file = tempfile::tempfile().unwrap();
    let extracted =
        extract::memfd(state.ground(&image), memfd(&state), &file, &Progress::default()).unwrap();
    assert!(extracted.lost.is_empty() && !extracted.is_complete(), "{extracted:?}");
    assert_eq!(extracted.doubtful.bytes, size);
}
