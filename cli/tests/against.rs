// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Kernels and trees, held against the frozen layouts of a tree that the program knows nothing of.

#[allow(dead_code)] // Each test asks C for something else.
#[path = "../../codegen/tests/c/mod.rs"]
mod c;
mod support;

use std::fs;
use std::process::Command;
use support::tree::{Tree, ABI, LAYOUTS};
use support::{present, Ran};

const HEADER: &str = "#include <linux/types.h>\n#define MADE_UP_COMPATIBLE \"made-up-v2\"\n\
    #define MADE_UP_MAX 4\n\
    struct made_up_ring_ser {\n\tu64 base;\n\tu32 mode;\n} __packed;\n\
    struct made_up_ser {\n\tchar name[16];\n\tstruct made_up_ring_ser rings[MADE_UP_MAX];\n\
    \tu64 token;\n} __packed;\n";

/// What the version before was.
fn before() -> String {
    HEADER.replace("made-up-v2", "made-up-v1").replace("\tu64 token;", "\tu32 token;")
}

/// A tree with two versions frozen.
fn catalogue() -> Tree {
    let tree = Tree::of("made_up", &before());
    tree.init(&[]);
    tree.write(&format!("{ABI}/made_up.h"), HEADER);
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    tree
}

/// Another place, with a header and what a compiler makes of it.
fn other(header: &str, flag: &str) -> Tree {
    let other = Tree::of("made_up", header);
    build(&other, "x.o", flag);
    other
}

fn build(tree: &Tree, name: &str, flag: &str) {
    let text = "#include <linux/compiler.h>\n#include <linux/kho/abi/made_up.h>\n\
                struct made_up_ser used;\nconst char *string = MADE_UP_COMPATIBLE;\n";
    let object = c::compile("gcc", &tree.root().join("include"), text, &[flag]);
    fs::write(tree.root().join(name), object.unwrap()).unwrap();
}

