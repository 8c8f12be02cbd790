// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The files that build unit tests, and what they share.

use super::super::c_header::{columns, BACKSLASH, TAB};
use super::call;
use crate::origin::Origin;
use kho_abi_model::put;
use kho_abi_model::{Header, Model};
use std::fmt::Write as _;

/// The kernel option that builds them.
pub const OPTION: &str = "KHO_ABI_KUNIT_TEST";

pub(super) fn kconfig(origin: &Origin) -> String {
    let [from, to_change] = origin.banner();
    format!(
        "\
# SPDX-License-Identifier: GPL-2.0
#
# {from}
# {to_change}

config {OPTION}
\ttristate \"Unit tests of the Kexec HandOver ABI\" if !KUNIT_ALL_TESTS
\tdepends on KUNIT && 64BIT
\tdefault KUNIT_ALL_TESTS
\thelp
\t  Builds unit tests that fail when a header in <linux/kho/abi/> no
\t  longer matches what kernels agreed on: sizes, offsets, signs and
\t  bit-fields of structs, values of constants, compatible strings.

\t  Such a change needs a new version in the compatible string, since
\t  the next kernel compares the string, and then believes the bytes.

\t  If unsure, say N.
"
    )
}

pub(super) fn makefile<'a>(headers: impl Iterator<Item = &'a Header>, origin: &Origin) -> String {
    let [from, to_change] = origin.banner();
    let mut out = format!(
        "\
# SPDX-License-Identifier: GPL-2.0
#
# {from}
# {to_change}
#
# One file for each header: leave out the lines of headers that a tree lacks.

"
    );
    for header in headers {
        put!(out, "{}", makefile_line(&header.name));
    }
    out
}

/// The line of a Makefile that builds the tests of the header of that name.
#[must_use]
pub fn makefile_line(header: &str) -> String {
    format!("obj-$(CONFIG_{OPTION}) += kho_abi_{header}_kunit.o")
}

/// A page size in the name of a parameter: `pages_4k`.
fn of_pages(page_size: u64) -> String {
    format!("pages_{}k", page_size / 1024)
}

/// The helpers. They are macros, so that a failure shows the expectation as the test spells it.
pub(super) fn shared(model: &Model, origin: &Origin) -> String {
    let [from, to_change] = origin.banner();
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
 * {from}
 * {to_change}
 *
 * Shared by the unit tests of the headers in <linux/kho/abi/>.
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

/* The message about a difference, with the versions that it needs. */
#define KHO_ABI_PROMISE \"the %s of %s is promised by %s: a change needs a new version there\\n\"

/* Expects the number that kernels agreed on. */
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

/* Whether a field, or an element of it, can be negative. */
#define kho_abi_expect_sign(test, type, field, is_signed, promise) \\
\tkho_abi_expect(test, \"sign\", #type \".\" #field, \\
\t\t       is_signed_type(typeof_member(type, field)), is_signed, \\
\t\t       promise)

/* A field, or an element of it, has this type. */
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

/* The bytes of a struct with only a bit-field set. */
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

/* Skips a test if no kernel has agreed on this page size. */
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
