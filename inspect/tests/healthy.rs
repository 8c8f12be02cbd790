// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Healthy state has no finding, even without a decoder; newer state is shown with its own
//! structure.

use kho_abi_inspect::flbs;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::image::{Image, PAGE_SIZES};
use kho_abi_inspect::luo::Phase;
use kho_abi_inspect::raw::Raw;
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::{sample, MemfdSpec, Ram, Store as _, Synth, Tree};
use kho_abi_inspect::{inspect, Options, State};

fn look(ram: &Ram) -> State {
    let options = Options { page_size: Some(ram.page_size), ..Options::default() };
    inspect(&Image::from_bytes(raw(ram)).unwrap(), &options)
}

fn rules(state: &State) -> Vec<&'static str> {
    state.findings.list().iter().map(|finding| finding.rule.id).collect()
}

fn says(state: &State, wanted: &str) -> bool {
    state.notes.iter().any(|note| note.contains(wanted))
}

#[test]
fn the_sample_is_healthy_with_every_page_size() {
    for page_size in PAGE_SIZES {
        let state = look(&sample(page_size).0);
        assert!(state.findings.is_empty(), "{:?}", state.findings.list());
        assert!(!says(&state, "no known owner"), "{:?}", state.notes);
        assert_eq!(state.unknown, 0, "{:?}", state.notes);
    }
}

#[test]
fn what_has_no_decoder_is_a_note_and_is_shown() {
    let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
    let session = synth.session("vm0");
    let page = synth.allocate(0);
    let other = synth.allocate(0);
    synth.write(page, &[7_u64.to_ne_bytes(), other.to_ne_bytes()].concat());
    synth.file(session, 1, "iommufd-v1", page);
    synth.file(session, 2, "iommufd-v1", 0x1234_5678_9abc);
    synth.file(session, 3, "vfio-pci-v9", page);
    let flb = synth.allocate(0);
    synth.write(flb, b"whatever it has");
    synth.flb("iommu-v1", flb, 2);
    synth.flb("not-an-address", 3, 1);
    let mut tree = Tree::new("hwpoison-v1");
    tree.begin("pages");
    tree.number("first", other);
    tree.end();
    let tree = tree.finish();
    let entry = synth.allocate(0);
    synth.write(entry, &tree);
    synth.entry("hwpoison", entry, tree.len() as u64);
    let state = look(&synth.finish().0);
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    for what in [
        "not decoded: file with \"iommufd-v1\", 2 times",
        "not decoded: file with \"vfio-pci-v9\"",
        "not decoded: FLB \"iommu-v1\"",
        "not decoded: FLB \"not-an-address\"",
        "not decoded: entry \"hwpoison\"",
        // They own their pages, although no decoder here knows that.
        "no known owner for 3 pages (12 KiB) of preserved memory",
    ] {
        assert!(says(&state, what), "{what}: {:?}", state.notes);
    }
    // Each of them is unknown, so that no findings are not a clean result.
    assert_eq!(state.unknown, 6, "{:?}", state.notes);
    let luo = state.luo().unwrap();
    let Payload::Unknown(shown) = &luo.sessions[0].files[0].payload else { panic!("{luo:?}") };
    let [address] = shown.addresses.as_slice() else { panic!("{shown:?}") };
    assert_eq!((address.offset, address.value, address.preserved), (8, other, Some(true)));
    let shown = luo.flbs[0].raw.as_ref().unwrap();
    assert!(shown.at == flb && shown.bytes.starts_with(b"whatever"), "{shown:?}");
    let shown = state.kho.as_ref().unwrap().entries[0].raw.as_ref().unwrap();
    assert_eq!(
        properties(shown),
        [
            ("/", "", ""),
            ("/", "compatible", "\"hwpoison-v1\""),
            ("/pages", "", ""),
            ("/pages", "first", format!("{other:#x}").as_str()),
        ]
    );
}

fn properties(raw: &Raw) -> Vec<(&str, &str, &str)> {
    raw.tree.iter().map(|p| (p.node.as_str(), p.name.as_str(), p.value.as_str())).collect()
}

