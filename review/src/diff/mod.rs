// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares two readings: each contract, and all that it promises.
//!
//! This module collects facts; [`crate::policy`] says what they mean. Only what both readings know
//! is compared. The rest is listed as not checked.

mod comments;
mod constants;
mod declarations;
pub mod open;
pub mod pages;
mod reworded;

pub use comments::CommentChange;
pub use constants::ConstantChange;
pub(crate) use declarations::not_read;
pub use declarations::DeclarationChange;
pub use kho_abi_model::compare::{Change, ConstantKind, RecordChange};
pub use reworded::Reworded;

use kho_abi_model::compare::{self, PropertyChange, Scope};
use kho_abi_model::{Contract, DeclarationKind, Header, Model, Place, Record, Type};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::outline::{self, Outline};
use kho_abi_read::source::{Gap, Kind, Reading};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One of the two sides.
#[derive(Clone, Debug)]
pub struct Side {
    /// What was read.
    pub reading: Reading,
    /// The headers' text, if the source has it, by header name, as `vfio_pci`.
    pub texts: BTreeMap<String, HeaderText>,
    /// What was known before the source was read.
    pub catalogue: Arc<Catalogue>,
}

/// A header as it is written.
#[derive(Clone, Debug)]
pub struct HeaderText {
    /// The file, as messages name it.
    pub file: String,
    /// What its text shows.
    pub outline: Outline,
}

impl Side {
    /// Makes a side whose headers have no text.
    #[must_use]
    pub fn new(reading: Reading) -> Self {
        Self { reading, texts: BTreeMap::new(), catalogue: Arc::default() }
    }

    /// Adds what was known before the side was read.
    #[must_use]
    pub fn knowing(self, catalogue: &Arc<Catalogue>) -> Self {
        Self { catalogue: Arc::clone(catalogue), ..self }
    }

    /// Adds the text of a header.
    pub fn add_text(&mut self, header: &str, file: &str, text: &str) {
        let text = HeaderText { file: file.into(), outline: outline::read(text) };
        self.texts.insert(header.into(), text);
    }

    /// The model, for the page size that it was read for.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.reading.model
    }

    /// Whether the source itself says that it cannot answer for that item.
    #[must_use]
    pub fn leaves_open(&self, item: &str) -> bool {
        self.reading.gaps.iter().any(|gap| gap.item == item)
    }

    /// Whether an item that was not found is known to be absent from the source.
    #[must_use]
    pub fn is_known_absent(&self, item: &str) -> bool {
        self.reading.knows.absence && !self.leaves_open(item)
    }

    /// Where a struct or one of its fields is written.
    #[must_use]
    pub fn place(&self, record: &str, field: Option<&str>) -> Option<Place> {
        let (header, known) = self.model().records().find(|(_, other)| other.name == record)?;
        let named = |name: &str| known.fields.iter().find(|field| field.name == name);
        let stated = match field {
            Some(field) => named(field).and_then(|field| field.place.clone()),
            None => known.place.clone(),
        };
        stated.or_else(|| {
            let text = self.texts.get(&header.name)?;
            let found = text.outline.records.iter().find(|other| other.name == record)?;
            let line = match field {
                Some(field) => text.outline.field(record, field).map_or(found.line, |f| f.line),
                None => found.line,
            };
            Some(Place { file: text.file.clone(), line })
        })
    }

    /// Where a constant is written.
    #[must_use]
    pub fn constant_place(&self, name: &str) -> Option<Place> {
        if let Some(place) = self.model().constant(name).and_then(|c| c.place.clone()) {
            return Some(place);
        }
        self.texts.values().find_map(|text| {
            let found = text.outline.macros.iter().find(|found| found.name == name)?;
            Some(Place { file: text.file.clone(), line: found.line })
        })
    }
}

/// A contract on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// In the old source.
    pub old: Option<(&'a Header, &'a Contract)>,
    /// In the new source.
    pub new: Option<(&'a Header, &'a Contract)>,
}

impl<'a> Pair<'a> {
    /// The new contract, or the old one if it is gone.
    ///
    /// # Panics
    ///
    /// If the pair has no side, which is never constructed.
    #[must_use]
    pub fn any(&self) -> (&'a Header, &'a Contract) {
        // Every pair has at least one side.
        self.new.or(self.old).expect("a pair has a side")
    }

