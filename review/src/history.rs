// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The life of contracts through a git history.
//!
//! git lists the commits that touch the headers, with the ids of what they leave. Headers whose code is
//! the same are the same, whatever their comments say; each set of others is read once, and each
//! judgement is kept on disk under the ids that it came from and the version of this program.

use crate::diff::open::{self, Files};
use crate::diff::pages::PageMemo;
use crate::diff::{compare, Side};
use crate::policy::{judge, Level, Options, Report, Strictness, Verdict};
use crate::report::{Document, Section};
use kho_abi_model::version;
use kho_abi_model::ABI_DIR;
use kho_abi_read::git::history::{is_abi_header, Blobs};
use kho_abi_read::git::Git;
use kho_abi_read::outline;
use kho_abi_read::source::{self, SourceError};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

/// How long git may take for a list of commits: the kernel has more than a million.
const LOG_TIME: Duration = Duration::from_secs(600);

/// The headers of a commit: path and id of the content.
type Set = BTreeMap<String, String>;

/// A commit that changed a header.
struct Commit {
    id: String,
    date: String,
    subject: String,
    old: Set,
    new: Set,
}

/// What to show.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Everything.
    All,
    /// The contracts of one header, by its base name.
    Header(String),
    /// Contracts by string, by what their string is a version of, or by macro.
    Contract(String),
}

