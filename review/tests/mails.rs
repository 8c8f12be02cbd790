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
            // The author of a mail knows.
            for format in FORMATS.iter().filter(|format| format.name != "mail") {
                let text = (format.write)(&document);
                let said = text.contains("port: more (v1) is not judged");
                assert!(said, "{}: {text}", format.name);
            }
        }
    }
    // A newer version that is wrong is wrong.
    let mbox = mail(&subject("PATCH"), &right()) + &mail(&subject("PATCH v2"), &wrong());
    assert!(judged(&mbox, Some(&v1())).findings() > 0);
    // Another subject: the answered mail and the common file, or a change id, identify the series.
    let head = |subject: &str, more: &str| format!("Subject: {subject}\n{more}");
    for [was, is] in [
        ["Message-ID: <1@x>", "Message-ID: <2@x>\nIn-Reply-To: <1@x>"],
        ["Message-ID: <1@x>\nIn-Reply-To: <0@x>", "Message-ID: <2@x>\nReferences: <0@x>"],
    ] {
        let mbox =
            mail(&head("[PATCH] a", was), &wrong()) + &mail(&head("[PATCH v2] b", is), &right());
        assert_eq!(judged(&mbox, Some(&v1())).findings(), 0, "{was}");
    }
    let id = |subject: &str, diff: &str| {
        mail(&head(subject, "X: y"), diff).replace("\nText.", "\nchange-id: 20260102-port-0123")
    };
    let mbox = id("[PATCH] a", &wrong()) + &id("[PATCH v2] b", &right());
    assert_eq!(judged(&mbox, Some(&v1())).findings(), 0);
    // A resent patch is judged once, and unrelated patches are both judged.
    let mbox = mail(&subject("PATCH"), &wrong()) + &mail(&subject("PATCH RESEND"), &wrong());
    assert_eq!(series(&mbox).patches.len(), 1);
    let mbox =
        mail(&head("[PATCH] a", "X: y"), &wrong()) + &mail(&head("[PATCH v2] b", "X: y"), &right());
    assert_eq!(series(&mbox).patches.len(), 2);
}

