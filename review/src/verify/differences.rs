// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The differences that were found, each cause once, with its consequences.

use super::pages::BY_PAGES;
use kho_abi_model::compare::{causes, ConstantChange, PropertyChange, RecordChange, Words};
use kho_abi_model::finding::Finding;
use kho_abi_model::version::numbered;
use kho_abi_model::{Contract, Header, Place};
use kho_abi_read::source::{Gap, Kind, Reading};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// A struct.
    Record(Box<RecordChange>),
    /// A constant, with its place in the source.
    Constant(Box<ConstantChange>, Option<Place>),
    /// A property of a device-tree node.
    Property(PropertyChange),
}

/// What was found different, over all contracts.
#[derive(Default)]
pub(super) struct Differences {
    /// Each difference, and the contracts that it breaks.
    found: Vec<(Difference, Vec<String>)>,
    versions: Vec<Finding>,
    /// What the source has but does not show, each with the contracts that it leaves open.
    not_read: Vec<(Gap, Vec<String>)>,
    /// The frozen layouts that are the truth, if it is not this program's types.
    against: Option<String>,
}

const HELP: &str = "give the changed layout a new version in its string, or change it back";

impl Differences {
    /// Nothing yet, against a truth of that name.
    pub(super) fn against(name: Option<String>) -> Self {
        Self { against: name, ..Self::default() }
    }

    /// What to do where the truth does not have something.
    fn write_down(&self, otherwise: &str) -> String {
        match &self.against {
            Some(name) => format!("run `kho-abi freeze` in that tree, to add it to {name}"),
            None => otherwise.into(),
        }
    }

    /// Adds a contract's difference. If several contracts share it, it is still one difference.
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
            "it has {}, but the truth has {}, and does not know that version",
            theirs.compatible, ours.compatible
        );
        let help = match (numbered(ours), numbered(theirs)) {
            (Some((_, old)), Some((_, new))) if new > old => self.write_down(
                "use a kho-abi from that kernel's time: this one does not know the version",
            ),
            _ => "unknown what that kernel hands over".into(),
        };
        let mut finding = Finding::new("source_version_unknown", "", what, help);
        let differs = |difference: &Difference| {
            let what = match difference {
                Difference::Record(change) => change.title(),
                Difference::Constant(change, _) => change.name.clone(),
                Difference::Property(change) => change.item(),
            };
            format!("{what} differs from {}", ours.compatible)
        };
        finding.consequences = differences.iter().map(differs).collect();
        self.versions.push(finding);
    }

    /// Adds structs of a contract whose version no header has.
    pub(super) fn no_version(&mut self, ours: &Contract) {
        let structs = ours.roots.join(", ");
        let what = format!("it has {structs} but not {}: no version covers them", ours.macro_name);
        let help = "restore the version in the header: the next kernel compares nothing else";
        self.versions.push(Finding::new("source_version_unknown", "", what, help));
    }

    /// Adds structs that the truth does not have, in a header without a version.
    pub(super) fn unversioned(&mut self, header: &Header, structs: &[&str]) {
        let what = format!(
            "it has {} in {}, which has no version; the truth does not know them",
            structs.join(", "),
            header.include_path()
        );
        let help = self.write_down(
            "give the header a version that the next kernel compares, and add its types to the \
             truth",
        );
        self.versions.push(Finding::new("source_contract_unknown", "", what, help));
    }

    /// Adds a contract of which the truth has no version.
    pub(super) fn unknown_contract(&mut self, theirs: &Contract) {
        let what = format!("it has {}, a contract that the truth does not know", theirs.compatible);
        let help = self.write_down("add its types to the truth, if it is to be checked");
        self.versions.push(Finding::new("source_contract_unknown", "", what, help));
    }

    /// Adds what the source has but does not show, and a contract that it leaves open.
    pub(super) fn not_read(&mut self, gap: &Gap, contract: &str) {
        let known = self.not_read.iter_mut().find(|(known, _)| known == gap);
        match known {
            Some((_, opens)) if opens.iter().any(|open| open == contract) => {}
            Some((_, opens)) => opens.push(contract.into()),
            None => self.not_read.push((gap.clone(), vec![contract.into()])),
        }
    }

    /// One finding for each cause, in the order in which they were found.
    pub(super) fn findings(self, reading: &Reading) -> Vec<Finding> {
        let mut findings = self.versions;
        for finding in &mut findings {
            finding.place = Some(Place::from(&reading.name));
        }
        let place = |place: Option<&Place>| {
            let place = place.filter(|_| reading.knows.places);
            place.map_or_else(|| Place::from(&reading.name), Place::from)
        };
        let records: Vec<&RecordChange> = self
            .found
            .iter()
            .filter_map(|(difference, _)| match difference {
                Difference::Record(change) => Some(&**change),
                _ => None,
            })
            .collect();
        let mut causes = causes(&records).into_iter().peekable();
        let mut at = 0;
        for (difference, breaks) in &self.found {
            let mut finding = match difference {
                Difference::Record(change) => {
                    at += 1;
                    // A consequence of another struct's change is reported with that change.
                    let Some(cause) = causes.next_if(|cause| cause.change == at - 1) else {
                        continue;
                    };
                    let mut told = change.tell(Words::Truth);
                    let what = format!("{}: {}", change.title(), told.next().unwrap_or_default());
                    let place = place(change.place.as_ref());
                    let mut finding = Finding::new("source_layout_differs", place, what, HELP);
                    finding.consequences.extend(told);
                    for follower in cause.followers.into_iter().map(|at| records[at]) {
                        let told = follower.tell(Words::Truth);
                        finding
                            .consequences
                            .extend(told.map(|what| format!("{}: {what}", follower.title())));
                    }
                    finding
                }
                Difference::Constant(change, found) => {
                    let place = place(found.as_ref());
                    Finding::new("source_constant_differs", place, change.tell(Words::Truth), HELP)
                }
                Difference::Property(change) => {
                    let what = change.tell(Words::Truth);
                    Finding::new("source_layout_differs", &reading.name, what, HELP)
                }
            };
            finding.consequences.push(broken(breaks));
            findings.push(finding);
        }
        for (gap, opens) in &self.not_read {
            let what = format!("unknown whether {} matches the truth: {}", gap.item, gap.why);
            let help = match reading.kind {
                _ if gap.why.contains(BY_PAGES) => {
                    "compare kernels with the same page size, or freeze the layout from headers"
                }
                Kind::Dwarf | Kind::Btf | Kind::Strings => {
                    "give the kernel's vmlinux with DWARF, or find out why this one lacks it"
                }
                _ => "give a source that shows it: the whole header, or the kernel's tree",
            };
            let mut finding = Finding::new("not_compared", &reading.name, what, help);
            finding
                .consequences
                .push(format!("nothing of it is known for {}", opens.join(" and ")));
            findings.push(finding);
        }
        findings
    }
}

fn broken(contracts: &[String]) -> String {
    let promise = if contracts.len() == 1 { "promises" } else { "promise" };
    format!("this is not what {} {promise}", contracts.join(" and "))
}
