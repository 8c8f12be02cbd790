// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What two images of one machine show differently: of sessions, files, entries, and preserved pages.

use crate::handlers::Payload;
use crate::image::Image;
use crate::inspect::State;
use crate::luo::{File, Luo, Session};
use crate::report::seals;
use crate::text::{count, size};
use serde::Serialize;
use std::collections::BTreeMap;

/// How something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Only the earlier image has it.
    Removed,
    /// Only the later image has it.
    Added,
    /// Both have it, and not alike.
    Changed,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How it differs.
    pub kind: Kind,
    /// What differs, as `session "vm0", token 0x1`.
    pub what: String,
    /// What the earlier image has.
    pub before: Option<String>,
    /// What the later image has.
    pub after: Option<String>,
}

/// The schema that a document of differences names.
pub const SCHEMA: &str = "kho-abi/inspect-diff/1";

/// One side of a comparison: an image, and what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// The image.
    pub image: &'s Image,
    /// What it shows.
    pub state: &'s State,
}

/// Compares what two images show, thing by thing: sessions by name, files by token.
///
/// Contents of memfds are not compared, and where things lie counts only for preserved pages and for
/// where folios are.
#[must_use]
pub fn compare(before: Side<'_>, after: Side<'_>) -> Vec<Difference> {
    let (mut before, mut after) = (facts(before), facts(after));
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

/// What a side shows: the name of each thing with what is to be said of it.
fn facts(side: Side<'_>) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: String, text: String| {
        let number = numbers.entry(name.clone()).or_default();
        *number += 1;
        // Two of one name are told apart by their number, so that neither hides the other.
        let name = if *number > 1 { format!("{name} (number {number})") } else { name };
        facts.insert(name, text);
    };
    let state = side.state;
    let page_size = state.page_size as u64;
    if let Some(kho) = &state.kho {
        add("KHO".into(), kho.compatible.clone());
        for entry in &kho.entries {
            add(format!("entry \"{}\"", entry.name), count(entry.size, "byte"));
        }
        for reservation in &kho.reservations {
            let text = format!("{} at {:#x}", size(reservation.size), reservation.start);
            add(format!("reservation \"{}\"", reservation.name), text);
        }
        if let Some(metadata) = &kho.metadata {
            let text = format!("{}, number {}", metadata.previous_release, metadata.kexec_count);
            add("kexec".into(), text);
        }
    }
    if let Some(preserved) = state.preserved() {
        for total in preserved.totals() {
            let bytes = size(total.pages.saturating_mul(page_size));
            let text = format!("{}, {bytes}", count(total.blocks, "block"));
            add(format!("preserved of order {}", total.order), text);
        }
    }
    if let Some(luo) = state.luo() {
        luo_facts(luo, page_size, &mut add);
    }
    for (rule, number) in state.findings.counts() {
        add(format!("findings of {rule}"), number.to_string());
    }
    facts
}

fn luo_facts(luo: &Luo, page_size: u64, add: &mut impl FnMut(String, String)) {
    add("LUO".into(), luo.compatible.clone());
    if let Some(number) = luo.liveupdate_num {
        add("live update".into(), number.to_string());
    }
    for session in &luo.sessions {
        add(format!("session \"{}\"", session.name), count(session.files.len() as u64, "file"));
        for file in &session.files {
            file_facts(session, file, page_size, add);
        }
    }
    for flb in &luo.flbs {
        let text = format!("for {}, data {:#x}", count(flb.count, "file"), flb.data);
        add(format!("FLB \"{}\"", flb.compatible), text);
    }
}

fn file_facts(
    session: &Session,
    file: &File,
    page_size: u64,
    add: &mut impl FnMut(String, String),
) {
    let name = format!("session \"{}\", token {:#x}", session.name, file.token);
    let text = match &file.payload {
        Payload::VfioPci(device) => device.address.clone(),
        Payload::Memfd(memfd) => format!(
            "{} bytes, position {}, seals {}, {} in {} from {:#x} on",
            memfd.size,
            memfd.pos,
            seals(memfd.seals),
            count(memfd.totals.folios, "folio"),
            count(memfd.totals.extents, "extent"),
            memfd.first.first().map_or(0, |extent| extent.pfn.saturating_mul(page_size)),
        ),
        Payload::Unknown(unknown) => {
            unknown.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
        }
        Payload::Unreadable => "cannot be read".into(),
    };
    add(name, format!("{}: {text}", file.compatible));
}
