// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Runs git: directly, not through a shell, so that a revision cannot inject anything.
//!
//! Every call is bounded in time and in what it may answer. No call fetches, prompts, takes a lock, or
//! runs a hook. [`revision`] reads the headers of one revision, [`history`] those of many.

pub mod history;
pub mod revision;

use crate::error::SourceError;
use crate::options::TreeFile;
use crate::process::{run, Answered, Bounds, RunError};
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The time limit of one call of git, by default.
pub const TIME: Duration = Duration::from_secs(30);

/// The limit on the output of one call of git, in bytes: more than all headers of a kernel have.
const ANSWER: u64 = 256 << 20;

/// How much of git's standard error to keep, in bytes.
const SAID: u64 = 1 << 16;

/// The help for what is no revision.
const A_REVISION: &str = "give a commit, a branch or a tag of the repository";

/// Most objects to read in one call of git.
const BATCH: usize = 1024;

/// Variables that name a repository: they are ignored if the caller named one.
const OF_ANOTHER: &[&str] =
    &["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"];

/// The contents of objects; `None` for what git does not have.
pub type Contents = Vec<Option<Vec<u8>>>;

/// A repository.
#[derive(Clone, Debug)]
pub struct Git {
    dir: Option<PathBuf>,
    time: Duration,
    /// Whether some of its objects are elsewhere, once git was asked.
    is_partial: Arc<OnceLock<bool>>,
}

/// Why git refuses, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The first line of the message.
    pub why: String,
    /// The command that git advises, such as `git config --global --add safe.directory DIR`.
    pub advice: Option<String>,
}

impl Refusal {
    fn read(said: &str) -> Self {
        let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("git failed");
        let why = first.trim_start_matches("fatal: ").trim_end_matches(':').to_string();
        // git indents the command that it advises.
        let advice = said
            .lines()
            .filter(|line| line.starts_with(char::is_whitespace))
            .map(str::trim)
            .find(|line| line.starts_with("git "));
        Self { why, advice: advice.map(Into::into) }
    }

    /// The help: git's own advice if it gives one.
    #[must_use]
    pub fn help(&self, otherwise: &str) -> String {
        match &self.advice {
            Some(command) => format!("run `{command}`, if you trust the repository"),
            None if self.why.contains("not a git repository") => {
                "name the repository with --git-dir DIR".into()
            }
            None => otherwise.into(),
        }
    }
}

impl Git {
    /// The repository at or around a directory; without one, the repository that git itself finds.
    ///
    /// Runs nothing yet: a directory without a repository is an error of the first call.
    #[must_use]
    pub fn new(dir: Option<&Path>) -> Self {
        Self { dir: dir.map(Into::into), time: TIME, is_partial: Arc::default() }
    }

    /// As [`Git::new`], but checks that there is a repository.
    ///
    /// # Errors
    ///
    /// A directory outside of any repository, or a missing git.
    pub fn find(dir: Option<&Path>) -> Result<Self, SourceError> {
        let git = Self::new(dir);
        git.run("", &["rev-parse", "--git-dir"])?;
        Ok(git)
    }

