// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The life of contracts through a git history.
//!
//! git lists the commits that touch the headers, or others that these use, with the ids of their contents. Headers with the
//! same code count as the same, whatever their comments say. Each set of headers is read once. Each
//! judgement is cached on disk, by the ids that it came from and the version of this program.

mod cache;
mod commits;
mod contents;
mod judge;
mod others;

pub use cache::cache_dir;
pub use others::Commits;

use crate::diff::compare;
use crate::diff::Side;
use crate::document::{Document, Section};
use crate::nearest::nearest;
use crate::policy::{ContractReport, Finding, Level, Options, Report, Verdict};
use cache::Kept;
use commits::{Commit, Set};
use contents::Contents;
use judge::Judge;
use kho_abi_model::rule::Rule;
use kho_abi_model::{version, ABI_DIR};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::git::Git;
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::{Progress, Unit};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

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
    let Commits { rev, git, shallow, dir, all: commits, read, lacks } = commits;
    let mut judge = Judge {
        cache: cache::judgements(look.cache, reading, options),
        contents: Contents::new(git, dir, lacks.clone()),
        sides: HashMap::new(),
        reading,
        options,
    };
    for commit in commits {
        if let Some(side) = read.get(&commit.id) {
            judge.sides.insert(judge.contents.code(&commit.new)?, side.clone());
        }
    }
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
        if let Some(report) = filter_relevant(report, wanted, &touched(commit)) {
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
    if !lacks.any() {
        judge.cache.close();
    }
    Ok(Life { document: Document { command: "log", sections }, commits: commits.len(), read })
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
fn filter_relevant(
    mut report: Report,
    wanted: &Wanted,
    touched: &BTreeSet<&String>,
) -> Option<Report> {
    report.contracts.retain(|c| c.verdict != Verdict::Unchanged && wanted.has(c));
    // What is unknown of no contract in particular is the same for every commit that does not touch it.
    let is_open = |event: &Finding| {
        let is_named = |path: &&String| match event.item.strip_suffix(".h") {
            Some(_) => path.ends_with(&format!("/{}", event.item)),
            None => !is_abi_header(path),
        };
        let is_of_another = matches!(wanted, Wanted::Header(name)
            if event.item.starts_with(ABI_DIR) && event.item != format!("{ABI_DIR}/{name}.h"));
        event.rule == "not_compared"
            && event.contracts.is_empty()
            && !is_of_another
            && touched.iter().any(is_named)
    };
    if report.contracts.is_empty() && !report.events.iter().any(is_open) {
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
        is_open(event)
            || ours && (event.level != Level::Note || event.rule.starts_with("compatible"))
    });
    // This is the same for every commit, and `diff` says it once.
    report.not_checked.clear();
    Some(report)
}

/// The files that a commit changes against its first parent, if that has any.
fn touched(commit: &Commit) -> BTreeSet<&String> {
    let (Some(old), new) = (commit.olds.first(), &commit.new) else { return BTreeSet::new() };
    if !old.ids.keys().any(|path| is_abi_header(path)) {
        return BTreeSet::new();
    }
    let paths = old.ids.keys().chain(new.ids.keys());
    paths.filter(|path| old.ids.get(*path) != new.ids.get(*path)).collect()
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
