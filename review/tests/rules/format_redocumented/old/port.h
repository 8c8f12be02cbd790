/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/types.h>

/**
 * DOC: Port Live Update ABI
 *
 * A node has these properties.
 *

 *   - start: u64
 *
 *     The address.
 */

#define PORT_LUO_FH_COMPATIBLE "port-v1"

/**
 * PORT_DIRTY - The port is dirty.
 */
#define PORT_DIRTY 1

/**
 * struct port_ser - A port, by its ring.
 * @ring: The ring.
 */
struct port_ser {
	u64 ring;
} __packed;

#endif /* _LINUX_KHO_ABI_PORT_H */
