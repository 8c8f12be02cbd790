// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What file handlers left: one file per handler, chosen by compatible string.
//!
//! A string without a decoder is never guessed at: its bytes are shown as they are.

pub mod memfd;
pub mod vfio_pci;

use crate::claims::Owner;
use crate::finding::address;
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::earlier::memfd_v1;
use kho_abi::wire::memfd::MEMFD_LUO_FH_COMPATIBLE;
use kho_abi::wire::pci::PciAddress;
use kho_abi::wire::vfio_pci::VFIO_PCI_LUO_FH_COMPATIBLE;
use serde::Serialize;
use std::collections::HashMap;

/// What a file's data leads to.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// A device of vfio-pci.
    VfioPci(vfio_pci::Device),
    /// A memfd.
    Memfd(memfd::Memfd),
    /// Bytes that nobody here has types for.
    Unknown(Unknown),
    /// It cannot be read; the findings say why.
    Unreadable,
}

/// Bytes that nobody here has types for.
#[derive(Clone, Debug, Serialize)]
pub struct Unknown {
    /// Where they are.
    #[serde(serialize_with = "address")]
    pub at: u64,
    /// The first of them; none where the data is no address in the image.
    #[serde(serialize_with = "hex")]
    pub bytes: Vec<u8>,
}

fn hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    serializer.serialize_str(&text)
}

/// What has been met before, among all files.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Devices with the address of the file's entry.
    pub(crate) devices: HashMap<PciAddress, u64>,
}

/// A file that a decoder is to read.
pub(crate) struct Given<'s> {
    /// What the handler left.
    pub(crate) data: u64,
    /// Address of the file's entry.
    pub(crate) entry: u64,
    /// Who owns the pages that it leads to.
    pub(crate) owner: Owner,
    pub(crate) seen: &'s mut Seen,
}

/// Types for one version of what a handler leaves.
struct Decoder {
    compatible: &'static str,
    read: fn(&mut Walker<'_>, &mut Given<'_>) -> Payload,
}

/// Every version of every handler that is decoded. A version is one line here.
const DECODERS: &[Decoder] = &[
    Decoder { compatible: memfd_v1::MEMFD_LUO_FH_COMPATIBLE, read: memfd::read_v1 },
    Decoder { compatible: MEMFD_LUO_FH_COMPATIBLE, read: memfd::read },
    Decoder { compatible: VFIO_PCI_LUO_FH_COMPATIBLE, read: vfio_pci::read },
];

/// The compatible strings of handlers that are decoded.
pub fn known() -> impl Iterator<Item = &'static str> {
    DECODERS.iter().map(|decoder| decoder.compatible)
}

/// Bytes of an unknown payload that are shown.
const SHOWN: u64 = 64;

/// Reads what a file's handler left.
pub(crate) fn read(
    walker: &mut Walker<'_>,
    field: &[u8],
    compatible: &str,
    data: u64,
    entry: u64,
    owner: Owner,
    seen: &mut Seen,
) -> Payload {
    let end = field.iter().position(|byte| *byte == 0);
    let decoder = end.and_then(|end| {
        DECODERS.iter().find(|decoder| decoder.compatible.as_bytes() == &field[..end])
    });
    if let Some(decoder) = decoder {
        if data == 0 {
            walker.find(&rules::ADDRESS_NULL, entry, || {
                format!("the file of \"{compatible}\" leads nowhere: its data is 0")
            });
            return Payload::Unreadable;
        }
        return (decoder.read)(walker, &mut Given { data, entry, owner, seen });
    }
    walker.find(&rules::COMPATIBLE_UNKNOWN, entry, || {
        let known = known().collect::<Vec<_>>().join(", ");
        format!("the file is of \"{compatible}\", and known are: {known}")
    });
    // Whether the data is an address is the handler's matter.
    let image = walker.memory.image();
    let page_size = walker.page_size();
    let len = SHOWN.min(page_size - data % page_size);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    if data == 0 || image.read(data, &mut bytes).is_err() {
        bytes.clear();
    }
    Payload::Unknown(Unknown { at: data, bytes })
}
