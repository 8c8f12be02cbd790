/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/types.h>

/* An old comment. */
#include <linux/bits.h>
#include <linux/kho/abi/ring.h>

#define PORT_LUO_FH_COMPATIBLE "port-v1"

#define PORT_FLAG_UP BIT(0)
#define PORT_FLAG_BUSY BIT(1)

struct port_ser {
	unsigned short lane;
	__u16 speed;
	u32 flags;
	struct ring_ser ring;
} __packed;

#endif /* _LINUX_KHO_ABI_PORT_H */
