// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Shows layouts to people: pictures, and tables around them.
//!
//! ```text
//!   sheet.rs      what is shown, before any format is chosen
//!   record.rs     one struct to scale: bytes, bits, cache lines, holes
//!   changed.rs    a struct before and after, and what moved
//!   leads.rs      what embeds what, and which address leads where
//!   svg.rs, html.rs, rst.rs, markdown.rs      one format each
//!   paint.rs      colours, and text that fits
//!   escape.rs     the one place where text from outside becomes a part of a format
//! ```
//!
//! Pictures need no script. Their colours follow `prefers-color-scheme`, and each is as wide as the text
//! around it, down to 420 pixels.

mod changed;
pub mod escape;
pub mod html;
mod leads;
pub mod markdown;
mod paint;
mod record;
pub mod rst;
mod sheet;
pub mod svg;

pub use changed::{changed, key_of_colours};
pub use leads::leads;
pub use paint::{style, style_for};
pub use sheet::Part;
