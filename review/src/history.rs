// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The life of contracts through a git history.
//!
//! git lists the commits that touch the headers, with the ids of their contents. Headers with the
//! same code count as the same, whatever their comments say. Each set of headers is read once. Each
//! judgement is cached on disk, by the ids that it came from and the version of this program.

use crate::diff::open::{self, Files};
use crate::diff::pages::PageMemo;
use crate::diff::{compare, Side};
use crate::document::{Document, Section};
use crate::nearest::nearest;
use crate::policy::{ContractReport, Finding, Level, Options, Report, Verdict};
use kho_abi_model::rule::Rule;
use kho_abi_model::version;
use kho_abi_model::ABI_DIR;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::git::history::{is_abi_header, Blobs};
use kho_abi_read::git::Git;
use kho_abi_read::outline;
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::{names, Progress, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long git may take for a list of commits: the kernel has more than a million.
const LOG_TIME: Duration = Duration::from_secs(600);

/// The headers of a commit: path and id of the content.
type Set = BTreeMap<String, String>;

/// A commit that changed a header.
#[derive(Debug)]
struct Commit {
    id: String,
    date: String,
    subject: String,
    /// What it is compared with: its parent. For a merge: each parent, if the merge contains
    /// something that it takes from none of them.
    olds: Vec<Set>,
    new: Set,
}

impl Commit {
    fn title(&self) -> String {
        let id = self.id.get(..12).unwrap_or(&self.id);
        let title = format!("{id} {} {}", self.date, self.subject);
        // A subject is untrusted, and may contain terminal escapes.
        title.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }
}

/// The rules that only a history checks, sorted by id.
pub const RULES: &[Rule] = &[Rule {
    id: "history_cut",
    summary: "The repository does not have the whole history of the ABI headers.",
    reason: "A shallow clone does not show earlier changes: a string may have stood for other bytes, and what is unseen does not count as fine.",
    example: "After `git clone --depth 100` of a kernel, the oldest commit already has \"luo-v5\".",
    remedy: "Run `git fetch --unshallow`.",
}];

/// How to judge a history.
#[derive(Clone, Debug, Default)]
pub struct Look<'a> {
    /// Where judgements are kept.
    pub cache: Option<&'a Path>,
    /// A pattern of tags, in git's syntax: a string counts as released from the first matching tag
    /// that contains it. Without a pattern, each commit counts as a release.
    pub released: Option<&'a str>,
    /// What counts the headers that are read, and the commits that are judged.
    pub progress: Progress,
}

/// What to show.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Everything.
    All,
    /// The contracts of one header, by its base name.
    Header(String),
    /// Contracts by string, by the name that their string is a version of, or by macro.
    Contract(String),
}

impl Wanted {
    /// What a word on the command line asks for.
    #[must_use]
    pub fn of(word: &str) -> Self {
        let (dir, name) = word.rsplit_once('/').unwrap_or(("", word));
        // A mistyped path is not that of the header.
        let is_abi = format!("/include/{ABI_DIR}").ends_with(&format!("/{dir}"))
            || dir.ends_with(&format!("/include/{ABI_DIR}"))
            || Path::new(word).exists();
        match name.strip_suffix(".h").filter(|_| dir.is_empty() || is_abi) {
            Some(name) => Self::Header(name.into()),
            None if word.trim_end_matches('/').ends_with(ABI_DIR) => Self::All,
            None => Self::Contract(word.into()),
        }
    }

    fn has(&self, contract: &crate::policy::ContractReport) -> bool {
        match self {
            Self::All => true,
            Self::Header(name) => contract.header == format!("{ABI_DIR}/{name}.h"),
            Self::Contract(word) => {
                let strings = [&contract.old, &contract.new].into_iter().flatten();
                contract.macro_name == *word
                    || strings.into_iter().any(|string| {
                        string == word || version::stem(string) == version::stem(word)
                    })
            }
        }
    }
}

/// The life of contracts.
#[derive(Debug)]
pub struct Life {
    /// A section for each commit that changed what was asked for, oldest first.
    pub document: Document,
    /// How many commits touch the headers.
    pub commits: usize,
    /// How many sets of headers the compiler read, since they were not cached.
    pub read: usize,
}

