/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/kexec_handover.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_KEXEC_HANDOVER_H
#define _LINUX_KHO_ABI_KEXEC_HANDOVER_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <asm/page.h>

/**
 * DOC: Kexec HandOver ABI
 *
 * Kexec HandOver (KHO) keeps pages of one kernel for the next. It tells the
 * next kernel what it kept with a flattened device tree of one page, whose
 * address the boot protocol carries. The root of the tree leads to a radix tree
 * of all preserved pages; its children, one per KHO entry, lead to what
 * subsystems preserved, and are named by them.
 *
 * Memory that was allocated with vmalloc() is preserved as a list of its pages:
 * a &struct kho_vmalloc leads to the first &struct kho_vmalloc_chunk, and each
 * chunk to the next. A subsystem embeds the &struct kho_vmalloc in what it
 * preserves itself.
 *
 * The radix tree has one page per node. Inner nodes, &struct kho_radix_node,
 * are tables of physical addresses, 0 where nothing is below; leaves,
 * &struct kho_radix_leaf, are bitmaps. A key tells the address and the order of
 * a block of ``1 << order`` pages at once: with ``shift`` standing for the page
 * shift plus the order, it is
 *
 * ::
 *
 *   (1 << (64 - shift)) | (address >> shift)
 *
 * so that its highest bit tells the order, and the rest the address. From the
 * lowest bit on, the key is cut into an index into a leaf's bits and an index
 * into a table for each level above, until its bits are used up; the widths of
 * these depend on the page size alone:
 *
 * ::
 *
 *   page size   key   table index   leaf index   levels
 *       4 KiB    53             9           15        6
 *      16 KiB    51            11           17        5
 *      64 KiB    49            13           19        4
 *
 * %KHO_FDT_COMPATIBLE is a contract about &struct kho_vmalloc,
 * &struct kho_block_header_ser, &struct kho_vmalloc_chunk,
 * &struct kho_radix_node and &struct kho_radix_leaf: kernels that use this
 * string agree on every byte of it. The next kernel compares the string, and
 * then believes the bytes. Any change to a field's offset, size, type or
 * meaning, also in a struct that is embedded, or to a property of the device
 * tree, needs a new version in the string.
 *
 * The root of the device tree has these properties, numbers in the byte order
 * of the CPU:
 *
 * - ``compatible``: %KHO_FDT_COMPATIBLE.
 * - %KHO_FDT_MEMORY_MAP_PROP_NAME, ``preserved-memory-map``, 8 bytes: Physical
 *   address of the root of the radix tree.
 *
 * A node ``/<name>`` of the device tree has these properties, numbers in the
 * byte order of the CPU:
 *
 * - %KHO_SUB_TREE_PROP_NAME, ``preserved-data``, 8 bytes: Physical address of
 *   what was preserved.
 * - %KHO_SUB_TREE_SIZE_PROP_NAME, ``blob-size``, 8 bytes: Size of what was
 *   preserved, in bytes.
 */

/**
 * KHO_FDT_COMPATIBLE - Compatible string of the device tree's root.
 */
#define KHO_FDT_COMPATIBLE	"kho-v4"

/**
 * KHO_FDT_MEMORY_MAP_PROP_NAME - Property of the root: the physical address of
 * the radix tree's root.
 */
#define KHO_FDT_MEMORY_MAP_PROP_NAME	"preserved-memory-map"

/**
 * KHO_SUB_TREE_PROP_NAME - Property of an entry: the physical address of what
 * was preserved.
 */
#define KHO_SUB_TREE_PROP_NAME	"preserved-data"

/**
 * KHO_SUB_TREE_SIZE_PROP_NAME - Property of an entry: the size of what was
 * preserved, in bytes.
 */
#define KHO_SUB_TREE_SIZE_PROP_NAME	"blob-size"

/*
 * Declares a member that holds the physical address of what @type points to.
 *
 * The pointer is there for its type: only the address is handed over.
 */
#define DECLARE_KHOSER_PTR(name, type)					\
	union {								\
		u64 phys;						\
		type ptr;						\
	} name

/*
 * Stores the physical address of what the pointer @val points to.
 *
 * @val has the type that @dest was declared with, and is in the kernel's linear
 * mapping.
 */
#define KHOSER_STORE_PTR(dest, val)					\
	({								\
		typeof((dest).ptr) __khoser_ptr = (val);		\
									\
		(dest).phys = virt_to_phys(__khoser_ptr);		\
	})

/*
 * Makes a pointer of the physical address in @src; of address 0, a null
 * pointer.
 */
