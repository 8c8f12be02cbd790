// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How a contract spells its version, one file per way: the kernel has not settled on one.
//!
//! A scheme reads a spelling, and decides whether one version follows another. To add a scheme, add
//! a file here and a line in [`SCHEMES`].

pub mod called;
mod composite;
pub mod features;
mod magic;
mod name_vn;
mod number;

use crate::{Contract, Model, Spelled};
use std::collections::BTreeSet;

/// A way to spell versions.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// Its name in reports, as `name-vN`.
    pub id: &'static str,
    /// Its description, in one sentence.
    pub summary: &'static str,
    /// A contract's version in this scheme; `None` if it is spelled in another way.
    pub read: fn(&Model, &Contract) -> Option<Version>,
    /// The spelling of the next version; `None` if versions are not counted.
    pub next: fn(&Version) -> Option<String>,
}

/// Every scheme, the more specific ones first: a version's scheme is the first that can read it.
pub const SCHEMES: &[Scheme] =
    &[number::SCHEME, magic::SCHEME, features::SCHEME, composite::SCHEME, name_vn::SCHEME];

/// The parts of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// How it differs from other versions.
    pub by: Spelled,
    /// As the contract spells it.
    pub spelling: String,
    /// Names and their numbers, in the order of the spelling.
    pub parts: Vec<(String, u64)>,
    /// The features that a reader has to know, if they are part of the version.
    pub features: BTreeSet<String>,
    /// The features that a reader may lack: they do not change the version.
    pub optional: BTreeSet<String>,
}

/// How one version relates to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is the same.
    Same,
    /// It is a later one.
    Forwards,
    /// It is an earlier one.
    Backwards,
    /// It has another name, or the relation is unknown.
    Other,
}

impl Version {
    fn of_parts(contract: &Contract, parts: Vec<(String, u64)>) -> Self {
        Self {
            by: contract.spelled(),
            spelling: contract.compatible.clone(),
            parts,
            features: BTreeSet::new(),
            optional: BTreeSet::new(),
        }
    }

    /// Every feature that a reader of this version may encounter.
    fn known(&self) -> BTreeSet<&str> {
        self.features.union(&self.optional).map(String::as_str).collect()
    }

    /// How `new` relates to this version.
    #[must_use]
    pub fn step(&self, new: &Self) -> Step {
        // Kernels that compare different things do not treat each other's versions as earlier ones.
        if self.by != new.by {
            return Step::Other;
        }
        let (before, after) = (self.known(), new.known());
        // A feature that the earlier version already knows does not keep its readers away.
        let mut on = new.features.iter().any(|feature| !before.contains(feature.as_str()));
        let mut back = !before.is_subset(&after);
        if self.parts == new.parts && self.spelling == new.spelling && !on && !back {
            return Step::Same;
        }
        for (name, number) in &self.parts {
            match new.parts.iter().find(|(other, _)| other == name) {
                Some((_, other)) => {
                    back |= other < number;
                    on |= other > number;
                }
                // Dropping a part is a step, but its direction is unknown.
                None if self.parts.len() > 1 => on = true,
                None => return Step::Other,
            }
        }
        on |= new.parts.len() > self.parts.len();
        match (on, back) {
            (_, true) => Step::Backwards,
            (true, false) => Step::Forwards,
            (false, false) => Step::Other,
        }
    }
}

/// The version of a contract, with its scheme.
///
/// A string without a version counts, too: the kernel compares it as a whole.
#[must_use]
pub fn of(model: &Model, contract: &Contract) -> (Option<&'static Scheme>, Version) {
    let read = SCHEMES.iter().find_map(|scheme| Some((scheme, (scheme.read)(model, contract)?)));
    match read {
        Some((scheme, version)) => (Some(scheme), version),
        None => (None, Version::of_parts(contract, Vec::new())),
    }
}

/// The name in a version string, as `vfio-pci`.
#[must_use]
pub fn stem(compatible: &str) -> &str {
    let first = called::before_beside(compatible).split([';', '+']).next().unwrap_or(compatible);
    name_vn::split(first).map_or(first, |(name, _)| name)
}

