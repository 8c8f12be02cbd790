// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/kexec_metadata.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/kexec_metadata.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/kho/abi/kexec_metadata.h>
#include <linux/module.h>
#include <linux/types.h>
#include <linux/utsname.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, KHO_METADATA_NODE_NAME, "kexec-metadata",
			      "KHO_KEXEC_METADATA_VERSION");
}

static void constants(struct kunit *test)
{
	kho_abi_expect_value(test, KHO_KEXEC_METADATA_VERSION, 1,
			     "KHO_KEXEC_METADATA_VERSION");
}

static void kho_kexec_metadata_layout(struct kunit *test)
{
	static const char promise[] = "KHO_KEXEC_METADATA_VERSION";

	kho_abi_expect_struct(test, struct kho_kexec_metadata, 73, promise);
	kho_abi_expect_align(test, struct kho_kexec_metadata, 1, promise);
	kho_abi_expect_offset(test, struct kho_kexec_metadata, version, 0,
			      promise);
	kho_abi_expect_size(test, struct kho_kexec_metadata, version, 4,
			    promise);
	kho_abi_expect_sign(test, struct kho_kexec_metadata, version, false,
			    promise);
	kho_abi_expect_offset(test, struct kho_kexec_metadata, previous_release,
			      4, promise);
	kho_abi_expect_size(test, struct kho_kexec_metadata, previous_release,
			    65, promise);
	kho_abi_expect_size(test, struct kho_kexec_metadata,
			    previous_release[0], 1, promise);
	kho_abi_expect_offset(test, struct kho_kexec_metadata, kexec_count, 69,
			      promise);
	kho_abi_expect_size(test, struct kho_kexec_metadata, kexec_count, 4,
			    promise);
	kho_abi_expect_sign(test, struct kho_kexec_metadata, kexec_count, false,
			    promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(constants),
	KUNIT_CASE(kho_kexec_metadata_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_kexec_metadata",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/kexec_metadata.h>");
MODULE_LICENSE("GPL");
