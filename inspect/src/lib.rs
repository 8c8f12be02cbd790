// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads what a live-updating Linux kernel preserved, from images of its memory.
//!
//! ```text
//!   report/   diff   extract    text, JSON, HTML, a map; two images; a memfd's content
//!       └───────┴───────┘
//!           inspect             one call: find KHO, walk through everything, check everything
//!       ┌───────┴─────────────────────────┐
//!     find/                              kho
//!   scan, boot protocol         ┌─────────┼───────────┬──────────┐
//!                             radix      luo       memblock   metadata
//!                               │         │
//!                               │      handlers/  vfio_pci, memfd: one file per handler
//!                               │         │          │
//!                               │         │       vmalloc, folios, extents
//!                               └────┬────┘
//!                                  walk         reading with findings; each page preserved, one owner
//!                                    │
//!                                 image/        raw, ELF, kdump, blobs: positioned reads, by content
//! ```
//!
//! An image is untrusted, and so is the state in it: it may be damaged or malicious. Its content
//! controls neither recursion nor the size of an allocation, and the work is bounded by the size of
//! the image. What is wrong is a [`finding`], with its address and the chain that led there, under
//! one of the [`rules`]. What could not be checked is reported.
//!
//! Only the compatible string selects the types to read with, in a registry each for KHO, LUO and
//! file handlers. Nothing is guessed about a string without types. If [`Options::types`] has
//! [`typed::Layouts`] for a string without a decoder, they are used field by field.
//!
//! # Examples
//!
//! Open an image, walk through it, and go through a memfd's folios without an allocation for each:
//!
//! ```
//! use kho_abi_inspect::handlers::Payload;
//! use kho_abi_inspect::image::cache::Cached;
//! use kho_abi_inspect::image::Image;
//! use kho_abi_inspect::{inspect, Options};
//!
//! # let (ram, _) = kho_abi_inspect::synth::sample(4096);
//! # let bytes = kho_abi_inspect::synth::container::raw(&ram);
//! # let image = Image::from_bytes(bytes)?;
//! # let _ = || -> Result<(), Box<dyn std::error::Error>> {
//! let image = Image::open("guest.raw".as_ref())?;
//! # Ok(()) };
//! let state = inspect(&image, &Options::default());
//! assert!(state.findings.is_empty());
//!
//! let luo = state.luo().expect("the kernel has LUO");
//! let memory = Cached::new(&image, state.page_size);
//! let mut pages = 0;
//! for session in &luo.sessions {
//!     for file in &session.files {
//!         match &file.payload {
//!             Payload::VfioPci(device) => println!("{}: {}", session.name, device.address),
//!             Payload::Memfd(memfd) => memfd.list.each_extent(&memory, state.preserved(), 1, |extent| {
//!                 pages += extent.pages();
//!             }),
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(pages, 16 + 25 + 512 + 1536);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
mod claims;
mod content;
pub mod diff;
pub mod extents;
pub mod extract;
pub mod fdt;
pub mod find;
pub mod finding;
pub mod flbs;
pub mod folios;
mod generations;
pub mod handlers;
pub mod image;
mod inspect;
pub mod kho;
mod layouts;
pub mod luo;
pub mod memblock;
pub mod metadata;
mod owners;
mod place;
pub mod radix;
pub mod raw;
pub mod report;
pub mod rules;
pub mod scratch;
pub mod status;
pub mod text;
mod threads;
pub mod typed;
pub mod vmalloc;
mod walk;

pub use claims::Contested;
pub use generations::generations;
pub use inspect::{inspect, Options, State};
pub use luo::payloads;
pub use place::inspect_file;
#[cfg(feature = "synth")]
pub mod synth;
