// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A command never destroys its inputs by its output, whatever their names, and its output is whole
//! or absent.

use kho_abi_inspect::synth::container::raw_in;
use kho_abi_inspect::synth::{content, sample};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{symlink, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

const HEADER: &str = "/* SPDX-License-Identifier: GPL-2.0 */\n";

struct Place(tempfile::TempDir);

impl Place {
    /// A directory with an image `v`, another `w`, a tree, and names for all of them.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let (ram, _) = sample(4096);
        for name in ["v", "w"] {
            raw_in(&place.path(name), &ram).unwrap();
        }
        symlink("v", place.path("link")).unwrap();
        symlink("link", place.path("link-to-link")).unwrap();
        fs::hard_link(place.path("v"), place.path("hard")).unwrap();
        fs::create_dir_all(place.path("tree/include/linux/kho/abi")).unwrap();
        fs::write(place.path("tree/include/linux/kho/abi/luo.h"), HEADER).unwrap();
        fs::write(place.path("allow"), "").unwrap();
        symlink("tree", place.path("tree-link")).unwrap();
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Runs in a shell, so that descriptors can be opened; `$K` is the program.
    fn shell(&self, line: &str) -> (Option<i32>, String, String) {
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(self.0.path())
            .env("K", env!("CARGO_BIN_EXE_kho-abi"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Names of everything in the directory.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn no_output_of_any_command_destroys_an_input() {
    let place = Place::new();
    let v = bytes(&place.path("v"));
    let names = place.names();
    let extract = "$K inspect v --session vm0 --extract 2 -o";
    let lines = [
        // Every name of the image.
        format!("{extract} v"),
        format!("{extract} ./v"),
        format!("{extract} \"$PWD/v\""),
        format!("{extract} tree/../v"),
        format!("{extract} link"),
        format!("{extract} link-to-link"),
        format!("{extract} hard"),
        format!("{extract} /dev/fd/7 7<>v"),
        format!("{extract} /proc/self/fd/7 7<>v"),
        format!("{extract} /dev/stdout >>v"),
        format!("{extract} - >>v"),
        "$K inspect link --session vm0 --extract 2 -o v".into(),
        "$K inspect hard --session vm0 --extract 2 -o v".into(),
        "$K inspect /dev/fd/7 7<v --session vm0 --extract 2 -o v".into(),
        "$K inspect /dev/stdin <v --session vm0 --extract 2 -o v".into(),
        // Every report.
        "$K inspect v -o v".into(),
        "$K inspect v --map -o hard".into(),
        "$K inspect v --format json -o link".into(),
        "$K inspect v --format html -o hard".into(),
        "$K inspect v >>v".into(),
        "$K inspect v --mmap -o v".into(),
        "$K inspect v --as raw -o v".into(),
        // Several files, any of them.
        "$K inspect w@0,size=0x900000 v@0x900000,offset=0x900000 -o link".into(),
        "$K inspect v@0 -o hard".into(),
        "$K inspect diff v w -o v".into(),
        "$K inspect diff w v -o link".into(),
        "$K inspect w --types v -o v".into(),
        "$K inspect w --types v --btf-base w -o hard".into(),
        "$K inspect w --types w --btf-base v -o link".into(),
        "$K inspect diff w w --types v -o v".into(),
        "$K inspect diff w v --format json -o hard".into(),
        // Other commands: sources, allow files, a module's base BTF.
        "$K diff v abi -o hard".into(),
        "$K diff abi v --format json -o v".into(),
        "$K diff abi abi --released v -o v".into(),
        "$K diff abi abi --btf-base v -o v".into(),
        "$K diff abi abi --allow allow -o allow".into(),
        "$K diff abi tree -o tree/include/linux/kho/abi/luo.h".into(),
        "$K diff abi tree-link -o tree/include/linux/kho/abi/luo.h".into(),
        "$K review v -o link".into(),
        "$K review - <v -o hard".into(),
        "$K review w v -o hard".into(),
        "$K review w --base tree -o tree/include/linux/kho/abi/luo.h".into(),
        "$K diff abi tree --report sarif=tree/include/linux/kho/abi/luo.h".into(),
        "$K review v --report json=link".into(),
        "$K lint v --report junit=hard".into(),
        "$K log tree/include/linux/kho/abi/luo.h --report json=tree/include/linux/kho/abi/luo.h"
            .into(),
        "$K log tree/include/linux/kho/abi/luo.h -o tree/include/linux/kho/abi/luo.h".into(),
        "$K import tree/include/linux/kho/abi/luo.h -o tree/include/linux/kho/abi/luo.h".into(),
        "$K verify v >>v".into(),
        "$K preflight v v >>v".into(),
    ];
    for line in lines {
        let (status, stdout, stderr) = place.shell(&line);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{line}: {stderr}");
        assert!(
            stderr.contains("which this command reads: nothing was written"),
            "{line}: {stderr}"
        );
        assert!(bytes(&place.path("v")) == v, "{line} wrote over its input");
        let header = fs::read_to_string(place.path("tree/include/linux/kho/abi/luo.h")).unwrap();
        assert_eq!(header, HEADER, "{line}");
        assert_eq!(fs::read_to_string(place.path("allow")).unwrap(), "", "{line}");
        assert_eq!(place.names(), names, "{line}");
    }
}

#[test]
fn an_output_is_whole_or_as_it_was() {
    let place = Place::new();
    fs::write(place.path("old"), "as it was").unwrap();
    // A file size limit simulates a full disk: the write fails midway.
    let (status, _, stderr) = place
        .shell("trap '' XFSZ; ulimit -f 4; $K inspect v --session vm1 --extract 3 -o old --force");
    assert_eq!(status, Some(2), "{stderr}");
    assert!(stderr.contains("cannot write to old"), "{stderr}");
    assert_eq!(fs::read_to_string(place.path("old")).unwrap(), "as it was");
    assert!(!place.names().iter().any(|name| name.starts_with(".kho")), "{:?}", place.names());

    // A file that is not an input is replaced: it keeps its mode, and a link to it stays a link.
    fs::set_permissions(place.path("old"), Permissions::from_mode(0o600)).unwrap();
    symlink("old", place.path("to-old")).unwrap();
    symlink("new", place.path("to-new")).unwrap();
    for (link, file, mode) in [("to-old", "old", Some(0o600)), ("to-new", "new", None)] {
        let line = format!("$K inspect v --session vm0 --extract 2 -o {link} --force");
        assert_eq!(place.shell(&line).0, Some(0));
        assert!(place.path(link).is_symlink());
        assert!(bytes(&place.path(file)) == content(0, 65_536));
        if let Some(mode) = mode {
            assert_eq!(fs::metadata(place.path(file)).unwrap().mode() & 0o777, mode);
        }
    }
    let (status, _, stderr) = place.shell("$K inspect v -o tree");
    assert_eq!(status, Some(2));
    assert!(stderr.contains("tree is a directory"), "{stderr}");
}

#[test]
fn what_is_not_a_file_is_written_to_directly() {
    let place = Place::new();
    let expected = content(0, 65_536);
    for line in [
        "$K inspect v --session vm0 --extract 2 -o - | cat >out",
        "$K inspect v --session vm0 --extract 2 -o - >out",
        "$K inspect v --session vm0 --extract 2 -o /dev/stdout | cat >out",
        "mkfifo fifo; cat fifo >out & $K inspect v --session vm0 --extract 2 -o fifo; wait",
        "$K inspect v --session vm0 --extract 2 -o /dev/fd/7 7>out",
    ] {
        let (_, _, stderr) = place.shell(line);
        assert!(bytes(&place.path("out")) == expected, "{line}: {stderr}");
        fs::remove_file(place.path("out")).unwrap();
    }
    // What was on standard output before stays there.
    let (status, _, stderr) = place.shell("(echo before; $K inspect v -o /dev/stdout) >out");
    assert_eq!(status, Some(0), "{stderr}");
    let text = fs::read_to_string(place.path("out")).unwrap();
    assert!(text.starts_with("before\n") && text.contains("session"), "{text}");
    assert_eq!(place.shell("$K inspect v -o /dev/null").0, Some(0));
}

#[test]
fn a_report_may_be_kept_in_the_tree_that_is_read() {
    let place = Place::new();
    for force in ["", "--force"] {
        let line = format!("$K diff tree tree --format json -o tree/report.json {force}");
        let (status, _, stderr) = place.shell(&line);
        assert_ne!(status, None, "{stderr}");
        assert!(!stderr.contains("nothing was written"), "{stderr}");
    }
    // A read-only file is not replaced, although its directory is writable.
    let mut file = OpenOptions::new().create(true).append(true).open(place.path("kept")).unwrap();
    file.write_all(b"kept").unwrap();
    fs::set_permissions(place.path("kept"), Permissions::from_mode(0o444)).unwrap();
    let may = OpenOptions::new().write(true).open(place.path("kept")).is_ok();
    assert_eq!(place.shell("$K inspect v -o kept").0, Some(2));
    let (status, _, _) = place.shell("$K inspect v -o kept --force");
    // root may write everywhere.
    assert_eq!(status, Some(if may { 0 } else { 2 }));
}

#[test]
fn no_output_of_any_command_replaces_a_file_without_a_word() {
    let place = Place::new();
    let header = "tree/include/linux/kho/abi/luo.h";
    fs::write(place.path("patch"), "").unwrap();
    fs::write(place.path("old"), "as it was").unwrap();
    fs::write(place.path("read-only"), "as it was").unwrap();
    fs::set_permissions(place.path("read-only"), Permissions::from_mode(0o444)).unwrap();
    symlink("old", place.path("to-old")).unwrap();
    fs::hard_link(place.path("old"), place.path("old-too")).unwrap();
    let names = place.names();
    let commands = [
        "$K inspect v --session vm0 --extract 2 -o",
        "$K inspect v -o",
        "$K inspect v --format html -o",
        "$K inspect v --map -o",
        "$K inspect v --all -o",
        "$K inspect diff v w -o",
        "$K diff tree tree -o",
        "$K diff tree tree --report json=",
        "$K lint tree -o",
        "$K review patch -o",
        &format!("$K import {header} -o"),
        "$K inspect v --session vm0 --extract 2 -o /dev/fd/7 7<>",
    ];
    for command in commands {
        for file in ["old", "to-old", "old-too", "read-only"] {
            let space = if command.ends_with(['=', '>']) { "" } else { " " };
            let line = format!("{command}{space}{file}");
            if line.contains("7<>read-only") {
                continue;
            }
            let (status, stdout, stderr) = place.shell(&line);
            assert_eq!((status, stdout.as_str()), (Some(2), ""), "{line}: {stderr}");
            let said = "exists and has 9 bytes: nothing was written";
            assert!(stderr.contains(said) && stderr.contains("--force"), "{line}: {stderr}");
            assert_eq!(fs::read_to_string(place.path(file)).unwrap(), "as it was", "{line}");
            assert_eq!(place.names(), names, "{line}");
        }
    }
    // Nothing is lost of a file that is empty, as `mktemp` makes it.
    let (status, _, stderr) =
        place.shell("$K inspect v --session vm0 --extract 2 -o $(mktemp -p .)");
    assert_eq!(status, Some(0), "{stderr}");
}
