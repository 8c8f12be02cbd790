// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Prepares the next version of a contract, and keeps the present one readable.
//!
//! The wire file is copied to `earlier/<header>_v<N>.rs`, with types and accessors. In the file
//! itself, the compatible string gets its next version. The header, the lists and the frozen draft follow.
//! Either everything is written, or nothing.

use crate::freeze;
use crate::generate;
use crate::output::write_file;
use crate::registry::{self, constant, splice, Missing};
use crate::{rustfmt, write};
use kho_abi_model::finding::Finding;
use kho_abi_model::version::called::Called;
use kho_abi_model::{Contract, Header, Model};
use kho_abi_read::checkout::{Checkout, CheckoutError};
use kho_abi_read::frozen::Status;
use std::fs;
use std::path::{Path, PathBuf};
use syn::spanned::Spanned;

/// Why a contract cannot be bumped.
#[derive(Debug, thiserror::Error)]
pub enum BumpError {
    /// No current contract has that string.
    #[error("no contract has the compatible string \"{compatible}\"")]
    Unknown {
        /// The requested string.
        compatible: String,
        /// The strings that exist.
        known: String,
    },
    /// The version does not end with `-v`, `_v` or `@` and a number.
    #[error(
        "\"{compatible}\" is not of the form name-vN, name_vN or name@N: its next version is unknown"
    )]
    Form {
        /// The string.
        compatible: String,
    },
    /// The present version is not released, or differs from the release.
    #[error("\"{compatible}\" {why}")]
    NotReleased {
        /// The string.
        compatible: String,
        /// Its state.
        why: String,
        /// What to do.
        help: String,
    },
    /// The present version departs from its frozen layout.
    #[error("\"{compatible}\" differs from its frozen layout")]
    Changed {
        /// The string.
        compatible: String,
        /// How it departs.
        findings: Vec<Finding>,
    },
    /// A file already exists.
    #[error("{path} exists already")]
    Exists {
        /// The file.
        path: String,
    },
    /// A wire file lacks a part that has to be edited.
    #[error("{file}: {what} not found")]
    Shape {
        /// The file.
        file: String,
        /// The part.
        what: &'static str,
    },
    /// A file cannot be read or written; everything that was written is undone.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
}

impl BumpError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { known, .. } => format!("give one of {known}"),
            Self::Form { .. } => "edit the string and keep the old types by hand".into(),
            Self::NotReleased { help, .. } => help.clone(),
            Self::Changed { .. } => "undo the change, bump, then change the new version".into(),
            Self::Exists { .. } => "remove it if it is a leftover".into(),
            Self::Shape { .. } => "write it as the other wire files do".into(),
            Self::Checkout(error) => error.help(),
        }
    }
}

/// The result of a bump.
#[derive(Debug, PartialEq, Eq)]
pub struct Bumped {
    /// Each contract, in the order in which they were given.
    pub contracts: Vec<Next>,
    /// Every file that was written.
    pub written: Vec<PathBuf>,
}

/// A contract and its next version.
#[derive(Debug, PartialEq, Eq)]
pub struct Next {
    /// What it was called.
    pub before: String,
    /// What it is called now.
    pub compatible: String,
    /// The wire file whose types may now change.
    pub wire_file: PathBuf,
}

/// Prepares the next version of contracts, all at once: a struct that several embed changes for all of
/// them.
///
/// # Errors
///
/// [`BumpError`]; the checkout is then unchanged.
pub fn bump(checkout: &Checkout, model: &Model, contracts: &[String]) -> Result<Bumped, BumpError> {
    let mut texts = Texts { checkout, edits: Vec::new() };
    let mut bumped = model.clone();
    let mut nexts: Vec<Next> = Vec::new();
    for compatible in contracts.iter().map(|called| resolved(model, called)) {
        if nexts.iter().all(|next| next.before != compatible) {
            nexts.push(one(&mut texts, &mut bumped, model, compatible)?);
        }
    }
    let mut edits = texts.formatted();
    for generated in generate::render_all(&bumped) {
        edits.push((checkout.headers_dir().join(generated.path), generated.text));
    }
    for generated in generate::render_bindings(&bumped) {
        edits.push((checkout.bindings_dir().join(generated.path), generated.text));
    }
    for Next { compatible, .. } in &nexts {
        if let Some((header, _)) = bumped.contract(compatible) {
            let draft = write::frozen::of(&bumped, header, compatible, Status::Draft);
            let path = freeze::path(&checkout.snapshots_dir(), compatible);
            edits.extend(draft.map(|draft| (path, write::frozen::render(&draft))));
        }
    }
    let written = write_all(&edits)?;
    Ok(Bumped { contracts: nexts, written })
}

