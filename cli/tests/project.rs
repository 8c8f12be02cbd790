// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A tree whose C headers are the truth, in its owner's workflow: init, check, a change, a bump.

mod support;

use std::fs;
use std::process::Command;
use support::tree::{Tree, ABI, LAYOUTS, ONE};
use support::{after, present, Ran};

/// The contract of a distribution's kernel: its own fields under its own version.
const VFIO_PCI: &str = r#"/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_VFIO_PCI_H
#define _LINUX_KHO_ABI_VFIO_PCI_H

#include <linux/compiler.h>
#include <linux/types.h>

#define VFIO_PCI_LUO_FH_COMPATIBLE "vfio-pci-v2"

/**
 * struct vfio_iommufd_ser - The iommufd of a device.
 * @token: token of its file
 */
struct vfio_iommufd_ser {
	u32 token;
} __packed;

/**
 * struct vfio_pci_core_device_ser - A device.
 * @domain: PCI domain
 * @bdf: bus, device and function
 * @reset_works: whether it can be reset
 * @iommufd: its iommufd
 */
struct vfio_pci_core_device_ser {
	u32 domain;
	u16 bdf;
	u8 reset_works;
	struct vfio_iommufd_ser iommufd;
} __packed;

#endif
"#;

/// Lists of arrays, a union without a name, bit-fields, and a pointer.
const IOMMU: &str = r#"/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_IOMMU_H
#define _LINUX_KHO_ABI_IOMMU_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/page.h>

#define IOMMU_LUO_FLB_COMPATIBLE "iommu-liveupdate-v1"

struct iommu_obj_ser {
	u32 ref_count;
	u32 deleted:1;
	u32 incoming:1;
} __packed;

struct iommu_intel_ser {
	u64 root;
	u64 bitmap[8];
} __packed;

struct iommu_ser {
	struct iommu_obj_ser obj;
	u64 token;
	union {
		struct iommu_intel_ser intel;
		u64 raw[4];
	};
} __packed;

struct iommu_domain_ser {
	struct iommu_obj_ser obj;
	u64 top_table;
	struct iommu_domain *restored;
} __packed;

struct iommu_array_ser {
	u64 next_phys;
	u64 nr;
} __packed;

#define IOMMU_DOMAINS_PER_PAGE \
	((PAGE_SIZE - sizeof(struct iommu_array_ser)) / sizeof(struct iommu_domain_ser))

struct iommu_domain_array_ser {
	struct iommu_array_ser array;
	struct iommu_domain_ser domains[IOMMU_DOMAINS_PER_PAGE];
} __packed;

struct iommu_array_of_iommus_ser {
	struct iommu_array_ser array;
	struct iommu_ser iommus[];
} __packed;

struct iommu_flb_ser {
	u64 iommus_phys;
	u64 domains_phys;
	u64 devices_phys;
} __packed;

#endif
"#;

/// Demonstrates: init, check, a changed field, check, the next string, check.
#[track_caller]
fn the_owners_day(tree: &Tree, header: &str, field: (&str, &str), version: (&str, &str)) {
    tree.init(&[]);
    tree.check(0);
    let file = format!("{ABI}/{header}.h");
    let (old, new) = version;
    tree.replace(&file, field.0, field.1);
    let place = tree.line(&file, field.1);
    let printed = tree.one(&place, &format!("has it drafted as \"{old}\""));
    assert!(printed.contains(&format!("\"{new}\"")), "no remedy: {printed}");
    tree.replace(&file, &format!("\"{old}\""), &format!("\"{new}\""));
    let printed = tree.check(0);
    let note = format!("\"{new}\" follows \"{old}\" and is not frozen yet");
    assert!(printed.contains(&note), "{printed}");
    let frozen = tree.run(&["freeze", new]);
    assert_eq!((frozen.status, frozen.stdout), (Some(0), format!("{LAYOUTS}/{new}.layout\n")));
    assert!(!tree.check(0).contains("not frozen yet"));
    assert!(tree.root().join(LAYOUTS).join(format!("{old}.layout")).is_file());
}

#[test]
fn a_kernel_tree_is_begun_held_and_bumped() {
    let tree = Tree::of_kernel();
    let field = ("\tu64 index;", "\tu32 index;");
    the_owners_day(&tree, "memfd", field, (&present("memfd"), &after(&present("memfd"))));
}

#[test]
fn a_distributions_contracts_are_held_like_the_kernels() {
    let tree = Tree::of_kernel();
    tree.write(&format!("{ABI}/vfio_pci.h"), VFIO_PCI);
    tree.write(&format!("{ABI}/iommu.h"), IOMMU);
    let field = ("\tu8 reset_works;", "\tu16 reset_works;");
    the_owners_day(&tree, "vfio_pci", field, ("vfio-pci-v2", "vfio-pci-v3"));
    // The content of the array for each page size, and of a nameless union.
    let layout = tree.read(&format!("{LAYOUTS}/iommu-liveupdate-v1.layout"));
    for line in [
        "struct iommu_domain_array_ser  page 65536",
        "union iommu_ser.0",
        "struct iommu_ser[0]       iommus",
        "void *                    restored",
    ] {
        assert!(layout.contains(line), "{line}: {layout}");
    }
    let file = format!("{ABI}/iommu.h");
    tree.replace(&file, "u64 raw[4];", "u64 raw[16];");
    tree.one(&tree.line(&file, "u64 raw"), "has it drafted as \"iommu-liveupdate-v1\"");
    tree.replace(&file, "u64 raw[16];", "u64 raw[4];");
    tree.replace(&file, "u64 next_phys;", "u64 next;");
    let place = tree.line(&file, "u64 next;");
    tree.one(&place, "field `next_phys` is named `next`");
}