/// The commits of a history that touch the headers.
#[derive(Debug)]
pub struct Commits {
    rev: String,
    git: Git,
    shallow: bool,
    all: Vec<Commit>,
}

impl Commits {
    /// Those up to a revision, of the repository at or around a directory.
    ///
    /// # Errors
    ///
    /// A revision that does not exist, and a failure of git.
    pub fn up_to(
        rev: &str,
        git_dir: Option<&Path>,
        progress: &Progress,
    ) -> Result<Self, SourceError> {
        progress.begin("listing commits", Unit::Items, None);
        let git = Git::new(git_dir).with_time(LOG_TIME);
        let list = || commits(&git, rev, &git.commit(rev)?);
        let (all, shallow) = thread::scope(|scope| {
            let shallow = scope.spawn(|| git.is_shallow());
            (list(), shallow.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        Ok(Self { rev: rev.into(), all: all?, shallow: shallow?, git })
    }
}

/// The life of contracts through these commits.
///
/// # Errors
///
/// A failure of git, and a name that no contract ever had. If the compiler refuses the headers of an
/// old commit, this is not an error: the commit is reported as unreadable and not judged.
pub fn life(
    commits: &Commits,
    wanted: &Wanted,
    look: &Look<'_>,
    reading: &source::Options,
    options: &Options,
) -> Result<Life, SourceError> {
    // What is known of a string today was not known when the commit was made.
    let options = &Options { catalogue: Arc::new(Catalogue::empty()), ..options.clone() };
    let Commits { rev, git, shallow, all: commits } = commits;
    let mut judge = Judge {
        cache: Cache::open(look.cache, reading, options),
        contents: Contents { git, blobs: None, known: HashMap::new() },
        sides: HashMap::new(),
        reading,
        options,
    };
    let pairs = commits.iter().flat_map(|commit| commit.olds.iter().map(move |o| (o, &commit.new)));
    look.progress.begin("looking at commits", Unit::Items, None);
    judge.read(pairs, &look.progress)?;

    let mut names = Names::default();
    let mut lives = Lives::default();
    let mut sections = Vec::new();
    look.progress.begin("judging commits", Unit::Items, Some(commits.len() as u64));
    for commit in commits {
        look.progress.advance(1);
        let mut reports = Vec::new();
        let mut unreadable = None;
        for old in &commit.olds {
            match judge.pair(old, &commit.new)? {
                Some(Kept::Judged(report)) => reports.push(*report),
                Some(Kept::Unreadable(why)) => unreadable = Some(why),
                None => {}
            }
        }
        if let Some(why) = unreadable {
            let none = review_nothing();
            let mut section = Section::new(
                &commit.title(),
                crate::policy::judge(&compare(&none, &none), options),
            );
            section.unknown.push(format!("the headers cannot be read: {why}"));
            sections.push(section);
            continue;
        }
        // If a merge equals one of its parents, that parent's commits already reported it.
        if reports.len() < commit.olds.len() {
            continue;
        }
        let Some(mut report) = of_merge(reports) else { continue };
        names.add(&report);
        lives.follow(commit, &mut report, &mut judge)?;
        if let Some(pattern) = look.released {
            unreleased(git, pattern, commit, &mut report)?;
        }
        if let Some(report) = filter_relevant(report, wanted) {
            sections.push(Section::new(&commit.title(), report));
        }
    }
    if !matches!(wanted, Wanted::All) && !names.has(wanted) {
        return Err(names.unknown(wanted, rev));
    }
    let cut = if *shallow { cut(git, commits)? } else { None };
    if let Some(cut) = cut {
        let none = review_nothing();
        let mut section =
            Section::new("the history", crate::policy::judge(&compare(&none, &none), options));
        section.report.events.push(cut);
        sections.insert(0, section);
    }
    let read = judge.sides.len();
    judge.cache.close();
    Ok(Life { document: Document { command: "log", sections }, commits: commits.len(), read })
}

/// Judges pairs of sets, each once.
struct Judge<'a> {
    cache: Cache,
    contents: Contents<'a>,
    /// By the code of a set.
    sides: HashMap<String, Result<Side, String>>,
    reading: &'a source::Options,
    options: &'a Options,
}

impl Judge<'_> {
    /// Reads both sides of each pair whose code differs and that is not cached.
    fn read<'b>(
        &mut self,
        pairs: impl Iterator<Item = (&'b Set, &'b Set)>,
        progress: &Progress,
    ) -> Result<(), SourceError> {
        let mut wanted: BTreeMap<String, Files> = BTreeMap::new();
        for (old, new) in pairs {
            progress.advance(1);
            if self.cache.get(&pair_key(old, new)).is_some() {
                continue;
            }
            let codes = [self.contents.code(old)?, self.contents.code(new)?];
            if codes[0] == codes[1] {
                continue;
            }
            for (set, code) in [old, new].into_iter().zip(codes) {
                if self.sides.contains_key(&code) {
                    continue;
                }
                if let Entry::Vacant(free) = wanted.entry(code) {
                    free.insert(self.contents.files(set)?);
                }
            }
        }
        self.sides.extend(read_all(&wanted, self.reading, progress));
        Ok(())
    }

