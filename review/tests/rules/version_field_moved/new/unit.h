/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_UNIT_H
#define _LINUX_KHO_ABI_UNIT_H

#include <linux/types.h>

#define UNIT_FLB_COMPATIBLE "unit"
#define UNIT_FLB_VERSION 2

struct unit_ser {
	u32 flags;
	u32 version;
	u32 nr;
} __packed;

#endif
