/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define HUGETLB_SER_MAX_HSTATES 4

struct hugetlb_hstate_ser {
	u64 nr_pages;
	u8 hs_order;
} __packed;

struct hugetlb_ser {
	struct hugetlb_hstate_ser hstates[HUGETLB_SER_MAX_HSTATES];
	u8 nr_hstates;
} __packed;

#define HUGETLB_FLB_COMPATIBLE "hugetlb-v1"

struct hugemfd_folio_ser {
	u64 pfn:52;
	u64 reserved:12;
	u64 index;
} __packed;

struct hugemfd_ser {
	u64 size;
	u64 pos;
	u64 nr_folios;
	struct kho_vmalloc folios;
	u8 order;
} __packed;

#define HUGE_MEMFD_COMPATIBLE "huge-memfd-v1"
