// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The statements of ARCHITECTURE.md about the sources are true.
//!
//! Sibling modules, each with its submodules, have no import cycle. A folder's own file and the
//! files in the folder may name each other, since one lists the others. In the truth (`abi`),
//! contracts and structs name each other across headers.
//!
//! The files and names in the table of where a new line goes exist.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const CRATES: [&str; 6] = ["model", "read", "codegen", "review", "inspect", "cli"];

/// A module, as the names that lead to it; the root of the crate is empty.
type Module = Vec<String>;

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in CRATES {
        let sources = sources(&top.join(name).join("src"));
        assert!(sources.len() > 10, "{name} has {} files", sources.len());
        let imports = imports(&sources);
        let edges: usize = imports.values().map(BTreeSet::len).sum();
        assert!(edges > sources.len() / 2, "{name} has {edges} imports");
        found.extend(circles(&imports).into_iter().map(|circle| format!("{name}: {circle}")));
    }
    assert!(found.is_empty(), "modules import each other in a circle:\n{}", found.join("\n"));
}

/// A name that is shown by these is not known any more: `kho_abi_show::names` shows every name, and takes it back.
#[test]
fn no_name_is_shown_in_a_way_that_loses_it() {
    // What is typed or printed there is not a file, or is only compared.
    const OTHER: [&str; 3] =
        ["read/src/dwarf/places.rs", "cli/src/complete/words.rs", "cli/src/commands/man.rs"];
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in CRATES {
        for (module, text) in sources(&top.join(name).join("src")) {
            let file = format!("{name}/src/{}.rs", module.join("/"));
            let lossy = [".to_string_lossy()", ".display()"];
            if lossy.iter().any(|call| text.contains(call)) && !OTHER.contains(&file.as_str()) {
                found.push(file);
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    for (one, circle) in [
        ("use super::b::B;", true),
        ("use crate::{a::Own, b};", true),
        ("use crate::{self as all, x::{self, b::B}};", false),
        ("fn f() -> super::super::a::b::B { todo!() }", false),
        ("fn f() { g(vec![crate::b::B]) }", true),
        ("mod inner { fn f() { super::super::b::g() } }", true),
        ("// crate::b\nconst TEXT: &str = \"crate::b\";", false),
        ("#[cfg(test)] mod tests { use crate::b::B; }", false),
        ("mod c; use c::C;", false),
        ("mod c; use super::Root;", false),
    ] {
        let sources = [
            (vec![], "mod a; mod b; use b::B; struct Root;"),
            (vec!["a".to_string()], one),
            (vec!["a".to_string(), "c".to_string()], "use super::Own;"),
            (vec!["b".to_string()], "use crate::a::c::C;"),
        ];
        let sources = sources.map(|(module, text)| (module, text.to_string())).into();
        let found = circles(&imports(&sources));
        assert_eq!(!found.is_empty(), circle, "{one}: {found:?}");
        assert!(found.iter().all(|found| found == "a -> b -> a"), "{found:?}");
    }
}

/// The names in the rows of a Markdown table that do not exist, looked up in each row's own files.
fn named_and_not_there(top: &Path, table: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let quoted: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let (paths, words): (Vec<&str>, Vec<&str>) =
            quoted.iter().partition(|word| word.contains('/'));
        let mut text = String::new();
        let mut files = Vec::new();
        for path in &paths {
            let full = top.join(path);
            if full.is_dir() {
                let entries = std::fs::read_dir(&full).expect("a directory");
                files.extend(entries.map(|entry| entry.expect("an entry").path()));
            } else if full.is_file() {
                files.push(full);
            } else {
                missing.push(format!("{path}: {row}"));
            }
        }
        // Each crate has its own `lib.rs` and each folder its own `mod.rs`.
        for path in files.iter().filter(|path| path.is_file()) {
            text.push_str(&path.to_string_lossy());
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("a file")));
        }
        let is_there = |name: &&str| name.split("::").all(|part| text.contains(part));
        // The command itself is not named in any file.
        let words = words.iter().filter(|word| **word != "inspect");
        missing.extend(words.filter(|word| !is_there(word)).map(|word| format!("{word}: {row}")));
    }
    missing
}

#[test]
fn where_a_new_line_goes_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(top.join("ARCHITECTURE.md")).expect("it is there");
    let (_, after) = text.split_once("## Where a new line goes").expect("it has the table");
    let (table, _) = after.split_once("\n## ").expect("more follows");
    assert!(table.lines().filter(|line| line.starts_with('|')).count() > 15, "{table}");
    assert_eq!(named_and_not_there(&top, table), Vec::<String>::new());

    let row = "| a rule | `review/src/lints/`, `NO_SUCH_LIST` of `codegen/src/rules.rs` |";
    assert_eq!(named_and_not_there(&top, row).len(), 2);
}