/// Each mistake is one finding, at its place, with its item and rule.
#[test]
fn each_cause_is_one_finding_at_its_line() {
    let x = format!("{ABI}/x.h");
    let tree = Tree::of("x", ONE);
    // Before there is anything, one finding says how to begin, however many contracts there are.
    let second = format!("{ABI}/second.h");
    tree.write(&second, &ONE.replace("x_", "y_").replace("X_", "Y_").replace("x-v1", "y-v1"));
    tree.one(&second, "no layout is frozen, and there is no kho-abi.toml [frozen_layout_missing]");
    fs::remove_file(tree.root().join(second)).unwrap();
    tree.init(&[]);
    let fresh = |change: &dyn Fn()| {
        tree.write(&x, ONE);
        change();
    };
    fresh(&|| tree.replace(&x, "X_MAX 4", "X_MAX 5"));
    tree.one(&format!("{x}:3"), "constant X_MAX was 4, is 5");
    fresh(&|| tree.write(&x, &format!("{ONE}struct y_ser {{\n\tu8 a;\n}};\n")));
    tree.one(&format!("{x}:8"), "struct y_ser: the struct is new");
    fresh(&|| tree.replace(&x, "\tu32 a;\n", ""));
    tree.one(&format!("{x}:4"), "field `a` is gone");
    fresh(&|| tree.replace(&x, "u32 b;", "struct mutex b;"));
    tree.one(&format!("{x}:4"), "[declaration_not_read]");
    fresh(&|| tree.write(&format!("{ABI}/y.h"), "struct y_ser {\n\tunsigned char a;\n};\n"));
    tree.one(&format!("{ABI}/y.h:1"), "no version covers struct y_ser [struct_without_contract]");
    tree.write(&format!("{ABI}/y.h"), "#define Y_COMPATIBLE \"y-v1\"\nstruct y_ser { char a; };\n");
    tree.one(&format!("{ABI}/y.h:1"), "[frozen_layout_missing]");
    tree.write(&format!("{ABI}/y.h"), "#define Y_COMPATIBLE \"x-v1\"\n");
    let printed = tree.check(1);
    assert!(printed.contains("[compatible_in_two_contracts]"), "{printed}");
    fs::remove_file(tree.root().join(ABI).join("y.h")).unwrap();
    fresh(&|| tree.replace(&x, "\"x-v1\"", "\"z-v1\""));
    let printed = tree.check(1);
    assert!(printed.contains(&format!("{LAYOUTS}/x-v1.layout: no header has \"x-v1\"")));
    fresh(&|| {
        tree.replace(&x, "} __packed;", "} __packed;\nstatic_assert(sizeof(struct x_ser) == 9);");
    });
    let printed = tree.check(1);
    assert!(printed.contains(&format!("{x}:8: the compiler rejects it")), "{printed}");
    fresh(&|| tree.replace(&x, "} __packed;", "} __packed;\n#ifdef CONFIG_Y\nstruct y { u8 a; };"));
    let printed = tree.check(1);
    assert!(printed.contains("[declaration_not_read]"), "{printed}");
    let layout = format!("{LAYOUTS}/x-v1.layout");
    let text = tree.read(&layout);
    fresh(&|| tree.write(&layout, &text.replace("packed", "tight")));
    let printed = tree.check(1);
    assert!(printed.contains(" 1 finding\n"), "{printed}");
    assert!(printed.contains("[frozen_file_malformed]"), "{printed}");
    tree.write(&layout, &text);
    tree.check(0);
}

/// A change of a struct that two contracts embed is one finding that names both.
#[test]
fn what_two_contracts_promise_is_one_finding_with_both_strings() {
    let tree = Tree::of_kernel();
    tree.init(&[]);
    let file = format!("{ABI}/kexec_handover.h");
    let text = tree.read(&file);
    let at = text.find("struct kho_vmalloc {").unwrap();
    let changed = text[at..].replacen("unsigned int", "u64", 1).replacen("u32", "u64", 1);
    tree.write(&file, &format!("{}{changed}", &text[..at]));
    let printed = tree.check(1);
    assert!(printed.contains(" 1 finding\n"), "{printed}");
    for old in [present("kho"), present("memfd")] {
        for string in [&old, &after(&old)] {
            assert!(printed.contains(&format!("\"{string}\"")), "{string}: {printed}");
        }
    }
}