/// What a contract is called: a name without its number means the one version that the types have of it.
fn resolved<'a>(model: &'a Model, called: &'a str) -> &'a str {
    let mut all = model.contracts().map(|(_, contract)| contract.compatible.as_str());
    let is_it = |one: &&str| Called::parse(one).is_some_and(|one| one.name == called);
    all.find(is_it).unwrap_or(called)
}

/// The source files that change: a second change of one is made to the result of the first.
struct Texts<'a> {
    checkout: &'a Checkout,
    edits: Vec<(PathBuf, String)>,
}

impl Texts<'_> {
    fn read(&self, path: &Path) -> Result<String, CheckoutError> {
        match self.edits.iter().find(|(edited, _)| edited == path) {
            Some((_, text)) => Ok(text.clone()),
            None => fs::read_to_string(path).map_err(kho_abi_read::checkout::at(path)),
        }
    }

    fn write(&mut self, path: PathBuf, text: String) {
        match self.edits.iter_mut().find(|(edited, _)| *edited == path) {
            Some((_, before)) => *before = text,
            None => self.edits.push((path, text)),
        }
    }

    /// Changes one of the lists under `abi/src/wire/`.
    fn list(
        &mut self,
        name: &str,
        change: impl FnOnce(&str) -> Result<String, Missing>,
    ) -> Result<(), BumpError> {
        let path = self.checkout.wire_dir().join(name);
        let text = self.read(&path)?;
        let file = self.checkout.display(&path);
        let text = change(&text).map_err(|what| BumpError::Shape { file, what })?;
        self.write(path, text);
        Ok(())
    }

    fn formatted(self) -> Vec<(PathBuf, String)> {
        let root = self.checkout.root();
        self.edits.into_iter().map(|(path, text)| (path, rustfmt::format(root, &text))).collect()
    }
}

/// Prepares the next version of one contract.
fn one(
    texts: &mut Texts<'_>,
    bumped: &mut Model,
    model: &Model,
    compatible: &str,
) -> Result<Next, BumpError> {
    let checkout = texts.checkout;
    let (header, contract) = model.contract(compatible).ok_or_else(|| BumpError::Unknown {
        compatible: compatible.into(),
        known: model.contracts().map(|(_, c)| c.compatible.as_str()).collect::<Vec<_>>().join(", "),
    })?;
    let form = || BumpError::Form { compatible: compatible.into() };
    let called = Called::parse(compatible).ok_or_else(form)?;
    // A number beside a string is a `u32` in the wire types.
    let fits = |_: &String| contract.version.is_none_or(|version| version < u32::MAX.into());
    let next = called.next().filter(fits).ok_or_else(form)?;
    let (Some(version), Some(next_version)) =
        (registry::version_module(compatible), registry::version_module(&next))
    else {
        return Err(form());
    };
    require_released(checkout, model, header, compatible)?;

    let wire_file = checkout.root().join(&header.file);
    // A file with several contracts leaves a copy for each, which bears the contract's name.
    let module = match header.contracts.len() {
        1 => format!("{}_v{}", header.name, called.number),
        _ => version.clone(),
    };
    let earlier_file = checkout.wire_dir().join("earlier").join(format!("{module}.rs"));
    for path in [&earlier_file, &freeze::path(&checkout.snapshots_dir(), &next)] {
        if path.exists() {
            return Err(BumpError::Exists { path: checkout.display(path) });
        }
    }

    // What is kept is the file as it is, and not what another contract's bump makes of it.
    let released =
        fs::read_to_string(&wire_file).map_err(kho_abi_read::checkout::at(&wire_file))?;
    let earlier = keep(&released, header, contract, &module)?;
    texts.write(earlier_file, earlier);
    texts.list("earlier/mod.rs", |text| registry::add_earlier(text, &module))?;
    let replaced = replace_string(&texts.read(&wire_file)?, header, contract, &next)?;
    texts.write(wire_file.clone(), replaced);
    texts.list("versions.rs", |text| {
        let text = registry::move_version(text, &version, &module)?;
        let stem = wire_file.file_stem().and_then(|stem| stem.to_str()).ok_or("a name")?;
        registry::add_version(&text, &next_version, stem)
    })?;
    texts.list("mod.rs", |text| registry::set_draft(text, &next, true))?;
    bumped.make_version(&next);
    Ok(Next { before: compatible.into(), compatible: next, wire_file })
}

/// A draft does not need a bump, and a layout that departs from its release must not be kept under
/// its name.
fn require_released(
    checkout: &Checkout,
    model: &Model,
    header: &Header,
    compatible: &str,
) -> Result<(), BumpError> {
    let not = |why: &str, help: String| BumpError::NotReleased {
        compatible: compatible.into(),
        why: why.into(),
        help,
    };
    match freeze::status(checkout, compatible)? {
        None => {
            return Err(not(
                "has no frozen layout",
                format!("run `kho-abi freeze {compatible}` first"),
            ));
        }
        Some(Status::Draft) => {
            return Err(not(
                "is a draft, which no kernel has",
                "change its types; there is nothing to keep".into(),
            ));
        }
        Some(Status::Released) => {}
    }
    let findings = freeze::check_contract(checkout, model, header, compatible)?;
    if !findings.is_empty() {
        return Err(BumpError::Changed { compatible: compatible.into(), findings });
    }
    Ok(())
}

