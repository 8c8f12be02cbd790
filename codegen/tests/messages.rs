// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every text of the program that a person can see, in one golden, held to how the project writes English.
//!
//! The texts are the string literals of the crates' sources and the doc comments that clap makes help of.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Crates whose strings reach a person.
const SOURCES: [&str; 6] =
    ["abi/src", "model/src", "read/src", "codegen/src", "review/src", "inspect/src"];
/// The crate whose doc comments are help as well.
const COMMANDS: &str = "cli/src";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            found.push(path);
        }
    }
}

/// The value of a string literal; `None` for every other literal.
fn string_of(literal: &proc_macro2::Literal) -> Option<String> {
    match syn::parse_str::<syn::Lit>(&literal.to_string()).ok()? {
        syn::Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

/// Whether a text is a sentence or a part of one, as opposed to a key, a path, or a fragment of C.
fn is_prose(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word.len() >= 2 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '\'' || c == '-')
    });
    words.count() >= 2
}

/// `#[cfg(test)]`, as the group behind the `#`.
fn is_test_only(group: &proc_macro2::Group) -> bool {
    group.stream().to_string().replace(' ', "") == "cfg(test)"
}

#[derive(Default)]
struct Texts {
    found: Vec<String>,
}

impl Texts {
    /// Collects string literals. Attributes are passed over, and so are items for tests alone.
    fn literals(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if matches!(tokens.peek(), Some(TokenTree::Punct(inner)) if inner.as_char() == '!')
                    {
                        tokens.next();
                    }
                    let Some(TokenTree::Group(group)) = tokens.peek().cloned() else { continue };
                    if group.delimiter() != Delimiter::Bracket {
                        continue;
                    }
                    tokens.next();
                    if is_test_only(&group) {
                        skip_item(&mut tokens);
                    } else if !is_doc(&group) {
                        // Help, messages of errors and the like are written in attributes, too.
                        self.literals(group.stream());
                    }
                }
                TokenTree::Group(group) => self.literals(group.stream()),
                TokenTree::Literal(literal) => {
                    self.found.extend(string_of(&literal).filter(|text| is_prose(text)));
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    /// Collects the doc comments that clap makes help of.
    fn help(&mut self, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Struct(item) if is_of_clap(&item.attrs) => {
                    self.doc(&item.attrs);
                    item.fields.iter().for_each(|field| self.doc(&field.attrs));
                }
                syn::Item::Enum(item) if is_of_clap(&item.attrs) => {
                    self.doc(&item.attrs);
                    for variant in &item.variants {
                        self.doc(&variant.attrs);
                        variant.fields.iter().for_each(|field| self.doc(&field.attrs));
                    }
                }
                syn::Item::Mod(item) => {
                    if let Some((_, items)) = &item.content {
                        self.help(items);
                    }
                }
                _ => {}
            }
        }
    }

    fn doc(&mut self, attributes: &[syn::Attribute]) {
        let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) => Some(line.value()),
                _ => None,
            },
            _ => None,
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        self.found.extend(Some(text).filter(|text| is_prose(text)));
    }
}

/// Passes over an item: up to its body, or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    tokens.find(|token| match token {
        TokenTree::Group(body) => body.delimiter() == Delimiter::Brace,
        TokenTree::Punct(end) => end.as_char() == ';',
        _ => false,
    });
}

fn is_doc(group: &proc_macro2::Group) -> bool {
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// Whether an item derives one of clap's traits.
fn is_of_clap(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        list.tokens.clone().into_iter().any(|token| {
            matches!(&token, TokenTree::Ident(name) if ["Args", "Parser", "Subcommand", "ValueEnum"].iter().any(|t| name == t))
        })
    })
}

/// The texts of each source, by its path in the repository.
fn texts() -> BTreeMap<String, Vec<String>> {
    let root = repository();
    let mut by_file = BTreeMap::new();
    for directory in SOURCES.iter().chain([&COMMANDS]) {
        let mut files = Vec::new();
        rust_files(&root.join(directory), &mut files);
        for path in files {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_string();
            let source = fs::read_to_string(&path).unwrap();
            let mut texts = Texts::default();
            if *directory == COMMANDS {
                texts.help(
                    &syn::parse_file(&source)
                        .unwrap_or_else(|error| panic!("{name}: {error}"))
                        .items,
                );
            }
            texts.literals(source.parse().unwrap_or_else(|error| panic!("{name}: {error}")));
            if !texts.found.is_empty() {
                by_file.insert(name, texts.found);
            }
        }
    }
    by_file
}

#[test]
fn every_text_that_a_person_can_see() {
    let mut all = String::new();
    for (file, texts) in texts() {
        writeln!(all, "{file}").unwrap();
        for text in texts {
            for line in text.trim().lines() {
                writeln!(all, "    {}", line.trim_end()).unwrap();
            }
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/goldens");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("messages.txt", all));
}

/// What a text may not have, as a word or a sequence of words, and what to write instead.
const REFUSED: [(&[&[&str]], &str); 5] = [
    (
        &[&["nobody"], &["somebody"], &["whoever"]],
        "name the actor: the kernel, clang, the reviewer, this command",
    ),
    (&[&["tell"], &["tells"], &["told"], &["untold"]], "reports, contains, says, claims; unknown"),
    (
        &[
            &["is", "none"],
            &["are", "none"],
            &["is", "no", "*"],
            &["are", "no", "*"],
            &["was", "no", "*"],
        ],
        "not X: `not BTF: bad magic number`",
    ),
    (&[&["becomes", "of"], &["become", "of"], &["became", "of"]], "say what happened to it"),
    (&[&["so:"]], "consequence:"),
];

/// The first words of a text that it may not have, with what to write instead.
fn refused(text: &str) -> Option<(String, &'static str)> {
    let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
    let bare: Vec<_> = words
        .iter()
        .map(|word| word.trim_matches(['.', ',', ';', '(', ')', '"', '`', '!', '?']))
        .collect();
    REFUSED.iter().find_map(|(patterns, instead)| {
        let hit = patterns.iter().find(|pattern| {
            bare.windows(pattern.len()).enumerate().any(|(at, window)| {
                let matches =
                    pattern.iter().zip(window).all(|(want, word)| *want == "*" || want == word);
                // "There is no X" and "it is no longer X" are English.
                matches
                    && !(pattern.contains(&"no")
                        && (at > 0 && bare[at - 1] == "there" || window[2] == "longer"))
            })
        })?;
        Some((hit.join(" "), *instead))
    })
}

#[test]
fn texts_are_written_as_the_project_writes_english() {
    let mut found = String::new();
    for (file, texts) in texts() {
        for text in texts {
            if let Some((words, instead)) = refused(&text) {
                writeln!(found, "{file}: {text:?} has \"{words}\"; write instead: {instead}")
                    .unwrap();
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn what_is_refused_is_found() {
    for text in [
        "it is no BTF",
        "A device that nobody preserved.",
        "the session tells 3 files",
        "What becomes of it",
        "so: the struct grew",
        "its value is none.",
    ] {
        assert!(refused(text).is_some(), "{text}");
    }
    for text in [
        "there is no commit yet",
        "the struct is no longer packed",
        "not BTF: bad magic number",
        "also: this",
    ] {
        assert_eq!(refused(text), None, "{text}");
    }
}
