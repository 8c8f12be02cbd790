// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Headers that are on their way into the kernel, in our own words, and the judgement of each of
//! their steps.
//!
//! They include every way in which the kernel spells versions: a string with a number in it, a name
//! with a number beside it, feature words, a magic number, nothing. A step is two forms of a
//! header, made from one file by replacing parts of it.

use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source;
use kho_abi_review::diff::{self, open, Side};
use kho_abi_review::policy::{self, Level, Options, Report};
use kho_abi_review::report::{Document, FORMATS};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

type Edits = &'static [(&'static str, &'static str)];

/// A step, and its expected judgement.
struct Step {
    /// Its description.
    what: &'static str,
    /// The old form: its file and the replacements in it.
    old: (&'static str, Edits),
    /// The new form.
    new: (&'static str, Edits),
    /// The contracts that are shown, with their verdicts; unchanged ones are left out.
    verdicts: &'static [&'static str],
    /// The rules of the findings, without duplicates.
    findings: &'static [&'static str],
    /// The rules of notes.
    notes: &'static [&'static str],
}

fn form((file, edits): (&str, Edits)) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/coming").join(file);
    let mut text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
    for (from, to) in edits {
        assert!(text.contains(from), "{file} has no {from:?}");
        text = text.replacen(from, to, 1);
    }
    // The name of the header is the part before its way of spelling the version.
    let name = file.trim_end_matches(".h");
    let name = ["_number", "_string", "_name", "_features", "_guest", "_vcpu"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    (format!("include/linux/kho/abi/{name}.h"), text)
}

fn side(which: &str, files: &[(String, String)]) -> Side {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers/include/linux/kho/abi");
    let context = ["kexec_handover.h"].map(|name| {
        let text = std::fs::read_to_string(ours.join(name)).unwrap();
        (format!("include/linux/kho/abi/{name}"), text)
    });
    let all = context.iter().chain(files);
    let files: BTreeMap<_, _> =
        all.map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let catalogue = Arc::clone(&CATALOGUE);
    let options =
        source::Options { page_size: Some(4096), catalogue, ..source::Options::default() };
    open::of_files(which, &files, &options).unwrap()
}

/// What is known of these versions is a part of the answers.
static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let versions = ["kho-v4", "luo-v5", "memfd-v2", "vfio-pci-v1", "pci@2", "kexec-metadata-v1"];
    Arc::new(Catalogue::as_of(&versions, &["pci@2"]).unwrap())
});

fn judge(old: &Side, new: &Side) -> Report {
    let catalogue = Arc::clone(&CATALOGUE);
    policy::judge(&diff::compare(old, new), &Options { catalogue, ..Options::default() })
}

fn rules(report: &Report, level: Level) -> BTreeSet<&str> {
    let of_it = report.events.iter().filter(|event| event.level == level);
    of_it.map(|event| event.rule.as_str()).collect()
}

const PCI: (&str, Edits) = ("pci_number.h", &[]);
const PCI_2: (&str, Edits) = ("pci_number.h", &[("FLB_VERSION 1", "FLB_VERSION 2")]);
const KVM: (&str, Edits) = ("kvm_guest.h", &[]);
const VCPU: (&str, Edits) = ("kvm_vcpu.h", &[]);
const HUGETLB: (&str, Edits) = ("hugetlb.h", &[]);
const TMPFS: (&str, Edits) = ("tmpfs.h", &[]);
const HWPOISON: (&str, Edits) = ("hwpoison.h", &[]);
const PSTORE: (&str, Edits) = ("pstore.h", &[]);
const LUO: (&str, Edits) = ("luo_features.h", &[]);
const IOMMU: (&str, Edits) = ("iommu_number.h", &[]);

