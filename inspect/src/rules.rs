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
        "What lies there cannot be checked: the report is not complete, and says so here rather than take it for zeroes.",
        "The page of a session's files was filtered out by makedumpfile's dump level.",
        "Make the dump with a level that keeps kernel pages, or none (`makedumpfile -d 0`).";
    ADDRESS_NULL: "address_null",
        "An address is 0 where the contract wants one.",
        "The kernel turns it into a pointer to its first page and reads whatever lies there.",
        "A file of the memfd handler has 0 for its data.",
        "Look at who wrote it: the handler of the previous kernel.";
    ADDRESS_OUTSIDE_IMAGE: "address_outside_image",
        "An address leads to where the image has no memory.",
        "The kernel would read device registers or nothing at all, and crash.",
        "The address of the first block of sessions is 0xdead000, and memory ends at 0x20000000.",
        "Check that the image is whole; if it is, the state is damaged at the address that is named.";
    ADDRESS_UNALIGNED: "address_unaligned",
        "An address is not a multiple of what it must be.",
        "Blocks, chunks and radix nodes are pages. The kernel does not check that they begin at a page's address.",
        "A block's `next` is 0x1234010.",
        "The state is damaged at the address that is named.";
    BLOCK_COUNT_INVALID: "block_count_invalid",
        "A block claims a count of entries that no block can have.",
        "The kernel refuses the list, and everything in it is lost with the update.",
        "A block of sessions holds at most 51 entries and claims 52, or claims 0.",
        "The state is damaged: look for who else writes to that page.";
    COMPATIBLE_UNKNOWN: "compatible_unknown",
        "A compatible string is one that this program has no types for.",
        "It is never guessed at: a wrong guess would show one layout's bytes as another's fields. What it leads to was not checked.",
        "KHO's root is `kho-v9`.",
        "Use a version of this program that knows the contract, or add its types to abi/src/wire/.";
    COUNT_MISMATCH: "count_mismatch",
        "Two counts that must agree do not.",
        "The kernel refuses a session whose count of files is not that of its blocks. Of a memfd it believes both counts, and reads past the end of an array.",
        "A session claims 3 files, and its blocks hold 2.",
        "The state is damaged, or was cut off while it was written.";
    DEVICE_TWICE: "device_twice",
        "A device is preserved twice.",
        "Two files of the next kernel would own one device.",
        "Two files of vfio-pci are 0000:01:00.0.",
        "Look at what user space preserved, and at the handler's own check.";
    FDT_MALFORMED: "fdt_malformed",
        "A device tree is damaged or cut off.",
        "Neither this program nor the kernel sees what follows the damage.",
        "KHO's tree says that it is 5000 bytes long, and its page has 4096.",
        "If this is debugfs's `kho/out/fdt`, that file can be cut off: use an image, or `kho/in/fdt` of the next kernel.";
    FLB_HEADER_INVALID: "flb_header_invalid",
        "The header of FLBs claims more entries than its pages hold, or another number of pages than it was given.",
        "The kernel checks neither, and reads past the end.",
        "The header claims 64 entries in one page, which holds at most 63.",
        "The state is damaged at the address that is named.";
    FLB_TWICE: "flb_twice",
        "An FLB is preserved twice.",
        "The kernel takes the first, and the second is lost with what it refers to.",
        "Two entries are of `iommu-v1`.",
        "Look at who registered the FLB.";
    IMAGE_MALFORMED: "image_malformed",
        "The image contradicts itself.",
        "What it shows may not be what was in memory.",
        "Two segments of an ELF core have the same addresses.",
        "Make the image again.";
    KEXEC_METADATA_INVALID: "kexec_metadata_invalid",
        "The metadata about the previous kernel is not what its version says.",
        "The kernel ignores it: its log lacks the release that handed over.",
        "The version is 2, and 1 is known.",
        "Nothing depends on it; look at which kernel wrote it.";
    KHO_MAP_MISSING: "kho_map_missing",
        "KHO's device tree does not lead to the tree of preserved pages.",
        "The kernel refuses the whole handover, and starts cold.",
        "The property `preserved-memory-map` is missing, has 4 bytes, or is 0.",
        "The state is damaged, or the handover was never finished.";
    KHO_NOT_FOUND: "kho_not_found",
        "No KHO device tree is in the image.",
        "There is nothing to show. All of the image was looked at: either the kernel hands nothing over, or the image does not have the page.",
        "No page of the image begins a tree that says `kho-v4`.",
        "Check that the kernel runs with `kho=on`; name the address with --fdt where you know it.";
    KHO_SEARCH_INCOMPLETE: "kho_search_incomplete",
        "No KHO device tree was found, and not all of the image could be read.",
        "What could not be read may have it: this is not a statement that the kernel hands nothing over.",
        "Of a kdump, 16 pages do not unpack and 1000 were left out; no other page begins a tree that says `kho-v4`.",
        "Make the dump again, whole and with a level that keeps kernel pages (`makedumpfile -d 0`).";
    KHO_SUBTREE_INVALID: "kho_subtree_invalid",
        "An entry of KHO's device tree lacks its address or its size, or has them in another form.",
        "The kernel refuses the entry, and its owner starts without its state.",
        "`LUO` has no `blob-size`.",
        "Look at the owner of the entry.";
    KHO_SUBTREE_MISNAMED: "kho_subtree_misnamed",
        "An entry of KHO's device tree has the state of another entry than its name says.",
        "The kernel looks for the name: it does not find the state, and everything in it is lost.",
        "The entry `MUO` leads to a root that begins with `luo-v5`.",
        "The tree is damaged. The state is shown all the same: extract from it what the kernel will not find.";
    KHO_SUBTREE_SIZE_WRONG: "kho_subtree_size_wrong",
        "The size of an entry of KHO's device tree is not that of the state that it leads to.",
        "Each state is handed over with its exact size, so one of the two is damaged.",
        "`blob-size` of `LUO` is 32768, and the root has 32 bytes.",
        "The state is damaged, or of another version than its string says.";
    KHO_SUBTREE_TWICE: "kho_subtree_twice",
        "Two entries of KHO's device tree have one name.",
        "The kernel finds the first, and the second is lost.",
        "There are two entries `LUO`.",
        "Look at the owner of the entry.";
    KHO_TREE_DAMAGED: "kho_tree_damaged",
        "No KHO device tree is in the image, and a page is almost one.",
        "The kernel does not find the tree, and starts cold: everything that was handed over is lost. Its pages may still be whole.",
        "A page has the header and the words of KHO's tree, and its magic number is 0xd10dfeed.",
        "Repair a copy of the image at the address that is named, and inspect that: `xxd` shows what differs from d00dfeed, kho-v4 and preserved-memory-map.";
    LIST_CYCLE: "list_cycle",
        "A list or tree loops back to an earlier element.",
        "A kernel that follows it either refuses all of it, or never ends.",
        "The second block of files has the first for its next.",
        "The state is damaged at the address that is named.";
    LIST_TOO_LONG: "list_too_long",
        "A list has more pages than any that a kernel makes.",
        "The kernel refuses it.",
        "A list of blocks continues past 10000 blocks.",
        "The state is damaged, or more was preserved than the kernel accepts.";
    LUO_NUMBER_INVALID: "luo_number_invalid",
        "LUO's count of live updates is 0.",
        "The kernel writes 1 more than it was handed over itself, so that the first live update is 1.",
        "The root has the string `luo-v5`, and zeroes after it.",
        "The state is damaged at the address that is named.";
    LUO_STATE_TOO_SMALL: "luo_state_too_small",
        "LUO's entry is smaller than its root.",
        "The kernel refuses it, and all sessions are lost.",
        "`blob-size` is 16, and the root has 32 bytes.",
        "The state is damaged, or of another version than its string says.";
    MEMBLOCK_INVALID: "memblock_invalid",
        "The device tree of memblock does not say what its contract promises.",
        "The kernel refuses it, and reserves other memory than the one that was handed over.",
        "A reservation has a `size` of 4 bytes, or of 0.",
        "The state is damaged at the address that is named.";
    MEMFD_FOLIO_BEYOND_END: "memfd_folio_beyond_end",
        "A folio lies past the end of its memfd.",
        "The page is handed over and never seen; it stays in the file's page cache past its end.",
        "The file has 8 pages, and a folio has index 9.",
        "The state is damaged, or the file was truncated while it was preserved.";
    MEMFD_FOLIO_CLEAN: "memfd_folio_clean",
        "A folio of a memfd is not marked as written to.",
        "The next kernel may drop it when memory is short, and its content is lost. Kernels before 7.0 left folios of preserved files clean.",
        "3 of 16 folios are not dirty.",
        "Run a kernel that marks all folios of a preserved memfd dirty: 7e04bf1f3315 does.";
    MEMFD_FOLIO_INDEX_TWICE: "memfd_folio_index_twice",
        "Two folios of a memfd have the same place.",
        "The kernel refuses the file when it adds the second.",
        "Two folios have index 3.",
        "The state is damaged at the address that is named.";
    MEMFD_FOLIO_MISSING: "memfd_folio_missing",
        "An entry of a memfd's array has no folio.",
        "The kernel skips it, and the file has a hole of zeroes where there may have been content.",
        "Entry 5 of the array has page frame number 0.",
        "The state is damaged: the previous kernel writes an entry for each folio only.";
    MEMFD_FOLIO_NOT_UPTODATE: "memfd_folio_not_uptodate",
        "A folio of a memfd is not marked as up to date.",
        "The next kernel shows zeroes in its place, whatever was written to it since it was preserved.",
        "3 of 16 folios are not up to date.",
        "Run a kernel that fills and marks all folios of a preserved memfd: 50d7b4332f27 does.";
    MEMFD_INVALID: "memfd_invalid",
        "A memfd's own fields contradict each other or the contract.",
        "The previous kernel refuses such a file, so it was not preserved this way.",
        "The size is more than 2^32 pages; or it is 0, and there are folios.",
        "The state is damaged at the address that is named.";
    MEMFD_PAGES_MISSING: "memfd_pages_missing",
        "A memfd has pages that no folio of its list has.",
        "The kernel allocates every page of a file that it preserves: content was lost, and the next kernel shows zeroes in its place.",
        "The file has 10 pages, and the list has folios for 5.",
        "The state is damaged: look for who else writes to the list, or who changed its count.";
    MEMFD_SEALS_UNKNOWN: "memfd_seals_unknown",
        "A memfd has seals that its contract does not have.",
        "The kernel refuses to retrieve the file.",
        "The seals are 0x40.",
        "The state is damaged, or written by a kernel whose contract should have a new version.";
    NAME_EMPTY: "name_empty",
        "A name is empty.",
        "No kernel accepts an empty name, and none writes one: an entry of zeroes was counted, or the name is damaged.",
        "A block of sessions claims 3 entries, and the third is zero.",
        "The state is damaged at the address that is named.";
    NAME_NOT_PADDED: "name_not_padded",
        "Bytes follow the NUL that ends a name.",
        "The kernel writes names into memory that is zero. What compares the field as a whole finds another name.",
        "A session is named `vm0`, and byte 40 of the field is 0x41.",
        "The state is damaged at the address that is named: look for who else writes to that page.";
    NAME_NOT_UTF8: "name_not_utf8",
        "A name is not UTF-8.",
        "The kernel compares names byte by byte and accepts it; a person may not be able to type it.",
        "A session's name has the byte 0xff.",
        "Look at who created the session; damaged memory shows like this, too.";
    NAME_TWICE: "name_twice",
        "Two sessions have one name.",
        "The kernel refuses the second, and stops reading.",
        "Two sessions are named `vm0`.",
        "The state is damaged: the previous kernel refuses the second as well.";
    NAME_UNTERMINATED: "name_unterminated",
        "A name has no end within its field.",
        "The kernel compares it as a string, and reads past the end of the field.",
        "All 48 bytes of a file's compatible string are letters.",
        "The state is damaged at the address that is named.";
    OFFSETS_NOT_ADDRESSES: "offsets_not_addresses",
        "The offsets of a raw file are not the physical addresses of its memory.",
        "Where it belongs was found out from the addresses that the state itself has. The report is of the memory at those addresses; what the state does not lead to may belong elsewhere.",
        "A guest's memory backend begins where RAM begins on arm64, at 0x40000000.",
        "Name the addresses with `FILE@ADDRESS[,offset=N][,size=N]`, as the finding says.";
    PAGE_NOT_BLOCK_START: "page_not_block_start",
        "An address leads into the middle of what was preserved as one block.",
        "The kernel restores pages by the first of their block, and refuses any other.",
        "A folio's page is the second of a block of order 9.",
        "The state is damaged, or the memory was freed and preserved again.";
    PAGE_NOT_PRESERVED: "page_not_preserved",
        "A page that the state refers to is not in the tree of preserved pages.",
        "The next kernel reuses the page before the state is read: silent corruption.",
        "A memfd's folio at 0x1234000 is not preserved.",
        "Look at who preserved the page that refers to it: one of the two calls is missing.";
    PAGE_OWNED_TWICE: "page_owned_twice",
        "A page has two owners.",
        "Both of them free it: the second frees a page that has another owner by then.",
        "A page is a folio of two memfds.",
        "Look at both owners; the chain leads to the second.";
    PCI_DEVICES_UNORDERED: "pci_devices_unordered",
        "The devices that the PCI core preserved are not in the order of their addresses, or one is there twice.",
        "The kernel looks for a device by halves: it does not find one that is out of order, and its state is lost.",
        "0000:01:00.0 follows 0000:02:00.0.",
        "Look at the kernel's comparison of devices: one of 32 bits overflows for large domains.";
    PRESERVED_IN_SCRATCH: "preserved_in_scratch",
        "A preserved page is within the memory that the next kernel starts in.",
        "The next kernel writes there before it knows what is preserved: silent corruption.",
        "The kexec metadata is at 0x1230000, and the scratch area is 0x1000000-0x2000000.",
        "Look at how the page was allocated: scratch memory is for movable pages alone.";
    PRESERVED_ORDER_LARGE: "preserved_order_large",
        "A block of 2 GiB or more is preserved, by a kernel that may not know how to.",
        "Kernels before 7.3 compute a block's size in 32 bits: it overflows, and other memory is freed or kept.",
        "A block of order 19, with pages of 4 KiB.",
        "Run a kernel that has 3a0b8fa2eb36 on both sides, or preserve smaller blocks.";
    PRESERVED_OUTSIDE_IMAGE: "preserved_outside_image",
        "The tree of preserved pages has pages where the image has no memory.",
        "The kernel would keep what is not there; mostly, the tree is damaged.",
        "A block of order 0 at 0xfffffffff000 is preserved.",
        "Check that the image is whole.";
    PRESERVED_TWICE: "preserved_twice",
        "The tree of preserved pages has a page in two blocks of different orders.",
        "The kernel restores it with the order that it saw last.",
        "0x200000 is preserved with order 0 and within a block of order 9.",
        "Look at who preserves that page.";
    PRESERVED_UNOWNED: "preserved_unowned",
        "A page is preserved, and nothing refers to it.",
        "The next kernel keeps it, and nothing ever frees it. It was unpreserved with another order, or its owner is lost.",
        "The page at 0x1234000 is preserved, and no session, entry or list leads there.",
        "Look at who preserved it: a call to unpreserve is missing, or has another order.";
    RADIX_KEY_INVALID: "radix_key_invalid",
        "The tree of preserved pages has an invalid key.",
        "The kernel decodes it all the same, and keeps a block of a nonsensical order somewhere.",
        "The key is 0, or wider than its page size allows.",
        "The tree is damaged at the address that is named.";
    RESERVED_BITS: "reserved_bits",
        "Bits are set that no version of the contract gives a meaning.",
        "The kernel ignores or refuses them. What the previous kernel meant by them will not happen.",
        "A folio has flags 0x4; a memfd has flags 0x1.",
        "The state is damaged, or written by a kernel whose contract should have a new version.";
    SCRATCH_INVALID: "scratch_invalid",
        "The array of scratch areas is invalid.",
        "The kernel gives them back by blocks of pages: one that is not aligned frees memory beside it.",
        "A scratch area begins at 0x1000800.",
        "Look at the sizes on the command line, and at who wrote the array.";
    TOKEN_TWICE: "token_twice",
        "Two files of a session have one token.",
        "User space gets the first; the second can never be retrieved, and is freed unseen.",
        "Session `vm0` has two files with token 1.",
        "The state is damaged: the previous kernel refuses the second.";
    VMALLOC_INVALID: "vmalloc_invalid",
        "The description of vmalloc memory is invalid.",
        "The kernel refuses it, or makes a mapping of the wrong size.",
        "The order is 60; or the chunks have 7 pages and 8 are claimed.",
        "The state is damaged at the address that is named.";
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
