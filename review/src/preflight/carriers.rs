// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What goes down with what: state is reached through KHO, and files through LUO.

use super::{ContractAnswer, Effect, Outcome};
use kho_abi_model::version;

/// The contracts that KHO itself leads to.
const OF_KHO: &[&str] = &["kho", "kexec-metadata", "memblock", "reserve-mem", "luo", "LUO"];
/// The contracts of files and of objects that LUO leads to.
const OF_LUO: &[&str] =
    &["luo-session", "luo-flb", "memfd", "vfio-pci", "pci", "iommu", "iommufd", "iommu-liveupdate"];

/// Whether LUO leads to a contract; `None` if that is unknown.
fn is_of_luo(stem: &str) -> Option<bool> {
    match stem {
        _ if OF_LUO.contains(&stem) => Some(true),
        _ if OF_KHO.contains(&stem) => Some(false),
        _ => None,
    }
}

fn stem(contract: &ContractAnswer) -> &str {
    let string = contract.current.as_deref().or(contract.next.as_deref());
    version::stem(string.unwrap_or_default())
}

fn string(contract: &ContractAnswer) -> String {
    contract.current.clone().unwrap_or_default()
}

/// Corrects the answers about contracts that the next kernel does not reach.
pub(super) fn apply(contracts: &mut [ContractAnswer]) {
    let of = |stems: &[&str], contracts: &[ContractAnswer]| {
        contracts.iter().find(|contract| stems.contains(&stem(contract))).cloned()
    };
    let (kho, luo) = (of(&["kho"], contracts), of(&["luo", "LUO"], contracts));
    let is_lost = |carrier: &ContractAnswer| carrier.outcome == Outcome::Lost;
    let is_dangerous = |carrier: &ContractAnswer| carrier.outcome == Outcome::Dangerous;
    if let Some(kho) = kho.as_ref().filter(|kho| is_lost(kho)) {
        // The next kernel looks at nothing else: it does not get as far as a panic.
        return each(contracts, |contract| {
            (stem(contract) != "kho").then(|| lost(format!("lost with {}", string(kho))))
        });
    }
    let panics =
        |contract: &&ContractAnswer| is_lost(contract) && contract.effect == Effect::Panics;
    if let Some(panicking) = contracts.iter().find(panics).cloned() {
        let name = string(&panicking);
        each(contracts, |contract| {
            let is_other =
                contract.outcome != Outcome::Dangerous && contract.effect != Effect::Panics;
            is_other.then(|| lost(format!("lost when the next kernel panics, because of {name}")))
        });
        return;
    }
    if let Some(luo) = luo.as_ref().filter(|luo| is_lost(luo)) {
        each(contracts, |contract| match is_of_luo(stem(contract)) {
            Some(true) => Some(lost(format!("lost with {}", string(luo)))),
            Some(false) => None,
            None => (contract.outcome == Outcome::Understood)
                .then(|| unknown(format!("unknown whether it is lost with {}", string(luo)))),
        });
    }
    for (carrier, of_luo) in [(kho, false), (luo, true)] {
        let Some(carrier) = carrier.filter(is_dangerous) else { continue };
        each(contracts, |contract| {
            let reached = contract.current != carrier.current
                && (!of_luo || is_of_luo(stem(contract)) != Some(false));
            (reached && contract.outcome == Outcome::Understood)
                .then(|| unknown(format!("only {} leads to it, and is misread", string(&carrier))))
        });
    }
}

/// What an answer becomes, if another one decides.
struct Becomes {
    outcome: Outcome,
    effect: Effect,
    happens: String,
}

fn lost(happens: String) -> Becomes {
    Becomes { outcome: Outcome::Lost, effect: Effect::Lost, happens }
}

fn unknown(happens: String) -> Becomes {
    Becomes { outcome: Outcome::Unknown, effect: Effect::Unknown, happens }
}