    /// The strings of both sides, if both have the contract.
    #[must_use]
    pub fn both(&self) -> Option<(&'a Contract, &'a Contract)> {
        Some((self.old?.1, self.new?.1))
    }
}

/// What remains open if a contract promises only a device tree, which sources do not show.
pub const DEVICE_TREE: &str = "device-tree properties";

/// What remains open if the number of a version is in the code alone, and no string goes with it.
pub const VERSION_NUMBER: &str = "the number of its version";

/// Whether what remains open is in the code of a kernel alone, so that no image and no header shows it.
#[must_use]
pub fn is_in_code_alone(open: &str) -> bool {
    [DEVICE_TREE, VERSION_NUMBER].contains(&open)
}

/// What a kind of source never shows, so that it is said of each pair of such sources.
pub const NEVER_SHOWN: [&str; 5] = [
    "packing and alignment of structs",
    "values of macros",
    "values of enumerators",
    "properties of device trees",
    "which macro holds a string",
];

/// A struct on both sides.
#[derive(Clone, Debug)]
pub struct StructDiff {
    /// The tag.
    pub name: String,
    /// The page size that the difference is for, if other page sizes differ in another way.
    pub page_size: Option<u64>,
    /// Its old layout.
    pub old: Option<Record>,
    /// Its new layout.
    pub new: Option<Record>,
    /// How it changed.
    pub change: RecordChange,
    /// The pairs that promise it, by index.
    pub pairs: Vec<usize>,
    /// Those pairs that only have it because another struct embeds it.
    pub embedded_in: Vec<(usize, String)>,
    /// The struct that causes the whole change, directly or through others, and the distance to it.
    pub follows: Option<(String, usize)>,
}

/// A property of a device-tree node that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    /// The pair, by index.
    pub pair: usize,
    /// The old and the new property.
    pub change: PropertyChange,
}

/// Two readings side by side.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The old one.
    pub old: &'a Side,
    /// The new one.
    pub new: &'a Side,
    /// Every contract of either side.
    pub pairs: Vec<Pair<'a>>,
    /// The pairs that one side may or may not have, by index, with the reason.
    pub undetermined: BTreeMap<usize, String>,
    /// Structs that differ.
    pub structs: Vec<StructDiff>,
    /// Constants that differ.
    pub constants: Vec<ConstantChange>,
    /// Device-tree properties that differ.
    pub nodes: Vec<NodeChange>,
    /// By struct or constant: the pairs that may promise it, if nothing says which one does.
    pub shared: BTreeMap<String, BTreeSet<usize>>,
    /// Comments on fields and constants whose meaning changed.
    pub reworded: Vec<Reworded>,
    /// Other comments of headers that changed.
    pub comments: Vec<CommentChange>,
    /// Declarations without a layout or value known on both sides whose text differs, and
    /// declarations that differ without any version that covers them on both sides.
    pub declarations: Vec<DeclarationChange>,
    /// What could not be compared and belongs to no pair: an ABI header that was not read, or not
    /// to its end, with the reason.
    pub unread: Vec<Gap>,
    /// By pair, those of its structs and constants that could not be compared.
    pub open: BTreeMap<usize, BTreeSet<String>>,
    /// What was not compared.
    pub not_checked: Vec<Gap>,
}

/// Compares two sides.
#[must_use]
pub fn compare<'a>(old: &'a Side, new: &'a Side) -> Comparison<'a> {
    let mut comparison = Comparison {
        old,
        new,
        pairs: pairs(&old.reading, &new.reading),
        undetermined: BTreeMap::new(),
        structs: Vec::new(),
        constants: Vec::new(),
        nodes: Vec::new(),
        shared: BTreeMap::new(),
        reworded: Vec::new(),
        comments: Vec::new(),
        declarations: Vec::new(),
        unread: Vec::new(),
        open: BTreeMap::new(),
        not_checked: Vec::new(),
    };
    comparison.shared = comparison.look_for_shared();
    comparison.reworded = reworded::find(&comparison);
    comparison.comments = comments::find(&comparison, &comparison.reworded);
    comparison.look_for_gaps();
    let texts = declarations::Texts::of(&comparison);
    let mut seen = Vec::new();
    for page_size in comparison.page_sizes() {
        comparison.compare_structs(page_size, &texts, &mut seen);
    }
    let constants = constants::compare(&comparison);
    comparison.constants = constants.found;
    comparison.compare_nodes();
    comparison.open_items(&texts);
    for (pair, constant) in constants.open.into_iter().filter(|(_, name)| !texts.settle(name)) {
        comparison.open.entry(pair).or_default().insert(format!("constant {constant}"));
    }
    texts.compare(&mut comparison);
    comparison
}

