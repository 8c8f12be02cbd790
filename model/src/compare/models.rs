// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares a model that was read with the truth, header by header.

use super::{constant, records, Words};
use crate::{Header, Model, Record, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How a model that was read from C differs from the truth, each difference with its header.
///
/// Documentation, guards, includes and macros with arguments are not compared, since they are not
/// layout.
#[must_use]
pub fn differences(truth: &Model, read: &Model) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let bare = |header: &Header| -> Vec<Record> {
        header.records().map(|record| Record { page_size: None, ..record.bare() }).collect()
    };
    for header in &truth.headers {
        let place = header.include_path();
        let Some(other) = read.headers.iter().find(|other| other.name == header.name) else {
            found.push((place, "the header was not read".into()));
            continue;
        };
        for change in records(&bare(header), &bare(other)) {
            let told = change.tell(Words::Truth).map(|what| format!("{}: {what}", change.record));
            found.extend(told.map(|what| (place.clone(), what)));
        }
        let values = |header: &Header| -> BTreeMap<String, Value> {
            header.constants().map(|c| (c.name.clone(), c.value.clone())).collect()
        };
        let (ours, theirs) = (values(header), values(other));
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for name in names {
            let side = |values: &BTreeMap<String, Value>| vec![values.get(name).cloned()];
            if let Some(change) = constant(name, &[None], side(&ours), side(&theirs)) {
                found.push((place.clone(), change.tell(Words::Truth)));
            }
        }
    }
    found
}
