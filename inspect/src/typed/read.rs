// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads by layouts: chooses the contract, and goes from its root struct to what that leads to.
//!
//! The checks are those of the built-in decoders, through the same functions of the walk.

use super::space::Space;
use super::{Part, Shown, Typed, Value};
use crate::claims::Owner;
use crate::fdt::MAGIC;
use crate::finding::Link;
use crate::image::cache::Cached;
use crate::image::ReadError;
use crate::layouts::{Contract, Field, Kind, Layouts, LeadsTo, Struct, ALL_PARTS, VMALLOC};
use crate::rules;
use crate::text;
use crate::vmalloc;
use crate::walk::Walker;
use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::{Blocks, Memory as _, WalkError};
use std::collections::{BTreeSet, HashSet, VecDeque};

/// How many parts of one payload to follow.
const PARTS: usize = 256;
/// How many values of one part to keep.
const VALUES: usize = 1 << 12;
/// How many fields and elements of one part to visit.
const STEPS: usize = 1 << 14;
/// How many links of the way to a part to keep, the last ones.
const WAY: usize = 16;
/// How many elements of an array of integers to show.
const INTEGERS: u64 = 32;
/// How many bytes of an array to show.
const BYTES: u64 = 64;
/// How many bytes of a text to show.
const TEXT: u64 = 512;
/// How many pages of a list without a type to show.
const PAGES: usize = 16;
/// The longest string of a contract at the beginning of an entry, with its NUL.
const STRING: usize = 64;

/// The result of reading a payload by layouts.
pub(crate) enum Read {
    /// The values.
    Typed(Typed),
    /// Cannot be read; the findings say why.
    Unreadable,
    /// Nothing; the reason if there are layouts.
    Nothing(Option<String>),
}

/// Reads what the data of a file or of an FLB leads to.
pub(crate) fn payload(walker: &mut Walker<'_>, string: &str, data: u64, owner: Owner) -> Read {
    let Some(layouts) = walker.types.clone() else { return Read::Nothing(None) };
    let (contract, root) = match choose(walker, &layouts, string, data) {
        Ok(chosen) => chosen,
        Err(why) => return Read::Nothing(Some(why)),
    };
    follow(walker, &layouts, contract, root, data, owner)
}

/// Reads what an entry of KHO leads to, by its name or by the string at the beginning of its data.
pub(crate) fn entry(walker: &mut Walker<'_>, name: &str, data: u64, size: u64) -> Read {
    let Some(layouts) = walker.types.clone() else { return Read::Nothing(None) };
    let mut head = [0; STRING];
    let len = usize::try_from(size).unwrap_or(STRING).min(STRING);
    let is_there = walker.memory.read(PhysAddr::new(data), &mut head[..len]).is_ok();
    if is_there && head.starts_with(&MAGIC.to_be_bytes()) {
        return Read::Nothing(Some("types do not describe device trees".into()));
    }
    let has = |string: &str| layouts.contracts().iter().any(|contract| contract.string == string);
    let end = head.iter().position(|byte| *byte == 0).unwrap_or(STRING);
    let first = std::str::from_utf8(&head[..end]).ok().filter(|first| !first.is_empty());
    let string = first.filter(|first| is_there && !has(name) && has(first)).unwrap_or(name);
    let (contract, root) = match choose(walker, &layouts, string, data) {
        Ok(chosen) => chosen,
        Err(why) => return Read::Nothing(Some(why)),
    };
    if string != name && !begins_with_text(root) {
        let why = format!(
            "it begins with \"{string}\", but struct {} does not begin with text",
            root.name
        );
        return Read::Nothing(Some(why));
    }
    if size < root.size {
        walker.find(&rules::COUNT_MISMATCH, data, || {
            format!("the entry has {size} bytes, but struct {} needs {}", root.name, root.size)
        });
    }
    let owner = walker.claims.owner(format!("entry \"{name}\""));
    follow(walker, &layouts, contract, root, data, owner)
}

/// Whether a struct begins with a string.
fn begins_with_text(one: &Struct) -> bool {
    let mut fields = one.fields.iter();
    fields.any(|field| {
        field.bit_offset == 0 && field.kind == Kind::Char && !field.dimensions.is_empty()
    })
}

