// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes what a wire file declares of itself: what it uses, and `HEADER` with its contracts.

use super::shape::{raw, Kind, Member, Number, Shape, Shaped, Stated};
use super::text::{bits_constant, carrier, name_of, Writer};
use super::Place;
use kho_abi_model::put;
use kho_abi_model::{Contract, Packing, Spelled};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Writer<'a> {
    /// What is different for other page sizes.
    pub(super) fn layouts(shape: &Shape<'a>) -> String {
        let paged = || shape.items.iter().filter(|item| item.paged);
        let mut out = String::from(
            "\n    /// What is different for other page sizes.\n    pub const LAYOUTS: layout::PageLayouts = \
             layout::PageLayouts {\n        page_size: PAGE_SIZE,\n",
        );
        let structs: Vec<String> = paged().filter_map(|item| layout_of(&item.kind)).collect();
        put!(out, "{}", list("structs", &structs, 8));
        let constants: Vec<String> =
            paged().flat_map(|item| named_ints(&item.kind, true)).collect();
        put!(out, "{}", list("constants", &constants, 8));
        out.push_str("    };\n");
        out
    }

    /// `HEADER`.
    pub(super) fn declaration(&self, shape: &Shape<'a>) -> String {
        let header = self.header;
        let name = &header.name;
        let mut out = format!(
            "\n/// The header `{}`.\npub const HEADER: layout::Header = layout::Header {{\n",
            header.include_path()
        );
        put!(out, "    name: {name:?},");
        put!(out, "    file: \"{name}.rs\",");
        put!(out, "    source: include_str!(\"{name}.rs\"),");
        let guard = match header.guard.as_str() {
            "" => format!("_LINUX_KHO_ABI_{}_H", name.to_ascii_uppercase()),
            guard => guard.into(),
        };
        put!(out, "    guard: {guard:?},");
        let mut includes: BTreeSet<String> = header.includes.iter().cloned().collect();
        if shape.items.iter().any(|item| matches!(item.kind, Kind::Record(..))) {
            includes.extend(["linux/compiler.h".into(), "linux/types.h".into()]);
        }
        let is_paged = shape.items.iter().any(|item| item.paged);
        if is_paged {
            includes.insert("asm/page.h".into());
        }
        // The writer of C headers has these where they are needed.
        let includes = includes
            .iter()
            .filter(|one| !["linux/build_bug.h", "linux/stddef.h"].contains(&&***one));
        let includes: Vec<String> = includes.map(|one| format!("{one:?}")).collect();
        put!(out, "{}", list("includes", &includes, 4));
        let plain = || shape.items.iter().filter(|item| !item.paged);
        let structs: Vec<String> = plain().filter_map(|item| layout_of(&item.kind)).collect();
        if !structs.is_empty() {
            put!(out, "{}", list("structs", &structs, 4));
        }
        let constants: Vec<String> =
            plain().flat_map(|item| named_ints(&item.kind, false)).collect();
        if !constants.is_empty() {
            put!(out, "{}", list("constants", &constants, 4));
        }
        let bits: Vec<String> = shape.items.iter().flat_map(|item| bit_fields(item)).collect();
        if !bits.is_empty() {
            put!(out, "{}", list("bit_fields", &bits, 4));
        }
        if is_paged {
            out.push_str("    pages: &[page_4k::LAYOUTS, page_16k::LAYOUTS, page_64k::LAYOUTS],\n");
        }
        let own = || header.contracts.iter().filter(|contract| !contract.unversioned);
        let nested = own().count() > 1;
        let contracts: Vec<String> =
            own().map(|contract| self.contract(contract, shape, nested)).collect();
        match contracts.as_slice() {
            [] => {}
            [only] => put!(out, "    contracts: &[{only}],"),
            all => {
                out.push_str("    contracts: &[\n");
                for contract in all {
                    put!(out, "{contract},");
                }
                out.push_str("    ],\n");
            }
        }
        out.push_str("    ..layout::Header::EMPTY\n};\n");
        out
    }

    /// A contract, as an entry of a list of several (`nested`), or of one alone.
    fn contract(&self, contract: &Contract, shape: &Shape<'a>, nested: bool) -> String {
        let indent = if nested { 12 } else { 8 };
        let outer = if nested { "        " } else { "" };
        let mut out = format!("{outer}layout::Contract {{\n");
        let pad = &" ".repeat(indent);
        let macro_name = &contract.macro_name;
        match (contract.spelled(), &contract.name) {
            (Spelled::String, _) => {
                put!(out, "{pad}compatible: layout::named_str!({macro_name}),");
            }
            (_, Some(name)) => {
                let value = &name.macro_name;
                put!(out, "{}", named(macro_name, value, nested));
                put!(out, "{pad}version: Some({macro_name}),");
                put!(out, "{pad}name: Some(layout::named_str!({value})),");
            }
            (_, None) => {
                let version = contract.version.unwrap_or_default();
                let base = contract.compatible.strip_suffix(&format!("-v{version}"));
                let base = base.unwrap_or(&contract.compatible);
                let value = carrier(self.header, contract).unwrap_or_else(|| format!("{base:?}"));
                put!(out, "{}", named(macro_name, &value, nested));
                put!(out, "{pad}version: Some({macro_name}),");
            }
        }
        let mut roots = Vec::new();
        let mut page_roots = Vec::new();
        for root in &contract.roots {
            let own =
                shape.items.iter().find(|item| name_of(&item.kind).as_deref() == Some(&*raw(root)));
            match own {
                Some(item) if item.paged => page_roots.push(format!("{root:?}")),
                Some(_) => roots.push(format!("{}::STRUCT_LAYOUT", raw(root))),
                // Of another header.
                None => {
                    let header = self
                        .model
                        .headers
                        .iter()
                        .find(|header| header.records().any(|record| record.name == *root));
                    if let Some(header) = header {
                        roots.push(format!(
                            "{}::{}::STRUCT_LAYOUT",
                            self.module(&header.name),
                            raw(root)
                        ));
                    }
                }
            }
        }
        let constants: Vec<String> =
            contract.constants.iter().map(|name| format!("{name:?}")).collect();
        for (key, all) in
            [("roots", &roots), ("page_roots", &page_roots), ("constants", &constants)]
        {
            if !all.is_empty() {
                put!(out, "{}", list(key, all, indent));
            }
        }
        put!(out, "{pad}..layout::Contract::EMPTY");
        out.push_str(if nested { "        }" } else { "    }" });
        out
    }

    /// The module of a wire file.
    fn module(&self, name: &str) -> String {
        match self.place {
            Place::Beside => format!("super::{name}"),
            Place::OwnCrate => format!("kho_abi::wire::{name}"),
        }
    }

    /// What the file uses of others, given the rest of its text.
    pub(super) fn uses(&self, shape: &Shape<'a>, text: &str) -> String {
        let shared = |module: &str| match self.place {
            Place::Beside => format!("super::{module}"),
            Place::OwnCrate => format!("kho_abi::wire::{module}"),
        };
        let has = |word: &str| {
            let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            words.any(|other| other == word)
        };
        let mut out = String::new();
        let c_types: Vec<&str> =
            ["c_char", "c_uint", "c_ushort"].into_iter().filter(|word| has(word)).collect();
        if !c_types.is_empty() {
            put!(out, "use core::ffi::{};\n", braced(&c_types));
        }
        let records = || {
            shape.items.iter().filter_map(|item| match &item.kind {
                Kind::Record(record, ..) => Some(record),
                _ => None,
            })
        };
        let mut modules: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let names: &[&str] =
            if records().next().is_some() { &["self", "WireType"] } else { &["self"] };
        modules.insert("layout".into(), names.to_vec());
        if text.contains("bits::bit_fields!") {
            modules.insert("bits".into(), vec!["self"]);
        }
        for (module, all) in [
            ("endian", &["Be16", "Be32", "Be64", "Le16", "Le32", "Le64"][..]),
            ("flexible", &["FlexArray"]),
            ("phys", &["KhoserPtr"]),
        ] {
            let of_it: Vec<&str> = all.iter().copied().filter(|word| has(word)).collect();
            if !of_it.is_empty() {
                modules.insert(module.into(), of_it);
            }
        }
        for (header, name) in &self.used {
            modules.entry(header.clone()).or_default().push(name);
        }
        for (module, names) in modules {
            match names.as_slice() {
                ["self"] => put!(out, "use {};", shared(&module)),
                names => put!(out, "use {}::{};", shared(&module), braced(names)),
            }
        }
        if records().next().is_some() {
            let packed = records().any(|record| record.packing == Packing::Packed);
            let unaligned = if packed { ", Unaligned" } else { "" };
            put!(
                out,
                "use zerocopy_derive::{{FromBytes, Immutable, IntoBytes, KnownLayout{unaligned}}};"
            );
        }
        out
    }
}

