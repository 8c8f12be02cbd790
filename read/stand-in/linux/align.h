/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: rounding up to a power of two. */
#ifndef _LINUX_ALIGN_H
#define _LINUX_ALIGN_H

#define ALIGN(x, a) (((x) + (a) - 1) / (a) * (a))

#endif /* _LINUX_ALIGN_H */
