// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The declarations of the wire files are consistent, and no wire file is left out.

use kho_abi::wire::earlier::EARLIER;
use kho_abi::wire::layout::{Header, PageLayouts, StructLayout, WireType as _};
use kho_abi::wire::{versions, HEADERS};
use std::fs;
use std::path::Path;

fn all() -> impl Iterator<Item = &'static Header> {
    HEADERS.iter().chain(EARLIER).copied()
}

/// The wire files of a directory: those that declare a header.
fn wire_files(dir: &str) -> Vec<String> {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire");
    let mut files = Vec::new();
    for entry in fs::read_dir(wire.join(dir)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && fs::read_to_string(&path).unwrap().contains("pub const HEADER: layout::Header")
        {
            files.push(path.strip_prefix(&wire).unwrap().to_str().unwrap().to_string());
        }
    }
    files.sort();
    files
}

#[test]
fn every_wire_file_is_registered() {
    let registered = |headers: &[&Header]| headers.iter().map(|h| h.file).collect::<Vec<_>>();
    assert_eq!(registered(HEADERS), wire_files("."));
    let mut earlier = registered(EARLIER);
    earlier.sort_unstable();
    assert_eq!(earlier, wire_files("earlier"));
}

#[test]
fn each_header_carries_its_own_source() {
    for header in all() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire").join(header.file);
        assert_eq!(fs::read_to_string(path).unwrap(), header.source, "{}", header.file);
    }
}

/// Readers find each version under its own name, wherever its file is.
#[test]
fn every_version_has_a_name_that_stays() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/versions.rs");
    let text = fs::read_to_string(path).unwrap();
    let mut expected = Vec::new();
    for header in all() {
        let module = header.file.trim_end_matches(".rs").replace('/', "::");
        for contract in header.contracts {
            let version = match contract.version {
                Some(version) => format!("{}_v{version}", contract.compatible.value),
                None => contract.compatible.value.into(),
            };
            let version = version.replace('-', "_");
            expected.push(if module.rsplit("::").next() == Some(&version) {
                format!("pub use super::{module};")
            } else {
                format!("pub use super::{module} as {version};")
            });
        }
    }
    let mut found: Vec<_> = text.lines().filter(|line| line.starts_with("pub use")).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// The structs of a file, for every page size.
fn structs(header: &'static Header) -> impl Iterator<Item = &'static StructLayout> {
    header.structs.iter().chain(header.pages.iter().flat_map(|pages| pages.structs))
}

#[test]
fn every_struct_belongs_to_a_contract_and_every_contract_is_about_something() {
    let mut owned: Vec<&str> = Vec::new();
    for contract in all().flat_map(|header| header.contracts) {
        let name = contract.compatible.value;
        assert!(!contract.roots.is_empty() || !contract.nodes.is_empty(), "{name}");
        for root in contract.roots {
            assert!(all().any(|header| header.structs.contains(root)), "{name}: {}", root.name);
            owned.push(root.name);
        }
        for root in contract.page_roots {
            let known = all().flat_map(|header| header.pages).flat_map(|pages| pages.structs);
            assert!(known.into_iter().any(|layout| layout.name == *root), "{name}: {root}");
            owned.push(root);
        }
    }
    // Embedded structs are owned too; each round goes one struct deeper.
    loop {
        let embedded: Vec<_> = all()
            .flat_map(structs)
            .filter(|layout| owned.contains(&layout.name))
            .flat_map(|layout| layout.fields)
            // An array embeds its elements.
            .map(|field| field.ty.trim_start_matches('[').split(';').next().unwrap_or_default())
            .filter(|ty| !owned.contains(ty))
            .filter(|ty| all().flat_map(structs).any(|layout| layout.name == *ty))
            .collect();
        if embedded.is_empty() {
            break;
        }
        owned.extend(embedded);
    }
    for layout in all().flat_map(structs) {
        assert!(owned.contains(&layout.name), "{} belongs to no contract", layout.name);
    }
}

#[test]
fn what_depends_on_the_page_size_is_there_for_every_page_size() {
    let paged: Vec<_> = HEADERS.iter().filter(|header| !header.pages.is_empty()).collect();
    assert!(paged.iter().any(|header| header.name == "kexec_handover"));
    for header in paged {
        let sizes: Vec<_> = header.pages.iter().map(|pages| pages.page_size).collect();
        assert_eq!(sizes, [4096, 16384, 65536], "{}", header.file);
        let names = |pages: &PageLayouts| {
            let structs = pages.structs.iter().map(|layout| layout.name);
            structs.chain(pages.constants.iter().map(|int| int.name)).collect::<Vec<_>>()
        };
        for pages in header.pages {
            assert_eq!(names(pages), names(&header.pages[0]));
        }
    }
}

#[test]
fn the_layout_data_is_what_the_compiler_computed() {
    let layout = versions::vfio_pci_v1::vfio_pci_core_device_ser::STRUCT_LAYOUT;
    assert_eq!((layout.name, layout.size, layout.align), ("vfio_pci_core_device_ser", 4, 1));
    let fields: Vec<_> = layout.fields.iter().map(|f| (f.name, f.ty, f.offset, f.size)).collect();
    assert_eq!(fields, [("bdf", "u16", 0, 2), ("domain", "u16", 2, 2)]);
    assert_eq!(versions::vfio_pci_v1::VFIO_PCI_LUO_FH_COMPATIBLE, "vfio-pci-v1");
}
