// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A set of feature flags beside the version: in the string, or as constants of the contract.
//!
//! Proposed for LUO and memfd: the writer says what it used, and a reader refuses what it does not
//! know. A new flag is then a new version, as a new number is.

use super::{name_vn, Scheme, Version};
use crate::{Contract, Model, Value};
use std::collections::BTreeSet;

pub(super) const SCHEME: Scheme = Scheme {
    id: "features",
    summary: "A version and the set of features in use, as luo-v5+sessions or *_FEATURE_* flags.",
    read,
    next: |version| {
        let mut text = name_vn::spell(&version.parts);
        for feature in version.features.iter().filter(|feature| !feature.contains('=')) {
            text.push('+');
            text.push_str(feature);
        }
        text
    },
};

fn read(model: &Model, contract: &Contract) -> Option<Version> {
    let mut words = contract.compatible.split('+');
    let first = words.next()?;
    let mut features: BTreeSet<String> = words.map(Into::into).collect();
    for name in &contract.constants {
        // The word in the middle of a name: `LUO_FEATURES_MASK` is made from the others.
        if !name.contains("_FEATURE_") {
            continue;
        }
        if let Some(Value::Int(value)) = model.constant(name).map(|constant| &constant.value) {
            features.insert(format!("{name}={value:#x}"));
        }
    }
    if features.is_empty() {
        return None;
    }
    let parts: Option<Vec<_>> = first
        .split(';')
        .map(|part| name_vn::split(part).map(|(name, number)| (name.to_string(), number)))
        .collect();
    Some(Version { spelling: contract.compatible.clone(), parts: parts?, features })
}
