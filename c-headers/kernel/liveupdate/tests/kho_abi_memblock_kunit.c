// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/memblock.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/memblock.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/kho/abi/memblock.h>
#include <linux/module.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, MEMBLOCK_KHO_FDT, "memblock",
			      "MEMBLOCK_KHO_NODE_COMPATIBLE");
	kho_abi_expect_string(test, MEMBLOCK_KHO_NODE_COMPATIBLE, "memblock-v1",
			      "MEMBLOCK_KHO_NODE_COMPATIBLE");
	kho_abi_expect_string(test, RESERVE_MEM_KHO_NODE_COMPATIBLE,
			      "reserve-mem-v1",
			      "RESERVE_MEM_KHO_NODE_COMPATIBLE");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_memblock",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/memblock.h>");
MODULE_LICENSE("GPL");
