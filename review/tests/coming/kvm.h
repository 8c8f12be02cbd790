/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

#define KVM_LUO_FH_COMPATIBLE "kvm_vm_luo_v1"

struct kvm_luo_mem_attr {
	u64 gfn;
	u64 attributes;
} __packed;

struct kvm_luo_ser {
	u64 type;
	u64 nr_mem_attrs;
	struct kho_vmalloc mem_attrs;
} __packed;
