// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What file-lifecycle-bound objects left: one file per object, chosen by its string.
//!
//! An object without a decoder is shown as it is, which is not damage.

pub mod pci;

use crate::claims::Owner;
use crate::typed::{self, Read, Typed};
use crate::walk::Walker;
use schemars::JsonSchema;
use serde::Serialize;

/// The state that an object's data leads to.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum State {
    /// The devices that the PCI core preserved.
    Pci(pci::Devices),
    /// State decoded by given types.
    Typed(Typed),
    /// The given types cannot read it; the findings say why.
    Unreadable,
}

/// An object to decode.
pub(crate) struct Given {
    /// The state that its owner preserved.
    pub(crate) data: u64,
    /// The owner of the pages that it leads to.
    pub(crate) owner: Owner,
}

/// Types for one object.
struct Decoder {
    compatible: &'static str,
    /// Reads it; `None` if its version is unknown.
    read: fn(&mut Walker<'_>, &Given) -> Option<State>,
}

/// Every object that has a decoder. To add one, add a line here.
const DECODERS: &[Decoder] = &[Decoder { compatible: pci::COMPATIBLE, read: pci::read }];

/// Reads what an object's owner left.
pub(crate) fn read(
    walker: &mut Walker<'_>,
    compatible: &str,
    data: u64,
    owner: Owner,
) -> Option<State> {
    let decoder = DECODERS.iter().find(|decoder| decoder.compatible == compatible);
    let state = decoder
        .filter(|_| data != 0)
        .and_then(|decoder| (decoder.read)(walker, &Given { data, owner }));
    if state.is_some() {
        return state;
    }
    // The number beside the string may be a version that the decoder does not know.
    let read = match data {
        0 => Read::Nothing(None),
        _ => typed::payload(walker, compatible, data, owner),
    };
    match read {
        Read::Typed(typed) => Some(State::Typed(typed)),
        Read::Unreadable => Some(State::Unreadable),
        Read::Nothing(why) => {
            walker.not_decoded_by(format!("FLB \"{compatible}\""), why);
            None
        }
    }
}