/// The files of a crate, by module.
fn sources(src: &Path) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![src.into()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let inside = path.strip_prefix(src).expect("below the top").with_extension("");
                let names = inside.iter().map(|name| name.to_string_lossy().into_owned());
                let mut module: Module = names.collect();
                if module.last().is_some_and(|n| matches!(&**n, "mod" | "lib" | "main")) {
                    module.pop();
                }
                let text = std::fs::read_to_string(&path).expect("a source");
                // A library and a program of the same name share the root.
                found.entry(module).or_insert_with(String::new).push_str(&text);
            }
        }
    }
    found
}

/// Which modules each module names.
fn imports(sources: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut found = BTreeMap::new();
    for (module, text) in sources {
        let file = syn::parse_file(text).expect("Rust");
        let mut paths = Vec::new();
        items(&file.items, module, &mut paths);
        let of_crate = |mut path: Module| {
            while !sources.contains_key(&path) {
                path.pop();
            }
            path
        };
        let named: BTreeSet<Module> = paths.into_iter().map(of_crate).collect();
        found.insert(module.clone(), named);
    }
    found
}

/// The paths in items other than tests, from the root of the crate.
fn items(all: &[syn::Item], module: &Module, paths: &mut Vec<Module>) {
    let children: BTreeSet<String> = all.iter().filter_map(child).collect();
    for item in all {
        match item {
            syn::Item::Mod(inner) if is_for_tests(&inner.attrs) => {}
            syn::Item::Mod(syn::ItemMod { content: Some((_, inside)), ident, .. }) => {
                let mut module = module.clone();
                module.push(ident.to_string());
                items(inside, &module, paths);
            }
            _ => tokens(item.to_token_stream(), &[], &mut |path| {
                paths.extend(absolute(path, module, &children));
            }),
        }
    }
}

fn child(item: &syn::Item) -> Option<String> {
    match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.to_token_stream().to_string().contains("(test)")
    })
}

/// Calls `found` with each path of tokens; paths in braces get the prefix before the braces.
fn tokens(all: TokenStream, before: &[String], found: &mut dyn FnMut(&[String])) {
    let mut path = before.to_vec();
    let mut colons = 0;
    for token in all {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 && path.len() > before.len() {
                    found(&path);
                    path.truncate(before.len());
                }
                path.push(name.to_string());
                colons = 0;
                continue;
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Group(group) => {
                let is_list = colons == 2 && group.delimiter() == Delimiter::Brace;
                tokens(group.stream(), if is_list { &path } else { &[] }, found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        if path.len() > before.len() {
            found(&path);
        }
        path.truncate(before.len());
        colons = 0;
    }
    if path.len() > before.len() {
        found(&path);
    }
}

/// A path from the root of the crate; `None` if it leads elsewhere.
fn absolute(path: &[String], module: &Module, children: &BTreeSet<String>) -> Option<Module> {
    let mut at = module.clone();
    let (first, mut rest) = path.split_first()?;
    match first.as_str() {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            at.pop()?;
            while let Some(("super", more)) = rest.split_first().map(|(f, more)| (&**f, more)) {
                at.pop()?;
                rest = more;
            }
        }
        child if children.contains(child) && !rest.is_empty() => at.push(child.into()),
        _ => return None,
    }
    at.extend(rest.iter().filter(|name| *name != "self").cloned());
    Some(at)
}

/// The cycles between sibling modules.
fn circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let mut beside: BTreeMap<&[String], BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (from, named) in imports {
        for to in named {
            let same = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            // One contains the other, or they are the same.
            let (Some(a), Some(b)) = (from.get(same), to.get(same)) else { continue };
            beside.entry(&from[..same]).or_default().entry(a).or_default().insert(b);
        }
    }
    let mut found = Vec::new();
    for (folder, graph) in beside {
        let mut done = BTreeSet::new();
        for start in graph.keys() {
            if let Some(circle) = circle(&graph, start, &mut Vec::new(), &mut done) {
                let all: Vec<&str> = folder.iter().map(String::as_str).collect();
                let within = if all.is_empty() { String::new() } else { all.join("::") + ": " };
                found.push(format!("{within}{}", circle.join(" -> ")));
            }
        }
    }
    found
}

/// A cycle that a module leads to; each module is visited once.
fn circle<'a>(
    graph: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    at: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = way.iter().position(|earlier| *earlier == at) {
        return Some(way[start..].iter().copied().chain([at]).collect());
    }
    if !done.insert(at) {
        return None;
    }
    way.push(at);
    let next = graph.get(at).into_iter().flatten();
    let found = next.into_iter().find_map(|next| circle(graph, next, way, done));
    way.pop();
    found
}
