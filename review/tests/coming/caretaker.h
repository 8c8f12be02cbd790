/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define CARETAKER_MAGIC 0x43545353

struct caretaker_ser {
	u32 magic;
	u32 nr;
} __packed;
