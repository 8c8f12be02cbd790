// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi layout --source`: the structs of trees, headers, revisions and of what compilers make of them.

#[allow(dead_code)] // Each test asks C for something else.
#[path = "../../codegen/tests/c/mod.rs"]
mod c;
mod support;

use std::fs;
use support::tree::{Tree, ABI, ONE};

/// A handler that no program knows, with everything that a layout can have.
const MADE_UP: &str = "#include <linux/types.h>\n#include <linux/kho/abi/x.h>\n\
    #define MADE_UP_COMPATIBLE \"made-up-v1\"\n\
    enum made_up_mode { MADE_UP_OFF, MADE_UP_ON = 7 };\n\
    struct made_up_ring_ser {\n\tu64 base;\n\ts16 weight;\n\tu16 mode:4;\n\tu16 rest:12;\n} __packed;\n\
    struct made_up_ser {\n\tchar name[16];\n\tstruct made_up_ring_ser rings[4];\n\tstruct x_ser x;\n\
    \tu8 last;\n\tu64 token;\n};\n";

fn tree() -> Tree {
    let tree = Tree::of("x", ONE);
    tree.write(&format!("{ABI}/made_up.h"), MADE_UP);
    tree
}

/// What a compiler makes of the headers, with its types in that form.
fn compiled(tree: &Tree, name: &str, compiler: &str, flag: &str) {
    // As every unit of a kernel begins.
    let text = "#include <linux/compiler.h>\n#include <linux/kho/abi/made_up.h>\nstruct made_up_ser used;\n\
                struct unheard_of { int a; long b; } other;\n\
                const char *string = MADE_UP_COMPATIBLE;\n";
    let object = c::compile(compiler, &tree.root().join("include"), text, &[flag]);
    fs::write(tree.root().join(name), object.unwrap()).unwrap();
}

#[track_caller]
fn shown(tree: &Tree, args: &[&str]) -> String {
    let ran = tree.run(&[&["layout", "--source"], args].concat());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    ran.stdout
}

/// A layout without what no image tells.
fn bare(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("contract"));
    let bare = lines.map(|line| match line.split_once(", align: ") {
        Some((before, _)) => format!("{before} */\n"),
        None => format!("{line}\n"),
    });
    bare.collect()
}

