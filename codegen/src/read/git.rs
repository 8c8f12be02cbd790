// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the ABI headers of a revision of a git repository, without a checkout.
//!
//! git is a process that is given arguments, and no shell a line: a revision is a revision, whatever it
//! looks like. Nothing is fetched, no hook runs, and only the headers are taken out.

use super::headers;
use super::process::{run, Bounds, RunError};
use crate::model::ABI_DIR;
use crate::source::{Options, Reading, SourceError};
use std::collections::BTreeMap;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long git may take for all that it is asked about a revision.
const TIME: Duration = Duration::from_secs(30);

/// How much git may answer, in bytes: more than all headers that are read may have.
const ANSWER: u64 = 256 << 20;

/// Reads the ABI headers of a revision: of a kernel tree, or of a directory in it with `REV:DIR`.
///
/// # Errors
///
/// [`SourceError::Git`] where git, the repository or the revision is missing, or has no headers; as
/// [`headers::read_files`].
pub fn read_rev(rev: &str, options: &Options) -> Result<Reading, SourceError> {
    let files = files_of_rev(rev, options)?;
    headers::read_named(&files, &format!("git:{rev}"), &prefix(rev), options)
}

/// What stands before the path of a header in places: `REV:`, as git has it.
fn prefix(rev: &str) -> String {
    let end = if rev.ends_with(':') {
        ""
    } else if rev.contains(':') {
        "/"
    } else {
        ":"
    };
    format!("{rev}{end}")
}

/// The ABI headers of a revision, by their paths in it.
///
/// # Errors
///
/// As [`read_rev`], for what concerns git.
pub fn files_of_rev(
    rev: &str,
    options: &Options,
) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    let repository = Repository { rev, options, until: Instant::now() + TIME };
    let tree = repository.tree()?;
    let mut found = Vec::new();
    for dir in [format!("include/{ABI_DIR}/"), format!("{ABI_DIR}/"), String::new()] {
        found = repository.headers(&tree, &dir)?;
        if !found.is_empty() {
            // What is beside is of interest where a header includes it, which the reader looks at.
            if let Some(include) = dir.strip_suffix(&format!("{ABI_DIR}/")) {
                for name in headers::COMPANIONS {
                    found.extend(repository.headers(&tree, &format!("{include}{name}"))?);
                }
            }
            break;
        }
    }
    if found.is_empty() {
        let why = format!("it has no headers in include/{ABI_DIR}");
        return Err(repository.error(why, "give a revision of a kernel, or REV:DIR"));
    }
    repository.contents(found)
}

struct Repository<'a> {
    rev: &'a str,
    options: &'a Options,
    until: Instant,
}

/// A file in a revision.
struct Entry {
    path: String,
    id: String,
}

