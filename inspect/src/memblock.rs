// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! memblock's entry: memory that was reserved by name.

use crate::fdt::{number, string, Event, Fdt};
use crate::finding::{address, AddressText};
use crate::rules;
use crate::text;
use crate::walk::Walker;
use kho_abi::wire::versions::memblock_v1::MEMBLOCK_KHO_NODE_COMPATIBLE;
use kho_abi::wire::versions::reserve_mem_v1::RESERVE_MEM_KHO_NODE_COMPATIBLE;
use schemars::JsonSchema;
use serde::Serialize;

/// Memory reserved by name.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Reservation {
    /// The name, as on the kernel command line.
    pub name: String,
    /// Where it begins.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub start: u64,
    /// Its size, in bytes.
    pub size: u64,
}

/// The properties of a node, until it ends.
#[derive(Default)]
struct Node<'t> {
    name: &'t [u8],
    compatible: Option<&'t [u8]>,
    start: Option<&'t [u8]>,
    size: Option<&'t [u8]>,
}

/// Reads the reservations in an entry's tree of that size.
pub(crate) fn read(walker: &mut Walker<'_>, at: u64, size: u64) -> Vec<Reservation> {
    let mut found = Vec::new();
    let owner = walker.claims.owner("memblock's device tree".into());
    walker.allocation(at, 1, "memblock's device tree", owner);
    let Some(bytes) = walker.bytes(at, size, "memblock's device tree") else { return found };
    let fdt = match Fdt::new(&bytes) {
        Ok(fdt) => fdt,
        Err(error) => {
            walker.find(&rules::FDT_MALFORMED, at, || error.to_string());
            return found;
        }
    };
    let compatible = fdt.root_property("compatible").map(string).unwrap_or_default();
    if compatible != MEMBLOCK_KHO_NODE_COMPATIBLE.as_bytes() {
        walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
            let found = text::readable(compatible);
            format!("unknown version of memblock's tree: \"{found}\" (known: {MEMBLOCK_KHO_NODE_COMPATIBLE})")
        });
        return found;
    }
    if fdt.total_size() as u64 != size && !walker.memory.image().is_blob() {
        walker.find(&rules::KHO_SUBTREE_SIZE_WRONG, at, || {
            format!("the entry has {size} bytes, but its tree has {}", fdt.total_size())
        });
    }
    let mut depth = 0_u32;
    let mut node = Node::default();
    for event in fdt.events() {
        match event {
            Ok(Event::Begin { name, .. }) => {
                depth += 1;
                if depth == 2 {
                    node = Node { name, ..Node::default() };
                }
            }
            Ok(Event::Property { name, value }) if depth == 2 => match name {
                b"compatible" => node.compatible = Some(string(value)),
                b"start" => node.start = Some(value),
                b"size" => node.size = Some(value),
                _ => {}
            },
            Ok(Event::Property { .. }) => {}
            Ok(Event::End) => {
                if depth == 2 {
                    found.extend(take(walker, at, &node));
                }
                depth = depth.saturating_sub(1);
            }
            Err(error) => walker.find(&rules::FDT_MALFORMED, at, || error.to_string()),
        }
    }
    found
}

/// The reservation of a node, if it is complete.
fn take(walker: &mut Walker<'_>, at: u64, node: &Node<'_>) -> Option<Reservation> {
    let name = text::readable(node.name);
    let compatible = node.compatible.unwrap_or_default();
    if compatible != RESERVE_MEM_KHO_NODE_COMPATIBLE.as_bytes() {
        walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
            let found = text::readable(compatible);
            format!("unknown version of the reservation \"{name}\": \"{found}\" (known: {RESERVE_MEM_KHO_NODE_COMPATIBLE})")
        });
        return None;
    }
    let (Some(start), Some(size)) = (node.start.and_then(number), node.size.and_then(number))
    else {
        walker.find(&rules::MEMBLOCK_INVALID, at, || {
            format!("the reservation \"{name}\" lacks a start or a size of 8 bytes")
        });
        return None;
    };
    let page_size = walker.page_size();
    if size == 0 || start % page_size != 0 || size % page_size != 0 {
        walker.find(&rules::MEMBLOCK_INVALID, at, || {
            format!(
                "the reservation \"{name}\" of {size:#x} bytes at {start:#x} does not consist of \
                 pages"
            )
        });
    } else if !walker.memory.image().has(start, size) {
        walker.find(&rules::ADDRESS_OUTSIDE_IMAGE, start, || {
            format!(
                "the reservation \"{name}\" of {size:#x} bytes at {start:#x} is not in the image"
            )
        });
    } else {
        let owner = walker.claims.owner(format!("reservation \"{name}\""));
        let (first, end) = (start / page_size, (start + size) / page_size);
        walker.pages(first, end, "a page of a reservation", owner);
    }
    Some(Reservation { name, start, size })
}