    /// Sets another time limit for each call.
    #[must_use]
    pub fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.args(["--no-pager", "-c", "protocol.allow=never", "-c", "core.fsmonitor=false"]);
        // Names that are not plain come in quotes, whatever the user has set: `names::of_git` reads them.
        command.args(["-c", "core.quotePath=true", "-c", "color.ui=false"]);
        if let Some(dir) = &self.dir {
            for variable in OF_ANOTHER {
                command.env_remove(variable);
            }
            command.arg("-C").arg(dir);
        }
        // Never fetch missing objects of a partial clone, and never prompt.
        command.envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0")]);
        command.envs([("GIT_OPTIONAL_LOCKS", "0"), ("LC_ALL", "C")]);
        command
    }

    /// The output of git for an input, or why it refuses.
    ///
    /// # Errors
    ///
    /// A missing git, a timeout, or too much output.
    pub fn ask(
        &self,
        rev: &str,
        args: &[&str],
        input: Vec<u8>,
    ) -> Result<Result<Vec<u8>, Refusal>, SourceError> {
        Ok(self.hear(rev, args, input)?.map(|heard| heard.answer))
    }

    /// As [`Git::ask`], with what git says beside its output.
    fn hear(
        &self,
        rev: &str,
        args: &[&str],
        input: Vec<u8>,
    ) -> Result<Result<Answered, Refusal>, SourceError> {
        let mut command = self.command();
        // A path in a revision is as it is shown.
        command.args(args.iter().map(|arg| names::path(arg)));
        let until = Instant::now() + self.time;
        let bounds = Bounds { until, answer: ANSWER, said: SAID, memory: None };
        match run(command, input, bounds) {
            Ok(answered) if answered.status.success() => Ok(Ok(answered)),
            Ok(answered) => Ok(Err(Refusal::read(&answered.said))),
            Err(RunError::TimedOut) => {
                let why = format!("git timed out after {} seconds", self.time.as_secs());
                Err(error(rev, why, "check the repository with git"))
            }
            Err(RunError::TooMuch) => {
                let why = format!("git printed more than {} MiB", ANSWER >> 20);
                Err(error(rev, why, "name a smaller range, or a revision of a kernel"))
            }
            Err(RunError::Io(source)) if source.kind() == io::ErrorKind::NotFound => {
                Err(error(rev, "git not found", "install git"))
            }
            Err(RunError::Io(source)) => {
                let why = format!("git cannot be run: {source}");
                Err(error(rev, why, "check the installation of git"))
            }
        }
    }

    /// The output of git.
    ///
    /// # Errors
    ///
    /// As [`Git::ask`], and a refusal of git.
    pub fn run(&self, rev: &str, args: &[&str]) -> Result<Vec<u8>, SourceError> {
        let refused = |refusal: Refusal| {
            let help = refusal.help("give a revision that `git rev-parse` knows");
            error(rev, refusal.why, &help)
        };
        self.ask(rev, args, Vec::new())?.map_err(refused)
    }

    /// The contents of objects, all from one process: `None` for a name that git does not have. A name
    /// is an id, or `REV:PATH`, with the path as [`names::shown`] shows it.
    ///
    /// # Errors
    ///
    /// As [`Git::run`], and a name with a line break, which git would take for two.
    pub fn contents(&self, rev: &str, names: &[String]) -> Result<Contents, SourceError> {
        Ok(self.contents_said(rev, names)?.0)
    }

    /// The files of a tree with those names, which are as for [`Git::contents`].
    ///
    /// A file that the tree has is unread, and not missing, if git does not answer or lacks its content, as in a partial
    /// clone.
    #[must_use]
    pub fn tree_files(&self, rev: &str, names: &[String]) -> Vec<TreeFile> {
        let unread = |why: &str| TreeFile::Unread(why.into());
        let (contents, has_said) = match self.contents_said(rev, names) {
            Ok(answered) => answered,
            Err(error) => return vec![unread(&error.to_string()); names.len()],
        };
        let mut files: Vec<TreeFile> = contents.into_iter().map(TreeFile::from).collect();
        let absent = files.iter().zip(names).filter(|(file, _)| **file == TreeFile::Missing);
        let absent: BTreeSet<&String> = absent.map(|(_, name)| name).collect();
        if absent.is_empty() {
            return files;
        }
        // `git cat-file` says the same of a path that a tree does not have, and of a content that git does not have.
        let may_lack = has_said || self.is_partial();
        let there = if may_lack { self.names_there(rev, &absent) } else { Ok(BTreeSet::new()) };
        for (file, name) in files.iter_mut().zip(names).filter(|(_, name)| absent.contains(name)) {
            match &there {
                Ok(there) if !there.contains(name) && !is_id(name) => {}
                Ok(_) => *file = unread("git does not have its content"),
                Err(error) => *file = unread(&error.to_string()),
            }
        }
        files
    }

    /// Whether some objects of the repository are elsewhere, in a remote that git may fetch them from.
    fn is_partial(&self) -> bool {
        *self.is_partial.get_or_init(|| {
            let args = ["config", "--get-regexp", r"^remote\..*\.(promisor|partialclonefilter)$"];
            // Without any, git fails, and says nothing.
            let none = Refusal::read("");
            self.ask("", &args, Vec::new()).is_ok_and(|answer| answer != Err(none))
        })
    }

    /// Those names of the form `REV:PATH` that name something in their tree, whether git has its content or not.
    fn names_there(
        &self,
        rev: &str,
        names: &BTreeSet<&String>,
    ) -> Result<BTreeSet<String>, SourceError> {
        let mut by_tree: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (tree, path) in names.iter().filter_map(|name| name.split_once(':')) {
            by_tree.entry(tree).or_default().push(path);
        }
        let mut there = BTreeSet::new();
        for (tree, paths) in by_tree {
            for paths in paths.chunks(BATCH) {
                let mut args = vec!["ls-tree", "-z", "--full-tree", "--name-only", tree, "--"];
                args.extend(paths);
                let list = self.run(rev, &args)?;
                let list = names::lossless(&list);
                let found = list.split('\0').filter(|path| !path.is_empty());
                there.extend(found.map(|path| format!("{tree}:{path}")));
            }
        }
        Ok(there)
    }

    /// The contents of objects, and whether git has said anything else, such as that an object is damaged.
    fn contents_said(&self, rev: &str, names: &[String]) -> Result<(Contents, bool), SourceError> {
        let help = "check the repository with git fsck";
        if let Some(name) = names.iter().find(|name| name.contains('\n')) {
            return Err(error(name, "a file name contains a line break", "rename the file"));
        }
        let (mut contents, mut has_said) = (Vec::new(), false);
        for names in names.chunks(BATCH) {
            let input = names.iter().flat_map(|name| [name, "\n"]).collect::<String>();
            let answer = self.hear(rev, &["cat-file", "--batch"], names::bytes(&input))?;
            let Answered { answer, said, .. } = answer.map_err(|refusal| {
                let help = refusal.help(help);
                error(rev, refusal.why, &help)
            })?;
            has_said |= !said.trim().is_empty();
            let mut rest = answer.as_slice();
            for name in names {
                let (content, after) = first_content(rest).ok_or_else(|| {
                    error(name, "git cat-file answered in an unknown format", help)
                })?;
                contents.push(content.map(Into::into));
                rest = after;
            }
        }
        Ok((contents, has_said))
    }

    /// The id of a revision, as `git rev-parse` prints it.
    ///
    /// # Errors
    ///
    /// As [`Git::ask`], and a revision that does not exist.
    fn id(&self, rev: &str, wanted: &str) -> Result<String, SourceError> {
        refuse_no_revision(rev)?;
        let help = A_REVISION;
        // With --quiet, git prints nothing about a revision that does not exist.
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", wanted];
        let id = match self.ask(rev, &args, Vec::new())? {
            Ok(answer) => String::from_utf8_lossy(&answer).trim().to_string(),
            Err(refusal) if refusal.why == "git failed" => String::new(),
            Err(refusal) => {
                let help = refusal.help(help);
                return Err(error(rev, refusal.why, &help));
            }
        };
        if is_id(&id) {
            Ok(id)
        } else {
            Err(error(rev, "the repository has no such revision", help))
        }
    }

    /// The files in a directory of a revision, named from where git works: without those in directories
    /// below it, links and submodules.
    ///
    /// # Errors
    ///
    /// As [`Git::run`].
    pub fn files(&self, rev: &str, dir: &str) -> Result<Vec<Entry>, SourceError> {
        refuse_no_revision(rev)?;
        let list = self.run(rev, &["ls-tree", "-z", rev, "--", &format!("{dir}/")])?;
        Ok(files_of(&list))
    }

    /// The id of the tree that a revision names: of a commit, or of `REV:DIR`.
    ///
    /// # Errors
    ///
    /// As [`Git::run`].
    pub fn tree(&self, rev: &str) -> Result<String, SourceError> {
        let wanted = if rev.contains(':') { rev.into() } else { format!("{rev}^{{tree}}") };
        self.id(rev, &wanted)
    }

    /// The id of the commit that a revision names.
    ///
    /// # Errors
    ///
    /// As [`Git::run`].
    pub fn commit(&self, rev: &str) -> Result<String, SourceError> {
        self.id(rev, &format!("{rev}^{{commit}}"))
    }
}

