// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Declarations without a proven layout or value, compared by their text.
//!
//! What is proven on both sides is compared elsewhere, by its layout or value. A declaration that
//! is not proven on one of them is unchanged if its text is: the same tokens, under the same
//! condition. The names that its text uses are declarations of their own. Different tokens are a
//! change. A declaration that one side has, and of which the other has neither an item nor text, is
//! gone or new, as long as that other side was read to its end.

use super::{Comparison, Pair, Side};
use kho_abi_model::{
    included_in, Contract, Declaration, DeclarationKind, Header, Model, Record, ABI_DIR,
};
use kho_abi_read::source::{Gap, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// A declaration that differs in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationChange {
    /// The old declarations; several if the configuration chooses one.
    pub old: Vec<Declaration>,
    /// The new ones.
    pub new: Vec<Declaration>,
    /// Why no layout or value shows what changed; `None` if one does.
    pub why: Option<String>,
    /// The pairs that promise it, by index.
    pub pairs: Vec<usize>,
    /// Whether no version of both sides promises it.
    pub unversioned: bool,
    /// Whether it only contains code or checks, so that nothing is left uncompared.
    pub is_code: bool,
}

impl DeclarationChange {
    /// The new declaration, or the old one if it is gone.
    ///
    /// # Panics
    ///
    /// If the change has no side, which is never constructed.
    #[must_use]
    pub fn any(&self) -> &Declaration {
        // Every change has at least one declaration.
        self.new.first().or(self.old.first()).expect("a change has a side")
    }

    /// Whether both sides have code, and it is other code. A prototype does nothing.
    #[must_use]
    pub fn is_changed_code(&self) -> bool {
        let acts =
            |one: &Declaration| one.kind == DeclarationKind::Macro || one.tokens.contains('{');
        let is_on_both = !self.old.is_empty() && !self.new.is_empty();
        self.is_code && is_on_both && self.old.iter().chain(&self.new).any(acts)
    }
}

/// What identifies a declaration on both sides: a name, in a namespace.
type Key<'a> = (u8, &'a str);

/// The declarations of one side, each with its header.
type Of<'a> = BTreeMap<Key<'a>, Vec<(&'a Header, &'a Declaration)>>;

/// A declaration on both sides; several on a side if the configuration chooses one.
struct Entry<'a> {
    old: Vec<(&'a Header, &'a Declaration)>,
    new: Vec<(&'a Header, &'a Declaration)>,
}

/// The text of both sides, by declaration.
pub(super) struct Texts<'a> {
    entries: Vec<Entry<'a>>,
    /// The names that the text settles.
    settled: BTreeSet<&'a str>,
}

fn key(declaration: &Declaration) -> Key<'_> {
    use DeclarationKind::{Assert, Constant, Enum, Function, Macro, Other, Struct, Typedef, Union};
    let space = match declaration.kind {
        Struct | Union | Typedef => 0,
        Enum | Constant => 1,
        Macro | Function => 2,
        Assert => 3,
        Other => 4,
    };
    (space, &declaration.name)
}

fn has_text(side: &Side) -> bool {
    side.model().headers.iter().any(|header| !header.declarations.is_empty())
}

/// The declarations that count, by name. Checks do not count, and a broken declaration is reported
/// with its header.
fn of(side: &Side) -> Of<'_> {
    let mut of: Of<'_> = BTreeMap::new();
    for header in &side.model().headers {
        let all = header.declarations.iter();
        for declaration in all.filter(|d| d.kind != DeclarationKind::Assert && d.name != "#if") {
            of.entry(key(declaration)).or_default().push((header, declaration));
        }
    }
    of
}

impl<'a> Texts<'a> {
    pub(super) fn of(comparison: &Comparison<'a>) -> Self {
        let (old, new) = (of(comparison.old), of(comparison.new));
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
        let mut entries = Vec::new();
        for key in keys {
            let all = |of: &Of<'a>| of.get(&key).cloned().unwrap_or_default();
            entries.extend(by_header(all(&old), all(&new)));
        }
        let mut settled = BTreeSet::new();
        // A side without text says nothing this way.
        if has_text(comparison.old) && has_text(comparison.new) {
            for entry in entries.iter().filter(|entry| entry.unproven().is_some()) {
                let missing = match (entry.old.is_empty(), entry.new.is_empty()) {
                    (true, _) => Some(comparison.old),
                    (_, true) => Some(comparison.new),
                    _ => None,
                };
                let is_absent = |side: &Side| {
                    let name = entry.any().1.name.as_str();
                    side.model().record(name).is_none() && side.model().constant(name).is_none()
                };
                if missing.is_none_or(is_absent) {
                    settled.extend(entry.old.iter().chain(&entry.new).flat_map(|(_, d)| d.names()));
                }
            }
        }
        Self { entries, settled }
    }

