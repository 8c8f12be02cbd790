// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Another crate declares wire types with the public macros, of every kind of field that there is.
#![allow(non_camel_case_types, missing_docs)]

use kho_abi::wire::bits;
use kho_abi::wire::endian::{Be16, Be32, Le16, Le64};
use kho_abi::wire::flexible::FlexArray;
use kho_abi::wire::layout::{self, WireType};
use zerocopy::IntoBytes as _;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const OWN_COMPATIBLE: &str = "own-v1";

#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct own_ser {
    pub low_and_high: u8,
    pub mode_and_rest: u16,
    pub r#type: Le64,
    pub order: Be16,
    pub entries: FlexArray<own_entry_ser>,
}

bits::bit_fields! {
    own_ser.low_and_high: u8 as LOW_AND_HIGH {
        /// The first.
        0..3 => low, set_low;
        /// The second.
        3..8 => high, set_high;
    }
}

bits::bit_fields! {
    own_ser.mode_and_rest: u16 as MODE_AND_REST {
        /// The first.
        0..4 => r#mode, set_mode;
        /// The second.
        4..16 => rest, set_rest;
    }
}

layout::wire_layout! {
    struct own_ser of OWN_COMPATIBLE, size 13, align 1 {
        0 => low_and_high: u8,
        1 => mode_and_rest: u16,
        3 => r#type: Le64,
        11 => order: Be16,
        13 => entries: FlexArray<own_entry_ser>,
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
pub struct own_entry_ser {
    pub key: Be32,
    pub kinds: [Le16; 2],
}

layout::wire_layout! {
    natural struct own_entry_ser of OWN_COMPATIBLE, size 8, align 4 {
        0 => key: Be32,
        4 => kinds: [Le16; 2],
    }
}

#[test]
fn integers_of_a_byte_order_are_in_it_and_aligned_as_in_c() {
    let entry = own_entry_ser { key: Be32::new(0x0102_0304), kinds: [Le16::new(5), Le16::new(6)] };
    assert_eq!(entry.as_bytes(), [1, 2, 3, 4, 5, 0, 6, 0]);
    assert_eq!(own_entry_ser::read(entry.as_bytes()).map(|entry| entry.key.get()), Ok(0x0102_0304));
}

#[test]
fn a_word_of_rust_has_its_name_of_c() {
    let layout = own_ser::STRUCT_LAYOUT;
    let names: Vec<_> = layout.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, ["low_and_high", "mode_and_rest", "type", "order", "entries"]);
    assert_eq!(own_ser::MODE_AND_REST.fields[0].name, "mode");
}

#[test]
fn what_follows_a_struct_has_no_bytes_in_it() {
    let mut page = vec![0; 13];
    page.extend([0, 0, 0, 7, 1, 0, 2, 0]);
    let (_, rest) = own_ser::view_prefix(&page).unwrap();
    let entry = own_entry_ser::read(rest).unwrap();
    assert_eq!((entry.key.get(), entry.kinds[1].get()), (7, 2));
    assert_eq!(own_ser::STRUCT_LAYOUT.fields[4].size, 0);
}

#[test]
fn bit_fields_share_an_integer_of_any_size() {
    let mut ser = own_ser::read(&[0; 13]).unwrap();
    ser.set_low(5).unwrap();
    ser.set_high(0x11).unwrap();
    ser.set_mode(0xa).unwrap();
    ser.set_rest(0xbcd).unwrap();
    assert_eq!((ser.low(), ser.high(), ser.r#mode(), ser.rest()), (5, 0x11, 0xa, 0xbcd));
    let error = ser.set_low(8).unwrap_err();
    assert_eq!(error.to_string(), "0x8 does not fit low, which has 3 bits");
    let expected =
        if cfg!(target_endian = "little") { [0x8d, 0xda, 0xbc] } else { [0xb1, 0xab, 0xcd] };
    assert_eq!(ser.as_bytes()[..3], expected);
    assert_eq!(bits::shift_within(8, 0, 3, true), 5);
}
