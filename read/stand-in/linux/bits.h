/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: single bits, and what the kernel's brings along. */
#ifndef _LINUX_BITS_H
#define _LINUX_BITS_H

#include <linux/build_bug.h>
#include <linux/compiler.h>

#define BITS_PER_BYTE 8
#define BIT(nr) (1UL << (nr))

#endif /* _LINUX_BITS_H */
