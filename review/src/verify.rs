// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares a kernel with the ABI that this build defines.
//!
//! Every contract of the truth gets one [`Verdict`], and so does every contract of the source that
//! the truth does not have. What the source does not show is not compared, and is listed beside the
//! verdict.

mod contracts;
mod differences;
pub mod pages;

use contracts::Check;
use kho_abi_model::finding::{self, Finding};
use kho_abi_model::{Contract, Model};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::{Gap, Kind, Reading};
use kho_abi_read::truth::TruthError;
use pages::Pages;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// The truth that this program was compiled with, and its earlier versions, which are loaded on
/// demand.
#[derive(Debug)]
pub struct Truth {
    current: Model,
    earlier: Option<Vec<Model>>,
    catalogue: Arc<Catalogue>,
    /// What it is called, where it is not this program's.
    name: Option<String>,
}

impl Truth {
    /// Takes a catalogue's versions as the truth.
    ///
    /// # Errors
    ///
    /// [`TruthError`] if the source and the layouts do not match.
    pub fn load(catalogue: &Arc<Catalogue>) -> Result<Self, TruthError> {
        let current = catalogue.current()?.clone();
        Ok(Self { current, earlier: None, catalogue: Arc::clone(catalogue), name: None })
    }

    /// The same, by a name.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Takes models as the truth.
    #[must_use]
    pub fn of(current: Model, earlier: Vec<Model>) -> Self {
        Self { current, earlier: Some(earlier), catalogue: Arc::default(), name: None }
    }

    fn earlier(&self) -> Result<&[Model], TruthError> {
        match &self.earlier {
            Some(earlier) => Ok(earlier),
            None => self.catalogue.earlier(),
        }
    }
}

/// How a contract of a source compares with the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that the source shows of the contract matches the truth.
    Equal,
    /// What was compared matches the truth, but this source lacks what its kind would show: the
    /// string, a struct, an enumeration. A finding, since that may differ.
    Partly,
    /// Something differs: a finding.
    Different,
    /// The source has a newer version than the truth: a finding, since its bytes are unknown.
    Newer,
    /// The source has an older version. It is a finding unless the truth knows that version, and
    /// the source matches it.
    Older,
    /// The source has a contract that the truth lacks: a finding.
    Unknown,
    /// The source has neither its string nor any of its structs.
    Absent,
    /// The source may have it, but shows nothing of what it promises.
    NotCheckable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Equal => "equal",
            Self::Partly => "partly",
            Self::Different => "different",
            Self::Newer => "newer",
            Self::Older => "older",
            Self::Unknown => "unknown",
            Self::Absent => "absent",
            Self::NotCheckable => "not checkable",
        })
    }
}

/// How much of a contract was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Compared {
    /// Whether the compatible string was compared.
    pub string: bool,
    /// The number of structs.
    pub structs: usize,
    /// The number of constants.
    pub constants: usize,
    /// The number of device-tree nodes.
    pub nodes: usize,
}

impl Compared {
    /// Whether anything apart from the string was compared.
    #[must_use]
    pub fn anything(&self) -> bool {
        self.structs + self.constants + self.nodes > 0
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.string {
            parts.push("the string".to_string());
        }
        let counts = [(self.structs, "struct"), (self.constants, "constant"), (self.nodes, "node")];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            parts.push(format!("{count} {what}{}", if count == 1 { "" } else { "s" }));
        }
        match parts.as_slice() {
            [_] if self.string => f.write_str("only the string"),
            parts => f.write_str(&parts.join(", ")),
        }
    }
}

