// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Walks through good, damaged and hostile lists end, and report where and why.

use kho_abi::wire::kexec_handover::{kho_vmalloc, kho_vmalloc_chunk};
use kho_abi::wire::luo::luo_file_set_ser;
use kho_abi::wire::phys::{KhoserPtr, PhysAddr};
use kho_abi::wire::walk::{Block, Blocks, Memory, VmallocPages, WalkError};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Pages of 4 KiB, of which some exist; counts reads.
#[derive(Default)]
struct Pages {
    pages: BTreeMap<u64, Vec<u8>>,
    reads: Cell<u64>,
}

impl Memory for Pages {
    type Error = &'static str;

    fn page_size(&self) -> usize {
        4096
    }

    fn read(&self, at: PhysAddr, into: &mut [u8]) -> Result<(), Self::Error> {
        self.reads.set(self.reads.get() + 1);
        let page = self.pages.get(&(at.get() & !4095)).ok_or("no such page")?;
        let start = usize::try_from(at.get() & 4095).unwrap();
        let bytes = page.get(start..start + into.len()).ok_or("behind the page")?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

impl Pages {
    /// A page that begins with these numbers.
    fn put(&mut self, at: u64, numbers: &[u64]) {
        let mut page: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        page.resize(4096, 0);
        self.pages.insert(at, page);
    }

    fn blocks(&self, first: u64) -> Vec<Result<Block, WalkError<&'static str>>> {
        Blocks::new(self, PhysAddr::new(first), 16).collect()
    }

    fn vmalloc(
        &self,
        first: u64,
        pages: u32,
        order: u16,
    ) -> Vec<Result<u64, WalkError<&'static str>>> {
        let first = KhoserPtr::<kho_vmalloc_chunk>::new(PhysAddr::new(first));
        let vmalloc = kho_vmalloc { first, total_pages: pages, flags: 0, order };
        VmallocPages::new(self, &vmalloc).map(|page| page.map(PhysAddr::get)).collect()
    }
}

#[test]
fn a_good_list_yields_its_blocks_and_entries() {
    let mut memory = Pages::default();
    memory.put(0x1000, &[0x3000, 2, 10, 11, 20, 21]);
    memory.put(0x3000, &[0, 1, 30, 31]);
    let blocks: Vec<_> = memory.blocks(0x1000).into_iter().map(Result::unwrap).collect();
    let at: Vec<_> = blocks.iter().map(|block| (block.at.get(), block.count)).collect();
    assert_eq!(at, [(0x1000, 2), (0x3000, 1)]);
    let entry: luo_file_set_ser = blocks[0].entry(&memory, 1).unwrap().unwrap();
    assert_eq!((entry.files.get(), { entry.count }), (20, 21));
    assert_eq!(blocks[0].entry::<luo_file_set_ser, _>(&memory, 2), Ok(None));
    assert_eq!(blocks[0].entry_at(u64::MAX), None);
    assert_eq!(memory.blocks(0), []);
}

#[test]
fn a_damaged_list_says_where() {
    let mut memory = Pages::default();
    let at = |address| PhysAddr::new(address);
    memory.put(0x1000, &[0x1000, 1]);
    assert_eq!(memory.blocks(0x1000)[1..], [Err(WalkError::Cycle { at: at(0x1000) })]);
    memory.put(0x1000, &[0x2008, 1]);
    let unaligned = WalkError::Unaligned { at: at(0x2008), align: 4096 };
    assert_eq!(memory.blocks(0x1000)[1..], [Err(unaligned)]);
    memory.put(0x1000, &[0x2000, 1]);
    let error = WalkError::Unreadable { at: at(0x2000), error: "no such page" };
    assert_eq!(memory.blocks(0x1000)[1..], [Err(error)]);
    assert_eq!(error.to_string(), "memory at 0x2000 cannot be read: no such page");
    for count in [0, 256, u64::MAX] {
        memory.put(0x1000, &[0, count]);
        let error = WalkError::Count { at: at(0x1000), count, capacity: 255 };
        assert_eq!(memory.blocks(0x1000), [Err(error)]);
    }
    memory.put(0x1000, &[0, 255]);
    assert!(memory.blocks(0x1000)[0].is_ok());
    for size in [0, 4081] {
        let mut blocks = Blocks::new(&memory, at(0x1000), size);
        assert_eq!(blocks.next(), Some(Err(WalkError::EntrySize { size })));
        assert_eq!(blocks.next(), None);
    }
}

