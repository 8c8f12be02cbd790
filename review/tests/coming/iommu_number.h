/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define IOMMU_LUO_FLB_COMPATIBLE "iommu-liveupdate"
#define IOMMU_LUO_FLB_VERSION 1

enum iommu_ser_type {
	IOMMU_SER_NONE,
	IOMMU_SER_INTEL,
};

struct iommu_hw_ser {
	u64 token;
	u64 type;
} __packed;

struct iommu_flb_ser {
	u64 version;
	u64 hw_phys;
	u64 domain_phys;
} __packed;
