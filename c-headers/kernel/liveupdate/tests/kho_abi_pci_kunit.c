// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/pci.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/pci.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/kho/abi/pci.h>
#include <linux/module.h>
#include <linux/types.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, PCI_LUO_FLB_COMPATIBLE, "pci",
			      "PCI_LUO_FLB_VERSION");
}

static void constants(struct kunit *test)
{
	kho_abi_expect_value(test, PCI_LUO_FLB_VERSION, 2,
			     "PCI_LUO_FLB_VERSION");
}

static void pci_dev_ser_layout(struct kunit *test)
{
	static const char promise[] = "PCI_LUO_FLB_VERSION";

	kho_abi_expect_struct(test, struct pci_dev_ser, 8, promise);
	kho_abi_expect_align(test, struct pci_dev_ser, 1, promise);
	kho_abi_expect_offset(test, struct pci_dev_ser, domain, 0, promise);
	kho_abi_expect_size(test, struct pci_dev_ser, domain, 4, promise);
	kho_abi_expect_sign(test, struct pci_dev_ser, domain, false, promise);
	kho_abi_expect_offset(test, struct pci_dev_ser, bdf, 4, promise);
	kho_abi_expect_size(test, struct pci_dev_ser, bdf, 2, promise);
	kho_abi_expect_sign(test, struct pci_dev_ser, bdf, false, promise);
	kho_abi_expect_offset(test, struct pci_dev_ser, refcount, 6, promise);
	kho_abi_expect_size(test, struct pci_dev_ser, refcount, 2, promise);
	kho_abi_expect_sign(test, struct pci_dev_ser, refcount, false, promise);
}

static void pci_ser_layout(struct kunit *test)
{
	static const char promise[] = "PCI_LUO_FLB_VERSION";

	kho_abi_expect_struct(test, struct pci_ser, 16, promise);
	kho_abi_expect_align(test, struct pci_ser, 1, promise);
	kho_abi_expect_offset(test, struct pci_ser, version, 0, promise);
	kho_abi_expect_size(test, struct pci_ser, version, 4, promise);
	kho_abi_expect_sign(test, struct pci_ser, version, false, promise);
	kho_abi_expect_offset(test, struct pci_ser, nr_devices, 4, promise);
	kho_abi_expect_size(test, struct pci_ser, nr_devices, 4, promise);
	kho_abi_expect_sign(test, struct pci_ser, nr_devices, false, promise);
	kho_abi_expect_offset(test, struct pci_ser, devices, 8, promise);
	kho_abi_expect_size(test, struct pci_ser, devices, 8, promise);
	kho_abi_expect_sign(test, struct pci_ser, devices, false, promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(constants),
	KUNIT_CASE(pci_dev_ser_layout),
	KUNIT_CASE(pci_ser_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_pci",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/pci.h>");
MODULE_LICENSE("GPL");
