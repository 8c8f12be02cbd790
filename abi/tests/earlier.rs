// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The facts about kernels and their strings match the frozen layouts, and are in the
//! documentation.

use kho_abi::wire::earlier::reused::{KERNELS, RENAMED, REUSED};
use kho_abi::wire::earlier::EARLIER;
use kho_abi::wire::layout::{Contract, Header, WireType as _};
use kho_abi::wire::versions::{kho_v1, kho_v3, kho_v4, luo_v1, luo_v5, memfd_v1, memfd_v2};
use kho_abi::wire::HEADERS;

fn contracts() -> impl Iterator<Item = (&'static Header, &'static Contract)> {
    let all = HEADERS.iter().chain(EARLIER).copied();
    all.flat_map(|header| header.contracts.iter().map(move |contract| (header, contract)))
}

fn name(contract: &Contract) -> String {
    match (contract.version, contract.name) {
        (Some(version), Some(name)) => format!("{}@{version}", name.value),
        (Some(version), None) => format!("{}-v{version}", contract.compatible.value),
        (None, _) => contract.compatible.value.into(),
    }
}

#[test]
fn every_string_that_is_spoken_of_has_a_contract() {
    let known: Vec<_> = contracts().map(|(_, contract)| name(contract)).collect();
    let spoken = KERNELS.iter().flat_map(|kernel| kernel.compatible).copied();
    let spoken = spoken.chain(REUSED.iter().map(|reused| reused.compatible));
    for compatible in spoken.chain(RENAMED.iter().map(|renamed| renamed.compatible)) {
        assert!(known.iter().any(|known| known == compatible), "{compatible}");
    }
}

#[test]
fn one_form_of_a_reused_string_is_the_frozen_one() {
    for reused in REUSED {
        assert_eq!(reused.forms.iter().filter(|form| form.frozen).count(), 1, "{reused:?}");
        let (header, _) = contracts().find(|(_, c)| name(c) == reused.compatible).unwrap();
        assert!(header.source.contains(reused.item), "{reused:?}");
    }
    // The statements about the frozen forms are true.
    assert_eq!(kho_v1::page_4k::kho_mem_phys_bits::STRUCT_LAYOUT.size, 4096);
    assert_eq!(kho_v1::page_64k::kho_mem_phys_bits::STRUCT_LAYOUT.size, 65536);
    assert_eq!(kho_v3::page_16k::KHO_TREE_MAX_DEPTH, 5);
    // The other form differs only for that page size.
    let unfixed = |shift: usize| {
        let (table, bitmap): (usize, usize) = (shift - 3, shift + 3);
        (64 - shift - bitmap).div_ceil(table) + 1
    };
    assert_eq!([12, 14, 16].map(unfixed), [6, 4, 4]);
    assert_eq!(kho_v3::page_4k::KHO_TREE_MAX_DEPTH, 6);
    assert_eq!(kho_v3::page_64k::KHO_TREE_MAX_DEPTH, 4);
}

#[test]
fn a_renamed_constant_differs_by_what_is_said() {
    assert_eq!(RENAMED.len(), 1);
    let before = kho_v3::page_4k::KHO_ORDER_0_LOG2;
    let now = kho_v4::page_4k::KHO_RADIX_KEY_WIDTH;
    assert_eq!(i128::try_from(now - before).unwrap(), RENAMED[0].more);
}

/// The content of the published headers, by hand: sizes, and the places of fields that moved since.
#[test]
fn the_earlier_types_are_what_kernels_had() {
    let memfd = memfd_v1::memfd_luo_ser::STRUCT_LAYOUT;
    let offsets: Vec<_> = memfd.fields.iter().map(|field| (field.name, field.offset)).collect();
    assert_eq!(offsets, [("pos", 0), ("size", 8), ("nr_folios", 16), ("folios", 24)]);
    assert_eq!((memfd.size, memfd_v2::memfd_luo_ser::STRUCT_LAYOUT.size), (40, 48));
    assert_eq!(luo_v1::luo_session_header_ser::STRUCT_LAYOUT.size, 8);
    assert_eq!(
        luo_v1::luo_session_ser::STRUCT_LAYOUT.size,
        luo_v5::luo_session_ser::STRUCT_LAYOUT.size
    );
    assert_eq!(kho_v1::page_4k::KHOSER_BITMAP_SIZE, 255);
    let chunk = kho_v1::page_16k::khoser_mem_chunk::STRUCT_LAYOUT;
    assert_eq!((chunk.size, chunk.fields[1].offset), (16384, 16));
}

#[test]
fn the_documentation_names_every_kernel_and_string() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernels.md");
    let text = std::fs::read_to_string(path).unwrap();
    for kernel in KERNELS {
        let line = text.lines().find(|line| line.starts_with(&format!("| {} |", kernel.release)));
        let line = line.unwrap_or_else(|| panic!("{} is not listed", kernel.release));
        for compatible in kernel.compatible {
            assert!(line.contains(&format!("`{compatible}`")), "{line} lacks {compatible}");
        }
    }
    for reused in REUSED {
        for form in reused.forms {
            assert!(text.contains(form.kernels), "{} is not said", form.kernels);
        }
        assert!(text.contains(reused.item));
    }
}
