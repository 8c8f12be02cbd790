// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Decides what of a kernel's frozen layout may be compared: such a layout is for one page size, which it
//! may not say, and it does not say what depends on that.
//!
//! A value that depends on the page size is neither a difference nor an agreement unless both sides have
//! it for the same page size.

use super::Truth;
use crate::diff::pages::{merge, PAGE_SIZES};
use kho_abi_model::compare::{Change, RecordChange};
use kho_abi_model::{Constant, Contract, Item, Model, Record};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::{self, Kind, Options, Reading, SourceError};
use kho_abi_read::truth::TruthError;
use std::collections::BTreeSet;

/// What is known of the page sizes of both sides.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    catalogue: &'a Catalogue,
    /// The page size of the source.
    source: Option<u64>,
    /// Whether the source says what depends on the page size: headers do, if they were read for several.
    source_says: bool,
    /// What depends on the page size in the kernel's own headers, as this program knows them.
    depends: BTreeSet<String>,
}

/// Begins the reason for which an item that differs was not compared.
pub(super) const BY_PAGES: &str = "it differs, perhaps because of the page size";

/// Whether an item can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comparable {
    Yes,
    /// It depends on the page size, and the sides do not have it for the same one.
    Depends(String),
    /// It differs, perhaps because of the page size.
    MayDepend(String),
}

/// Opens a source to compare with frozen layouts. Headers are read for every page size where a layout of a
/// kernel does not say what depends on it, and for that kernel's page size first.
///
/// # Errors
///
/// As [`source::open`].
pub fn open(word: &str, options: &Options) -> Result<Reading, SourceError> {
    let kernels = options.catalogue.all_kernel_pages();
    let mut options = options.clone();
    if let (None, [Some(size)]) = (options.page_size, &*kernels.iter().collect::<Vec<_>>()) {
        let reading = source::open(word, &options)?;
        if reading.kind != Kind::Headers || !PAGE_SIZES.contains(size) {
            return Ok(reading);
        }
        options.page_size = Some(*size);
    }
    let mut reading = source::open(word, &options)?;
    if reading.kind != Kind::Headers || kernels.is_empty() {
        return Ok(reading);
    }
    let Some(base) = reading.model.target.page_size else { return Ok(reading) };
    let others = PAGE_SIZES.iter().filter(|size| **size != base).map(|size| {
        let options = Options { page_size: Some(*size), ..options.clone() };
        (*size, source::open(word, &options))
    });
    merge(&mut reading.model, base, others)?;
    Ok(reading)
}

impl<'a> Pages<'a> {
    pub(super) fn of(truth: &'a Truth, reading: &Reading) -> Result<Self, TruthError> {
        let catalogue = &*truth.catalogue;
        let source_says = !reading.model.other_pages.is_empty();
        let mut depends = BTreeSet::new();
        if !source_says && !catalogue.all_kernel_pages().is_empty() {
            let built_in = Catalogue::built_in();
            for model in std::iter::once(built_in.current()?).chain(built_in.earlier()?) {
                depends.extend(paged(model));
            }
        }
        Ok(Self { catalogue, source: reading.model.target.page_size, source_says, depends })
    }

    /// Whether each layout of a contract is of a kernel.
    pub(super) fn all_of_kernels(&self, truth: &Model) -> bool {
        let mut contracts = truth.contracts();
        let is_of_kernel = |name: &str| self.catalogue.kernel_pages(name).is_some();
        truth.contracts().next().is_some() && contracts.all(|(_, c)| is_of_kernel(&c.compatible))
    }

    /// Why values of a contract that depend on the page size cannot be compared; `None` if they can.
    fn why_not(&self, contract: &Contract) -> Option<String> {
        let layout = self.catalogue.kernel_pages(&contract.compatible)?;
        match (layout, self.source) {
            (None, _) => {
                Some("the frozen layout is from a kernel, and does not say its page size".into())
            }
            (Some(ours), None) => Some(format!(
                "the frozen layout is for pages of {ours} bytes, but the page size of this source \
                 is unknown: give it with --page-size"
            )),
            (Some(ours), Some(theirs)) if ours != theirs => Some(format!(
                "the frozen layout is for pages of {ours} bytes, but this source has pages of \
                 {theirs} bytes"
            )),
            (Some(_), Some(_)) => None,
        }
    }

    fn known(&self, name: &str, is_paged: bool, may_be: bool, why: &str) -> Comparable {
        let depends = if self.source_says { is_paged } else { self.depends.contains(name) };
        if depends {
            Comparable::Depends(format!("depends on the page size: {why}"))
        } else if may_be && !self.source_says {
            Comparable::MayDepend(format!("{BY_PAGES}: {why}"))
        } else {
            Comparable::Yes
        }
    }

    /// Whether a struct of a contract can be compared with the source's.
    pub(super) fn of_record(
        &self,
        contract: &Contract,
        theirs: &Record,
        change: Option<&RecordChange>,
    ) -> Comparable {
        let Some(why) = self.why_not(contract) else { return Comparable::Yes };
        // More or fewer elements, and what follows from that, can be due to the page size; another type
        // cannot.
        let by_pages = |change: &Change| {
            matches!(
                change,
                Change::ArrayResized(..)
                    | Change::EmbeddedResized(..)
                    | Change::FieldsMoved(_)
                    | Change::StructResized(..)
            )
        };
        let may_be = change
            .is_some_and(|change| change.causes.iter().chain(&change.consequences).all(by_pages));
        self.known(&theirs.name, theirs.page_size.is_some(), may_be, &why)
    }

    /// Whether a constant of a contract can be compared with the source's.
    pub(super) fn of_constant(
        &self,
        contract: &Contract,
        ours: &Constant,
        theirs: Option<&Constant>,
    ) -> Comparable {
        let (Some(why), Some(theirs)) = (self.why_not(contract), theirs) else {
            return Comparable::Yes;
        };
        let may_be = theirs.value != ours.value;
        self.known(&ours.name, theirs.page_size.is_some(), may_be, &why)
    }
}

/// The names of what depends on the page size.
fn paged(model: &Model) -> impl Iterator<Item = String> + '_ {
    let items = model.headers.iter().flat_map(|header| &header.items);
    items.flat_map(|item| {
        let constants = item.constants().filter(|constant| constant.page_size.is_some());
        let mut names: Vec<String> = constants.map(|constant| constant.name.clone()).collect();
        if let Item::Record(Record { name, page_size: Some(_), .. }) = item {
            names.push(name.clone());
        }
        names
    })
}
