// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Patches without a base: what their hunks do not show is never fine.

use kho_abi_read::source;
use kho_abi_review::patch::Inbox;
use kho_abi_review::policy::{Level, Options};
use kho_abi_review::report::Document;
use kho_abi_review::review;

const HEADER: &str = "include/linux/kho/abi/lane.h";
/// More lines than the context of a hunk has.
const FAR: &str = "\n\n\n\n\n\n\n\n";

fn diff_with(context: usize, old: &str, new: &str) -> String {
    let text = similar::TextDiff::from_lines(old, new);
    let names = (format!("a/{HEADER}"), format!("b/{HEADER}"));
    let text = text.unified_diff().context_radius(context).header(&names.0, &names.1).to_string();
    format!("diff --git a/{HEADER} b/{HEADER}\n{text}")
}

fn diff(old: &str, new: &str) -> String {
    diff_with(3, old, new)
}

/// Judges the patches of a series without a base.
fn judged(diffs: &[String]) -> Document {
    let of = diffs.len();
    let mails = diffs.iter().zip(1..).map(|(diff, number)| {
        format!(
            "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n\
             From: A Dev <a@example.org>\nSubject: [PATCH {number}/{of}] lane: step {number}\n\n\
             Text.\n---\n{diff}-- \n2.47.3\n\n"
        )
    });
    let mut inbox = Inbox::default();
    inbox.add("mbox", mails.collect::<String>().as_bytes()).unwrap();
    let reading = source::Options { page_size: Some(4096), ..source::Options::default() };
    review::series(&inbox.series().unwrap(), None, &reading, &Options::default()).unwrap()
}

fn rules(document: &Document) -> Vec<&str> {
    let events = document.sections.iter().flat_map(|section| &section.report.events);
    events.filter(|event| event.level == Level::Finding).map(|e| e.rule.as_str()).collect()
}

/// A header of which a hunk shows all but the version.
fn header(middle: &str) -> String {
    format!("#ifndef _LANE_H\n#define _LANE_H\n#define LANE_COMPATIBLE \"lane-v1\"\n{FAR}{middle}{FAR}#endif\n")
}

#[test]
fn a_definition_under_a_condition_is_one_of_several() {
    let either = |a: &str, b: &str| format!("#ifdef CONFIG_A\n{a}#else\n{b}#endif\n");
    let number = |value: u32| format!("#define LANE_MAX {value}\n");
    let record = |ty: &str| format!("struct lane_ser {{\n\t{ty} a;\n}};\n");
    for (old, new) in [
        (either(&number(4), &number(8)), either(&number(5), &number(8))),
        (either(&number(4), &number(8)), either(&number(8), &number(4))),
        (either(&record("u32"), &record("u64")), either(&record("u32"), &record("u8"))),
        (either(&record("u32"), &record("u64")), either(&record("u8"), &record("u64"))),
    ] {
        for context in [1, 3, 12] {
            let document = judged(&[diff_with(context, &header(&old), &header(&new))]);
            assert!(document.findings() > 0, "-U{context}: {old} -> {new}");
        }
    }
    // In two hunks, of which only one changes.
    let far = |a: u32, more: &str| {
        format!("#ifdef CONFIG_A\n{}{FAR}#else\n{}{more}", number(a), number(8))
    };
    let document = judged(&[diff(&header(&far(4, "")), &header(&far(5, "struct b;\n")))]);
    assert_eq!(rules(&document), ["change_not_judged"]);
    // Forms that stay are as they were.
    let same = |more: &str| either(&number(4), &number(8)) + more;
    let document = judged(&[diff(&header(&same("")), &header(&same("struct b;\n")))]);
    assert_eq!(rules(&document), [""; 0]);
}

#[test]
fn what_an_endif_leaves_outside_is_under_another_condition() {
    let fields = "\tu32 a;\n".repeat(9);
    let moved = |[before, between, after]: [&str; 3], line: &str| {
        let text = |inner: &str, outer: &str| {
            header(&format!("{before}#ifdef CONFIG_A\n{between}{inner}#endif\n{outer}{after}"))
        };
        diff(&text("", line), &text(line, ""))
    };
    let [start, end] = [format!("struct lane_ser {{\n{fields}"), format!("{fields}}};\n")];
    for diff in [
        moved(["", "#define LANE_A 1\n", ""], "#define LANE_B 2\n"),
        moved([&start, "\tu8 b;\n", &end], "\tu8 c;\n"),
    ] {
        assert_eq!(rules(&judged(std::slice::from_ref(&diff))), ["change_not_judged"], "{diff}");
    }
    // A directive applies to what stands below it.
    let packed = |before: &str, after: &str| {
        let record = "struct lane_ser {\n\tcpumask_t a;\n\tu64 b;\n};\n";
        header(&format!("{before}{record}{after}"))
    };
    let pragma = "#pragma pack(1)\n";
    let document = judged(&[diff_with(9, &packed("", pragma), &packed(pragma, ""))]);
    assert!(document.findings() > 0, "{:?}", rules(&document));
    // The end of a guard, or its name, moves nothing.
    let guarded = |name: &str, more: &str| {
        format!("#ifndef {name}\n#define {name}\n#define LANE_A 1\n{more}#endif\n")
    };
    for (old, new) in [
        (guarded("_LANE_H", ""), guarded("_LANE_ABI_H", "")),
        (guarded("_LANE_H", ""), guarded("_LANE_H", "struct b;\n")),
        (guarded("_LANE_H", ""), guarded("_LANE_H", "struct b;\n") + "\n"),
    ] {
        assert_eq!(rules(&judged(&[diff(&old, &new)])), [""; 0], "{old} -> {new}");
    }
}

