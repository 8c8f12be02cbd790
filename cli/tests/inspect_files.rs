// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect` on usual files: pipes, packed files, files that are not memory.

use kho_abi_inspect::synth::container::{elf, flattened, kdump, lime, placed, Packing};
use kho_abi_inspect::synth::{MemfdSpec, Ram, Synth};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SIZE: u64 = 2 << 20;

/// A small state in memory that begins at an address.
fn state(base: u64) -> Ram {
    let mut synth = Synth::new(Ram::new(4096, base + SIZE), 4096);
    synth.start_at(base + (SIZE >> 1));
    let session = synth.session("vm0");
    synth.memfd(session, 1, &MemfdSpec::default());
    synth.finish().0
}

struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn inspect(directory: &Path, args: &[&str], stdin: Stdio) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(directory)
        .arg("inspect")
        .args(args)
        .stdin(stdin)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[test]
fn standard_input_is_an_image() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guest.lime");
    let bytes = lime(&state(0), &[(0x1000, SIZE - 0x1000)]);
    std::fs::write(&path, &bytes).unwrap();
    let whole = inspect(directory.path(), &["guest.lime"], Stdio::null());
    assert_eq!(whole.status, Some(0), "{}", whole.stderr);
    assert!(whole.stdout.contains("vm0"));
    // A file, and a pipe, which can only be read once.
    let file = inspect(directory.path(), &["-"], File::open(&path).unwrap().into());
    assert_eq!((file.status, file.stderr.as_str()), (Some(0), ""));
    assert_eq!(file.stdout, whole.stdout.replace("guest.lime", "-"));
    let mut cat = Command::new("cat").arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let pipe = inspect(directory.path(), &["-"], cat.stdout.take().unwrap().into());
    assert_eq!((pipe.status, pipe.stdout), (Some(0), file.stdout));
    cat.wait().unwrap();
}

#[test]
fn a_temporary_file_that_cannot_be_made_is_said() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("guest.gz"), b"\x1f\x8b\x08\0\0\0\0\0\0\0").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(directory.path())
        .args(["inspect", "guest.gz"])
        .env("TMPDIR", directory.path().join("missing"))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("no temporary file in"), "{stderr}");
}

#[test]
fn what_is_not_memory_is_named_and_helped() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("disk"), b"QFI\xfb\0\0\0\x03").unwrap();
    std::fs::write(directory.path().join("empty"), b"").unwrap();
    let disk = inspect(directory.path(), &["disk", "--format", "json"], Stdio::null());
    assert_eq!((disk.status, disk.stdout.as_str()), (Some(2), ""));
    assert!(disk.stderr.contains("not a memory image: this is a qcow2 disk image"));
    assert!(disk.stderr.contains("help: ") && disk.stderr.contains("virsh dump --memory-only"));
    let empty = inspect(directory.path(), &["empty"], Stdio::null());
    assert_eq!(empty.status, Some(2));
    assert!(empty.stderr.contains("an empty file"), "{}", empty.stderr);
    // If the user says that it is memory, it is read as memory.
    let raw = inspect(directory.path(), &["disk", "--as", "raw"], Stdio::null());
    assert_eq!(raw.status, Some(1));
    assert!(raw.stdout.contains("it ends inside a page, at 0x8"), "{}", raw.stdout);
    for path in [".", "/dev/null"] {
        let ran = inspect(directory.path(), &[path], Stdio::null());
        assert_eq!(ran.status, Some(2), "{path}: {}", ran.stdout);
    }
}

#[test]
fn the_words_that_are_said_read_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let base = 1 << 30;
    let ram = state(base);
    let mut file = File::create(directory.path().join("guest.ram")).unwrap();
    file.write_all(&placed(&ram, &[(base, 0x1000, SIZE)])).unwrap();
    let found = inspect(directory.path(), &["guest.ram"], Stdio::null());
    assert_eq!(found.status, Some(1), "{}", found.stderr);
    let words = found.stdout.split_once("By hand: ").unwrap().1;
    let word = words.split_whitespace().next().unwrap().replace("FILE", "guest.ram");
    let by_hand = inspect(directory.path(), &[&word], Stdio::null());
    assert_eq!(by_hand.status, Some(0), "{word}: {}", by_hand.stdout);
    assert!(by_hand.stdout.contains("vm0"));
}