    /// The judgement of a pair; `None` if its code is the same.
    fn pair(&mut self, old: &Set, new: &Set) -> Result<Option<Kept>, SourceError> {
        let key = pair_key(old, new);
        if let Some(kept) = self.cache.get(&key) {
            return Ok(Some(kept.clone()));
        }
        let (old, new) = (self.contents.code(old)?, self.contents.code(new)?);
        if old == new {
            return Ok(None);
        }
        let unread = || Err("not read".to_string());
        let [old, new] =
            [old, new].map(|code| self.sides.get(&code).cloned().unwrap_or_else(unread));
        let kept = match (old, new) {
            (Ok(old), Ok(new)) => {
                let report = crate::policy::judge(&compare(&old, &new), self.options);
                Kept::Judged(Box::new(report))
            }
            (Err(why), _) | (_, Err(why)) => Kept::Unreadable(why),
        };
        self.cache.put(&key, &kept);
        Ok(Some(kept))
    }
}

fn pair_key(old: &Set, new: &Set) -> String {
    format!("{} {}", key(old), key(new))
}

/// What a commit changes against all of its parents; `None` if it changes nothing against one of
/// them.
fn of_merge(reports: Vec<Report>) -> Option<Report> {
    let mut reports = reports.into_iter();
    let mut report = reports.next()?;
    let is_wrong = |contract: &ContractReport| {
        matches!(contract.verdict, Verdict::BumpMissing | Verdict::VersionMissing)
    };
    let others: Vec<_> = reports.collect();
    if others.is_empty() {
        return Some(report);
    }
    let is_in_all = |event: &Finding| {
        others.iter().all(|other| {
            other.events.iter().any(|e| (&e.rule, &e.item) == (&event.rule, &event.item))
        })
    };
    // If two branches used one new version for two changes, the merge is wrong against either
    // parent.
    let wrong: BTreeSet<String> = report
        .contracts
        .iter()
        .filter(|contract| {
            is_wrong(contract)
                && others.iter().all(|other| {
                    other.contracts.iter().any(|c| c.header == contract.header && is_wrong(c))
                })
        })
        .filter_map(|contract| contract.new.clone())
        .collect();
    report.events.retain(|event| {
        is_in_all(event) || event.contracts.iter().any(|contract| wrong.contains(contract))
    });
    let named: BTreeSet<&String> = report.events.iter().flat_map(|e| &e.contracts).collect();
    report.contracts.retain(|contract| contract.new.as_ref().is_some_and(|n| named.contains(n)));
    (!report.contracts.is_empty()).then_some(report)
}

/// Which strings were in use, and the headers that they last had.
#[derive(Default)]
struct Lives {
    left: HashMap<String, (Set, String)>,
}

