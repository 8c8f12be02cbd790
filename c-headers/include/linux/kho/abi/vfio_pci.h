/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/vfio_pci.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_LIVEUPDATE_ABI_VFIO_PCI_H
#define _LINUX_LIVEUPDATE_ABI_VFIO_PCI_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: vfio-pci Live Update ABI
 *
 * A vfio-pci device file that user space preserves through the Live Update
 * Orchestrator (LUO) leaves one struct in a preserved page. The kernel that
 * runs before the update writes it when the file is preserved; the kernel that
 * runs after it reads it when the file is retrieved, to find the device again.
 *
 * The file's entry in the LUO session carries %VFIO_PCI_LUO_FH_COMPATIBLE, and
 * the physical address of a &struct vfio_pci_core_device_ser in its data.
 * Fields are in the byte order of the CPU.
 *
 * %VFIO_PCI_LUO_FH_COMPATIBLE is a contract about
 * &struct vfio_pci_core_device_ser: kernels that use this string agree on every
 * byte of it. The next kernel compares the string, and then believes the bytes.
 * Any change to a field's offset, size, type or meaning, also in a struct that
 * is embedded, needs a new version in the string.
 */

/**
 * VFIO_PCI_LUO_FH_COMPATIBLE - Compatible string of the LUO file handler for
 * vfio-pci device files.
 */
#define VFIO_PCI_LUO_FH_COMPATIBLE	"vfio-pci-v1"

/**
 * struct vfio_pci_core_device_ser - Identity of a preserved vfio-pci device.
 * @bdf:    Bus number in bits 8 to 15, device number in bits 3 to 7, function
 *          number in bits 0 to 2.
 * @domain: PCI domain, which the PCI specifications call segment.
 *
 * Both fields together name one PCI function. A device in a domain that does
 * not fit cannot be preserved.
 */
struct vfio_pci_core_device_ser {
	u16 bdf;
	u16 domain;
} __packed;

static_assert(sizeof(struct vfio_pci_core_device_ser) == 4);
static_assert(offsetof(struct vfio_pci_core_device_ser, bdf) == 0);
static_assert(offsetof(struct vfio_pci_core_device_ser, domain) == 2);

#endif /* _LINUX_LIVEUPDATE_ABI_VFIO_PCI_H */
