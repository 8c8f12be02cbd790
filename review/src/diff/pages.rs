// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds out what depends on the page size, with as few runs of the compiler as possible.
//!
//! The compiler runs once for each page size. But only headers that name the page size, and those
//! that they include, can depend on it. If another side has these headers unchanged, and none of
//! its other headers uses what depends on the page size, the answer is known already.

use super::Side;
use kho_abi_model::{Item, Model, PageVariant, ABI_DIR};
use kho_abi_read::headers;
use kho_abi_read::source::{Options, Reading, SourceError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, PoisonError};

/// The page sizes that kernels with Kexec HandOver have, in bytes.
pub const PAGE_SIZES: [u64; 3] = [4096, 16384, 65536];

/// What is known from sides that were read before.
#[derive(Debug, Default)]
pub struct PageMemo {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the first side is being read; the others wait for its result.
    first: First,
    /// By the code of the headers that can depend on the page size: what does depend on it.
    known: HashMap<String, Vec<PageVariant>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum First {
    #[default]
    Open,
    Begun,
    Done,
}

/// The first reading. It ends when this is dropped, even on failure, since others wait for it.
struct FirstReading<'a>(&'a PageMemo);

impl Drop for FirstReading<'_> {
    fn drop(&mut self) {
        self.0.lock().first = First::Done;
        self.0.done.notify_all();
    }
}

/// The headers of a side that can depend on the page size.
struct Inside {
    /// Their names.
    names: BTreeSet<String>,
    /// Their code.
    key: String,
}

impl PageMemo {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a guard if the caller is the first, who reads every page size.
    fn begin(&self) -> Option<FirstReading<'_>> {
        let mut state = self.lock();
        let first = state.first == First::Open;
        if first {
            state.first = First::Begun;
        }
        // Created only for the first caller: dropping it ends the first reading.
        first.then(|| FirstReading(self))
    }

    fn put(&self, side: &Side) {
        let Some(inside) = inside(side) else { return };
        let variants = &side.model().other_pages;
        let depends = names(variants);
        let outside = side.model().headers.iter().filter(|h| !inside.names.contains(&h.name));
        let mut items = outside.flat_map(|header| &header.items);
        if !items.any(|item| depends.contains(item.name())) {
            self.lock().known.insert(inside.key, variants.clone());
        }
    }

    /// Adds to a side what depends on the page size, if that is known already.
    fn fill(&self, side: &mut Side) -> bool {
        let Some(inside) = inside(side) else { return false };
        let mut state = self.lock();
        while state.first == First::Begun {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(variants) = state.known.get(&inside.key).cloned() else { return false };
        drop(state);
        let depends = names(&variants);
        let mut outside = side.texts.iter().filter(|(name, _)| !inside.names.contains(*name));
        if outside.any(|(_, text)| words(&text.outline.code).any(|word| depends.contains(word))) {
            return false;
        }
        let model = &mut side.reading.model;
        for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
            if depends.contains(item.name()) {
                mark(item, PAGE_SIZES[0]);
            }
        }
        model.other_pages = variants;
        true
    }
}

