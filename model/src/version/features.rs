// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A set of feature flags beside the version, or instead of one: in the string, or as bits of
//! words.
//!
//! Proposed for LUO and memfd: the writer declares which features it used and which are required,
//! and a reader refuses unknown required features. A new required flag is then a new version, as a
//! new number is. A new optional flag keeps no reader away, and so covers no change.

use super::{name_vn, Scheme, Version};
use crate::{Contract, Model, Value};
use std::collections::BTreeSet;

pub(super) const SCHEME: Scheme = Scheme {
    id: "features",
    summary: "A set of features in use, with or without a version, such as luo-v5+sessions or *_FEATURE_* flags.",
    read,
    next: |version| name_vn::successor(&version.spelling),
};

fn read(model: &Model, contract: &Contract) -> Option<Version> {
    let text = contract.string().unwrap_or_default();
    let mut words = text.split('+');
    let first = words.next()?;
    let in_string: BTreeSet<String> = words.map(Into::into).collect();
    if in_string.is_empty() && contract.features.is_empty() {
        return None;
    }
    let parts: Option<Vec<_>> = first
        .split(';')
        .map(|part| name_vn::split(part).map(|(name, number)| (name.to_string(), number)))
        .collect();
    // With feature words, the name stays constant and has no number.
    let parts = match parts {
        None if in_string.is_empty() => Vec::new(),
        parts => parts?,
    };
    let required = required(model, contract);
    let mut version = Version::of_parts(contract, parts);
    for name in &contract.features {
        let Some(bits) = bits(model, name) else { continue };
        let protects = required.is_none_or(|required| bits & required == bits);
        let set = if protects { &mut version.features } else { &mut version.optional };
        set.insert(name.clone());
    }
    version.features.extend(in_string);
    Some(version)
}

fn bits(model: &Model, name: &str) -> Option<i128> {
    match model.constant(name)?.value {
        Value::Int(bits) => Some(bits),
        Value::Str(_) => None,
    }
}

/// The features that a reader has to know, if the header lists them.
fn required(model: &Model, contract: &Contract) -> Option<i128> {
    let is_required = |name: &&String| {
        is_set(name)
            && name
                .split('_')
                .any(|word| matches!(word, "REQ" | "REQUIRED" | "INCOMPAT" | "MANDATORY"))
    };
    contract.constants.iter().find(is_required).and_then(|name| bits(model, name))
}

/// Whether a constant is a set of features, as `LUO_CORE_FEATURES_SUPP`.
#[must_use]
pub fn is_set(name: &str) -> bool {
    name.split('_').any(|word| word == "FEATURES")
}

/// Whether a constant is a feature, as `LUO_FEATURE_SESSIONS`.
#[must_use]
pub fn is_feature(name: &str) -> bool {
    let mut words = name.split('_');
    words.any(|word| word == "FEATURE") && words.next().is_some()
}
