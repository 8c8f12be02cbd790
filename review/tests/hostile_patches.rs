// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Thousands of mutated patches, mailboxes and headers are either read, or refused with a reason.

use kho_abi_model::Header;
use kho_abi_read::{outline, source};
use kho_abi_review::diff::{self, open, Side};
use kho_abi_review::patch::{self, apply};
use kho_abi_review::policy::{self, allow, Options, Verdict};
use kho_abi_review::report::{Document, FORMATS};
use kho_abi_review::review::{self, hunks, Base};
use kho_abi_review::rules;
use std::collections::BTreeMap;

const HEADER: &str = "/* see port-v1 */\n#ifndef P\n#define P\n#include <linux/types.h>\n\
    #define PORT_LUO_FH_COMPATIBLE \"port-v1\"\nstruct port_ser {\n\tu16 lane;\n\tu64 page:52;\n\
    \tu64 state:12;\n\tchar name[16];\n\tstruct {\n\t\tu32 token;\n\t} more;\n} __packed;\n#endif\n";

fn mail() -> String {
    let mut added = String::new();
    for line in HEADER.lines() {
        added.push('+');
        added.push_str(line);
        added.push('\n');
    }
    let count = HEADER.lines().count();
    format!(
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n\
         From: =?utf-8?q?A_B?= <a@example.org>\nSubject: [PATCH v2 1/2] port: add\n\
         Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: text/plain; format=flowed; delsp=yes\n\
         Content-Transfer-Encoding: quoted-printable\n\n---\n 1 file changed\n\n\
         diff --git a/include/linux/kho/abi/port.h b/include/linux/kho/abi/port.h\nnew file mode 100644\n\
         --- /dev/null\n+++ b/include/linux/kho/abi/port.h\n@@ -0,0 +1,{count} @@\n{added}-- \n2.40\n\n--b--\n\n\
         From 1123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: a@example.org\n\
         Subject: [PATCH v2 2/2] port: grow\n\n---\ndiff --git a/include/linux/kho/abi/port.h b/include/linux/kho/abi/port.h\n\
         --- a/include/linux/kho/abi/port.h\n+++ b/include/linux/kho/abi/port.h\n@@ -6,4 +6,5 @@\n struct port_ser {{\n \
         \tu16 lane;\n+\tu32 speed;\n \tu64 page:52;\n \tu64 state:12;\n-- \n2.40\n"
    )
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

const PIECES: &[&str] = &[
    "@@ -1,3 +1,4 @@\n",
    "@@ -0,0 +1,99999999999 @@\n",
    "--- a/x\n+++ b/x\n",
    "diff --git a/ b/\n",
    "\n\n",
    "From ",
    "struct ",
    "{",
    "}",
    "[",
    "]",
    ":",
    ";",
    "=",
    "=3D",
    "=?utf-8?b?",
    "?=",
    "--b\n",
    "--b--\n",
    "/*",
    "*/",
    "\\\n",
    "\"",
    "#define ",
    "18446744073709551616",
    "\u{0}",
    "\u{1b}[31m",
    "é",
    "\t",
    " ",
    "+",
    "-",
    "// ",
    "port-v2",
    "union {",
];

fn mutated(text: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for _ in 0..=numbers.next(4) {
        if bytes.is_empty() {
            break;
        }
        let at = numbers.next(bytes.len());
        let len = numbers.next(40).min(bytes.len() - at);
        match numbers.next(6) {
            0 => bytes[at] = u8::try_from(numbers.next(256)).unwrap(),
            1 => drop(bytes.drain(at..at + len)),
            2 => {
                let piece = PIECES[numbers.next(PIECES.len())].as_bytes();
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let copy = bytes[at..at + len].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(at),
            _ => {
                let other = (at + len).min(bytes.len() - 1);
                bytes.swap(at, other);
            }
        }
    }
    bytes
}

#[test]
fn ten_thousand_mutated_mails_are_read_or_refused() {
    let (mail, mut numbers) = (mail(), Numbers(1));
    let (mut read, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let bytes = mutated(mail.as_bytes(), &mut numbers);
        match patch::read("mail", &bytes) {
            Ok(patches) => {
                read += 1;
                for file in patches.iter().flat_map(|patch| &patch.files) {
                    let _ = apply::apply(file, Some(HEADER));
                    let _ = apply::apply(file, None);
                    let _ = hunks::read(file, &mut Vec::new());
                }
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty() && !error.help().contains('\n'));
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
fn ten_thousand_mutated_headers_and_allow_files_have_an_outline_or_a_reason() {
    let mut numbers = Numbers(2);
    let rules = rules::all();
    let entry = "[[allow]]\nrule = \"field_added\"\nitem = \"x\"\nreason = \"r\"\nexpires = \"2027-03-31\"\n";
    for _ in 0..10_000 {
        let bytes = mutated(HEADER.as_bytes(), &mut numbers);
        let outline = outline::read(&String::from_utf8_lossy(&bytes));
        assert!(outline.comments.iter().all(|(line, _)| *line >= 1));
        let bytes = mutated(entry.as_bytes(), &mut numbers);
        if let Err(error) = allow::parse("allow.toml", &String::from_utf8_lossy(&bytes), &rules) {
            assert!(error.line >= 1 && !error.what.is_empty());
        }
    }
}

/// The whole pipeline, with the compiler and every format: fewer, since each runs it several times.
#[test]
fn mutated_series_and_headers_end_in_a_report_or_a_reason() {
    let (mail, mut numbers) = (mail(), Numbers(3));
    let base = Base { name: "base".into(), files: open::Files::new(), tree: None };
    let reading = source::Options { page_size: Some(4096), ..source::Options::default() };
    let (mut reports, mut reasons) = (0, 0);
    for round in 0..60 {
        let bytes = mutated(mail.as_bytes(), &mut numbers);
        let Ok(patches) = patch::read("mail", &bytes) else { continue };
        let base = (round % 2 == 0).then_some(&base);
        match review::patches(&patches, base, &reading, &Options::default()) {
            Ok(document) => {
                reports += 1;
                written(&document);
            }
            Err(error) => {
                reasons += 1;
                assert!(!error.to_string().is_empty() && !error.help().is_empty());
            }
        }
    }
    let side =
        |bytes: Vec<u8>| open::of_files("side", &[("port.h".to_string(), bytes)].into(), &reading);
    let whole = side(HEADER.as_bytes().to_vec()).unwrap();
    let (mut same, mut others) = (0, 0);
    let known = diff::compare(&whole, &whole).not_checked;
    for _ in 0..150 {
        match side(mutated(HEADER.as_bytes(), &mut numbers)) {
            Ok(other) => {
                for (old, new) in [(&whole, &other), (&other, &whole)] {
                    let report = policy::judge(&diff::compare(old, new), &Options::default());
                    // A change that is not recognised as one must be reported as not checked.
                    let seen = !report.events.is_empty()
                        || report.contracts.iter().any(|c| c.verdict != Verdict::Unchanged);
                    let said = report.not_checked != known
                        || report.contracts.iter().any(|c| !c.open.is_empty());
                    if promise(old) == promise(new) {
                        same += 1;
                        let text = |side: &Side| side.texts["port"].outline.code.clone();
                        assert!(!seen || said || text(old) != text(new), "{report:#?}");
                    } else {
                        others += 1;
                        assert!(seen || said, "{:#?}\n{:#?}", promise(old), promise(new));
                    }
                    written(&Document::of("diff", report));
                }
                reports += 1;
            }
            Err(error) => {
                reasons += 1;
                assert!(!error.to_string().is_empty() && !error.help().is_empty());
            }
        }
    }
    assert!(reports > 20 && reasons > 5, "{reports} reports, {reasons} reasons");
    assert!(same > 4 && others > 8, "{same} the same, {others} others");
}

/// What was read from a header that a string may promise: strings, layouts and values, by name.
fn promise(side: &Side) -> BTreeMap<String, String> {
    let model = side.model();
    let strings = model.contracts().map(|(_, c)| (c.compatible.clone(), String::new()));
    let records = model.records().map(|(_, r)| (r.name.clone(), format!("{:?}", r.bare())));
    // The macro of a string is not in memory.
    let constants = model.headers.iter().flat_map(Header::constants);
    let constants =
        constants.filter(|c| model.contracts().all(|(_, other)| other.macro_name != c.name));
    let values = constants.map(|c| (c.name.clone(), format!("{:?}", c.value)));
    values.chain(records).chain(strings).collect()
}

fn written(document: &Document) {
    for format in FORMATS {
        let text = (format.write)(document);
        let escape = text.matches('\u{1b}').count();
        assert!(format.name == "text" || escape == 0, "{}: {text}", format.name);
    }
}
