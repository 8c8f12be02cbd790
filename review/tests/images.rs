// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compilers' output for the generated headers, read back from DWARF and BTF, equals the truth for
//! every compiler and format, and differences are found.

#[allow(dead_code)] // Each test uses another part of it.
#[path = "../../codegen/tests/c/mod.rs"]
mod c;

use c::{checkout, include, Compiler, COMPILERS};
use kho_abi_codegen::generate;
use kho_abi_model::version::{self, called::Called};
use kho_abi_model::{Item, Model, Record, Value};
use kho_abi_read::source::{Kind, Options, Reading};
use kho_abi_read::{headers, image, truth};
use kho_abi_review::preflight::{self, Answer, Kernel, Outlook};
use kho_abi_review::verify::{verify, Report, Truth, Verdict};
use kho_abi_review::{diff, policy};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The present version of a contract, by the name in front of its number.
fn called(name: &str) -> &'static str {
    let model = current();
    let mut contracts = model.contracts().map(|(_, contract)| contract.compatible.clone());
    let is_it = |called: &String| Called::parse(called).is_some_and(|called| called.name == name);
    contracts.find(is_it).expect("it is one of the truth's").leak()
}

/// A string as C has it.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A way to get types from a compiler.
struct Variant {
    compiler: &'static str,
    flags: &'static [&'static str],
    kind: Kind,
}

const VARIANTS: &[Variant] = &[
    Variant { compiler: "gcc", flags: &["-gdwarf-4"], kind: Kind::Dwarf },
    Variant { compiler: "gcc", flags: &["-gdwarf-5"], kind: Kind::Dwarf },
    Variant { compiler: "gcc", flags: &["-gdwarf-5", "-gdwarf64"], kind: Kind::Dwarf },
    Variant { compiler: "gcc", flags: &["-gdwarf-4", "-gz=zlib"], kind: Kind::Dwarf },
    Variant { compiler: "clang", flags: &["-gdwarf-4"], kind: Kind::Dwarf },
    Variant { compiler: "clang", flags: &["-gdwarf-5"], kind: Kind::Dwarf },
    Variant { compiler: "clang", flags: &["-gdwarf-5", "-gz=zstd"], kind: Kind::Dwarf },
    Variant {
        compiler: "clang",
        flags: &["-gdwarf-5", "--target=aarch64-linux-gnu"],
        kind: Kind::Dwarf,
    },
    Variant {
        compiler: "clang",
        flags: &["-gdwarf-5", "--target=riscv64-linux-gnu"],
        kind: Kind::Dwarf,
    },
    Variant { compiler: "gcc", flags: &["-gbtf"], kind: Kind::Btf },
];

impl Variant {
    fn name(&self) -> String {
        format!("{} {}", self.compiler, self.flags.join(" "))
    }

    fn compiler(&self) -> &'static Compiler {
        let named = COMPILERS.iter().find(|compiler| compiler.name == self.compiler);
        named.expect("it is listed")
    }

    /// Compiles a unit against headers, into an object in that directory.
    fn compile(&self, dir: &Path, headers: &Path, text: &str, more: &[&str]) -> PathBuf {
        let mut args: Vec<String> =
            ["-std=gnu11", "-nostdinc", "-ffreestanding"].map(Into::into).into();
        args.extend([include(&checkout("read/stand-in")), include(headers)]);
        args.extend(self.flags.iter().chain(more).map(ToString::to_string));
        if let Err(said) = self.compiler().compile(dir, text, &args) {
            panic!("{} refuses the unit:\n{said}", self.name());
        }
        dir.join("test.o")
    }
}

fn current() -> Model {
    truth::current().expect("the truth is whole")
}

fn held() -> Truth {
    Truth::of(current(), Vec::new())
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn checkout_headers() -> PathBuf {
    checkout("c-headers/include").canonicalize().expect("the headers are there")
}

/// C that uses every struct, enumeration and compatible string of the truth.
fn everything(model: &Model) -> String {
    let mut text = String::new();
    for header in &model.headers {
        let _ = writeln!(text, "#include <{}>", header.include_path());
    }
    for item in model.headers.iter().flat_map(|header| &header.items) {
        match item {
            Item::Record(record) => {
                let _ = writeln!(
                    text,
                    "{} {} use_{};",
                    record.kind.keyword(),
                    record.name,
                    record.name
                );
            }
            Item::Enum(item) => {
                let _ = writeln!(text, "enum {} use_{};", item.name, item.name);
            }
            Item::Constant(_) | Item::Macro(_) => {}
        }
    }
    text.push_str("const char *strings[] = {");
    for (_, contract) in model.contracts().filter(|(_, c)| c.version.is_none()) {
        let _ = write!(text, " {},", contract.macro_name);
    }
    text.push_str(" };\n");
    text
}

fn read(path: &Path, options: &Options) -> Reading {
    image::open(path, options).unwrap_or_else(|error| panic!("{error}")).reading
}

/// Layouts without what no image shows: whether structs are packed.
fn layouts(model: &Model) -> BTreeMap<String, Record> {
    let bare = |record: &Record| Record {
        packing: kho_abi_model::Packing::Natural,
        align: 0,
        page_size: None,
        ..record.bare()
    };
    model.records().map(|(_, record)| (record.name.clone(), bare(record))).collect()
}

fn enumerators(model: &Model) -> BTreeMap<String, Value> {
    let items = model.headers.iter().flat_map(|header| &header.items);
    let members = items.filter(|item| matches!(item, Item::Enum(_))).flat_map(Item::constants);
    members.map(|member| (member.name.clone(), member.value.clone())).collect()
}

fn strings(model: &Model) -> Vec<&str> {
    let mut strings: Vec<_> = model
        .contracts()
        .filter(|(_, contract)| contract.version.is_none())
        .map(|(_, contract)| contract.compatible.as_str())
        .collect();
    strings.sort_unstable();
    strings
}

#[test]
fn one_unit_is_one_model_through_every_reader() {
    let truth = current();
    let text = everything(&truth);
    for variant in VARIANTS {
        let dir = dir();
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &[]);
        let reading = read(&object, &Options::default());
        let name = variant.name();
        assert_eq!(reading.kind, variant.kind, "{name}");
        assert_eq!(layouts(&reading.model), layouts(&truth), "{name}");
        assert_eq!(enumerators(&reading.model), enumerators(&truth), "{name}");
        assert_eq!(strings(&reading.model), strings(&truth), "{name}");
        // Each is under the header that defines it.
        for (header, record) in reading.model.records() {
            let (owner, _) = truth.records().find(|(_, r)| r.name == record.name).expect("known");
            assert_eq!(header.name, owner.name, "{name}: {}", record.name);
        }
        let report = verify(&held(), &reading).expect("the truth is whole");
        assert_eq!(report.findings, [], "{name}");
        assert!(report.anything_checked(), "{name}");
    }
    // The reader of headers agrees for the same headers.
    let reading = headers::read_dir(&checkout_headers(), &Options::default());
    let reading = reading.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(layouts(&reading.model), layouts(&truth));
    assert_eq!(enumerators(&reading.model), enumerators(&truth));
    assert_eq!(strings(&reading.model), strings(&truth));
}

