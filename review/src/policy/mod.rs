// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a change means: rules, levels, and a verdict for each contract.
//!
//! The kernel's rule is that any modification of what a compatible string promises needs another
//! string. A change is fine if every string that promises the changed bytes changed too. Otherwise
//! it is a finding. What is wrong on both sides is a note: a diff reports what the change adds.

pub mod allow;
mod catalogue;
pub mod checks;
pub mod sides;
mod version_fields;

use crate::diff::{is_in_code_alone, Comparison, Side};
use allow::Allowance;
pub use kho_abi_model::finding::{Finding, Level};
use kho_abi_model::rule::Rule;
use kho_abi_model::version::{self, Scheme, Step};
use kho_abi_model::{Contract, Place, Record, Spelled};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::{Gap, Kind, Reading};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sides::Looked;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Bytes lie elsewhere, or are others.
    Bytes,
    /// The same bytes say something else.
    Meaning,
    /// Bytes and meaning are the same, and the source says it differently.
    Spelling,
    /// Code that may write or read the bytes: whether they are others is unknown.
    Code,
    /// Worth knowing, and never wrong.
    Remark,
    /// How a contract's version goes with what became of it.
    Version,
    /// What a change of bytes asks for elsewhere.
    Follows,
    /// A flaw of one side.
    Flaw,
}

/// A rule and its check.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRule {
    /// Id, reason, example and remedy.
    pub rule: Rule,
    /// What kind of thing it finds.
    pub class: Class,
    /// The check.
    pub check: Check,
}

/// How a rule finds its events.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Looks at changes of structs, constants and nodes.
    Changes(fn(&Comparison<'_>) -> Vec<Hit>),
    /// Looks at how versions changed with them.
    Versions(fn(&Judged<'_>) -> Vec<Hit>),
    /// Looks at one side alone.
    Side(fn(&Side) -> Vec<Hit>),
    /// Looks at one side alone. The level applies if a change adds the hit: a hit that moves no
    /// bytes and breaks no kernel is worth knowing. Hits that both sides have are dropped.
    Lint(fn(&Looked<'_>) -> Vec<Hit>, Level),
}

impl Check {
    /// What is found in one side alone; nothing, if that is not looked at alone.
    pub(crate) fn of_side(self, side: &Looked<'_>) -> Vec<Hit> {
        match self {
            Self::Side(find) => find(side),
            Self::Lint(find, _) => find(side),
            Self::Changes(_) | Self::Versions(_) => Vec::new(),
        }
    }
}

/// One thing that a rule found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hit {
    /// What it is about, in a stable name: `vfio_pci_core_device_ser.bdf`.
    pub item: String,
    /// Where.
    pub place: Option<Place>,
    /// What was found.
    pub what: String,
    /// Its consequences.
    pub consequences: Vec<String>,
    /// The pairs whose promise it affects, by index.
    pub pairs: Vec<usize>,
    /// Whether the same bytes are still in the same place, for rules that find both kinds.
    pub same_bytes: bool,
    /// What to do, if the rule's remedy is not enough.
    pub help: Option<String>,
    /// Whether this hit is only a remark, although the rule also finds defects.
    pub remark: bool,
    /// Whether no version of both sides covers it: a finding, whatever the verdicts of the pairs.
    pub unversioned: bool,
}

/// A change that one of several contracts covers, if nothing says which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joint {
    /// What changed.
    pub item: String,
    /// The pairs that may promise it, by index.
    pub pairs: BTreeSet<usize>,
    /// Those of them that have another version.
    pub bumped: BTreeSet<usize>,
}

/// A comparison, with the state of its judgement.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The facts.
    pub comparison: &'a Comparison<'a>,
    /// A verdict for each pair.
    pub verdicts: Vec<Verdict>,
    /// For each pair, what affects it.
    pub touched: Vec<Vec<String>>,
    /// What affects one of several pairs.
    pub joint: Vec<Joint>,
    /// How to judge.
    pub options: &'a Options,
}

/// The result for a contract.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Neither what it promises nor its string changed.
    Unchanged,
    /// What it promises changed, and so did its string.
    ChangedAndBumped,
    /// What it promises changed, but its string did not.
    BumpMissing,
    /// Something changed that no version covers.
    VersionMissing,
    /// What it promises changed, and a later patch of the series has the new string.
    BumpedLater,
    /// Its string changed, but nothing that it promises did.
    BumpedWithoutChange,
    /// What it promises changed under the same string, but no kernel was released with it.
    ChangedUnreleased,
    /// What it promises changed under the same string, but a reviewed file allows it.
    ChangedAllowed,
    /// It is new.
    New,
    /// It is gone.
    Removed,
    /// One side does not show whether it has the contract, or what the contract promises. Unknown
    /// is not a yes.
    #[serde(rename = "unknown")]
    NotChecked,
}

impl Verdict {
    /// The verdict in words.
    #[must_use]
    pub fn tell(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::ChangedAndBumped => "changed and bumped",
            Self::BumpMissing => "bump missing",
            Self::VersionMissing => "changed, and no version covers it",
            Self::BumpedLater => "changed, and bumped by a later patch",
            Self::BumpedWithoutChange => "bumped without change",
            Self::ChangedUnreleased => "changed before its release",
            Self::ChangedAllowed => "changed as allowed",
            Self::New => "new",
            Self::Removed => "removed",
            Self::NotChecked => "unknown",
        }
    }
}

