// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a shell and `man` make of this program: completion in real shells, and pages without warnings.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::terminal::Terminal;
use support::{present, versions, Ran, Scratch};

/// An interactive shell on a terminal of its own, which does not tell lines from their ends.
struct Shell(Terminal);

impl Shell {
    fn bash(dir: &Path, set_up: &str) -> Self {
        // A bell for each ambiguous word, and everything at the second tabulator, without questions.
        let quiet = "bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'";
        Self::new(dir, "bash --noprofile --norc -i", &format!("{quiet}; {set_up}"))
    }

    fn zsh(dir: &Path) -> Self {
        // Everything at the first tabulator, without questions and without walking through it.
        let quiet = "unsetopt automenu beep listbeep; LISTMAX=1000; bindkey '^U' kill-whole-line";
        let set_up = "autoload -Uz compinit; compinit -u -D; eval \"$(kho-abi completions zsh)\"";
        Self::new(dir, "zsh -f -i", &format!("{quiet}; {set_up}"))
    }

    fn new(dir: &Path, shell: &str, set_up: &str) -> Self {
        let envs = [("TERM", "dumb"), ("PS1", "> "), ("INPUTRC", "/dev/null")];
        let mut shell = Self(Terminal::run(dir, 240, &envs, shell));
        shell.0.keys(&format!("{set_up}; echo ready$((40 + 2))\n"));
        shell.0.expect("ready42");
        shell
    }

    /// Types a beginning and a tabulator; the line must become this one.
    #[track_caller]
    fn completes(&mut self, typed: &str, to: &str) {
        self.0.keys(&format!("{typed}\t"));
        self.0.expect(to);
        self.clear();
    }

    /// Types a beginning and two tabulators; all of these must be offered.
    #[track_caller]
    fn offers(&mut self, typed: &str, words: &[&str]) {
        self.0.keys(&format!("{typed}\t\t"));
        for word in words {
            self.0.expect(word);
        }
        self.clear();
    }

    /// Types a beginning and a tabulator, which must not make anything of it: what is typed then follows.
    #[track_caller]
    fn leaves(&mut self, typed: &str) {
        self.0.keys(&format!("{typed}\tzz"));
        self.0.expect(&format!("{typed}zz"));
        self.clear();
    }

    /// Takes back what was typed.
    fn clear(&mut self) {
        self.0.keys("\u{15}echo cleared$((50 + 5))\n");
        self.0.expect("cleared55");
    }
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
    fs::write(dir.join("tree/kho-abi.toml"), "").unwrap();
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
    let mut bash = Shell::bash(&repository("options"), "eval \"$(kho-abi completions bash)\"");
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
    let mut bash = Shell::bash(&repository("words"), "eval \"$(kho-abi completions bash)\"");
    bash.completes("kho-abi explain page_not_pr", "kho-abi explain page_not_preserved ");
    bash.completes("kho-abi explain frozen_layout_c", "kho-abi explain frozen_layout_changed ");
    bash.completes("kho-abi layout memfd_luo_f", "kho-abi layout memfd_luo_folio_ser ");
    let kho = versions("kho");
    assert!(kho.len() > 2, "{kho:?}");
    bash.offers("kho-abi layout kho-v", &kho.iter().map(String::as_str).collect::<Vec<_>>());
    // What has a next version already is not bumped again.
    bash.completes("kho-abi bump kho-v", &format!("kho-abi bump {} ", present("kho")));
    bash.completes("kho-abi log luo-se", "kho-abi log luo-session-v2 ");
    bash.completes("kho-abi schema prefl", "kho-abi schema preflight-1 ");
}

#[test]
fn bash_completes_revisions_and_files_as_one_word() {
    let mut bash = Shell::bash(&repository("sources"), "eval \"$(kho-abi completions bash)\"");
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
    let mut bash = Shell::bash(&outside, &format!("{set_up}; repository='{}'", dir.display()));
    let option = format!("kho-abi log --git-dir {} --rev ", dir.display());
    bash.completes(&format!("{option}v7.4"), "--rev v7.4-second ");
    bash.leaves("kho-abi diff git:v7");
}