/// Reads a side, for the page size of the options or for all page sizes.
///
/// # Errors
///
/// As the reader's.
pub fn side(
    options: &Options,
    memo: &PageMemo,
    read: impl Fn(&Options) -> Result<Reading, SourceError> + Sync,
    make: impl Fn(Reading) -> Side,
) -> Result<Side, SourceError> {
    if options.page_size.is_some() {
        return Ok(make(read(options)?));
    }
    let of = |page_size: u64| read(&Options { page_size: Some(page_size), ..options.clone() });
    let [base, others @ ..] = PAGE_SIZES;
    let rest = || {
        std::thread::scope(|scope| {
            let threads = others.map(|size| scope.spawn(move || (size, of(size))));
            // A panic in a thread is a defect, not a failed reading.
            threads.map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    };
    let of = &of;
    if let Some(_first) = memo.begin() {
        let (first, rest) = std::thread::scope(|scope| {
            let rest = scope.spawn(rest);
            (of(base), rest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let mut side = make(first?);
        merge(&mut side.reading.model, base, rest)?;
        memo.put(&side);
        return Ok(side);
    }
    let mut side = make(of(base)?);
    if !memo.fill(&mut side) {
        merge(&mut side.reading.model, base, rest())?;
        memo.put(&side);
    }
    Ok(side)
}

/// The headers that name the page size, and those that they include. What all headers use of other headers counts, too.
/// `None` if a header has no text, or if it is uncertain what depends on the page size, as where a macro of another
/// header names it.
fn inside(side: &Side) -> Option<Inside> {
    let model = side.model();
    if model.headers.iter().any(|header| !side.texts.contains_key(&header.name)) {
        return None;
    }
    let names_page = |code: &str| words(code).any(|word| word.starts_with("PAGE_"));
    let texts = side.texts.iter();
    let mut open: Vec<&str> = texts
        .filter(|(_, text)| names_page(&text.outline.code))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut names = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(text) = side.texts.get(name) else { continue };
        if names.insert(name.to_string()) {
            open.extend(text.outline.code.lines().filter_map(|line| {
                let target = line.strip_prefix("#include")?.trim().strip_prefix('<')?;
                target.strip_prefix(ABI_DIR)?.strip_prefix('/')?.strip_suffix(".h>")
            }));
        }
    }
    let mut key = String::new();
    for name in &names {
        key.push_str(name);
        key.push('\n');
        key.push_str(&side.texts[name].outline.code);
        key.push('\u{1}');
    }
    for header in &model.headers {
        // Such a header is no side's text.
        if header.includes.iter().any(|include| headers::is_companion(include)) {
            return None;
        }
        for declaration in header.elsewhere() {
            // Any header may use it, or come to use it in another way.
            if names_page(&declaration.tokens) {
                return None;
            }
            key.push_str(&declaration.name);
            key.push(' ');
            key.push_str(&declaration.tokens);
            key.push('\u{1}');
        }
    }
    Some(Inside { names, key })
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// The names of what depends on the page size.
fn names(variants: &[PageVariant]) -> BTreeSet<String> {
    let items = variants.iter().flat_map(|pages| &pages.items);
    items
        .flat_map(|item| {
            let constants = item.constants().map(|constant| constant.name.clone());
            constants.chain([item.name().to_string()]).collect::<Vec<_>>()
        })
        .collect()
}

/// Adds to the model what differs between page sizes.
pub(crate) fn merge(
    model: &mut Model,
    base: u64,
    others: impl IntoIterator<Item = (u64, Result<Reading, SourceError>)>,
) -> Result<(), SourceError> {
    let mut read = Vec::new();
    for (size, other) in others {
        read.push((size, other?.model));
    }
    let mut depends: BTreeSet<String> = BTreeSet::new();
    for (_, other) in &read {
        for (header, other) in model.headers.iter().zip(&other.headers) {
            let items = other.items.iter();
            let mut by_name: BTreeMap<&str, &Item> =
                items.map(|item| (item.name(), item)).collect();
            for item in &header.items {
                if by_name.remove(item.name()).is_some_and(|other| other != item) {
                    depends.insert(item.name().into());
                }
            }
        }
    }
    for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
        if depends.contains(item.name()) {
            mark(item, base);
        }
    }
    for (page_size, other) in read {
        let items = other.headers.into_iter().flat_map(|header| header.items);
        let mut items: Vec<_> = items.filter(|item| depends.contains(item.name())).collect();
        for item in &mut items {
            mark(item, page_size);
        }
        // Added even if nothing depends on it: this too is knowledge.
        model.other_pages.push(PageVariant { page_size, items });
    }
    Ok(())
}

fn mark(item: &mut Item, page_size: u64) {
    match item {
        Item::Record(record) => record.page_size = Some(page_size),
        Item::Constant(constant) => constant.page_size = Some(page_size),
        Item::Enum(enumeration) => {
            for member in &mut enumeration.members {
                member.page_size = Some(page_size);
            }
        }
        Item::Macro(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::open;
    use kho_abi_read::source::Tree;

    const ROOT: &str =
        "#include <linux/types.h>\n#include <asm/page.h>\n#define ROOT_COMPATIBLE \"root-v1\"\n\
        #define ROOT_SLOTS (PAGE_SIZE / 8)\nstruct root_ser { u64 first; } __packed;\n";

    fn files(leaf: &str, root: &str) -> open::Files {
        let leaf = format!(
            "#include <linux/types.h>\n#include <linux/kho/abi/root.h>\n#define LEAF_COMPATIBLE \"leaf-v1\"\n\
             struct leaf_ser {{ struct root_ser root; {leaf} }} __packed;\n"
        );
        [("root.h".into(), root.into()), ("leaf.h".into(), leaf.into_bytes())].into()
    }

    /// A side that uses the memo equals one that is read by itself.
    #[test]
    fn what_is_known_is_what_would_be_read() {
        let options = Options::default();
        let first = files("u64 a;", ROOT);
        for (leaf, root, known) in [
            ("u64 a; u64 b;", ROOT.to_string(), true),
            ("u64 a;", format!("/* a word */{ROOT}"), true),
            ("u64 a[ROOT_SLOTS];", ROOT.to_string(), false),
            ("u64 a[PAGE_SIZE / 8];", ROOT.to_string(), false),
            ("u64 a;", ROOT.replace("PAGE_SIZE / 8", "PAGE_SIZE / 16"), false),
        ] {
            let second = files(leaf, &root);
            let memo = PageMemo::default();
            open::of_files_with("first", &first, &options, &memo).unwrap();
            let mut alone = open::of_files("second", &second, &options).unwrap();
            let together = open::of_files_with("second", &second, &options, &memo).unwrap();
            assert_eq!(together.model(), alone.model(), "{leaf}");
            alone.reading.model.other_pages.clear();
            assert_eq!(memo_of(&first, &options).fill(&mut alone), known, "{leaf}");
        }
    }

    /// A macro of another header that comes to depend on the page size.
    #[test]
    fn what_other_headers_define_may_depend_on_the_page_size() {
        let files = |include: &str, length: &str| -> open::Files {
            let text = format!(
                "#include <linux/types.h>\n#include <{include}>\n#define A_COMPATIBLE \"a-v1\"\n\
                 struct a_ser {{ u8 name[{length}]; }} __packed;\n"
            );
            [("include/linux/kho/abi/a.h".into(), text.into_bytes())].into()
        };
        // Of a header without a stand-in, and of one with it.
        for (include, length) in [
            ("uapi/linux/other.h", "OTHER_LENGTH"),
            ("uapi/linux/liveupdate.h", "LIVEUPDATE_SESSION_NAME_LENGTH"),
        ] {
            let in_tree = |value: &str| {
                let text = format!("#include <asm/page.h>\n#define {length} {value}\n");
                let path = format!("include/{include}");
                let get = move |paths: &[String]| {
                    paths
                        .iter()
                        .map(|one| (*one == path).then(|| text.clone().into()).into())
                        .collect()
                };
                Options { tree: Some(Tree::new("", get)), ..Options::default() }
            };
            let files = files(include, length);
            let memo = PageMemo::default();
            let fixed = open::of_files_with("first", &files, &in_tree("64"), &memo).unwrap();
            assert!(fixed.model().other_pages.iter().all(|pages| pages.items.is_empty()));
            for value in ["64", "(PAGE_SIZE / 64)"] {
                let alone = open::of_files("second", &files, &in_tree(value)).unwrap();
                let size = alone.model().record("a_ser").unwrap().size;
                assert_eq!(size, 64, "{include}");
                let depends = alone.model().other_pages.iter().any(|pages| !pages.items.is_empty());
                assert_eq!(depends, value != "64", "{include}");
                let together =
                    open::of_files_with("second", &files, &in_tree(value), &memo).unwrap();
                assert_eq!(together.model(), alone.model(), "{include}: {value}");
            }
        }
    }

    /// The first side uses a macro of another header that depends on the page size, but in a way that does not.
    #[test]
    fn what_did_not_depend_on_the_page_size_may_come_to() {
        let files = |length: &str| -> open::Files {
            let text = format!(
                "#include <linux/types.h>\n#include <linux/other.h>\n#define A_COMPATIBLE \"a-v1\"\n\
                 struct a_ser {{ u8 a[{length}]; }} __packed;\n"
            );
            [("include/linux/kho/abi/a.h".into(), text.into_bytes())].into()
        };
        let text = "#include <asm/page.h>\n#define LENGTH (PAGE_SIZE / 64)\n";
        let get = move |paths: &[String]| {
            let is_it = |path: &String| path == "include/linux/other.h";
            paths.iter().map(|path| is_it(path).then(|| text.into()).into()).collect()
        };
        let options = Options { tree: Some(Tree::new("", get)), ..Options::default() };
        let memo = PageMemo::default();
        open::of_files_with("first", &files("LENGTH > 0 ? 4 : 2"), &options, &memo).unwrap();
        let second = files("LENGTH / 16");
        let alone = open::of_files("second", &second, &options).unwrap();
        assert!(alone.model().other_pages.iter().any(|pages| !pages.items.is_empty()));
        let together = open::of_files_with("second", &second, &options, &memo).unwrap();
        assert_eq!(together.model(), alone.model());
    }

    fn memo_of(files: &open::Files, options: &Options) -> PageMemo {
        let memo = PageMemo::default();
        open::of_files_with("first", files, options, &memo).unwrap();
        memo
    }
}