/// Units without a wanted name are skipped; a unit with a single struct is not one of them.
#[test]
fn a_unit_with_one_struct_alone_is_found_among_others() {
    let truth = current();
    let chosen =
        |variant: &&Variant| variant.flags == ["-gdwarf-5"] || variant.flags == ["-gdwarf-4"];
    for variant in VARIANTS.iter().filter(chosen) {
        for (header, record) in truth.records() {
            let text = format!(
                "#include <{}>\nunsigned long size = sizeof(struct {});\n{} {} use_it;\n",
                header.include_path(),
                record.name,
                record.kind.keyword(),
                record.name
            );
            let dir = dir();
            let object = variant.compile(dir.path(), &checkout_headers(), &text, &[]);
            let reading = read(&object, &Options::default());
            let read = layouts(&reading.model);
            assert_eq!(
                read.get(&record.name),
                layouts(&truth).get(&record.name),
                "{}",
                variant.name()
            );
        }
    }
}

#[test]
fn a_linked_file_is_read_as_its_objects_are() {
    let text = format!(
        "{}const char banner[] = \"Linux version 7\";\nvoid _start(void) {{}}\n",
        everything(&current())
    );
    for variant in VARIANTS.iter().filter(|variant| variant.flags.len() == 1) {
        let dir = dir();
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &[]);
        let linked = dir.path().join("linked");
        let status = COMPILERS[0]
            .command()
            .args(["-nostdlib", "-static", "-o"])
            .args([&linked, &object])
            .status()
            .expect("gcc was found");
        assert!(status.success(), "{}", variant.name());
        let reading = read(&linked, &Options::default());
        assert_eq!(layouts(&reading.model), layouts(&current()), "{}", variant.name());
        assert_eq!(strings(&reading.model), strings(&current()), "{}", variant.name());
    }
}

#[test]
fn every_page_size_is_read_for_what_it_is() {
    let truth = current();
    let text = everything(&truth);
    let chosen = |variant: &&Variant| ["-gdwarf-5", "-gbtf"].contains(&variant.flags[0]);
    for variant in VARIANTS.iter().filter(chosen).filter(|variant| variant.flags.len() == 1) {
        for page_size in truth.page_sizes() {
            let dir = dir();
            let shift = format!("-DPAGE_SHIFT={}", page_size.trailing_zeros());
            let object = variant.compile(dir.path(), &checkout_headers(), &text, &[&shift]);
            let options = Options { page_size: Some(page_size), ..Options::default() };
            let reading = read(&object, &options);
            let sized = truth.with_page_size(page_size).expect("it is one of the truth's");
            assert_eq!(layouts(&reading.model), layouts(&sized), "{}", variant.name());
            assert_eq!(verify(&held(), &reading).expect("whole").findings, []);
            // Compared with another page size, it differs.
            for other in truth.page_sizes().into_iter().filter(|other| *other != page_size) {
                let options = Options { page_size: Some(other), ..Options::default() };
                let report = verify(&held(), &read(&object, &options)).expect("whole");
                let found: Vec<_> = report.findings.iter().map(|f| f.what.as_str()).collect();
                assert!(found.iter().any(|what| what.contains("kho_vmalloc_chunk")), "{found:?}");
                assert!(found.iter().any(|what| what.contains("KHO_TREE_MAX_DEPTH")), "{found:?}");
            }
        }
    }
}

/// If nothing shows the page size, the structs decide, and the report says so.
#[test]
fn without_a_page_size_the_one_that_fits_is_taken() {
    let variant = VARIANTS
        .iter()
        .find(|variant| variant.flags.contains(&"--target=aarch64-linux-gnu"))
        .expect("it is listed");
    for page_size in current().page_sizes() {
        let dir = dir();
        let shift = format!("-DPAGE_SHIFT={}", page_size.trailing_zeros());
        let text = everything(&current());
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &[&shift]);
        let report = verify(&held(), &read(&object, &Options::default())).expect("whole");
        assert_eq!(report.page_size, Some(page_size));
        assert!(report.not_checked.iter().any(|why| why.starts_with("the page size")));
        assert_eq!(report.findings, []);
    }
}

/// Headers of the truth with one replacement in one of them, and without assertions.
fn changed_headers(dir: &Path, name: &str, from: &str, to: &str) -> PathBuf {
    let root = dir.join("headers");
    for generated in generate::render(&current()) {
        let path = root.join(&generated.path);
        fs::create_dir_all(path.parent().expect("it is below include")).expect("it is ours");
        let mut text = generated.text.clone();
        if generated.path.ends_with(format!("{name}.h")) {
            assert!(text.contains(from), "{name}.h has {from:?}");
            text = text.replacen(from, to, 1);
        }
        // The lines of assertions stay, so that line numbers stay, but they assert nothing.
        let text = text.replace("static_assert(", "#define NOTHING_ASSERTED (");
        fs::write(path, text).expect("it is ours");
    }
    root.join("include")
}

fn report_of(variant: &Variant, name: &str, from: &str, to: &str) -> Report {
    let dir = dir();
    let headers = changed_headers(dir.path(), name, from, to);
    let object = variant.compile(dir.path(), &headers, &everything(&current()), &["-w"]);
    verify(&held(), &read(&object, &Options::default())).expect("the truth is whole")
}

fn verdict<'a>(report: &'a Report, contract: &str) -> &'a Verdict {
    let found = report.contracts.iter().find(|checked| checked.contract == contract);
    &found.unwrap_or_else(|| panic!("{contract} is not in {report:?}")).verdict
}

