/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_KHO_ABI_LANE_H
#define _LINUX_KHO_ABI_LANE_H

#include <linux/types.h>

#define LANE_LUO_FH_COMPATIBLE "lane-v1"

#define LANE_MAX NR_CPUS

struct lane_ser {
	u64 size;
	u32 mode;
#ifdef CONFIG_LANE_STATS
	u64 stats;
#endif
	cpumask_t cpus;
	u64 each[LANE_MAX];
} __packed;

#endif /* _LINUX_KHO_ABI_LANE_H */
