/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define MEMFD_LUO_FH_COMPATIBLE "memfd-v2"

struct memfd_luo_ser {
	u64 pos;
	u64 size;
	u32 seals;
	u32 flags;
	u64 nr_folios;
	struct kho_vmalloc folios;
} __packed;
