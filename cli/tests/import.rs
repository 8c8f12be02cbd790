// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi import`: a header becomes a wire file, which compiles, and becomes that header again.
//!
//! Wire files are compiled in a package of their own, under the rules of those in `abi/src/wire`. It prints
//! what rustc computed; of that, a header is generated, and `kho-abi diff` holds the two to each other.

use kho_abi_codegen::origin::Origin;
use kho_abi_codegen::write::c_header;
use kho_abi_model::{compare, Model};
use kho_abi_read::{headers, outline, source, truth};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

type Header = kho_abi::wire::layout::Header;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn kho_abi(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi")).args(args).output().unwrap();
    said(&output)
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Headers that are imported together, or each by itself.
struct Set {
    name: &'static str,
    /// The headers, by their names without an extension, in one directory.
    dir: PathBuf,
    names: Vec<String>,
    /// Whether they belong together: one tree, with one definition of each name.
    together: bool,
}

impl Set {
    fn of(name: &'static str, dir: PathBuf, together: bool, but: &[&str]) -> Self {
        let entries =
            fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let files = entries.map(|entry| entry.unwrap().path());
        let names = files.filter(|path| path.extension().is_some_and(|end| end == "h"));
        let names = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string());
        let mut names: Vec<_> = names.filter(|name| !but.contains(&&**name)).collect();
        names.sort();
        assert!(!names.is_empty(), "{name}");
        Self { name, dir, names, together }
    }
}

/// A package with wire files, and what rustc makes of them.
struct Package {
    dir: PathBuf,
}

