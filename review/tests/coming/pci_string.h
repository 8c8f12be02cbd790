/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define PCI_LUO_FLB_COMPATIBLE "pci-v1"

struct pci_dev_ser {
	u32 domain;
	u16 bdf;
	u16 reserved;
} __packed;

struct pci_ser {
	u64 max_nr_devices;
	u64 nr_devices;
	struct pci_dev_ser devices[];
} __packed;
