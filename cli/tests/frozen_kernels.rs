// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts that are frozen from what compilers make of headers, by DWARF or BTF: what such a source does not
//! tell is said, and never made up.

#[allow(dead_code)] // Each test asks C for something else.
#[path = "../../codegen/tests/c/mod.rs"]
mod c;
mod support;

use std::fs;
use support::tree::{Tree, ABI, LAYOUTS};

const HEADER: &str = "#include <linux/types.h>\n#define MADE_UP_COMPATIBLE \"made-up-v1\"\n\
    #define MADE_UP_MAX 4\n\
    struct made_up_ring_ser {\n\tu64 base;\n\tu16 mode:4;\n\tu16 rest:12;\n} __packed;\n\
    struct made_up_ser {\n\tchar name[16];\n\tstruct made_up_ring_ser rings[MADE_UP_MAX];\n\
    \tu64 token;\n} __packed;\n";

/// The file that names a kernel.
const KERNEL: &str = "source = \"x.o\"\nlayouts = \"abi\"\n\n[[contract]]\n\
                      string = \"made-up-v1\"\nstructs = [\"made_up_ser\"]\n";

/// Writes the header, and what a compiler makes of it.
fn build(tree: &Tree, header: &str, flag: &str) {
    tree.write(&format!("{ABI}/made_up.h"), header);
    let text = "#include <linux/compiler.h>\n#include <linux/kho/abi/made_up.h>\n\
                struct made_up_ser used;\nconst char *string = MADE_UP_COMPATIBLE;\n";
    let object = c::compile("gcc", &tree.root().join("include"), text, &[flag]);
    fs::write(tree.root().join("x.o"), object.unwrap()).unwrap();
}

/// A kernel alone is the truth of a project: frozen, held, changed, bumped.
#[test]
fn a_kernel_is_held_to_what_was_frozen_of_it() {
    for flag in ["-gdwarf-5", "-gbtf"] {
        let tree = Tree::empty();
        build(&tree, HEADER, flag);
        tree.write("kho-abi.toml", KERNEL);
        let ran = tree.run(&["freeze"]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (Some(0), "abi/made-up-v1.layout\n"),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("does not contain the header and the macro"), "{ran:?}");
        let layout = tree.read("abi/made-up-v1.layout");
        for line in [
            "format      5\n",
            "macro       -\nheader      -\nstatus      draft\n",
            "unknown     header macros nodes packing pages\ngiven       roots\n",
            "\nstruct made_up_ser  size 64\n",
            "     8.4     12b  u16                       rest\n",
        ] {
            assert!(layout.contains(line), "{flag}: {line}: {layout}");
        }
        let printed = tree.check(0);
        assert!(printed.contains("x.o is a kernel, which does not contain"), "{printed}");
        build(&tree, &HEADER.replace("u64 token", "u32 token"), flag);
        let printed = tree.check(1);
        assert!(printed.contains(" 1 finding\n"), "{printed}");
        assert!(printed.contains("field `token` was u64, 8 bytes at byte 56, is u32"), "{printed}");
        assert!(printed.contains("make the string \"made-up-v2\""), "{printed}");
        // A bump: the file names the string, as the kernel does.
        let bumped = HEADER.replace("u64 token", "u32 token").replace("up-v1", "up-v2");
        build(&tree, &bumped, flag);
        let printed = tree.check(1);
        assert!(printed.contains("does not have this string [declaration_not_read]"), "{printed}");
        tree.write("kho-abi.toml", &KERNEL.replace("up-v1", "up-v2"));
        let printed = tree.check(0);
        assert!(printed.contains("\"made-up-v2\" follows \"made-up-v1\""), "{printed}");
    }
}

/// BTF by itself has no strings: who freezes it gives them, and the layout says so.
#[test]
fn a_string_that_nothing_shows_is_given() {
    let tree = Tree::empty();
    build(&tree, HEADER, "-gbtf");
    tree.write("kho-abi.toml", "layouts = \"abi\"\n");
    let (from, to) = (tree.root().join("x.o"), tree.root().join("x.btf"));
    let dump = ["-O", "binary", "--only-section=.BTF", "--set-section-flags", ".BTF=alloc"];
    let mut objcopy = std::process::Command::new("objcopy");
    assert!(objcopy.args(dump).args([&from, &to]).status().unwrap().success());
    let ran = tree.run(&["freeze", "--source", "x.btf"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("BTF has no compatible strings"), "{ran:?}");
    let ran = tree.run(&["freeze", "--source", "x.btf", "made-up-v1"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("--root-struct made-up-v1=STRUCT"), "{ran:?}");
    let root = ["--root-struct", "made-up-v1=made_up_ser"];
    let ran = tree.run(&[&["freeze", "--source", "x.btf"], &root[..]].concat());
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "abi/made-up-v1.layout\n"), "{ran:?}");
    assert!(tree.read("abi/made-up-v1.layout").contains("\ngiven       string roots\n"));
    // An object has the string: its layout says more, and is not written over with less.
    let ran = tree.run(&[&["freeze", "--source", "x.o"], &root[..]].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let known = tree.read("abi/made-up-v1.layout");
    assert!(known.contains("\ngiven       roots\n"));
    let ran = tree.run(&[&["freeze", "--source", "x.btf"], &root[..]].concat());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("has more than x.btf, which lacks"), "{ran:?}");
    assert_eq!(tree.read("abi/made-up-v1.layout"), known);
}

