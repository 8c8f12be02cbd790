// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Whose wire files something is made from: where they lie, and what their owner does about a finding.

/// Whose wire files something is made from.
///
/// In the sentences, `{}` stands for a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The directory of the wire files, below the top.
    pub wire_dir: &'static str,
    /// The command that writes everything that is made of the types.
    pub command: &'static str,
    /// What freezes a contract that has no frozen layout.
    freeze: &'static str,
    /// What writes a draft again.
    draft: &'static str,
    /// What to do about a change of a released layout.
    bump: &'static str,
    /// What to do about an edit of a released layout's file.
    new_version: &'static str,
}

impl Origin {
    /// A checkout of this repository.
    pub const CHECKOUT: Self = Self {
        wire_dir: "abi/src/wire",
        command: "kho-abi generate",
        freeze: "run `kho-abi freeze {}`",
        draft: "run `kho-abi freeze {}`",
        bump: "undo the change, run `kho-abi bump {}`, then change the new version",
        new_version: "a new layout needs `kho-abi bump`",
    };

    /// A crate whose wire files lie in that directory below its top, and whose test holds them.
    #[must_use]
    pub const fn of_crate(wire_dir: &'static str) -> Self {
        Self {
            wire_dir,
            command: "KHO_ABI_WRITE=1 cargo test",
            freeze: "run `KHO_ABI_WRITE=1 cargo test`: it writes a draft of {}",
            draft: "undo the change, or run `KHO_ABI_WRITE=1 cargo test`: \
                    it writes the draft of {} again",
            bump: "undo the change, or give it a new version: another string than \"{}\"; \
                   then run `KHO_ABI_WRITE=1 cargo test`",
            new_version: "a new layout needs a new version in the string",
        }
    }

    /// What freezes a contract that has no frozen layout.
    #[must_use]
    pub fn freeze(&self, contract: &str) -> String {
        self.freeze.replace("{}", contract)
    }

    /// What writes the draft of a contract again.
    #[must_use]
    pub fn draft(&self, contract: &str) -> String {
        self.draft.replace("{}", contract)
    }

    /// What to do about a change of the contract's released layout.
    #[must_use]
    pub fn bump(&self, contract: &str) -> String {
        self.bump.replace("{}", contract)
    }

    /// What to do about an edit of a released layout's file.
    #[must_use]
    pub fn new_version(&self) -> &'static str {
        self.new_version
    }
}
