// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The handover ABI of Linux: numbers from independent sources, names, bit-fields, addresses.

use core::ffi::c_char;
use kho_abi::wire::bits::{self, BitFieldError};
use kho_abi::wire::block::kho_block_header_ser;
use kho_abi::wire::kexec_handover::{self as kho, kho_vmalloc, page_16k, page_4k, page_64k};
use kho_abi::wire::kexec_metadata::kho_kexec_metadata;
use kho_abi::wire::layout::WireType as _;
use kho_abi::wire::luo::{luo_file_ser, luo_flb_ser, luo_ser, luo_session_ser};
use kho_abi::wire::memfd::{self, memfd_luo_folio_ser, memfd_luo_ser};
use kho_abi::wire::name::{self, NameError};
use kho_abi::wire::phys::{KhoserPtr, PhysAddr};
use proptest::prelude::*;
use zerocopy::{FromZeros as _, IntoBytes as _};

/// The radix tree's shape, as the layout of the key needs it for each page size.
#[test]
fn the_radix_tree_has_its_shape_for_every_page_size() {
    let shapes = [
        (
            page_4k::KHO_RADIX_KEY_WIDTH,
            page_4k::KHO_TABLE_SIZE_LOG2,
            page_4k::KHO_BITMAP_SIZE_LOG2,
            page_4k::KHO_TREE_MAX_DEPTH,
            page_4k::KHO_VMALLOC_SIZE,
        ),
        (
            page_16k::KHO_RADIX_KEY_WIDTH,
            page_16k::KHO_TABLE_SIZE_LOG2,
            page_16k::KHO_BITMAP_SIZE_LOG2,
            page_16k::KHO_TREE_MAX_DEPTH,
            page_16k::KHO_VMALLOC_SIZE,
        ),
        (
            page_64k::KHO_RADIX_KEY_WIDTH,
            page_64k::KHO_TABLE_SIZE_LOG2,
            page_64k::KHO_BITMAP_SIZE_LOG2,
            page_64k::KHO_TREE_MAX_DEPTH,
            page_64k::KHO_VMALLOC_SIZE,
        ),
    ];
    assert_eq!(shapes, [(53, 9, 15, 6, 511), (51, 11, 17, 5, 2047), (49, 13, 19, 4, 8191)]);
    assert_eq!(size_of::<page_4k::kho_radix_node>(), 4096);
    assert_eq!(size_of::<page_16k::kho_radix_leaf>(), 16384);
    assert_eq!(size_of::<page_64k::kho_vmalloc_chunk>(), 65536);
}

/// The prose of the wire file has the same numbers in a table.
#[test]
fn the_documented_shape_is_the_computed_one() {
    for (page, row) in [
        ("4 KiB", page_4k::LAYOUTS.constants),
        ("16 KiB", page_16k::LAYOUTS.constants),
        ("64 KiB", page_64k::LAYOUTS.constants),
    ] {
        let value = |name| row.iter().find(|int| int.name == name).unwrap().value.to_string();
        let line = kho::HEADER.source.lines().find(|line| {
            line.strip_prefix("//!").is_some_and(|line| line.trim_start().starts_with(page))
        });
        let numbers: Vec<_> = line.unwrap().split_whitespace().skip(3).map(String::from).collect();
        let expected = [
            "KHO_RADIX_KEY_WIDTH",
            "KHO_TABLE_SIZE_LOG2",
            "KHO_BITMAP_SIZE_LOG2",
            "KHO_TREE_MAX_DEPTH",
        ]
        .map(value);
        assert_eq!(numbers, expected, "{page}");
    }
}

#[test]
fn sizes_and_constants_are_those_of_linux() {
    assert_eq!(size_of::<luo_ser>(), 32);
    assert_eq!(size_of::<luo_session_ser>(), 80);
    assert_eq!(size_of::<luo_file_ser>(), 64);
    assert_eq!(size_of::<luo_flb_ser>(), 64);
    assert_eq!((size_of::<kho_vmalloc>(), align_of::<kho_vmalloc>()), (16, 8));
    assert_eq!((size_of::<memfd_luo_ser>(), align_of::<memfd_luo_ser>()), (48, 1));
    assert_eq!(size_of::<kho_kexec_metadata>(), 73);
    assert_eq!(memfd::MEMFD_LUO_ALL_SEALS, 0x3f);
    // How many entries fit a 4 KiB block: sessions, and files.
    assert_eq!(kho_block_header_ser::capacity(4096, 80), Some(51));
    assert_eq!(kho_block_header_ser::capacity(4096, 64), Some(63));
    assert_eq!(kho_block_header_ser::capacity(8, 64), Some(0));
    assert_eq!(kho_block_header_ser::capacity(4096, 0), None);
}

