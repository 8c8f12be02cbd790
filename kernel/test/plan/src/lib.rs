// SPDX-License-Identifier: GPL-2.0
//! The shared language of the live-update test.
//!
//! ```text
//!   harness: scenarios/*.rs ──► Scenario ──► scenario.json in the initramfs ──► init: interprets the steps
//!            checks         ◄── Report   ◄── second serial port             ◄──
//!                           ──► Order    ──► second serial port             ──►
//! ```
//!
//! A [`Scenario`] is data: which machine to build, which kernels to boot one after the other, and
//! for each of them the steps of its init program, with the expected results. Both sides have the
//! whole list, so the harness knows in advance how many reports to expect, and about what. A guest
//! that falls silent, skips a step or invents one cannot pass.
#![forbid(unsafe_code)]

mod content;
mod describe;
pub mod initramfs;
pub mod ktap;
mod report;
mod scenario;

pub use content::content_byte;
pub use report::{CaseOutcome, Message, Order, PreservedObject, Report, REPORT_TAG};
pub use scenario::{
    Action, Boot, Device, DeviceKind, Flavour, ImageMoment, Location, Look, Scenario, Step, Use,
    NVME_TRACE,
};
