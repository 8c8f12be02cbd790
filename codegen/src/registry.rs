// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The lists under `abi/src/wire/` that name wire files and versions: puts lines in, and takes them out.
//!
//! Each function takes the text of a list and returns the new one, or what it did not find there. The
//! text is Rust, and as rustfmt has it once [`crate::rustfmt`] has had it.

use kho_abi_model::version::called::Called;
use std::ops::Range;
use syn::spanned::Spanned as _;

/// What each wire module is declared with: its types carry C names.
const C_NAMES: &str = "#[allow(non_camel_case_types)] // A wire type carries its C name.\n";

/// A part that a text must have and has not.
pub type Missing = &'static str;

/// The name of a version's module in `versions.rs`: `vfio_pci_v1`; `pci_v2` where reports say `pci@2`.
#[must_use]
pub fn version_module(compatible: &str) -> Option<String> {
    let called = Called::parse(compatible)?;
    let name: String =
        called.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    Some(format!("{name}_v{}", called.number))
}

/// Replaces parts of a text; the ranges do not overlap.
#[must_use]
pub fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, with) in edits {
        out.push_str(&text[done..range.start]);
        out.push_str(&with);
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
}

/// The value of a constant at the top of a file.
#[must_use]
pub fn constant<'a>(syntax: &'a syn::File, name: &str) -> Option<&'a syn::Expr> {
    syntax.items.iter().find_map(|item| match item {
        syn::Item::Const(item) if item.ident == name => Some(&*item.expr),
        _ => None,
    })
}

/// `earlier/mod.rs` with one more version, at the end of its list.
///
/// # Errors
///
/// The part that is missing.
pub fn add_earlier(text: &str, module: &str) -> Result<String, Missing> {
    add_module(text, module, "EARLIER", false)
}

/// `mod.rs` with one more wire file, in its place in the alphabet.
///
/// # Errors
///
/// The part that is missing.
pub fn add_header(text: &str, module: &str) -> Result<String, Missing> {
    add_module(text, module, "HEADERS", true)
}

fn add_module(text: &str, module: &str, list: &str, sorted: bool) -> Result<String, Missing> {
    let syntax = syn::parse_file(text).map_err(|_| "Rust")?;
    let entry = format!("&{module}::HEADER");
    let edit = edit_list(text, &syntax, list, |entries| {
        entries.push(entry);
        if sorted {
            // By the names of their files, as the model has its headers.
            entries.sort_by_key(|entry| entry.replace("::HEADER", ".rs"));
        }
    })?;
    let modules = syntax.items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) => Some((item.ident.to_string(), item.span().byte_range())),
        _ => None,
    });
    // Before the first that comes behind it; at the end, or before the imports, otherwise.
    let modules: Vec<_> = modules.collect();
    let next = modules.iter().find(|(name, _)| name.as_str() > module);
    let declared = format!("{C_NAMES}pub mod {module};\n");
    let place = match (next, modules.last()) {
        (Some((_, next)), _) => (next.start..next.start, declared),
        (None, Some((_, before))) => (before.end..before.end, format!("\n{}", declared.trim_end())),
        (None, None) => {
            let mut items = syntax.items.iter();
            let import = items.find(|item| matches!(item, syn::Item::Use(_)));
            let start = import.ok_or("`use super::layout`")?.span().byte_range().start;
            (start..start, format!("{declared}\n"))
        }
    };
    Ok(splice(text, vec![place, edit]))
}

/// `mod.rs` with a contract among the drafts, or without it.
///
/// # Errors
///
/// The part that is missing.
pub fn set_draft(text: &str, compatible: &str, is_draft: bool) -> Result<String, Missing> {
    let syntax = syn::parse_file(text).map_err(|_| "Rust")?;
    let entry = format!("{compatible:?}");
    let listed = edit_list(text, &syntax, "DRAFTS", |entries| {
        entries.retain(|one| *one != entry);
        if is_draft {
            entries.push(entry);
            entries.sort();
        }
    })?;
    Ok(splice(text, vec![listed]))
}

/// The edit that changes a constant's list, which is `&[…]`.
fn edit_list(
    text: &str,
    syntax: &syn::File,
    name: &str,
    change: impl FnOnce(&mut Vec<String>),
) -> Result<(Range<usize>, String), Missing> {
    let array = match constant(syntax, name) {
        Some(syn::Expr::Reference(list)) => match &*list.expr {
            syn::Expr::Array(array) => Some((list.span().byte_range(), array)),
            _ => None,
        },
        _ => None,
    };
    let (place, array) = array.ok_or("the list of wire files, earlier versions or drafts")?;
    let entries = array.elems.iter().map(|elem| text[elem.span().byte_range()].to_string());
    let mut entries: Vec<_> = entries.collect();
    change(&mut entries);
    Ok((place, format!("&[{}]", entries.join(", "))))
}

