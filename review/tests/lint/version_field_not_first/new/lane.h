/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_KHO_ABI_LANE_H
#define _LINUX_KHO_ABI_LANE_H

#include <linux/types.h>

#define LANE_LUO_FLB_COMPATIBLE "lane"
#define LANE_LUO_FLB_VERSION 1

struct lane_ser {
	u32 count;
	u32 version;
} __packed;

#endif /* _LINUX_KHO_ABI_LANE_H */
