// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The answer about one contract: what becomes of it, and what the next kernel does.

use super::{on_absence, on_mismatch, Built, ContractAnswer, Effect, Kernel, Outcome, FEATURES};
use crate::diff::{is_in_code_alone, Comparison};
use crate::policy::{ContractReport, Level, Report, Verdict};
use kho_abi_model::finding::Finding;
use kho_abi_model::{version, Contract};
use kho_abi_read::source::Kind;

/// Two kernels, and what comparing them came to.
pub(super) struct Asked<'a> {
    pub(super) current: &'a Kernel,
    pub(super) next: &'a Kernel,
    pub(super) comparison: &'a Comparison<'a>,
    pub(super) report: &'a Report,
}

impl Asked<'_> {
    /// The answer about a contract, by its number; `None` for a part that the current kernel is built without.
    pub(super) fn row(&self, index: usize) -> Option<ContractAnswer> {
        let contract = &self.report.contracts[index];
        let (now, then) = (contract.old.clone(), contract.new.clone());
        let string = now.as_ref().or(then.as_ref()).cloned().unwrap_or_default();
        let scheme = contract.scheme.as_deref();
        let (outcome, happens) = self.outcome(index, &string);
        // A kernel neither writes nor reads a part that it is built without.
        let (outcome, effect, happens) = match without(self.current, self.next, &string) {
            Some(Lacking::Current) => return None,
            Some(Lacking::Next(option)) if now.is_some() => {
                let (effect, what) = on_mismatch_without(&string);
                let happens = format!("the next kernel is built without {option}: {what}");
                (Outcome::Lost, effect, happens)
            }
            _ if contract.verdict == Verdict::Removed && outcome == Outcome::Lost => {
                (outcome, on_absence(&string, scheme).0, happens)
            }
            _ => (outcome, effect_of(outcome, &string, scheme), happens),
        };
        let differs = outcome == Outcome::Dangerous || self.differs_alone(index);
        let evidence = match (differs, contract.verdict) {
            (true, _) => self.evidence(index),
            (false, Verdict::Unchanged) => {
                self.renamed(index).map(|event| event.what.clone()).collect()
            }
            (false, _) => Vec::new(),
        };
        let open = contract.open.clone();
        Some(ContractAnswer { current: now, next: then, outcome, effect, happens, evidence, open })
    }

    /// What becomes of a contract, and what happens in the field.
    fn outcome(&self, index: usize, string: &str) -> (Outcome, String) {
        let (current, next) = (self.current, self.next);
        let ContractReport { old, new, verdict, open, scheme, .. } = &self.report.contracts[index];
        let (_, any) = self.comparison.pairs[index].any();
        let scheme = scheme.as_deref();
        let listed = next.listed.as_ref().is_some_and(|list| list.iter().any(|s| s == string));
        match verdict {
            Verdict::BumpMissing => (
                Outcome::Dangerous,
                "the next kernel finds its own string, but misreads the bytes".into(),
            ),
            Verdict::VersionMissing => (
                Outcome::Dangerous,
                "no version covers it, and the next kernel misreads the bytes".into(),
            ),
            Verdict::Unchanged => match string_alone(current, next, open) {
                Some(why) => (Outcome::Unknown, why),
                None if self.renamed(index).next().is_some() => (
                    Outcome::Unknown,
                    "the bytes are the same, but their names differ, and perhaps their meaning"
                        .into(),
                ),
                None => (Outcome::Understood, String::new()),
            },
            Verdict::New => (Outcome::OnlyNext, String::new()),
            Verdict::NotChecked if self.differs_alone(index) => (
                Outcome::Unknown,
                "its structs differ, and only the code contains the number that the next kernel \
                 compares"
                    .into(),
            ),
            Verdict::NotChecked if old.is_none() && is_unused(string, any, current) => (
                Outcome::OnlyNext,
                format!("{} has no code for it, according to its types", current.side.reading.name),
            ),
            Verdict::NotChecked if new.is_none() && is_unused(string, any, next) => (
                Outcome::Lost,
                format!(
                    "{}: according to its types, it has no code for it",
                    on_absence(string, scheme).1
                ),
            ),
            Verdict::NotChecked if old.is_none() => {
                (Outcome::CurrentUnknown, "unknown whether the current kernel has it".into())
            }
            Verdict::NotChecked if new.is_some() => {
                let why = string_alone(current, next, open);
                (Outcome::Unknown, why.unwrap_or_else(|| "it cannot be compared".into()))
            }
            Verdict::NotChecked => {
                (Outcome::Unknown, "unknown whether the next kernel has it".into())
            }
            _ if listed => (
                Outcome::Unknown,
                "the next kernel lists the string as understood, but the bytes cannot be compared"
                    .into(),
            ),
            Verdict::Removed => (Outcome::Lost, on_absence(string, scheme).1.into()),
            _ => (Outcome::Lost, on_mismatch(string, scheme).1.into()),
        }
    }

    /// Whether the structs of a contract differ that only its structs show: whether its number does is unknown.
    fn differs_alone(&self, index: usize) -> bool {
        let by_structs = |(old, new): (&Contract, &Contract)| {
            old.is_known_by_structs() || new.is_known_by_structs()
        };
        self.report.contracts[index].verdict == Verdict::NotChecked
            && self.comparison.structs.iter().any(|record| record.pairs.contains(&index))
            && self.comparison.pairs[index].both().is_some_and(by_structs)
    }

    /// The fields of a contract that the two kernels call by different names.
    ///
    /// No kernel reads a name. But what it does with the bytes may be another thing, and no layout shows that.
    fn renamed(&self, index: usize) -> impl Iterator<Item = &Finding> {
        let then = self.report.contracts[index].new.as_ref();
        self.report.events.iter().filter(move |event| {
            event.rule == "field_renamed" && then.is_some_and(|name| event.contracts.contains(name))
        })
    }

    /// How the bytes of a contract differ.
    fn evidence(&self, index: usize) -> Vec<String> {
        let alone = self.differs_alone(index);
        let then = self.report.contracts[index].new.as_ref();
        let of_it = self.report.events.iter().filter(|event| {
            let counts = event.level == Level::Finding && event.rule != "not_compared";
            (counts || alone && event.level == Level::Fine)
                && then.is_some_and(|name| event.contracts.contains(name))
        });
        let lines = of_it.flat_map(|event| std::iter::once(&event.what).chain(&event.consequences));
        lines.cloned().collect()
    }
}