#[test]
fn one_offset_that_changed_is_found_at_its_cause() {
    for variant in VARIANTS {
        let name = variant.name();
        let from = "struct luo_file_set_ser {\n\tu64 files;";
        let report = report_of(variant, "luo", from, &format!("{from}\n\tu32 more;"));
        let [finding] = report.findings.as_slice() else { panic!("{name}: {report:#?}") };
        assert_eq!(
            finding.what,
            "luo_file_set_ser: field `more` is not in the truth: u32, 4 bytes at byte 8"
        );
        assert_eq!(
            finding.consequences,
            [
                "field `count` is at byte 12, the truth says byte 8",
                "its size is 20 bytes, the truth says 16",
                "luo_session_ser: field `file_set_ser` is struct luo_file_set_ser, 20 bytes at \
                 byte 64, the truth says struct luo_file_set_ser, 16 bytes at byte 64",
                "luo_session_ser: its size is 84 bytes, the truth says 80",
                format!("this is not what {} promises", called("luo")).as_str(),
            ],
            "{name}"
        );
        assert_eq!(*verdict(&report, called("luo")), Verdict::Different, "{name}");
        assert_eq!(*verdict(&report, called("memfd")), Verdict::Equal, "{name}");
        if variant.kind == Kind::Dwarf {
            let text = &generate::render(&current())
                .into_iter()
                .find(|generated| generated.path.ends_with("luo.h"))
                .expect("it is generated")
                .text;
            let before = text.split(from).next().expect("it is there").lines().count();
            let place = format!("luo.h:{}", before + 3);
            let shown = finding.shown_place();
            assert!(shown.ends_with(&place), "{name}: {shown} at {place}");
        }
    }
}

#[test]
fn one_change_is_told_with_every_contract_that_it_breaks() {
    for variant in VARIANTS {
        let from = "unsigned short flags;\n\tunsigned short order;";
        let to = "unsigned short order;\n\tunsigned short flags;";
        let report = report_of(variant, "kexec_handover", from, to);
        let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
        assert!(finding.what.starts_with("kho_vmalloc: field `order` is at byte 12"), "{finding}");
        let last = finding.consequences.last().map(String::as_str);
        let promise = format!("this is not what {} and {} promise", called("kho"), called("memfd"));
        assert_eq!(last, Some(promise.as_str()));
        assert_eq!(*verdict(&report, called("kho")), Verdict::Different);
        assert_eq!(*verdict(&report, called("memfd")), Verdict::Different);
        assert_eq!(*verdict(&report, called("luo")), Verdict::Equal);
    }
}

#[test]
fn a_bit_that_changed_hands_is_found() {
    for variant in VARIANTS {
        let report = report_of(variant, "memfd", "u64 pfn:52;", "u64 pfn:51;");
        let whats: Vec<_> = report.findings.iter().map(|finding| &finding.what).collect();
        let found = whats.iter().any(|what| what.contains("memfd_luo_folio_ser: field `pfn`"));
        assert!(found, "{}: {whats:?}", variant.name());
        assert_eq!(*verdict(&report, called("memfd")), Verdict::Different);
    }
}

#[test]
fn other_versions_are_told_from_changes() {
    let variant = &VARIANTS[1];
    let report = report_of(variant, "memfd", &quoted(called("memfd")), &quoted("memfd-v99"));
    assert_eq!(*verdict(&report, called("memfd")), Verdict::Newer);
    assert_eq!(report.findings[0].rule, "source_version_unknown");
    let report = report_of(variant, "memfd", &quoted(called("memfd")), "\"memfd-v1\"");
    assert_eq!(*verdict(&report, called("memfd")), Verdict::Older);
    assert_eq!(report.findings[0].rule, "source_version_unknown");
    // Without its string, the structs decide, and the report says that the string is missing.
    let report = report_of(variant, "memfd", &quoted(called("memfd")), "\"other\"");
    assert_eq!(*verdict(&report, called("memfd")), Verdict::Partly);
    let memfd = report.contracts.iter().find(|checked| checked.contract == called("memfd"));
    assert!(memfd.is_some_and(|c| c.not_checked.iter().any(|gap| gap.item == "the string")));
    assert_eq!(rules(&report), ["not_compared"]);
    let what = &report.findings[0].what;
    assert!(what.contains(&format!("the string of {}", called("memfd"))), "{what}");
}

#[test]
fn an_earlier_version_that_the_truth_knows_is_compared_with_it() {
    // Assume that the previous version had 32 bits for the number of folios.
    let mut earlier = current();
    earlier.headers.retain(|header| header.name == "memfd");
    let header = &mut earlier.headers[0];
    header.contracts[0].compatible = "memfd-v1".into();
    header.contracts[0].roots = vec!["memfd_luo_folio_ser".into()];
    for item in &mut header.items {
        if let Item::Record(record) = item {
            record.fields.retain(|field| field.name != "index");
            if record.name == "memfd_luo_folio_ser" {
                record.size = 8;
            }
        }
    }
    let held = Truth::of(current(), vec![earlier]);
    let dir = dir();
    let headers = changed_headers(dir.path(), "memfd", &quoted(called("memfd")), "\"memfd-v1\"");
    let path = headers.join("linux/kho/abi/memfd.h");
    let text = fs::read_to_string(&path).expect("it was written").replace("u64 index;", "");
    let variant = &VARIANTS[1];
    for (text, expected) in [
        (text.clone(), Verdict::Older),
        (text.replace("u64 pfn:52;", "u64 pfn:50;"), Verdict::Different),
    ] {
        fs::write(&path, text).expect("it is ours");
        let object = variant.compile(dir.path(), &headers, &everything(&current()), &["-w"]);
        let report = verify(&held, &read(&object, &Options::default())).expect("whole");
        let memfd = report.contracts.iter().find(|checked| checked.contract == called("memfd"));
        let memfd = memfd.expect("it is one of the truth's");
        assert_eq!((memfd.verdict, memfd.found.as_deref()), (expected, Some("memfd-v1")));
        assert_eq!(report.findings.is_empty(), expected == Verdict::Older, "{report:#?}");
    }
}

