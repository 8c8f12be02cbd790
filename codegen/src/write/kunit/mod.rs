// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes unit tests for the kernel that fail if a header departs from the agreed ABI.
//!
//! A generated header asserts its own layout. These tests are for a tree whose headers are written
//! by hand: each tests a header as it is, by the names that it defines.

mod build;
mod facts;

pub use build::{makefile_line, OPTION};

use super::c_header::{columns, escape, indent, TAB, WIDTH};
use crate::origin::Origin;
use facts::{Cases, Pages};
use kho_abi_model::put;
use kho_abi_model::{Constant, Enumeration, Header, Item, Model, Record, Value};
use std::collections::BTreeSet;

/// Where a kernel tree keeps such tests.
pub const DIR: &str = "kernel/liveupdate/tests";

/// The common header of all tests.
const SHARED: &str = "kho_abi_kunit.h";

/// The tests of a header, as they are asked for.
#[derive(Clone, Debug)]
pub struct Suite<'a> {
    /// The header, with what is expected of it.
    pub header: &'a Header,
    /// The frozen layouts that it is made from; none if the header has a wire file.
    pub layouts: Vec<String>,
    /// What a header that was written by hand expects its users to include before it; `None` if the
    /// tests include what the header does.
    pub before: Option<Vec<String>>,
    /// What is known not to be checked, and why.
    pub not_checked: Vec<String>,
}

/// Renders the tests of a model's headers, and the files to build them: file names and texts.
#[must_use]
pub fn render_all(model: &Model) -> Vec<(String, String)> {
    render_some(model, &model.headers, &Origin::CHECKOUT)
}

/// Renders the tests of some headers of a model, which are made from files of that origin.
#[must_use]
pub fn render_some(model: &Model, headers: &[Header], origin: &Origin) -> Vec<(String, String)> {
    let of = |header| Suite { header, layouts: Vec::new(), before: None, not_checked: Vec::new() };
    let suites: Vec<_> = headers.iter().map(of).collect();
    render_suites(model, &suites, &BTreeSet::new(), origin)
}