/// Whether two strings are versions of the same name, in any spelling: `kvm-vm-v1` and `KVM_VM_v2`.
#[must_use]
pub fn akin(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> String {
        let all = stem(text).chars().filter(char::is_ascii_alphanumeric);
        all.map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(one) == letters(other)
}

/// The separators between the name and the number in a string that has both.
pub const MARKS: [&str; 2] = name_vn::MARKS;

/// The name and the number of a string like `vfio-pci-v1` or `kvm_vm_luo_v1`, if the number has its
/// only valid spelling: `luo-v05` is another string than `luo-v5`.
#[must_use]
pub fn split(text: &str) -> Option<(&str, u64)> {
    let (name, number) = name_vn::split(text)?;
    let digits = &text[name.len() + MARKS[0].len()..];
    (digits == "0" || !digits.starts_with('0')).then_some((name, number))
}

/// Whether a text is a name whose number is yet to come, as the format `luo-v` of a string.
#[must_use]
pub fn lacks_number(text: &str) -> bool {
    MARKS.iter().any(|mark| text.ends_with(mark))
}

/// The name of a contract's versions, as kernels compare it. `None` if its versions differ by
/// features, which make it another contract than earlier versions, or if it has no version.
#[must_use]
pub fn name(contract: &Contract) -> Option<&str> {
    match &contract.name {
        Some(name) => Some(&*name.value).filter(|_| contract.features.is_empty()),
        None => split(&contract.compatible).map(|(name, _)| name),
    }
}

/// The name of a contract and the number of its version.
#[must_use]
pub fn numbered(contract: &Contract) -> Option<(&str, u64)> {
    match &contract.name {
        Some(name) => Some((&name.value, contract.version?)),
        None => split(&contract.compatible),
    }
}

/// The spelling of a contract's next version.
#[must_use]
pub fn next(model: &Model, contract: &Contract) -> Option<String> {
    let (scheme, version) = of(model, contract);
    (scheme?.next)(&version)
}

/// Whether a text is exactly a version: `luo-v5`, `luo-v5;block-v1`, `luo-v5+sessions`.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let parts = text.split('+').next().unwrap_or_default();
    parts.split(';').all(|part| name_vn::split(part).is_some())
}

