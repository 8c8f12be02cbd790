// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! End to end: a released layout resists every way to change it, and a bump is the proper way.
//!
//! Each test compiles a copy of the checkout, as a developer who changes it would.

mod support;

use kho_abi_inspect::synth::container::raw_in;
use kho_abi_inspect::synth::{MemfdSpec, Ram, Synth};
use support::{after, present, Ran, Scratch};

const WIRE: &str = "abi/src/wire/vfio_pci.rs";

fn layout_of(contract: &str) -> String {
    format!("snapshots/{contract}.layout")
}

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

/// The first error that the compiler reports.
fn first_error(ran: &Ran) -> &str {
    assert_eq!(ran.status, Some(101), "{}", ran.stderr);
    ran.stderr.lines().find(|line| line.starts_with("error")).unwrap()
}

#[test]
fn the_compiler_refuses_a_change_in_words() {
    let (scratch, _guard) = Scratch::to_compile("change-struct", 1);
    let contract = present("vfio-pci");
    scratch.release(&contract);
    scratch.replace(WIRE, "pub bdf: u16", "pub bdf: u32");
    let ran = scratch.cargo(&["check", "-p", "kho-abi-types"], &[]);
    assert_eq!(ran.status, Some(101));
    let released = format!("a layout released as \"{contract}\" never changes");
    assert!(ran.stderr.contains(&released), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("run `kho-abi bump {contract}`")), "{}", ran.stderr);

    // A wrong number: the first error has the right one.
    scratch.replace(WIRE, "pub bdf: u32", "pub bdf: u16");
    scratch.replace(WIRE, "2 => domain", "12 => domain");
    let ran = scratch.cargo(&["check", "-p", "kho-abi-types"], &[]);
    let wrong = "vfio_pci_core_device_ser.domain is at byte 2, but wire_layout! says byte 12";
    let expected = format!("error[E0080]: evaluation panicked: {wrong}; {released}");
    assert!(first_error(&ran).starts_with(&expected), "{}", ran.stderr);

    // Of a draft, it says that the number is what to correct.
    std::fs::remove_file(scratch.path(&layout_of(&contract))).unwrap();
    scratch.replace(WIRE, "12 => domain", "2 => domain");
    assert_eq!(scratch.run(&["freeze", &contract]).status, Some(0));
    scratch.replace(WIRE, "2 => domain", "12 => domain");
    let ran = scratch.cargo(&["check", "-p", "kho-abi-types"], &[]);
    let expected = format!(
        "error[E0080]: evaluation panicked: {wrong}; \"{contract}\" is a draft: correct wire_layout!, \
         and run `kho-abi freeze {contract}`"
    );
    assert_eq!(first_error(&ran), expected, "{}", ran.stderr);
}

#[test]
fn nothing_blesses_a_changed_layout() {
    let (scratch, _guard) = Scratch::to_compile("change-all", 2);
    let contract = present("vfio-pci");
    let layout = &layout_of(&contract);
    scratch.release(&contract);
    widen(&scratch);
    let frozen = scratch.read(layout);
    let refused = &format!(
        "field `bdf` was u16, 2 bytes at byte 0, is u32, 4 bytes at byte 0; \
         {layout} has it released as \"{contract}\""
    );

    // Everything that a developer might try, one after the other.
    let generated = scratch.cargo(&["run", "-q", "--", "generate"], &[]);
    assert_eq!(generated.status, Some(0), "{}", generated.stderr);
    assert!(scratch.read("c-headers/include/linux/kho/abi/vfio_pci.h").contains("u32 bdf;"));
    let frozen_again = scratch.cargo(&["run", "-q", "--", "freeze", &contract], &[]);
    assert_eq!(frozen_again.status, Some(1));
    assert!(frozen_again.stdout.contains(refused), "{}", frozen_again.stdout);
    let bumped = scratch.cargo(&["run", "-q", "--", "bump", &contract], &[]);
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
        assert!(ran.stdout.contains(&format!("undo the change, run `kho-abi bump {contract}`")));
    }
    // The goldens were blessed, which shows that blessing happened.
    assert!(scratch.read("snapshots/goldens/vfio_pci.h.snap").contains("u32 bdf;"));
    // `cargo insta accept` takes the snapshots that wait; a frozen layout never is one of them.
    scratch.write(&format!("{layout}.snap.new"), "---\nsource: x\n---\nanything\n");
    assert_eq!(blessed(&[("INSTA_UPDATE", "always")]).status, Some(101));
    assert_eq!(scratch.read(layout), frozen);
    assert_eq!(scratch.cargo(&["run", "-q", "--", "check"], &[]).status, Some(1));
}

