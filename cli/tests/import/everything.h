/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copyright of somebody.
 */

#ifndef _LINUX_KHO_ABI_EVERYTHING_H
#define _LINUX_KHO_ABI_EVERYTHING_H

#include <linux/bits.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/types.h>

/**
 * DOC: Everything that a wire file can say
 *
 * Made up. A &struct everything_ser leads to the rest::
 *
 *   everything_ser
 *     `-- everything_entry_ser
 *
 * - a first thing,
 *   which goes on
 * - a second
 */

/* A version. */
#define EVERYTHING_COMPATIBLE	"everything-v3"	/* never reused */

/* With a "quote" and a \ in it. */
#define EVERYTHING_ODD		"a \"b\" \\c"

#define EVERYTHING_HEX		0xdeadbeef	/* What begins each entry. */
#define EVERYTHING_NEGATIVE	(-3)
#define EVERYTHING_LARGE	0x8000000000000001ULL
#define EVERYTHING_FLAG		BIT(40)
#define EVERYTHING_SLOTS	6
#define everything_small	7

/* A section of its own. */

/**
 * EVERYTHING_ROUND - Rounds up.
 * @x: what is rounded
 */
#define EVERYTHING_ROUND(x)			\
	({					\
		typeof(x) __x = (x);		\
						\
		(__x + 7) & ~7;			\
	})

/**
 * enum everything_kind - What an entry is.
 * @EVERYTHING_NONE: Nothing.
 * @EVERYTHING_SOME: Some of it.
 */
enum everything_kind {
	EVERYTHING_NONE,
	EVERYTHING_SOME = 5,
	/* The number of kinds. */
	EVERYTHING_KINDS,
	EVERYTHING_PAGES = PAGE_SIZE / 512,
	EVERYTHING_MORE,
};

enum {
	EVERYTHING_LOOSE = -1,	/* no tag */
	EVERYTHING_LOOSER = 1 << 3,
};

/**
 * struct everything_entry_ser - An entry.
 * @key: What it is found by,
 *       over two lines.
 *
 * More of it.
 */
struct everything_entry_ser {
	__le32 key;
	__be16 order[2];	/* from a device */
	u8 low:3;
	u8 high:5;
	u16 mode:4, rest:12;
	bool ready;
	enum everything_kind type;	/** @type: one of the kinds */
} __packed;

struct everything_natural {
	DECLARE_KHOSER_PTR(next, struct everything_page *);
	DECLARE_KHOSER_PTR(entry, struct everything_entry_ser *);
	unsigned int match;
	unsigned short ref;
	s16 weight;
};

struct everything_page {
	u64 slots[PAGE_SIZE / sizeof(u64)];
};

/* The root. */
struct everything_ser {
	char name[EVERYTHING_SLOTS + 2];
	struct kho_vmalloc list;
	struct everything_entry_ser grid[EVERYTHING_SLOTS][2];
	long total;
	u64 nr;
	__le64 tail[];
} __packed;

static_assert(sizeof(struct everything_natural) == 24);

/* What is code is left out, and this comment with it. */
static inline bool everything_is_ready(const struct everything_entry_ser *ser)
{
	/* and this */
	return ser->ready;
}

#endif /* _LINUX_KHO_ABI_EVERYTHING_H */