/// A file handler, as in the kernel, for a string.
fn handler(name: &str, compatible: &str) -> String {
    format!(
        "#ifndef HANDLER\n#define HANDLER\nstruct list_head {{ struct list_head *next, *prev; }};\n\
         struct liveupdate_file_handler {{\n\tconst void *ops;\n\tconst char compatible[48];\n\t\
         struct list_head list;\n}};\n#endif\n\
         static struct liveupdate_file_handler {name} __attribute__((used)) = {{ .ops = &{name}, \
         .compatible = \"{compatible}\" }};\n"
    )
}

#[test]
fn strings_of_file_handlers_are_read_from_the_objects_that_register_them() {
    for variant in VARIANTS {
        let dir = dir();
        let text = format!(
            "{}{}{}",
            everything(&current()).replace("MEMFD_LUO_FH_COMPATIBLE,", ""),
            handler("memfd_luo_handler", called("memfd")),
            handler("other_handler", "other-v7"),
        );
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &["-w"]);
        let reading = read(&object, &Options::default());
        let report = verify(&held(), &reading).expect("the truth is whole");
        let name = variant.name();
        assert_eq!(*verdict(&report, called("memfd")), Verdict::Equal, "{name}");
        assert!(report
            .contracts
            .iter()
            .any(|c| c.contract == called("memfd") && c.compared.string));
        assert_eq!(*verdict(&report, "other-v7"), Verdict::Unknown, "{name}");
        assert_eq!(report.findings.len(), 1, "{name}: {report:#?}");
        assert_eq!(report.findings[0].rule, "source_contract_unknown");
    }
}

#[test]
fn two_structs_of_one_name_are_not_believed() {
    let variant = &VARIANTS[1];
    let dir = dir();
    let object = variant.compile(dir.path(), &checkout_headers(), &everything(&current()), &[]);
    let first = dir.path().join("first.o");
    fs::rename(object, &first).expect("it is ours");
    let other = "struct luo_ser { char x; } use_it;\n";
    let second = variant.compile(dir.path(), &checkout_headers(), other, &[]);
    let both = dir.path().join("both.o");
    let linker = ["-nostdlib", "-r", "-o"];
    let status = COMPILERS[0].command().args(linker).args([&both, &first, &second]).status();
    assert!(status.expect("gcc was found").success());
    let reading = read(&both, &Options::default());
    let gap = reading.gaps.iter().find(|gap| gap.item == "luo_ser").expect("it is left open");
    assert!(gap.why.contains("two with this name"), "{}", gap.why);
    let report = verify(&held(), &reading).expect("whole");
    let luo = report.contracts.iter().find(|c| c.contract == called("luo")).expect("a contract");
    assert!(luo.not_checked.iter().any(|gap| gap.item == "luo_ser"), "{luo:?}");
}

#[test]
fn foreign_files_are_named_for_what_they_are() {
    let clang = COMPILERS.iter().find(|compiler| compiler.name == "clang").expect("it is listed");
    for (target, said) in [
        ("--target=i386-linux-gnu", "32-bit machine (i386)"),
        ("--target=s390x-linux-gnu", "big-endian machine (s390)"),
        ("--target=armeb-linux-gnueabi", "32-bit machine (arm)"),
    ] {
        let dir = dir();
        let args = [target.to_string(), "-g".into()];
        clang.compile(dir.path(), "int x;\n", &args).expect("clang has the target");
        let error = image::open(&dir.path().join("test.o"), &Options::default());
        let error = error.expect_err("no such machine hands anything over").to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Thousands of files, each damaged in its own way, give an answer or an error, and no panic.
#[test]
fn damaged_files_do_no_harm() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let text = format!("{}{}", everything(&current()), handler("h", called("memfd")));
    for variant in VARIANTS.iter().filter(|variant| variant.flags.len() == 1) {
        let dir = dir();
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &["-w"]);
        let good = fs::read(&object).expect("it was just written");
        let options = Options::default();
        let read = |bytes: &Vec<u8>| {
            let _ = image::read(Path::new("damaged"), bytes, &options);
        };
        for end in (0..good.len()).step_by(97) {
            read(&good[..end].to_vec());
        }
        for _ in 0..1500 {
            let mut bytes = good.clone();
            for _ in 0..=next() % 8 {
                let at = usize::try_from(next() % bytes.len() as u64).expect("it is small");
                bytes[at] = match next() % 4 {
                    0 => 0xff,
                    1 => 0,
                    _ => next().to_le_bytes()[0],
                };
            }
            read(&bytes);
        }
    }
}

#[test]
fn a_stripped_file_is_not_passed_as_checked() {
    let dir = dir();
    let variant = &VARIANTS[1];
    let object = variant.compile(dir.path(), &checkout_headers(), &everything(&current()), &[]);
    let status = Command::new("strip").arg("--strip-debug").arg(&object).status();
    assert!(status.expect("binutils come with gcc").success());
    let reading = read(&object, &Options::default());
    assert_eq!(reading.kind, Kind::Strings);
    let truth = current();
    let report = verify(&held(), &reading).expect("the truth is whole");
    assert!(!report.anything_checked());
    for checked in &report.contracts {
        // A name without a version counts if a handler has it, but this file has no handler.
        let (_, contract) = truth.contract(&checked.contract).expect("it is one of the truth's");
        let expected =
            if contract.name.is_some() { Verdict::Absent } else { Verdict::NotCheckable };
        assert_eq!(checked.verdict, expected, "{checked:?}");
    }
}

