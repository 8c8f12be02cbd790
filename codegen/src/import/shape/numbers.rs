// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The values of a header's constants, and what follows from the page size.

use super::{Number, Shaper, Stated};
use crate::import::gather::PAGE_SIZES;
use kho_abi_model::{Constant, DeclarationKind, Enumeration, Item, Value};

/// The forms that something has for the three page sizes, as arithmetic on the page size.
pub(in crate::import) fn of_page_size(values: [i128; 3]) -> Option<String> {
    let pages = PAGE_SIZES.map(i128::from);
    let (run, rise) = (pages[1] - pages[0], values[1] - values[0]);
    if rise <= 0 {
        return None;
    }
    let (scaled, factor): (Box<dyn Fn(i128) -> i128>, String) = if rise % run == 0 {
        let by = rise / run;
        (Box::new(move |page| page * by), if by == 1 { String::new() } else { format!(" * {by}") })
    } else if run % rise == 0 {
        let by = run / rise;
        (Box::new(move |page| page / by), format!(" / {by}"))
    } else {
        return None;
    };
    let rest = values[0] - scaled(pages[0]);
    let fits = (0..3).all(|at| scaled(pages[at]) + rest == values[at]);
    let rest = match rest {
        0 => String::new(),
        rest if rest < 0 => format!(" - {}", -rest),
        rest => format!(" + {rest}"),
    };
    fits.then(|| format!("PAGE_SIZE{factor}{rest}"))
}

impl<'a> Shaper<'a, '_> {
    /// Finds out what depends on the page size, and the integers of the header for each.
    pub(super) fn find_paged(&mut self) {
        for (at, item) in self.gathered.header().items.iter().enumerate() {
            let Some(all) = self.gathered.variants(item.name(), at) else { continue };
            if all[1] != item || all[2] != item {
                self.paged.insert(item.name());
                self.paged.extend(item.constants().map(|constant| constant.name.as_str()));
            }
            for (index, constant) in item.constants().enumerate() {
                let value = |item: &Item| match item.constants().nth(index).map(|one| &one.value) {
                    Some(Value::Int(value)) => Some(*value),
                    _ => None,
                };
                if let [Some(a), Some(b), Some(c)] = all.map(value) {
                    self.numbers.insert(&constant.name, [a, b, c]);
                }
            }
        }
    }

    pub(super) fn number(&self, constant: &'a Constant) -> Number<'a> {
        let value = match (&constant.value, self.numbers.get(&*constant.name)) {
            (Value::Str(text), _) => {
                return Number { constant, value: Stated::Text(text.clone()), c: None }
            }
            (Value::Int(_), Some(all)) if all[1] != all[0] || all[2] != all[0] => {
                Stated::Paged(*all)
            }
            (Value::Int(value), _) => Stated::Int(*value),
        };
        let text = self.outline.macros.iter().find(|text| text.name == constant.name);
        let written = text.map(|text| text.body.clone()).or_else(|| constant.expr.clone());
        let plain = |body: &String| {
            body.bytes().all(|byte| byte.is_ascii_digit())
                && (body == "0" || !body.starts_with('0'))
        };
        Number { constant, value, c: written.filter(|body| !plain(body)) }
    }

    pub(super) fn enumerators(&self, item: &'a Enumeration) -> Vec<Number<'a>> {
        let names: Vec<&str> = item.members.iter().map(|member| &*member.name).collect();
        let declarations = &self.gathered.header().declarations;
        let declaration = declarations.iter().find(|declaration| {
            declaration.kind == DeclarationKind::Enum
                && names.first().is_some_and(|first| declaration.names().contains(first))
        });
        let tokens = declaration.map(|declaration| declaration.tokens.as_str()).unwrap_or_default();
        let mut numbers = Vec::new();
        let mut before: Option<&str> = None;
        for member in &item.members {
            let mut number = self.number(member);
            let written = expression(tokens, &member.name);
            number.c = match (written, before, &number.value) {
                (Some(text), _, _) if !text.bytes().all(|byte| byte.is_ascii_digit()) => Some(text),
                // What follows another one that depends on the page size.
                (None, Some(before), Stated::Paged(_)) => Some(format!("{before} + 1")),
                _ => None,
            };
            before = Some(&member.name);
            numbers.push(number);
        }
        numbers
    }
}

/// What an enumerator is set to, in the tokens of its enum.
fn expression(tokens: &str, name: &str) -> Option<String> {
    let mut words = tokens.split_whitespace();
    let mut before = "";
    loop {
        let word = words.next()?;
        if word == name && matches!(before, "{" | ",") {
            break;
        }
        before = word;
    }
    if words.next()? != "=" {
        return None;
    }
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut last = "";
    // Whether what follows belongs to the sign before it.
    let mut sign = false;
    for word in words {
        match word {
            "(" => depth += 1,
            ")" if depth > 0 => depth -= 1,
            "," | "}" if depth == 0 => break,
            _ => {}
        }
        let called = word == "(" && last.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let tight = out.is_empty() || last == "(" || called || sign || matches!(word, ")" | ",");
        if !tight {
            out.push(' ');
        }
        let is_operand =
            |word: &str| word.ends_with(|c: char| c.is_ascii_alphanumeric() || "_)".contains(c));
        sign = matches!(word, "-" | "~" | "!") && !is_operand(last);
        out.push_str(word);
        last = word;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_page_size_is_said_so() {
        let of = |values: [i128; 3]| of_page_size(values);
        assert_eq!(of([4096, 16384, 65536]).as_deref(), Some("PAGE_SIZE"));
        assert_eq!(of([511, 2047, 8191]).as_deref(), Some("PAGE_SIZE / 8 - 1"));
        assert_eq!(of([8208, 32784, 131_088]).as_deref(), Some("PAGE_SIZE * 2 + 16"));
        assert_eq!(of([53, 51, 49]), None);
        assert_eq!(of([6, 7, 9]), None);
    }

    #[test]
    fn enumerators_have_what_they_are_set_to() {
        let tokens =
            "enum k { A = 64 - PAGE_SHIFT + 1 , B , C = DIV ( A - 1 , B ) + 1 , D = ~ A + - 1 }";
        assert_eq!(expression(tokens, "A").as_deref(), Some("64 - PAGE_SHIFT + 1"));
        assert_eq!(expression(tokens, "B"), None);
        assert_eq!(expression(tokens, "C").as_deref(), Some("DIV(A - 1, B) + 1"));
        assert_eq!(expression(tokens, "D").as_deref(), Some("~A + -1"));
    }
}
