// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is known before any source is read: types, their contracts and owners, and earlier
//! versions.
//!
//! It is a single value, which [`crate::source::Options`] carries to the readers.
//! [`Catalogue::built_in`] is what this program was compiled with. With [`Catalogue::empty`], only
//! the sources count. Models are loaded on first use, and then kept.

use crate::names::Names;
use crate::owners::{Declared, Owners};
use crate::truth::{self, TruthError};
use kho_abi::wire::earlier::reused::{Renamed, Reused, RENAMED, REUSED};
use kho_abi::wire::layout::Header;
use kho_abi_model::reading::Knows;
use kho_abi_model::{Contract, Model};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What is known before any source is read.
#[derive(Debug)]
pub struct Catalogue {
    headers: &'static [&'static Header],
    earlier: &'static [&'static Header],
    renamed: &'static [Renamed],
    reused: &'static [Reused],
    drafts: &'static [&'static str],
    /// Where the wire files lie, below the top of what they belong to.
    wire_dir: &'static str,
    /// What the wire files may embed beside each other.
    beside: &'static [&'static Header],
    /// Contracts that images are searched for beside those that there are types for.
    expected: Vec<Contract>,
    /// What a tree says that versions own, where its headers do not say it.
    declared: Vec<Declared>,
    /// What the models are of, where they are not this program's types.
    given: Option<Given>,
    current: OnceLock<Model>,
    before: OnceLock<Vec<Model>>,
    names: OnceLock<Names>,
    owners: OnceLock<Owners>,
}

/// Models that somebody handed in.
#[derive(Debug)]
struct Given {
    drafts: Vec<String>,
    knows: Knows,
    kernels: BTreeMap<String, Option<u64>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Catalogue {
    /// What this program was compiled with.
    #[must_use]
    pub const fn built_in() -> Self {
        let wire = kho_abi::wire::HEADERS;
        Self::of(wire, kho_abi::wire::earlier::EARLIER, RENAMED, REUSED, kho_abi::wire::DRAFTS)
    }

    /// What this program was compiled with, as if the present versions were these, and these the drafts.
    ///
    /// A question whose answer names versions has the same answer after the next bump: a test is one.
    ///
    /// # Errors
    ///
    /// As [`Catalogue::current`].
    pub fn as_of(versions: &[&str], drafts: &'static [&'static str]) -> Result<Self, TruthError> {
        let catalogue = Self { drafts, ..Self::built_in() };
        let mut model = truth::read(catalogue.headers)?;
        for version in versions {
            model.make_version(version);
        }
        Ok(Self { current: OnceLock::from(model), ..catalogue })
    }

    /// Only which of the kernel's versions owns what: for headers that are the truth themselves,
    /// where no constant is renamed.
    #[must_use]
    pub const fn owners_alone() -> Self {
        Self::of(kho_abi::wire::HEADERS, kho_abi::wire::earlier::EARLIER, &[], &[], &[])
    }

