// SPDX-License-Identifier: GPL-2.0
/*
 * Generated from abi/src/wire/vfio_pci.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 *
 * Fails when <linux/kho/abi/vfio_pci.h> no longer matches what kernels
 * agreed on. Each failure names the macro whose version a change needs.
 */

#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/kho/abi/vfio_pci.h>
#include <linux/module.h>
#include <linux/types.h>

#include "kho_abi_kunit.h"

static void strings(struct kunit *test)
{
	kho_abi_expect_string(test, VFIO_PCI_LUO_FH_COMPATIBLE, "vfio-pci-v1",
			      "VFIO_PCI_LUO_FH_COMPATIBLE");
}

static void vfio_pci_core_device_ser_layout(struct kunit *test)
{
	static const char promise[] = "VFIO_PCI_LUO_FH_COMPATIBLE";

	kho_abi_expect_struct(test, struct vfio_pci_core_device_ser, 4,
			      promise);
	kho_abi_expect_align(test, struct vfio_pci_core_device_ser, 1, promise);
	kho_abi_expect_offset(test, struct vfio_pci_core_device_ser, bdf, 0,
			      promise);
	kho_abi_expect_size(test, struct vfio_pci_core_device_ser, bdf, 2,
			    promise);
	kho_abi_expect_sign(test, struct vfio_pci_core_device_ser, bdf, false,
			    promise);
	kho_abi_expect_offset(test, struct vfio_pci_core_device_ser, domain, 2,
			      promise);
	kho_abi_expect_size(test, struct vfio_pci_core_device_ser, domain, 2,
			    promise);
	kho_abi_expect_sign(test, struct vfio_pci_core_device_ser, domain,
			    false, promise);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(strings),
	KUNIT_CASE(vfio_pci_core_device_ser_layout),
	{}
};

static struct kunit_suite suite = {
	.name = "kho_abi_vfio_pci",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of <linux/kho/abi/vfio_pci.h>");
MODULE_LICENSE("GPL");
