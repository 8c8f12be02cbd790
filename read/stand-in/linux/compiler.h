/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: the attributes that wire types use. */
#ifndef _LINUX_COMPILER_H
#define _LINUX_COMPILER_H

#define __packed __attribute__((__packed__))
#define __aligned(x) __attribute__((__aligned__(x)))
#define __nonstring

#endif /* _LINUX_COMPILER_H */
