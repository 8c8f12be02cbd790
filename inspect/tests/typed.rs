// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! State without a built-in decoder, read by layouts from the user: what it shows, what damage it
//! finds, and that even a hostile layout does no harm.

use kho_abi_inspect::flbs;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::image::{Image, PAGE_SIZES};
use kho_abi_inspect::report::{html, json, lines, text, Filter, Report};
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::counted::Counted;
use kho_abi_inspect::synth::made_up::{self, at, Places, ENTRIES};
use kho_abi_inspect::synth::{Ram, Store as _, Synth};
use kho_abi_inspect::typed::{
    Contract, Field, Kind, Layouts, LeadsTo, Part, Shown, Struct, Typed, Value, MAX_DEPTH,
};
use kho_abi_inspect::{inspect, Options, State};
use std::io;
use std::sync::Arc;

const PAGE: usize = 4096;
/// The end of memory, and an unused page.
const END: u64 = 4 << 20;
const FREE: u64 = 3 << 20;

fn synth(page_size: usize) -> Synth<Ram> {
    Synth::new(Ram::new(page_size, END), page_size)
}

fn look(ram: &Ram, layouts: Layouts) -> State {
    look_and_count(ram, layouts).0
}

/// What is shown, and how often and how many bytes of the image are read for it.
fn look_and_count(ram: &Ram, layouts: Layouts) -> (State, (u64, u64)) {
    let types = Some(Arc::new(layouts));
    let page_size = Some(ram.page_size);
    let options = Options { page_size, types, threads: 1, ..Options::default() };
    let counted = Counted::new(Arc::new(raw(ram)));
    let image = Image::recognise(counted.clone()).unwrap();
    let state = inspect(&image, &options);
    // Every report can be written in any case.
    let filter = Filter::default();
    let report = Report { image: &image, name: "image", state: &state, filter: &filter };
    text::write(report, &mut io::sink()).unwrap();
    json::write(report, &mut io::sink()).unwrap();
    lines::write(report, &mut io::sink()).unwrap();
    html::write(report, &mut io::sink()).unwrap();
    (state, counted.take())
}

fn made_up(page_size: usize) -> (Ram, Places) {
    let mut synth = synth(page_size);
    let session = synth.session("vm0");
    let places = synth.made_up(session, 5);
    (synth.finish().0, places)
}

fn payload(state: &State) -> &Payload {
    &state.luo().unwrap().sessions[0].files[0].payload
}

fn typed(state: &State) -> &Typed {
    match payload(state) {
        Payload::Typed(typed) => typed,
        other => panic!("{other:?}: {:?}, {:?}", state.findings.list(), state.notes),
    }
}

fn rules(state: &State) -> Vec<&'static str> {
    state.findings.list().iter().map(|finding| finding.rule.id).collect()
}

fn says(state: &State, wanted: &str) -> bool {
    state.notes.iter().any(|note| note.contains(wanted))
}

fn value<'p>(part: &'p Part, name: &str) -> &'p Value {
    let found = part.values.iter().find(|value| value.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in {part:?}"))
}

fn shown(part: &Part, name: &str) -> String {
    value(part, name).value.to_string()
}