fn layout_of(kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Record(record, ..) => Some(format!("{}::STRUCT_LAYOUT", raw(&record.name))),
        _ => None,
    }
}

/// The constants of an item that `HEADER` has to list: those whose value C computes.
fn named_ints(kind: &Kind<'_>, paged: bool) -> Vec<String> {
    let numbers: &[Number<'_>] = match kind {
        Kind::Constant(number) => std::slice::from_ref(number),
        Kind::Enum(_, numbers) => numbers,
        Kind::Record(..) | Kind::Macro(_) => &[],
    };
    let mut all = Vec::new();
    for number in numbers {
        let name = raw(&number.constant.name);
        let c = match (&number.value, &number.c) {
            (Stated::Text(_), _) => continue,
            (_, Some(c)) => c.clone(),
            (Stated::Int(value), None) if *value < 0 || paged => value.to_string(),
            (Stated::Int(_), None) => continue,
            (Stated::Paged(_), None) => number.constant.name.clone(),
        };
        all.push(format!("layout::named_int!({name}, {c:?})"));
    }
    all
}

fn bit_fields(item: &Shaped<'_>) -> Vec<String> {
    let Kind::Record(record, members, _) = &item.kind else { return Vec::new() };
    let shared: Vec<&Member<'_>> =
        members.iter().filter(|member| !member.bits.is_empty()).collect();
    // Bit-fields are the same for every page size.
    let path =
        if item.paged { format!("page_4k::{}", raw(&record.name)) } else { raw(&record.name) };
    shared.iter().map(|member| format!("{path}::{}", bits_constant(member, shared.len()))).collect()
}

