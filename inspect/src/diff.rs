// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The differences between two images of one machine: sessions, files and their content, entries,
//! and preserved pages. What could not be compared counts as a difference, since it is not known to
//! be equal.

use crate::content::{self, Compared};
use crate::finding::Finding;
use crate::flbs;
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::image::Image;
use crate::inspect::State;
use crate::luo::{File, Flb, Luo, Phase, Session};
use crate::report::{seals, Filter};
use crate::rules::{self, Rule};
use crate::text::{count, size};
use crate::typed::{Shown, Typed};
use kho_abi_show::{Progress, Unit};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Only the earlier image has it.
    Removed,
    /// Only the later image has it.
    Added,
    /// Both have it, but it differs.
    Changed,
    /// Unknown whether it differs.
    Unknown,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Difference {
    /// The kind of difference.
    pub kind: Kind,
    /// What differs, such as `session "vm0", token 0x1`.
    pub what: String,
    /// The value in the earlier image.
    pub before: Option<String>,
    /// The value in the later image.
    pub after: Option<String>,
}

/// The schema name in a document of differences.
pub const SCHEMA: &str = "kho-abi/inspect-diff/2";

/// What to compare between two images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Whether the place in memory counts.
    pub places: bool,
    /// Whether to leave out the content of memfds.
    pub no_content: bool,
    /// The sessions and files to compare.
    pub filter: Filter,
    /// What counts the bytes that are compared.
    pub progress: Progress,
}

/// One side of a comparison: an image, and what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// The image.
    pub image: &'s Image,
    /// What the image shows.
    pub state: &'s State,
}

impl<'s> Side<'s> {
    /// A memfd of this side.
    fn with(self, memfd: &'s Memfd) -> content::Side<'s> {
        content::Side {
            image: self.image,
            page_size: self.state.page_size,
            preserved: self.state.preserved(),
            contested: &self.state.contested,
            memfd,
        }
    }

    /// Whether there is anything to compare.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.state.kho.is_none() && self.state.luo().is_none()
    }

    /// Whether any session or file matches the filter.
    #[must_use]
    pub fn has(self, filter: &Filter) -> bool {
        let mut sessions = self.state.luo().into_iter().flat_map(|luo| &luo.sessions);
        sessions.any(|session| filter.takes_session(session))
    }
}

/// Compares two images item by item: sessions by name, files by token, memfds by content.
#[must_use]
pub fn compare(before: Side<'_>, after: Side<'_>, how: &How) -> Vec<Difference> {
    how.progress.begin("comparing the content of memfds", Unit::Bytes, None);
    let mut differences = listed((before, facts(before, how)), (after, facts(after, how)));
    unknown(before, after, how, &mut differences);
    if !how.no_content {
        contents(before, after, how, &mut differences);
    }
    differences.sort_by(|a, b| a.what.cmp(&b.what));
    differences
}

/// Findings after which the rest of a list or of a struct was not read.
const UNREAD: &[&Rule] = &[
    &rules::ADDRESS_EXCLUDED,
    &rules::ADDRESS_NULL,
    &rules::ADDRESS_OUTSIDE_IMAGE,
    &rules::ADDRESS_UNALIGNED,
    &rules::BLOCK_COUNT_INVALID,
    &rules::COMPATIBLE_UNKNOWN,
    &rules::COUNT_MISMATCH,
    &rules::FDT_MALFORMED,
    &rules::FLB_HEADER_INVALID,
    &rules::IMAGE_MALFORMED,
    &rules::KHO_SEARCH_INCOMPLETE,
    &rules::KHO_TREE_DAMAGED,
    &rules::LIST_CYCLE,
    &rules::LIST_TOO_LONG,
    &rules::LUO_STATE_TOO_SMALL,
    &rules::VMALLOC_INVALID,
];

/// What must have been read for an item that is not shown to be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Within {
    /// KHO's device tree.
    Tree,
    /// What the entries of the tree lead to directly.
    Entries,
    /// The tree of preserved pages.
    Preserved,
    /// The list of sessions.
    Sessions,
    /// The array of FLBs.
    Flbs,
    /// Everything: each part may have findings.
    Whole,
    /// The item of that name, which the item is a part of, and what must have been read for that one.
    Item(String, Box<Within>),
}

