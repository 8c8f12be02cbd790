// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Pages that almost begin KHO's device tree: what to report if no page does.

use crate::fdt::{Fdt, HEADER, MAGIC};
use crate::image::Image;
use memchr::memmem;

/// How many bytes of a page to look at: the strings of KHO's tree are behind its structure.
const SHOWN: usize = 4096;
/// How many fields of the header must be as a kernel writes them, of those in [`fields`].
const ENOUGH: usize = 5;
/// Words of KHO's tree. Kernels have them in their data as well, but without the header.
const WORDS: [&[u8]; 4] = [b"kho-v", b"preserved-memory-map", b"preserved-data", b"kexec-metadata"];

/// A page that is almost one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Near {
    /// Its address.
    pub(crate) at: u64,
    /// What is wrong with it.
    pub(crate) why: String,
}

/// Whether each field of a header is as a kernel writes it.
fn fields(head: &[u8; HEADER]) -> [bool; 7] {
    let word = |at: usize| {
        head.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
    };
    let within = |at: u32| (40..1 << 16).contains(&at);
    [
        word(0) == MAGIC,
        within(word(4)),
        within(word(8)) && word(8) % 4 == 0,
        within(word(12)),
        word(20) == 17,
        word(24) == 16,
        within(word(36)),
    ]
}

/// Looks at a page that begins with these bytes.
pub(super) fn look(image: &Image, at: u64, head: &[u8; HEADER]) -> Option<Near> {
    let like = fields(head).into_iter().filter(|is_right| *is_right).count();
    if like < ENOUGH {
        return None;
    }
    let there = image.ranges().iter().find(|range| range.start <= at && at < range.end)?;
    let len = usize::try_from(there.end - at).unwrap_or(SHOWN).min(SHOWN);
    let mut page = vec![0; len];
    image.read(at, &mut page).ok()?;
    // Where the image ends within the page, its words may be what is cut off.
    let cut_tree = len < SHOWN && page.starts_with(&MAGIC.to_be_bytes());
    if !cut_tree && !WORDS.iter().any(|word| memmem::find(&page, word).is_some()) {
        return None;
    }
    let why = wrong(&page);
    let cut = if len < SHOWN {
        format!("; the image ends {len} bytes into the page")
    } else {
        String::new()
    };
    Some(Near { at, why: why + &cut })
}

/// What is wrong with a page.
fn wrong(page: &[u8]) -> String {
    let fdt = match Fdt::new(page) {
        Ok(fdt) => fdt,
        Err(error) => return error.to_string(),
    };
    if let Some(compatible) = fdt.root_property("compatible") {
        let compatible = crate::text::readable(crate::fdt::string(compatible));
        return format!("its root is \"{compatible}\", but KHO's begins with \"kho-v\"");
    }
    let broken = fdt.events().find_map(Result::err);
    broken.map_or("its root has no property \"compatible\"".into(), |error| error.to_string())
}