/// The string is in the data, but the number that decides is in the code: structs can be compared,
/// but no kernel is reported as understood.
#[test]
fn a_name_with_a_number_beside_it_is_found_by_the_name() {
    let text = format!("{}{}", everything(&current()), handler("h", "pci"));
    for variant in VARIANTS.iter().filter(|variant| variant.flags.len() == 1) {
        let (dir, other) = (dir(), dir());
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &["-w"]);
        let report = verify(&held(), &read(&object, &Options::default())).expect("it is whole");
        assert_eq!(report.findings, [], "{}", variant.name());
        let pci: Vec<_> = report.contracts.iter().filter(|c| c.contract == called("pci")).collect();
        let [pci] = pci.as_slice() else { panic!("{:?}", report.contracts) };
        assert_eq!(pci.verdict, Verdict::Equal, "{pci:?}");
        assert!(pci.compared.string && pci.compared.structs == 2, "{pci:?}");
        assert!(pci.not_checked.iter().any(|gap| gap.item == "the version"), "{pci:?}");
        let headers = checkout_headers();
        for (current, next) in [(&object, &headers), (&headers, &object), (&object, &object)] {
            let answer = asked(current, next);
            let of_pci = |c: &&preflight::ContractAnswer| {
                let names = [&c.current, &c.next].into_iter().flatten();
                names.into_iter().any(|name| name.starts_with("pci"))
            };
            let pci: Vec<_> = answer.contracts.iter().filter(of_pci).collect();
            let [pci] = pci.as_slice() else { panic!("{:#?}", answer.contracts) };
            assert_eq!(pci.outcome, preflight::Outcome::Unknown, "{pci:?}");
            assert!(pci.open.contains(&"PCI_LUO_FLB_VERSION".to_string()), "{pci:?}");
        }
        let wider = changed_headers(other.path(), "pci", "u16 refcount;", "u32 refcount;");
        let wider = variant.compile(other.path(), &wider, &text, &["-w"]);
        let report = verify(&held(), &read(&wider, &Options::default())).expect("it is whole");
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
        assert!(report.findings[0].what.contains("pci_dev_ser"), "{:?}", report.findings);
        assert_eq!(outcome(&asked(&object, &wider), "pci"), preflight::Outcome::Dangerous);
    }
}

/// The answer for two kernels, each a compiled unit, with or without its types.
fn asked(current: &Path, next: &Path) -> Answer {
    let open = |path: &Path| {
        let word = path.to_str().expect("it is ours");
        Kernel::open(word, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
    };
    preflight::answer(&open(current), &open(next))
}

fn outcome(answer: &Answer, string: &str) -> preflight::Outcome {
    let of =
        |c: &&preflight::ContractAnswer| c.current.as_deref().or(c.next.as_deref()) == Some(string);
    answer.contracts.iter().find(of).unwrap_or_else(|| panic!("{string}: {answer:#?}")).outcome
}

/// Strings alone are not a yes if either side has no types, and not a loss of what is invisible.
#[test]
fn preflight_of_a_kernel_without_types_is_unknown() {
    let variant = VARIANTS.iter().find(|variant| variant.kind == Kind::Btf).expect("it is listed");
    let (first, second) = (dir(), dir());
    // As in a kernel, a pointer with non-zero bytes precedes the string.
    let text = format!(
        "{}const char banner[] = \"Linux version 7\";\n\
         struct {{ const void *ops; char compatible[48]; }} memfd __attribute__((used)) = \
         {{ (void *)-1L, MEMFD_LUO_FH_COMPATIBLE }};\n",
        everything(&current()).replace(" MEMFD_LUO_FH_COMPATIBLE,", "")
    );
    let typed = everything(&current());
    let whole = variant.compile(first.path(), &checkout_headers(), &typed, &[]);
    let headers = changed_headers(second.path(), "memfd", "u32 seals;", "u64 seals;");
    let wider = variant.compile(second.path(), &headers, &typed, &["-w"]);
    let bare = first.path().join("bare");
    let hidden = first.path().join("hidden");
    for (text, to) in [(&typed, &bare), (&text, &hidden)] {
        let below = dir();
        let object = variant.compile(below.path(), &checkout_headers(), text, &["-w"]);
        let strip = ["-S", "--remove-section", ".BTF"];
        let status = Command::new("objcopy").args(strip).args([&object, to]).status();
        assert!(status.expect("binutils come with gcc").success());
    }
    let same = asked(&whole, &whole);
    assert_eq!(same.outlook, Outlook::Understood, "{same:#?}");
    assert_eq!(asked(&whole, &wider).outlook, Outlook::Dangerous);
    for (current, next) in [(&bare, &wider), (&wider, &bare), (&bare, &whole), (&bare, &bare)] {
        let answer = asked(current, next);
        assert_eq!(answer.outlook, Outlook::Unknown, "{answer:#?}");
        for string in ["kho", "luo", "memfd"].map(called) {
            assert_eq!(outcome(&answer, string), preflight::Outcome::Unknown, "{answer:#?}");
        }
        let memfd = answer.contracts.iter().find(|c| c.current.as_deref() == Some(called("memfd")));
        assert!(memfd.expect("there").happens.contains("has no types"), "{answer:#?}");
    }
    // A string that only the kernel's types would show may be there.
    for (current, next) in [(&hidden, &wider), (&wider, &hidden)] {
        let answer = asked(current, next);
        assert_eq!(answer.outlook, Outlook::Unknown, "{answer:#?}");
        let memfd = outcome(&answer, called("memfd"));
        let unknown = [preflight::Outcome::Unknown, preflight::Outcome::CurrentUnknown];
        assert!(unknown.contains(&memfd), "{answer:#?}");
    }
}

/// What neither side shows was not compared, and neither were contracts with unknown structs.
#[test]
fn preflight_says_yes_only_of_structs_that_it_saw() {
    let variant = VARIANTS.iter().find(|variant| variant.kind == Kind::Btf).expect("it is listed");
    let truth = current();
    let unused =
        |name: &str| everything(&truth).replace(&format!("struct {name} use_{name};\n"), "");
    for (text, string, outlook) in [
        (everything(&truth), called("memfd"), Outlook::Understood),
        (unused("memfd_luo_folio_ser"), called("memfd"), Outlook::Unknown),
        (unused("kho_kexec_metadata"), called("memfd"), Outlook::Understood),
    ] {
        let dir = dir();
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &[]);
        let answer = asked(&object, &object);
        assert_eq!(answer.outlook, outlook, "{answer:#?}");
        let understood = outcome(&answer, string) == preflight::Outcome::Understood;
        assert_eq!(understood, outlook == Outlook::Understood, "{answer:#?}");
        assert_eq!(outcome(&answer, called("luo")), preflight::Outcome::Understood, "{answer:#?}");
    }
    let dir = dir();
    for other in ["memfd-v9", "other-v7"] {
        let text = format!("{}{}", everything(&truth), handler("another", other));
        let object = variant.compile(dir.path(), &checkout_headers(), &text, &["-w"]);
        let answer = asked(&object, &object);
        assert_eq!(outcome(&answer, other), preflight::Outcome::Unknown, "{answer:#?}");
        assert_eq!(answer.outlook, Outlook::Unknown, "{other}");
    }
}

