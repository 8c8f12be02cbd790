/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/types.h>

#define PORT_LUO_FH_COMPATIBLE "port-v1"

struct port_ser {
	u64 ring;
} __packed;

/* Stores where the ring lies. */
#define PORT_STORE_RING(ser, ring) ((ser)->ring = virt_to_phys(ring) >> 12)

/* Whether there is a ring. */
static inline bool port_has_ring(const struct port_ser *ser)
{
	return ser->ring != ~0ULL;
}

int port_restore(const struct port_ser *ser);

#endif /* _LINUX_KHO_ABI_PORT_H */
