/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define PCI_LUO_FLB_COMPATIBLE "pci"
#define PCI_LUO_FLB_VERSION 1

/**
 * struct pci_dev_ser - A device that is kept.
 * @domain: The segment.
 * @bdf: Bus, device, function.
 * @refcount: 1 for an entry that is in use.
 */
struct pci_dev_ser {
	u32 domain;
	u16 bdf;
	u16 refcount;
} __packed;

/**
 * struct pci_ser - What the core hands over.
 * @version: PCI_LUO_FLB_VERSION; never moves.
 * @nr_devices: How many there are.
 * @devices: Where the first block of them is.
 */
struct pci_ser {
	u32 version;
	u32 nr_devices;
	u64 devices;
} __packed;
