// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares constants, including enumerators, by value for every page size.

use super::{pages, Words};
use crate::Value;

/// The values of a constant, one for each page size; `None` if there is no such constant.
pub type Values = Vec<Option<Value>>;

/// A difference in a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantChange {
    /// Its name.
    pub name: String,
    /// How it changed.
    pub kind: ConstantKind,
}

/// How a constant changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstantKind {
    /// Its values changed.
    Changed(Vec<Differs>),
    /// It is new, and has these values.
    Added(Values),
    /// It is gone, and had these values.
    Removed(Values),
}

/// Two values of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The page size, if the difference depends on it.
    pub page_size: Option<u64>,
    /// The old value; `None` if there was no such constant.
    pub old: Option<Value>,
    /// The new value.
    pub new: Option<Value>,
}

/// Compares a constant; `None` if it is the same, or on neither side. The values are for each of
/// the page sizes.
#[must_use]
pub fn constant(
    name: &str,
    page_sizes: &[Option<u64>],
    old: Values,
    new: Values,
) -> Option<ConstantChange> {
    let there = |values: &Values| values.iter().any(Option::is_some);
    let kind = match (there(&old), there(&new)) {
        (false, false) => return None,
        (false, true) => ConstantKind::Added(new),
        (true, false) => ConstantKind::Removed(old),
        (true, true) => {
            let both = page_sizes.iter().zip(old.into_iter().zip(new));
            let mut differ: Vec<_> = both
                .filter(|(_, (old, new))| old != new)
                .map(|(page_size, (old, new))| Differs { page_size: *page_size, old, new })
                .collect();
            let first = differ.first()?;
            // If all page sizes have the same difference, the page size does not matter.
            let alike = |other: &Differs| (&other.old, &other.new) == (&first.old, &first.new);
            if differ.len() == page_sizes.len() && differ.iter().all(alike) {
                differ.truncate(1);
                differ[0].page_size = None;
            }
            ConstantKind::Changed(differ)
        }
    };
    Some(ConstantChange { name: name.into(), kind })
}

/// If one name is gone and another is new with the same values, this is one constant, renamed.
pub fn drop_renamed(changes: &mut Vec<ConstantChange>) {
    let mut at = 0;
    while at < changes.len() {
        let partner = match &changes[at].kind {
            ConstantKind::Removed(before) => changes.iter().position(
                |other| matches!(&other.kind, ConstantKind::Added(after) if after == before),
            ),
            _ => None,
        };
        match partner {
            Some(partner) => {
                changes.remove(at.max(partner));
                changes.remove(at.min(partner));
                at = 0;
            }
            None => at += 1,
        }
    }
}

impl ConstantChange {
    /// The change in words.
    #[must_use]
    pub fn tell(&self, words: Words) -> String {
        let name = match words {
            Words::Change => format!("constant {}", self.name),
            Words::Truth => self.name.clone(),
        };
        match (&self.kind, words) {
            (ConstantKind::Changed(values), _) => {
                let told = values.iter().map(|Differs { page_size, old, new }| {
                    let what = words.contrast(&name, &spell(old.as_ref()), &spell(new.as_ref()));
                    format!("{what}{}", pages(*page_size))
                });
                told.collect::<Vec<_>>().join("; ")
            }
            (ConstantKind::Added(values), Words::Change) => {
                format!("{name} is new: {}", spell(values.iter().flatten().next()))
            }
            (ConstantKind::Added(_), Words::Truth) => format!("{name} is not in the truth"),
            (ConstantKind::Removed(values), _) => {
                words.contrast(&name, &spell(values.iter().flatten().next()), &spell(None))
            }
        }
    }
}

/// A value in C syntax.
fn spell(value: Option<&Value>) -> String {
    match value {
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::Str(value)) => format!("{value:?}"),
        None => "missing".into(),
    }
}
