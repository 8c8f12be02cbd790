// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The headers of Linux 7.3, which are written by hand, agree with the truth.
//!
//! `LINUX_SRC` names the tree. The reader of C headers uses bindgen, which does not report where
//! bit-fields are: compiled programs show that.

mod bindgen_reader;
#[allow(dead_code)] // Each test uses another part of it.
mod c;

use bindgen_reader::Options;
use c::{bit_field_probe, compile, expected, includes, places, probed, COMPILERS};
use kho_abi_model::{compare, Item, Model};
use kho_abi_read::headers::{STAND_IN, TRIPLES};
use kho_abi_read::truth;
use std::fs;
use std::path::{Path, PathBuf};

/// The headers that the tree has; the truth has more.
const KERNEL: &[&str] = &["block", "kexec_handover", "kexec_metadata", "luo", "memblock", "memfd"];

fn truth() -> Model {
    let mut model = truth::current().unwrap();
    model.headers.retain(|header| KERNEL.contains(&header.name.as_str()));
    assert_eq!(model.headers.len(), KERNEL.len());
    model
}

fn abi_dir() -> PathBuf {
    let Some(dir) = std::env::var_os("LINUX_SRC") else {
        panic!("LINUX_SRC is not set\n  help: LINUX_SRC=$(tools/fetch-linux.sh) cargo test …");
    };
    Path::new(&dir).join("include/linux/kho/abi")
}

