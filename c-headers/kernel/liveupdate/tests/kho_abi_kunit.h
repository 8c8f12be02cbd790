/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/: do not edit.
 * To change it, edit the files there and run `kho-abi generate`.
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
#define KHO_ABI_PROMISE "the %s of %s is promised by %s: a change needs a new version there\n"

/* Expects the number that kernels agreed on. */
static inline void kho_abi_expect(struct kunit *test, const char *what,
				  const char *name, long long found,
				  long long agreed, const char *promise)
{
	KUNIT_EXPECT_EQ_MSG(test, found, agreed, KHO_ABI_PROMISE, what, name,
			    promise);
}

/* The size of a struct, in bytes. */
#define kho_abi_expect_struct(test, type, size, promise)		\
	kho_abi_expect(test, "size", #type, sizeof(type), size, promise)

/* The alignment of a struct, in bytes. */
#define kho_abi_expect_align(test, type, align, promise)		\
	kho_abi_expect(test, "alignment", #type, __alignof__(type),	\
		       align, promise)

/* Where a field is, in bytes. */
#define kho_abi_expect_offset(test, type, field, offset, promise)	\
	kho_abi_expect(test, "offset", #type "." #field,		\
		       offsetof(type, field), offset, promise)

/* The size of a field, or of an element of it, in bytes. */
#define kho_abi_expect_size(test, type, field, size, promise)		\
	kho_abi_expect(test, "size", #type "." #field,			\
		       sizeof_field(type, field), size, promise)

/* Whether a field, or an element of it, can be negative. */
#define kho_abi_expect_sign(test, type, field, is_signed, promise)	\
	kho_abi_expect(test, "sign", #type "." #field,			\
		       is_signed_type(typeof_member(type, field)), is_signed,	\
		       promise)

/* A field, or an element of it, has this type. */
#define kho_abi_expect_type(test, type, field, other, promise)		\
	kho_abi_expect(test, "type", #type "." #field,			\
		       __same_type(typeof_member(type, field), other), true,	\
		       promise)

/* The value of a constant. */
#define kho_abi_expect_value(test, constant, value, promise)		\
	kho_abi_expect(test, "value", #constant, constant, value, promise)

/* The text of a string. */
#define kho_abi_expect_string(test, constant, text, promise)		\
	kho_abi_expect_text(test, #constant, constant, text, promise)

static inline void kho_abi_expect_text(struct kunit *test, const char *name,
				       const char *found, const char *agreed,
				       const char *promise)
{
	KUNIT_EXPECT_STREQ_MSG(test, found, agreed, KHO_ABI_PROMISE, "text",
			       name, promise);
}

/* The bytes of a struct with only a bit-field set. */
static inline void kho_abi_expect_bits(struct kunit *test, const char *name,
				       const void *found, const void *agreed,
				       size_t size, const char *promise)
{
	KUNIT_EXPECT_MEMEQ_MSG(test, found, agreed, size, KHO_ABI_PROMISE,
			       "place", name, promise);
}

/* Sets bits, counted in the order in which compilers allocate bit-fields. */
static inline void kho_abi_set_bits(u8 *bytes, unsigned int first,
				    unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++) {
#ifdef __BIG_ENDIAN_BITFIELD
		bytes[i / 8] |= 0x80 >> i % 8;
#else
		bytes[i / 8] |= 0x01 << i % 8;
#endif
	}
}

/* Skips a test if no kernel has agreed on this page size. */
static inline void kho_abi_need_known_pages(struct kunit *test)
{
	if (!(PAGE_SIZE == 4096 || PAGE_SIZE == 16384 || PAGE_SIZE == 65536))
		kunit_skip(test, "no kernel has agreed on pages of %lu bytes",
			   (unsigned long)PAGE_SIZE);
}

/* The number that belongs to the page size. */
static inline long long kho_abi_paged(long long pages_4k, long long pages_16k,
				      long long pages_64k)
{
	if (PAGE_SIZE == 4096)
		return pages_4k;
	if (PAGE_SIZE == 16384)
		return pages_16k;
	if (PAGE_SIZE == 65536)
		return pages_64k;
	return -1;
}

#endif /* _KHO_ABI_KUNIT_H */
