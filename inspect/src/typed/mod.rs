// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads state without a built-in decoder by layouts from the user: field by field from the
//! contract's root struct, and on to what the types say that an address leads to.
//!
//! A string without layouts is never read with those of another string. If several structs may be
//! the root, none is used.
//!
//! # Examples
//!
//! ```
//! use kho_abi_inspect::handlers::Payload;
//! use kho_abi_inspect::image::Image;
//! use kho_abi_inspect::typed::{Contract, Field, Kind, Layouts, Struct};
//! use kho_abi_inspect::{inspect, Options};
//! use std::sync::Arc;
//!
//! # use kho_abi_inspect::synth::{container::raw, Ram, Synth};
//! # let mut synth = Synth::new(Ram::new(4096, 16 << 20), 4096);
//! # let session = synth.session("vm0");
//! # let page = synth.allocate(0);
//! # synth.write(page, &7_u64.to_ne_bytes());
//! # synth.file(session, 1, "mine-v1", page);
//! # let image = Image::from_bytes(raw(&synth.finish().0))?;
//! let number = Field {
//!     name: "number".into(),
//!     bit_offset: 0,
//!     bit_size: 64,
//!     bit_field: false,
//!     kind: Kind::Int { bits: 64, signed: false },
//!     dimensions: Vec::new(),
//!     leads_to: None,
//! };
//! let fields = vec![number];
//! let mine = Struct { name: "mine_ser".into(), size: 8, fields, ..Struct::default() };
//! let contract = Contract {
//!     name: "mine-v1".into(),
//!     string: "mine-v1".into(),
//!     roots: vec!["mine_ser".into()],
//!     ..Contract::default()
//! };
//! let types = Some(Arc::new(Layouts::new("mine.h", vec![mine], vec![contract])));
//! let state = inspect(&image, &Options { types, ..Options::default() });
//!
//! let file = &state.luo().expect("the kernel has LUO").sessions[0].files[0];
//! let Payload::Typed(typed) = &file.payload else { panic!("the layouts have its string") };
//! assert_eq!(typed.parts[0].values[0].value.to_string(), "7");
//! # Ok::<(), kho_abi_inspect::image::OpenError>(())
//! ```

mod read;
mod space;

pub use crate::layouts::{Contract, Field, Kind, Layouts, LeadsTo, Struct, MAX_DEPTH, MAX_SIZE};
pub(crate) use read::{entry, payload, Read};

use crate::finding::{address, AddressText};
use schemars::JsonSchema;
use serde::Serialize;

/// State decoded by given types.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Typed {
    /// The contract, as the types call it.
    pub contract: String,
    /// The root struct, then what its addresses lead to, in the order in which they were read.
    pub parts: Vec<Part>,
    /// Whether there are more parts, neither shown nor checked.
    pub more_parts: bool,
}

/// The bytes that one address leads to.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Part {
    /// Their address; the first one, if they are in several places.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// The struct, such as `struct made_up_ser`.
    #[serde(rename = "struct")]
    pub name: String,
    /// The field that leads there; null for the root.
    pub from: Option<String>,
    /// The number of structs, if it is a list.
    pub elements: Option<u64>,
    /// The values, in the order of the fields.
    pub values: Vec<Value>,
    /// Whether there are more values than are shown.
    pub more_values: bool,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Value {
    /// The path of the field within the part, in C notation: `rings[2].base`.
    pub name: String,
    /// Offset from the start of the part, in bytes.
    pub offset: u64,
    /// The type, such as `u64`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The value.
    pub value: Shown,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shown {
    /// An integer, as text, since many JSON readers do not support 64 bits.
    Integer {
        /// As decimal digits.
        decimal: String,
        /// As `0x` and hexadecimal digits: the bits, without a sign.
        hex: String,
    },
    /// Integers, each as decimal digits.
    Integers {
        /// The first of them.
        decimal: Vec<String>,
        /// Whether there are more.
        more: bool,
    },
    /// Text up to its NUL.
    Text {
        /// The text; control characters are escaped.
        text: String,
        /// Whether there is more of it.
        more: bool,
    },
    /// Bytes.
    Bytes {
        /// The first of them, as hexadecimal digits.
        hex: String,
        /// Whether there are more.
        more: bool,
    },
    /// A physical address.
    Address {
        /// The address; 0 if it leads nowhere.
        #[serde(serialize_with = "crate::finding::address")]
        #[schemars(with = "AddressText")]
        address: u64,
        /// Whether its page is preserved, if that is known.
        preserved: Option<bool>,
    },
    /// A pointer of the kernel that wrote it, meaningless to any other kernel.
    Pointer {
        /// Its bits.
        #[serde(serialize_with = "crate::finding::address")]
        #[schemars(with = "AddressText")]
        pointer: u64,
    },
    /// An array of unknown length.
    LengthUnknown,
    /// Cannot be read; the findings say why.
    Unreadable,
}

impl Shown {
    /// Whether this is not the whole value.
    pub(crate) fn is_partial(&self) -> bool {
        match self {
            Self::Integers { more, .. } | Self::Text { more, .. } | Self::Bytes { more, .. } => {
                *more
            }
            Self::LengthUnknown | Self::Unreadable => true,
            Self::Integer { .. } | Self::Address { .. } | Self::Pointer { .. } => false,
        }
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = |more: bool| if more { ", …" } else { "" };
        match self {
            // For small and negative numbers, decimal digits suffice.
            Self::Integer { decimal, .. } if decimal.len() < 3 || decimal.starts_with('-') => {
                f.write_str(decimal)
            }
            Self::Integer { decimal, hex } => write!(f, "{decimal} ({hex})"),
            Self::Integers { decimal, more: are_more } => {
                write!(f, "{}{}", decimal.join(", "), more(*are_more))
            }
            Self::Text { text, more } => {
                write!(f, "\"{text}\"{}", if *more { "…" } else { "" })
            }
            Self::Bytes { hex, more: are_more } => {
                write!(f, "{hex}{}", if *are_more { "…" } else { "" })
            }
            Self::Address { address: 0, .. } => f.write_str("0"),
            Self::Address { address, preserved } => {
                let preserved = match preserved {
                    Some(true) => ", preserved",
                    Some(false) => ", not preserved",
                    None => "",
                };
                write!(f, "{address:#x}{preserved}")
            }
            Self::Pointer { pointer } => {
                write!(f, "{pointer:#x}, a pointer of the kernel that wrote it")
            }
            Self::LengthUnknown => f.write_str("an array of unknown length"),
            Self::Unreadable => f.write_str("cannot be read"),
        }
    }
}