#[test]
fn every_field_is_shown_with_every_page_size() {
    for page_size in PAGE_SIZES {
        let (ram, places) = made_up(page_size);
        let state = look(&ram, made_up::layouts());
        assert_eq!(rules(&state), [""; 0], "{:?}", state.findings.list());
        let typed = typed(&state);
        let [root, entries, first, second] = typed.parts.as_slice() else { panic!("{typed:?}") };
        assert_eq!((root.at, root.name.as_str()), (places.ser, "struct made_up_ser"));
        for (name, offset, ty, text) in [
            ("name", 0, "char[16]", "\"ring zero\""),
            ("rings[0].weight", 24, "s16", "-3"),
            ("rings[1].base", 28, "u64", "8192 (0x2000)"),
            ("rings[1].mode", 38, "u16:4", "5"),
            ("rings[1].depth", 38, "u16:12", "291 (0x123)"),
            ("nr_entries", 40, "u64", "700 (0x2bc)"),
            ("slots", 76, "u16[5]", "0, 1000, 2000, 3000, 4000"),
        ] {
            let value = value(root, name);
            assert_eq!((value.offset, value.ty.as_str()), (offset, ty), "{name}");
            assert_eq!(value.value.to_string(), text, "{name}");
        }
        assert_eq!(shown(root, "page"), format!("{:#x}, preserved", places.pages[0]));
        assert_eq!(entries.from.as_deref(), Some("made_up_ser.entries"));
        assert_eq!((entries.elements, entries.at), (Some(ENTRIES), places.entries[0]));
        for number in 0..ENTRIES {
            // One of them crosses two pages, of which the second is before the first in memory.
            let key = format!("{0} ({0:#x})", number + 0x1_0000_0000);
            assert_eq!(shown(entries, &format!("[{number}].key")), key);
        }
        assert_eq!((first.at, second.at), (places.pages[0], places.pages[1]));
        assert_eq!(second.from.as_deref(), Some("made_up_page_ser.next"));
        assert_eq!(shown(second, "number"), "8");
        assert_eq!(shown(second, "next"), "0");
        assert!(!says(&state, "not decoded"), "{:?}", state.notes);
        // All of its pages have an owner.
        assert!(!says(&state, "no known owner"), "{:?}", state.notes);
    }
}

