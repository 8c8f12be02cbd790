// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Picks the messages to judge: the newest version of each series, in its order.
//!
//! A thread or an archive has the versions of a series next to each other, in any order, with cover
//! letters and answers between them. A message belongs to a series by the mail that it answers.
//! Versions belong together if they have an author in common, and a subject or a change id; or if one
//! answers the other, and both change one file. Two patches for the same file are not versions of each
//! other: a wrong guess would leave a patch unjudged.

use super::{FilePatch, Patch, PatchError};
use std::collections::{BTreeMap, BTreeSet};

/// A message: a patch, or one that changes nothing.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) patch: Patch,
    /// Why its diff cannot be read.
    pub(super) error: Option<PatchError>,
    /// Whether a diff that cannot be read may touch the handover ABI.
    pub(super) names_abi: bool,
    /// Which stack it is a part of: patches whose order the input states, as quilt and git log do.
    pub(super) stack: Option<usize>,
}

impl Item {
    fn has_diff(&self) -> bool {
        self.error.is_some() || !self.patch.files.is_empty()
    }

    fn is_cover(&self) -> bool {
        !self.has_diff() && !self.patch.tag.is_reply && matches!(self.patch.number, Some((0, _)))
    }

    fn total(&self) -> u32 {
        self.patch.number.map_or(0, |(_, of)| of)
    }
}

/// What to judge.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The patches, in their order.
    pub patches: Vec<Patch>,
    /// What else the input contains, and why it is not judged.
    pub notes: Vec<String>,
    /// What is missing from the input.
    pub unknown: Vec<String>,
    /// What cannot be read, and may touch the handover ABI.
    pub errors: Vec<PatchError>,
}

/// What git writes into a cover letter, in lower case, until its author writes a subject.
const NO_SUBJECT: &str = "*** subject here ***";

/// One version of a series, by the indices of its messages.
#[derive(Debug, Default)]
struct Version {
    items: Vec<usize>,
}

impl Version {
    fn first<'a>(&self, items: &'a [Item]) -> &'a Item {
        &items[self.items[0]]
    }

    fn numbers(&self, items: &[Item]) -> BTreeSet<u32> {
        let of = |index: &usize| items[*index].patch.number.map(|(number, _)| number);
        self.items.iter().filter_map(of).filter(|number| *number > 0).collect()
    }

    fn subjects(&self, items: &[Item]) -> BTreeSet<String> {
        let of = |index: &usize| {
            let words = items[*index].patch.subject.split_whitespace();
            words.collect::<Vec<_>>().join(" ").to_lowercase()
        };
        let is_one = |subject: &String| !subject.is_empty() && subject != NO_SUBJECT;
        self.items.iter().map(of).filter(is_one).collect()
    }

    /// What it may share with other versions of its series: subjects and change ids.
    fn names(&self, items: &[Item]) -> BTreeSet<String> {
        let ids = self.patches(items).filter_map(|patch| patch.mail.change_id.as_ref());
        let subjects = self.subjects(items).into_iter().map(|subject| format!("subject {subject}"));
        subjects.chain(ids.map(|id| format!("change {id}"))).collect()
    }

    /// The ids of its mails, and the ids that those answer.
    fn threads(&self, items: &[Item]) -> BTreeSet<String> {
        let mails = self.patches(items).map(|patch| &patch.mail);
        let ids = mails.flat_map(|mail| mail.references.iter().chain([&mail.id]));
        ids.filter(|id| !id.is_empty()).map(|id| format!("id {id}")).collect()
    }

    fn keys(&self, items: &[Item]) -> BTreeSet<String> {
        &self.names(items) | &self.threads(items)
    }

    fn patches<'a>(&'a self, items: &'a [Item]) -> impl Iterator<Item = &'a Patch> {
        self.items.iter().map(|index| &items[*index].patch)
    }

    /// The files that it changes.
    fn files<'a>(&'a self, items: &'a [Item]) -> BTreeSet<&'a String> {
        let files = self.patches(items).flat_map(|patch| &patch.files);
        files.flat_map(|file| [&file.old, &file.new]).flatten().collect()
    }

    /// Who sent it, by names and addresses.
    fn authors(&self, items: &[Item]) -> BTreeSet<String> {
        self.patches(items).flat_map(|patch| authors(&patch.author)).collect()
    }

    /// Whether both are versions of one series.
    fn is_of_series(&self, other: &Self, items: &[Item]) -> bool {
        let (own, others) = (self.authors(items), other.authors(items));
        let is_shared = |a: &BTreeSet<String>, b: &BTreeSet<String>| !a.is_disjoint(b);
        let by_thread = || {
            is_shared(&self.threads(items), &other.threads(items))
                && !self.files(items).is_disjoint(&other.files(items))
        };
        (own.is_empty() && others.is_empty() || is_shared(&own, &others))
            && (is_shared(&self.names(items), &other.names(items)) || by_thread())
    }

    fn time(&self, items: &[Item]) -> i64 {
        self.items.iter().map(|index| items[*index].patch.mail.time).max().unwrap_or(0)
    }

    fn title(&self, items: &[Item]) -> String {
        let first = self.first(items);
        let mut subjects = self.patches(items).map(|patch| patch.subject.as_str());
        let is_one = |subject: &&str| !subject.is_empty() && subject.to_lowercase() != NO_SUBJECT;
        let subject = subjects.find(is_one).unwrap_or("a patch");
        format!("{subject} ({})", first.patch.tag.shown())
    }
}

