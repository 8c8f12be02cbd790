/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

struct oncore_session_ser {
	u32 nr_cpus;
	u32 nr_words;
	u64 cpus[];
} __packed;