/// A version that replaces another drops it, so both must be the same author's, of the same series.
#[test]
fn no_version_replaces_a_patch_of_another_series() {
    let by = |author: &str, mail: String| mail.replacen("A Dev <a@example.org>", author, 1);
    let index = |diff: String| diff.replacen("--- a/", "index 0123456..89abcde 100644\n--- a/", 1);
    let head = |subject: &str, more: &str| format!("Subject: {subject}\n{more}");
    let comment = || index(diff(HEADER, &v1(), &v1().replacen("\n\n\n", "\n/* A port. */\n\n", 1)));
    let first = || mail(&head("[PATCH] port: more", "Message-ID: <1@x>"), &index(wrong()));
    for (what, second) in [
        (
            "another's, of the same content",
            by("B <b@x>", mail(&head("[PATCH v2] port: doc", "Message-ID: <2@y>"), &comment())),
        ),
        (
            "another series of the author",
            mail(&head("[PATCH v2] port: doc", "Message-ID: <2@x>"), &comment()),
        ),
        (
            "another's with the subject",
            by("B <b@x>", mail(&head("[PATCH v2] port: more", "Message-ID: <2@y>"), &comment())),
        ),
        (
            "another's in the thread",
            by(
                "B <b@x>",
                mail(
                    &head("[PATCH v2] port: doc", "Message-ID: <2@y>\nIn-Reply-To: <1@x>"),
                    &comment(),
                ),
            ),
        ),
        (
            "another file in the thread",
            mail(
                &head("[PATCH v2] other", "Message-ID: <2@x>\nIn-Reply-To: <1@x>"),
                &diff("mm/x.c", "a\n", "b\n"),
            ),
        ),
        (
            "one list's address",
            by(
                "B via list <a@example.org>",
                mail(&head("[PATCH v2] port: more", "Message-ID: <2@y>"), &comment()),
            ),
        ),
        (
            "a mail with the same id",
            mail(&head("[PATCH] port: doc", "Message-ID: <1@x>"), &comment()),
        ),
    ] {
        for mbox in [first() + &second, second.clone() + &first()] {
            let found = series(&mbox);
            assert_eq!(
                (found.patches.len(), found.notes.len()),
                (2, 0),
                "{what}: {:?}",
                found.notes
            );
            assert!(rules(&judged(&mbox, Some(&v1()))).contains(&"field_added"), "{what}");
        }
    }
    // With covers of their own, and with lists that send in the name of the author.
    let cover =
        |subject: &str, id: &str| mail(&head(subject, &format!("Message-ID: <{id}@x>")), "");
    let part = |subject: &str, of: &str, diff: &str| {
        mail(&head(subject, &format!("Message-ID: <{of}1@x>\nIn-Reply-To: <{of}@x>")), diff)
    };
    let mbox = cover("[PATCH 0/1] grow", "c")
        + &part("[PATCH 1/1] port: more", "c", &index(wrong()))
        + &by("B <b@x>", cover("[PATCH v2 0/1] doc", "d"))
        + &by("B <b@x>", part("[PATCH v2 1/1] port: doc", "d", &comment()));
    assert_eq!(series(&mbox).patches.len(), 2);
    let mbox = by("A Dev via list <list@x>", mail(&head("[PATCH] port: more", "X: y"), &wrong()))
        + &mail(&head("[PATCH v2] port: more", "X: y"), &right());
    assert_eq!(series(&mbox).patches.len(), 1);
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
    assert!(found.notes.iter().any(|note| note.contains("the diff in the reply")), "{found:?}");
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
        // Without a base, who embeds the struct is not known.
        let expected: &[&str] = if base.is_some() { &[] } else { &["change_not_judged"] };
        assert_eq!(rules(&document), expected);
        let first = &document.sections[0].report.contracts;
        assert!(first.iter().any(|c| c.verdict == Verdict::BumpedLater), "{first:?}");
        let text = plain(&written(&document, "mail"));
        // A kernel of a bisection lies in between.
        assert!(text.contains("Please change both in one patch."), "{text}");
        assert!(!text.contains("fine") && !text.contains("neither layouts"), "{text}");
    }
    // Without it, one defect is counted once, and one bump is asked for.
    let code = diff("mm/x.c", "luo_a;\n", "luo_b;\n");
    let more = diff(HEADER, &grown, &format!("{grown}/* A comment. */\n"));
    let mbox = mail("Subject: [PATCH 1/3] port: more", &wrong())
        + &mail("Subject: [PATCH 2/3] code", &code)
        + &mail("Subject: [PATCH 3/3] port: comment", &more);
    let document = judged(&mbox, Some(&v1()));
    assert_eq!(rules(&document), ["field_added", "code_not_judged"]);
    assert_eq!(written(&document, "mail").matches("Please make").count(), 1);
}