    /// Whether the declaration of a name is compared by its text.
    pub(super) fn settle(&self, name: &str) -> bool {
        self.settled.contains(name)
    }

    /// Adds what differs to the comparison, and what remains unknown.
    pub(super) fn compare(self, comparison: &mut Comparison<'a>) {
        let owners = Owners::of(comparison);
        let reached = self.reached();
        let one_sided = self.one_sided();
        let mut found = Vec::new();
        for entry in &self.entries {
            let (header, any) = entry.any();
            let name = any.name.as_str();
            let pairs = owners.of_declaration(comparison, header, any);
            if !self.settles(any) {
                leave_open(comparison, entry, &pairs);
            }
            let unversioned = is_unversioned(comparison, entry, &pairs);
            let why = entry.unproven();
            if why.is_some() && !any.kind.is_code() && self.settles(any) && !entry.differs() {
                if let Some(what) = entry.left_open(&one_sided) {
                    for pair in &pairs {
                        comparison.open.entry(*pair).or_default().insert(what.clone());
                    }
                    if pairs.is_empty() {
                        comparison.unread.push(Gap { item: header.include_path(), why: what });
                    }
                }
            }
            let differs = match &why {
                Some(_) => self.settles(any) && entry.differs(),
                // Proven declarations are compared with the version that promises them.
                None => unversioned && entry.differs_proven(comparison),
            };
            if !differs {
                continue;
            }
            // A layout or value that differs describes the change better.
            let told = why.is_some()
                && (comparison.structs.iter().any(|record| record.name == name)
                    || comparison.constants.iter().any(|constant| constant.change.name == name));
            if told && !unversioned {
                continue;
            }
            found.push(DeclarationChange {
                old: entry.old.iter().map(|(_, declaration)| (*declaration).clone()).collect(),
                new: entry.new.iter().map(|(_, declaration)| (*declaration).clone()).collect(),
                is_code: any.kind.is_code() && !reached.contains(name),
                why,
                pairs,
                unversioned,
            });
        }
        for change in &found {
            let name = &change.any().name;
            let by_name = |pair: &usize| owners.names[*pair].contains(name.as_str());
            // If nothing says whose it is, it belongs to the header.
            if change.pairs.len() > 1 && !change.pairs.iter().any(by_name) {
                let shared = comparison.shared.entry(name.clone()).or_default();
                shared.extend(&change.pairs);
            }
        }
        comparison.declarations = found;
        let mut all = std::mem::take(&mut comparison.unread);
        all.extend(unread(comparison));
        let mut seen = BTreeSet::new();
        all.retain(|gap| seen.insert((gap.item.clone(), gap.why.clone())));
        comparison.unread = all;
    }

    fn settles(&self, declaration: &Declaration) -> bool {
        self.settled.contains(declaration.name.as_str())
    }

    /// The names that only one side declares.
    fn one_sided(&self) -> BTreeSet<&'a str> {
        let one_sided = self.entries.iter().filter(|e| e.old.is_empty() || e.new.is_empty());
        one_sided.flat_map(|e| e.old.iter().chain(&e.new)).flat_map(|(_, d)| d.names()).collect()
    }

    /// The names that unproven declarations use: the bytes depend on what they mean.
    fn reached(&self) -> BTreeSet<&'a str> {
        let all = self.entries.iter().flat_map(|entry| entry.old.iter().chain(&entry.new));
        let all: Vec<&Declaration> = all.map(|(_, declaration)| *declaration).collect();
        let mut by_name: BTreeMap<&str, Vec<&'a Declaration>> = BTreeMap::new();
        for declaration in &all {
            by_name.entry(&declaration.name).or_default().push(declaration);
        }
        let counts = |d: &&&Declaration| d.unproven.is_some() && !d.kind.is_code();
        let mut open: Vec<&'a Declaration> = all.iter().filter(counts).copied().collect();
        let mut reached = BTreeSet::new();
        while let Some(declaration) = open.pop() {
            for name in declaration.references() {
                if let Some(used) = by_name.get(name).filter(|_| reached.insert(name)) {
                    open.extend(used.iter().filter(|used| used.kind.is_code()));
                }
            }
        }
        reached
    }
}