#define KHOSER_LOAD_PTR(src)						\
	({								\
		u64 __khoser_phys = (src).phys;				\
		void *__khoser_ptr = NULL;				\
									\
		if (__khoser_phys)					\
			__khoser_ptr = phys_to_virt(__khoser_phys);	\
		(typeof((src).ptr))__khoser_ptr;			\
	})

/*
 * struct kho_vmalloc_hdr - Start of a chunk.
 * @next: The next chunk, at address 0 behind the last one.
 */
struct kho_vmalloc_hdr {
	DECLARE_KHOSER_PTR(next, struct kho_vmalloc_chunk *);
};

static_assert(sizeof(struct kho_vmalloc_hdr) == 8);
static_assert(offsetof(struct kho_vmalloc_hdr, next) == 0);

/**
 * KHO_VMALLOC_SIZE - Number of addresses in a chunk.
 */
#define KHO_VMALLOC_SIZE						\
	((PAGE_SIZE - sizeof(struct kho_vmalloc_hdr)) / sizeof(u64))

/**
 * struct kho_vmalloc_chunk - One page of the list of addresses.
 * @hdr:  Leads to the next chunk.
 * @phys: Physical addresses of blocks of pages, each of the order that
 *        &struct kho_vmalloc tells.
 *
 * An address of 0 ends the chunk. A list whose addresses fill its chunks
 * exactly has an empty chunk at its end.
 */
struct kho_vmalloc_chunk {
	struct kho_vmalloc_hdr hdr;
	u64 phys[KHO_VMALLOC_SIZE];
};

static_assert(sizeof(struct kho_vmalloc_chunk) == PAGE_SIZE);
static_assert(offsetof(struct kho_vmalloc_chunk, hdr) == 0);
static_assert(offsetof(struct kho_vmalloc_chunk, phys) == 8);

/*
 * struct kho_vmalloc - Memory that was allocated with vmalloc().
 * @first:       The first chunk of the list of its pages.
 * @total_pages: Number of pages, of the kernel's page size, in all blocks
 *               together.
 * @flags:       How it was allocated: bits that KHO has of its own, not those
 *               of vmalloc().
 * @order:       Order of the blocks: each is ``1 << order`` pages.
 */
struct kho_vmalloc {
	DECLARE_KHOSER_PTR(first, struct kho_vmalloc_chunk *);
	unsigned int total_pages;
	unsigned short flags;
	unsigned short order;
};

static_assert(sizeof(struct kho_vmalloc) == 16);
static_assert(offsetof(struct kho_vmalloc, first) == 0);
static_assert(offsetof(struct kho_vmalloc, total_pages) == 8);
static_assert(offsetof(struct kho_vmalloc, flags) == 12);
static_assert(offsetof(struct kho_vmalloc, order) == 14);

/**
 * enum kho_radix_consts - Shape of the radix tree.
 * @KHO_RADIX_KEY_WIDTH:  Width of a key, in bits: the page frame number of
 *                        order 0, and the bit that tells the order.
 * @KHO_TABLE_SIZE_LOG2:  Width of the index into an inner node, in bits.
 * @KHO_BITMAP_SIZE_LOG2: Width of the index into a leaf, in bits.
 * @KHO_TREE_MAX_DEPTH:   Number of levels, the leaves included.
 */
enum kho_radix_consts {
	KHO_RADIX_KEY_WIDTH = 64 - PAGE_SHIFT + 1,
	KHO_TABLE_SIZE_LOG2 = const_ilog2(PAGE_SIZE / sizeof(phys_addr_t)),
	KHO_BITMAP_SIZE_LOG2 = PAGE_SHIFT + const_ilog2(BITS_PER_BYTE),
	KHO_TREE_MAX_DEPTH =
		DIV_ROUND_UP(KHO_RADIX_KEY_WIDTH - KHO_BITMAP_SIZE_LOG2,
			     KHO_TABLE_SIZE_LOG2) + 1,
};

/**
 * struct kho_radix_node - An inner node of the radix tree.
 * @table: Physical addresses of the nodes below, 0 where there is none.
 */
struct kho_radix_node {
	u64 table[1 << KHO_TABLE_SIZE_LOG2];
};

static_assert(sizeof(struct kho_radix_node) == PAGE_SIZE);
static_assert(offsetof(struct kho_radix_node, table) == 0);

/**
 * struct kho_radix_leaf - A leaf of the radix tree.
 * @bitmap: One bit for each key that ends here, set where its pages are
 *          preserved.
 */
struct kho_radix_leaf {
	DECLARE_BITMAP(bitmap, 1 << KHO_BITMAP_SIZE_LOG2);
};

static_assert(sizeof(struct kho_radix_leaf) == PAGE_SIZE);
static_assert(offsetof(struct kho_radix_leaf, bitmap) == 0);

#endif /* _LINUX_KHO_ABI_KEXEC_HANDOVER_H */
