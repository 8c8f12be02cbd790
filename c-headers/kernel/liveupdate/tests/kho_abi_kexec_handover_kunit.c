// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/kexec_handover.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/kexec_handover.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/module.h>
#include <linux/types.h>

#include <asm/page.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, KHO_FDT_COMPATIBLE, "kho-v4",
			      "KHO_FDT_COMPATIBLE");
	kho_abi_expect_string(test, KHO_FDT_MEMORY_MAP_PROP_NAME,
			      "preserved-memory-map", "KHO_FDT_COMPATIBLE");
	kho_abi_expect_string(test, KHO_SUB_TREE_PROP_NAME, "preserved-data",
			      "KHO_FDT_COMPATIBLE");
	kho_abi_expect_string(test, KHO_SUB_TREE_SIZE_PROP_NAME, "blob-size",
			      "KHO_FDT_COMPATIBLE");
}

static void paged_constants(struct kunit *test)
{
	kho_abi_need_known_pages(test);
	kho_abi_expect_value(test, KHO_VMALLOC_SIZE,
			     kho_abi_paged(511, 2047, 8191),
			     "KHO_FDT_COMPATIBLE");
}

static void kho_vmalloc_hdr_layout(struct kunit *test)
{
	static const char promise[] = "KHO_FDT_COMPATIBLE";

	kho_abi_expect_struct(test, struct kho_vmalloc_hdr, 8, promise);
	kho_abi_expect_align(test, struct kho_vmalloc_hdr, 8, promise);
	kho_abi_expect_offset(test, struct kho_vmalloc_hdr, next, 0, promise);
	kho_abi_expect_size(test, struct kho_vmalloc_hdr, next, 8, promise);
	kho_abi_expect_size(test, struct kho_vmalloc_hdr, next.phys, 8,
			    promise);
	kho_abi_expect_sign(test, struct kho_vmalloc_hdr, next.phys, false,
			    promise);
	kho_abi_expect_type(test, struct kho_vmalloc_hdr, next.ptr,
			    struct kho_vmalloc_chunk *, promise);
}

static void kho_vmalloc_chunk_layout(struct kunit *test)
{
	static const char promise[] = "KHO_FDT_COMPATIBLE";

	kho_abi_need_known_pages(test);
	kho_abi_expect_struct(test, struct kho_vmalloc_chunk,
			      kho_abi_paged(4096, 16384, 65536), promise);
	kho_abi_expect_align(test, struct kho_vmalloc_chunk, 8, promise);
	kho_abi_expect_offset(test, struct kho_vmalloc_chunk, hdr, 0, promise);
	kho_abi_expect_size(test, struct kho_vmalloc_chunk, hdr, 8, promise);
	kho_abi_expect_type(test, struct kho_vmalloc_chunk, hdr,
			    struct kho_vmalloc_hdr, promise);
	kho_abi_expect_offset(test, struct kho_vmalloc_chunk, phys, 8, promise);
	kho_abi_expect_size(test, struct kho_vmalloc_chunk, phys,
			    kho_abi_paged(4088, 16376, 65528), promise);
	kho_abi_expect_size(test, struct kho_vmalloc_chunk, phys[0], 8,
			    promise);
	kho_abi_expect_sign(test, struct kho_vmalloc_chunk, phys[0], false,
			    promise);
}

