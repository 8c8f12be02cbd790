/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/luo.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_LUO_H
#define _LINUX_KHO_ABI_LUO_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kho/abi/block.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

/**
 * DOC: Live Update Orchestrator ABI
 *
 * The Live Update Orchestrator (LUO) keeps what user space wants to have after
 * an update: sessions, the files in them, and state that files share. Its root
 * is one &struct luo_ser, a KHO entry under the name %LUO_KHO_ENTRY_NAME. From
 * there on everything is found by physical address:
 *
 * - ``sessions_pa`` begins a list of blocks (&struct kho_block_header_ser) of
 *   &struct luo_session_ser, and each session's file set begins one of
 *   &struct luo_file_ser;
 * - ``flbs_pa`` is the address of a &struct luo_flb_header_ser, with
 *   &struct luo_flb_ser entries right behind it.
 *
 * FLB stands for state that is bound to the life cycle of files: it is
 * preserved with the first file that needs it, and finished with the last.
 *
 * The root is written when the kernel starts, and the lists when it is about to
 * leave; until then ``sessions_pa`` is 0. The next kernel reads all of it once.
 *
 * %LUO_ABI_COMPATIBLE is a contract about &struct luo_ser,
 * &struct luo_file_ser, &struct luo_session_ser, &struct luo_flb_header_ser and
 * &struct luo_flb_ser: kernels that use this string agree on every byte of it.
 * The next kernel compares the string, and then believes the bytes. Any change
 * to a field's offset, size, type or meaning, also in a struct that is
 * embedded, needs a new version in the string.
 */

/**
 * LUO_KHO_ENTRY_NAME - Name of the KHO entry that holds the root.
 */
#define LUO_KHO_ENTRY_NAME	"LUO"

/**
 * LUO_ABI_COMPATIBLE - Compatible string of LUO's own state.
 */
#define LUO_ABI_COMPATIBLE	"luo-v5"

/**
 * LUO_ABI_COMPAT_LEN - Size of the field for the compatible string, in bytes.
 *
 * The string with its NUL, rounded up so that the fields behind it stay on
 * multiples of eight bytes.
 */
#define LUO_ABI_COMPAT_LEN	ALIGN(sizeof(LUO_ABI_COMPATIBLE), 8)

/**
 * struct luo_ser - Root of LUO's state.
 * @compatible:     %LUO_ABI_COMPATIBLE: a kernel that finds another string
 *                  reads no further.
 * @liveupdate_num: Number of live updates since the machine was started cold,
 *                  this one included.
 * @sessions_pa:    Physical address of the first block
 *                  (&struct kho_block_header_ser) of &struct luo_session_ser, 0
 *                  where there are none.
 * @flbs_pa:        Physical address of the &struct luo_flb_header_ser.
 */
struct luo_ser {
	char compatible[LUO_ABI_COMPAT_LEN];
	u64 liveupdate_num;
	u64 sessions_pa;
	u64 flbs_pa;
} __packed;

static_assert(sizeof(struct luo_ser) == 32);
static_assert(offsetof(struct luo_ser, compatible) == 0);
static_assert(offsetof(struct luo_ser, liveupdate_num) == 8);
static_assert(offsetof(struct luo_ser, sessions_pa) == 16);
static_assert(offsetof(struct luo_ser, flbs_pa) == 24);

/**
 * LIVEUPDATE_HNDL_COMPAT_LENGTH - Size of the field for a file handler's
 * compatible string, in bytes, with its NUL.
 */
#define LIVEUPDATE_HNDL_COMPAT_LENGTH	48

/**
 * struct luo_file_ser - A preserved file.
 * @compatible: Compatible string of the file handler that preserved the file,
 *              and can retrieve it.
 * @data:       What the handler wants back; for most, a physical address.
 * @token:      What user space knows the file by within its session.
 */
struct luo_file_ser {
	char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	u64 data;
	u64 token;
} __packed;

static_assert(sizeof(struct luo_file_ser) == 64);
static_assert(offsetof(struct luo_file_ser, compatible) == 0);
static_assert(offsetof(struct luo_file_ser, data) == 48);
static_assert(offsetof(struct luo_file_ser, token) == 56);

/**
 * struct luo_file_set_ser - The files of a session.
 * @files: Physical address of the first block (&struct kho_block_header_ser) of
 *         &struct luo_file_ser, 0 where there are none.
 * @count: Number of files in all blocks together.
 */
struct luo_file_set_ser {
	u64 files;
	u64 count;
} __packed;

static_assert(sizeof(struct luo_file_set_ser) == 16);
static_assert(offsetof(struct luo_file_set_ser, files) == 0);
static_assert(offsetof(struct luo_file_set_ser, count) == 8);

/**
 * struct luo_session_ser - A session.
 * @name:         Name that user space gave the session; no two sessions have
 *                the same.
 * @file_set_ser: Its files.
 */
struct luo_session_ser {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct luo_file_set_ser file_set_ser;
} __packed;

static_assert(sizeof(struct luo_session_ser) == 80);
static_assert(offsetof(struct luo_session_ser, name) == 0);
static_assert(offsetof(struct luo_session_ser, file_set_ser) == 64);

/**
 * LIVEUPDATE_FLB_COMPAT_LENGTH - Size of the field for an FLB's compatible
 * string, in bytes, with its NUL.
 */
#define LIVEUPDATE_FLB_COMPAT_LENGTH	48

/**
 * struct luo_flb_header_ser - Start of the array of FLBs.
 * @pgcnt: Number of pages that header and array take together.
 * @count: Number of &struct luo_flb_ser entries behind this header.
 */
struct luo_flb_header_ser {
	u64 pgcnt;
	u64 count;
} __packed;

static_assert(sizeof(struct luo_flb_header_ser) == 16);
static_assert(offsetof(struct luo_flb_header_ser, pgcnt) == 0);
static_assert(offsetof(struct luo_flb_header_ser, count) == 8);

/**
 * struct luo_flb_ser - State that preserved files share.
 * @name:  Compatible string of whoever preserved the state, and can retrieve
 *         it.
 * @data:  What it wants back; for most, a physical address.
 * @count: Number of preserved files that need the state.
 */
struct luo_flb_ser {
	char name[LIVEUPDATE_FLB_COMPAT_LENGTH];
	u64 data;
	u64 count;
} __packed;

static_assert(sizeof(struct luo_flb_ser) == 64);
static_assert(offsetof(struct luo_flb_ser, name) == 0);
static_assert(offsetof(struct luo_flb_ser, data) == 48);
static_assert(offsetof(struct luo_flb_ser, count) == 56);

#ifdef CONFIG_LIVEUPDATE_TEST
/*
 * Compatible string of one of the FLBs that the kernel's own test of live
 * updates preserves.
 *
 * @i is the number of the FLB, as a literal. No other kernel is to understand
 * it.
 */
#define LIVEUPDATE_TEST_FLB_COMPATIBLE(i)	"liveupdate-test-flb-v" #i
#endif /* CONFIG_LIVEUPDATE_TEST */

#endif /* _LINUX_KHO_ABI_LUO_H */
