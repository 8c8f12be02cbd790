// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi verify`: what it prints about a source, how it fails, and its exit status.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{number, present, write_headers, Ran};

/// A unit that uses what a small kernel would use.
const UNIT: &str = "#include <linux/kho/abi/kexec_handover.h>\n\
    #include <linux/kho/abi/luo.h>\n#include <linux/kho/abi/memfd.h>\n\
    struct luo_ser a; struct luo_session_ser b; struct luo_file_ser c; struct memfd_luo_ser d;\n\
    struct kho_vmalloc e; struct memfd_luo_folio_ser f; struct luo_flb_header_ser g;\n\
    struct luo_flb_ser h; struct kho_block_header_ser i; struct kho_radix_node j;\n\
    struct kho_radix_leaf k; enum kho_radix_consts l;\n\
    const char *strings[] = { KHO_FDT_COMPATIBLE, LUO_ABI_COMPATIBLE, MEMFD_LUO_FH_COMPATIBLE };\n";

fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).canonicalize().unwrap()
}

fn run_in(dir: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
    command.current_dir(dir).arg("verify").args(args).env_remove("NO_COLOR");
    Ran::of(&command.output().unwrap())
}

/// Compiles the unit in a directory, against these headers.
fn compile(dir: &Path, headers: &Path, flags: &[&str], name: &str) {
    fs::write(dir.join("unit.c"), UNIT).unwrap();
    let status = Command::new("gcc")
        .current_dir(dir)
        .args(["-std=gnu11", "-nostdinc", "-ffreestanding", "-w", "-c", "unit.c", "-o", name])
        .args(flags)
        .arg("-I")
        .arg(checkout("read/stand-in"))
        .arg("-I")
        .arg(headers)
        .status()
        .expect("gcc is installed");
    assert!(status.success());
}

/// The headers of the checkout with one replacement, and without their assertions.
fn changed(dir: &Path, header: &str, from: &str, to: &str) -> PathBuf {
    write_headers(&dir.join("include/linux/kho/abi"), header, from, to);
    dir.join("include")
}