/// A fact of a side.
#[derive(Clone, Debug)]
struct Fact {
    /// What is shown.
    text: String,
    /// How it begins, as far as that is known even if the rest is not.
    known: String,
    /// Why the text, or what belongs to the item, is not fully known.
    lacks: Option<String>,
    within: Within,
}

impl Fact {
    fn new(within: Within, text: String) -> Self {
        Self { text, known: String::new(), lacks: None, within }
    }

    fn lacking(self, lacks: Option<String>) -> Self {
        Self { lacks, ..self }
    }

    /// Whether the known parts do not contradict each other.
    fn agrees(&self, other: &Self) -> bool {
        self.known.starts_with(&other.known) || other.known.starts_with(&self.known)
    }

    /// The text, and why it may not be all.
    fn said(self) -> String {
        match self.lacks {
            Some(why) => format!("{} (not fully known: {why})", self.text),
            None => self.text,
        }
    }
}

/// The facts of a side, each by the name of its item.
type Facts = BTreeMap<String, Fact>;

/// Why an item that a side does not show may be there all the same.
fn lacks(side: Side<'_>, facts: &Facts, within: &Within) -> Option<String> {
    let state = side.state;
    let lacks_in = |within| lacks(side, facts, &within);
    let findings = || state.findings.list().iter();
    let unread = |is_here: &dyn Fn(&Finding) -> bool| {
        let mut unread = findings().filter(|finding| UNREAD.contains(&finding.rule));
        let found = unread.find(|finding| is_here(finding)).map(|finding| finding.what.clone());
        // A finding that was only counted may be about this.
        let is_unread = |id: &str| UNREAD.iter().any(|rule| rule.id == id);
        let counted = || state.findings.more().find(|(id, _)| is_unread(id));
        found.or_else(|| counted().map(|(id, more)| format!("{more} more findings of {id}")))
    };
    let blob = || side.image.is_blob().then(|| format!("the image is a {}", side.image.format()));
    match within {
        Within::Tree if state.kho.is_some() => unread(&|finding| finding.chain.len() == 1),
        // Without a tree, the only finding that proves its absence is that of a complete search.
        Within::Tree => blob().or_else(|| {
            let why = findings().find(|finding| finding.rule.id != rules::KHO_NOT_FOUND.id)?;
            Some(why.what.clone())
        }),
        Within::Entries => lacks_in(Within::Tree).or_else(blob).or_else(|| {
            // An entry's own state, and not the lists that it leads to.
            unread(&|finding| {
                finding.chain.len() == 2 && finding.chain[1].what.starts_with("entry ")
            })
        }),
        Within::Preserved if state.kho.is_none() => lacks_in(Within::Tree),
        Within::Preserved => {
            let all = state.preserved().is_some_and(crate::radix::Preserved::is_complete);
            (!all).then(|| "the tree of preserved pages was not fully read".into())
        }
        Within::Sessions => match state.luo() {
            None => lacks_in(Within::Entries),
            Some(luo) => luo.unread.clone().or_else(blob),
        },
        Within::Flbs => match state.luo() {
            None => lacks_in(Within::Entries),
            Some(luo) => {
                let read = matches!(luo.phase, Phase::Serialised | Phase::NotSerialised);
                let root = luo.unread.clone().filter(|_| !read).or_else(blob);
                let in_array = |finding: &Finding| {
                    finding.chain.last().is_some_and(|link| link.what == "FLBs")
                };
                root.or_else(|| unread(&in_array))
            }
        },
        Within::Whole => [Within::Preserved, Within::Sessions, Within::Entries, Within::Flbs]
            .into_iter()
            .find_map(lacks_in)
            .or_else(|| unread(&|_| true))
            .or_else(|| {
                let unknown = count(state.unknown, "item");
                (state.unknown > 0).then(|| format!("{unknown} not decoded or not checked"))
            }),
        Within::Item(item, around) => match facts.get(item) {
            Some(item) => item.lacks.clone(),
            None => lacks(side, facts, around),
        },
    }
}

