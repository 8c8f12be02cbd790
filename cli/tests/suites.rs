// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `KUnit` suites for headers that people wrote in C: they expect what is frozen, pass for the header that
//! was frozen, and fail for every change of it.
//!
//! Here they run as programs; `make check-kernel` runs them inside a kernel.

#[allow(dead_code)] // Each test uses another part of it.
#[path = "../../codegen/tests/c/mod.rs"]
mod c;
#[allow(dead_code)]
#[path = "../../codegen/tests/kunit/mod.rs"]
mod kunit;
#[allow(dead_code)]
#[path = "../../codegen/tests/linux/mod.rs"]
mod linux;
mod support;

use c::COMPILERS;
use kunit::{Bench, Outcome};
use linux::directory;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::tree::{Tree, ABI, LAYOUTS, ONE};
use support::Ran;

const TESTS: &str = "kernel/liveupdate/tests";

/// One of everything that a test can state, or has to leave out.
const ODD: &str = include_str!("suites/odd.h");

/// Runs `generate`, which must come to that status.
#[track_caller]
fn generate(tree: &Tree, args: &[&str], status: i32) -> Ran {
    let ran = tree.run(&[&["generate"], args].concat());
    assert_eq!(ran.status, Some(status), "{}{}", ran.stdout, ran.stderr);
    ran
}