/// Picks what to judge.
pub(super) fn newest(mut items: Vec<Item>) -> Series {
    let mut series = Series::default();
    // One mail may occur twice, from two lists. One that only has the id of another is not the same.
    let mut seen: BTreeMap<String, Vec<Vec<FilePatch>>> = BTreeMap::new();
    items.retain(|item| {
        let of_id = seen.entry(item.patch.mail.id.clone()).or_default();
        let is_new = !of_id.contains(&item.patch.files);
        if is_new {
            of_id.push(item.patch.files.clone());
        }
        item.patch.mail.id.is_empty() || is_new
    });
    // A diff in an answer is a proposal, if the input contains the answered mail.
    let any = items.iter().any(|item| item.has_diff() && !item.patch.tag.is_reply);
    items.retain(|item| {
        let drop = any && item.patch.tag.is_reply && item.has_diff();
        if drop {
            let subject = &item.patch.mail.subject;
            series.notes.push(format!("the diff in the reply \"{subject}\" is not judged"));
        }
        !drop
    });
    let mut versions = grouped(&items);
    versions.retain(|version| version.items.iter().any(|index| items[*index].has_diff()));
    let order: Vec<_> = (0..versions.len()).collect();
    let rank = |at: usize| {
        let version = &versions[at];
        (version.first(&items).patch.tag.version, version.time(&items), at)
    };
    // The messages that a newer version replaces, whole or in part.
    let mut dropped: BTreeSet<usize> = BTreeSet::new();
    let mut kept: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let keys: Vec<_> = versions.iter().map(|version| version.keys(&items)).collect();
    let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, keys) in keys.iter().enumerate() {
        for key in keys {
            by_key.entry(key).or_default().push(at);
        }
    }
    for &old in &order {
        let kin = keys[old].iter().flat_map(|key| by_key[key.as_str()].iter().copied());
        let newer = kin.filter(|new| replaces(&versions, &items, *new, old));
        let Some(new) = newer.max_by_key(|new| rank(*new)) else { continue };
        dropped.insert(old);
        let (is, was) = (&versions[new], &versions[old]);
        let (numbers, of) = (is.numbers(&items), is.first(&items).total());
        let is_part = numbers.len() < of as usize && was.first(&items).total() == of;
        let rest: Vec<usize> = was
            .items
            .iter()
            .copied()
            .filter(|index| {
                let number = items[*index].patch.number.map_or(0, |(number, _)| number);
                is_part && number > 0 && !numbers.contains(&number)
            })
            .collect();
        let (title, shown) = (was.title(&items), is.first(&items).patch.tag.shown());
        let again = is.first(&items).patch.tag.version == was.first(&items).patch.tag.version;
        series.notes.push(match (rest.is_empty(), again) {
            (false, _) => format!(
                "{title}: {shown} replaces a part of it; the rest is judged together with the \
                 replacement"
            ),
            (true, true) => format!("{title} is not judged: it was sent again"),
            (true, false) => format!("{title} is not judged: {shown} replaces it"),
        });
        kept.entry(new).or_default().extend(rest);
    }
    let mut chosen: Vec<(usize, Vec<usize>)> = Vec::new();
    for at in order.into_iter().filter(|at| !dropped.contains(at)) {
        let mut of_it = versions[at].items.clone();
        of_it.extend(kept.remove(&at).unwrap_or_default());
        // Archives are sorted by arrival.
        if versions[at].first(&items).stack.is_none() {
            of_it.sort_by_key(|index| items[*index].patch.number.map_or(u32::MAX, |(n, _)| n));
        }
        chosen.push((at, of_it));
    }
    for (number, (at, of_it)) in chosen.into_iter().enumerate() {
        let of = versions[at].first(&items).total();
        let numbers: BTreeSet<_> =
            of_it.iter().filter_map(|index| items[*index].patch.number).map(|(n, _)| n).collect();
        let missing = missing(&numbers, of);
        if !missing.is_empty() {
            let title = versions[at].title(&items);
            series.unknown.push(format!("{title}: not in the input: {missing}"));
        }
        for index in of_it {
            let Item { patch, error, names_abi, .. } = &items[index];
            match error {
                Some(error) if *names_abi || items.len() == 1 => series.errors.push(error.clone()),
                Some(error) => {
                    series
                        .notes
                        .push(format!("{error}: not read, since it does not name an ABI header"));
                }
                None if !patch.files.is_empty() => {
                    series.patches.push(Patch { series: number, ..patch.clone() });
                }
                None => {}
            }
        }
    }
    series
}

