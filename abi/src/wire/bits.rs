// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! C bit-fields, as getters and checked setters of the integer that contains them.

use core::fmt;

/// A value that does not fit a bit-field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitFieldError {
    /// The bit-field.
    pub name: &'static str,
    /// Its width, in bits.
    pub width: u32,
    /// The value.
    pub value: u64,
}

impl fmt::Display for BitFieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, width, value } = self;
        write!(f, "{value:#x} does not fit {name}, which has {width} bits")
    }
}

impl core::error::Error for BitFieldError {}

/// Number of bits to the right of a bit-field in its `u64`, given its first bit and its width.
///
/// C compilers for Linux allocate from the least significant bit on little-endian machines, and from
/// the most significant one on big-endian machines.
#[must_use]
pub const fn shift(bit: u32, width: u32, big_endian: bool) -> u32 {
    shift_within(u64::BITS, bit, width, big_endian)
}

/// The same of an integer of `width_of_all` bits.
#[must_use]
pub const fn shift_within(width_of_all: u32, bit: u32, width: u32, big_endian: bool) -> u32 {
    if big_endian {
        width_of_all - bit - width
    } else {
        bit
    }
}

/// The highest value of that many bits, from 1 to 64.
#[must_use]
pub const fn mask(width: u32) -> u64 {
    u64::MAX >> (u64::BITS - width)
}

/// The value of a bit-field of an integer, on the machine that this is compiled for.
#[must_use]
pub const fn get(storage: u64, width_of_all: u32, bit: u32, width: u32) -> u64 {
    storage >> shift_within(width_of_all, bit, width, cfg!(target_endian = "big")) & mask(width)
}

/// The integer with another value in a bit-field, on the machine that this is compiled for.
///
/// # Errors
///
/// [`BitFieldError`] if the value does not fit: nothing is truncated.
pub const fn set(
    storage: u64,
    width_of_all: u32,
    name: &'static str,
    bit: u32,
    width: u32,
    value: u64,
) -> Result<u64, BitFieldError> {
    if value > mask(width) {
        return Err(BitFieldError { name, width, value });
    }
    let shift = shift_within(width_of_all, bit, width, cfg!(target_endian = "big"));
    Ok(storage & !(mask(width) << shift) | value << shift)
}

/// Declares the bit-fields that share a field of a wire type: a `u8`, `u16`, `u32` or `u64`.
///
/// They are listed in C's order, each with its first bit and the bit after its last; together they
/// fill the field. Each gets a getter of its name and a checked setter. Generators read
/// `BIT_FIELDS` of the type. A struct with more than one such field names another constant behind
/// the type: `struct.field: u16 as FLAG_BITS`.
#[macro_export]
macro_rules! bit_fields {
    ($record:ident.$storage:ident: $int:ident {$($fields:tt)+}) => {
        bits::bit_fields! { $record.$storage: $int as BIT_FIELDS {$($fields)+} }
    };
    ($record:ident.$storage:ident: $int:ident as $constant:ident {
        $($(#[doc = $doc:literal])+ $bit:literal..$end:literal => $name:ident, $set:ident;)+
    }) => {
        // Each of these integers is widened to a u64, and what is set fits it.
        #[allow(clippy::cast_lossless, clippy::cast_possible_truncation, clippy::unnecessary_cast)]
        impl $record {
            /// The bit-fields that C has in this struct.
            pub const $constant: layout::BitFields = layout::BitFields {
                record: stringify!($record),
                storage: stringify!($storage),
                fields: &[$(layout::BitField {
                    name: layout::c_name(stringify!($name)),
                    bit: $bit,
                    width: $end - $bit,
                    doc: &[$($doc),+],
                }),+],
            };

            $(
                $(#[doc = $doc])+
                #[must_use]
                pub const fn $name(&self) -> u64 {
                    bits::get(self.$storage as u64, $int::BITS, $bit, $end - $bit)
                }

                #[doc = concat!("Sets `", stringify!($name), "`.")]
                ///
                /// # Errors
                ///
                /// A value that does not fit: nothing is truncated, and nothing is changed.
                pub fn $set(&mut self, value: u64) -> Result<(), bits::BitFieldError> {
                    let name = layout::c_name(stringify!($name));
                    let storage = self.$storage as u64;
                    self.$storage =
                        bits::set(storage, $int::BITS, name, $bit, $end - $bit, value)? as $int;
                    Ok(())
                }
            )+
        }

        // Each begins where the previous one ends, from the first bit to the last.
        const _: () = {
            let mut fields = $record::$constant.fields;
            let mut end = 0;
            while let [field, rest @ ..] = fields {
                assert!(field.bit == end && field.width > 0, "bit-fields leave a gap or overlap");
                end += field.width;
                fields = rest;
            }
            assert!(end == $int::BITS, "bit-fields do not fill their integer");
        };
    };
}
pub use bit_fields;