/// A unified kernel image with that kernel, as far as a reader uses it.
fn unified(kernel: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 0x400];
    image[..2].copy_from_slice(b"MZ");
    image[0x3c] = 0x80;
    image[0x80..0x84].copy_from_slice(b"PE\0\0");
    image[0x86] = 1;
    image[0x94] = 0xf0;
    let at = 0x80 + 24 + 0xf0;
    image[at..at + 8].copy_from_slice(b".linux\0\0");
    let size = u32::try_from(kernel.len()).expect("it is small").to_le_bytes();
    image[at + 8..at + 12].copy_from_slice(&size);
    image[at + 16..at + 20].copy_from_slice(&size);
    image[at + 20..at + 24].copy_from_slice(&0x400_u32.to_le_bytes());
    image.extend(kernel);
    image
}

/// The file, packed like kernels and modules.
fn gzip(path: &Path) -> Vec<u8> {
    let out = Command::new("gzip").args(["-n", "-c"]).arg(path).output().expect("gzip is there");
    assert!(out.status.success());
    out.stdout
}

#[test]
fn a_kernel_in_a_unified_image_is_read() {
    let dir = dir();
    let variant = VARIANTS.iter().find(|variant| variant.kind == Kind::Btf).expect("it is listed");
    let text =
        format!("{}const char banner[] = \"Linux version 7.3.4 (x)\";\n", everything(&current()));
    let object = variant.compile(dir.path(), &checkout_headers(), &text, &[]);
    let plain = read(&object, &Options::default());
    for (name, kernel) in [("plain", fs::read(&object).unwrap()), ("packed", gzip(&object))] {
        let path = dir.path().join(name);
        fs::write(&path, unified(&kernel)).unwrap();
        let image = image::open(&path, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(layouts(&image.reading.model), layouts(&plain.model), "{name}");
        assert_eq!(strings(&image.reading.model), strings(&plain.model), "{name}");
        assert_eq!(image.release.as_deref(), Some("7.3.4"), "{name}");
        // A truncated one is an error, and not another kind of file.
        let whole = unified(&kernel);
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(image::open(&path, &Options::default()).is_err(), "{name}");
    }
}

/// BTF of a module: one integer, whose name comes after that many bytes of its kernel's strings.
fn split_btf(first_string: u32) -> Vec<u8> {
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let strings = b"module_word\0";
    let words = [24, 0, 16, 16, u32::try_from(strings.len()).unwrap()];
    let ty = [first_string, 1 << 24, 8, 64];
    bytes.extend(words.iter().chain(&ty).flat_map(|word: &u32| word.to_le_bytes()));
    bytes.extend(strings);
    bytes
}

#[test]
fn a_module_asks_for_the_types_of_its_own_kernel() {
    let dir = dir();
    let variant = VARIANTS.iter().find(|variant| variant.kind == Kind::Btf).expect("it is listed");
    let kernel = |release: &str| {
        let below = dir.path().join(release);
        fs::create_dir_all(&below).unwrap();
        let text = format!(
            "{}const char banner[] = \"Linux version {release} (x)\";\n",
            everything(&current())
        );
        variant.compile(&below, &checkout_headers(), &text, &[])
    };
    let (own, other) = (kernel("7.3.4"), kernel("7.3.5"));
    let objcopy = |arguments: &[&str]| {
        let status = Command::new("objcopy").args(arguments).status();
        assert!(status.expect("binutils come with gcc").success());
    };
    let btf = dir.path().join("base.btf");
    let (own_word, btf_word) = (own.to_str().unwrap(), btf.to_str().unwrap());
    objcopy(&[
        "-O",
        "binary",
        "--only-section=.BTF",
        "--set-section-flags",
        ".BTF=alloc",
        own_word,
        btf_word,
    ]);
    let base = fs::read(&btf).unwrap();
    let strings = u32::from_le_bytes(*base[20..].first_chunk().unwrap());

    // The module: a string of a contract, its release, and BTF that continues its kernel's.
    let below = dir.path().join("module");
    fs::create_dir_all(&below).unwrap();
    let text = format!(
        "const char s[] = {};\nstatic const char m[] \
         __attribute__((used, section(\".modinfo\"))) = \"vermagic=7.3.4 SMP\";\n",
        quoted(called("memfd"))
    );
    let plain = variant.compile(&below, &checkout_headers(), &text, &[]);
    let module = dir.path().join("module.ko");
    let split = dir.path().join("split.btf");
    fs::write(&split, split_btf(strings)).unwrap();
    let add = format!(".BTF={}", split.display());
    objcopy(&[
        "--remove-section",
        ".BTF",
        "--add-section",
        &add,
        plain.to_str().unwrap(),
        module.to_str().unwrap(),
    ]);
    let packed = dir.path().join("module.ko.gz");
    fs::write(&packed, gzip(&module)).unwrap();
    let bz_image = dir.path().join("bzImage");
    fs::write(&bz_image, unified(&gzip(&own))).unwrap();

    for module in [&module, &packed] {
        let with = |base: Option<&Path>| {
            let btf_base = base.map(Path::to_path_buf);
            image::open(module, &Options { btf_base, ..Options::default() })
        };
        let alone = with(None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(alone.reading.kind, Kind::Strings);
        assert!(alone.reading.gaps.iter().any(|gap| gap.why.contains("--btf-base")));
        assert_eq!(alone.release.as_deref(), Some("7.3.4"));
        for base in [&own, &btf, &bz_image] {
            let read =
                with(Some(base)).unwrap_or_else(|error| panic!("{}: {error}", base.display()));
            assert_eq!(read.reading.kind, Kind::Btf, "{}", base.display());
        }
        let refused = with(Some(&other)).expect_err("it is another kernel").to_string();
        assert!(refused.contains("7.3.4") && refused.contains("7.3.5"), "{refused}");
    }
    // Without a release to compare, the strings show it.
    fs::write(&split, split_btf(strings - 3)).unwrap();
    objcopy(&["--update-section", &add, module.to_str().unwrap()]);
    let options = Options { btf_base: Some(btf), ..Options::default() };
    let refused = image::open(&module, &options).expect_err("it is of another kernel").to_string();
    assert!(refused.contains("exactly the kernel"), "{refused}");
}

#[test]
fn handlers_are_found_whatever_they_are_called() {
    let variant = VARIANTS.iter().find(|variant| variant.kind == Kind::Btf).expect("it is listed");
    let names = ["kvm_vm_luo_v1", "memfd", "pci", "iommu-liveupdate", "tomorrow"];
    let dir = dir();
    let objects: String =
        names.iter().map(|name| handler(&format!("h_{}", name.replace('-', "_")), name)).collect();
    let text =
        format!("{}{objects}const char banner[] = \"Linux version 7\";\n", everything(&current()));
    let object = variant.compile(dir.path(), &checkout_headers(), &text, &["-w"]);
    let reading = read(&object, &Options::default());
    for name in names {
        assert!(strings(&reading.model).contains(&name), "{name}: {:?}", strings(&reading.model));
        // Their promises are unknown, so no kernel is reported to understand them.
        let answer = asked(&object, &object);
        assert_eq!(outcome(&answer, name), preflight::Outcome::Unknown, "{name}");
        assert_eq!(answer.outlook, Outlook::Unknown, "{name}");
    }
    // Without types, known names of handlers are found in a handler's array.
    let bare = dir.path().join("bare");
    let text = text.replace("{ .ops = &", "{ .ops = (void *)-1L + (long)0 * (long)&");
    let text = names.iter().fold(text, |text, name| {
        let name = name.replace('-', "_");
        text.replace(&format!("(void *)-1L + (long)0 * (long)&h_{name}"), "(void *)-1L")
    });
    let object = variant.compile(dir.path(), &checkout_headers(), &text, &["-w"]);
    let status = Command::new("objcopy")
        .args(["-S", "--remove-section", ".BTF"])
        .args([&object, &bare])
        .status();
    assert!(status.expect("binutils come with gcc").success());
    let reading = read(&bare, &Options::default());
    assert_eq!(reading.kind, Kind::Strings);
    for name in ["memfd", "pci", "iommu-liveupdate"] {
        assert!(strings(&reading.model).contains(&name), "{name}: {:?}", strings(&reading.model));
    }
}

fn rules(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

/// What an image of its kind would show, and this one lacks, is not equal: a struct, an enumeration, and what is
/// of no known page size.
#[test]
fn verify_is_equal_only_of_what_it_saw() {
    for variant in VARIANTS.iter().filter(|v| ["-gdwarf-5"] == v.flags || ["-gbtf"] == v.flags) {
        for (header, from, contract, item) in [
            ("memfd", "struct memfd_luo_ser {", called("memfd"), "memfd_luo_ser"),
            ("memfd", "struct memfd_luo_folio_ser {", called("memfd"), "memfd_luo_folio_ser"),
            ("luo", "struct luo_ser {", called("luo"), "luo_ser"),
            ("kexec_handover", "enum kho_radix_consts {", called("kho"), "KHO_TREE_MAX_DEPTH"),
        ] {
            let dir = dir();
            let to = from.replace(" {", "_x {");
            let headers = changed_headers(dir.path(), header, from, &to);
            let tag = from.trim_end_matches(" {");
            let text = everything(&current()).replace(tag, &format!("{tag}_x"));
            // Assertions name what is gone.
            let object = variant.compile(dir.path(), &headers, &text, &["-w"]);
            let report = verify(&held(), &read(&object, &Options::default())).expect("whole");
            let name = format!("{} {item}", variant.name());
            assert_eq!(*verdict(&report, contract), Verdict::Partly, "{name}: {report:#?}");
            assert!(rules(&report).iter().all(|rule| *rule == "not_compared"), "{name}");
            let found = report.findings.iter().any(|finding| finding.what.contains(item));
            assert!(found, "{name}: {:#?}", report.findings);
        }
    }
    // A struct of the size of no page leaves the page size open, and with it the struct.
    let variant =
        VARIANTS.iter().find(|v| v.flags.contains(&"--target=aarch64-linux-gnu")).unwrap();
    let dir = dir();
    let headers = changed_headers(
        dir.path(),
        "kexec_handover",
        "struct kho_vmalloc_hdr hdr;",
        "struct kho_vmalloc_hdr hdr; u64 x;",
    );
    for struct_ in ["struct kho_radix_node {", "struct kho_radix_leaf {"] {
        let path = headers.join("linux/kho/abi/kexec_handover.h");
        let text =
            fs::read_to_string(&path).unwrap().replace(struct_, &format!("{struct_} u64 x;"));
        fs::write(&path, text).unwrap();
    }
    let object = variant.compile(dir.path(), &headers, &everything(&current()), &["-w"]);
    let report = verify(&held(), &read(&object, &Options::default())).expect("whole");
    assert_eq!(*verdict(&report, called("kho")), Verdict::Partly, "{report:#?}");
    assert!(!report.findings.is_empty());
}

/// How many findings the comparison of two sources has, and of which rules.
fn differences(old: &Path, new: &Path) -> Vec<String> {
    let open = |path: &Path| {
        let word = path.to_str().expect("it is ours");
        Kernel::open(word, &Options::default()).unwrap_or_else(|error| panic!("{error}")).side
    };
    let (old, new) = (open(old), open(new));
    let report = policy::judge(&diff::compare(&old, &new), &policy::Options::default());
    let findings = report.events.iter().filter(|event| event.level == policy::Level::Finding);
    findings.map(|event| event.rule.clone()).collect()
}

/// An enumerator that one side does not have by that name is not passed over: its value may be another
/// enumerator's now.
#[test]
fn an_enumerator_that_is_gone_is_no_yes() {
    const DEPTH: &str = "KHO_TREE_MAX_DEPTH =";
    let chosen = |variant: &&Variant| ["-gdwarf-5"] == variant.flags || ["-gbtf"] == variant.flags;
    for variant in VARIANTS.iter().filter(chosen) {
        let name = variant.name();
        let build = |dir: &Path, from: &str, to: &str| {
            let headers = changed_headers(dir, "kexec_handover", from, to);
            let tag = if to.starts_with("enum") { "kho_radix_values" } else { "kho_radix_consts" };
            let text = everything(&current()).replace("kho_radix_consts", tag);
            (variant.compile(dir, &headers, &text, &["-w"]), headers)
        };
        let dirs = [dir(), dir(), dir(), dir()];
        let (same, same_headers) = build(dirs[0].path(), DEPTH, DEPTH);
        let (other, other_headers) = build(dirs[1].path(), DEPTH, "KHO_TREE_MAX_DEPTX = -2 +");
        let (renamed, _) = build(dirs[2].path(), DEPTH, "KHO_TREE_MAX_DEPTX =");
        let (without, _) =
            build(dirs[3].path(), "enum kho_radix_consts {", "enum kho_radix_values {");
        let kho = called("kho");
        for (old, new) in [(&same, &other), (&other, &same), (&without, &same), (&same, &without)] {
            let answer = asked(old, new);
            assert_eq!(answer.outlook, Outlook::Unknown, "{name}: {answer:#?}");
            let row = answer.contracts.iter().find(|c| c.current.as_deref() == Some(kho)).unwrap();
            assert!(row.happens.contains("constant KHO_TREE_MAX_DEPTH"), "{name}: {row:?}");
            assert_eq!(differences(old, new), ["not_compared"], "{name}");
        }
        // Neither side shows it: nothing was compared.
        assert_eq!(asked(&without, &without).outlook, Outlook::Unknown, "{name}");
        // A name alone makes no difference, and another value under one name does.
        assert_eq!(asked(&same, &renamed).outlook, Outlook::Understood, "{name}");
        assert_eq!(outcome(&asked(&renamed, &other), kho), preflight::Outcome::Dangerous, "{name}");
        assert_eq!(differences(&renamed, &other), ["constant_changed"], "{name}");
        // The text of headers shows that only code uses it.
        let answer = asked(&same_headers, &other_headers);
        assert_eq!(outcome(&answer, kho), preflight::Outcome::Dangerous, "{answer:#?}");
        let report = verify(&held(), &read(&other, &Options::default())).expect("it is whole");
        assert_eq!(*verdict(&report, kho), Verdict::Different, "{name}");
        let found = report.findings.iter().any(|f| f.what.contains("KHO_TREE_MAX_DEPTH"));
        assert!(found, "{name}: {:#?}", report.findings);
    }
}

/// Linux 7.2 has a constant under another name: an image of it is read by the name of today.
#[test]
fn a_constant_that_was_renamed_is_known_in_an_image() {
    let variant = VARIANTS.iter().find(|variant| variant.kind == Kind::Btf).expect("it is listed");
    let (before, now) = (dir(), dir());
    let header = "kexec_handover";
    // The version under which it was renamed, whichever the current one is.
    let renamed = kho_abi::wire::earlier::reused::RENAMED[0].compatible;
    let model = current();
    let mut strings = model.contracts().map(|(_, contract)| &contract.compatible);
    let present = strings.find(|string| version::akin(string, renamed)).expect("KHO has one");
    let [present, renamed] = [present, renamed].map(|string| format!("\"{string}\""));
    let [from, to] =
        ["KHO_RADIX_KEY_WIDTH = 64 - PAGE_SHIFT + 1,", "KHO_ORDER_0_LOG2 = 64 - PAGE_SHIFT,"];
    let headers = changed_headers(before.path(), header, from, to);
    let path = headers.join("linux/kho/abi/kexec_handover.h");
    let text =
        fs::read_to_string(&path).unwrap().replace("(KHO_RADIX_KEY_WIDTH", "(KHO_ORDER_0_LOG2 + 1");
    fs::write(&path, text.replace(&present, &renamed)).unwrap();
    let headers_now = changed_headers(now.path(), header, &present, &renamed);
    let before = variant.compile(before.path(), &headers, &everything(&current()), &["-w"]);
    let now = variant.compile(now.path(), &headers_now, &everything(&current()), &["-w"]);
    for (current, next) in [(&before, &now), (&now, &before), (&before, &before)] {
        let answer = asked(current, next);
        assert_eq!(answer.outlook, Outlook::Understood, "{answer:#?}");
    }
}

/// A file that ends before one of its sections does is refused, whichever it is, and so is what is no kernel.
#[test]
fn a_cut_off_file_and_a_core_dump_are_refused() {
    let dir = dir();
    let variant = &VARIANTS[1];
    let object = variant.compile(dir.path(), &checkout_headers(), &everything(&current()), &[]);
    let good = fs::read(&object).unwrap();
    let open = |bytes: Vec<u8>| image::read(Path::new("x"), &bytes, &Options::default());
    assert!(open(good.clone()).is_ok());
    // The list of sections first, so that the end of the file is a section's.
    let word = |at: usize| u64::from_le_bytes(*good[at..].first_chunk().unwrap());
    let (list, count) = (word(0x28), usize::from(good[0x3c]));
    let at = usize::try_from(list).unwrap();
    let mut moved = good.clone();
    let table = good[at..at + count * 64].to_vec();
    moved.extend(&table);
    let end = good.len() as u64;
    moved[0x28..0x30].copy_from_slice(&end.to_le_bytes());
    assert!(open(moved.clone()).is_ok());
    for index in 1..count {
        let header = usize::try_from(end).unwrap() + index * 64;
        let mut longer = moved.clone();
        // Its offset: one more byte than there is behind it.
        let kind = longer[header + 4];
        let size = u64::from_le_bytes(*longer[header + 32..].first_chunk().unwrap());
        let past = (moved.len() as u64 + 1).saturating_sub(size);
        longer[header + 24..header + 32].copy_from_slice(&past.to_le_bytes());
        let error = open(longer);
        // A section without bytes in the file is nowhere.
        assert_eq!(error.is_err(), kind != 8, "section {index}");
    }
    for (kind, said) in [(4, "it is a core dump"), (0, "unknown type"), (9, "unknown type")] {
        let mut other = good.clone();
        other[16] = kind;
        let error = open(other).expect_err("it is no kernel").to_string();
        assert!(error.contains(said), "{error}");
    }
    let program = std::env::current_exe().unwrap();
    let error =
        image::open(&program, &Options::default()).expect_err("it is no kernel").to_string();
    assert!(error.contains("it is a program, not a kernel"), "{error}");
    // The machine is known, so that two kernels are held to be of one.
    let machine = |bytes: Vec<u8>| open(bytes).unwrap().machine;
    assert_eq!(machine(good.clone()).as_deref(), Some("x86_64"));
    let mut other = good;
    other[18] = 183;
    assert_eq!(machine(other).as_deref(), Some("arm64"));
}
