// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What file handlers left: one file per handler, chosen by compatible string.
//!
//! Nothing is guessed about a string without a decoder: its bytes are shown as they are.

pub mod memfd;
pub mod vfio_pci;

use crate::claims::Owner;
use crate::raw::Raw;
use crate::rules;
use crate::typed::{self, Read, Typed};
use crate::walk::Walker;
use kho_abi::wire::pci_address::PciAddress;
use kho_abi::wire::versions::memfd_v1;
use kho_abi::wire::versions::memfd_v2::MEMFD_LUO_FH_COMPATIBLE;
use kho_abi::wire::versions::vfio_pci_v1::VFIO_PCI_LUO_FH_COMPATIBLE;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// The state that a file's data leads to.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// A device of vfio-pci.
    VfioPci(vfio_pci::Device),
    /// A memfd.
    Memfd(memfd::Memfd),
    /// State decoded by given types.
    Typed(Typed),
    /// Bytes without known types.
    Unknown(Raw),
    /// Cannot be read; the findings say why.
    Unreadable,
}

/// What occurred before, in all files.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Devices, with the address of the file's entry.
    pub(crate) devices: HashMap<PciAddress, u64>,
}

/// A file to decode.
pub(crate) struct Given<'s> {
    /// What the handler left.
    pub(crate) data: u64,
    /// Address of the file's entry.
    pub(crate) entry: u64,
    /// The owner of the pages that it leads to.
    pub(crate) owner: Owner,
    pub(crate) seen: &'s mut Seen,
}

/// The decoder for one version of a handler's state.
struct Decoder {
    compatible: &'static str,
    read: fn(&mut Walker<'_>, &mut Given<'_>) -> Payload,
}

/// Every version of every handler that has a decoder. To add a version, add a line here.
const DECODERS: &[Decoder] = &[
    Decoder { compatible: memfd_v1::MEMFD_LUO_FH_COMPATIBLE, read: memfd::read_v1 },
    Decoder { compatible: MEMFD_LUO_FH_COMPATIBLE, read: memfd::read },
    Decoder { compatible: VFIO_PCI_LUO_FH_COMPATIBLE, read: vfio_pci::read },
];

/// The compatible strings of handlers that have a decoder.
pub fn known() -> impl Iterator<Item = &'static str> {
    DECODERS.iter().map(|decoder| decoder.compatible)
}

/// How many bytes of an unknown payload to show.
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
    if !looks_like_a_name(&field[..end.unwrap_or(0)]) {
        walker.find(&rules::COMPATIBLE_UNKNOWN, entry, || {
            format!("the file's \"{compatible}\" is not a compatible string")
        });
    }
    // A string without a NUL is damage, however it begins.
    let read = match end {
        Some(_) => typed::payload(walker, compatible, data, owner),
        None => Read::Nothing(None),
    };
    match read {
        Read::Typed(typed) => return Payload::Typed(typed),
        Read::Unreadable => return Payload::Unreadable,
        Read::Nothing(why) => walker.not_decoded_by(format!("file with \"{compatible}\""), why),
    }
    // Only the handler knows whether the data is an address.
    Payload::Unknown(Raw::read(walker, data, SHOWN))
}

/// Whether it may be the string of an unknown handler: anything else is damage.
fn looks_like_a_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}