/// A failed assertion about a struct that changed is a consequence of the change.
#[test]
fn an_assertion_about_a_changed_struct_is_a_consequence() {
    let tree = Tree::with_assertions();
    tree.init(&[]);
    tree.check(0);
    let file = format!("{ABI}/kexec_handover.h");
    tree.replace(&file, "\tunsigned int total_pages;", "\tu64 total_pages;");
    let printed = tree.one(&tree.line(&file, "u64 total_pages"), "struct kho_vmalloc: field");
    let asserted = tree.line(&format!("{ABI}/memfd.h"), "sizeof(struct memfd_luo_ser) ==");
    for so in
        [&*format!("{asserted}: the compiler rejects it"), "consequence: struct memfd_luo_ser: "]
    {
        assert!(printed.contains(so), "{so}: {printed}");
    }
    // A failed assertion about something unchanged is a finding itself.
    tree.replace(&file, "\tu64 total_pages;", "\tunsigned int total_pages;");
    tree.replace(&file, "sizeof(struct kho_vmalloc) == 16", "sizeof(struct kho_vmalloc) == 17");
    tree.one(&tree.line(&file, "== 17"), "[header_unreadable]");
}

#[test]
fn a_version_that_went_back_is_found() {
    let tree = Tree::of("x", &ONE.replace("x-v1", "x-v2"));
    tree.init(&[]);
    let x = format!("{ABI}/x.h");
    tree.replace(&x, "x-v2", "x-v1");
    let printed = tree.check(1);
    assert!(printed.contains("\"x-v2\" is frozen, but the headers went back to \"x-v1\""));
}