/// The damage, its rule, and a part of its message.
type Damage = (&'static str, fn(&mut Ram, &Places), &'static str, &'static str);

fn set_u32(ram: &mut Ram, pa: u64, value: u32) {
    ram.write(pa, &value.to_ne_bytes());
}

/// Replaces a page in the list.
fn set_page(ram: &mut Ram, places: &Places, value: u64) {
    ram.set_number(places.chunk + 8, value);
}

const DAMAGE: &[Damage] = &[
    (
        "an address outside the image",
        |ram, places| ram.set_number(places.ser + at::PAGE, 0xdead_0000_0000),
        "address_outside_image",
        "struct made_up_page_ser at 0xdead00000000",
    ),
    (
        "an address that wraps around",
        |ram, places| ram.set_number(places.ser + at::PAGE, u64::MAX - 3),
        "address_outside_image",
        "struct made_up_page_ser",
    ),
    (
        "a struct at the end of the image",
        |ram, places| ram.set_number(places.ser + at::PAGE, END - 8),
        "address_outside_image",
        "struct made_up_page_ser",
    ),
    (
        "a page that is not preserved",
        |ram, places| ram.set_number(places.ser + at::PAGE, FREE),
        "page_not_preserved",
        "struct made_up_page_ser at 0x300000 is not preserved",
    ),
    (
        "a page behind another that is not preserved",
        |ram, places| ram.set_number(places.pages[0] + at::NEXT, FREE),
        "page_not_preserved",
        "struct made_up_page_ser at 0x300000 is not preserved",
    ),
    (
        "a page that belongs to LUO",
        |ram, places| ram.set_number(places.ser + at::PAGE, places.pages[1] + 4096),
        "page_owned_twice",
        "struct made_up_page_ser",
    ),
    (
        "more slots than the page has room for",
        |ram, places| set_u32(ram, places.ser + at::NR_SLOTS, 2011),
        "count_mismatch",
        "nr_slots claims 2011 entries of 2 bytes, but the block that ends at 0x101000 holds at most 2010",
    ),
    (
        "more slots than there are numbers",
        |ram, places| set_u32(ram, places.ser + at::NR_SLOTS, u32::MAX),
        "count_mismatch",
        "nr_slots claims 4294967295 entries",
    ),
    (
        "more entries than the pages have room for",
        |ram, places| ram.set_number(places.ser + at::NR_ENTRIES, 1025),
        "count_mismatch",
        "made_up_ser.entries claims 1025 entries of 12 bytes, but its 3 pages hold at most 1024",
    ),
    (
        "more entries than there are numbers",
        |ram, places| ram.set_number(places.ser + at::NR_ENTRIES, u64::MAX),
        "count_mismatch",
        "made_up_ser.entries claims 18446744073709551615 entries",
    ),
    (
        "more pages than the list has",
        |ram, places| set_u32(ram, places.ser + at::TOTAL_PAGES, 1 << 30),
        "vmalloc_invalid",
        "the list of made_up_ser.entries",
    ),
    (
        "an order that none is",
        |ram, places| ram.write(places.ser + at::TOTAL_PAGES + 6, &60_u16.to_ne_bytes()),
        "vmalloc_invalid",
        "the list of made_up_ser.entries",
    ),
    (
        "flags that are not known",
        |ram, places| ram.write(places.ser + at::TOTAL_PAGES + 4, &0x10_u16.to_ne_bytes()),
        "reserved_bits",
        "the list of made_up_ser.entries has unknown vmalloc flags: 0x10",
    ),
    (
        "a list that leads nowhere",
        |ram, places| ram.set_number(places.ser + at::FIRST, 0),
        "vmalloc_invalid",
        "the list of made_up_ser.entries",
    ),
    (
        "a list that runs in a circle",
        |ram, places| {
            ram.set_number(places.chunk, places.chunk);
            set_u32(ram, places.ser + at::TOTAL_PAGES, 2000);
        },
        "list_cycle",
        "the list of made_up_ser.entries",
    ),
    (
        "a page of the list that is not preserved",
        |ram, places| set_page(ram, places, FREE),
        "page_not_preserved",
        "a page of made_up_ser.entries at 0x300000 is not preserved",
    ),
    (
        "a page of the list outside the image",
        |ram, places| set_page(ram, places, 0xdead_0000_0000),
        "address_outside_image",
        "a page of made_up_ser.entries at 0xdead00000000",
    ),
    (
        "a page of the list that is the root's",
        |ram, places| set_page(ram, places, places.ser),
        "page_owned_twice",
        "a page of made_up_ser.entries",
    ),
];

#[test]
fn damage_ends_with_its_finding() {
    let (clean, places) = made_up(PAGE);
    for (what, damage, rule, said) in DAMAGE {
        let mut ram = clean.clone();
        damage(&mut ram, &places);
        let state = look(&ram, made_up::layouts());
        let list = state.findings.list();
        let found =
            list.iter().find(|finding| finding.rule.id == *rule && finding.what.contains(said));
        let found = found.unwrap_or_else(|| panic!("{what}: {list:#?}"));
        let chain: Vec<&str> = found.chain.iter().map(|link| link.what.as_str()).collect();
        assert!(chain.contains(&"file with token 0x5"), "{what}: {chain:?}");
        assert!(state.findings.total() < 4, "{what}: {list:#?}");
        // Without the types, they would have no known owner.
        let state = look(&ram, Layouts::default());
        assert!(rules(&state).is_empty(), "{what}: {:?}", state.findings.list());
    }
}

#[test]
fn two_files_do_not_have_one_page() {
    let mut synth = synth(PAGE);
    let session = synth.session("vm0");
    let places = synth.made_up(session, 5);
    synth.file(session, 6, made_up::COMPATIBLE, places.ser);
    let state = look(&synth.finish().0, made_up::layouts());
    let found = state.findings.list();
    assert!(rules(&state).contains(&"page_owned_twice"), "{found:#?}");
    let said = "belongs to session \"vm0\", token 0x6, and also to session \"vm0\", token 0x5";
    assert!(found.iter().any(|finding| finding.what.contains(said)), "{found:#?}");
}

#[test]
fn data_that_leads_nowhere_is_found() {
    let read = |data: u64| {
        let mut synth = synth(PAGE);
        let session = synth.session("vm0");
        synth.file(session, 5, made_up::COMPATIBLE, data);
        let state = look(&synth.finish().0, made_up::layouts());
        assert!(matches!(payload(&state), Payload::Unreadable), "{:?}", payload(&state));
        rules(&state)
    };
    assert_eq!(read(0), ["address_null"]);
    assert_eq!(read(0xdead_0000_0000), ["address_outside_image"]);
    assert_eq!(read(u64::MAX), ["address_outside_image"]);
}

#[test]
fn flbs_and_entries_are_shown_as_well() {
    let mut synth = synth(PAGE);
    let flb = synth.made_up_state();
    synth.flb(made_up::COMPATIBLE, flb.ser, 1);
    let by_name = synth.made_up_state();
    synth.entry(made_up::COMPATIBLE, by_name.ser, 4096);
    // By the string at the beginning of the data.
    let by_string = synth.allocate(0);
    let mut bytes = [0; 24];
    bytes[..10].copy_from_slice(b"other-v3\0\0");
    bytes[16] = 9;
    bytes[20..].copy_from_slice(&[0, 0, 1, 2]);
    synth.write(by_string, &bytes);
    synth.entry("other", by_string, 24);
    synth.entry("short", by_string, 20);
    let mut structs = made_up::structs();
    structs.push(Struct {
        name: "other_ser".into(),
        size: 24,
        fields: vec![
            field("compatible", 0, 16, Kind::Char, &[16]),
            field("number", 16, 4, Kind::Int { bits: 32, signed: false }, &[]),
            field("big", 20, 4, Kind::Ordered { bits: 32, big: true }, &[]),
            field("little", 20, 4, Kind::Ordered { bits: 32, big: false }, &[]),
        ],
        ..Struct::default()
    });
    let mut contracts = made_up::contracts();
    contracts.push(contract("other-v3", &["other_ser"]));
    let state = look(&synth.finish().0, Layouts::new("types", structs, contracts));
    let luo = state.luo().unwrap();
    let Some(flbs::State::Typed(typed)) = &luo.flbs[0].state else { panic!("{luo:?}") };
    assert_eq!((typed.parts.len(), typed.parts[0].at), (4, flb.ser));
    let entries = &state.kho.as_ref().unwrap().entries;
    let typed = |name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        entry.typed.as_ref().unwrap_or_else(|| panic!("{entry:?}"))
    };
    assert_eq!(typed(made_up::COMPATIBLE).parts[0].at, by_name.ser);
    assert_eq!(shown(&typed("other").parts[0], "number"), "9");
    assert_eq!(shown(&typed("other").parts[0], "big"), "258 (0x102)");
    assert_eq!(shown(&typed("other").parts[0], "little"), "33619968 (0x2010000)");
    // The second entry is shorter than its struct, and has the page of the first.
    assert_eq!(rules(&state), ["count_mismatch", "page_owned_twice"]);
}

