// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A crate of your own that declares contracts: its headers, unit tests and frozen layouts.
//!
//! Such a crate has wire files, like `kho-abi`, and a test that checks everything generated from them:
//!
//! ```no_run
//! # const HEADERS: &[&kho_abi::wire::layout::Header] = &[];
//! #[test]
//! fn the_abi_is_what_was_agreed_on() {
//!     let own = kho_abi_codegen::own::WireCrate::new(env!("CARGO_MANIFEST_DIR"), "src", HEADERS);
//!     own.hold();
//! }
//! ```
//!
//! `KHO_ABI_WRITE=1 cargo test` writes what is generated from the types, and `KHO_ABI_RELEASE=x-v1 cargo
//! test` freezes a contract for good. Neither changes a layout that is released. A check that cannot be
//! made, as without clang or without the history of released layouts, fails the test;
//! `KHO_ABI_ALLOW_UNCHECKED=1` accepts that.

use crate::check::{self, Check, FROZEN, GENERATED};
use crate::freeze;
use crate::generate::{self, Generated};
use crate::layouts::{Layouts, HISTORY_NOT_READ};
use crate::origin::Origin;
use kho_abi::wire::layout::Header;
use kho_abi_model::finding::Finding;
use kho_abi_model::{version, Model};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::checkout::CheckoutError;
use kho_abi_read::frozen::Status;
use kho_abi_read::truth::TruthError;
use kho_abi_show::names;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The variable that makes [`WireCrate::hold`] write what is generated from the types.
pub const WRITE: &str = "KHO_ABI_WRITE";

/// The variable that makes [`WireCrate::hold`] freeze a contract for good: it names the contract.
pub const RELEASE: &str = "KHO_ABI_RELEASE";

/// The variable that makes [`WireCrate::hold`] accept checks that cannot be made, as without git or clang.
pub const ALLOW_UNCHECKED: &str = "KHO_ABI_ALLOW_UNCHECKED";

/// A crate of wire files, and what is generated from them, below its top directory: C headers and unit
/// tests in `c-headers/`, frozen layouts in `layouts/`.
#[derive(Debug)]
pub struct WireCrate {
    root: PathBuf,
    origin: Origin,
    catalogue: Catalogue,
}

/// Why nothing could be generated from a crate's wire files.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// The wire files do not fit together.
    #[error("{0}")]
    Types(#[from] TruthError),
    /// A file cannot be read or written.
    #[error("{0}")]
    File(#[from] CheckoutError),
    /// No wire file declares that contract.
    #[error("no contract is called \"{0}\"")]
    NoContract(String),
}

impl OwnError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Types(error) => error.help(),
            Self::File(error) => error.help(),
            Self::NoContract(_) => format!("give {RELEASE} the name of a contract of this crate"),
        }
    }
}

