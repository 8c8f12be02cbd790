/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the kernel's linux/types.h has besides, for headers that are read and not compiled. */
#ifndef _MORE_TYPES_H
#define _MORE_TYPES_H

#include <linux/types.h>

typedef u8 u_int8_t;
typedef u16 u_int16_t;
typedef u32 u_int32_t;
typedef u64 u_int64_t;
typedef u8 uint8_t;
typedef u16 uint16_t;
typedef u32 uint32_t;
typedef u64 uint64_t;
typedef s8 int8_t;
typedef s16 int16_t;
typedef s32 int32_t;
typedef s64 int64_t;

typedef u16 __sum16;
typedef u32 __wsum;
typedef long ssize_t;
typedef unsigned long uintptr_t;
typedef u64 sector_t;
typedef u64 blkcnt_t;
typedef s64 ktime_t;
typedef s64 time64_t;
typedef unsigned int gfp_t;
typedef unsigned short umode_t;
typedef int pid_t;
typedef u32 dev_t;

typedef u64 __attribute__((__aligned__(8))) aligned_u64;
typedef u64 __attribute__((__aligned__(8))) __aligned_u64;
typedef s64 __attribute__((__aligned__(8))) __aligned_s64;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define BITS_TO_LONGS(bits) (((bits) + 8 * sizeof(long) - 1) / (8 * sizeof(long)))
#define BITS_TO_U64(bits) (((bits) + 63) / 64)
#define BITS_TO_U32(bits) (((bits) + 31) / 32)
#define BITS_TO_BYTES(bits) (((bits) + 7) / 8)

#endif /* _MORE_TYPES_H */