fn field(name: &str, offset: u64, size: u64, kind: Kind, dimensions: &[u64]) -> Field {
    Field {
        name: name.into(),
        bit_offset: offset.wrapping_mul(8),
        bit_size: size.wrapping_mul(8),
        bit_field: false,
        kind,
        dimensions: dimensions.to_vec(),
        leads_to: None,
    }
}

fn contract(string: &str, roots: &[&str]) -> Contract {
    let roots = roots.iter().map(|root| (*root).to_string()).collect();
    Contract { name: string.into(), string: string.into(), roots, ..Contract::default() }
}

fn u64_field(name: &str, offset: u64) -> Field {
    field(name, offset, 8, Kind::Int { bits: 64, signed: false }, &[])
}

#[test]
fn a_root_is_never_guessed() {
    let (ram, _) = made_up(PAGE);
    let why = |layouts: Layouts| {
        let state = look(&ram, layouts);
        assert!(matches!(payload(&state), Payload::Unknown(_)), "{:?}", payload(&state));
        assert_eq!(rules(&state), [""; 0]);
        let prefix = "not decoded: file with \"made-up-v1\": ";
        let note = state.notes.iter().find_map(|note| note.strip_prefix(prefix));
        note.unwrap_or_else(|| panic!("{:?}", state.notes)).to_owned()
    };
    // A foreign string, and a similar one.
    let other = vec![contract("made-up-v2", &["made_up_ser"])];
    assert_eq!(why(Layouts::new("types", made_up::structs(), other)), "types does not have it");
    // Several structs, none of which leads to the others.
    let mut structs = made_up::structs();
    for one in &mut structs {
        one.fields.iter_mut().for_each(|field| field.leads_to = None);
    }
    let open = Layouts::new("types", structs.clone(), made_up::contracts());
    assert!(why(open).starts_with("the types do not say which struct it begins with"));
    // Until the user names it.
    let mut contracts = made_up::contracts();
    contracts[0].root = Some("made_up_ser".into());
    let state = look(&ram, Layouts::new("types", structs, contracts));
    assert_eq!(typed(&state).parts[0].name, "struct made_up_ser");
    // The list's pages are shown, since their type is unknown.
    assert_eq!(typed(&state).parts[1].elements, Some(3));
    assert_eq!(typed(&state).parts[1].values.len(), 3);
    let none = vec![contract("made-up-v1", &[])];
    let said = why(Layouts::new("types", made_up::structs(), none));
    assert_eq!(said, "the types have no struct for \"made-up-v1\"");
    let twice = [made_up::contracts(), made_up::contracts()].concat();
    let said = why(Layouts::new("types", made_up::structs(), twice));
    assert_eq!(said, "types has it more than once");
    let missing = vec![contract("made-up-v1", &["nobody"])];
    let said = why(Layouts::new("types", made_up::structs(), missing));
    assert_eq!(said, "the types have no layout of struct nobody");
}

