// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Normalises the spelling of C, so that texts with the same meaning are equal.

/// Whether a token is an identifier or a keyword.
pub(super) fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The attributes that every reading knows, or the beginnings of theirs.
pub(super) const ATTRIBUTES: &[&str] =
    &["__packed", "__aligned", "__attribute__", "__attribute", "_Alignas"];

/// Whether a word is an attribute by itself, or begins one.
pub(super) fn is_attribute(word: &str) -> bool {
    ATTRIBUTES.contains(&word) || word.starts_with("____cacheline_aligned")
}

/// Which tokens are part of an attribute.
pub(super) fn attributes(words: &[&str]) -> Vec<bool> {
    let mut marked = vec![false; words.len()];
    let mut at = 0;
    while at < words.len() {
        if !is_attribute(words[at]) {
            at += 1;
            continue;
        }
        marked[at] = true;
        at += 1;
        if words.get(at) == Some(&"(") {
            let mut depth = 0_usize;
            while at < words.len() {
                marked[at] = true;
                match words[at] {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break;
                }
            }
        }
    }
    marked
}

/// The tokens that are not part of an attribute.
pub(super) fn without_attributes<'t>(words: &[&'t str]) -> Vec<&'t str> {
    let marked = attributes(words);
    words.iter().zip(marked).filter(|(_, marked)| !marked).map(|(word, _)| *word).collect()
}

/// A declaration in a normalised spelling, with single blanks; `inside` has the directives, with
/// the number of tokens before each.
pub(super) fn one_spelling(words: &[&str], inside: &[(usize, String)]) -> String {
    let mut out = String::new();
    let mut inside = inside.iter().peekable();
    let mut at = 0;
    let mut depth = 0_usize;
    // Attributes before or after the body are written after it, sorted.
    let has_body = words.contains(&"{");
    let mut outer: Vec<String> = Vec::new();
    let put = |out: &mut String, word: &str| {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push(' ');
        }
        out.push_str(word);
    };
    while at < words.len() {
        while let Some((_, directive)) = inside.next_if(|(before, _)| *before <= at) {
            if !directive.is_empty() {
                if !out.ends_with('\n') {
                    out.push('\n');
                }
                out.push_str(directive);
                out.push('\n');
            }
        }
        if is_attribute(words[at]) {
            let (mut said, len) = attribute(&words[at..]);
            at += len;
            if has_body && depth == 0 {
                outer.append(&mut said);
            } else {
                for word in &said {
                    put(&mut out, word);
                }
            }
            continue;
        }
        if let Some((word, len)) = integer_type(&words[at..]) {
            put(&mut out, &word);
            at += len;
            continue;
        }
        match words[at] {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        match words[at] {
            // These do not affect the layout.
            "const" | "volatile" | "extern" | "__user" | "__rcu" => {}
            ";" if at + 1 == words.len() => {}
            word => put(&mut out, &of_word(word)),
        }
        at += 1;
    }
    for (_, directive) in inside.filter(|(_, directive)| !directive.is_empty()) {
        out.push('\n');
        out.push_str(directive);
    }
    outer.sort_unstable();
    outer.dedup();
    for word in &outer {
        put(&mut out, word);
    }
    out
}

