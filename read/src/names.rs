// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What to search for in images: everything that the truth has names for. Assigns the types and
//! strings of an image to their headers.

use crate::lower::Lowered;
use kho_abi::wire::layout::Header as WireHeader;
use kho_abi_model::version;
use kho_abi_model::{Contract, Enumeration, Header, Item, Model, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What to look for in images: everything that the truth has names for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Headers in the order of the truth.
    headers: Vec<String>,
    /// Structs and enumerations, each with the header that defines it.
    types: BTreeMap<String, String>,
    /// Contracts with a string, current ones first, each with its header.
    contracts: Vec<(String, Contract)>,
    /// The constants that are enumerators: types show those, and no image shows a macro.
    enumerators: BTreeSet<String>,
    /// The prefixes of the strings that the kernel's own tests use.
    tests: Vec<String>,
}

impl Names {
    /// The names of a model and of the earlier versions.
    pub(crate) fn new(truth: &Model, earlier: &[&WireHeader]) -> Self {
        let mut known = Self::default();
        for header in &truth.headers {
            known.headers.push(header.name.clone());
            known.add_enumerators(header);
            for item in &header.items {
                match item {
                    Item::Record(_) | Item::Enum(_) => {
                        known.types.insert(item.name().into(), header.name.clone());
                    }
                    Item::Macro(item) => known.tests.extend(literal(&item.body)),
                    Item::Constant(_) => {}
                }
            }
            let with_string = header.contracts.iter().filter(|c| c.string().is_some());
            known.contracts.extend(with_string.map(|c| (header.name.clone(), c.clone())));
        }
        for header in earlier {
            let paged = header.pages.iter().flat_map(|pages| pages.structs);
            for layout in header.structs.iter().chain(paged) {
                known.types.entry(layout.name.into()).or_insert_with(|| header.name.into());
            }
            // If the version is a number, the current contract shows the structs that the string
            // leads to.
            for contract in header.contracts.iter().filter(|c| c.version.is_none()) {
                let roots = contract.roots.iter().map(|root| root.name);
                let roots = roots.chain(contract.page_roots.iter().copied());
                let contract = Contract {
                    compatible: contract.compatible.value.into(),
                    macro_name: contract.compatible.name.into(),
                    roots: roots.map(Into::into).collect(),
                    constants: contract.constants.iter().map(|name| (*name).into()).collect(),
                    ..Contract::default()
                };
                known.contracts.push((header.name.into(), contract));
            }
        }
        known
    }

    fn add_enumerators(&mut self, header: &Header) {
        let enums = header.items.iter().filter(|item| matches!(item, Item::Enum(_)));
        let members = enums.flat_map(Item::constants).map(|member| member.name.clone());
        self.enumerators.extend(members);
    }

    /// What the kernel's own tests are known by, and nothing else.
    pub(crate) fn tests_alone(self) -> Self {
        Self { tests: self.tests, ..Self::default() }
    }

