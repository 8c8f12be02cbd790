// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Long work says how far it is on a terminal, takes that back when it is done, and says nothing elsewhere.
//!
//! Work is long here as long as a test wants it to be: an image comes through a pipe, and git waits for a file.

mod support;

use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::sample;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use support::terminal::{path, screen, Terminal};

/// Longer than work may take without being shown.
const LONG: Duration = Duration::from_millis(1500);
const KHO: &str = env!("CARGO_BIN_EXE_kho-abi");

fn image() -> Vec<u8> {
    let (ram, _) = sample(4096);
    raw(&ram)
}

/// Gives an image through a pipe by name, the second half as soon as it is told to.
fn feed(fifo: &Path) -> std::sync::mpsc::Sender<()> {
    let made = Command::new("mkfifo").arg(fifo).status().unwrap();
    assert!(made.success());
    let (go, told) = channel();
    let fifo = fifo.to_path_buf();
    std::thread::spawn(move || {
        let image = image();
        let (first, second) = image.split_at(image.len() / 2);
        let mut pipe = fs::OpenOptions::new().write(true).open(fifo).unwrap();
        pipe.write_all(first).unwrap();
        let _ = told.recv();
        let _ = pipe.write_all(second);
    });
    go
}

#[test]
fn an_image_that_comes_slowly_is_counted_and_the_line_is_gone_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("image"), image()).unwrap();
    let mut plain = Command::new(KHO);
    let plain = plain.args(["inspect", "-"]).current_dir(dir.path());
    let plain = plain.stdin(fs::File::open(dir.path().join("image")).unwrap()).output().unwrap();
    assert_eq!(plain.status.code(), Some(0), "{plain:?}");

    // Only standard error is a terminal.
    let go = feed(&dir.path().join("slow"));
    let line = "kho-abi inspect - <slow >out; echo status $?";
    let mut terminal = Terminal::run(dir.path(), 80, &[], line);
    terminal.expect("MiB");
    terminal.expect("copying the image to a temporary file");
    go.send(()).unwrap();
    let (_, shown) = terminal.end();
    assert_eq!(shown, ["status 0"]);
    assert_eq!(fs::read(dir.path().join("out")).unwrap(), plain.stdout);

    // Both are.
    let go = feed(&dir.path().join("slow2"));
    let mut terminal =
        Terminal::run(dir.path(), 240, &[], "kho-abi inspect - --color never <slow2");
    terminal.expect("copying the image");
    go.send(()).unwrap();
    let (_, shown) = terminal.end();
    let expected = String::from_utf8(plain.stdout.clone()).unwrap().replace('\n', "\r\n");
    assert_eq!(shown, screen(&expected, 240));

    // Neither is.
    let go = feed(&dir.path().join("slow3"));
    let mut piped = Command::new(KHO);
    let piped = piped.args(["inspect", "-"]).current_dir(dir.path()).env("TERM", "xterm");
    let pipe = dir.path().join("slow3");
    let piped = piped.stdin(fs::File::open(pipe).unwrap()).stdout(Stdio::piped());
    let piped = piped.stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(LONG);
    go.send(()).unwrap();
    let piped = piped.wait_with_output().unwrap();
    assert_eq!((piped.stdout, piped.stderr), (plain.stdout, plain.stderr));
}

#[test]
fn a_terminal_that_cannot_take_a_line_back_gets_none() {
    let dir = tempfile::tempdir().unwrap();
    for term in ["dumb", ""] {
        let fifo = format!("slow{term}");
        let go = feed(&dir.path().join(&fifo));
        let line = format!("kho-abi inspect - <{fifo} >out; echo status $?");
        let terminal = Terminal::run(dir.path(), 80, &[("TERM", term)], &line);
        std::thread::sleep(LONG);
        go.send(()).unwrap();
        let (text, _) = terminal.end();
        assert_eq!(text, "status 0\r\n", "{term}");
    }
}

#[test]
fn a_line_fits_a_narrow_terminal_and_ends_with_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let go = feed(&dir.path().join("slow"));
    let line = "kho-abi inspect - --session nothing <slow >out; echo status $?";
    let mut terminal = Terminal::run(dir.path(), 30, &[], line);
    terminal.expect("copying");
    go.send(()).unwrap();
    let (text, shown) = terminal.end();
    assert!(!text.contains("temporary"), "{text}");
    assert!(shown[0].starts_with("kho-abi: error: no session"), "{shown:?}");
    assert_eq!(shown.last().unwrap(), "status 2");
}

/// A repository with three releases, and a `git` that waits for the file `go` before it does this.
fn repository(dir: &Path, held: &str) -> String {
    let abi = dir.join("include/linux/kho/abi");
    fs::create_dir_all(&abi).unwrap();
    let git = |args: &[&str]| {
        let names = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        let unsigned = ["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"];
        let mut command = Command::new("git");
        let ran = command.current_dir(dir).args(names).args(unsigned).args(args).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    };
    git(&["init", "-q", "-b", "trunk"]);
    for version in 1..4 {
        let header = support::tree::ONE.replace("x-v1", &format!("x-v{version}"));
        fs::write(abi.join("x.h"), header.replace("u32 b", &format!("u32 b{version}"))).unwrap();
        git(&["add", "include"]);
        git(&["commit", "-qm", &format!("version {version}")]);
        git(&["tag", &format!("v{version}")]);
    }
    let slow = dir.join("bin/git");
    fs::create_dir_all(dir.join("bin")).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *'{held}'*) until test -e go; do sleep 0.05; done;; esac\n\
         PATH=${{PATH#*:}} exec git \"$@\"\n"
    );
    fs::write(&slow, script).unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", dir.join("bin").display(), path())
}

/// Runs a command twice, with a git that waits and without, and expects one line on the terminal while it does.
#[track_caller]
fn waits_for_git(held: &str, line: &str, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = repository(dir.path(), held);
    let cache = dir.path().join("cache").display().to_string();
    let envs = [("PATH", path.as_str()), ("XDG_CACHE_HOME", &cache)];
    let command = format!("{line} >out; echo status $?");
    let mut terminal = Terminal::run(dir.path(), 80, &envs, &command);
    for text in expected {
        terminal.expect(text);
    }
    fs::write(dir.path().join("go"), "").unwrap();
    let (_, shown) = terminal.end();
    let out = fs::read(dir.path().join("out")).unwrap();
    let mut piped = Command::new("sh");
    let piped = piped.args(["-c", line]).current_dir(dir.path()).envs(envs);
    let piped = piped.stdin(Stdio::null()).output().unwrap();
    assert_eq!(shown, [format!("status {}", piped.status.code().unwrap())]);
    assert_eq!((piped.stdout, String::from_utf8_lossy(&piped.stderr)), (out, "".into()));
}

#[test]
fn a_long_history_says_what_is_done() {
    waits_for_git(" log ", "kho-abi log", &["listing commits"]);
}

#[test]
fn a_fleet_of_kernels_is_counted() {
    let line = "kho-abi preflight git:v1 git:v2 git:v1 git:v3";
    waits_for_git("v3", line, &["[===============>    ] 3 of 4  reading kernels"]);
}
