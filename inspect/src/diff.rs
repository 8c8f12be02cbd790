// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The differences between two images of one machine: sessions, files and their content, entries,
//! and preserved pages. What could not be compared counts as a difference, since it is not known to
//! be equal.

use crate::content::{self, Compared};
use crate::flbs;
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::image::Image;
use crate::inspect::State;
use crate::luo::{File, Flb, Luo, Phase, Session};
use crate::report::{seals, Filter};
use crate::text::{count, size};
use crate::typed::{Shown, Typed};
use kho_abi_show::{Progress, Unit};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

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
    let mut differences = listed(facts(before, how), facts(after, how));
    unknown(before, after, how, &mut differences);
    if !how.no_content {
        contents(before, after, how, &mut differences);
    }
    differences.sort_by(|a, b| a.what.cmp(&b.what));
    differences
}

/// What is only on one side, or differs.
fn listed(
    mut before: BTreeMap<String, String>,
    mut after: BTreeMap<String, String>,
) -> Vec<Difference> {
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    let pairs = names.into_iter().map(|name| {
        let pair = (before.remove(&name), after.remove(&name));
        (name, pair)
    });
    pairs
        .filter_map(|(what, (before, after))| {
            let kind = match (&before, &after) {
                (Some(before), Some(after)) if before == after => return None,
                (Some(_), None) => Kind::Removed,
                (None, _) => Kind::Added,
                _ => Kind::Changed,
            };
            Some(Difference { kind, what, before, after })
        })
        .collect()
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
        let sessions = luo.sessions.iter().filter(|session| how.filter.takes_session(session));
        let files = sessions.flat_map(|session| &session.files);
        let files = files
            .filter(|file| how.filter.takes(file))
            .filter(|file| matches!(file.payload, Payload::Unknown(_) | Payload::Unreadable));
        let others = luo.flbs.iter().filter(|flb| how.filter.is_all() && flb.state.is_none());
        match files.count() + others.count() {
            0 => None,
            number => Some(format!("{} not decoded", count(number as u64, "item"))),
        }
    };
    add("state of handlers and FLBs", undecoded(before), undecoded(after));
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

/// The facts of a side: the name of each item, and a text about it.
fn facts(side: Side<'_>, how: &How) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: String, text: String| {
        let number = numbers.entry(name.clone()).or_default();
        *number += 1;
        // A number distinguishes items with equal names, so that neither hides the other.
        facts.insert(numbered(name, *number), text);
    };
    if how.filter.is_all() {
        machine_facts(side, how, &mut add);
    }
    if let Some(luo) = side.state.luo() {
        luo_facts(luo, side.state.page_size as u64, how, &mut add);
    }
    facts
}

fn machine_facts(side: Side<'_>, how: &How, add: &mut impl FnMut(String, String)) {
    let state = side.state;
    let page_size = state.page_size as u64;
    match &state.kho {
        None => add("KHO".into(), "not found".into()),
        Some(kho) => {
            add("KHO".into(), kho.compatible.clone());
            for entry in &kho.entries {
                let name = format!("entry \"{}\"", entry.name);
                if let Some(typed) = &entry.typed {
                    typed_facts(&name, typed, how, add);
                }
                add(name, count(entry.size, "byte"));
            }
            for reservation in &kho.reservations {
                let text = format!("{} at {:#x}", size(reservation.size), reservation.start);
                add(format!("reservation \"{}\"", reservation.name), text);
            }
            if let Some(metadata) = &kho.metadata {
                let text =
                    format!("{}, number {}", metadata.previous_release, metadata.kexec_count);
                add("kexec".into(), text);
            }
        }
    }
    if let Some(preserved) = state.preserved() {
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
        add("LUO".into(), luo.compatible.clone());
        if let Some(number) = luo.liveupdate_num {
            add("live update".into(), number.to_string());
        }
        if luo.phase == Phase::NotSerialised {
            add("sessions".into(), "not written".into());
        }
        for flb in &luo.flbs {
            flb_facts(flb, how, add);
        }
    }
    for (rule, number) in state.findings.counts() {
        add(format!("findings of {rule}"), number.to_string());
    }
}

fn flb_facts(flb: &Flb, how: &How, add: &mut impl FnMut(String, String)) {
    let name = format!("FLB \"{}\"", flb.compatible);
    let mut text = format!("for {}", count(flb.count, "file"));
    // If it is not an address, it is a number of the owner.
    if how.places || flb.leads_to.is_none() {
        text = format!("{text}, data {:#x}", flb.data);
    }
    if let Some(raw) = &flb.raw {
        text = format!("{text}, not decoded: {}", bytes(&raw.bytes));
    }
    if let Some(flbs::State::Pci(pci)) = &flb.state {
        text = format!("{text}, version {}", pci.version);
        for device in &pci.devices {
            add(format!("{name}, device {}", device.address), device.refcount.to_string());
        }
    }
    match &flb.state {
        Some(flbs::State::Typed(typed)) => typed_facts(&name, typed, how, add),
        Some(flbs::State::Unreadable) => text.push_str(", cannot be read"),
        Some(flbs::State::Pci(_)) | None => {}
    }
    add(name, text);
}

/// The values that layouts show, field by field; addresses count as places.
fn typed_facts(name: &str, typed: &Typed, how: &How, add: &mut impl FnMut(String, String)) {
    for part in &typed.parts {
        for value in &part.values {
            let is_place = matches!(value.value, Shown::Address { .. } | Shown::Pointer { .. });
            if !is_place || how.places {
                let from = part.from.as_ref().map_or(String::new(), |from| format!("{from} → "));
                add(format!("{name}, {from}{}", value.name), value.value.to_string());
            }
        }
    }
}

fn luo_facts(luo: &Luo, page_size: u64, how: &How, add: &mut impl FnMut(String, String)) {
    for session in luo.sessions.iter().filter(|session| how.filter.takes_session(session)) {
        add(format!("session \"{}\"", session.name), count(session.files.len() as u64, "file"));
        for file in session.files.iter().filter(|file| how.filter.takes(file)) {
            file_facts(session, file, page_size, how, add);
        }
    }
}

fn file_name(session: &Session, file: &File) -> String {
    format!("session \"{}\", token {:#x}", session.name, file.token)
}

fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn file_facts(
    session: &Session,
    file: &File,
    page_size: u64,
    how: &How,
    add: &mut impl FnMut(String, String),
) {
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
            typed_facts(&file_name(session, file), typed, how, add);
            typed.parts.first().map_or(String::new(), |root| root.name.clone())
        }
        Payload::Unknown(unknown) => format!("not decoded: {}", bytes(&unknown.bytes)),
        Payload::Unreadable => "cannot be read".into(),
    };
    add(file_name(session, file), format!("{}: {text}", file.compatible));
}
