// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Mails from lists, archives and tools: which of them are judged, and what is reported about the
//! rest.

use kho_abi_read::source;
use kho_abi_review::diff::open::Files;
use kho_abi_review::patch::{open, Inbox, Series};
use kho_abi_review::policy::{Level, Options, Verdict};
use kho_abi_review::report::{Document, FORMATS};
use kho_abi_review::review::{self, Base};
use std::io::Write as _;

const HEADER: &str = "include/linux/kho/abi/port.h";

fn port(version: u32, fields: &[&str]) -> String {
    let fields = fields.iter().map(|field| ["\t", *field, ";\n"].concat()).collect::<String>();
    format!(
        "#include <linux/types.h>\n#define PORT_LUO_FH_COMPATIBLE \"port-v{version}\"\n\n\n\n\n\n\n\
         struct port_ser {{\n{fields}}} __packed;\n"
    )
}

fn v1() -> String {
    port(1, &["u16 lane", "u16 speed"])
}

fn diff(path: &str, old: &str, new: &str) -> String {
    let text = similar::TextDiff::from_lines(old, new);
    let names = (format!("a/{path}"), format!("b/{path}"));
    let text = text.unified_diff().context_radius(3).header(&names.0, &names.1).to_string();
    format!("diff --git a/{path} b/{path}\n{text}-- \n2.47.3\n\n")
}

fn mail(head: &str, diff: &str) -> String {
    format!(
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n\
         From: A Dev <a@example.org>\n{head}\n\nText.\n---\n{diff}\n\n"
    )
}

fn series(mbox: &str) -> Series {
    let mut inbox = Inbox::default();
    inbox.add("mbox", mbox.as_bytes()).unwrap();
    inbox.series().unwrap()
}

fn judged(mbox: &str, header: Option<&str>) -> Document {
    let files: Files =
        header.map(|text| (HEADER.to_string(), text.as_bytes().to_vec())).into_iter().collect();
    let base = header.map(|_| Base { tree: None, name: "base".into(), files });
    let reading = source::Options { page_size: Some(4096), ..source::Options::default() };
    review::series(&series(mbox), base.as_ref(), &reading, &Options::default()).unwrap()
}

fn rules(document: &Document) -> Vec<&str> {
    let events = document.sections.iter().flat_map(|section| &section.report.events);
    events.filter(|event| event.level == Level::Finding).map(|e| e.rule.as_str()).collect()
}

fn written(document: &Document, format: &str) -> String {
    (FORMATS.iter().find(|other| other.name == format).unwrap().write)(document)
}

fn wrong() -> String {
    diff(HEADER, &v1(), &port(1, &["u16 lane", "u16 speed", "u8 more"]))
}

fn right() -> String {
    diff(HEADER, &v1(), &port(2, &["u16 lane", "u16 speed", "u8 more"]))
}

