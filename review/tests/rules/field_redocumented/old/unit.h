/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_UNIT_H
#define _LINUX_KHO_ABI_UNIT_H

#include <linux/types.h>

#define UNIT_FLB_COMPATIBLE "unit"
#define UNIT_FLB_VERSION 1

/**
 * struct unit_ser - One unit.
 * @id: Which one it is.
 * @users: 1 while in use,
 *         and 0 otherwise.
 */
struct unit_ser {
	u32 id;
	u32 users;
} __packed;

#endif
