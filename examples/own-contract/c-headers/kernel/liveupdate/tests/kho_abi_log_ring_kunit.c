// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from src/log_ring.rs: do not edit.
 * To change it, edit that file and run `KHO_ABI_WRITE=1 cargo test`.
 *
 * Fails when <linux/kho/abi/log_ring.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho/abi/log_ring.h>
#include <linux/module.h>
#include <linux/types.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, LOG_RING_KHO_ENTRY_NAME, "log-ring",
			      "LOG_RING_COMPATIBLE");
	kho_abi_expect_string(test, LOG_RING_COMPATIBLE, "log-ring-v1",
			      "LOG_RING_COMPATIBLE");
}

static void constants(struct kunit *test)
{
	kho_abi_expect_value(test, LOG_RING_COMPAT_LEN, 16,
			     "LOG_RING_COMPATIBLE");
	kho_abi_expect_value(test, LOG_RING_LOST, 1, "LOG_RING_COMPATIBLE");
}

static void log_ring_record_ser_layout(struct kunit *test)
{
	static const char promise[] = "LOG_RING_COMPATIBLE";

	kho_abi_expect_struct(test, struct log_ring_record_ser, 8, promise);
	kho_abi_expect_align(test, struct log_ring_record_ser, 1, promise);
}

static void log_ring_record_ser_bits(struct kunit *test)
{
	static const char promise[] = "LOG_RING_COMPATIBLE";
	struct log_ring_record_ser ser;
	u8 bits[sizeof(ser)];

	memset(&ser, 0, sizeof(ser));
	memset(bits, 0, sizeof(bits));
	ser.offset -= 1;
	kho_abi_set_bits(bits, 0, 60);
	kho_abi_expect_bits(test, "struct log_ring_record_ser.offset", &ser,
			    bits, sizeof(ser), promise);
	kho_abi_expect(test, "sign", "struct log_ring_record_ser.offset",
		       ser.offset + 0 < 0, false, promise);

	memset(&ser, 0, sizeof(ser));
	memset(bits, 0, sizeof(bits));
	ser.level -= 1;
	kho_abi_set_bits(bits, 60, 4);
	kho_abi_expect_bits(test, "struct log_ring_record_ser.level", &ser,
			    bits, sizeof(ser), promise);
	kho_abi_expect(test, "sign", "struct log_ring_record_ser.level",
		       ser.level + 0 < 0, false, promise);
}

static void log_ring_ser_layout(struct kunit *test)
{
	static const char promise[] = "LOG_RING_COMPATIBLE";

	kho_abi_expect_struct(test, struct log_ring_ser, 80, promise);
	kho_abi_expect_align(test, struct log_ring_ser, 1, promise);
	kho_abi_expect_offset(test, struct log_ring_ser, compatible, 0,
			      promise);
	kho_abi_expect_size(test, struct log_ring_ser, compatible, 16, promise);
	kho_abi_expect_size(test, struct log_ring_ser, compatible[0], 1,
			    promise);
	kho_abi_expect_offset(test, struct log_ring_ser, nr_records, 16,
			      promise);
	kho_abi_expect_size(test, struct log_ring_ser, nr_records, 8, promise);
	kho_abi_expect_sign(test, struct log_ring_ser, nr_records, false,
			    promise);
	kho_abi_expect_offset(test, struct log_ring_ser, flags, 24, promise);
	kho_abi_expect_size(test, struct log_ring_ser, flags, 4, promise);
	kho_abi_expect_sign(test, struct log_ring_ser, flags, false, promise);
	kho_abi_expect_offset(test, struct log_ring_ser, size, 28, promise);
	kho_abi_expect_size(test, struct log_ring_ser, size, 4, promise);
	kho_abi_expect_sign(test, struct log_ring_ser, size, false, promise);
	kho_abi_expect_offset(test, struct log_ring_ser, texts, 32, promise);
	kho_abi_expect_size(test, struct log_ring_ser, texts, 16, promise);
	kho_abi_expect_type(test, struct log_ring_ser, texts,
			    struct kho_vmalloc, promise);
	kho_abi_expect_offset(test, struct log_ring_ser, newest, 48, promise);
	kho_abi_expect_size(test, struct log_ring_ser, newest, 32, promise);
	kho_abi_expect_type(test, struct log_ring_ser, newest[0],
			    struct log_ring_record_ser, promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(constants),
	KUNIT_CASE(log_ring_record_ser_layout),
	KUNIT_CASE(log_ring_record_ser_bits),
	KUNIT_CASE(log_ring_ser_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_log_ring",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/log_ring.h>");
MODULE_LICENSE("GPL");
