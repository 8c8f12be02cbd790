// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/memfd.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/memfd.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho/abi/memfd.h>
#include <linux/module.h>
#include <linux/types.h>
#include <uapi/linux/fcntl.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, MEMFD_LUO_FH_COMPATIBLE, "memfd-v2",
			      "MEMFD_LUO_FH_COMPATIBLE");
}

static void constants(struct kunit *test)
{
	kho_abi_expect_value(test, MEMFD_LUO_FOLIO_DIRTY, 1,
			     "MEMFD_LUO_FH_COMPATIBLE");
	kho_abi_expect_value(test, MEMFD_LUO_FOLIO_UPTODATE, 2,
			     "MEMFD_LUO_FH_COMPATIBLE");
	kho_abi_expect_value(test, MEMFD_LUO_ALL_SEALS, 63,
			     "MEMFD_LUO_FH_COMPATIBLE");
}

static void memfd_luo_folio_ser_layout(struct kunit *test)
{
	static const char promise[] = "MEMFD_LUO_FH_COMPATIBLE";

	kho_abi_expect_struct(test, struct memfd_luo_folio_ser, 16, promise);
	kho_abi_expect_align(test, struct memfd_luo_folio_ser, 1, promise);
	kho_abi_expect_offset(test, struct memfd_luo_folio_ser, index, 8,
			      promise);
	kho_abi_expect_size(test, struct memfd_luo_folio_ser, index, 8,
			    promise);
	kho_abi_expect_sign(test, struct memfd_luo_folio_ser, index, false,
			    promise);
}

static void memfd_luo_folio_ser_bits(struct kunit *test)
{
	static const char promise[] = "MEMFD_LUO_FH_COMPATIBLE";
	struct memfd_luo_folio_ser ser;
	u8 bits[sizeof(ser)];

	memset(&ser, 0, sizeof(ser));
	memset(bits, 0, sizeof(bits));
	ser.pfn -= 1;
	kho_abi_set_bits(bits, 0, 52);
	kho_abi_expect_bits(test, "struct memfd_luo_folio_ser.pfn", &ser, bits,
			    sizeof(ser), promise);
	kho_abi_expect(test, "sign", "struct memfd_luo_folio_ser.pfn",
		       ser.pfn + 0 < 0, false, promise);

	memset(&ser, 0, sizeof(ser));
	memset(bits, 0, sizeof(bits));
	ser.flags -= 1;
	kho_abi_set_bits(bits, 52, 12);
	kho_abi_expect_bits(test, "struct memfd_luo_folio_ser.flags", &ser,
			    bits, sizeof(ser), promise);
	kho_abi_expect(test, "sign", "struct memfd_luo_folio_ser.flags",
		       ser.flags + 0 < 0, false, promise);
}

static void memfd_luo_ser_layout(struct kunit *test)
{
	static const char promise[] = "MEMFD_LUO_FH_COMPATIBLE";

	kho_abi_expect_struct(test, struct memfd_luo_ser, 48, promise);
	kho_abi_expect_align(test, struct memfd_luo_ser, 1, promise);
	kho_abi_expect_offset(test, struct memfd_luo_ser, pos, 0, promise);
	kho_abi_expect_size(test, struct memfd_luo_ser, pos, 8, promise);
	kho_abi_expect_sign(test, struct memfd_luo_ser, pos, false, promise);
	kho_abi_expect_offset(test, struct memfd_luo_ser, size, 8, promise);
	kho_abi_expect_size(test, struct memfd_luo_ser, size, 8, promise);
	kho_abi_expect_sign(test, struct memfd_luo_ser, size, false, promise);
	kho_abi_expect_offset(test, struct memfd_luo_ser, seals, 16, promise);
	kho_abi_expect_size(test, struct memfd_luo_ser, seals, 4, promise);
	kho_abi_expect_sign(test, struct memfd_luo_ser, seals, false, promise);
	kho_abi_expect_offset(test, struct memfd_luo_ser, flags, 20, promise);
	kho_abi_expect_size(test, struct memfd_luo_ser, flags, 4, promise);
	kho_abi_expect_sign(test, struct memfd_luo_ser, flags, false, promise);
	kho_abi_expect_offset(test, struct memfd_luo_ser, nr_folios, 24,
			      promise);
	kho_abi_expect_size(test, struct memfd_luo_ser, nr_folios, 8, promise);
	kho_abi_expect_sign(test, struct memfd_luo_ser, nr_folios, false,
			    promise);
	kho_abi_expect_offset(test, struct memfd_luo_ser, folios, 32, promise);
	kho_abi_expect_size(test, struct memfd_luo_ser, folios, 16, promise);
	kho_abi_expect_type(test, struct memfd_luo_ser, folios,
			    struct kho_vmalloc, promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(constants),
	KUNIT_CASE(memfd_luo_folio_ser_layout),
	KUNIT_CASE(memfd_luo_folio_ser_bits),
	KUNIT_CASE(memfd_luo_ser_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_memfd",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/memfd.h>");
MODULE_LICENSE("GPL");