/// Changes each contract that the current kernel hands over, where `becomes` says so.
fn each(contracts: &mut [ContractAnswer], becomes: impl Fn(&ContractAnswer) -> Option<Becomes>) {
    for contract in contracts {
        // What the current kernel does not have, it does not hand over.
        if contract.current.is_none() {
            continue;
        }
        if let Some(Becomes { outcome, effect, happens }) = becomes(contract) {
            (contract.outcome, contract.effect, contract.happens) = (outcome, effect, happens);
            contract.evidence.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(string: &str, outcome: Outcome, effect: Effect) -> ContractAnswer {
        ContractAnswer {
            current: Some(string.into()),
            next: Some(string.into()),
            outcome,
            effect,
            happens: String::new(),
            evidence: Vec::new(),
            open: Vec::new(),
        }
    }

    /// What becomes of these contracts when the first of them fares like that.
    fn with(first: (&str, Outcome, Effect)) -> Vec<(String, Outcome, String)> {
        let others =
            ["kho-v4", "luo-v5", "memfd-v2", "memblock-v1", "kexec-metadata", "tomorrow-v1"];
        let others = others.into_iter().filter(|other| *other != first.0);
        let mut rows = vec![row(first.0, first.1, first.2)];
        rows.extend(others.map(|other| row(other, Outcome::Understood, Effect::None)));
        rows.push(ContractAnswer {
            current: None,
            ..row("new-v1", Outcome::OnlyNext, Effect::None)
        });
        apply(&mut rows);
        rows.into_iter().map(|row| (string(&row), row.outcome, row.happens)).collect()
    }

    #[test]
    fn what_is_reached_through_something_lost_is_lost() {
        let of = |rows: &[(String, Outcome, String)], string: &str| {
            let row = rows.iter().find(|row| row.0 == string).unwrap();
            (row.1, row.2.clone())
        };
        let rows = with(("kho-v4", Outcome::Lost, Effect::Lost));
        for other in ["luo-v5", "memfd-v2", "memblock-v1", "kexec-metadata", "tomorrow-v1"] {
            assert_eq!(of(&rows, other), (Outcome::Lost, "lost with kho-v4".into()), "{other}");
        }
        assert_eq!(of(&rows, "").0, Outcome::OnlyNext);
        let rows = with(("luo-v5", Outcome::Lost, Effect::Panics));
        for other in ["kho-v4", "memfd-v2", "memblock-v1", "tomorrow-v1"] {
            let (outcome, happens) = of(&rows, other);
            assert_eq!(outcome, Outcome::Lost, "{other}");
            assert!(happens.contains("panics, because of luo-v5"), "{happens}");
        }
        let rows = with(("luo-v5", Outcome::Lost, Effect::Refused));
        for (other, outcome) in [
            ("kho-v4", Outcome::Understood),
            ("memblock-v1", Outcome::Understood),
            ("kexec-metadata", Outcome::Understood),
            ("memfd-v2", Outcome::Lost),
            ("tomorrow-v1", Outcome::Unknown),
        ] {
            assert_eq!(of(&rows, other).0, outcome, "{other}");
        }
        for (first, luo, memblock) in [
            ("kho-v4", Outcome::Unknown, Outcome::Unknown),
            ("luo-v5", Outcome::Dangerous, Outcome::Understood),
        ] {
            let rows = with((first, Outcome::Dangerous, Effect::Silent));
            assert_eq!(of(&rows, "luo-v5").0, luo, "{first}");
            assert_eq!(of(&rows, "memfd-v2").0, Outcome::Unknown, "{first}");
            assert_eq!(of(&rows, "memblock-v1").0, memblock, "{first}");
        }
        let rows = with(("memfd-v2", Outcome::Lost, Effect::Lost));
        assert!(rows.iter().all(|row| row.0 == "memfd-v2" || row.1 != Outcome::Lost), "{rows:?}");
    }
}
