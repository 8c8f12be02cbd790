// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The address of a PCI function, checked and printable, independent of how a wire type stores it.

use core::{fmt, str::FromStr};

/// Domain, bus, device and function of a PCI function, each known to be in range.
///
/// Printed and parsed in the form that sysfs and lspci use, `0000:01:00.0`: hexadecimal, the domain
/// in at least four digits. The domain (the specification's segment) has 32 bits in Linux; domains
/// from 0x10000 on are Linux's own, given to bridges such as Intel's VMD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bdf: u16,
}

impl PciAddress {
    /// The highest device number on a bus.
    pub const MAX_DEVICE: u8 = 0x1f;
    /// The highest function number of a device.
    pub const MAX_FUNCTION: u8 = 7;

    /// Makes an address from its four parts.
    ///
    /// # Errors
    ///
    /// A device above [`Self::MAX_DEVICE`], a function above [`Self::MAX_FUNCTION`].
    pub const fn new(
        domain: u32,
        bus: u8,
        device: u8,
        function: u8,
    ) -> Result<Self, PciAddressError> {
        if device > Self::MAX_DEVICE {
            return Err(PciAddressError::Device(device));
        }
        if function > Self::MAX_FUNCTION {
            return Err(PciAddressError::Function(function));
        }
        Ok(Self::from_bdf(domain, (bus as u16) << 8 | (device as u16) << 3 | function as u16))
    }

    /// Makes an address from a domain and a packed bus, device and function.
    ///
    /// `bdf` has the bus in bits 8 to 15, the device in bits 3 to 7 and the function in bits 0 to
    /// 2, as the specification's requester ID and the kernel's `PCI_DEVID()` have them: every value
    /// is an address.
    #[must_use]
    pub const fn from_bdf(domain: u32, bdf: u16) -> Self {
        Self { domain, bdf }
    }

    /// The domain, also called segment.
    #[must_use]
    pub const fn domain(self) -> u32 {
        self.domain
    }

    /// Bus, device and function, packed as [`Self::from_bdf`] takes them.
    #[must_use]
    pub const fn bdf(self) -> u16 {
        self.bdf
    }

    /// The bus number.
    #[must_use]
    pub const fn bus(self) -> u8 {
        self.bdf.to_be_bytes()[0]
    }

    /// The device number on the bus, at most [`Self::MAX_DEVICE`].
    #[must_use]
    pub const fn device(self) -> u8 {
        self.bdf.to_be_bytes()[1] >> 3
    }

    /// The function number of the device, at most [`Self::MAX_FUNCTION`].
    #[must_use]
    pub const fn function(self) -> u8 {
        self.bdf.to_be_bytes()[1] & Self::MAX_FUNCTION
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bus, device, function) = (self.bus(), self.device(), self.function());
        write!(f, "{:04x}:{bus:02x}:{device:02x}.{function:x}", self.domain)
    }
}

impl FromStr for PciAddress {
    type Err = PciAddressError;

    /// Parses `0000:01:00.0`, all four parts, hexadecimal in either case.
    ///
    /// The domain has four to eight digits, bus and device two, the function one.
    fn from_str(text: &str) -> Result<Self, PciAddressError> {
        let form = PciAddressError::Form;
        let (domain, rest) = text.split_once(':').ok_or(form)?;
        let (bus, rest) = rest.split_once(':').ok_or(form)?;
        let (device, function) = rest.split_once('.').ok_or(form)?;
        Self::new(hex(domain, 4..=8)?, hex_u8(bus, 2)?, hex_u8(device, 2)?, hex_u8(function, 1)?)
    }
}

/// Parses a number of that many hexadecimal digits, and nothing else: no sign, no prefix.
fn hex(text: &str, digits: core::ops::RangeInclusive<usize>) -> Result<u32, PciAddressError> {
    if !digits.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PciAddressError::Form);
    }
    u32::from_str_radix(text, 16).map_err(|_| PciAddressError::Form)
}

/// Parses a number of exactly that many hexadecimal digits that fits a byte.
fn hex_u8(text: &str, digits: usize) -> Result<u8, PciAddressError> {
    u8::try_from(hex(text, digits..=digits)?).map_err(|_| PciAddressError::Form)
}

/// Why something is not the address of a PCI function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciAddressError {
    /// The text is not of the form `0000:01:00.0`.
    Form,
    /// The device number is above [`PciAddress::MAX_DEVICE`].
    Device(u8),
    /// The function number is above [`PciAddress::MAX_FUNCTION`].
    Function(u8),
    /// The domain is above what the wire type stores, a `u16`.
    Domain(u32),
}

impl fmt::Display for PciAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => write!(f, "not a PCI address of the form 0000:01:00.0"),
            Self::Device(device) => write!(f, "PCI device {device:#x} is above 0x1f"),
            Self::Function(function) => write!(f, "PCI function {function:#x} is above 7"),
            Self::Domain(domain) => {
                write!(f, "PCI domain {domain:#x} does not fit the 16 bits that are preserved")
            }
        }
    }
}

impl core::error::Error for PciAddressError {}
