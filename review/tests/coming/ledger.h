/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define LEDGER_COMPATIBLE "ledger-v1;block-v1"

struct ledger_ser {
	u64 first;
} __packed;
