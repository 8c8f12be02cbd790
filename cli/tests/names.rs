// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Files may have any name: each command does with names that are not UTF-8 what it does with others, and shows them so
//! that they can be read and taken back.

mod support;

use kho_abi_inspect::synth::container::raw_in;
use kho_abi_inspect::synth::sample;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::tree::{ABI, ONE};

/// In the lines below, a part of each name.
const MARK: &str = "Qq";
/// What it is in plain names: as long as the byte is where it is shown.
const PLAIN: &str = "QqQq";

/// What names have in the place of the mark: plain text, or a byte that no text has.
#[derive(Clone, Copy)]
enum Names {
    Plain,
    Bytes,
}

impl Names {
    fn os(self, text: &str) -> OsString {
        let text = text.as_bytes();
        let mut out = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.windows(MARK.len()).position(|part| part == MARK.as_bytes()) {
            out.extend(&rest[..at]);
            out.extend(match self {
                Self::Plain => PLAIN.as_bytes(),
                Self::Bytes => b"\xFF",
            });
            rest = &rest[at + MARK.len()..];
        }
        out.extend(rest);
        OsString::from_vec(out)
    }
}

/// A directory, whose own name and all names in it are of one kind.
struct Place {
    names: Names,
    _dir: tempfile::TempDir,
    top: PathBuf,
}

impl Place {
    fn new(names: Names) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap().join(names.os("topQq"));
        let place = Self { names, _dir: dir, top };
        let other = ONE.replace("u32 b", "u64 b");
        place.write(&format!("oldQq/{ABI}/x.h"), ONE.as_bytes());
        place.write(&format!("newQq/{ABI}/x.h"), other.as_bytes());
        place.write("allowQq", b"");
        place.write("textQq", b"nothing\n");
        let (ram, _) = sample(4096);
        raw_in(&place.path("imageQq"), &ram).unwrap();

