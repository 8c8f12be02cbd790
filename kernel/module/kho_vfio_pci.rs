// SPDX-License-Identifier: GPL-2.0

//! Lets a vfio-pci device file survive a live update.
//!
//! The module registers a file handler with the Live Update Orchestrator (LUO). Before the update
//! the handler writes down, in a page that Kexec HandOver (KHO) preserves, which PCI function the
//! file is open on. After the update it reads that page and opens the function again.
//!
//! ```text
//!   kho_vfio_pci   this file: the module
//!        │
//!   handler        what happens at each step of a live update, and what is refused
//!        │
//!   ┌────┼────────────┬──────────────┐
//!   │  record       vfio_pci       vfio       the safe side of ...
//!   │    │            │              │
//!   │  kho          pci_state      (C)        ... KHO pages, PCI state, vfio
//!   │    │
//!   │  wire         the ABI, compiled from the same source as the tools around it
//!   │
//!   liveupdate     the safe side of LUO
//! ```
//!
//! `layout` compares the wire types with the C header of the kernel that the module is built for.

use kernel::prelude::*;

mod handler;
mod kho;
mod layout;
mod liveupdate;
mod pci_state;
mod record;
mod tests;
mod vfio;
mod vfio_pci;

// The handler only needs a part of what the wire source offers to tools.
#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../abi/src/wire/mod.rs"]
mod wire;

module! {
    type: KhoVfioPci,
    name: "kho_vfio_pci",
    authors: ["The kho-abi maintainers"],
    description: "Live update of vfio-pci device files",
    license: "GPL",
}

/// The module, for as long as it is loaded.
#[pin_data]
struct KhoVfioPci {
    #[pin]
    _registration: liveupdate::Registration<handler::VfioPciFiles>,
}

impl kernel::InPlaceModule for KhoVfioPci {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _registration <- liveupdate::Registration::new(),
            _: {
                pr_info!(
                    "preserves device files as \"{}\"\n",
                    <handler::VfioPciFiles as liveupdate::FileHandler>::COMPATIBLE
                );
            },
        })
    }
}
