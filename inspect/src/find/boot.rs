// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the boot protocol says: a list of `setup_data` on x86, the chosen node of a device tree on
//! arm64.

use crate::fdt::{Event, Fdt};
use crate::image::Image;
use std::collections::HashSet;

/// The offset of the head of the list in the boot parameters of x86.
const SETUP_DATA: u64 = 0x250;
/// The type of KHO's item.
const TYPE_KHO: u32 = 10;
/// More items than any boot loader creates.
const LIMIT: usize = 1024;
/// The largest device tree of a machine to read.
const TREE_LIMIT: usize = 2 << 20;

/// What the boot protocol says about KHO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Address of the device tree.
    pub fdt: u64,
    /// Its size.
    pub fdt_size: u64,
    /// Address of the array of scratch areas.
    pub scratch: u64,
    /// Its size.
    pub scratch_size: u64,
}

fn word<const N: usize>(image: &Image, at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    image.read(at, &mut bytes).ok()?;
    Some(bytes)
}

/// Follows the list of `setup_data` from the boot parameters at an address.
///
/// # Errors
///
/// What is wrong with the list, in words.
pub fn setup_data(image: &Image, boot_params: u64) -> Result<Carried, String> {
    let head = boot_params
        .checked_add(SETUP_DATA)
        .ok_or("the boot parameters go past the last address")?;
    let head: [u8; 8] = word(image, head)
        .ok_or_else(|| format!("the boot parameters at {boot_params:#x} are not in the image"))?;
    let mut at = u64::from_le_bytes(head);
    let mut seen = HashSet::new();
    while at != 0 {
        if !seen.insert(at) {
            return Err(format!("the list of setup_data loops back to {at:#x}"));
        }
        if seen.len() > LIMIT {
            return Err(format!(
                "the list of setup_data continues past its limit of {LIMIT} items"
            ));
        }
        let item: [u8; 16] =
            word(image, at).ok_or_else(|| format!("setup_data at {at:#x} is not in the image"))?;
        let field =
            |range: std::ops::Range<usize>| item[range].try_into().map_or(0, u32::from_le_bytes);
        if field(8..12) == TYPE_KHO {
            let content = at.saturating_add(16);
            let content: [u8; 32] = word(image, content)
                .filter(|_| field(12..16) >= 32)
                .ok_or_else(|| format!("KHO's setup_data at {at:#x} is cut off"))?;
            let number =
                |index: usize| content[index * 8..][..8].try_into().map_or(0, u64::from_le_bytes);
            return Ok(Carried {
                fdt: number(0),
                fdt_size: number(1),
                scratch: number(2),
                scratch_size: number(3),
            });
        }
        at = item[..8].try_into().map_or(0, u64::from_le_bytes);
    }
    Err("no setup_data belongs to KHO".into())
}

/// Reads the chosen node of a machine's device tree.
///
/// # Errors
///
/// What is wrong with the tree, in words.
pub fn chosen(image: &Image, tree: u64) -> Result<Carried, String> {
    let head: [u8; 8] = word(image, tree).ok_or("the device tree is not in the image")?;
    let size = head[4..].try_into().map_or(0, u32::from_be_bytes);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > TREE_LIMIT {
        return Err(format!("the device tree claims {size} bytes"));
    }
    let mut bytes = vec![0; size];
    image.read(tree, &mut bytes).map_err(|error| error.to_string())?;
    let fdt = Fdt::new(&bytes).map_err(|error| match size {
        0..=39 => "there is no device tree at that address".to_owned(),
        _ => error.to_string(),
    })?;
    let mut depth = 0_u32;
    let mut chosen = false;
    let (mut cells, mut found) = ((2_u32, 1_u32), (None, None));
    for event in fdt.events() {
        match event.map_err(|error| error.to_string())? {
            Event::Begin { name, .. } => {
                depth += 1;
                chosen = depth == 2 && name == b"chosen";
            }
            Event::End => {
                depth = depth.saturating_sub(1);
                chosen = false;
            }
            Event::Property { name, value } => {
                let word = value.try_into().map_or(0, u32::from_be_bytes);
                match (depth, name) {
                    (1, b"#address-cells") => cells.0 = word,
                    (1, b"#size-cells") => cells.1 = word,
                    (2, b"linux,kho-fdt") if chosen => found.0 = Some(value),
                    // Scratch, or boot memory as later kernels call it: any name.
                    (2, name) if chosen && name.starts_with(b"linux,kho-") => found.1 = Some(value),
                    _ => {}
                }
            }
        }
    }
    let pair = |value: &[u8]| {
        let address = big_endian(value, 0, cells.0)?;
        Some((address, big_endian(value, cells.0, cells.1)?))
    };
    let (fdt, fdt_size) =
        found.0.and_then(pair).ok_or("the chosen node has no readable linux,kho-fdt")?;
    let (scratch, scratch_size) = found.1.and_then(pair).unwrap_or((0, 0));
    Ok(Carried { fdt, fdt_size, scratch, scratch_size })
}

/// A number of that many cells, after `skip` others.
fn big_endian(value: &[u8], skip: u32, cells: u32) -> Option<u64> {
    if skip > 2 || !(1..=2).contains(&cells) {
        return None;
    }
    let (skip, len) = (skip as usize * 4, cells as usize * 4);
    let bytes = value.get(skip..skip + len)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