/// The contract of a string, with its root struct.
fn choose<'l>(
    walker: &Walker<'_>,
    layouts: &'l Layouts,
    string: &str,
    data: u64,
) -> Result<(&'l Contract, &'l Struct), String> {
    let all = layouts.contracts().iter().filter(|contract| contract.string == string);
    let all: Vec<&Contract> = all.collect();
    if all.is_empty() {
        return Err(format!("{} does not have it", layouts.source()));
    }
    let mut chosen = None;
    let mut others = Vec::new();
    for contract in all {
        let root = layouts.root(contract)?;
        usable(walker, layouts, &root.name)?;
        if let Some(version) = contract.version {
            let said = number_beside(walker, root, data)?;
            if said != version {
                others.push((version, said));
                continue;
            }
        }
        if chosen.replace((contract, root)).is_some() {
            return Err(format!("{} has it more than once", layouts.source()));
        }
    }
    chosen.ok_or_else(|| {
        let said = others.first().map_or(0, |(_, said)| *said);
        let versions: Vec<String> = others.iter().map(|(version, _)| version.to_string()).collect();
        let source = layouts.source();
        format!("its version is {said}, but {source} has {}", versions.join(", "))
    })
}

/// The version number in a struct.
fn number_beside(walker: &Walker<'_>, root: &Struct, data: u64) -> Result<u64, String> {
    let mut fields = root.fields.iter();
    let field = fields.find(|field| {
        let is_int = matches!(field.kind, Kind::Int { .. }) && field.dimensions.is_empty();
        is_int && !field.bit_field && ["version", "magic"].contains(&field.name.as_str())
    });
    let field = field.ok_or_else(|| {
        format!("the types do not say which field of struct {} is its version", root.name)
    })?;
    let space = Space::At(data);
    let number = integer(walker, &space, field.bit_offset / 8, field.bit_size / 8);
    let number = number.and_then(|number| u64::try_from(number).map_err(|_| None));
    number.map_err(|_| format!("its version cannot be read at {data:#x}"))
}

/// A struct, if it can be used for the image's page size.
fn usable<'l>(walker: &Walker<'_>, layouts: &'l Layouts, name: &str) -> Result<&'l Struct, String> {
    let one = layouts.get(name).ok_or_else(|| layouts.problem(name).unwrap_or_default())?;
    let mut open = vec![one];
    let mut seen = BTreeSet::new();
    while let Some(part) = open.pop() {
        if !seen.insert(&part.name) {
            continue;
        }
        if let Some(page_size) = part.page_size.filter(|size| *size != walker.page_size()) {
            let name = &part.name;
            return Err(format!(
                "the types have struct {name} for pages of {page_size} bytes (--page-size)"
            ));
        }
        open.extend(part.fields.iter().filter_map(|field| match &field.kind {
            Kind::Struct { name } => layouts.get(name),
            _ => None,
        }));
    }
    Ok(one)
}

/// An unsigned integer of up to 16 bytes in the byte order of the CPU, or the address that cannot
/// be read.
fn integer(
    walker: &Walker<'_>,
    space: &Space,
    offset: u64,
    bytes: u64,
) -> Result<u128, Option<(u64, ReadError)>> {
    let mut word = [0; 16];
    let len = usize::try_from(bytes).unwrap_or(16).min(16);
    let part = if cfg!(target_endian = "big") { 16 - len..16 } else { 0..len };
    space.read(walker, offset, &mut word[part])?;
    Ok(u128::from_ne_bytes(word))
}

fn follow(
    walker: &mut Walker<'_>,
    layouts: &Layouts,
    contract: &Contract,
    root: &Struct,
    data: u64,
    owner: Owner,
) -> Read {
    if walker.budget.parts == 0 {
        return Read::Nothing(Some(format!("the limit of {ALL_PARTS} structs was reached")));
    }
    walker.by_types = true;
    if data == 0 {
        let at = walker.chain.iter().rev().find_map(|link| link.at).unwrap_or(0);
        walker.find(&rules::ADDRESS_NULL, at, || {
            format!("the data of \"{}\" leads nowhere: it is 0", contract.string)
        });
        return Read::Unreadable;
    }
    let mut reader = Reader {
        layouts,
        owner,
        open: VecDeque::new(),
        seen: HashSet::new(),
        claimed: Vec::new(),
        typed: Typed { contract: contract.name.clone(), parts: Vec::new(), more_parts: false },
    };
    let goal = Goal::Struct(root.name.clone());
    reader.later(Job { at: data, goal, from: None, way: Vec::new() });
    while let Some(job) = reader.open.pop_front() {
        if walker.budget.parts == 0 {
            reader.typed.more_parts = true;
            break;
        }
        walker.budget.parts -= 1;
        let links = walker.chain.len();
        walker.chain.extend(job.way.iter().cloned());
        walker.chain.push(Link { what: job.goal.link(), at: Some(job.at) });
        reader.part(walker, job);
        walker.chain.truncate(links);
    }
    if reader.typed.more_parts {
        walker.not_decoded(format!(
            "addresses of \"{}\" beyond the first {}",
            contract.string,
            reader.typed.parts.len()
        ));
    }
    if reader.typed.parts.is_empty() {
        return Read::Unreadable;
    }
    Read::Typed(reader.typed)
}