impl Lives {
    /// Follows the strings through a commit. A string that comes back with other bytes is reused.
    fn follow(
        &mut self,
        commit: &Commit,
        report: &mut Report,
        judge: &mut Judge<'_>,
    ) -> Result<(), SourceError> {
        let mut found = Vec::new();
        for contract in report.contracts.iter().filter(|contract| contract.old != contract.new) {
            let Some(new) = &contract.new else { continue };
            let Some((set, title)) = self.left.get(new).cloned() else { continue };
            // This is a part of the commit's own step.
            judge.read(std::iter::once((&set, &commit.new)), &Progress::default())?;
            let Some(Kept::Judged(again)) = judge.pair(&set, &commit.new)? else { continue };
            let is_other = again.contracts.iter().any(|other| {
                other.new.as_ref() == Some(new)
                    && matches!(other.verdict, Verdict::BumpMissing | Verdict::VersionMissing)
            });
            let is_told = report.events.iter().any(|event| {
                event.rule == "compatible_reused"
                    && event.level == Level::Finding
                    && event.contracts.contains(new)
            });
            if is_other && !is_told {
                found.push(Finding {
                    rule: "compatible_reused".into(),
                    level: Level::Finding,
                    item: contract.macro_name.clone(),
                    place: None,
                    what: format!("\"{new}\" stood for other bytes until {title}"),
                    consequences: Vec::new(),
                    contracts: vec![new.clone()],
                    diff: String::new(),
                    help: "use a string that no contract has ever had".into(),
                });
            }
        }
        report.events.extend(found);
        let Some(before) = commit.olds.first() else { return Ok(()) };
        for contract in report.contracts.iter().filter(|contract| contract.old != contract.new) {
            if let Some(old) = &contract.old {
                self.left.insert(old.clone(), (before.clone(), commit.title()));
            }
        }
        Ok(())
    }
}

/// Accepts changes of strings that no tag has.
fn unreleased(
    git: &Git,
    pattern: &str,
    commit: &Commit,
    report: &mut Report,
) -> Result<(), SourceError> {
    let missing: BTreeSet<String> = report
        .contracts
        .iter()
        .filter(|contract| matches!(contract.verdict, Verdict::BumpMissing))
        .filter_map(|contract| contract.new.clone())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let refs = format!("refs/tags/{pattern}");
    // Tags before this commit: a tag on the commit itself releases what the commit contains.
    let merged = format!("--merged={}", commit.id);
    let before = format!("--no-contains={}", commit.id);
    let tags = git
        .run(pattern, &["for-each-ref", "--format=%(objectname)", &merged, &before, "--", &refs])?;
    let mut released = BTreeSet::new();
    let mut blobs = git.blobs()?;
    for tag in String::from_utf8_lossy(&tags).lines() {
        for id in git.entries(tag, tag)?.values() {
            let text = blobs.get(id)?;
            let text = String::from_utf8_lossy(&text);
            released.extend(missing.iter().filter(|s| text.contains(&format!("\"{s}\""))).cloned());
        }
    }
    for contract in &mut report.contracts {
        let is_open = contract.new.as_ref().is_some_and(|new| !released.contains(new));
        if contract.verdict == Verdict::BumpMissing && is_open {
            contract.verdict = Verdict::ChangedUnreleased;
        }
    }
    for event in &mut report.events {
        let is_wrong = matches!(event.level, Level::Finding | Level::Follows);
        let all = event.contracts.iter().all(|c| missing.contains(c) && !released.contains(c));
        if is_wrong && all && !event.contracts.is_empty() {
            event.level = Level::Note;
            event.help = format!("nothing: no earlier tag {pattern} has the string");
        }
    }
    Ok(())
}

/// Reports that a shallow clone's history is cut off although the headers exist at the cut.
fn cut(git: &Git, commits: &[Commit]) -> Result<Option<Finding>, SourceError> {
    let Some(tip) = commits.last() else { return Ok(None) };
    // A commit that lacks its parents and has headers: the headers are older than the history.
    let roots = git.run("", &["rev-list", "--max-parents=0", &tip.id])?;
    let roots = String::from_utf8_lossy(&roots);
    let mut first = None;
    for root in roots.lines() {
        if first.is_none() && !git.entries(root, root)?.is_empty() {
            first = Some(root.to_string());
        }
    }
    let Some(first) = first else { return Ok(None) };
    Ok(Some(Finding {
        rule: "history_cut".into(),
        level: Level::Finding,
        item: first.clone(),
        place: None,
        what: format!(
            "the repository is shallow: changes before {} are unknown",
            first.get(..12).unwrap_or(&first)
        ),
        consequences: Vec::new(),
        contracts: Vec::new(),
        diff: String::new(),
        help: "run `git fetch --unshallow`".into(),
    }))
}

