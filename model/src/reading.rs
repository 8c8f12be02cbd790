// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The result of reading a source: a model, what this kind of source can show, and what it leaves
//! open.

use crate::{Model, ABI_DIR, BROKEN};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The result of reading a source.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The source, as the user wrote it.
    pub name: String,
    /// The kind that it turned out to be.
    pub kind: Kind,
    /// Headers, types, constants and contracts, for the target that the source is made for.
    ///
    /// A source that has no headers of its own, such as an image, gets the ones that the types and
    /// contracts are known to belong to.
    pub model: Model,
    /// What this kind of source can show.
    pub knows: Knows,
    /// What this particular source leaves open, beyond its kind.
    pub gaps: Vec<Gap>,
}

impl Reading {
    /// The ABI headers that this source has, or that its headers include, and that were not read,
    /// or only their beginning was.
    #[must_use]
    pub fn unread_headers(&self) -> Vec<&Gap> {
        let headers = &self.model.headers;
        let is_unread = |gap: &&Gap| {
            let is_there = headers.iter().any(|header| header.include_path() == gap.item);
            is_abi_header(&gap.item) && (!is_there || gap.why.ends_with(BROKEN))
        };
        self.gaps.iter().filter(is_unread).collect()
    }
}

/// Whether a name is that of an ABI header, as `linux/kho/abi/luo.h`.
fn is_abi_header(name: &str) -> bool {
    let below = name.strip_prefix(ABI_DIR).and_then(|name| name.strip_prefix('/'));
    below.is_some_and(|name| name.strip_suffix(".h").is_some())
}

/// The kind of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The Rust types that this program was compiled with.
    Truth,
    /// Frozen layouts.
    Snapshots,
    /// C headers, with a kernel's base headers or with stand-ins.
    Headers,
    /// Debugging information of an ELF file.
    Dwarf,
    /// BPF type format, raw or in an ELF file.
    Btf,
    /// An image without types: only its strings.
    Strings,
}

impl Kind {
    /// The plural of the kind, for a sentence.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Truth => "the types",
            Self::Snapshots => "frozen layouts",
            Self::Headers => "headers",
            Self::Dwarf => "images with DWARF",
            Self::Btf => "images with BTF",
            Self::Strings => "images without types",
        }
    }
}

/// What a kind of source can show; anything else is not compared.
#[allow(clippy::struct_excessive_bools)] // Independent facts, each with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Knows {
    /// Whether a type or contract is missing. An image has only those that its code uses.
    pub absence: bool,
    /// Whether a header is missing. A few headers may be all that was given.
    pub headers: bool,
    /// Whether a struct is declared as packed, and its alignment.
    pub packing: bool,
    /// The values of macros.
    pub macros: bool,
    /// The values of enumerators.
    pub enumerators: bool,
    /// Which macro a compatible string comes from. Otherwise, strings are recognised by their form.
    pub string_macros: bool,
    /// Which compatible strings exist, and which do not.
    pub strings: bool,
    /// The strings of file handlers and others that register one: the struct with the string
    /// identifies them. Otherwise, a string that was not found may still exist.
    pub registered_strings: bool,
    /// The nodes and properties of device trees.
    pub nodes: bool,
    /// Places in the source.
    pub places: bool,
}

impl Knows {
    /// Everything.
    pub const ALL: Self = Self {
        absence: true,
        headers: true,
        packing: true,
        macros: true,
        enumerators: true,
        string_macros: true,
        strings: true,
        registered_strings: true,
        nodes: true,
        places: true,
    };

    /// What a kind of source is not able to tell of the layouts and values that it has, in words.
    #[must_use]
    pub fn unknown(&self) -> Vec<&'static str> {
        let all = [
            (self.packing, "whether structs are packed, and how they are aligned"),
            (self.strings, "compatible strings"),
            (self.macros, "the values of macros"),
            (self.enumerators, "the values of enumerators"),
            (self.nodes, "the nodes and properties of device trees"),
        ];
        all.into_iter().filter(|(known, _)| !known).map(|(_, what)| what).collect()
    }
}

/// Something that a source leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
pub struct Gap {
    /// What is unknown: the name of a contract, a struct or a constant; empty for the source as a
    /// whole.
    pub item: String,
    /// Why.
    pub why: String,
}