/// What is only on one side, or differs. An item is only said to be removed or added if the side
/// without it is known not to have it.
fn listed(
    (before_side, before): (Side<'_>, Facts),
    (after_side, after): (Side<'_>, Facts),
) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |what: &String| {
        let is = |kind, before, after| Some(Difference { kind, what: what.clone(), before, after });
        let unknown = |why| Some(format!("unknown: {why}"));
        match (before.get(what).cloned(), after.get(what).cloned()) {
            (Some(one), Some(other)) if one.text == other.text => None,
            (Some(one), Some(other)) => {
                let partial = one.lacks.is_some() || other.lacks.is_some();
                let open = partial && one.agrees(&other);
                let kind = if open { Kind::Unknown } else { Kind::Changed };
                is(kind, Some(one.said()), Some(other.said()))
            }
            (Some(one), None) => match lacks(after_side, &after, &one.within) {
                Some(why) => is(Kind::Unknown, Some(one.said()), unknown(why)),
                None => is(Kind::Removed, Some(one.text), None),
            },
            (None, Some(other)) => match lacks(before_side, &before, &other.within) {
                Some(why) => is(Kind::Unknown, unknown(why), Some(other.said())),
                None => is(Kind::Added, None, Some(other.text)),
            },
            (None, None) => None,
        }
    };
    names.into_iter().filter_map(differs).collect()
}

/// What could not be read on one side, and so is not known to be equal.
fn unknown(before: Side<'_>, after: Side<'_>, how: &How, differences: &mut Vec<Difference>) {
    let mut add = |what: &str, before: Option<String>, after: Option<String>| {
        if before.is_some() || after.is_some() {
            let what = what.to_owned();
            differences.push(Difference { kind: Kind::Unknown, what, before, after });
        }
    };
    if how.filter.is_all() {
        let lacks = |side: Side<'_>| {
            let kho = side.state.kho.as_ref()?;
            let known = kho.preserved.as_ref().is_some_and(crate::radix::Preserved::is_complete);
            (!known && !side.image.is_blob()).then(|| "not fully known".into())
        };
        add("preserved pages", lacks(before), lacks(after));
    }
    let lacks = |side: Side<'_>| match side.state.luo().map(|luo| luo.phase) {
        Some(Phase::Serialised | Phase::NotSerialised) | None => None,
        Some(Phase::Consumed) => Some("LUO's root is gone".into()),
        Some(Phase::UnknownVersion) => Some("LUO's version is unknown".into()),
        Some(Phase::NotFollowed) => Some("KHO's version is unknown".into()),
        Some(Phase::Unreadable) => Some("LUO's root cannot be read".into()),
    };
    add("sessions", lacks(before), lacks(after));
    let unread = |side: Side<'_>| {
        let luo = side.state.luo().filter(|luo| luo.phase == Phase::Serialised)?;
        let of_session = luo.sessions.iter().filter(|session| how.filter.takes_session(session));
        let of_session = of_session.filter_map(|session| session.unread.clone());
        luo.unread.clone().or_else(|| of_session.into_iter().next())
    };
    add("sessions and files that were not read", unread(before), unread(after));
    // What is undecoded is shown by its first bytes alone.
    let undecoded = |side: Side<'_>| {
        let luo = side.state.luo()?;
        let files = files(luo, &how.filter)
            .filter(|file| matches!(file.payload, Payload::Unknown(_) | Payload::Unreadable));
        let others = luo.flbs.iter().filter(|flb| {
            let undecoded = matches!(flb.state, None | Some(flbs::State::Unreadable));
            how.filter.is_all() && undecoded
        });
        match files.count() + others.count() {
            0 => None,
            number => Some(format!("{} not decoded", count(number as u64, "item"))),
        }
    };
    add("state of handlers and FLBs", undecoded(before), undecoded(after));
    let undecoded = |side: Side<'_>| {
        let entries = side.state.kho.as_ref().filter(|_| how.filter.is_all())?.entries.iter();
        let number = entries.filter(|entry| entry.typed.is_none() && entry.raw.is_some()).count();
        (number > 0).then(|| format!("{number} not decoded"))
    };
    add("state of entries", undecoded(before), undecoded(after));
    let partial = |side: Side<'_>| {
        let number = typed(side.state, how).filter(|typed| is_partial(typed)).count() as u64;
        (number > 0).then(|| format!("not fully read or shown for {}", count(number, "item")))
    };
    add("values by layouts", partial(before), partial(after));
}

/// The files that a filter takes.
fn files<'s>(luo: &'s Luo, filter: &'s Filter) -> impl Iterator<Item = &'s File> {
    let sessions = luo.sessions.iter().filter(|session| filter.takes_session(session));
    sessions.flat_map(|session| &session.files).filter(|file| filter.takes(file))
}

