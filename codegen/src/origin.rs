// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What something is made from: where that is, and what its owner does about a finding.

/// What something is made from: somebody's wire files, or frozen layouts.
///
/// In the sentences, `{}` stands for a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The directory of the wire files, below the top; empty if it is made from frozen layouts.
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

    /// A tree whose C headers are the truth, and which has frozen layouts of them.
    pub const LAYOUTS: Self = Self { wire_dir: "", ..Self::CHECKOUT };

    /// A crate whose wire files lie in that directory below its top, and whose test holds them.
    #[must_use]
    pub const fn of_crate(wire_dir: &'static str) -> Self {
        Self {
            wire_dir,
            command: "KHO_ABI_WRITE=1 cargo test",
            freeze: "run `KHO_ABI_WRITE=1 cargo test`: it writes a draft of {}",
            draft: "undo the change, or run `KHO_ABI_WRITE=1 cargo test`: \
                    it writes the draft of {} again",
            bump:
                "undo the change, or give it a new version: a string other than \"{}\"; then run \
                   `KHO_ABI_WRITE=1 cargo test`",
            new_version: "a new layout needs a new version in the string",
        }
    }

    /// Whether it is made from frozen layouts.
    #[must_use]
    pub fn is_of_layouts(&self) -> bool {
        self.wire_dir.is_empty()
    }

    /// The lines that say what generated files are made from, without the marks of a comment.
    #[must_use]
    pub fn banner(&self) -> [String; 2] {
        let command = self.command;
        if self.is_of_layouts() {
            return [
                "Generated from frozen layouts: do not edit.".into(),
                format!("To change it, freeze another version and run `{command}`."),
            ];
        }
        [
            format!("Generated from {}/: do not edit.", self.wire_dir),
            format!("To change it, edit the files there and run `{command}`."),
        ]
    }

    /// As [`Self::banner`], for what is made from one wire file.
    #[must_use]
    pub fn banner_of(&self, file: &str) -> [String; 2] {
        if self.is_of_layouts() {
            return self.banner();
        }
        [
            format!("Generated from {file}: do not edit."),
            format!("To change it, edit that file and run `{}`.", self.command),
        ]
    }

    /// What to do to have other generated files.
    #[must_use]
    pub fn to_change(&self) -> &'static str {
        if self.is_of_layouts() {
            "to change the ABI, freeze another version"
        } else {
            "to change the ABI, change the types"
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