const MANIFEST: &str = "\
[package]
name = \"NAME\"
version = \"0.0.0\"
edition = \"2021\"
[workspace]
[dependencies]
kho-abi-types = { path = \"ABI\" }
zerocopy = { version = \"=0.8.54\", default-features = false }
zerocopy-derive = \"=0.8.54\"
# As the workspace has them, so that both share what was compiled.
[profile.dev]
debug = \"line-tables-only\"
[profile.dev.package.\"*\"]
opt-level = 1
";

/// Prints headers as JSON; every string is one of Rust, and of JSON as well.
const MAIN: &str = r#"
use kho_abi::wire::layout::{BitFields, Contract, Header, NamedInt, StructLayout};

fn list<T>(all: &[T], one: impl Fn(&T) -> String) -> String {
    format!("[{}]", all.iter().map(one).collect::<Vec<_>>().join(","))
}

fn layout(layout: &StructLayout) -> String {
    let fields = list(layout.fields, |f| format!("[{:?},{:?},{},{}]", f.name, f.ty, f.offset, f.size));
    format!("[{:?},{},{:?},{},{fields}]", layout.name, layout.size, layout.size_stated, layout.align)
}

fn int(int: &NamedInt) -> String {
    format!("[{:?},\"{}\",{:?}]", int.name, int.value, int.c)
}

fn bits(bits: &BitFields) -> String {
    let fields = list(bits.fields, |f| {
        format!("[{:?},{},{},{}]", f.name, f.bit, f.width, list(f.doc, |line| format!("{line:?}")))
    });
    format!("[{:?},{:?},{fields}]", bits.record, bits.storage)
}

fn contract(contract: &Contract) -> String {
    let string = |text: &&str| format!("{text:?}");
    let name = contract.name.map(|name| format!("[{:?},{:?}]", name.name, name.value));
    format!(
        "[{:?},{:?},{},{},{},{},{}]",
        contract.compatible.name,
        contract.compatible.value,
        contract.version.map_or("null".into(), |version| version.to_string()),
        name.unwrap_or("null".into()),
        list(contract.roots, |root| format!("{:?}", root.name)),
        list(contract.page_roots, string),
        list(contract.constants, string),
    )
}

fn header(header: &Header) -> String {
    let pages = list(header.pages, |pages| {
        format!("[{},{},{}]", pages.page_size, list(pages.structs, layout), list(pages.constants, int))
    });
    format!(
        "[{:?},{:?},{:?},{},{},{},{},{pages},{}]",
        header.name,
        header.source,
        header.guard,
        list(header.includes, |include| format!("{include:?}")),
        list(header.structs, layout),
        list(header.constants, int),
        list(header.bit_fields, bits),
        list(header.contracts, contract),
    )
}
"#;

impl Package {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::copy(repository().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        let abi = repository().join("abi").display().to_string();
        fs::write(dir.join("Cargo.toml"), MANIFEST.replace("NAME", name).replace("ABI", &abi))
            .unwrap();
        Self { dir }
    }

    fn wire_file(&self, set: &str, name: &str) -> PathBuf {
        let dir = self.dir.join("src").join(set);
        fs::create_dir_all(&dir).unwrap();
        dir.join(format!("{name}.rs"))
    }

    /// Compiles the wire files, and reads what the program says of them: headers by set and name.
    fn run(&self, sets: &[&Set]) -> BTreeMap<(String, String), Header> {
        // What the crate allows is what `abi/src/wire/mod.rs` allows.
        let mut main =
            String::from("#![deny(warnings, missing_docs)]\n//! Wire files that were imported.\n");
        main.push_str(MAIN);
        let mut calls = String::new();
        for set in sets {
            let mut own = String::new();
            for name in &set.names {
                let _ = write!(own, "    #[allow(non_camel_case_types)]\n    pub mod {name};\n");
                let (set, path) = (set.name, format!("{}::{name}::HEADER", set.name));
                calls.push_str(
                    &format!("        format!(\"[{set:?},{{}}]\", header(&{path})),\n")
                        .replace("[\"", "[\\\"")
                        .replace("\",{", "\\\",{"),
                );
            }
            let own_kexec = set.together && set.names.iter().any(|name| name == "kexec_handover");
            let kexec = if own_kexec { "" } else { "kexec_handover, " };
            let _ = write!(main,
                "/// One set.\npub mod {} {{\n    #[allow(unused_imports)]\n    pub(crate) use kho_abi::wire::{{bits, endian, flexible, {kexec}layout, phys}};\n{own}}}\n",
                set.name
            );
        }
        let _ = write!(main, "fn main() {{\n    let all = [\n{calls}    ];\n    println!(\"[{{}}]\", all.join(\",\"));\n}}\n");
        fs::write(self.dir.join("src/main.rs"), main).unwrap();
        let output = Command::new(env!("CARGO"))
            .current_dir(&self.dir)
            .args(["run", "--offline", "--quiet"])
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
            .output()
            .unwrap();
        let (status, stdout, stderr) = said(&output);
        assert_eq!(status, Some(0), "{stderr}");
        let all: Value = serde_json::from_str(&stdout).expect("the program prints JSON");
        let all = all.as_array().unwrap().iter();
        all.map(|one| ((text(&one[0]).into(), text(&one[1][0]).into()), read(&one[1]))).collect()
    }
}

fn text(value: &Value) -> &'static str {
    Box::leak(value.as_str().expect("a string").to_string().into_boxed_str())
}

fn size(value: &Value) -> usize {
    value.as_u64().expect("a size").try_into().unwrap()
}

fn all<T>(value: &Value, one: impl Fn(&Value) -> T) -> &'static [T] {
    Box::leak(
        value.as_array().expect("a list").iter().map(one).collect::<Vec<_>>().into_boxed_slice(),
    )
}

/// What the program printed of a header.
fn read(value: &Value) -> Header {
    use kho_abi::wire::layout::{
        BitField, BitFields, Contract, FieldLayout, NamedInt, NamedStr, PageLayouts, StructLayout,
    };
    let layout = |value: &Value| StructLayout {
        name: text(&value[0]),
        size: size(&value[1]),
        size_stated: text(&value[2]),
        align: size(&value[3]),
        fields: all(&value[4], |field| FieldLayout {
            name: text(&field[0]),
            ty: text(&field[1]),
            offset: size(&field[2]),
            size: size(&field[3]),
        }),
    };
    let int = |value: &Value| NamedInt {
        name: text(&value[0]),
        value: text(&value[1]).parse().unwrap(),
        c: text(&value[2]),
    };
    let short = |value: &Value| u32::try_from(size(value)).unwrap();
    let bits = |value: &Value| BitFields {
        record: text(&value[0]),
        storage: text(&value[1]),
        fields: all(&value[2], |field| BitField {
            name: text(&field[0]),
            bit: short(&field[1]),
            width: short(&field[2]),
            doc: all(&field[3], text),
        }),
    };
    let structs = all(&value[4], layout);
    let find = |name: &Value| {
        let found = structs.iter().find(|layout| layout.name == text(name)).copied();
        found.unwrap_or(StructLayout {
            name: text(name),
            size: 0,
            size_stated: "",
            align: 0,
            fields: &[],
        })
    };
    let name = text(&value[0]);
    Header {
        name,
        file: Box::leak(format!("{name}.rs").into_boxed_str()),
        source: text(&value[1]),
        guard: text(&value[2]),
        includes: all(&value[3], text),
        structs,
        constants: all(&value[5], int),
        bit_fields: all(&value[6], bits),
        pages: all(&value[7], |pages| PageLayouts {
            page_size: size(&pages[0]),
            structs: all(&pages[1], layout),
            constants: all(&pages[2], int),
        }),
        contracts: all(&value[8], |contract| Contract {
            compatible: NamedStr { name: text(&contract[0]), value: text(&contract[1]) },
            version: contract[2].as_u64().map(|version| version.try_into().unwrap()),
            name: contract[3]
                .as_array()
                .map(|name| NamedStr { name: text(&name[0]), value: text(&name[1]) }),
            roots: all(&contract[4], find),
            page_roots: all(&contract[5], text),
            constants: all(&contract[6], text),
            nodes: &[],
        }),
    }
}

/// Imports every header of some sets, compiles what comes of it, and makes headers of that again.
fn go_round(package: &str, sets: &[&Set]) {
    let package = Package::new(package);
    for set in sets {
        for name in &set.names {
            let header = set.dir.join(format!("{name}.h"));
            let wire = package.wire_file(set.name, name);
            let (status, stdout, stderr) =
                kho_abi(&["import", header.to_str().unwrap(), "-o", wire.to_str().unwrap()]);
            assert_eq!(status, Some(0), "{}: {stdout}{stderr}", header.display());
            is_formatted(&wire);
        }
    }
    let compiled = package.run(sets);
    for set in sets {
        let of_set: Vec<&'static Header> = set
            .names
            .iter()
            .map(|name| &*Box::leak(Box::new(compiled[&(set.name.to_string(), name.clone())])))
            .collect();
        let groups: Vec<&[&'static Header]> =
            if set.together { vec![&of_set] } else { of_set.chunks(1).collect() };
        for group in groups {
            same(&package, set, group);
        }
    }
}

/// The headers that are generated of wire files are those that these were made of.
fn same(package: &Package, set: &Set, group: &[&'static Header]) {
    let built_in: Vec<_> =
        kho_abi::wire::HEADERS.iter().map(|header| (truth::WIRE_DIR, *header)).collect();
    let model =
        truth::read_crate("src", group, &built_in).unwrap_or_else(|e| panic!("{}: {e}", set.name));
    let generated =
        c_header::render_some(&model, &model.headers[..group.len()], &Origin::of_crate("src"));
    let scratch = tempfile::tempdir().unwrap();
    let [old, new] =
        ["old", "new"].map(|side| scratch.path().join(side).join("include/linux/kho/abi"));
    for dir in [&old, &new] {
        fs::create_dir_all(dir).unwrap();
        // What they include and is not of the set.
        fs::copy(ours().join("kexec_handover.h"), dir.join("kexec_handover.h")).unwrap();
    }
    for (header, text) in &generated {
        let name = format!("{}.h", header.name);
        fs::copy(set.dir.join(&name), old.join(&name)).unwrap();
        fs::write(new.join(&name), text).unwrap();
    }
    for (header, text) in &generated {
        let before = fs::read_to_string(old.join(format!("{}.h", header.name))).unwrap();
        assert_eq!(spelled(text), spelled(&before), "{}: {}", set.name, header.name);
        let wire = fs::read_to_string(package.wire_file(set.name, &header.name)).unwrap();
        keeps_its_comments(&set.dir.join(format!("{}.h", header.name)), &format!("{wire}{text}"));
        // What the generator says of a contract, it says once; what it says of properties, C does not declare.
        if before.contains("of the device tree has these properties") {
            continue;
        }
        let flat = text.replace("\n *", "");
        for contract in &header.contracts {
            let promise = format!("%{} is a contract about", contract.macro_name);
            assert_eq!(flat.matches(&promise).count(), 1, "{}: {text}", set.name);
        }
    }
    let is_paged = group.iter().any(|header| !header.pages.is_empty());
    for page_size in if is_paged { &[4096, 16384, 65536][..] } else { &[4096] } {
        let read = |dir: &Path| {
            let options =
                source::Options { page_size: Some(*page_size), ..source::Options::default() };
            let reading = headers::read_dir(dir, &options).unwrap();
            // An assertion of the header that does not hold is a gap without an item.
            let gaps: BTreeSet<String> = reading.gaps.into_iter().map(|gap| gap.item).collect();
            (reading.model, gaps)
        };
        let ((before, open), (after, open_after)) = (read(&old), read(&new));
        assert!(open_after.is_subset(&open), "{}: {open_after:?}", set.name);
        assert_eq!(compare::differences(&before, &after), [], "{} {page_size}", set.name);
        assert_eq!(compare::differences(&after, &before), [], "{} {page_size}", set.name);
        let values = |model: &Model| -> BTreeMap<String, String> {
            let own =
                |header: &&kho_abi_model::Header| group.iter().any(|one| one.name == header.name);
            let headers = model.headers.iter().filter(own);
            let constants = headers.flat_map(kho_abi_model::Header::constants);
            constants.map(|one| (one.name.clone(), format!("{:?}", one.value))).collect()
        };
        // What rustc computed, beside C's expression, is what clang computes of that.
        let types = model.with_page_size(*page_size).unwrap_or_else(|| model.clone());
        assert_eq!(values(&before), values(&types), "{} {page_size}", set.name);
        assert_eq!(values(&before), values(&after), "{} {page_size}", set.name);
    }
    let [old, new] = ["old", "new"].map(|side| scratch.path().join(side).display().to_string());
    // Whatever is said of the header beside itself is said again, and nothing else: not that a field is
    // described otherwise.
    let said = judged(set.name, &old, &new);
    let as_before = if said.is_empty() { Vec::new() } else { judged(set.name, &old, &old) };
    let added: Vec<_> = said.iter().filter(|one| !as_before.contains(one)).collect();
    // A version in prose is where the comment is, which is a new one; and code is left out. That every word
    // of a comment is kept is tested apart: what is not described is said.
    let is_known = |said: &&&String| {
        said.starts_with("prose_names_other_version ")
            || said.starts_with("format_redocumented ")
            || **said == "declaration_changed everything_is_ready"
            // A wire file has a bool as the byte that it is.
            || **said == "field_retyped everything_entry_ser.ready"
    };
    let other: Vec<_> = added.iter().filter(|said| !is_known(said)).collect();
    assert!(other.is_empty(), "{}: {other:?}", set.name);
}

/// What a layout does not show of fields: those of a fixed byte order, and arrays without a length.
fn spelled(text: &str) -> Vec<(String, String)> {
    let records = outline::read(text).records.into_iter();
    let fields = records.flat_map(|record| record.fields);
    let shown = fields.filter(|field| {
        ["__le", "__be"].iter().any(|word| field.ty.starts_with(word))
            || field.declaration.replace(' ', "").ends_with("[]")
    });
    shown.map(|field| (field.ty, field.name)).collect()
}

/// Has `kho-abi diff` say that nothing changed, and returns what else it says, by rule and item.
fn judged(set: &str, old: &str, new: &str) -> Vec<String> {
    let (status, stdout, stderr) = kho_abi(&["diff", old, new, "--format", "json"]);
    assert_eq!(status, Some(0), "{set}: {stdout}{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let section = &document["sections"][0];
    let contracts = section["contracts"].as_array().unwrap();
    assert!(!contracts.is_empty(), "{set}");
    for contract in contracts {
        assert_eq!(contract["verdict"], "unchanged", "{set}: {contract}");
    }
    let events = section["events"].as_array().unwrap().iter();
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_string();
    events.map(|event| format!("{} {}", text(event, "rule"), text(event, "item"))).collect()
}

/// Every word of a header's comments is in its wire file, or in what is generated of that.
fn keeps_its_comments(header: &Path, wire: &str) {
    let words = |text: &str| -> BTreeSet<String> {
        let split = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        split.filter(|word| !word.is_empty()).map(Into::into).collect()
    };
    let text = fs::read_to_string(header).unwrap();
    let kept = words(wire);
    for (line, comment) in headers::comments(&text) {
        // What a generator said of itself, what stands behind #endif, and the words of marks.
        let of_directive =
            text.lines().nth(line - 1).is_some_and(|l| l.trim_start().starts_with("#endif"));
        let of_code =
            ["What is code is left out", "and this"].iter().any(|c| comment.starts_with(c));
        if comment.starts_with("Generated from ") || of_directive || of_code {
            continue;
        }
        let marks = ["DOC", "struct", "union", "enum", "Identifier", "SPDX", "License"];
        let lost: Vec<_> = words(&comment)
            .into_iter()
            .filter(|word| !kept.contains(word) && !marks.contains(&&**word))
            .collect();
        assert_eq!(lost, [""; 0], "{}:{line}", header.display());
    }
}

fn is_formatted(wire: &Path) {
    let output = Command::new("rustfmt")
        .args(["--check", "--edition", "2021", "--config-path"])
        .arg(repository().join("rustfmt.toml"))
        .arg(wire)
        .output()
        .unwrap();
    let (status, stdout, stderr) = said(&output);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
}

fn ours() -> PathBuf {
    repository().join("c-headers/include/linux/kho/abi")
}

/// Headers that are on their way into the kernel and that a wire file can say.
fn coming() -> Set {
    let but = ["luo_features", "memfd_name", "pstore"];
    Set::of("coming", repository().join("review/tests/coming"), false, &but)
}

#[test]
fn headers_go_round() {
    let everything = Set::of("everything", cases(), false, &["refused"]);
    go_round("imported", &[&Set::of("ours", ours(), true, &[]), &coming(), &everything]);
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn case(name: &str) -> String {
    cases().join(name).display().to_string()
}

#[test]
fn what_is_left_out_or_changes_is_said() {
    let (status, stdout, stderr) = kho_abi(&["import", &case("everything.h")]);
    assert_eq!(status, Some(0), "{stderr}");
    let said: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("kho-abi: note: ")?.split_once("everything.h:"))
        .map(|(_, said)| said)
        .collect();
    let any = "as an integer, it may have any value, and readers must check it";
    assert_eq!(
        said,
        [
            "113: function everything_is_ready is code, and is not imported".into(),
            format!("84: `ready` is a bool in C: {any}"),
            format!("85: `type` is an enum everything_kind in C: {any}"),
        ]
    );
    assert!(!stdout.contains("everything_is_ready") && !stdout.contains("and this"), "{stdout}");
    assert!(stderr.contains("next: add `pub mod everything;`"), "{stderr}");
    let begin = "// SPDX-License-Identifier: GPL-2.0-or-later\n// Copyright of somebody.\n";
    assert!(stdout.starts_with(begin), "{stdout}");
    insta::assert_snapshot!("a_wire_file", stdout);
}

#[test]
fn a_crate_of_ones_own_names_kho_abi() {
    let (_, stdout, stderr) = kho_abi(&["import", &case("everything.h"), "--own-crate"]);
    assert!(!stdout.contains("super::layout"), "{stdout}");
    for used in
        ["layout::{self, WireType}", "kexec_handover::kho_vmalloc", "bits", "flexible::FlexArray"]
    {
        assert!(stdout.contains(&format!("use kho_abi::wire::{used};")), "{used}: {stdout}");
    }
    assert!(!stderr.contains("abi/src/wire/mod.rs"), "{stderr}");
}

#[test]
fn what_a_wire_file_cannot_say_is_refused_with_its_line() {
    let scratch = tempfile::tempdir().unwrap();
    let wire = scratch.path().join("refused.rs");
    let (status, stdout, stderr) =
        kho_abi(&["import", &case("refused.h"), "-o", wire.to_str().unwrap()]);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(!wire.exists(), "half of a header is no header");
    let shown = stdout.replace(&case("refused.h"), "refused.h");
    insta::assert_snapshot!("refused", shown);
}

#[test]
fn what_is_no_header_is_no_wire_file() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, bytes) in [("a.c", &b"int a;"[..]), ("a.h", b"\xff\xfe"), ("1.h", b"")] {
        let path = scratch.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (status, stdout, stderr) = kho_abi(&["import", path.to_str().unwrap()]);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{name}: {stderr}");
        assert_eq!(stderr.matches("help: ").count(), 1, "{stderr}");
    }
    let (status, _, stderr) = kho_abi(&["import", "no/such.h"]);
    assert_eq!(status, Some(2), "{stderr}");
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn the_headers_of_linux_go_round() {
    let tree = std::env::var_os("LINUX_SRC").expect("LINUX_SRC is set");
    let dir = Path::new(&tree).join("include/linux/kho/abi");
    go_round("imported-linux", &[&Set::of("linux", dir, true, &[])]);
}
