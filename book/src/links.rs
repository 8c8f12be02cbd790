// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Checks the site: every link leads somewhere, nothing is loaded from elsewhere, and the search has its index.

use crate::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Words that the search must find: a struct, a rule, a command, a term.
const WORDS: [&str; 4] = ["luo_session_ser", "field_moved", "preflight", "folio"];

pub(crate) fn check(site: &Path) -> Result<(), Failure> {
    let mut pages: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut files = BTreeSet::new();
    let mut open = vec![site.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).map_err(Failure::at(&dir))? {
            let path = entry.map_err(Failure::new)?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            if path.extension().is_some_and(|end| end == "html") {
                let text = fs::read_to_string(&path).map_err(Failure::at(&path))?;
                pages.insert(path.clone(), text);
            }
            files.insert(path);
        }
    }
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (path, text) in &pages {
        // One page has all of them, for printing: its links are those of the pages. The page for what is not
        // there knows no place of its own.
        if path.ends_with("print.html") || path.ends_with("404.html") {
            continue;
        }
        for (attribute, link) in attributes(text) {
            checked += 1;
            if let Some(why) = fault(path, &attribute, &link, &pages, &files) {
                wrong.push(format!("{}: {attribute}=\"{link}\": {why}", path.display()));
            }
        }
    }
    if pages.len() < 20 || checked < 1000 {
        wrong.push(format!(
            "{} pages with {checked} links: this is not the whole book",
            pages.len()
        ));
    }
    let is_index = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("searchindex") && name.ends_with(".js")
    };
    match files.iter().find(is_index) {
        Some(index) => {
            let text = fs::read_to_string(index).map_err(Failure::at(index))?;
            let missing = WORDS.iter().filter(|word| !text.contains(**word));
            wrong.extend(missing.map(|word| format!("the search does not know {word}")));
        }
        None => wrong.push("there is no index for the search".into()),
    }
    if wrong.is_empty() {
        println!("{} pages, {checked} links", pages.len());
        return Ok(());
    }
    Err(Failure::new(format!("{} faults:\n{}", wrong.len(), wrong.join("\n"))))
}

/// Every `href` and `src` of a page.
fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["href", "src"] {
        for at in text.split(&format!(" {name}=\"")).skip(1) {
            let link = at.split('"').next().unwrap_or_default();
            found.push((name.to_string(), link.replace("&amp;", "&")));
        }
    }
    found
}

fn fault(
    page: &Path,
    attribute: &str,
    link: &str,
    pages: &BTreeMap<PathBuf, String>,
    files: &BTreeSet<PathBuf>,
) -> Option<String> {
    if link.starts_with("data:") {
        return None;
    }
    if link.contains("://") {
        // To read on elsewhere is for the reader to choose.
        return (attribute == "src").then(|| "is loaded from elsewhere".into());
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        page.to_path_buf()
    } else {
        normal(&page.parent().unwrap_or(Path::new("")).join(path))
    };
    if !files.contains(&target) {
        return Some("is not there".into());
    }
    let is_there = |text: &String| text.contains(&format!(" id=\"{anchor}\""));
    match pages.get(&target) {
        Some(text) if !anchor.is_empty() && !is_there(text) => Some("has no such place".into()),
        _ => None,
    }
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_and_a_place_in_it() {
        let page = |path: &str, text: &str| (PathBuf::from(path), text.to_string());
        let pages: BTreeMap<_, _> =
            [page("a/one.html", "<h2 id=\"here\">"), page("two.html", "")].into();
        let files: BTreeSet<PathBuf> = pages.keys().cloned().chain(["style.css".into()]).collect();
        let of = |attribute: &str, link: &str| {
            fault(Path::new("a/one.html"), attribute, link, &pages, &files)
        };
        for good in ["#here", "../two.html", "one.html#here", "../style.css", "https://kernel.org"]
        {
            assert_eq!(of("href", good), None, "{good}");
        }
        for bad in ["#there", "two.html", "../two.html#here", ""] {
            assert!(of("href", bad).is_some() || bad.is_empty(), "{bad}");
        }
        assert!(of("src", "https://kernel.org/x.js").is_some());
        let found = attributes("<a class=\"x\" href=\"a?b&amp;c\"><img src=\"d\">");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1, "a?b&c");
    }
}