/// Leaves open what one side has not proven and the other has no text for.
fn leave_open(comparison: &mut Comparison<'_>, entry: &Entry<'_>, pairs: &[usize]) {
    let (_, any) = entry.any();
    if any.kind.is_code() || entry.unproven().is_none() {
        return;
    }
    let name = &any.name;
    let other = if entry.old.is_empty() { comparison.old } else { comparison.new };
    let has = other.model().record(name).is_some() || other.model().constant(name).is_some();
    if has || !other.is_known_absent(name) {
        for pair in pairs {
            comparison.open.entry(*pair).or_default().insert(any.title());
        }
    }
}

/// Finds headers that were not read, or not to their end, on either side, and the declarations of
/// them that are missing even as text.
fn unread(comparison: &Comparison<'_>) -> Vec<Gap> {
    let mut unread = gone(comparison);
    for (side, other) in [(comparison.old, comparison.new), (comparison.new, comparison.old)] {
        if side.reading.kind == Kind::Headers {
            unread.extend(missing_headers(side));
            unread.extend(without_text(comparison, side));
            unread.extend(broken_headers(side, other));
        }
    }
    unread
}

/// Headers that a side lacks although one of its own headers needs them.
fn missing_headers(side: &Side) -> Vec<Gap> {
    let headers = &side.model().headers;
    let is_missing = |gap: &&Gap| {
        if !is_header(&gap.item) || headers.iter().any(|h| h.include_path() == gap.item) {
            return false;
        }
        let users: Vec<_> = headers.iter().filter(|h| h.includes.contains(&gap.item)).collect();
        // It only matters if something stays unproven without it.
        let unproven = |declaration: &Declaration| {
            declaration.unproven.is_some()
                && !declaration.kind.is_code()
                && declaration.kind != DeclarationKind::Assert
                && !declaration.tokens.is_empty()
        };
        users.is_empty() || users.iter().flat_map(|h| &h.declarations).any(unproven)
    };
    side.reading.gaps.iter().filter(is_missing).cloned().collect()
}

/// What a side has without even a text.
fn without_text(comparison: &Comparison<'_>, side: &Side) -> Vec<Gap> {
    let all = side.model().headers.iter().flat_map(|header| &header.declarations);
    let declared: BTreeSet<&str> = all.flat_map(Declaration::names).collect();
    let open: BTreeSet<&str> = comparison
        .open
        .values()
        .flatten()
        .map(|open| open.strip_prefix("struct ").unwrap_or(open))
        .collect();
    let is_told = |item: &str| {
        item.is_empty() || is_header(item) || declared.contains(item) || open.contains(item)
    };
    side.reading.gaps.iter().filter(|gap| !is_told(&gap.item)).cloned().collect()
}

/// Headers of a side whose text is incomplete.
fn broken(side: &Side) -> impl Iterator<Item = (&Header, Gap)> {
    side.model().headers.iter().filter_map(|header| {
        let broken = header.declarations.iter().find(|d| d.is_broken())?;
        let place = broken.place.as_ref().map(|place| format!("{place}: "));
        let why = format!("{}{}", place.unwrap_or_default(), kho_abi_model::BROKEN);
        Some((header, Gap { item: header.include_path(), why }))
    })
}

/// Those of them that may differ: if both texts are the same, it does not matter where they end.
fn broken_headers(side: &Side, other: &Side) -> Vec<Gap> {
    let text = |side: &Side, header: &Header| {
        side.texts.get(&header.name).map(|text| text.outline.code.clone())
    };
    let differs =
        |header: &Header| text(side, header).is_none_or(|here| Some(here) != text(other, header));
    broken(side).filter(|(header, _)| differs(header)).map(|(_, gap)| gap).collect()
}

/// Headers of a side alone that were not read, or not to their end, and that no other header of it
/// includes: what those leave open is known by the struct.
pub(crate) fn not_read(side: &Side) -> Vec<Gap> {
    if side.reading.kind != Kind::Headers {
        return Vec::new();
    }
    let headers = &side.model().headers;
    let is_included = |gap: &Gap| headers.iter().any(|h| h.includes.contains(&gap.item));
    let missing = missing_headers(side).into_iter().filter(|gap| !is_included(gap));
    missing.chain(broken(side).map(|(_, gap)| gap)).collect()
}