#[test]
fn the_newest_version_is_judged_and_the_others_are_named() {
    let subject = |tag: &str| format!("Subject: [{tag}] port: more");
    let old = mail(&subject("PATCH"), &wrong());
    for tag in ["PATCH v2", "PATCHv2", "RFC PATCH V2", "v2"] {
        let new = mail(&subject(tag), &right());
        for mbox in [format!("{old}{new}"), format!("{new}{old}")] {
            let document = judged(&mbox, Some(&v1()));
            assert_eq!(document.findings(), 0, "{tag}: {:?}", rules(&document));
            for format in ["text", "json", "mail", "markdown"] {
                let text = written(&document, format);
                assert!(text.contains("port: more (v1) is not judged"), "{format}: {text}");
            }
        }
    }
    // A newer version that is wrong is wrong.
    let mbox = mail(&subject("PATCH"), &right()) + &mail(&subject("PATCH v2"), &wrong());
    assert!(judged(&mbox, Some(&v1())).findings() > 0);
    // Another subject: the answered mail, a change id, or the common old content identify the
    // series.
    let head = |subject: &str, more: &str| format!("Subject: {subject}\n{more}");
    for [was, is] in [
        ["Message-ID: <1@x>", "Message-ID: <2@x>\nIn-Reply-To: <1@x>"],
        ["Message-ID: <1@x>\nIn-Reply-To: <0@x>", "Message-ID: <2@x>\nReferences: <0@x>"],
    ] {
        let mbox =
            mail(&head("[PATCH] a", was), &wrong()) + &mail(&head("[PATCH v2] b", is), &right());
        assert_eq!(judged(&mbox, Some(&v1())).findings(), 0, "{was}");
    }
    let index = |diff: String| diff.replacen("--- a/", "index 0123456..89abcde 100644\n--- a/", 1);
    let mbox = mail(&head("[PATCH] a", "X: y"), &index(wrong()))
        + &mail(&head("[PATCH v2] b", "X: y"), &index(right()));
    assert_eq!(judged(&mbox, Some(&v1())).findings(), 0);
    // A resent patch is judged once, and unrelated patches are both judged.
    let mbox = mail(&subject("PATCH"), &wrong()) + &mail(&subject("PATCH RESEND"), &wrong());
    assert_eq!(series(&mbox).patches.len(), 1);
    let mbox =
        mail(&head("[PATCH] a", "X: y"), &wrong()) + &mail(&head("[PATCH v2] b", "X: y"), &right());
    assert_eq!(series(&mbox).patches.len(), 2);
}

#[test]
fn answers_cover_letters_and_a_newer_part_of_a_series() {
    let head = |subject: &str, id: &str, answers: &str| {
        format!("Subject: {subject}\nMessage-ID: <{id}@x>\nIn-Reply-To: <{answers}@x>")
    };
    let other = |name: &str| diff(&format!("mm/{name}.c"), "a\n", "b\n");
    let cover = mail(&head("[PATCH 0/3] port", "c", "before"), "");
    let all = [
        cover.clone(),
        mail(&head("[PATCH 3/3] three", "3", "c"), &other("three")),
        mail(&head("Re: [PATCH 2/3] port: more", "r", "2"), &format!("How about\n\n{}", right())),
        mail(&head("Re: [PATCH 2/3] port: more", "q", "2"), &wrong().replace('\n', "\n> ")),
        mail(&head("[PATCH 2/3] port: more", "2", "c"), &wrong()),
        mail(&head("[PATCH 1/3] one", "1", "c"), &other("one")),
    ]
    .concat();
    let found = series(&all);
    let titles: Vec<_> = found.patches.iter().map(kho_abi_review::patch::Patch::title).collect();
    assert_eq!(titles, ["[1/3] one", "[2/3] port: more", "[3/3] three"]);
    assert!(found.notes.iter().any(|note| note.contains("the diff in the answer")), "{found:?}");
    // One patch of it is sent again, in answer to the old one.
    let newer = all.clone() + &mail(&head("[PATCH v2 2/3] port: more", "2b", "2"), &right());
    let found = series(&newer);
    assert_eq!(found.patches.len(), 3);
    assert_eq!(judged(&newer, Some(&v1())).findings(), 0, "{found:?}");
    // A second version with fewer patches replaces all of the first.
    let fewer = all
        + &mail(&head("[PATCH v2 0/2] port", "d", "before"), "")
        + &mail(&head("[PATCH v2 1/2] port: more", "d1", "d"), &right())
        + &mail(&head("[PATCH v2 2/2] one", "d2", "d"), &other("one"));
    assert_eq!(series(&fewer).patches.len(), 2);
    // What is missing is reported.
    let part = cover + &mail(&head("[PATCH 2/3] port: more", "2", "c"), &wrong());
    assert!(series(&part).unknown[0].contains("not in the input: 1/3, 3/3"));
}

