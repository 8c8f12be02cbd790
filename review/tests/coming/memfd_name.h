/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define MEMFD_LUO_FH_NAME "memfd"

#define MEMFD_LUO_FEATURE_SEALS (1 << 0)
#define MEMFD_LUO_FEATURE_FOLIOS (1 << 1)

struct memfd_luo_feature_hdr {
	u64 supp;
	u64 req;
	u64 active;
} __packed;

struct memfd_luo_ser {
	struct memfd_luo_feature_hdr features;
	u64 pos;
	u64 size;
	u32 seals;
	u32 flags;
	u64 nr_folios;
	struct kho_vmalloc folios;
} __packed;