/// What to read.
enum Goal {
    Struct(String),
    /// Preserved vmalloc memory, with the type and the number of its elements if known.
    List(kho_vmalloc, Option<String>, Option<u64>),
    /// KHO's blocks, with the type of their entries.
    Blocks(String),
    /// An address whose struct the types do not contain.
    Unknown(String, String),
}

impl Goal {
    fn link(&self) -> String {
        match self {
            Self::Struct(name) | Self::Unknown(name, _) => name.clone(),
            Self::List(_, Some(name), _) => format!("list of {name}"),
            Self::List(_, None, _) => "list of pages".into(),
            Self::Blocks(name) => format!("blocks of {name}"),
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Struct(name) | Self::Unknown(name, _) => format!("struct {name}"),
            Self::List(..) => "list".into(),
            Self::Blocks(name) => format!("blocks {name}"),
        }
    }
}

struct Job {
    at: u64,
    goal: Goal,
    from: Option<String>,
    way: Vec<Link>,
}

struct Reader<'l> {
    layouts: &'l Layouts,
    owner: Owner,
    open: VecDeque<Job>,
    seen: HashSet<(u64, String)>,
    /// Pages that this payload is known to own.
    claimed: Vec<(u64, u64)>,
    typed: Typed,
}

/// A part while it is read.
struct Sheet {
    space: Space,
    values: Vec<Value>,
    more: bool,
    steps: usize,
    /// Whether some of it could not be read.
    failed: bool,
    /// The way to the part and into it.
    way: Vec<Link>,
    /// The struct at its beginning.
    tag: String,
}

impl Sheet {
    fn new(space: Space, way: &[Link], tag: &str) -> Self {
        let mut way = way.to_vec();
        let cut = way.len().saturating_sub(WAY);
        way.drain(..cut);
        Self {
            space,
            values: Vec::new(),
            more: false,
            steps: STEPS,
            failed: false,
            way,
            tag: tag.into(),
        }
    }

    /// Whether one more field or element may be visited.
    fn step(&mut self, walker: &Walker<'_>) -> bool {
        let room = self.values.len() < VALUES && self.values.len() < walker.budget.values;
        if !room || self.steps == 0 || self.failed {
            self.more = true;
            return false;
        }
        self.steps -= 1;
        true
    }

    /// A field's name outside of the part, as `made_up_ser.next`.
    fn path(&self, name: &str) -> String {
        let dot = if name.starts_with('[') { "" } else { "." };
        format!("{}{dot}{name}", self.tag)
    }

    fn put(&mut self, name: &str, offset: u64, ty: String, value: Shown) {
        self.values.push(Value { name: name.into(), offset, ty, value });
    }

    /// Records that something cannot be read.
    fn fail(
        &mut self,
        walker: &mut Walker<'_>,
        what: &str,
        error: Option<(u64, ReadError)>,
    ) -> Shown {
        // If a list has no page there, the walk through the list has reported it.
        if let Some((at, error)) = error.filter(|(at, _)| *at != 0) {
            walker.unreadable(at, what, error);
        }
        self.failed = true;
        Shown::Unreadable
    }
}

/// A field's place and name.
struct Place<'n> {
    name: &'n str,
    offset: u64,
    /// Whether to follow its address: in a union, nothing shows which member is valid.
    follow: bool,
}

