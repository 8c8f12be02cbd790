// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts of structs that this program was not compiled with, and the strings that promise them.
//!
//! They are as untrusted as an image: a struct that contradicts itself, embeds itself or exceeds a
//! limit is not used, and [`Layouts::problem`] says why. Everything that reads by them may
//! therefore add and multiply without a check.

use std::collections::{BTreeMap, BTreeSet};

/// The maximum nesting of structs.
pub const MAX_DEPTH: usize = 16;
/// The maximum size of a struct, in bytes.
pub const MAX_SIZE: u64 = 1 << 20;
/// The maximum number of dimensions of an array.
const MAX_DIMENSIONS: usize = 8;
/// The struct in which the kernel keeps memory that is contiguous only in its virtual addresses.
pub(crate) const VMALLOC: &str = "kho_vmalloc";

/// How many parts of an image to follow.
pub(crate) const ALL_PARTS: usize = 1 << 16;
/// How many values of an image to keep.
const ALL_VALUES: usize = 1 << 18;

/// What may still be read of an image.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) parts: usize,
    pub(crate) values: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { parts: ALL_PARTS, values: ALL_VALUES }
    }
}

/// A struct or a union.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Struct {
    /// The tag.
    pub name: String,
    /// Size, in bytes.
    pub size: u64,
    /// Whether its fields overlap.
    pub is_union: bool,
    /// The fields, in the order of the declaration.
    pub fields: Vec<Field>,
    /// The page size that the layout is for; `None` if it does not depend on it.
    pub page_size: Option<u64>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; empty for an anonymous one.
    pub name: String,
    /// Offset from the start of the struct, in bits, in the order in which C allocates them.
    pub bit_offset: u64,
    /// Size, in bits.
    pub bit_size: u64,
    /// Whether it is a bit-field.
    pub bit_field: bool,
    /// Its type, or the type of its elements.
    pub kind: Kind,
    /// The dimensions of an array, the outermost first; empty for a single value. A dimension of 0
    /// is an array whose length the struct does not contain.
    pub dimensions: Vec<u64>,
    /// What its address, or the memory that it describes, is known to lead to.
    pub leads_to: Option<LeadsTo>,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer in the byte order of the CPU.
    Int {
        /// Width, in bits.
        bits: u16,
        /// Whether it is signed.
        signed: bool,
    },
    /// An unsigned integer whose byte order is its own, whatever the CPU's.
    Ordered {
        /// Width, in bits: 16, 32 or 64.
        bits: u16,
        /// Whether the most significant byte comes first.
        big: bool,
    },
    /// A byte of text.
    Char,
    /// A pointer of the kernel that wrote it, which cannot be followed.
    Pointer,
    /// The physical address of a struct: `DECLARE_KHOSER_PTR()`.
    Address {
        /// The struct.
        to: String,
    },
    /// A struct or a union.
    Struct {
        /// Its tag.
        name: String,
    },
}

/// What an integer that is an address, or preserved vmalloc memory, leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadsTo {
    /// A struct; for vmalloc memory, as many of them as fit.
    Struct(String),
    /// A list of KHO's blocks, with entries of this struct.
    Blocks(String),
}

impl LeadsTo {
    /// The struct.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Struct(name) | Self::Blocks(name) => name,
        }
    }
}

/// A version, and what it promises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// Its name in reports, as `pci@2`.
    pub name: String,
    /// Its string in memory.
    pub string: String,
    /// The number in a field that accompanies the string, if that is the version.
    pub version: Option<u64>,
    /// The structs that may be its root.
    pub roots: Vec<String>,
    /// The actual root, if the user named one.
    pub root: Option<String>,
}

/// Layouts of structs, and the strings that promise them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layouts {
    source: String,
    structs: BTreeMap<String, Struct>,
    contracts: Vec<Contract>,
    /// Structs that are not used, each with the reason.
    problems: BTreeMap<String, String>,
}

