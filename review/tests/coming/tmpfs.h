/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define TMPFS_LUO_MNT_NOSWAP (1 << 0)

struct tmpfs_luo_mnt_ser {
	u64 max_blocks;
	u32 mode;
	u32 flags;
} __packed;

struct tmpfs_luo_file_ser {
	u64 mnt_token;
	u64 pos;
	u64 size;
	u64 nr_folios;
	struct kho_vmalloc folios;
	char name[256];
} __packed;

#define TMPFS_LUO_MNT_FH_COMPATIBLE "tmpfs-mnt-v1"
#define TMPFS_LUO_FILE_FH_COMPATIBLE "tmpfs-file-v1"
