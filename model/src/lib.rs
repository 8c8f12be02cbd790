// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The layout model: what a C compiler and the next kernel care about, and nothing else.
//!
//! Every reader makes a model, every writer takes one. It does no I/O and does not depend on clang.

pub mod carrier;
pub mod compare;
mod declaration;
pub mod finding;
pub mod reading;
mod record;
mod renamed;
pub mod rule;
pub mod said;
mod target;
mod ty;
pub mod version;

pub use declaration::{included_in, Declaration, DeclarationKind, BROKEN, INCLUDES};
pub use record::{Field, Packing, Record, RecordKind};
pub use target::{Endian, Target};
pub use ty::Type;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Appends a line to a string, which cannot fail.
#[macro_export]
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = writeln!($out, $($arg)*);
    }};
}

/// The JSON Schema of a type, as it is serialised.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// A set of headers, as one compiler for one target sees them.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Model {
    /// What the layouts were computed for.
    pub target: Target,
    /// The headers, in the order of their names.
    pub headers: Vec<Header>,
    /// Items that depend on the page size, for page sizes other than the target's.
    /// Empty if nothing depends on it, or if the source has one page size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_pages: Vec<PageVariant>,
}

/// Items that depend on the page size, for one page size.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PageVariant {
    /// The page size, in bytes.
    pub page_size: u64,
    /// The items of all headers; each header also has them, for the target's page size.
    pub items: Vec<Item>,
}

/// One C header, or the Rust file that it is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Header {
    /// Base name without an extension, such as `vfio_pci`.
    pub name: String,
    /// The file that was read, as its reader was given it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The include guard; empty if the source does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub guard: String,
    /// What the header includes for its types, such as `linux/types.h`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<String>,
    /// What the header is about; its first line is the title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Constants and types, in the order of the source.
    pub items: Vec<Item>,
    /// The contracts that the header defines.
    pub contracts: Vec<Contract>,
    /// Every declaration of the header's text, whether or not an item could be made of it; none where
    /// the source has no text.
    #[serde(skip)]
    pub declarations: Vec<Declaration>,
}

impl Header {
    /// The declarations that the header uses of other headers.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Declaration> {
        let is_own = |place: &Place| place.file == self.file;
        self.declarations.iter().filter(move |one| !one.place.as_ref().is_some_and(is_own))
    }

    /// A header of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The header's path relative to `include/`, as `linux/kho/abi/vfio_pci.h`.
    #[must_use]
    pub fn include_path(&self) -> String {
        format!("{ABI_DIR}/{}.h", self.name)
    }

    /// The structs and unions of the header, in the order of the source.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.items.iter().filter_map(Item::record)
    }

    /// The constants of the header, including enumerators, in the order of the source.
    pub fn constants(&self) -> impl Iterator<Item = &Constant> {
        self.items.iter().flat_map(Item::constants)
    }
}

/// The kernel's directory of these headers, in `include/`.
pub const ABI_DIR: &str = "linux/kho/abi";

/// Something that a header defines.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    /// A macro, or a Rust constant.
    Constant(Constant),
    /// A struct or a union.
    Record(Record),
    /// An enumeration: names for integers.
    Enum(Enumeration),
    /// A macro that has no value by itself.
    Macro(Macro),
}

impl Item {
    /// The struct or union, if the item is one.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The constants that the item defines.
    pub fn constants(&self) -> impl Iterator<Item = &Constant> {
        match self {
            Self::Constant(constant) => std::slice::from_ref(constant).iter(),
            Self::Enum(enumeration) => enumeration.members.iter(),
            Self::Record(_) | Self::Macro(_) => [].iter(),
        }
    }

    /// The item's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Constant(constant) => &constant.name,
            Self::Record(record) => &record.name,
            Self::Enum(enumeration) => &enumeration.name,
            Self::Macro(item) => &item.name,
        }
    }

    /// The item's documentation, and its place in the source.
    #[must_use]
    pub fn doc(&self) -> (&str, Option<&Place>) {
        match self {
            Self::Constant(item) => (&item.doc, item.place.as_ref()),
            Self::Record(item) => (&item.doc, item.place.as_ref()),
            Self::Enum(item) => (&item.doc, item.place.as_ref()),
            Self::Macro(item) => (&item.doc, item.place.as_ref()),
        }
    }
}