impl WireCrate {
    /// A crate whose top is `root`: `env!("CARGO_MANIFEST_DIR")`.
    ///
    /// `wire_dir` is the directory below it with the wire files, and `headers` are their headers. They
    /// may embed the types of `kho-abi`, such as `kho_vmalloc`.
    #[must_use]
    pub fn new(
        root: impl Into<PathBuf>,
        wire_dir: &'static str,
        headers: &'static [&'static Header],
    ) -> Self {
        let catalogue = Catalogue::of_crate(wire_dir, headers, &[]);
        Self { root: root.into(), origin: Origin::of_crate(wire_dir), catalogue }
    }

    /// The same crate with earlier versions, whose types it keeps in wire files of their own.
    #[must_use]
    pub fn with_earlier(self, earlier: &'static [&'static Header]) -> Self {
        let (dir, headers) = (self.origin.wire_dir, self.catalogue.headers());
        Self { catalogue: Catalogue::of_crate(dir, headers, earlier), ..self }
    }

    /// What is known of the crate, for the readers of `kho-abi-read`.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The headers and unit tests that are generated from the types; each path is below `c-headers`.
    ///
    /// # Errors
    ///
    /// [`OwnError::Types`].
    pub fn generated(&self) -> Result<Vec<Generated>, OwnError> {
        let model = self.catalogue.current()?;
        let own = &model.headers[..self.catalogue.headers().len()];
        Ok(generate::render_some(model, own, &self.origin))
    }

    /// Writes what differs from what the types say: headers, unit tests, and a layout as a draft for
    /// each contract that is not released. Returns the paths that were written.
    ///
    /// # Errors
    ///
    /// [`OwnError`]; what was written before it stays.
    pub fn write(&self) -> Result<Vec<PathBuf>, OwnError> {
        let mut written = generate::write(&self.headers_dir(), &self.generated()?)?;
        let layouts = self.layouts();
        for model in self.models()? {
            for (header, contract) in model.contracts() {
                let name = &contract.compatible;
                // What is refused is a finding of the check.
                let outcome = freeze::freeze_in(&layouts, &model, header, name, Status::Draft)?;
                if let freeze::Outcome::Written(path) = outcome {
                    written.push(path);
                }
            }
        }
        Ok(written)
    }

    /// Freezes a contract for good: a kernel was released with it. Returns why it is refused.
    ///
    /// # Errors
    ///
    /// [`OwnError`].
    pub fn release(&self, contract: &str) -> Result<Vec<Finding>, OwnError> {
        let models = self.models()?;
        let found = models.iter().find_map(|model| Some((model, model.contract(contract)?.0)));
        let (model, header) = found.ok_or_else(|| OwnError::NoContract(contract.into()))?;
        let layouts = self.layouts();
        Ok(match freeze::freeze_in(&layouts, model, header, contract, Status::Released)? {
            freeze::Outcome::Refused(findings) => findings,
            freeze::Outcome::Written(_) | freeze::Outcome::Unchanged(_) => Vec::new(),
        })
    }

    /// Everything that must hold. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`OwnError`].
    pub fn check(&self) -> Result<Vec<Check>, OwnError> {
        let models = self.models()?;
        let generated = self.generated()?;
        let show = |path: &Path| names::shown(path.strip_prefix(&self.root).unwrap_or(path));
        // What changed comes first, and then what is out of date because of it.
        let mut checks = check::of_types(&models);
        checks.push(Check::done(FROZEN, self.check_layouts(&models)?));
        checks.push(check::of_history(&self.layouts())?);
        checks.push(Check::done(
            GENERATED,
            generate::check(&self.headers_dir(), show, &generated, &self.origin)?,
        ));
        // C compilers need the headers that the crate's own include.
        let current = self.catalogue.current()?;
        let all = generate::render_some(current, &current.headers, &self.origin);
        checks.push(check::read_back(current, &all));
        Ok(checks)
    }

    /// The test of a crate: does what [`WRITE`] and [`RELEASE`] ask for, and then checks everything.
    ///
    /// # Panics
    ///
    /// If a check fails: with the place, what was found, and what to do about it.
    #[track_caller]
    pub fn hold(&self) {
        let asked = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let accepts = asked(ALLOW_UNCHECKED).is_some();
        let held = self.held(asked(WRITE).is_some(), asked(RELEASE).as_deref(), accepts);
        let said = held.unwrap_or_else(|error| format!("{error}\n  help: {}\n", error.help()));
        assert!(said.is_empty(), "the crate's ABI is not what was frozen:\n{said}");
    }

    /// The failed checks, in words; empty if there are none.
    fn held(
        &self,
        write: bool,
        release: Option<&str>,
        accepts_unchecked: bool,
    ) -> Result<String, OwnError> {
        let mut findings = Vec::new();
        let mut said = String::new();
        if write {
            self.write()?;
        }
        if let Some(contract) = release {
            findings.extend(self.release(contract)?);
        }
        for mut check in self.check()? {
            if accepts_unchecked {
                check.accept_unchecked();
            }
            if let Some(why) = &check.not_checked {
                let unchecked = format!("not checked: {}: {why}", check.name);
                if accepts_unchecked {
                    eprintln!("{unchecked}");
                } else {
                    let _ =
                        write!(said, "\n{unchecked}\n  help: {ALLOW_UNCHECKED}=1 accepts that\n");
                }
            }
            for mut finding in check.findings {
                if finding.rule == HISTORY_NOT_READ {
                    let _ = write!(finding.help, ", or accept that with {ALLOW_UNCHECKED}=1");
                }
                // A release that was refused is found again.
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        for finding in &findings {
            let _ = write!(said, "\n{finding}");
        }
        Ok(said)
    }

    fn headers_dir(&self) -> PathBuf {
        self.root.join("c-headers")
    }

    fn layouts(&self) -> Layouts {
        Layouts::of_crate(&self.root, self.origin)
    }

    /// The current versions, and each older one.
    fn models(&self) -> Result<Vec<Model>, OwnError> {
        let mut models = vec![self.catalogue.current()?.clone()];
        models.extend_from_slice(self.catalogue.earlier()?);
        Ok(models)
    }

    fn check_layouts(&self, models: &[Model]) -> Result<Vec<Finding>, OwnError> {
        let layouts = self.layouts();
        let mut findings = Vec::new();
        let contracts = || models.iter().flat_map(|m| m.contracts().map(move |(h, c)| (m, h, c)));
        for (model, header, contract) in contracts() {
            let name = &contract.compatible;
            findings.extend(freeze::check_contract_in(&layouts, model, header, name)?);
        }
        for path in layouts.files()? {
            if contracts().any(|(_, _, contract)| layouts.path(&contract.compatible) == path) {
                continue;
            }
            let frozen = match layouts.read(&path)? {
                Some(Ok(frozen)) => frozen,
                Some(Err(finding)) => {
                    findings.push(finding);
                    continue;
                }
                None => continue,
            };
            // What earlier kernels wrote stays written down, also where nothing reads it any more.
            let name = &frozen.contract.compatible;
            let follows = |contract: &str| version::akin(name, contract);
            if contracts().any(|(_, _, contract)| follows(&contract.compatible)) {
                continue;
            }
            findings.push(Finding::new(
                "frozen_layout_unowned",
                layouts.display(&path),
                format!("no wire file declares \"{name}\", whose layout is frozen here"),
                "bring its types back; if it is a draft, remove the file",
            ));
        }
        Ok(findings)
    }
}