#[test]
fn the_pci_core_s_devices_are_shown() {
    for (version, decoded) in [(1, true), (2, true), (3, false)] {
        let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
        let (header, block) = (synth.allocate(0), synth.allocate(0));
        let words = [version, 2_u32].map(u32::to_ne_bytes).concat();
        synth.write(header, &[words, block.to_ne_bytes().to_vec()].concat());
        synth.write(block, &[0_u64, 2].map(u64::to_ne_bytes).concat());
        let device = |domain: u32, bdf: u16, count: u16| {
            [&domain.to_ne_bytes()[..], &bdf.to_ne_bytes(), &count.to_ne_bytes()].concat()
        };
        synth.write(block + 16, &[device(0, 0x100, 2), device(0x1_0000, 0x8, 1)].concat());
        synth.flb("pci", header, 1);
        let state = look(&synth.finish().0);
        assert!(state.findings.is_empty(), "{:?}", state.findings.list());
        assert_eq!(says(&state, "not decoded: FLB \"pci\""), !decoded);
        assert_eq!(state.unknown, u64::from(!decoded), "{:?}", state.notes);
        let flb = &state.luo().unwrap().flbs[0];
        match &flb.state {
            Some(flbs::State::Pci(pci)) if decoded => {
                let shown: Vec<_> =
                    pci.devices.iter().map(|d| (d.address.as_str(), d.refcount)).collect();
                assert_eq!(shown, [("0000:01:00.0", 2), ("10000:00:01.0", 1)]);
            }
            None if !decoded => assert!(flb.raw.is_some()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_version_of_kho_that_is_not_known_lists_what_it_can() {
    let (mut ram, places) = sample(4096);
    let tree = ram.read(places.fdt, 4096);
    let at = tree.windows(6).position(|part| part == b"kho-v4").unwrap();
    ram.write(places.fdt + at as u64, b"kho-v7");
    let state = look(&ram);
    assert_eq!(rules(&state), ["compatible_unknown"]);
    let kho = state.kho.as_ref().unwrap();
    let names: Vec<_> = kho.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["kexec-metadata", "LUO", "memblock"]);
    assert!(kho.entries.iter().all(|entry| entry.data != 0 && entry.size != 0));
    // Entries with their own version are read; lists that only KHO can follow are not.
    assert_eq!(kho.metadata.as_ref().unwrap().kexec_count, 2);
    assert_eq!(kho.reservations.len(), 1);
    let luo = state.luo().unwrap();
    assert_eq!((luo.phase, luo.liveupdate_num), (Phase::NotFollowed, Some(1)));
    assert!(luo.sessions.is_empty() && state.preserved().is_none());
    let root = luo.raw.as_ref().unwrap();
    let values: Vec<_> = root.addresses.iter().map(|address| address.value).collect();
    assert_eq!(values, [places.session_blocks[0], places.flbs]);
    let raw = kho.raw.as_ref().unwrap();
    assert!(properties(raw).contains(&("/", "compatible", "\"kho-v7\"")));
    assert!(properties(raw).iter().any(|(node, name, _)| (*node, *name) == ("/LUO", "blob-size")));
}

#[test]
fn a_version_of_luo_that_is_not_known_is_shown_with_its_addresses() {
    let (mut ram, places) = sample(4096);
    ram.write(places.luo, b"luo-v6");
    let state = look(&ram);
    assert_eq!(rules(&state), ["compatible_unknown"]);
    let luo = state.luo().unwrap();
    assert_eq!((luo.phase, luo.compatible.as_str()), (Phase::UnknownVersion, "luo-v6"));
    let raw = luo.raw.as_ref().unwrap();
    assert_eq!(raw.bytes.len(), 32, "as many as the entry has");
    let shown: Vec<_> = raw.addresses.iter().map(|a| (a.offset, a.value, a.preserved)).collect();
    assert_eq!(shown, [(16, places.session_blocks[0], Some(true)), (24, places.flbs, Some(true))]);
    assert!(says(&state, "no known owner"), "{:?}", state.notes);
}

#[test]
fn large_blocks_are_a_note_where_the_kernel_knows_them() {
    for (release, page_size, order, expected) in [
        ("7.3.0-rc1", 4096, 19, false),
        ("7.10", 4096, 19, false),
        ("7.2.9", 4096, 19, true),
        ("7.2.9", 4096, 18, false),
        ("unknown", 4096, 20, true),
        ("7.2.9", 16384, 17, true),
        ("7.2.9", 16384, 16, false),
        ("7.2.9", 65536, 15, true),
        ("7.2.9", 65536, 14, false),
    ] {
        // Missing memory in the image is reported by another rule.
        let mut synth = Synth::new(Ram::new(page_size, 0), page_size);
        synth.metadata(release, 1);
        synth.reserve("large", order);
        let (ram, places) = synth.finish();
        let large = places.preserved.iter().find(|blocks| blocks.order == order).unwrap();
        let end = large.pa + ((page_size as u64) << order);
        let mut file = tempfile::tempfile().unwrap();
        for (pa, page) in &ram.pages {
            file.write(*pa, page);
        }
        file.set_len(end.max(places.radix.iter().max().unwrap() + page_size as u64)).unwrap();
        let bytes = kho_abi_inspect::image::bytes::FileBytes::new(file).unwrap();
        let image = Image::recognise(std::sync::Arc::new(bytes)).unwrap();
        let state = inspect(&image, &Options { page_size: Some(page_size), ..Options::default() });
        let found: &[&str] = if expected { &["preserved_order_large"] } else { &[] };
        assert_eq!(rules(&state), found, "{release} {page_size} {order}");
    }
}

#[test]
fn sessions_that_are_not_written_make_no_page_unowned() {
    let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
    let session = synth.session("vm0");
    synth.memfd(session, 1, &MemfdSpec::default());
    synth.serialised = false;
    let state = look(&synth.finish().0);
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    assert!(says(&state, "they may belong to sessions"), "{:?}", state.notes);
    // A machine that runs is like this: nothing of it is unknown.
    assert_eq!(state.unknown, 0, "{:?}", state.notes);
}