#[test]
fn a_struct_that_is_spelled_otherwise_is_seen() {
    for head in
        ["struct lane_ser {", "struct  lane_ser {", "struct lane_ser\n{", "struct lane_ser{"]
    {
        let text = |ty: &str| header(&format!("{head}\n\t{ty} a;\n}};\n"));
        let document = judged(&[diff(&text("u32"), &text("u64"))]);
        assert!(document.findings() > 0, "{head}");
        // A comment that quotes it is not the struct.
        let text = |ty: &str| {
            header(&format!("/* struct lane_ser {{\n * }}\n */\n{head}\n\t{ty} a;\n}};\n"))
        };
        let document = judged(&[diff_with(6, &text("u32"), &text("u64"))]);
        assert!(document.findings() > 0, "{head}");
    }
}

/// Without what a struct contains, the compiler lays out neither form.
#[test]
fn a_struct_without_a_layout_is_compared_as_text() {
    let record = |end: &str, field: &str| {
        header(&format!("struct lane_ser {{\n\tcpumask_t a;\n{field}\tu8 b;\n}}{end};\n"))
    };
    for (old, new) in [
        (record(" __packed", ""), record("", "")),
        (record(" __packed", ""), header("")),
        (header(""), record(" __packed", "")),
        (record(" __packed", ""), record(" __packed", "\tu8 c;\n")),
        (
            record("", "\tstruct {\n\t\tu8 c;\n\t\tu8 d;\n\t};\n"),
            record("", "\tunion {\n\t\tu8 c;\n\t\tu8 d;\n\t};\n"),
        ),
    ] {
        let document = judged(&[diff_with(9, &old, &new)]);
        assert!(document.findings() > 0, "{old} -> {new}");
    }
    let document = judged(&[diff_with(9, &record("", ""), &record("", "\n"))]);
    assert_eq!(rules(&document), [""; 0]);
}

/// Only the whole file shows what came with it.
#[test]
fn a_file_that_comes_from_elsewhere_is_not_shown_by_its_hunks() {
    let elsewhere = "include/linux/lane.h";
    let hunk = "@@ -1,2 +1,3 @@\n /* one */\n /* two */\n+/* three */\n";
    for how in ["rename", "copy"] {
        for hunk in ["", hunk] {
            let like = if hunk.is_empty() { 100 } else { 90 };
            let text = |from: &str, to: &str| {
                let names = format!("--- a/{from}\n+++ b/{to}\n{hunk}");
                let names = if hunk.is_empty() { "" } else { names.as_str() };
                format!(
                    "diff --git a/{from} b/{to}\nsimilarity index {like}%\n{how} from {from}\n\
                     {how} to {to}\n{names}"
                )
            };
            let document = judged(&[text(elsewhere, HEADER)]);
            assert_eq!(rules(&document), ["change_not_judged"], "{how} {hunk}");
            let within = judged(&[text("include/linux/kho/abi/way.h", HEADER)]);
            let expected: &[&str] = if how == "copy" { &["change_not_judged"] } else { &[] };
            assert_eq!(rules(&within), expected, "{how} {hunk}");
        }
    }
}

/// Two strings in one header, near each other or each in a hunk of its own.
fn with_two(strings: [u32; 2], between: &str, rest: &str) -> String {
    let [lane, port] = strings;
    format!(
        "#define PORT_COMPATIBLE \"port-v{port}\"\n{between}#define LANE_COMPATIBLE \"lane-v{lane}\"\n{rest}{FAR}"
    )
}

