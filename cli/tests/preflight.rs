// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi preflight`: answers, tables and documents for one pair and for a fleet.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::{present, write_headers, Ran};

/// What a small kernel of that release would use, compiled against the headers with one replacement.
fn kernel(dir: &Path, name: &str, release: &str, header: &str, from: &str, to: &str) {
    write_headers(&dir.join("headers").join(name).join("linux/kho/abi"), header, from, to);
    let unit = format!(
        "#include <linux/kho/abi/kexec_handover.h>\n#include <linux/kho/abi/luo.h>\n\
         #include <linux/kho/abi/memfd.h>\nstruct luo_ser a; struct luo_session_ser b;\n\
         struct luo_file_ser c; struct memfd_luo_ser d; struct kho_vmalloc e;\n\
         struct memfd_luo_folio_ser f; struct luo_flb_header_ser g; struct luo_flb_ser h;\n\
         struct kho_block_header_ser i; struct kho_radix_node j; struct kho_radix_leaf k;\n\
         enum kho_radix_consts l;\n\
         const char *strings[] = {{ KHO_FDT_COMPATIBLE, LUO_ABI_COMPATIBLE,\n\
         MEMFD_LUO_FH_COMPATIBLE }};\nconst char banner[] = \"Linux version {release} (x)\";\n"
    );
    fs::write(dir.join("unit.c"), unit).unwrap();
    compile(dir, name, name, "-gbtf");
}

/// Compiles the unit against the headers of a kernel.
fn compile(dir: &Path, headers: &str, name: &str, types: &str) {
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../read/stand-in");
    let status = Command::new("gcc")
        .current_dir(dir)
        .args([
            "-std=gnu11",
            "-nostdinc",
            "-ffreestanding",
            "-w",
            types,
            "-c",
            "unit.c",
            "-o",
            name,
        ])
        .arg("-I")
        .arg(stand_in)
        .arg("-I")
        .arg(dir.join("headers").join(headers))
        .status()
        .expect("gcc is installed");
    assert!(status.success());
}

/// A fleet: two alike, one with wider seals, one whose LUO the others do not know.
fn fleet() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let luo = present("luo");
    kernel(dir.path(), "a", "7.3.4", "luo.h", "u64", "u64");
    kernel(dir.path(), "b", "7.4.4", "luo.h", "u64", "u64");
    kernel(dir.path(), "wider", "7.5.4", "memfd.h", "u32 seals;", "u64 seals;");
    kernel(dir.path(), "luo99", "7.6.4", "luo.h", &luo, "luo-v99");
    fs::write(dir.path().join("text"), "hello\n").unwrap();
    dir
}

fn run(dir: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
    command.current_dir(dir).arg("preflight").args(args).env_remove("NO_COLOR");
    Ran::of(&command.output().unwrap())
}

#[test]
fn a_table_is_a_table_and_a_kernel_that_cannot_be_read_keeps_its_place() {
    let dir = fleet();
    let ran = run(dir.path(), &["--matrix", "a", "text", "wider", "luo99"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    insta::assert_snapshot!(ran.stdout);
    assert!(ran.stderr.contains("text: not a kernel"), "{ran:?}");
    let ran = run(dir.path(), &["--matrix", "--details", "a", "b", "wider"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("wider (Linux 7.5.4) -> a (Linux 7.3.4): DANGEROUS"), "{ran:?}");
    assert!(!ran.stdout.contains("a (Linux 7.3.4) -> b"), "{ran:?}");
}

#[test]
fn one_pair_is_named_with_its_releases_and_a_fleet_is_counted() {
    let dir = fleet();
    let ran = run(dir.path(), &["a", "b"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("a (Linux 7.3.4) -> b (Linux 7.4.4): yes\n"), "{ran:?}");
    let usual = "not checked  packing, macros, device trees: such sources never show them\n";
    assert!(ran.stdout.contains(usual), "{ran:?}");
    let ran = run(dir.path(), &["a", "b", "wider", "text", "luo99"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    let end = "3 pairs: 1 yes, 1 PANICS, 1 DANGEROUS; 1 kernel cannot be read: text\n";
    assert!(ran.stdout.ends_with(end), "{ran:?}");
    assert!(ran.stdout.contains("-> luo99 (Linux 7.6.4): PANICS\n"), "{ran:?}");
    let memfd = ran.stdout.lines().rfind(|line| line.contains(&present("memfd"))).unwrap();
    assert!(memfd.contains("lost when the next kernel panics, because of luo-v"), "{memfd}");
}

#[test]
fn quiet_leaves_the_exit_status_and_errors_are_documents_too() {
    let dir = fleet();
    for (args, status) in [(["a", "b"], 0), (["a", "wider"], 1), (["a", "text"], 2)] {
        let ran = run(dir.path(), &[&["-q"], &args[..]].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(status), ""), "{ran:?}");
    }
    for (args, name, role) in [(["text", "a"], "text", "current"), (["a", "typo"], "typo", "next")]
    {
        let ran = run(dir.path(), &[&args[..], &["--format", "json"]].concat());
        assert_eq!(ran.status, Some(2), "{ran:?}");
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let unreadable = json["unreadable"].as_array().unwrap();
        assert_eq!(unreadable.len(), 1, "{json}");
        assert_eq!((&unreadable[0]["next"], &unreadable[0]["role"]), (&name.into(), &role.into()));
    }
    let ran = run(dir.path(), &["a", "widr"]);
    assert!(ran.stderr.contains("help: did you mean wider?"), "{ran:?}");
}

#[test]
fn an_option_that_has_no_effect_is_said_to_have_none() {
    let dir = fleet();
    compile(dir.path(), "a", "dwarf", "-gdwarf-5");
    let ran = run(dir.path(), &["a", "dwarf", "--btf"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("note: dwarf has no BTF: its DWARF was read"), "{ran:?}");
    assert_eq!(run(dir.path(), &["a", "dwarf"]).stderr, "");
}
