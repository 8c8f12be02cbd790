/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_KHO_ABI_LANE_H
#define _LINUX_KHO_ABI_LANE_H

#include <linux/types.h>

#define LANE_LUO_FH_COMPATIBLE "lane-v1"

struct lane_ser {
	u64 size;
	u32 mode;
	u32 flags;
} __packed;

#endif /* _LINUX_KHO_ABI_LANE_H */