/// The member of a contract that says what its version is called.
fn named(macro_name: &str, value: &str, nested: bool) -> String {
    let pad = " ".repeat(if nested { 12 } else { 8 });
    let line =
        format!("{pad}compatible: layout::NamedStr {{ name: {macro_name:?}, value: {value} }},");
    if line.len() <= WIDTH {
        return line;
    }
    format!(
        "{pad}compatible: layout::NamedStr {{\n{pad}    name: {macro_name:?},\n{pad}    value: {value},\n{pad}}},"
    )
}

/// A member of a struct expression with a list, in one line where it fits.
fn list(key: &str, entries: &[String], indent: usize) -> String {
    let pad = " ".repeat(indent);
    let line = format!("{pad}{key}: &[{}],", entries.join(", "));
    let is_call = |entry: &String| entry.starts_with("layout::named_int!");
    // rustfmt breaks a list whose entries are long.
    if line.len() <= WIDTH
        && !line.contains('\n')
        && !(entries.len() > 1 && entries.iter().any(is_call))
    {
        return line;
    }
    let inner = indent + 4;
    let entries: Vec<String> =
        entries.iter().map(|entry| format!("{},", entry_at(entry, inner))).collect();
    format!("{pad}{key}: &[\n{}\n{pad}],", entries.join("\n"))
}

/// An entry of a list; an expression of C that is long is broken at spaces.
fn entry_at(entry: &str, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let line = format!("{pad}{entry}");
    let call = entry.strip_prefix("layout::named_int!(").and_then(|rest| rest.strip_suffix(')'));
    let Some((name, text)) =
        call.filter(|_| line.len() + 1 > WIDTH).and_then(|call| call.split_once(", "))
    else {
        return line;
    };
    let inner = " ".repeat(indent + 4);
    let mut lines = Vec::new();
    let mut open = inner.clone();
    for (at, word) in text.split(' ').enumerate() {
        // Room for the space and the mark that continue it.
        if at > 0 && open.len() + 1 + word.len() + 2 > WIDTH {
            open.push_str(" \\");
            lines.push(std::mem::replace(&mut open, format!("{inner} ")));
        } else if at > 0 {
            open.push(' ');
        }
        open.push_str(word);
    }
    lines.push(open);
    format!("{pad}layout::named_int!(\n{inner}{name},\n{}\n{pad})", lines.join("\n"))
}

/// Widest line of a wire file, in characters.
const WIDTH: usize = 100;

fn braced(names: &[&str]) -> String {
    match names {
        [one] => (*one).into(),
        names => format!("{{{}}}", names.join(", ")),
    }
}
