// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! PCI addresses and the struct that preserves them: conversions between parts, text and bytes.

use kho_abi::wire::layout::WireType as _;
use kho_abi::wire::pci::pci_dev_ser;
use kho_abi::wire::pci_address::{PciAddress, PciAddressError};
use kho_abi::wire::vfio_pci::vfio_pci_core_device_ser;
use proptest::prelude::*;
use zerocopy::IntoBytes as _;

#[test]
fn text_is_what_sysfs_shows() {
    for text in
        ["0000:00:00.0", "0000:01:00.0", "0000:ff:1f.7", "10000:e0:06.2", "ffffffff:00:00.0"]
    {
        assert_eq!(text.parse::<PciAddress>().map(|a| a.to_string()), Ok(text.into()));
    }
    assert_eq!(
        "00AB:C0:1F.7".parse::<PciAddress>().map(|a| a.to_string()),
        Ok("00ab:c0:1f.7".into())
    );
}

#[test]
fn what_is_no_address_says_why() {
    use PciAddressError::{Device, Form, Function};
    for (text, error) in [
        ("", Form),
        ("01:00.0", Form),
        ("000:01:00.0", Form),
        ("000000000:01:00.0", Form),
        ("0000:1:00.0", Form),
        ("0000:001:00.0", Form),
        ("0000:01:0.0", Form),
        ("0000:01:00.00", Form),
        ("0000:01:00", Form),
        ("0000:01:00.0 ", Form),
        ("+000:01:00.0", Form),
        ("0000:0x:00.0", Form),
        ("0000:01:00.é", Form),
        ("0000:01:20.0", Device(0x20)),
        ("0000:01:00.8", Function(8)),
    ] {
        assert_eq!(text.parse::<PciAddress>(), Err(error), "{text:?}");
    }
}

#[test]
fn a_domain_that_does_not_fit_is_refused_not_truncated() {
    let error = vfio_pci_core_device_ser::from_parts(0x10000, 0, 0, 0).unwrap_err();
    assert_eq!(error, PciAddressError::Domain(0x10000));
    assert_eq!(error.to_string(), "PCI domain 0x10000 does not fit the 16 bits that are preserved");
    assert_eq!("10000:00:00.0".parse::<vfio_pci_core_device_ser>(), Err(error));
    assert!(vfio_pci_core_device_ser::from_parts(0xffff, 0xff, 0x1f, 7).is_ok());
}

proptest! {
    #[test]
    fn parts_text_and_bytes_go_round(domain: u16, bus: u8, device in 0u8..=0x1f, function in 0u8..=7) {
        let ser = vfio_pci_core_device_ser::from_parts(domain.into(), bus, device, function).unwrap();
        prop_assert_eq!((ser.bus(), ser.device(), ser.function()), (bus, device, function));
        prop_assert_eq!(ser.address().domain(), u32::from(domain));
        // The specification's requester ID, computed independently of the code under test.
        prop_assert_eq!(u32::from(ser.bdf), u32::from(bus) * 256 + u32::from(device) * 8 + u32::from(function));

        let text = ser.to_string();
        prop_assert_eq!(&text, &format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"));
        prop_assert_eq!(text.parse(), Ok(ser));

        let bytes = ser.as_bytes();
        let [b0, b1] = { ser.bdf }.to_ne_bytes();
        let [d0, d1] = domain.to_ne_bytes();
        prop_assert_eq!(bytes, &[b0, b1, d0, d1]);
        prop_assert_eq!(vfio_pci_core_device_ser::view(bytes), Ok(&ser));
    }

    #[test]
    fn any_four_bytes_are_a_device(bytes: [u8; 4]) {
        let ser = vfio_pci_core_device_ser::view(&bytes).unwrap();
        prop_assert_eq!(vfio_pci_core_device_ser::try_from(ser.address()), Ok(*ser));
        prop_assert_eq!(ser.to_string().parse(), Ok(*ser));
    }

    #[test]
    fn out_of_range_parts_are_refused(domain: u32, bus: u8, device: u8, function: u8) {
        let fits = device <= 0x1f && function <= 7;
        prop_assert_eq!(PciAddress::new(domain, bus, device, function).is_ok(), fits);
        let fits = fits && domain <= 0xffff;
        prop_assert_eq!(vfio_pci_core_device_ser::from_parts(domain, bus, device, function).is_ok(), fits);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text: String) {
        let _ = text.parse::<vfio_pci_core_device_ser>();
    }

    #[test]
    fn text_like_an_address_parses_to_what_prints_it(text in "[0-9a-fA-F]{3,9}:[0-9a-f]{1,3}:[0-9a-f]{1,3}\\.[0-9a-f]{1,2}") {
        if let Ok(address) = text.parse::<PciAddress>() {
            let (printed, text) = (address.to_string(), text.to_lowercase());
            prop_assert_eq!(printed.trim_start_matches('0'), text.trim_start_matches('0'));
        }
    }
}

#[test]
fn the_pci_core_stores_every_domain() {
    let bytes = [0x78, 0x56, 0x34, 0x12, 0x0b, 0x01, 3, 0];
    let device = pci_dev_ser::view(&bytes).unwrap();
    if cfg!(target_endian = "little") {
        assert_eq!(device.address().to_string(), "12345678:01:01.3");
        assert_eq!({ device.refcount }, 3);
    }
    for text in ["0000:00:00.0", "10000:00:02.0", "ffffffff:ff:1f.7"] {
        let address: PciAddress = text.parse().unwrap();
        let device = pci_dev_ser { domain: address.domain(), bdf: address.bdf(), refcount: 1 };
        assert_eq!(device.address().to_string(), text);
    }
}