    /// And what models have names for, the current one first.
    pub(crate) fn and<'a>(mut self, models: impl Iterator<Item = &'a Model>) -> Self {
        for header in models.flat_map(|model| &model.headers) {
            if !self.headers.contains(&header.name) {
                self.headers.push(header.name.clone());
            }
            self.add_enumerators(header);
            for item in &header.items {
                if matches!(item, Item::Record(_) | Item::Enum(_)) {
                    self.types.entry(item.name().into()).or_insert_with(|| header.name.clone());
                }
            }
            let with_string = header.contracts.iter().filter(|c| c.string().is_some());
            self.contracts.extend(with_string.map(|c| (header.name.clone(), c.clone())));
        }
        self
    }

    /// Looks for a contract that somebody says there is. What is known of its string otherwise goes first no more.
    pub(crate) fn expect(&mut self, contract: &Contract) {
        for root in &contract.roots {
            self.types.entry(root.clone()).or_insert_with(|| UNKNOWN.into());
        }
        let is_same = |(_, known): &&(String, Contract)| known.compatible == contract.compatible;
        let header = self.contracts.iter().find(is_same).map(|(header, _)| header.clone());
        let header = header.unwrap_or_else(|| UNKNOWN.into());
        self.contracts.insert(0, (header, contract.clone()));
    }

    /// Names of structs and enumerations.
    pub(crate) fn wanted(&self) -> BTreeSet<&str> {
        self.types.keys().map(String::as_str).collect()
    }

    /// Names of contracts, without their versions.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.contracts.iter().filter_map(|(_, contract)| version::name(contract)).collect()
    }

    /// Whether a string belongs to the kernel's own tests, and so is not a contract.
    pub(crate) fn is_for_tests(&self, compatible: &str) -> bool {
        self.tests.iter().any(|prefix| compatible.starts_with(prefix))
    }

    /// Whether the promise of a string is known.
    pub(crate) fn knows(&self, compatible: &str) -> bool {
        self.contracts.iter().any(|(_, contract)| contract.string() == Some(compatible))
    }

    /// The structs that a contract begins with, of one that is known.
    pub(crate) fn roots(&self, compatible: &str) -> Option<&[String]> {
        let mut known = self.contracts.iter();
        known.find(|(_, c)| c.compatible == compatible).map(|(_, contract)| &*contract.roots)
    }

    /// The model of an image with these types and strings.
    pub(crate) fn model(
        &self,
        target: Target,
        lowered: &Lowered,
        compatibles: &BTreeSet<String>,
        asked_for: &BTreeSet<String>,
    ) -> Model {
        let mut headers: BTreeMap<&str, Header> = BTreeMap::new();
        let header_of = self.header_of(lowered, asked_for);
        for (name, record) in &lowered.records {
            if let Some(header) = header_of.get(name.as_str()) {
                let header = headers.entry(header).or_insert_with(|| Header::named(header));
                header.items.push(Item::Record(record.clone()));
            }
        }
        for (name, enumeration) in &lowered.enums {
            if let Some(header) = self.types.get(name) {
                let header = headers.entry(header).or_insert_with(|| Header::named(header));
                header.items.push(Item::Enum(enumeration.clone()));
            }
        }
        for compatible in compatibles {
            let (header, contract) = self.contract(compatible, lowered);
            let header = headers.entry(header).or_insert_with(|| Header::named(header));
            header.contracts.push(contract);
        }
        Model { target, headers: headers.into_values().collect(), other_pages: Vec::new() }
    }

    /// The header of each struct; if that is unknown, the header of what embeds it.
    fn header_of<'a>(
        &'a self,
        lowered: &'a Lowered,
        asked_for: &BTreeSet<String>,
    ) -> BTreeMap<&'a str, &'a str> {
        let mut header_of: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open: Vec<(&str, &str)> = Vec::new();
        for name in lowered.records.keys() {
            if let Some(header) = self.types.get(name) {
                open.push((name, header));
            } else if asked_for.contains(name) {
                open.push((name, UNKNOWN));
            }
        }
        // Known ones come first, so that no other header claims them.
        header_of.extend(open.iter().copied());
        while let Some((name, header)) = open.pop() {
            let Some(record) = lowered.records.get(name) else { continue };
            for embedded in record.fields.iter().filter_map(|field| field.ty.embedded()) {
                if !header_of.contains_key(embedded) {
                    header_of.insert(embedded, header);
                    open.push((embedded, header));
                }
            }
        }
        header_of
    }

    /// The contract of a string: the truth's own, or its closest relative.
    fn contract(&self, compatible: &str, lowered: &Lowered) -> (&str, Contract) {
        let same = |(_, c): &&(String, Contract)| c.string() == Some(compatible);
        let stem = version::split(compatible).map(|(name, _)| name);
        let akin = |(_, c): &&(String, Contract)| stem.is_some() && version::name(c) == stem;
        let known = self.contracts.iter().find(same).or_else(|| self.contracts.iter().find(akin));
        let Some((header, known)) = known else {
            // An image does not show whose it is.
            let contract = Contract { compatible: compatible.into(), ..Contract::default() };
            return (UNKNOWN, contract);
        };
        // Structs that the string is known to promise count even if they were not found.
        let exact = known.string() == Some(compatible);
        let there = |root: &&String| exact || lowered.records.contains_key(*root);
        // So do enumerators, and whatever else their enumeration has: one that has another name here is
        // not told from one that is gone.
        let members = |e: &'_ Enumeration| -> Vec<String> {
            e.members.iter().map(|member| member.name.clone()).collect()
        };
        let enums: Vec<Vec<String>> = lowered.enums.values().map(members).collect();
        let is_there = |name: &String| enums.iter().any(|members| members.contains(name));
        let promised = |name: &&String| exact && self.enumerators.contains(*name) || is_there(name);
        let mut constants: Vec<String> = known.constants.iter().filter(promised).cloned().collect();
        for members in &enums {
            if members.iter().any(|name| known.constants.contains(name)) {
                let others = members.iter().filter(|name| !known.constants.contains(name));
                constants.extend(others.cloned());
            }
        }
        let contract = Contract {
            compatible: compatible.into(),
            macro_name: known.macro_name.clone(),
            // Only code has the number beside it.
            name: known.name.clone().filter(|_| exact),
            roots: known.roots.iter().filter(there).cloned().collect(),
            constants,
            ..Contract::default()
        };
        (header, contract)
    }
}

/// The header of items whose header is unknown.
pub const UNKNOWN: &str = "unknown";

/// The string at the start of a macro's body, if it is a name that a version follows.
fn literal(body: &str) -> Option<String> {
    let text = body.trim().strip_prefix('"')?;
    let text = &text[..text.find('"')?];
    version::lacks_number(text).then(|| text.into())
}
