// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! State from earlier kernels is read with their types, chosen by its strings.

use kho_abi::wire::name;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::luo_v1::{
    luo_file_ser, luo_flb_header_ser, luo_flb_ser, luo_session_header_ser, luo_session_ser,
};
use kho_abi::wire::versions::memfd_v1;
use kho_abi::wire::versions::memfd_v2::memfd_luo_ser;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::image::{Format, Image};
use kho_abi_inspect::luo::Phase;
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::{MemfdSpec, Places, Ram, Synth, Tree};
use kho_abi_inspect::{inspect, Options, State};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// The state of Linux 7.1: kho-v3, luo-v1, and a memfd of a given version.
fn linux_7_1(memfd: &str) -> (Ram, Places, u64) {
    let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
    synth.compatible = "kho-v3";
    synth.luo = false;
    // The files belong to a session that the present version would have.
    let unused = synth.session("unused");
    let device = synth.device(unused, 1, "0000:01:00.0");
    let spec = MemfdSpec { size: 20_497, pos: 5, seals: 1, ..MemfdSpec::default() };
    let ser = synth.memfd(unused, 2, &spec);

    let files = synth.allocate(0);
    let mut bytes = Vec::new();
    for (compatible, data, token) in [("vfio-pci-v1", device, 1), (memfd, ser, 2)] {
        let mut file = luo_file_ser::new_zeroed();
        let mut field = file.compatible;
        name::write(&mut field, compatible).unwrap();
        file.compatible = field;
        (file.data, file.token) = (data, token);
        bytes.extend_from_slice(file.as_bytes());
    }
    synth.write(files, &bytes);

    let sessions = synth.allocate(4);
    let mut session = luo_session_ser::new_zeroed();
    let mut field = session.name;
    name::write(&mut field, "vm0").unwrap();
    session.name = field;
    session.file_set_ser.files = PhysAddr::new(files);
    session.file_set_ser.count = 2;
    let header = luo_session_header_ser { count: 1 };
    synth.write(sessions, &[header.as_bytes(), session.as_bytes()].concat());

    let flbs = synth.allocate(0);
    let header = luo_flb_header_ser { pgcnt: 1, count: 1 };
    let mut flb = luo_flb_ser::new_zeroed();
    let mut field = flb.name;
    name::write(&mut field, "iommu-v1").unwrap();
    flb.name = field;
    flb.count = 1;
    synth.write(flbs, &[header.as_bytes(), flb.as_bytes()].concat());

    let mut tree = Tree::new("luo-v1");
    tree.number("liveupdate-number", 3);
    tree.begin("luo-session");
    tree.string("compatible", "luo-session-v2");
    tree.number("luo-session-header", sessions);
    tree.end();
    tree.begin("luo-flb");
    tree.string("compatible", "luo-flb-v1");
    tree.number("luo-flb-header", flbs);
    tree.end();
    let bytes = tree.finish();
    let luo = synth.allocate(0);
    synth.write(luo, &bytes);
    synth.entry("LUO", luo, bytes.len() as u64);
    let (ram, places) = synth.finish();
    (ram, places, sessions)
}

fn look(ram: &Ram) -> State {
    inspect(&Image::from_bytes(raw(ram)).unwrap(), &Options::default())
}

#[test]
fn the_state_of_linux_7_1_is_read() {
    let (ram, places, sessions) = linux_7_1("memfd-v2");
    let state = look(&ram);
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    let note = "not decoded: FLB \"iommu-v1\"";
    assert!(state.notes.iter().any(|said| said == note), "{:?}", state.notes);
    let luo = state.luo().unwrap();
    assert_eq!((luo.compatible.as_str(), luo.phase), ("luo-v1", Phase::Serialised));
    assert_eq!(luo.liveupdate_num, Some(3));
    let [session] = luo.sessions.as_slice() else { panic!("{:?}", luo.sessions) };
    assert_eq!((session.name.as_str(), session.at), ("vm0", sessions + 8));
    let Payload::VfioPci(device) = &session.files[0].payload else { panic!("{session:?}") };
    assert_eq!((device.address.as_str(), device.at), ("0000:01:00.0", places.devices[0]));
    let Payload::Memfd(memfd) = &session.files[1].payload else { panic!("{session:?}") };
    assert_eq!((memfd.size, memfd.pos, memfd.seals, memfd.totals.folios), (20_497, 5, 1, 6));
}

#[test]
fn a_memfd_without_seals_is_read_with_its_own_types() {
    let (mut ram, places, _) = linux_7_1("memfd-v1");
    let at = places.memfds[0].ser;
    let now = memfd_luo_ser::read_from_bytes(&ram.read(at, 48)).unwrap();
    let then = memfd_v1::memfd_luo_ser {
        pos: now.pos,
        size: now.size,
        nr_folios: now.nr_folios,
        folios: now.folios,
    };
    kho_abi_inspect::synth::Store::write(&mut ram, at, &[then.as_bytes(), &[0; 8]].concat());
    let state = look(&ram);
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    let Payload::Memfd(memfd) = &state.luo().unwrap().sessions[0].files[1].payload else {
        panic!("{:?}", state.luo());
    };
    assert_eq!((memfd.size, memfd.pos, memfd.seals, memfd.totals.folios), (20_497, 5, 0, 6));
}

#[test]
fn an_array_that_tells_more_sessions_than_it_has_ends_with_the_last() {
    let (mut ram, _, sessions) = linux_7_1("memfd-v2");
    for count in [2, u64::MAX] {
        ram.set_number(sessions, count);
        let state = look(&ram);
        let rules: Vec<_> = state.findings.list().iter().map(|finding| finding.rule.id).collect();
        assert!(rules.contains(&"count_mismatch"), "{rules:?}");
        assert_eq!(state.luo().unwrap().sessions.len(), 1);
    }
}

#[test]
fn a_string_that_stands_for_two_layouts_is_not_guessed_at() {
    let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
    synth.compatible = "kho-v1";
    let (ram, _) = synth.finish();
    let state = look(&ram);
    assert_eq!(state.findings.list()[0].rule.id, "compatible_unknown");
    assert!(state.preserved().is_none());
}

#[test]
fn a_page_with_luo_s_root_alone_is_read() {
    let (ram, places) = kho_abi_inspect::synth::sample(4096);
    let image = Image::from_bytes(ram.pages[&places.luo].clone()).unwrap();
    assert_eq!(image.format(), Format::Luo);
    let state = inspect(&image, &Options::default());
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    assert_eq!(state.luo().unwrap().liveupdate_num, Some(1));
}
