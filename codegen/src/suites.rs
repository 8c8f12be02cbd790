// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Puts generated unit tests beside what a directory has already: other tests, or the same ones.

use crate::origin::Origin;
use crate::write::kunit::OPTION;

/// What happens to the lines of a Makefile that build other generated tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They stay: only some of the tests are written.
    Kept,
    /// They go: all tests are written.
    Replaced,
}

/// The text of a generated file, beside what the directory has under its name.
///
/// A Makefile or Kconfig keeps the lines that somebody wrote by hand, and gets those that it lacks.
/// A file that only names another origin stays as it is.
#[must_use]
pub fn beside(
    name: &str,
    old: Option<&str>,
    new: String,
    origin: &Origin,
    others: Others,
) -> String {
    let Some(old) = old else { return new };
    let is_made = is_made_from(old, origin);
    match name {
        "Makefile" if is_made && others == Others::Replaced => {
            let by_hand = |line: &&str| !is_of_suite(line) && !has_line(&new, line);
            let lines: Vec<_> = behind_banner(old).filter(by_hand).collect();
            appended(&new, "", &lines.join("\n"))
        }
        "Makefile" => {
            let is_missing = |line: &&str| line.starts_with("obj-") && !has_line(old, line);
            let missing: Vec<_> = new.lines().filter(is_missing).collect();
            appended(old, "", &missing.join("\n"))
        }
        "Kconfig" if !is_made => {
            let option = format!("config {OPTION}");
            let at = new.find(&option).filter(|_| !has_line(old, &option));
            appended(old, "\n", at.map_or("", |at| new[at..].trim_end()))
        }
        "Kconfig" if without_banner(old) != without_banner(&new) => {
            appended(&new, "\n", &entries_by_hand(old, &new).join("\n"))
        }
        _ if !name.ends_with("_kunit.c") && without_banner(old) == without_banner(&new) => {
            old.into()
        }
        _ => new,
    }
}

/// Whether the first lines of a file say that it is generated from what `origin` is.
#[must_use]
pub fn is_made_from(text: &str, origin: &Origin) -> bool {
    let [from, _] = origin.banner();
    text.lines().take(5).any(|line| line.ends_with(&from))
}

/// Whether a file is generated, from anything: such a file may be written over.
#[must_use]
pub fn is_made(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains("Generated from "))
}

/// The lines with content behind the comment that a file begins with.
fn behind_banner(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.skip_while(|line| line.starts_with('#'))
}

/// Whether a line of a Makefile builds a generated test.
fn is_of_suite(line: &str) -> bool {
    line.starts_with("obj-") && line.contains(" kho_abi_") && line.trim_end().ends_with("_kunit.o")
}

/// The entries of a Kconfig, with their lines, that the generated one does not have.
fn entries_by_hand<'a>(old: &'a str, new: &str) -> Vec<&'a str> {
    let mut is_by_hand = false;
    let keep = |line: &&str| {
        if !line.starts_with([' ', '\t']) {
            is_by_hand = !has_line(new, line);
        }
        is_by_hand
    };
    behind_banner(old).filter(keep).collect()
}

fn has_line(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line.split_whitespace().eq(wanted.split_whitespace()))
}

fn appended(old: &str, between: &str, lines: &str) -> String {
    if lines.is_empty() {
        return old.into();
    }
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    format!("{old}{end}{between}{lines}\n")
}

/// The lines of a file but for those that name its origin.
fn without_banner(text: &str) -> Vec<&str> {
    let names_origin = |line: &str| {
        let words = line.trim_start_matches([' ', '*', '#']);
        words.starts_with("Generated from ") || words.starts_with("To change it, ")
    };
    text.lines().filter(|line| !names_origin(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(name: &str, old: &str, new: &str, others: Others) -> String {
        beside(name, Some(old), new.into(), &Origin::LAYOUTS, others)
    }

    #[test]
    fn what_somebody_wrote_by_hand_keeps_its_lines() {
        let new = "# c\nobj-$(CONFIG_X) += a.o\nobj-$(CONFIG_X) += b.o\n";
        let old = "obj-y += mine.o\nobj-$(CONFIG_X)\t\t+= a.o";
        let both = format!("{old}\nobj-$(CONFIG_X) += b.o\n");
        for others in [Others::Kept, Others::Replaced] {
            assert_eq!(put("Makefile", old, new, others), both);
            assert_eq!(put("Makefile", &both, new, others), both);
        }
        let new = format!("# c\n\nconfig {OPTION}\n\ttristate \"x\"\n");
        let old = "config MINE\n\tbool\n";
        let both = format!("{old}\nconfig {OPTION}\n\ttristate \"x\"\n");
        assert_eq!(put("Kconfig", old, &new, Others::Replaced), both);
        assert_eq!(put("Kconfig", &both, &new, Others::Replaced), both);
    }

    #[test]
    fn what_was_generated_goes_with_all_tests_and_stays_with_some() {
        let [from, _] = Origin::LAYOUTS.banner();
        let [a, b] = ["a", "b"].map(|name| format!("obj-$(CONFIG_X) += kho_abi_{name}_kunit.o\n"));
        let (old, new) = (format!("# {from}\n{a}"), format!("# {from}\n{b}"));
        assert_eq!(put("Makefile", &old, &new, Others::Replaced), new);
        assert_eq!(put("Makefile", &old, &new, Others::Kept), format!("{old}{b}"));
        let [old, new] =
            ["bool", "tristate"].map(|kind| format!("# {from}\nconfig {OPTION}\n\t{kind}\n"));
        assert_eq!(put("Kconfig", &old, &new, Others::Kept), new);
    }

    #[test]
    fn what_somebody_added_to_a_generated_file_stays() {
        let [from, _] = Origin::LAYOUTS.banner();
        let [a, b] = ["a", "b"].map(|name| format!("obj-$(CONFIG_X) += kho_abi_{name}_kunit.o\n"));
        let (old, new) =
            (format!("# {from}\n\n{a}# mine\nobj-y += mine.o\n"), format!("# {from}\n\n{b}"));
        let both = format!("{new}# mine\nobj-y += mine.o\n");
        assert_eq!(put("Makefile", &old, &new, Others::Replaced), both);
        assert_eq!(put("Makefile", &both, &new, Others::Replaced), both);
        let new = format!("# {from}\n\nconfig {OPTION}\n\ttristate\n\thelp\n\t  X\n");
        let old = format!("{}\nconfig MINE\n\tbool\n", new.replace('X', "Y"));
        let both = format!("{new}\nconfig MINE\n\tbool\n");
        assert_eq!(put("Kconfig", &old, &new, Others::Replaced), both);
        assert_eq!(put("Kconfig", &both, &new, Others::Replaced), both);
    }

    #[test]
    fn what_another_origin_made_the_same_stays() {
        let text =
            |from: &str, end: &str| format!("/* SPDX */\n/*\n * Generated from {from}\n{end}");
        let (old, new) = (text("abi/src/wire/: x", "a\n"), text("frozen layouts: x", "a\n"));
        assert_eq!(put("kho_abi_kunit.h", &old, &new, Others::Kept), old);
        let other = text("frozen layouts: x", "b\n");
        assert_eq!(put("kho_abi_kunit.h", &old, &other, Others::Kept), other);
        assert_eq!(put("kho_abi_x_kunit.c", &old, &new, Others::Kept), new);
        assert_eq!(beside("x.c", None, new.clone(), &Origin::LAYOUTS, Others::Kept), new);
    }
}
