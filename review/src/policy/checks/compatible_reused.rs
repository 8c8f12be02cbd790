// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_reused`.

use super::{contract_place, same_promise, Check, Class, PolicyRule, Rule};
use crate::policy::{catalogue, Baseline, Hit, Judged};
use kho_abi_model::{Contract, Model};
use kho_abi_read::source::Kind;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_reused",
        summary: "A contract takes a string that stood for other bytes.",
        reason: "Kernels with the earlier bytes under that string are running. They and this one would misread each other's bytes. The strings that this program knows count as much as those of the old side.",
        example: "\"pci-v2\" was withdrawn, but a later PCI struct uses it again.",
        remedy: "Use a string that no contract has ever had.",
    },
    class: Class::Version,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let comparison = judged.comparison;
    let new_model = comparison.new.model();
    let mut hits = Vec::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((_, new)) = pair.new else { continue };
        // A string that was kept is another rule's. That it meant other bytes before is a note.
        if pair.old.is_some_and(|(_, old)| old.compatible == new.compatible) {
            hits.extend(known_before(judged, index));
            continue;
        }
        // Two contracts with one string on this side are another rule's as well.
        let twice = new_model.contracts().filter(|(_, c)| c.compatible == new.compatible).count();
        if twice > 1 {
            continue;
        }
        let other_bytes = |model: &Model| -> Option<String> {
            let same = |contract: &&Contract| contract.compatible == new.compatible;
            let (_, taken) = model.contracts().find(|(_, contract)| same(contract))?;
            (!same_promise(model, taken, new_model, new)).then(|| taken.macro_name.clone())
        };
        let before = other_bytes(comparison.old.model())
            .map(|macro_name| (macro_name, comparison.old.reading.name.clone()));
        let released = || match &judged.options.baseline {
            Baseline::Released(reading) => {
                other_bytes(&reading.model).map(|macro_name| (macro_name, reading.name.clone()))
            }
            _ => None,
        };
        if let Some((macro_name, source)) = before.or_else(released) {
            hits.push(Hit {
                item: new.macro_name.clone(),
                place: contract_place(comparison, index),
                what: format!(
                    "\"{}\" is {macro_name} in {source}, where it stands for other bytes",
                    new.compatible
                ),
                pairs: vec![index],
                ..Hit::default()
            });
            continue;
        }
        // If a series adds the contract, the series has a form of it that no kernel has.
        let catalogue = &judged.options.catalogue;
        let is_first = pair.old.is_none() && catalogue::is_unreleased(catalogue, new_model, new);
        hits.extend(known(judged, index, new, is_first));
    }
    hits
}

/// A string that the catalogue knows with other bytes.
fn known(judged: &Judged<'_>, index: usize, new: &Contract, remark: bool) -> Option<Hit> {
    let comparison = judged.comparison;
    // The source of the catalogue is not evidence against it, and images are for `verify`.
    if comparison.new.reading.kind != Kind::Headers {
        return None;
    }
    let catalogue = &judged.options.catalogue;
    let difference = catalogue::difference(catalogue, comparison.new.model(), new)?;
    // No kernel has a draft, so nothing can misread its bytes.
    let is_draft = catalogue.is_draft(&new.compatible);
    Some(Hit {
        item: new.macro_name.clone(),
        place: contract_place(comparison, index),
        what: format!("\"{}\" is known with other bytes: {}", new.compatible, difference.what),
        consequences: difference.known_forms,
        pairs: vec![index],
        remark: remark || is_draft,
        ..Hit::default()
    })
}

/// Whether the old side has the same string with the same bytes: then the change did not add it.
fn known_before(judged: &Judged<'_>, index: usize) -> Option<Hit> {
    let (old, new) = judged.comparison.pairs[index].both()?;
    let models = [judged.comparison.old.model(), judged.comparison.new.model()];
    if !same_promise(models[0], old, models[1], new) {
        return None;
    }
    known(judged, index, new, true)
}
