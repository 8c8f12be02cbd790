// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Names of files as text, whatever their bytes, and back.
//!
//! A name on Linux is any bytes but zero, and a report is text. A byte that is not a part of a character in UTF-8
//! is `\xFF` in a name as it is shown, and so is a control character. So that this can be taken back, a backslash in
//! front of an `x` is `\x5C` itself. All other names are shown as they are.
//!
//! Words of a command line that may name a file are kept as they are shown; [`path`] gives the file.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// A name as it is shown.
///
/// # Examples
///
/// ```
/// use kho_abi_show::names::{path, shown};
/// use std::ffi::OsStr;
/// use std::os::unix::ffi::OsStrExt as _;
///
/// let name = OsStr::from_bytes(b"kernel-\xFF/vmlinux");
/// assert_eq!(shown(name), r"kernel-\xFF/vmlinux");
/// assert_eq!(path(&shown(name)), name);
/// ```
#[must_use]
pub fn shown(name: impl AsRef<OsStr>) -> String {
    text(name.as_ref().as_bytes(), true)
}

/// Text of many lines in which names are, as git prints it. Control characters stay as they are.
#[must_use]
pub fn lossless(bytes: &[u8]) -> String {
    text(bytes, false)
}

fn text(bytes: &[u8], is_name: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    // Writing to a string cannot fail.
    let escape = |out: &mut String, byte: u8| {
        let _ = write!(out, "\\x{byte:02X}");
    };
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid().chars().peekable();
        while let Some(c) = rest.next() {
            if c == '\\' && rest.peek() == Some(&'x') {
                escape(&mut out, b'\\');
            } else if is_name && c.is_control() {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    escape(&mut out, byte);
                }
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            escape(&mut out, *byte);
        }
    }
    out
}

/// The bytes of a name that is shown so.
#[must_use]
pub fn bytes(shown: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(shown.len());
    let mut rest = shown.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = rest.strip_prefix(b"\\x").and_then(|rest| rest.get(..2));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            rest = &rest[4..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// The file whose name is shown so.
#[must_use]
pub fn path(shown: &str) -> PathBuf {
    OsString::from_vec(bytes(shown)).into()
}

/// A name as git prints it, which is shown: in quotes and with escapes where it has unusual bytes.
#[must_use]
pub fn of_git(printed: &str) -> String {
    let quoted = printed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(quoted) = quoted else { return printed.into() };
    let mut out = Vec::with_capacity(quoted.len());
    let mut rest = quoted.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            out.push(byte);
            rest = &after[3..];
        } else if let [letter, after @ ..] = after {
            out.push(match letter {
                b'a' => 0x07,
                b'b' => 0x08,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 0x0b,
                b'f' => 0x0c,
                b'r' => b'\r',
                other => *other,
            });
            rest = after;
        }
    }
    shown(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        let names: [&[u8]; 9] = [
            b"plain/name.h",
            b"",
            b"\xFF",
            b"a\xFFb\xC3\xA4\xE2\x82",
            "gr\u{fc}n \u{fffd}".as_bytes(),
            br"\xFF",
            br"\\x41\n\x",
            b"line\nescape\x1b[31m",
            "\u{85}".as_bytes(),
        ];
        for name in names {
            let text = shown(OsStr::from_bytes(name));
            assert_eq!(bytes(&text), name, "{text}");
            assert!(!text.chars().any(char::is_control), "{text}");
            assert_eq!(bytes(&lossless(name)), name);
        }
        assert_eq!(shown("gr\u{fc}n/a\\b"), "gr\u{fc}n/a\\b");
        assert_eq!(shown(OsStr::from_bytes(b"a\xFF\x1b")), r"a\xFF\x1B");
        assert_eq!(lossless(b"a\n\xFF"), "a\n\\xFF");
        assert_eq!(bytes(r"\xzz\x4"), br"\xzz\x4");
    }

    #[test]
    fn what_git_quotes_is_the_name() {
        for (printed, name) in [
            ("include/a.h", "include/a.h"),
            (r#""a/ker\377nel/x.h""#, r"a/ker\xFFnel/x.h"),
            (r#""gr\303\274n \"a\" \\x\t""#, r#"grün "a" \x5Cx\x09"#),
            (r#""cut\3""#, "cut3"),
            (r#""end\""#, "end"),
            (r#"half""#, r#"half""#),
        ] {
            assert_eq!(of_git(printed), name);
        }
    }
}