/// How strictly to judge changes that leave all bytes where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// The kernel's own rule: any modification needs a new string.
    #[default]
    Strict,
    /// A change that leaves bytes and meaning as they are is a note.
    Wire,
}

/// Which strings kernels in the field have.
#[derive(Clone, Debug, Default)]
pub enum Baseline {
    /// All strings of the old source.
    #[default]
    Old,
    /// No string of the old source: it is a series that was not merged.
    Nothing,
    /// The strings of a third source.
    Released(Box<Reading>),
}

impl Baseline {
    /// Whether kernels in the field have that string.
    #[must_use]
    pub fn has(&self, contract: &Contract) -> bool {
        match self {
            Self::Old => true,
            Self::Nothing => false,
            Self::Released(reading) => {
                reading.model.promises().any(|(_, other)| other.compatible == contract.compatible)
            }
        }
    }
}

/// How to judge.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How strictly.
    pub strictness: Strictness,
    /// Which strings are released.
    pub baseline: Baseline,
    /// Contracts that the old source's own tree has as drafts: no kernel has them.
    pub drafts: BTreeSet<String>,
    /// The known strings, and the bytes that they mean.
    pub catalogue: Arc<Catalogue>,
    /// What a reviewed file allows.
    pub allowances: Vec<Allowance>,
    /// Today, as days since 1970: allowances expire.
    pub today: i64,
}

impl Options {
    /// Whether no kernel in the field has that contract of the old source.
    fn is_unreleased(&self, contract: &Contract) -> bool {
        !self.baseline.has(contract) || self.drafts.contains(&contract.compatible)
    }
}

/// A judgement: the content of a report.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct Report {
    /// The old source.
    pub old: Named,
    /// The new source.
    pub new: Named,
    /// How strictly it was judged.
    pub policy: Strictness,
    /// The result for each contract.
    pub contracts: Vec<ContractReport>,
    /// What was found, by rule.
    pub events: Vec<Finding>,
    /// What was not compared.
    pub not_checked: Vec<Gap>,
}

/// A source, by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
pub struct Named {
    /// As it was asked for.
    pub name: String,
    /// The kind of the source.
    pub kind: Kind,
}

/// The result for a contract.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct ContractReport {
    /// The old string.
    pub old: Option<String>,
    /// The new string.
    pub new: Option<String>,
    /// The macro with the string.
    pub macro_name: String,
    /// The header with that macro.
    pub header: String,
    /// How its version is spelled.
    pub scheme: Option<String>,
    /// The result.
    pub verdict: Verdict,
    /// The string after a bump.
    pub next: Option<String>,
    /// The structs that differ, before and after.
    pub structs: Vec<Layouts>,
    /// The structs of the contract that could not be compared.
    pub open: Vec<String>,
    /// Other contracts that may promise what changed instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jointly: Vec<String>,
}

impl ContractReport {
    /// The verdict in words.
    #[must_use]
    pub fn tell(&self) -> String {
        let verdict = self.verdict.tell();
        let whole = !matches!(self.verdict, Verdict::Unchanged | Verdict::BumpedWithoutChange);
        match self.open.as_slice() {
            [] => verdict.into(),
            _ if whole => verdict.into(),
            open => format!("{verdict} as far as checked (not {})", open.join(", ")),
        }
    }

