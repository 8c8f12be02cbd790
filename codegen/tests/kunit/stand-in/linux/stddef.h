/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: the size of a member, beside what wire types need. */
#include_next <linux/stddef.h>

#undef sizeof_field
#define sizeof_field(type, member) sizeof(((type *)0)->member)