#[test]
fn bash_completes_where_frozen_layouts_are() {
    let dir = repository("catalogues");
    let mut bash = Shell::bash(&dir, "eval \"$(kho-abi completions bash)\"");
    bash.completes("kho-abi verify --against tr", "--against tree/");
    bash.completes("kho-abi diff --catalogue tree/kh", "--catalogue tree/kho-abi.toml ");
    bash.completes("kho-abi preflight --catalogue=tree/kh", "--catalogue=tree/kho-abi.toml ");
    // No other file is one.
    bash.leaves("kho-abi verify --against with");
}

#[test]
fn zsh_completes_what_bash_does() {
    let dir = repository("zsh");
    let mut zsh = Shell::zsh(&dir);
    zsh.completes("kho-abi pref", "kho-abi preflight ");
    zsh.completes("kho-abi inspect di", "kho-abi inspect diff ");
    zsh.completes("kho-abi diff --unm", "kho-abi diff --unmerged ");
    zsh.completes("kho-abi diff --format sa", "kho-abi diff --format sarif ");
    zsh.completes("kho-abi diff --format=sa", "kho-abi diff --format=sarif ");
    zsh.offers("kho-abi review --format ma", &["markdown", "mail"]);
    zsh.completes("kho-abi explain page_not_pr", "kho-abi explain page_not_preserved ");
    zsh.completes("kho-abi bump kho-v", &format!("kho-abi bump {} ", present("kho")));
    zsh.completes("kho-abi schema prefl", "kho-abi schema preflight-1 ");
    zsh.completes("kho-abi diff git:v7.3", "kho-abi diff git:v7.3-first ");
    zsh.completes("kho-abi diff git:v7.3-first..git:v7.4", "git:v7.3-first..git:v7.4-second ");
    zsh.completes("kho-abi log --rev v7.4", "kho-abi log --rev v7.4-second ");
    zsh.completes("kho-abi verify --against tr", "--against tree/");
    zsh.completes("kho-abi diff --catalogue tree/kh", "--catalogue tree/kho-abi.toml ");
    zsh.completes("kho-abi lint tree/include/linux/kho/abi/", "abi/a.h ");
    zsh.completes("kho-abi review with", "kho-abi review with\\ a\\ space.patch ");
    zsh.leaves("kho-abi diff git:none");
}

/// fish says itself how it would go on, and what it says of that.
#[test]
fn fish_completes_what_bash_does() {
    let dir = repository("fish");
    let completes = |typed: &str, words: &[&str]| {
        let script = format!("kho-abi completions fish | source; complete -C '{typed}'");
        let mut fish = Command::new("fish");
        let fish = fish.args(["--no-config", "-c", &script]).current_dir(&dir);
        let fish = fish.env("PATH", support::terminal::path()).env("HOME", &dir);
        let ran = Ran::of(&fish.output().expect("fish, which tools/setup.sh installs"));
        assert!(ran.status == Some(0) && ran.stderr.is_empty(), "{ran:?}");
        let said = ran.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default());
        assert_eq!(said.collect::<Vec<_>>(), words, "{typed}");
    };
    completes("kho-abi pref", &["preflight"]);
    completes("kho-abi inspect di", &["diff"]);
    completes("kho-abi diff --unm", &["--unmerged"]);
    completes("kho-abi diff --format sa", &["sarif"]);
    completes("kho-abi diff --format=sa", &["--format=sarif"]);
    completes("kho-abi review --format ma", &["markdown", "mail"]);
    completes("kho-abi explain page_not_pr", &["page_not_preserved"]);
    completes("kho-abi bump kho-v", &[&present("kho")]);
    completes("kho-abi schema prefl", &["preflight-1"]);
    completes("kho-abi diff git:v7.3", &["git:v7.3-first"]);
    completes("kho-abi review v7.3-first..v7.4", &["v7.3-first..v7.4-second"]);
    completes("kho-abi log --rev v7.4", &["v7.4-second"]);
    completes("kho-abi verify --against tr", &["tree/"]);
    completes("kho-abi diff --catalogue tree/kh", &["tree/kho-abi.toml"]);
    completes("kho-abi lint tree/include/linux/kho/abi/", &["tree/include/linux/kho/abi/a.h"]);
    completes("kho-abi review with", &["with a space.patch"]);
    completes("kho-abi diff git:none", &[]);
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
