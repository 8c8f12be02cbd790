/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <linux/types.h>

#define KVM_VM_LUO_FH_COMPATIBLE "kvm_vm_luo_v1"
#define KVM_VCPU_LUO_FH_COMPATIBLE "kvm_vcpu_luo_v1"

struct kvm_vm_luo_ser {
	u64 type;
	u64 state;
} __packed;

struct kvm_vcpu_luo_ser {
	u32 vcpu_id;
	u32 flags;
	u64 vm_token;
} __packed;

struct kvm_luo_reg {
	u64 id;
	u64 value;
} __packed;
