// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/block.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/block.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/kho/abi/block.h>
#include <linux/module.h>
#include <linux/types.h>

#include <asm/page.h>

#include "kho_abi_kunit.h"

static void paged_constants(struct kunit *test)
{
	kho_abi_need_known_pages(test);
	kho_abi_expect_value(test, KHO_BLOCK_SIZE,
			     kho_abi_paged(4096, 16384, 65536),
			     "KHO_FDT_COMPATIBLE");
}

static void kho_block_header_ser_layout(struct kunit *test)
{
	static const char promise[] = "KHO_FDT_COMPATIBLE";

	kho_abi_expect_struct(test, struct kho_block_header_ser, 16, promise);
	kho_abi_expect_align(test, struct kho_block_header_ser, 1, promise);
	kho_abi_expect_offset(test, struct kho_block_header_ser, next, 0,
			      promise);
	kho_abi_expect_size(test, struct kho_block_header_ser, next, 8,
			    promise);
	kho_abi_expect_sign(test, struct kho_block_header_ser, next, false,
			    promise);
	kho_abi_expect_offset(test, struct kho_block_header_ser, count, 8,
			      promise);
	kho_abi_expect_size(test, struct kho_block_header_ser, count, 8,
			    promise);
	kho_abi_expect_sign(test, struct kho_block_header_ser, count, false,
			    promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(paged_constants),
	KUNIT_CASE(kho_block_header_ser_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_block",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/block.h>");
MODULE_LICENSE("GPL");
