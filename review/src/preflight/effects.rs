// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a kernel does with a foreign version, by the spelling of that version.

use kho_abi_model::version;
use schemars::JsonSchema;
use serde::Serialize;

/// What a kernel does with another version than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: the version is its own.
    None,
    /// It ignores what was handed over.
    Lost,
    /// It checks the version, and reports an error.
    Refused,
    /// It panics.
    Panics,
    /// It notices nothing, and reads the bytes as its own.
    Silent,
    /// Unknown.
    Unknown,
}

/// What the next kernel does when it meets a version that it does not have. `scheme` is the
/// spelling of the version, as [`version::SCHEMES`] name it.
#[must_use]
pub fn on_mismatch(contract: &str, scheme: Option<&str>) -> (Effect, &'static str) {
    match (version::stem(contract), scheme) {
        ("kho", _) => (
            Effect::Lost,
            "the next kernel warns and ignores the handover: everything preserved is lost",
        ),
        ("LUO" | "luo", Some("features")) => (
            Effect::Refused,
            "the next kernel refuses unknown features: sessions and files are lost",
        ),
        ("luo" | "LUO", _) => (Effect::Panics, "the next kernel panics at boot"),
        ("pci", Some("number")) => (
            Effect::Panics,
            "the next kernel panics: it finds its own name with another version",
        ),
        ("kexec-metadata", _) => (
            Effect::Lost,
            "the next kernel warns, and does not know which kernel preceded it",
        ),
        ("memblock" | "reserve-mem", _) => (
            Effect::Lost,
            "the next kernel warns, and reserve_mem regions are empty and at other addresses",
        ),
        (_, Some("number" | "magic")) => (
            Effect::Refused,
            "the next kernel finds its own name with another version, and refuses it: the state is \
             lost",
        ),
        (_, Some("features")) => (
            Effect::Refused,
            "the next kernel refuses unknown features: the state is lost",
        ),
        ("memfd", _) => {
            (Effect::Lost, "retrieving a memfd fails with ENOENT: its content is lost")
        }
        ("vfio-pci", _) => {
            (Effect::Lost, "retrieving a device file fails with ENOENT: the device's state is lost")
        }
        _ => (
            Effect::Lost,
            "retrieving a file or object of this kind fails with ENOENT: its state is lost",
        ),
    }
}

/// What happens if the next kernel has no version of a contract at all. `scheme` as for
/// [`on_mismatch`].
///
/// No code of that kernel looks for the name, so it never reaches the number or feature beside it.
#[must_use]
pub fn on_absence(contract: &str, scheme: Option<&str>) -> (Effect, &'static str) {
    match (version::stem(contract), scheme) {
        ("pci", Some("number")) => (
            Effect::Lost,
            "the next kernel does not look for it, and sets up preserved devices like any other",
        ),
        ("luo" | "LUO" | "kho" | "kexec-metadata", _) => on_mismatch(contract, scheme),
        (_, Some("number" | "magic" | "features")) => {
            (Effect::Lost, "the next kernel does not look for it: the state is lost")
        }
        _ => on_mismatch(contract, scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_no_code_looks_at_makes_no_kernel_panic() {
        for (contract, scheme, effect) in [
            ("pci@2", Some("number"), Effect::Lost),
            ("iommu-liveupdate@1", Some("number"), Effect::Lost),
            ("kexec-metadata-v1", Some("number"), Effect::Lost),
            ("LUO", Some("features"), Effect::Refused),
            ("luo-v5", Some("name-vN"), Effect::Panics),
            ("tomorrow-v1", Some("name-vN"), Effect::Lost),
        ] {
            assert_eq!(on_absence(contract, scheme).0, effect, "{contract}");
        }
    }

    #[test]
    fn the_way_a_version_is_spelled_decides() {
        for (contract, scheme, effect) in [
            ("kho-v4", Some("name-vN"), Effect::Lost),
            ("luo-v5", Some("name-vN"), Effect::Panics),
            ("LUO", Some("features"), Effect::Refused),
            ("pci@1", Some("number"), Effect::Panics),
            ("pci-v1", Some("name-vN"), Effect::Lost),
            ("iommu-liveupdate@1", Some("number"), Effect::Refused),
            ("pstore-kho@1", Some("number"), Effect::Refused),
            ("tomorrow-v1", Some("name-vN"), Effect::Lost),
            ("tomorrow", None, Effect::Lost),
        ] {
            assert_eq!(on_mismatch(contract, scheme).0, effect, "{contract}");
        }
    }
}