/// The numbers of a series that are not there, as `2/3, 3/3`.
fn missing(numbers: &BTreeSet<u32>, of: u32) -> String {
    let missing = (1..=of.min(1000)).filter(|number| !numbers.contains(number));
    missing.map(|number| format!("{number}/{of}")).collect::<Vec<_>>().join(", ")
}

/// The names and addresses by which an author of `Name <address>` is known.
///
/// A list that sends in the name of an author, as `A Dev via linux-mm <linux-mm@...>`, has one address for
/// all of them.
fn authors(author: &str) -> Vec<String> {
    let lower = author.to_lowercase();
    let (name, address) = match lower.rsplit_once('<') {
        Some((name, address)) => (name.trim(), address.trim_end_matches('>').trim()),
        None => ("", lower.trim()),
    };
    let (name, by_list) = match name.split_once(" via ") {
        Some((name, _)) => (name.trim(), true),
        None => (name, false),
    };
    let address = Some(address).filter(|_| !by_list);
    [Some(name), address]
        .into_iter()
        .flatten()
        .map(|word| word.trim_matches(['"', '\'']).to_string())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether one version replaces another of its series.
fn replaces(versions: &[Version], items: &[Item], new: usize, old: usize) -> bool {
    let (is, was) = (&versions[new], &versions[old]);
    let (later, earlier) = (is.time(items), was.time(items));
    // A patch on top of a version does not replace that version.
    if new == old || later != 0 && earlier != 0 && later < earlier {
        return false;
    }
    if !is.is_of_series(was, items) {
        return false;
    }
    let (after, before) = (&is.first(items).patch, &was.first(items).patch);
    if after.tag.version != before.tag.version {
        return after.tag.version > before.tag.version;
    }
    // The same version, sent again.
    is.subjects(items) == was.subjects(items)
        && is.numbers(items) == was.numbers(items)
        && (later, new) > (earlier, old)
        && (after.tag.is_resent || before.number.is_some() || after.files == before.files)
}

/// The versions of series that messages belong to, in the order of the input.
fn grouped(items: &[Item]) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if !item.has_diff() && !item.is_cover() {
            continue;
        }
        let found = versions.iter().position(|version| belongs(version, items, item));
        match found {
            Some(at) => versions[at].items.push(index),
            None => versions.push(Version { items: vec![index] }),
        }
    }
    versions
}

/// Whether a message belongs to that version of a series.
fn belongs(version: &Version, items: &[Item], item: &Item) -> bool {
    let first = version.first(items);
    let (tag, other) = (item.patch.tag, first.patch.tag);
    if item.stack.is_some() || first.stack.is_some() {
        return item.stack == first.stack;
    }
    let Some((number, of)) = item.patch.number else { return false };
    if (of, tag.version, tag.is_resent) != (first.total(), other.version, other.is_resent) {
        return false;
    }
    // Several bodies of one mail share its number.
    let is_taken = version.items.iter().any(|index| {
        let other = &items[*index].patch;
        other.number == Some((number, of))
            && (other.mail.id.is_empty() || other.mail.id != item.patch.mail.id)
    });
    let (id, references) = (&item.patch.mail.id, &item.patch.mail.references);
    let linked = version.items.iter().any(|index| {
        let other = &items[*index].patch.mail;
        let parents = [other.references.last(), references.last()];
        references.contains(&other.id)
            || other.references.iter().any(|reference| reference == id)
            || matches!(parents, [Some(one), Some(two)] if one == two)
    });
    let is_lone = |mail: &super::Mail| mail.references.is_empty();
    // Several people's patches without a thread are a series if they are files, and not if they were
    // sent.
    let is_theirs = || {
        let was_sent = |mail: &super::Mail| !mail.id.is_empty();
        let of_them = version.authors(items);
        !was_sent(&item.patch.mail)
            || version.items.iter().all(|index| !was_sent(&items[*index].patch.mail))
            || authors(&item.patch.author).iter().any(|author| of_them.contains(author))
    };
    let all_lone = || {
        is_lone(&item.patch.mail)
            && version.items.iter().all(|index| is_lone(&items[*index].patch.mail))
            && is_theirs()
    };
    !is_taken && (linked || all_lone())
}
