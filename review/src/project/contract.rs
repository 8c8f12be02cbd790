// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Helpers for one contract in the headers of a project.

use super::held::{FromKernel, Held};
use kho_abi_codegen::write;
use kho_abi_model::reading::Gap;
use kho_abi_model::version;
use kho_abi_model::{Contract, DeclarationKind, Header, Model, Packing, Place, Spelled, BROKEN};
use kho_abi_read::frozen::{Frozen, Part, Status};

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

/// What is to be frozen of a contract, with what its source did not tell.
pub(super) fn layout(
    held: &Held,
    header: &Header,
    contract: &Contract,
    status: Status,
) -> Option<Frozen> {
    let mut frozen = write::frozen::of(&held.model, header, &contract.compatible, status)?;
    if let Some(FromKernel { unknown, given, page_size, .. }) = &held.from_kernel {
        if unknown.contains(&Part::Header) {
            frozen.header.clear();
            frozen.contract.macro_name.clear();
        }
        if unknown.contains(&Part::Packing) {
            for record in &mut frozen.records {
                // What a reader makes of a layout that does not say it.
                (record.packing, record.align) = (Packing::Natural, 1);
            }
        }
        frozen.unknown.clone_from(unknown);
        frozen.given.clone_from(given);
        frozen.kernel_pages = *page_size;
    }
    Some(frozen)
}

/// Whether a gap about a header says that it was not read, rather than that it has no version.
pub(super) fn is_unread(model: &Model, gap: &Gap) -> bool {
    let header = model.headers.iter().find(|header| header.include_path() == gap.item);
    header.is_none_or(|_| gap.why.ends_with(BROKEN))
}

/// Where the macro of a contract's version is written.
pub(super) fn place_of(model: &Model, contract: &Contract) -> Place {
    let known = model.constant(&contract.macro_name).and_then(|found| found.place.as_ref());
    // A kernel has strings without macros: what they promise has places, where anything has.
    let root = || model.record(contract.roots.first()?)?.place.as_ref();
    let named = [&contract.macro_name, &contract.compatible].into_iter().find(|n| !n.is_empty());
    let other = || named.map_or_else(|| Place::from(""), Place::from);
    known.or_else(root).map_or_else(other, Place::from)
}

/// How to bump a contract, in words that follow "or".
pub(super) fn how_to_bump(model: &Model, contract: &Contract) -> String {
    let next = version::next(model, contract);
    let macro_name = &contract.macro_name;
    match (next, contract.spelled()) {
        (Some(next), _) if macro_name.is_empty() => format!("make the string \"{next}\""),
        (Some(next), Spelled::Number) => format!("make {macro_name} {next}"),
        (Some(next), _) => format!("make {macro_name} \"{next}\""),
        (None, Spelled::Features) => "add a feature that readers must know".to_string(),
        (None, _) if macro_name.is_empty() => "use a string that it has never had".to_string(),
        (None, _) => format!("give {macro_name} a value that it has never had"),
    }
}