/// An enumeration.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Enumeration {
    /// The tag.
    pub name: String,
    /// Its constants, in the order of the source.
    pub members: Vec<Constant>,
    /// Documentation, one line per source line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The place in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A macro with arguments.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Macro {
    /// The macro's name.
    pub name: String,
    /// Its arguments, such as `name, type`.
    pub arguments: String,
    /// Its expansion, line by line.
    pub body: String,
    /// The kernel option without which it is not defined; empty if it always is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub option: String,
    /// Documentation, one line per source line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The place in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Constant {
    /// The macro's name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// The C expression that the value is computed from, if it is not a literal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// The page size that it has this value for; `None` if it does not depend on the page size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u64>,
    /// Documentation, one line per source line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The place in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// An integer.
    Int(i128),
    /// A string, without the terminating NUL.
    Str(String),
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Place {
    /// The file, as its reader was given it.
    pub file: String,
    /// The line, from 1.
    // In a finding, 0 where the file as a whole is meant, or a source that has no lines.
    pub line: usize,
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

impl From<String> for Place {
    /// A file as a whole.
    fn from(file: String) -> Self {
        Self { file, line: 0 }
    }
}

impl From<&String> for Place {
    fn from(file: &String) -> Self {
        file.clone().into()
    }
}

impl From<&str> for Place {
    fn from(file: &str) -> Self {
        file.to_string().into()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A version, and what it promises: the bytes of structs, constants, device-tree nodes.
///
/// Its name, its version and its features are apart: [`crate::version::of`] compares them.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
pub struct Contract {
    /// What reports, files and commands call it.
    ///
    /// The compatible string, as `vfio-pci-v1`; where the version is a number, the name and that
    /// number, as `pci@2` or `kexec-metadata-v1`, which no memory has then; where it has no version,
    /// its name, or the path of its header.
    pub compatible: String,
    /// The name of the macro that a bump changes: the one with the string, or with the number.
    pub macro_name: String,
    /// The version, where it is a number apart from any string, which a struct carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The string that memory has, where the version is not in it, with the macro that holds it; empty
    /// where there are feature words and no string at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<NameMacro>,
    /// The constants that are bits of its feature words, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Whether no version covers it: it is what a header without any version defines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unversioned: bool,
    /// The structs that the contract owns, by name, in the order of the source.
    pub roots: Vec<String>,
    /// The structs and constants among its own that another contract of the header might own as well:
    /// the header does not say which of them does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
    /// The constants that it owns, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<String>,
    /// The device-tree nodes that it describes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<FdtNode>,
}

/// A name that all versions share, and its macro.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
pub struct NameMacro {
    /// The macro, such as `PCI_LUO_FLB_COMPATIBLE`.
    pub macro_name: String,
    /// The name, such as `pci`.
    pub value: String,
}

/// What tells one version of a contract from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelled {
    /// The string alone, whether it has a version in it or not.
    String,
    /// A number beside the string, which a struct carries.
    Number,
    /// A number that says what the bytes are, and counts nothing.
    Magic,
    /// Feature words: what is in use, and what a reader has to know.
    Features,
    /// Nothing: no version covers it.
    Nothing,
}

impl Contract {
    /// How its versions differ.
    #[must_use]
    pub fn spelled(&self) -> Spelled {
        if self.unversioned {
            Spelled::Nothing
        } else if self.version.is_some() {
            if self.macro_name.to_ascii_uppercase().ends_with("MAGIC") {
                Spelled::Magic
            } else {
                Spelled::Number
            }
        } else if self.name.is_some() && !self.features.is_empty() {
            Spelled::Features
        } else {
            Spelled::String
        }
    }

    /// The string in memory, if there is one.
    #[must_use]
    pub fn string(&self) -> Option<&str> {
        match (&self.name, self.spelled()) {
            (Some(name), _) => Some(&name.value).filter(|value| !value.is_empty()).map(|v| &**v),
            (None, Spelled::String) => Some(&self.compatible),
            (None, _) => None,
        }
    }

    /// Whether only its structs show it: what an image has of a version that is a number without a string, and
    /// the number is in its code.
    #[must_use]
    pub fn is_known_by_structs(&self) -> bool {
        let nameless = self.name.as_ref().is_some_and(|name| name.value.is_empty());
        nameless && self.version.is_none() && self.features.is_empty() && !self.unversioned
    }

    /// Whether a constant is its version, or the name beside it, rather than something it promises.
    #[must_use]
    pub fn is_carrier(&self, constant: &str) -> bool {
        self.macro_name == constant
            || self.name.as_ref().is_some_and(|name| name.macro_name == constant)
    }
}

/// A node in a flattened device tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct FdtNode {
    /// Its path, `/` or `/<name>`.
    pub path: String,
    /// Its properties, in the order of the source.
    pub properties: Vec<FdtProperty>,
}

/// A property of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct FdtProperty {
    /// The property's name.
    pub name: String,
    /// Size of its value, in bytes; `None` for a string.
    pub size: Option<u64>,
    /// Its documentation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

impl Model {
    /// The contract with that name, and its header.
    #[must_use]
    pub fn contract(&self, compatible: &str) -> Option<(&Header, &Contract)> {
        self.contracts().find(|(_, contract)| contract.compatible == compatible)
    }

    /// Every contract with its header, in the order of the headers.
    pub fn contracts(&self) -> impl Iterator<Item = (&Header, &Contract)> {
        self.promises().filter(|(_, contract)| !contract.unversioned)
    }

    /// Every contract, and what no version covers, in the order of the headers.
    pub fn promises(&self) -> impl Iterator<Item = (&Header, &Contract)> {
        self.headers.iter().flat_map(|header| header.contracts.iter().map(move |c| (header, c)))
    }

    /// Every struct and union, with its header.
    pub fn records(&self) -> impl Iterator<Item = (&Header, &Record)> {
        self.headers.iter().flat_map(|header| header.records().map(move |record| (header, record)))
    }

    /// The struct or union of that name.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&Record> {
        self.records().map(|(_, record)| record).find(|record| record.name == name)
    }

    /// An item's forms for the page sizes other than the target's, smallest first; by its name or
    /// that of a constant in it. `None` if it does not depend on the page size.
    pub fn other_pages_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Item> {
        let items = self.other_pages.iter().flat_map(|pages| &pages.items);
        items.filter(move |item| {
            item.name() == name || item.constants().any(|constant| constant.name == name)
        })
    }

    /// The constant of that name.
    #[must_use]
    pub fn constant(&self, name: &str) -> Option<&Constant> {
        self.headers.iter().flat_map(Header::constants).find(|constant| constant.name == name)
    }

    /// The enumeration that an enumerator belongs to; `None` for a macro.
    #[must_use]
    pub fn enumeration_of(&self, constant: &str) -> Option<&Enumeration> {
        let mut items = self.headers.iter().flat_map(|header| &header.items);
        items.find_map(|item| match item {
            Item::Enum(item) if item.members.iter().any(|m| m.name == constant) => Some(item),
            _ => None,
        })
    }

    /// The page sizes for which the model has its headers, smallest first.
    #[must_use]
    pub fn page_sizes(&self) -> Vec<u64> {
        let others = self.other_pages.iter().map(|pages| pages.page_size);
        let mut sizes: Vec<_> = self.target.page_size.into_iter().chain(others).collect();
        sizes.sort_unstable();
        sizes
    }

    /// The model for another page size; `None` if that is unknown.
    #[must_use]
    pub fn with_page_size(&self, page_size: u64) -> Option<Self> {
        let mut model = self.clone();
        if self.target.page_size == Some(page_size) {
            return Some(model);
        }
        let at = self.other_pages.iter().position(|pages| pages.page_size == page_size)?;
        let wanted = &mut model.other_pages[at];
        for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
            // Two headers may have the same name: only the file's own counts, since the rest may
            // come from another tree.
            let file = |item: &Item| {
                item.doc().1.and_then(|place| place.file.rsplit('/').next().map(String::from))
            };
            let same = |other: &&mut Item| {
                other.name() == item.name()
                    && file(other).zip(file(item)).is_none_or(|(a, b)| a == b)
            };
            let found = wanted.items.iter_mut().find(same);
            if let Some(other) = found {
                std::mem::swap(item, other);
            }
        }
        wanted.page_size = model.target.page_size.replace(page_size)?;
        model.other_pages.sort_by_key(|pages| pages.page_size);
        Some(model)
    }

    /// The structs that a contract promises: its roots, and all that they embed.
    ///
    /// In the order in which a reader of the roots meets them, each once. A name that the model
    /// does not define is left out; a checked model has no such name.
    #[must_use]
    pub fn closure(&self, contract: &Contract) -> Vec<&Record> {
        self.closure_with_headers(contract).into_iter().map(|(_, record)| record).collect()
    }

    /// As [`Self::closure`], each struct with its header.
    #[must_use]
    pub fn closure_with_headers(&self, contract: &Contract) -> Vec<(&Header, &Record)> {
        let roots: Vec<_> = contract.roots.iter().map(String::as_str).collect();
        self.closure_of(self.holder(contract), &roots)
    }

    /// The structs that a contract certainly owns: no other contract may own them instead.
    #[must_use]
    pub fn certain_closure(&self, contract: &Contract) -> Vec<&Record> {
        let roots = contract.roots.iter().filter(|root| !contract.shared.contains(root));
        let roots: Vec<_> = roots.map(String::as_str).collect();
        let closure = self.closure_of(self.holder(contract), &roots);
        closure.into_iter().map(|(_, record)| record).collect()
    }

    /// The names of everything that a contract promises: from its closure, and from text if the
    /// model has no layout or value.
    #[must_use]
    pub fn closure_names(&self, header: &Header, contract: &Contract) -> BTreeSet<String> {
        let mut unproven: BTreeMap<&str, Vec<&Declaration>> = BTreeMap::new();
        // The header's own come first.
        let own = self.headers.iter().filter(|other| other.name == header.name);
        let others = self.headers.iter().filter(|other| other.name != header.name);
        let all = own.chain(others).flat_map(|header| &header.declarations);
        for declaration in all.filter(|declaration| declaration.unproven.is_some()) {
            for name in declaration.names() {
                unproven.entry(name).or_default().push(declaration);
            }
        }
        let records = self.closure(contract).into_iter().map(|record| record.name.as_str());
        let own = contract.roots.iter().chain(&contract.constants).map(String::as_str);
        let mut open: Vec<&str> = records.chain(own).collect();
        let mut names: BTreeSet<String> = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !names.insert(name.into()) {
                continue;
            }
            let Some(declaration) = unproven.get(name).and_then(|all| all.first()) else {
                continue;
            };
            let known = |used: &&str| unproven.contains_key(used) || self.record(used).is_some();
            open.extend(declaration.references().filter(known));
        }
        names
    }

    /// The header that holds a contract of this model.
    fn holder(&self, contract: &Contract) -> Option<&Header> {
        let mut headers = self.headers.iter();
        headers.find(|header| header.contracts.iter().any(|own| own == contract))
    }

    /// These structs, as a header means them, and all that they embed.
    fn closure_of<'a>(
        &'a self,
        from: Option<&'a Header>,
        roots: &[&str],
    ) -> Vec<(&'a Header, &'a Record)> {
        let mut by_name: BTreeMap<&str, Vec<(&Header, &Record)>> = BTreeMap::new();
        for (header, record) in self.records() {
            by_name.entry(&record.name).or_default().push((header, record));
        }
        let mut found = Vec::new();
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        // The next to visit is on top, so push the roots in reverse order.
        let mut open: Vec<(Option<&'a Header>, &'a str)> = Vec::new();
        for root in roots.iter().rev() {
            open.extend(by_name.get_key_value(*root).map(|(name, _)| (from, *name)));
        }
        while let Some((from, name)) = open.pop() {
            let all = by_name.get(name).map_or(&[][..], Vec::as_slice);
            let Some((header, record)) = self.meant(from, all) else { continue };
            if seen.insert((&header.name, &record.name)) {
                found.push((header, record));
                let fields = record.fields.iter().rev();
                open.extend(
                    fields.filter_map(|f| f.ty.embedded()).map(|name| (Some(header), name)),
                );
            }
        }
        found
    }

    /// The struct that a header means, if several have the name: its own, that of a header that it
    /// includes, or the only one.
    fn meant<'a>(
        &'a self,
        from: Option<&'a Header>,
        all: &[(&'a Header, &'a Record)],
    ) -> Option<(&'a Header, &'a Record)> {
        let [first, others @ ..] = all else { return None };
        if others.is_empty() {
            return Some(*first);
        }
        let mut open: Vec<&Header> = from.into_iter().collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(header) = open.pop() {
            if let Some(found) = all.iter().find(|(other, _)| other.name == header.name) {
                return Some(*found);
            }
            if seen.insert(&header.name) {
                let includes = |path: &String| {
                    let name = path.rsplit('/').next()?.strip_suffix(".h")?;
                    self.headers.iter().find(|other| other.name == name)
                };
                open.extend(header.includes.iter().rev().filter_map(includes));
            }
        }
        let same = others.iter().all(|(_, record)| record.bare() == first.1.bare());
        same.then_some(*first)
    }

    /// The names of structs that headers define differently: the header decides which one is meant.
    #[must_use]
    pub fn ambiguous(&self) -> BTreeSet<&str> {
        let mut first: BTreeMap<&str, &Record> = BTreeMap::new();
        let mut ambiguous = BTreeSet::new();
        for (_, record) in self.records() {
            let known = first.entry(&record.name).or_insert(record);
            if !std::ptr::eq(*known, record) && known.bare() != record.bare() {
                ambiguous.insert(record.name.as_str());
            }
        }
        ambiguous
    }

    /// The constant that a name means in a header: its own, or the first one elsewhere.
    #[must_use]
    pub fn constant_in(&self, header: &str, name: &str) -> Option<&Constant> {
        let own = self.headers.iter().find(|other| other.name == header);
        let own = own.and_then(|own| own.constants().find(|constant| constant.name == name));
        own.or_else(|| self.constant(name))
    }

    /// The contracts of other headers with a struct of this header among their roots.
    pub fn contracts_from_elsewhere<'a>(
        &'a self,
        header: &'a Header,
    ) -> impl Iterator<Item = (&'a Header, &'a Contract)> {
        self.contracts().filter(move |(other, contract)| {
            other.name != header.name
                && header.records().any(|record| contract.roots.contains(&record.name))
        })
    }

    /// The compatible strings of the contracts that a struct belongs to, sorted.
    #[must_use]
    pub fn owners(&self, record: &str) -> Vec<&str> {
        let mut owners: Vec<_> = self
            .contracts()
            .filter(|(_, contract)| self.closure(contract).iter().any(|r| r.name == record))
            .map(|(_, contract)| contract.compatible.as_str())
            .collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, embeds: &[&str]) -> Record {
        let mut record = Record::empty(RecordKind::Struct, name);
        for embedded in embeds {
            let elem = Box::new(Type::structure(embedded));
            record.push(&format!("a_{embedded}"), Type::Array { elem, len: 1, len_name: None }, 0);
        }
        record
    }

    #[test]
    fn a_closure_holds_what_the_roots_embed_once_and_survives_a_loop() {
        let contract = |compatible: &str, root: &str| Contract {
            compatible: compatible.into(),
            roots: vec![root.into()],
            ..Contract::default()
        };
        let model = Model {
            target: Target::X86_64,
            other_pages: vec![],
            headers: vec![Header {
                name: "x".into(),
                file: String::new(),
                guard: String::new(),
                includes: vec![],
                doc: String::new(),
                items: [
                    record("a", &["b", "c", "b"]),
                    record("b", &["c"]),
                    record("c", &["a"]),
                    record("d", &["c"]),
                ]
                .map(Item::Record)
                .into(),
                contracts: vec![contract("x-v1", "a"), contract("y-v1", "d")],
                declarations: Vec::new(),
            }],
        };
        let names = |c: &Contract| -> Vec<_> {
            model.closure(c).iter().map(|record| record.name.clone()).collect()
        };
        assert_eq!(names(&model.headers[0].contracts[0]), ["a", "b", "c"]);
        assert_eq!(names(&model.headers[0].contracts[1]), ["d", "c", "a", "b"]);
        assert_eq!(model.owners("c"), ["x-v1", "y-v1"]);
        assert_eq!(model.owners("d"), ["y-v1"]);
    }
}
