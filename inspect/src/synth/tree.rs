// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes flattened device trees.

use crate::fdt::MAGIC;

/// A tree that is being written; its root is open.
pub struct Tree {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Tree {
    /// Starts a tree whose root has a compatible string.
    #[must_use]
    pub fn new(compatible: &str) -> Self {
        let mut tree = Self { structure: Vec::new(), strings: Vec::new() };
        tree.begin("");
        tree.string("compatible", compatible);
        tree
    }

    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn pad(&mut self) {
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
    }

    /// Starts a node.
    pub fn begin(&mut self, name: &str) {
        self.word(1);
        self.structure.extend(name.as_bytes());
        self.structure.push(0);
        self.pad();
    }

    /// Ends the current node.
    pub fn end(&mut self) {
        self.word(2);
    }

    /// Adds a property.
    pub fn property(&mut self, name: &str, value: &[u8]) {
        let wanted = [name.as_bytes(), b"\0"].concat();
        let known = self.strings.windows(wanted.len()).position(|part| part == wanted);
        let offset = known.unwrap_or(self.strings.len());
        if known.is_none() {
            self.strings.extend(&wanted);
        }
        self.word(3);
        self.word(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.word(u32::try_from(offset).unwrap_or(u32::MAX));
        self.structure.extend(value);
        self.pad();
    }

    /// Adds a string property.
    pub fn string(&mut self, name: &str, value: &str) {
        self.property(name, &[value.as_bytes(), b"\0"].concat());
    }

    /// Adds a number property, in the byte order of the CPU, as in KHO.
    pub fn number(&mut self, name: &str, value: u64) {
        self.property(name, &value.to_ne_bytes());
    }

    /// Ends the root and the tree.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.end();
        self.word(9);
        let reserved = 40;
        let structure = reserved + 16;
        let strings = structure + self.structure.len();
        let total = strings + self.strings.len();
        let header = [
            MAGIC as usize,
            total,
            structure,
            strings,
            reserved,
            17,
            16,
            0,
            self.strings.len(),
            self.structure.len(),
        ];
        let mut bytes = Vec::with_capacity(total);
        for word in header {
            bytes.extend(u32::try_from(word).unwrap_or(u32::MAX).to_be_bytes());
        }
        bytes.extend([0; 16]);
        bytes.extend(self.structure);
        bytes.extend(self.strings);
        bytes
    }
}
