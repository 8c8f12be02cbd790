// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Messages out of an mbox or a mail, decoded: multipart, quoted-printable, base64, format=flowed.

use super::PatchError;

/// A decoded message, or a part of one.
pub(super) struct Body {
    /// The subject; empty where there is none.
    pub(super) subject: String,
    /// Who sent it.
    pub(super) author: String,
    /// The text.
    pub(super) text: String,
}

/// Deepest nesting of parts that is looked at.
const MAX_DEPTH: usize = 8;
/// Most parts of a message.
const MAX_PARTS: usize = 256;

/// The messages of a file: an mbox's, or the whole of it.
pub(super) fn split(bytes: &[u8]) -> Vec<&[u8]> {
    if !bytes.starts_with(b"From ") {
        return vec![bytes];
    }
    let mut starts = vec![0];
    let mut at = 0;
    let mut blank = false;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if at > 0 && blank && is_separator(line) {
            starts.push(at);
        }
        blank = line.iter().all(u8::is_ascii_whitespace);
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(start, end)| &bytes[*start..end]).collect()
}

/// `From sender date`, which ends in a year: prose that begins with the word does not.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let rest = String::from_utf8_lossy(rest);
    let words: Vec<_> = rest.split_whitespace().collect();
    let year = |word: &&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    words.len() >= 6 && words.iter().rev().take(2).any(year) && rest.contains(':')
}

/// The text bodies of a message.
pub(super) fn decode(name: &str, message: &[u8]) -> Result<Vec<Body>, PatchError> {
    let text = message.strip_prefix(b"From ").map_or(message, |rest| {
        let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
        &rest[end..]
    });
    let (headers, body) = headers(text);
    let subject = words(header(&headers, "subject").unwrap_or_default());
    let author = words(header(&headers, "from").unwrap_or_default());
    let mut bodies = Vec::new();
    let mut parts = 0;
    let shown = if subject.is_empty() { "patch" } else { &subject };
    let mut put = |text: String| {
        bodies.push(Body { subject: subject.clone(), author: author.clone(), text });
    };
    if headers.is_empty() {
        // No mail at all: the output of git diff.
        put(String::from_utf8_lossy(text).into_owned());
    } else {
        let place = Place { name, message: shown };
        part(&place, &headers, body, 0, &mut parts, &mut put)?;
    }
    Ok(bodies)
}

struct Place<'a> {
    name: &'a str,
    message: &'a str,
}

impl Place<'_> {
    fn fail(&self, what: impl Into<String>) -> PatchError {
        PatchError::Encoding {
            name: self.name.into(),
            message: self.message.into(),
            what: what.into(),
        }
    }
}

fn part(
    place: &Place<'_>,
    headers: &[(String, String)],
    body: &[u8],
    depth: usize,
    parts: &mut usize,
    put: &mut dyn FnMut(String),
) -> Result<(), PatchError> {
    *parts += 1;
    if depth > MAX_DEPTH || *parts > MAX_PARTS {
        return Err(place.fail("it has more parts than any mail"));
    }
    let content = header(headers, "content-type").unwrap_or("text/plain");
    let kind = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.starts_with("multipart/") {
        let boundary = parameter(content, "boundary")
            .filter(|boundary| !boundary.is_empty())
            .ok_or_else(|| place.fail("it is multipart, and names no boundary"))?;
        for piece in pieces(body, &boundary) {
            let (headers, body) = self::headers(piece);
            part(place, &headers, body, depth + 1, parts, put)?;
        }
        return Ok(());
    }
    // What is neither text nor a patch is no text: HTML, signatures, images.
    let is_patch = ["text/plain", "text/x-patch", "text/x-diff", "application/octet-stream"];
    if !is_patch.contains(&kind.as_str()) {
        return Ok(());
    }
    let encoding = header(headers, "content-transfer-encoding").unwrap_or("7bit");
    let decoded = match encoding.trim().to_ascii_lowercase().as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => base64(body).ok_or_else(|| place.fail("its base64 is broken"))?,
        "7bit" | "8bit" | "binary" | "" => body.to_vec(),
        other => return Err(place.fail(format!("its encoding {other:?} is unknown"))),
    };
    let charset = parameter(content, "charset").unwrap_or_default().to_ascii_lowercase();
    let mut text = if charset.starts_with("iso-8859-1") || charset == "windows-1252" {
        decoded.iter().map(|byte| char::from(*byte)).collect()
    } else {
        String::from_utf8_lossy(&decoded).into_owned()
    };
    if text.contains('\r') {
        text = text.replace("\r\n", "\n");
    }
    if parameter(content, "format").is_some_and(|format| format.eq_ignore_ascii_case("flowed")) {
        let delete = parameter(content, "delsp").is_some_and(|d| d.eq_ignore_ascii_case("yes"));
        text = unflowed(&text, delete);
    }
    put(text);
    Ok(())
}