    /// Its string, and the old one if it differs.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
            (_, Some(one)) | (Some(one), _) => one.clone(),
            (None, None) => String::new(),
        }
    }
}

/// A struct before and after.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct Layouts {
    /// The tag.
    pub name: String,
    /// The page size that it is for, if it depends on the page size.
    pub page_size: Option<u64>,
    /// As it was.
    pub old: Option<Record>,
    /// As it is.
    pub new: Option<Record>,
}

impl Report {
    /// How many findings there are; the exit status depends on it.
    #[must_use]
    pub fn findings(&self) -> usize {
        self.events.iter().filter(|event| event.level == Level::Finding).count()
    }

    /// The worst verdict.
    #[must_use]
    pub fn worst(&self) -> Option<Verdict> {
        let rank = |verdict: Verdict| match verdict {
            Verdict::BumpMissing | Verdict::VersionMissing => 0,
            Verdict::NotChecked => 1,
            Verdict::ChangedAllowed => 2,
            Verdict::ChangedUnreleased => 3,
            Verdict::ChangedAndBumped | Verdict::BumpedLater => 4,
            Verdict::BumpedWithoutChange => 5,
            Verdict::Removed => 6,
            Verdict::New => 7,
            Verdict::Unchanged => 8,
        };
        self.contracts.iter().map(|contract| contract.verdict).min_by_key(|v| rank(*v))
    }
}

/// Judges a comparison: runs every rule.
#[must_use]
pub fn judge(comparison: &Comparison<'_>, options: &Options) -> Report {
    let mut allowed = allow::Book::new(&options.allowances, options.today);
    let mut hits: Vec<(&PolicyRule, Hit)> = Vec::new();
    for rule in checks::REGISTRY {
        if let Check::Changes(find) = rule.check {
            hits.extend(find(comparison).into_iter().map(|hit| (rule, hit)));
        }
    }

    let touch = touches(comparison, options, &mut hits, &mut allowed);
    let Touch { touched, open, spelled, allowances, joint } = touch;
    let verdicts: Vec<_> = (0..comparison.pairs.len())
        .map(|index| verdict(comparison, index, &touched, open[index], spelled[index], options))
        .collect();
    let judged = Judged { comparison, verdicts, touched, joint, options };

    let mut events: Vec<Finding> = Vec::new();
    for ((rule, hit), is_allowed) in hits.into_iter().zip(allowances) {
        // If a contract is new, gone or bumped, so is each of its parts.
        let whole = |pair: &usize| {
            matches!(
                judged.verdicts[*pair],
                Verdict::New
                    | Verdict::Removed
                    | Verdict::ChangedAndBumped
                    | Verdict::BumpedWithoutChange
            )
        };
        // No kernel was released with it.
        let is_unreleased = |pair: &usize| {
            comparison.pairs[*pair].both().is_some_and(|(old, _)| options.is_unreleased(old))
        };
        let level = match class_of(rule, &hit) {
            Class::Remark if hit.pairs.iter().all(whole) => Level::Fine,
            Class::Remark => Level::Note,
            _ if is_allowed => Level::Allowed,
            Class::Code => level_of_code(&hit.pairs, whole, is_unreleased),
            _ if hit.unversioned => Level::Finding,
            class => {
                let verdicts = hit.pairs.iter().map(|pair| judged.verdicts[*pair]);
                level_of_change(class, options.strictness, verdicts)
            }
        };
        events.push(event(&judged, rule, hit, level));
    }
    let [old, new] = [comparison.old, comparison.new].map(Looked::at);
    for rule in checks::REGISTRY.iter().chain(sides::REGISTRY) {
        match rule.check {
            // The comparison itself lists what was not checked.
            Check::Lint(..) if rule.rule.id == "not_linted" => {}
            Check::Changes(_) => {}
            Check::Versions(find) => {
                for hit in find(&judged) {
                    let level = match rule.class {
                        Class::Remark => Level::Note,
                        _ if hit.remark => Level::Note,
                        // The change is the finding, once for all strings that promise it.
                        Class::Follows => Level::Follows,
                        _ if allowed.take(rule.rule.id, &hit.item) => Level::Allowed,
                        _ => Level::Finding,
                    };
                    events.push(event(&judged, rule, hit, level));
                }
            }
            Check::Side(_) | Check::Lint(..) => {
                let found = rule.check.of_side(&new);
                if found.is_empty() {
                    continue;
                }
                let lint = match rule.check {
                    Check::Lint(_, level) => Some(level),
                    _ => None,
                };
                let before: BTreeSet<String> =
                    rule.check.of_side(&old).into_iter().map(|hit| hit.item).collect();
                // An image shows neither comments nor unused items, so it may have had the flaw, too.
                let kinds = [comparison.old.reading.kind, comparison.new.reading.kind];
                let [may_have_had_it, shows] =
                    kinds.map(|kind| !matches!(kind, Kind::Headers | Kind::Truth));
                let undetermined = may_have_had_it && !shows;
                for hit in found {
                    // Old words of comments are no news either.
                    let is_old = before.contains(&hit.item);
                    if is_old && (lint.is_some() || rule.rule.id == "prose_names_other_version") {
                        continue;
                    }
                    let level = match before.contains(&hit.item) || hit.remark {
                        true => Level::Note,
                        false if allowed.take(rule.rule.id, &hit.item) => Level::Allowed,
                        false if undetermined || lint == Some(Level::Note) => Level::Note,
                        false => Level::Finding,
                    };
                    events.push(event(&judged, rule, hit, level));
                }
            }
        }
    }
    events.extend(allowed.stale(|_| true));
    Report {
        old: named(&comparison.old.reading),
        new: named(&comparison.new.reading),
        policy: options.strictness,
        contracts: contracts(&judged),
        events,
        not_checked: comparison.not_checked.clone(),
    }
}