/// The attributes at the start in normalised spelling, and how many tokens they take.
fn attribute(words: &[&str]) -> (Vec<String>, usize) {
    let marked = attributes(words);
    let mut len = 1;
    let mut depth = 0_usize;
    if words.get(1) == Some(&"(") {
        while len < words.len() && marked[len] {
            match words[len] {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            len += 1;
            if depth == 0 {
                break;
            }
        }
    }
    let bare = |word: &str| word.trim_start_matches("__").trim_end_matches("__").to_string();
    if !words[0].starts_with("__attribute") {
        let rest: Vec<_> = words[1..len].iter().map(|word| of_word(word)).collect();
        let all: Vec<_> = std::iter::once(words[0].to_string()).chain(rest).collect();
        return (vec![all.join(" ")], len);
    }
    // `((a, b(c)))`, without the outer parentheses.
    let list = words.get(3..len.saturating_sub(2).max(3)).unwrap_or_default();
    let mut said: Vec<String> = Vec::new();
    let mut one: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for word in list.iter().copied().chain([","]) {
        match word {
            "," if depth == 0 => {
                if !one.is_empty() {
                    let text = std::mem::take(&mut one).join(" ");
                    said.push(match text.as_str() {
                        "packed" => "__packed".into(),
                        text if text.starts_with("aligned (") => format!("__{text}"),
                        text => format!("__attribute__ ( ( {text} ) )"),
                    });
                }
                continue;
            }
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        one.push(if one.is_empty() { bare(word) } else { of_word(word) });
    }
    (said, len)
}

/// The integer type at the start, if it is spelled with C keywords, and how many tokens it takes.
fn integer_type(words: &[&str]) -> Option<(String, usize)> {
    const WORDS: &[&str] = &["unsigned", "signed", "char", "short", "int", "long", "__signed__"];
    let len = words.iter().take_while(|word| WORDS.contains(word)).count();
    let said = &words[..len];
    let count = |word: &str| said.iter().filter(|other| **other == word).count();
    let sign = if count("unsigned") > 0 { 'u' } else { 's' };
    let bits = match (count("char"), count("short"), count("long")) {
        (1.., _, _) if count("unsigned") + count("signed") + count("__signed__") == 0 => {
            return (len > 0).then(|| ("char".into(), len));
        }
        (1.., _, _) => 8,
        (_, 1.., _) => 16,
        // Every kernel that supports live update is 64-bit.
        (_, _, 1..) => 64,
        _ => 32,
    };
    (len > 0).then(|| (format!("{sign}{bits}"), len))
}

/// A token in normalised spelling.
fn of_word(word: &str) -> String {
    let same = match word {
        "__u8" | "uint8_t" | "u_int8_t" => "u8",
        "__u16" | "uint16_t" | "u_int16_t" => "u16",
        "__u32" | "uint32_t" | "u_int32_t" => "u32",
        "__u64" | "uint64_t" | "u_int64_t" => "u64",
        "__s8" | "int8_t" => "s8",
        "__s16" | "int16_t" => "s16",
        "__s32" | "int32_t" => "s32",
        "__s64" | "int64_t" => "s64",
        "_Bool" => "bool",
        "__inline" | "__inline__" | "__always_inline" => "inline",
        "_Static_assert" => "static_assert",
        "__typeof__" | "__typeof" => "typeof",
        _ => return number(word).unwrap_or_else(|| printable(word)),
    };
    same.into()
}

/// A token without terminal escapes: a header may contain anything.
pub(super) fn printable(token: &str) -> String {
    token.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// An integer in decimal, without a type suffix.
fn number(word: &str) -> Option<String> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let bare = word.trim_end_matches(['u', 'U', 'l', 'L']);
    let value = match bare.as_bytes() {
        [b'0', b'x' | b'X', ..] => u64::from_str_radix(&bare[2..], 16),
        [b'0', b'b' | b'B', ..] => u64::from_str_radix(&bare[2..], 2),
        [b'0', _, ..] => u64::from_str_radix(&bare[1..], 8),
        _ => bare.parse(),
    };
    value.ok().map(|value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        one_spelling(&text.split_whitespace().collect::<Vec<_>>(), &[])
    }

    #[test]
    fn one_thing_is_said_in_one_way() {
        for (one, other) in [
            ("struct x { __u32 a ; } __packed ;", "struct __packed x { unsigned int a ; }"),
            (
                "struct x { u8 a ; } __attribute__ ( ( packed ) )",
                "struct x { uint8_t a ; } __packed",
            ),
            (
                "struct x { u64 a ; } __attribute__ ( ( __packed__ , aligned ( 8 ) ) )",
                "struct __aligned ( 0x8 ) x { unsigned long long a ; } __packed",
            ),
            ("struct x { long a ; const char b ; }", "struct x { s64 a ; char b ; }"),
            ("( 1UL << 0x10 )", "( 1 << 16 )"),
        ] {
            assert_eq!(said(one), said(other));
        }
        for (one, other) in [
            ("struct x { u32 a ; }", "struct x { u32 a ; } __packed"),
            ("struct x { u32 a ; }", "struct x { __le32 a ; }"),
            ("struct x { u8 a ; }", "struct x { char a ; }"),
            ("struct x { u32 a ; }", "struct x { int a ; }"),
            ("struct x { u8 a __aligned ( 8 ) ; }", "struct x { u8 a ; } __aligned ( 8 )"),
        ] {
            assert_ne!(said(one), said(other));
        }
    }

    #[test]
    fn what_is_cut_off_is_said_as_far_as_it_goes() {
        for cut in
            ["__attribute__", "__attribute__ (", "__attribute__ ( (", "__aligned (", "0x", "08"]
        {
            let _ = said(cut);
        }
    }
}