/// The headers of a message, names in lower case, and what is behind them. None where the text does not
/// begin with any.
fn headers(text: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        let shown = String::from_utf8_lossy(line);
        let trimmed = shown.trim_end_matches(['\r', '\n']);
        if trimmed.is_empty() {
            return (found, &text[at + line.len()..]);
        }
        if trimmed.starts_with([' ', '\t']) {
            let Some((_, value)) = found.last_mut() else { return (Vec::new(), text) };
            value.push(' ');
            value.push_str(trimmed.trim());
        } else {
            let named = trimmed.split_once(':').filter(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
            let Some((name, value)) = named else { return (Vec::new(), text) };
            found.push((name.to_ascii_lowercase(), value.trim().into()));
        }
        at += line.len();
    }
    (found, &[])
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// `charset=utf-8` out of `text/plain; charset=utf-8`.
fn parameter(content: &str, name: &str) -> Option<String> {
    content.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').into())
    })
}

/// What lies between lines `--boundary`.
fn pieces<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let (mut at, mut start) = (0, None);
    for line in body.split_inclusive(|b| *b == b'\n') {
        let is_boundary = line
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary.as_bytes()))
            .is_some_and(|rest| {
                let rest = rest.strip_prefix(b"--").unwrap_or(rest);
                rest.iter().all(u8::is_ascii_whitespace)
            });
        if is_boundary {
            if let Some(start) = start {
                pieces.push(&body[start..at]);
            }
            start = Some(at + line.len());
        }
        at += line.len();
    }
    pieces
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|b| *b == b'\n') {
        let (content, newline) = match line.strip_suffix(b"\n") {
            Some(content) => (content.strip_suffix(b"\r").unwrap_or(content), true),
            None => (line, false),
        };
        // Blanks before the end of a line are the transport's.
        let content = content.trim_ascii_end();
        let (content, soft) = match content.strip_suffix(b"=") {
            Some(content) => (content, true),
            None => (content, false),
        };
        let mut at = 0;
        while at < content.len() {
            let digits = (content[at] == b'=').then(|| content.get(at + 1..at + 3)).flatten();
            let byte = digits
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            // What is no escape stands for itself.
            if let Some(byte) = byte {
                out.push(byte);
                at += 3;
            } else {
                out.push(content[at]);
                at += 1;
            }
        }
        if newline && !soft {
            out.push(b'\n');
        }
    }
    out
}

fn base64(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0_u32, 0_u32, false);
    for byte in body.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding = true;
                continue;
            }
            _ => return None,
        };
        if padding {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        0 => {}
        2 => out.push(u8::try_from(bits >> 4 & 0xff).ok()?),
        3 => out.extend_from_slice(&u16::try_from(bits >> 2 & 0xffff).ok()?.to_be_bytes()),
        _ => return None,
    }
    Some(out)
}

