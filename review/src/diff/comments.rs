// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Comments of headers that say something else: on structs, on constants, and `DOC:` blocks.
//!
//! A header's comments are a part of the contract: they say what flags mean, and only they show the
//! properties of device trees. What comments say about fields is [`super::Reworded`].

use super::{Comparison, HeaderText, Reworded};
use kho_abi_model::Place;
use kho_abi_read::outline::Outline;
use std::collections::BTreeMap;

/// A comment that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentChange {
    /// The header, as `memfd`.
    pub header: String,
    /// What the comment is about, as `struct memfd_luo_ser`, `DOC: memfd Live Update ABI`.
    pub title: String,
    /// Where it is.
    pub place: Place,
    /// Its old words; empty if it is new.
    pub old: String,
    /// Its new words; empty if it is gone.
    pub new: String,
    /// The pairs of the header, by index.
    pub pairs: Vec<usize>,
}

/// A comment: the lines that stand together.
struct Block {
    title: String,
    line: usize,
    words: Vec<String>,
    /// The line of each word.
    lines: Vec<usize>,
}

pub(super) fn find(comparison: &Comparison<'_>, reworded: &[Reworded]) -> Vec<CommentChange> {
    let mut found = Vec::new();
    for (name, text) in &comparison.new.texts {
        let Some(before) = comparison.old.texts.get(name) else { continue };
        let pairs: Vec<usize> = (0..comparison.pairs.len())
            .filter(|at| {
                let pair = &comparison.pairs[*at];
                [pair.old, pair.new].into_iter().flatten().any(|(header, _)| header.name == *name)
            })
            .collect();
        for (old, new) in changed(blocks(&before.outline), blocks(&text.outline)) {
            let Some(any) = new.as_ref().or(old.as_ref()) else { continue };
            // It is about nothing, or reported with its field.
            if any.title.is_empty() || reworded.iter().any(|other| other.item == any.title) {
                continue;
            }
            let words_of = |block: &Option<Block>| block.as_ref().map(|block| block.words.clone());
            let (was, is) =
                (words_of(&old).unwrap_or_default(), words_of(&new).unwrap_or_default());
            let same = was.iter().zip(&is).take_while(|(a, b)| a == b).count();
            // The first word that differs, if both have the comment.
            let at = old.as_ref().and(new.as_ref()).and_then(|new| new.lines.get(same).copied());
            let place = |text: &HeaderText, block: &Block| Place {
                file: text.file.clone(),
                line: at.unwrap_or(block.line),
            };
            found.push(CommentChange {
                header: name.clone(),
                title: any.title.clone(),
                place: new.as_ref().map_or_else(|| place(before, any), |new| place(text, new)),
                old: was.join(" "),
                new: is.join(" "),
                pairs: pairs.clone(),
            });
        }
    }
    found
}

/// The comments of one side that the other does not have, paired by what they are about.
fn changed(old: Vec<Block>, new: Vec<Block>) -> Vec<(Option<Block>, Option<Block>)> {
    let mut count: BTreeMap<Vec<String>, isize> = BTreeMap::new();
    let plain = |block: &Block| block.words.iter().map(|word| plain(word)).collect::<Vec<_>>();
    for block in &new {
        *count.entry(plain(block)).or_default() += 1;
    }
    let mut gone: Vec<Block> = Vec::new();
    for block in old {
        match count.get_mut(&plain(&block)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => gone.push(block),
        }
    }
    let mut found = Vec::new();
    for block in new {
        let Some(left) = count.get_mut(&plain(&block)).filter(|left| **left > 0) else { continue };
        *left -= 1;
        let of_it = gone.iter().position(|other| other.title == block.title);
        found.push((of_it.map(|at| gone.remove(at)), Some(block)));
    }
    found.extend(gone.into_iter().map(|block| (Some(block), None)));
    found
}

/// A word without what ends a sentence, and without capitals.
fn plain(word: &str) -> String {
    word.trim_end_matches(['.', ',', ';']).to_lowercase()
}

/// The comments of a header, apart from its licence and what they say about fields.
fn blocks(outline: &Outline) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let all = outline.comments.iter().map(|(line, text)| (*line, text.as_str()));
    for (line, text) in all {
        let joins = lines.last().is_some_and(|(last, _)| line == *last || line == last + 1);
        if !joins {
            found.extend(block(outline, &lines));
            lines.clear();
        }
        lines.push((line, text));
    }
    found.extend(block(outline, &lines));
    found
}

fn block(outline: &Outline, lines: &[(usize, &str)]) -> Option<Block> {
    let line = lines.first()?.0;
    let is_licence = |text: &str| text.contains("SPDX-License") || text.contains("Copyright");
    if lines.iter().any(|(_, text)| is_licence(text)) {
        return None;
    }
    let mut words: Vec<String> = Vec::new();
    let mut of_words: Vec<usize> = Vec::new();
    // A member's lines end at an empty one.
    let mut in_member = false;
    for (at, text) in lines {
        let text = text.strip_prefix("* ").unwrap_or(text).trim_matches('*').trim();
        in_member = text.starts_with('@') || in_member && !text.is_empty();
        if !in_member {
            words.extend(text.split_whitespace().map(String::from));
            of_words.resize(words.len(), *at);
        }
    }
    let title = title(outline, lines, &words);
    (!words.is_empty()).then_some(Block { title, line, words, lines: of_words })
}

/// What a comment is about; empty if it stands by itself.
fn title(outline: &Outline, lines: &[(usize, &str)], words: &[String]) -> String {
    let mut begins = lines.iter().map(|(_, text)| text.trim_matches(['*', ' ', '\t']));
    if let Some(doc) = begins.find(|text| !text.is_empty()).filter(|text| text.starts_with("DOC:"))
    {
        return doc.into();
    }
    // kernel-doc names what it is about.
    if let Some(at) = words.iter().take(3).position(|word| word == "-").filter(|at| *at > 0) {
        return words[..at].join(" ");
    }
    let [first, last] = [lines.first(), lines.last()].map(|line| line.map_or(0, |(at, _)| *at));
    let near = |line: usize| line >= first && line <= last + 1;
    for record in &outline.records {
        if let Some(field) = record.fields.iter().find(|field| near(field.line)) {
            return format!("{}.{}", record.name, field.name);
        }
        if near(record.line) {
            return format!("struct {}", record.name);
        }
    }
    let mut macros = outline.macros.iter();
    macros.find(|found| near(found.line)).map_or(String::new(), |found| found.name.clone())
}