#[test]
fn a_list_without_an_end_ends() {
    let mut memory = Pages::default();
    for page in 1..=20_000 {
        memory.put(page * 4096, &[(page + 1) * 4096, 1]);
    }
    let blocks = memory.blocks(4096);
    assert_eq!(blocks.len(), 10_001);
    let error = WalkError::TooLong { at: PhysAddr::new(10_001 * 4096), limit: 10_000 };
    assert_eq!(blocks.last(), Some(&Err(error)));
    // Cycles of every length, entered at every distance, cost no more than a few rounds.
    for length in 1..40 {
        for lead in 0..10 {
            let end = lead + length;
            memory.put(end * 4096, &[(lead + 1) * 4096, 1]);
            let blocks = memory.blocks(4096);
            assert!(matches!(blocks.last(), Some(Err(WalkError::Cycle { .. }))), "{length} {lead}");
            assert!(blocks.len() as u64 <= 4 * (lead + length) + 4, "{length} {lead}");
            memory.put(end * 4096, &[(end + 1) * 4096, 1]);
        }
    }
}

#[test]
fn vmalloc_pages_are_those_that_the_struct_tells() {
    let mut memory = Pages::default();
    memory.put(0x1000, &[0, 0x8000, 0xa000]);
    assert_eq!(memory.vmalloc(0x1000, 2, 0), [Ok(0x8000), Ok(0xa000)]);
    assert_eq!(memory.vmalloc(0x1000, 4, 1), [Ok(0x8000), Ok(0xa000)]);
    assert_eq!(memory.vmalloc(0, 0, 0), []);
    let pages = |found, told| Err(WalkError::Pages { found, told });
    assert_eq!(memory.vmalloc(0x1000, 1, 0), [Ok(0x8000), pages(2, 1)]);
    assert_eq!(memory.vmalloc(0x1000, 3, 0), [Ok(0x8000), Ok(0xa000), pages(2, 3)]);
    assert_eq!(memory.vmalloc(0, 1, 0), [pages(0, 1)]);
    assert_eq!(memory.vmalloc(0x1000, u32::MAX, 0)[2], pages(2, u32::MAX.into()));
    let unaligned = WalkError::Unaligned { at: PhysAddr::new(0xa000), align: 0x4000 };
    assert_eq!(memory.vmalloc(0x1000, 8, 2), [Ok(0x8000), Err(unaligned)]);
    for order in [52, 63, 64, u16::MAX] {
        assert_eq!(memory.vmalloc(0x1000, 2, order), [Err(WalkError::Order { order })]);
    }
}

#[test]
fn chunks_that_are_full_lead_to_an_empty_one() {
    let mut memory = Pages::default();
    let mut chunk = vec![0x2000];
    chunk.extend((0..511).map(|page| 0x10_0000 + page * 4096));
    memory.put(0x1000, &chunk);
    memory.put(0x2000, &[0]);
    let pages = memory.vmalloc(0x1000, 511, 0);
    assert!(pages.len() == 511 && pages.iter().all(Result::is_ok));
    // A third chunk exceeds the limit; a cycle of empty chunks is a cycle.
    memory.put(0x2000, &[0x3000]);
    memory.put(0x3000, &[0]);
    let error = WalkError::TooLong { at: PhysAddr::new(0x3000), limit: 2 };
    assert_eq!(memory.vmalloc(0x1000, 511, 0).last(), Some(&Err(error)));
    memory.put(0x2000, &[0x2000]);
    let last = memory.vmalloc(0x1000, 511, 0).pop();
    assert!(matches!(last, Some(Err(WalkError::Cycle { .. } | WalkError::TooLong { .. }))));
}

proptest! {
    /// Whatever memory contains, a walk ends, and nothing follows an error.
    #[test]
    fn hostile_memory_is_survived(
        numbers in proptest::collection::vec(proptest::collection::vec(0u64..12, 6), 8),
        total: u32, order: u16, first in 0u64..12,
    ) {
        let mut memory = Pages::default();
        for (page, numbers) in numbers.iter().enumerate() {
            let scaled: Vec<_> = numbers.iter().enumerate()
                .map(|(at, n)| if at == 1 { *n } else { n * 4096 }).collect();
            memory.put((page as u64 + 1) * 4096, &scaled);
        }
        let blocks = memory.blocks(first * 4096);
        prop_assert!(blocks.len() <= 64);
        let errors = blocks.iter().filter(|block| block.is_err()).count();
        prop_assert!(errors == 0 || (errors == 1 && blocks.last().unwrap().is_err()));
        for (total, order) in [(total, order), (total % 64, order % 4)] {
            let pages = memory.vmalloc(first * 4096, total, order);
            let errors = pages.iter().filter(|page| page.is_err()).count();
            prop_assert!(errors == 0 || (errors == 1 && pages.last().unwrap().is_err()));
        }
        prop_assert!(memory.reads.get() < 100_000);
    }
}
