// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Prepares the next version of a contract, and keeps the present one readable.
//!
//! The wire file is copied to `earlier/<header>_v<N>.rs`, with types and accessors. In the file
//! itself, the compatible string gets its next version. The header and the frozen draft follow.
//! Either everything is written, or nothing.

use crate::freeze;
use crate::generate;
use crate::output::write_file;
use crate::write;
use kho_abi_model::finding::Finding;
use kho_abi_model::version::called::Called;
use kho_abi_model::{Contract, Header, Item, Model, Value};
use kho_abi_read::checkout::{Checkout, CheckoutError};
use kho_abi_read::frozen::Status;
use std::fs;
use std::ops::Range;
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
        "\"{compatible}\" is not of the form name-vN, name_vN or name@N: its next version is not known"
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
    #[error("\"{compatible}\" is not what was frozen")]
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
    #[error("{file}: {what} is not found")]
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
    /// The new compatible string.
    pub compatible: String,
    /// The wire file whose types may now change.
    pub wire_file: PathBuf,
    /// Every file that was written.
    pub written: Vec<PathBuf>,
}

/// Prepares the next version of a contract.
///
/// # Errors
///
/// [`BumpError`]; the checkout is then unchanged.
pub fn bump(checkout: &Checkout, model: &Model, compatible: &str) -> Result<Bumped, BumpError> {
    let (header, contract) = model.contract(compatible).ok_or_else(|| BumpError::Unknown {
        compatible: compatible.into(),
        known: model.contracts().map(|(_, c)| c.compatible.as_str()).collect::<Vec<_>>().join(", "),
    })?;
    let form = || BumpError::Form { compatible: compatible.into() };
    let called = Called::parse(compatible).ok_or_else(form)?;
    // A number beside a string is a `u32` in the wire types.
    let fits = |_: &String| contract.version.is_none_or(|version| version < u32::MAX.into());
    let next = called.next().filter(fits).ok_or_else(form)?;
    require_released(checkout, model, header, compatible)?;

    let wire = checkout.wire_dir();
    let wire_file = checkout.root().join(&header.file);
    let module = format!("{}_v{}", header.name, called.number);
    let earlier_file = wire.join("earlier").join(format!("{module}.rs"));
    let draft_file = freeze::path(&checkout.snapshots_dir(), &next);
    for path in [&earlier_file, &draft_file] {
        if path.exists() {
            return Err(BumpError::Exists { path: checkout.display(path) });
        }
    }

    let registry_file = wire.join("earlier/mod.rs");
    let source = read(&wire_file)?;
    let registry = read(&registry_file)?;
    let bumped = with_string(model, contract, &next);
    let mut edits = vec![
        (earlier_file, keep(&source, header, contract, &module)?),
        (registry_file, register(&registry, &module)?),
        (wire_file.clone(), replace_string(&source, header, contract, &next)?),
    ];
    for generated in generate::render_all(&bumped) {
        edits.push((checkout.headers_dir().join(generated.path), generated.text));
    }
    for generated in generate::render_bindings(&bumped) {
        edits.push((checkout.bindings_dir().join(generated.path), generated.text));
    }
    if let Some((header, _)) = bumped.contract(&next) {
        let draft = write::frozen::of(&bumped, header, &next, Status::Draft);
        edits.extend(draft.map(|draft| (draft_file, write::frozen::render(&draft))));
    }
    let written = write_all(&edits)?;
    Ok(Bumped { compatible: next, wire_file, written })
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

fn read(path: &Path) -> Result<String, CheckoutError> {
    fs::read_to_string(path).map_err(kho_abi_read::checkout::at(path))
}

/// The model after the sources are compiled again.
fn with_string(model: &Model, contract: &Contract, next: &str) -> Model {
    let mut model = model.clone();
    for header in &mut model.headers {
        for item in &mut header.items {
            if let Item::Constant(constant) = item {
                if constant.name == contract.macro_name {
                    constant.value = match contract.version {
                        Some(version) => Value::Int(i128::from(version) + 1),
                        None => Value::Str(next.into()),
                    };
                }
            }
        }
        for other in &mut header.contracts {
            if other == contract {
                other.compatible = next.into();
                other.version = other.version.map(|version| version.saturating_add(1));
            }
        }
    }
    model
}

/// Replaces parts of a text; the ranges must not overlap.
fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, with) in edits {
        out.push_str(&text[done..range.start]);
        out.push_str(&with);
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
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

fn constant<'a>(syntax: &'a syn::File, name: &str) -> Option<&'a syn::Expr> {
    syntax.items.iter().find_map(|item| match item {
        syn::Item::Const(item) if item.ident == name => Some(&*item.expr),
        _ => None,
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

/// The registry of earlier versions with one more entry.
fn register(registry: &str, module: &str) -> Result<String, BumpError> {
    let file = "abi/src/wire/earlier/mod.rs";
    let syntax = parse(registry, file)?;
    let shape = |what| BumpError::Shape { file: file.into(), what };
    let Some(syn::Expr::Reference(list)) = constant(&syntax, "EARLIER") else {
        return Err(shape("the constant EARLIER"));
    };
    let syn::Expr::Array(array) = &*list.expr else {
        return Err(shape("the list in EARLIER"));
    };
    let mut entries: Vec<_> =
        array.elems.iter().map(|e| registry[e.span().byte_range()].to_string()).collect();
    entries.push(format!("&{module}::HEADER"));
    // The line breaks of rustfmt: on the line of the name, on a line of its own, or a line for
    // each.
    let behind_the_name = "pub const EARLIER: &[&layout::Header] = ".len();
    let line = format!("&[{}]", entries.join(", "));
    let fits = |indent: usize| indent + line.len() + ";".len() <= 100;
    let text = if fits(behind_the_name) {
        format!(" {line}")
    } else if fits(4) {
        format!("\n    {line}")
    } else {
        format!(" &[\n    {},\n]", entries.join(",\n    "))
    };
    let list = list.span().byte_range();
    let behind_the_equals_sign = registry[..list.start].trim_end().len();
    let Some(import) = syntax.items.iter().find(|item| matches!(item, syn::Item::Use(_))) else {
        return Err(shape("`use super::layout`"));
    };
    let module = format!(
        "#[allow(non_camel_case_types)] // A wire type carries its C name.\npub mod {module};\n"
    );
    let last_mod = syntax.items.iter().rev().find(|item| matches!(item, syn::Item::Mod(_)));
    let module = if let Some(item) = last_mod {
        let end = item.span().byte_range().end;
        (end..end, format!("\n{}", module.trim_end()))
    } else {
        let start = import.span().byte_range().start;
        (start..start, format!("{module}\n"))
    };
    Ok(splice(registry, vec![module, (behind_the_equals_sign..list.end, text)]))
}

/// Writes every file, or none: if one fails, those before it are restored.
fn write_all(edits: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, CheckoutError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_grows_by_one_and_keeps_its_form() {
        let empty = "//! Docs.\n\nuse super::layout;\n\n/// All.\npub const EARLIER: &[&layout::Header] = &[];\n";
        let one = register(empty, "x_v1").unwrap();
        let expected = "//! Docs.\n\n#[allow(non_camel_case_types)] // A wire type carries its C name.\npub mod x_v1;\n\nuse super::layout;\n\n/// All.\npub const EARLIER: &[&layout::Header] = &[&x_v1::HEADER];\n";
        assert_eq!(one, expected);
        let two = register(&one, "a_header_with_quite_a_long_name_v12").unwrap();
        assert!(two.contains("pub mod x_v1;\n#[allow(non_camel"), "{two}");
        let end = "] =\n    &[&x_v1::HEADER, &a_header_with_quite_a_long_name_v12::HEADER];\n";
        assert!(two.ends_with(end), "{two}");
        let three = register(&two, "another_header_with_a_long_name_v3").unwrap();
        let end =
            "] = &[\n    &x_v1::HEADER,\n    &a_header_with_quite_a_long_name_v12::HEADER,\n    \
                   &another_header_with_a_long_name_v3::HEADER,\n];\n";
        assert!(three.ends_with(end), "{three}");
    }
}
