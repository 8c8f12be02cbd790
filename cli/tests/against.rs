// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Kernels and trees, held against the frozen layouts of a tree that the program knows nothing of.

#[allow(dead_code)] // Each test asks C for something else.
#[path = "../../codegen/tests/c/mod.rs"]
mod c;
mod support;

use std::fs;
use support::tree::{Tree, ABI, LAYOUTS};
use support::Ran;

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
            assert!(ran.stdout.contains(&format!("freeze it in {root}/{LAYOUTS}")), "{ran:?}");
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
    assert!(verify(&place, root, ".", 1).stdout.contains("memblock-v1, a contract that the truth"));
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
    refuse("include", "include: it is not a catalogue");
    refuse(&format!("{ABI}/made_up.h"), "made_up.h: it is not a catalogue");
    refuse(".", "there is no frozen layout in ./include/linux/kho/abi/layouts");
    // Two contracts that do not agree about a struct.
    let layout = tree.read(&format!("{LAYOUTS}/made-up-v2.layout"));
    place.write("abi/made-up-v2.layout", &layout);
    let other = layout.replace("made-up-v2", "other-v1").replace("u32", "s32");
    place.write("abi/other-v1.layout", &other);
    refuse("abi", "made_up_ring_ser: two frozen layouts have it differently");
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
