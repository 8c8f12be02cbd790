// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One thing that is wrong in an image, with the address and the chain that led there.

use crate::rules::{self, Rule};
use schemars::{json_schema, JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// How many findings of one rule to keep; the rest is only counted.
pub const KEPT_PER_RULE: u64 = 100;

/// A step from KHO's device tree to where something was found.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Link {
    /// What was followed, such as `session "vm0"`.
    pub what: String,
    /// Where it is.
    #[serde(serialize_with = "address_or_none")]
    #[schemars(with = "Option<AddressText>")]
    pub at: Option<u64>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{} at {at:#x}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Finding {
    /// The rule that it breaks.
    #[serde(serialize_with = "rule_id")]
    #[schemars(with = "String")]
    pub rule: &'static Rule,
    /// The physical address where it was found.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// What was found, and what was expected.
    pub what: String,
    /// The path to it from KHO's device tree.
    pub chain: Vec<Link>,
}

/// All findings, up to a limit for each rule.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    counts: BTreeMap<&'static str, u64>,
}

impl Findings {
    /// Adds a finding; the text is only made if the finding is kept.
    pub(crate) fn add(
        &mut self,
        rule: &'static Rule,
        at: u64,
        chain: &[Link],
        what: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(rule.id).or_default();
        *count += 1;
        if *count <= KEPT_PER_RULE {
            self.list.push(Finding { rule, at, what: what(), chain: chain.to_vec() });
        }
    }

    /// The findings that were kept, in the order of the walk.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Number of all findings.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Number of findings of each rule, by its id.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Rules with more findings than were kept, and the number of findings that were dropped.
    pub fn more(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().filter_map(|(rule, count)| {
            let kept = self.list.iter().filter(|finding| finding.rule.id == *rule).count() as u64;
            (*count > kept).then_some((*rule, count - kept))
        })
    }

    /// The rules with more findings than there were.
    pub(crate) fn since(&self, before: &BTreeMap<&'static str, u64>) -> Vec<&'static Rule> {
        let more = |(id, count): &(&&'static str, &u64)| before.get(**id).unwrap_or(&0) < *count;
        self.counts.iter().filter(more).filter_map(|(id, _)| rules::find(id)).collect()
    }

    /// Whether there are no findings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// The form of an address in JSON, for schemas.
pub(crate) struct AddressText;

impl JsonSchema for AddressText {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0x[0-9a-f]+$" })
    }
}

/// Addresses are text in JSON: many readers do not have 64-bit integers.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference to the field.
pub(crate) fn address<S: Serializer>(address: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{address:#x}"))
}

#[allow(clippy::ref_option)] // serde passes a reference to the field.
pub(crate) fn address_or_none<S: Serializer>(
    address: &Option<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.collect_str(&format_args!("{address:#x}")),
        None => serializer.serialize_none(),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference to the field.
fn rule_id<S: Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}