/// A header may have several strings, and a new version covers what is its own.
#[test]
fn a_new_version_covers_what_is_its_own() {
    let number = |name: &str| [4, 5].map(|value| format!("#define {name} {value}\n"));
    let unknown = |name: &str| ["A", "B"].map(|value| format!("#define {name} ({value})\n"));
    let enums = ["A,\n\tB", "B,\n\tA"].map(|members| format!("enum x {{\n\t{members}\n}};\n"));
    for between in ["", FAR] {
        for [old, new] in
            [number("SHARED_MAX"), number("PORT_MAX"), unknown("PORT_MAX"), unknown("SHARED_MAX")]
        {
            let judge = |after: [u32; 2]| {
                let sides = [with_two([1, 1], between, &old), with_two(after, between, &new)];
                judged(&[diff_with(6, &sides[0], &sides[1])])
            };
            assert!(judge([2, 1]).findings() > 0, "{between:?}: {old}");
            assert!(judge([1, 1]).findings() > 0, "{between:?}: {old}");
            if between.is_empty() {
                assert_eq!(rules(&judge([2, 2])), [""; 0], "{old}");
            }
        }
        for [old, new] in [number("LANE_MAX"), unknown("LANE_MAX")] {
            let sides = [with_two([1, 1], between, &old), with_two([2, 1], between, &new)];
            let document = judged(&[diff_with(6, &sides[0], &sides[1])]);
            assert_eq!(rules(&document), [""; 0], "{between:?}: {old}");
        }
    }
    // Words of both.
    let [old, new] = number("LANE_PORT_MAX");
    let sides = [with_two([1, 1], "", &old), with_two([2, 1], "", &new)];
    assert!(judged(&[diff(&sides[0], &sides[1])]).findings() > 0);
    // A line that has no name.
    let sides = [with_two([1, 1], "", &enums[0]), with_two([2, 1], "", &enums[1])];
    assert!(judged(&[diff(&sides[0], &sides[1])]).findings() > 0);
    let sides = [with_two([1, 1], "", &enums[0]), with_two([2, 2], "", &enums[1])];
    assert_eq!(rules(&judged(&[diff(&sides[0], &sides[1])])), [""; 0]);
}

/// A string that is added is not the next version of the one that the header has.
#[test]
fn a_string_that_is_new_bumps_no_other() {
    let added = "#define PORT_COMPATIBLE \"port-v1\"\n";
    for (old, new) in [
        ("#define LANE_MAX (A)\n", "#define LANE_MAX (B)\n"),
        ("enum x {\n\tA,\n\tB,\n};\n", "enum x {\n\tB,\n\tA,\n};\n"),
        ("#define LANE_MAX 4\n", "#define LANE_MAX 5\n"),
    ] {
        let document = judged(&[diff(&header(old), &header(&format!("{added}{new}")))]);
        assert!(document.findings() > 0, "{old} -> {new}");
    }
}

/// A header with a struct of which a hunk shows a part.
fn long(fields: &[&str]) -> String {
    let more =
        |name: &str| (0..8).fold(String::new(), |all, at| format!("{all}\tu32 {name}{at};\n"));
    let fields: String =
        fields.iter().fold(String::new(), |all, field| format!("{all}\t{field};\n"));
    format!(
        "#define LANE_COMPATIBLE \"lane-v1\"\n{FAR}struct lane_ser {{\n{}{fields}{}}};\n",
        more("before"),
        more("after")
    )
}

fn series(states: &[String]) -> Document {
    // Git shows the struct that a hunk is in.
    let within = |text: String| text.replace(" @@\n", " @@ struct lane_ser {\n");
    let diffs: Vec<_> = states.windows(2).map(|two| within(diff(&two[0], &two[1]))).collect();
    judged(&diffs)
}

/// What comes back where it was is taken back, also if patches in between move it to other lines.
#[test]
fn a_field_that_comes_back_in_another_place_is_moved() {
    let (without, with) = (long(&[]), long(&["u32 a"]));
    let include = |text: &str| text.replace("#define", "#include <linux/x.h>\n#define");
    let undone = [without.clone(), with.clone(), include(&with), include(&without)];
    assert!(!rules(&series(&undone)).contains(&"field_added"));
    assert_eq!(rules(&series(&[with.clone(), without.clone(), with.clone()])), [""; 0]);
    let far = without.replace("\tu32 after7;\n", "\tu32 after7;\n\tu32 a;\n");
    assert!(series(&[with, without, far]).findings() > 0);
}

/// A struct that is new is not a change under the version of another, and a new contract is named.
#[test]
fn what_is_new_beside_a_bump_is_not_what_the_bump_has_to_cover() {
    let was = "#define LANE_QUEUE_COMPATIBLE \"lane-queue-v1\"\n#define LANE_QUEUE_MAX 4\n";
    let is = was.replace("v1", "v2").replace("MAX 4", "MAX 8");
    let more =
        "#define TRACK_COMPATIBLE \"track-v1\"\nstruct track_ser {\n\tu64 id;\n} __packed;\n";
    let document = judged(&[diff(&header(was), &header(&format!("{is}{more}")))]);
    assert_eq!(rules(&document), [""; 0]);
    let named = |report: &kho_abi_review::policy::Report| {
        report.contracts.iter().any(|contract| contract.new.as_deref() == Some("track-v1"))
    };
    assert!(document.sections.iter().any(|section| named(&section.report)));
}