#[test]
fn a_number_beside_the_string_must_be_that_of_the_types() {
    let mut synth = synth(PAGE);
    let session = synth.session("vm0");
    let page = synth.allocate(0);
    synth.write(page, &2_u64.to_ne_bytes());
    synth.file(session, 5, "numbered", page);
    let ram = synth.finish().0;
    let with = |versions: &[u64], name: &str| {
        let one = |version: &u64| Struct {
            name: format!("ser_{version}"),
            size: 8,
            fields: vec![u64_field(name, 0)],
            ..Struct::default()
        };
        let of = |version: &u64| Contract {
            version: Some(*version),
            ..contract("numbered", &[&format!("ser_{version}")])
        };
        let (structs, contracts) = (versions.iter().map(one), versions.iter().map(of));
        look(&ram, Layouts::new("types", structs.collect(), contracts.collect()))
    };
    assert_eq!(typed(&with(&[1, 2, 3], "version")).parts[0].name, "struct ser_2");
    let state = with(&[1, 3], "version");
    assert!(says(&state, "its version is 2, but types has 1, 3"), "{:?}", state.notes);
    let state = with(&[2], "number");
    assert!(says(&state, "do not say which field of struct ser_2 is its version"));
}

#[test]
fn blocks_are_followed_where_something_says_so() {
    let made = |count: u64, next: u64| {
        let mut synth = synth(PAGE);
        let session = synth.session("vm0");
        let (root, block) = (synth.allocate(0), synth.allocate(0));
        synth.write(root, &block.to_ne_bytes());
        let words = [next, count, 11, 12, 13];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        synth.write(block, &bytes);
        synth.file(session, 5, "blocks-v1", root);
        let leads_to = Some(LeadsTo::Blocks("entry".into()));
        let root = Struct {
            name: "root".into(),
            size: 8,
            fields: vec![Field { leads_to, ..u64_field("first", 0) }],
            ..Struct::default()
        };
        let fields = vec![u64_field("number", 0)];
        let entry = Struct { name: "entry".into(), size: 8, fields, ..Struct::default() };
        let contracts = vec![contract("blocks-v1", &["root", "entry"])];
        let ram = synth.finish().0;
        look(&ram, Layouts::new("types", vec![root, entry], contracts))
    };
    let state = made(3, 0);
    assert_eq!(rules(&state), [""; 0], "{:?}", state.findings.list());
    let part = &typed(&state).parts[1];
    assert_eq!((part.elements, shown(part, "[2].number")), (Some(3), "13".into()));
    assert_eq!(rules(&made(511, 0)), ["block_count_invalid"]);
    assert_eq!(rules(&made(3, 0x10_1000)), ["list_cycle"]);
}

