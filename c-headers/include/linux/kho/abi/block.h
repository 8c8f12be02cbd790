/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/block.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_BLOCK_H
#define _LINUX_KHO_ABI_BLOCK_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <asm/page.h>

/**
 * DOC: KHO block list ABI
 *
 * A subsystem that hands over a list of which it does not know how long it gets
 * keeps it in blocks: preserved pages, each with a &struct kho_block_header_ser
 * at its start and an array of entries behind that. The kernel before the
 * update fills the blocks, the kernel after it walks them. How large an entry
 * is, and what it says, is agreed on by the subsystem's own contract.
 *
 * A block is a page: kernels with pages of different sizes do not update one
 * into the other.
 *
 * &struct kho_block_header_ser is part of what %KHO_FDT_COMPATIBLE promises, in
 * <linux/kho/abi/kexec_handover.h>. Any change to a field's offset, size, type
 * or meaning needs a new version there.
 */

/**
 * KHO_BLOCK_SIZE - Size of a block with its header, in bytes.
 */
#define KHO_BLOCK_SIZE	PAGE_SIZE

/**
 * struct kho_block_header_ser - Start of a block.
 * @next:  Physical address of the next block, 0 in the last one.
 * @count: Number of entries in this block.
 *
 * The entries follow it without a gap. A reader believes neither field: a block
 * holds at least one entry and at most as many as its size allows, and a list
 * that is damaged may run in a circle.
 */
struct kho_block_header_ser {
	u64 next;
	u64 count;
} __packed;

static_assert(sizeof(struct kho_block_header_ser) == 16);
static_assert(offsetof(struct kho_block_header_ser, next) == 0);
static_assert(offsetof(struct kho_block_header_ser, count) == 8);

#endif /* _LINUX_KHO_ABI_BLOCK_H */