/// Refuses what git would parse as an option, or as two revisions.
fn refuse_no_revision(rev: &str) -> Result<(), SourceError> {
    if rev.is_empty() || rev.starts_with('-') || rev.contains(['\0', '\n']) {
        return Err(error(rev, "not a revision", A_REVISION));
    }
    Ok(())
}

fn error(rev: &str, why: impl Into<String>, help: &str) -> SourceError {
    SourceError::Git { rev: rev.into(), why: why.into(), help: help.into() }
}

/// The first content in an answer of `git cat-file --batch`, and what follows it: no content where git
/// does not have the object, or has no file of that name.
fn first_content(answer: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = (std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 1..]);
    // The name is repeated before these words, and may have spaces of its own.
    if head.ends_with(" missing") || head.ends_with(" ambiguous") {
        return Some((None, rest));
    }
    let mut words = head.split(' ');
    let (id, kind, size) = (words.next()?, words.next()?, words.next()?);
    let size: usize = size.parse().ok().filter(|_| is_id(id))?;
    let (content, rest) = rest.split_at_checked(size)?;
    Some(((kind == "blob").then_some(content), rest.strip_prefix(b"\n")?))
}

/// Whether a text is the full id of an object.
#[must_use]
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A file in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, as [`names::shown`] shows it.
    pub path: String,
    /// The id of its content.
    pub id: String,
}