/// Only the tree's ABI headers, each changed by `edit`, with stand-ins for all others.
fn copied(edit: impl Fn(&str, String) -> String) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("linux/kho/abi");
    fs::create_dir_all(&to).unwrap();
    for name in KERNEL {
        let text = fs::read_to_string(abi_dir().join(name).with_extension("h")).unwrap();
        fs::write(to.join(name).with_extension("h"), edit(name, text)).unwrap();
    }
    for (name, text) in STAND_IN {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// What the kernel's build includes first, and what memfd.h expects from its includer.
const FIRST: &[&str] = &["-include", "linux/compiler.h", "-include", "uapi/linux/fcntl.h"];

fn read(dir: &Path, triple: &str, page_size: u64) -> Model {
    let mut clang_args: Vec<String> = FIRST.iter().map(ToString::to_string).collect();
    clang_args.extend(["-nostdinc".into(), format!("-I{}", dir.display())]);
    clang_args.push(format!("-DPAGE_SHIFT={}", page_size.trailing_zeros()));
    let path = |name: &&str| dir.join("linux/kho/abi").join(name).with_extension("h");
    let paths: Vec<_> = KERNEL.iter().map(path).collect();
    bindgen_reader::read(&paths, &Options { triple, clang_args: &clang_args })
        .unwrap_or_else(|error| panic!("{triple}: {error}"))
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn libclang_reads_the_kernels_headers_as_the_truth() {
    let dir = copied(|_, text| text);
    for triple in TRIPLES {
        // arm64 is the only machine with every page size.
        let all = truth().page_sizes();
        let count = if triple.starts_with("aarch64") { all.len() } else { 1 };
        for page_size in all.into_iter().take(count) {
            let truth = truth().with_page_size(page_size).unwrap();
            let read = read(dir.path(), triple, page_size);
            let found = compare::differences(&truth, &read);
            assert_eq!(found, [], "{triple}, pages of {page_size} bytes");
            assert_eq!(read.records().count(), truth.records().count());
        }
    }
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn both_compilers_lay_the_kernels_headers_out_as_the_truth() {
    let dir = copied(|_, text| text);
    for page_size in truth().page_sizes() {
        let truth = truth().with_page_size(page_size).unwrap();
        let flag = format!("-DPAGE_SHIFT={}", page_size.trailing_zeros());
        let mut flags = FIRST.to_vec();
        flags.push(&flag);
        let text = format!("{}{}", includes(&truth), places(&truth));
        for compiler in COMPILERS.iter().map(|compiler| compiler.name) {
            if let Err(said) = compile(compiler, dir.path(), &text, &flags) {
                panic!("{compiler} {flag}:\n{said}");
            }
        }
    }
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn the_kernels_bit_fields_lie_where_the_truth_says() {
    let dir = copied(|_, text| text);
    let truth = truth();
    let record = truth.record("memfd_luo_folio_ser").unwrap();
    let values = [("pfn", 0x000f_edcb_a987_6543), ("flags", 0xa5c)];
    let text = format!("{}{}", includes(&truth), bit_field_probe(record, &values));
    for triple in TRIPLES {
        let target = format!("--target={triple}");
        let mut flags = FIRST.to_vec();
        flags.push(&target);
        let object = compile("clang", dir.path(), &text, &flags).unwrap();
        let big = triple.starts_with("s390x");
        assert_eq!(probed(&object, record.size), expected(record, &values, big), "{triple}");
    }
    // The probe notices a difference.
    let dir = copied(|_, text| text.replace("pfn:52", "pfn:51").replace("flags:12", "flags:13"));
    let values = [("pfn", 1), ("flags", 1)];
    let text = format!("{}{}", includes(&truth), bit_field_probe(record, &values));
    let object = compile("clang", dir.path(), &text, FIRST).unwrap();
    assert_ne!(probed(&object, record.size), expected(record, &values, false));
}

/// Every name that a header defines, in order, apart from its guard.
fn defined(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines() {
        let word = |rest: &str| -> String {
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        };
        if let Some(rest) = line.strip_prefix("#define ") {
            names.push(word(rest));
        }
        for keyword in ["struct ", "union ", "enum "] {
            if let Some(rest) = line.strip_prefix(keyword).filter(|rest| rest.ends_with('{')) {
                names.push(word(rest));
            }
        }
    }
    names.retain(|name| !name.starts_with('_'));
    names
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn the_truth_has_every_name_of_the_kernels_headers_in_their_order() {
    for header in truth().headers {
        let text = fs::read_to_string(abi_dir().join(&header.name).with_extension("h")).unwrap();
        let ours: Vec<_> = header.items.iter().map(|item| item.name().to_string()).collect();
        assert_eq!(ours, defined(&text), "{}", header.name);
        let Some(guard) = text.lines().find_map(|line| line.strip_prefix("#ifndef ")) else {
            panic!("{} has no guard", header.name);
        };
        assert_eq!(header.guard, guard);
        // An enumeration's constants are in its order, too.
        for item in &header.items {
            if let Item::Enum(enumeration) = item {
                let at = |name: &str| text.find(&format!("\t{name} =")).unwrap();
                assert!(enumeration.members.iter().map(|m| at(&m.name)).is_sorted());
            }
        }
    }
}

/// A kernel that differs is recognised.
#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn a_change_of_one_header_is_found() {
    for (header, from, to, named) in [
        (
            "luo",
            "u64 sessions_pa;\n\tu64 flbs_pa;",
            "u64 flbs_pa;\n\tu64 sessions_pa;",
            "sessions_pa",
        ),
        ("luo", "LIVEUPDATE_HNDL_COMPAT_LENGTH\t48", "LIVEUPDATE_HNDL_COMPAT_LENGTH\t40", "token"),
        ("kexec_handover", "unsigned short order", "unsigned int order", "order"),
        ("kexec_handover", "(first, struct kho_vmalloc_chunk *)", "(first, void *)", "first"),
        ("kexec_metadata", "METADATA_VERSION 1", "METADATA_VERSION 2", "METADATA_VERSION"),
        ("memblock", "reserve-mem-v1\"\n", "reserve-mem-v9\"\n", "RESERVE_MEM"),
        ("memfd", "u64 index", "u32 index", "index"),
        ("memfd", "BIT(1)", "BIT(2)", "UPTODATE"),
        ("block", "u64 count", "s64 count", "count"),
    ] {
        let dir = copied(|name, text| {
            if name != header {
                return text;
            }
            let edited = text.replacen(from, to, if from.ends_with('\n') { usize::MAX } else { 1 });
            assert_ne!(edited, text, "{from}");
            edited
        });
        let found = compare::differences(&truth(), &read(dir.path(), TRIPLES[0], 4096));
        assert!(found.iter().any(|(_, what)| what.contains(named)), "{to}: {found:?}");
    }
}
