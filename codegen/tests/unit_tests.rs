// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The unit tests that a kernel takes with the headers pass, and fail for every change of a header
//! without assertions. They run here as programs, and in QEMU inside a kernel.

#[allow(dead_code)] // Each test uses another part of it.
mod c;
mod kunit;

use c::COMPILERS;
use kho_abi::wire::bits;
use kho_abi_model::{Constant, Field, Item, Model, Record, Type, Value};
use kho_abi_read::truth;
use kunit::{Bench, Outcome};
use std::fs;
use std::path::PathBuf;

fn truth() -> Model {
    truth::current().expect("the truth is whole")
}

#[test]
fn every_case_passes_for_every_page_size() {
    let truth = truth();
    let bench = Bench::new(&truth);
    bench.put_headers(&truth);
    assert_eq!(bench.suites.len(), truth.headers.len());
    for compiler in COMPILERS {
        for size in truth.page_sizes() {
            let flag = format!("-DPAGE_SHIFT={}", size.trailing_zeros());
            for suite in &bench.suites {
                let ran = bench.run(compiler.command(), suite, &[&flag]);
                assert!(!ran.cases.is_empty(), "{suite} has no case");
                let passed = ran.that(Outcome::Passed).len();
                assert_eq!(passed, ran.cases.len(), "{} {flag}:\n{}", compiler.name, ran.said);
            }
        }
    }
}

/// Only cases that depend on the page size are skipped on a page size that kernels have not agreed
/// on.
#[test]
fn a_page_size_that_is_new_is_skipped_and_not_passed() {
    let truth = truth();
    let bench = Bench::new(&truth);
    bench.put_headers(&truth);
    let mut skipped = Vec::new();
    for suite in &bench.suites {
        let ran = bench.run(COMPILERS[0].command(), suite, &["-DPAGE_SHIFT=13"]);
        assert_eq!(ran.that(Outcome::Failed), [""; 0], "{}", ran.said);
        skipped.extend(ran.that(Outcome::Skipped).into_iter().map(ToString::to_string));
        assert_eq!(
            ran.said.matches("no kernel has agreed on pages of 8192 bytes").count(),
            ran.that(Outcome::Skipped).len()
        );
    }
    let expected = [
        "paged_constants",
        "kho_radix_consts_values",
        "kho_radix_leaf_layout",
        "kho_radix_node_layout",
        "kho_vmalloc_chunk_layout",
        "paged_constants",
    ];
    skipped.sort();
    let mut expected = expected.map(ToString::to_string);
    expected.sort();
    assert_eq!(skipped, expected);
}

/// A header that differs from the truth, the case that must fail, and its expected output.
struct Drift {
    model: Model,
    header: usize,
    case: String,
    says: String,
}

/// Every constant with another value; every field moved, with another sign, or with another width.
fn drifts(model: &Model) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for (header, items) in model.headers.iter().map(|header| &header.items).enumerate() {
        for (index, item) in items.iter().enumerate() {
            let mut with = |item: Item, case: String, says: String| {
                let mut model = model.clone();
                model.headers[header].items[index] = item;
                drifts.push(Drift { model, header, case, says });
            };
            match item {
                Item::Constant(constant) => {
                    let case = match (&constant.value, constant.page_size) {
                        (Value::Str(_), _) => "strings",
                        (_, None) => "constants",
                        (_, Some(_)) => "paged_constants",
                    };
                    let what = if case == "strings" { "text" } else { "value" };
                    let says = format!("the {what} of {}", constant.name);
                    with(Item::Constant(other(constant)), case.into(), says);
                }
                Item::Enum(enumeration) => {
                    for (m, member) in enumeration.members.iter().enumerate() {
                        let mut changed = enumeration.clone();
                        changed.members[m] = other(member);
                        let case = format!("{}_values", enumeration.name);
                        with(Item::Enum(changed), case, format!("the value of {}", member.name));
                    }
                }
                Item::Macro(_) => {}
                Item::Record(record) => {
                    for (record, case, says) in records(record) {
                        with(Item::Record(record), case, says);
                    }
                }
            }
        }
    }
    drifts
}