/// A contract, compared with the truth.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Checked {
    /// The compatible string: the truth's, or the source's if the truth has no such contract.
    pub contract: String,
    /// The result.
    pub verdict: Verdict,
    /// The source's string, if its version differs from the truth's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What was compared.
    pub compared: Compared,
    /// What was not compared, and why.
    pub not_checked: Vec<Gap>,
    /// Further remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Checked {
    fn new(contract: &Contract) -> Self {
        Self {
            contract: contract.compatible.clone(),
            verdict: Verdict::NotCheckable,
            found: None,
            compared: Compared::default(),
            not_checked: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn not_checked(&mut self, item: &str, why: impl Into<String>) {
        self.not_checked.push(Gap { item: item.into(), why: why.into() });
    }
}

/// A source, compared with the truth.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Report {
    /// The source, as it was asked for.
    pub source: String,
    /// The kind of the source.
    pub kind: Kind,
    /// The frozen layouts that are the truth, if it is not this program's types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// The page size that it was compared for, in bytes; null if unknown.
    pub page_size: Option<u64>,
    /// Every contract of the truth, and every other one of the source.
    pub contracts: Vec<Checked>,
    /// What differs from the truth.
    #[serde(serialize_with = "finding::brief")]
    #[schemars(with = "Vec<finding::Brief<'static>>")]
    pub findings: Vec<Finding>,
    /// What the source as a whole does not show.
    pub not_checked: Vec<String>,
}

impl Report {
    /// Whether anything that a contract promises was compared.
    #[must_use]
    pub fn anything_checked(&self) -> bool {
        self.contracts.iter().any(|checked| checked.compared.anything())
    }

    /// Whether its findings, if there are any, only say what was not compared.
    #[must_use]
    pub fn only_open(&self) -> bool {
        self.findings.iter().all(|finding| finding.rule == "not_compared")
    }
}

/// Compares a source with the truth.
///
/// # Errors
///
/// [`TruthError`] if earlier versions are needed and do not match their source.
pub fn verify(truth: &Truth, reading: &Reading) -> Result<Report, TruthError> {
    let source_wide = reading.gaps.iter().filter(|gap| gap.item.is_empty());
    let mut not_checked: Vec<String> = source_wide.map(|gap| gap.why.clone()).collect();
    let pages = Pages::of(truth, reading)?;
    let page_size = if pages.all_of_kernels(&truth.current) {
        reading.model.target.page_size
    } else {
        page_size(&truth.current, reading, &mut not_checked)
    };
    if !reading.knows.packing {
        let why = "whether structs are packed, and how they are aligned: types of an image have \
                   only offsets and sizes";
        not_checked.push(why.into());
    }
    let unknown = truth.catalogue.knows().unknown();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        not_checked.push(format!(
            "{unknown}: a frozen layout is from a kernel, which does not contain it"
        ));
    }
    let mut check = Check::new(truth, reading, page_size, &pages);
    for (_, contract) in truth.current.contracts() {
        check.contract(contract)?;
    }
    check.unknown_contracts()?;
    check.headers();
    let (contracts, findings) = check.finish();
    Ok(Report {
        source: reading.name.clone(),
        kind: reading.kind,
        against: truth.name.clone(),
        page_size,
        contracts,
        findings,
        not_checked,
    })
}

/// The page size to compare for. If the source does not say, the one that its structs fit.
fn page_size(truth: &Model, reading: &Reading, not_checked: &mut Vec<String>) -> Option<u64> {
    let known = truth.page_sizes();
    if let Some(page_size) = reading.model.target.page_size {
        if known.contains(&page_size) {
            return Some(page_size);
        }
        not_checked.push(format!(
            "what depends on the page size: the truth has it for {known:?}, not for {page_size}"
        ));
        return None;
    }
    let fits = |page_size: &&u64| {
        let Some(model) = truth.with_page_size(**page_size) else { return false };
        let paged = model.records().map(|(_, record)| record).filter(|r| r.page_size.is_some());
        let mut met = false;
        for ours in paged {
            if let Some(theirs) = reading.model.record(&ours.name) {
                met |= ours.size == theirs.size;
            }
        }
        met
    };
    if let Some(page_size) = known.iter().find(fits) {
        not_checked.push(format!(
            "the page size: this source does not show it, but its structs match pages of \
             {page_size} bytes"
        ));
        return Some(*page_size);
    }
    not_checked
        .push("what depends on the page size: this source does not show the page size".into());
    None
}
