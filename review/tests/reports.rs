// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Each format of a report, parsed by a consumer of it.

use kho_abi_read::source::{self, Gap};
use kho_abi_review::diff::{self, open, Side};
use kho_abi_review::policy::{self, Options};
use kho_abi_review::report::{Document, FORMATS};
use serde_json::Value;

const OLD: &str = "#include <linux/types.h>\n#define PORT_LUO_FH_COMPATIBLE \"port-v1\"\n\
    struct port_ser {\n\tu16 lane;\n\tu16 speed;\n\tu32 flags;\n} __packed;\n";

fn side(text: &str) -> Side {
    let files = [("include/linux/kho/abi/port.h".to_string(), text.as_bytes().to_vec())].into();
    open::of_files(
        "old <&> \"new\"",
        &files,
        &source::Options { page_size: Some(4096), ..source::Options::default() },
    )
    .unwrap()
}

/// A report with a finding, its consequence, a change that is fine, and something not checked.
fn document() -> Document {
    let new = OLD
        .replace("u16 speed;", "u16 speed;\n\tu8 reset_works;")
        .replace("#include", "/* port-v0, 100%, a:b,c */\n#include");
    let (old, mut new) = (side(OLD), side(&new));
    new.reading.gaps.push(Gap { item: "a<b".into(), why: "it's \"open\" & \u{1} odd".into() });
    Document::of("diff", policy::judge(&diff::compare(&old, &new), &Options::default()))
}

fn written(format: &str) -> String {
    let format = FORMATS.iter().find(|other| other.name == format).unwrap();
    (format.write)(&document())
}

#[test]
fn every_format_has_a_test() {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(
        names,
        ["text", "terse", "markdown", "html", "mail", "json", "sarif", "github", "junit"]
    );
    for format in FORMATS {
        assert!(written(format.name).contains("reset_works"), "{}", format.name);
    }
}

#[test]
fn text_marks_changed_bytes_and_uses_colour() {
    let text = written("text");
    assert!(text.contains("\u{1b}[31mfinding\u{1b}[0m"), "{text:?}");
    let plain = strip(&text);
    assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain:?}");
    insta::assert_snapshot!(plain);
}

/// Without escape sequences.
fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(|c| *c == 'm');
        } else {
            out.push(c);
        }
    }
    out
}

#[test]
fn markdown_has_a_table_and_closed_fences() {
    let text = written("markdown");
    assert_eq!(text.lines().filter(|line| line.starts_with("```")).count() % 2, 0);
    for row in text.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
    }
    assert!(text.contains("**bump missing**") && text.contains("`reset_works`"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn html_draws_before_and_after_and_escapes_what_comes_from_outside() {
    let page = written("html");
    // Before, after, and what moved between them.
    assert_eq!(page.matches("<svg").count(), 3, "{page}");
    assert!(page.contains("<title>u32 flags: 4 bytes at byte 5; was at byte 4</title>"), "{page}");
    assert!(page.contains("class=\"k-field k-added\""), "{page}");
    assert!(page.contains("old &lt;&amp;&gt; &quot;new&quot;"), "{page}");
    assert!(page.contains("<code>a&lt;b</code>"), "{page}");
    assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href=\"http"));
}

#[test]
fn mail_is_plain_and_its_lines_are_short() {
    let text = written("mail");
    for line in text.lines().filter(|line| !line.contains('|')) {
        assert!(line.chars().count() <= 72, "{line}");
    }
    assert!(!text.contains('\u{1b}'));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("make PORT_LUO_FH_COMPATIBLE \"port-v2\""), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn json_says_it_all() {
    let document: Value = serde_json::from_str(&written("json")).unwrap();
    assert_eq!(document["schema"], "kho-abi/diff/1");
    assert_eq!(document["sections"][0]["contracts"][0]["verdict"], "bump_missing");
}

#[test]
fn sarif_is_well_formed() {
    let sarif: Value = serde_json::from_str(&written("sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note", "none"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        for location in result["locations"].as_array().into_iter().flatten() {
            let physical = &location["physicalLocation"];
            assert!(physical["region"]["startLine"].as_u64().unwrap() >= 1);
            assert_eq!(physical["artifactLocation"]["uri"], "include/linux/kho/abi/port.h");
        }
    }
    assert!(results.iter().any(|result| result["level"] == "error"));
}

#[test]
fn github_annotations_are_one_line_each() {
    let text = written("github");
    for line in text.lines() {
        let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("{line}"));
        let (head, message) = rest.split_once("::").unwrap();
        let (command, properties) = head.split_once(' ').unwrap();
        assert!(["error", "warning", "notice"].contains(&command), "{line}");
        for property in properties.split(',') {
            let (name, value) = property.split_once('=').unwrap();
            assert!(["file", "line", "title"].contains(&name), "{line}");
            assert!(!value.contains([':', ',']), "{line}");
        }
        assert!(!message.is_empty());
    }
    assert!(
        text.contains("::error file=include/linux/kho/abi/port.h,line=7,title=field_added::"),
        "{text}"
    );
}

#[test]
fn junit_is_well_formed() {
    let text = written("junit");
    let mut open: Vec<String> = Vec::new();
    let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut cases, mut failures) = (0, 0);
    while let Some(at) = rest.find('<') {
        entities(&rest[..at]);
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{text}");
            continue;
        }
        let name: String =
            tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        entities(tag);
        cases += usize::from(name == "testcase");
        failures += usize::from(name == "failure");
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && cases >= 1 && failures >= 1, "{text}");
    let stated = format!("tests=\"{cases}\" failures=\"{failures}\"");
    assert!(text.contains(&stated), "{stated}: {text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}

/// An ampersand begins an entity, or is an error.
fn entities(text: &str) {
    for (at, _) in text.match_indices('&') {
        let name = text[at + 1..].split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot"].contains(&name), "{text}");
    }
}