impl Repository<'_> {
    fn error(&self, why: impl Into<String>, help: &str) -> SourceError {
        SourceError::Git { rev: self.rev.into(), why: why.into(), help: help.into() }
    }

    /// What git answers; `None` where it refuses, with what it says.
    fn git(&self, args: &[&str], input: Vec<u8>) -> Result<Result<Vec<u8>, String>, SourceError> {
        let mut command = Command::new("git");
        command.args(["--no-pager", "-c", "protocol.allow=never", "-c", "core.fsmonitor=false"]);
        if let Some(dir) = &self.options.git_dir {
            // What the environment says is about another repository.
            for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE"] {
                command.env_remove(variable);
            }
            command.env_remove("GIT_OBJECT_DIRECTORY");
            command.arg("-C").arg(dir);
        }
        command.args(args);
        // What is missing is missing: a partial clone is not completed, and nobody is asked.
        command.envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0")]);
        command.envs([("GIT_OPTIONAL_LOCKS", "0"), ("LC_ALL", "C")]);
        let bounds = Bounds { until: self.until, answer: ANSWER, said: 1 << 16, memory: None };
        match run(command, input, bounds) {
            Ok(answered) if answered.status.success() => Ok(Ok(answered.answer)),
            Ok(answered) => {
                let said = answered.said.lines().next().unwrap_or("git refuses");
                Ok(Err(said.trim_start_matches("fatal: ").into()))
            }
            Err(RunError::TimedOut) => {
                let why = format!("git does not come to an end within {} seconds", TIME.as_secs());
                Err(self.error(why, "look at the repository with git"))
            }
            Err(RunError::TooMuch) => Err(self.error(
                "git answers more than any kernel's headers",
                "give a revision of a kernel",
            )),
            Err(RunError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.error("git is not found", "install git"))
            }
            Err(RunError::Io(error)) => {
                Err(self
                    .error(format!("git cannot be run: {error}"), "check the installation of git"))
            }
        }
    }

    /// The id of the revision's tree.
    fn tree(&self) -> Result<String, SourceError> {
        let rev = self.rev;
        // No revision begins so; git would take it for an option.
        if rev.is_empty() || rev.starts_with('-') || rev.contains(['\0', '\n']) {
            return Err(self.error("this is no revision", "give a commit, a branch or a tag"));
        }
        let commit = if rev.contains(':') { rev.to_string() } else { format!("{rev}^{{tree}}") };
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
        let id = match self.git(&args, Vec::new())? {
            Ok(answer) => String::from_utf8_lossy(&answer).trim().to_string(),
            Err(said) if said.contains("not a git repository") => {
                return Err(self.error(said, "give the repository with --git-dir DIR"));
            }
            Err(_) => String::new(),
        };
        if !is_id(&id) {
            let help = "give a commit, a branch or a tag of the repository";
            return Err(self.error("the repository has no such revision", help));
        }
        Ok(id)
    }

    /// The headers directly in a directory, given with its last slash, or that very header.
    fn headers(&self, tree: &str, dir: &str) -> Result<Vec<Entry>, SourceError> {
        let mut args = vec!["ls-tree", "-z", "--full-tree", tree];
        if !dir.is_empty() {
            args.extend(["--", dir]);
        }
        let answer = match self.git(&args, Vec::new())? {
            Ok(answer) => answer,
            Err(said) => return Err(self.error(said, "give a commit, a branch or a tag")),
        };
        let answer = String::from_utf8_lossy(&answer);
        let entry = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let mut facts = facts.split(' ');
            let (mode, kind, id) = (facts.next()?, facts.next()?, facts.next()?);
            // No link, and no other repository.
            let is_file = kind == "blob" && mode.starts_with("100");
            (is_file && path.as_bytes().ends_with(b".h") && is_id(id))
                .then(|| Entry { path: path.into(), id: id.into() })
        };
        Ok(answer.split('\0').filter_map(entry).collect())
    }

    fn contents(&self, entries: Vec<Entry>) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
        let ids = ids.join("\n").into_bytes();
        let answer = match self.git(&["cat-file", "--batch"], ids)? {
            Ok(answer) => answer,
            Err(said) => return Err(self.error(said, "check the repository with git fsck")),
        };
        let mut files = BTreeMap::new();
        let mut rest = answer.as_slice();
        for entry in entries {
            let Some((bytes, after)) = blob(rest, &entry.id) else {
                let why = format!("git does not have the content of {}", entry.path);
                return Err(self.error(why, "fetch it, or check the repository with git fsck"));
            };
            files.insert(entry.path, bytes.to_vec());
            rest = after;
        }
        Ok(files)
    }
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Takes `<id> blob <size>`, a line break, the content and a line break.
fn blob<'a>(answer: &'a [u8], id: &str) -> Option<(&'a [u8], &'a [u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&answer[..end]).ok()?;
    let size: usize = line.strip_prefix(id)?.strip_prefix(" blob ")?.parse().ok()?;
    let content = &answer[end + 1..];
    let after = content.get(size..)?.strip_prefix(b"\n")?;
    Some((&content[..size], after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_taken_apart_and_a_cut_one_is_refused() {
        let id = "0123456789012345678901234567890123456789";
        let answer = format!("{id} blob 3\nabc\n{id} missing\n");
        let (bytes, rest) = blob(answer.as_bytes(), id).unwrap();
        assert_eq!(bytes, b"abc");
        assert_eq!(blob(rest, id), None);
        for end in 0..answer.find("\n0123").unwrap() {
            assert_eq!(blob(&answer.as_bytes()[..end], id), None, "{end}");
        }
        let huge = format!("{id} blob 18446744073709551615\nabc\n");
        assert_eq!(blob(huge.as_bytes(), id), None);
    }

    #[test]
    fn places_are_as_git_has_them() {
        assert_eq!(prefix("v7.3"), "v7.3:");
        assert_eq!(prefix("HEAD:c-headers"), "HEAD:c-headers/");
        assert_eq!(prefix("HEAD:"), "HEAD:");
    }
}
