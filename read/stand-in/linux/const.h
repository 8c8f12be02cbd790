/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: constants with a type. */
#ifndef _LINUX_CONST_H
#define _LINUX_CONST_H

#define __AC_JOIN(value, suffix) value##suffix
#define _AC(value, suffix) __AC_JOIN(value, suffix)
#define _AT(type, value) ((type)(value))
#define _UL(value) _AC(value, UL)
#define _ULL(value) _AC(value, ULL)
#define UL(value) _UL(value)
#define ULL(value) _ULL(value)
#define _BITUL(nr) (_UL(1) << (nr))
#define _BITULL(nr) (_ULL(1) << (nr))

#endif /* _LINUX_CONST_H */
