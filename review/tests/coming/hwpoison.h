/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define HWPOISON_METADATA_VERSION 1

struct hwpoison_ser {
	u32 version;
	u32 _pad;
	u64 count;
	struct kho_vmalloc pfns;
} __packed;
