/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: sizes and truth, beside what wire types need. */
#include_next <linux/types.h>

#ifndef KUNIT_STAND_IN_TYPES_H
#define KUNIT_STAND_IN_TYPES_H

typedef __SIZE_TYPE__ size_t;
#define true 1
#define false 0

#endif /* KUNIT_STAND_IN_TYPES_H */