/// Headers that one side lacks, possibly because they were not given to it.
fn gone(comparison: &Comparison<'_>) -> Vec<Gap> {
    let mut gone = Vec::new();
    for pair in comparison.pairs.iter().filter(|pair| pair.new.is_none()) {
        let (header, contract) = pair.any();
        let knows = comparison.new.reading.knows;
        let there = comparison.new.model().headers.iter().any(|other| other.name == header.name);
        let of_headers = comparison.new.reading.kind == Kind::Headers;
        if of_headers && !knows.headers && !there && !comparison.new.model().headers.is_empty() {
            let name = &comparison.new.reading.name;
            let what = &contract.compatible;
            let why = format!(
                "{name} lacks it, and may be incomplete: only the other side has \"{what}\""
            );
            gone.push(Gap { item: header.include_path(), why });
        }
    }
    gone
}

/// Whether a name is that of a header with a part of the ABI.
fn is_header(item: &str) -> bool {
    item.starts_with(ABI_DIR) || kho_abi_read::headers::is_companion(item)
}

impl<'a> Entry<'a> {
    fn any(&self) -> (&'a Header, &'a Declaration) {
        // Every entry has at least one declaration.
        *self.new.first().or(self.old.first()).expect("an entry has a side")
    }

    /// Why one of the sides has no layout or value.
    fn unproven(&self) -> Option<String> {
        let mut all = self.new.iter().chain(&self.old);
        all.find_map(|(_, declaration)| declaration.unproven.clone())
    }

    /// Why the same text may still mean something else; `one_sided` are the names that only one side
    /// declares.
    fn left_open(&self, one_sided: &BTreeSet<&'a str>) -> Option<String> {
        let title = self.any().1.title();
        let all = || self.old.iter().chain(&self.new).map(|(_, declaration)| declaration);
        let used = all().flat_map(|d| d.references()).find(|name| one_sided.contains(name));
        let elsewhere = all().find_map(|declaration| included_in(&declaration.tokens));
        match (used, elsewhere) {
            (Some(used), _) => Some(format!("{title}: only one side defines {used}")),
            (_, Some(file)) => Some(format!("{title}: a part of its text is in {file}")),
            _ => None,
        }
    }

    /// Whether the texts differ.
    fn differs(&self) -> bool {
        let texts = |side: &[(&Header, &'a Declaration)]| -> BTreeSet<(&'a str, &'a str)> {
            side.iter().map(|(_, d)| (d.condition.as_str(), d.tokens.as_str())).collect()
        };
        texts(&self.old) != texts(&self.new)
    }

    /// Whether the sides differ in something that both have proven.
    fn differs_proven(&self, comparison: &Comparison<'_>) -> bool {
        let (Some((a, old)), Some((b, new))) = (self.old.first(), self.new.first()) else {
            // Added and removed structs are reported as such.
            use DeclarationKind::{Constant, Enum};
            let (_, any) = self.any();
            let is_version = |(_, contract): (&Header, &Contract)| contract.is_carrier(&any.name);
            let pairs = comparison.pairs.iter();
            let mut held = pairs.flat_map(|pair| [pair.old, pair.new]).flatten();
            let is_told = matches!(any.kind, Constant | Enum) && !held.any(is_version);
            let header =
                |side: &Side, name: &str| side.model().headers.iter().any(|h| h.name == name);
            let (of, _) = self.any();
            return is_told && header(comparison.old, &of.name) && header(comparison.new, &of.name);
        };
        if old.kind == DeclarationKind::Typedef || new.kind == DeclarationKind::Typedef {
            return false;
        }
        let sizes = comparison.page_sizes();
        sizes.iter().any(|size| {
            let before = Comparison::model_for(comparison.old, *size);
            let after = Comparison::model_for(comparison.new, *size);
            let record = |model: &Model, header: &str, name: &str| {
                let mut headers = model.headers.iter();
                let own = headers.find(|other| other.name == header);
                own.and_then(|own| own.records().find(|r| r.name == name).map(Record::bare))
            };
            let values = |model: &Model, header: &str, declared: &Declaration| -> Vec<_> {
                let names = declared.names().into_iter();
                names.map(|n| model.constant_in(header, n).map(|c| c.value.clone())).collect()
            };
            record(&before, &a.name, &old.name) != record(&after, &b.name, &new.name)
                || values(&before, &a.name, old) != values(&after, &b.name, new)
        })
    }
}

/// Pairs the declarations of one name on both sides: by header if the headers differ.
fn by_header<'a>(
    old: Vec<(&'a Header, &'a Declaration)>,
    new: Vec<(&'a Header, &'a Declaration)>,
) -> Vec<Entry<'a>> {
    let names = |side: &[(&'a Header, &'a Declaration)]| -> BTreeSet<&'a str> {
        side.iter().map(|(header, _)| header.name.as_str()).collect()
    };
    let (before, after) = (names(&old), names(&new));
    // It may have moved from its only header to another.
    if before.len() <= 1 && after.len() <= 1 {
        return vec![Entry { old, new }];
    }
    let of = |side: &[(&'a Header, &'a Declaration)], name: &str| -> Vec<_> {
        side.iter().filter(|(header, _)| header.name == name).copied().collect()
    };
    let all = before.union(&after);
    let mut entries: Vec<_> =
        all.map(|name| Entry { old: of(&old, name), new: of(&new, name) }).collect();
    // A declaration that is gone from one header may be the one that is new in another.
    for at in 0..entries.len() {
        if !entries[at].new.is_empty() {
            continue;
        }
        let to = entries.iter().position(|to| {
            to.old.is_empty()
                && to
                    .new
                    .iter()
                    .map(|(_, d)| &d.tokens)
                    .eq(entries[at].old.iter().map(|(_, d)| &d.tokens))
        });
        if let Some(to) = to {
            entries[to].old = std::mem::take(&mut entries[at].old);
        }
    }
    entries.retain(|entry| !entry.old.is_empty() || !entry.new.is_empty());
    entries
}

