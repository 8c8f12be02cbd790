// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes unit tests for the kernel that fail if a header departs from the agreed ABI.
//!
//! A generated header asserts its own layout. These tests are for a tree whose headers are written
//! by hand: each tests a header as it is, by the names that it defines.

use super::c_header::{columns, escape, indent, BACKSLASH, TAB, WIDTH};
use crate::origin::Origin;
use kho_abi_model::put;
use kho_abi_model::{Constant, Enumeration, Field, Header, Item, Model, Record, Type, Value};
use std::fmt::Write as _;

/// Where a kernel tree keeps such tests.
pub const DIR: &str = "kernel/liveupdate/tests";

/// The kernel option that builds them.
const OPTION: &str = "KHO_ABI_KUNIT_TEST";

/// The common header of all tests.
const SHARED: &str = "kho_abi_kunit.h";

/// Renders the tests of a model's headers, and the files to build them: file names and texts.
#[must_use]
pub fn render_all(model: &Model) -> Vec<(String, String)> {
    render_some(model, &model.headers, &Origin::CHECKOUT)
}

/// Renders the tests of some headers of a model, which are made from files of that origin.
#[must_use]
pub fn render_some(model: &Model, headers: &[Header], origin: &Origin) -> Vec<(String, String)> {
    let mut files = vec![
        ("Kconfig".into(), kconfig(origin)),
        ("Makefile".into(), makefile(headers, origin)),
        (SHARED.into(), shared(model, origin)),
    ];
    let suites = headers.iter().map(|h| (format!("{}.c", object(h)), suite(model, h, origin)));
    files.extend(suites);
    files
}

/// The file name of a header's tests, without an extension.
fn object(header: &Header) -> String {
    format!("kho_abi_{}_kunit", header.name)
}

fn kconfig(origin: &Origin) -> String {
    let Origin { wire_dir, command, .. } = origin;
    format!(
        "\
# SPDX-License-Identifier: GPL-2.0
#
# Generated from {wire_dir}/: do not edit.
# To change it, edit the files there and run `{command}`.

config {OPTION}
\ttristate \"Unit tests of the Kexec HandOver ABI\" if !KUNIT_ALL_TESTS
\tdepends on KUNIT && 64BIT
\tdefault KUNIT_ALL_TESTS
\thelp
\t  Builds unit tests that fail when a header in <linux/kho/abi/> does
\t  not say any more what kernels agreed on: sizes, offsets, signs and
\t  bit-fields of structs, values of constants, compatible strings.

\t  Such a change needs a new version in the compatible string, since
\t  the next kernel compares the string, and then believes the bytes.

\t  If unsure, say N.
"
    )
}

fn makefile(headers: &[Header], origin: &Origin) -> String {
    let Origin { wire_dir, command, .. } = origin;
    let mut out = format!(
        "\
# SPDX-License-Identifier: GPL-2.0
#
# Generated from {wire_dir}/: do not edit.
# To change it, edit the files there and run `{command}`.
#
# One file for each header: a tree without a header goes without its line.

"
    );
    for header in headers {
        put!(out, "obj-$(CONFIG_{OPTION}) += {}.o", object(header));
    }
    out
}

/// A page size in the name of a parameter: `pages_4k`.
fn of_pages(page_size: u64) -> String {
    format!("pages_{}k", page_size / 1024)
}