/// The files that `git ls-tree -z` lists, without links and submodules.
fn files_of(list: &[u8]) -> Vec<Entry> {
    let list = names::lossless(list);
    let entry = |line| {
        let (mode, path, id) = entry_of(line)?;
        mode.starts_with("100").then(|| Entry { path: path.into(), id: id.into() })
    };
    list.split('\0').filter_map(entry).collect()
}

/// Those of them that are named like a header.
fn headers_of(list: &[u8]) -> Vec<Entry> {
    let mut files = files_of(list);
    files.retain(|file| is_header(&file.path));
    files
}

/// The first link or submodule that is named like a header.
fn link_of(list: &[u8]) -> Option<String> {
    let list = names::lossless(list);
    let mut headers = list.split('\0').filter_map(entry_of).filter(|(_, path, _)| is_header(path));
    headers.find(|(mode, ..)| matches!(*mode, "120000" | "160000")).map(|(_, path, _)| path.into())
}

fn is_header(path: &str) -> bool {
    path.as_bytes().ends_with(b".h")
}

/// The mode, path and id of an entry.
fn entry_of(line: &str) -> Option<(&str, &str, &str)> {
    let (facts, path) = line.split_once('\t')?;
    let mut facts = facts.split(' ');
    let (mode, _kind, id) = (facts.next()?, facts.next()?, facts.next()?);
    is_id(id).then_some((mode, path, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_of_git_is_passed_on() {
        let said = "fatal: detected dubious ownership in repository at '/a/b'\n\
            To add an exception for this directory, call:\n\n\
            \tgit config --global --add safe.directory /a/b\n";
        let refusal = Refusal::read(said);
        assert_eq!(refusal.why, "detected dubious ownership in repository at '/a/b'");
        let help = refusal.help("otherwise");
        assert!(help.contains("`git config --global --add safe.directory /a/b`"), "{help}");
        let refusal = Refusal::read("fatal: not a git repository (or any of the parents): .git\n");
        assert!(refusal.help("otherwise").contains("--git-dir"));
        assert_eq!(Refusal::read("").help("otherwise"), "otherwise");
    }

    #[test]
    fn what_is_no_revision_is_refused_before_git_is_asked() {
        let git = Git::new(None);
        for rev in ["", "-x", "--output=x", "a\0b", "a\nb"] {
            let error = git.commit(rev).unwrap_err();
            assert!(error.to_string().contains("not a revision"), "{error}");
        }
    }

    #[test]
    fn contents_are_as_long_as_git_says() {
        let id = "0123456789012345678901234567890123456789";
        let text = format!("{id} blob 3\na\nb\na b missing\n{id} tree 1\nx\n{id} blob 0\n\n");
        let mut rest = text.as_bytes();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (content, after) = first_content(rest).unwrap();
            found.push(content);
            rest = after;
        }
        assert_eq!(found, [Some(&b"a\nb"[..]), None, None, Some(b"")]);
        // Cut off anywhere, and longer than memory.
        for end in 0..format!("{id} blob 3\na\nb\n").len() {
            assert_eq!(first_content(&text.as_bytes()[..end]), None, "{end}");
        }
        let huge = format!("{id} blob 18446744073709551615\nabc\n");
        assert_eq!(first_content(huge.as_bytes()), None);
        for cut in
            ["", "x", &format!("{id} blob 9\nab\n"), &format!("{id} blob 1\nab\n"), "a b 3\nabc\n"]
        {
            assert_eq!(first_content(cut.as_bytes()), None, "{cut}");
        }
    }

    #[test]
    fn links_and_other_repositories_are_not_headers() {
        let id = "0123456789012345678901234567890123456789";
        let list = format!(
            "100644 blob {id}\ta.h\0120000 blob {id}\tb.h\0160000 commit {id}\tc.h\0\
             100644 blob {id}\td.c\0100644 blob short\te.h\0"
        );
        let found = headers_of(list.as_bytes());
        assert_eq!(found.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["a.h"]);
    }
}