/// The names that contracts had: headers, macros, strings.
#[derive(Default)]
struct Names {
    headers: BTreeSet<String>,
    contracts: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, report: &Report) {
        for contract in &report.contracts {
            let header = contract.header.rsplit('/').next().unwrap_or(&contract.header);
            self.headers.insert(header.trim_end_matches(".h").into());
            self.contracts.insert(contract.macro_name.clone());
            self.contracts.extend([&contract.old, &contract.new].into_iter().flatten().cloned());
        }
    }

    fn has(&self, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::All => true,
            Wanted::Header(name) => self.headers.contains(name),
            Wanted::Contract(word) => self
                .contracts
                .iter()
                .any(|name| name == word || version::stem(name) == version::stem(word)),
        }
    }

    fn unknown(&self, wanted: &Wanted, rev: &str) -> SourceError {
        let (name, why) = match wanted {
            Wanted::Header(name) => (format!("{name}.h"), "unknown ABI header"),
            Wanted::Contract(word) => (word.clone(), "no contract with that name"),
            Wanted::All => (String::new(), "no contract"),
        };
        let headers: Vec<String> = self.headers.iter().map(|name| format!("{name}.h")).collect();
        let known: Vec<&str> = self.contracts.iter().chain(&headers).map(String::as_str).collect();
        let near = nearest(&name, &known);
        let help = match (near, known.is_empty()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, true) => "no commit up to this revision has an ABI header".into(),
            (None, false) => format!("there are {}", known.join(", ")),
        };
        SourceError::NotASource { name, why: format!("the history of {rev} has {why}"), help }
    }
}

fn review_nothing() -> Side {
    crate::review::nothing("nothing")
}

/// The report, reduced to what was asked for; `None` if nothing of that changed.
fn filter_relevant(mut report: Report, wanted: &Wanted) -> Option<Report> {
    report.contracts.retain(|c| c.verdict != Verdict::Unchanged && wanted.has(c));
    if report.contracts.is_empty() {
        return None;
    }
    let strings: BTreeSet<String> = report
        .contracts
        .iter()
        .flat_map(|contract| [&contract.old, &contract.new])
        .flatten()
        .cloned()
        .collect();
    report.events.retain(|event| {
        let ours = event.contracts.iter().any(|name| strings.contains(name));
        ours && (event.level != Level::Note || event.rule.starts_with("compatible"))
    });
    // This is the same for every commit, and `diff` says it once.
    report.not_checked.clear();
    Some(report)
}

/// The commits that touch the headers, each after those that it builds on.
fn commits(git: &Git, rev: &str, tip: &str) -> Result<Vec<Commit>, SourceError> {
    let entries = git.entries(rev, tip)?;
    let usual = format!("include/{ABI_DIR}");
    // The directory that has them now. A kernel's is the usual one, even before it had any.
    let dir = entries
        .keys()
        .next()
        .and_then(|path| path.rsplit_once('/'))
        .map_or(usual.as_str(), |(dir, _)| dir);
    let list = git.run(
        rev,
        &[
            "log",
            "--topo-order",
            "--reverse",
            "--parents",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--diff-merges=first-parent",
            "--root",
            "--format=%x01%H%x02%P%x02%cs%x02%s",
            tip,
            "--",
            dir,
        ],
    )?;
    let list = String::from_utf8_lossy(&list);
    let mut states: HashMap<&str, Set> = HashMap::new();
    let mut found = Vec::new();
    for block in list.split('\u{1}').skip(1) {
        let (head, raw) = block.split_once('\n').unwrap_or((block, ""));
        let mut head = head.split('\u{2}');
        let id = head.next().unwrap_or_default();
        let parents = head.next().unwrap_or_default();
        let befores: Vec<Set> = parents
            .split_whitespace()
            .map(|parent| states.get(parent).cloned().unwrap_or_default())
            .collect();
        let (date, subject) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
        let old = befores.first().cloned().unwrap_or_default();
        let mut new = old.clone();
        for line in raw.lines().filter_map(|line| line.strip_prefix(':')) {
            // old-mode new-mode old-id new-id status, a tab, the path
            let Some((about, path)) = line.split_once('\t') else { continue };
            let path = &*names::of_git(path);
            let mut about = about.split(' ').skip(1);
            let (mode, id) = (about.next().unwrap_or_default(), about.nth(1).unwrap_or_default());
            if !is_abi_header(path) {
                continue;
            }
            if mode.starts_with("100") {
                new.insert(path.into(), id.into());
            } else {
                new.remove(path);
            }
        }
        states.insert(id, new.clone());
        let olds = own_changes(befores, &new);
        if olds.iter().all(|old| *old != new) {
            let (id, date, subject) = (id.into(), date.into(), subject.into());
            found.push(Commit { id, date, subject, olds, new });
        }
    }
    Ok(found)
}

