// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Helpers for one contract in the headers of a project.

use super::read::Held;
use kho_abi_model::reading::Gap;
use kho_abi_model::version;
use kho_abi_model::{Contract, DeclarationKind, Header, Model, Place, Spelled, BROKEN};

/// What no compiler laid out in a contract's closure, with the reasons.
pub(super) fn unread(held: &Held, header: &Header, contract: &Contract) -> Vec<(String, String)> {
    let model = &held.model;
    let names = model.closure_names(header, contract);
    let declared = model.headers.iter().flat_map(|header| &header.declarations);
    let of_text = declared.filter_map(|declaration| {
        let why = declaration.unproven.clone()?;
        let is_layout =
            matches!(declaration.kind, DeclarationKind::Struct | DeclarationKind::Union);
        (is_layout && names.contains(&declaration.name)).then(|| (declaration.name.clone(), why))
    });
    let of_gaps = held.gaps.iter().filter(|gap| {
        names.contains(&gap.item)
            || gap.item == *contract.compatible
            || gap.item == header.include_path() && is_unread(model, gap)
    });
    of_text.chain(of_gaps.map(|gap| (gap.item.clone(), gap.why.clone()))).collect()
}

/// Whether a gap about a header says that it was not read, rather than that it has no version.
pub(super) fn is_unread(model: &Model, gap: &Gap) -> bool {
    let header = model.headers.iter().find(|header| header.include_path() == gap.item);
    header.is_none_or(|_| gap.why.ends_with(BROKEN))
}

/// Where the macro of a contract's version is written.
pub(super) fn place_of(model: &Model, contract: &Contract) -> Place {
    let known = model.constant(&contract.macro_name).and_then(|found| found.place.as_ref());
    known.map_or_else(|| Place::from(&contract.macro_name), Place::from)
}

/// How to bump a contract, in words that follow "or".
pub(super) fn how_to_bump(model: &Model, contract: &Contract) -> String {
    let next = version::next(model, contract);
    let macro_name = &contract.macro_name;
    match (next, contract.spelled()) {
        (Some(next), Spelled::Number) => format!("make {macro_name} {next}"),
        (Some(next), _) => format!("make {macro_name} \"{next}\""),
        (None, Spelled::Features) => "add a feature that a reader is required to know".to_string(),
        (None, _) => format!("give {macro_name} a value that it never had"),
    }
}
