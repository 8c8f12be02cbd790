/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define VFIO_PCI_LUO_FH_COMPATIBLE "vfio-pci-v1"

struct vfio_pci_core_device_ser {
	u32 domain;
	u16 bdf;
} __packed;
