// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writers: each renders a model as one kind of text, and does no I/O.

pub mod c_header;
pub mod frozen;
pub mod json;
pub mod kunit;
mod prose;
pub mod text;
