// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The messages of an mbox, a mail, or the output of `git show`: decoded, with what a reply needs.

use super::PatchError;
use kho_abi_show::names;
use mail_parser::{
    HeaderValue, Message as Parsed, MessageParser, MessagePart, MimeHeaders, PartType,
};

/// A decoded message.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    /// The subject as it was sent; empty if there is none.
    pub(super) subject: String,
    /// Who sent it, as `Name <address>`.
    pub(super) author: String,
    /// When, as it was sent; empty if the mail does not say.
    pub(super) date: String,
    /// The time in seconds since 1970.
    pub(super) time: i64,
    /// Its id, without angle brackets.
    pub(super) id: String,
    /// The ids of the mails that it answers, the nearest last.
    pub(super) references: Vec<String>,
    /// Its texts.
    pub(super) bodies: Vec<String>,
    /// Whether it has HTML, and no text beside it.
    pub(super) is_html: bool,
}

/// The deepest nesting of mails inside mails to read.
const MAX_DEPTH: usize = 4;
/// Most parts of a message.
const MAX_PARTS: usize = 256;

/// The messages of a file: those of an mbox, those of `git log -p`, or the whole file as one.
pub(super) fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let is_start: fn(&[u8]) -> bool = if bytes.starts_with(b"From ") {
        is_separator
    } else if is_commit(bytes) {
        is_commit
    } else {
        return vec![bytes];
    };
    let mut starts = vec![0];
    let mut at = 0;
    let mut blank = false;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if at > 0 && blank && is_start(line) {
            starts.push(at);
        }
        blank = line.iter().all(u8::is_ascii_whitespace);
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let mut found: Vec<_> =
        starts.iter().zip(ends).map(|(start, end)| &bytes[*start..end]).collect();
    if is_commit(bytes) {
        // git log prints the newest commit first.
        found.reverse();
    }
    found
}

/// `From sender date`, where the date ends in a year. Prose that begins with "From" does not.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let rest = String::from_utf8_lossy(rest);
    let words: Vec<_> = rest.split_whitespace().collect();
    let year = |word: &&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    words.len() >= 6 && words.iter().rev().take(2).any(year) && rest.contains(':')
}

/// `commit ID`, as git log and git show begin.
pub(super) fn is_commit(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"commit ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    matches!(digits, 40 | 64) && rest.get(digits).is_none_or(u8::is_ascii_whitespace)
}

