/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_RING_H
#define _LINUX_KHO_ABI_RING_H

#include <linux/types.h>

#define RING_LUO_FH_COMPATIBLE "ring-v1"

struct ring_ser {
	u64 first;
	u64 last;
} __packed;

#endif /* _LINUX_KHO_ABI_RING_H */
