/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/types.h>

#include <linux/kho/abi/ring.h>

#define PORT_LUO_FH_COMPATIBLE "port-v1"

struct port_ser {
	u32 lane;
	struct ring_ser ring;
	u64 buffers;
} __packed;

#endif /* _LINUX_KHO_ABI_PORT_H */
