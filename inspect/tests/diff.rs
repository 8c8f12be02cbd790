// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a comparison says of items that one of the two images does not show.

use kho_abi_inspect::diff::{compare, Difference, How, Kind, Side};
use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::container::{kdump, raw, Packing};
use kho_abi_inspect::synth::{self, Ram, Synth};
use kho_abi_inspect::typed::{Contract, Field, Kind as FieldKind, Layouts, Struct};
use kho_abi_inspect::{inspect, Options, State};
use std::sync::Arc;

const SIZE: u64 = 16 << 20;

fn look(bytes: Vec<u8>) -> (Image, State) {
    let image = Image::from_bytes(bytes).unwrap();
    let state = inspect(&image, &Options { page_size: Some(4096), ..Options::default() });
    (image, state)
}

/// The differences, without those of the findings themselves.
fn differences(before: &(Image, State), after: &(Image, State)) -> Vec<Difference> {
    let side = |looked: &(Image, State)| (looked.0.format(), looked.1.findings.total());
    assert!(side(before) != side(after), "the images are the same");
    let [before, after] = [before, after].map(|(image, state)| Side { image, state });
    let mut all = compare(before, after, &How::default());
    all.retain(|difference| !difference.what.starts_with("findings of"));
    all
}

#[test]
fn what_one_image_lacks_is_unknown_and_not_removed() {
    let (ram, places) = synth::sample(4096);
    let ram = Ram { end: SIZE, ..ram };
    let whole = look(kdump(&ram, Packing::Plain, &[]));
    let pages = [
        ("KHO's tree", places.fdt),
        ("LUO's root", places.luo),
        ("memblock's tree", places.memblock),
        ("the metadata", places.metadata),
        ("sessions", places.session_blocks[0]),
        ("files", places.file_blocks[0][0]),
        ("a device", places.devices[0]),
        ("a memfd", places.memfds[0].ser),
        ("the root of preserved pages", places.radix[0]),
        ("a node of preserved pages", *places.radix.last().unwrap()),
    ];
    for (what, page) in pages {
        let lacking = look(kdump(&ram, Packing::Plain, &[page & !4095]));
        all_are_unknown(what, &whole, &lacking);
    }
    let mut synth = Synth::new(Ram::new(4096, SIZE), 4096);
    synth.flb("made-up-flb-v1", 5, 1);
    let (ram, places) = synth.finish();
    let whole = look(kdump(&ram, Packing::Plain, &[]));
    all_are_unknown("FLBs", &whole, &look(kdump(&ram, Packing::Plain, &[places.flbs])));
}

fn all_are_unknown(what: &str, whole: &(Image, State), lacking: &(Image, State)) {
    for (before, after) in [(whole, lacking), (lacking, whole)] {
        let found = differences(before, after);
        assert!(!found.is_empty(), "{what}: no differences");
        for difference in found {
            assert_eq!(difference.kind, Kind::Unknown, "{what}: {difference:?}");
        }
    }
}

#[test]
fn what_a_whole_image_does_not_have_is_removed() {
    let synth = |devices: u64, sessions: &[&str]| {
        let mut synth = Synth::new(Ram::new(4096, SIZE), 4096);
        for name in sessions {
            let session = synth.session(name);
            for token in 0..devices {
                synth.device(session, token, &format!("0000:0{token}:00.0"));
            }
        }
        raw(&synth.finish().0)
    };
    let said = |before: Vec<u8>, after: Vec<u8>| {
        let (before, after) = (look(before), look(after));
        let side = |(image, state)| Side { image, state };
        let all =
            compare(side((&before.0, &before.1)), side((&after.0, &after.1)), &How::default());
        let text = |one: &Difference| format!("{:?} {}", one.kind, one.what);
        all.iter().filter(|one| one.what.starts_with("session")).map(text).collect::<Vec<_>>()
    };
    let removed = ["Changed session \"vm0\"", "Removed session \"vm0\", token 0x1"];
    assert_eq!(said(synth(2, &["vm0"]), synth(1, &["vm0"])), removed);
    // All of this image was searched, and it has no KHO.
    let without = vec![0; 1 << 20];
    let removed = ["Removed session \"vm0\"", "Removed session \"vm0\", token 0x0"];
    assert_eq!(said(synth(1, &["vm0"]), without), removed);
}

/// An array of bytes at the root of state, for layouts.
fn array(name: &str, length: u64) -> (Struct, Contract) {
    let field = Field {
        name: "bytes".into(),
        bit_offset: 0,
        bit_size: 8 * length,
        bit_field: false,
        kind: FieldKind::Int { bits: 8, signed: false },
        dimensions: vec![length],
        leads_to: None,
    };
    let root = format!("{name}_ser");
    let contract = Contract {
        name: name.into(),
        string: name.into(),
        roots: vec![root.clone()],
        ..Contract::default()
    };
    (Struct { name: root, size: length, fields: vec![field], ..Struct::default() }, contract)
}

/// State whose last byte may be beyond what is shown of it.
fn with_state(length: u64, last: u8, put: impl Fn(&mut Synth<Ram>, u64)) -> Vec<u8> {
    let mut synth = Synth::new(Ram::new(4096, SIZE), 4096);
    let page = synth.allocate(0);
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    *bytes.last_mut().unwrap() = last;
    synth.write(page, &bytes);
    put(&mut synth, page);
    raw(&synth.finish().0)
}

#[test]
fn state_that_is_shown_in_part_is_unknown() {
    type Put<'p> = &'p dyn Fn(&mut Synth<Ram>, u64, u64);
    let puts: [(&str, Put<'_>); 3] = [
        ("entry", &|synth, page, size| synth.entry("mine", page, size)),
        ("FLB", &|synth, page, _| synth.flb("mine", page, 1)),
        ("file", &|synth, page, _| {
            let session = synth.session("vm0");
            synth.file(session, 1, "mine", page);
        }),
    ];
    for (what, put) in puts {
        // By a layout that fits on what is shown, one that does not, and without any.
        for (length, layout, unknown) in [
            (64, true, None),
            (65, true, Some("values by layouts")),
            (2000, false, Some("state of ")),
        ] {
            let image = |last| with_state(length, last, |synth, page| put(synth, page, length));
            let types = layout.then(|| {
                let (root, contract) = array("mine", length);
                Arc::new(Layouts::new("types", vec![root], vec![contract]))
            });
            let options = Options { page_size: Some(4096), types, ..Options::default() };
            let look = |bytes| {
                let image = Image::from_bytes(bytes).unwrap();
                let state = inspect(&image, &options);
                assert_eq!(state.findings.total(), 0, "{what}: {:?}", state.findings.list());
                (image, state)
            };
            let sides = [look(image(1)), look(image(2))];
            let [before, after] = sides.each_ref().map(|(image, state)| Side { image, state });
            let found = compare(before, after, &How::default());
            let is_said = |kind, name: &str| {
                found.iter().any(|one| one.kind == kind && one.what.starts_with(name))
            };
            match unknown {
                None => assert!(is_said(Kind::Changed, ""), "{what}: {found:?}"),
                Some(name) => assert!(is_said(Kind::Unknown, name), "{what} {length}: {found:?}"),
            }
            let same = compare(before, before, &How::default());
            assert_eq!(same.is_empty(), unknown.is_none(), "{what} {length}: {same:?}");
        }
    }
}
