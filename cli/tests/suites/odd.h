/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One of everything that a unit test can state, or has to leave out. */
#ifndef _LINUX_KHO_ABI_ODD_H
#define _LINUX_KHO_ABI_ODD_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/page.h>

#define ODD_COMPATIBLE "odd-v1"
#define ODD_NEGATIVE (-5)
#define ODD_BIG 0xfffffffffffffff0ULL
#define ODD_SEALS (F_SEAL_SEAL | F_SEAL_GROW)
#define ODD_PER_PAGE ((PAGE_SIZE - 16) / sizeof(struct odd_entry_ser))
#define ODD_CALL(x) ((x) + 1)

enum odd_kind { ODD_A, ODD_B = 7, ODD_C };
enum { ODD_X = 3, ODD_Y = 12 };
enum odd_paged { ODD_HALF = PAGE_SIZE / 2 };

struct odd_entry_ser {
	u64 pfn:52;
	u64 flags:12;
	u8 rest;
} __packed;

struct odd_ser {
	__le32 le;
	__be16 be;
	bool flag;
	bool b0:1;
	bool b1:1;
	s32 sign:5;
	u32 :3;
	u32 tail:8;
	enum odd_kind kind;
	struct {
		u16 x;
		u8 lo:4, hi:4;
		struct {
			s16 deep;
		} inner[2];
	} named;
	union {
		u64 raw;
		struct {
			u32 first;
			u32 second:10;
			u32 third:22;
		};
		u8 bytes[8];
	};
	union {
		u32 a;
		s8 b[4];
	} either[3];
	char name[16];
	u8 grid[2][3];
	void *pointer;
	struct odd_entry_ser one;
	struct odd_entry_ser many[2];
} __packed;

struct odd_page_ser {
	u64 next;
	u64 nr;
	struct odd_entry_ser entries[ODD_PER_PAGE];
	struct {
		u8 after;
		u8 bit:1;
	} __packed;
} __packed;

struct odd_list_ser {
	u64 nr;
	struct odd_entry_ser entries[];
} __packed;

struct odd_natural_ser {
	u8 a;
	u32 b;
	u8 c;
};

typedef struct {
	u32 x;
} odd_typedef_t;

struct odd_uses_ser {
	odd_typedef_t t;
};

#endif