/// Decodes a message. Text that does not begin with headers is taken as it is.
pub(super) fn decode(name: &str, message: &[u8]) -> Result<Message, PatchError> {
    let raw = message.strip_prefix(b"From ").map_or(message, |rest| {
        let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
        &rest[end..]
    });
    if is_commit(raw) {
        return Ok(commit(&plain(raw)));
    }
    let parsed = begins_with_headers(raw).then(|| MessageParser::default().parse(raw)).flatten();
    let Some(parsed) = parsed else {
        let bodies = vec![text_of(&plain(raw))];
        return Ok(Message { bodies, ..Message::default() });
    };
    let author = parsed.from().and_then(|from| from.first()).map(|from| {
        let address = from.address().unwrap_or_default();
        match from.name() {
            Some(name) if !name.is_empty() => format!("{name} <{address}>"),
            _ => address.into(),
        }
    });
    let ids = |value: &HeaderValue<'_>| -> Vec<String> {
        match value {
            HeaderValue::Text(id) => vec![id.to_string()],
            HeaderValue::TextList(ids) => ids.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    };
    let mut references = ids(parsed.references());
    for id in ids(parsed.in_reply_to()) {
        references.retain(|other| *other != id);
        references.push(id);
    }
    let mut decoded = Message {
        subject: line_of(parsed.subject().unwrap_or_default()),
        author: line_of(&author.unwrap_or_default()),
        date: line_of(parsed.header_raw("Date").unwrap_or_default().trim()),
        time: parsed.date().map_or(0, mail_parser::DateTime::to_timestamp),
        id: parsed.message_id().unwrap_or_default().into(),
        references,
        bodies: Vec::new(),
        is_html: false,
    };
    let place = Place {
        name,
        message: if decoded.subject.is_empty() { "patch" } else { &decoded.subject },
    };
    decoded.bodies = bodies(&place, &parsed, 0)?;
    let has = |is_it: fn(&PartType<'_>) -> bool| parsed.parts.iter().any(|part| is_it(&part.body));
    decoded.is_html = has(|body| matches!(body, PartType::Html(_)))
        && !has(|body| matches!(body, PartType::Text(_)));
    Ok(decoded)
}

/// Decodes a commit as `git show` prints it.
fn commit(text: &str) -> Message {
    let of = |name: &str| {
        let head = text.lines().take_while(|line| !line.is_empty());
        let mut found = head.filter_map(|line| line.strip_prefix(name));
        found.next().unwrap_or_default().trim().to_string()
    };
    let subject = text.lines().find_map(|line| line.strip_prefix("    ")).unwrap_or_default();
    Message {
        subject: line_of(subject),
        author: line_of(&of("Author:")),
        bodies: vec![text_of(text)],
        ..Message::default()
    }
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

/// The text of a message without an encoding. Names of files keep their bytes, as they are shown; what is not UTF-8
/// elsewhere is replaced, as it is in the headers that patches apply to.
fn plain(raw: &[u8]) -> String {
    const NAMES: [&str; 5] = ["diff --", "--- ", "+++ ", "rename ", "copy "];
    let line = |line: &[u8]| match std::str::from_utf8(line) {
        Ok(text) => text.to_string(),
        Err(_) if NAMES.iter().any(|start| line.starts_with(start.as_bytes())) => {
            names::lossless(line)
        }
        Err(_) => String::from_utf8_lossy(line).into_owned(),
    };
    raw.split_inclusive(|byte| *byte == b'\n').map(line).collect()
}

/// The texts of a message that may contain a patch: not HTML, signatures or images.
fn bodies(
    place: &Place<'_>,
    message: &Parsed<'_>,
    depth: usize,
) -> Result<Vec<String>, PatchError> {
    if depth > MAX_DEPTH || message.parts.len() > MAX_PARTS {
        return Err(place.fail("it has too many parts"));
    }
    let mut found = Vec::new();
    for part in &message.parts {
        let text = match &part.body {
            PartType::Text(text) => text.to_string(),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) if may_be_patch(part) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            PartType::Message(inner) => {
                found.extend(bodies(place, inner, depth + 1)?);
                continue;
            }
            _ => continue,
        };
        let encoding = part.content_transfer_encoding().unwrap_or("7bit").to_ascii_lowercase();
        match encoding.trim() {
            "base64" if part.is_encoding_problem => {
                return Err(place.fail("its base64 is invalid"));
            }
            "7bit" | "8bit" | "binary" | "quoted-printable" | "base64" | "" => {}
            other => return Err(place.fail(format!("its encoding {other:?} is unknown"))),
        }
        found.push(flowed(part, text_of(&text)));
    }
    Ok(found)
}

/// Whether a part that is not text may be an attached patch.
fn may_be_patch(part: &MessagePart<'_>) -> bool {
    part.content_type().is_none_or(|kind| {
        let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
        kind.ctype().eq_ignore_ascii_case("application")
            && ["octet-stream", "x-patch", "x-diff", "mbox"].contains(&subtype.as_str())
    })
}

/// Undoes RFC 3676 if the part declares that it is format=flowed.
fn flowed(part: &MessagePart<'_>, text: String) -> String {
    let has = |name: &str, value: &str| {
        part.content_type()
            .and_then(|kind| kind.attribute(name))
            .is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    if has("format", "flowed") {
        unflowed(&text, has("delsp", "yes"))
    } else {
        text
    }
}

/// Text with Unix line ends, and without the colours of a terminal.
fn text_of(text: &str) -> String {
    let text = if text.contains('\r') { text.replace("\r\n", "\n") } else { text.into() };
    if text.contains("\u{1b}[") {
        anstream::adapter::strip_str(&text).to_string()
    } else {
        text
    }
}

/// A header's value in one line, without control characters.
fn line_of(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether a text begins with `Name: value` lines, as a mail does and a diff does not.
fn begins_with_headers(text: &[u8]) -> bool {
    let mut any = false;
    for line in text.split_inclusive(|b| *b == b'\n') {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return any;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if !any {
                return false;
            }
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            return false;
        }
        any = true;
    }
    any
}

/// Undoes RFC 3676: a line that ends in a space continues in the next one.
fn unflowed(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, newline) = match line.strip_suffix('\n') {
            Some(content) => (content, true),
            None => (line, false),
        };
        let content = content.strip_prefix(' ').unwrap_or(content);
        // A single space is an empty context line of a diff. The signature separator stays, too.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str) -> Vec<String> {
        decode("x", text.as_bytes()).unwrap().bodies
    }

    #[test]
    fn encodings_are_undone() {
        let head = "Subject: =?utf-8?q?a_=C3=A9?=\nContent-Type: text/plain";
        let qp =
            format!("{head}\nContent-Transfer-Encoding: quoted-printable\n\na =3D b=\nc\n=E2\n");
        assert_eq!(bodies(&qp), ["a = bc\n\u{fffd}\n"]);
        assert_eq!(decode("x", qp.as_bytes()).unwrap().subject, "a é");
        let base = format!("{head}\nContent-Transfer-Encoding: base64\n\nYWJj\nZGU=\n");
        assert_eq!(bodies(&base), ["abcde"]);
        let flowed = "Content-Type: text/plain; format=flowed\n\n  context\n+long \nline\n-- \nx\n";
        assert_eq!(bodies(flowed), [" context\n+long line\n-- \nx\n"]);
        let parts = "Content-Type: multipart/mixed; boundary=\"b\"\n\nno\n--b\n\nfirst\n--b\n\
            Content-Type: text/html\n\n<b>\n--b\nContent-Type: text/x-patch\n\nsecond\n--b--\nno\n";
        let found: Vec<_> = bodies(parts).iter().map(|text| text.trim_end().to_string()).collect();
        assert_eq!(found, ["first", "second"]);
        assert_eq!(bodies("--- a/x\n+++ b/x\n"), ["--- a/x\n+++ b/x\n"]);
        assert_eq!(bodies("\u{1b}[32m+\u{1b}[m\u{1b}[32m\ta;\u{1b}[m\n"), ["+\ta;\n"]);
    }

    #[test]
    fn charsets_are_undone() {
        for (charset, bytes, wanted) in [
            ("iso-8859-1", &b"\xe9"[..], "é"),
            ("iso-8859-15", b"\xa4", "€"),
            ("windows-1252", b"\x93", "\u{201c}"),
            ("koi8-r", b"\xc1", "а"),
            ("gb2312", b"\xd6\xd0", "中"),
            ("utf-8", "é".as_bytes(), "é"),
        ] {
            let mut mail =
                format!("Subject: a\nContent-Type: text/plain; charset={charset}\n\n").into_bytes();
            mail.extend_from_slice(bytes);
            assert_eq!(decode("x", &mail).unwrap().bodies, [wanted], "{charset}");
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        for (text, what) in [
            ("A: b\nContent-Transfer-Encoding: base64\n\n!", "its base64 is invalid"),
            ("A: b\nContent-Transfer-Encoding: uu\n\n", "its encoding \"uu\" is unknown"),
        ] {
            let Err(PatchError::Encoding { what: said, .. }) = decode("x", text.as_bytes()) else {
                panic!("{text}");
            };
            assert_eq!(said, what);
        }
    }

    #[test]
    fn what_a_reply_needs_is_read() {
        let mail = "From: =?utf-8?q?J=C3=BC?= <a@b.c>\nSubject: [PATCH\n 1/2] x\nMessage-ID: <2@x>\n\
            In-Reply-To: <1@x>\nReferences: <0@x>\n <1@x>\nDate: Fri, 22 May 2026 20:24:04 +0000\n\n-\n";
        let message = decode("x", mail.as_bytes()).unwrap();
        assert_eq!((message.author.as_str(), message.id.as_str()), ("Jü <a@b.c>", "2@x"));
        assert_eq!(message.references, ["0@x", "1@x"]);
        assert_eq!(message.subject, "[PATCH 1/2] x");
        assert_eq!(message.date, "Fri, 22 May 2026 20:24:04 +0000");
        assert!(message.time > 1_700_000_000);
    }

    #[test]
    fn an_mbox_is_split_at_separators_alone() {
        let mbox =
            "From a@b Mon Sep 17 00:00:00 2001\nSubject: 1\n\nFrom here on\n\nFrom prose\n\n\
            From 0123 Mon Sep 17 00:00:00 2001\nSubject: 2\n\nx\n";
        assert_eq!(split(mbox.as_bytes()).len(), 2);
        let commit = |id: char, subject: &str| {
            format!("commit {}\nAuthor: A <a@b>\n\n    {subject}\n\n", id.to_string().repeat(40))
        };
        let log = commit('b', "second") + &commit('a', "first");
        let found: Vec<_> = split(log.as_bytes())
            .into_iter()
            .map(|message| decode("x", message).unwrap().subject)
            .collect();
        assert_eq!(found, ["first", "second"]);
    }
}