#[test]
fn a_later_patch_brings_the_bump() {
    let grown = port(1, &["u16 lane", "u16 speed", "u8 more"]);
    let bumped = grown.replace("port-v1", "port-v2");
    let mbox = mail("Subject: [PATCH 1/2] port: more", &wrong())
        + &mail("Subject: [PATCH 2/2] port: bump", &diff(HEADER, &grown, &bumped));
    for base in [Some(v1()), None] {
        let document = judged(&mbox, base.as_deref());
        assert_eq!(document.findings(), 0, "{:?}", rules(&document));
        let first = &document.sections[0].report.contracts;
        assert!(first.iter().any(|c| c.verdict == Verdict::BumpedLater), "{first:?}");
        assert!(!written(&document, "mail").contains("Please"), "{}", written(&document, "mail"));
    }
    // Without it, one defect is counted once, and one bump is asked for.
    let code = diff("mm/x.c", "luo_a;\n", "luo_b;\n");
    let more = diff(HEADER, &grown, &format!("{grown}/* A comment. */\n"));
    let mbox = mail("Subject: [PATCH 1/3] port: more", &wrong())
        + &mail("Subject: [PATCH 2/3] code", &code)
        + &mail("Subject: [PATCH 3/3] port: comment", &more);
    let document = judged(&mbox, Some(&v1()));
    assert_eq!(document.findings(), 1, "{:?}", rules(&document));
    assert_eq!(written(&document, "mail").matches("Please make").count(), 1);
}

#[test]
fn a_reply_can_be_sent() {
    let head = "Subject: [PATCH] port: more\nMessage-ID: <1@x>\nReferences: <0@x>\n\
        Date: Fri, 22 May 2026 20:24:04 +0000";
    let text = written(&judged(&mail(head, &wrong()), Some(&v1())), "mail");
    for line in [
        "To: A Dev <a@example.org>",
        "Subject: Re: [PATCH] port: more",
        "In-Reply-To: <1@x>",
        "References: <0@x>\n <1@x>",
        "On Fri, 22 May 2026 20:24:04 +0000, A Dev <a@example.org> wrote:",
        "> +\tu8 more;",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
    }
    // The subject cannot inject a header.
    let head = "Subject: =?utf-8?q?a=0ABcc:_b=40c?=\nMessage-ID: <1@x>";
    let text = written(&judged(&mail(head, &wrong()), Some(&v1())), "mail");
    assert!(!text.contains("\nBcc"), "{text}");
}

#[test]
fn code_of_the_handover_is_not_judged_and_not_fine() {
    let code = diff("mm/memfd_luo.c", "\tkho_a();\n", "\tkho_b();\n");
    let document = judged(&mail("Subject: [PATCH] x", &code), Some(&v1()));
    assert_eq!(rules(&document), ["code_not_judged"]);
    let packed = diff(
        "mm/x.c",
        "struct x_ser {\n\tu8 a;\n} __packed;\n",
        "struct x_ser {\n\tu16 a;\n} __packed;\n",
    );
    let both = mail("Subject: [PATCH] x", &format!("{packed}{}", right()));
    assert_eq!(rules(&judged(&both, Some(&v1()))), ["code_not_judged"]);
    // Code that comes with a header is reported; unrelated code is ignored.
    let with = mail("Subject: [PATCH] x", &format!("{code}{}", right()));
    let document = judged(&with, Some(&v1()));
    assert_eq!(document.findings(), 0);
    assert!(document.sections[0].unknown[0].contains("memfd_luo.c"));
    let other = diff("mm/x.c", "a\n", "b\n");
    assert_eq!(judged(&mail("Subject: [PATCH] x", &other), Some(&v1())).findings(), 0);
}