/// What a commit is compared with. For a merge: each parent without what the merge takes from
/// another parent, since that parent's commits already reported it.
fn own_changes(befores: Vec<Set>, new: &Set) -> Vec<Set> {
    if befores.len() < 2 {
        return vec![befores.into_iter().next().unwrap_or_default()];
    }
    let paths: BTreeSet<&String> = befores.iter().chain([new]).flat_map(BTreeMap::keys).collect();
    let taken: Vec<&String> = paths
        .into_iter()
        .filter(|path| befores.iter().any(|before| before.get(*path) == new.get(*path)))
        .collect();
    let without = |mut before: Set| {
        for path in &taken {
            match new.get(*path) {
                Some(id) => drop(before.insert((*path).clone(), id.clone())),
                None => drop(before.remove(*path)),
            }
        }
        before
    };
    befores.iter().cloned().map(without).collect()
}

fn key(set: &Set) -> String {
    let mut key = String::new();
    for (path, id) in set {
        key.push_str(path.rsplit('/').next().unwrap_or(path));
        key.push('=');
        key.push_str(id.get(..20).unwrap_or(id));
        key.push(',');
    }
    key
}

/// The contents of headers, each requested from git once.
struct Contents<'a> {
    git: &'a Git,
    blobs: Option<Blobs>,
    /// By id: the content, and its code.
    known: HashMap<String, (Vec<u8>, String)>,
}

impl Contents<'_> {
    fn get(&mut self, id: &str) -> Result<&(Vec<u8>, String), SourceError> {
        if !self.known.contains_key(id) {
            if self.blobs.is_none() {
                self.blobs = Some(self.git.blobs()?);
            }
            let bytes = match &mut self.blobs {
                Some(blobs) => blobs.get(id)?,
                None => Vec::new(),
            };
            let code = outline::read(&String::from_utf8_lossy(&bytes)).code;
            self.known.insert(id.into(), (bytes, code));
        }
        Ok(&self.known[id])
    }

    /// The code of a set, as the compiler sees it.
    fn code(&mut self, set: &Set) -> Result<String, SourceError> {
        let mut all = String::new();
        for (path, id) in set {
            all.push_str(path);
            all.push('\n');
            all.push_str(&self.get(id)?.1);
            all.push('\u{1}');
        }
        Ok(all)
    }

    fn files(&mut self, set: &Set) -> Result<Files, SourceError> {
        set.iter().map(|(path, id)| Ok((path.clone(), self.get(id)?.0.clone()))).collect()
    }
}