#[test]
fn headers_dwarf_and_btf_show_one_layout_each_as_far_as_it_knows() {
    let tree = tree();
    let of_headers = shown(&tree, &[".", "made_up_ser"]);
    insta::assert_snapshot!(of_headers.as_str());
    for (compiler, flag) in [("gcc", "-gdwarf-5"), ("clang", "-gdwarf-5"), ("gcc", "-gbtf")] {
        compiled(&tree, "x.o", compiler, flag);
        let text = shown(&tree, &["x.o", "made_up_ser"]);
        assert_eq!(bare(&text), bare(&of_headers), "{compiler} {flag}");
        assert!(!text.contains("align") && text.contains("/* contract: unknown */"), "{text}");
        // As pahole, of anything that the object has; what it embeds is beside it.
        let text = shown(&tree, &["x.o", "unheard_of"]);
        assert!(text.contains("XXX 4 bytes hole"), "{text}");
        let ran = tree.run(&["layout", "--source", "x.o", "unheard_of_by_all"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains("'unheard_of_by_all' is neither a struct"), "{ran:?}");
        let ran = tree.run(&["layout", "--source", "x.o"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains("has no struct that is handed over"), "{ran:?}");
    }
}

/// What a source does not tell is said, in either form.
#[test]
fn what_a_source_does_not_tell_is_said() {
    let tree = tree();
    compiled(&tree, "x.o", "gcc", "-gbtf");
    let ran = tree.run(&["layout", "--source", "x.o", "x_ser"]);
    assert!(ran.stderr.contains("does not contain whether structs are packed"), "{ran:?}");
    assert!(ran.stderr.contains("the values of macros"), "{ran:?}");
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&shown(&tree, &[args, &["--format", "json"]].concat())).unwrap()
    };
    let of_image = json(&["x.o", "x_ser"]);
    assert_eq!(of_image["source"]["kind"], "btf");
    assert_eq!(of_image["source"]["knows"]["packing"], false);
    let of_tree = json(&[".", "made-up-v1", "--target", "s390x-unknown-linux-gnu"]);
    assert_eq!(of_tree["source"]["knows"]["packing"], true);
    assert_eq!(of_tree["target"]["endian"], "big");
    assert_eq!(of_tree["headers"][0]["contracts"][0]["compatible"], "made-up-v1");
    // A struct of the headers that no compiler lays out.
    tree.write(
        &format!("{ABI}/y.h"),
        "#define Y_COMPATIBLE \"y-v1\"\nstruct y { struct mutex a; };\n",
    );
    let ran = tree.run(&["layout", "--source", ".", "y"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("y cannot be shown: "), "{ran:?}");
    assert!(tree.run(&["layout", "--source", "."]).stderr.contains("struct mutex"));
}

/// A contract is asked for by its string, where a source has strings; of BTF, by what it is known to begin with.
#[test]
fn contracts_are_names_too() {
    let tree = tree();
    let all = shown(&tree, &[".", "made-up-v1"]);
    assert!(all.contains("struct made_up_ring_ser {") && all.contains("struct x_ser {"), "{all}");
    assert!(shown(&tree, &[".", "x-v1"]).contains("/* contract: made-up-v1, x-v1 */"));
    let ran = tree.run(&["layout", "--source", ".", "z-v1"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("contracts: made-up-v1, x-v1"), "{ran:?}");
    let kernel = Tree::of_kernel();
    let text = "#include <linux/kho/abi/memfd.h>\nstruct memfd_luo_ser a;\n";
    let object = c::compile("gcc", &kernel.root().join("include"), text, &["-gbtf"]).unwrap();
    fs::write(kernel.root().join("x.o"), object).unwrap();
    // An object has data, and so strings; this one has none.
    assert_eq!(kernel.run(&["layout", "--source", "x.o", "memfd-v2"]).status, Some(2));
    let dump = |args: &[&str]| std::process::Command::new("objcopy").args(args).status().unwrap();
    let (from, to) = (kernel.root().join("x.o"), kernel.root().join("x.btf"));
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    assert!(dump(&[
        "-O",
        "binary",
        "--only-section=.BTF",
        "--set-section-flags",
        ".BTF=alloc",
        from,
        to
    ])
    .success());
    let ran = kernel.run(&["layout", "--source", "x.btf", "memfd-v2"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("struct memfd_luo_ser {"), "{ran:?}");
    assert!(ran
        .stderr
        .contains("the structs of memfd-v2 were found by their names, in whatever version"));
}

/// One header is a source, for `layout` and `diff` alike: with what it includes, and nothing else of its tree.
#[test]
fn one_header_is_a_source() {
    let tree = tree();
    tree.write(
        &format!("{ABI}/z.h"),
        "#define Z_COMPATIBLE \"z-v1\"\nstruct z { struct mutex a; };\n",
    );
    let header = format!("{ABI}/made_up.h");
    let ran = tree.run(&["layout", "--source", &header]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("struct made_up_ser {") && ran.stdout.contains("struct x_ser {"));
    assert!(!ran.stderr.contains("mutex"), "{ran:?}");
    assert!(!shown(&tree, &[&format!("./{ABI}/x.h")]).contains("made_up"));
    // By itself, what it includes is missing: that is said.
    tree.write("alone/made_up.h", MADE_UP);
    let ran = tree.run(&["layout", "--source", "alone/made_up.h", "made_up_ser"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("made_up_ser cannot be shown: "), "{ran:?}");
    assert!(shown(&tree, &["alone/made_up.h", "made_up_ring_ser"]).contains("size: 12"));
    tree.write("alone/a header.h", MADE_UP);
    assert_eq!(tree.run(&["layout", "--source", "alone/a header.h"]).status, Some(2));

    let other = tree.root().join("other").join(ABI);
    fs::create_dir_all(&other).unwrap();
    let changed = ONE.replace("u32 b;", "u64 b;");
    fs::write(other.join("x.h"), &changed).unwrap();
    let new = format!("other/{ABI}/x.h");
    let ran = tree.run(&["diff", &format!("{ABI}/x.h"), &new]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains(&format!("{new}:6: finding: struct x_ser: field `b`")), "{ran:?}");
    assert!(!ran.stdout.contains("made-up"), "{ran:?}");
    assert_eq!(tree.run(&["diff", &header, &header]).status, Some(0));
    // A header without a version is a source as well, and what it lost is found.
    let (old, new) = ("alone/v.h", "alone/new/v.h");
    tree.write(old, "struct v { unsigned char a; };\nstruct w { unsigned char a; };\n");
    tree.write(new, "struct v { unsigned char a; };\n");
    let ran = tree.run(&["diff", old, new]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("struct_removed"), "{ran:?}");
}

#[test]
fn a_revision_is_a_source_and_options_of_sources_need_one() {
    let tree = tree();
    tree.git(&["init", "-q"]);
    tree.commit("begin");
    tree.replace(&format!("{ABI}/x.h"), "u32 b;", "u64 b;");
    assert!(shown(&tree, &["git:HEAD", "x_ser"]).contains("size: 8,"));
    assert!(shown(&tree, &[".", "x_ser"]).contains("size: 12,"));
    let ran = tree.run(&["layout", "--btf", "x_ser"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("--source <SOURCE>"), "{ran:?}");
    let ran = tree.run(&["layout", "--source", "nowhere"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("no such file, and not a known source"), "{ran:?}");
}