/// The words of a text that look like a versioned compatible string.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| name_vn::split(word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn contract(compatible: &str, version: Option<u64>) -> Contract {
        Contract {
            compatible: compatible.into(),
            macro_name: "X_COMPATIBLE".into(),
            version,
            ..Contract::default()
        }
    }

    fn read(compatible: &str, number: Option<u64>) -> (Option<&'static str>, Version, String) {
        let model = Model { target: Target::X86_64, headers: Vec::new(), other_pages: Vec::new() };
        let (scheme, version) = of(&model, &contract(compatible, number));
        let next = scheme.and_then(|scheme| (scheme.next)(&version)).unwrap_or_default();
        (scheme.map(|scheme| scheme.id), version, next)
    }

    #[test]
    fn each_spelling_has_its_scheme_and_its_successor() {
        for (spelling, number, scheme, next) in [
            ("vfio-pci-v9", None, Some("name-vN"), "vfio-pci-v10"),
            ("kvm_vm_luo_v9", None, Some("name-vN"), "kvm_vm_luo_v10"),
            ("luo-v5;block-v1", None, Some("composite"), "luo-v6;block-v1"),
            ("luo-v5+sessions+flb", None, Some("features"), "luo-v6+sessions+flb"),
            ("kexec-metadata-v1", Some(1), Some("number"), "2"),
            ("pci@9", Some(9), Some("number"), "10"),
            ("pci", None, None, ""),
            ("-v1", None, None, ""),
            ("_v1", None, None, ""),
            ("x-v", None, None, ""),
            ("xv1", None, None, ""),
            ("x-v99999999999999999999999", None, None, ""),
            ("x-v18446744073709551615", None, Some("name-vN"), ""),
        ] {
            let (found, _, successor) = read(spelling, number);
            assert_eq!((found, successor.as_str()), (scheme, next), "{spelling}");
        }
    }

    #[test]
    fn versions_are_numbers_and_no_letters() {
        let step = |old: &str, new: &str| read(old, None).1.step(&read(new, None).1);
        assert_eq!(step("x-v9", "x-v10"), Step::Forwards);
        assert_eq!(step("x-v10", "x-v9"), Step::Backwards);
        assert_eq!(step("x_v10", "x_v9"), Step::Backwards);
        assert_eq!(step("x-v1", "x-v1"), Step::Same);
        assert_eq!(step("x-v1", "x_v1"), Step::Other);
        assert_eq!(step("x-v1", "y-v1"), Step::Other);
        assert_eq!(step("luo-v5;block-v1", "luo-v5;block-v2"), Step::Forwards);
        assert_eq!(step("luo-v5;block-v2", "luo-v6;block-v1"), Step::Backwards);
        assert_eq!(step("luo-v5", "luo-v5;block-v1"), Step::Forwards);
        assert_eq!(step("luo-v5;block-v1", "luo-v5"), Step::Forwards);
        assert_eq!(step("luo-v5+a", "luo-v5+a+b"), Step::Forwards);
        assert_eq!(step("luo-v5+a+b", "luo-v5+a"), Step::Backwards);
        let number = |name: &str, number| read(&format!("{name}@{number}"), Some(number)).1;
        assert_eq!(number("a", 9).step(&number("a", 10)), Step::Forwards);
        assert_eq!(number("a", 10).step(&number("a", 9)), Step::Backwards);
        assert_eq!(number("a", 2).step(&number("a", 2)), Step::Same);
        assert_eq!(number("a", 2).step(&number("b", 1)), Step::Other);
        assert_eq!(read("pci-v2", None).1.step(&number("pci", 1)), Step::Other);
    }

    #[test]
    fn a_compatible_string_has_a_name_and_a_plain_number() {
        assert_eq!(split("reserve-mem-v1"), Some(("reserve-mem", 1)));
        assert_eq!(split("kvm_vm_luo_v10"), Some(("kvm_vm_luo", 10)));
        assert_eq!(split("luo-v0"), Some(("luo", 0)));
        for other in ["luo", "luo-v", "-v1", "luo-v01", "luo-v1a", "a b-v1", "luo-v+1"] {
            assert_eq!(split(other), None, "{other}");
        }
        assert!(lacks_number("luo-v") && lacks_number("kvm_v") && !lacks_number("luo-v1"));
    }

    #[test]
    fn a_contract_has_a_name_and_a_number() {
        let number = |name: &str| Contract {
            name: Some(crate::NameMacro { value: name.into(), ..Default::default() }),
            ..contract(&called::beside(name, 2), Some(2))
        };
        assert_eq!(name(&contract("luo-v5", None)), Some("luo"));
        assert_eq!(numbered(&contract("luo-v5", None)), Some(("luo", 5)));
        assert_eq!(name(&number("pci")), Some("pci"));
        assert_eq!(numbered(&number("pci")), Some(("pci", 2)));
        let features = Contract { features: vec!["X_FEATURE_Y".into()], ..number("pci") };
        assert_eq!(name(&features), None);
        assert_eq!(name(&contract("pci", None)), None);
    }

    #[test]
    fn names_and_words_are_found() {
        assert_eq!(stem("vfio-pci-v1"), "vfio-pci");
        assert_eq!(stem("kvm_vm_luo_v1"), "kvm_vm_luo");
        assert_eq!(stem("luo-v5;block-v1"), "luo");
        assert_eq!(stem("pci"), "pci");
        assert_eq!(stem("pci@2"), "pci");
        assert!(akin("luo-v5", "LUO") && akin("kvm-vm-v1", "kvm_vm_v2") && !akin("luo", "luo-flb"));
        let found: Vec<_> = words("see kho-v3, and \"memfd-v2\"; a v1, x-v1a").collect();
        assert_eq!(found, ["kho-v3", "memfd-v2"]);
    }
}