/// Renders suites of a model's headers, and the files to build them: file names and texts.
///
/// `typedefs` are the structs that have no tag, and the name of a typedef instead.
#[must_use]
pub fn render_suites(
    model: &Model,
    suites: &[Suite<'_>],
    typedefs: &BTreeSet<String>,
    origin: &Origin,
) -> Vec<(String, String)> {
    let headers = suites.iter().map(|suite| suite.header);
    let mut files = vec![
        ("Kconfig".into(), build::kconfig(origin)),
        ("Makefile".into(), build::makefile(headers, origin)),
        (SHARED.into(), build::shared(model, origin)),
    ];
    let pages = Pages::of(model, typedefs);
    let text = |of: &Suite<'_>| (file(&of.header.name), suite(model, &pages, of, origin));
    files.extend(suites.iter().map(text));
    files
}

/// The file name of the tests of the header of that name.
#[must_use]
pub fn file(header: &str) -> String {
    format!("kho_abi_{header}_kunit.c")
}

/// The tests of one header.
fn suite(model: &Model, pages: &Pages<'_>, of: &Suite<'_>, origin: &Origin) -> String {
    let Suite { header, layouts, before, not_checked } = of;
    let mut not_checked = not_checked.clone();
    let mut body = String::new();
    let mut cases = Vec::new();
    let mut case = |name: String, lines: &str| {
        if !lines.is_empty() {
            put!(body, "\nstatic void {name}(struct kunit *test)\n{{\n{lines}}}");
            cases.push(name);
        }
    };
    let items = || header.items.iter();
    let constants = || {
        items().filter_map(|item| match item {
            Item::Constant(constant) => Some(constant),
            _ => None,
        })
    };
    let fixed = |constant: &&Constant| constant.page_size.is_none();
    let text = |constant: &&Constant| matches!(constant.value, Value::Str(_));
    let lines = |some: Vec<&Constant>| values(model, header, &some);
    case("strings".into(), &lines(constants().filter(text).collect()));
    case("constants".into(), &lines(constants().filter(fixed).filter(|c| !text(c)).collect()));
    case("paged_constants".into(), &lines(constants().filter(|c| !fixed(c)).collect()));
    for item in items() {
        match item {
            Item::Enum(Enumeration { name, members, .. }) => {
                case(format!("{name}_values"), &lines(members.iter().collect()));
            }
            // Its members are those of the struct that contains it.
            Item::Record(record) if record.name.contains('.') => {}
            Item::Record(record) => {
                let promise = promise_of_record(model, header, record);
                let found = facts::cases(pages, header, record, &promise);
                let Cases { layout, bits, not_checked: open } = found;
                case(format!("{}_layout", record.name), &layout);
                case(format!("{}_bits", record.name), &bits);
                not_checked.extend(open);
            }
            // The value of a macro with arguments depends on them.
            Item::Constant(_) | Item::Macro(_) => {}
        }
    }
    let [from, to_change] = origin.banner_of(&header.file);
    let mut out = format!(
        "\
// SPDX-License-Identifier: GPL-2.0
/*
 * {from}
 * {to_change}
 *
"
    );
    let list = |out: &mut String, items: &[String]| {
        for item in items {
            // Nothing ends the comment.
            put!(out, " *   {}", item.replace("*/", "* /"));
        }
    };
    if !layouts.is_empty() {
        list(&mut out, layouts);
        out.push_str(" *\n");
    }
    put!(out, " * Fails when <{}> no longer matches what kernels", header.include_path());
    put!(out, " * agreed on. Each failure names the macro whose version a change needs.");
    if !not_checked.is_empty() {
        out.push_str(" *\n * Not checked:\n");
        list(&mut out, &not_checked);
    }
    out.push_str(" */\n\n");
    for (group, include) in includes(header, before.as_deref()) {
        put!(out, "{}#include <{include}>", if group { "\n" } else { "" });
    }
    put!(out, "\n#include \"{SHARED}\"");
    out.push_str(&body);
    out.push_str("\nstatic struct kunit_case cases[] = {\n");
    for case in &cases {
        put!(out, "\tKUNIT_CASE({case}),");
    }
    put!(
        out,
        "\t{{}}\n}};\n\nstatic struct kunit_suite suite = {{\n\t.name = \"kho_abi_{}\",\n\
         \t.test_cases = cases,\n}};\n\nkunit_test_suite(suite);\n",
        header.name,
    );
    put!(out, "MODULE_DESCRIPTION(\"Unit tests of <{}>\");", header.include_path());
    out.push_str("MODULE_LICENSE(\"GPL\");\n");
    out
}

/// The includes of a test, sorted, and whether a blank line precedes each.
///
/// A header that is written by hand may rely on its users to include what its macros need. If it may
/// rely on them for types as well, that comes `before` it.
fn includes(header: &Header, before: Option<&[String]>) -> Vec<(bool, String)> {
    let mut includes = before.unwrap_or(&header.includes).to_vec();
    includes.extend(["linux/module.h".into(), "kunit/test.h".into()]);
    includes.extend(Some(header.include_path()).filter(|_| before.is_none()));
    let machine = |include: &String| include.starts_with("asm/");
    includes.sort_by_key(|include| (machine(include), include.clone()));
    includes.dedup();
    let first = includes.iter().position(machine);
    let all = includes.into_iter().enumerate();
    let mut all: Vec<_> = all.map(|(at, include)| (Some(at) == first, include)).collect();
    all.extend(before.map(|_| (true, header.include_path())));
    all
}

/// Skips a case if the page size is unknown.
const NEED_KNOWN_PAGES: &str = "\tkho_abi_need_known_pages(test);\n";

/// A case's expectations about constants.
fn values(model: &Model, header: &Header, constants: &[&Constant]) -> String {
    let mut out = String::new();
    if constants.iter().any(|constant| constant.page_size.is_some()) {
        out.push_str(NEED_KNOWN_PAGES);
    }
    for constant in constants {
        let name = &constant.name;
        let promise = format!("\"{}\"", promise_of_constant(model, header, constant));
        let line = match &constant.value {
            Value::Str(value) => {
                let text = format!("\"{}\"", escape(value));
                call("kho_abi_expect_string", TAB, &["test", name, &text, &promise])
            }
            Value::Int(value) => {
                let of = |item: &Item| match item.constants().find(|c| &c.name == name)?.value {
                    Value::Int(value) => Some(value),
                    Value::Str(_) => None,
                };
                let value = of_pages(model, name, constant.page_size, *value, of);
                call("kho_abi_expect_value", TAB, &["test", name, &value, &promise])
            }
        };
        put!(out, "{line};");
    }
    out
}

