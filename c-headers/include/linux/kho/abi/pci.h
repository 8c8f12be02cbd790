/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/pci.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_PCI_H
#define _LINUX_KHO_ABI_PCI_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: PCI core Live Update ABI
 *
 * The devices that the PCI core keeps as they are across a live update: those
 * that a driver preserves, and the bridges above them. The kernel that runs
 * before the update lists them in blocks of &struct pci_dev_ser, and leaves a
 * &struct pci_ser that leads to the first block. The kernel that runs after it
 * finds a device on the bus, and looks it up in that list.
 *
 * It is a File-Lifecycle-Bound (FLB) object of the Live Update Orchestrator
 * (LUO): there as long as a file that needs it is. The object's entry in LUO
 * carries %PCI_LUO_FLB_COMPATIBLE, which has no version in it and stays the
 * same, and the physical address of a &struct pci_ser in its data. The version
 * is %PCI_LUO_FLB_VERSION, in the struct's first field. A kernel that finds
 * another number there panics. Fields are in the byte order of the CPU.
 *
 * %PCI_LUO_FLB_VERSION is a contract about &struct pci_dev_ser and
 * &struct pci_ser: kernels that use this number agree on every byte of it. The
 * next kernel compares the number, and then believes the bytes. Any change to a
 * field's offset, size, type or meaning, also in a struct that is embedded,
 * needs a new number.
 */

/**
 * PCI_LUO_FLB_COMPATIBLE - Compatible string of the PCI core's FLB object, in
 * every version.
 */
#define PCI_LUO_FLB_COMPATIBLE	"pci"

/**
 * PCI_LUO_FLB_VERSION - Version of &struct pci_ser and all that it leads to, as
 * its first field has it.
 */
#define PCI_LUO_FLB_VERSION	2

/**
 * struct pci_dev_ser - A preserved device, or a bridge above one.
 * @domain:   PCI domain, which the PCI specifications call segment.
 * @bdf:      Bus number in bits 8 to 15, device number in bits 3 to 7, function
 *            number in bits 0 to 2.
 * @refcount: Number of preserved devices at or below this one.
 *
 * Domain and address together name one PCI function. In the list each is there
 * once, and the list is sorted by domain, and by address within a domain.
 */
struct pci_dev_ser {
	u32 domain;
	u16 bdf;
	u16 refcount;
} __packed;

static_assert(sizeof(struct pci_dev_ser) == 8);
static_assert(offsetof(struct pci_dev_ser, domain) == 0);
static_assert(offsetof(struct pci_dev_ser, bdf) == 4);
static_assert(offsetof(struct pci_dev_ser, refcount) == 6);

/**
 * struct pci_ser - What the PCI core hands over.
 * @version:    %PCI_LUO_FLB_VERSION: never removed, moved or given another
 *              size, in any version.
 * @nr_devices: Number of devices in all blocks.
 * @devices:    Physical address of the first block
 *              (&struct kho_block_header_ser) of &struct pci_dev_ser.
 */
struct pci_ser {
	u32 version;
	u32 nr_devices;
	u64 devices;
} __packed;

static_assert(sizeof(struct pci_ser) == 16);
static_assert(offsetof(struct pci_ser, version) == 0);
static_assert(offsetof(struct pci_ser, nr_devices) == 4);
static_assert(offsetof(struct pci_ser, devices) == 8);

#endif /* _LINUX_KHO_ABI_PCI_H */
