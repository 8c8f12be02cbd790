/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: questions about types, beside what wire types need. */
#include_next <linux/compiler.h>

#undef is_signed_type
#define is_signed_type(type) ((type)-1 < (type)1)
#undef __same_type
#define __same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