/// The helpers. They are macros, so that a failure shows the expectation as the test spells it.
fn shared(model: &Model, origin: &Origin) -> String {
    let Origin { wire_dir, command, .. } = origin;
    let sizes = model.page_sizes();
    let list = |one: &dyn Fn(&u64) -> String, with: &str| {
        sizes.iter().map(one).collect::<Vec<_>>().join(with)
    };
    let known = list(&|size| format!("PAGE_SIZE == {size}"), " || ");
    let parameters: Vec<_> =
        sizes.iter().map(|size| format!("long long {}", of_pages(*size))).collect();
    let parameters: Vec<_> = parameters.iter().map(String::as_str).collect();
    let mut choice = String::new();
    for size in &sizes {
        let _ = write!(choice, "\tif (PAGE_SIZE == {size})\n\t\treturn {};\n", of_pages(*size));
    }
    let first = call("static inline long long kho_abi_paged", 0, &parameters);
    align_backslashes(&format!(
        "\
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from {wire_dir}/: do not edit.
 * To change it, edit the files there and run `{command}`.
 *
 * What the unit tests of the headers in <linux/kho/abi/> share.
 */

#ifndef _KHO_ABI_KUNIT_H
#define _KHO_ABI_KUNIT_H

#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#include <asm/byteorder.h>
#include <asm/page.h>

/* What is said of a difference, and of the versions that it needs. */
#define KHO_ABI_PROMISE \"the %s of %s is promised by %s: a change needs a new version there\\n\"

/* A number is what kernels agreed on. */
static inline void kho_abi_expect(struct kunit *test, const char *what,
\t\t\t\t  const char *name, long long found,
\t\t\t\t  long long agreed, const char *promise)
{{
\tKUNIT_EXPECT_EQ_MSG(test, found, agreed, KHO_ABI_PROMISE, what, name,
\t\t\t    promise);
}}

/* The size of a struct, in bytes. */
#define kho_abi_expect_struct(test, type, size, promise) \\
\tkho_abi_expect(test, \"size\", #type, sizeof(type), size, promise)

/* The alignment of a struct, in bytes. */
#define kho_abi_expect_align(test, type, align, promise) \\
\tkho_abi_expect(test, \"alignment\", #type, __alignof__(type), \\
\t\t       align, promise)

/* Where a field is, in bytes. */
#define kho_abi_expect_offset(test, type, field, offset, promise) \\
\tkho_abi_expect(test, \"offset\", #type \".\" #field, \\
\t\t       offsetof(type, field), offset, promise)

/* The size of a field, or of an element of it, in bytes. */
#define kho_abi_expect_size(test, type, field, size, promise) \\
\tkho_abi_expect(test, \"size\", #type \".\" #field, \\
\t\t       sizeof_field(type, field), size, promise)

/* If a field, or an element of it, can be negative. */
#define kho_abi_expect_sign(test, type, field, is_signed, promise) \\
\tkho_abi_expect(test, \"sign\", #type \".\" #field, \\
\t\t       is_signed_type(typeof_member(type, field)), is_signed, \\
\t\t       promise)

/* A field, or an element of it, is of this type. */
#define kho_abi_expect_type(test, type, field, other, promise) \\
\tkho_abi_expect(test, \"type\", #type \".\" #field, \\
\t\t       __same_type(typeof_member(type, field), other), true, \\
\t\t       promise)

/* The value of a constant. */
#define kho_abi_expect_value(test, constant, value, promise) \\
\tkho_abi_expect(test, \"value\", #constant, constant, value, promise)

/* The text of a string. */
#define kho_abi_expect_string(test, constant, text, promise) \\
\tkho_abi_expect_text(test, #constant, constant, text, promise)

static inline void kho_abi_expect_text(struct kunit *test, const char *name,
\t\t\t\t       const char *found, const char *agreed,
\t\t\t\t       const char *promise)
{{
\tKUNIT_EXPECT_STREQ_MSG(test, found, agreed, KHO_ABI_PROMISE, \"text\",
\t\t\t       name, promise);
}}

/* The bytes of a struct of which nothing but a bit-field is set. */
static inline void kho_abi_expect_bits(struct kunit *test, const char *name,
\t\t\t\t       const void *found, const void *agreed,
\t\t\t\t       size_t size, const char *promise)
{{
\tKUNIT_EXPECT_MEMEQ_MSG(test, found, agreed, size, KHO_ABI_PROMISE,
\t\t\t       \"place\", name, promise);
}}

/* Sets bits, counted in the order in which compilers allocate bit-fields. */
static inline void kho_abi_set_bits(u8 *bytes, unsigned int first,
\t\t\t\t    unsigned int nr)
{{
\tunsigned int i;

\tfor (i = first; i < first + nr; i++) {{
#ifdef __BIG_ENDIAN_BITFIELD
\t\tbytes[i / 8] |= 0x80 >> i % 8;
#else
\t\tbytes[i / 8] |= 0x01 << i % 8;
#endif
\t}}
}}

/* Skips a test of what depends on the page size, where that is a new one. */
static inline void kho_abi_need_known_pages(struct kunit *test)
{{
\tif (!({known}))
\t\tkunit_skip(test, \"no kernel has agreed on pages of %lu bytes\",
\t\t\t   (unsigned long)PAGE_SIZE);
}}

/* The number that belongs to the page size. */
{first}
{{
{choice}\treturn -1;
}}

#endif /* _KHO_ABI_KUNIT_H */
"
    ))
}

/// Aligns the backslashes that continue macros.
fn align_backslashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let Some(line) = line.strip_suffix(" \\") else {
            put!(out, "{line}");
            continue;
        };
        let tabs = BACKSLASH.saturating_sub(columns(line)).div_ceil(TAB).max(1);
        put!(out, "{line}{}\\", "\t".repeat(tabs));
    }
    out
}

/// The tests of one header.
fn suite(model: &Model, header: &Header, origin: &Origin) -> String {
    let command = origin.command;
    let mut out = format!(
        "\
// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from {}: do not edit.
 * To change it, edit that file and run `{command}`.
 *
 * Fails when <{}> does not say any more what
 * kernels agreed on. What fails names the macro whose version a change needs.
 */

",
        header.file,
        header.include_path(),
    );
    for (group, include) in includes(header) {
        put!(out, "{}#include <{include}>", if group { "\n" } else { "" });
    }
    put!(out, "\n#include \"{SHARED}\"");
    let mut cases = Vec::new();
    let mut case = |name: String, lines: &str| {
        if !lines.is_empty() {
            put!(out, "\nstatic void {name}(struct kunit *test)\n{{\n{lines}}}");
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
            Item::Record(record) => {
                let promise = promise_of_record(model, header, record);
                case(format!("{}_layout", record.name), &layout(model, record, &promise));
                case(format!("{}_bits", record.name), &bits(record, &promise));
            }
            // The value of a macro with arguments depends on them.
            Item::Constant(_) | Item::Macro(_) => {}
        }
    }
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
/// A header that is written by hand may rely on its users to include what its macros need.
fn includes(header: &Header) -> Vec<(bool, String)> {
    let mut includes = header.includes.clone();
    includes.extend([header.include_path(), "linux/module.h".into(), "kunit/test.h".into()]);
    let machine = |include: &String| include.starts_with("asm/");
    includes.sort_by_key(|include| (machine(include), include.clone()));
    includes.dedup();
    let first = includes.iter().position(machine);
    includes.into_iter().enumerate().map(|(at, include)| (Some(at) == first, include)).collect()
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
                let value = paged(model, name, constant.page_size, *value, of);
                call("kho_abi_expect_value", TAB, &["test", name, &value, &promise])
            }
        };
        put!(out, "{line};");
    }
    out
}

