/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/build_bug.h>
#include <linux/types.h>

#define PORT_LUO_FH_COMPATIBLE "port-v1"

struct port_ser {
	u16 lane;
	u16 speed;
	u32 reset_works;
} __packed;

static_assert(sizeof(struct port_ser) == 4);

#endif /* _LINUX_KHO_ABI_PORT_H */
