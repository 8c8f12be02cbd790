// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every check of a checkout in one call.

use crate::declared;
use crate::freeze;
use crate::generate::{self, Generated};
use crate::layouts::{Layouts, HISTORY_NOT_READ};
use crate::origin::Origin;
use kho_abi_model::compare;
use kho_abi_model::finding::{self, Finding};
use kho_abi_model::version::called;
use kho_abi_model::{Item, Model, Place};
use kho_abi_read::checkout::{Checkout, CheckoutError};
use kho_abi_read::headers::{self, HeaderError};
use kho_abi_read::source::{Options, SourceError};
use kho_abi_show::names;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// One check, and its result.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Check {
    /// What must hold, as a statement.
    pub name: &'static str,
    /// Why it was not checked; `None` if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_checked: Option<String>,
    /// What was found wrong.
    #[serde(serialize_with = "finding::brief")]
    #[schemars(with = "Vec<finding::Brief<'static>>")]
    pub findings: Vec<Finding>,
    /// What is worth knowing, but not wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Check {
    /// A check that was made.
    #[must_use]
    pub fn done(name: &'static str, findings: Vec<Finding>) -> Self {
        Self { name, not_checked: None, findings, notes: Vec::new() }
    }

    /// A check that was not made, and why.
    #[must_use]
    pub fn not(name: &'static str, why: String) -> Self {
        Self { name, not_checked: Some(why), findings: Vec::new(), notes: Vec::new() }
    }

    /// Turns what could not be looked at from a finding into a check that was not made.
    pub fn accept_unchecked(&mut self) {
        let unread = self.findings.iter().position(|finding| finding.rule == HISTORY_NOT_READ);
        if let Some(at) = unread {
            self.not_checked = Some(self.findings.remove(at).what);
        }
    }
}

/// Runs every check.
///
/// `current` are the present versions of the truth, `earlier` each older one.
///
/// # Errors
///
/// A file that exists but cannot be read.
pub fn run(
    checkout: &Checkout,
    current: &Model,
    earlier: &[Model],
) -> Result<Vec<Check>, CheckoutError> {
    let declared = declared::check(checkout, current, earlier)?;
    if !declared.is_empty() {
        // All that is made of the wire files would be found wrong for the same reason.
        let why = "the wire files do not fit together";
        let others = [PROSE, SHARED, TOO_LONG, GENERATED, BINDINGS, READ_BACK, FROZEN, HISTORY];
        let mut checks = vec![Check::done(DECLARED, declared)];
        checks.extend(others.map(|name| Check::not(name, why.into())));
        return Ok(checks);
    }
    let mut models = vec![current.clone()];
    models.extend_from_slice(earlier);
    let headers = checkout.headers_dir();
    let generated = generate::render_all(current);
    let origin = &Origin::CHECKOUT;
    let mut checks = vec![Check::done(DECLARED, declared)];
    checks.extend(of_types(&models));
    checks.extend([
        Check::done(
            GENERATED,
            generate::check(&headers, |path| checkout.display(path), &generated, origin)?,
        ),
        Check::done(
            BINDINGS,
            generate::check(
                &checkout.bindings_dir(),
                |path| checkout.display(path),
                &generate::render_bindings(current),
                origin,
            )?,
        ),
        read_back(current, &generated),
        Check::done(FROZEN, freeze::check(checkout, &models)?),
        of_history(&Layouts::of(checkout))?,
    ]);
    Ok(checks)
}

/// What must hold of types alone: `models` are the present versions, and then each older one.
#[must_use]
pub(crate) fn of_types(models: &[Model]) -> Vec<Check> {
    vec![
        Check::done(PROSE, prose(models)),
        Check::done(SHARED, shared_strings(models)),
        Check::done(TOO_LONG, too_long(models)),
    ]
}

/// What the history of frozen layouts says.
pub(crate) fn of_history(layouts: &Layouts) -> Result<Check, CheckoutError> {
    let (findings, notes) = layouts.check_history(None)?;
    Ok(Check { notes, ..Check::done(HISTORY, findings) })
}

const DECLARED: &str = "what the wire files declare fits together";
const PROSE: &str = "documentation repeats no version";
const SHARED: &str = "each compatible string is one contract's";
const TOO_LONG: &str = "each compatible string fits the field that carries it";
const BINDINGS: &str = "the bindings for other tools are what the types say";
pub(crate) const GENERATED: &str = "the headers and their unit tests are what the types say";
pub(crate) const FROZEN: &str = "the types are what was frozen";
const HISTORY: &str = "no released layout was edited";
const READ_BACK: &str = "C compilers lay the headers out as rustc does";