/// The variable in which a case names the macros of its versions.
fn declare(promise: &str) -> String {
    let (start, end) = ("\tstatic const char promise[] =", format!("\"{promise}\";"));
    let line = format!("{start} {end}\n");
    if columns(line.trim_end()) <= WIDTH {
        line
    } else {
        format!("{start}\n{}{end}\n", indent(2 * TAB))
    }
}

/// A constant's number; if it depends on the page size, one for each.
fn of_pages(
    model: &Model,
    name: &str,
    page_size: Option<u64>,
    here: i128,
    of: impl Fn(&Item) -> Option<i128>,
) -> String {
    let Some(page_size) = page_size else { return literal(here) };
    let mut all = vec![(page_size, here)];
    for pages in &model.other_pages {
        let has = |item: &&Item| {
            item.name() == name || item.constants().any(|constant| constant.name == name)
        };
        let value = pages.items.iter().find(has).and_then(&of);
        all.extend(value.map(|value| (pages.page_size, value)));
    }
    paged(all)
}

/// A number for each page size.
fn paged(mut all: Vec<(u64, i128)>) -> String {
    all.sort_unstable();
    if let [(_, first), others @ ..] = all.as_slice() {
        if others.iter().all(|(_, value)| value == first) {
            return literal(*first);
        }
    }
    let values: Vec<_> = all.iter().map(|(_, value)| literal(*value)).collect();
    format!("kho_abi_paged({})", values.join(", "))
}

/// An integer as a C literal.
fn literal(value: i128) -> String {
    match value {
        _ if i32::try_from(value).is_ok() => value.to_string(),
        _ if value > i128::from(i64::MAX) => format!("{value}ULL"),
        _ => format!("{value}LL"),
    }
}

/// The macros of the contracts that promise a struct.
fn promise_of_record(model: &Model, header: &Header, record: &Record) -> String {
    let promises = model.contracts().filter(|(_, contract)| {
        model.closure(contract).iter().any(|promised| promised.name == record.name)
    });
    joined(header, promises.map(|(_, contract)| contract.macro_name.as_str()).collect())
}

/// The macros of the contracts that promise a constant, or whose version or name it is.
fn promise_of_constant(model: &Model, header: &Header, constant: &Constant) -> String {
    let promises = model.contracts().filter(|(_, contract)| {
        contract.is_carrier(&constant.name) || contract.constants.contains(&constant.name)
    });
    joined(header, promises.map(|(_, contract)| contract.macro_name.as_str()).collect())
}

/// Names in prose; if there are none, those of the header's own contracts.
fn joined<'a>(header: &'a Header, mut names: Vec<&'a str>) -> String {
    if names.is_empty() {
        names = header.contracts.iter().map(|contract| contract.macro_name.as_str()).collect();
    }
    match names.as_slice() {
        [] => format!("<{}>", header.include_path()),
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        names => names.concat(),
    }
}

/// A call without its semicolon, broken between arguments if a line would be too long.
fn call(function: &str, start: usize, arguments: &[&str]) -> String {
    let mut out = format!("{}{function}(", indent(start));
    let column = columns(&out);
    let mut line = out.clone();
    for (index, argument) in arguments.iter().enumerate() {
        let last = index + 1 == arguments.len();
        let text = format!("{argument}{}", if last { ")" } else { "," });
        // A semicolon follows the last argument.
        let end = columns(&line) + usize::from(index > 0) + text.len() + usize::from(last);
        if index > 0 && end > WIDTH {
            line = indent(column);
            out.push('\n');
            out.push_str(&line);
        } else if index > 0 {
            line.push(' ');
            out.push(' ');
        }
        line.push_str(&text);
        out.push_str(&text);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_break_under_their_parenthesis() {
        assert_eq!(call("f", 8, &["a", "b"]), "\tf(a, b)");
        let long = "x".repeat(60);
        assert_eq!(call("f", 8, &[&long, &long]), format!("\tf({long},\n\t  {long})"));
    }

    #[test]
    fn integers_have_the_width_that_they_need() {
        assert_eq!(literal(-1), "-1");
        assert_eq!(literal(1 << 31), "2147483648LL");
        assert_eq!(literal(u64::MAX.into()), "18446744073709551615ULL");
    }
}
