// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The command line: what it prints, how it fails, and its exit status.

mod support;

use kho_abi_model::Model;
use kho_abi_read::truth;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use support::{after, number, present, Ran, Scratch};

const HEADER: &str = "c-headers/include/linux/kho/abi/vfio_pci.h";
const WIRE: &str = "abi/src/wire/vfio_pci.rs";

/// A failure: status 2, nothing on standard output, one `error:` and one `help:` line.
#[track_caller]
fn assert_fails(ran: &Ran, error: &str, help: &str) {
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert_eq!(ran.stdout, "");
    let expected = format!("kho-abi: error: {error}\n  help: {help}\n");
    assert_eq!(ran.stderr, expected);
}

/// The current contracts, as messages list them.
fn current_contracts() -> String {
    let model = truth::current().unwrap();
    let names: Vec<_> = model.contracts().map(|(_, c)| c.compatible.as_str()).collect();
    names.join(", ")
}

#[test]
fn generate_writes_what_differs_and_nothing_else() {
    let scratch = Scratch::new("generate");
    let text = scratch.read(HEADER);
    let ran = scratch.run(&["generate"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
    // A header and a suite for each, the common header of the suites, and the bindings.
    let files = truth::current().unwrap().headers.len() * 2 + 6;
    assert_eq!(ran.stderr, format!("kho-abi: 0 of {files} files written\n"));

    scratch.replace(HEADER, "u16 bdf", "u32 bdf");
    let ran = scratch.run(&["generate", "--check"]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.stdout);
    assert!(scratch.read(HEADER).contains("u32 bdf"), "--check wrote");

    let ran = scratch.run(&["generate"]);
    assert_eq!((ran.status, ran.stdout), (Some(0), format!("{HEADER}\n")));
    assert_eq!(scratch.read(HEADER), text);
    assert_eq!(scratch.run(&["generate", "--check"]).status, Some(0));

    let ran = scratch.run(&["generate", "-o", "-"]);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stdout.ends_with(&text), "the last of the headers is not the last");

    let ran = scratch.run(&["generate", "--out", "elsewhere"]);
    assert_eq!(ran.status, Some(0));
    assert_eq!(scratch.read("elsewhere/include/linux/kho/abi/vfio_pci.h"), text);
    assert!(!scratch.path("elsewhere/python").exists());
}

#[test]
fn generate_writes_and_checks_bindings_for_other_tools() {
    let scratch = Scratch::new("generate-bindings");
    let module = "bindings/python/kho_abi.py";
    let text = scratch.read(module);
    scratch.replace(module, "(\"bdf\", _u16)", "(\"bdf\", _u32)");
    fs::rename(scratch.path("bindings/kaitai/kho.ksy"), scratch.path("bindings/kaitai/old.ksy"))
        .unwrap();
    let ran = scratch.run(&["generate", "--check"]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.stdout);
    let ran = scratch.run(&["check", "--format", "json"]);
    assert_eq!(ran.status, Some(1));
    for rule in ["binding_out_of_date", "binding_missing", "binding_unowned"] {
        assert!(ran.stdout.contains(rule), "{rule}: {}", ran.stdout);
    }
    let ran = scratch.run(&["generate"]);
    assert_eq!(ran.stdout, format!("{module}\nbindings/kaitai/kho.ksy\n"));
    assert_eq!(scratch.read(module), text);
    // Hand-written files beside it must not be removed.
    fs::remove_file(scratch.path("bindings/kaitai/old.ksy")).unwrap();
    scratch.write("bindings/python/mine.py", "");
    assert_eq!(scratch.run(&["generate", "--check"]).status, Some(0));

    let ran = scratch.run(&["generate", "--bindings", "elsewhere"]);
    assert_eq!(ran.stderr, "kho-abi: 3 of 3 files written\n");
    assert_eq!(scratch.read("elsewhere/python/kho_abi.py"), text);
    assert!(!scratch.path("elsewhere/include").exists());
    let both = ["generate", "--check", "--out", "c-headers", "--bindings", "elsewhere"];
    assert_eq!(scratch.run(&both).status, Some(0));
    assert_fails(
        &scratch.run(&["generate", "--out", "-", "--bindings", "elsewhere"]),
        "headers and bindings cannot both go to standard output",
        "give --out a directory, or leave it out",
    );
    assert_fails(
        &scratch.run(&["generate", "--check", "--bindings", "nowhere"]),
        "nowhere: No such file or directory (os error 2)",
        "check the path",
    );
}

#[test]
fn generate_check_finds_missing_and_unowned_headers() {
    let scratch = Scratch::new("generate-check");
    fs::rename(scratch.path(HEADER), scratch.path("c-headers/include/linux/kho/abi/old.h"))
        .unwrap();
    let ran = scratch.run(&["generate", "--check", "--format", "json"]);
    assert_eq!(ran.status, Some(1));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["schema"], "kho-abi/generate/1");
    let rules: Vec<_> = json["findings"].as_array().unwrap().iter().map(|f| &f["rule"]).collect();
    assert_eq!(rules, ["header_missing", "header_unowned"]);
    scratch.run(&["generate"]);
    fs::remove_file(scratch.path("c-headers/include/linux/kho/abi/old.h")).unwrap();

    // The unit tests are in the same directory, and are compared with the types in the same way.
    let tests = "c-headers/kernel/liveupdate/tests";
    let suite = format!("{tests}/kho_abi_vfio_pci_kunit.c");
    fs::rename(scratch.path(&suite), scratch.path(&format!("{tests}/kho_abi_old_kunit.c")))
        .unwrap();
    scratch.replace(&format!("{tests}/Makefile"), "kho_abi_luo_kunit.o", "kho_abi_old_kunit.o");
    let ran = scratch.run(&["generate", "--check"]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_directory_that_cannot_be_written_or_read_is_named() {
    let scratch = Scratch::new("unwritable");
    scratch.write("file", "");
    assert_fails(
        &scratch.run(&["generate", "--out", "file"]),
        "file/include/linux/kho/abi/block.h: Not a directory (os error 20)",
        "check the permissions and the free space",
    );
    assert_fails(
        &scratch.run(&["generate", "--check", "--out", "nowhere"]),
        "nowhere: No such file or directory (os error 2)",
        "check the path",
    );
    assert_fails(
        &scratch.run(&["generate", "--check", "--out", "-"]),
        "--check cannot compare with standard output",
        "give --out a directory, or leave it out",
    );
    assert_fails(
        &scratch.run(&["check", "--root", "nowhere"]),
        "nowhere: No such file or directory (os error 2)",
        "check the path",
    );
    assert_fails(
        &scratch.run(&["check", "--root", "snapshots"]),
        "snapshots is not in a tree of ABI headers: neither kho-abi.toml nor include/linux/kho/abi \
         is above it",
        "run this in a kernel tree, give one with --root DIR, or create kho-abi.toml with `kho-abi \
         init`",
    );
}

/// procfs accepts no new files, not even from root.
#[test]
fn a_read_only_output_leaves_nothing_behind() {
    let scratch = Scratch::new("read-only");
    let ran = scratch.run(&["generate", "--out", "/proc/self"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.starts_with("kho-abi: error: /proc/self/include"), "{ran:?}");
    assert_eq!(ran.stderr.matches("help:").count(), 1);
}

#[test]
fn a_source_that_is_not_rust_is_named_with_its_line() {
    let scratch = Scratch::new("unparsable");
    scratch.replace(WIRE, "pub bdf: u16,", "pub bdf u16,");
    for command in
        [&["generate"][..], &["check"], &["freeze", "vfio-pci-v1"], &["bump", "vfio-pci-v1"]]
    {
        let ran = scratch.run(command);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(
            ran.stderr.starts_with("kho-abi: error: abi/src/wire/vfio_pci.rs:31: expected `:`\n"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_program_older_than_the_source_writes_nothing() {
    let scratch = Scratch::new("stale");
    scratch.replace(WIRE, "pub bdf: u16,", "pub bdf: u32,");
    assert_fails(
        &scratch.run(&["generate"]),
        "abi/src/wire/vfio_pci.rs:31: the file has changed since this program was compiled",
        "the layouts come from rustc: compile again, for example with `cargo run -- …` in the checkout",
    );
    let ran = scratch.run(&["layout"]);
    assert_eq!(ran.status, Some(0));
    assert!(
        ran.stderr.starts_with("kho-abi: note: showing what this program was compiled with"),
        "{ran:?}"
    );
}

#[test]
fn layout_shows_structs_and_contracts() {
    let scratch = Scratch::new("layout");
    let all = scratch.run(&["layout"]);
    assert_eq!(all.status, Some(0));
    let vfio_pci = &present("vfio-pci");
    let one = scratch.run(&["layout", vfio_pci]);
    assert_eq!(one.status, Some(0));
    insta::assert_snapshot!(one.stdout);
    assert!(all.stdout.contains(&one.stdout));
    assert_eq!(scratch.run(&["layout", "vfio_pci_core_device_ser"]).stdout, one.stdout);
    // A struct that two contracts promise, one that depends on the page size, and a contract
    // without structs.
    let reserve_mem = &present("reserve-mem");
    let more = ["layout", "kho_vmalloc", "kho_radix_leaf", "memfd_luo_folio_ser", reserve_mem];
    insta::assert_snapshot!(scratch.run(&more).stdout);
    let paged = scratch.run(&["layout", "kho_radix_leaf", "--format", "json"]).stdout;
    let paged: serde_json::Value = serde_json::from_str(&paged).unwrap();
    let other = paged["other_pages"].as_array().unwrap();
    assert_eq!(other.iter().map(|p| &p["page_size"]).collect::<Vec<_>>(), [16384, 65536]);
    let json = scratch.run(&["layout", vfio_pci, "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "kho-abi/layout/1");
    assert_eq!(json["headers"][0]["items"][1]["fields"][1]["bit_offset"], 16);
    for (format, shows) in [
        ("svg", "<title>u16 domain: 2 bytes at byte 2</title>"),
        ("html", "<h2 id=\"header-linux-kho-abi-vfio_pci-h\">"),
        ("rst", "2       2     ``u16``  ``domain``"),
        ("markdown", "| 2 | 2 | `u16` | `domain` |"),
    ] {
        let shown = scratch.run(&["layout", "vfio-pci-v1", "--format", format]);
        assert_eq!((shown.status, shown.stderr.as_str()), (Some(0), ""));
        assert!(shown.stdout.contains(shows), "{format}: {}", shown.stdout);
        assert!(!shown.stdout.contains("luo_ser"), "{format}: {}", shown.stdout);
    }
    let unknown = scratch.run(&["layout", "vfio_pci_core_device_set"]);
    assert_eq!(unknown.status, Some(2));
    let found = "'vfio_pci_core_device_set' is neither a struct nor a compatible string";
    assert!(unknown.stderr.contains(found), "{unknown:?}");
    let earlier = truth::earlier().unwrap();
    let earlier = earlier.iter().flat_map(Model::contracts);
    let earlier: Vec<_> = earlier.map(|(_, contract)| contract.compatible.as_str()).collect();
    let (current, earlier) = (current_contracts(), earlier.join(", "));
    let question = "did you mean vfio_pci_core_device_ser?";
    let help = format!(
        "help: {question} contracts: {current}, {earlier}; structs: kho_block_header_ser, "
    );
    assert!(unknown.stderr.contains(&help), "{unknown:?}");
    for known in [&present("memfd"), &present("pci"), "memfd-v1"] {
        assert!(help.contains(known), "{known}: {help}");
    }
    // A struct that only an earlier version has is shown from that version.
    let earlier = scratch.run(&["layout", "khoser_mem_chunk_hdr", "memfd-v1"]);
    assert_eq!(earlier.status, Some(0), "{earlier:?}");
    for line in ["/* contract: kho-v1 */", "nr_folios;  /*    16     8 */"] {
        assert!(earlier.stdout.contains(line), "{earlier:?}");
    }
}

#[test]
fn freeze_says_what_it_did() {
    let scratch = Scratch::new("freeze");
    let vfio_pci = present("vfio-pci");
    let file = format!("snapshots/{vfio_pci}.layout");
    let list = "abi/src/wire/mod.rs";
    scratch.release(&vfio_pci);
    let text = scratch.read(&file);
    assert!(text.contains("status      released"), "{text}");
    let ran = scratch.run(&["freeze", &vfio_pci]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
    assert_eq!(ran.stderr, format!("kho-abi: {file} is up to date\n"));

    // Without a word of what released it, it is a draft; the list of drafts follows.
    fs::remove_file(scratch.path(&file)).unwrap();
    let ran = scratch.run(&["freeze", &vfio_pci]);
    assert_eq!((ran.status, ran.stdout), (Some(0), format!("{file}\n{list}\n")));
    let draft = scratch.read(&file);
    assert_eq!(draft, text.replace("status      released", "status      draft"));
    assert!(scratch.read(list).contains(&format!("\"{vfio_pci}\"")));
    let ran = scratch.run(&["freeze"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "drafts alone, as they are");

    // What is named must have the bytes.
    let tree = "tree/include/linux/kho/abi/vfio_pci.h";
    scratch.write(tree, &scratch.read(HEADER).replace("u16 domain;", "s16 domain;"));
    let ran = scratch.run(&["freeze", "--release", "tree", &vfio_pci]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let why =
        format!("tree does not prove that \"{vfio_pci}\" was released: there it is different");
    assert!(ran.stdout.contains(&why), "{ran:?}");
    scratch.write(tree, &scratch.read(HEADER).replace(&vfio_pci, &after(&vfio_pci)));
    let ran = scratch.run(&["freeze", "--release", "tree", &vfio_pci]);
    let why = format!("was released: it has \"{}\"", after(&vfio_pci));
    assert!(ran.status == Some(1) && ran.stdout.contains(&why), "{ran:?}");
    let ran = scratch.run(&["freeze", "--release", "v0.0", &vfio_pci]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    let ran = scratch.run(&["freeze", "--release", "c-headers"]);
    assert!(ran.status == Some(2) && ran.stderr.contains("needs the contracts by name"), "{ran:?}");
    assert_eq!(scratch.read(&file), draft);
    let ran = scratch.run(&["freeze", "--release", "c-headers", &vfio_pci]);
    assert_eq!((ran.status, ran.stdout), (Some(0), format!("{file}\n{list}\n")));
    assert_eq!(scratch.read(&file), text);
    assert!(!scratch.read(list).contains(&format!("\"{vfio_pci}\"")));

    scratch.replace(
        &file,
        "       2  u16                       domain",
        "       2  s16                       domain",
    );
    let ran = scratch.run(&["freeze", &vfio_pci]);
    assert_eq!(ran.status, Some(1));
    assert!(
        ran.stdout.contains("field `domain` was s16, 2 bytes at byte 2, is u16, 2 bytes at byte 2"),
        "{ran:?}"
    );
    assert_fails(
        &scratch.run(&["freeze", "vfio-pci-v99"]),
        "no contract has the compatible string \"vfio-pci-v99\"",
        &format!("did you mean {vfio_pci}? give one of {}", current_contracts()),
    );
}

#[test]
fn check_lists_what_it_could_not_check() {
    let scratch = Scratch::new("check");
    // The reason depends on the place of cargo's target directory: in a checkout, or not.
    let mut settings = insta::Settings::clone_current();
    for why in [
        "the checkout is not under version control",
        "this is not a git checkout, or git is not installed",
    ] {
        settings.add_filter(why, "[no history]");
    }
    settings.add_filter(r"whether \d+ released", "whether [N] released");
    let _guard = settings.bind_to_scope();
    let ran = scratch.run(&["check"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("[history_not_read]"), "{ran:?}");
    let ran = scratch.run(&["check", "--allow-unchecked"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.stdout);
    // Without clang, what C makes of the headers is unknown.
    let empty = scratch.path("empty");
    fs::create_dir(&empty).unwrap();
    let without_clang = |args: &[&str]| {
        let mut command = scratch.command(args);
        command.env("PATH", &empty).env_remove("CLANG_PATH").env_remove("LIBCLANG_PATH");
        Ran::of(&command.output().unwrap())
    };
    let ran = without_clang(&["check"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("not checked  C compilers lay the headers out"), "{ran:?}");
    assert_eq!(without_clang(&["check", "--allow-unchecked"]).status, Some(0));

    scratch.replace(&format!("snapshots/{}.layout", present("vfio-pci")), "size 4", "size 5");
    scratch.replace(HEADER, "u16 domain", "u16 segment");
    let ran = scratch.run(&["check"]);
    assert_eq!(ran.status, Some(1));
    insta::assert_snapshot!(ran.stdout);
    let json = scratch.run(&["check", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["checks"].as_array().unwrap().len(), 9);
}

#[test]
fn explain_knows_every_rule() {
    let scratch = Scratch::new("explain");
    let list = scratch.run(&["explain"]);
    assert_eq!(list.status, Some(0));
    for line in list.stdout.lines() {
        let rule = line.split_whitespace().next().unwrap();
        let ran = scratch.run(&["explain", rule]);
        assert!(ran.status == Some(0) && ran.stdout.contains("  Remedy:   "), "{ran:?}");
    }
    insta::assert_snapshot!(scratch.run(&["explain", "frozen_layout_changed"]).stdout);
    assert_fails(
        &scratch.run(&["explain", "frozen_layout"]),
        "unknown rule 'frozen_layout'",
        "did you mean frozen_layout_changed? `kho-abi explain` lists them all",
    );
}

#[test]
fn help_states_the_exit_status_and_bad_arguments_are_status_2() {
    let scratch = Scratch::new("help");
    let help = scratch.run(&["--help"]);
    assert_eq!(help.status, Some(0));
    insta::assert_snapshot!(help.stdout);
    for args in [&[][..], &["generat"], &["layout", "--format", "xml"], &["bump"]] {
        let ran = scratch.run(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    }
}

#[test]
fn completions_and_manual_pages_are_there() {
    let scratch = Scratch::new("pages");
    // `shell.rs` runs the one for bash.
    for (shell, has) in [
        ("bash", "complete -o bashdefault -F _kho_abi kho-abi"),
        ("zsh", "#compdef kho-abi"),
        ("fish", "complete --keep-order --exclusive --command kho-abi"),
    ] {
        let ran = scratch.run(&["completions", shell]);
        assert!(ran.status == Some(0) && ran.stdout.contains(has), "{ran:?}");
    }
    assert!(scratch.run(&["man"]).stdout.contains(".TH KHO\\-ABI 1"));
    let ran = scratch.run(&["man", "--out", "man"]);
    // One for each command, one for `inspect diff`, and one for the program in the place of `help`.
    let help = scratch.run(&["--help"]).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let commands = listed.filter(|line| !line.starts_with("   ")).count();
    assert!(commands >= 10, "{help}");
    assert_eq!(ran.stdout.lines().count(), commands + 1, "{ran:?}");
    assert!(scratch.read("man/kho-abi-inspect.1").contains("extract"));
    assert!(scratch.read("man/kho-abi-bump.1").contains(".TH KHO\\-ABI\\-BUMP 1"));
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let scratch = Scratch::new("pipe");
    let mut child =
        scratch.command(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));

    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = scratch.command(&["man"]).stdout(full).output().unwrap();
    let ran = Ran::of(&output);
    assert_fails(
        &ran,
        "cannot write to standard output: No space left on device (os error 28)",
        "check the free space, or write elsewhere",
    );
}

#[test]
fn colour_is_used_when_asked_for() {
    let scratch = Scratch::new("colour");
    assert!(scratch.run(&["check", "--color", "always"]).stdout.contains("\u{1b}[32mok"));
    assert!(!scratch.run(&["check", "--color", "never"]).stdout.contains('\u{1b}'));
    assert!(!scratch.run(&["check"]).stdout.contains('\u{1b}'));
}

/// Each contract of the truth, by itself: whatever its kind, what is written is formatted.
#[test]
fn every_contract_can_be_bumped() {
    let model = truth::current().unwrap();
    for (header, contract) in model.contracts() {
        let scratch = Scratch::new("bump-each");
        let (old, new) = (&contract.compatible, after(&contract.compatible));
        scratch.release(old);
        let ran = scratch.run(&["bump", old]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let rust: Vec<_> = ran
            .stdout
            .lines()
            .filter(|line| Path::new(line).extension().is_some_and(|e| e == "rs"))
            .collect();
        let earlier =
            rust.iter().find(|file| file.contains("/earlier/") && !file.ends_with("mod.rs"));
        for file in &rust {
            let formatted = scratch.rustfmt(file);
            assert_eq!(formatted.status, Some(0), "{file}: {}", formatted.stdout);
        }
        let module = earlier.unwrap().rsplit('/').next().unwrap().trim_end_matches(".rs");
        let line = |text: &str, line: &str| assert!(text.contains(line), "{old}: {line}: {text}");
        line(&scratch.read("abi/src/wire/earlier/mod.rs"), &format!("&{module}::HEADER"));
        line(&scratch.read("abi/src/wire/mod.rs"), &format!("\"{new}\""));
        let name = |version: &str| version.replace('-', "_").replace('@', "_v");
        let versions = scratch.read("abi/src/wire/versions.rs");
        line(&versions, &format!("pub use super::earlier::{module}"));
        line(&versions, &format!(" as {};\n", name(&new)));
        let draft = scratch.read(&format!("snapshots/{new}.layout"));
        line(&draft, "status      draft");
        // The header says the next version, and the copy the one before.
        let kept = scratch.read(earlier.unwrap());
        let text = scratch.read(&format!("c-headers/include/{}", header.include_path()));
        let value = |version: &str| match contract.version {
            Some(_) => number(version).to_string(),
            None => format!("\"{version}\""),
        };
        let defined = text
            .lines()
            .find(|line| line.contains(&contract.macro_name) && line.starts_with("#define"));
        assert!(defined.unwrap().ends_with(&value(&new)), "{text}");
        let declared =
            kept.lines().find(|line| line.contains(&format!("const {}:", contract.macro_name)));
        assert!(declared.unwrap().ends_with(&format!("= {};", value(old))), "{kept}");
    }
}

/// A version that is a number, and a file with two contracts, are bumped like a string on its own.
#[test]
fn every_kind_of_contract_can_be_bumped() {
    // A string that stays as it is, with a number beside it. A draft needs no bump.
    let scratch = Scratch::new("bump-number");
    let (pci, next) = (&present("pci"), &after(&present("pci")));
    fs::remove_file(scratch.path(&format!("snapshots/{pci}.layout"))).unwrap();
    assert_eq!(scratch.run(&["freeze", pci]).status, Some(0));
    let ran = scratch.run(&["bump", pci]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains(&format!("\"{pci}\" is a draft, which no kernel has")), "{ran:?}");
    scratch.release(pci);
    // One name without a number is enough.
    let ran = scratch.run(&["bump", "pci"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let wire = scratch.read("abi/src/wire/pci.rs");
    assert!(wire.contains("pub const PCI_LUO_FLB_COMPATIBLE: &str = \"pci\";"), "{wire}");
    let draft = scratch.read(&format!("snapshots/{next}.layout"));
    let version = format!("version     {}", number(next));
    for line in ["status      draft", &version, "string      PCI_LUO_FLB_COMPATIBLE  \"pci\""] {
        assert!(draft.contains(line), "{draft}");
    }
    let kept = scratch.read(&format!("abi/src/wire/earlier/pci_v{}.rs", number(pci)));
    assert!(kept.contains("use super::super::pci_address::PciAddress;"), "{kept}");
    // Among frozen layouts, the newer number is the current version.
    let ran = scratch.run(&["verify", "snapshots"]);
    assert!(ran.stdout.contains(&format!("{next} (truth: {pci})  newer")), "{}", ran.stdout);

    // Items that exist once for each page size are in a module of the file, and stay in one.
    let scratch = Scratch::new("bump-paged");
    let kho = &present("kho");
    scratch.release(kho);
    let ran = scratch.run(&["bump", kho]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let kept = scratch.read(&format!("abi/src/wire/earlier/kexec_handover_v{}.rs", number(kho)));
    for line in [
        "\nuse super::super::layout::{self, WireType};\n",
        "\n    pub use super::kho_vmalloc;\n",
        "\n        use super::{BITS_PER_BYTE, PAGE_SHIFT, PAGE_SIZE};\n",
        "super::super::block::kho_block_header_ser::STRUCT_LAYOUT",
    ] {
        assert!(kept.contains(line), "{line} is not in {kept}");
    }

    // Two contracts of one file, together: each leaves a copy of the file as it was.
    let scratch = Scratch::new("bump-two-of-one-file");
    let (memblock, reserve_mem) = (&present("memblock"), &present("reserve-mem"));
    scratch.release(memblock);
    scratch.release(reserve_mem);
    let ran = scratch.run(&["bump", memblock, reserve_mem]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let copy =
        |name: &str, version| scratch.read(&format!("abi/src/wire/earlier/{name}_v{version}.rs"));
    let kept = copy("reserve_mem", number(reserve_mem));
    assert!(kept.contains("named_str!(RESERVE_MEM_KHO_NODE_COMPATIBLE)"), "{kept}");
    assert!(!kept.contains("named_str!(MEMBLOCK_KHO_NODE_COMPATIBLE)"), "{kept}");
    for kept in [kept, copy("memblock", number(memblock))] {
        let both = [memblock, reserve_mem].map(|version| format!("\"{version}\""));
        assert!(both.iter().all(|string| kept.contains(string)), "{kept}");
    }
    let header = scratch.read("c-headers/include/linux/kho/abi/memblock.h");
    let both = [memblock, reserve_mem].map(|version| format!("\"{}\"", after(version)));
    assert!(both.iter().all(|string| header.contains(string)), "{header}");
}