/// Patches answer for each other only within a series: a thread, a set of numbers, commits, quilt.
#[test]
fn patches_of_several_series_are_each_judged_on_the_base() {
    let by = |author: &str, mail: String| mail.replacen("A Dev <a@example.org>", author, 1);
    let grown = port(1, &["u16 lane", "u16 speed", "u8 more"]);
    let bumped = grown.replace("port-v1", "port-v2").replace("u8 more", "u8 most");
    let bump_alone = diff(HEADER, &v1(), &v1().replace("port-v1", "port-v2"));
    let on_top = diff(HEADER, &grown, &bumped);
    let first = |subject: &str| mail(&format!("Subject: {subject}\nMessage-ID: <1@x>"), &wrong());
    let then = |subject: &str, diff: &str| {
        by("B <b@x>", mail(&format!("Subject: {subject}\nMessage-ID: <2@y>"), diff))
    };
    for (one, two) in [
        (first("[PATCH] port: more"), then("[PATCH] port: bump", &bump_alone)),
        (first("[PATCH] port: more"), then("[PATCH] port: bump", &on_top)),
        // Numbers alone do not make a series of what several people sent.
        (first("[PATCH 1/2] port: more"), then("[PATCH 2/2] port: bump", &bump_alone)),
    ] {
        for base in [Some(v1()), None] {
            let document = judged(&(one.clone() + &two), base.as_deref());
            assert!(rules(&document).contains(&"field_added"), "{:?}", rules(&document));
            let text = written(&document, "mail");
            assert!(!text.contains("a later patch"), "{text}");
        }
    }
    // A patch on top of another is read so, and the whole of no two series is judged.
    let document =
        judged(&(first("[PATCH] port: more") + &then("[PATCH] port: bump", &on_top)), Some(&v1()));
    let [first, second] = document.sections.as_slice() else { panic!("{document:?}") };
    assert_eq!((first.report.findings(), second.report.findings()), (1, 0), "{document:?}");
    assert!(second.notes[0].contains("applies to the patches before it"), "{:?}", second.notes);
    assert!(second.unknown.is_empty(), "{:?}", second.unknown);
    // Commits and quilt state the order, without numbers.
    let commit = |id: &str, subject: &str, diff: &str| {
        format!("commit {}\nAuthor: A <a@x>\n\n    {subject}\n\n{diff}\n", id.repeat(40))
    };
    let log = commit("b", "port: bump", &on_top) + &commit("a", "port: more", &wrong());
    assert_eq!(judged(&log, Some(&v1())).findings(), 0);
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("series", "z.diff\na.diff\n"), ("z.diff", &wrong()), ("a.diff", &on_top)]
    {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut inbox = Inbox::default();
    inbox.add_path(dir.path()).unwrap();
    let found = inbox.series().unwrap();
    assert_eq!(found.patches.iter().map(|patch| patch.series).collect::<Vec<_>>(), [0, 0]);
}

