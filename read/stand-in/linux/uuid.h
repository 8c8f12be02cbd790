/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: identifiers of 16 bytes. */
#ifndef _LINUX_UUID_H
#define _LINUX_UUID_H

#include <linux/types.h>

#define UUID_SIZE 16

typedef struct {
	__u8 b[UUID_SIZE];
} uuid_t;

typedef struct {
	__u8 b[UUID_SIZE];
} guid_t;

#endif /* _LINUX_UUID_H */
