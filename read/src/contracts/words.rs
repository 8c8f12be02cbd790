// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares names by words: how much a struct's name shares with that of a contract.

use kho_abi_model::Contract;
use std::collections::BTreeSet;

/// The words of a name in lower case: `KVM_LUO_FH_COMPATIBLE` has four.
pub(super) fn words(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_ascii_lowercase).collect()
}

/// How many leading words two names share.
pub(super) fn common_start(one: &str, other: &str) -> usize {
    let (one, other) = (words(one), words(other));
    one.iter().zip(&other).take_while(|(a, b)| a == b).count()
}

/// The last word of a name.
pub(super) fn last(name: &str) -> String {
    words(name).pop().unwrap_or_default()
}

/// The words by which a contract is known, in the order of its names.
pub(super) struct Key {
    /// Those of its string, without the version.
    name: Vec<String>,
    /// The words of its macros, without those that mark a version.
    macros: BTreeSet<String>,
}

impl Key {
    pub(super) fn of(contract: &Contract) -> Self {
        let holder = |name: &str| -> Vec<String> {
            let mut all = words(name);
            all.pop();
            all
        };
        let named = contract.name.as_ref();
        let mut macros: BTreeSet<_> = holder(&contract.macro_name).into_iter().collect();
        macros.extend(named.into_iter().flat_map(|named| holder(&named.macro_name)));
        let name = contract.string().unwrap_or(&contract.compatible);
        Self { name: words(kho_abi_model::version::stem(name)), macros }
    }

    /// How well the name of a struct or a constant matches: higher is better, and 0 means not at
    /// all.
    pub(super) fn fit(&self, item: &str) -> u32 {
        let item = words(item);
        let mut fit = 0;
        for (at, word) in item.iter().enumerate() {
            // The first word says most about the owner.
            let weight = if at == 0 { 2 } else { 1 };
            if self.name.contains(word) || self.macros.contains(word) {
                fit += 4 * weight;
            } else if let Some(joined) = self.joined(word) {
                fit += 4 * weight * joined;
            } else if at == 0 && self.name.iter().chain(&self.macros).any(|w| begins(w, word)) {
                fit += 2;
            }
        }
        fit
    }

    /// How many words of the name one word abbreviates: `hugemfd` means `huge-memfd`.
    fn joined(&self, word: &str) -> Option<u32> {
        for start in 0..self.name.len() {
            for end in start + 2..=self.name.len() {
                let whole = self.name[start..end].concat();
                let starts_alike = whole.as_bytes().first() == word.as_bytes().first();
                if word.len() * 3 >= whole.len() * 2 && starts_alike && is_short_for(word, &whole) {
                    return u32::try_from(end - start).ok();
                }
            }
        }
        None
    }
}

/// Whether one of the two is a prefix of the other, long enough not to be a coincidence.
fn begins(one: &str, other: &str) -> bool {
    const TELLING: usize = 4;
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    short.len() >= TELLING && long.starts_with(short)
}

/// Whether a word consists of letters of another in their order.
fn is_short_for(word: &str, whole: &str) -> bool {
    let mut rest = whole.bytes();
    word.bytes().all(|letter| rest.any(|other| other == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(macro_name: &str, compatible: &str) -> Key {
        Key::of(&Contract {
            compatible: compatible.into(),
            macro_name: macro_name.into(),
            ..Contract::default()
        })
    }

    #[test]
    fn the_owner_fits_best() {
        let vm = key("KVM_LUO_FH_COMPATIBLE", "kvm_vm_luo_v1");
        let vcpu = key("KVM_VCPU_LUO_FH_COMPATIBLE", "kvm_vcpu_luo_v1");
        let gmem = key("GUEST_MEMFD_LUO_FH_COMPATIBLE", "guest_memfd_luo_v1");
        assert!(vm.fit("kvm_luo_mem_attr") > gmem.fit("kvm_luo_mem_attr"));
        assert_eq!(vm.fit("kvm_luo_mem_attr"), vcpu.fit("kvm_luo_mem_attr"));
        assert!(vcpu.fit("kvm_vcpu_ser") > vm.fit("kvm_vcpu_ser"));
        assert!(gmem.fit("guest_memfd_luo_ser") > vm.fit("guest_memfd_luo_ser"));
        let tlb = key("HUGETLB_FLB_COMPATIBLE", "hugetlb-v1");
        let memfd = key("HUGE_MEMFD_COMPATIBLE", "huge-memfd-v1");
        assert!(tlb.fit("hugetlb_hstate_ser") > memfd.fit("hugetlb_hstate_ser"));
        assert!(memfd.fit("hugemfd_ser") > tlb.fit("hugemfd_ser"));
        assert!(memfd.fit("HUGEMFD_FOLIO_DIRTY") > tlb.fit("HUGEMFD_FOLIO_DIRTY"));
        let page = key("HUGE_PAGE_COMPATIBLE", "huge-page-v1");
        assert!(memfd.fit("hugemfd_ser") > page.fit("hugemfd_ser"), "two words in one");
        let (luo, session) = (key("LUO_FDT_COMPATIBLE", "luo-v1"), key("X", "luo-session-v2"));
        assert_eq!(luo.fit("luo_file_ser"), session.fit("luo_file_ser"), "nobody can tell");
    }

    #[test]
    fn names_begin_alike_by_words() {
        assert_eq!(common_start("PCI_LUO_FLB_COMPATIBLE", "PCI_LUO_FLB_VERSION"), 3);
        assert_eq!(common_start("PCI_X", "PCIE_X"), 0);
        assert_eq!(last("KHO_PSTORE_VERSION"), "version");
    }
}
