// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bytes of an image as text that is safe for terminals and readers.

use std::fmt::Write as _;

/// The text in a field: up to its first NUL, or all of it.
///
/// Bytes that are not UTF-8 become `\xNN`, and so do control characters. A backslash is doubled, so
/// that nothing can look like an escape.
#[must_use]
pub fn readable(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let mut text = String::with_capacity(end);
    for chunk in field[..end].utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '"' => text.push(c),
                _ => text.extend(c.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A size in a readable unit: `4 KiB`, `1.5 GiB`, `17 bytes`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let (mut value, mut unit) = (bytes, 0);
    let mut rest = 0;
    loop {
        rest |= value % 1024;
        if value / 1024 < 1024 || unit + 1 == UNITS.len() {
            break;
        }
        value /= 1024;
        unit += 1;
    }
    let tenths = value.saturating_mul(10) / 1024;
    if rest == 0 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// A noun with its number: `1 page`, `2 pages`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_upon_gets_through() {
        assert_eq!(readable(b"vm0\0rest"), "vm0");
        assert_eq!(readable("Gerät".as_bytes()), "Gerät");
        assert_eq!(readable(b"\x1b[31m\xff\\x1b"), "\\u{1b}[31m\\xff\\\\x1b");
        // It would reverse the following text.
        assert_eq!(readable("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }

    #[test]
    fn sizes_are_short_and_say_when_they_are_rounded() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (4096, "4 KiB"),
            (1536, "1.5 KiB"),
            (1 << 30, "1 GiB"),
            ((1 << 30) + 1, "1.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((count(1, "page"), count(2, "page")), ("1 page".into(), "2 pages".into()));
    }
}
