// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a shell and `man` make of this program: completion in a real bash, and pages without warnings.

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;
use support::{Ran, Scratch};

/// Longest wait for what a shell is expected to say.
const PATIENCE: Duration = Duration::from_secs(60);

/// An interactive bash on a terminal of its own.
struct Bash {
    child: Child,
    keys: ChildStdin,
    shown: Receiver<Vec<u8>>,
    text: String,
}

impl Bash {
    fn new(dir: &Path, set_up: &str) -> Self {
        let mut child = Command::new("script")
            .args(["-qec", "bash --noprofile --norc -i", "/dev/null"])
            .current_dir(dir)
            .env("PATH", path())
            .env("TERM", "dumb")
            .env("PS1", "> ")
            .env("INPUTRC", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of bsdutils, which every Debian has");
        let keys = child.stdin.take().unwrap();
        let mut screen = child.stdout.take().unwrap();
        let (to, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                if to.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut bash = Self { child, keys, shown, text: String::new() };
        // A bell for each ambiguous word, and everything at the second tabulator, without questions.
        bash.keys("bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'\n");
        bash.keys(&format!("stty cols 240; {set_up}; echo ready$((40 + 2))\n"));
        bash.expect("ready42");
        bash
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the screen has the text, and forgets what came before its end.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        while !self.text.contains(text) {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("no {text:?} ({error}) in {:?}", self.text),
            }
        }
        let end = self.text.find(text).unwrap() + text.len();
        self.text.drain(..end);
    }

    /// Types a beginning and a tabulator; the line must become this one.
    #[track_caller]
    fn completes(&mut self, typed: &str, to: &str) {
        self.keys(&format!("{typed}\t"));
        self.expect(to);
        self.clear();
    }

    /// Types a beginning and two tabulators; all of these must be offered.
    #[track_caller]
    fn offers(&mut self, typed: &str, words: &[&str]) {
        self.keys(&format!("{typed}\t\t"));
        for word in words {
            self.expect(word);
        }
        self.clear();
    }

    /// Takes back what was typed.
    fn clear(&mut self) {
        self.keys("\u{15}echo cleared$((50 + 5))\n");
        self.expect("cleared55");
    }
}

impl Drop for Bash {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path on which the program of this build is `kho-abi`.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_kho-abi"));
    let dir = program.parent().unwrap().display();
    format!("{dir}:{}", std::env::var("PATH").unwrap_or_default())
}

fn git(dir: &Path, args: &[&str]) {
    let names =
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(dir).args(names).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A repository with a branch, two tags, and files whose names need care.
fn repository(name: &str) -> std::path::PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shell").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("tree/include/linux/kho/abi")).unwrap();
    fs::write(dir.join("tree/include/linux/kho/abi/a.h"), "").unwrap();
    fs::write(dir.join("with a space.patch"), "").unwrap();
    git(&dir, &["init", "-q", "-b", "trunk"]);
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-qm", "first"]);
    for tag in ["v7.3-first", "v7.4-second"] {
        git(&dir, &["tag", tag]);
    }
    dir
}

#[test]
fn bash_completes_commands_options_and_their_values() {
    let mut bash = Bash::new(&repository("options"), "eval \"$(kho-abi completions bash)\"");
    bash.completes("kho-abi pref", "kho-abi preflight ");
    bash.completes("kho-abi inspect di", "kho-abi inspect diff ");
    bash.completes("kho-abi diff --unm", "kho-abi diff --unmerged ");
    bash.completes("kho-abi diff --format sa", "kho-abi diff --format sarif ");
    bash.completes("kho-abi diff --format=sa", "kho-abi diff --format=sarif ");
    bash.completes("kho-abi --color=ne", "kho-abi --color=never ");
    bash.offers("kho-abi review --format ma", &["mail", "markdown"]);
    bash.completes("kho-abi completions el", "kho-abi completions elvish ");
}

#[test]
fn bash_completes_rules_contracts_structs_and_schemas() {
    let mut bash = Bash::new(&repository("words"), "eval \"$(kho-abi completions bash)\"");
    bash.completes("kho-abi explain page_not_pr", "kho-abi explain page_not_preserved ");
    bash.completes("kho-abi explain frozen_layout_c", "kho-abi explain frozen_layout_changed ");
    bash.completes("kho-abi layout memfd_luo_f", "kho-abi layout memfd_luo_folio_ser ");
    bash.offers("kho-abi layout kho-v", &["kho-v1", "kho-v3", "kho-v4"]);
    bash.completes("kho-abi bump vfio-p", "kho-abi bump vfio-pci-v1 ");
    bash.completes("kho-abi log reserve", "kho-abi log reserve-mem-v1 ");
    bash.completes("kho-abi schema prefl", "kho-abi schema preflight-1 ");
}

#[test]
fn bash_completes_revisions_and_files_as_one_word() {
    let mut bash = Bash::new(&repository("sources"), "eval \"$(kho-abi completions bash)\"");
    bash.completes("kho-abi diff git:v7.3", "kho-abi diff git:v7.3-first ");
    bash.completes("kho-abi diff git:v7.3-first..git:v7.4", "git:v7.3-first..git:v7.4-second ");
    bash.completes("kho-abi diff git:tr", "kho-abi diff git:trunk ");
    bash.completes("kho-abi review v7.3-first..v7.4", "kho-abi review v7.3-first..v7.4-second ");
    bash.completes("kho-abi log --rev v7.4", "kho-abi log --rev v7.4-second ");
    bash.completes("kho-abi diff snap", "kho-abi diff snapshots ");
    // After a directory the word goes on.
    bash.completes("kho-abi verify tr", "kho-abi verify tree/");
    bash.completes("kho-abi lint tree/include/linux/kho/abi/", "abi/a.h ");
    bash.completes("kho-abi review with", "kho-abi review with\\ a\\ space.patch ");
    bash.completes("kho-abi review with\\ a", "kho-abi review with\\ a\\ space.patch ");
    bash.completes("kho-abi diff --allow with", "--allow with\\ a\\ space.patch ");
    bash.offers("kho-abi diff git:", &["HEAD", "trunk", "v7.3-first", "v7.4-second"]);
}

#[test]
fn bash_completes_in_the_repository_that_is_named_and_says_nothing_elsewhere() {
    let dir = repository("named");
    fs::create_dir_all(dir.join("elsewhere")).unwrap();
    let outside = std::env::temp_dir();
    let set_up = "eval \"$(kho-abi completions bash)\"";
    let mut bash = Bash::new(&outside, &format!("{set_up}; repository='{}'", dir.display()));
    let option = format!("kho-abi log --git-dir {} --rev ", dir.display());
    bash.completes(&format!("{option}v7.4"), "--rev v7.4-second ");
    bash.keys("kho-abi diff git:v7\t\u{15}echo nothing$((1 + 1))\n");
    bash.expect("nothing2");
}

#[test]
fn manual_pages_have_no_warning_and_every_section() {
    let scratch = Scratch::new("manual-pages");
    let ran = Ran::of(
        &scratch
            .command(&["man", "--out", "man"])
            .env("SOURCE_DATE_EPOCH", "1767225600")
            .output()
            .unwrap(),
    );
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let pages: Vec<&str> = ran.stdout.lines().collect();
    assert!(pages.contains(&"man/kho-abi.1") && pages.contains(&"man/kho-abi-inspect-diff.1"));
    for page in &pages {
        let text = scratch.read(page);
        assert!(text.contains("\"2026-01-01\""), "{page}: {text}");
        let sections = [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXIT STATUS",
            "ENVIRONMENT",
            "EXAMPLES",
            "SEE ALSO",
        ];
        let mut rest = text.as_str();
        for section in sections {
            let heading = format!("\n.SH {section}\n");
            let at = rest.find(&heading).unwrap_or_else(|| panic!("{page} has no {section} there"));
            rest = &rest[at + heading.len() - 1..];
        }
    }
    assert!(scratch.read("man/kho-abi-status.1").contains("\n.SH FILES\n"));
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-Tlint", "-Wstyle"]).args(pages.iter().map(|page| scratch.path(page)));
    let ran = Ran::of(&mandoc.output().expect("mandoc, which tools/setup.sh installs"));
    // References between the pages are looked for in the system's manual.
    let said = ran.stdout.lines().chain(ran.stderr.lines());
    let said: Vec<_> = said.filter(|line| !line.contains("referenced manual not found")).collect();
    assert_eq!(said, Vec::<&str>::new());

    let ran =
        Ran::of(&scratch.command(&["man"]).env("SOURCE_DATE_EPOCH", "soon").output().unwrap());
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("SOURCE_DATE_EPOCH"), "{ran:?}");
}