const STEPS: &[Step] = &[
    Step {
        what: "pci: the number says that the count means something else",
        old: PCI,
        new: (
            "pci_number.h",
            &[
                ("FLB_VERSION 1", "FLB_VERSION 2"),
                ("1 for an entry that is in use", "How many kept devices are at or below it"),
            ],
        ),
        verdicts: &["pci@1 -> pci@2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "pci: the number alone",
        old: PCI,
        new: ("pci_number.h", &[("FLB_VERSION 1", "FLB_VERSION 2")]),
        verdicts: &["pci@1 -> pci@2: bumped without change"],
        findings: &[],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "pci: another meaning under the same number is for a person to judge",
        old: PCI,
        new: ("pci_number.h", &[("1 for an entry that is in use", "How many are below it")]),
        verdicts: &[],
        findings: &[],
        notes: &["field_redocumented"],
    },
    Step {
        what: "pci: a field with the next number",
        old: PCI_2,
        new: (
            "pci_number.h",
            &[
                ("FLB_VERSION 1", "FLB_VERSION 3"),
                ("\tu64 devices;", "\tu64 devices;\n\tu64 flags;"),
            ],
        ),
        verdicts: &["pci@2 -> pci@3: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "pci: a field with a number that is known for other bytes",
        old: PCI,
        new: (
            "pci_number.h",
            &[
                ("FLB_VERSION 1", "FLB_VERSION 2"),
                ("\tu64 devices;", "\tu64 devices;\n\tu64 flags;"),
            ],
        ),
        verdicts: &["pci@1 -> pci@2: changed and bumped"],
        findings: &[],
        notes: &["compatible_reused"],
    },
    Step {
        what: "pci: a field without the next number",
        old: PCI,
        new: ("pci_number.h", &[("\tu64 devices;", "\tu64 devices;\n\tu64 flags;")]),
        verdicts: &["pci@1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "pci: backwards",
        old: ("pci_number.h", &[("FLB_VERSION 1", "FLB_VERSION 10")]),
        new: ("pci_number.h", &[("FLB_VERSION 1", "FLB_VERSION 9")]),
        verdicts: &["pci@10 -> pci@9: bumped without change"],
        findings: &["compatible_went_backwards"],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "pci: the number's field moves, which no number covers",
        old: PCI_2,
        new: (
            "pci_number.h",
            &[
                ("FLB_VERSION 1", "FLB_VERSION 3"),
                ("\tu32 version;\n\tu32 nr_devices;", "\tu32 nr_devices;\n\tu32 version;"),
            ],
        ),
        verdicts: &["pci@2 -> pci@3: changed and bumped"],
        findings: &["version_field_moved"],
        notes: &["version_field_not_first"],
    },
    Step {
        what: "pci: the number's field gets wider",
        old: PCI_2,
        new: (
            "pci_number.h",
            &[("FLB_VERSION 1", "FLB_VERSION 3"), ("\tu32 version;", "\tu64 version;")],
        ),
        verdicts: &["pci@2 -> pci@3: changed and bumped"],
        findings: &["version_field_moved"],
        notes: &[],
    },
    Step {
        what: "pci: both macros have another name, and nothing else",
        old: PCI,
        new: (
            "pci_number.h",
            &[
                ("PCI_LUO_FLB_COMPATIBLE", "PCI_CORE_NAME"),
                ("PCI_LUO_FLB_VERSION 1", "PCI_CORE_VERSION 1"),
            ],
        ),
        verdicts: &[],
        findings: &[],
        notes: &["prose_names_missing_macro"],
    },
    Step {
        what: "pci: the number is an enumerator",
        old: (
            "pci_number.h",
            &[("#define PCI_LUO_FLB_VERSION 1", "enum { PCI_LUO_FLB_VERSION = 2 };")],
        ),
        new: (
            "pci_number.h",
            &[
                ("#define PCI_LUO_FLB_VERSION 1", "enum { PCI_LUO_FLB_VERSION = 3 };"),
                ("\tu64 devices;", "\tu64 devices;\n\tu64 flags;"),
            ],
        ),
        verdicts: &["pci@2 -> pci@3: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "pci: a spare field gets a meaning, with the next string",
        old: ("pci_string.h", &[]),
        new: ("pci_string.h", &[("pci-v1", "pci-v2"), ("u16 reserved", "u16 refcount")]),
        verdicts: &["pci-v1 -> pci-v2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "pci: one string for two layouts",
        old: ("pci_string.h", &[("pci-v1", "pci-v2")]),
        new: (
            "pci_string.h",
            &[
                ("pci-v1", "pci-v2"),
                ("\tu64 max_nr_devices;\n", ""),
                ("struct pci_dev_ser devices[]", "u64 devices"),
            ],
        ),
        verdicts: &["pci-v2: bump missing"],
        findings: &["field_removed", "field_resized"],
        notes: &[],
    },
    Step {
        what: "pci: from the string to the number is another name, and not backwards",
        old: ("pci_string.h", &[("pci-v1", "pci-v2")]),
        new: PCI,
        verdicts: &["pci-v2 -> pci@1: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "vfio-pci: a field with the next string",
        old: ("vfio_pci.h", &[]),
        new: (
            "vfio_pci.h",
            &[("vfio-pci-v1", "vfio-pci-v2"), ("\tu16 bdf;", "\tu16 bdf;\n\tu8 reset_works;")],
        ),
        verdicts: &["vfio-pci-v1 -> vfio-pci-v2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "vfio-pci: a field under the same string",
        old: ("vfio_pci.h", &[]),
        new: ("vfio_pci.h", &[("\tu16 bdf;", "\tu16 bdf;\n\tu8 reset_works;")]),
        verdicts: &["vfio-pci-v1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "vfio-pci: a string that is known for other bytes, on both sides",
        old: ("vfio_pci.h", &[]),
        new: ("vfio_pci.h", &[]),
        verdicts: &[],
        findings: &[],
        notes: &["compatible_reused"],
    },
    Step {
        what: "vfio-pci: a string comes that is known for other bytes",
        old: ("vfio_pci.h", &[("vfio-pci-v1", "vfio-pci-v0"), ("\tu32 domain;", "\tu32 devid;")]),
        new: ("vfio_pci.h", &[]),
        verdicts: &["vfio-pci-v0 -> vfio-pci-v1: changed and bumped"],
        findings: &["compatible_reused"],
        notes: &[],
    },
    Step {
        what: "iommu: the version goes from the string to a number",
        old: ("iommu_string.h", &[]),
        new: IOMMU,
        verdicts: &["iommu-liveupdate-v1 -> iommu-liveupdate@1: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "iommu: a field under the same number",
        old: IOMMU,
        new: ("iommu_number.h", &[("\tu64 token;", "\tu64 token;\n\tu64 owner;")]),
        verdicts: &["iommu-liveupdate@1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "iommu: another kind of hardware under the same number",
        old: IOMMU,
        new: (
            "iommu_number.h",
            &[("\tIOMMU_SER_INTEL,", "\tIOMMU_SER_INTEL,\n\tIOMMU_SER_SMMUV3,")],
        ),
        verdicts: &["iommu-liveupdate@1: bump missing"],
        findings: &["constant_added"],
        notes: &[],
    },
    Step {
        what: "iommu: another kind of hardware with the next number",
        old: IOMMU,
        new: (
            "iommu_number.h",
            &[
                ("\tIOMMU_SER_INTEL,", "\tIOMMU_SER_INTEL,\n\tIOMMU_SER_SMMUV3,"),
                ("FLB_VERSION 1", "FLB_VERSION 2"),
            ],
        ),
        verdicts: &["iommu-liveupdate@1 -> iommu-liveupdate@2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "kvm: guest_memfd comes, with a string of its own",
        old: ("kvm.h", &[]),
        new: KVM,
        verdicts: &["guest_memfd_luo_v1: new"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "kvm: guest_memfd grows, and neither string changes",
        old: KVM,
        new: ("kvm_guest.h", &[("\tu64 vm_token;", "\tu64 vm_token;\n\tu64 slot;")]),
        verdicts: &["guest_memfd_luo_v1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "kvm: guest_memfd grows, and the other string changes",
        old: KVM,
        new: (
            "kvm_guest.h",
            &[
                ("\tu64 vm_token;", "\tu64 vm_token;\n\tu64 slot;"),
                ("kvm_vm_luo_v1", "kvm_vm_luo_v2"),
            ],
        ),
        verdicts: &[
            "guest_memfd_luo_v1: bump missing",
            "kvm_vm_luo_v1 -> kvm_vm_luo_v2: bumped without change",
        ],
        findings: &["field_added"],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "kvm: guest_memfd grows, and its string changes",
        old: KVM,
        new: (
            "kvm_guest.h",
            &[
                ("\tu64 vm_token;", "\tu64 vm_token;\n\tu64 slot;"),
                ("guest_memfd_luo_v1", "guest_memfd_luo_v2"),
            ],
        ),
        verdicts: &["guest_memfd_luo_v1 -> guest_memfd_luo_v2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "kvm: what the list of a VM consists of grows",
        old: KVM,
        new: ("kvm_guest.h", &[("\tu64 attributes;", "\tu64 attributes;\n\tu64 more;")]),
        verdicts: &["kvm_vm_luo_v1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "kvm: backwards",
        old: ("kvm.h", &[("kvm_vm_luo_v1", "kvm_vm_luo_v10")]),
        new: (
            "kvm.h",
            &[("kvm_vm_luo_v1", "kvm_vm_luo_v9"), ("\tu64 type;", "\tu64 type;\n\tu64 nr;")],
        ),
        verdicts: &["kvm_vm_luo_v10 -> kvm_vm_luo_v9: changed and bumped"],
        findings: &["compatible_went_backwards"],
        notes: &[],
    },
    Step {
        what: "kvm: registers grow, which are the VM's or the vCPU's, and neither string changes",
        old: VCPU,
        new: ("kvm_vcpu.h", &[("\tu64 value;", "\tu64 value;\n\tu64 more;")]),
        verdicts: &["kvm_vcpu_luo_v1: bump missing", "kvm_vm_luo_v1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "kvm: registers grow, and one of the strings changes",
        old: VCPU,
        new: (
            "kvm_vcpu.h",
            &[
                ("\tu64 value;", "\tu64 value;\n\tu64 more;"),
                ("kvm_vcpu_luo_v1", "kvm_vcpu_luo_v2"),
            ],
        ),
        verdicts: &["kvm_vcpu_luo_v1 -> kvm_vcpu_luo_v2: changed and bumped"],
        findings: &[],
        notes: &["owner_unclear"],
    },
    Step {
        what:
            "kvm: registers grow, of which the comment says whose they are, and the other changes",
        old: (
            "kvm_vcpu.h",
            &[(
                "struct kvm_luo_reg {",
                "/* Changes need another KVM_VM_LUO_FH_COMPATIBLE. */\nstruct kvm_luo_reg {",
            )],
        ),
        new: (
            "kvm_vcpu.h",
            &[
                (
                    "struct kvm_luo_reg {",
                    "/* Changes need another KVM_VM_LUO_FH_COMPATIBLE. */\nstruct kvm_luo_reg {",
                ),
                ("\tu64 value;", "\tu64 value;\n\tu64 more;"),
                ("kvm_vcpu_luo_v1", "kvm_vcpu_luo_v2"),
            ],
        ),
        verdicts: &[
            "kvm_vcpu_luo_v1 -> kvm_vcpu_luo_v2: bumped without change",
            "kvm_vm_luo_v1: bump missing",
        ],
        findings: &["field_added"],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "hugetlb: what it embeds grows, and neither string changes",
        old: HUGETLB,
        new: ("hugetlb.h", &[("\tu8 hs_order;", "\tu32 hs_order;")]),
        verdicts: &["hugetlb-v1: bump missing"],
        findings: &["field_resized"],
        notes: &[],
    },
    Step {
        what: "hugetlb: what it embeds grows, and the other string changes",
        old: HUGETLB,
        new: (
            "hugetlb.h",
            &[("\tu8 hs_order;", "\tu32 hs_order;"), ("huge-memfd-v1", "huge-memfd-v2")],
        ),
        verdicts: &[
            "hugetlb-v1: bump missing",
            "huge-memfd-v1 -> huge-memfd-v2: bumped without change",
        ],
        findings: &["field_resized"],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "hugetlb: the memfd's order grows, and its string changes",
        old: HUGETLB,
        new: ("hugetlb.h", &[("\tu8 order;", "\tu16 order;"), ("huge-memfd-v1", "huge-memfd-v2")]),
        verdicts: &["huge-memfd-v1 -> huge-memfd-v2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "hugetlb: the memfd's order grows, and the other string changes",
        old: HUGETLB,
        new: ("hugetlb.h", &[("\tu8 order;", "\tu16 order;"), ("hugetlb-v1", "hugetlb-v2")]),
        verdicts: &[
            "hugetlb-v1 -> hugetlb-v2: bumped without change",
            "huge-memfd-v1: bump missing",
        ],
        findings: &["field_resized"],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "tmpfs: a file gets a field, and neither string changes",
        old: TMPFS,
        new: ("tmpfs.h", &[("\tu64 pos;", "\tu64 pos;\n\tu64 mtime;")]),
        verdicts: &["tmpfs-file-v1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "tmpfs: a file gets a field, and the mount's string changes",
        old: TMPFS,
        new: (
            "tmpfs.h",
            &[("\tu64 pos;", "\tu64 pos;\n\tu64 mtime;"), ("tmpfs-mnt-v1", "tmpfs-mnt-v2")],
        ),
        verdicts: &[
            "tmpfs-file-v1: bump missing",
            "tmpfs-mnt-v1 -> tmpfs-mnt-v2: bumped without change",
        ],
        findings: &["field_added"],
        notes: &["compatible_bumped_needlessly"],
    },
    Step {
        what: "tmpfs: a mount gets a flag under the same string",
        old: TMPFS,
        new: (
            "tmpfs.h",
            &[(
                "#define TMPFS_LUO_MNT_NOSWAP",
                "#define TMPFS_LUO_MNT_HUGE (1 << 1)\n#define TMPFS_LUO_MNT_NOSWAP",
            )],
        ),
        verdicts: &["tmpfs-mnt-v1: bump missing"],
        findings: &["constant_added"],
        notes: &[],
    },
    Step {
        what: "hwpoison: a field without the next number, which no string is beside",
        old: HWPOISON,
        new: ("hwpoison.h", &[("\tu64 count;", "\tu64 count;\n\tu64 more;")]),
        verdicts: &["hwpoison@1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "hwpoison: a field with the next number",
        old: HWPOISON,
        new: (
            "hwpoison.h",
            &[("\tu64 count;", "\tu64 count;\n\tu64 more;"), ("VERSION 1", "VERSION 2")],
        ),
        verdicts: &["hwpoison@1 -> hwpoison@2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "hwpoison: the number goes, and its field",
        old: HWPOISON,
        new: (
            "hwpoison.h",
            &[("#define HWPOISON_METADATA_VERSION 1\n", ""), ("\tu32 version;\n\tu32 _pad;\n", "")],
        ),
        verdicts: &["linux/kho/abi/hwpoison.h: new", "hwpoison@1: removed"],
        findings: &["struct_without_contract"],
        notes: &[],
    },
    Step {
        what: "pstore: a field under the same number",
        old: PSTORE,
        new: ("pstore.h", &[("\tu32 part;", "\tu32 part;\n\tu32 cpu;")]),
        verdicts: &["pstore-kho@1: bump missing"],
        findings: &["field_added"],
        notes: &["padding_in_struct"],
    },
    Step {
        what: "pstore: a field with the next number",
        old: PSTORE,
        new: (
            "pstore.h",
            &[("\tu32 part;", "\tu32 part;\n\tu32 cpu;"), ("VERSION 1", "VERSION 2")],
        ),
        verdicts: &["pstore-kho@1 -> pstore-kho@2: changed and bumped"],
        findings: &[],
        notes: &["padding_in_struct"],
    },
    Step {
        what: "luo: from a string to feature words",
        old: ("luo_string.h", &[]),
        new: LUO,
        verdicts: &["luo-v5 -> LUO: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "luo: fields change places under the same features",
        old: LUO,
        new: (
            "luo_features.h",
            &[("\tu64 sessions_pa;\n\tu64 flbs_pa;", "\tu64 flbs_pa;\n\tu64 sessions_pa;")],
        ),
        verdicts: &["LUO: bump missing"],
        findings: &["fields_swapped"],
        notes: &[],
    },
    Step {
        what: "luo: a field with a feature that has to be known",
        old: LUO,
        new: (
            "luo_features.h",
            &[
                (
                    "#define LUO_FEATURE_FLBS (1 << 2)",
                    "#define LUO_FEATURE_FLBS (1 << 2)\n#define LUO_FEATURE_STATS (1 << 3)",
                ),
                ("FEATURES_SUPP (", "FEATURES_SUPP (LUO_FEATURE_STATS | "),
                ("FEATURES_REQ (", "FEATURES_REQ (LUO_FEATURE_STATS | "),
                ("\tu64 flbs_pa;", "\tu64 flbs_pa;\n\tu64 stats_pa;"),
            ],
        ),
        verdicts: &["LUO: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "luo: a field with a feature that may be unknown",
        old: LUO,
        new: (
            "luo_features.h",
            &[
                (
                    "#define LUO_FEATURE_FLBS (1 << 2)",
                    "#define LUO_FEATURE_FLBS (1 << 2)\n#define LUO_FEATURE_STATS (1 << 3)",
                ),
                ("FEATURES_SUPP (", "FEATURES_SUPP (LUO_FEATURE_STATS | "),
                ("\tu64 flbs_pa;", "\tu64 flbs_pa;\n\tu64 stats_pa;"),
            ],
        ),
        verdicts: &["LUO: bump missing"],
        findings: &["field_added"],
        notes: &["constant_added", "constant_changed"],
    },
    Step {
        what: "luo: a feature that may be unknown, and nothing else",
        old: LUO,
        new: (
            "luo_features.h",
            &[
                (
                    "#define LUO_FEATURE_FLBS (1 << 2)",
                    "#define LUO_FEATURE_FLBS (1 << 2)\n#define LUO_FEATURE_STATS (1 << 3)",
                ),
                ("FEATURES_SUPP (", "FEATURES_SUPP (LUO_FEATURE_STATS | "),
            ],
        ),
        verdicts: &[],
        findings: &[],
        notes: &["constant_added", "constant_changed"],
    },
    Step {
        what: "luo: a feature is given up",
        old: LUO,
        new: (
            "luo_features.h",
            &[
                ("#define LUO_FEATURE_FLBS (1 << 2)\n", ""),
                ("SESSIONS | LUO_FEATURE_FLBS", "SESSIONS"),
                ("SESSIONS | LUO_FEATURE_FLBS", "SESSIONS"),
            ],
        ),
        verdicts: &["LUO: changed and bumped"],
        findings: &["compatible_went_backwards"],
        notes: &[],
    },
    Step {
        what: "luo: two features change their bits",
        old: LUO,
        new: (
            "luo_features.h",
            &[("SESSIONS (1 << 1)", "SESSIONS (1 << 2)"), ("FLBS (1 << 2)", "FLBS (1 << 1)")],
        ),
        verdicts: &["LUO: bump missing"],
        findings: &["constant_changed"],
        notes: &[],
    },
    Step {
        what: "luo: the words move",
        old: LUO,
        new: (
            "luo_features.h",
            &[
                (
                    "#define LUO_FEATURE_FLBS (1 << 2)",
                    "#define LUO_FEATURE_FLBS (1 << 2)\n#define LUO_FEATURE_STATS (1 << 3)",
                ),
                ("FEATURES_SUPP (", "FEATURES_SUPP (LUO_FEATURE_STATS | "),
                ("FEATURES_REQ (", "FEATURES_REQ (LUO_FEATURE_STATS | "),
                (
                    "\tstruct luo_feature_hdr features;\n\tu64 liveupdate_num;",
                    "\tu64 liveupdate_num;\n\tstruct luo_feature_hdr features;",
                ),
            ],
        ),
        verdicts: &["LUO: changed and bumped"],
        findings: &["version_field_moved"],
        notes: &["version_field_not_first"],
    },
    Step {
        what: "memfd: from a string with a version to a name with feature words",
        old: ("memfd_string.h", &[]),
        new: ("memfd_name.h", &[]),
        verdicts: &["memfd-v2 -> memfd: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "memfd: a string comes that is known for other bytes",
        old: ("memfd_string.h", &[("memfd-v2", "memfd-v1"), ("\tu32 seals;\n", "\tu32 spare;\n")]),
        new: (
            "memfd_string.h",
            &[("\tu32 seals;\n\tu32 flags;", "\tu64 seals:8;\n\tu64 __reserved:56;")],
        ),
        verdicts: &["memfd-v1 -> memfd-v2: changed and bumped"],
        findings: &["compatible_reused"],
        notes: &[],
    },
    Step {
        what: "block: its own string covers it, and not the one of Kexec HandOver",
        old: ("block.h", &[]),
        new: (
            "block.h",
            &[("block-v1", "block-v2"), ("\tu64 count;", "\tu64 count;\n\tu64 size;")],
        ),
        verdicts: &["block-v1 -> block-v2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "block: its own string is not bumped, and the one of Kexec HandOver is not asked for",
        old: ("block.h", &[]),
        new: ("block.h", &[("\tu64 count;", "\tu64 count;\n\tu64 size;")]),
        verdicts: &["block-v1: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "block: it gets a string of its own, and no byte changes",
        old: ("block.h", &[("#define KHO_BLOCK_COMPATIBLE \"block-v1\"\n", "")]),
        new: ("block.h", &[]),
        verdicts: &["block-v1: new"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "oncore: no version, and no change",
        old: ("oncore.h", &[]),
        new: ("oncore.h", &[]),
        verdicts: &[],
        findings: &[],
        notes: &["struct_without_contract"],
    },
    Step {
        what: "oncore: a change that no version covers",
        old: ("oncore.h", &[]),
        new: ("oncore.h", &[("\tu64 cpus[];", "\tu64 more;\n\tu64 cpus[];")]),
        verdicts: &["linux/kho/abi/oncore.h: changed, and no version covers it"],
        findings: &["field_added"],
        notes: &["struct_without_contract"],
    },
    Step {
        what: "oncore: it changes and gets a version",
        old: ("oncore.h", &[]),
        new: (
            "oncore.h",
            &[
                ("struct oncore", "#define ONCORE_COMPATIBLE \"oncore-v1\"\nstruct oncore"),
                ("\tu64 cpus[];", "\tu64 more;\n\tu64 cpus[];"),
            ],
        ),
        verdicts: &["oncore-v1: new"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "caretaker: a field under the same magic number",
        old: ("caretaker.h", &[]),
        new: ("caretaker.h", &[("\tu32 nr;", "\tu32 nr;\n\tu32 more;")]),
        verdicts: &["caretaker 0x43545353: bump missing"],
        findings: &["field_added"],
        notes: &[],
    },
    Step {
        what: "caretaker: a field with another magic number",
        old: ("caretaker.h", &[]),
        new: (
            "caretaker.h",
            &[("\tu32 nr;", "\tu32 nr;\n\tu32 more;"), ("0x43545353", "0x43545354")],
        ),
        verdicts: &["caretaker 0x43545353 -> caretaker 0x43545354: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "ledger: a part of a composite string goes forwards",
        old: ("ledger.h", &[]),
        new: (
            "ledger.h",
            &[("block-v1", "block-v2"), ("\tu64 first;", "\tu64 first;\n\tu64 last;")],
        ),
        verdicts: &["ledger-v1;block-v1 -> ledger-v1;block-v2: changed and bumped"],
        findings: &[],
        notes: &[],
    },
    Step {
        what: "ledger: a part of a composite string goes backwards",
        old: ("ledger.h", &[("block-v1", "block-v2")]),
        new: (
            "ledger.h",
            &[("ledger-v1", "ledger-v2"), ("\tu64 first;", "\tu64 first;\n\tu64 last;")],
        ),
        verdicts: &["ledger-v1;block-v2 -> ledger-v2;block-v1: changed and bumped"],
        findings: &["compatible_went_backwards"],
        notes: &[],
    },
];

/// The report for each step; each form is read once.
fn reports() -> &'static [(&'static Step, Report)] {
    static REPORTS: OnceLock<Vec<(&'static Step, Report)>> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let mut sides: BTreeMap<(String, String), Side> = BTreeMap::new();
        for one in STEPS.iter().flat_map(|step| [step.old, step.new]) {
            let form = form(one);
            sides.entry(form.clone()).or_insert_with(|| side("", &[form]));
        }
        let judged = STEPS
            .iter()
            .map(|step| (step, judge(&sides[&form(step.old)], &sides[&form(step.new)])));
        judged.collect()
    })
}

#[test]
fn each_step_is_what_it_is() {
    let mut wrong = Vec::new();
    for (step, report) in reports() {
        let verdicts: Vec<_> = report
            .contracts
            .iter()
            .map(|contract| format!("{}: {}", contract.name(), contract.verdict.tell()))
            .filter(|told| !told.ends_with(": unchanged"))
            .collect();
        let findings: Vec<_> = rules(report, Level::Finding).into_iter().collect();
        let notes: Vec<_> = rules(report, Level::Note).into_iter().collect();
        let same = (verdicts.as_slice(), &*findings, &*notes);
        let wanted: Vec<String> = step.verdicts.iter().map(|v| (*v).to_string()).collect();
        if same != (wanted.as_slice(), step.findings, step.notes) {
            wrong.push(format!(
                "{}\n  {verdicts:?}\n  findings {findings:?}\n  notes {notes:?}\n  {:?}",
                step.what, report.not_checked
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Findings do not depend on the format: no format leaves out a finding or a note.
#[test]
fn every_format_has_every_finding_and_every_note() {
    for (step, report) in reports() {
        for format in FORMATS {
            let text = (format.write)(&Document::of("diff", report.clone()));
            for event in
                report.events.iter().filter(|e| matches!(e.level, Level::Finding | Level::Note))
            {
                let plain = event.rule.replace('_', "\\_");
                let shown = text.contains(&event.rule) || text.contains(&plain);
                assert!(shown, "{}: {} lacks {}:\n{text}", step.what, format.name, event.rule);
            }
        }
    }
}

/// A struct that moves to another header is the same struct.
#[test]
fn a_struct_that_moves_to_another_header_did_not_change() {
    let item =
        "struct pair_ser {\n\tu32 one;\n\tu32 two;\n} __packed;\n#define PAIR_FLAG (1 << 3)\n";
    let head = "#include <linux/types.h>\n";
    let first = |more: &str| {
        let text = format!(
            "{head}{more}#define FIRST_COMPATIBLE \"first-v1\"\nstruct first_ser {{ u64 a; }};\n"
        );
        ("include/linux/kho/abi/first.h".to_string(), text)
    };
    let second = |more: &str| {
        let text = format!("{head}{more}#define SECOND_COMPATIBLE \"second-v1\"\nstruct second_ser {{ u64 a; }};\n");
        ("include/linux/kho/abi/second.h".to_string(), text)
    };
    let third = ("include/linux/kho/abi/third.h".to_string(), format!("{head}{item}"));
    let in_first = side("old", &[first(item), second("")]);
    let in_second = side("new", &[first(""), second(item)]);
    for (old, new) in [(&in_first, &in_second), (&in_second, &in_first)] {
        let report = judge(old, new);
        assert_eq!(report.events, [], "{report:#?}");
    }
    // To a header without a version: nothing changed, but from now on nothing covers it.
    let alone = side("new", &[first(""), second(""), third]);
    let report = judge(&in_first, &alone);
    assert_eq!(rules(&report, Level::Finding), BTreeSet::from(["struct_without_contract"]));
    // It changes while it moves.
    let grown = item.replace("\tu32 two;", "\tu32 two;\n\tu32 three;");
    let report = judge(&in_first, &side("new", &[first(""), second(&grown)]));
    assert_eq!(rules(&report, Level::Finding), BTreeSet::from(["field_added"]));
}
