// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect` on usual files: pipes, packed files, files that are not memory.

use kho_abi_inspect::synth::container::{lime, placed};
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
    assert!(disk.stderr.contains("not an image of memory: this is a qcow2 disk image"));
    assert!(disk.stderr.contains("help: ") && disk.stderr.contains("virsh dump --memory-only"));
    let empty = inspect(directory.path(), &["empty"], Stdio::null());
    assert_eq!(empty.status, Some(2));
    assert!(empty.stderr.contains("an empty file"), "{}", empty.stderr);
    // If the user says that it is memory, it is read as memory.
    let raw = inspect(directory.path(), &["disk", "--as", "raw"], Stdio::null());
    assert_eq!(raw.status, Some(1));
    assert!(raw.stdout.contains("kho_not_found"), "{}", raw.stdout);
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
