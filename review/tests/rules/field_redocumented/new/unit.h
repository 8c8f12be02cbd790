/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_UNIT_H
#define _LINUX_KHO_ABI_UNIT_H

#include <linux/types.h>

#define UNIT_FLB_COMPATIBLE "unit"
#define UNIT_FLB_VERSION 2

/**
 * struct unit_ser - One unit.
 * @id: Which one it is.
 * @users: How many use it or
 *         what is below it.
 */
struct unit_ser {
	u32 id;
	u32 users;
} __packed;

#endif