#[test]
fn names_are_read_and_written_with_every_check() {
    let mut session = luo_session_ser::new_zeroed();
    assert_eq!(session.name(), Ok(""));
    session.name = [0x41; 64];
    assert_eq!(session.name(), Err(NameError::Unterminated { capacity: 64 }));
    name::write(&mut session.name, "guest é").unwrap();
    assert_eq!(session.name(), Ok("guest é"));
    assert!(session.name[8..].iter().all(|byte| *byte == 0), "old bytes stay");
    // Without its second byte, the letter is not valid UTF-8.
    session.name[7] = 0;
    assert_eq!(session.name(), Err(NameError::NotUtf8 { valid_up_to: 6 }));

    let before = session;
    let long = "x".repeat(64);
    let too_long = NameError::TooLong { len: 64, capacity: 64 };
    assert_eq!(name::write(&mut session.name, &long), Err(too_long));
    assert_eq!(name::write(&mut session.name, "a\0b"), Err(NameError::Nul { at: 1 }));
    assert_eq!(session, before);
    assert!(name::write(&mut session.name, &long[1..]).is_ok());
    assert_eq!(name::write(&mut [], ""), Err(NameError::TooLong { len: 0, capacity: 0 }));
    assert_eq!(name::read(&[] as &[c_char]), Err(NameError::Unterminated { capacity: 0 }));
}

#[test]
fn bit_fields_lie_where_gcc_puts_them_on_either_byte_order() {
    // pfn is allocated first: the low bits on little-endian machines, the high ones on others.
    assert_eq!((bits::shift(0, 52, false), bits::shift(52, 12, false)), (0, 52));
    assert_eq!((bits::shift(0, 52, true), bits::shift(52, 12, true)), (12, 0));
    assert_eq!((bits::mask(1), bits::mask(12), bits::mask(64)), (1, 0xfff, u64::MAX));
    #[cfg(target_endian = "little")]
    {
        let mut folio = memfd_luo_folio_ser::new_zeroed();
        folio.set_pfn(0x000f_edcb_a987_6543).unwrap();
        folio.set_flags(memfd::MEMFD_LUO_FOLIO_UPTODATE).unwrap();
        assert_eq!(folio.as_bytes()[..8], [0x43, 0x65, 0x87, 0xa9, 0xcb, 0xed, 0x2f, 0x00]);
    }
}

#[test]
fn a_type_of_natural_alignment_is_copied_from_any_address() {
    let page: Vec<u8> = (0..32).collect();
    for start in 0..8 {
        let read = kho_vmalloc::read(&page[start..start + 16]).unwrap();
        assert_eq!(read.as_bytes(), &page[start..start + 16]);
    }
    let error = kho_vmalloc::read(&page).unwrap_err();
    assert_eq!(error.to_string(), "struct kho_vmalloc takes 16 bytes, 32 given");
}

#[test]
fn an_address_of_zero_is_none() {
    assert_eq!(KhoserPtr::<()>::new(PhysAddr::NULL).phys(), None);
    let address = PhysAddr::new(0x1000);
    assert_eq!(KhoserPtr::<()>::new(address).phys(), Some(address));
    assert_eq!(address.to_string(), "0x1000");
    assert!(address.is_aligned(4096) && !address.is_aligned(8192) && !address.is_aligned(0));
    assert_eq!(PhysAddr::new(u64::MAX).checked_add(1), None);
}

proptest! {
    #[test]
    fn bit_fields_keep_apart(bytes: [u8; 16], pfn in 0u64..1 << 52, flags in 0u64..1 << 12) {
        let mut folio = memfd_luo_folio_ser::read(&bytes).unwrap();
        let (old_flags, index) = (folio.flags(), folio.index);
        folio.set_pfn(pfn).unwrap();
        prop_assert_eq!((folio.pfn(), folio.flags()), (pfn, old_flags));
        folio.set_flags(flags).unwrap();
        prop_assert_eq!((folio.pfn(), folio.flags()), (pfn, flags));
        prop_assert_eq!((folio.is_dirty(), folio.is_uptodate()), (flags & 1 != 0, flags & 2 != 0));

        let before = folio;
        let error = BitFieldError { name: "pfn", width: 52, value: pfn | 1 << 52 };
        prop_assert_eq!(folio.set_pfn(pfn | 1 << 52), Err(error));
        prop_assert!(folio.set_flags(flags | 1 << 12).is_err());
        prop_assert_eq!(folio, before);
        prop_assert_eq!({ folio.index }, index);
    }

    #[test]
    fn any_bytes_are_read_as_a_name_or_refused(bytes: [u8; 48], len in 0usize..48) {
        let mut bytes = bytes;
        bytes[..len].iter_mut().for_each(|byte| *byte |= 1);
        let mut file = luo_file_ser::new_zeroed();
        file.as_mut_bytes()[..48].copy_from_slice(&bytes);
        match file.compatible() {
            Ok(name) => prop_assert!(name.len() >= len && bytes[name.len()] == 0),
            Err(NameError::Unterminated { capacity }) => {
                prop_assert!(capacity == 48 && !bytes.contains(&0));
            }
            Err(error) => {
                let not_utf8 = matches!(error, NameError::NotUtf8 { .. });
                prop_assert!(not_utf8, "{}", error);
            }
        }
    }
}
