// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What frozen layouts expect of the headers of a tree: a model of the frozen items, each in the header
//! that defines it now.
//!
//! Every number is a layout's. Headers only say where things are, and in which order.

use kho_abi_model::{Constant, Enumeration, Header, Item, Model, PageVariant, Record, Value};
use kho_abi_read::frozen::Frozen;
use std::collections::{BTreeMap, BTreeSet};

/// What frozen layouts expect of headers.
pub(super) struct Expected {
    /// The headers with frozen items alone, for every page size that all of them have.
    pub(super) model: Model,
    /// What two layouts have differently.
    pub(super) contradicting: Vec<String>,
    /// What has no page size in common with the others, with its header.
    pub(super) without_pages: Vec<(String, String)>,
}

/// A frozen item for each page size, if it depends on that.
type Forms<T> = BTreeMap<Option<u64>, T>;

/// By header and name.
type Placed<T> = BTreeMap<(String, String), Forms<T>>;

#[derive(Default)]
struct Collected {
    records: Placed<Record>,
    constants: Placed<Constant>,
    contradicting: Vec<String>,
}

/// What the frozen layouts of these headers expect of them. `page_sizes` are those that the headers are
/// for.
pub(super) fn expected(read: &Model, frozen: &[Frozen], page_sizes: &[u64]) -> Expected {
    let mut collected = Collected::default();
    for layout in frozen {
        collected.take(read, layout);
    }
    let Collected { mut records, mut constants, contradicting } = collected;
    let (sizes, without_pages) = common_sizes(&mut records, &mut constants, page_sizes);
    let base = sizes.first().copied();
    let mut headers: Vec<Header> = Vec::new();
    for header in &read.headers {
        let contracts = frozen.iter().map(|frozen| &frozen.contract);
        let own = |name: &str| header.contracts.iter().any(|own| own.compatible == name);
        headers.push(Header {
            items: items(header, &records, &constants, base),
            contracts: contracts.filter(|contract| own(&contract.compatible)).cloned().collect(),
            declarations: Vec::new(),
            ..header.clone()
        });
    }
    let others = sizes.iter().skip(1).map(|size| PageVariant {
        page_size: *size,
        items: paged(&records, *size, Item::Record)
            .chain(paged(&constants, *size, Item::Constant))
            .collect(),
    });
    let mut target = read.target;
    target.page_size = base;
    let other_pages = others.collect();
    Expected { model: Model { target, headers, other_pages }, contradicting, without_pages }
}

impl Collected {
    fn take(&mut self, read: &Model, frozen: &Frozen) {
        let name = &frozen.contract.compatible;
        let Some((holder, contract)) = read.contract(name) else { return };
        let embedded: BTreeMap<&str, &str> = read
            .closure_with_headers(contract)
            .into_iter()
            .map(|(header, record)| (record.name.as_str(), header.name.as_str()))
            .collect();
        for record in &frozen.records {
            // What has no tag is where the struct is that contains it.
            let tag = record.name.split('.').next().unwrap_or_default();
            let known = embedded.get(tag).copied();
            let elsewhere = || read.records().find(|(_, other)| other.name == tag);
            let known = known.or_else(|| Some(&*elsewhere()?.0.name));
            let header = known.unwrap_or(&holder.name).to_string();
            let forms = self.records.entry((header, record.name.clone())).or_default();
            put(forms, record.page_size, record.clone(), &record.name, &mut self.contradicting);
        }
        let constants = frozen.constants.iter().cloned().chain(carriers(frozen));
        for constant in constants {
            let defines = |header: &&Header| header.constants().any(|c| c.name == constant.name);
            let own = Some(holder).filter(defines);
            let found = own.or_else(|| read.headers.iter().find(defines)).unwrap_or(holder);
            let key = (found.name.clone(), constant.name.clone());
            let forms = self.constants.entry(key).or_default();
            let name = constant.name.clone();
            put(forms, constant.page_size, constant, &name, &mut self.contradicting);
        }
    }
}

fn put<T: PartialEq>(
    forms: &mut Forms<T>,
    size: Option<u64>,
    form: T,
    name: &str,
    contradicting: &mut Vec<String>,
) {
    let is_other = match forms.get(&size) {
        Some(known) => *known != form,
        // With and without a page size.
        None => forms.keys().any(|known| known.is_none() != size.is_none()),
    };
    if is_other && !contradicting.iter().any(|known| known == name) {
        contradicting.push(name.into());
    }
    forms.entry(size).or_insert(form);
}

