/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/types.h>

#define PORT_LUO_FH_COMPATIBLE "port-v1"

#define PORT_FLAG_UP (1 << 1)
#define PORT_NODE_NAME "ports"

struct port_ser {
	u16 lane;
	u16 speed;
	u32 flags;
	u64 buffers;
} __packed;

#endif /* _LINUX_KHO_ABI_PORT_H */
