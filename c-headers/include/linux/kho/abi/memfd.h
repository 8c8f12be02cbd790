/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/memfd.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_MEMFD_H
#define _LINUX_KHO_ABI_MEMFD_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <uapi/linux/fcntl.h>

/**
 * DOC: memfd Live Update ABI
 *
 * A memfd that user space preserves through the Live Update Orchestrator (LUO)
 * leaves a &struct memfd_luo_ser in a preserved page, and the memory that holds
 * its content where it is. The kernel that runs before the update writes the
 * struct when the file is preserved, and completes it when it is about to
 * leave; the kernel that runs after it reads it when the file is retrieved.
 *
 * The file's entry in the LUO session carries %MEMFD_LUO_FH_COMPATIBLE, and the
 * physical address of the struct in its data. The struct leads to an array of
 * &struct memfd_luo_folio_ser, one for each folio, in any order and with gaps
 * where the file has holes.
 *
 * %MEMFD_LUO_FH_COMPATIBLE is a contract about &struct memfd_luo_ser and
 * &struct memfd_luo_folio_ser: kernels that use this string agree on every byte
 * of it. The next kernel compares the string, and then believes the bytes. Any
 * change to a field's offset, size, type or meaning, also in a struct that is
 * embedded, needs a new version in the string.
 */

/**
 * MEMFD_LUO_FOLIO_DIRTY - The folio was written to since it was allocated.
 *
 * One that was not is there because somebody allocated it, as fallocate() does.
 */
#define MEMFD_LUO_FOLIO_DIRTY	BIT(0)

/**
 * MEMFD_LUO_FOLIO_UPTODATE - The folio's content is valid.
 *
 * One without this flag has yet to be filled with zeroes before anybody may see
 * it.
 */
#define MEMFD_LUO_FOLIO_UPTODATE	BIT(1)

/**
 * struct memfd_luo_folio_ser - A folio of a memfd.
 * @pfn:   Page frame number of the folio; 0 where there is none.
 * @flags: %MEMFD_LUO_FOLIO_DIRTY and %MEMFD_LUO_FOLIO_UPTODATE, or neither.
 * @index: The folio's place in the file, in pages.
 */
struct memfd_luo_folio_ser {
	u64 pfn:52;
	u64 flags:12;
	u64 index;
} __packed;

static_assert(sizeof(struct memfd_luo_folio_ser) == 16);
static_assert(offsetof(struct memfd_luo_folio_ser, index) == 8);

/**
 * MEMFD_LUO_ALL_SEALS - The seals that are preserved.
 *
 * A file with another seal is not preserved, and one that names another seal is
 * not retrieved: a further seal needs a new version of the contract.
 */
#define MEMFD_LUO_ALL_SEALS						\
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |	\
	 F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)

/**
 * struct memfd_luo_ser - A memfd.
 * @pos:       Position of the file, in bytes.
 * @size:      Size of the file, in bytes.
 * @seals:     Its seals, as fcntl() has them.
 * @flags:     Flags of the file; no bit has a meaning yet, and all are 0.
 * @nr_folios: Number of entries in the array of folios.
 * @folios:    The array of &struct memfd_luo_folio_ser; not set where the
 *             file's size is 0.
 */
struct memfd_luo_ser {
	u64 pos;
	u64 size;
	u32 seals;
	u32 flags;
	u64 nr_folios;
	struct kho_vmalloc folios;
} __packed;

static_assert(sizeof(struct memfd_luo_ser) == 48);
static_assert(offsetof(struct memfd_luo_ser, pos) == 0);
static_assert(offsetof(struct memfd_luo_ser, size) == 8);
static_assert(offsetof(struct memfd_luo_ser, seals) == 16);
static_assert(offsetof(struct memfd_luo_ser, flags) == 20);
static_assert(offsetof(struct memfd_luo_ser, nr_folios) == 24);
static_assert(offsetof(struct memfd_luo_ser, folios) == 32);

/**
 * MEMFD_LUO_FH_COMPATIBLE - Compatible string of the LUO file handler for
 * memfds.
 */
#define MEMFD_LUO_FH_COMPATIBLE	"memfd-v2"

#endif /* _LINUX_KHO_ABI_MEMFD_H */
