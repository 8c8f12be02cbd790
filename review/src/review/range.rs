// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges the commits of a range: each against its parent, and the range from its base to its tip.

use super::base::tree_path;
use super::series::{About, Judge};
use super::used::Used;
use super::{code, used_by, Step, Unjudged};
use crate::diff::open::Files;
use crate::document::{Document, Quote, Reply};
use crate::patch;
use crate::policy::Options;
use kho_abi_model::ABI_DIR;
use kho_abi_read::git::{revision, Git};
use kho_abi_read::source::{self, SourceError};
use std::collections::BTreeMap;

/// Words of the handover, by which git finds the commits that change a line with one of them.
const WORDS: &str = "(^|[^a-z])(kho|luo)(_|[^a-z])|live_?update|kexec_handover|_ser[^a-z0-9_]";

/// Words of the handover in the names of files and directories.
const PATHS: &[&str] = &["kho", "luo", "liveupdate", "live_update", "kexec_handover"];

/// Up to this many commits, all that their code changes is looked at.
const A_FEW: usize = 500;

/// The range that a word names: `A..B`, `git:A..git:B`, or a single revision, which means that
/// commit.
///
/// `None` if the word is neither.
#[must_use]
pub fn revision_range(word: &str, options: &source::Options) -> Option<String> {
    let bare = |rev: &str| rev.strip_prefix("git:").unwrap_or(rev).to_string();
    if is_path(word) {
        return None;
    }
    if let Some((from, to)) = word.split_once("..") {
        return Some(format!("{}..{}", bare(from), bare(to)));
    }
    let rev = bare(word);
    let git = Git::new(options.git_dir.as_deref());
    (word.starts_with("git:") || git.commit(&rev).is_ok()).then(|| format!("{rev}^..{rev}"))
}

/// Whether a word that names no file is a mistyped path, and not a range: `../p/0001`.
fn is_path(word: &str) -> bool {
    let is_patch =
        [".patch", ".mbox", ".eml", ".diff", ".gz"].iter().any(|end| word.ends_with(end));
    is_patch || word.starts_with(['.', '/']) || word.contains("/../")
}

