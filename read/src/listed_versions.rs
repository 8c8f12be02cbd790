// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The section in which a kernel may list the compatible strings that it understands.
//!
//! It was posted to the kernel's lists as an RFC (20251211042624.175517-1-pratyush@kernel.org) and is
//! not in a released kernel: a header of a magic number and a version, and strings of a fixed size.

use super::elf::{Elf, ElfError};

/// The section's name.
pub const SECTION: &str = ".liveupdate_versions";

const MAGIC: u32 = 0x4c56_5550;
const VERSION: u32 = 1;
const HEADER: usize = 8;
const ENTRY: usize = 48;
/// The limit on strings: more than any kernel has handlers.
const MAX_ENTRIES: usize = 4096;

/// The strings that a kernel lists; `None` if it has no such list.
///
/// # Errors
///
/// [`ElfError`] for a malformed list.
pub fn read(elf: &Elf<'_>) -> Result<Option<Vec<String>>, ElfError> {
    let Some(section) = elf.section(SECTION) else { return Ok(None) };
    let malformed = |why: &str| ElfError::malformed(SECTION, why);
    if section.size > (HEADER + ENTRY * MAX_ENTRIES) as u64 {
        return Err(malformed("it is too large for such a list"));
    }
    parse(&elf.part(section, 0, section.size)?).map(Some).map_err(malformed)
}

fn parse(bytes: &[u8]) -> Result<Vec<String>, &'static str> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
    if word(0) != Some(MAGIC) {
        return Err("bad magic number");
    }
    if word(4) != Some(VERSION) {
        return Err("its version is unknown");
    }
    let entries = bytes[HEADER..].chunks_exact(ENTRY);
    if !entries.remainder().is_empty() {
        return Err("its last string is cut off");
    }
    let string = |entry: &[u8]| {
        let end = entry.iter().position(|byte| *byte == 0).ok_or("a string is not terminated")?;
        let string = std::str::from_utf8(&entry[..end]).map_err(|_| "a string is not text")?;
        Ok(string.to_string())
    };
    entries.map(string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let mut list = [MAGIC.to_le_bytes(), VERSION.to_le_bytes()].concat();
        assert_eq!(parse(&list), Ok(vec![]));
        let mut entry = b"memfd-v2".to_vec();
        entry.resize(ENTRY, 0);
        list.extend(&entry);
        assert_eq!(parse(&list), Ok(vec!["memfd-v2".to_string()]));
        assert_eq!(parse(&list[..list.len() - 1]), Err("its last string is cut off"));
        let mut endless = list.clone();
        endless.extend([b'x'; ENTRY]);
        assert_eq!(parse(&endless), Err("a string is not terminated"));
        list[4] = 2;
        assert_eq!(parse(&list), Err("its version is unknown"));
        list[0] = 0;
        assert_eq!(parse(&list), Err("bad magic number"));
        assert_eq!(parse(&[]), Err("bad magic number"));
    }
}