#[track_caller]
fn verify(other: &Tree, catalogue: &str, source: &str, status: i32) -> Ran {
    let ran = other.run(&["verify", "--against", catalogue, source]);
    assert_eq!(ran.status, Some(status), "{source}: {}{}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn trees_and_kernels_are_held_against_frozen_layouts() {
    let tree = catalogue();
    let root = tree.root().to_str().unwrap();
    for flag in ["-gdwarf-5", "-gbtf"] {
        let other = other(HEADER, flag);
        // The directory, the layouts, and the file by itself, are one catalogue.
        for word in [root, &format!("{root}/{LAYOUTS}"), &format!("{root}/kho-abi.toml")] {
            let ran = verify(&other, word, ".", 0);
            assert!(ran.stdout.contains(&format!("against {root}/{LAYOUTS}\n")), "{ran:?}");
            assert!(ran
                .stdout
                .contains("made-up-v2  equal          the string, 2 structs, 1 const"));
            let ran = verify(&other, word, "x.o", 0);
            assert!(
                ran.stdout.contains("made-up-v2  equal          the string, 2 structs\n"),
                "{ran:?}"
            );
            assert!(ran.stdout.contains("MADE_UP_MAX: macros have no values"), "{ran:?}");
        }
        // The earlier version is known, too.
        other.write(&format!("{ABI}/made_up.h"), &before());
        build(&other, "x.o", flag);
        for source in [".", "x.o"] {
            let ran = verify(&other, root, source, 0);
            assert!(ran.stdout.contains("made-up-v1 (truth: made-up-v2)  older"), "{ran:?}");
        }
        // Other bytes under either are not.
        for (header, string) in [(HEADER.to_string(), "made-up-v2"), (before(), "made-up-v1")] {
            let changed = header.replace("u32 mode;", "u16 mode;\n\tu16 rest;");
            other.write(&format!("{ABI}/made_up.h"), &changed);
            build(&other, "x.o", flag);
            for source in [".", "x.o"] {
                let ran = verify(&other, root, source, 1);
                assert!(
                    ran.stdout.contains(&format!("this is not what {string} promises")),
                    "{ran:?}"
                );
            }
        }
        other.write(&format!("{ABI}/made_up.h"), &HEADER.replace("up-v2", "up-v3"));
        build(&other, "x.o", flag);
        for source in [".", "x.o"] {
            let ran = verify(&other, root, source, 1);
            assert!(ran.stdout.contains("[source_version_unknown]"), "{ran:?}");
            assert!(
                ran.stdout.contains(&format!(
                    "run `kho-abi freeze` in that tree, to add it to {root}/{LAYOUTS}"
                )),
                "{ran:?}"
            );
        }
    }
}

/// What cannot be compared is a finding, and what the catalogue does not have, too.
#[test]
fn nothing_is_equal_that_was_not_seen() {
    let tree = catalogue();
    let root = tree.root().to_str().unwrap();
    let place = Tree::of("made_up", &HEADER.replace("u64 token;", "struct mutex token;"));
    let ran = verify(&place, root, ".", 1);
    assert!(ran.stdout.contains("[not_compared]"), "{ran:?}");
    let place = Tree::of("made_up", &format!("{HEADER}struct more_ser {{ u8 a; }};\n"));
    assert!(verify(&place, root, ".", 1).stdout.contains("more_ser"));
    let place = Tree::of("made_up", HEADER);
    place.write(&format!("{ABI}/y.h"), "#define Y_COMPATIBLE \"y-v1\"\nstruct y { char a; };\n");
    assert!(verify(&place, root, ".", 1).stdout.contains("[source_contract_unknown]"));
    // This program's types are not the catalogue's.
    place.write(&format!("{ABI}/y.h"), &Tree::of_kernel().read(&format!("{ABI}/memblock.h")));
    let found = format!("{}, a contract that the truth", present("memblock"));
    let ran = verify(&place, root, ".", 1);
    assert!(ran.stdout.contains(&found), "{ran:?}");
    // And it is not this program's.
    let place = Tree::of("made_up", HEADER);
    assert_eq!(place.run(&["verify", "."]).status, Some(1));
    let nothing = Tree::of("x", "#define X_COMPATIBLE \"x-v1\"\n");
    verify(&nothing, root, ".", 1);
}

#[test]
fn what_is_no_catalogue_is_refused() {
    let tree = catalogue();
    let place = Tree::of("made_up", HEADER);
    let refuse = |word: &str, why: &str| {
        let ran = verify(&place, word, ".", 2);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(why), "{ran:?}");
    };
    refuse("nowhere", "nowhere: No such file or directory");
    refuse("include", "include: not a catalogue");
    refuse(&format!("{ABI}/made_up.h"), "made_up.h: not a catalogue");
    refuse(".", "no frozen layout in ./include/linux/kho/abi/layouts");
    // Two contracts that do not agree about a struct.
    let layout = tree.read(&format!("{LAYOUTS}/made-up-v2.layout"));
    place.write("abi/made-up-v2.layout", &layout);
    let other = layout.replace("made-up-v2", "other-v1").replace("u32", "s32");
    place.write("abi/other-v1.layout", &other);
    refuse("abi", "made_up_ring_ser: two frozen layouts of it differ");
    place.write("abi/other-v1.layout", "format 1\n");
    refuse("abi", "other-v1.layout");
}