        // The tree is a repository, and a tree is below the top of a repository.
        for (dir, below) in [("oldQq", ""), ("repoQq", "kernQq/")] {
            place.git(dir, &["init", "-q", "-b", "trunk"]);
            place.write(&format!("{dir}/{below}{ABI}/x.h"), ONE.as_bytes());
            let code = b"int f(void)\n{\n\treturn kho_preserve_folio(0);\n}\n";
            place.write(&format!("{dir}/{below}codeQq.c"), code);
            place.commit(dir, "one");
            place.git(dir, &["tag", "v1"]);
            place.write(&format!("{dir}/{below}{ABI}/x.h"), other.as_bytes());
            let code = b"int f(void)\n{\n\treturn kho_preserve_folio(1);\n}\n";
            place.write(&format!("{dir}/{below}codeQq.c"), code);
            for (patch, quoted) in [("quoted", "true"), ("raw", "false")] {
                let quoted = format!("core.quotePath={quoted}");
                let made = place.git(dir, &["-c", &quoted, "diff", "-p"]).stdout;
                place.write(&format!("{dir}/{patch}Qq.patch"), &made);
            }
            place.commit(dir, "two");
            place.git(dir, &["tag", "v2"]);
        }
        place.git("oldQq", &["checkout", "-q", "v1"]);
        place.git("repoQq", &["branch", "branchQq"]);
        place
    }

    fn path(&self, text: &str) -> PathBuf {
        self.top.join(self.names.os(text))
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn git(&self, dir: &str, args: &[&str]) -> Output {
        fs::create_dir_all(self.path(dir)).unwrap();
        let mut command = Command::new("git");
        command.current_dir(self.path(dir)).args(["-c", "user.name=A", "-c", "user.email=a@b.org"]);
        command.args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"]);
        command.env("GIT_COMMITTER_DATE", "@1767225600 +0000");
        command.env("GIT_AUTHOR_DATE", "@1767225600 +0000");
        let ran = command.args(args.iter().map(|arg| self.names.os(arg))).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        ran
    }

    fn commit(&self, dir: &str, message: &str) {
        self.git(dir, &["add", "-A"]);
        self.git(dir, &["commit", "-qm", message]);
    }

    /// Runs a command line; what it comes to, with plain text in the place of the byte.
    fn run(&self, line: &str) -> String {
        let (dir, line) = line.split_once(": ").unwrap_or((".", line));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        command.current_dir(self.path(dir)).env("TMPDIR", self.path("."));
        command.env("XDG_CACHE_HOME", self.path("cacheQq")).env("SOURCE_DATE_EPOCH", "1767225600");
        command.env("GIT_COMMITTER_NAME", "A").env("GIT_COMMITTER_EMAIL", "a@example.org");
        let args = line.split_whitespace().map(|word| self.names.os(word));
        let ran = command.args(args).output().unwrap();
        let code = ran.status.code().expect(line);
        self.comparable(&format!("status {code}\n{}{}", text(&ran.stdout), text(&ran.stderr)))
    }

    fn comparable(&self, text: &str) -> String {
        let top = kho_abi_show::names::shown(&self.top).replace(r"\xFF", PLAIN);
        // In a message, in JSON, in a URI.
        let text = text.replace(r"\\xFF", PLAIN).replace(r"\xFF", PLAIN).replace("%FF", PLAIN);
        let text = text.replace(&top, "TOP");
        let is_id = |word: &str| {
            word.len() >= 7
                && word.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        };
        // Columns are as wide as names, and the ids of commits are of the names in them.
        let words = |line: &str| {
            let words = line.split_whitespace().map(|word| {
                let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                if is_id(bare) {
                    word.replace(bare, "ID")
                } else {
                    word.to_string()
                }
            });
            words.collect::<Vec<_>>().join(" ")
        };
        let lines = text.lines().filter(|line| !line.starts_with("Date: "));
        lines.map(words).collect::<Vec<_>>().join("\n")
    }

    /// All files, without git's own and those of the system's.
    fn files(&self) -> Vec<(String, String)> {
        fn collect(place: &Place, dir: &Path, found: &mut Vec<(String, String)>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().as_bytes();
                if name.starts_with(b".git") || name.starts_with(b"cache") {
                    continue;
                }
                if path.is_dir() {
                    collect(place, &path, found);
                } else {
                    let name = place.comparable(&kho_abi_show::names::shown(&path));
                    let text = text(&fs::read(&path).unwrap());
                    found.push((name, place.comparable(&text)));
                }
            }
        }
        let mut found = Vec::new();
        collect(self, &self.top, &mut found);
        found.sort();
        found
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command line for each thing that may be a file, with the directory in front where it is not the top.
const LINES: &[&str] = &[
    "diff oldQq newQq",
    "diff oldQq newQq --format json",
    "diff oldQq newQq --format sarif",
    "diff oldQq newQq --format junit",
    "diff oldQq newQq --format github",
    "diff oldQq newQq --terse --report sarif=reportQq.sarif --report html=reportQq.html",
    "diff oldQq newQq -o outQq --allow allowQq",
    "diff oldQq newQq --released oldQq",
    "diff oldQq/include/linux/kho/abi/x.h newQq/include/linux/kho/abi/x.h",
    "diff oldQq absentQq",
    "diff oldQq newQq -o newQq/include/linux/kho/abi/x.h",
    "diff oldQq newQq -o absentQq/out",
    "diff oldQq newQq --allow absentQq",
    "diff oldQq newQq --report wrongQq",
    "diff --git-dir oldQq git:v1 git:v2",
    "diff --git-dir repoQq git:v1:kernQq git:v2:kernQq --format json",
    "diff --git-dir repoQq git:v1:kernQq git:branchQq:kernQq",
    "repoQq: diff git:v1:kernQq kernQq --terse",
    "repoQq: diff git:v1:kernQq kernQq --format sarif",
    "repoQq: diff git:absentQq:kernQq kernQq",
    "review oldQq/quotedQq.patch --base oldQq",
    "review oldQq/rawQq.patch --base oldQq --format sarif",
    "review oldQq",
    "review textQq",
    "review --git-dir oldQq v1..v2",
    "review --git-dir repoQq v1..branchQq",
    "review repoQq/quotedQq.patch",
    "review repoQq/rawQq.patch --format json",
    "review repoQq/quotedQq.patch --git-dir repoQq --base git:v1:kernQq",
    "lint newQq",
    "lint newQq/include/linux/kho/abi/x.h --format sarif",
    "lint oldQq/quotedQq.patch --base oldQq",
    "lint absentQq",
    "log --git-dir oldQq",
    "log --git-dir repoQq",
    "log --git-dir repoQq --rev branchQq kernQq/include/linux/kho/abi/x.h --no-cache",
    "log --git-dir repoQq absentQq",
    "preflight oldQq newQq",
    "preflight oldQq newQq absentQq --format json",
    "verify oldQq newQq imageQq",
    "layout --source newQq x_ser",
    "layout --root newQq --format json",
    "layout --source newQq --format html",
    "init --tree oldQq --released newQq",
    "init --root repoQq/kernQq --released v2",
    "oldQq: check",
    "check --root oldQq --format json",
    "check --root repoQq/kernQq",
    "check --root absentQq",
    "freeze --root oldQq",
    "freeze --root oldQq --release newQq x-v1",
    "freeze --root oldQq --source imageQq x-v1",
    "verify --against oldQq newQq",
    "verify --against oldQq/kho-abi.toml newQq --format json",
    "preflight --catalogue oldQq oldQq newQq",
    "diff snapshots newQq --snapshots oldQq/include/linux/kho/abi/layouts",
    "import oldQq/include/linux/kho/abi/x.h -o wireQq.rs",
    "import textQq -o -",
    "kernel-patch memfd-v2 --tree absentQq",
    "kernel-patch memfd-v2 --tree newQq",
    "generate --root absentQq",
    "bump --root oldQq x-v1",
    "new --root oldQq y",
    "man --out manQq",
    "status --root newQq",
    "inspect imageQq",
    "inspect imageQq --format json -o outQq.json",
    "inspect imageQq --as raw --mmap",
    "inspect imageQq -o imageQq",
    "inspect imageQq@0 --format html",
    "inspect imageQq@0,size=0x800000 imageQq@0x800000,offset=0x800000 --format jsonl",
    "inspect imageQq@0 imageQq@0",
    "inspect imageQq --types oldQq",
    "inspect imageQq --session vm0 --extract 2 -o memfdQq --format json",
    "inspect diff imageQq imageQq --format json",
    "inspect absentQq",
    "inspect textQq",
    "inspect qmp:absentQq",
    "inspect gdb:./absentQq",
];

/// The commands without a file.
const WITHOUT: [&str; 4] = ["explain", "schema", "completions", "help"];

#[test]
fn every_command_takes_every_name() {
    let (plain, bytes) = (Place::new(Names::Plain), Place::new(Names::Bytes));
    let mut wrong = Vec::new();
    for line in LINES {
        let (expected, found) = (plain.run(line), bytes.run(line));
        assert!(!expected.contains(char::REPLACEMENT_CHARACTER), "{line}: {expected}");
        if expected != found {
            let mut lines = expected.lines().zip(found.lines());
            let first = lines.find(|(expected, found)| expected != found);
            wrong.push(format!("{line}: {first:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (expected, found) = (plain.files(), bytes.files());
    let of = |files: &[(String, String)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(of(&expected), of(&found));
    for (expected, found) in expected.iter().zip(&found) {
        // Beside the names themselves, a patch has ids of the content.
        if !expected.0.contains(".patch") {
            assert_eq!(expected, found);
        }
    }

    let help = Command::new(env!("CARGO_BIN_EXE_kho-abi")).arg("help").output().unwrap();
    let help = text(&help.stdout);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut seen = 0;
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        let tried = LINES.iter().any(|line| {
            let line = line.split_once(": ").map_or(*line, |(_, line)| line);
            line.split_whitespace().next() == Some(command)
        });
        assert!(tried || WITHOUT.contains(&command), "{command}");
        seen += 1;
    }
    assert!(seen > 20, "{help}");
}
