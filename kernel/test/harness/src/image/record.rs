// SPDX-License-Identifier: GPL-2.0
//! What init reported as preserved. It is kept beside every image, so that a reader of the image
//! can be checked.

use std::collections::BTreeMap;

use kho_abi_live_plan::PreservedObject;
use serde::{Deserialize, Serialize};

/// The schema of [`Record`] as JSON.
pub const SCHEMA: u32 = 1;

/// The file beside an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub schema: u32,
    /// The scenario that the machine ran.
    pub scenario: String,
    /// The release of the kernel that preserved all this.
    pub kernel_release: String,
    /// `raw`, `elf` or `kdump`.
    pub format: String,
    pub memory_bytes: u64,
    pub page_bytes: u64,
    /// Sessions, sorted by name.
    pub sessions: Vec<RecordedSession>,
}

/// A session and its files, sorted by token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedSession {
    pub name: String,
    pub files: Vec<RecordedFile>,
}

/// A file and the compatible string of its handler.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFile {
    pub token: u64,
    pub compatible: String,
    pub object: PreservedObject,
}

/// The content of the running kernel's sessions, as far as init has reported it.
#[derive(Debug, Clone, Default)]
pub struct Preserved(pub BTreeMap<String, BTreeMap<u64, PreservedObject>>);

impl Preserved {
    pub fn add(&mut self, session: &str, token: u64, object: PreservedObject) {
        self.0.entry(session.to_owned()).or_default().insert(token, object);
    }

    pub fn close_session(&mut self, session: &str) {
        self.0.remove(session);
    }

    /// All files, by session and token.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64, &PreservedObject)> {
        self.0.iter().flat_map(|(session, files)| {
            files.iter().map(move |(token, object)| (session.as_str(), *token, object))
        })
    }

    /// The form in which it is written.
    pub fn sessions(
        &self,
        compatible: impl Fn(&PreservedObject) -> String,
    ) -> Vec<RecordedSession> {
        self.0
            .iter()
            .map(|(name, files)| RecordedSession {
                name: name.clone(),
                files: files
                    .iter()
                    .map(|(token, object)| RecordedFile {
                        token: *token,
                        compatible: compatible(object),
                        object: object.clone(),
                    })
                    .collect(),
            })
            .collect()
    }
}
