// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the hunks of a patch show of a header that is not available.
//!
//! A unified diff shows every line that changes. So a string that no hunk changes is the same
//! before and after, whatever it is. A struct that a hunk shows from its first to its last line can
//! be laid out by a compiler. If a struct is shown in part, the added and removed fields are known,
//! but no offset is.

mod covers;
mod judging;
mod reading;
mod shown;

pub use judging::judge;
pub use reading::read;
pub use shown::Partial;
pub(super) use shown::{follow_moves, merged};
