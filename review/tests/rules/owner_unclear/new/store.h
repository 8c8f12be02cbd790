/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_STORE_H
#define _LINUX_KHO_ABI_STORE_H

#include <linux/types.h>

#define DEPOT_COMPATIBLE "depot-v1"
#define YARD_COMPATIBLE "yard-v2"

struct range_ser {
	u64 start;
	u64 end;
} __packed;

#endif
