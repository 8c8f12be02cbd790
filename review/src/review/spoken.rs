// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What of a piece of C code can have an effect: without comments, includes, and what it only prints.
//!
//! A patch that rewords a message changes no preserved byte. Everything else of code might.

use kho_abi_read::outline;

/// The beginnings of the names of functions that print their arguments and do nothing else.
const PRINTS: &[&str] = &["pr_", "dev_", "pci_"];
/// What follows the beginning.
const LEVELS: &[&str] =
    &["emerg", "alert", "crit", "err", "warn", "warning", "notice", "info", "debug", "dbg", "cont"];
/// What follows the level.
const ENDS: &[&str] = &["", "_once", "_ratelimited"];

/// The code of a piece of text that can have an effect, with single blanks.
pub(super) fn effects(text: &str) -> String {
    let mut code = String::new();
    // The lines stand one below the other, from the first on.
    for line in outline::code_lines(&format!("\n{text}")) {
        // What a header declares does nothing by itself.
        if line.strip_prefix('#').is_some_and(|rest| rest.trim_start().starts_with("include")) {
            continue;
        }
        code.push_str(&line);
        code.push(if line.starts_with('#') { '\n' } else { ' ' });
    }
    without_messages(&code)
}

/// The code without complete statements that only print.
fn without_messages(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some((before, name, after)) = next_call(rest) {
        out.push_str(before);
        match arguments(after) {
            Some((arguments, behind)) if is_pure(arguments) => rest = behind,
            _ => {
                out.push_str(name);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text before the next call that prints, the name of the function, and what follows the name.
fn next_call(code: &str) -> Option<(&str, &str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            // A name in a string is not a call.
            let skip = match rest.strip_prefix('"') {
                Some(inner) => 1 + string_end(inner),
                None => rest.chars().next().map_or(1, char::len_utf8),
            };
            at += skip;
            continue;
        }
        if is_print(&rest[..end]) {
            return Some((&code[..at], &rest[..end], &rest[end..]));
        }
        at += end;
    }
    None
}

/// How long the rest of a string is, with its quote.
fn string_end(inner: &str) -> usize {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if c == '"' && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    inner.len()
}

fn is_print(name: &str) -> bool {
    let level = |rest: &str| {
        LEVELS.iter().any(|level| rest.strip_prefix(level).is_some_and(|end| ENDS.contains(&end)))
    };
    name == "printk" || PRINTS.iter().any(|begin| name.strip_prefix(begin).is_some_and(level))
}

/// The arguments of a call, and what follows its semicolon; `None` if the text ends before that.
fn arguments(after: &str) -> Option<(&str, &str)> {
    let inner = after.trim_start().strip_prefix('(')?;
    let (mut depth, mut at) = (1_usize, 0);
    while at < inner.len() {
        let c = inner[at..].chars().next()?;
        match c {
            '"' => at += string_end(&inner[at + 1..]),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        at += c.len_utf8();
        if depth == 0 {
            let behind = inner[at..].trim_start().strip_prefix(';')?;
            return Some((&inner[..at - 1], behind));
        }
    }
    None
}

/// Whether arguments change nothing: no assignment, no `++` and `--`.
fn is_pure(arguments: &str) -> bool {
    let mut plain = String::new();
    let mut rest = arguments;
    while let Some(at) = rest.find('"') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        rest = &rest[string_end(rest)..];
    }
    plain.push_str(rest);
    let plain: String = plain.split_whitespace().collect();
    let plain = ["==", "!=", "<=", ">="].iter().fold(plain, |text, sign| text.replace(sign, " "));
    !plain.contains('=') && !plain.contains("++") && !plain.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_prints_has_no_effect() {
        let same = [
            (
                "\tpr_err(\"a: %d\\n\", err);\n\treturn err;\n",
                "\tpr_err(\"b);\\n\");\n\treturn err;\n",
            ),
            ("\tdev_warn_once(&d, \"a\",\n\t\tf(x));\n", ""),
            ("#include <linux/a.h>\nx;\n", "#include <linux/b.h>\nx;\n"),
            ("/* a */ x;\n", "\tx;\n"),
        ];
        for (a, b) in same {
            assert_eq!(effects(a), effects(b), "{a}");
        }
        let other = [
            ("\tpr_err(\"a\");\n", "\tprint(\"a\");\n"),
            ("\tpr_err(\"a\", x);\n", "\tpr_err(\"a\", x = 1);\n"),
            ("\tpr_err(\"a\", x);\n", "\tpr_err(\"a\", x++);\n"),
            ("\tpr_err(\"a\",\n", "\tpr_err(\"b\",\n"),
            ("\ts = \"pr_err(x);\";\n", "\ts = \"\";\n"),
            ("\tif (x)\n\t\tpr_err(\"a\");\n\telse y();\n", "\ty();\n"),
            ("\tWARN_ON(f(a));\n", "\tWARN_ON(f(b));\n"),
            ("#define A 1\n", "#define A 2\n"),
        ];
        for (a, b) in other {
            assert_ne!(effects(a), effects(b), "{a}");
        }
    }
}
