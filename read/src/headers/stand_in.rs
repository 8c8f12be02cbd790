// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The stand-ins for the kernel's base headers, and what a tree's own headers have instead.

use super::declared::declaration;
use super::split::{split, Piece, Split, Written};
use super::{view, STAND_INS};
use crate::options::{Tree, TreeFile};
use kho_abi_model::reading::Gap;
use kho_abi_model::{put, Declaration, DeclarationKind};
use std::collections::{BTreeMap, BTreeSet};

/// Minimal versions of the kernel's base headers, by path: enough for a self-contained header.
pub const STAND_IN: &[(&str, &str)] = &[
    ("asm/page.h", include_str!("../../stand-in/asm/page.h")),
    ("linux/align.h", include_str!("../../stand-in/linux/align.h")),
    ("linux/bits.h", include_str!("../../stand-in/linux/bits.h")),
    ("linux/bug.h", include_str!("../../stand-in/linux/bug.h")),
    ("linux/build_bug.h", include_str!("../../stand-in/linux/build_bug.h")),
    ("linux/compiler.h", include_str!("../../stand-in/linux/compiler.h")),
    ("linux/const.h", include_str!("../../stand-in/linux/const.h")),
    ("linux/err.h", include_str!("../../stand-in/linux/err.h")),
    ("linux/errno.h", include_str!("../../stand-in/linux/errno.h")),
    ("linux/kconfig.h", include_str!("../../stand-in/linux/kconfig.h")),
    ("linux/limits.h", include_str!("../../stand-in/linux/limits.h")),
    ("linux/log2.h", include_str!("../../stand-in/linux/log2.h")),
    ("linux/math.h", include_str!("../../stand-in/linux/math.h")),
    ("linux/sizes.h", include_str!("../../stand-in/linux/sizes.h")),
    ("linux/stddef.h", include_str!("../../stand-in/linux/stddef.h")),
    ("linux/stringify.h", include_str!("../../stand-in/linux/stringify.h")),
    ("linux/types.h", include_str!("../../stand-in/linux/types.h")),
    ("linux/utsname.h", include_str!("../../stand-in/linux/utsname.h")),
    ("linux/uuid.h", include_str!("../../stand-in/linux/uuid.h")),
    ("more/stddef.h", include_str!("../../stand-in/more/stddef.h")),
    ("more/types.h", include_str!("../../stand-in/more/types.h")),
    ("uapi/linux/fcntl.h", include_str!("../../stand-in/uapi/linux/fcntl.h")),
    ("uapi/linux/liveupdate.h", include_str!("../../stand-in/uapi/linux/liveupdate.h")),
];

/// Makes the stand-ins that are used agree with the headers of a tree.
///
/// A number that the tree defines otherwise is what the tree says. One that depends on its
/// configuration is left out, and is a gap: what uses it is unknown. A tree that lacks the header, or
/// the name, says nothing about it. Returns the gaps, and the tree's own declarations of what is used.
pub(super) fn agree(
    view: &mut BTreeMap<String, String>,
    used: &BTreeSet<&str>,
    tree: &Tree,
) -> (Vec<Gap>, Vec<Declaration>) {
    let (mut gaps, mut numbers) = (Vec::new(), Vec::new());
    let asked = asked(used);
    let paths: Vec<_> = asked.iter().map(|(_, path)| path.clone()).collect();
    for ((name, path), file) in asked.iter().zip(tree.get(&paths)) {
        let Some(known) = view.get_mut(&format!("{STAND_INS}{name}")) else { continue };
        let shown = tree.shown(path);
        let (text, open, why) = match file {
            TreeFile::Missing => continue,
            TreeFile::Content(bytes) => {
                let own = split(&String::from_utf8_lossy(&bytes));
                let Agreed { text, others, varying } = agreed(known, &own);
                let others = others.into_iter().filter(|other| used.contains(&*other.name));
                numbers.extend(others.map(|written| declaration(written, &shown)));
                (text, varying, "it depends on the kernel's configuration".to_string())
            }
            TreeFile::Unread(why) => {
                let (text, open) = without_numbers(known);
                (text, open, format!("it was not read: {why}"))
            }
        };
        *known = text;
        let open = open.into_iter().filter(|name| used.contains(&**name));
        gaps.extend(open.map(|item| Gap { item, why: format!("{shown}: {why}") }));
    }
    (gaps, numbers)
}