/// Judges the commits of a range, oldest first.
///
/// # Errors
///
/// A range that does not exist, and headers that the compiler refuses.
pub fn range(
    range: &str,
    reading: &source::Options,
    options: &Options,
) -> Result<Document, SourceError> {
    let git = Git::find(reading.git_dir.as_deref())?;
    let bad = |why: &str| SourceError::Git {
        rev: range.into(),
        why: why.into(),
        help: "give a range as BASE..TIP".into(),
    };
    let (from, to) = range.split_once("..").ok_or_else(|| bad("not a range"))?;
    if to.starts_with('.') {
        return Err(bad("a range with three dots has no base"));
    }
    let to = git.commit(if to.is_empty() { "HEAD" } else { to })?;
    // The very first commit has no parent: everything in it is new.
    let is_root = from.strip_suffix('^').is_some_and(|rev| {
        git.commit(from).is_err() && git.commit(rev).is_ok_and(|commit| commit == to)
    });
    let from = if is_root { None } else { Some(git.commit(from)?) };
    let mut headers = Headers { git: &git, known: BTreeMap::new() };
    let revs = from.as_ref().map_or_else(|| to.clone(), |from| format!("{from}..{to}"));
    let list = git.run(
        range,
        &["log", "--reverse", "--topo-order", "--format=%H%x02%P%x02%an <%ae>%x02%aD%x02%s", &revs],
    )?;
    let list = String::from_utf8_lossy(&list).into_owned();
    if list.trim().is_empty() {
        return Err(SourceError::Git {
            rev: range.into(),
            why: "no commits in that range".into(),
            help: "give the older revision first, as BASE..TIP".into(),
        });
    }
    let start = from.as_ref().map_or_else(|| Ok(Files::new()), |from| headers.of(from))?;
    let is_short = list.lines().count() <= A_FEW;
    let end = headers.of(&to)?;
    let used = used_by([&start, &end]);
    let mut code = changed_code(&git, range, &revs, is_short, &used);
    let mut quotes = quotes(&git, range, &revs)?;
    let mut steps = Vec::new();
    let mut commits = 0;
    for line in list.lines() {
        commits += 1;
        let mut words = line.splitn(5, '\u{2}');
        let [commit, parents, author, date, subject] =
            [(); 5].map(|()| words.next().unwrap_or_default());
        let files = headers.of(commit)?;
        let befores: Vec<Files> = parents
            .split_whitespace()
            .map(|parent| headers.of(parent))
            .collect::<Result<_, _>>()?;
        let before = own_changes(&befores, &files);
        let touched = match &mut code {
            Ok(code) => code.remove(commit).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let is_abi = files != before;
        if !is_abi && touched.is_empty() {
            continue;
        }
        let short = commit.get(..12).unwrap_or(commit);
        let title = format!("{short} {subject}");
        let reply = Reply {
            author: author.into(),
            date: date.into(),
            subject: subject.into(),
            id: String::new(),
            references: Vec::new(),
        };
        let (reply, quotes) = (Some(reply), quotes.remove(commit).unwrap_or_default());
        let code = touched;
        steps.push(Step { title, before, files, code, is_abi, reply, quotes, ..Step::default() });
    }
    let sides = (start, end);
    // Other headers that the ABI's headers use are looked up at the end of the range.
    let tree = revision::tree_of_rev(&to, reading)?;
    let reading = &source::Options { tree: Some(tree.clone()), ..reading.clone() };
    let about = About { name: range, has_base: true, patches: commits };
    let mut judge = Judge::new(&about, reading, options);
    judge.series(&sides, steps, false)?;
    if let Some(from) = from.filter(|_| !sides.0.is_empty()) {
        if changes_other_headers(&git, range, [&from, &to])? {
            judge.elsewhere(&sides, [revision::tree_of_rev(&from, reading)?, tree])?;
        }
    }
    let mut document = judge.document();
    if let Some(section) = document.sections.first_mut() {
        match code {
            Err(why) => section.report.events.push(unseen(range, &why).event()),
            Ok(_) if !is_short => section.unknown.push(format!(
                "{commits} commits are more than {A_FEW}: outside the headers, only files and \
                 changed lines with handover words were checked"
            )),
            Ok(_) => {}
        }
    }
    Ok(document)
}

/// What a commit is compared with: its parent. For a merge: the first one, without what the merge takes from one of its
/// parents, since that parent's commits already reported it.
fn own_changes(befores: &[Files], files: &Files) -> Files {
    let is_own = |path: &String| befores.iter().all(|before| before.get(path) != files.get(path));
    let mut before = befores.first().cloned().unwrap_or_default();
    if befores.len() > 1 {
        let paths: Vec<String> = before.keys().chain(files.keys()).cloned().collect();
        for path in paths.into_iter().filter(|path| !is_own(path)) {
            match files.get(&path) {
                Some(bytes) => drop(before.insert(path, bytes.clone())),
                None => drop(before.remove(&path)),
            }
        }
    }
    before
}

/// Whether a header outside the ABI's directory differs between two commits.
fn changes_other_headers(
    git: &Git,
    range: &str,
    [from, to]: [&str; 2],
) -> Result<bool, SourceError> {
    let own = format!(":(top,exclude,glob)**/{ABI_DIR}/*.h");
    let args = ["diff-tree", "-r", "-z", "--name-only", from, to, "--", ":(top,glob)**/*.h", &own];
    Ok(!git.run(range, &args)?.is_empty())
}

/// That git does not show the code of a range.
fn unseen(range: &str, why: &SourceError) -> Unjudged {
    Unjudged {
        rule: "code_not_judged",
        item: range.into(),
        place: None,
        what: format!("code outside the headers was not checked: {why}"),
        help: "review the range in parts".into(),
    }
}

/// The diffs of commits that git prints, each behind a byte 1 and the commit's id.
fn blocks(text: &str) -> impl Iterator<Item = (&str, Vec<patch::FilePatch>)> {
    text.split('\u{1}').skip(1).map(|block| {
        let (commit, diff) = block.split_once('\n').unwrap_or((block, ""));
        // git's own diffs can be read; an unreadable one counts as one without files.
        let patches = patch::read(commit, diff.as_bytes()).unwrap_or_default();
        (commit, patches.into_iter().flat_map(|patch| patch.files).collect())
    })
}

/// The lines of the headers that each commit changes, by its id.
fn quotes(git: &Git, range: &str, revs: &str) -> Result<BTreeMap<String, Vec<Quote>>, SourceError> {
    let args = ["log", "-p", "--no-merges", "--no-color", "--no-ext-diff", "--no-textconv"];
    let headers = format!(":(glob)**/{ABI_DIR}/*.h");
    let args = [&args[..], &["--format=%x01%H", revs, "--", &headers]].concat();
    let text = String::from_utf8_lossy(&git.run(range, &args)?).into_owned();
    let of_files = |files: &[patch::FilePatch]| files.iter().flat_map(Quote::of).collect();
    Ok(blocks(&text).map(|(commit, files)| (commit.to_string(), of_files(&files))).collect())
}

/// The code of the handover that each commit changes, by its id. Of a long range, git searches for the
/// commits first.
fn changed_code(
    git: &Git,
    range: &str,
    revs: &str,
    is_short: bool,
    used: &Used,
) -> Result<BTreeMap<String, Vec<code::Touched>>, SourceError> {
    let pattern = format!("-G{WORDS}");
    let log = |more: &[&str], paths: &[&str]| -> Result<String, SourceError> {
        let always = ["log", "-p", "--no-merges", "--no-color", "--no-ext-diff", "--no-textconv"];
        let args = [&always[..], more, &["--format=%x01%H", revs, "--"], paths].concat();
        Ok(String::from_utf8_lossy(&git.run(range, &args)?).into_owned())
    };
    let code = ["*.c", "*.h", "*.rs", "*.S", "*.inc"];
    let text = if is_short {
        log(&[], &code)?
    } else {
        // Both may find a commit; then the files of its name are among those with a word.
        let by_line = log(&["-i", "--extended-regexp", &pattern], &code)?;
        let paths = PATHS.iter().flat_map(|word| {
            ["c", "h", "rs"]
                .map(|end| format!(":(glob)**/*{word}*/**/*.{end}"))
                .into_iter()
                .chain(["c", "h", "rs"].map(|end| format!(":(glob)**/*{word}*.{end}")))
        });
        let paths: Vec<String> = paths.collect();
        let by_path = log(&[], &paths.iter().map(String::as_str).collect::<Vec<_>>())?;
        by_line + &by_path
    };
    let mut found = BTreeMap::new();
    for (commit, files) in blocks(&text) {
        let of_it: &mut Vec<code::Touched> = found.entry(commit.to_string()).or_default();
        for touched in files.iter().filter_map(|file| code::touch(file, used)) {
            if of_it.iter().all(|other| other.place() != touched.place()) {
                of_it.push(touched);
            }
        }
    }
    Ok(found)
}

/// The headers of commits, each set read once.
struct Headers<'a> {
    git: &'a Git,
    known: BTreeMap<String, Vec<u8>>,
}

impl Headers<'_> {
    fn of(&mut self, commit: &str) -> Result<Files, SourceError> {
        let entries = self.git.entries(commit, commit)?;
        let mut blobs = None;
        let mut files = Files::new();
        for (path, id) in entries {
            if !self.known.contains_key(&id) {
                if blobs.is_none() {
                    blobs = Some(self.git.blobs()?);
                }
                if let Some(blobs) = &mut blobs {
                    self.known.insert(id.clone(), blobs.get(&id)?);
                }
            }
            files.insert(tree_path(&path), self.known.get(&id).cloned().unwrap_or_default());
        }
        Ok(files)
    }
}
