/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_REFUSED_H
#define _LINUX_KHO_ABI_REFUSED_H

#include <linux/types.h>

#define REFUSED_COMPATIBLE	"refused-v1"
#define REFUSED_EMPTY

typedef u64 refused_t;

union refused_union {
	u64 a;
	u32 b;
};

struct refused_pointer {
	u32 *a;
} __packed;

struct refused_in_union {
	u32 a;
	union {
		u32 b;
		s32 c;
	} d;
} __packed;

struct refused_nameless {
	struct {
		u32 a;
	} b;
} __packed;

struct refused_padding {
	u8 a;
	u32 b;
};

struct refused_aligned {
	u32 a;
	u32 b;
} __attribute__((aligned(8)));

struct refused_bits {
	u64 a:52;
	u64 b:4;
} __packed;

struct refused_signed {
	int a:32;
} __packed;

struct refused_lock {
	struct mutex a;
} __packed;

#ifdef CONFIG_REFUSED
struct refused_option {
	u32 a;
} __packed;
#endif

struct refused_float {
	double a;
} __packed;

#endif
