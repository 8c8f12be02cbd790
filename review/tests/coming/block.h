/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define KHO_BLOCK_COMPATIBLE "block-v1"

struct kho_block_header_ser {
	u64 next;
	u64 count;
} __packed;