#[test]
fn an_address_is_of_memory_and_not_of_what_it_is_packed_in() {
    let directory = tempfile::tempdir().unwrap();
    let base = 1 << 30;
    let ram = state(base);
    let bytes = placed(&ram, &[(base, 0, SIZE)]);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    };
    let look = |words: &[&str]| inspect(directory.path(), words, Stdio::null());
    // What the program itself advises for a compressed file is what reads it.
    write("guest.gz", &gzip(&gzip(&bytes)));
    let advised = look(&["guest.gz"]);
    assert!(advised.stdout.contains("By hand: FILE@0x40000000"), "{}", advised.stdout);
    let by_hand = look(&["guest.gz@0x40000000"]);
    assert_eq!(by_hand.status, Some(0), "{}{}", by_hand.stdout, by_hand.stderr);
    assert!(by_hand.stdout.contains("vm0"), "{}", by_hand.stdout);
    assert!(by_hand.stdout.contains("is gzip-compressed: 2097152 bytes were unpacked"));
    let packed = look(&["guest.gz@0x40000000", "--as", "raw"]);
    assert_eq!(packed.status, Some(1));
    assert!(packed.stdout.contains("kho_search_incomplete"), "{}", packed.stdout);
    let cut = gzip(&bytes);
    write("cut.gz", &cut[..cut.len() - 9]);
    let cut = look(&["cut.gz@0x40000000"]);
    assert_eq!(cut.status, Some(1), "{}", cut.stderr);
    assert!(cut.stdout.contains("[image_malformed]"), "{}", cut.stdout);

    // A dump has addresses of its own, and a disk has none.
    let small = state(0);
    for (name, dump, what) in [
        ("dump.kdump", kdump(&small, Packing::Zlib, &[]), "is a compressed kdump"),
        ("dump.flat", flattened(&kdump(&small, Packing::Zlib, &[])), "is a flattened dump"),
        ("dump.elf", elf(&small), "is an ELF file"),
        ("dump.lime", lime(&small, &[(0x1000, SIZE - 0x1000)]), "is a LiME or AVML file"),
        ("dump.gz", gzip(&elf(&small)), "is an ELF file"),
        ("disk", b"QFI\xfb\0\0\0\x03".to_vec(), "qcow2"),
    ] {
        write(name, &dump);
        let ran = look(&[&format!("{name}@0")]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(what), "{name}: {}", ran.stderr);
    }
    assert_eq!(look(&["dump.kdump@0", "--as", "raw"]).status, Some(1));

    // Memory begins with a page.
    write("guest.ram", &bytes);
    let ran = look(&["guest.ram@40000000"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("did you mean 0x40000000?"), "{}", ran.stderr);
    for wrong in [&["guest.ram@0x40000001"][..], &["guest.ram@0x40000000", "--fdt", "0x40100001"]] {
        let ran = look(wrong);
        assert_eq!(ran.status, Some(2), "{}", ran.stdout);
        assert!(
            ran.stderr.contains("is not a multiple of a page's 0x1000 bytes"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_file_that_ends_within_the_tree_s_page_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = placed(&state(0), &[(0, 0, SIZE)]);
    let tree = bytes.windows(4).rposition(|word| word == [0xd0, 0x0d, 0xfe, 0xed]).unwrap();
    assert_eq!(tree % 4096, 0);
    bytes.truncate(tree + 0x50);
    std::fs::write(directory.path().join("guest.raw"), &bytes).unwrap();
    let ran = inspect(directory.path(), &["guest.raw"], Stdio::null());
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let end = format!("it ends inside a page, at {:#x}, and may be cut off", bytes.len());
    assert!(ran.stdout.contains(&end), "{}", ran.stdout);
    let tree = format!("{tree:#x}: the page is almost KHO's device tree: a property is cut off");
    assert!(ran.stdout.contains(&tree), "{}", ran.stdout);
    assert!(ran.stdout.contains("the image ends 80 bytes into the page"), "{}", ran.stdout);
    // Nothing of KHO is in it, which is a finding.
    std::fs::write(directory.path().join("empty"), vec![0; 1 << 20]).unwrap();
    let ran = inspect(directory.path(), &["empty"], Stdio::null());
    assert_eq!(ran.status, Some(1));
    assert!(ran.stdout.ends_with("[kho_not_found]\n1 finding\n"), "{}", ran.stdout);
}

#[test]
fn a_wrong_address_is_answered_with_the_right_one() {
    let directory = tempfile::tempdir().unwrap();
    let base = 1 << 30;
    let bytes = placed(&state(base), &[(base, 0, SIZE)]);
    std::fs::write(directory.path().join("guest.ram"), &bytes).unwrap();
    let look = |words: &[&str]| inspect(directory.path(), words, Stdio::null());
    for wrong in ["guest.ram@0x80000000", "guest.ram@0"] {
        let ran = look(&[wrong]);
        assert_eq!(ran.status, Some(1), "{}", ran.stderr);
        let said = "its state belongs at FILE@0x40000000 [offsets_not_addresses]";
        assert!(ran.stdout.contains(said), "{wrong}: {}", ran.stdout);
    }
    assert_eq!(look(&["guest.ram@0x40000000"]).status, Some(0));
    // The address that a report has is that of the memory, wherever the file begins.
    let shown = look(&["guest.ram"]).stdout;
    let at = shown.split_once("device tree at ").unwrap().1.split(',').next().unwrap();
    let ran = look(&["guest.ram", "--fdt", at]);
    assert!(
        ran.stdout.contains("vm0") && !ran.stdout.contains("outside the image"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("By hand: FILE@0x40000000"), "{}", ran.stdout);
    // Memory that begins at 0, and was given another address.
    let bytes = placed(&state(0), &[(0, 0, SIZE)]);
    std::fs::write(directory.path().join("guest.raw"), &bytes).unwrap();
    let ran = look(&["guest.raw@0x100000000"]);
    assert!(ran.stdout.contains("its state belongs at FILE@0x0 ["), "{}", ran.stdout);
}

#[test]
fn an_address_of_the_boot_protocol_that_leads_nowhere_is_no_clean_result() {
    let directory = tempfile::tempdir().unwrap();
    let base = 1 << 30;
    let bytes = placed(&state(base), &[(base, 0, SIZE)]);
    std::fs::write(directory.path().join("guest.ram"), &bytes).unwrap();
    for image in ["guest.ram", "guest.ram@0x40000000"] {
        for option in ["--boot-params", "--device-tree"] {
            let words = [image, option, "0x40001000"];
            let ran = inspect(directory.path(), &words, Stdio::null());
            assert_eq!(ran.status, Some(1), "{words:?}: {}", ran.stdout);
            let said = format!("note       not used: {option} 0x40001000: ");
            assert!(ran.stdout.contains(&said), "{words:?}: {}", ran.stdout);
            assert!(ran.stdout.contains(", 1 unknown\n"), "{words:?}: {}", ran.stdout);
        }
    }
}

/// Compresses a file.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn content_of_a_damaged_file_is_doubtful_and_of_a_placed_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let base = 1 << 30;
    let bytes = placed(&state(base), &[(base, 0, SIZE)]);
    std::fs::write(directory.path().join("guest.ram"), &bytes).unwrap();
    let extract = |image: &str| {
        let _ = std::fs::remove_file(directory.path().join("memfd"));
        let ran =
            inspect(directory.path(), &[image, "--extract", "1", "-o", "memfd"], Stdio::null());
        (ran.status, ran.stderr, directory.path().join("memfd").exists())
    };
    // Its offsets are not addresses, and the state does not show where pages of content belong.
    let (status, stderr, written) = extract("guest.ram");
    assert_eq!((status, written), (Some(3), false), "{stderr}");
    assert!(stderr.contains("[offsets_not_addresses]"), "{stderr}");
    assert!(stderr.contains("addresses of the image file's memory are doubtful"), "{stderr}");
    let packed = gzip(&bytes);
    let mut wrong = packed.clone();
    let last = wrong.len() - 6;
    wrong[last] ^= 1;
    for damaged in [&packed[..packed.len() - 1], &wrong] {
        std::fs::write(directory.path().join("guest.gz"), damaged).unwrap();
        let (status, stderr, written) = extract("guest.gz");
        assert_eq!((status, written), (Some(3), false), "{stderr}");
        assert!(stderr.contains("0x0-0x10000, 65536 bytes: the image file is damaged"), "{stderr}");
        assert!(stderr.contains("[image_malformed]"), "{stderr}");
    }
}
