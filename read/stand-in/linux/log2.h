/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: logarithms of constants, rounded down. */
#ifndef _LINUX_LOG2_H
#define _LINUX_LOG2_H

#define const_ilog2(n) ((n) < 2 ? 0 : 63 - __builtin_clzll(n))
#define ilog2(n) const_ilog2(n)

#endif /* _LINUX_LOG2_H */
