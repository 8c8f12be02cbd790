// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Unified kernel images: a kernel as the section `.linux` of an EFI program.

/// The section that holds the kernel.
const LINUX: &[u8; 8] = b".linux\0\0";
/// The limit on sections.
const MAX_SECTIONS: usize = 96;
/// Size of an entry of the section table, in bytes.
const ENTRY: usize = 40;

/// The offset of the kernel in a file that begins with these bytes, and its size; `None` if the
/// file is not a unified kernel image.
#[must_use]
pub(crate) fn linux(head: &[u8]) -> Option<(u64, u64)> {
    let section = sections(head)?.into_iter().find(|section| section.name == *LINUX)?;
    // The size is rounded up in the file, and exact in memory.
    let Section { in_memory, in_file, offset, .. } = section;
    let size = if in_memory == 0 { in_file } else { in_memory.min(in_file) };
    Some((offset.into(), size.into()))
}

/// Where the last section of an EFI program ends; `None` if the file is not one.
#[must_use]
pub(crate) fn size_of_sections(head: &[u8]) -> Option<u64> {
    // Sections that are not in the file have no offset in it.
    let sections = sections(head)?.into_iter().filter(|section| section.offset != 0);
    let ends = sections.map(|section| {
        // What follows the exact size is only there to round it up.
        let Section { in_memory, in_file, offset, .. } = section;
        let size = if in_memory == 0 { in_file } else { in_memory.min(in_file) };
        u64::from(offset) + u64::from(size)
    });
    ends.max()
}

/// A section of an EFI program.
struct Section {
    name: [u8; 8],
    in_memory: u32,
    in_file: u32,
    offset: u32,
}

fn sections(head: &[u8]) -> Option<Vec<Section>> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    if !head.starts_with(b"MZ") {
        return None;
    }
    let pe = usize::try_from(u32_at(0x3c)?).ok()?;
    if head.get(pe..pe.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let count = usize::from(u16_at(pe.checked_add(6)?)?).min(MAX_SECTIONS);
    let table = pe.checked_add(24)?.checked_add(u16_at(pe.checked_add(20)?)?.into())?;
    let mut found = Vec::new();
    for index in 0..count {
        let at = table.checked_add(index * ENTRY)?;
        let name = *head.get(at..)?.first_chunk()?;
        let [in_memory, in_file, offset] = [8, 16, 20].map(|part| u32_at(at + part));
        found.push(Section { name, in_memory: in_memory?, in_file: in_file?, offset: offset? });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_found_by_its_section_and_damage_does_no_harm() {
        let mut head = vec![0; 0x400];
        head[..2].copy_from_slice(b"MZ");
        head[0x3c] = 0x80;
        head[0x80..0x84].copy_from_slice(b"PE\0\0");
        head[0x86] = 2;
        head[0x94] = 0xf0;
        let table = 0x80 + 24 + 0xf0;
        head[table..table + 8].copy_from_slice(b".osrel\0\0");
        let at = table + ENTRY;
        head[at..at + 8].copy_from_slice(LINUX);
        head[at + 8..at + 12].copy_from_slice(&5000_u32.to_le_bytes());
        head[at + 16..at + 20].copy_from_slice(&5120_u32.to_le_bytes());
        head[at + 20..at + 24].copy_from_slice(&0x600_u32.to_le_bytes());
        assert_eq!(linux(&head), Some((0x600, 5000)));
        for cut in 0..head.len() {
            let _ = linux(&head[..cut]);
        }
        head[0x3c..0x40].fill(0xff);
        assert_eq!(linux(&head), None);
        head[0x3c..0x40].copy_from_slice(&0x80_u32.to_le_bytes());
        head[at] = b'-';
        assert_eq!(linux(&head), None);
    }
}