/// The headers of a tree, by path, that may have other numbers than the stand-ins have, for headers with those words.
#[must_use]
pub fn numbers_elsewhere(used: &BTreeSet<&str>) -> Vec<String> {
    asked(used).into_iter().map(|(_, path)| path).collect()
}

/// The stand-ins with numbers of which headers with those words use something, each with the paths that it has in a
/// tree.
fn asked(used: &BTreeSet<&str>) -> Vec<(&'static str, String)> {
    let mut asked = Vec::new();
    for (name, text) in STAND_IN.iter().filter(|(name, _)| !name.starts_with("more/")) {
        let split = split(text);
        let is_used = |piece: &Piece| piece.written().is_some_and(|w| used.contains(&*w.name));
        if split.pieces.iter().any(is_used) && split.pieces.iter().any(|p| number(p).is_some()) {
            let paths = ["include", "include/uapi"].map(|dir| format!("{dir}/{name}"));
            asked.extend(paths.into_iter().map(|path| (*name, path)));
        }
    }
    asked
}

/// A stand-in that agrees with the tree's own header.
struct Agreed<'a> {
    text: String,
    /// The numbers of the tree that are others than the stand-in's.
    others: Vec<&'a Written>,
    /// Those that depend on the configuration.
    varying: Vec<String>,
}

/// A stand-in, with the numbers of the tree's own header.
fn agreed<'a>(known: &str, theirs: &'a Split) -> Agreed<'a> {
    let (mut others, mut varying) = (Vec::new(), Vec::new());
    let split = split(known);
    let (mut out, mut other) = (BTreeSet::new(), String::new());
    for (at, piece) in split.pieces.iter().enumerate() {
        let (Some(here), Some(written)) = (number(piece), piece.written()) else { continue };
        let there: Vec<_> = theirs
            .pieces
            .iter()
            .filter(|p| p.written().is_some_and(|w| w.name == written.name))
            .collect();
        if there.is_empty() || there.iter().all(|piece| number(piece) == Some(here)) {
            continue;
        }
        out.insert(at);
        let differ = there.iter().filter(|piece| number(piece) != Some(here));
        others.extend(differ.filter_map(|piece| piece.written()).filter(|w| !w.varies));
        let only = match *there {
            [only] => only.written().filter(|w| w.kind == DeclarationKind::Constant && !w.varies),
            _ => None,
        };
        if let Some(only) = only {
            put!(other, "#define {} ({})", only.name, only.tokens);
        } else {
            varying.push(written.name.clone());
        }
    }
    if out.is_empty() {
        return Agreed { text: known.into(), others, varying };
    }
    // First, since the rest may use it.
    Agreed { text: format!("{other}{}", view::text(known, &split, &out)), others, varying }
}

/// A stand-in without its numbers, and their names.
fn without_numbers(known: &str) -> (String, Vec<String>) {
    let split = split(known);
    let pieces = split.pieces.iter().enumerate();
    let numbers = pieces.filter_map(|(at, p)| number(p).and(Some((at, p.written()?.name.clone()))));
    let (out, names) = numbers.unzip();
    (view::text(known, &split, &out), names)
}

/// The number that a macro is, whatever the configuration.
fn number(piece: &Piece) -> Option<u64> {
    let written = piece.written().filter(|written| !written.varies)?;
    let is_macro = written.kind == DeclarationKind::Constant && written.tokens.len() < 32;
    let digits = written.tokens.trim_end_matches(['u', 'U', 'l', 'L']);
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        _ if !is_macro => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if digits.starts_with('0') => u64::from_str_radix(digits, 8).ok(),
        None => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_its_own_numbers() {
        let known = "#ifndef _X_H\n#define _X_H\n\n#define A 64\n#define B 0x10\n\n#endif\n";
        let with = |own: &str| agreed(known, &split(own)).text;
        for own in ["", "#define A 64\n", "#define A 0x40 /* bytes */\n#define B 16UL\n"] {
            assert_eq!(with(own), known, "{own}");
        }
        let other = with("#ifndef _UAPI_X_H\n#define _UAPI_X_H\n#define A 128\n#endif\n");
        assert!(other.starts_with("#define A (128)\n#ifndef _X_H"), "{other}");
        assert!(!other.contains("64") && other.contains("#define B 0x10"), "{other}");
        assert!(with("#define A (B * 4)\n").starts_with("#define A (( B * 4 ))\n"), "{other}");
        let other = with("#ifdef CONFIG_A\n#define A 64\n#else\n#define A 32\n#endif\n");
        assert!(!other.contains("#define A") && other.contains("#define B"), "{other}");
    }
}
