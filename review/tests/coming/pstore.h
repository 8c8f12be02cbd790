/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define KHO_PSTORE_FDT_NAME "pstore-kho"
#define KHO_PSTORE_VERSION 1

struct pstore_kho_record {
	s64 size;
	s64 time_sec;
	u32 reason;
	u32 part;
	char buf[];
};

struct pstore_ser {
	u32 version;
	struct pstore_kho_record record;
};