/// What the kernel does not have is refused, whatever is said of it.
#[test]
fn what_a_kernel_does_not_have_is_not_frozen() {
    let tree = Tree::empty();
    build(&tree, HEADER, "-gdwarf-5");
    tree.write("kho-abi.toml", "layouts = \"abi\"\n");
    for (root, why) in [
        ("made-up-v1=nothing_ser", "nothing_ser: it is not among the types of x.o"),
        ("other-v1=made_up_ser", "x.o does not have this string"),
    ] {
        let ran = tree.run(&["freeze", "--source", "x.o", "--root-struct", root]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains(why), "{ran:?}");
        assert!(ran.stdout.contains("[contract_not_freezable]"), "{ran:?}");
        assert!(!tree.root().join("abi").exists());
    }
    let ran = tree.run(&["freeze", "--source", ".", "made-up-v1"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("expected a kernel, found headers"), "{ran:?}");
    let ran = tree.run(&["freeze", "--source", "x.o", "--released", "v1"]);
    assert_eq!(ran.status, Some(2), "what a kernel tells is not all of a release: {ran:?}");
}

/// Headers beside a layout that a kernel gave: what both know is held, and the rest is named.
#[test]
fn headers_are_held_to_a_kernels_layout_as_far_as_it_goes() {
    let tree = Tree::empty();
    build(&tree, HEADER, "-gdwarf-5");
    let root = ["--root-struct", "made-up-v1=made_up_ser"];
    let ran = tree.run(&[&["freeze", "--source", "x.o"], &root[..]].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let printed = tree.check(0);
    assert!(printed.contains("\"made-up-v1\": not checked, since its layout does not contain it"));
    assert!(printed.contains("the values of macros"), "{printed}");
    let header = format!("{ABI}/made_up.h");
    tree.replace(&header, "\tu64 token;", "\tu32 token;");
    tree.one(&tree.line(&header, "u32 token"), "has it drafted as \"made-up-v1\"");
    let ran = tree.run(&["diff", "snapshots", "."]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("field `token`") && !ran.stdout.contains("MADE_UP_MAX"), "{ran:?}");
    tree.replace(&header, "\tu32 token;", "\tu64 token;");
    // The headers know all of it: their layout takes the other's place, and is not given back for less.
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    let layout = format!("{LAYOUTS}/made-up-v1.layout");
    assert!(!tree.read(&layout).contains("unknown") && tree.read(&layout).contains("packed"));
    assert!(!tree.check(0).contains("not checked, since"));
    let ran = tree.run(&[&["freeze", "--source", "x.o"], &root[..]].concat());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("has more than x.o, which lacks"), "{ran:?}");
}

/// Two layouts of one kernel are compared with headers for its page size, and for none if that is unknown.
#[test]
fn headers_are_compared_for_the_page_size_of_a_kernels_layout() {
    const PAGED: &str = "u64 base[PAGE_SIZE / 4096];";
    let tree = Tree::empty();
    let header = HEADER.replace("u64 base;", PAGED);
    let for_64k = HEADER.replace("u64 base;", "u64 base[16];");
    build(&tree, &for_64k, "-gdwarf-5");
    let freeze = ["freeze", "--source", "x.o", "--root-struct", "made-up-v1=made_up_ser"];
    let ran = tree.run(&freeze);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let path = format!("{LAYOUTS}/made-up-v1.layout");
    let layout = tree.read(&path);
    let unknown = "what depends on the page size: the page size of snapshots is unknown";
    for (pages, differs, said) in [("65536", false, false), ("4096", true, false), ("", true, true)]
    {
        let line = format!("given       roots\npages       {pages}\n");
        let line = if pages.is_empty() { "given       roots\n" } else { &line };
        let lines = layout.split_inclusive('\n').filter(|line| !line.starts_with("pages "));
        tree.write(&path, &lines.collect::<String>().replace("given       roots\n", line));
        tree.write(&format!("{ABI}/made_up.h"), &header);
        let ran = tree.run(&["diff", "snapshots", "."]);
        assert_eq!(ran.stdout.contains("made_up_ring_ser"), differs, "{pages}: {ran:?}");
        assert_eq!(ran.stdout.contains(unknown), said, "{pages}: {ran:?}");
    }
}

/// A layout with something unknown is a draft for as long as it is.
#[test]
fn a_layout_with_something_unknown_is_not_released() {
    let tree = Tree::empty();
    build(&tree, HEADER, "-gdwarf-5");
    tree.write("kho-abi.toml", KERNEL);
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    let layout = tree.read("abi/made-up-v1.layout");
    tree.write("abi/made-up-v1.layout", &layout.replace("draft", "released"));
    let printed = tree.check(1);
    assert!(printed.contains("a released layout cannot have unknown parts"), "{printed}");
    for (from, to) in [("nodes packing", "nodes nodes"), ("nodes packing", "nodes pakcing")] {
        tree.write("abi/made-up-v1.layout", &layout.replace(from, to));
        assert!(tree.check(1).contains("[frozen_file_malformed]"));
    }
}
