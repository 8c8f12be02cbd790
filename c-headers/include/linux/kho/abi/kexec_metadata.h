/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from abi/src/wire/kexec_metadata.rs: do not edit.
 * To change it, edit that file and run `kho-abi generate`.
 */

#ifndef _LINUX_KHO_ABI_KEXEC_METADATA_H
#define _LINUX_KHO_ABI_KEXEC_METADATA_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/utsname.h>

/**
 * DOC: Kexec metadata ABI
 *
 * What a kernel tells the next one about itself, beside the state that is
 * handed over: nothing depends on it, and a kernel that does not understand it
 * goes on without. It is a &struct kho_kexec_metadata in the KHO entry
 * %KHO_METADATA_NODE_NAME.
 *
 * There is no compatible string: the version is the struct's first field, and
 * so stays where it is.
 *
 * %KHO_KEXEC_METADATA_VERSION is a contract about &struct kho_kexec_metadata:
 * kernels that use this number agree on every byte of it. The next kernel
 * compares the number, and then believes the bytes. Any change to a field's
 * offset, size, type or meaning, also in a struct that is embedded, needs a new
 * number.
 */

/**
 * KHO_KEXEC_METADATA_VERSION - Version of &struct kho_kexec_metadata, as its
 * first field has it.
 */
#define KHO_KEXEC_METADATA_VERSION	1

/**
 * struct kho_kexec_metadata - What a kernel tells the next one about itself.
 * @version:          %KHO_KEXEC_METADATA_VERSION: a kernel that finds another
 *                    number reads no further.
 * @previous_release: Release of the kernel that did the kexec, as ``uname -r``
 *                    prints it.
 * @kexec_count:      Number of kexecs since the machine was started cold, this
 *                    one included.
 *
 * The length of a release is a part of the interface to user space, and does
 * not change.
 */
struct kho_kexec_metadata {
	u32 version;
	char previous_release[__NEW_UTS_LEN + 1];
	u32 kexec_count;
} __packed;

static_assert(sizeof(struct kho_kexec_metadata) == 73);
static_assert(offsetof(struct kho_kexec_metadata, version) == 0);
static_assert(offsetof(struct kho_kexec_metadata, previous_release) == 4);
static_assert(offsetof(struct kho_kexec_metadata, kexec_count) == 69);

/**
 * KHO_METADATA_NODE_NAME - Name of the KHO entry that holds the struct.
 */
#define KHO_METADATA_NODE_NAME	"kexec-metadata"

#endif /* _LINUX_KHO_ABI_KEXEC_METADATA_H */
