// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Views of bytes: no copies, any address, errors that say what is wrong.

use kho_abi::wire::layout::{ViewError, WireType as _};
use kho_abi::wire::vfio_pci::vfio_pci_core_device_ser as Ser;
use zerocopy::IntoBytes as _;

const NAME: &str = "vfio_pci_core_device_ser";

#[test]
fn a_view_is_the_bytes_themselves_at_any_address() {
    let page: Vec<u8> = (0..16).collect();
    for start in 0..8 {
        let bytes = &page[start..start + 4];
        let ser = Ser::view(bytes).unwrap();
        assert_eq!(ser.as_bytes().as_ptr(), bytes.as_ptr());
    }
}

#[test]
fn a_view_for_writing_changes_the_bytes() {
    let mut page = [0xff; 6];
    let ser = Ser::view_mut(&mut page[1..5]).unwrap();
    *ser = "0000:00:00.0".parse().unwrap();
    assert_eq!(page, [0xff, 0, 0, 0, 0, 0xff]);
    let error = Ser::view_mut(&mut page).unwrap_err();
    assert_eq!(error, ViewError { name: NAME, expected: 4, found: 6 });
}

#[test]
fn a_wrong_length_is_an_error_with_both_lengths() {
    for found in [0, 3, 5, 4096] {
        let error = Ser::view(&vec![0; found]).unwrap_err();
        assert_eq!(error, ViewError { name: NAME, expected: 4, found });
    }
    let error = Ser::view(&[0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "struct vfio_pci_core_device_ser takes 4 bytes, 3 given");
}

#[test]
fn a_prefix_leaves_the_rest() {
    let page: Vec<u8> = (0..6).collect();
    let (ser, rest) = Ser::view_prefix(&page).unwrap();
    assert_eq!((ser.as_bytes(), rest), (&[0, 1, 2, 3][..], &[4, 5][..]));
    assert_eq!(Ser::view_prefix(&page[..3]).unwrap_err().found, 3);
}

#[test]
fn an_array_never_believes_its_count() {
    let page: Vec<u8> = (0..9).collect();
    let (all, rest) = Ser::view_array(&page, 2).unwrap();
    assert_eq!((all.as_bytes(), rest), (&page[..8], &page[8..]));
    assert!(Ser::view_array(&page, 0).unwrap().0.is_empty());
    let error = Ser::view_array(&page, 3).unwrap_err();
    assert_eq!(error, ViewError { name: NAME, expected: 12, found: 9 });
    let error = Ser::view_array(&page, usize::MAX).unwrap_err();
    assert_eq!(error, ViewError { name: NAME, expected: usize::MAX, found: 9 });
}
