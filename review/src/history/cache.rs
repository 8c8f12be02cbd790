// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Keeps judgements, and what they took to find out, on disk.

use crate::policy::{Options, Report};
use kho_abi_read::source;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What is kept of a commit.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(super) enum Kept {
    Judged(Box<Report>),
    Unreadable(String),
}

/// The longest cache to read, in bytes; a longer one is discarded.
const MAX_CACHE: u64 = 256 << 20;

/// Answers on disk, by key: one line each, appended.
pub(super) struct Cache<A> {
    path: Option<PathBuf>,
    known: HashMap<String, A>,
    fresh: Vec<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct CacheLine<A> {
    key: String,
    kept: A,
}

/// The judgements that are kept in a directory.
pub(super) fn judgements(
    dir: Option<&Path>,
    reading: &source::Options,
    options: &Options,
) -> Cache<Kept> {
    let own = match (reading.catalogue.declared(), &options.drafts) {
        ([], drafts) if drafts.is_empty() => String::new(),
        own => {
            let mut hasher = std::hash::DefaultHasher::new();
            own.hash(&mut hasher);
            format!("-{:016x}", hasher.finish())
        }
    };
    Cache::open(dir, "log", reading, &format!("-{:?}{own}", options.strictness))
}

impl<A: Clone + DeserializeOwned + Serialize> Cache<A> {
    /// The answers about `what`. The name of the file contains everything that decides about one: the program, its
    /// reader, and what else `about` says.
    pub(super) fn open(
        dir: Option<&Path>,
        what: &str,
        reading: &source::Options,
        about: &str,
    ) -> Self {
        let target = reading.triple.as_deref().unwrap_or(std::env::consts::ARCH);
        let page = reading.page_size.map_or_else(|| "all".into(), |size| size.to_string());
        let name = format!(
            "{what}-{}-{}-{target}-{page}{about}.jsonl",
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
            // A line that another process wrote only partly is ignored, and found out again.
            if let Ok(CacheLine { key, kept }) = serde_json::from_str(line) {
                known.insert(key, kept);
            }
        }
        Self { path, known, fresh: Vec::new() }
    }

    pub(super) fn get(&self, key: &str) -> Option<&A> {
        self.known.get(key)
    }

    pub(super) fn put(&mut self, key: &str, kept: &A) {
        if self.path.is_some() {
            let line = CacheLine { key: key.into(), kept: kept.clone() };
            self.fresh.extend(serde_json::to_string(&line).ok());
        }
        self.known.insert(key.into(), kept.clone());
    }

    /// Writes the new entries. A failure is ignored: it only costs time.
    pub(super) fn close(self) {
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