impl Reader<'_> {
    /// Queues something to read, unless it was read already.
    fn later(&mut self, job: Job) {
        let key = (job.at, job.goal.key());
        if self.seen.contains(&key) {
            return;
        }
        if self.seen.len() >= PARTS {
            self.typed.more_parts = true;
            return;
        }
        self.seen.insert(key);
        self.open.push_back(job);
    }

    fn part(&mut self, walker: &mut Walker<'_>, job: Job) {
        let Job { at, goal, from, mut way } = job;
        way.push(Link { what: goal.link(), at: Some(at) });
        match goal {
            Goal::Struct(name) => self.structure(walker, at, &name, from, &way),
            Goal::List(pages, of, count) => {
                self.list(walker, at, &pages, of.as_deref(), count, from, &way);
            }
            Goal::Blocks(of) => self.blocks(walker, at, &of, from, &way),
            Goal::Unknown(name, why) => {
                if Self::is_there(walker, at, 1, &format!("struct {name}")) {
                    self.own(walker, at, 1, &format!("struct {name}"));
                    walker.not_decoded(format!("struct {name}: {why}"));
                }
            }
        }
    }

    /// Whether the image has that many bytes; a finding if it does not.
    fn is_there(walker: &mut Walker<'_>, at: u64, len: u64, what: &str) -> bool {
        let image = walker.memory.image();
        if image.has(at, len) {
            return true;
        }
        let ranges = image.ranges().iter();
        let end = ranges.filter(|range| range.start <= at && at < range.end).map(|range| range.end);
        let missing = end.max().unwrap_or(at);
        walker.unreadable(at, what, ReadError::Outside { at: missing });
        false
    }

    /// Checks that memory is preserved and has one owner; memory inside pages that this payload
    /// owns is its own.
    fn own(&mut self, walker: &mut Walker<'_>, at: u64, len: u64, what: &str) {
        let page_size = walker.page_size();
        let (first, last) = (at / page_size, at.saturating_add(len.max(1) - 1) / page_size);
        if self.claimed.iter().any(|(start, end)| *start <= first && last < *end) {
            return;
        }
        let pages = if at.is_multiple_of(page_size) {
            walker.allocation(at, len, what, self.owner)
        } else {
            walker.within_blocks(at, len, what, self.owner)
        };
        self.claimed.extend(pages);
    }

    fn finish(
        &mut self,
        walker: &mut Walker<'_>,
        sheet: Sheet,
        at: u64,
        name: &str,
        elements: Option<u64>,
        from: Option<String>,
    ) {
        let kept = sheet.values.len();
        walker.budget.values = walker.budget.values.saturating_sub(kept);
        // Addresses among the omitted elements are not followed.
        if sheet.more && !sheet.failed {
            walker.not_decoded(format!("values of {name} beyond the first {kept}"));
        }
        let (values, more_values) = (sheet.values, sheet.more);
        let name = name.to_owned();
        self.typed.parts.push(Part { at, name, from, elements, values, more_values });
    }

    fn structure(
        &mut self,
        walker: &mut Walker<'_>,
        at: u64,
        name: &str,
        from: Option<String>,
        way: &[Link],
    ) {
        let layouts = self.layouts;
        let what = format!("struct {name}");
        let one = match usable(walker, layouts, name) {
            Ok(one) => one,
            Err(why) => return walker.not_decoded(format!("{what}: {why}")),
        };
        if !Self::is_there(walker, at, one.size, &what) {
            return;
        }
        let mut sheet = Sheet::new(Space::At(at), way, name);
        let tail = self.tail(walker, &sheet, one, at);
        let tail_size = tail.as_ref().map_or(0, |tail| tail.count * tail.size);
        self.own(walker, at, one.size + tail_size, &what);
        self.fields(walker, &mut sheet, one, &Place { name: "", offset: 0, follow: true });
        if let Some(Tail { field, count, size }) = tail.filter(|tail| tail.count > 0) {
            let bit_size = count * size * 8;
            let whole = Field { dimensions: vec![count], bit_size, ..field.clone() };
            let place = Place { name: &field.name, offset: field.bit_offset / 8, follow: true };
            self.array(walker, &mut sheet, &whole, None, &place);
        }
        self.finish(walker, sheet, at, &what, None, from);
    }

    /// The array at the end of a struct whose length is a separate count.
    fn tail<'s>(
        &self,
        walker: &mut Walker<'_>,
        sheet: &Sheet,
        one: &'s Struct,
        at: u64,
    ) -> Option<Tail<'s>> {
        let field = one.fields.last().filter(|field| {
            field.dimensions == [0] && !one.is_union && field.bit_offset / 8 <= one.size
        })?;
        let size = self.layouts.size_of(&field.kind).filter(|size| *size > 0)?;
        let told = count_of(walker, &sheet.space, one, 0, &field.name)?;
        let start = at.checked_add(field.bit_offset / 8)?;
        // Without a block, only the image's end is known. That the page is not preserved is
        // reported elsewhere.
        let block = walker.block_end(start);
        let end = block.unwrap_or_else(|| {
            let mut ranges = walker.memory.image().ranges().iter();
            let range = ranges.find(|range| range.start <= start && start < range.end);
            range.map_or(start, |range| range.end)
        });
        let room = end.saturating_sub(start) / size;
        if told > room && block.is_some() {
            walker.find(&rules::COUNT_MISMATCH, at, || {
                format!(
                    "nr_{} claims {told} entries of {size} bytes, but the block that ends at {end:#x} \
                     holds at most {room}",
                    field.name
                )
            });
        }
        // Bytes past the image's end are in no block.
        let mut count = told.min(room);
        if !walker.memory.image().has(start, count * size) {
            count = 0;
        }
        Some(Tail { field, count, size })
    }

    fn fields(&mut self, walker: &mut Walker<'_>, sheet: &mut Sheet, one: &Struct, of: &Place<'_>) {
        let follow = of.follow && !one.is_union;
        for field in &one.fields {
            if !sheet.step(walker) {
                return;
            }
            let name = match (of.name, field.name.as_str()) {
                ("", name) => name.to_owned(),
                (outer, "") => outer.to_owned(),
                (outer, name) => format!("{outer}.{name}"),
            };
            let offset = of.offset + field.bit_offset / 8;
            let place = Place { name: &name, offset, follow };
            if field.bit_field {
                bit_field(walker, sheet, field, &place);
                continue;
            }
            let count = count_of(walker, &sheet.space, one, of.offset, &field.name);
            if field.dimensions.is_empty() {
                self.value(walker, sheet, field, count, &place);
            } else {
                self.array(walker, sheet, field, count, &place);
            }
        }
    }

    fn array(
        &mut self,
        walker: &mut Walker<'_>,
        sheet: &mut Sheet,
        field: &Field,
        told: Option<u64>,
        place: &Place<'_>,
    ) {
        let Some(size) = self.layouts.size_of(&field.kind) else { return };
        let total = field.dimensions.iter().fold(1_u64, |total, len| total.saturating_mul(*len));
        let ty = type_of(field);
        if total == 0 {
            // The root's own array is read after its fields.
            if told.is_none() && field.dimensions == [0] {
                sheet.put(place.name, place.offset, ty, Shown::LengthUnknown);
            }
            return;
        }
        if let Some(told) = told.filter(|told| *told > total) {
            let at = sheet.space.address(place.offset);
            walker.find(&rules::COUNT_MISMATCH, at, || {
                format!("nr_{} claims {told} entries, but the array has {total}", field.name)
            });
        }
        match &field.kind {
            Kind::Char => texts(walker, sheet, field, &ty, place),
            Kind::Int { bits: 8, .. } => {
                let len = total.min(BYTES);
                let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
                let value = match sheet.space.read(walker, place.offset, &mut bytes) {
                    Ok(()) => Shown::Bytes { hex: crate::raw::digits(&bytes), more: total > len },
                    Err(error) => sheet.fail(walker, place.name, Some(error)),
                };
                sheet.put(place.name, place.offset, ty, value);
            }
            Kind::Int { signed, .. } if field.leads_to.is_none() => {
                let len = total.min(INTEGERS);
                let mut decimal = Vec::new();
                for index in 0..len {
                    match integer(walker, &sheet.space, place.offset + index * size, size) {
                        Ok(number) => decimal.push(decimal_of(number, size * 8, *signed)),
                        Err(error) => {
                            let value = sheet.fail(walker, place.name, error);
                            sheet.put(place.name, place.offset, ty, value);
                            return;
                        }
                    }
                }
                let value = Shown::Integers { decimal, more: total > len };
                sheet.put(place.name, place.offset, ty, value);
            }
            _ => {
                // Entries past the count in the struct are unused.
                for index in 0..told.unwrap_or(total).min(total) {
                    if !sheet.step(walker) {
                        return;
                    }
                    let name = format!("{}{}", place.name, subscript(&field.dimensions, index));
                    let offset = place.offset + index * size;
                    let place = Place { name: &name, offset, follow: place.follow };
                    self.value(walker, sheet, field, None, &place);
                }
            }
        }
    }

    /// A single value, or one element of an array.
    fn value(
        &mut self,
        walker: &mut Walker<'_>,
        sheet: &mut Sheet,
        field: &Field,
        count: Option<u64>,
        place: &Place<'_>,
    ) {
        let ty = base_of(&field.kind);
        let Place { name, offset, follow } = *place;
        if let Kind::Struct { name: tag } = &field.kind {
            let Some(one) = self.layouts.get(tag) else { return };
            let is_list = tag == VMALLOC && self.layouts.knows_vmalloc();
            let inner = Place { name, offset, follow: follow && !is_list };
            self.fields(walker, sheet, one, &inner);
            if is_list && follow {
                self.found_list(walker, sheet, field, count, place);
            }
            return;
        }
        let bytes = self.layouts.size_of(&field.kind).unwrap_or(0);
        let number = match integer(walker, &sheet.space, offset, bytes) {
            Ok(number) => number,
            Err(error) => {
                let value = sheet.fail(walker, name, error);
                return sheet.put(name, offset, ty, value);
            }
        };
        let low = u64::try_from(number).unwrap_or(u64::MAX);
        let value = match &field.kind {
            Kind::Address { to } => {
                let to = field.leads_to.clone().unwrap_or_else(|| LeadsTo::Struct(to.clone()));
                self.address(walker, sheet, low, follow.then_some(to), name)
            }
            Kind::Int { bits: 64, .. } if field.leads_to.is_some() => {
                let to = field.leads_to.clone().filter(|_| follow);
                self.address(walker, sheet, low, to, name)
            }
            Kind::Int { signed, .. } => Shown::Integer {
                decimal: decimal_of(number, bytes * 8, *signed),
                hex: format!("{number:#x}"),
            },
            Kind::Ordered { bits, big } => {
                let is_cpus = *big == cfg!(target_endian = "big");
                let swapped = low.swap_bytes() >> (64 - u32::from(*bits).clamp(1, 64));
                let number = if is_cpus { low } else { swapped };
                Shown::Integer { decimal: number.to_string(), hex: format!("{number:#x}") }
            }
            Kind::Char => {
                let byte = [u8::try_from(number).unwrap_or(0)];
                Shown::Text { text: text::readable(&byte), more: false }
            }
            Kind::Pointer | Kind::Struct { .. } => Shown::Pointer { pointer: low },
        };
        sheet.put(name, offset, ty, value);
    }

    /// Shows an address, and queues what it leads to.
    fn address(
        &mut self,
        walker: &Walker<'_>,
        sheet: &Sheet,
        at: u64,
        to: Option<LeadsTo>,
        name: &str,
    ) -> Shown {
        if let Some(to) = to.filter(|_| at != 0) {
            let goal = match (self.layouts.problem(to.name()), to) {
                (Some(why), to) => Goal::Unknown(to.name().into(), why),
                (None, LeadsTo::Struct(name)) => Goal::Struct(name),
                (None, LeadsTo::Blocks(name)) => Goal::Blocks(name),
            };
            let from = Some(sheet.path(name));
            self.later(Job { at, goal, from, way: sheet.way.clone() });
        }
        let preserved = (at != 0).then(|| walker.is_preserved(at)).flatten();
        Shown::Address { address: at, preserved }
    }

    /// Queues vmalloc memory that a field describes.
    fn found_list(
        &mut self,
        walker: &Walker<'_>,
        sheet: &Sheet,
        field: &Field,
        count: Option<u64>,
        place: &Place<'_>,
    ) {
        use zerocopy::{FromZeros as _, IntoBytes as _};
        let mut pages = kho_vmalloc::new_zeroed();
        if sheet.space.read(walker, place.offset, pages.as_mut_bytes()).is_err() {
            return;
        }
        let at = pages.first.phys().map_or(0, PhysAddr::get);
        // A list without pages and entries is empty.
        if at == 0 && pages.total_pages == 0 && count.unwrap_or(0) == 0 {
            return;
        }
        let of = field.leads_to.as_ref().map(|to| to.name().to_owned());
        let goal = Goal::List(pages, of, count);
        let from = Some(sheet.path(place.name));
        self.later(Job { at, goal, from, way: sheet.way.clone() });
    }

    #[allow(clippy::too_many_arguments)] // A list, and where it was found.
    fn list(
        &mut self,
        walker: &mut Walker<'_>,
        at: u64,
        list: &kho_vmalloc,
        of: Option<&str>,
        count: Option<u64>,
        from: Option<String>,
        way: &[Link],
    ) {
        let field = from.clone().unwrap_or_default();
        let names = vmalloc::Names {
            list: format!("the list of {field}"),
            chunk: format!("a chunk of {field}"),
            page: format!("a page of {field}"),
        };
        let pages = vmalloc::check(walker, list, &names, self.owner);
        let size = walker.page_size().checked_shl(list.order.into()).unwrap_or(0);
        let bytes = u64::from(list.total_pages).saturating_mul(walker.page_size());
        let element = match of.map(|of| usable(walker, self.layouts, of)) {
            Some(Ok(one)) if one.size > 0 => Some(one),
            Some(Ok(one)) => {
                walker.not_decoded(format!("entries of struct {}: it has no bytes", one.name));
                None
            }
            Some(Err(why)) => {
                walker.not_decoded(format!("entries of {field}: {why}"));
                None
            }
            None => None,
        };
        let mut sheet = Sheet::new(Space::Pages { pages, size }, way, of.unwrap_or("page"));
        if let Some(one) = element {
            let room = bytes / one.size;
            if let Some(told) = count.filter(|told| *told > room) {
                walker.find(&rules::COUNT_MISMATCH, at, || {
                    format!(
                        "{field} claims {told} entries of {} bytes, but its {} pages hold at most \
                         {room}",
                        one.size, list.total_pages
                    )
                });
            }
            let elements = count.unwrap_or(room).min(room);
            self.elements(walker, &mut sheet, one, elements);
            let name = format!("struct {}", one.name);
            let at = sheet.space.address(0);
            self.finish(walker, sheet, at, &name, Some(elements), from);
            return;
        }
        let Space::Pages { pages, .. } = &sheet.space else { return };
        let shown: Vec<u64> = pages.iter().copied().filter(|page| *page != u64::MAX).collect();
        let first = shown.first().copied().unwrap_or(0);
        for (index, page) in shown.iter().take(PAGES).enumerate() {
            let preserved = walker.is_preserved(*page);
            let value = Shown::Address { address: *page, preserved };
            let offset = (index as u64).saturating_mul(size);
            sheet.put(&format!("[{index}]"), offset, "page".into(), value);
        }
        sheet.more = shown.len() > PAGES;
        let elements = Some(u64::from(list.total_pages));
        self.finish(walker, sheet, first, "page", elements, from);
    }

    fn elements(&mut self, walker: &mut Walker<'_>, sheet: &mut Sheet, one: &Struct, count: u64) {
        for index in 0..count {
            if !sheet.step(walker) {
                return;
            }
            let name = format!("[{index}]");
            let place = Place { name: &name, offset: index * one.size, follow: true };
            self.fields(walker, sheet, one, &place);
        }
    }

    fn blocks(
        &mut self,
        walker: &mut Walker<'_>,
        at: u64,
        of: &str,
        from: Option<String>,
        way: &[Link],
    ) {
        let one = match usable(walker, self.layouts, of) {
            Ok(one) if one.size > 0 => one,
            Ok(_) => return walker.not_decoded(format!("blocks of struct {of}: it has no bytes")),
            Err(why) => return walker.not_decoded(format!("blocks of struct {of}: {why}")),
        };
        let what = format!("the list of {}", from.clone().unwrap_or_default());
        let page_size = walker.memory.page_size_usize();
        let memory = Cached::new(walker.memory.image(), page_size);
        let (mut places, mut count) = (Vec::new(), 0_u64);
        let mut seen = HashSet::new();
        let size = usize::try_from(one.size).unwrap_or(usize::MAX);
        for block in Blocks::new(&memory, PhysAddr::new(at), size) {
            let block = match block {
                Ok(block) if seen.insert(block.at) => block,
                Ok(block) => {
                    walker.walk_error(&what, &WalkError::Cycle { at: block.at });
                    break;
                }
                Err(error) => {
                    walker.walk_error(&what, &error);
                    break;
                }
            };
            self.own(walker, block.at.get(), page_size as u64, &what);
            count = count.saturating_add(block.count as u64);
            if let Some(first) = block.entry_at(0).filter(|_| places.len() < VALUES) {
                places.push((first.get(), block.count as u64 * one.size));
            }
        }
        let mut sheet = Sheet::new(Space::Blocks(places), way, of);
        self.elements(walker, &mut sheet, one, count);
        self.finish(walker, sheet, at, &format!("struct {of}"), Some(count), from);
    }
}

