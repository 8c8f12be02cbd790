// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Mutated headers are read as a compiler reads them, or not at all.
//!
//! `KHO_ABI_MUTANTS=N` sets their number; the default is small.

#[allow(dead_code)] // Each test uses another part of it.
mod c;

use c::{compile, includes, places};
use kho_abi_codegen::generate;
use kho_abi_model::Model;
use kho_abi_read::source::Options;
use kho_abi_read::{headers, truth};
use std::collections::BTreeMap;
use std::fs;

/// Numbers that look random, but are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

const WORDS: &[(&str, &str)] = &[
    ("u64", "u32"),
    ("u64", "u8"),
    ("u64", "s64"),
    ("u32", "u64"),
    ("u16", "u32"),
    ("char", "u8"),
    ("__packed", ""),
    ("__packed", "__aligned(16)"),
    ("52", "51"),
    ("12", "11"),
    ("64", "32"),
    ("BIT(0)", "BIT(5)"),
    ("v2", "v3"),
    ("struct", "union"),
    (";", ""),
    ("}", "} }"),
    ("{", ""),
    ("*/", ""),
    ("/*", ""),
    ("#endif", ""),
    ("#define", "#undef"),
    ("\"", ""),
    ("\n", "\\\n"),
    ("(", "(("),
    ("PAGE_SIZE", "PAGE_SHIFT"),
    ("sizeof", "_Alignof"),
];

/// The text with one change, and a description of it.
fn mutate(text: &str, random: &mut Random) -> (String, String) {
    let lines: Vec<_> = text.lines().collect();
    let at = random.below(lines.len());
    let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_string()).collect();
    match random.below(6) {
        0 => {
            changed.remove(at);
            (changed.join("\n") + "\n", format!("line {} is gone: {}", at + 1, lines[at]))
        }
        1 => {
            let to = random.below(lines.len());
            changed.swap(at, to);
            (changed.join("\n") + "\n", format!("lines {} and {} are swapped", at + 1, to + 1))
        }
        2 => {
            let byte = random.below(text.len());
            let byte = (byte..text.len()).find(|byte| text.is_char_boundary(*byte)).unwrap_or(0);
            let other = *random.of(&['0', '9', ';', '{', '}', '*', '"', '\\', '#', ' ', '\n', 'x']);
            let mut changed: Vec<char> = text.chars().collect();
            let index = text[..byte].chars().count().min(changed.len() - 1);
            let before = std::mem::replace(&mut changed[index], other);
            (changed.into_iter().collect(), format!("{before:?} at {index} is {other:?}"))
        }
        3 => {
            let end = random.below(text.len());
            let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            (text[..end].into(), format!("cut off at {end}"))
        }
        _ => {
            let (from, to) = random.of(WORDS);
            let places: Vec<_> = text.match_indices(from).map(|(at, _)| at).collect();
            if places.is_empty() {
                return (text.into(), "nothing".into());
            }
            let at = *random.of(&places);
            let changed = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
            (changed, format!("{from:?} at {at} is {to:?}"))
        }
    }
}

/// The generated headers without their assertions, which would notice most mutations.
fn headers() -> BTreeMap<String, String> {
    let files = generate::render(&truth::current().unwrap()).into_iter();
    let plain = |text: &str| -> String {
        let lines = text.split_inclusive('\n');
        lines.filter(|line| !line.starts_with("static_assert")).collect()
    };
    files.map(|file| (file.path.display().to_string(), plain(&file.text))).collect()
}

/// What a compiler can be asked about: nameless types are left out.
fn nameable(model: &Model) -> Model {
    let mut model = model.clone();
    for header in &mut model.headers {
        header.items.retain(|item| !item.name().contains('.'));
        for item in &mut header.items {
            if let kho_abi_model::Item::Record(record) = item {
                // An array without a length has no size to ask for.
                record.fields.retain(|field| !field.name.is_empty() && field.bit_size > 0);
            }
        }
    }
    model
}

#[test]
fn a_mutant_reads_as_a_compiler_reads_it_or_not_at_all() {
    let count = std::env::var("KHO_ABI_MUTANTS").ok().map_or(60, |n| n.parse().unwrap());
    let seed = std::env::var("KHO_ABI_SEED").ok().map_or(0x5eed, |n| n.parse().unwrap());
    let mut random = Random(seed);
    let whole = headers();
    let names: Vec<_> = whole.keys().cloned().collect();
    let (mut read, mut gaps, mut refused) = (0, 0, 0);
    for number in 0..count {
        let name = random.of(&names).clone();
        // With the headers that it includes.
        let mut files: BTreeMap<_, _> = whole
            .iter()
            .filter(|(other, _)| {
                **other == name || whole[&name].contains(other.trim_start_matches("include/"))
            })
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect();
        let (text, what) = mutate(&files[&name], &mut random);
        files.insert(name.clone(), text.clone());
        let what = format!("{number}: {name}: {what}");
        let bytes = files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes()));
        let reading = headers::read_files(&bytes.collect(), &Options::default());
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => {
                assert!(!error.to_string().is_empty(), "{what}");
                refused += 1;
                continue;
            }
        };
        // There are not more items than words in the text.
        let items = reading.model.headers.iter().map(|header| header.items.len()).sum::<usize>();
        let words = files.values().map(|text| text.split_whitespace().count()).sum::<usize>();
        assert!(items + reading.gaps.len() <= words, "{what}: {items} of {words} words");
        read += 1;
        gaps += usize::from(!reading.gaps.is_empty());
        // A header that is read without a gap compiles, and agrees with what was read.
        if !reading.gaps.is_empty() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in &files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let model = nameable(&reading.model);
        let once: Vec<_> =
            includes(&model).lines().step_by(2).map(Into::into).collect::<Vec<String>>();
        let unit = format!("{}\n{}", once.join("\n"), places(&model));
        let flags = [
            "-Wno-error",
            "-w",
            "-fms-extensions",
            "-include",
            "linux/types.h",
            "-include",
            "uapi/linux/fcntl.h",
            "-include",
            "linux/compiler.h",
        ];
        let include = dir.path().join("include");
        if let Err(said) = compile("gcc", &include, &unit, &flags) {
            panic!("{what}: gcc reads something else:\n{said}\n{text}");
        }
    }
    assert!(read > count / 5 && refused + gaps > count / 20, "{read} {gaps} {refused} of {count}");
}