/// What affects each contract, and which of that is not allowed.
struct Touch {
    touched: Vec<Vec<String>>,
    open: Vec<bool>,
    spelled: Vec<bool>,
    allowances: Vec<bool>,
    joint: Vec<Joint>,
}

fn touches(
    comparison: &Comparison<'_>,
    options: &Options,
    hits: &mut [(&PolicyRule, Hit)],
    allowed: &mut allow::Book<'_>,
) -> Touch {
    let mut touched = vec![Vec::new(); comparison.pairs.len()];
    let mut open = vec![false; comparison.pairs.len()];
    let mut spelled = vec![false; comparison.pairs.len()];
    let mut allowances: Vec<bool> = Vec::new();
    let mut joint: Vec<Joint> = Vec::new();
    for (rule, hit) in hits {
        let class = class_of(rule, hit);
        let is_allowed = class != Class::Remark && allowed.take(rule.rule.id, &hit.item);
        allowances.push(is_allowed);
        if matches!(class, Class::Remark | Class::Code) {
            continue;
        }
        // If one of the candidates has another version, that version covers the change.
        if let Some(of) = joint_of(comparison, hit) {
            if !of.bumped.is_empty() {
                hit.pairs.retain(|pair| !of.pairs.contains(pair) || of.bumped.contains(pair));
            }
            joint.push(of);
        }
        for pair in &hit.pairs {
            let counts = class != Class::Spelling || options.strictness == Strictness::Strict;
            if counts {
                touched[*pair].push(hit.item.clone());
                open[*pair] |= !is_allowed;
            } else {
                spelled[*pair] = true;
            }
        }
    }
    Touch { touched, open, spelled, allowances, joint }
}

fn named(reading: &Reading) -> Named {
    Named { name: reading.name.clone(), kind: reading.kind }
}

fn class_of(rule: &PolicyRule, hit: &Hit) -> Class {
    if hit.remark {
        Class::Remark
    } else if rule.class == Class::Bytes && hit.same_bytes {
        Class::Spelling
    } else {
        rule.class
    }
}