/// A case's expectations about a struct's layout, without its bit-fields.
fn layout(model: &Model, record: &Record, promise: &str) -> String {
    let mut out = format!("{}\n", declare(promise));
    if record.page_size.is_some() {
        out.push_str(NEED_KNOWN_PAGES);
    }
    let ty = format!("{} {}", record.kind.keyword(), record.name);
    // A number of this struct, for each page size that it depends on.
    let number = |of: &dyn Fn(&Record) -> Option<u64>| {
        let here = of(record).unwrap_or_default();
        let at = |item: &Item| Some(i128::from(of(item.record()?)?));
        paged(model, &record.name, record.page_size, here.into(), at)
    };
    let mut expect = |what: &str, arguments: &[&str]| {
        let mut all = vec!["test", &ty];
        all.extend(arguments);
        all.push("promise");
        put!(out, "{};", call(&format!("kho_abi_expect_{what}"), TAB, &all));
    };
    expect("struct", &[&number(&|record| Some(record.size))]);
    expect("align", &[&record.align.to_string()]);
    for (index, field) in record.fields.iter().enumerate().filter(|(_, field)| !field.bit_field) {
        let at = |of: &dyn Fn(&Field) -> u64| number(&|record| record.fields.get(index).map(of));
        expect("offset", &[&field.name, &at(&Field::offset)]);
        // An array whose length the struct does not say has no size in C.
        if !matches!(field.ty, Type::Array { len: 0, .. }) {
            expect("size", &[&field.name, &at(&Field::size)]);
        }
        let mut element = field.name.clone();
        let mut ty = &field.ty;
        while let Type::Array { elem, .. } = ty {
            element.push_str("[0]");
            ty = elem;
        }
        let is_array = matches!(field.ty, Type::Array { .. });
        match ty {
            Type::Int { bits, signed } => {
                if is_array {
                    expect("size", &[&element, &(bits / 8).to_string()]);
                }
                expect("sign", &[&element, &signed.to_string()]);
            }
            // The sign of a character is up to the compiler.
            Type::Char if is_array => expect("size", &[&element, "1"]),
            Type::KhoserPtr { to } => {
                expect("size", &[&format!("{element}.phys"), "8"]);
                expect("sign", &[&format!("{element}.phys"), "false"]);
                expect("type", &[&format!("{element}.ptr"), &format!("struct {to} *")]);
            }
            Type::Struct { .. } | Type::Union { .. } => expect("type", &[&element, &ty.base()]),
            Type::Char | Type::Pointer | Type::Array { .. } => {}
        }
    }
    out
}

/// A case's expectations about a struct's bit-fields: it sets each alone, and checks the bytes.
fn bits(record: &Record, promise: &str) -> String {
    let fields: Vec<_> = record.fields.iter().filter(|field| field.bit_field).collect();
    if fields.is_empty() {
        return String::new();
    }
    let mut out = declare(promise);
    let ty = format!("{} {}", record.kind.keyword(), record.name);
    put!(out, "\t{ty} ser;\n\tu8 bits[sizeof(ser)];");
    for Field { name, ty, bit_offset, bit_size, .. } in fields {
        put!(out, "\n\tmemset(&ser, 0, sizeof(ser));\n\tmemset(bits, 0, sizeof(bits));");
        put!(out, "\tser.{name} = ~ser.{name};");
        put!(out, "\tkho_abi_set_bits(bits, {bit_offset}, {bit_size});");
        let what = format!("\"{} {}.{name}\"", record.kind.keyword(), record.name);
        let arguments = ["test", &what, "&ser", "bits", "sizeof(ser)", "promise"];
        put!(out, "{};", call("kho_abi_expect_bits", TAB, &arguments));
        if let Type::Int { signed, .. } = ty {
            let sign = format!("ser.{name} < 0");
            let arguments = ["test", "\"sign\"", &what, &sign, &signed.to_string(), "promise"];
            put!(out, "{};", call("kho_abi_expect", TAB, &arguments));
        }
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

/// A number; if it depends on the page size, one for each.
fn paged(
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
    all.sort_unstable();
    if all.iter().all(|(_, value)| *value == here) {
        return literal(here);
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