/// `versions.rs` with a version that is in a wire file, as `memfd`.
///
/// # Errors
///
/// The part that is missing.
pub fn add_version(text: &str, version: &str, module: &str) -> Result<String, Missing> {
    let lines = text.lines().filter(|line| line.starts_with(EXPORT));
    let mut lines: Vec<_> = lines.map(String::from).collect();
    lines.push(exported(module, version));
    Ok(with_exports(text, lines))
}

/// `versions.rs`, with a version that has moved to `earlier/`.
///
/// # Errors
///
/// The part that is missing.
pub fn move_version(text: &str, version: &str, earlier: &str) -> Result<String, Missing> {
    let is_it = |line: &str| {
        line.ends_with(&format!(" as {version};")) || line.ends_with(&format!("::{version};"))
    };
    let mut found = false;
    let lines = text.lines().filter(|line| line.starts_with(EXPORT));
    let lines = lines.map(|line| {
        if !is_it(line) {
            return line.to_string();
        }
        found = true;
        exported(&format!("earlier::{earlier}"), version)
    });
    let lines = lines.collect();
    if !found {
        return Err("the version's line in versions.rs");
    }
    Ok(with_exports(text, lines))
}

const EXPORT: &str = "pub use super::";

fn exported(module: &str, version: &str) -> String {
    if module.rsplit("::").next() == Some(version) {
        format!("{EXPORT}{module};")
    } else {
        format!("{EXPORT}{module} as {version};")
    }
}

/// The text with these lines for its own.
fn with_exports(text: &str, mut lines: Vec<String>) -> String {
    lines.sort();
    let head = text.lines().take_while(|line| !line.starts_with(EXPORT));
    let mut out: Vec<_> = head.map(String::from).collect();
    out.extend(lines);
    out.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_earlier_versions_grows_at_its_end() {
        let empty = "//! Docs.\n\nuse super::layout;\n\n/// All.\npub const EARLIER: &[&layout::Header] = &[];\n";
        let one = add_earlier(empty, "x_v1").unwrap();
        let expected = "//! Docs.\n\n#[allow(non_camel_case_types)] // A wire type carries its C name.\npub mod x_v1;\n\nuse super::layout;\n\n/// All.\npub const EARLIER: &[&layout::Header] = &[&x_v1::HEADER];\n";
        assert_eq!(one, expected);
        let two = add_earlier(&one, "a_v12").unwrap();
        assert!(two.ends_with("&[&x_v1::HEADER, &a_v12::HEADER];\n"), "{two}");
        assert!(two.contains("pub mod a_v12;\n#[allow(non_camel"), "{two}");
        let three = add_earlier(&two, "y_v1").unwrap();
        assert!(three.contains("pub mod x_v1;\n#[allow(non_camel"), "{three}");
        assert!(add_earlier("use super::layout;\n", "x_v1").is_err());
    }

    #[test]
    fn wire_files_are_listed_in_the_alphabet_and_drafts_come_and_go() {
        let text = "pub mod bits;\npub mod luo;\npub mod walk;\n\n/// All.\npub const HEADERS: &[&layout::Header] = &[&luo::HEADER];\n\npub const DRAFTS: &[&str] = &[\"pci@2\"];\n";
        let more = add_header(text, "lock").unwrap();
        assert!(more.contains("pub mod bits;\n#[allow(non_camel_case_types)] // A wire"), "{more}");
        assert!(more.contains("pub mod lock;\npub mod luo;\n"), "{more}");
        assert!(more.contains("&[&lock::HEADER, &luo::HEADER]"), "{more}");
        let drafts = set_draft(&more, "lock-v1", true).unwrap();
        assert!(drafts.contains("&[\"lock-v1\", \"pci@2\"]"), "{drafts}");
        assert_eq!(set_draft(&drafts, "lock-v1", true).unwrap(), drafts);
        assert_eq!(set_draft(&drafts, "lock-v1", false).unwrap(), more);
    }

    #[test]
    fn a_version_keeps_its_name_when_it_moves() {
        let text = "//! Docs.\n\npub use super::earlier::luo_v1;\npub use super::memfd as memfd_v2;\npub use super::pci as pci_v2;\n";
        let moved = move_version(text, "memfd_v2", "memfd_v2").unwrap();
        let moved = add_version(&moved, "memfd_v3", "memfd").unwrap();
        assert_eq!(
            moved,
            "//! Docs.\n\npub use super::earlier::luo_v1;\npub use super::earlier::memfd_v2;\npub use super::memfd as memfd_v3;\npub use super::pci as pci_v2;\n"
        );
        let other = move_version(text, "memfd_v2", "memory_v2").unwrap();
        assert!(other.contains("pub use super::earlier::memory_v2 as memfd_v2;"), "{other}");
        assert!(move_version(text, "luo_v9", "luo_v9").is_err());
        assert_eq!(version_module("reserve-mem-v1").unwrap(), "reserve_mem_v1");
        assert_eq!(version_module("pci@2").unwrap(), "pci_v2");
    }
}
