// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/luo.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/luo.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/kho/abi/block.h>
#include <linux/kho/abi/luo.h>
#include <linux/module.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, LUO_KHO_ENTRY_NAME, "LUO",
			      "LUO_ABI_COMPATIBLE");
	kho_abi_expect_string(test, LUO_ABI_COMPATIBLE, "luo-v5",
			      "LUO_ABI_COMPATIBLE");
}

static void constants(struct kunit *test)
{
	kho_abi_expect_value(test, LUO_ABI_COMPAT_LEN, 8, "LUO_ABI_COMPATIBLE");
	kho_abi_expect_value(test, LIVEUPDATE_HNDL_COMPAT_LENGTH, 48,
			     "LUO_ABI_COMPATIBLE");
	kho_abi_expect_value(test, LIVEUPDATE_FLB_COMPAT_LENGTH, 48,
			     "LUO_ABI_COMPATIBLE");
}

static void luo_ser_layout(struct kunit *test)
{
	static const char promise[] = "LUO_ABI_COMPATIBLE";

	kho_abi_expect_struct(test, struct luo_ser, 32, promise);
	kho_abi_expect_align(test, struct luo_ser, 1, promise);
	kho_abi_expect_offset(test, struct luo_ser, compatible, 0, promise);
	kho_abi_expect_size(test, struct luo_ser, compatible, 8, promise);
	kho_abi_expect_size(test, struct luo_ser, compatible[0], 1, promise);
	kho_abi_expect_offset(test, struct luo_ser, liveupdate_num, 8, promise);
	kho_abi_expect_size(test, struct luo_ser, liveupdate_num, 8, promise);
	kho_abi_expect_sign(test, struct luo_ser, liveupdate_num, false,
			    promise);
	kho_abi_expect_offset(test, struct luo_ser, sessions_pa, 16, promise);
	kho_abi_expect_size(test, struct luo_ser, sessions_pa, 8, promise);
	kho_abi_expect_sign(test, struct luo_ser, sessions_pa, false, promise);
	kho_abi_expect_offset(test, struct luo_ser, flbs_pa, 24, promise);
	kho_abi_expect_size(test, struct luo_ser, flbs_pa, 8, promise);
	kho_abi_expect_sign(test, struct luo_ser, flbs_pa, false, promise);
}

static void luo_file_ser_layout(struct kunit *test)
{
	static const char promise[] = "LUO_ABI_COMPATIBLE";

	kho_abi_expect_struct(test, struct luo_file_ser, 64, promise);
	kho_abi_expect_align(test, struct luo_file_ser, 1, promise);
	kho_abi_expect_offset(test, struct luo_file_ser, compatible, 0,
			      promise);
	kho_abi_expect_size(test, struct luo_file_ser, compatible, 48, promise);
	kho_abi_expect_size(test, struct luo_file_ser, compatible[0], 1,
			    promise);
	kho_abi_expect_offset(test, struct luo_file_ser, data, 48, promise);
	kho_abi_expect_size(test, struct luo_file_ser, data, 8, promise);
	kho_abi_expect_sign(test, struct luo_file_ser, data, false, promise);
	kho_abi_expect_offset(test, struct luo_file_ser, token, 56, promise);
	kho_abi_expect_size(test, struct luo_file_ser, token, 8, promise);
	kho_abi_expect_sign(test, struct luo_file_ser, token, false, promise);
}

static void luo_file_set_ser_layout(struct kunit *test)
{
	static const char promise[] = "LUO_ABI_COMPATIBLE";

	kho_abi_expect_struct(test, struct luo_file_set_ser, 16, promise);
	kho_abi_expect_align(test, struct luo_file_set_ser, 1, promise);
	kho_abi_expect_offset(test, struct luo_file_set_ser, files, 0, promise);
	kho_abi_expect_size(test, struct luo_file_set_ser, files, 8, promise);
	kho_abi_expect_sign(test, struct luo_file_set_ser, files, false,
			    promise);
	kho_abi_expect_offset(test, struct luo_file_set_ser, count, 8, promise);
	kho_abi_expect_size(test, struct luo_file_set_ser, count, 8, promise);
	kho_abi_expect_sign(test, struct luo_file_set_ser, count, false,
			    promise);
}

static void luo_session_ser_layout(struct kunit *test)
{
	static const char promise[] = "LUO_ABI_COMPATIBLE";

	kho_abi_expect_struct(test, struct luo_session_ser, 80, promise);
	kho_abi_expect_align(test, struct luo_session_ser, 1, promise);
	kho_abi_expect_offset(test, struct luo_session_ser, name, 0, promise);
	kho_abi_expect_size(test, struct luo_session_ser, name, 64, promise);
	kho_abi_expect_size(test, struct luo_session_ser, name[0], 1, promise);
	kho_abi_expect_offset(test, struct luo_session_ser, file_set_ser, 64,
			      promise);
	kho_abi_expect_size(test, struct luo_session_ser, file_set_ser, 16,
			    promise);
	kho_abi_expect_type(test, struct luo_session_ser, file_set_ser,
			    struct luo_file_set_ser, promise);
}

static void luo_flb_header_ser_layout(struct kunit *test)
{
	static const char promise[] = "LUO_ABI_COMPATIBLE";

	kho_abi_expect_struct(test, struct luo_flb_header_ser, 16, promise);
	kho_abi_expect_align(test, struct luo_flb_header_ser, 1, promise);
	kho_abi_expect_offset(test, struct luo_flb_header_ser, pgcnt, 0,
			      promise);
	kho_abi_expect_size(test, struct luo_flb_header_ser, pgcnt, 8, promise);
	kho_abi_expect_sign(test, struct luo_flb_header_ser, pgcnt, false,
			    promise);
	kho_abi_expect_offset(test, struct luo_flb_header_ser, count, 8,
			      promise);
	kho_abi_expect_size(test, struct luo_flb_header_ser, count, 8, promise);
	kho_abi_expect_sign(test, struct luo_flb_header_ser, count, false,
			    promise);
}

static void luo_flb_ser_layout(struct kunit *test)
{
	static const char promise[] = "LUO_ABI_COMPATIBLE";

	kho_abi_expect_struct(test, struct luo_flb_ser, 64, promise);
	kho_abi_expect_align(test, struct luo_flb_ser, 1, promise);
	kho_abi_expect_offset(test, struct luo_flb_ser, name, 0, promise);
	kho_abi_expect_size(test, struct luo_flb_ser, name, 48, promise);
	kho_abi_expect_size(test, struct luo_flb_ser, name[0], 1, promise);
	kho_abi_expect_offset(test, struct luo_flb_ser, data, 48, promise);
	kho_abi_expect_size(test, struct luo_flb_ser, data, 8, promise);
	kho_abi_expect_sign(test, struct luo_flb_ser, data, false, promise);
	kho_abi_expect_offset(test, struct luo_flb_ser, count, 56, promise);
	kho_abi_expect_size(test, struct luo_flb_ser, count, 8, promise);
	kho_abi_expect_sign(test, struct luo_flb_ser, count, false, promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(constants),
	KUNIT_CASE(luo_ser_layout),
	KUNIT_CASE(luo_file_ser_layout),
	KUNIT_CASE(luo_file_set_ser_layout),
	KUNIT_CASE(luo_session_ser_layout),
	KUNIT_CASE(luo_flb_header_ser_layout),
	KUNIT_CASE(luo_flb_ser_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_luo",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/luo.h>");
MODULE_LICENSE("GPL");