fn verdict(
    comparison: &Comparison<'_>,
    index: usize,
    touched: &[Vec<String>],
    open: bool,
    spelled: bool,
    options: &Options,
) -> Verdict {
    let pair = &comparison.pairs[index];
    if comparison.undetermined.contains_key(&index) {
        return Verdict::NotChecked;
    }
    let (old, new) = match (pair.old, pair.new) {
        (Some((_, old)), Some((_, new))) => (old, new),
        (None, _) => return Verdict::New,
        (_, None) => return Verdict::Removed,
    };
    let changed = !touched[index].is_empty();
    let step = step(comparison, old, new);
    // A change of a field's meaning, or of the features, counts by itself.
    let reworded = comparison.reworded.iter().any(|other| other.pairs.contains(&index));
    let by_features = new.spelled() == Spelled::Features && old.spelled() == Spelled::Features;
    let spelled = spelled || reworded || by_features;
    match (changed, step) {
        (true, Step::Same) if options.is_unreleased(old) => Verdict::ChangedUnreleased,
        (true, Step::Same) if !open => Verdict::ChangedAllowed,
        // The number that would say so is in the code alone.
        (true, Step::Same) if [old, new].iter().any(|c| c.is_known_by_structs()) => {
            Verdict::NotChecked
        }
        (true, Step::Same) if new.unversioned => Verdict::VersionMissing,
        (true, Step::Same) => Verdict::BumpMissing,
        (true, _) => Verdict::ChangedAndBumped,
        (false, Step::Same) if is_open(comparison, index) => Verdict::NotChecked,
        (false, Step::Same) => Verdict::Unchanged,
        (false, _) if spelled => Verdict::ChangedAndBumped,
        (false, _) => Verdict::BumpedWithoutChange,
    }
}

/// Whether something that a pair promises was not compared. What is in the code alone does not count: headers
/// describe a device tree only in prose, so no comparison of headers covers it.
fn is_open(comparison: &Comparison<'_>, index: usize) -> bool {
    let mut open = comparison.open.get(&index).into_iter().flatten();
    open.any(|item| !is_in_code_alone(item))
}

/// The pairs of which one promises the change, if nothing says which.
fn joint_of(comparison: &Comparison<'_>, hit: &Hit) -> Option<Joint> {
    let name = hit.item.split('.').next().unwrap_or(&hit.item);
    let sharing = comparison.shared.get(name)?;
    let pairs: BTreeSet<_> = hit.pairs.iter().copied().filter(|p| sharing.contains(p)).collect();
    // What both sides have was promised before a new contract was, and after one that is gone.
    let has =
        |side: &Side| side.model().record(name).is_some() || side.model().constant(name).is_some();
    let is_on_both = has(comparison.old) && has(comparison.new);
    let is_bumped = |index: &usize| match comparison.pairs[*index].both() {
        Some((old, new)) => step(comparison, old, new) != Step::Same,
        None => !is_on_both && !comparison.undetermined.contains_key(index),
    };
    let bumped = pairs.iter().copied().filter(is_bumped).collect();
    (pairs.len() > 1).then(|| Joint { item: hit.item.clone(), pairs, bumped })
}

/// How the new version of a contract relates to the old one. If one side does not know the number,
/// this remains open.
#[must_use]
pub fn step(comparison: &Comparison<'_>, old: &Contract, new: &Contract) -> Step {
    if comparison.number_is_open(old, new) || comparison.may_be_kept(old, new) {
        return Step::Same;
    }
    let (_, before) = version::of(comparison.old.model(), old);
    let (_, after) = version::of(comparison.new.model(), new);
    before.step(&after)
}

/// Code is fine if each version that may cover it changed, and to look at if none is released.
fn level_of_code(
    pairs: &[usize],
    is_whole: impl Fn(&usize) -> bool,
    is_unreleased: impl Fn(&usize) -> bool,
) -> Level {
    match pairs {
        [] => Level::Finding,
        _ if pairs.iter().all(is_whole) => Level::Fine,
        _ if pairs.iter().all(is_unreleased) => Level::Note,
        _ => Level::Finding,
    }
}

fn level_of_change(
    class: Class,
    strictness: Strictness,
    verdicts: impl Iterator<Item = Verdict>,
) -> Level {
    let mut level = Level::Fine;
    let worst = if class == Class::Follows { Level::Follows } else { Level::Finding };
    for verdict in verdicts {
        let this = match verdict {
            Verdict::BumpMissing | Verdict::VersionMissing => worst,
            Verdict::ChangedUnreleased => Level::Note,
            Verdict::Unchanged if class == Class::Spelling => Level::Note,
            Verdict::ChangedAllowed => Level::Allowed,
            _ => Level::Fine,
        };
        level = level.min(this);
    }
    if class == Class::Spelling && strictness == Strictness::Wire && level == Level::Finding {
        Level::Note
    } else {
        level
    }
}

