// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Everything that can be found wrong in an image, as data.

pub mod machine;

/// Something that can be found wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Names the event, as `page_not_preserved`.
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
    all().find(|rule| rule.id == id)
}

/// Every rule, for images and for machines.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().chain(machine::RULES).copied()
}

/// Declares rules, each as a static item of its own, and the list of all.
macro_rules! declare_rules {
    ($($name:ident: $id:literal, $summary:literal, $reason:literal, $example:literal, $remedy:literal;)+) => {
        $(
            #[doc = $summary]
            pub static $name: $crate::rules::Rule = $crate::rules::Rule {
                id: $id,
                summary: $summary,
                reason: $reason,
                example: $example,
                remedy: $remedy,
            };
        )+

        /// Every rule, sorted by id.
        pub static RULES: &[&$crate::rules::Rule] = &[$(&$name),+];
    };
}

pub(crate) use declare_rules;

declare_rules! {
    ADDRESS_EXCLUDED: "address_excluded",
        "An address leads to memory that was left out of the image.",
        "What lies there cannot be checked, so the report is incomplete. Missing memory is never read as zeroes.",
        "makedumpfile's dump level filtered out the page with a session's files.",
        "Dump again with a level that keeps kernel pages, or without a filter: `makedumpfile -d 0`.";
    ADDRESS_NULL: "address_null",
        "An address is 0 where the contract requires one.",
        "The kernel turns it into a pointer to its first page, and reads that memory as the state.",
        "The data of a memfd's file is 0.",
        "The previous kernel's file handler wrote the 0, or the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    ADDRESS_OUTSIDE_IMAGE: "address_outside_image",
        "An address is outside the memory of the image.",
        "The kernel would read device registers there, or nothing at all, and crash.",
        "The first block of sessions is at 0xdead000, but memory ends at 0x20000000.",
        "Check that the image is whole. If it is, the state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    ADDRESS_UNALIGNED: "address_unaligned",
        "An address is not aligned as it must be.",
        "Blocks, chunks and radix nodes are whole pages. The kernel does not check their alignment.",
        "A block's `next` is 0x1234010.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    BLOCK_COUNT_INVALID: "block_count_invalid",
        "A block claims an impossible number of entries.",
        "The kernel refuses the list, and everything in it is lost with the update.",
        "A block of sessions holds 1 to 51 entries, but claims 52 or 0.",
        "The state is damaged; other code may write to that page: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    COMPATIBLE_UNKNOWN: "compatible_unknown",
        "This program has no types for a compatible string.",
        "It does not guess: a wrong guess would show one layout's bytes as another's fields. What the state leads to was not checked.",
        "KHO's root is `kho-v9`.",
        "Use a version of this program that knows the contract. For a file handler, an FLB or an entry of KHO, `--types` also takes the kernel's own types. A developer adds them to abi/src/wire/.";
    COUNT_MISMATCH: "count_mismatch",
        "Two counts that must agree differ.",
        "The kernel refuses a session whose file count is not that of its blocks. It trusts both counts of a memfd, and reads past the end of an array.",
        "A session claims 3 files, but its blocks hold 2.",
        "The state is damaged, or was cut off while it was written: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    DEVICE_TWICE: "device_twice",
        "A device is preserved twice.",
        "Two files of the next kernel would own the same device.",
        "Two files of vfio-pci are for 0000:01:00.0.",
        "Find the program that preserved the device twice. The file handler should have refused it: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    FDT_MALFORMED: "fdt_malformed",
        "A device tree is damaged or cut off.",
        "Neither this program nor the kernel sees what follows the damage.",
        "KHO's tree claims 5000 bytes, but its page has 4096.",
        "If this is `kho/out/fdt` in debugfs, that file can be cut off: use an image, or `kho/in/fdt` of the next kernel. If it is an image, keep it, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    FLB_HEADER_INVALID: "flb_header_invalid",
        "The header of FLBs claims more entries than its pages hold, or the wrong number of pages.",
        "The kernel checks neither, and reads past the end.",
        "The header claims 64 entries in one page, which holds at most 63.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    FLB_TWICE: "flb_twice",
        "An FLB is preserved twice.",
        "The kernel takes the first. The second is lost, with everything that it refers to.",
        "Two entries are for `iommu-v1`.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the code that registers the FLB.";
    IMAGE_MALFORMED: "image_malformed",
        "The image contradicts itself.",
        "It may not show what was in memory.",
        "Two segments of an ELF core have the same addresses.",
        "Make the image again.";
    KEXEC_METADATA_INVALID: "kexec_metadata_invalid",
        "The metadata about the previous kernel does not match its version.",
        "The kernel ignores it, so its log lacks the release that handed over.",
        "The version is 2, but only 1 is known.",
        "Nothing depends on it. Check which kernel wrote it.";
    KHO_MAP_MISSING: "kho_map_missing",
        "KHO's device tree does not lead to the tree of preserved pages.",
        "The kernel refuses the whole handover, and starts cold.",
        "The property `preserved-memory-map` is missing, has 4 bytes, or is 0.",
        "The handover was never finished, or the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    KHO_NOT_FOUND: "kho_not_found",
        "The image has no KHO device tree.",
        "The whole image was searched, and there is nothing to show. Either the kernel hands nothing over, or the image lacks the page.",
        "No page of the image begins a tree that says `kho-v4`.",
        "Run `kho-abi status` on the machine: the kernel must run with `kho=on`. If you know the tree's address, give it with --fdt.";
    KHO_SEARCH_INCOMPLETE: "kho_search_incomplete",
        "No KHO device tree was found, but not all of the image could be read.",
        "The tree may be in the part that could not be read. This does not mean that the kernel hands nothing over.",
        "16 pages of a kdump do not unpack, and 1000 were left out. No other page begins a tree that says `kho-v4`.",
        "Dump again, whole and with a level that keeps kernel pages: `makedumpfile -d 0`.";
    KHO_SUBTREE_INVALID: "kho_subtree_invalid",
        "An entry of KHO's device tree lacks its address or its size, or has them in the wrong form.",
        "The kernel refuses the entry, and the entry's owner starts without its state.",
        "`LUO` has no `blob-size`.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the owner of the entry.";
    KHO_SUBTREE_MISNAMED: "kho_subtree_misnamed",
        "An entry of KHO's device tree leads to the state of another entry.",
        "The kernel looks for the name. It does not find the state, and everything in it is lost.",
        "The entry `MUO` leads to a root that begins with `luo-v5`.",
        "The tree is damaged, but the state is still shown. `kho-abi inspect IMAGE --extract TOKEN -o FILE` saves a memfd that the kernel will not find.";
    KHO_SUBTREE_SIZE_WRONG: "kho_subtree_size_wrong",
        "An entry of KHO's device tree does not have the size of the state that it leads to.",
        "Each state is handed over with its exact size, so one of the two is damaged.",
        "`blob-size` of `LUO` is 32768, but the root has 32 bytes.",
        "The state is damaged, or its version is not the one that its string says: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    KHO_SUBTREE_TWICE: "kho_subtree_twice",
        "Two entries of KHO's device tree have the same name.",
        "The kernel finds the first, and the second is lost.",
        "There are two entries `LUO`.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the owner of the entry.";
    KHO_TREE_DAMAGED: "kho_tree_damaged",
        "The image has no KHO device tree, but a page is almost one.",
        "The kernel does not find the tree, and starts cold: everything that was handed over is lost. Its pages may still be whole.",
        "A page has the header and the words of KHO's tree, but its magic number is 0xd10dfeed.",
        "Repair a copy of the image at that address, and inspect the copy. `xxd` shows what differs from d00dfeed, kho-v4 and preserved-memory-map.";
    LIST_CYCLE: "list_cycle",
        "A list or tree loops back to an earlier element.",
        "A kernel that follows it refuses all of it, or never stops.",
        "The second block of files has the first as its `next`.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    LIST_TOO_LONG: "list_too_long",
        "A list has more pages than any kernel writes.",
        "The kernel refuses it.",
        "A list of blocks continues past 10000 blocks.",
        "If you preserve that much, preserve less. If not, the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    LUO_NUMBER_INVALID: "luo_number_invalid",
        "LUO's count of live updates is 0.",
        "The kernel adds 1 to the count that it was handed, so the first live update is 1.",
        "The root has the string `luo-v5`, followed by zeroes.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    LUO_STATE_TOO_SMALL: "luo_state_too_small",
        "LUO's entry is smaller than its root.",
        "The kernel refuses it, and all sessions are lost.",
        "`blob-size` is 16, but the root has 32 bytes.",
        "The state is damaged, or its version is not the one that its string says: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    MEMBLOCK_INVALID: "memblock_invalid",
        "The device tree of memblock does not match its contract.",
        "The kernel refuses it, and reserves memory other than what was handed over.",
        "The `size` of a reservation has 4 bytes, or is 0.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    MEMFD_FOLIO_BEYOND_END: "memfd_folio_beyond_end",
        "A folio lies past the end of its memfd.",
        "The page is handed over but never seen: it stays in the page cache past the end of the file.",
        "The file has 8 pages, but a folio has index 9.",
        "The file was truncated while it was preserved, or the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    MEMFD_FOLIO_CLEAN: "memfd_folio_clean",
        "A folio of a memfd is not marked dirty.",
        "The next kernel may drop the folio when memory is short, and its content is lost. Kernels before 7.0 left folios of preserved files clean.",
        "3 of 16 folios are not dirty.",
        "Run a kernel with 7e04bf1f3315, which marks all folios of a preserved memfd dirty. `kho-abi inspect IMAGE --extract TOKEN -o FILE` saves the content.";
    MEMFD_FOLIO_INDEX_TWICE: "memfd_folio_index_twice",
        "Two folios of a memfd have the same index.",
        "The kernel refuses the file when it adds the second folio.",
        "Two folios have index 3.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. `kho-abi inspect IMAGE --extract TOKEN --partial -o FILE` saves what is left of the content.";
    MEMFD_FOLIO_MISSING: "memfd_folio_missing",
        "An entry of a memfd's list has no folio.",
        "The kernel skips the entry. The file then has a hole of zeroes where there may have been content.",
        "Entry 5 of the list has page frame number 0.",
        "The previous kernel writes entries only for folios, so the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. `kho-abi inspect IMAGE --extract TOKEN --partial -o FILE` saves what is left of the content.";
    MEMFD_FOLIO_NOT_UPTODATE: "memfd_folio_not_uptodate",
        "A folio of a memfd is not marked as up to date.",
        "The next kernel shows zeroes in its place, even if it was written to after it was preserved.",
        "3 of 16 folios are not up to date.",
        "Run a kernel with 50d7b4332f27, which fills and marks all folios of a preserved memfd. `kho-abi inspect IMAGE --extract TOKEN --partial -o FILE` saves what is left of the content.";
    MEMFD_INVALID: "memfd_invalid",
        "The fields of a memfd contradict each other or the contract.",
        "The previous kernel refuses such a file, so it did not preserve it this way.",
        "The size is more than 2^32 pages, or it is 0 although there are folios.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    MEMFD_PAGES_MISSING: "memfd_pages_missing",
        "A memfd has pages for which its list has no folio.",
        "The kernel allocates every page of a file that it preserves, so content was lost. The next kernel shows zeroes in its place.",
        "The file has 10 pages, but the list has folios for 5.",
        "The state is damaged; other code may write to the list, or have changed its count: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. `kho-abi inspect IMAGE --extract TOKEN --partial -o FILE` saves what is left of the content.";
    MEMFD_SEALS_UNKNOWN: "memfd_seals_unknown",
        "A memfd has seals that its contract does not define.",
        "The kernel refuses to retrieve the file.",
        "The seals are 0x40.",
        "The state is damaged, or the kernel that wrote it should have given the contract a new version: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. `kho-abi inspect IMAGE --extract TOKEN -o FILE` saves the content.";
    NAME_EMPTY: "name_empty",
        "A name is empty.",
        "No kernel accepts or writes an empty name: an entry of zeroes was counted, or the name is damaged.",
        "A block of sessions claims 3 entries, but the third is all zeroes.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    NAME_NOT_PADDED: "name_not_padded",
        "Bytes follow the NUL that ends a name.",
        "The kernel writes names into memory that is zero. Code that compares the whole field finds another name.",
        "A session is named `vm0`, but byte 40 of the field is 0x41.",
        "The state is damaged; other code may write to that page: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    NAME_NOT_UTF8: "name_not_utf8",
        "A name is not UTF-8.",
        "The kernel compares names byte by byte and accepts it, but a person may not be able to type it.",
        "A session's name contains the byte 0xff.",
        "Check which program created the session. If it did not choose this name, the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    NAME_TWICE: "name_twice",
        "Two sessions have the same name.",
        "The kernel refuses the second, and stops reading.",
        "Two sessions are named `vm0`.",
        "The previous kernel refuses the second as well, so the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    NAME_UNTERMINATED: "name_unterminated",
        "A name has no terminating NUL.",
        "The kernel compares it as a string, and reads past the end of the field.",
        "All 48 bytes of a file's compatible string are letters.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    OFFSETS_NOT_ADDRESSES: "offsets_not_addresses",
        "The offsets of a raw file are not the physical addresses of its memory.",
        "The right addresses were derived from those in the state itself, and the report uses them. Memory that the state does not lead to may belong elsewhere.",
        "A guest's memory backend begins where RAM begins on arm64, at 0x40000000.",
        "Give the addresses with `FILE@ADDRESS[,offset=N][,size=N]`, as the finding says.";
    PAGE_NOT_BLOCK_START: "page_not_block_start",
        "An address leads into the middle of a preserved block.",
        "The kernel restores a block by its first page, and refuses any other page.",
        "A folio's page is the second of a block of order 9.",
        "The state is damaged, or the memory was freed and preserved again: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    PAGE_NOT_PRESERVED: "page_not_preserved",
        "A page that the state refers to is not in the tree of preserved pages.",
        "The next kernel reuses the page before it reads the state: silent corruption.",
        "A memfd's folio at 0x1234000 is not preserved.",
        "Do not trust what the next kernel restores from that page. Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the code that preserved the page that refers to it: one of the two calls is missing.";
    PAGE_OWNED_TWICE: "page_owned_twice",
        "A page has two owners.",
        "Both owners free it. By then, the page that the second frees belongs to something else.",
        "A page is a folio of two memfds.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at both owners; the finding's chain leads to the second.";
    PCI_DEVICES_UNORDERED: "pci_devices_unordered",
        "The devices that the PCI core preserved are not in the order of their addresses, or one is there twice.",
        "The kernel uses a binary search. It does not find a device that is out of order, and the state of that device is lost.",
        "0000:01:00.0 follows 0000:02:00.0.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the kernel's comparison of devices: in 32 bits, it overflows for large domains.";
    PRESERVED_IN_SCRATCH: "preserved_in_scratch",
        "A preserved page is in the memory that the next kernel starts in.",
        "The next kernel writes there before it knows what is preserved: silent corruption.",
        "The kexec metadata is at 0x1230000, and the scratch area is 0x1000000-0x2000000.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at how the page was allocated: scratch memory is only for movable pages.";
    PRESERVED_ORDER_LARGE: "preserved_order_large",
        "A block of 2 GiB or more is preserved, and the kernel may not support that.",
        "Kernels before 7.3 compute a block's size in 32 bits. It overflows, and the wrong memory is freed or kept.",
        "A block has order 19, with pages of 4 KiB.",
        "On both sides, run kernels with 3a0b8fa2eb36, or preserve smaller blocks.";
    PRESERVED_OUTSIDE_IMAGE: "preserved_outside_image",
        "The tree of preserved pages has pages where the image has no memory.",
        "The kernel would keep memory that does not exist. Usually, the tree is damaged.",
        "A block of order 0 at 0xfffffffff000 is preserved.",
        "Check that the image is whole. If it is, the tree is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    PRESERVED_TWICE: "preserved_twice",
        "The tree of preserved pages has a page in two blocks of different orders.",
        "The kernel restores the page with the order that it saw last.",
        "0x200000 is preserved with order 0 and within a block of order 9.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the code that preserves that page.";
    PRESERVED_UNOWNED: "preserved_unowned",
        "A page is preserved, but nothing refers to it.",
        "The next kernel keeps it, and nothing ever frees it. It was unpreserved with another order, or its owner is lost.",
        "The page at 0x1234000 is preserved, but no session, entry or list leads there.",
        "Keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor. To find the cause, look at the code that preserved the page: a call to unpreserve is missing, or has another order.";
    RADIX_KEY_INVALID: "radix_key_invalid",
        "The tree of preserved pages has an invalid key.",
        "The kernel decodes it all the same, and keeps a block of a nonsensical order somewhere.",
        "The key is 0, or wider than its page size allows.",
        "The tree is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    RESERVED_BITS: "reserved_bits",
        "Bits are set that no version of the contract defines.",
        "The kernel ignores or refuses them. What the previous kernel meant by them will not happen.",
        "A folio has flags 0x4, or a memfd has flags 0x1.",
        "The state is damaged, or the kernel that wrote it should have given the contract a new version: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    SCRATCH_INVALID: "scratch_invalid",
        "The array of scratch areas is invalid.",
        "The kernel frees scratch areas in blocks of pages. An area that is not aligned also frees memory beside it.",
        "A scratch area begins at 0x1000800.",
        "Check the sizes of kho_scratch= on the kernel command line. If they are right, keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    TOKEN_TWICE: "token_twice",
        "Two files of a session have the same token.",
        "User space gets the first. The second can never be retrieved, and is freed unseen.",
        "Session `vm0` has two files with token 1.",
        "The previous kernel refuses the second, so the state is damaged: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
    VMALLOC_INVALID: "vmalloc_invalid",
        "The description of vmalloc memory is invalid.",
        "The kernel refuses it, or makes a mapping of the wrong size.",
        "The order is 60, or the chunks have 7 pages and claim 8.",
        "The state is damaged at that address: keep the image, and send its JSON report (`kho-abi inspect IMAGE --format json`) to the previous kernel's vendor.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_complete() {
        for rules in [RULES, machine::RULES] {
            assert!(rules.is_sorted_by(|a, b| a.id < b.id));
        }
        for rule in all() {
            assert!(
                rule.id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
                "{}",
                rule.id
            );
            for text in [rule.summary, rule.reason, rule.example, rule.remedy] {
                assert!(text.ends_with('.'), "{}: {text}", rule.id);
            }
            assert_eq!(find(rule.id), Some(rule));
        }
        assert_eq!(find("no_such_rule"), None);
    }
}
