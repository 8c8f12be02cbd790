// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! If memory contains several live updates, the latest is used, whatever the earlier ones left.

use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::{Places, Ram, Store as _, Synth};
use kho_abi_inspect::{inspect, Options, State};

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