/// The state that layouts decode.
fn typed<'s>(state: &'s State, how: &'s How) -> impl Iterator<Item = &'s Typed> {
    let luo = state.luo();
    let all = how.filter.is_all();
    let entries = state.kho.iter().filter(move |_| all).flat_map(|kho| &kho.entries);
    let flbs = luo.into_iter().filter(move |_| all).flat_map(|luo| &luo.flbs);
    let flbs = flbs.filter_map(|flb| match &flb.state {
        Some(flbs::State::Typed(typed)) => Some(typed),
        _ => None,
    });
    let files = luo.into_iter().flat_map(|luo| files(luo, &how.filter));
    let files = files.filter_map(|file| match &file.payload {
        Payload::Typed(typed) => Some(typed),
        _ => None,
    });
    entries.filter_map(|entry| entry.typed.as_ref()).chain(flbs).chain(files)
}

/// Whether the values that are shown are not all of the state, or only the beginnings of values.
fn is_partial(typed: &Typed) -> bool {
    let mut values = typed.parts.iter().flat_map(|part| &part.values);
    typed_lacks(typed).is_some() || values.any(|value| value.value.is_partial())
}

/// The memfds of a side by session and token; a number distinguishes those with equal names.
fn memfds<'s>(side: Side<'s>, filter: &Filter) -> Vec<(String, &'s Memfd)> {
    let mut numbers: HashMap<String, u64> = HashMap::new();
    let mut found = Vec::new();
    let sessions = side.state.luo().into_iter().flat_map(|luo| &luo.sessions);
    for session in sessions.filter(|session| filter.takes_session(session)) {
        for file in session.files.iter().filter(|file| filter.takes(file)) {
            let name = file_name(session, file);
            let number = numbers.entry(name.clone()).or_default();
            *number += 1;
            if let Payload::Memfd(memfd) = &file.payload {
                found.push((numbered(name, *number), memfd));
            }
        }
    }
    found
}

fn contents(before: Side<'_>, after: Side<'_>, how: &How, differences: &mut Vec<Difference>) {
    let others: HashMap<String, &Memfd> = memfds(after, &how.filter).into_iter().collect();
    for (name, memfd) in memfds(before, &how.filter) {
        let Some(other) = others.get(&name) else { continue };
        let Compared { pieces, first, unknown } =
            content::compare(before.with(memfd), after.with(other), &how.progress);
        let what = format!("content of {name}");
        if let Some(first) = first {
            let said =
                format!("differs in {} of 4 KiB, from byte {first:#x}", count(pieces, "piece"));
            differences.push(Difference {
                kind: Kind::Changed,
                what: what.clone(),
                before: None,
                after: Some(said),
            });
        }
        if unknown > 0 {
            let said = format!("{} cannot be compared: lost or doubtful", count(unknown, "byte"));
            differences.push(Difference {
                kind: Kind::Unknown,
                what,
                before: None,
                after: Some(said),
            });
        }
    }
}

fn numbered(name: String, number: u64) -> String {
    if number > 1 {
        format!("{name} (number {number})")
    } else {
        name
    }
}

/// The facts of a side, each with the name of its item.
fn facts(side: Side<'_>, how: &How) -> Facts {
    let mut facts = Facts::new();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: String, fact: Fact| {
        let number = numbers.entry(name.clone()).or_default();
        *number += 1;
        if let Some(first) = facts.get_mut(&name).filter(|first| first.lacks.is_none()) {
            // What belongs to an item is looked up by its name.
            first.lacks.clone_from(&fact.lacks);
        }
        // A number distinguishes items with equal names, so that neither hides the other.
        facts.insert(numbered(name, *number), fact);
    };
    if how.filter.is_all() {
        machine_facts(side, how, &mut add);
    }
    if let Some(luo) = side.state.luo() {
        luo_facts(side.state, luo, how, &mut add);
    }
    facts
}

