/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define LUO_KHO_ENTRY_NAME "LUO"

struct luo_feature_hdr {
	u64 supp;
	u64 req;
	u64 active;
	u64 reserved[13];
} __packed;

#define LUO_FEATURE_NUMBER (1 << 0)
#define LUO_FEATURE_SESSIONS (1 << 1)
#define LUO_FEATURE_FLBS (1 << 2)

#define LUO_CORE_FEATURES_SUPP (LUO_FEATURE_NUMBER | LUO_FEATURE_SESSIONS | LUO_FEATURE_FLBS)
#define LUO_CORE_FEATURES_REQ (LUO_FEATURE_NUMBER | LUO_FEATURE_SESSIONS | LUO_FEATURE_FLBS)

struct luo_ser {
	struct luo_feature_hdr features;
	u64 liveupdate_num;
	u64 sessions_pa;
	u64 flbs_pa;
} __packed;