#[test]
fn what_hunks_do_not_explain_is_not_fine() {
    let header = |old: &str, new: &str| mail("Subject: [PATCH] x", &diff(HEADER, old, new));
    let lines = "a;\nb;\nc;\n";
    for (old, new) in [
        ("enum x {\n\tONE,\n\tTWO,\n};\n", "enum x {\n\tONE,\n\tMORE,\n\tTWO,\n};\n"),
        ("\tu8 a;\n\tu8 b;\n", "\tu8 a;\n\tu8 c;\n\tu8 b;\n"),
        ("\tu8 a;\n} __packed;\n", "\tu8 a;\n};\n"),
        ("typedef u8 x;\n", "typedef u16 x;\n"),
        ("#define N (M + 1)\n", "#define N (M + 2)\n"),
    ] {
        let document = judged(&header(&format!("{lines}{old}"), &format!("{lines}{new}")), None);
        assert!(document.findings() > 0, "{old} -> {new}");
    }
    for (old, new) in [
        ("/* one */\n", "/* two */\n"),
        ("#include <linux/a.h>\n", "#include <linux/a.h>\n#include <linux/b.h>\n"),
        ("struct a;\n", "struct a;\nstruct b;\n"),
    ] {
        let document = judged(&header(&format!("{lines}{old}"), &format!("{lines}{new}")), None);
        assert_eq!(rules(&document), [""; 0], "{old} -> {new}");
    }
    // A mode is not content, but a binary patch hides it.
    let mode = format!("diff --git a/{HEADER} b/{HEADER}\nold mode 100644\nnew mode 100755\n");
    assert_eq!(
        judged(&mail("Subject: [PATCH] x", &format!("{mode}{}", right())), None).findings(),
        0
    );
    let binary = format!("diff --git a/{HEADER} b/{HEADER}\nGIT binary patch\nliteral 3\nKxx\n\n");
    assert_eq!(
        rules(&judged(&mail("Subject: [PATCH] x", &binary), Some(&v1()))),
        ["change_not_judged"]
    );
}

#[test]
fn a_struct_that_moves_to_another_header_does_not_change() {
    let whole = "struct ring_ser {\n\tu64 head;\n} __packed;\n";
    let gone =
        diff(HEADER, &format!("a;\n\n\n\n\n{whole}\n\n\n\nb;\n"), "a;\n\n\n\n\n\n\n\n\nb;\n");
    let ring = "include/linux/kho/abi/ring.h";
    let come = |text: &str| diff(ring, "", text).replace(&format!("--- a/{ring}"), "--- /dev/null");
    let moved = mail("Subject: [PATCH] x", &format!("{gone}{}", come(whole)));
    assert!(!rules(&judged(&moved, None)).contains(&"struct_removed"));
    let other =
        mail("Subject: [PATCH] x", &format!("{gone}{}", come(&whole.replace("u64", "u32"))));
    assert!(judged(&other, None).findings() > 0);
}

#[test]
fn directories_maildirs_and_packed_archives_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, bytes: &[u8]| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let patch = mail("Subject: [PATCH] port: more", &wrong());
    put("patches/0001-port.patch", patch.as_bytes());
    put("patches/README", b"not a patch\n");
    put("mail/cur/1:2,S", patch.as_bytes());
    std::fs::create_dir_all(dir.path().join("mail/new")).unwrap();
    put("quilt/series", b"# first\nport.diff -p1\n");
    put("quilt/port.diff", wrong().as_bytes());
    put("quilt/unused.diff", b"--- a\n+++ b\n@@ broken\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(patch.as_bytes()).unwrap();
    put("t.mbox.gz", &packed.finish().unwrap());
    let colour: String =
        wrong().lines().map(|l| ["\u{1b}[32m", l, "\u{1b}[m\n"].concat()).collect();
    put("colour.diff", colour.as_bytes());
    for name in ["patches", "mail", "quilt", "t.mbox.gz", "colour.diff"] {
        let mut inbox = Inbox::default();
        for (name, bytes) in open::files(&dir.path().join(name)).unwrap() {
            inbox.add(&name, &bytes).unwrap();
        }
        let found = inbox.series().unwrap();
        assert_eq!(found.patches.len(), 1, "{name}");
        assert_eq!(found.patches[0].files[0].new.as_deref(), Some(HEADER), "{name}");
    }
    // An endless input is not read to its end.
    assert!(open::bounded("x", std::io::repeat(0)).is_err());
}