#[test]
fn a_kernel_that_is_as_the_truth_says_passes_and_the_rest_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), &checkout("c-headers/include"), &["-gdwarf-5"], "same.o");
    let ran = run_in(dir.path(), &["same.o"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_changed_field_is_found_at_its_line_and_several_sources_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let headers = changed(dir.path(), "luo.h", "\tu64 token;", "\tu32 token;\n\tu32 more;");
    compile(dir.path(), Path::new("include"), &["-gdwarf-5"], "other.o");
    assert!(headers.is_dir());
    compile(dir.path(), &checkout("c-headers/include"), &["-gbtf"], "same.o");
    let ran = run_in(dir.path(), &["other.o", "same.o"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ran.stdout);

    let ran = run_in(dir.path(), &["other.o", "same.o", "--format", "json"]);
    assert_eq!(ran.status, Some(1));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["schema"], "kho-abi/verify/1");
    let [other, same] = json["sources"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!((&other["kind"], &same["kind"]), (&"dwarf".into(), &"btf".into()));
    assert_eq!(other["findings"][0]["rule"], "source_layout_differs");
    assert_eq!(same["findings"].as_array().unwrap().len(), 0);
    let luo = |report: &serde_json::Value| {
        let contracts = report["contracts"].as_array().unwrap().clone();
        contracts.into_iter().find(|c| c["contract"] == present("luo")).unwrap()["verdict"].clone()
    };
    assert_eq!((luo(other), luo(same)), ("different".into(), "equal".into()));
}

#[test]
fn a_draft_that_a_kernel_does_not_have_is_absent_and_another_number_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let pci = present("pci");
    let version = |number: u64| format!("PCI_LUO_FLB_VERSION\t{number}");
    // The first number is of nothing that is known here.
    let (now, before) = (number(&pci), 1);
    let include = changed(dir.path(), "pci.h", &version(now), &version(before));
    let row = |ran: &Ran| {
        let mut rows = ran.stdout.lines().filter(|line| line.trim_start().starts_with("pci@"));
        let row = rows.next().unwrap_or_else(|| panic!("{}", ran.stdout));
        assert_eq!(rows.next(), None, "{}", ran.stdout);
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let ran = run_in(dir.path(), &["include"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(row(&ran), format!("pci@{before} (truth: {pci}) older"), "{}", ran.stdout);
    let found = format!("it has pci@{before}, but the truth has {pci}");
    assert!(ran.stdout.contains(&found), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("1 finding\n"), "{}", ran.stdout);

    fs::remove_file(include.join("linux/kho/abi/pci.h")).unwrap();
    let ran = run_in(dir.path(), &["include"]);
    assert_eq!(
        (ran.status, row(&ran).as_str()),
        (Some(0), format!("{pci} absent").as_str()),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_source_of_which_nothing_can_be_checked_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), &checkout("c-headers/include"), &[], "stripped.o");
    let ran = run_in(dir.path(), &["stripped.o"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stdout.contains("not checkable"), "{}", ran.stdout);
    assert_eq!(
        ran.stderr,
        "kho-abi: error: stripped.o: nothing could be checked: it does not say what contracts \
         promise\n  help: give a kernel that has BTF or DWARF\n"
    );

    fs::write(dir.path().join("unit.c"), "int x;\n").unwrap();
    let status = Command::new("gcc")
        .current_dir(dir.path())
        .args(["-g", "-c", "unit.c", "-o", "none.o"])
        .status();
    assert!(status.unwrap().success());
    let ran = run_in(dir.path(), &["none.o"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stdout.contains("absent"), "{}", ran.stdout);
    assert!(ran.stderr.contains("it has none of the contracts"), "{}", ran.stderr);
}

#[test]
fn what_is_no_source_is_refused_with_the_reason_and_the_others_are_still_told() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), &checkout("c-headers/include"), &["-gdwarf-5"], "same.o");
    fs::write(dir.path().join("text"), "hello\n").unwrap();
    fs::write(dir.path().join("empty"), "").unwrap();
    fs::write(dir.path().join("cut"), &fs::read(dir.path().join("same.o")).unwrap()[..100])
        .unwrap();
    fs::write(dir.path().join("big-endian"), [0xeb, 0x9f, 1, 0]).unwrap();
    for (name, said) in [
        ("text", "text: not a kernel, a module, a header or a frozen layout\n"),
        ("empty", "empty: it is empty\n"),
        ("cut", "cut: list of sections: the file is cut off before it\n"),
        ("big-endian", "big-endian: it is BTF for a big-endian machine, but "),
        ("nowhere", "nowhere: no such file, and not a known source\n"),
    ] {
        let ran = run_in(dir.path(), &["same.o", name]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stdout.starts_with("same.o: DWARF"), "{}", ran.stdout);
        assert!(ran.stderr.starts_with(&format!("kho-abi: error: {said}")), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("help: ").count(), 1, "{}", ran.stderr);
    }
    for (option, lacks) in [("--btf", "BTF"), ("--dwarf", "DWARF")] {
        compile(dir.path(), &checkout("c-headers/include"), &["-gdwarf-5"], "dwarf.o");
        compile(dir.path(), &checkout("c-headers/include"), &["-gbtf"], "btf.o");
        let name = if option == "--btf" { "dwarf.o" } else { "btf.o" };
        let ran = run_in(dir.path(), &[option, name]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        let said = format!("kho-abi: error: {name} has no {lacks}\n");
        assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
    }
}

#[test]
fn the_truth_and_what_was_frozen_of_it_are_equal() {
    let ran = run_in(&checkout("."), &["abi", "snapshots"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let all = kho_abi_read::truth::current().unwrap().contracts().count();
    assert!(all > 7, "{all}");
    assert_eq!(ran.stdout.matches(&format!("\n{all} equal")).count(), 2, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("; 0 findings\n").count(), 2, "{}", ran.stdout);
    for bad in ["--page-size=0", "--page-size=5000", "--page-size=x"] {
        assert_eq!(run_in(&checkout("."), &[bad, "abi"]).status, Some(2));
    }
}

#[test]
fn headers_of_which_something_was_not_read_are_no_success() {
    let memfd = |from: &str, to: &str| {
        let dir = tempfile::tempdir().unwrap();
        changed(dir.path(), "memfd.h", from, to);
        dir
    };
    let path = "include/linux/kho/abi/memfd.h";
    let told = |dir: &tempfile::TempDir| {
        let ran = run_in(dir.path(), &["."]);
        assert_eq!(ran.stderr, "");
        (ran.status, ran.stdout)
    };
    let unread = |what: &str, dir: &tempfile::TempDir| {
        let (status, out) = told(dir);
        assert_eq!(status, Some(1), "{what}: {out}");
        assert!(out.contains("[not_compared]"), "{what}: {out}");
        assert!(
            out.contains(&format!("consequence: nothing of it is known for {}", present("memfd"))),
            "{what}: {out}"
        );
        out
    };
    let same = memfd("nr_folios", "nr_folios");
    assert_eq!(told(&same).0, Some(0));
    // The kernel need not have every header.
    fs::remove_file(same.path().join("include/linux/kho/abi/vfio_pci.h")).unwrap();
    let (status, out) = told(&same);
    assert_eq!(status, Some(0), "{out}");
    assert!(out.contains("absent"), "{out}");

    unread("not ended", &memfd("struct memfd_luo_ser {", "#if 1\nstruct memfd_luo_ser {"));
    let out = unread("no type", &memfd("\tu64 nr_folios;", "\thidden_t nr_folios;"));
    assert!(out.contains("unknown type name 'hidden_t'"), "{out}");
    assert!(!out.contains(&format!("{:18} equal", present("memfd"))), "{out}");

    let link = memfd("nr_folios", "nr_folios");
    fs::remove_file(link.path().join(path)).unwrap();
    std::os::unix::fs::symlink("/dev/null", link.path().join(path)).unwrap();
    unread("a link elsewhere", &link);
    fs::remove_file(link.path().join(path)).unwrap();
    fs::create_dir(link.path().join(path)).unwrap();
    unread("a directory", &link);
    fs::remove_dir(link.path().join(path)).unwrap();
    fs::write(link.path().join("include/linux/kho/abi/mem fd.h"), "struct x { u64 a; };\n")
        .unwrap();
    unread("a name that no code includes", &link);
}

#[test]
fn what_headers_have_beyond_the_truth_is_a_finding() {
    for (header, from, to, what) in [
        (
            "memfd.h",
            "struct memfd_luo_ser {",
            "struct more_ser {\n\tu64 a;\n};\n\nstruct memfd_luo_ser {",
            "more_ser: the truth does not have it [source_layout_differs]",
        ),
        (
            "memfd.h",
            "struct memfd_luo_ser {",
            "#define MEMFD_LUO_MORE 4\n\nstruct memfd_luo_ser {",
            "MEMFD_LUO_MORE is not in the truth [source_constant_differs]",
        ),
        (
            "memfd.h",
            "#define MEMFD_LUO_FH_COMPATIBLE",
            "#define NAME_OF_NOTHING 1 //",
            "but not MEMFD_LUO_FH_COMPATIBLE: no version covers them [source_version_unknown]",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        changed(dir.path(), header, from, to);
        let ran = run_in(dir.path(), &["."]);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
        assert!(ran.stdout.contains(what), "{what}: {}", ran.stdout);
    }
    let dir = tempfile::tempdir().unwrap();
    changed(dir.path(), "memfd.h", "nr_folios", "nr_folios");
    let new = dir.path().join("include/linux/kho/abi/made_up.h");
    fs::write(new, "struct made_up_ser {\n\tu64 a;\n};\n").unwrap();
    let ran = run_in(dir.path(), &["."]);
    assert_eq!(ran.status, Some(1), "{}", ran.stdout);
    assert!(ran.stdout.contains("made_up_ser in linux/kho/abi/made_up.h"), "{}", ran.stdout);
}