#[test]
fn released_layouts_are_proven_and_never_written_again() {
    let tree = Tree::of("x", ONE);
    tree.write(
        &format!("{ABI}/y.h"),
        "#define Y_COMPATIBLE \"y-v1\"\nstruct y_ser { unsigned char a; };\n",
    );
    tree.git(&["init", "-q"]);
    tree.commit("release");
    tree.git(&["tag", "v1"]);
    let x = format!("{ABI}/x.h");
    let y = format!("{ABI}/y.h");
    tree.replace(&y, "char a;", "char a, b;");
    let z = format!("{ABI}/z.h");
    tree.write(&z, "#define Z_COMPATIBLE \"z-v1\"\nstruct z_ser { unsigned char a, b; };\n");
    let ran = tree.run(&["init", "--released", "v1"]);
    assert_eq!(ran.status, Some(1), "y-v1 is not what v1 has: {ran:?}");
    assert!(ran.stdout.contains("v1 does not prove that \"y-v1\" is released"), "{ran:?}");
    assert!(ran.stdout.contains("or make Y_COMPATIBLE \"y-v2\""), "{ran:?}");
    assert!(ran.stderr.contains("1 draft, 2 released"), "{ran:?}");
    let (of_x, of_z) = (format!("{LAYOUTS}/x-v1.layout"), format!("{LAYOUTS}/z-v1.layout"));
    assert!(tree.read(&of_x).contains("status      released"));
    assert!(tree.read(&of_z).contains("status      draft"));
    // What kernels have under y-v1 is frozen, and not what the tree has by now.
    let of_y = tree.read(&format!("{LAYOUTS}/y-v1.layout"));
    assert!(of_y.contains("status      released") && of_y.contains("y_ser  size 1 "), "{of_y}");
    assert!(tree.check(1).contains("has it released as \"y-v1\""));
    tree.replace(&y, "char a, b;", "char a;");
    assert!(tree.check(0).contains("layouts is not committed yet"));
    tree.commit("begin");
    assert!(tree.check(0).contains("ok           no released layout was edited"));

    // A draft follows its header; a released layout does not.
    let released = tree.read(&of_x);
    tree.replace(&x, "u32 b;", "u64 b;");
    let printed = tree.one(&tree.line(&x, "u64 b;"), "has it released as \"x-v1\"");
    assert!(printed.contains("help: undo the change, or make X_COMPATIBLE \"x-v2\""), "{printed}");
    for args in [&["freeze", "x-v1"][..], &["freeze"], &["freeze", "--release", "v1"]] {
        let ran = tree.run(args);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("[frozen_layout_changed]"), "{ran:?}");
        assert_eq!(tree.read(&of_x), released);
    }
    tree.replace(&z, "char a, b;", "char a, b, c;");
    assert_eq!(tree.run(&["freeze", "z-v1"]).stdout, format!("{of_z}\n"));
    let ran = tree.run(&["freeze", "z-v1", "--release", "v1"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("[release_not_proven]"), "{ran:?}");
    let ran = tree.run(&["freeze", "z-v1", "--release", "no-such-tag"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");

    // A tree is not a release of itself.
    let ran = tree.run(&["freeze", "z-v1", "--release", "."]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("is this tree itself, which proves nothing"), "{ran:?}");

    // The header and its released layout edited together.
    let edited = released.replace("size 8", "size 12").replace(
        "4       4  u32                       b",
        "4       8  u64                       b",
    );
    tree.write(&of_x, &edited);
    let printed = tree.check(1);
    assert!(printed.contains(" 1 finding\n"), "{printed}");
    assert!(printed.contains("[frozen_file_changed]"), "{printed}");
    tree.commit("slip it in");
    assert!(tree.check(1).contains("[frozen_file_changed]"));
    fs::remove_file(tree.root().join(&of_x)).unwrap();
    assert!(tree.check(1).contains("is gone that commit"));
    tree.write(&of_x, &released);
    tree.commit("restore");
    assert!(tree.root().join(".git/cache/kho-abi").is_dir(), "nothing was kept");
    tree.replace(&x, "\"x-v1\"", "\"x-v2\"");
    assert!(tree.check(0).contains("\"x-v2\" follows \"x-v1\""));
}

/// The cache belongs to one history only.
#[test]
fn a_history_that_was_rewritten_is_read_again() {
    let tree = Tree::of("x", ONE);
    tree.git(&["init", "-q", "-b", "main"]);
    tree.commit("release");
    // A branch goes on, so that what it has says nothing of a release.
    for branch in ["HEAD", "@", "main"] {
        let ran = tree.run(&["init", "--released", branch]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        let found = format!("{branch} is not a release: it is a branch");
        assert!(ran.stderr.contains(&found), "{ran:?}");
    }
    tree.git(&["tag", "v1"]);
    tree.init(&["--released", "v1"]);
    tree.commit("begin");
    tree.check(0);
    let layout = format!("{LAYOUTS}/x-v1.layout");
    let released = tree.read(&layout);
    // There was no release: the layout was a draft all the time.
    tree.write(&layout, &released.replace("released", "draft"));
    assert!(tree.check(1).contains("[frozen_file_changed]"));
    tree.git(&["add", "-A"]);
    tree.git(&["commit", "-q", "--amend", "-m", "begin again"]);
    tree.check(0);
    // Now there is one.
    tree.write(&layout, &released);
    tree.commit("release");
    tree.check(0);
    tree.write(&layout, &released.replace("released", "draft"));
    tree.commit("take it back");
    assert!(tree.check(1).contains("[frozen_file_changed]"));
}

#[test]
fn init_writes_over_nothing() {
    let tree = Tree::of("x", ONE);
    tree.write("kho-abi.toml", "# mine\n");
    let ran = tree.run(&["init"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("kho-abi.toml exists already"), "{ran:?}");
    assert_eq!(tree.read("kho-abi.toml"), "# mine\n");
    fs::remove_file(tree.root().join("kho-abi.toml")).unwrap();
    tree.write(&format!("{LAYOUTS}/w-v1.layout"), "mine\n");
    let ran = tree.run(&["init"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("w-v1.layout exists already"), "{ran:?}");
    assert!(!tree.root().join("kho-abi.toml").exists());
    // If the release does not exist, nothing is written.
    fs::remove_dir_all(tree.root().join(LAYOUTS)).unwrap();
    let ran = tree.run(&["init", "--released", "v1"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(!tree.root().join("kho-abi.toml").exists());
    let ran = Tree::empty().run(&["init"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    // A directory of the tree does not become another one.
    for dir in ["include", "include/linux/kho/abi"] {
        let ran = tree.run(&["init", "--tree", dir]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("is inside a tree with ABI headers, /"), "{ran:?}");
        assert!(!tree.root().join(dir).join("kho-abi.toml").exists());
    }
}

/// The file is found from subdirectories, and sets the directories and the exceptions.
#[test]
fn the_file_is_found_upwards_and_heeded() {
    let tree = Tree::empty();
    tree.write("drivers/abi/x.h", ONE);
    tree.write("drivers/abi/y.h", "struct y_ser {\n\tunsigned char a;\n};\n");
    tree.write("kho-abi.toml", "headers = \"drivers/abi\"\nlayouts = \"abi\"\n");
    assert_eq!(tree.run(&["freeze"]).stdout, "abi/x-v1.layout\n");
    tree.one("drivers/abi/y.h:1", "no version covers struct y_ser");
    let below = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        let dir = tree.root().join("drivers/abi");
        Ran::of(&command.current_dir(dir).args(args).output().unwrap())
    };
    assert!(below(&["check"]).stdout.contains("drivers/abi/y.h:1: no version covers"));
    let allow = |item: &str, expires: &str| {
        let text = format!(
            "headers = \"drivers/abi\"\nlayouts = \"abi\"\n\n[[allow]]\n\
             rule = \"struct_without_contract\"\nitem = \"{item}\"\nreason = \"r\"\n\
             expires = \"{expires}\"\n"
        );
        tree.write("kho-abi.toml", &text);
    };
    allow("y_ser", "9999-12-31");
    tree.check(0);
    allow("z_ser", "9999-12-31");
    let printed = tree.check(1);
    assert!(printed.contains("kho-abi.toml:4: the allowance of"), "{printed}");
    assert!(printed.contains("no version covers struct y_ser"), "{printed}");
    allow("y_ser", "2020-01-01");
    assert!(tree.check(1).contains("expired after 2020-01-01"));

    let owner = |structs: &str| {
        let text = format!(
            "headers = \"drivers/abi\"\nlayouts = \"abi\"\n\n[[owner]]\n\
             macro = \"X_COMPATIBLE\"\nstructs = [\"{structs}\"]\n"
        );
        tree.write("kho-abi.toml", &text);
    };
    owner("y_ser");
    assert_eq!(tree.run(&["freeze", "x-v1"]).status, Some(0));
    tree.check(0);
    tree.replace("drivers/abi/y.h", "char a;", "short a;");
    tree.one("drivers/abi/y.h:2", "as \"x-v1\"");
    owner("z_ser");
    assert!(tree
        .check(1)
        .contains("kho-abi.toml:4: X_COMPATIBLE is to own z_ser, but no header defines it"));

    tree.write("kho-abi.toml", "\nheder = \"x\"\n");
    let ran = tree.run(&["check"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("kho-abi.toml:2: unknown field `heder`"), "{ran:?}");
    assert!(ran.stderr.contains("help: write `headers`"), "{ran:?}");
}

/// A header with two versions that does not say which owns a struct: one bump covers it.
#[test]
fn a_shared_struct_is_covered_by_the_bump_of_one_owner() {
    let header = "#include <linux/types.h>\n#define A_COMPATIBLE \"a-v1\"\n\
                  #define B_COMPATIBLE \"b-v1\"\nstruct range_ser {\n\tu32 x;\n} __packed;\n";
    let tree = Tree::of("two", header);
    tree.init(&[]);
    tree.check(0);
    let file = format!("{ABI}/two.h");
    tree.replace(&file, "u32 x;", "u64 x;");
    let printed = tree.one(&tree.line(&file, "u64 x;"), "as \"a-v1\"");
    assert!(printed.contains("make A_COMPATIBLE \"a-v2\" or make B_COMPATIBLE"), "{printed}");
    tree.replace(&file, "\"a-v1\"", "\"a-v2\"");
    assert!(tree.check(0).contains("\"a-v2\" is new, and may be its version"));
}

#[test]
fn what_cannot_be_frozen_is_refused_with_the_reason() {
    let tree = Tree::of("x", &ONE.replace("\"x-v1\"", "\"a/../../x-v1\""));
    let ran = tree.run(&["init"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("[contract_not_freezable]"), "{ran:?}");
    assert!(!tree.root().join(ABI).join("x-v1.layout").exists());
    tree.write(&format!("{ABI}/x.h"), &ONE.replace("u32 b;", "struct mutex b;"));
    let ran = tree.run(&["freeze"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("\"x-v1\" cannot be frozen: x_ser has no layout"), "{ran:?}");
}

/// `snapshots` means the tree's own layouts, for every command that takes a source.
#[test]
fn the_layouts_of_a_tree_are_a_source() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    let ran = tree.run(&["diff", "snapshots", "."]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("1 contract, 0 without a bump"), "{ran:?}");
    tree.replace(&format!("{ABI}/x.h"), "u32 b;", "u64 b;");
    let ran = tree.run(&["diff", "snapshots", "."]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("x-v1  bump missing"), "{ran:?}");
}

#[test]
fn layouts_are_those_of_the_headers() {
    let tree = Tree::of("x", ONE);
    let shown = tree.run(&["layout"]);
    assert_eq!(shown.status, Some(0));
    assert!(shown.stdout.starts_with("struct x_ser {\n"), "{shown:?}");
    assert_eq!(tree.run(&["layout", "x-v1"]).stdout, shown.stdout);
    assert_eq!(tree.run(&["layout", "x_ser"]).stdout, shown.stdout);
    let ran = tree.run(&["layout", &present("memfd")]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("contracts: x-v1; structs: x_ser"), "{ran:?}");
    // Elsewhere, it means the program's own layouts.
    assert!(Tree::empty()
        .run(&["layout", &present("memfd")])
        .stdout
        .contains("struct memfd_luo_ser"));
}

#[test]
fn json_is_as_in_a_checkout() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    tree.replace(&format!("{ABI}/x.h"), "u32 b;", "u64 b;");
    let ran = tree.run(&["check", "--format", "json"]);
    assert_eq!(ran.status, Some(1));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["schema"], "kho-abi/check/1");
    let all = json["checks"].as_array().unwrap().iter();
    let findings: Vec<_> = all.flat_map(|c| c["findings"].as_array().unwrap()).collect();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["rule"], "draft_out_of_date");
    assert_eq!(findings[0]["place"], format!("{ABI}/x.h:6"));
}

/// What is unreadable for one page size is reported, and not assumed to be as for the others.
#[test]
fn what_one_page_size_alone_cannot_read_is_found() {
    let header = ONE.replace("u32 b;", "u32 b[PAGE_SIZE > 16384 ? -1 : 1];");
    let tree = Tree::of("x", &format!("#include <asm/page.h>\n{header}"));
    assert_eq!(tree.run(&["init"]).status, Some(1));
    let printed = tree.check(1);
    assert!(printed.contains("[declaration_not_read]"), "{printed}");
    tree.write("kho-abi.toml", "page-sizes = [4096, 16384]\n");
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    tree.check(0);
}

/// `wchar_t` is signed on x86-64, and unsigned on arm64.
#[test]
fn a_layout_of_one_machine_alone_is_found() {
    let tree = Tree::of("x", &ONE.replace("u32 b;", "__WCHAR_TYPE__ b;"));
    tree.init(&[]);
    let printed = tree.check(1);
    assert!(printed.contains("[layout_depends_on_machine]"), "{printed}");
    assert!(printed.contains("aarch64-unknown-linux-gnu"), "{printed}");
    tree.write("kho-abi.toml", "targets = [\"aarch64-unknown-linux-gnu\"]\n");
    tree.run(&["freeze"]);
    tree.check(0);
}

/// A checkout has a directory `snapshots`, which is not a tree without headers.
#[test]
fn the_word_for_frozen_layouts_is_not_the_directory_of_that_name() {
    let scratch = support::Scratch::new("snapshots-word");
    let ran = scratch.run(&["diff", "snapshots", "c-headers"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains("  new  "), "{}", ran.stdout);
}

/// A new name of a field leaves all bytes as they are: the policy says whether that is enough, for every command.
#[test]
fn one_policy_and_its_exceptions_hold_for_every_command() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    tree.replace(&format!("{LAYOUTS}/x-v1.layout"), "status      draft", "status      released");
    tree.git(&["init", "-q"]);
    tree.commit("begin");
    let config = tree.read("kho-abi.toml");
    let x = format!("{ABI}/x.h");
    tree.replace(&x, "u32 b;", "u32 c;");
    let diff = |more: &[&str]| tree.run(&[&["diff", "git:HEAD", "."], more].concat());
    tree.one(&tree.line(&x, "u32 c;"), "field `b` is named `c`");
    assert_eq!(diff(&[]).status, Some(1));
    assert_eq!(diff(&["--policy", "wire"]).status, Some(0));
    assert!(config.contains("\npolicy = \"strict\"\n"), "{config}");
    tree.write("kho-abi.toml", &config.replace("\"strict\"", "\"wire\""));
    let printed = tree.check(0);
    assert!(printed.contains("`c`: u32, 4 bytes at byte 4, but no byte moves"), "{printed}");
    assert_eq!(diff(&[]).status, Some(0));
    assert_eq!(diff(&["--policy", "strict"]).status, Some(1));
    // What moves bytes is a finding under either.
    tree.replace(&x, "u32 c;", "u64 c;");
    tree.check(1);
    assert_eq!(diff(&[]).status, Some(1));

    tree.replace(&x, "u64 c;", "u32 c;");
    let allow = |rule: &str, item: &str, expires: &str| {
        let entry = format!(
            "\n[[allow]]\nrule = \"{rule}\"\nitem = \"{item}\"\nreason = \"r\"\nexpires = \"{expires}\"\n"
        );
        tree.write("kho-abi.toml", &format!("{config}{entry}"));
    };
    allow("field_renamed", "x_ser.c", "9999-12-31");
    assert_eq!(diff(&[]).status, Some(0), "{:?}", diff(&[]));
    // It is of a change, and none of what is frozen: that has its own rule.
    assert!(!tree.check(1).contains("[allowance_stale]"));
    allow("field_renamed", "x_ser.c", "2020-01-01");
    assert_eq!(diff(&[]).status, Some(1));
    assert!(tree.check(1).contains("expired after 2020-01-01 [allowance_stale]"));
    allow("frozen_layout_changed", "x_ser.c", "9999-12-31");
    tree.check(0);
    let ran = diff(&[]);
    assert!(
        !ran.stdout.contains("allowance_stale"),
        "what check needs is not needed here: {ran:?}"
    );
    allow("draft_out_of_date", "x_ser.z", "9999-12-31");
    assert!(tree.check(1).contains("[allowance_stale]"));
}

/// Without git, a released layout may have been edited: that is found. A draft may be.
#[test]
fn a_history_that_cannot_be_read_is_found_where_something_depends_on_it() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    let printed = tree.check(0);
    assert!(
        printed.contains("note: no layout is released; this is not a git checkout"),
        "{printed}"
    );
    let layout = format!("{LAYOUTS}/x-v1.layout");
    tree.replace(&layout, "status      draft", "status      released");
    let printed = tree.one(LAYOUTS, "whether 1 released layout");
    assert!(printed.contains("[history_not_read]"), "{printed}");
    // The owner may know better, for a time.
    let entry = format!(
        "\n[[allow]]\nrule = \"history_not_read\"\nitem = \"{LAYOUTS}\"\nreason = \"r\"\n\
         expires = \"9999-12-31\"\n"
    );
    tree.write("kho-abi.toml", &format!("{}{entry}", tree.read("kho-abi.toml")));
    tree.check(0);
    // With a history, it is read, and the exception not needed.
    tree.git(&["init", "-q"]);
    tree.commit("begin");
    assert!(tree.check(1).contains("[allowance_stale]"));
    tree.replace("kho-abi.toml", &entry, "");
    assert!(tree.check(0).contains("ok           no released layout was edited"));
    // A clone that is cut off has no history, either.
    tree.commit("again");
    let clone = tree.root().join("clone");
    let from = format!("file://{}", tree.root().display());
    tree.git(&["clone", "-q", "--depth", "1", &from, clone.to_str().unwrap()]);
    let ran = tree.run(&["check", "--root", clone.to_str().unwrap()]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("git fetch --unshallow"), "{ran:?}");
}

/// A pointer and a list are found as long as they can be mended, and never frozen by a command that
/// asks for nothing but that; what a tree had when it was begun is frozen as it is.
#[test]
fn what_memory_cannot_hand_over_is_found_before_it_is_frozen() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    let y = format!("{ABI}/y.h");
    let with = |field: &str| {
        let text = format!(
            "#include <linux/types.h>\n#define Y_COMPATIBLE \"y-v1\"\nstruct y_ser {{\n\t{field}\n\tu64 id;\n}} __packed;\n"
        );
        tree.write(&y, &text);
    };
    for (field, rule) in [
        ("void *ring;", "pointer_in_struct"),
        ("struct list_head all;", "kernel_object_in_struct"),
        ("struct { u32 n; struct page *page; } at;", "pointer_in_struct"),
    ] {
        with(field);
        let printed = tree.check(1);
        assert!(printed.contains(&format!("{y}:4: ")) && printed.contains(rule), "{printed}");
        assert!(
            printed.contains(
                "failed       new declarations in the headers are fit for preserved memory"
            ),
            "{printed}"
        );
        for args in [&["freeze"][..], &["freeze", "y-v1"]] {
            let ran = tree.run(args);
            assert_eq!(ran.status, Some(1), "{field}: {ran:?}");
            assert!(ran.stdout.contains(rule), "{ran:?}");
            assert!(!tree.root().join(format!("{LAYOUTS}/y-v1.layout")).exists());
        }
    }
    // Known, and said to be fine.
    with("void *ring;");
    let allowed = "[[allow]]\nrule = \"pointer_in_struct\"\nitem = \"y_ser.ring\"\nreason = \"zero\"\nexpires = \"2999-01-01\"\n";
    let file = tree.read("kho-abi.toml");
    tree.write("kho-abi.toml", &format!("{file}\n{allowed}"));
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    tree.check(0);

    // A draft that gets one: the change is found, and not frozen.
    with("u64 ring;");
    tree.write("kho-abi.toml", &file);
    assert_eq!(tree.run(&["freeze", "y-v1"]).status, Some(0));
    with("void *ring;");
    assert_eq!(tree.run(&["freeze", "y-v1"]).status, Some(1));
    assert!(tree.check(1).contains("pointer_in_struct"));

    // What no kernel dies of is a note.
    with("bool on;");
    assert_eq!(tree.run(&["freeze", "y-v1"]).status, Some(0));

    // A tree that has one already begins with it.
    let tree = Tree::of("x", &ONE.replace("u32 b;", "void *b;"));
    let ran = tree.run(&["init"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("frozen as it is: `x_ser.b` is a pointer"), "{ran:?}");
    tree.check(0);
}

/// The bytes of an integer have an order, which its size does not show.
#[test]
fn a_byte_order_is_frozen_with_its_field() {
    let tree = Tree::of("x", &ONE.replace("u32 a;", "__be32 a;\n\t__le16 c[2];"));
    tree.init(&[]);
    let x = format!("{ABI}/x.h");
    let layout = tree.read(&format!("{LAYOUTS}/x-v1.layout"));
    assert!(layout.contains("format      6\n"), "{layout}");
    assert!(layout.contains("__be32                    a\n"), "{layout}");
    assert!(layout.contains("__le16[2]                 c\n"), "{layout}");
    tree.check(0);
    for (from, to) in [("__be32 a", "u32 a"), ("__be32 a", "__le32 a"), ("__le16 c", "u16 c")] {
        let text = tree.read(&x);
        tree.replace(&x, from, to);
        tree.one(&tree.line(&x, to), "field ");
        tree.write(&x, &text);
    }
    // A name of its own for the same.
    let before = Tree::of("x", &tree.read(&x));
    tree.replace(&x, "struct x_ser {", "typedef __be32 id_t;\nstruct x_ser {");
    tree.replace(&x, "__be32 a", "id_t a");
    tree.check(0);
    let ran = tree.run(&["diff", before.root().to_str().unwrap(), "."]);
    assert!(!ran.stdout.contains("field_retyped"), "{ran:?}");
}

/// No header is passed over in silence: those in directories below are not read, and that is found.
#[test]
fn headers_in_a_directory_below_are_said_to_be_unread() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    tree.git(&["init", "-q"]);
    tree.commit("begin");
    tree.write(&format!("{ABI}/sub/y.h"), "#define Y_COMPATIBLE \"y-v1\"\nstruct y { char a; };\n");
    let found = |ran: support::Ran| {
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("not below it"), "{ran:?}");
    };
    found(tree.run(&["check"]));
    found(tree.run(&["diff", "git:HEAD", "."]));
    tree.commit("more");
    found(tree.run(&["diff", "git:HEAD^", "git:HEAD"]));
    // The layouts are no headers.
    assert_eq!(tree.run(&["diff", "git:HEAD^", "git:HEAD^"]).status, Some(0));
}

/// What works on Rust types says what to do in a tree whose headers are the truth.
#[test]
fn commands_for_rust_types_say_what_to_do_in_a_tree_of_headers() {
    let tree = Tree::of("x", ONE);
    for (args, instead) in
        [(["bump", "x-v1"], "write the next string"), (["new", "y"], "write a header")]
    {
        let ran = tree.run(&args);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("the C headers are the truth"), "{ran:?}");
        assert!(ran.stderr.contains(instead), "{ran:?}");
    }
    tree.init(&[]);
    let ran = tree.run(&["freeze", "x-v2"]);
    assert!(ran.stderr.contains("did you mean x-v1? give one of x-v1"), "{ran:?}");
}

/// A draft changes without a new version: `check`, `diff`, `review` and `log` agree on that. The old side says
/// what a draft is, so that a change cannot turn a released layout into one.
#[test]
fn a_draft_may_change_for_every_command() {
    let tree = Tree::of("x", ONE);
    tree.init(&[]);
    tree.git(&["init", "-q", "-b", "main"]);
    tree.commit("begin");
    tree.replace(&format!("{ABI}/x.h"), "u32 b", "u64 b");
    assert_eq!(tree.run(&["freeze"]).status, Some(0));
    tree.check(0);
    tree.commit("wider");
    let patch = |name: &str| {
        let output = Command::new("git")
            .arg("-C")
            .arg(tree.root())
            .args(["diff", "HEAD^", "HEAD"])
            .output()
            .unwrap();
        tree.write(&format!(".git/{name}"), &String::from_utf8(output.stdout).unwrap());
        format!(".git/{name}")
    };
    let all = |patch: &str, status: i32, word: &str| {
        for args in [
            &["diff", "git:HEAD^", "git:HEAD"][..],
            &["diff", "git:HEAD^", "."],
            &["review", "HEAD^..HEAD"],
            &["review", patch, "--base", "git:HEAD^"],
        ] {
            let ran = tree.run(args);
            assert_eq!(ran.status, Some(status), "{args:?}: {ran:?}");
            assert!(ran.stdout.contains(word), "{args:?}: {ran:?}");
        }
    };
    all(&patch("draft.patch"), 0, "changed before its release");
    for _ in 0..2 {
        let log = tree.run(&["log"]);
        assert_eq!(log.status, Some(0), "{log:?}");
    }

    // Released at the old side: a change needs a new version, and a draft of it does not help.
    let layout = format!("{LAYOUTS}/x-v1.layout");
    tree.replace(&layout, "status      draft", "status      released");
    tree.commit("released");
    tree.replace(&layout, "status      released", "status      draft");
    tree.replace(&format!("{ABI}/x.h"), "u64 b", "u16 b");
    tree.commit("narrower, called a draft");
    all(&patch("released.patch"), 1, "bump missing");
}

/// A tree that was just taken in has only drafts, also of what kernels have had for long.
#[test]
fn what_a_kernel_has_is_no_draft_of_a_tree() {
    let tree = Tree::of("x", &ONE.replace("x-v1", "luo-v1"));
    tree.init(&[]);
    tree.git(&["init", "-q", "-b", "main"]);
    tree.commit("begin");
    tree.replace(&format!("{ABI}/x.h"), "u32 b", "u64 b");
    for args in [&["diff", "git:HEAD", "."][..], &["diff", "git:HEAD", ".", "--format", "json"]] {
        let ran = tree.run(args);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("field_resized"), "{ran:?}");
    }
}

/// A number from another header of the tree is that tree's, not the one that Linux has.
#[test]
fn numbers_of_other_headers_are_those_of_the_tree() {
    let header = ONE
        .replace("types.h>\n", "types.h>\n#include <uapi/linux/liveupdate.h>\n")
        .replace("u32 b;", "char b[LIVEUPDATE_SESSION_NAME_LENGTH];");
    let (old, new) = (Tree::of("x", &header), Tree::of("x", &header));
    let other = |tree: &Tree, text: &str| {
        tree.write(
            "include/uapi/linux/liveupdate.h",
            &format!("#ifndef X\n#define X\n{text}#endif\n"),
        );
    };
    let differ = || {
        let roots = [old.root(), new.root()].map(|root| root.to_str().unwrap());
        let ran = old.run(&["diff", roots[0], roots[1]]);
        (ran.status, ran.stdout)
    };
    assert_eq!(differ().0, Some(0));
    other(&old, "#define LIVEUPDATE_SESSION_NAME_LENGTH 0x40\n");
    assert_eq!(differ().0, Some(0));
    other(&new, "#define LIVEUPDATE_SESSION_NAME_LENGTH 32 /* with its NUL */\n");
    let (status, printed) = differ();
    assert_eq!(status, Some(1), "{printed}");
    assert!(
        printed.contains("was char[64], 64 bytes at byte 4, is char[32], 32 bytes"),
        "{printed}"
    );
    other(&new, "#ifdef CONFIG_X\n#define LIVEUPDATE_SESSION_NAME_LENGTH 32\n#endif\n");
    let (status, printed) = differ();
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains("unknown whether"), "{printed}");
}

/// A struct that the configuration lays out is not the truth's, even if the choice that was read is.
#[test]
fn what_the_configuration_chooses_is_not_verified() {
    let tree = Tree::of_kernel();
    assert_eq!(tree.run(&["verify", "."]).status, Some(0));
    let choice = "\n#ifdef CONFIG_X\n\tu32 size;\n#else\n\tu64 size;\n#endif\n";
    tree.replace(&format!("{ABI}/memfd.h"), "\n\tu64 size;\n", choice);
    let ran = tree.run(&["verify", "."]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("unknown whether memfd_luo_ser matches the truth"), "{ran:?}");
    assert!(ran.stdout.contains("it depends on a condition inside it"), "{ran:?}");
}