/// Whether losing this contract loses preserved state. kexec-metadata only feeds a log line, so it
/// does not count.
pub(super) fn matters(compatible: &str) -> bool {
    version::stem(compatible) != "kexec-metadata"
}

/// Why an equal string is not enough for a contract whose content was not compared; `None` if it is
/// enough, since only code has the properties of device trees, and no image shows them.
fn string_alone(current: &Kernel, next: &Kernel, open: &[String]) -> Option<String> {
    let open: Vec<_> =
        open.iter().map(String::as_str).filter(|item| !is_in_code_alone(item)).collect();
    if open.is_empty() {
        return None;
    }
    let untyped = [current, next].into_iter().find(|k| k.side.reading.kind == Kind::Strings);
    Some(match untyped {
        Some(kernel) => format!(
            "the string is the same, but nothing else was compared: {} has no types",
            kernel.side.reading.name
        ),
        None => format!("the string is the same; not compared: {}", open.join(", ")),
    })
}

/// Whether a kernel has none of the structs of a contract that loses nothing when it is not there.
///
/// Types have what the code uses. For a contract that matters this is not enough: a struct may have another
/// name.
fn is_unused(string: &str, contract: &Contract, kernel: &Kernel) -> bool {
    let reading = &kernel.side.reading;
    let unknown =
        |root: &String| reading.model.record(root).is_some() || kernel.side.leaves_open(root);
    !matters(string)
        && matches!(reading.kind, Kind::Dwarf | Kind::Btf)
        && !contract.roots.iter().any(unknown)
}

/// Which side is built without what a contract needs.
enum Lacking {
    Current,
    Next(&'static str),
}

fn without(current: &Kernel, next: &Kernel, compatible: &str) -> Option<Lacking> {
    let stem = version::stem(compatible);
    let needs = FEATURES.iter().filter(|feature| feature.stems.contains(&stem));
    for feature in needs {
        if current.built(feature.option) == Built::Without {
            return Some(Lacking::Current);
        }
        if next.built(feature.option) == Built::Without {
            return Some(Lacking::Next(feature.option));
        }
    }
    None
}

/// What happens if the next kernel lacks the code that would read it, instead of having another
/// version.
fn on_mismatch_without(compatible: &str) -> (Effect, &'static str) {
    match version::stem(compatible) {
        "luo" | "LUO" => {
            (Effect::Lost, "the next kernel ignores sessions and files: they are lost")
        }
        _ => on_mismatch(compatible, None),
    }
}

/// What the next kernel does with a contract that has this outcome.
fn effect_of(outcome: Outcome, contract: &str, scheme: Option<&str>) -> Effect {
    match outcome {
        Outcome::Dangerous => Effect::Silent,
        Outcome::Lost => on_mismatch(contract, scheme).0,
        Outcome::Unknown | Outcome::CurrentUnknown => Effect::Unknown,
        Outcome::Understood | Outcome::OnlyNext => Effect::None,
    }
}
