// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What user space keeps in memfds is shown if it has a decoder, and never makes a finding.

use kho_abi_inspect::image::Image;
use kho_abi_inspect::payloads::Content;
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::{MemfdSpec, Ram, SessionId, Synth};
use kho_abi_inspect::{inspect, Options, State};

fn look(build: impl FnOnce(&mut Synth<Ram>, SessionId), name: &str) -> State {
    let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
    let session = synth.session(name);
    build(&mut synth, session);
    let state = inspect(&Image::from_bytes(raw(&synth.finish().0)).unwrap(), &Options::default());
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    state
}

fn contents(state: &State) -> Vec<Option<Vec<String>>> {
    let files = &state.luo().unwrap().sessions[0].files;
    files.iter().map(|file| file.content.as_ref().map(Content::lines)).collect()
}

const DOCUMENT: &str = r#"{"version":1,"state":{"kexecsCount":3},"units":{
    "nginx.service":{"fdstore":[{"type":"fd","name":"conn\u001b","token":7},
                                {"type":"fd","name":"gone","token":18446744073709551614}]},
    "vm@0.service":{"fdstore":[{"type":"luo_session","name":"vm","sessionName":"vm0"},
                               {"type":"new","name":"what"}]}}}"#;

#[test]
fn the_units_of_systemd_s_store_are_named() {
    // Longer than a page, so that it has to be assembled.
    let long = DOCUMENT.replace('\n', &" ".repeat(5000));
    for document in [DOCUMENT, &long] {
        let state = look(
            |synth, session| {
                synth.memfd_of(session, 0, document.as_bytes());
                synth.memfd(session, 7, &MemfdSpec::default());
            },
            "systemd",
        );
        let contents = contents(&state);
        let lines = [
            "systemd's file descriptors, version 1, kexec 3",
            "nginx.service: \"conn\\u{1b}\" is token 0x7, memfd-v2",
            "nginx.service: \"gone\" is token 0xfffffffffffffffe, not in the session",
            "vm@0.service: \"vm\" is session \"vm0\"",
            "vm@0.service: \"what\" is of type \"new\"",
        ];
        assert_eq!(contents[0].as_deref().unwrap(), lines);
        assert_eq!(contents[1], None);
    }
}

#[test]
fn a_store_that_cannot_be_read_is_a_note() {
    for (document, said) in [
        ("{\"version\":1", "EOF"),
        ("[]", "no version"),
        ("{\"version\":2,\"units\":{}}", "unknown version: 2"),
        ("not JSON at all", "expected"),
        ("{\"version\":1,\"units\":7}", ""),
    ] {
        let state =
            look(|synth, session| _ = synth.memfd_of(session, 0, document.as_bytes()), "systemd");
        let note = state.notes.iter().find(|note| note.contains("systemd's file descriptor store"));
        assert_eq!(note.is_some(), !said.is_empty(), "{document}: {:?}", state.notes);
        assert!(note.is_none_or(|note| note.contains(said)), "{document}: {note:?}");
    }
    // The same document anywhere else is an ordinary memfd.
    for (name, token) in [("systemd", 1), ("systemd2", 0)] {
        let state = look(|synth, id| _ = synth.memfd_of(id, token, DOCUMENT.as_bytes()), name);
        assert_eq!(contents(&state), [None]);
    }
}

#[test]
fn images_of_criu_are_known_by_their_session() {
    let image = |magics: &[u32]| magics.iter().flat_map(|m| m.to_le_bytes()).collect::<Vec<u8>>();
    let state = look(
        |synth, session| {
            synth.memfd_of(session, 1, &image(&[0x5831_3116, 8]));
            synth.memfd_of(session, 2, &image(&[0x5456_4319, 0x5505_3847]));
            synth.memfd_of(session, 3, &image(&[0x5456_4319, 0x1234_5678]));
            synth.memfd_of(session, 4, b"pages of a process");
        },
        "any name",
    );
    let lines: Vec<String> = contents(&state).into_iter().flatten().flatten().collect();
    assert_eq!(
        lines,
        [
            "CRIU image: inventory",
            "CRIU image: core",
            "CRIU image of kind 0x12345678",
            "in a CRIU session: pages, or another program's data",
        ]
    );
}