/// Layouts that contradict themselves, each with the reported problem.
#[test]
fn contradictions_are_said_and_nothing_is_read_by_them() {
    let (ram, _) = made_up(PAGE);
    let int = |bits| Kind::Int { bits, signed: false };
    let to = |name: &str| Kind::Struct { name: name.into() };
    let one = |size: u64, fields: Vec<Field>| {
        vec![Struct { name: "s".into(), size, fields, ..Struct::default() }]
    };
    let chain = |levels: usize| {
        let level = |number: usize| {
            let inner = if number == 0 { int(64) } else { to(&format!("s{}", number - 1)) };
            let name = if number + 1 == levels { "s".into() } else { format!("s{number}") };
            Struct {
                name,
                size: 8,
                fields: vec![field("x", 0, 8, inner, &[])],
                ..Struct::default()
            }
        };
        (0..levels).map(level).collect::<Vec<_>>()
    };
    let many = 1 << 62;
    let bit = |bits: u64| Field { bit_field: true, bit_size: bits, ..u64_field("b", 0) };
    let mut twice = one(8, vec![u64_field("a", 0)]);
    twice.extend(one(16, vec![u64_field("a", 8)]));
    let cases: Vec<(Vec<Struct>, &str)> = vec![
        (one(0, vec![]), "has no bytes"),
        (one(u64::MAX, vec![]), "bytes, more than the limit of"),
        (one(8, vec![u64_field("a", 8)]), "field a is beyond its 8 bytes"),
        (one(8, vec![u64_field("a", u64::MAX / 8)]), "field a is beyond"),
        (
            one(8, vec![field("a", 0, 0, int(64), &[many, many])]),
            "field a of struct s does not have the size of its type",
        ),
        (
            one(8, vec![field("a", 0, 8, int(64), &[2])]),
            "field a of struct s does not have the size of its type",
        ),
        (
            one(8, vec![field("a", 0, 8, int(0), &[])]),
            "field a of struct s does not have the size of its type",
        ),
        (
            one(8, vec![field("a", 0, 8, int(7), &[])]),
            "field a of struct s does not have the size of its type",
        ),
        (one(8, vec![field("a", 0, 8, Kind::Char, &[1; 9])]), "field a has 9 dimensions"),
        (one(8, vec![bit(0)]), "a bit-field of 0 bits"),
        (one(100, vec![bit(65)]), "a bit-field of 65 bits"),
        (one(8, vec![field("a", 0, 8, to("s"), &[])]), "struct s embeds itself"),
        (one(8, vec![field("a", 0, 0, to("s"), &[0])]), "struct s embeds itself"),
        (one(8, vec![field("a", 0, 8, to("t"), &[])]), "the types have no layout of struct t"),
        (chain(MAX_DEPTH + 1), "more than 16 levels deep"),
        (twice, "the types have two structs named s"),
    ];
    for (structs, wanted) in cases {
        let layouts = Layouts::new("types", structs, vec![contract("made-up-v1", &["s"])]);
        let state = look(&ram, layouts);
        assert!(matches!(payload(&state), Payload::Unknown(_)), "{wanted}: {:?}", payload(&state));
        assert!(says(&state, wanted), "{wanted}: {:?}", state.notes);
    }
    let deep = Layouts::new("types", chain(MAX_DEPTH), vec![contract("made-up-v1", &["s"])]);
    let state = look(&ram, deep);
    assert_eq!(typed(&state).parts[0].values.len(), 1, "{:?}", state.notes);
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// A number that is small, large or extreme.
    fn any(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => self.below(u64::MAX),
            4 => (1 << 20) + self.below(3) - 1,
            _ => self.below(20),
        }
    }

    fn name(&mut self) -> String {
        let names =
            ["made_up_ser", "made_up_page_ser", "kho_vmalloc", "made_up_entry_ser", "x", "nobody"];
        names[usize::try_from(self.below(names.len() as u64)).unwrap()].into()
    }

    fn kind(&mut self) -> Kind {
        match self.below(6) {
            0 | 1 => {
                let bits = [8, 16, 32, 64, 128, 0, 7, u16::MAX];
                let bits = bits[usize::try_from(self.below(bits.len() as u64)).unwrap()];
                Kind::Int { bits, signed: self.below(2) == 0 }
            }
            2 => Kind::Char,
            3 => Kind::Pointer,
            4 => Kind::Address { to: self.name() },
            _ => Kind::Struct { name: self.name() },
        }
    }

    /// Changes one property of a field, or of its struct.
    fn spoil(&mut self, structs: &mut Vec<Struct>) {
        let at = usize::try_from(self.below(structs.len() as u64)).unwrap();
        let one = &mut structs[at];
        if one.fields.is_empty() || self.below(8) == 0 {
            match self.below(5) {
                0 => one.size = self.any(),
                1 => one.is_union = !one.is_union,
                2 => one.page_size = Some(self.any()),
                3 => one.name = self.name(),
                _ => {
                    let again = one.clone();
                    structs.push(again);
                }
            }
            return;
        }
        let at = usize::try_from(self.below(one.fields.len() as u64)).unwrap();
        let field = &mut one.fields[at];
        match self.below(9) {
            0 => field.bit_offset = self.any(),
            1 => field.bit_size = self.any(),
            2 => field.bit_field = !field.bit_field,
            3 => field.kind = self.kind(),
            4 => field.dimensions = (0..self.below(4)).map(|_| self.any()).collect(),
            5 => field.dimensions.push(self.any()),
            6 => field.leads_to = Some(LeadsTo::Struct(self.name())),
            7 => field.leads_to = Some(LeadsTo::Blocks(self.name())),
            _ => {
                let again = Field { name: format!("nr_{}", field.name), ..field.clone() };
                one.fields.push(again);
            }
        }
    }
}