/// The files of a directory, by name.
fn files(dir: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let entries = entries.map(|entry| entry.unwrap()).filter(|e| e.file_type().unwrap().is_file());
    let mut files: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// A place to run the suites of a tree, with its headers.
fn bench(tree: &Tree) -> Bench {
    let bench = Bench::of(files(&tree.root().join(TESTS)));
    for (name, text) in files(&tree.root().join(ABI)) {
        bench.put_header(&format!("linux/kho/abi/{name}"), &text);
    }
    bench
}

/// What a suite expects, without what it says of itself.
fn expectations(text: &str) -> &str {
    text.split_once("#include \"kho_abi_kunit.h\"\n").expect("it has the include").1
}

/// Headers and Rust types of the same ABI have the same suites, to the letter.
#[test]
fn suites_of_headers_expect_what_those_of_the_types_do() {
    let tree = Tree::of_kernel();
    tree.init(&[]);
    let ran = generate(&tree, &[], 0);
    assert!(ran.stderr.contains("unit tests of 6 headers: 9 files written"), "{ran:?}");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers").join(TESTS);
    let mut compared = 0;
    for (name, text) in files(&tree.root().join(TESTS)) {
        if name.ends_with("_kunit.c") {
            let of_types = fs::read_to_string(ours.join(&name)).unwrap();
            assert_eq!(expectations(&text), expectations(&of_types), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 6);
    let text = tree.read(&format!("{TESTS}/kho_abi_memfd_kunit.c"));
    assert!(text.contains("Generated from frozen layouts: do not edit."), "{text}");
    assert!(text.contains(&format!(" *   {LAYOUTS}/{}.layout\n", support::present("memfd"))));
    assert_eq!(generate(&tree, &["--check"], 0).stdout, "");
    assert_eq!(generate(&tree, &[], 0).stdout, "");
    assert!(tree.check(0).contains("ok           the unit tests match the frozen layouts"));
}

#[test]
fn everything_passes_for_every_page_size_and_what_is_left_out_is_listed() {
    let tree = Tree::of("odd", ODD);
    tree.init(&[]);
    generate(&tree, &[], 0);
    let text = tree.read(&format!("{TESTS}/kho_abi_odd_kunit.c"));
    let listed = [
        "ODD_CALL(): a macro with arguments is code",
        "struct odd_ser: be: its byte order, which only sparse sees",
        "struct odd_ser: le: its byte order, which only sparse sees",
    ];
    let listed = listed.map(|line| format!(" *   {line}\n")).concat();
    assert!(text.contains(&format!(" * Not checked:\n{listed} */\n")), "{text}");
    let bench = bench(&tree);
    for compiler in COMPILERS {
        for shift in [12, 14, 16] {
            let flag = format!("-DPAGE_SHIFT={shift}");
            let ran = bench.run(compiler.command(), "kho_abi_odd_kunit", &[&flag]);
            let passed = ran.that(Outcome::Passed).len();
            assert_eq!(passed, ran.cases.len(), "{} {flag}:\n{}", compiler.name, ran.said);
            assert_eq!(passed, 15, "{:?}", ran.cases);
        }
    }
    // A page size that is new is skipped, where anything depends on it.
    let ran = bench.run(COMPILERS[0].command(), "kho_abi_odd_kunit", &["-DPAGE_SHIFT=13"]);
    let paged = ["odd_page_ser_bits", "odd_page_ser_layout", "odd_paged_values", "paged_constants"];
    assert_eq!(ran.that(Outcome::Skipped), paged, "{}", ran.said);
    assert_eq!(ran.that(Outcome::Failed), [""; 0], "{}", ran.said);
}

/// Changes of the header, the cases that must fail, and what one of them must say.
const CHANGES: &[(&str, &str, &[&str], &str)] = &[
    ("\"odd-v1\"", "\"odd-v2\"", &["strings"], "the text of ODD_COMPATIBLE"),
    ("(-5)", "(-6)", &["constants"], "the value of ODD_NEGATIVE"),
    ("fff0ULL", "fff1ULL", &["constants"], "the value of ODD_BIG"),
    ("| F_SEAL_GROW", "| F_SEAL_EXEC", &["constants"], "the value of ODD_SEALS"),
    ("ODD_X = 3", "ODD_X = 4", &["constants"], "the value of ODD_X"),
    ("ODD_B = 7", "ODD_B = 8", &["odd_kind_values"], "the value of ODD_C"),
    ("PAGE_SIZE / 2", "PAGE_SIZE / 4", &["odd_paged_values"], "the value of ODD_HALF"),
    (
        "u64 pfn:52;\n\tu64 flags:12;",
        "u64 pfn:51;\n\tu64 flags:13;",
        &["odd_entry_ser_bits"],
        "the place of struct odd_entry_ser.flags",
    ),
    (
        "\t__be16 be;",
        "\t__be32 be;",
        &["odd_ser_bits", "odd_ser_layout"],
        "the size of struct odd_ser.be",
    ),
    (
        "bool b0:1;\n\tbool b1:1;",
        "bool b1:1;\n\tbool b0:1;",
        &["odd_ser_bits"],
        "the place of struct odd_ser.b0",
    ),
    ("s32 sign:5", "u32 sign:5", &["odd_ser_bits"], "the sign of struct odd_ser.sign"),
    ("u32 :3;", "u32 :2;", &["odd_ser_bits"], "the place of struct odd_ser.tail"),
    ("u16 x;", "s16 x;", &["odd_ser_layout"], "the sign of struct odd_ser.named.x"),
    ("lo:4, hi:4", "hi:4, lo:4", &["odd_ser_bits"], "the place of struct odd_ser.named.lo"),
    (
        "s16 deep;",
        "u8 pad;\n\t\t\tu8 deep;",
        &["odd_ser_layout"],
        "the size of struct odd_ser.named.inner[0].deep",
    ),
    (
        "u32 first;",
        "u16 before;\n\t\t\tu16 first;",
        &["odd_ser_layout"],
        "the offset of struct odd_ser.first",
    ),
    (
        "u32 second:10;\n\t\t\tu32 third:22;",
        "u32 second:11;\n\t\t\tu32 third:21;",
        &["odd_ser_bits"],
        "the place of struct odd_ser.third",
    ),
    ("s8 b[4];", "u8 b[4];", &["odd_ser_layout"], "the sign of struct odd_ser.either[0].b[0]"),
    ("either[3]", "either[2]", &["odd_ser_layout"], "the size of struct odd_ser.either"),
    (
        "u8 grid[2][3]",
        "u16 grid[1][3]",
        &["odd_ser_layout"],
        "the size of struct odd_ser.grid[0][0]",
    ),
    (
        "struct odd_entry_ser one;",
        "struct { struct odd_entry_ser e; } one;",
        &["odd_ser_layout"],
        "the type of struct odd_ser.one",
    ),
    (
        "u8 after;",
        "u8 before;\n\t\tu8 after;",
        &["odd_page_ser_bits", "odd_page_ser_layout"],
        "the offset of struct odd_page_ser.after",
    ),
    (
        "u64 nr;\n\tstruct odd_entry_ser entries[];",
        "u32 nr;\n\tstruct odd_entry_ser entries[];",
        &["odd_list_ser_layout"],
        "the offset of struct odd_list_ser.entries",
    ),
    (
        "\tu8 c;\n};",
        "\tu8 c;\n} __packed;",
        &["odd_natural_ser_layout"],
        "the alignment of struct odd_natural_ser",
    ),
    (
        "\tu32 x;\n} odd_typedef_t",
        "\ts32 x;\n} odd_typedef_t",
        &["odd_typedef_t_layout"],
        "the sign of odd_typedef_t.x",
    ),
];

/// The suite stays what it was, and fails, also when it is generated again.
#[test]
fn every_change_of_a_header_fails_the_case_that_is_named_after_it() {
    let tree = Tree::of("odd", ODD);
    tree.init(&[]);
    generate(&tree, &[], 0);
    let bench = bench(&tree);
    for (from, to, cases, says) in CHANGES {
        assert_eq!(ODD.matches(from).count(), 1, "{from}");
        bench.put_header("linux/kho/abi/odd.h", &ODD.replace(from, to));
        let ran = bench.run(COMPILERS[0].command(), "kho_abi_odd_kunit", &[]);
        let failed = ran.that(Outcome::Failed);
        assert!(cases.iter().all(|case| failed.contains(case)), "{to}: {failed:?}\n{}", ran.said);
        assert!(
            ran.said.contains(&format!("{says} is promised by ODD_COMPATIBLE: ")),
            "{to}:\n{}",
            ran.said
        );
    }
    // What is not there any more does not compile: nothing passes.
    let header = format!("{ABI}/odd.h");
    tree.replace(&header, "u64 pfn:52;", "u64 frame:52;");
    let before = files(&tree.root().join(TESTS));
    for args in [&[][..], &["--check"]] {
        assert_eq!(generate(&tree, args, 0).stdout, "");
    }
    assert_eq!(files(&tree.root().join(TESTS)), before);
    let printed = tree.one(&tree.line(&header, "frame:52"), "field `pfn` is named `frame`");
    assert!(printed.contains("ok           the unit tests match the frozen layouts"), "{printed}");
}

#[test]
fn what_is_not_frozen_has_no_suite_and_an_older_suite_stays() {
    let tree = Tree::of("x", ONE);
    let ran = generate(&tree, &[], 2);
    assert!(
        ran.stderr
            .contains(&format!("{LAYOUTS}: unit tests need frozen layouts, which are missing")),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("help: run `kho-abi init` first"), "{ran:?}");
    assert!(!tree.root().join("kernel").exists());
    tree.init(&[]);
    tree.write(&format!("{ABI}/y.h"), "#define Y_COMPATIBLE \"y-v1\"\nstruct y { char a; };\n");
    let ran = generate(&tree, &[], 1);
    let found =
        "no layout is frozen for \"y-v1\": the unit tests of <linux/kho/abi/y.h> stay as they are";
    assert!(
        ran.stdout.contains(&format!("{ABI}/y.h:1: {found} [frozen_layout_missing]")),
        "{ran:?}"
    );
    let (x, y) = (format!("{TESTS}/kho_abi_x_kunit.c"), format!("{TESTS}/kho_abi_y_kunit.c"));
    assert!(tree.root().join(&x).is_file() && !tree.root().join(&y).exists());

    // The owner bumps: until the next version is frozen, the suite says what kernels agreed on.
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    generate(&tree, &[], 0);
    let before = tree.read(&y);
    let header = format!("{ABI}/y.h");
    tree.replace(&header, "char a;", "char a, b;");
    tree.replace(&header, "y-v1", "y-v2");
    for args in [&[][..], &["--check"]] {
        let ran = generate(&tree, args, 1);
        assert!(ran.stdout.contains("no layout is frozen for \"y-v2\""), "{ran:?}");
        assert_eq!(tree.read(&y), before);
    }
    let makefile = tree.read(&format!("{TESTS}/Makefile"));
    assert!(makefile.contains("kho_abi_y_kunit.o\n"), "{makefile}");
    assert_eq!(tree.run(&["freeze", "y-v2"]).status, Some(0));
    let ran = generate(&tree, &["--check"], 1);
    assert!(ran.stdout.contains("[unit_test_out_of_date]"), "{ran:?}");
    assert!(
        ran.stdout.contains("+\tkho_abi_expect_string(test, Y_COMPATIBLE, \"y-v2\""),
        "{ran:?}"
    );
    let printed = tree.check(1);
    assert!(printed.contains("failed       the unit tests match the frozen layouts"), "{printed}");
    assert_eq!(generate(&tree, &[], 0).stdout, format!("{y}\n"));
    tree.check(0);

    // What nothing makes any more is found; what somebody else wrote is not looked at.
    tree.write(&format!("{TESTS}/mine_kunit.c"), "int mine;\n");
    for file in [header.clone(), format!("{LAYOUTS}/y-v2.layout"), format!("{LAYOUTS}/y-v1.layout")]
    {
        fs::remove_file(tree.root().join(file)).unwrap();
    }
    let ran = generate(&tree, &["--check"], 1);
    assert!(
        ran.stdout.contains(&format!("{y}: no frozen layout generates this unit test")),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("[unit_test_out_of_date]"), "the Makefile: {ran:?}");
    assert!(!ran.stdout.contains("mine"), "{ran:?}");
    fs::remove_file(tree.root().join(&y)).unwrap();
    generate(&tree, &[], 0);
    assert!(!tree.read(&format!("{TESTS}/Makefile")).contains("kho_abi_y_kunit"));
}

/// A file that the tree had before keeps its lines, and the directory may be another one.
#[test]
fn suites_go_beside_what_a_tree_has_already() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    tree.replace("kho-abi.toml", &format!("tests = \"{TESTS}\""), "tests = \"lib/tests/kho\"");
    let (makefile, kconfig) = ("lib/tests/kho/Makefile", "lib/tests/kho/Kconfig");
    tree.write(makefile, "obj-y += mine.o\n");
    tree.write(kconfig, "config MINE\n\tbool\n");
    tree.write("lib/tests/Makefile", "obj-y += other.o\n");
    let ran = generate(&tree, &[], 0);
    let note = "lib/tests/Makefile does not build the unit tests: add `obj-y += kho/`";
    assert!(ran.stderr.contains(note), "{ran:?}");
    let line = "obj-$(CONFIG_KHO_ABI_KUNIT_TEST) += kho_abi_x_kunit.o\n";
    assert_eq!(tree.read(makefile), format!("obj-y += mine.o\n{line}"));
    let text = tree.read(kconfig);
    assert!(text.starts_with("config MINE\n\tbool\n\nconfig KHO_ABI_KUNIT_TEST\n"), "{text}");
    assert_eq!(generate(&tree, &["--check"], 0).stdout, "");
    tree.write("lib/tests/Makefile", "obj-y += other.o kho/\n");
    assert!(!generate(&tree, &[], 0).stderr.contains("does not build"));

    // What is added to generated files stays, and a file that was not generated is not written over.
    for file in [makefile, kconfig] {
        std::fs::remove_file(tree.root().join(file)).unwrap();
    }
    generate(&tree, &[], 0);
    let both = format!("{}obj-y += mine.o\n", tree.read(makefile));
    tree.write(makefile, &both);
    generate(&tree, &[], 0);
    assert_eq!(tree.read(makefile), both);
    let suite = "lib/tests/kho/kho_abi_x_kunit.c";
    tree.write(suite, "int mine;\n");
    std::fs::remove_file(tree.root().join(kconfig)).unwrap();
    let ran = generate(&tree, &[], 2);
    assert!(
        ran.stderr.contains(&format!("{suite}: a file that was not generated has this name")),
        "{ran:?}"
    );
    assert_eq!(tree.read(suite), "int mine;\n");
    assert!(!tree.root().join(kconfig).exists(), "nothing is written");
}

/// What a layout of a kernel does not contain cannot be tested, and is said.
#[test]
fn a_layout_of_a_kernel_makes_no_suite() {
    let tree = Tree::of("x", ONE);
    let text = "#include <linux/compiler.h>\n#include <linux/kho/abi/x.h>\n\
                struct x_ser used;\nconst char *string = X_COMPATIBLE;\n";
    let object = c::compile("gcc", &tree.root().join("include"), text, &["-gdwarf-5"]);
    let root = ["--root-struct", "x-v1=x_ser"];
    fs::write(tree.root().join("x.o"), object.unwrap()).unwrap();
    let ran = tree.run(&[&["freeze", "--source", "x.o"], &root[..]].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    tree.write("kho-abi.toml", "source = \"x.o\"\n");
    let ran = generate(&tree, &[], 2);
    assert!(ran.stderr.contains("its source is a kernel, x.o"), "{ran:?}");
    tree.write("kho-abi.toml", "");
    let ran = generate(&tree, &[], 0);
    assert!(ran.stderr.contains("\"x-v1\" is not tested: its layout is from a kernel"), "{ran:?}");
    assert!(!tree.root().join("kernel").exists());
}

const MAINTAINERS: &str =
    "List of maintainers\n\nLIVE UPDATE\nM:\tA <a@example.org>\nF:\tkernel/liveupdate/\n";

#[test]
fn a_patch_brings_the_suite_of_a_header_that_stays() {
    let tree = Tree::of("x", ONE);
    tree.write("include/linux/types.h", "/* */\n");
    tree.write("kernel/liveupdate/Makefile", "obj-y += luo.o\n");
    tree.write("kernel/liveupdate/Kconfig", "menu \"Live\"\n\nendmenu\n");
    tree.write("MAINTAINERS", MAINTAINERS);
    let patch = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        command.arg("kernel-patch").args(args).arg("--tree").arg(tree.root());
        command.env("GIT_AUTHOR_NAME", "Ann Author").env("GIT_AUTHOR_EMAIL", "ann@example.org");
        Ran::of(&command.output().unwrap())
    };
    let ran = patch(&["x-v1", "--kunit"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("unit tests need frozen layouts"), "{ran:?}");
    tree.init(&[]);
    let ran = patch(&["y-v1", "--kunit"]);
    assert!(
        ran.status == Some(2) && ran.stderr.contains("has \"y-v1\", and this program"),
        "{ran:?}"
    );
    let ran = patch(&["x-v1"]);
    assert!(ran.status == Some(2) && ran.stderr.contains("no types for \"x-v1\""), "{ran:?}");
    let before = files(&tree.root().join(ABI));
    for args in [&["x-v1", "--kunit"][..], &["x-v1", "--kunit", "--keep-header"]] {
        let ran = patch(args);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        for line in [
            "\nSubject: [PATCH] kho: abi: Test x.h\n\nCheck that x.h keeps what \"x-v1\" promises.\n",
            "\n+obj-y\t\t\t\t\t+= tests/\n",
            "\n+source \"kernel/liveupdate/tests/Kconfig\"\n",
            "\n+obj-$(CONFIG_KHO_ABI_KUNIT_TEST) += kho_abi_x_kunit.o\n",
            "\n+\tkho_abi_expect_offset(test, struct x_ser, b, 4, promise);\n",
        ] {
            assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
        }
        assert!(!ran.stdout.contains("include/linux/kho/abi/x.h |"), "{}", ran.stdout);
        fs::write(tree.root().join("a.patch"), &ran.stdout).unwrap();
    }
    tree.git(&["init", "-q"]);
    tree.git(&["apply", "a.patch"]);
    assert_eq!(files(&tree.root().join(ABI)), before);
    assert_eq!(generate(&tree, &["--check"], 0).stdout, "");
    let ran = patch(&["x-v1", "--kunit"]);
    assert!(ran.status == Some(0) && ran.stderr.contains("already has this"), "{ran:?}");
}

/// The headers of a real kernel, as people wrote them, and others, in a tree of their own.
fn real(others: &[(&str, &str)]) -> Tree {
    let tree = Tree::empty();
    for (name, text) in files(&directory("LINUX_SRC").join(ABI)) {
        tree.write(&format!("{ABI}/{name}"), &text);
    }
    for (name, text) in others {
        tree.write(&format!("{ABI}/{name}"), text);
    }
    tree.init(&[]);
    generate(&tree, &[], 0);
    tree
}

#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn every_header_of_a_real_kernel_has_a_suite_that_passes() {
    let tree = real(&[]);
    let bench = bench(&tree);
    let headers = files(&tree.root().join(ABI)).len();
    assert!(headers >= 6 && bench.suites.len() == headers, "{:?}", bench.suites);
    for compiler in COMPILERS {
        for shift in [12, 14, 16] {
            for suite in &bench.suites {
                let flag = format!("-DPAGE_SHIFT={shift}");
                let ran = bench.run(compiler.command(), suite, &[&flag]);
                assert_eq!(ran.that(Outcome::Passed).len(), ran.cases.len(), "{}", ran.said);
            }
        }
    }
    let path = format!("{ABI}/luo.h");
    let (from, to) = ("\tu64 data;\n\tu64 token;\n", "\tu64 token;\n\tu64 data;\n");
    tree.replace(&path, from, to);
    bench.put_header("linux/kho/abi/luo.h", &tree.read(&path));
    let ran = bench.run(COMPILERS[0].command(), "kho_abi_luo_kunit", &[]);
    assert_eq!(ran.that(Outcome::Failed), ["luo_file_ser_layout"], "{}", ran.said);
}

/// Kbuild compiles the suites with the headers beside them, without a warning, and the tree's own
/// checkers say nothing of them.
#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn kbuild_compiles_the_suites_of_a_real_kernel_and_checkpatch_says_nothing() {
    let tree = real(&[("odd.h", ODD)]);
    let tests = tree.root().join(TESTS);
    let objects: Vec<String> = files(&tests)
        .iter()
        .filter_map(|(name, _)| Some(format!("{}.o", name.strip_suffix(".c")?)))
        .collect();
    assert!(objects.len() >= 7, "{objects:?}");
    for (name, text) in files(&tests) {
        let out = Command::new(directory("LINUX_SRC").join("scripts/checkpatch.pl"))
            .args(["--strict", "--no-tree", "--no-summary", "--quiet", "-f"])
            .arg(tests.join(&name))
            .current_dir(directory("LINUX_SRC"))
            .output()
            .expect("perl is installed");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success() && said.trim().is_empty(), "{name}: {said}\n{text}");
    }
    let include = tree.root().join("include");
    let makefile = tree.read(&format!("{TESTS}/Makefile"));
    let first = format!("LINUXINCLUDE := -I{} $(LINUXINCLUDE)\n", include.display());
    tree.write(&format!("{TESTS}/Makefile"), &format!("{first}{makefile}"));
    let out = linux::kbuild_unit_tests(&tests, &objects);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}");
    for object in objects {
        let made_from = tests.join(format!(".{object}.cmd"));
        let made_from = fs::read_to_string(made_from).expect("Kbuild writes it");
        assert!(made_from.contains(&include.join("linux/kho/abi").display().to_string()));
    }
}