/// Whatever its hunks show: what a patch does to the tree that it is made for is not known from another.
#[test]
fn a_patch_that_does_not_apply_to_the_base_is_a_finding() {
    let one = |diff: &str| mail("Subject: [PATCH] x", diff);
    let comment = diff(HEADER, &v1(), &v1().replacen("\n\n\n", "\n/* A port. */\n\n", 1));
    let blanks = |diff: String| diff.replace('\t', "        ");
    let applied = port(2, &["u16 lane", "u16 speed", "u8 more"]);
    let other = port(1, &["u64 lane"]);
    let new = diff(HEADER, "", &v1()).replacen(&format!("--- a/{HEADER}"), "--- /dev/null", 1);
    let nbsp = |diff: String| diff.replace("\tu16", "\u{a0} u16");
    for (what, diff, base, said) in [
        ("bumped, with blanks for tabs", blanks(right()), v1(), "white space"),
        ("bumped, with other blanks", nbsp(right()), v1(), "white space"),
        ("applied already", right(), applied, "already has its changes"),
        (
            "a comment, elsewhere",
            comment,
            v1().replace("<linux/types.h>", "<linux/kernel.h>"),
            "do not match the patch",
        ),
        ("bumped, elsewhere", right(), other, "do not match the patch"),
        ("a new header that is there", new, v1(), "already in the base"),
    ] {
        let document = judged(&one(&diff), Some(&base));
        assert!(
            rules(&document).contains(&"patch_does_not_apply"),
            "{what}: {:?}",
            rules(&document)
        );
        for format in FORMATS {
            let text = (format.write)(&document);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&#39;", "'");
            assert!(text.contains(said), "{what}: {}: {text}", format.name);
        }
    }
    // With damaged blanks, it is still judged on the base, where its struct is whole.
    let document = judged(&one(&blanks(wrong())), Some(&v1()));
    assert_eq!(rules(&document), ["patch_does_not_apply", "field_added"]);
    assert!(written(&document, "text").contains("1 byte at byte 4"));
    // A later patch of the series does not put it right.
    let mbox = mail("Subject: [PATCH 1/2] x", &blanks(right()))
        + &mail("Subject: [PATCH 2/2] y", &diff("mm/x.c", "a\n", "b\n"));
    assert_eq!(rules(&judged(&mbox, Some(&v1()))), ["patch_does_not_apply"]);
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the reviewer has to do, with this program, is not for the author of the patch.
#[test]
fn a_reply_asks_the_author_for_what_the_author_can_do() {
    let one = |diff: &str| mail("Subject: [PATCH] x\nMessage-ID: <1@x>", diff);
    let code = diff("mm/memfd_luo.c", "\tkho_a();\n", "\tkho_b();\n");
    let part = diff(
        HEADER,
        "a;\nb;\nc;\nenum x {\n\tONE,\n};\n",
        "a;\nb;\nc;\nenum x {\n\tONE,\n\tTWO,\n};\n",
    );
    let new = |fields: &str| {
        let text = format!("#include <linux/mutex.h>\nstruct lane_ser {{\n{fields}}} __packed;\n");
        diff(HEADER, "", &text).replacen(&format!("--- a/{HEADER}"), "--- /dev/null", 1)
    };
    for (what, diff, base) in [
        ("without a base", wrong(), None),
        ("without a base, bumped", right(), None),
        ("hunks alone", part, None),
        ("code alone", code, Some(v1())),
        (
            "a header without a version",
            new("\tu8 a;\n"),
            Some(port(1, &[]).replace("port_ser", "lane_ser")),
        ),
        ("another base", right(), Some(port(1, &["u64 lane"]))),
    ] {
        let document = judged(&one(&diff), base.as_deref());
        let text = plain(&written(&document, "mail"));
        for word in [
            "--base",
            "git:",
            "Not checked",
            "not checked",
            "no base",
            "a source that",
            "()",
            " : ",
            "-v1 ->",
            "b4 am",
            "check what the code",
        ] {
            assert!(!text.contains(word), "{what}: {word}: {text}");
        }
    }
    // Hunks that only the reviewer can explain are no mail.
    let document = judged(&one(&diff(HEADER, "a;\ntypedef u8 x;\n", "a;\ntypedef u16 x;\n")), None);
    assert_eq!((document.findings(), written(&document, "mail").as_str()), (1, ""));
}

#[test]
fn a_reply_says_whether_bytes_change_and_shows_the_line() {
    let subject = "Subject: [PATCH] x\nMessage-ID: <1@x>";
    let said = |new: &str| {
        let document = judged(&mail(subject, &diff(HEADER, &v1(), new)), Some(&v1()));
        assert!(document.findings() > 0, "{new}");
        written(&document, "mail")
    };
    for new in [v1().replace("u16 speed", "u16 rate"), v1().replace("} __packed;", "};")] {
        let text = said(&new);
        let words = plain(&text);
        assert!(words.contains("This leaves the bytes of \"port-v1\" as they are"), "{text}");
        assert!(!words.contains("older kernel") && !words.contains("changed bytes"), "{text}");
    }
    let text = said(&port(1, &["u16 speed", "u16 lane"]));
    assert!(
        text.contains("changed bytes: 0-3 of 4")
            && plain(&text).contains("because the string matches"),
        "{text}"
    );
    // The line that the patch changes, wherever the struct stands.
    let text = said(&v1().replace("} __packed;", "};"));
    assert!(text.contains("> -} __packed;\n> +};\n"), "{text}");
    let with = |length: u32| {
        format!("#define PORT_LEN {length}\n") + &v1().replace("u16 speed", "char name[PORT_LEN]")
    };
    let document = judged(&mail(subject, &diff(HEADER, &with(4), &with(8))), Some(&with(4)));
    let text = written(&document, "mail");
    assert!(text.contains("> -#define PORT_LEN 4\n> +#define PORT_LEN 8\n"), "{text}");
}

#[test]
fn each_mail_of_a_series_that_needs_it_has_an_answer() {
    let head = |n: u32, subject: &str| {
        format!("Subject: [PATCH {n}/4] {subject}\nMessage-ID: <{n}@x>\nIn-Reply-To: <0@x>")
    };
    let other = HEADER.replace("port", "lane");
    let lane = |fields: &[&str]| port(1, fields).replace("PORT", "LANE").replace("port", "lane");
    let new =
        diff(&other, "", &lane(&["u8 a"])).replacen(&format!("--- a/{other}"), "--- /dev/null", 1);
    let grown = port(1, &["u16 lane", "u16 speed", "u8 more"]);
    let mbox = mail(&head(1, "lane: new"), &new)
        + &mail(&head(2, "port: more"), &wrong())
        + &mail(&head(3, "code"), &diff("mm/x.c", "\tluo(1);\n", "\tluo(2);\n"))
        + &mail(
            &head(4, "port: less"),
            &diff(HEADER, &grown, &grown.replace("u16 speed", "u32 speed")),
        );
    let document = judged(&mbox, Some(&v1()));
    let text = written(&document, "mail");
    let parts: Vec<_> = text.split("From kho-abi Mon Sep 17 00:00:00 2001\n").collect();
    assert_eq!(parts.len(), 4, "{text}");
    assert_eq!(parts[0], "");
    for (part, n) in parts[1..].iter().zip([2, 3, 4]) {
        assert!(part.starts_with("To: A Dev <a@example.org>\nSubject: Re: [PATCH "), "{part}");
        assert!(
            part.contains(&format!("In-Reply-To: <{n}@x>\nReferences: <0@x>\n <{n}@x>\n")),
            "{part}"
        );
        assert_eq!(part.matches("wrote:").count(), 1, "{part}");
    }
    // It is an mbox again.
    let found = kho_abi_review::patch::read("reply", text.as_bytes());
    assert!(found.is_err(), "answers have no patches");
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
    let other = diff("mm/x.c", "a\n", "b\n");
    assert_eq!(judged(&mail("Subject: [PATCH] x", &other), Some(&v1())).findings(), 0);
}

/// Only a version that covers the code makes its change more than code.
#[test]
fn a_header_excuses_code_only_with_a_version_that_covers_it() {
    let code = |path: &str| diff(path, "\tser->data = pa;\n", "\tser->data = pa >> PAGE_SHIFT;\n");
    let ours = || code("kernel/liveupdate/port_luo.c");
    let comment = diff(HEADER, &v1(), &v1().replacen("\n\n\n", "\n/* A port. */\n\n", 1));
    let ring = "include/linux/kho/abi/ring.h";
    let new = |path: &str, text: &str| {
        diff(path, "", text).replacen(
            &format!("--- a/{path}"),
            "new file mode 100644\n--- /dev/null",
            1,
        )
    };
    let lane = new(ring, &port(1, &["u8 a"]).replace("PORT", "RING").replace("port", "ring"));
    let named = diff("mm/x.c", "\tluo(1);\n", "\tluo(sizeof(struct port_ser));\n");
    let print = diff("mm/port_luo.c", "\tpr_err(\"a\");\n", "\tpr_err(\"b\");\n");
    for (what, diffs, not_judged, said) in [
        ("code alone", vec![ours()], true, false),
        ("with a comment", vec![comment.clone(), ours()], true, false),
        ("with a header of another name", vec![lane, ours()], true, false),
        ("with another's bump", vec![right(), code("kernel/liveupdate/luo_file.c")], true, false),
        ("with the bump of its header", vec![right(), ours()], false, true),
        ("with the bump of what it names", vec![right(), named], false, true),
        ("what only prints", vec![print.clone()], false, false),
        ("what only prints, with a comment", vec![comment, print], false, false),
    ] {
        let one = mail("Subject: [PATCH] x", &diffs.concat());
        let parts = diffs
            .iter()
            .zip(1..)
            .map(|(diff, n)| mail(&format!("Subject: [PATCH {n}/{}] x{n}", diffs.len()), diff));
        for mbox in [one, parts.collect()] {
            let document = judged(&mbox, Some(&v1()));
            let expected: &[&str] = if not_judged { &["code_not_judged"] } else { &[] };
            assert_eq!(rules(&document), expected, "{what}");
            let unknown = document.sections.iter().flat_map(|section| &section.unknown);
            assert_eq!(unknown.count(), usize::from(said), "{what}: {document:?}");
            for format in FORMATS.iter().filter(|_| not_judged) {
                let text = (format.write)(&document);
                let said =
                    if format.name == "mail" { "other bytes than" } else { "code_not_judged" };
                assert!(text.contains(said), "{what}: {}: {text}", format.name);
                assert!(
                    !text.contains("does not change the handover ABI") || diffs.len() > 1,
                    "{text}"
                );
            }
        }
    }
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
    let with_mode = mail("Subject: [PATCH] x", &format!("{mode}{}", right()));
    assert_eq!(judged(&with_mode, Some(&v1())).findings(), 0);
    let binary = format!("diff --git a/{HEADER} b/{HEADER}\nGIT binary patch\nliteral 3\nKxx\n\n");
    assert_eq!(
        rules(&judged(&mail("Subject: [PATCH] x", &binary), Some(&v1()))),
        ["change_not_judged"]
    );
}

/// A bump beside a struct is half of it if other headers embed the struct.
#[test]
fn without_a_base_it_is_not_known_who_embeds_a_struct() {
    let abi = |name: &str| format!("include/linux/kho/abi/{name}.h");
    let text = |macro_name: &str, string: &str, record: &str, more: &str| {
        let lines = "\n".repeat(9);
        format!("#define {macro_name} \"{string}\"\n{lines}struct {record} {{\n\tu64 one;\n\tu64 two;\n{more}}};\n")
    };
    let grown = |name: &str, macro_name: &str, [old, new]: [&str; 2], record: &str| {
        let sides = [(old, ""), (new, "\tu64 extra;\n")]
            .map(|(string, more)| text(macro_name, string, record, more));
        diff(&abi(name), &sides[0], &sides[1])
    };
    let kho =
        || grown("kexec_handover", "KHO_FDT_COMPATIBLE", ["kho-v97", "kho-v98"], "kho_vmalloc");
    let memfd =
        |record| grown("memfd", "MEMFD_LUO_FH_COMPATIBLE", ["memfd-v97", "memfd-v98"], record);
    let whole = |diffs: &[String]| {
        let parts = diffs
            .iter()
            .zip(1..)
            .map(|(diff, n)| mail(&format!("Subject: [PATCH {n}/{}] x{n}", diffs.len()), diff));
        judged(&parts.collect::<String>(), None)
    };
    for (what, diffs, said) in [
        ("an embedded one", vec![kho()], Some("memfd.h embeds it")),
        ("with the other string, in one patch", vec![kho() + &memfd("memfd_luo_ser")], None),
        ("with the other string, in two", vec![kho(), memfd("memfd_luo_ser")], None),
        ("one that no header of Linux embeds", vec![memfd("memfd_luo_ser")], None),
        (
            "one that nobody knows",
            vec![grown("lane", "LANE_COMPATIBLE", ["lane-v1", "lane-v2"], "lane_ser")],
            Some("other headers may embed it"),
        ),
    ] {
        let document = whole(&diffs);
        let expected: &[&str] = if said.is_some() { &["change_not_judged"] } else { &[] };
        assert_eq!(rules(&document), expected, "{what}");
        let text = written(&document, "text");
        assert!(said.is_none_or(|said| text.contains(said)), "{what}: {text}");
    }
}

/// Comments are a part of the contract: layouts do not show what they say.
#[test]
fn a_comment_that_says_something_else_is_worth_a_look() {
    let with =
        |word: &str| v1().replacen("\n\n\n", &format!("\n/* The speed is {word}. */\n\n"), 1);
    let text = |word: &str| {
        with(word).replace("#define PORT_LUO", "/* What PORT is. */\n#define PORT_LUO")
    };
    let constant =
        |word: &str| text("x") + &format!("/* The port is {word}. */\n#define PORT_UP 1\n");
    let reworded = diff(HEADER, &constant("up"), &constant("down"));
    for base in [Some(constant("up")), None] {
        let document = judged(&mail("Subject: [PATCH] x", &reworded), base.as_deref());
        assert_eq!(document.findings(), 0, "{:?}", rules(&document));
        for format in FORMATS {
            let text = (format.write)(&document);
            assert!(text.contains("format_redocumented"), "{}: {text}", format.name);
            assert!(!text.contains("does not change the handover ABI"), "{text}");
        }
    }
    // Its licence is not.
    let licence = |year: &str| format!("/* Copyright {year} A */\n{}", v1());
    let text = diff(HEADER, &licence("2025"), &licence("2026"));
    for base in [Some(licence("2025")), None] {
        let document = judged(&mail("Subject: [PATCH] x", &text), base.as_deref());
        assert!(!written(&document, "text").contains("format_redocumented"));
    }
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