impl Wanted {
    /// What a word names.
    #[must_use]
    pub fn of(word: &str) -> Self {
        let name = word.rsplit('/').next().unwrap_or(word);
        match name.strip_suffix(".h") {
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
    /// A section for each commit that changed what is wanted, oldest first.
    pub document: Document,
    /// How many commits touch the headers.
    pub commits: usize,
    /// How many sets of headers were read by a compiler, rather than known already.
    pub read: usize,
}

/// Tells the life of contracts up to a revision.
///
/// # Errors
///
/// A revision that there is not, and what git says. Headers of an old commit that a compiler refuses
/// are no error: they are said to be unreadable, and the commit is not judged.
pub fn life(
    rev: &str,
    wanted: &Wanted,
    cache: Option<&Path>,
    reading: &source::Options,
    options: &Options,
) -> Result<Life, SourceError> {
    let git = Git::find(reading.git_dir.as_deref())?.with_time(LOG_TIME);
    let tip = git.commit(rev)?;
    let commits = commits(&git, rev, &tip)?;
    let mut cache = Cache::open(cache, reading, options.strictness);
    let mut contents = Contents { git: &git, blobs: None, known: HashMap::new() };

    // What has to be read: both sides of each commit that changed code, and that nobody judged before.
    let mut keys: Vec<Option<String>> = Vec::new();
    let mut wanted_sets: BTreeMap<String, Files> = BTreeMap::new();
    for commit in &commits {
        let key = format!("{} {}", key(&commit.old), key(&commit.new));
        if cache.get(&key).is_some() {
            keys.push(Some(key));
            continue;
        }
        let (old, new) = (contents.code(&commit.old)?, contents.code(&commit.new)?);
        if old == new {
            keys.push(None);
            continue;
        }
        for (set, code) in [(&commit.old, old), (&commit.new, new)] {
            if let Entry::Vacant(free) = wanted_sets.entry(code) {
                free.insert(contents.files(set)?);
            }
        }
        keys.push(Some(key));
    }
    let read = wanted_sets.len();
    let sides = read_all(&wanted_sets, reading);

    let mut sections = Vec::new();
    for (commit, key) in commits.iter().zip(keys) {
        let Some(key) = key else { continue };
        let kept = if let Some(kept) = cache.get(&key) {
            kept.clone()
        } else {
            let (old, new) = (contents.code(&commit.old)?, contents.code(&commit.new)?);
            let kept = match (&sides[&old], &sides[&new]) {
                (Ok(old), Ok(new)) => Kept::Judged(Box::new(judge(&compare(old, new), options))),
                (Err(why), _) | (_, Err(why)) => Kept::Unreadable(why.clone()),
            };
            cache.put(&key, &kept);
            kept
        };
        let title = format!(
            "{} {} {}",
            commit.id.get(..12).unwrap_or(&commit.id),
            commit.date,
            commit.subject
        );
        // A subject comes from outside, and may steer a terminal.
        let title: String =
            title.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        match kept {
            Kept::Judged(report) => {
                if let Some(report) = of_interest(*report, wanted) {
                    sections.push(Section { title, report, unknown: Vec::new() });
                }
            }
            Kept::Unreadable(why) => {
                let report = judge(&compare(&review_nothing(), &review_nothing()), options);
                let unknown = vec![format!("the headers cannot be read: {why}")];
                sections.push(Section { title, report, unknown });
            }
        }
    }
    cache.close();
    Ok(Life { document: Document { command: "log", sections }, commits: commits.len(), read })
}

fn review_nothing() -> Side {
    crate::review::nothing("nothing")
}

/// The report with what is wanted of it; `None` where nothing of that changed.
fn of_interest(mut report: Report, wanted: &Wanted) -> Option<Report> {
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
    // The same for every commit, and said once by `diff`.
    report.not_checked.clear();
    Some(report)
}

/// The commits that touch the headers, each after those that it builds on.
fn commits(git: &Git, rev: &str, tip: &str) -> Result<Vec<Commit>, SourceError> {
    let entries = git.entries(rev, tip)?;
    let usual = format!("include/{ABI_DIR}");
    // Where they lie now; a kernel's are where they always are, also before there were any.
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
        let parent = head.next().unwrap_or_default().split(' ').next().unwrap_or_default();
        let (date, subject) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
        let old = states.get(parent).cloned().unwrap_or_default();
        let mut new = old.clone();
        for line in raw.lines().filter_map(|line| line.strip_prefix(':')) {
            // old-mode new-mode old-id new-id status, a tab, the path
            let Some((about, path)) = line.split_once('\t') else { continue };
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
        if old != new {
            let (id, date, subject) = (id.into(), date.into(), subject.into());
            found.push(Commit { id, date, subject, old, new });
        }
    }
    Ok(found)
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

/// Contents of headers, each asked for once.
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

    /// What a compiler sees of a set.
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
) -> HashMap<String, Result<Side, String>> {
    let next = AtomicUsize::new(0);
    let all: Vec<_> = sets.iter().collect();
    let done = Mutex::new(HashMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(16);
    let memo = PageMemo::default();
    let one = |files: &Files| -> Result<Side, String> {
        if files.is_empty() {
            return Ok(review_nothing());
        }
        open::of_files_with("headers", files, reading, &memo).map_err(|error| error.to_string())
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((code, files)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let side = one(files);
                    if let Ok(mut done) = done.lock() {
                        done.insert((*code).clone(), side);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for code in sets.keys() {
        done.entry(code.clone()).or_insert_with(|| Err("its reader did not come to an end".into()));
    }
    done
}

/// What is kept of a commit.
#[derive(Clone, Debug, Deserialize, Serialize)]
enum Kept {
    Judged(Box<Report>),
    Unreadable(String),
}

/// Longest cache that is read, in bytes; a longer one is begun anew.
const MAX_CACHE: u64 = 256 << 20;

/// Judgements on disk: one line each, appended.
struct Cache {
    path: Option<PathBuf>,
    known: HashMap<String, Kept>,
    fresh: Vec<String>,
}

#[derive(Deserialize, Serialize)]
struct CacheLine {
    key: String,
    kept: Kept,
}

impl Cache {
    fn open(dir: Option<&Path>, reading: &source::Options, strictness: Strictness) -> Self {
        // Whatever decides about a judgement names the file.
        let target = reading.triple.as_deref().unwrap_or(std::env::consts::ARCH);
        let page = reading.page_size.map_or_else(|| "all".into(), |size| size.to_string());
        let name = format!(
            "log-{}-{}-{target}-{page}-{strictness:?}.jsonl",
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
            // A line that another process wrote by halves is judged anew.
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

    /// Writes what is new. A cache that cannot be written costs time and nothing else.
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

/// Tells builds of this program apart: another one may judge otherwise, whatever its version says.
fn build() -> String {
    let about = std::env::current_exe().and_then(std::fs::metadata);
    let Ok(about) = about else { return "unknown".into() };
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    let changed = about.modified().ok().and_then(since).map_or(0, |time| time.as_secs());
    format!("{:x}-{changed:x}", about.len())
}

/// Where caches go: `$XDG_CACHE_HOME/kho-abi`, or below the home directory.
#[must_use]
pub fn cache_dir() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("kho-abi"))
}

/// The life in short: a line for each commit, and one for each contract that it changed.
#[must_use]
pub fn brief(life: &Life) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for section in &life.document.sections {
        let _ = writeln!(out, "{}", section.title);
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
            let _ = writeln!(out, "  not known: {unknown}");
        }
    }
    out
}