fn machine_facts(side: Side<'_>, how: &How, add: &mut impl FnMut(String, Fact)) {
    let state = side.state;
    let page_size = state.page_size as u64;
    let lacks_in = |within| lacks(side, &Facts::new(), &within);
    match &state.kho {
        None => {
            let lacks = lacks_in(Within::Tree);
            add("KHO".into(), Fact::new(Within::Tree, "not found".into()).lacking(lacks));
        }
        Some(kho) => {
            add("KHO".into(), Fact::new(Within::Tree, kho.compatible.clone()));
            for entry in &kho.entries {
                let name = format!("entry \"{}\"", entry.name);
                let lacks = match &entry.typed {
                    Some(typed) => typed_lacks(typed),
                    None => entry.raw.as_ref().map(|_| "not decoded".into()),
                };
                if let Some(typed) = &entry.typed {
                    typed_facts(&name, &Within::Tree, typed, how, add);
                }
                let fact = Fact::new(Within::Tree, count(entry.size, "byte"));
                // The size is in the tree, whatever the entry leads to.
                let known = fact.text.clone();
                add(name, Fact { known, ..fact.lacking(lacks) });
            }
            for reservation in &kho.reservations {
                let text = format!("{} at {:#x}", size(reservation.size), reservation.start);
                let name = format!("reservation \"{}\"", reservation.name);
                add(name, Fact::new(Within::Entries, text));
            }
            if let Some(metadata) = &kho.metadata {
                let text =
                    format!("{}, number {}", metadata.previous_release, metadata.kexec_count);
                add("kexec".into(), Fact::new(Within::Entries, text));
            }
        }
    }
    if let Some(preserved) = state.preserved() {
        let mut add = |name, text| {
            let lacks = lacks_in(Within::Preserved);
            add(name, Fact::new(Within::Preserved, text).lacking(lacks));
        };
        for total in preserved.totals() {
            let bytes = size(total.pages.saturating_mul(page_size));
            let text = format!("{}, {bytes}", count(total.blocks, "block"));
            add(format!("preserved of order {}", total.order), text);
        }
        if how.places {
            for run in preserved.runs().unwrap_or_default() {
                let bytes = |page: u64| page.saturating_mul(page_size);
                let name = format!("preserved at {:#x}", bytes(run.start));
                add(name, format!("up to {:#x}, order {}", bytes(run.end), run.order));
            }
        }
    }
    if let Some(luo) = state.luo() {
        let lacks = luo.unread.clone().filter(|_| luo.phase == Phase::Unreadable);
        let fact = Fact::new(Within::Entries, luo.compatible.clone());
        add("LUO".into(), fact.lacking(lacks));
        if let Some(number) = luo.liveupdate_num {
            add("live update".into(), Fact::new(Within::Flbs, number.to_string()));
        }
        if luo.phase == Phase::NotSerialised {
            add("sessions".into(), Fact::new(Within::Sessions, "not written".into()));
        }
        for flb in &luo.flbs {
            flb_facts(state, flb, how, add);
        }
    }
    for (rule, number) in state.findings.counts() {
        add(format!("findings of {rule}"), Fact::new(Within::Whole, number.to_string()));
    }
}

/// Why something at an address was not read: the finding about it.
fn why_unread(state: &State, at: u64) -> String {
    let mut findings = state.findings.list().iter();
    let about = findings.find(|finding| finding.chain.iter().any(|link| link.at == Some(at)));
    about.map_or_else(|| "see the findings".into(), |finding| finding.what.clone())
}

fn flb_facts(state: &State, flb: &Flb, how: &How, add: &mut impl FnMut(String, Fact)) {
    let name = format!("FLB \"{}\"", flb.compatible);
    let mut text = format!("for {}", count(flb.count, "file"));
    // If it is not an address, it is a number of the owner.
    if how.places || flb.leads_to.is_none() {
        text = format!("{text}, data {:#x}", flb.data);
    }
    let mut known = text.clone();
    if let Some(raw) = &flb.raw {
        text = format!("{text}, not decoded: {}", bytes(&raw.bytes));
        known.clone_from(&text);
    }
    if let Some(flbs::State::Pci(pci)) = &flb.state {
        text = format!("{text}, version {}", pci.version);
        for device in &pci.devices {
            let name_of_device = format!("{name}, device {}", device.address);
            let within = Within::Item(name.clone(), Box::new(Within::Flbs));
            let fact = Fact::new(within, device.refcount.to_string());
            add(name_of_device, fact);
        }
    }
    let lacks = match &flb.state {
        Some(flbs::State::Typed(typed)) => {
            typed_facts(&name, &Within::Flbs, typed, how, add);
            typed_lacks(typed)
        }
        Some(flbs::State::Unreadable) => {
            text.push_str(", cannot be read");
            Some(why_unread(state, flb.at))
        }
        Some(flbs::State::Pci(_)) => {
            let mut unread = state.findings.list().iter().filter(|finding| {
                let in_it = finding.chain.iter().any(|link| link.at == Some(flb.at));
                in_it && UNREAD.contains(&finding.rule)
            });
            unread.next().map(|finding| finding.what.clone())
        }
        None => Some("not decoded".into()),
    };
    add(name, Fact { known, ..Fact::new(Within::Flbs, text).lacking(lacks) });
}