/// Checks the words `name-vN` and `name@N` in documentation, with any name.
fn prose(models: &[Model]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |doc: &str, place: Place| {
        if let Some(version) = called::words(doc).next() {
            findings.push(Finding::new(
                "prose_names_version",
                place,
                format!("the documentation says \"{version}\""),
                "name the macro instead: the next bump changes the string, not the prose",
            ));
        }
    };
    for header in models.iter().flat_map(|model| &model.headers) {
        let file = &header.file;
        look(&header.doc, file.into());
        for item in &header.items {
            let (doc, place) = item.doc();
            look(doc, place.map_or_else(|| file.into(), Place::from));
            if let Item::Enum(enumeration) = item {
                for member in &enumeration.members {
                    let place = member.place.clone();
                    look(&member.doc, place.unwrap_or_else(|| file.into()));
                }
            }
            if let Item::Record(record) = item {
                for field in &record.fields {
                    let place = field.place.clone();
                    look(&field.doc, place.unwrap_or_else(|| file.into()));
                }
            }
        }
    }
    findings
}

fn too_long(models: &[Model]) -> Vec<Finding> {
    let contracts = models.iter().flat_map(|m| m.contracts().map(move |(_, c)| (m, c)));
    contracts.filter_map(|(model, contract)| freeze::too_long(model, contract)).collect()
}

/// Strings that two contracts have.
#[must_use]
pub fn shared_strings(models: &[Model]) -> Vec<Finding> {
    let mut owners: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    for (header, contract) in models.iter().flat_map(Model::contracts) {
        let place = header
            .constants()
            .find(|constant| constant.name == contract.macro_name)
            .and_then(|constant| constant.place.as_ref())
            .map_or_else(|| Place::from(&header.name), Place::from);
        owners.entry(&contract.compatible).or_default().push(place);
    }
    owners
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(compatible, places)| {
            Finding::new(
                "compatible_in_two_contracts",
                &places[places.len() - 1],
                format!("\"{compatible}\" is also the string of the contract at {}", places[0]),
                "give one of them a string that no contract has ever had",
            )
        })
        .collect()
}

/// Has clang lay the headers out, for several machines and page sizes, and compares with the truth.
pub(crate) fn read_back(model: &Model, generated: &[Generated]) -> Check {
    let files: BTreeMap<String, Vec<u8>> = generated
        .iter()
        .map(|file| (names::shown(&file.path), file.text.clone().into_bytes()))
        .collect();
    let mut findings = Vec::new();
    for triple in headers::TRIPLES {
        // Every machine has pages of 4 KiB; only arm64 has all sizes.
        let page_sizes = match model.page_sizes() {
            all if triple.starts_with("aarch64") => all,
            all => all.into_iter().take(1).collect(),
        };
        for model in page_sizes.iter().filter_map(|size| model.with_page_size(*size)) {
            match read_back_one(&model, &files, triple) {
                Ok(found) => findings.extend(found),
                Err(SourceError::Headers(error @ HeaderError::NoClang)) => {
                    return Check::not(READ_BACK, error.to_string());
                }
                Err(error) => findings.push(Finding::new(
                    "header_reads_back_differently",
                    *triple,
                    error.to_string(),
                    error.help(),
                )),
            }
        }
    }
    Check::done(READ_BACK, findings)
}

fn read_back_one(
    model: &Model,
    files: &BTreeMap<String, Vec<u8>>,
    triple: &str,
) -> Result<Vec<Finding>, SourceError> {
    let page_size = model.target.page_size;
    let options = Options { triple: Some(triple.into()), page_size, ..Options::default() };
    let read = headers::read_files(files, &options)?;
    let pages = page_size.map(|size| format!(", pages of {size} bytes")).unwrap_or_default();
    let finding = |(place, what): (String, String)| {
        Finding::new(
            "header_reads_back_differently",
            place,
            format!("{what} (for {triple}{pages})"),
            "report this as a bug: the generated header differs from the types",
        )
    };
    // A gap is a difference, too, since clang can compute everything in our headers.
    let gaps = read.gaps.into_iter().map(|gap| (gap.item, gap.why));
    Ok(compare::differences(model, &read.model).into_iter().chain(gaps).map(finding).collect())
}
