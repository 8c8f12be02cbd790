/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: filling memory. */
#ifndef _LINUX_STRING_H
#define _LINUX_STRING_H

#define memset(to, byte, size) __builtin_memset(to, byte, size)

#endif /* _LINUX_STRING_H */