static void kho_vmalloc_layout(struct kunit *test)
{
	static const char promise[] =
		"KHO_FDT_COMPATIBLE and MEMFD_LUO_FH_COMPATIBLE";

	kho_abi_expect_struct(test, struct kho_vmalloc, 16, promise);
	kho_abi_expect_align(test, struct kho_vmalloc, 8, promise);
	kho_abi_expect_offset(test, struct kho_vmalloc, first, 0, promise);
	kho_abi_expect_size(test, struct kho_vmalloc, first, 8, promise);
	kho_abi_expect_size(test, struct kho_vmalloc, first.phys, 8, promise);
	kho_abi_expect_sign(test, struct kho_vmalloc, first.phys, false,
			    promise);
	kho_abi_expect_type(test, struct kho_vmalloc, first.ptr,
			    struct kho_vmalloc_chunk *, promise);
	kho_abi_expect_offset(test, struct kho_vmalloc, total_pages, 8,
			      promise);
	kho_abi_expect_size(test, struct kho_vmalloc, total_pages, 4, promise);
	kho_abi_expect_sign(test, struct kho_vmalloc, total_pages, false,
			    promise);
	kho_abi_expect_offset(test, struct kho_vmalloc, flags, 12, promise);
	kho_abi_expect_size(test, struct kho_vmalloc, flags, 2, promise);
	kho_abi_expect_sign(test, struct kho_vmalloc, flags, false, promise);
	kho_abi_expect_offset(test, struct kho_vmalloc, order, 14, promise);
	kho_abi_expect_size(test, struct kho_vmalloc, order, 2, promise);
	kho_abi_expect_sign(test, struct kho_vmalloc, order, false, promise);
}

static void kho_radix_consts_values(struct kunit *test)
{
	kho_abi_need_known_pages(test);
	kho_abi_expect_value(test, KHO_RADIX_KEY_WIDTH,
			     kho_abi_paged(53, 51, 49), "KHO_FDT_COMPATIBLE");
	kho_abi_expect_value(test, KHO_TABLE_SIZE_LOG2,
			     kho_abi_paged(9, 11, 13), "KHO_FDT_COMPATIBLE");
	kho_abi_expect_value(test, KHO_BITMAP_SIZE_LOG2,
			     kho_abi_paged(15, 17, 19), "KHO_FDT_COMPATIBLE");
	kho_abi_expect_value(test, KHO_TREE_MAX_DEPTH, kho_abi_paged(6, 5, 4),
			     "KHO_FDT_COMPATIBLE");
}

static void kho_radix_node_layout(struct kunit *test)
{
	static const char promise[] = "KHO_FDT_COMPATIBLE";

	kho_abi_need_known_pages(test);
	kho_abi_expect_struct(test, struct kho_radix_node,
			      kho_abi_paged(4096, 16384, 65536), promise);
	kho_abi_expect_align(test, struct kho_radix_node, 8, promise);
	kho_abi_expect_offset(test, struct kho_radix_node, table, 0, promise);
	kho_abi_expect_size(test, struct kho_radix_node, table,
			    kho_abi_paged(4096, 16384, 65536), promise);
	kho_abi_expect_size(test, struct kho_radix_node, table[0], 8, promise);
	kho_abi_expect_sign(test, struct kho_radix_node, table[0], false,
			    promise);
}

static void kho_radix_leaf_layout(struct kunit *test)
{
	static const char promise[] = "KHO_FDT_COMPATIBLE";

	kho_abi_need_known_pages(test);
	kho_abi_expect_struct(test, struct kho_radix_leaf,
			      kho_abi_paged(4096, 16384, 65536), promise);
	kho_abi_expect_align(test, struct kho_radix_leaf, 8, promise);
	kho_abi_expect_offset(test, struct kho_radix_leaf, bitmap, 0, promise);
	kho_abi_expect_size(test, struct kho_radix_leaf, bitmap,
			    kho_abi_paged(4096, 16384, 65536), promise);
	kho_abi_expect_size(test, struct kho_radix_leaf, bitmap[0], 8, promise);
	kho_abi_expect_sign(test, struct kho_radix_leaf, bitmap[0], false,
			    promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(paged_constants),
	KUNIT_CASE(kho_vmalloc_hdr_layout),
	KUNIT_CASE(kho_vmalloc_chunk_layout),
	KUNIT_CASE(kho_vmalloc_layout),
	KUNIT_CASE(kho_radix_consts_values),
	KUNIT_CASE(kho_radix_node_layout),
	KUNIT_CASE(kho_radix_leaf_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_kexec_handover",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/kexec_handover.h>");
MODULE_LICENSE("GPL");
