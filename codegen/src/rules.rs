// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Everything that can be found wrong, as data.

use serde::Serialize;

/// Something that can be found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Names the event, as `frozen_layout_changed`.
    pub id: &'static str,
    /// What is found, in one sentence.
    pub summary: &'static str,
    /// Why it matters.
    pub reason: &'static str,
    /// What it looks like.
    pub example: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The rule with that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Every rule, sorted by id.
pub const RULES: &[Rule] = &[
    Rule {
        id: "compatible_in_two_contracts",
        summary: "Two contracts have the same compatible string.",
        reason: "A kernel matches the string alone. With two layouts behind one string, it reads one as the other.",
        example: "\"vfio-pci-v1\" is declared in vfio_pci.rs and again in earlier/vfio_pci_v1.rs.",
        remedy: "Give one of them a string that no contract ever had.",
    },
    Rule {
        id: "draft_out_of_date",
        summary: "The frozen draft of a contract is not what the types say.",
        reason: "A draft shows reviewers the layout that is about to be released. One that lags behind the types shows another.",
        example: "A field was added to a struct of vfio-pci-v2 after `kho-abi bump` wrote its draft.",
        remedy: "Run `kho-abi freeze --draft CONTRACT`; without --draft once the layout is to be released.",
    },
    Rule {
        id: "frozen_file_changed",
        summary: "A released layout's file differs from the one that was released, or is gone.",
        reason: "Frozen layouts are the memory of what running kernels write. Whoever edits one together with the type hides a change of the ABI from every other check.",
        example: "snapshots/vfio-pci-v1.layout says `u32 bdf`; in the commit that released it, it said `u16 bdf`.",
        remedy: "Restore the file from the commit that is named, and give the new layout a new version: `kho-abi bump CONTRACT`.",
    },
    Rule {
        id: "frozen_file_malformed",
        summary: "A frozen layout cannot be read.",
        reason: "What cannot be read cannot be compared, and would pass unnoticed.",
        example: "snapshots/vfio-pci-v1.layout has a merge marker in line 9.",
        remedy: "Restore the file from the commit that added it.",
    },
    Rule {
        id: "frozen_layout_changed",
        summary: "A released layout is not what the types say.",
        reason: "Kernels with the old layout are running. The next kernel compares the string, which is the same, and then reads the new layout out of the old bytes.",
        example: "vfio_pci_core_device_ser.bdf became u32 under \"vfio-pci-v1\": domain moved from byte 2 to byte 4.",
        remedy: "Undo the change, run `kho-abi bump CONTRACT`, and change the new version.",
    },
    Rule {
        id: "frozen_layout_missing",
        summary: "A contract has no frozen layout.",
        reason: "Without one, the next change of its types goes unnoticed.",
        example: "memfd-v2 is declared, and there is no snapshots/memfd-v2.layout.",
        remedy: "Run `kho-abi freeze CONTRACT`, or with --draft while it is not released.",
    },
    Rule {
        id: "frozen_layout_unowned",
        summary: "A frozen layout belongs to a string that no type declares.",
        reason: "Memory that was written under this string can no longer be read: its types are gone.",
        example: "The string went from v1 to v2 by hand, and the v1 types were not kept.",
        remedy: "Bring the types of that version back; `kho-abi bump` keeps them under abi/src/wire/earlier/.",
    },
    Rule {
        id: "header_missing",
        summary: "A header of the truth has not been generated.",
        reason: "A kernel cannot take a header that is not there.",
        example: "abi/src/wire/luo.rs exists, include/linux/kho/abi/luo.h does not.",
        remedy: "Run `kho-abi generate`.",
    },
    Rule {
        id: "header_out_of_date",
        summary: "A generated header is not what the types say.",
        reason: "Headers are never edited by hand: the kernel would be built from something that nobody froze or reviewed.",
        example: "vfio_pci.h says `u32 bdf` where the truth says `u16 bdf`.",
        remedy: "Change the types if the header was right, and run `kho-abi generate`.",
    },
    Rule {
        id: "header_reads_back_differently",
        summary: "A C compiler lays a generated header out differently than rustc lays out the types.",
        reason: "The kernel and the Rust module would disagree about the same bytes.",
        example: "libclang places vfio_pci_core_device_ser.domain at byte 4, rustc at byte 2.",
        remedy: "Report it: the generator wrote a header that does not say what the types say.",
    },
    Rule {
        id: "header_unowned",
        summary: "A header lies among the generated ones that no type makes.",
        reason: "Nobody keeps it in step with anything.",
        example: "c-headers/include/linux/kho/abi/old.h was left behind when old.rs was removed.",
        remedy: "Remove it, or write its types under abi/src/wire/.",
    },
    Rule {
        id: "prose_names_version",
        summary: "Documentation of the truth repeats a version of a compatible string.",
        reason: "The next bump changes the string and not the prose: Linux 7.3 documents kho-v3 above a macro that says kho-v4.",
        example: "\"... registered as vfio-pci-v1\" in the documentation of a struct.",
        remedy: "Name the macro instead of its value.",
    },
    Rule {
        id: "source_constant_differs",
        summary: "A constant of a contract has another value in a kernel than in the truth.",
        reason: "Constants decide what bits mean and how far lists reach: the next kernel would read the same bytes otherwise.",
        example: "KHO_TABLE_SIZE_LOG2 is 10 in a vmlinux, the truth says 9.",
        remedy: "Give the changed contract a new version in its string, or change the constant back.",
    },
    Rule {
        id: "source_contract_unknown",
        summary: "A kernel has a contract that the truth has no version of.",
        reason: "Nothing here knows what is handed over under its string, so nothing was checked of it.",
        example: "A file handler of a module registers \"iommufd-v1\".",
        remedy: "Write its types under abi/src/wire/, if it is to be checked.",
    },
    Rule {
        id: "source_layout_differs",
        summary: "A struct of a contract is laid out otherwise in a kernel than in the truth, under the same string.",
        reason: "The next kernel compares the string, and then believes the bytes: it would read fields where they are not.",
        example: "luo_session_ser.file_set_ser is at byte 72 in a vmlinux that says luo-v5; the truth says 64.",
        remedy: "Give the changed layout a new version in its string, or change it back.",
    },
    Rule {
        id: "source_version_unknown",
        summary: "A kernel has a version of a contract that the truth does not know.",
        reason: "Kernels understand each other by exact match of the string; what this one promises is not written down here.",
        example: "A vmlinux has the string luo-v6, and the truth ends with luo-v5.",
        remedy: "Use a kho-abi of that kernel's time, or write the version into the truth: `kho-abi bump`.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_complete() {
        assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
        for rule in RULES {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", rule.id);
            for text in [rule.summary, rule.reason, rule.example, rule.remedy] {
                assert!(text.ends_with('.'), "{}: {text}", rule.id);
            }
            assert_eq!(find(rule.id), Some(rule));
        }
        assert_eq!(find("no_such_rule"), None);
    }
}
