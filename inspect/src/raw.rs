// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bytes without known types, shown with their own structure: the addresses among them, and the
//! nodes of a device tree.

use crate::fdt::{Event, Fdt, MAGIC};
use crate::finding::{address, AddressText};
use crate::text;
use crate::walk::Walker;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Memory as _;
use schemars::JsonSchema;
use serde::Serialize;

/// How many bytes to show; a device tree is read whole, up to a page.
const SHOWN: usize = 64;
/// How many properties of a device tree to show.
const PROPERTIES: usize = 256;

/// Bytes without known types.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct Raw {
    /// Where they are.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// The first bytes; empty if the data is not an address in the image.
    #[serde(serialize_with = "hex")]
    #[schemars(with = "String")]
    pub bytes: Vec<u8>,
    /// Words among them that are addresses in the image.
    pub addresses: Vec<Address>,
    /// The properties of the device tree, if the bytes begin one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tree: Vec<Property>,
}

/// A word that is an address in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Address {
    /// Where the word is, in bytes from the beginning.
    pub offset: usize,
    /// The address.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub value: u64,
    /// Whether its page is preserved, if that is known.
    pub preserved: Option<bool>,
}

/// A property of a device tree.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Property {
    /// The path of its node, such as `/LUO`.
    pub node: String,
    /// Its name; empty for the node itself.
    pub name: String,
    /// Its value: text, a number of 8 bytes in the byte order of the CPU, or bytes.
    pub value: String,
}

fn hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&digits(bytes))
}

pub(crate) fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Raw {
    /// Reads up to that many bytes: no more than are shown, and only to the end of their page.
    pub(crate) fn read(walker: &Walker<'_>, at: u64, len: u64) -> Self {
        let page_size = walker.page_size();
        let there = page_size - at % page_size;
        let len = usize::try_from(len.min(there)).unwrap_or(0);
        let mut bytes = vec![0; len];
        if at == 0 || walker.memory.read(PhysAddr::new(at), &mut bytes).is_err() {
            bytes.clear();
        }
        Self::of(walker, at, bytes)
    }

    /// Takes bytes that were read.
    pub(crate) fn of(walker: &Walker<'_>, at: u64, mut bytes: Vec<u8>) -> Self {
        let tree = bytes.starts_with(&MAGIC.to_be_bytes()).then(|| properties(&bytes));
        bytes.truncate(SHOWN);
        let image = walker.memory.image();
        let addresses = bytes.chunks_exact(8).enumerate().filter_map(|(index, word)| {
            let value = word.try_into().map_or(0, u64::from_ne_bytes);
            // Small numbers are counts, even if memory exists at such an address.
            let is_address = value >= walker.page_size() && value % 8 == 0 && image.has(value, 8);
            is_address.then(|| Address {
                offset: index * 8,
                value,
                preserved: walker.is_preserved(value),
            })
        });
        let addresses = addresses.collect();
        Self { at, bytes, addresses, tree: tree.unwrap_or_default() }
    }
}

/// The nodes and properties of a device tree, as far as it can be read.
fn properties(bytes: &[u8]) -> Vec<Property> {
    let Ok(fdt) = Fdt::new(bytes) else { return Vec::new() };
    let mut found = Vec::new();
    let mut way: Vec<String> = Vec::new();
    for event in fdt.events().take_while(Result::is_ok).flatten() {
        if found.len() == PROPERTIES {
            break;
        }
        let node = |way: &[String]| match way {
            [] | [_] => "/".to_owned(),
            [_, names @ ..] => format!("/{}", names.join("/")),
        };
        match event {
            Event::Begin { name, .. } => {
                way.push(text::readable(name));
                found.push(Property {
                    node: node(&way),
                    name: String::new(),
                    value: String::new(),
                });
            }
            Event::End => {
                way.pop();
            }
            Event::Property { name, value } => found.push(Property {
                node: node(&way),
                name: text::readable(name),
                value: shown(value),
            }),
        }
    }
    found
}

/// A property's value in its most readable form.
fn shown(value: &[u8]) -> String {
    if let Some(text) = value.strip_suffix(b"\0") {
        if !text.is_empty() && text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return format!("\"{}\"", text::readable(text));
        }
    }
    if let Ok(number) = value.try_into() {
        return format!("{:#x}", u64::from_ne_bytes(number));
    }
    let more = if value.len() > SHOWN { "…" } else { "" };
    format!("{}{more}", digits(&value[..value.len().min(SHOWN)]))
}