fn parse(text: &str, file: &str) -> Result<syn::File, BumpError> {
    syn::parse_file(text).map_err(|error| {
        let line = error.span().start().line;
        BumpError::Checkout(CheckoutError::Syntax {
            path: file.into(),
            line,
            message: error.to_string(),
        })
    })
}

/// The wire file with the next compatible string.
fn replace_string(
    source: &str,
    header: &Header,
    contract: &Contract,
    next: &str,
) -> Result<String, BumpError> {
    let file = &header.file;
    let syntax = parse(source, file)?;
    let literal = constant(&syntax, &contract.macro_name).ok_or_else(|| BumpError::Shape {
        file: file.clone(),
        what: "the constant with the compatible string",
    })?;
    let literal = literal.span().byte_range();
    let version = match contract.version {
        Some(version) => version.saturating_add(1).to_string(),
        None => format!("{next:?}"),
    };
    Ok(splice(source, vec![(literal, version)]))
}

/// The wire file for `earlier/`: one directory down, and with only this contract.
fn keep(
    source: &str,
    header: &Header,
    contract: &Contract,
    module: &str,
) -> Result<String, BumpError> {
    let shape = |what| BumpError::Shape { file: header.file.clone(), what };
    let syntax = parse(source, &header.file)?;
    let Some(syn::Expr::Struct(declared)) = constant(&syntax, "HEADER") else {
        return Err(shape("the constant HEADER"));
    };
    let field = |name: &str| {
        declared.fields.iter().find_map(|field| match &field.member {
            syn::Member::Named(ident) if ident == name => Some(&field.expr),
            _ => None,
        })
    };
    let (Some(path), Some(text)) = (field("file"), field("source")) else {
        return Err(shape("`file` or `source` in HEADER"));
    };
    let mut edits = vec![
        (path.span().byte_range(), format!("\"earlier/{module}.rs\"")),
        (text.span().byte_range(), format!("include_str!(\"{module}.rs\")")),
    ];

    // The other contracts stay in their file.
    let contracts = match field("contracts") {
        Some(syn::Expr::Reference(reference)) => match &*reference.expr {
            syn::Expr::Array(array) => Some(array),
            _ => None,
        },
        _ => None,
    };
    let contracts = contracts.ok_or_else(|| shape("`contracts` in HEADER"))?;
    let mut kept = contracts.elems.iter().map(|elem| &source[elem.span().byte_range()]);
    let kept = kept
        // A string is given as an identifier, a number in quotes.
        .find(|text| {
            let name = &contract.macro_name;
            text.contains(&format!("({name})")) || text.contains(&format!("\"{name}\""))
        })
        .ok_or_else(|| shape("the contract in HEADER"))?;
    if contracts.elems.len() > 1 {
        edits.push((contracts.span().byte_range(), format!("[{kept}]")));
    }
    one_down(&splice(source, edits), &header.file)
}

/// The text of a file for a place one directory down: its siblings are now in the parent.
///
/// Inside a module of the file, and inside `per_page_size!`, which makes modules, `super` is the
/// file itself.
fn one_down(text: &str, file: &str) -> Result<String, BumpError> {
    let syntax = parse(text, file)?;
    let within = syntax.items.iter().filter_map(|item| match item {
        syn::Item::Mod(syn::ItemMod { content: Some(_), .. }) => Some(item.span().byte_range()),
        syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "per_page_size" => {
            Some(item.span().byte_range())
        }
        _ => None,
    });
    let within: Vec<_> = within.collect();
    let beside = text.match_indices("super::").map(|(at, found)| at..at + found.len());
    let beside = beside.filter(|place| !within.iter().any(|range| range.contains(&place.start)));
    Ok(splice(text, beside.map(|place| (place, "super::super::".into())).collect()))
}

/// Writes every file, or none: what was written before a failure is taken back.
pub(crate) fn write_all(edits: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, CheckoutError> {
    let mut before: Vec<(&Path, Option<String>)> = Vec::new();
    let mut written = Vec::new();
    for (path, text) in edits {
        let old = fs::read_to_string(path).ok();
        match write_file(path, text) {
            Ok(true) => {
                before.push((path, old));
                written.push(path.clone());
            }
            Ok(false) => {}
            Err(error) => {
                for (path, old) in before {
                    // The first failure is the one to report.
                    let _ = match old {
                        Some(old) => write_file(path, &old).map(drop),
                        None => fs::remove_file(path).map_err(kho_abi_read::checkout::at(path)),
                    };
                }
                return Err(error);
            }
        }
    }
    Ok(written)
}
