// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes and maintains the handover ABI: C headers, `KUnit` suites, bindings for other tools,
//! frozen layouts.
//!
//! ```text
//!   generate   write::c_header, write::kunit   include/linux/kho/abi/*.h, and unit tests for them
//!              write::python, kaitai, imhex    bindings/: the same for other tools
//!   freeze     write::frozen                   snapshots/*.layout
//!   import     import::text                    a wire file from a C header
//!   bump                                       the next version of a contract
//!   new                                        a new contract
//!   kernel_patch, wire_edit                    from the types to a kernel tree, and back
//!   suites                                     unit tests beside what a directory already has
//!   check, declared                            whether a checkout is consistent
//! ```
//!
//! [`rules`] lists what can be found wrong in a checkout.

pub mod bump;
pub mod check;
pub mod declared;
pub mod draw;
pub mod freeze;
pub mod generate;
pub mod import;
pub mod kernel_patch;
pub mod layouts;
pub mod new;
pub mod origin;
pub mod output;
pub mod own;
pub mod registry;
pub mod rules;
pub mod rustfmt;
pub mod suites;
pub mod wire_edit;
pub mod write;