/// A layout of a kernel is a catalogue as far as it goes.
#[test]
fn what_a_frozen_kernel_does_not_tell_is_not_checked() {
    let place = other(HEADER, "-gdwarf-5");
    let root = ["--root-struct", "made-up-v2=made_up_ser"];
    place.write("kho-abi.toml", "layouts = \"abi\"\n");
    let ran = place.run(&[&["freeze", "--source", "x.o"], &root[..]].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let ran = verify(&place, "abi", ".", 0);
    assert!(
        ran.stdout.contains("MADE_UP_MAX: the frozen layout does not contain constants"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("whether structs are packed"), "{ran:?}");
    verify(&place, "abi", "x.o", 0);
    place.replace(&format!("{ABI}/made_up.h"), "\tu64 token;", "\tu32 token;");
    verify(&place, "abi", ".", 1);
}

/// With what depends on the page size: a constant, an array, and a struct that embeds it.
const PAGED: &str = "#include <linux/types.h>\n#include <asm/page.h>\n\
    #define MADE_UP_COMPATIBLE \"made-up-v2\"\n\
    enum made_up_numbers { MADE_UP_PER_PAGE = PAGE_SIZE / 8 - 1, MADE_UP_KINDS = 3 };\n\
    struct made_up_page_ser {\n\tu64 next;\n\tu64 entries[MADE_UP_PER_PAGE];\n} __packed;\n\
    struct made_up_ser {\n\tu32 kinds[MADE_UP_KINDS];\n\tu32 mode;\n} __packed;\n";

/// A kernel of a machine that has several page sizes, with pages of that size, which it says if it has its
/// configuration in it.
fn kernel(tree: &Tree, name: &str, header: &str, shift: u32, says: bool) {
    tree.write(&format!("{ABI}/made_up.h"), header);
    let mut text = "#include <linux/compiler.h>\n#include <linux/kho/abi/made_up.h>\n\
                    struct made_up_ser used;\nstruct made_up_page_ser page;\n\
                    enum made_up_numbers numbers;\nconst char *string = MADE_UP_COMPATIBLE;\n"
        .to_string();
    if says {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        fs::write(&file, format!("# Linux\nCONFIG_PAGE_SHIFT={shift}\n")).unwrap();
        let packed = Command::new("gzip").arg("-c").arg(&file).output().unwrap().stdout;
        let all = [b"IKCFG_ST", &packed[..], b"IKCFG_ED"].concat();
        let bytes: Vec<_> = all.iter().map(ToString::to_string).collect();
        text.extend(["const unsigned char config[] = { ", &bytes.join(", "), " };\n"]);
    }
    let target = "--target=aarch64-unknown-linux-gnu";
    let flags = ["-gdwarf-5", target, &format!("-DPAGE_SHIFT={shift}")];
    let object = c::compile("clang", &tree.root().join("include"), &text, &flags);
    fs::write(tree.root().join(name), object.unwrap()).unwrap();
}

/// Freezes what a kernel says in the directory `abi`; returns the layout.
fn freeze(tree: &Tree, source: &str) -> String {
    tree.write("kho-abi.toml", "layouts = \"abi\"\n");
    let roots = ["made_up_ser", "made_up_page_ser"].map(|root| format!("made-up-v2={root}"));
    let roots = ["--root-struct", &roots[0], "--root-struct", &roots[1]];
    let ran = tree.run(&[&["freeze", "--source", source], &roots[..]].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    tree.read("abi/made-up-v2.layout")
}

/// A kernel's layout that does not say its page size: what depends on that is neither a difference nor an
/// agreement.
#[test]
fn what_depends_on_a_page_size_that_is_not_known_is_not_compared() {
    let place = Tree::empty();
    kernel(&place, "old.o", PAGED, 16, false);
    let layout = freeze(&place, "old.o");
    assert!(layout.contains("u64[8191]") && !layout.contains("\npages "), "{layout}");
    let reason = "the frozen layout is from a kernel, and does not say its page size";
    // Headers say what depends on it, and the rest is compared.
    for size in ["4096", "65536"] {
        let ran = place.run(&["verify", "--against", "abi", "--page-size", size, "."]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("made-up-v2  equal          the string, 1 struct"), "{ran:?}");
        let line = format!("made_up_page_ser: depends on the page size: {reason}");
        assert!(ran.stdout.contains(&line), "{line}: {ran:?}");
    }
    let changed = PAGED.replace("MADE_UP_KINDS = 3", "MADE_UP_KINDS = 4");
    kernel(&place, "new.o", &changed, 12, false);
    let ran = verify(&place, "abi", ".", 1);
    assert!(ran.stdout.contains("made_up_ser: field `kinds`"), "{ran:?}");
    assert!(ran.stdout.contains("[source_layout_differs]"), "{ran:?}");
    // A kernel does not say it: what differs by the number of elements alone is not known to differ. Here
    // that is all there is.
    let ran = verify(&place, "abi", "new.o", 2);
    assert!(!ran.stdout.contains("differs]"), "{ran:?}");
    assert!(!ran.stdout.contains("made-up-v2  equal"), "{ran:?}");
    for item in ["made_up_page_ser", "made_up_ser"] {
        let line = format!(
            "unknown whether {item} matches the truth: it differs, perhaps because of the page \
             size: {reason}"
        );
        assert!(ran.stdout.contains(&line), "{line}: {ran:?}");
    }
    // Another type is another type, whatever the pages.
    kernel(&place, "new.o", &PAGED.replace("u32 mode", "s32 mode"), 16, false);
    let ran = verify(&place, "abi", "new.o", 1);
    assert!(ran.stdout.contains("[source_layout_differs]"), "{ran:?}");
    kernel(&place, "new.o", PAGED, 16, false);
    verify(&place, "abi", "new.o", 0);
}

/// A kernel that says its page size has it in its layout, and that is what the layout is compared for.
#[test]
fn a_layout_of_a_kernel_is_compared_for_the_page_size_of_the_kernel() {
    let place = Tree::empty();
    kernel(&place, "old.o", PAGED, 16, true);
    let layout = freeze(&place, "old.o");
    assert!(layout.contains("\ngiven       roots\npages       65536\n"), "{layout}");
    let ran = verify(&place, "abi", ".", 0);
    assert!(ran.stdout.contains("headers, pages of 65536 bytes"), "{ran:?}");
    assert!(ran.stdout.contains("made-up-v2  equal          the string, 2 structs"), "{ran:?}");
    let ran = verify(&place, "abi", "old.o", 0);
    assert!(ran.stdout.contains("made-up-v2  equal          the string, 2 structs"), "{ran:?}");
    let ran = place.run(&["verify", "--against", "abi", "--page-size", "4096", "."]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let reason =
        "the frozen layout is for pages of 65536 bytes, but this source has pages of 4096 bytes";
    let line = format!("made_up_page_ser: depends on the page size: {reason}");
    assert!(ran.stdout.contains(&line), "{ran:?}");
    kernel(&place, "other.o", PAGED, 12, true);
    let ran = verify(&place, "abi", "other.o", 1);
    assert!(ran.stdout.contains("[not_compared]") && ran.stdout.contains(reason), "{ran:?}");
    assert!(!ran.stdout.contains("differs]"), "{ran:?}");
    kernel(&place, "silent.o", PAGED, 12, false);
    let ran = verify(&place, "abi", "silent.o", 1);
    assert!(ran
        .stdout
        .contains("the page size of this source is unknown: give it with --page-size"));
    // A change for that page size is a difference.
    kernel(&place, "new.o", &PAGED.replace("8 - 1", "8 - 2"), 16, true);
    for source in [".", "new.o"] {
        let ran = verify(&place, "abi", source, 1);
        assert!(ran.stdout.contains("made_up_page_ser: field `entries`"), "{ran:?}");
        assert!(ran.stdout.contains("[source_layout_differs]"), "{ran:?}");
    }
    // `check` compares kernels of one page size.
    let declared = "[[contract]]\nstring = \"made-up-v2\"\n\
                    structs = [\"made_up_ser\", \"made_up_page_ser\"]\n";
    for (source, status) in [("old.o", 0), ("other.o", 1), ("new.o", 1)] {
        place.write(
            "kho-abi.toml",
            &format!("layouts = \"abi\"\nsource = \"{source}\"\n{declared}"),
        );
        let printed = place.check(status);
        let is_unknown = printed.contains("which is for pages of 65536 bytes: the kernel has");
        assert_eq!(is_unknown, source == "other.o", "{printed}");
    }
}

/// Whether the next kernel understands a contract that this program does not know, the catalogue says.
#[test]
fn preflight_takes_what_strings_promise_from_a_catalogue() {
    let tree = catalogue();
    let catalogue = ["--catalogue", tree.root().to_str().unwrap()];
    let place = other(HEADER, "-gdwarf-5");
    let changed = HEADER.replace("\tu64 token;", "\tu32 token;");
    fs::rename(place.root().join("x.o"), place.root().join("now.o")).unwrap();
    build(&place, "same.o", "-gbtf");
    place.write(&format!("{ABI}/made_up.h"), &changed);
    build(&place, "next.o", "-gdwarf-5");
    let ask = |args: &[&str]| place.run(&[&["preflight", "--format", "json"], args].concat());
    let outlook = |ran: &Ran| {
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let contracts = json["answers"][0]["contracts"].as_array().unwrap().clone();
        let of_it = contracts.iter().find(|c| c["current"] == "made-up-v2").cloned();
        of_it.map_or("none".to_string(), |c| c["outcome"].as_str().unwrap_or_default().to_string())
    };
    // Without it, nobody knows what the string promises.
    let ran = ask(&["now.o", "next.o"]);
    assert_ne!(outlook(&ran), "dangerous", "{ran:?}");
    assert_ne!(ran.status, Some(0));
    let ran = ask(&[&["now.o", "next.o"], &catalogue[..]].concat());
    assert_eq!(outlook(&ran), "dangerous", "{ran:?}");
    assert_eq!(ran.status, Some(1));
    let ran = ask(&[&["now.o", "same.o"], &catalogue[..]].concat());
    assert_eq!(outlook(&ran), "understood", "{ran:?}");
}

/// A struct that only kho-abi.toml gives to a version.
const PLAIN: &str = "#include <linux/types.h>\n#define PLAIN_MAX 4\n\
    struct plain_ser {\n\tu32 kind;\n\tu32 mode;\n} __packed;\n";

const OWNER: &str = "layouts = \"abi\"\n\n[[owner]]\nmacro = \"MADE_UP_COMPATIBLE\"\n\
                     structs = [\"plain_ser\"]\nconstants = [\"PLAIN_MAX\"]\n";

/// A tree without a file of its own.
fn with_plain(header: &str, plain: &str) -> Tree {
    let tree = Tree::of("made_up", header);
    tree.write(&format!("{ABI}/plain.h"), plain);
    tree
}

#[test]
fn a_catalogue_says_who_owns_what_in_the_trees_that_it_is_for() {
    let tree = with_plain(HEADER, PLAIN);
    tree.write("kho-abi.toml", OWNER);
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    assert!(tree.read("abi/made-up-v2.layout").contains("\nstruct plain_ser  size 8"));
    let root = tree.root().to_str().unwrap();
    let words = [root.to_string(), format!("{root}/kho-abi.toml"), format!("{root}/abi")];
    let same = with_plain(HEADER, PLAIN);
    let more = with_plain(HEADER, &format!("{PLAIN}struct more_ser {{ u8 a; }};\n"));
    let changed = PLAIN.replace("u32 mode", "u16 mode").replace("MAX 4", "MAX 5");
    let silent = with_plain(HEADER, &changed);
    let bumped = with_plain(&HEADER.replace("up-v2", "up-v3"), &changed);
    let run = |args: &[&str], place: &Tree, status: i32| {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(status), "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    };
    for word in &words {
        let against = ["verify", "--against", word, "."];
        let printed = run(&against, &same, 0);
        assert!(printed.contains("equal          the string, 3 structs, 2 constants"), "{printed}");
        // No word about a header without a version: it has one.
        assert!(!printed.contains("has no version"), "{printed}");
        assert!(run(&against, &more, 1).contains("more_ser"));
        let printed = run(&against, &silent, 1);
        assert!(printed.contains("this is not what made-up-v2 promises"), "{printed}");

        let of = |tree: &Tree| tree.root().to_str().unwrap().to_string();
        let diff = |new: &Tree, more: &[&str], status: i32| {
            run(&[&["diff", &of(&same), &of(new)], more].concat(), &same, status)
        };
        let catalogue = ["--catalogue", word];
        let printed = diff(&silent, &catalogue, 1);
        assert!(printed.contains("made-up-v2  bump missing"), "{printed}");
        assert!(!printed.contains("no version covers"), "{printed}");
        let printed = diff(&bumped, &catalogue, 0);
        assert!(printed.contains("made-up-v3"), "{printed}");
        // Without it, nothing says that this version covers them.
        assert!(diff(&bumped, &[], 1).contains("no version covers"));
        let lint = ["lint", "."];
        run(&[&lint[..], &catalogue].concat(), &same, 0);
        assert!(run(&lint, &same, 1).contains("[struct_without_contract]"));
    }
    // In the tree itself, its file is heeded without a word.
    let printed = run(&["diff", bumped.root().to_str().unwrap(), "."], &tree, 1);
    assert!(!printed.contains("no version covers"), "{printed}");
    run(&["lint", "."], &tree, 0);
}
