// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Real kernels, compared with the truth.
//!
//! The environment names them, so these tests only run when requested by name:
//!
//! - `KHO_ABI_VMLINUX`: a vmlinux of Linux 7.3 with DWARF and BTF;
//! - `KHO_ABI_BZIMAGE`: its bzImage.

use kho_abi_read::image;
use kho_abi_read::source::{Kind, Options};
use kho_abi_review::verify::{verify, Report, Truth, Verdict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn named(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    path.unwrap_or_else(|| panic!("{variable} names no file\n  help: run `make check-kernel`"))
        .into()
}

fn report(path: &Path, options: &Options, kind: Kind) -> Report {
    let image = image::open(path, options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(image.reading.kind, kind);
    verify(&Truth::load(&options.catalogue).expect("the truth is whole"), &image.reading)
        .expect("it is whole")
}

/// Everything in Linux 7.3 is there and equal; for contracts without structs, only the string.
#[track_caller]
fn assert_linux_7_3(report: &Report) {
    assert_eq!(report.findings, []);
    let verdicts: BTreeMap<_, _> =
        report.contracts.iter().map(|c| (c.contract.as_str(), (c.verdict, c.compared))).collect();
    // Without or with the string in the data, and that many structs and enumerators.
    for (contract, string, structs, constants) in [
        ("kho-v4", true, 6, 4),
        ("luo-v5", true, 6, 0),
        ("memfd-v2", true, 3, 0),
        ("kexec-metadata-v1", false, 1, 0),
    ] {
        let (verdict, compared) = verdicts[contract];
        assert_eq!(verdict, Verdict::Equal, "{contract}");
        assert_eq!(
            (compared.string, compared.structs, compared.constants),
            (string, structs, constants),
            "{contract}"
        );
    }
    for contract in ["memblock-v1", "reserve-mem-v1"] {
        let (verdict, compared) = verdicts[contract];
        assert_eq!(verdict, Verdict::Equal, "{contract}");
        assert!(compared.string && !compared.anything(), "{contract}");
    }
}

#[test]
#[ignore = "needs a kernel: KHO_ABI_VMLINUX"]
fn a_vmlinux_of_linux_7_3_is_the_truth() {
    let path = named("KHO_ABI_VMLINUX");
    assert_linux_7_3(&report(&path, &Options::default(), Kind::Dwarf));
    let options = Options { prefer_btf: true, ..Options::default() };
    assert_linux_7_3(&report(&path, &options, Kind::Btf));
}

#[test]
#[ignore = "needs a kernel: KHO_ABI_BZIMAGE"]
fn a_bzimage_of_linux_7_3_is_the_truth() {
    assert_linux_7_3(&report(&named("KHO_ABI_BZIMAGE"), &Options::default(), Kind::Btf));
}

#[test]
#[ignore = "needs a kernel: KHO_ABI_VMLINUX"]
fn the_readers_of_a_vmlinux_make_one_model() {
    let path = named("KHO_ABI_VMLINUX");
    let dwarf = image::open(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let options = Options { prefer_btf: true, ..Options::default() };
    let btf = image::open(&path, &options).unwrap_or_else(|error| panic!("{error}"));
    let records = |image: &image::Image| -> BTreeMap<_, _> {
        let records = image.reading.model.records();
        records
            .map(|(header, record)| ((header.name.clone(), record.name.clone()), record.bare()))
            .collect()
    };
    assert_eq!(records(&dwarf), records(&btf));
    assert_eq!(records(&dwarf).len(), 15, "{:?}", records(&dwarf).keys());
}