/// An array at the end of a struct, with the number of elements that fit, and the count.
struct Tail<'s> {
    field: &'s Field,
    count: u64,
    size: u64,
}

/// The number of entries in the field `nr_NAME` beside the field `NAME`, as in the kernel's
/// headers.
fn count_of(
    walker: &Walker<'_>,
    space: &Space,
    one: &Struct,
    base: u64,
    name: &str,
) -> Option<u64> {
    let beside = |field: &&Field| field.name.strip_prefix("nr_").is_some_and(|of| of == name);
    let field = one.fields.iter().find(beside)?;
    let is_int = matches!(field.kind, Kind::Int { .. });
    if !is_int || !field.dimensions.is_empty() || field.bit_field || one.is_union {
        return None;
    }
    let offset = base + field.bit_offset / 8;
    let number = integer(walker, space, offset, field.bit_size / 8).ok()?;
    Some(u64::try_from(number).unwrap_or(u64::MAX))
}

/// The bits of a bit-field: counted from the least significant bit of its integer on a
/// little-endian machine.
fn bit_field(walker: &mut Walker<'_>, sheet: &mut Sheet, field: &Field, place: &Place<'_>) {
    let skipped = field.bit_offset % 8;
    let bytes = (skipped + field.bit_size).div_ceil(8);
    let ty = format!("{}:{}", base_of(&field.kind), field.bit_size);
    let number = match integer(walker, &sheet.space, place.offset, bytes) {
        Ok(number) => number,
        Err(error) => {
            let value = sheet.fail(walker, place.name, error);
            return sheet.put(place.name, place.offset, ty, value);
        }
    };
    let below =
        if cfg!(target_endian = "big") { bytes * 8 - skipped - field.bit_size } else { skipped };
    let number = number >> below & ((1 << field.bit_size) - 1);
    let signed = matches!(field.kind, Kind::Int { signed: true, .. });
    let value = Shown::Integer {
        decimal: decimal_of(number, field.bit_size, signed),
        hex: format!("{number:#x}"),
    };
    sheet.put(place.name, place.offset, ty, value);
}

