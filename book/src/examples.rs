// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Runs the examples of the guides, and puts what they print below them.
//!
//! A block that begins with `console` is an example. Each of its lines that begins with `$ ` is run, in a directory
//! with the small trees and the image of memory that the guides speak of. `exit=N` behind the word says how the last
//! of them ends, which is 0 otherwise; `lines=N` how many lines are shown of each.

use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where examples run.
pub(crate) struct Examples {
    dir: TempDir,
    path: String,
}

impl Examples {
    /// Makes the directory: `linux`, a repository with the kernel's headers; `patched`, the same with one more
    /// field; `change.patch`, the difference; `guest.raw`, an image of memory.
    pub(crate) fn new(root: &Path, kho_abi: &Path, synth: &Path) -> Result<Self, Failure> {
        let dir = tempfile::tempdir().map_err(Failure::new)?;
        let programs = kho_abi.parent().unwrap_or(Path::new("."));
        let programs = programs.canonicalize().map_err(Failure::at(programs))?;
        let path = std::env::var("PATH").unwrap_or_default();
        let examples = Self { path: format!("{}:{path}", programs.display()), dir };
        let headers = root.join("c-headers/include/linux/kho/abi");
        for tree in ["linux", "patched"] {
            let to = examples.dir.path().join(tree).join("include/linux/kho/abi");
            fs::create_dir_all(&to).map_err(Failure::at(&to))?;
            for entry in fs::read_dir(&headers).map_err(Failure::at(&headers))? {
                let from = entry.map_err(Failure::new)?.path();
                let text = fs::read_to_string(&from).map_err(Failure::at(&from))?;
                // The kernel's own headers assert nothing.
                let lines = text.lines().filter(|line| !line.starts_with("static_assert"));
                let mut text: String = lines.flat_map(|line| [line, "\n"]).collect();
                if tree == "patched" && from.ends_with("vfio_pci.h") {
                    text = text.replace("\tu16 domain;\n", "\tu16 domain;\n\tu8 reset_works;\n");
                }
                let to = to.join(from.file_name().unwrap_or_default());
                fs::write(&to, text).map_err(Failure::at(&to))?;
            }
        }
        let synth = synth.canonicalize().map_err(Failure::at(synth))?;
        let commands = [
            format!("'{}' raw guest.raw", synth.display()),
            "git -C linux init -q".into(),
            "git -C linux add .".into(),
            "git -C linux commit -qm 'The headers'".into(),
            "git diff --no-index linux patched | sed 's|/linux/include|/include|; s|/patched/include|/include|' > change.patch".into(),
        ];
        for command in commands {
            let (status, said) = examples.shell(&command)?;
            if status != 0 {
                return Err(Failure::new(format!("{command}: {said}")));
            }
        }
        Ok(examples)
    }

    fn shell(&self, command: &str) -> Result<(i32, String), Failure> {
        let ran = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(self.dir.path())
            .env("PATH", &self.path)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Example")))
            .envs(
                ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]
                    .map(|name| (name, "example@example.org")),
            )
            .output()
            .map_err(Failure::new)?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        // Where it runs is not of interest.
        let here = PathBuf::from(self.dir.path());
        let said = said.replace(&format!("{}/", here.display()), "");
        Ok((ran.status.code().unwrap_or(-1), said))
    }

    /// The text with what its examples print.
    pub(crate) fn run(&self, text: &str) -> Result<String, Failure> {
        let mut out = String::new();
        let mut example: Option<Example> = None;
        let mut last = 0;
        for line in text.lines() {
            if let Some(info) = line.strip_prefix("```console") {
                example = Some(Example::of(info)?);
                out.push_str("```console\n");
                continue;
            }
            if line == "```" {
                if let Some(ended) = example.take().filter(|ended| ended.exit != last) {
                    return Err(Failure::new(format!(
                        "an example ended with {last}, and not with {}:\n{out}",
                        ended.exit
                    )));
                }
                last = 0;
            }
            out.push_str(line);
            out.push('\n');
            if let (Some(example), Some(command)) = (&example, line.strip_prefix("$ ")) {
                let (status, said) = self.shell(command)?;
                last = status;
                let lines: Vec<&str> = said.lines().collect();
                for shown in lines.iter().take(example.lines) {
                    out.push_str(shown);
                    out.push('\n');
                }
                if lines.len() > example.lines {
                    out.push_str("…\n");
                }
            }
        }
        if example.is_some() {
            return Err(Failure::new("an example does not end"));
        }
        Ok(out)
    }
}

/// What the words behind `console` say.
struct Example {
    exit: i32,
    lines: usize,
}

impl Example {
    fn of(info: &str) -> Result<Self, Failure> {
        let mut example = Self { exit: 0, lines: usize::MAX };
        for word in info.split_whitespace() {
            let unknown = || Failure::new(format!("console {word}: unknown"));
            let (key, value) = word.split_once('=').ok_or_else(unknown)?;
            match key {
                "exit" => example.exit = value.parse().map_err(|_| unknown())?,
                "lines" => example.lines = value.parse().map_err(|_| unknown())?,
                _ => return Err(unknown()),
            }
        }
        Ok(example)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Examples {
        let dir = tempfile::tempdir().expect("a directory");
        Examples { dir, path: std::env::var("PATH").expect("a path") }
    }

    #[test]
    fn what_a_command_prints_stands_below_it() {
        let text =
            "Say:\n\n```console exit=3 lines=2\n$ seq 4; exit 3\n```\n\n```sh\n$ not run\n```\n";
        let shown = here().run(text).expect("it runs");
        assert_eq!(
            shown,
            "Say:\n\n```console\n$ seq 4; exit 3\n1\n2\n…\n```\n\n```sh\n$ not run\n```\n"
        );
    }

    #[test]
    fn another_exit_status_or_an_unknown_word_is_a_failure() {
        for text in [
            "```console\n$ exit 1\n```\n",
            "```console exit=1\n$ true\n```\n",
            "```console wide\n```\n",
            "```console\n$ true\n",
        ] {
            assert!(here().run(text).is_err(), "{text}");
        }
    }
}
