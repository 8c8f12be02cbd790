// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writers: each renders a model as one kind of text, and does no I/O.

mod bindings;
pub mod c_header;
pub mod frozen;
pub mod imhex;
pub mod json;
pub mod kaitai;
pub mod kunit;
pub(crate) mod prose;
pub mod python;
pub mod text;