/// The macros that hold the version and the name of a contract.
fn carriers(frozen: &Frozen) -> Vec<Constant> {
    let contract = &frozen.contract;
    let constant = |name: &str, value: Value| Constant {
        name: name.into(),
        value,
        expr: None,
        page_size: None,
        doc: String::new(),
        place: None,
    };
    let mut all = Vec::new();
    if let Some(name) = contract.name.as_ref().filter(|name| !name.value.is_empty()) {
        all.push(constant(&name.macro_name, Value::Str(name.value.clone())));
    }
    match contract.version {
        Some(version) => all.push(constant(&contract.macro_name, Value::Int(version.into()))),
        None if contract.name.is_none() => {
            all.push(constant(&contract.macro_name, Value::Str(contract.compatible.clone())));
        }
        // Feature words say what the version is, and their values are constants.
        None => {}
    }
    all.retain(|carrier| {
        !carrier.name.is_empty() && !frozen.constants.iter().any(|c| c.name == carrier.name)
    });
    all
}

/// The page sizes for which there is everything that depends on them, smallest first; and what is left
/// out, since it has none of them.
fn common_sizes(
    records: &mut Placed<Record>,
    constants: &mut Placed<Constant>,
    page_sizes: &[u64],
) -> (Vec<u64>, Vec<(String, String)>) {
    fn sizes_of<T>(placed: &Placed<T>) -> impl Iterator<Item = BTreeSet<u64>> + '_ {
        let sizes = |forms: &Forms<T>| forms.keys().copied().flatten().collect::<BTreeSet<u64>>();
        placed.values().map(sizes).filter(|sizes| !sizes.is_empty())
    }
    let all = sizes_of(records).chain(sizes_of(constants));
    let common = all.reduce(|common, sizes| common.intersection(&sizes).copied().collect());
    let common: Vec<u64> = match &common {
        Some(common) => common.iter().copied().collect(),
        None => page_sizes.to_vec(),
    };
    if !common.is_empty() {
        return (common, Vec::new());
    }
    let mut left = Vec::new();
    leave_paged(records, &mut left);
    leave_paged(constants, &mut left);
    (page_sizes.to_vec(), left)
}

/// Leaves out what depends on the page size.
fn leave_paged<T>(placed: &mut Placed<T>, left: &mut Vec<(String, String)>) {
    placed.retain(|key, forms| {
        let is_kept = forms.contains_key(&None);
        if !is_kept {
            left.push(key.clone());
        }
        is_kept
    });
}

/// Items that depend on the page size, for one page size.
fn paged<T: Clone>(
    placed: &Placed<T>,
    size: u64,
    item: fn(T) -> Item,
) -> impl Iterator<Item = Item> + '_ {
    placed.values().filter_map(move |forms| forms.get(&Some(size)).cloned().map(item))
}

/// The frozen items of a header, in its order; then those that it does not define any more.
fn items(
    header: &Header,
    records: &Placed<Record>,
    constants: &Placed<Constant>,
    base: Option<u64>,
) -> Vec<Item> {
    fn form<T>(forms: &Forms<T>, base: Option<u64>) -> Option<&T> {
        forms.get(&None).or_else(|| forms.get(&base))
    }
    let key = |name: &str| (header.name.clone(), name.to_string());
    let constant = |name: &str| form(constants.get(&key(name))?, base).cloned();
    let mut items = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for item in &header.items {
        match item {
            Item::Record(record) => {
                let found = records.get(&key(&record.name)).and_then(|forms| form(forms, base));
                items.extend(found.cloned().map(Item::Record));
                done.insert(&record.name);
            }
            Item::Constant(named) => {
                items.extend(constant(&named.name).map(Item::Constant));
                done.insert(&named.name);
            }
            Item::Enum(enumeration) => {
                let names = enumeration.members.iter().map(|member| member.name.as_str());
                let members: Vec<_> = names.clone().filter_map(constant).collect();
                done.extend(names);
                if enumeration.name.is_empty() {
                    items.extend(members.into_iter().map(Item::Constant));
                } else if !members.is_empty() {
                    items.push(Item::Enum(Enumeration { members, ..enumeration.clone() }));
                }
            }
            Item::Macro(_) => {}
        }
    }
    let is_left = |of: &str, name: &str| of == header.name && !done.contains(name);
    for ((of, name), forms) in records {
        items.extend(form(forms, base).filter(|_| is_left(of, name)).cloned().map(Item::Record));
    }
    for ((of, name), forms) in constants {
        items.extend(form(forms, base).filter(|_| is_left(of, name)).cloned().map(Item::Constant));
    }
    items
}
