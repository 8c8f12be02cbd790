// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! If memory contains several live updates, the latest is used, whatever the earlier ones left.

use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::{Places, Ram, Store as _, Synth};
use kho_abi_inspect::{generations, inspect, Options, State};

struct Generation {
    session: &'static str,
    kexec: Option<u32>,
    update: u64,
    serialised: bool,
}

/// Two states in one memory: the first at the lower addresses.
fn memory(generations: [Generation; 2]) -> (Ram, Vec<Places>) {
    let mut ram = Ram::new(4096, 32 << 20);
    let mut all = Vec::new();
    for (Generation { session, kexec, update, serialised }, start) in
        generations.into_iter().zip([1_u64 << 20, 16 << 20])
    {
        let mut synth = Synth::new(ram, 4096);
        synth.start_at(start);
        let id = synth.session(session);
        synth.device(id, 1, "0000:01:00.0");
        synth.liveupdate_num = update;
        synth.serialised = serialised;
        if let Some(kexec) = kexec {
            synth.metadata("7.3.4", kexec);
        }
        let (written, places) = synth.finish();
        ram = written;
        all.push(places);
    }
    (ram, all)
}

fn look(ram: &Ram) -> State {
    inspect(&Image::from_bytes(raw(ram)).unwrap(), &Options::default())
}

fn session(state: &State) -> &str {
    state.luo().unwrap().sessions.first().map_or("none", |session| session.name.as_str())
}

fn generation(session: &'static str, kexec: Option<u32>, update: u64) -> Generation {
    Generation { session, kexec, update, serialised: true }
}

#[test]
fn the_later_is_taken_by_its_numbers_wherever_it_lies() {
    for (old, new) in [
        (generation("old", Some(1), 1), generation("new", Some(2), 2)),
        // A kexec in between that was not a live update.
        (generation("old", Some(1), 1), generation("new", Some(3), 1)),
        (generation("old", None, 4), generation("new", None, 5)),
        // One of them has no metadata: LUO's number decides.
        (generation("old", Some(9), 1), generation("new", None, 2)),
    ] {
        let because = [new.kexec.filter(|_| old.kexec.is_some()).map(u64::from), Some(new.update)];
        let (kexec, update) = (new.kexec, new.update);
        let other = generation("new", kexec, update);
        let first = generation("old", old.kexec, old.update);
        for (generations, at) in [([old, new], 1), ([other, first], 0)] {
            let (ram, places) = memory(generations);
            let state = look(&ram);
            assert_eq!(session(&state), "new", "{:?}", state.candidates);
            assert!(state.findings.is_empty(), "{:?}", state.findings.list());
            assert_eq!(state.candidates.len(), 2);
            assert_eq!(state.candidates[0].at, places[at].fdt);
            let said = &state.candidates[0].because[0];
            assert!(said.starts_with("it is the latest"), "{said}");
            for number in because.iter().flatten() {
                assert!(said.contains(&format!("number {number}")), "{said}");
            }
        }
    }
}

#[test]
fn the_later_is_taken_though_it_is_not_written_or_damaged() {
    let old = generation("old", Some(1), 1);
    let new = Generation { serialised: false, ..generation("new", Some(2), 2) };
    let (mut ram, places) = memory([old, new]);
    let state = look(&ram);
    assert_eq!((session(&state), state.findings.total()), ("none", 0));
    // The later tree of preserved pages is gone: that is a finding, and does not select the earlier
    // state.
    ram.write(places[1].radix[0], &[0xff; 4096]);
    let state = look(&ram);
    assert_eq!(state.candidates[0].at, places[1].fdt);
    assert!(!state.findings.is_empty());
}

#[test]
fn a_copy_of_a_tree_is_not_taken_for_it() {
    let (mut ram, places) = memory([generation("old", Some(1), 1), generation("new", Some(2), 2)]);
    // At a lower address than its original.
    let tree = ram.read(places[1].fdt, 4096);
    ram.write(0x8_0000, &tree);
    let state = look(&ram);
    assert_eq!(state.candidates.len(), 3);
    assert_eq!((state.candidates[0].at, state.candidates[1].at), (places[1].fdt, 0x8_0000));
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    // The requested tree is shown.
    let options = Options { fdt: Some(places[0].fdt), ..Options::default() };
    let state = inspect(&Image::from_bytes(raw(&ram)).unwrap(), &options);
    assert_eq!(session(&state), "old");
}

/// What is left of a state, as in images of kernels that had taken one over: the page of LUO's root and
/// those of the tree of preserved pages have other things in them.
fn take_over(ram: &mut Ram, places: &Places) {
    ram.write(places.luo, &[0x5a; 4096]);
    for node in &places.radix {
        ram.write(*node, &[0x11, 0x22, 0x40, 0, 0x93].repeat(819));
    }
}

#[test]
fn what_is_left_of_a_state_that_was_taken_over_is_a_note() {
    let (mut ram, places) = memory([generation("old", Some(1), 1), generation("new", Some(2), 2)]);
    take_over(&mut ram, &places[0]);
    let image = Image::from_bytes(raw(&ram)).unwrap();
    let options = Options::default();
    let alone = Options { fdt: Some(places[0].fdt), ..Options::default() };
    let found = inspect(&image, &alone).findings.total();
    assert!(found > 100, "asked for by its address, it has its findings: {found}");
    let states = generations(&image, &options, inspect(&image, &options));
    assert_eq!((session(&states[0]), states[0].findings.total()), ("new", 0));
    assert!(!states[0].notes.iter().any(|note| note.contains("not listed")));
    assert_eq!(
        (states[1].kho.as_ref().unwrap().at, states[1].findings.total()),
        (places[0].fdt, 0)
    );
    let expected = format!(
        "{found} findings are not listed: a kernel took this state over, reused its pages, and has \
         since written the state of kexec 2. --fdt {:#x} lists them",
        places[0].fdt
    );
    assert!(states[1].notes.contains(&expected), "{:?}", states[1].notes);
}

#[test]
fn the_latest_state_and_copies_of_it_keep_their_findings() {
    // The latest has them, whatever the earlier is.
    let (mut ram, places) = memory([generation("old", Some(1), 1), generation("new", Some(2), 2)]);
    take_over(&mut ram, &places[1]);
    let image = Image::from_bytes(raw(&ram)).unwrap();
    let states = generations(&image, &Options::default(), inspect(&image, &Options::default()));
    assert_eq!(states[0].kho.as_ref().unwrap().at, places[1].fdt);
    assert!(states[0].findings.total() > 100);
    assert_eq!((session(&states[1]), states[1].findings.total()), ("old", 0));

    // A tree of the same number was not taken over by the other, and where there is no number nothing tells.
    for numbers in [[Some(2), Some(2)], [None, None]] {
        let of = |name, index: usize| generation(name, numbers[index], 2);
        let (mut ram, places) = memory([of("one", 0), of("other", 1)]);
        take_over(&mut ram, &places[0]);
        let image = Image::from_bytes(raw(&ram)).unwrap();
        let states = generations(&image, &Options::default(), inspect(&image, &Options::default()));
        assert_eq!((session(&states[0]), states[0].findings.total()), ("other", 0));
        assert!(states[1].findings.total() > 100, "{numbers:?}");
    }
}