/// An array of characters, or an array of such arrays.
fn texts(walker: &mut Walker<'_>, sheet: &mut Sheet, field: &Field, ty: &str, place: &Place<'_>) {
    let Some((len, outer)) = field.dimensions.split_last() else { return };
    let many = outer.iter().fold(1_u64, |many, len| many.saturating_mul(*len));
    for index in 0..many {
        if !sheet.step(walker) {
            return;
        }
        let name = format!("{}{}", place.name, subscript(outer, index));
        let offset = place.offset + index * len;
        let ty = if outer.is_empty() { ty.to_owned() } else { format!("char[{len}]") };
        let mut bytes = vec![0; usize::try_from((*len).min(TEXT)).unwrap_or(0)];
        let value = match sheet.space.read(walker, offset, &mut bytes) {
            Ok(()) => {
                let more = *len > TEXT && !bytes.contains(&0);
                Shown::Text { text: text::readable(&bytes), more }
            }
            Err(error) => sheet.fail(walker, &name, Some(error)),
        };
        sheet.put(&name, offset, ty, value);
    }
}

/// An element's subscripts in an array of several dimensions, as in C; empty without dimensions.
fn subscript(dimensions: &[u64], index: u64) -> String {
    let mut rest = index;
    let mut parts: Vec<String> = Vec::new();
    for len in dimensions.iter().rev() {
        let len = (*len).max(1);
        parts.push(format!("[{}]", rest % len));
        rest /= len;
    }
    parts.reverse();
    parts.concat()
}

fn base_of(kind: &Kind) -> String {
    match kind {
        Kind::Int { bits, signed: true } => format!("s{bits}"),
        Kind::Int { bits, signed: false } => format!("u{bits}"),
        Kind::Ordered { bits, big: true } => format!("__be{bits}"),
        Kind::Ordered { bits, big: false } => format!("__le{bits}"),
        Kind::Char => "char".into(),
        Kind::Pointer => "void *".into(),
        Kind::Address { to } => format!("struct {to} *"),
        Kind::Struct { name } => format!("struct {name}"),
    }
}

fn type_of(field: &Field) -> String {
    let dimensions = field.dimensions.iter().map(|len| match len {
        0 => "[]".into(),
        len => format!("[{len}]"),
    });
    format!("{}{}", base_of(&field.kind), dimensions.collect::<String>())
}

/// An integer of that many bits, in decimal digits.
fn decimal_of(number: u128, bits: u64, signed: bool) -> String {
    let unused = 128 - u32::try_from(bits).unwrap_or(128).clamp(1, 128);
    if signed {
        (number.cast_signed() << unused >> unused).to_string()
    } else {
        number.to_string()
    }
}
