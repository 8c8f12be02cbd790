// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of record.rs in C, to compare the object code.
 *
 * Not a part of the module. compare-codegen.sh builds this and record_rust.rs,
 * and compares them.
 */

#include <linux/errno.h>
#include <linux/kho/abi/vfio_pci.h>
#include <linux/limits.h>
#include <linux/types.h>

/* For the disassembler alone: they have no caller, and so no header. */
int c_record_fill(struct vfio_pci_core_device_ser *ser, u32 domain, u16 bdf);
int c_record_read(const void *page, u32 *domain, u16 *bdf);

int c_record_fill(struct vfio_pci_core_device_ser *ser, u32 domain, u16 bdf)
{
	if (domain > U16_MAX)
		return -EOVERFLOW;

	ser->bdf = bdf;
	ser->domain = domain;
	return 0;
}

int c_record_read(const void *page, u32 *domain, u16 *bdf)
{
	const struct vfio_pci_core_device_ser *ser = page;

	*domain = ser->domain;
	*bdf = ser->bdf;
	return 0;
}