fn event(judged: &Judged<'_>, rule: &PolicyRule, hit: Hit, level: Level) -> Finding {
    let pairs = &judged.comparison.pairs;
    let strings = hit.pairs.iter().map(|pair| pairs[*pair].any().1.compatible.clone());
    let unreleased =
        hit.pairs.iter().any(|pair| judged.verdicts[*pair] == Verdict::ChangedUnreleased);
    let is_draft = hit.pairs.iter().all(|pair| {
        let old = judged.comparison.pairs[*pair].old;
        old.is_some_and(|(_, old)| judged.options.drafts.contains(&old.compatible))
    });
    let bump = || {
        let of = |wanted: Verdict| -> Vec<&Contract> {
            let found = hit.pairs.iter().filter(|pair| judged.verdicts[**pair] == wanted);
            found.map(|pair| pairs[*pair].any().1).collect()
        };
        let (missing, without) = (of(Verdict::BumpMissing), of(Verdict::VersionMissing));
        let is_joint = judged.joint.iter().any(|joint| joint.item == hit.item);
        match (level, missing.as_slice(), without.as_slice()) {
            (Level::Finding | Level::Follows, [_, ..], _) => {
                let macros: Vec<_> = missing.iter().map(|c| what_to_bump(c)).collect();
                let link = if is_joint { " or " } else { " and " };
                Some(format!("undo the change, or bump {}", macros.join(link)))
            }
            (Level::Finding | Level::Follows, [], [_, ..]) => Some(
                "undo the change, or give the header a version that kernels compare, and bump it"
                    .into(),
            ),
            (Level::Fine, ..) => Some("nothing: the version changed as well".into()),
            (Level::Note, ..) if unreleased && is_draft => {
                Some("nothing: its frozen layout is a draft, which no kernel has".into())
            }
            (Level::Note, ..) if unreleased => {
                Some("nothing, as long as this is merged together with the string".into())
            }
            _ => None,
        }
    };
    let help = hit.help.clone().or_else(bump);
    Finding {
        rule: rule.rule.id.into(),
        level,
        contracts: strings.collect(),
        diff: String::new(),
        help: help.unwrap_or_else(|| as_help(rule.rule.remedy)),
        item: hit.item,
        place: hit.place,
        what: hit.what,
        consequences: hit.consequences,
    }
}

/// What has to change for a contract to get another version.
fn what_to_bump(contract: &Contract) -> String {
    match contract.spelled() {
        Spelled::Features => {
            format!("{} by a feature that readers must know", contract.compatible)
        }
        _ => contract.macro_name.clone(),
    }
}

/// A remedy as one line of help.
pub(crate) fn as_help(remedy: &str) -> String {
    let remedy = remedy.trim_end_matches('.');
    let mut chars = remedy.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// The other contracts that may promise, instead of a pair, all that affects it.
fn jointly(judged: &Judged<'_>, index: usize) -> Vec<String> {
    let of_it = || judged.joint.iter().filter(|joint| joint.pairs.contains(&index));
    let touched = &judged.touched[index];
    let all = touched.iter().all(|item| of_it().any(|joint| joint.item == *item));
    if judged.verdicts[index] != Verdict::BumpMissing || !all {
        return Vec::new();
    }
    let others = of_it().flat_map(|joint| &joint.pairs).filter(|other| **other != index);
    let others: BTreeSet<_> = others.collect();
    let pairs = &judged.comparison.pairs;
    others.into_iter().map(|other| pairs[*other].any().1.compatible.clone()).collect()
}

fn contracts(judged: &Judged<'_>) -> Vec<ContractReport> {
    let comparison = judged.comparison;
    let mut reports = Vec::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let (header, contract) = pair.any();
        let side = if pair.new.is_some() { comparison.new } else { comparison.old };
        let (scheme, _) = version::of(side.model(), contract);
        let structs = comparison.structs.iter().filter(|record| record.pairs.contains(&index));
        reports.push(ContractReport {
            old: pair.old.map(|(_, contract)| contract.compatible.clone()),
            new: pair.new.map(|(_, contract)| contract.compatible.clone()),
            macro_name: contract.macro_name.clone(),
            header: header.include_path(),
            scheme: scheme.map(|scheme: &Scheme| scheme.id.into()),
            verdict: judged.verdicts[index],
            open: comparison.open.get(&index).into_iter().flatten().cloned().collect(),
            next: version::next(side.model(), contract),
            jointly: jointly(judged, index),
            structs: structs
                .map(|record| Layouts {
                    name: record.name.clone(),
                    page_size: record.page_size,
                    old: record.old.clone(),
                    new: record.new.clone(),
                })
                .collect(),
        });
    }
    reports
}
