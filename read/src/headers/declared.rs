// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Decides for each declaration whether the model has it proven, and why not.

use super::build::Found;
use super::files::File;
use super::split::{Piece, What, Written};
use kho_abi_model::{Declaration, DeclarationKind, Item, Place, BROKEN};
use std::collections::{BTreeMap, BTreeSet};

/// The names that mean different things in different kernels: their declaration depends on the
/// configuration, or uses such a name.
pub(super) fn varying<'a>(files: impl Iterator<Item = &'a File>) -> BTreeSet<String> {
    use DeclarationKind::{Assert, Function};
    let pieces = files.flat_map(|file| &file.split.pieces);
    // No layout and no value uses these, but a field may be called like a function.
    let has_bytes = |written: &&Written| !matches!(written.kind, Assert | Function);
    let all: Vec<(Declaration, bool)> = pieces
        .filter_map(Piece::written)
        .filter(has_bytes)
        .map(|written| (declaration(written, ""), written.varies))
        .collect();
    let mut users: BTreeMap<&str, Vec<&Declaration>> = BTreeMap::new();
    let mut open: Vec<&Declaration> = Vec::new();
    for (declaration, varies) in &all {
        if *varies || declaration.references().any(is_option) {
            open.push(declaration);
        }
        for name in declaration.references() {
            users.entry(name).or_default().push(declaration);
        }
    }
    let mut varying = BTreeSet::new();
    while let Some(declaration) = open.pop() {
        for name in declaration.names() {
            if varying.insert(name.to_string()) {
                open.extend(users.remove(name).unwrap_or_default());
            }
        }
    }
    varying
}

/// Whether a name is that of an option of the kernel's configuration.
fn is_option(name: &str) -> bool {
    name.starts_with("CONFIG_")
}

/// A name in a declaration that means different things in different kernels.
fn varying_in<'d>(declaration: &'d Declaration, varying: &BTreeSet<String>) -> Option<&'d str> {
    let mut used = declaration.references();
    used.find(|name| is_option(name) || varying.contains(*name))
}

/// Every declaration of a header. `lost` has the reasons for pieces that clang did not see, by
/// index, and `varying` the names that the configuration decides.
pub(super) fn declarations(
    file: &File,
    found: &Found,
    lost: &BTreeMap<usize, String>,
    varying: &BTreeSet<String>,
) -> Vec<Declaration> {
    let items = found.items.iter().filter(|item| !matches!(item, Item::Macro(_)));
    let known: BTreeSet<&str> = items
        .flat_map(|item| {
            std::iter::once(item.name()).chain(item.constants().map(|c| c.name.as_str()))
        })
        .collect();
    let reasons: BTreeMap<&str, &str> =
        found.undetermined.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
    let mut declarations = Vec::new();
    for (at, piece) in file.split.pieces.iter().enumerate() {
        let Some(written) = piece.written() else { continue };
        let mut declaration = declaration(written, &file.shown);
        declaration.unproven = match lost.get(&at) {
            Some(why) => Some(why.clone()),
            None => unproven(piece, &declaration, &known, &reasons, varying),
        };
        declarations.push(declaration);
    }
    let open = file.split.unended.iter().map(|line| ("#if", *line));
    for (begins, line) in open.chain(file.scan.open_comment.map(|line| ("/*", line))) {
        declarations.push(Declaration {
            kind: DeclarationKind::Other,
            name: begins.into(),
            tokens: begins.into(),
            place: Some(Place { file: file.shown.clone(), line }),
            condition: String::new(),
            unproven: Some(BROKEN.into()),
        });
    }
    prove_typedefs(&mut declarations);
    declarations
}

/// A declaration of which only the text is known.
pub(super) fn declaration(written: &Written, shown: &str) -> Declaration {
    Declaration {
        kind: written.kind,
        name: written.name.clone(),
        tokens: written.tokens.clone(),
        place: Some(Place { file: shown.into(), line: written.line }),
        condition: written.condition.clone(),
        unproven: None,
    }
}

fn unproven(
    piece: &Piece,
    declaration: &Declaration,
    known: &BTreeSet<&str>,
    reasons: &BTreeMap<&str, &str>,
    varying: &BTreeSet<String>,
) -> Option<String> {
    let written = piece.written()?;
    if matches!(piece.what, What::Broken(_)) {
        return Some(BROKEN.into());
    }
    if written.varies {
        let of = declaration.condition.as_str();
        let of = if of.is_empty() { "a condition inside it" } else { of };
        return Some(format!("it depends on {of}"));
    }
    if let Some(name) = varying_in(declaration, varying) {
        return Some(if is_option(name) {
            format!("it depends on {name}")
        } else {
            format!("it depends on {name}, which the configuration decides")
        });
    }
    let unread = declaration.names().into_iter().find(|name| !known.contains(name))?;
    // An enum without a tag is known only by its members.
    let reason = reasons.get(unread).or_else(|| reasons.get(declaration.name.as_str()));
    Some(reason.map_or_else(
        || match declaration.kind {
            DeclarationKind::Constant if declaration.tokens.is_empty() => "it has no value".into(),
            DeclarationKind::Macro | DeclarationKind::Function => "it is code".into(),
            _ => "it has no layout or value of its own".into(),
        },
        |why| (*why).to_string(),
    ))
}

/// A typedef is proven if what uses it is proven.
fn prove_typedefs(declarations: &mut [Declaration]) {
    let is_type = |declaration: &&Declaration| {
        matches!(declaration.kind, DeclarationKind::Struct | DeclarationKind::Union)
    };
    let (mut proven, mut unproven) = (BTreeSet::new(), BTreeSet::new());
    for user in declarations.iter().filter(is_type) {
        let uses = if user.unproven.is_none() { &mut proven } else { &mut unproven };
        uses.extend(user.references().map(String::from));
    }
    for typedef in declarations
        .iter_mut()
        .filter(|typedef| typedef.kind == DeclarationKind::Typedef && typedef.condition.is_empty())
    {
        if proven.contains(&typedef.name) && !unproven.contains(&typedef.name) {
            typedef.unproven = None;
        }
    }
}
