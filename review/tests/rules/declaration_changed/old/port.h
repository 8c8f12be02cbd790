/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef _LINUX_KHO_ABI_PORT_H
#define _LINUX_KHO_ABI_PORT_H

#include <linux/cpumask.h>
#include <linux/types.h>

#define PORT_LUO_FH_COMPATIBLE "port-v1"

/* Its size depends on the kernel's configuration. */
struct port_ser {
	cpumask_t served;
	u32 lanes;
} __packed;

#endif /* _LINUX_KHO_ABI_PORT_H */
