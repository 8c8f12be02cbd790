// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What was found different, each cause told once, with all that follows from it.

use kho_abi_model::compare::{At, Change, Offset, RecordChange};
use kho_abi_model::finding::Finding;
use kho_abi_model::{Constant, Contract, Packing, Value};
use kho_abi_read::image_strings::split;
use kho_abi_read::source::Reading;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// A struct.
    Record(Box<RecordChange>),
    /// The truth's constant, and the source's where it has one.
    Constant(Box<Constant>, Option<Box<Constant>>),
    /// A device-tree node, by its path.
    Node(String),
}

/// What was found different, over all contracts.
#[derive(Default)]
pub(super) struct Differences {
    /// Each with the contracts that it breaks.
    found: Vec<(Difference, Vec<String>)>,
    versions: Vec<Finding>,
}

const HELP: &str = "give the changed layout a new version in its string, or change it back";

impl Differences {
    /// Adds what differs in a contract. What differs in several contracts is one difference.
    pub(super) fn add(&mut self, contract: &str, differences: Vec<Difference>) {
        for difference in differences {
            match self.found.iter_mut().find(|(known, _)| *known == difference) {
                Some((_, breaks)) => breaks.push(contract.into()),
                None => self.found.push((difference, vec![contract.into()])),
            }
        }
    }

    /// Adds a version of a known contract that the truth does not have.
    pub(super) fn unknown_version(
        &mut self,
        ours: &Contract,
        theirs: &Contract,
        differences: &[Difference],
    ) {
        let what = format!(
            "it has {}, and the truth, which has {}, knows no such version",
            theirs.compatible, ours.compatible
        );
        let help = match (split(&ours.compatible), split(&theirs.compatible)) {
            (Some((_, old)), Some((_, new))) if new > old => {
                "use a kho-abi of that kernel's time, or write the new version into the truth"
            }
            _ => "nothing here can tell what that kernel hands over",
        };
        let mut finding = Finding::new("source_version_unknown", "", what, help);
        let differs = |difference: &Difference| {
            let what = match difference {
                Difference::Record(change) => &change.record,
                Difference::Constant(ours, _) => &ours.name,
                Difference::Node(path) => path,
            };
            format!("{what} is not as {} has it", ours.compatible)
        };
        finding.consequences = differences.iter().map(differs).collect();
        self.versions.push(finding);
    }

    /// Adds a contract that the truth has no version of.
    pub(super) fn unknown_contract(&mut self, theirs: &Contract) {
        let what = format!("it has {}, a contract that the truth does not know", theirs.compatible);
        let help = "write its types into the truth, if it is to be checked";
        self.versions.push(Finding::new("source_contract_unknown", "", what, help));
    }

    /// One finding for each cause, in the order in which they were found.
    pub(super) fn findings(self, reading: &Reading) -> Vec<Finding> {
        let mut findings = self.versions;
        for finding in &mut findings {
            finding.place.clone_from(&reading.name);
        }
        let changed: Vec<String> = self
            .found
            .iter()
            .filter_map(|(difference, _)| match difference {
                Difference::Record(change) => Some(name(&change.record).to_string()),
                _ => None,
            })
            .collect();
        // What follows from something goes where that was told, and so comes after it.
        let mut following = Vec::new();
        let mut told: Vec<(String, usize)> = Vec::new();
        for (difference, breaks) in &self.found {
            let mut finding = match difference {
                Difference::Record(change) => {
                    if let Some(cause) = cause(change, &changed) {
                        following.push((change, cause, breaks));
                        continue;
                    }
                    told.push((name(&change.record).into(), findings.len()));
                    of_record(reading, change)
                }
                Difference::Constant(ours, theirs) => of_constant(reading, ours, theirs.as_deref()),
                Difference::Node(path) => {
                    let what =
                        format!("device-tree node `{path}` has other properties than in the truth");
                    Finding::new("source_layout_differs", &reading.name, what, HELP)
                }
            };
            finding.consequences.push(broken(breaks));
            findings.push(finding);
        }
        // Each round finds what follows from what the round before found.
        while !following.is_empty() {
            let before = following.len();
            following.retain(|(change, cause, _)| {
                let Some((_, at)) = told.iter().find(|(record, _)| record == cause) else {
                    return true;
                };
                let at = *at;
                let all: Vec<_> =
                    change.causes.iter().chain(&change.consequences).cloned().collect();
                let mut more: Vec<_> = collapse(&all)
                    .into_iter()
                    .map(|what| format!("{}: {what}", change.record))
                    .collect();
                let consequences = &mut findings[at].consequences;
                let last = consequences.pop();
                consequences.append(&mut more);
                consequences.extend(last);
                told.push((name(&change.record).into(), at));
                false
            });
            if following.len() == before {
                break;
            }
        }
        // Structs that embed each other are nobody's consequence.
        for (change, _, breaks) in following {
            let mut finding = of_record(reading, change);
            finding.consequences.push(broken(breaks));
            findings.push(finding);
        }
        findings
    }
}