    /// Nothing at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self::of(&[], &[], &[], &[], &[])
    }

    /// The wire files of a crate, in `wire_dir` below its top, and those of its earlier versions. They
    /// may embed what this program was compiled with, which is no part of the crate's contracts: in each
    /// model, the headers with it follow the crate's own.
    #[must_use]
    pub fn of_crate(
        wire_dir: &'static str,
        headers: &'static [&'static Header],
        earlier: &'static [&'static Header],
    ) -> Self {
        let own = Self::of(headers, earlier, &[], &[], &[]);
        Self { wire_dir, beside: kho_abi::wire::HEADERS, ..own }
    }

    const fn of(
        headers: &'static [&'static Header],
        earlier: &'static [&'static Header],
        renamed: &'static [Renamed],
        reused: &'static [Reused],
        drafts: &'static [&'static str],
    ) -> Self {
        Self {
            headers,
            earlier,
            renamed,
            reused,
            drafts,
            wire_dir: truth::WIRE_DIR,
            beside: &[],
            expected: Vec::new(),
            declared: Vec::new(),
            given: None,
            current: OnceLock::new(),
            before: OnceLock::new(),
            names: OnceLock::new(),
            owners: OnceLock::new(),
        }
    }

    /// Models in the place of this program's types: the current versions, and earlier ones, each by itself.
    ///
    /// `knows` is what the models are able to tell, and `drafts` are contracts that no kernel has yet.
    /// `kernels` are those whose layout is of a kernel, with its page size, if that is known.
    #[must_use]
    pub fn of_models(
        current: Model,
        earlier: Vec<Model>,
        drafts: Vec<String>,
        knows: Knows,
        kernels: BTreeMap<String, Option<u64>>,
    ) -> Self {
        Self {
            given: Some(Given { drafts, knows, kernels }),
            current: OnceLock::from(current),
            before: OnceLock::from(earlier),
            ..Self::owners_alone()
        }
    }

    /// What the models are able to tell.
    #[must_use]
    pub fn knows(&self) -> Knows {
        self.given.as_ref().map_or(Knows::ALL, |given| given.knows)
    }

    /// Whether the layout of a contract is of a kernel, for one page size: that size, if it is known.
    #[must_use]
    pub fn kernel_pages(&self, compatible: &str) -> Option<Option<u64>> {
        self.given.as_ref()?.kernels.get(compatible).copied()
    }

    /// The page sizes of the kernels that layouts are of, each once; nothing if all are of headers.
    #[must_use]
    pub fn all_kernel_pages(&self) -> BTreeSet<Option<u64>> {
        self.given.iter().flat_map(|given| given.kernels.values().copied()).collect()
    }

    /// Whether a string may be one of an earlier version, as far as that is known without reading their types.
    #[must_use]
    pub fn may_have_had(&self, is_it: impl Fn(&kho_abi::wire::layout::Contract) -> bool) -> bool {
        let contracts = self.earlier.iter().flat_map(|header| header.contracts);
        self.given.is_some() || contracts.into_iter().any(is_it)
    }

    /// The same, and contracts that somebody says there are: which string promises which structs.
    #[must_use]
    pub fn expecting(self, contracts: impl IntoIterator<Item = Contract>) -> Self {
        Self { expected: contracts.into_iter().collect(), names: OnceLock::new(), ..self }
    }

    /// The same, and what a tree says that versions own, where its headers do not say it.
    #[must_use]
    pub fn owning(self, declared: Vec<Declared>) -> Self {
        Self { declared, ..self }
    }

    /// What a tree says that versions own.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The headers with current versions, by file name.
    #[must_use]
    pub fn headers(&self) -> &'static [&'static Header] {
        self.headers
    }

    /// The headers with earlier versions.
    #[must_use]
    pub fn earlier_headers(&self) -> &'static [&'static Header] {
        self.earlier
    }

    /// Constants that kernels have under another name.
    pub(crate) fn renamed(&self) -> &'static [Renamed] {
        self.renamed
    }

    /// Strings that kernels used for two different formats.
    #[must_use]
    pub fn reused(&self) -> &'static [Reused] {
        self.reused
    }

    /// Whether a released kernel is known to have that version, whatever a tree's own layouts say.
    #[must_use]
    pub fn a_kernel_has(compatible: &str) -> bool {
        let kernels = kho_abi::wire::earlier::reused::KERNELS;
        kernels.iter().any(|kernel| kernel.compatible.contains(&compatible))
    }

    /// Whether no released kernel has that contract yet.
    #[must_use]
    pub fn is_draft(&self, compatible: &str) -> bool {
        match &self.given {
            Some(given) => given.drafts.iter().any(|draft| draft == compatible),
            None => self.drafts.contains(&compatible),
        }
    }

    /// The current versions.
    ///
    /// # Errors
    ///
    /// [`TruthError`] if the source and the layouts do not match.
    pub fn current(&self) -> Result<&Model, TruthError> {
        if let Some(model) = self.current.get() {
            return Ok(model);
        }
        let read = truth::read_crate(self.wire_dir, self.headers, &self.beside())?;
        Ok(self.current.get_or_init(|| read))
    }

    /// The earlier versions. Each is a model of its own, since two versions of a struct share a
    /// name.
    ///
    /// # Errors
    ///
    /// As [`Catalogue::current`].
    pub fn earlier(&self) -> Result<&[Model], TruthError> {
        if let Some(models) = self.before.get() {
            return Ok(models);
        }
        let mut beside: Vec<_> = self.headers.iter().map(|h| (self.wire_dir, *h)).collect();
        beside.extend(self.beside());
        let read = |header| truth::read_crate(self.wire_dir, &[header], &beside);
        let read = self.earlier.iter().copied().map(read);
        let read = read.collect::<Result<Vec<_>, _>>()?;
        Ok(self.before.get_or_init(|| read))
    }

    /// What the wire files may embed beside each other, each with the directory that it is in.
    fn beside(&self) -> Vec<(&'static str, &'static Header)> {
        self.beside.iter().map(|header| (truth::WIRE_DIR, *header)).collect()
    }

    /// The structs with which what a string promises begins, where that is known of it.
    ///
    /// # Errors
    ///
    /// As [`Catalogue::current`].
    pub fn roots(&self, compatible: &str) -> Result<Option<Vec<String>>, TruthError> {
        let names = self.names()?;
        let roots = names.roots(compatible).filter(|roots| !roots.is_empty());
        Ok(roots.map(<[String]>::to_vec))
    }

    /// What to look for in images.
    pub(crate) fn names(&self) -> Result<&Names, TruthError> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let mut names = match &self.given {
            // The strings of the kernel's own tests are known all the same.
            Some(_) => Names::new(&truth::read(self.headers)?, self.earlier)
                .tests_alone()
                .and(std::iter::once(self.current()?).chain(self.earlier()?)),
            None => Names::new(self.current()?, self.earlier),
        };
        self.expected.iter().for_each(|contract| names.expect(contract));
        Ok(self.names.get_or_init(|| names))
    }

    /// Which version owns what.
    pub(crate) fn owners(&self) -> &Owners {
        let all = || self.headers.iter().chain(self.earlier).copied();
        self.owners.get_or_init(|| Owners::read(all()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_one_knows_nothing_and_the_built_in_one_what_the_wire_files_say() {
        let (empty, built_in) = (Catalogue::empty(), Catalogue::built_in());
        assert_eq!(empty.current().unwrap().headers, []);
        assert_eq!(empty.earlier().unwrap(), []);
        assert_eq!(*built_in.current().unwrap(), truth::current().unwrap());
        assert_eq!(built_in.earlier().unwrap(), truth::earlier().unwrap());
    }
}
