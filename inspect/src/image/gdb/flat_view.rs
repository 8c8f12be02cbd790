// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Where a guest's memory lies, from what QEMU's monitor says to `info mtree -f`.
//!
//! The text is for people, and the only place where QEMU says it to whoever speaks with its gdb stub. Each
//! view begins with the address spaces that it is of; the one of the machine is called "memory".

use crate::image::Range;

/// Most pieces of memory of a machine.
const LIMIT: usize = 4096;

/// The ranges that are memory, in the order of their addresses: RAM and ROM, and no device's registers,
/// which reading may change.
pub(super) fn memory(text: &str) -> Result<Vec<Range>, String> {
    let mut ranges: Vec<Range> = Vec::new();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("FlatView #") {
            if within {
                break;
            }
        } else if line.starts_with("AS \"memory\",") {
            within = true;
        } else if let Some((range, kind)) = range(line).filter(|_| within) {
            if !matches!(kind, "ram" | "rom") {
                continue;
            }
            if ranges.last().is_some_and(|last| range.start < last.end) {
                return Err(format!("it lists memory at {:#x} twice", range.start));
            }
            if ranges.len() >= LIMIT {
                return Err(format!("it has more than {LIMIT} pieces of memory"));
            }
            ranges.push(range);
        }
    }
    if ranges.is_empty() {
        return Err("it has no memory".into());
    }
    Ok(ranges)
}

/// The range of a line and what it is, as in `0000000000000000-000000000009ffff (prio 0, ram): pc.ram`.
fn range(line: &str) -> Option<(Range, &str)> {
    let (range, rest) = line.split_once(" (prio ")?;
    let (start, last) = range.split_once('-')?;
    let number = |text: &str| {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    };
    let (start, end) = (number(start)?, number(last)?.checked_add(1)?);
    let (_, rest) = rest.split_once(", ")?;
    let (kind, _) = rest.split_once(')')?;
    (start < end).then_some((Range { start, end }, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: &str = "FlatView #0\r\n AS \"I/O\", root: io\r\n Root memory region: io\r\n  \
        0000000000000000-0000000000000007 (prio 0, ram): not memory\r\n\r\n\
        FlatView #1\r\n AS \"mch\", root: bus master container\r\n AS \"memory\", root: system\r\n \
        Root memory region: system\r\n  \
        0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM\r\n  \
        00000000000c0000-00000000000dffff (prio 1, rom): pc.rom\r\n  \
        00000000fd000000-00000000fdffffff (prio 1, ramd): vfio\r\n  \
        00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic\r\n  \
        0000000100000000-000000017fffffff (prio 0, ram): pc.ram @0000000080000000 KVM\r\n\r\n\
        FlatView #2\r\n AS \"cpu-smm-0\", root: memory\r\n  \
        0000000200000000-00000002ffffffff (prio 0, ram): not of this view\r\n";

    #[test]
    fn memory_is_what_the_machine_s_view_has_of_ram_and_rom() {
        let ranges = memory(VIEW).unwrap();
        let pairs: Vec<_> = ranges.iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(pairs, [(0, 0xa_0000), (0xc_0000, 0xe_0000), (0x1_0000_0000, 0x1_8000_0000)]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let view = |lines: &str| memory(&format!("FlatView #1\n AS \"memory\", root: x\n{lines}"));
        for nothing in [
            "",
            "0-ffffffffffffffff (prio 0, ram): too long",
            "10-f (prio 0, ram): backwards",
            "+0-f (prio 0, ram): a sign",
            "0-f (prio 0, i/o): a device",
            "0-f (prio 0, ram",
        ] {
            assert_eq!(view(nothing), Err("it has no memory".into()), "{nothing}");
        }
        let twice = view("0-f (prio 0, ram): a\n8-1f (prio 0, ram): b");
        assert_eq!(twice, Err("it lists memory at 0x8 twice".into()));
        let line = |n| format!("{n:x}0-{n:x}7 (prio 0, ram): x\n");
        let many: Vec<String> = (0..=LIMIT).map(line).collect();
        assert_eq!(view(&many.concat()), Err("it has more than 4096 pieces of memory".into()));
    }
}
