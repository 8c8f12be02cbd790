// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --types`: state that no decoder is built in for, by headers that the program has never
//! seen.

use kho_abi_inspect::synth::{made_up, Ram, Synth};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

fn kho_abi(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(directory)
        .arg("inspect")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Writes memory as a sparse file.
fn write(ram: &Ram, path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(ram.end).unwrap();
    for (pa, page) in &ram.pages {
        file.write_all_at(page, *pa).unwrap();
    }
}

/// A directory with headers, and one with KHO's own beside them.
fn headers(directory: &Path, name: &str, files: &[(&str, &str)]) {
    let to = directory.join(name).join("include/linux/kho/abi");
    fs::create_dir_all(&to).unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers/include/linux/kho/abi");
    fs::copy(ours.join("kexec_handover.h"), to.join("kexec_handover.h")).unwrap();
    for (file, text) in files {
        fs::write(to.join(file), text).unwrap();
    }
}

fn ram() -> Synth<Ram> {
    Synth::new(Ram::new(4096, 16 << 20), 4096)
}

#[test]
fn a_made_up_handler_is_shown_by_a_header_that_the_program_has_never_seen() {
    let directory = tempfile::tempdir().unwrap();
    let mut synth = ram();
    let session = synth.session("vm0");
    synth.made_up(session, 5);
    write(&synth.finish().0, &directory.path().join("guest.raw"));
    headers(directory.path(), "tree", &[("made_up.h", made_up::HEADER)]);
    let (status, stdout, stderr) = kho_abi(directory.path(), &["guest.raw", "--types", "tree"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    insta::assert_snapshot!(stdout.as_str());
    // Without, or by types that do not have it, nothing is guessed.
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw"]);
    assert_eq!(status, Some(0));
    assert!(stdout.contains("not decoded: file of \"made-up-v1\"\n"), "{stdout}");
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--types", "abi"]);
    assert_eq!(status, Some(0));
    assert!(stdout.contains("file of \"made-up-v1\": abi does not have it"), "{stdout}");
}
