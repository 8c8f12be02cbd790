// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Names that a mistyped word may mean.

/// How alike a word and a name must be, of 1.
const LIKENESS: f32 = 0.6;
/// Longest word that is compared, in bytes: names are shorter, and the time grows with the square.
const WORD_LIMIT: usize = 128;

/// The name that is most like a word, if any is like it.
#[must_use]
pub fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    if word.len() > WORD_LIMIT {
        return None;
    }
    similar::get_close_matches(word, names, 1, LIKENESS).first().copied()
}

/// The same, as the beginning of a help line: `did you mean kho-v4? `, or nothing.
#[must_use]
pub fn question(word: &str, names: &[&str]) -> String {
    nearest(word, names).map_or_else(String::new, |name| format!("did you mean {name}? "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_asked_for_and_nothing_else() {
        let names = ["field_added", "field_moved", "page_not_preserved"];
        assert_eq!(question("feild_added", &names), "did you mean field_added? ");
        assert_eq!(question("page_preserved", &names), "did you mean page_not_preserved? ");
        assert_eq!(question("xyzzy", &names), "");
        assert_eq!(question(&"field_added".repeat(1000), &names), "");
        assert_eq!(question("field", &[]), "");
    }
}
