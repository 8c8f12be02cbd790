// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What can be wrong in a checkout, as data.

use kho_abi_model::rule::Rule;

/// Every rule about a checkout, sorted by id.
pub const RULES: &[Rule] = &[
    Rule {
        id: "allowance_stale",
        summary: "An entry of the allow file allows nothing, or has expired.",
        reason: "A stale allowance would silently permit a later change.",
        example: "[[allow]] rule = \"field_renamed\", item = \"memfd_luo_ser.padding\", reason = \"never \
                  written\", expires = \"2027-03-31\", but nothing renames that field.",
        remedy: "Remove the entry, or have a new one reviewed.",
    },
    Rule {
        id: "binding_missing",
        summary: "A binding for other tools has not been generated.",
        reason: "Tools that parse preserved memory have no binding, or an older one.",
        example: "bindings/kaitai/kho.ksy does not exist.",
        remedy: "Run `kho-abi generate`.",
    },
    Rule {
        id: "binding_out_of_date",
        summary: "A generated binding is not what the types say.",
        reason: "Tools that use it read fields where the kernel does not write them.",
        example: "bindings/python/kho_abi.py has `bdf` as _u32 where the truth says u16.",
        remedy: "Run `kho-abi generate`; to change the ABI, change the types.",
    },
    Rule {
        id: "binding_unowned",
        summary: "A file among the generated bindings does not come from the generator.",
        reason: "Nothing updates it when the types change.",
        example: "bindings/imhex/old.hexpat was left behind when its name changed.",
        remedy: "Remove it.",
    },
    Rule {
        id: "contract_not_freezable",
        summary: "The layout of a contract cannot be frozen.",
        reason: "If a layout is not frozen, its next change goes unnoticed.",
        example: "A struct of \"lock-v1\" has a `struct mutex`, whose size depends on the kernel's configuration.",
        remedy: "Use types of fixed size, give each field a name, and keep the string to letters, digits, `-` and `_`.",
    },
    Rule {
        id: "contract_without_roots",
        summary: "A contract promises no struct and no device-tree node.",
        reason: "No change of bytes affects a contract without content: its frozen layout stays equal \
                 however its structs change.",
        example: "`roots` is left out of the contract of \"lock-v1\" in abi/src/wire/lock.rs.",
        remedy: "Name the structs that the string leads to in `roots`.",
    },
    Rule {
        id: "declaration_not_importable",
        summary: "A wire file cannot express a declaration of a C header.",
        reason: "A wire file that leaves out or changes anything is a different ABI under the same \
                 string. So a header is imported whole, or not at all.",
        example: "`struct x_ser` has a `struct list_head *`, which means nothing to another kernel.",
        remedy: "Change the header as the finding says, and run `kho-abi import` again.",
    },
    Rule {
        id: "declaration_not_read",
        summary: "No compiler could compute the layout of a declaration in an ABI header.",
        reason: "What was not read is not compared with any frozen layout, and may change without a new version.",
        example: "`struct iommu_ser` has a `struct mutex`, which no ABI header defines.",
        remedy: "Declare it with types that the ABI headers define themselves, and not under #ifdef.",
    },
    Rule {
        id: "draft_out_of_date",
        summary: "The frozen draft of a contract is not what the types say.",
        reason: "A draft shows reviewers the layout that is about to be released. A draft that lags \
                 behind the types shows the wrong one.",
        example: "A field was added to a struct of vfio-pci-v2 after `kho-abi bump` wrote its draft.",
        remedy: "If no kernel was released with the draft, run `kho-abi freeze CONTRACT`. Otherwise, undo \
                 the change or take the next version.",
    },
    Rule {
        id: "file_name_in_two_headers",
        summary: "Two wire files make the same C header, or share an include guard.",
        reason: "One header overwrites the other, or hides it from a compiler that sees both.",
        example: "abi/src/wire/lock.rs and abi/src/wire/locks.rs both say `name: \"lock\"`.",
        remedy: "Give one of them another `name` and another `guard`.",
    },
    Rule {
        id: "frozen_file_changed",
        summary: "A released layout's file differs from the one that was released, or is gone.",
        reason: "Frozen layouts record what running kernels write. Editing one together with its type \
                 hides an ABI change from every other check.",
        example: "snapshots/vfio-pci-v1.layout says `u32 bdf`; in the commit that released it, it said `u16 bdf`.",
        remedy: "Restore the file from the named commit, and give the new layout a new version: `kho-abi \
                 bump CONTRACT`.",
    },
    Rule {
        id: "frozen_file_malformed",
        summary: "A frozen layout cannot be read.",
        reason: "A layout that cannot be read cannot be compared: a change would go unnoticed.",
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
        example: "memfd-v2 is declared, but snapshots/memfd-v2.layout is missing.",
        remedy: "Run `kho-abi freeze CONTRACT`: it writes a draft.",
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
        reason: "A kernel cannot use a header that does not exist.",
        example: "abi/src/wire/luo.rs exists, but include/linux/kho/abi/luo.h does not.",
        remedy: "Run `kho-abi generate`.",
    },
    Rule {
        id: "header_out_of_date",
        summary: "A generated header is not what the types say.",
        reason: "Headers are never edited by hand: the kernel would be built from something that was never frozen or reviewed.",
        example: "vfio_pci.h says `u32 bdf` where the truth says `u16 bdf`.",
        remedy: "Change the types if the header was right, and run `kho-abi generate`.",
    },
    Rule {
        id: "header_reads_back_differently",
        summary: "A C compiler and rustc lay out a generated header and its types differently.",
        reason: "The kernel and the Rust module would disagree about the same bytes.",
        example: "libclang places vfio_pci_core_device_ser.domain at byte 4, rustc at byte 2.",
        remedy: "Report it as a bug: the generated header differs from the types.",
    },
    Rule {
        id: "header_unowned",
        summary: "A header among the generated ones does not come from any type.",
        reason: "Nothing updates it when the types change.",
        example: "c-headers/include/linux/kho/abi/old.h was left behind when old.rs was removed.",
        remedy: "Remove it, or write its types under abi/src/wire/.",
    },
    Rule {
        id: "history_not_read",
        summary: "The history that shows whether a released layout was edited cannot be read.",
        reason: "A layout that was edited together with its header agrees with it. Only the commit that released it shows the difference.",
        example: "A CI job fetches only one commit, with `git clone --depth 1`.",
        remedy: "Run the check in a git repository with its whole history, or allow the finding in \
                 kho-abi.toml with a reason.",
    },
    Rule {
        id: "layout_depends_on_machine",
        summary: "A struct has different layouts on different machines.",
        reason: "One frozen layout then stands for several, and a reader on a machine other than the \
                 writer's reads the wrong bytes.",
        example: "`struct x_ser` has a `long double`, which is aligned differently on arm64 and x86_64.",
        remedy: "Use types that have the same size on every machine: u8 to u64.",
    },
    Rule {
        id: "macro_in_two_headers",
        summary: "Two wire files define the same macro.",
        reason: "A kernel file that includes both headers does not compile, and code that uses the \
                 name gets one value or the other.",
        example: "`LOCK_MAX` is 4 in lock.rs and 8 in luo.rs.",
        remedy: "Rename one of them.",
    },
    Rule {
        id: "owner_stale",
        summary: "An entry of kho-abi.toml gives something to an owner, but one of the two does not exist.",
        reason: "The entry has no effect: its structs or constants may have no version that covers them.",
        example: "[[owner]] macro = \"KHO_FDT_COMPATIBLE\", structs = [\"kho_block\"], but no header \
                  defines that struct.",
        remedy: "Correct the entry, or remove it.",
    },
    Rule {
        id: "prose_names_version",
        summary: "Documentation of the truth repeats a version of a compatible string.",
        reason: "The next bump changes the string but not the prose: Linux 7.3 documents kho-v3 above a \
                 macro that says kho-v4.",
        example: "\"... registered as vfio-pci-v1\" in the documentation of a struct.",
        remedy: "Name the macro instead of its value.",
    },
    Rule {
        id: "release_not_proven",
        summary: "A release that was named to freeze a layout for good does not have that layout.",
        reason: "A released layout never changes again. One that no kernel has would block the right one.",
        example: "`kho-abi freeze --release v7.3 vfio-pci-v2`, but v7.3 has \"vfio-pci-v1\".",
        remedy: "Name the release that has these bytes, or freeze a draft.",
    },
    Rule {
        id: "source_constant_differs",
        summary: "A constant of a contract has different values in a kernel and in the truth.",
        reason: "Constants decide what bits mean and how far lists reach: the next kernel would read the same bytes differently.",
        example: "KHO_TABLE_SIZE_LOG2 is 10 in a vmlinux; the truth says 9.",
        remedy: "Give the changed contract a new version in its string, or change the constant back.",
    },
    Rule {
        id: "source_contract_unknown",
        summary: "A kernel has a contract that the truth does not know in any version.",
        reason: "The truth does not say what is handed over under its string, so none of it was checked.",
        example: "A file handler of a module registers \"iommufd-v1\".",
        remedy: "To have it checked, write its types under abi/src/wire/.",
    },
    Rule {
        id: "source_layout_differs",
        summary: "A struct of a contract has different layouts in a kernel and in the truth, under the same string.",
        reason: "The next kernel compares the string, and then believes the bytes: it would read fields where they are not.",
        example: "luo_session_ser.file_set_ser is at byte 72 in a vmlinux that says luo-v5; the truth says 64.",
        remedy: "Give the changed layout a new version in its string, or change it back.",
    },
    Rule {
        id: "source_version_unknown",
        summary: "A kernel has a version of a contract that the truth does not know.",
        reason: "Kernels only understand each other if their strings match exactly, and the truth does \
                 not say what this one promises.",
        example: "A vmlinux has the string luo-v6, but the truth ends with luo-v5.",
        remedy: "Use a kho-abi that is as new as that kernel, or add the version to the truth: `kho-abi bump`.",
    },
    Rule {
        id: "string_without_version",
        summary: "A contract's compatible string has no version, and there is no number beside it.",
        reason: "Such a string can never be bumped: no later kernel can refuse the bytes of an earlier one.",
        example: "\"lock\" is the string of a contract whose `version` is not set.",
        remedy: "Make it \"lock-v1\", or set `version` to the number that a struct carries.",
    },
    Rule {
        id: "struct_in_two_headers",
        summary: "Two wire files declare the same struct.",
        reason: "A kernel file that includes both headers does not compile.",
        example: "`struct lock_ser` is declared in lock.rs and in locks.rs.",
        remedy: "Rename one of them.",
    },
    Rule {
        id: "unit_test_missing",
        summary: "A file of the headers' unit tests has not been generated.",
        reason: "A kernel that takes the header lacks the test that fails when the header changes.",
        example: "abi/src/wire/luo.rs exists, but kernel/liveupdate/tests/kho_abi_luo_kunit.c does not.",
        remedy: "Run `kho-abi generate`.",
    },
    Rule {
        id: "unit_test_out_of_date",
        summary: "A generated unit test does not expect what the types or frozen layouts say.",
        reason: "A kernel that takes it would be tested against a layout other than the frozen one.",
        example: "kho_abi_vfio_pci_kunit.c expects `domain` at byte 4 where the truth has it at byte 2.",
        remedy: "Run `kho-abi generate`; to change the ABI, change the types or freeze another version.",
    },
    Rule {
        id: "unit_test_unowned",
        summary: "A file among the generated unit tests does not come from any type or frozen layout.",
        reason: "Nothing updates it when the header changes.",
        example: "kho_abi_old_kunit.c was left behind when old.rs was removed.",
        remedy: "Remove it, or write its types under abi/src/wire/, or bring back the header that it tests.",
    },
    Rule {
        id: "wire_file_unregistered",
        summary: "No list names a wire file under abi/src/wire/.",
        reason: "No header is generated from it, no layout is frozen, and nothing checks it, although it \
                 looks as if something did.",
        example: "abi/src/wire/lock.rs exists, but HEADERS in abi/src/wire/mod.rs has no `&lock::HEADER`.",
        remedy: "Name it in `mod.rs`, or start with `kho-abi new`.",
    },
];