/// Reads sets of headers, several at a time.
fn read_all(
    sets: &BTreeMap<String, Files>,
    reading: &source::Options,
    progress: &Progress,
) -> HashMap<String, Result<Side, String>> {
    progress.begin("reading the headers of commits", Unit::Items, Some(sets.len() as u64));
    let next = AtomicUsize::new(0);
    let all: Vec<_> = sets.iter().collect();
    let done = Mutex::new(HashMap::new());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(16);
    let memo = PageMemo::default();
    let one = |files: &Files| -> Result<Side, String> {
        if files.is_empty() {
            return Ok(review_nothing());
        }
        open::of_files_with("headers", files, reading, &memo).map_err(|error| error.to_string())
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((code, files)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let side = one(files);
                    progress.advance(1);
                    if let Ok(mut done) = done.lock() {
                        done.insert((*code).clone(), side);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for code in sets.keys() {
        done.entry(code.clone()).or_insert_with(|| Err("the reader stopped".into()));
    }
    done
}

/// What is kept of a commit.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
enum Kept {
    Judged(Box<Report>),
    Unreadable(String),
}

/// The longest cache to read, in bytes; a longer one is discarded.
const MAX_CACHE: u64 = 256 << 20;

/// Judgements on disk: one line each, appended.
struct Cache {
    path: Option<PathBuf>,
    known: HashMap<String, Kept>,
    fresh: Vec<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct CacheLine {
    key: String,
    kept: Kept,
}

impl Cache {
    fn open(dir: Option<&Path>, reading: &source::Options, options: &Options) -> Self {
        // The name of the file contains everything that decides about a judgement.
        let target = reading.triple.as_deref().unwrap_or(std::env::consts::ARCH);
        let page = reading.page_size.map_or_else(|| "all".into(), |size| size.to_string());
        let own = match (reading.catalogue.declared(), &options.drafts) {
            ([], drafts) if drafts.is_empty() => String::new(),
            own => {
                let mut hasher = std::hash::DefaultHasher::new();
                own.hash(&mut hasher);
                format!("-{:016x}", hasher.finish())
            }
        };
        let strictness = options.strictness;
        let name = format!(
            "log-{}-{}-{target}-{page}-{strictness:?}{own}.jsonl",
            env!("CARGO_PKG_VERSION"),
            build(),
        );
        let path = dir.map(|dir| dir.join(name));
        let mut known = HashMap::new();
        let text = path.as_ref().and_then(|path| {
            let size = std::fs::metadata(path).ok()?.len();
            if size > MAX_CACHE {
                let _ = std::fs::remove_file(path);
                return None;
            }
            std::fs::read_to_string(path).ok()
        });
        for line in text.iter().flat_map(|text| text.lines()) {
            // A line that another process wrote only partly is ignored, and judged again.
            if let Ok(CacheLine { key, kept }) = serde_json::from_str(line) {
                known.insert(key, kept);
            }
        }
        Self { path, known, fresh: Vec::new() }
    }

    fn get(&self, key: &str) -> Option<&Kept> {
        self.known.get(key)
    }

    fn put(&mut self, key: &str, kept: &Kept) {
        if self.path.is_some() {
            let line = CacheLine { key: key.into(), kept: kept.clone() };
            self.fresh.extend(serde_json::to_string(&line).ok());
        }
        self.known.insert(key.into(), kept.clone());
    }

    /// Writes the new entries. A failure is ignored: it only costs time.
    fn close(self) {
        let Some(path) = self.path.filter(|_| !self.fresh.is_empty()) else { return };
        if let Some(dir) = path.parent() {
            let _ = std::fs::create_dir_all(dir);
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        if let Ok(mut file) = file {
            let mut text = self.fresh.join("\n");
            text.push('\n');
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// Identifies this build of the program: another build may judge differently even with the same
/// version.
fn build() -> String {
    let about = std::env::current_exe().and_then(std::fs::metadata);
    let Ok(about) = about else { return "unknown".into() };
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    let changed = about.modified().ok().and_then(since).map_or(0, |time| time.as_secs());
    format!("{:x}-{changed:x}", about.len())
}

/// The cache directory: `$XDG_CACHE_HOME/kho-abi`, or a directory in the home directory.
#[must_use]
pub fn cache_dir() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("kho-abi"))
}

/// The life in brief: a line for each commit, and one for each contract that it changed.
#[must_use]
pub fn brief(life: &Life) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for section in &life.document.sections {
        let _ = writeln!(out, "{}", section.title);
        for event in section.report.events.iter().filter(|event| event.contracts.is_empty()) {
            let _ = writeln!(out, "  {} [{}]\n  help: {}", event.what, event.rule, event.help);
        }
        for contract in &section.report.contracts {
            let _ = writeln!(out, "  {}  {}", contract.name(), contract.tell());
            let name = contract.new.as_ref().or(contract.old.as_ref());
            let ours = section.report.events.iter().filter(|event| {
                name.is_some_and(|name| event.contracts.contains(name))
                    && event.level != Level::Follows
            });
            if matches!(contract.verdict, Verdict::New | Verdict::Removed) {
                continue;
            }
            for event in ours {
                let _ = writeln!(out, "    {} [{}]", event.what, event.rule);
            }
        }
        for unknown in &section.unknown {
            let _ = writeln!(out, "  unknown: {unknown}");
        }
    }
    out
}