/// `KHO_ABI_MUTANTS` is the number of mutants.
#[test]
fn no_layout_does_harm() {
    let (clean, places) = made_up(PAGE);
    let mutants = std::env::var("KHO_ABI_MUTANTS").ok().and_then(|number| number.parse().ok());
    let mutants: u64 = mutants.unwrap_or(2000);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut most) = (0_u64, (0, 0));
    for _ in 0..mutants {
        let mut structs = made_up::structs();
        for _ in 0..=numbers.below(6) {
            numbers.spoil(&mut structs);
        }
        let mut contracts = made_up::contracts();
        contracts[0].root =
            Some(if numbers.below(4) == 0 { numbers.name() } else { "made_up_ser".into() });
        // The state may be damaged as well.
        let mut ram = clean.clone();
        if numbers.below(2) == 0 {
            let page = [places.ser, places.chunk, places.pages[0]];
            let page = page[usize::try_from(numbers.below(3)).unwrap()];
            let value = if numbers.below(2) == 0 { numbers.any() } else { places.pages[1] };
            ram.set_number(page + numbers.below(12) * 8, value);
        }
        let (state, (calls, bytes)) =
            look_and_count(&ram, Layouts::new("types", structs, contracts));
        most = (most.0.max(calls), most.1.max(bytes));
        if let Payload::Typed(typed) = payload(&state) {
            read += 1;
            assert!(typed.parts.len() <= 256);
            let values = typed.parts.iter().map(|part| part.values.len());
            assert!(values.clone().all(|values| values <= 4097), "{:?}", values.max());
            assert!(typed.parts[0].values.iter().all(|v| !matches!(v.value, Shown::Unreadable)));
        }
    }
    let (calls, bytes) = most;
    println!("{mutants} mutants, {read} of them read, each within {calls} reads of {bytes} bytes");
    assert!(read > mutants / 5 && read < mutants, "{read} of {mutants} were read");
    // No layout makes more work than its limits let it.
    assert!(calls < 20_000 && bytes < END, "{most:?}");
}

/// Structs without bytes, in arrays of arrays: unlimited work, and nothing to read.
#[test]
fn arrays_of_nothing_end() {
    let (ram, _) = made_up(PAGE);
    let huge = [u64::MAX, u64::MAX, u64::MAX];
    let nothing = |number: u64| Struct {
        name: format!("s{number}"),
        size: 0,
        fields: match number {
            0 => Vec::new(),
            _ => vec![field("x", 0, 0, Kind::Struct { name: format!("s{}", number - 1) }, &huge)],
        },
        ..Struct::default()
    };
    let mut structs: Vec<Struct> = (0..12).map(nothing).collect();
    structs.push(Struct {
        name: "root".into(),
        size: 8,
        fields: vec![
            u64_field("a", 0),
            field("x", 8, 0, Kind::Struct { name: "s11".into() }, &huge),
        ],
        ..Struct::default()
    });
    // As many as are said would be for ever.
    let state = look(&ram, Layouts::new("types", structs, vec![contract("made-up-v1", &["root"])]));
    let part = &typed(&state).parts[0];
    assert!(part.more_values && part.values.len() == 1, "{part:?}");
}

/// Anything in a page that its owner has belongs to the owner, at any offset.
#[test]
fn addresses_may_lead_into_pages() {
    let (clean, places) = made_up(PAGE);
    // Into the root's own page; into the middle of another.
    for to in [places.ser + 0x800, places.pages[1] + 64] {
        let mut ram = clean.clone();
        ram.set_number(places.ser + at::PAGE, to);
        let state = look(&ram, made_up::layouts());
        assert_eq!(rules(&state), [""; 0], "{:?}", state.findings.list());
        assert_eq!(typed(&state).parts[2].at, to);
    }
    // Into the middle of a page that is not preserved.
    let mut ram = clean.clone();
    ram.set_number(places.ser + at::PAGE, FREE + 64);
    assert_eq!(rules(&look(&ram, made_up::layouts())), ["page_not_preserved"]);
}

