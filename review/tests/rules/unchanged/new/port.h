/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/types.h>

/* A new comment. */
#include <linux/kho/abi/ring.h>
#include <linux/bits.h>

#define PORT_FLAG_BUSY 0x2
#define PORT_FLAG_UP 1

#define PORT_LUO_FH_COMPATIBLE "port-v1"

struct port_ser {
	u16 lane;
	u16 speed;
	__u32 flags;
	struct ring_ser ring;
} __packed;

#endif /* _LINUX_KHO_ABI_PORT_H */