/// The constant with another value.
fn other(constant: &Constant) -> Constant {
    let mut changed = constant.clone();
    match (&mut changed.value, &mut changed.expr) {
        (_, Some(expr)) => *expr = format!("(({expr}) + 1)"),
        (Value::Int(value), None) => *value += 1,
        (Value::Str(value), None) => {
            value.pop();
            value.push('?');
        }
    }
    changed
}

fn records(record: &Record) -> Vec<(Record, String, String)> {
    let name = format!("{} {}", record.kind.keyword(), record.name);
    let mut drifts = Vec::new();
    for (f, field) in record.fields.iter().enumerate() {
        let kind = if field.bit_field { "bits" } else { "layout" };
        let case = format!("{}_{kind}", record.name);
        let mut with = |what: &str, change: &dyn Fn(&mut Vec<Field>)| {
            let mut record = record.clone();
            change(&mut record.fields);
            let says = format!("the {what} of {name}.{}", field.name);
            drifts.push((record, case.clone(), says));
        };
        let plain = Field { c_declaration: None, ..field.clone() };
        let inserted =
            Field { name: "inserted".into(), ty: Type::unsigned(8), bit_size: 8, ..plain.clone() };
        let moved = if field.bit_field { "place" } else { "offset" };
        with(moved, &|fields| fields.insert(f, Field { bit_field: false, ..inserted.clone() }));
        if let Type::Int { bits, signed } = field.ty {
            let ty = Type::Int { bits, signed: !signed };
            with("sign", &|fields| fields[f] = Field { ty: ty.clone(), ..plain.clone() });
            if field.bit_field {
                let narrower = Field { bit_size: field.bit_size - 1, ..plain.clone() };
                with("place", &|fields| fields[f] = narrower.clone());
            } else {
                let ty = Type::Int { bits: if bits == 8 { 16 } else { bits / 2 }, signed };
                with("size", &|fields| fields[f] = Field { ty: ty.clone(), ..plain.clone() });
            }
        }
    }
    drifts
}

#[test]
fn every_change_of_a_header_fails_the_case_that_is_named_after_it() {
    let truth = truth();
    let drifts = drifts(&truth);
    // Each header has some, and a field of a struct has two or three.
    assert!(drifts.len() > 100, "{} changes", drifts.len());
    let bench = Bench::new(&truth);
    for Drift { model, header, case, says } in drifts {
        bench.put_headers(&model);
        let suite = &bench.suites[header];
        let ran = bench.run(COMPILERS[0].command(), suite, &[]);
        assert_eq!(ran.cases.get(&case), Some(&Outcome::Failed), "{says}: {case}\n{}", ran.said);
        let line = format!("# {case}: {says} is promised by ");
        let line = ran.said.lines().find(|said| said.starts_with(&line));
        let line = line.unwrap_or_else(|| panic!("{says} is not said:\n{}", ran.said));
        assert!(line.ends_with(": a change needs a new version there"), "{line}");
        let promise = line.split("by ").nth(1).and_then(|rest| rest.split([' ', ':']).next());
        let known = |name| model.contracts().any(|(_, contract)| contract.macro_name == name);
        assert!(promise.is_some_and(known), "{line}");
    }
}