impl Layouts {
    /// Takes layouts from a source, which messages call by this name.
    ///
    /// If two structs with one name differ, neither is used.
    #[must_use]
    pub fn new(source: &str, structs: Vec<Struct>, contracts: Vec<Contract>) -> Self {
        let mut all: BTreeMap<String, Struct> = BTreeMap::new();
        let mut problems = BTreeMap::new();
        for one in structs {
            match all.get(&one.name) {
                Some(other) if *other != one => {
                    let why = format!("the types have two structs named {}", one.name);
                    problems.insert(one.name, why);
                }
                _ => {
                    all.insert(one.name.clone(), one);
                }
            }
        }
        let mut layouts = Self { source: source.into(), structs: all, contracts, problems };
        layouts.check();
        layouts
    }

    /// The name of the source in messages.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The contracts.
    #[must_use]
    pub fn contracts(&self) -> &[Contract] {
        &self.contracts
    }

    /// A struct, if it can be used.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Struct> {
        self.structs.get(name).filter(|_| !self.problems.contains_key(name))
    }

    /// Why a struct cannot be used; `None` if it can.
    #[must_use]
    pub fn problem(&self, name: &str) -> Option<String> {
        match (self.problems.get(name), self.structs.get(name)) {
            (Some(why), _) => Some(why.clone()),
            (None, None) => Some(format!("the types have no layout of struct {name}")),
            (None, Some(_)) => None,
        }
    }

    /// The size of a type, in bytes, if it can be used.
    pub(crate) fn size_of(&self, kind: &Kind) -> Option<u64> {
        match kind {
            Kind::Int { bits: bits @ (8 | 16 | 32 | 64 | 128), .. }
            | Kind::Ordered { bits: bits @ (16 | 32 | 64), .. } => Some(u64::from(*bits) / 8),
            Kind::Int { .. } | Kind::Ordered { .. } => None,
            Kind::Char => Some(1),
            Kind::Pointer | Kind::Address { .. } => Some(8),
            Kind::Struct { name } => self.get(name).map(|one| one.size),
        }
    }

    /// Determines which structs can be used.
    fn check(&mut self) {
        for one in self.structs.values() {
            if let Err(why) = Self::check_alone(one) {
                let why = format!("the types contradict themselves: struct {}: {why}", one.name);
                self.problems.entry(one.name.clone()).or_insert(why);
            }
        }
        // Work upwards from structs that embed nothing, one level at a time. Structs that are left
        // embed themselves, or something that cannot be used.
        let mut open: BTreeSet<String> = self.structs.keys().cloned().collect();
        open.retain(|name| !self.problems.contains_key(name));
        for _ in 0..MAX_DEPTH {
            let embeds_open = |name: &&String| {
                let mut fields = self.structs[*name].fields.iter();
                fields.any(|field| match &field.kind {
                    Kind::Struct { name } => {
                        open.contains(name)
                            || self.problems.contains_key(name)
                            || !self.structs.contains_key(name)
                    }
                    _ => false,
                })
            };
            let next: BTreeSet<String> = open.iter().filter(embeds_open).cloned().collect();
            if next.len() == open.len() {
                break;
            }
            open = next;
        }
        for name in open {
            let embedded = self.structs[&name].fields.iter().find_map(|field| match &field.kind {
                Kind::Struct { name } => self.problem(name),
                _ => None,
            });
            let why = embedded.unwrap_or_else(|| {
                format!("struct {name} embeds itself, or others more than {MAX_DEPTH} levels deep")
            });
            self.problems.insert(name, why);
        }
        // The sizes of embedded structs are known now.
        for one in self.structs.values() {
            if self.problems.contains_key(&one.name) {
                continue;
            }
            let wrong = one.fields.iter().find(|field| !self.fills(field));
            if let Some(field) = wrong {
                let why = format!(
                    "the types contradict themselves: field {} of struct {} does not have the size \
                     of its type",
                    field.name, one.name
                );
                self.problems.insert(one.name.clone(), why);
            }
        }
        // A struct that embeds one of these is not used either.
        for _ in 0..MAX_DEPTH {
            let mut more = Vec::new();
            for one in self.structs.values().filter(|one| !self.problems.contains_key(&one.name)) {
                let why = one.fields.iter().find_map(|field| match &field.kind {
                    Kind::Struct { name } => self.problem(name),
                    _ => None,
                });
                more.extend(why.map(|why| (one.name.clone(), why)));
            }
            if more.is_empty() {
                break;
            }
            self.problems.extend(more);
        }
    }

    /// Checks a struct without those that it embeds.
    fn check_alone(one: &Struct) -> Result<(), String> {
        if one.size > MAX_SIZE {
            return Err(format!("{} bytes, more than the limit of {MAX_SIZE}", one.size));
        }
        for field in &one.fields {
            let name = &field.name;
            let end = field.bit_offset.checked_add(field.bit_size);
            if end.is_none_or(|end| end > one.size * 8) {
                return Err(format!("field {name} is beyond its {} bytes", one.size));
            }
            if field.dimensions.len() > MAX_DIMENSIONS {
                return Err(format!("field {name} has {} dimensions", field.dimensions.len()));
            }
            if field.bit_field {
                let is_int = matches!(field.kind, Kind::Int { .. }) && field.dimensions.is_empty();
                if !is_int || field.bit_size == 0 || field.bit_size > 64 {
                    return Err(format!("field {name} is a bit-field of {} bits", field.bit_size));
                }
            } else if field.bit_offset % 8 != 0 || field.bit_size % 8 != 0 {
                return Err(format!("field {name} begins or ends inside a byte"));
            }
        }
        Ok(())
    }

    /// Whether a field has the size of its type.
    fn fills(&self, field: &Field) -> bool {
        if field.bit_field {
            return true;
        }
        let Some(size) = self.size_of(&field.kind) else { return false };
        let mut lengths = field.dimensions.iter();
        let size = lengths.try_fold(size, |size, len| size.checked_mul(*len));
        size == Some(field.bit_size / 8)
    }

    /// Whether the types contain KHO's own struct for vmalloc memory, with the expected layout.
    pub(crate) fn knows_vmalloc(&self) -> bool {
        let Some(one) = self.get(VMALLOC) else { return false };
        let place = |name: &str| {
            let field = one.fields.iter().find(|field| field.name == name);
            field.map(|field| (field.bit_offset, field.bit_size))
        };
        one.size == 16
            && place("first") == Some((0, 64))
            && place("total_pages") == Some((64, 32))
            && place("flags") == Some((96, 16))
            && place("order") == Some((112, 16))
    }

    /// The struct at the beginning of a contract's bytes: the only one of its structs that no other
    /// embeds or leads to.
    ///
    /// # Errors
    ///
    /// Why that is unclear, or why the struct cannot be used.
    pub fn root(&self, contract: &Contract) -> Result<&Struct, String> {
        let name = match &contract.root {
            Some(name) => name,
            None => self.only_root(contract)?,
        };
        match self.problem(name) {
            Some(why) => Err(why),
            None if self.structs[name].size == 0 => Err(format!("struct {name} has no bytes")),
            None => Ok(&self.structs[name]),
        }
    }

    fn only_root<'l>(&'l self, contract: &'l Contract) -> Result<&'l String, String> {
        let mut led_to: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = contract.roots.iter().map(String::as_str).collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(one) = self.structs.get(name).filter(|_| seen.insert(name)) else { continue };
            for field in &one.fields {
                let to = match &field.kind {
                    Kind::Address { to } | Kind::Struct { name: to } => Some(to.as_str()),
                    Kind::Int { .. } | Kind::Ordered { .. } | Kind::Char | Kind::Pointer => None,
                };
                let said = field.leads_to.as_ref().map(LeadsTo::name);
                for to in to.into_iter().chain(said) {
                    // A list of structs of one type begins with one of them.
                    if to != name {
                        led_to.insert(to);
                    }
                    open.push(to);
                }
            }
        }
        let mut free = contract.roots.iter().filter(|name| !led_to.contains(name.as_str()));
        match (free.next(), free.next()) {
            (Some(only), None) => Ok(only),
            (None, _) if contract.roots.is_empty() => {
                Err(format!("the types have no struct for \"{}\"", contract.name))
            }
            _ => {
                let names = contract.roots.join(", ");
                Err(format!(
                    "the types do not say which struct it begins with; give one with --root-struct: \
                     {names}"
                ))
            }
        }
    }
}