fn broken(contracts: &[String]) -> String {
    let promise = if contracts.len() == 1 { "promises" } else { "promise" };
    format!("this is not what {} {promise}", contracts.join(" and "))
}

/// The name of a struct, without the page size that its layout is for.
fn name(record: &str) -> &str {
    record.split(' ').next().unwrap_or(record)
}

/// The struct whose change makes this one change; `None` where it changed by itself.
fn cause(change: &RecordChange, changed: &[String]) -> Option<String> {
    let mut cause = None;
    for single in &change.causes {
        match single {
            // The same type, of another size: what it embeds changed.
            Change::FieldRetyped(old, new) if old.ty.by_value() == new.ty.by_value() => {
                let embedded = new.ty.embedded()?;
                changed.iter().find(|other| *other == embedded)?;
                cause.get_or_insert_with(|| embedded.to_string());
            }
            _ => return None,
        }
    }
    cause
}

fn of_record(reading: &Reading, change: &RecordChange) -> Finding {
    let mut told = collapse(&change.causes).into_iter();
    let what = format!("{}: {}", change.record, told.next().unwrap_or_default());
    let place = change.place.as_ref().filter(|_| reading.knows.places);
    let place = place.map_or_else(|| reading.name.clone(), ToString::to_string);
    let mut finding = Finding::new("source_layout_differs", place, what, HELP);
    finding.consequences.extend(told);
    finding.consequences.extend(collapse(&change.consequences));
    finding
}

fn of_constant(reading: &Reading, ours: &Constant, theirs: Option<&Constant>) -> Finding {
    let right = spell(&ours.value);
    let what = match theirs {
        Some(theirs) => {
            format!("{} is {}, the truth says {right}", ours.name, spell(&theirs.value))
        }
        None => format!("{} is missing, the truth says {right}", ours.name),
    };
    let place = theirs.and_then(|theirs| theirs.place.as_ref()).filter(|_| reading.knows.places);
    let place = place.map_or_else(|| reading.name.clone(), ToString::to_string);
    Finding::new("source_constant_differs", place, what, HELP)
}

/// Changes in words; fields that moved by the same distance one after the other are one line.
fn collapse(changes: &[Change]) -> Vec<String> {
    let distance = |change: &Change| match change {
        Change::FieldMoved(old, new) => {
            Some(i128::from(new.bit_offset) - i128::from(old.bit_offset))
        }
        _ => None,
    };
    let runs = changes.chunk_by(|a, b| distance(a).is_some() && distance(a) == distance(b));
    runs.map(|run| match (run, distance(&run[0])) {
        ([_, .., _], Some(bits)) => {
            let names = run.iter().filter_map(|change| match change {
                Change::FieldMoved(_, new) => Some(format!("`{}`", new.name)),
                _ => None,
            });
            let by = if bits % 8 == 0 {
                format!("{:+} bytes", bits / 8)
            } else {
                format!("{bits:+} bits")
            };
            let names: Vec<_> = names.collect();
            format!("{} fields are off by {by}: {}", run.len(), names.join(", "))
        }
        _ => tell(&run[0]),
    })
    .collect()
}

/// A change in words: what the source has, and what the truth says.
fn tell(change: &Change) -> String {
    match change {
        Change::StructAdded => "the truth does not have it".into(),
        Change::StructRemoved => "it is missing".into(),
        Change::FieldAdded(new) => format!("field `{}` is not in the truth: {}", new.name, At(new)),
        Change::FieldRemoved(old) => {
            format!("field `{}` is missing, the truth says {}", old.name, At(old))
        }
        Change::FieldRenamed(old, new) => {
            format!("field `{}` ({}) is `{}` in the truth", new.name, At(new), old.name)
        }
        Change::FieldRetyped(old, new) => {
            format!("field `{}` is {}, the truth says {}", new.name, At(new), At(old))
        }
        Change::FieldMoved(old, new) => {
            format!("field `{}` is at {}, the truth says {}", new.name, Offset(new), Offset(old))
        }
        Change::PackingChanged(_, Packing::Packed) => "it is packed, and not in the truth".into(),
        Change::PackingChanged(..) => "it is not packed, and it is in the truth".into(),
        Change::StructResized(old, new) => {
            format!("its size is {new} bytes, the truth says {old}")
        }
        Change::AlignmentChanged(old, new) => {
            format!("its alignment is {new} bytes, the truth says {old}")
        }
    }
}

fn spell(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Str(value) => format!("{value:?}"),
    }
}