/// The bytes that the suites expect of bit-fields, for machines of both byte orders: those of an
/// integer with the bits where the truth has them.
#[test]
fn bits_are_expected_where_the_truth_has_them_on_either_byte_order() {
    let truth = truth();
    let record = truth.record("memfd_luo_folio_ser").expect("the truth has it");
    let bench = Bench::new(&truth);
    bench.put_headers(&truth);
    for field in record.fields.iter().filter(|field| field.bit_field) {
        let (first, count) = (field.bit_offset, field.bit_size);
        let text = format!(
            "#include \"kho_abi_kunit.h\"\n\
             int main(void) {{ u8 bytes[8] = {{ 0 }}; int i;\n\
             kho_abi_set_bits(bytes, {first}, {count});\n\
             for (i = 0; i < 8; i++) printf(\"%02x\", bytes[i]);\n\
             return 0; }}\n"
        );
        bench.put_program("bits", &text);
        for (big, flag) in [(false, "-U__BIG_ENDIAN_BITFIELD"), (true, "-D__BIG_ENDIAN_BITFIELD")] {
            let (bit, width) = (u32::try_from(first).unwrap(), u32::try_from(count).unwrap());
            let word = (u64::MAX >> (64 - count)) << bits::shift(bit, width, big);
            let bytes = if big { word.to_be_bytes() } else { word.to_le_bytes() };
            let expected = format!("{:016x}", u64::from_be_bytes(bytes));
            let out = bench.output(COMPILERS[0].command(), "bits", &[flag]);
            assert_eq!(String::from_utf8_lossy(&out.stdout), expected, "{} {flag}", field.name);
        }
    }
    // So a machine of the other byte order would fail with these bytes.
    let flag = "-D__BIG_ENDIAN_BITFIELD";
    let ran = bench.run(COMPILERS[0].command(), "kho_abi_memfd_kunit", &[flag]);
    if cfg!(target_endian = "little") {
        assert_eq!(ran.that(Outcome::Failed), ["memfd_luo_folio_ser_bits"], "{}", ran.said);
    }
}

#[test]
fn a_struct_of_two_contracts_names_both() {
    let truth = truth();
    let bench = Bench::new(&truth);
    let mut model = truth.clone();
    for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
        if let Item::Record(record) = item {
            if record.name == "kho_vmalloc" {
                record.fields.swap(2, 3);
            }
        }
    }
    bench.put_headers(&model);
    let ran = bench.run(COMPILERS[0].command(), "kho_abi_kexec_handover_kunit", &[]);
    assert_eq!(ran.that(Outcome::Failed), ["kho_vmalloc_layout"], "{}", ran.said);
    let both = "the offset of struct kho_vmalloc.flags is promised by KHO_FDT_COMPATIBLE and \
                MEMFD_LUO_FH_COMPATIBLE: ";
    assert!(ran.said.contains(both), "{}", ran.said);
}

/// All of the kernel's own headers, which are written by hand, pass.
#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn the_kernels_own_headers_pass() {
    let source = PathBuf::from(std::env::var_os("LINUX_SRC").expect("`make check` sets LINUX_SRC"));
    let truth = truth();
    let bench = Bench::new(&truth);
    let mut run = Vec::new();
    let dir = source.join("include/linux/kho/abi");
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let path = entry.expect("the directory can be read").path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let header = truth.headers.iter().find(|header| header.name == name);
        let header = header.unwrap_or_else(|| panic!("no suite is for {}", path.display()));
        bench.put_header(&header.include_path(), &fs::read_to_string(&path).expect("text"));
        run.push(format!("kho_abi_{name}_kunit"));
    }
    assert!(run.contains(&"kho_abi_luo_kunit".to_string()), "{run:?}");
    for suite in &run {
        let ran = bench.run(COMPILERS[0].command(), suite, &[]);
        assert_eq!(ran.that(Outcome::Passed).len(), ran.cases.len(), "{suite}:\n{}", ran.said);
    }
    // Then one offset in one of them is changed.
    let path = "linux/kho/abi/luo.h";
    let text = fs::read_to_string(source.join("include").join(path)).expect("it was read");
    let (before, after) = ("\tu64 data;\n\tu64 token;\n", "\tu64 token;\n\tu64 data;\n");
    assert_eq!(text.matches(before).count(), 1, "{path} has other fields");
    bench.put_header(path, &text.replace(before, after));
    let ran = bench.run(COMPILERS[0].command(), "kho_abi_luo_kunit", &[]);
    assert_eq!(ran.that(Outcome::Failed), ["luo_file_ser_layout"], "{}", ran.said);
    let says = "the offset of struct luo_file_ser.data is promised by LUO_ABI_COMPATIBLE: ";
    assert!(ran.said.contains(says), "{}", ran.said);
}