/// Every contract at once, and then each step that an owner of one goes on with.
#[test]
fn a_bump_prepares_the_next_version_and_keeps_the_old_one_readable() {
    let (scratch, _guard) = Scratch::to_compile("bump", 3);
    let model = kho_abi_read::truth::current().unwrap();
    let all: Vec<_> = model.contracts().map(|(_, contract)| contract.compatible.as_str()).collect();
    let old = &present("vfio-pci");
    let (new, newest) = (&after(old), &after(&after(old)));
    for contract in &all {
        scratch.release(contract);
    }
    let old_layouts = all.iter().map(|contract| scratch.run(&["layout", contract]).stdout);
    let old_layouts: Vec<_> = old_layouts.collect();
    let old_layout = scratch.run(&["layout", old]).stdout;
    let image = scratch.path("guest.raw");
    raw_in(&image, &ram()).unwrap();
    let shown = scratch.run(&["inspect", "guest.raw"]);
    assert!(shown.stdout.contains("vfio-pci-v1  0000:01:00.0"), "{shown:?}");
    let bumped = scratch.run(&[&["bump"], all.as_slice()].concat());
    assert_eq!(bumped.status, Some(0), "{bumped:?}");
    assert!(bumped.stdout.contains(&format!("snapshots/{new}.layout\n")), "{bumped:?}");
    assert!(bumped.stderr.contains(&format!("\"{old}\" is now \"{new}\"")), "{bumped:?}");

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
    let header = scratch.read("c-headers/include/linux/kho/abi/vfio_pci.h");
    assert!(header.contains(&format!("\"{new}\"")));
    assert!(scratch.read(&layout_of(new)).contains("status      draft"));
    for (contract, old_layout) in all.iter().zip(old_layouts) {
        // In the order of its headers by now; and what else promises a struct may be gone.
        let lines = |text: &str| {
            let lines = text.lines().filter(|line| !line.contains("contract"));
            let mut lines: Vec<_> = lines.map(String::from).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&run(&["layout", contract]).stdout), lines(&old_layout), "{contract}");
    }
    // What today's kernels wrote is read as before: readers have stayed with its versions.
    let after_it = run(&["inspect", "guest.raw"]);
    assert_eq!((after_it.status, &after_it.stdout), (shown.status, &shown.stdout));
    // A draft needs no bump.
    let again = run(&["bump", new]);
    assert_eq!(again.status, Some(2));
    assert!(
        again.stderr.contains(&format!("\"{new}\" is a draft, which no kernel has")),
        "{again:?}"
    );

    // A header of its own, while we are at it.
    let begun = run(&["new", "ring-buffer"]);
    assert_eq!(begun.status, Some(0), "{begun:?}");

    // Now the change is accepted, and the old version is unchanged.
    widen(&scratch);
    assert_eq!(run(&["check"]).status, Some(1), "the draft and the header are behind");
    assert_eq!(run(&["generate"]).status, Some(0));
    assert_eq!(run(&["freeze", new]).status, Some(0));
    let checked = run(&["check"]);
    assert_eq!(checked.status, Some(0), "{}", checked.stdout);
    assert_eq!(run(&["layout", old]).stdout, old_layout);
    assert!(run(&["layout", new]).stdout.contains("u32  bdf;"));
    assert!(run(&["layout", "ring-buffer-v1"]).stdout.contains("u64  flags;"));
    assert_eq!(scratch.cargo_fmt().status, Some(0));
    for _ in 0..2 {
        assert_eq!(run(&["freeze", "--release", "c-headers", new]).status, Some(0));
    }

    // A third version, so that the second one joins the first.
    let bumped = run(&["bump", new]);
    assert_eq!(bumped.status, Some(0), "{}", bumped.stderr);
    let checked = run(&["check"]);
    assert_eq!(checked.status, Some(0), "{}{}", checked.stdout, checked.stderr);
    assert!(scratch.read(WIRE).contains(newest));
    assert_eq!(scratch.cargo_fmt().status, Some(0));
    let registry = scratch.cargo(
        &["test", "-q", "-p", "kho-abi-types", "--test", "registry", "--", "every_", "each_"],
        &[],
    );
    assert_eq!(registry.status, Some(0), "{}", registry.stderr);
}

/// Memory with a device and a memfd, as kernels write them today.
fn ram() -> Ram {
    let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
    let session = synth.session("vm0");
    let device = synth.device(session, 1, "0000:01:00.0");
    assert_ne!(device, 0);
    synth.memfd(session, 2, &MemfdSpec { size: 20_497, ..MemfdSpec::default() });
    synth.finish().0
}

#[test]
fn a_bump_that_cannot_be_finished_leaves_the_checkout_as_it_was() {
    let scratch = Scratch::new("bump-fails");
    let old = &present("vfio-pci");
    let draft = &layout_of(&after(old));
    scratch.release(old);
    let before = (scratch.read(WIRE), scratch.read("abi/src/wire/earlier/mod.rs"));
    scratch.write(draft, "");
    let ran = scratch.run(&["bump", old]);
    assert_eq!(ran.status, Some(2));
    assert_eq!(
        ran.stderr,
        format!("kho-abi: error: {draft} exists already\n  help: remove it if it is a leftover\n")
    );
    // The last file that is written cannot be: a directory is in its place.
    std::fs::remove_file(scratch.path(draft)).unwrap();
    let header = "c-headers/include/linux/kho/abi/vfio_pci.h";
    std::fs::remove_file(scratch.path(header)).unwrap();
    std::fs::create_dir(scratch.path(header)).unwrap();
    let ran = scratch.run(&["bump", old]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    let kept = format!("abi/src/wire/earlier/{}.rs", old.replace('-', "_"));
    assert!(!scratch.path(&kept).exists());
    assert_eq!((scratch.read(WIRE), scratch.read("abi/src/wire/earlier/mod.rs")), before);

    let ran = scratch.run(&["bump", "vfio-pci-v97"]);
    assert_eq!(ran.status, Some(2));
    let found = "no contract has the compatible string \"vfio-pci-v97\"\n  help: did you mean ";
    assert!(ran.stderr.contains(found), "{ran:?}");
}