/// Whether no version that both sides have covers a declaration that both sides have.
fn is_unversioned(comparison: &Comparison<'_>, entry: &Entry<'_>, pairs: &[usize]) -> bool {
    let pairs: Vec<&Pair<'_>> = pairs.iter().map(|pair| &comparison.pairs[*pair]).collect();
    if pairs.iter().any(|pair| pair.both().is_some()) {
        return false;
    }
    // A struct that lost its version is reported with that version.
    let is_type = matches!(entry.any().1.kind, DeclarationKind::Struct | DeclarationKind::Union);
    let lost_version = pairs.iter().any(|pair| pair.new.is_some_and(|(_, c)| c.unversioned));
    let is_laid_out = entry.new.iter().any(|(_, declaration)| declaration.unproven.is_none());
    if is_type && is_laid_out && lost_version {
        return false;
    }
    let versioned = |side: Option<(&Header, &Contract)>| side.is_some_and(|(_, c)| !c.unversioned);
    let before = pairs.iter().any(|pair| versioned(pair.old));
    let after = pairs.iter().any(|pair| versioned(pair.new));
    match (entry.old.is_empty(), entry.new.is_empty()) {
        // It has a version now, which kernels without it do not have.
        (false, false) | (true, _) => !after,
        // It is gone together with its version.
        (_, true) => !before,
    }
}

/// Which pairs promise which names.
struct Owners {
    /// For each pair.
    names: Vec<BTreeSet<String>>,
}

impl Owners {
    fn of(comparison: &Comparison<'_>) -> Self {
        let names = comparison.pairs.iter().map(|pair| {
            let sides = [(comparison.old, pair.old), (comparison.new, pair.new)];
            let held = sides.into_iter().filter_map(|(side, held)| Some((side, held?)));
            held.flat_map(|(side, (header, contract))| side.model().closure_names(header, contract))
                .collect()
        });
        Self { names: names.collect() }
    }

    /// The pairs that promise a declaration, or those of its header if none does by name.
    fn of_declaration(
        &self,
        comparison: &Comparison<'_>,
        header: &Header,
        declaration: &Declaration,
    ) -> Vec<usize> {
        let all =
            || (0..comparison.pairs.len()).filter(|at| !comparison.undetermined.contains_key(at));
        let names = declaration.names();
        let by_name: Vec<_> =
            all().filter(|at| names.iter().any(|name| self.names[*at].contains(*name))).collect();
        if !by_name.is_empty() {
            return by_name;
        }
        let here = |at: &usize| {
            let pair = &comparison.pairs[*at];
            [pair.old, pair.new].into_iter().flatten().any(|(other, _)| other.name == header.name)
        };
        let of_header: Vec<_> = all().filter(here).collect();
        let versioned = |at: &usize| !comparison.pairs[*at].any().1.unversioned;
        if of_header.iter().any(versioned) {
            return of_header.into_iter().filter(versioned).collect();
        }
        of_header
    }
}