/// Whether a source has the name of a contract but not the number that belongs to it: an image has
/// the number only in its code.
fn number_untold(side: &Side, contract: &Contract) -> bool {
    !side.reading.knows.macros
        && contract.version.is_none()
        && contract.features.is_empty()
        && contract.name.is_some()
}

/// Whether a number that went with a string is no longer in the headers: what the kernel compares now is unknown.
fn number_is_gone(old: &Contract, new: &Contract) -> bool {
    old.version.is_some()
        && new.version.is_none()
        && new.features.is_empty()
        && old.string().is_some()
        && old.string() == new.string()
}

/// The forms of a contract's macro; several if the configuration chooses one.
fn choices<'a>(side: &'a Side, contract: &Contract) -> BTreeSet<&'a str> {
    let all = side.model().headers.iter().flat_map(|header| &header.declarations);
    let of_it =
        all.filter(|d| d.kind == DeclarationKind::Constant && d.name == contract.macro_name);
    of_it.map(|declaration| declaration.tokens.as_str()).collect()
}

/// What is not compared because a page size is unknown, or is not that of the other side.
fn page_size_gaps(old: &Reading, new: &Reading) -> Vec<Gap> {
    let gap = |why| Gap { item: "what depends on the page size".into(), why };
    let (of_old, of_new) = (old.model.page_sizes(), new.model.page_sizes());
    if !of_old.is_empty() && !of_new.is_empty() && !of_old.iter().any(|size| of_new.contains(size))
    {
        return vec![gap(format!("the page sizes differ: {of_old:?} and {of_new:?}"))];
    }
    let sides = [(old, new), (new, old)].into_iter().filter(|(side, other)| {
        let depends = other.model.other_pages.iter().any(|pages| !pages.items.is_empty());
        side.model.page_sizes().is_empty() && depends
    });
    sides.map(|(side, _)| gap(format!("the page size of {} is unknown", side.name))).collect()
}

/// A contract of one side, with its header.
type Held<'a> = (&'a Header, &'a Contract);
type Same<'s> = &'s dyn Fn(&Held<'_>, &Held<'_>) -> bool;

/// Matches contracts by macro, by string, or by what the string is a version of.
///
/// What no version covers is matched by header, and with the header's version if the other side has
/// one.
fn pairs<'a>(old: &'a Reading, new: &'a Reading) -> Vec<Pair<'a>> {
    let mut olds: Vec<_> = old.model.promises().map(Some).collect();
    let news: Vec<_> = new.model.promises().collect();
    let mut found: Vec<Option<Held<'_>>> = vec![None; news.len()];
    let macros = old.knows.string_macros && new.knows.string_macros;
    let by_macro = |(_, a): &Held<'_>, (_, b): &Held<'_>| {
        macros && !a.macro_name.is_empty() && a.macro_name == b.macro_name
    };
    let by_string =
        |(_, a): &Held<'_>, (_, b): &Held<'_>| a.string().is_some() && a.string() == b.string();
    let by_macro_and_string =
        |a: &Held<'_>, b: &Held<'_>| by_macro(a, b) && a.1.compatible == b.1.compatible;
    // A number was added beside a string that was there, or the other way round.
    let by_either_macro = |(_, a): &Held<'_>, (_, b): &Held<'_>| {
        let named = |c: &Contract| c.name.as_ref().map(|name| name.macro_name.clone());
        let of = |c: &Contract| [Some(c.macro_name.clone()), named(c)];
        let (a, b) = (of(a), of(b));
        macros && a.iter().flatten().any(|a| !a.is_empty() && b.iter().flatten().any(|b| a == b))
    };
    let by_label = |(_, a): &Held<'_>, (_, b): &Held<'_>| a.compatible == b.compatible;
    let akin = |(_, a): &Held<'_>, (_, b): &Held<'_>| {
        kho_abi_model::version::akin(&a.compatible, &b.compatible)
    };
    let akin_here = |a: &Held<'_>, b: &Held<'_>| a.0.name == b.0.name && akin(a, b);
    let ways: [Same<'_>; 7] = [
        &by_macro_and_string,
        &by_macro,
        &by_either_macro,
        &by_string,
        &by_label,
        &akin_here,
        &akin,
    ];
    for same in ways {
        for (index, new) in news.iter().enumerate() {
            if found[index].is_some() {
                continue;
            }
            let both = |old: &Held<'_>| old.1.unversioned == new.1.unversioned && same(old, new);
            let at = olds.iter().position(|old| old.as_ref().is_some_and(both));
            found[index] = at.and_then(|at| olds[at].take());
        }
    }
    // What had no version and has one now is reported with that version, not as gone.
    let has_got_one = |(header, contract): &Held<'_>| {
        contract.unversioned
            && new.model.headers.iter().any(|other| other.name == header.name)
            && contract.roots.iter().all(|root| new.model.record(root).is_some())
    };
    let paired = news.into_iter().zip(found).map(|(new, old)| Pair { old, new: Some(new) });
    let gone = olds.into_iter().flatten().filter(|old| !has_got_one(old));
    let gone = gone.map(|old| Pair { old: Some(old), new: None });
    let mut pairs: Vec<_> = paired.chain(gone).collect();
    pairs.sort_by(|a, b| {
        let key = |pair: &Pair<'a>| (pair.any().0.name.clone(), pair.any().1.macro_name.clone());
        key(a).cmp(&key(b))
    });
    pairs
}