/// Why values of decoded state may be missing.
fn typed_lacks(typed: &Typed) -> Option<String> {
    let cut = typed.more_parts || typed.parts.iter().any(|part| part.more_values);
    let mut values = typed.parts.iter().flat_map(|part| &part.values);
    if cut {
        return Some("there are more values than were read".into());
    }
    let lost = values.find(|value| matches!(value.value, Shown::Unreadable))?;
    Some(format!("{} cannot be read", lost.name))
}

/// The values that layouts show, field by field; addresses count as places.
fn typed_facts(
    name: &str,
    around: &Within,
    typed: &Typed,
    how: &How,
    add: &mut impl FnMut(String, Fact),
) {
    for part in &typed.parts {
        for value in &part.values {
            let is_place = matches!(value.value, Shown::Address { .. } | Shown::Pointer { .. });
            if !is_place || how.places {
                let from = part.from.as_ref().map_or(String::new(), |from| format!("{from} → "));
                let lost = matches!(value.value, Shown::Unreadable);
                let within = Within::Item(name.to_owned(), Box::new(around.clone()));
                let fact = Fact::new(within, value.value.to_string())
                    .lacking(lost.then(|| "see the findings".into()));
                add(format!("{name}, {from}{}", value.name), fact);
            }
        }
    }
}

fn luo_facts(state: &State, luo: &Luo, how: &How, add: &mut impl FnMut(String, Fact)) {
    for session in luo.sessions.iter().filter(|session| how.filter.takes_session(session)) {
        let text = count(session.files.len() as u64, "file");
        let fact = Fact::new(Within::Sessions, text).lacking(session.unread.clone());
        add(session_name(session), fact);
        for file in session.files.iter().filter(|file| how.filter.takes(file)) {
            file_facts(state, session, file, how, add);
        }
    }
}

fn session_name(session: &Session) -> String {
    format!("session \"{}\"", session.name)
}

fn file_name(session: &Session, file: &File) -> String {
    format!("{}, token {:#x}", session_name(session), file.token)
}

fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn file_facts(
    state: &State,
    session: &Session,
    file: &File,
    how: &How,
    add: &mut impl FnMut(String, Fact),
) {
    let page_size = state.page_size as u64;
    let within = Within::Item(session_name(session), Box::new(Within::Sessions));
    let mut known = format!("{}:", file.compatible);
    let mut lacks = None;
    let text = match &file.payload {
        Payload::VfioPci(device) => device.address.clone(),
        Payload::Memfd(memfd) => {
            let Memfd { size, pos, seals: sealed, totals, .. } = memfd;
            let mut text = format!("{size} bytes, position {pos}, seals {}", seals(*sealed));
            if how.places {
                text = format!(
                    "{text}, {} in {} from {:#x}",
                    count(totals.folios, "folio"),
                    count(totals.extents, "extent"),
                    memfd.first.first().map_or(0, |extent| extent.pfn.saturating_mul(page_size)),
                );
            }
            text
        }
        Payload::Typed(typed) => {
            typed_facts(&file_name(session, file), &within, typed, how, add);
            lacks = typed_lacks(typed);
            typed.parts.first().map_or(String::new(), |root| root.name.clone())
        }
        Payload::Unknown(unknown) => {
            let text = format!("not decoded: {}", bytes(&unknown.bytes));
            if !unknown.bytes.is_empty() {
                known = format!("{known} {text}");
            }
            lacks = Some("not decoded".into());
            text
        }
        Payload::Unreadable => {
            lacks = Some(why_unread(state, file.at));
            "cannot be read".into()
        }
    };
    let text = format!("{}: {text}", file.compatible);
    let fact = Fact::new(within, text).lacking(lacks);
    add(file_name(session, file), Fact { known, ..fact });
}
