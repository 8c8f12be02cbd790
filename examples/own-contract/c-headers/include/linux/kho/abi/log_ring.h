/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from src/log_ring.rs: do not edit.
 * To change it, edit that file and run `KHO_ABI_WRITE=1 cargo test`.
 */

#ifndef _LINUX_KHO_ABI_LOG_RING_H
#define _LINUX_KHO_ABI_LOG_RING_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: Log ring Live Update ABI
 *
 * A log ring keeps its records across a live update. The kernel that runs
 * before the update leaves a &struct log_ring_ser in a preserved page, under
 * the KHO entry %LOG_RING_KHO_ENTRY_NAME. The kernel that runs after it
 * compares %LOG_RING_COMPATIBLE, and goes on where the other one stopped.
 *
 * %LOG_RING_COMPATIBLE is a contract about &struct log_ring_ser: kernels that
 * use this string agree on every byte of it. The next kernel compares the
 * string, and then believes the bytes. Any change to a field's offset, size,
 * type or meaning, also in a struct that is embedded, needs a new version in
 * the string.
 */

/**
 * LOG_RING_KHO_ENTRY_NAME - Name of the KHO entry that holds the ring.
 */
#define LOG_RING_KHO_ENTRY_NAME	"log-ring"

/**
 * LOG_RING_COMPATIBLE - Compatible string of the ring.
 */
#define LOG_RING_COMPATIBLE	"log-ring-v1"

/**
 * LOG_RING_COMPAT_LEN - Size of the field for the compatible string, in bytes,
 * with its NUL.
 */
#define LOG_RING_COMPAT_LEN	16

/**
 * LOG_RING_LOST - The ring lost records before the update.
 */
#define LOG_RING_LOST	BIT(0)

/**
 * struct log_ring_record_ser - Where a record lies.
 * @offset: Distance of the text from the start of the ring, in bytes.
 * @level:  Level of the record, as printk() has it.
 */
struct log_ring_record_ser {
	u64 offset:60;
	u64 level:4;
} __packed;

static_assert(sizeof(struct log_ring_record_ser) == 8);

/**
 * struct log_ring_ser - The ring.
 * @compatible: %LOG_RING_COMPATIBLE: a kernel that finds another string reads
 *              no further.
 * @nr_records: Number of records that were ever written.
 * @flags:      %LOG_RING_LOST, or 0.
 * @size:       Size of the text in @texts, in bytes.
 * @texts:      The texts.
 * @newest:     The newest records, oldest first.
 */
struct log_ring_ser {
	char compatible[LOG_RING_COMPAT_LEN];
	u64 nr_records;
	u32 flags;
	u32 size;
	struct kho_vmalloc texts;
	struct log_ring_record_ser newest[4];
} __packed;

static_assert(sizeof(struct log_ring_ser) == 80);
static_assert(offsetof(struct log_ring_ser, compatible) == 0);
static_assert(offsetof(struct log_ring_ser, nr_records) == 16);
static_assert(offsetof(struct log_ring_ser, flags) == 24);
static_assert(offsetof(struct log_ring_ser, size) == 28);
static_assert(offsetof(struct log_ring_ser, texts) == 32);
static_assert(offsetof(struct log_ring_ser, newest) == 48);

#endif /* _LINUX_KHO_ABI_LOG_RING_H */