impl Comparison<'_> {
    /// The page sizes that both sides know; a single `None` if they know none.
    fn page_sizes(&self) -> Vec<Option<u64>> {
        let (old, new) = (self.old.model().page_sizes(), self.new.model().page_sizes());
        let common: Vec<_> =
            old.iter().filter(|size| new.contains(size)).copied().map(Some).collect();
        if common.is_empty() {
            vec![None]
        } else {
            common
        }
    }

    /// Items that the new version of a pair certainly covers are not among them.
    fn look_for_shared(&self) -> BTreeMap<String, BTreeSet<usize>> {
        let mut shared: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (index, pair) in self.pairs.iter().enumerate() {
            let side = if pair.new.is_some() { self.new } else { self.old };
            let (_, contract) = pair.any();
            if contract.shared.is_empty() {
                continue;
            }
            let certain: BTreeSet<_> =
                side.model().certain_closure(contract).into_iter().map(|r| &r.name).collect();
            let records = side.model().closure(contract).into_iter().map(|record| &record.name);
            let constants = contract.constants.iter().filter(|c| contract.shared.contains(c));
            for name in records.filter(|name| !certain.contains(name)).chain(constants) {
                shared.entry(name.clone()).or_default().insert(index);
            }
        }
        shared
    }

    fn look_for_gaps(&mut self) {
        let (old, new) = (&self.old.reading, &self.new.reading);
        // If a header was read, what no version covers is compared nevertheless.
        let was_read = |side: &Reading, gap: &Gap| {
            side.model.headers.iter().any(|header| header.include_path() == gap.item)
        };
        let of = |side: &'_ Reading| -> Vec<Gap> {
            let own = side.gaps.iter().filter(|gap| !was_read(side, gap)).cloned();
            // Of the two, the reason has to name the one that it is about.
            own.map(|gap| match gap.item.as_str() {
                "" => Gap { why: format!("{}: {}", side.name, gap.why), ..gap },
                _ => gap,
            })
            .collect()
        };
        let mut gaps: Vec<Gap> = of(old);
        gaps.extend(of(new));
        let mut unknown = |what: &str, knows: fn(&Reading) -> bool| {
            let sides: Vec<_> = [old, new].into_iter().filter(|side| !knows(side)).collect();
            let names: BTreeSet<_> = sides.iter().map(|side| side.name.as_str()).collect();
            if !names.is_empty() {
                let alike = old.kind == new.kind && sides.len() > 1;
                let names: Vec<_> = names.into_iter().collect();
                let verb = if names.len() == 1 && !alike { "does" } else { "do" };
                let who = if alike { old.kind.plural().into() } else { names.join(" and ") };
                gaps.push(Gap { item: what.into(), why: format!("{who} {verb} not say") });
            }
        };
        let [packing, macros, enumerators, nodes, string_macros] = NEVER_SHOWN;
        unknown(packing, |side| side.knows.packing);
        unknown(macros, |side| side.knows.macros);
        unknown(enumerators, |side| side.knows.enumerators);
        unknown(nodes, |side| side.knows.nodes);
        unknown(string_macros, |side| side.knows.string_macros);
        gaps.extend(page_size_gaps(old, new));
        for (index, pair) in self.pairs.iter().enumerate() {
            let missing = match (pair.old, pair.new) {
                (None, Some(_)) => old,
                (Some(_), None) => new,
                _ => continue,
            };
            let of_string = contract_of(pair).string().is_some() && missing.knows.strings;
            let certain = missing.knows.absence || of_string && missing.knows.registered_strings;
            // A string that is present but unreadable differs from an absent string.
            let contract = pair.any().1;
            let left_open = missing.gaps.iter().find(|gap| {
                let path = pair.any().0.include_path();
                [&contract.compatible, &contract.macro_name, &path].contains(&&gap.item)
                    && !was_read(missing, gap)
            });
            if let Some(gap) = left_open {
                self.undetermined.insert(index, gap.why.clone());
            } else if !certain {
                let does = if of_string {
                    "does not show the strings of file handlers"
                } else {
                    "does not show it, but may have it"
                };
                let why = format!("{} {does}", missing.name);
                gaps.push(Gap { item: contract.compatible.clone(), why: why.clone() });
                self.undetermined.insert(index, why);
            }
        }
        for (_, record) in old.model.records().filter(|(_, record)| record.bit_fields_unknown) {
            let why = format!("{} does not show their offsets", old.name);
            gaps.push(Gap { item: format!("bit-fields of struct {}", record.name), why });
        }
        for (_, record) in new.model.records().filter(|(_, record)| record.bit_fields_unknown) {
            let why = format!("{} does not show their offsets", new.name);
            gaps.push(Gap { item: format!("bit-fields of struct {}", record.name), why });
        }
        let mut seen = BTreeSet::new();
        gaps.retain(|gap| seen.insert((gap.item.clone(), gap.why.clone())));
        self.not_checked = gaps;
    }

    /// Lists for each contract what a side could not read of its header.
    fn open_items(&mut self, texts: &declarations::Texts<'_>) {
        let nodes = self.old.reading.knows.nodes && self.new.reading.knows.nodes;
        for (index, pair) in self.pairs.iter().enumerate() {
            let sides = [(self.old, pair.old), (self.new, pair.new)];
            for (side, (header, contract)) in sides.into_iter().filter_map(|(s, c)| Some((s, c?))) {
                let text = side.texts.get(&header.name);
                let words: BTreeSet<&str> = text
                    .map(|text| {
                        text.outline.code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    })
                    .into_iter()
                    .flatten()
                    .collect();
                let ours = |item: &str| {
                    words.contains(item)
                        || item == contract.compatible
                            && !contract.unversioned
                            && self.neither_knows(pair)
                        || contract.roots.iter().chain(&contract.constants).any(|name| name == item)
                };
                // A struct is listed by name; its fields and what it embeds are included in it.
                let items = side.reading.gaps.iter().map(|gap| gap.item.as_str());
                let open: Vec<_> = items
                    .filter(|item| !item.is_empty() && ours(item) && !texts.settle(item))
                    .collect();
                if contract.is_known_by_structs() {
                    self.open.entry(index).or_default().insert(VERSION_NUMBER.into());
                } else if number_untold(side, contract) {
                    self.open.entry(index).or_default().insert(contract.macro_name.clone());
                } else if pair.both().is_some_and(|(old, new)| number_is_gone(old, new)) {
                    let number = pair.old.map(|(_, old)| old.macro_name.clone());
                    self.open.entry(index).or_default().extend(number);
                }
                // Such a contract promises nothing outside the device tree.
                if contract.roots.is_empty() && !nodes {
                    self.open.entry(index).or_default().insert(DEVICE_TREE.into());
                }
                for item in open {
                    let is_root = contract.roots.iter().any(|root| root == item);
                    let known = is_root || side.model().record(item).is_some();
                    let shown = if known { format!("struct {item}") } else { item.to_string() };
                    self.open.entry(index).or_default().insert(shown);
                }
            }
        }
    }

    /// Whether one side does not know the number of a version whose name is the same on both.
    pub(crate) fn number_is_open(&self, old: &Contract, new: &Contract) -> bool {
        old.string() == new.string()
            && (number_untold(self.old, old)
                || number_untold(self.new, new)
                || number_is_gone(old, new))
    }

    /// Whether the configuration chooses the version, and a choice of the new side is one of the old side's.
    pub(crate) fn may_be_kept(&self, old: &Contract, new: &Contract) -> bool {
        let (before, after) = (choices(self.old, old), choices(self.new, new));
        (before.len() > 1 || after.len() > 1) && !before.is_disjoint(&after)
    }

    /// Whether both sides have the string of a contract but not what it promises.
    fn neither_knows(&self, pair: &Pair<'_>) -> bool {
        pair.both().is_some_and(|(old, new)| {
            self.old.leaves_open(&old.compatible) && self.new.leaves_open(&new.compatible)
        })
    }

    /// The structs that contracts promise, in their order, and the pairs that promise each.
    fn promised(&self, old: &Model, new: &Model) -> (Vec<Key>, BTreeMap<Key, Vec<usize>>) {
        let ambiguous: BTreeSet<&str> = &old.ambiguous() | &new.ambiguous();
        let key = |header: &Header, name: &str| {
            (name.to_string(), ambiguous.contains(name).then(|| header.name.clone()))
        };
        let mut owners: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        let mut order: Vec<Key> = Vec::new();
        for (index, pair) in self.pairs.iter().enumerate() {
            if self.undetermined.contains_key(&index) {
                continue;
            }
            let sides = [pair.new.map(|held| (new, held)), pair.old.map(|held| (old, held))];
            for (model, (holder, contract)) in sides.into_iter().flatten() {
                // A root counts even if the source lacks it.
                let closure = model.closure_with_headers(contract);
                let has = |root: &&String| closure.iter().any(|(_, record)| record.name == **root);
                let missing = contract.roots.iter().filter(|root| !has(root));
                let embedded = closure.iter().map(|(header, record)| key(header, &record.name));
                // What has moved to another contract since was promised by this one.
                for key in embedded.chain(missing.map(|root| key(holder, root))) {
                    let of = owners.entry(key.clone()).or_insert_with(|| {
                        order.push(key);
                        Vec::new()
                    });
                    if !of.contains(&index) {
                        of.push(index);
                    }
                }
            }
        }
        (order, owners)
    }

    fn compare_structs(
        &mut self,
        page_size: Option<u64>,
        texts: &declarations::Texts<'_>,
        seen: &mut Vec<(Key, RecordChange)>,
    ) {
        let (old, new) =
            (Self::model_for(self.old, page_size), Self::model_for(self.new, page_size));
        let (old, new) = (&*old, &*new);
        let (order, mut owners) = self.promised(old, new);
        let packing = self.old.reading.knows.packing && self.new.reading.knows.packing;
        let mut found: Vec<(Key, RecordChange)> = Vec::new();
        for key in order {
            let name = key.0.clone();
            let (before, after) = (record_of(old, &key), record_of(new, &key));
            let whole = RecordChange::whole;
            let change = match (before, after) {
                (Some(old), Some(new)) => compare::record(old, new, Scope { packing }),
                (None, Some(_)) if !self.old.is_known_absent(&name) => None,
                (Some(_), None) if !self.new.is_known_absent(&name) => None,
                (None, Some(record)) => Some(whole(record, Change::StructAdded)),
                (Some(record), None) => Some(whole(record, Change::StructRemoved)),
                (None, None) => None,
            };
            let sides = [(before, self.old), (after, self.new)];
            let unseen =
                sides.iter().find(|(found, side)| found.is_none() && !side.is_known_absent(&name));
            if let Some((_, side)) = unseen.filter(|_| !texts.settle(&name)) {
                for pair in owners.get(&key).into_iter().flatten() {
                    self.open.entry(*pair).or_default().insert(format!("struct {name}"));
                }
                if side.leaves_open(&name) {
                    continue;
                }
                let why = match side.reading.kind {
                    Kind::Strings => format!("{} has no types", side.reading.name),
                    _ => format!("not among the types of {}", side.reading.name),
                };
                let gap = Gap { item: format!("struct {name}"), why };
                if !self.not_checked.contains(&gap) {
                    self.not_checked.push(gap);
                }
            }
            // The difference as a whole says which page size it is for.
            found.extend(change.map(|change| (key, RecordChange { page_size: None, ..change })));
        }
        let changes: Vec<_> = found.iter().map(|(_, change)| change).collect();
        let mut follows = BTreeMap::new();
        for cause in compare::causes(&changes) {
            for (near, at) in cause.followers.into_iter().enumerate() {
                follows.insert(found[at].0.clone(), (found[cause.change].1.record.clone(), near));
            }
        }
        for (key, change) in found {
            let name = key.0.clone();
            let (before, after) = (record_of(old, &key), record_of(new, &key));
            let same = |(other, what): &(Key, RecordChange)| *other == key && *what == change;
            if seen.iter().any(same) {
                continue;
            }
            let another = seen.iter().any(|(other, _)| *other == key);
            let depends = another
                || [before, after].into_iter().flatten().any(|record| record.page_size.is_some());
            seen.push((key.clone(), change.clone()));
            let pairs = owners.remove(&key).unwrap_or_default();
            let embedded_in = pairs
                .iter()
                .filter_map(|index| {
                    let pair = &self.pairs[*index];
                    let roots = |side: Option<(&Header, &Contract)>| {
                        side.is_some_and(|(_, contract)| contract.roots.contains(&name))
                    };
                    if roots(pair.old) || roots(pair.new) {
                        return None;
                    }
                    let model = if pair.new.is_some() { new } else { old };
                    Some((*index, embedder(model, pair.any().1, &name)?))
                })
                .collect();
            let follows = follows.remove(&key);
            self.structs.push(StructDiff {
                name,
                page_size: page_size.filter(|_| depends),
                old: before.cloned(),
                new: after.cloned(),
                change,
                pairs,
                embedded_in,
                follows,
            });
        }
    }

    /// A side's model for a page size.
    pub(crate) fn model_for(side: &Side, page_size: Option<u64>) -> Cow<'_, Model> {
        let model = side.model();
        match page_size {
            Some(wanted) if model.target.page_size != Some(wanted) => {
                model.with_page_size(wanted).map_or(Cow::Borrowed(model), Cow::Owned)
            }
            _ => Cow::Borrowed(model),
        }
    }

    fn compare_nodes(&mut self) {
        if !(self.old.reading.knows.nodes && self.new.reading.knows.nodes) {
            return;
        }
        for (index, pair) in self.pairs.iter().enumerate() {
            let Some((old, new)) = pair.both() else { continue };
            let changes = compare::nodes(&old.nodes, &new.nodes).into_iter();
            self.nodes.extend(changes.map(|change| NodeChange { pair: index, change }));
        }
    }

    /// Whether a constant is the length of an array, as the text of the field says.
    #[must_use]
    pub fn gives_length(&self, constant: &str, record: &str, field: &str) -> bool {
        let declared = self.new.texts.values().find_map(|text| text.outline.field(record, field));
        let said = declared.is_some_and(|field| {
            let words = field.declaration.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.skip(1).any(|word| word == constant)
        });
        let known = self.new.model().record(record);
        let known = known.and_then(|known| known.fields.iter().find(|other| other.name == field));
        said || known.is_some_and(|field| match &field.ty {
            Type::Array { len_name, .. } => len_name.as_deref() == Some(constant),
            _ => false,
        })
    }

    /// What follows from a struct, nearest first; for the same page size if both depend on it.
    #[must_use]
    pub fn followers(&self, of: &StructDiff) -> Vec<&StructDiff> {
        let twin = |size| {
            self.structs.iter().any(|other| other.name == of.name && other.page_size == size)
        };
        let mut found: Vec<_> = self
            .structs
            .iter()
            .filter_map(|other| Some((other.follows.as_ref()?, other)))
            .filter(|((cause, _), _)| *cause == of.name)
            .filter(|(_, other)| other.page_size == of.page_size || !twin(other.page_size))
            .collect();
        found.sort_by_key(|((_, near), _)| *near);
        found.into_iter().map(|(_, other)| other).collect()
    }
}

/// A struct's name, with its header if the name alone is ambiguous.
type Key = (String, Option<String>);

fn record_of<'m>(model: &'m Model, (name, header): &Key) -> Option<&'m Record> {
    let Some(header) = header else { return model.record(name) };
    let mut headers = model.headers.iter();
    let header = headers.find(|other| other.name == *header)?;
    header.records().find(|record| record.name == *name)
}

fn contract_of<'a>(pair: &Pair<'a>) -> &'a Contract {
    pair.any().1
}

/// The field by which a contract embeds a struct, as `memfd_luo_ser.folios`.
fn embedder(model: &Model, contract: &Contract, name: &str) -> Option<String> {
    let embeds = |ty: &Type| ty.embedded() == Some(name);
    model.closure(contract).into_iter().find_map(|record| {
        let field = record.fields.iter().find(|field| embeds(&field.ty))?;
        Some(format!("{}.{}", record.name, field.name))
    })
}