/// Undoes RFC 3676: a line that ends in a blank goes on in the next one.
fn unflowed(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, newline) = match line.strip_suffix('\n') {
            Some(content) => (content, true),
            None => (line, false),
        };
        let content = content.strip_prefix(' ').unwrap_or(content);
        // A blank alone is an empty line of a diff's context, and the signature's line is none either.
        let flows = content.ends_with(' ') && content != "-- " && !content.trim().is_empty();
        if flows {
            out.push_str(if delete_space { &content[..content.len() - 1] } else { content });
        } else {
            out.push_str(content);
            if newline {
                out.push('\n');
            }
        }
    }
    out
}

/// A header's encoded words, decoded: `=?utf-8?q?...?=`.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let word = &rest[at + 2..];
        let mut fields = word.splitn(3, '?');
        let decoded = (|| {
            let (_, kind, rest) = (fields.next()?, fields.next()?, fields.next()?);
            let end = rest.find("?=")?;
            let bytes = match kind {
                "q" | "Q" => quoted_printable(rest[..end].replace('_', " ").as_bytes()),
                "b" | "B" => base64(&rest.as_bytes()[..end])?,
                _ => return None,
            };
            Some((String::from_utf8_lossy(&bytes).into_owned(), &rest[end + 2..]))
        })();
        let before = &rest[..at];
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        if let Some((decoded, after)) = decoded {
            out.push_str(&decoded);
            rest = after;
            after_word = true;
        } else {
            out.push_str("=?");
            rest = word;
            after_word = false;
        }
    }
    out.push_str(rest);
    out.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str) -> Vec<String> {
        decode("x", text.as_bytes()).unwrap().into_iter().map(|body| body.text).collect()
    }

    #[test]
    fn encodings_are_undone() {
        let head = "Subject: =?utf-8?q?a_=C3=A9?=\nContent-Type: text/plain";
        let qp =
            format!("{head}\nContent-Transfer-Encoding: quoted-printable\n\na =3D b=\nc\n=E2\n");
        assert_eq!(bodies(&qp), ["a = bc\n\u{fffd}\n"]);
        assert_eq!(decode("x", qp.as_bytes()).unwrap()[0].subject, "a é");
        let base = format!("{head}\nContent-Transfer-Encoding: base64\n\nYWJj\nZGU=\n");
        assert_eq!(bodies(&base), ["abcde"]);
        let flowed = "Content-Type: text/plain; format=flowed\n\n  context\n+long \nline\n-- \nx\n";
        assert_eq!(bodies(flowed), [" context\n+long line\n-- \nx\n"]);
        let parts = "Content-Type: multipart/mixed; boundary=\"b\"\n\nno\n--b\n\nfirst\n--b\n\
            Content-Type: text/html\n\n<b>\n--b\nContent-Type: text/x-patch\n\nsecond\n--b--\nno\n";
        assert_eq!(bodies(parts), ["first\n", "second\n"]);
        assert_eq!(bodies("--- a/x\n+++ b/x\n"), ["--- a/x\n+++ b/x\n"]);
    }

    #[test]
    fn what_is_broken_is_refused() {
        for (text, what) in [
            ("A: b\nContent-Transfer-Encoding: base64\n\n!", "its base64 is broken"),
            ("A: b\nContent-Transfer-Encoding: base64\n\nYQ==YQ", "its base64 is broken"),
            ("A: b\nContent-Transfer-Encoding: uu\n\n", "its encoding \"uu\" is unknown"),
            ("Content-Type: multipart/mixed\n\n", "it is multipart, and names no boundary"),
        ] {
            let Err(PatchError::Encoding { what: said, .. }) = decode("x", text.as_bytes()) else {
                panic!("{text}");
            };
            assert_eq!(said, what);
        }
    }

    #[test]
    fn an_mbox_is_split_at_separators_alone() {
        let mbox =
            "From a@b Mon Sep 17 00:00:00 2001\nSubject: 1\n\nFrom here on\n\nFrom prose\n\n\
            From 0123 Mon Sep 17 00:00:00 2001\nSubject: 2\n\nx\n";
        assert_eq!(split(mbox.as_bytes()).len(), 2);
    }
}
