// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! End to end: a released layout resists every way to change it, and a bump is the proper way.
//!
//! Each test compiles a copy of the checkout, as a developer who changes it would.

mod support;

use support::Scratch;

const WIRE: &str = "abi/src/wire/vfio_pci.rs";
const LAYOUT: &str = "snapshots/vfio-pci-v1.layout";

/// `bdf` with 32 bits: in the struct, and in the layout beside it.
fn widen(scratch: &Scratch) {
    scratch.replace(WIRE, "pub bdf: u16", "pub bdf: u32");
    scratch.replace(WIRE, "size 4, align 1", "size 6, align 1");
    scratch.replace(WIRE, "0 => bdf: u16", "0 => bdf: u32");
    scratch.replace(WIRE, "2 => domain", "4 => domain");
    // The accessors take 16 bits; a developer would adapt them.
    scratch.replace(WIRE, "bdf: address.bdf(), domain", "bdf: address.bdf().into(), domain");
    scratch.replace(
        WIRE,
        "PciAddress::from_bdf(self.domain as u32, self.bdf)",
        "PciAddress::from_bdf(self.domain as u32, self.bdf as u16)",
    );
}

#[test]
fn the_compiler_refuses_a_change_of_the_struct_alone() {
    let (scratch, _guard) = Scratch::to_compile("change-struct", 1);
    scratch.replace(WIRE, "pub bdf: u16", "pub bdf: u32");
    let ran = scratch.cargo(&["check", "-p", "kho-abi-types"], &[]);
    assert_eq!(ran.status, Some(101));
    assert!(
        ran.stderr.contains("a layout released as \"vfio-pci-v1\" never changes"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("run `kho-abi bump vfio-pci-v1`"), "{}", ran.stderr);
}

#[test]
fn nothing_blesses_a_changed_layout() {
    let (scratch, _guard) = Scratch::to_compile("change-all", 2);
    widen(&scratch);
    let frozen = scratch.read(LAYOUT);
    let refused = "field `bdf` was u16, 2 bytes at byte 0, is u32, 4 bytes at byte 0; \
                   snapshots/vfio-pci-v1.layout has it released as \"vfio-pci-v1\"";

    // Everything that a developer might try, one after the other.
    let generated = scratch.cargo(&["run", "-q", "--", "generate"], &[]);
    assert_eq!(generated.status, Some(0), "{}", generated.stderr);
    assert!(scratch.read("c-headers/include/linux/kho/abi/vfio_pci.h").contains("u32 bdf;"));
    let frozen_again = scratch.cargo(&["run", "-q", "--", "freeze", "vfio-pci-v1"], &[]);
    assert_eq!(frozen_again.status, Some(1));
    assert!(frozen_again.stdout.contains(refused), "{}", frozen_again.stdout);
    let bumped = scratch.cargo(&["run", "-q", "--", "bump", "vfio-pci-v1"], &[]);
    assert_eq!(bumped.status, Some(1));
    assert!(bumped.stdout.contains(refused), "{}", bumped.stdout);
    let blessed = |envs| {
        let tests = [
            "test",
            "-p",
            "kho-abi-codegen",
            "--test",
            "goldens",
            "--test",
            "frozen",
            "--no-fail-fast",
        ];
        scratch.cargo(&tests, envs)
    };
    for envs in [
        &[("INSTA_UPDATE", "always")][..],
        &[("INSTA_UPDATE", "always"), ("INSTA_FORCE_PASS", "1")],
        &[("INSTA_UPDATE", "always"), ("INSTA_FORCE_UPDATE", "1")],
    ] {
        let ran = blessed(envs);
        assert_eq!(ran.status, Some(101), "{envs:?} made it pass");
        assert!(ran.stdout.contains(refused), "{}", ran.stdout);
        assert!(ran.stdout.contains("consequence: field `domain` moved from byte 2 to byte 4"));
        assert!(ran.stdout.contains("undo the change, run `kho-abi bump vfio-pci-v1`"));
    }
    // The goldens were blessed, which shows that blessing happened.
    assert!(scratch.read("snapshots/goldens/vfio_pci.h.snap").contains("u32 bdf;"));
    // `cargo insta accept` accepts pending snapshots; a frozen layout is never one of them.
    scratch.write("snapshots/vfio-pci-v1.layout.snap.new", "---\nsource: x\n---\nanything\n");
    assert_eq!(blessed(&[("INSTA_UPDATE", "always")]).status, Some(101));
    assert_eq!(scratch.read(LAYOUT), frozen);
    assert_eq!(scratch.cargo(&["run", "-q", "--", "check"], &[]).status, Some(1));
}

#[test]
fn a_bump_prepares_the_next_version_and_keeps_the_old_one_readable() {
    let (scratch, _guard) = Scratch::to_compile("bump", 3);
    let old_layout = scratch.run(&["layout", "vfio-pci-v1"]).stdout;
    let bumped = scratch.run(&["bump", "vfio-pci-v1"]);
    assert_eq!(bumped.status, Some(0), "{bumped:?}");
    insta::assert_snapshot!(format!("{}{}", bumped.stdout, bumped.stderr));

    // The prepared files pass the checks as they are, and are formatted.
    let run = |args: &[&str]| {
        let mut all = vec!["run", "-q", "--"];
        all.extend(args);
        scratch.cargo(&all, &[])
    };
    let checked = run(&["check"]);
    assert_eq!(checked.status, Some(0), "{}{}", checked.stdout, checked.stderr);
    let formatted = scratch.cargo_fmt();
    assert_eq!(formatted.status, Some(0), "{}", formatted.stdout);
    assert!(scratch.read("c-headers/include/linux/kho/abi/vfio_pci.h").contains("\"vfio-pci-v2\""));
    assert!(scratch.read("snapshots/vfio-pci-v2.layout").contains("status      draft"));
    assert_eq!(run(&["layout", "vfio-pci-v1"]).stdout, old_layout);
    // A draft does not need a bump.
    let again = run(&["bump", "vfio-pci-v2"]);
    assert_eq!(again.status, Some(2));
    assert!(again.stderr.contains("\"vfio-pci-v2\" is a draft, which no kernel has"), "{again:?}");

    // Now the change is accepted, and the old version is unchanged.
    widen(&scratch);
    assert_eq!(run(&["check"]).status, Some(1), "the draft and the header are behind");
    assert_eq!(run(&["generate"]).status, Some(0));
    assert_eq!(run(&["freeze", "--draft", "vfio-pci-v2"]).status, Some(0));
    let checked = run(&["check"]);
    assert_eq!(checked.status, Some(0), "{}", checked.stdout);
    assert_eq!(run(&["layout", "vfio-pci-v1"]).stdout, old_layout);
    assert!(run(&["layout", "vfio-pci-v2"]).stdout.contains("u32  bdf;"));
    assert_eq!(run(&["freeze", "vfio-pci-v2"]).status, Some(0));
    assert_eq!(run(&["freeze", "vfio-pci-v2"]).status, Some(0));

    // A third version, so that the second one joins the first.
    let bumped = run(&["bump", "vfio-pci-v2"]);
    assert_eq!(bumped.status, Some(0), "{}", bumped.stderr);
    let checked = run(&["check"]);
    assert_eq!(checked.status, Some(0), "{}{}", checked.stdout, checked.stderr);
    assert_eq!(scratch.cargo_fmt().status, Some(0));
    let registry = scratch.cargo(
        &["test", "-q", "-p", "kho-abi-types", "--test", "registry", "--", "every_", "each_"],
        &[],
    );
    assert_eq!(registry.status, Some(0), "{}", registry.stderr);
}

#[test]
fn a_bump_that_cannot_be_finished_leaves_the_checkout_as_it_was() {
    let scratch = Scratch::new("bump-fails");
    let before = (scratch.read(WIRE), scratch.read("abi/src/wire/earlier/mod.rs"));
    scratch.write("snapshots/vfio-pci-v2.layout", "");
    let ran = scratch.run(&["bump", "vfio-pci-v1"]);
    assert_eq!(ran.status, Some(2));
    assert_eq!(
        ran.stderr,
        "kho-abi: error: snapshots/vfio-pci-v2.layout exists already\n  help: remove it if it is a leftover\n"
    );
    // The last file cannot be written: a directory is in its place.
    std::fs::remove_file(scratch.path("snapshots/vfio-pci-v2.layout")).unwrap();
    let header = "c-headers/include/linux/kho/abi/vfio_pci.h";
    std::fs::remove_file(scratch.path(header)).unwrap();
    std::fs::create_dir(scratch.path(header)).unwrap();
    let ran = scratch.run(&["bump", "vfio-pci-v1"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(!scratch.path("abi/src/wire/earlier/vfio_pci_v1.rs").exists());
    assert_eq!((scratch.read(WIRE), scratch.read("abi/src/wire/earlier/mod.rs")), before);

    let ran = scratch.run(&["bump", "vfio-pci-v7"]);
    assert_eq!(ran.status, Some(2));
    let found = "no contract has the compatible string \"vfio-pci-v7\"; there are kho-v4, ";
    assert!(ran.stderr.contains(found), "{ran:?}");
}