/// A doubly linked list is a cycle of addresses: each node is read once.
#[test]
fn addresses_that_lead_back_are_read_once() {
    let (mut ram, places) = made_up(PAGE);
    ram.set_number(places.pages[1] + at::NEXT, places.pages[0]);
    let state = look(&ram, made_up::layouts());
    assert_eq!(rules(&state), [""; 0], "{:?}", state.findings.list());
    assert_eq!(typed(&state).parts.len(), 4);
}

#[test]
fn what_is_too_much_is_cut_and_said() {
    let mut synth = synth(PAGE);
    let session = synth.session("vm0");
    // One chain of pages that is too long for a file, and too many files for an image.
    let pages: Vec<u64> = (0..300).map(|_| synth.allocate(0)).collect();
    for (index, page) in pages.iter().enumerate() {
        let next = pages.get(index + 1).copied().unwrap_or(0);
        synth.write(page + at::NEXT, &next.to_ne_bytes());
    }
    for token in 0..300 {
        synth.file(session, token, "chain-v1", pages[0]);
    }
    let contracts = vec![contract("chain-v1", &["made_up_page_ser"])];
    let state = look(&synth.finish().0, Layouts::new("types", made_up::structs(), contracts));
    let first = typed(&state);
    assert_eq!((first.parts.len(), first.more_parts), (256, true));
    assert!(says(&state, "not decoded: addresses of \"chain-v1\" beyond the first 256, 256 times"));
    let last = &state.luo().unwrap().sessions[0].files[299].payload;
    assert!(matches!(last, Payload::Unknown(_)), "{last:?}");
    assert!(says(&state, "the limit of 65536 structs was reached, 44 times"));
}

#[test]
fn a_list_that_is_too_long_to_show_is_said_to_be() {
    let (mut ram, places) = made_up(PAGE);
    // As many entries as before, of one byte each: more than are kept.
    let mut structs = made_up::structs();
    for one in structs.iter_mut().filter(|one| one.name == "made_up_entry_ser") {
        one.size = 1;
        one.fields = vec![field("byte", 0, 1, Kind::Int { bits: 8, signed: false }, &[])];
    }
    ram.set_number(places.ser + at::NR_ENTRIES, 5000);
    let state = look(&ram, Layouts::new("types", structs, made_up::contracts()));
    assert_eq!(rules(&state), [""; 0], "{:?}", state.findings.list());
    let part = &typed(&state).parts[1];
    assert_eq!((part.elements, part.values.len(), part.more_values), (Some(5000), 4096, true));
    let note = "not decoded: values of struct made_up_entry_ser beyond the first 4096";
    assert!(says(&state, note), "{:?}", state.notes);
}

/// A version that the built-in decoder does not know is shown only by types that have it.
#[test]
fn a_newer_number_of_what_is_decoded_is_read_by_types() {
    let mut synth = synth(PAGE);
    let page = synth.allocate(0);
    synth.write(page, &[9_u32.to_ne_bytes(), 77_u32.to_ne_bytes()].concat());
    synth.flb("pci", page, 1);
    let ram = synth.finish().0;
    let with = |version: u64| {
        let int = || Kind::Int { bits: 32, signed: false };
        let fields = vec![field("version", 0, 4, int(), &[]), field("domains", 4, 4, int(), &[])];
        let ser = Struct { name: "pci_ser".into(), size: 8, fields, ..Struct::default() };
        let contract = Contract { version: Some(version), ..contract("pci", &["pci_ser"]) };
        look(&ram, Layouts::new("types", vec![ser], vec![contract]))
    };
    let state = with(9);
    let Some(flbs::State::Typed(typed)) = &state.luo().unwrap().flbs[0].state else { panic!() };
    assert_eq!(shown(&typed.parts[0], "domains"), "77");
    let state = with(2);
    assert!(state.luo().unwrap().flbs[0].state.is_none());
    let note = "not decoded: FLB \"pci\": its version is 9, but types has 2";
    assert!(says(&state, note), "{:?}", state.notes);
}
