// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes the wire file of a header.

use super::comments::{self, Comment, KernelDoc};
use super::gather::{Gathered, PAGE_SIZES};
use super::shape::{raw, Kind, Member, Number, Shape, Shaped, Stated};
use super::words::{and, body, literal, text_of};
use super::{Place, WireFile};
use crate::write::c_header;
use kho_abi_model::put;
use kho_abi_model::{Contract, Enumeration, Header, Macro, Model, Packing, Record, Target, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Writes the wire file of a header that nothing of is refused.
pub(super) fn write(gathered: &Gathered, mut shape: Shape<'_>, place: Place) -> WireFile {
    let header = gathered.header();
    let (found, bare) = comments::take(&gathered.text);
    let notes = std::mem::take(&mut shape.notes);
    let mut headers = vec![header.clone()];
    headers.extend(gathered.others.iter().cloned());
    let model = Model { target: Target::X86_64, headers, other_pages: Vec::new() };
    let links = shape
        .items
        .iter()
        .filter(|item| !item.paged)
        .flat_map(|item| match &item.kind {
            Kind::Constant(number) => vec![number.constant.name.as_str()],
            Kind::Enum(_, numbers) => {
                numbers.iter().map(|one| one.constant.name.as_str()).collect()
            }
            Kind::Record(record, ..) => vec![record.name.as_str()],
            Kind::Macro(item) => vec![item.name.as_str()],
        })
        .collect();
    let mut writer = Writer {
        header,
        model: &model,
        place,
        links,
        lengths: &shape.lengths,
        bodies: bodies(&bare),
        bare: &bare,
        taken: vec![false; found.len()],
        comments: found,
        used: shape.used.clone(),
        owner: None,
        notes,
        undescribed: 0,
    };
    writer.leave_out_code(&shape.code, &bare);
    let text = writer.file(&shape);
    let mut notes = writer.notes;
    if writer.undescribed > 0 {
        notes.push(format!(
            "{} of its declarations have no description: fill in those that the wire file marks",
            writer.undescribed
        ));
    }
    WireFile { file: format!("{}.rs", header.name), text, notes }
}

/// The words of documentation, whether kernel-doc or Markdown has marked its names, and in whichever order
/// structs are listed.
fn words_of(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let words = words.filter(|word| !matches!(*word, "" | "struct" | "union" | "enum"));
    let mut words: Vec<_> = words.collect();
    words.sort_unstable();
    words
}

/// For each line, the line where the braces close that open first on it or behind it.
fn bodies(bare: &str) -> BTreeMap<usize, usize> {
    let mut ends = BTreeMap::new();
    let mut open: Vec<usize> = Vec::new();
    let mut line = 1;
    for c in bare.chars() {
        match c {
            '\n' => line += 1,
            '{' => open.push(line),
            '}' => {
                if let Some(begin) = open.pop() {
                    ends.insert(begin, line);
                }
            }
            _ => {}
        }
    }
    ends
}

/// The line where a statement ends that begins on a line: with its body, or with a semicolon.
fn end_of_statement(bare: &str, line: usize) -> usize {
    let mut depth = 0_usize;
    for (index, text) in bare.lines().enumerate().skip(line.saturating_sub(1)) {
        for c in text.chars() {
            match c {
                '{' | '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return index + 1;
                    }
                }
                ';' if depth == 0 => return index + 1,
                _ => {}
            }
        }
    }
    line
}

pub(super) struct Writer<'a> {
    pub(super) header: &'a Header,
    pub(super) model: &'a Model,
    pub(super) place: Place,
    /// The names that documentation may link to.
    links: BTreeSet<&'a str>,
    lengths: &'a BTreeSet<String>,
    bodies: BTreeMap<usize, usize>,
    /// The header without its comments.
    bare: &'a str,
    comments: Vec<Comment>,
    /// Whether a comment has its place in the wire file already.
    taken: Vec<bool>,
    pub(super) used: BTreeSet<(String, String)>,
    /// The string that stands for a version that has none: its name and text.
    owner: Option<(&'static str, String)>,
    notes: Vec<String>,
    undescribed: usize,
}

/// What is said of something that the header does not describe.
const UNDESCRIBED: &str = "Not described in the C header.";

impl<'a> Writer<'a> {
    fn file(&mut self, shape: &Shape<'a>) -> String {
        let license = self.license();
        let title = self.overview();
        // Items first: they say what the file uses, and which comments are left for its beginning.
        let mut items = String::new();
        let mut paged = String::new();
        let mut first_paged: Option<usize> = None;
        let begin = self.before(shape.items.first().map_or(usize::MAX, |item| item.line), 0);
        for item in &shape.items {
            if item.paged {
                first_paged.get_or_insert(item.line);
                let free = self.before(item.line, 4);
                let text = self.item(item, 4);
                let _ = write!(paged, "\n{free}{text}");
            } else {
                let free = self.before(item.line, 0);
                let text = self.item(item, 0);
                let _ = write!(items, "\n{free}{text}");
                if let (Some(_), Some(name)) = (first_paged, name_of(&item.kind)) {
                    // C has it there.
                    let _ = write!(
                        paged,
                        "\n    #[allow(unused_imports)]\n    pub use super::{name};\n"
                    );
                }
            }
        }
        let end = self.before(usize::MAX, 0);
        let end = end.trim_end_matches('\n');
        let mut out = format!("// SPDX-License-Identifier: {license}\n{begin}");
        for line in title {
            put!(out, "{}", format!("//! {line}").trim_end());
        }
        out.push('\n');
        let declared = self.declaration(shape);
        out.push_str(&self.uses(shape, &format!("{items}{paged}{declared}")));
        for name in &shape.opaque {
            let known = shape.items.iter().any(|item| name_of(&item.kind).as_deref() == Some(name));
            let what = if known {
                "of a page size that is not known"
            } else {
                "whose layout this header lacks"
            };
            let _ = write!(
                out,
                "\n/// A `{name}` {what}, for addresses to point to.\npub enum {} {{}}\n",
                raw(name)
            );
        }
        out.push_str(&items);
        if !paged.is_empty() {
            let layouts = Self::layouts(shape);
            let _ = write!(out, "\nlayout::per_page_size! {{{paged}{layouts}}}\n");
            // What the block begins with needs no blank line before it.
            out = out.replace("per_page_size! {\n\n", "per_page_size! {\n");
        }
        if !end.is_empty() {
            let _ = write!(out, "\n{end}\n");
        }
        if let Some((name, text)) = &self.owner {
            let _ = write!(
                out,
                "\n/// What messages call the version, which is not a string.\nconst {name}: &str = {text:?};\n"
            );
        }
        out.push_str(&declared);
        out
    }

    /// The licence that the header says it has.
    fn license(&mut self) -> String {
        const MARK: &str = "SPDX-License-Identifier:";
        for (at, comment) in self.comments.iter().enumerate() {
            if let Some(said) = comment.lines.iter().find_map(|line| line.split_once(MARK)) {
                self.taken[at] = comment.lines.len() == 1;
                return said.1.trim().into();
            }
        }
        "GPL-2.0".into()
    }

    /// What the header says of itself, with its title.
    fn overview(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (at, comment) in self.comments.iter().enumerate() {
            let Some(title) =
                comment.lines.first().and_then(|line| line.trim().strip_prefix("DOC:"))
            else {
                // What writers of headers say of themselves.
                self.taken[at] |=
                    comment.lines.first().is_some_and(|line| line.starts_with("Generated from "));
                continue;
            };
            self.taken[at] = true;
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(title.trim().into());
            lines.push(String::new());
            let paragraphs = comment.lines[1..].split(|line| line.trim().is_empty());
            let kept = paragraphs.filter(|paragraph| !self.is_generated(paragraph));
            for (at, paragraph) in kept.filter(|paragraph| !paragraph.is_empty()).enumerate() {
                if at > 0 {
                    lines.push(String::new());
                }
                lines.extend(paragraph.iter().cloned());
            }
        }
        if lines.is_empty() {
            lines.push(format!("Handover ABI of `{}`", self.header.include_path()));
        }
        self.markdown(&lines, "")
    }

    /// Whether the generator says this of the header, and will say it again.
    fn is_generated(&self, paragraph: &[String]) -> bool {
        let paragraph = paragraph.join(" ");
        let said = words_of(&paragraph);
        let all = c_header::promises(self.model, self.header);
        all.split("\n\n").any(|generated| words_of(generated) == said)
    }

    fn markdown(&self, lines: &[String], indent: &str) -> Vec<String> {
        comments::markdown(lines, &|name| self.links.contains(name), indent)
    }

    /// Leaves out the comments of code that is left out, and those behind directives.
    fn leave_out_code(&mut self, lines: &[usize], bare: &str) {
        for line in lines {
            let end = end_of_statement(bare, *line);
            for (at, comment) in self.comments.iter().enumerate() {
                let within = comment.first >= *line && comment.last <= end;
                let before = comment.alone && comment.last + 1 == *line;
                self.taken[at] |= within || before;
            }
        }
        for (index, line) in bare.lines().enumerate() {
            let directive = line.trim_start().strip_prefix('#').map(str::trim_start);
            if directive.is_some_and(|word| word.starts_with("endif") || word.starts_with("else")) {
                for (at, comment) in self.comments.iter().enumerate() {
                    self.taken[at] |= comment.first == index + 1;
                }
            }
        }
    }

    /// The line where the body ends of what begins on a line.
    fn end_of(&self, line: usize) -> usize {
        self.bodies.range(line..).next().map_or(line, |(_, end)| *end)
    }

    /// Comments that stand before a line and belong to nothing.
    fn before(&mut self, line: usize, indent: usize) -> String {
        let mut out = String::new();
        for (at, comment) in self.comments.iter().enumerate() {
            let belongs = comment.alone && comment.last + 1 == line;
            if comment.first < line && !self.taken[at] && !belongs {
                self.taken[at] = true;
                for said in &comment.lines {
                    let said = format!("{:indent$}// {said}", "");
                    put!(out, "{}", said.trim_end());
                }
                out.push('\n');
            }
        }
        out
    }

    /// The comments on what stands in a line: before it, and behind it.
    fn comment_on(&mut self, line: usize, name: &str) -> KernelDoc {
        let before = |comment: &Comment| comment.alone && comment.last + 1 == line;
        let behind = |comment: &Comment| !comment.alone && comment.first == line;
        let mut all = KernelDoc::default();
        for is_on in [&before as &dyn Fn(&Comment) -> bool, &behind] {
            let free = |at: &usize| !self.taken[*at] && is_on(&self.comments[*at]);
            let Some(at) = (0..self.comments.len()).find(free) else { continue };
            self.taken[at] = true;
            let doc = comments::kernel_doc(&self.comments[at].lines, name);
            if !all.lines.is_empty() {
                all.lines.push(String::new());
            }
            all.lines.extend(doc.lines);
            all.members.extend(doc.members);
        }
        all
    }

    /// What is said of members, from the comment on what they are in and from those beside them; what
    /// is left of the comments within goes to the whole.
    fn members(
        &mut self,
        line: usize,
        doc: &mut KernelDoc,
        names: &[(&str, usize)],
    ) -> Vec<String> {
        let end = self.end_of(line);
        let mut said: Vec<String> = Vec::new();
        for (name, at_line) in names {
            let mut text = doc.members.remove(*name).unwrap_or_default();
            for (at, comment) in self.comments.iter().enumerate() {
                let inside = comment.first >= line && comment.last <= end && !self.taken[at];
                let beside = if comment.alone {
                    comment.last + 1 == *at_line
                } else {
                    comment.first == *at_line
                };
                if inside && beside {
                    self.taken[at] = true;
                    let more = comments::member_text(comment, name);
                    if !text.contains(&more) {
                        text = format!("{text} {more}").trim().into();
                    }
                }
            }
            said.push(text);
        }
        for (name, text) in std::mem::take(&mut doc.members) {
            doc.lines.extend([String::new(), format!("- {name}: {text}")]);
        }
        for (at, comment) in self.comments.iter().enumerate() {
            if comment.first >= line && comment.last <= end && !self.taken[at] {
                self.taken[at] = true;
                doc.lines.push(String::new());
                doc.lines.extend(comment.lines.iter().cloned());
            }
        }
        said
    }

    fn doc(&mut self, out: &mut String, lines: &[String], indent: usize) {
        let pad = " ".repeat(indent);
        let text = self.markdown(lines, &pad);
        if text.is_empty() {
            self.undescribed += 1;
            put!(out, "{pad}/// {UNDESCRIBED}");
        }
        for line in text {
            put!(out, "{}", format!("{pad}/// {line}").trim_end());
        }
    }

    fn item(&mut self, item: &Shaped<'a>, indent: usize) -> String {
        match &item.kind {
            Kind::Constant(number) => {
                let doc = self.comment_on(item.line, &number.constant.name);
                let mut lines = doc.lines;
                for (name, text) in doc.members {
                    lines.extend([String::new(), format!("- {name}: {text}")]);
                }
                self.constant(number, &lines, indent)
            }
            Kind::Enum(item_of, numbers) => self.enumeration(item.line, item_of, numbers, indent),
            Kind::Record(record, members, size) => {
                self.record(item.line, record, members, size, indent)
            }
            Kind::Macro(item_of) => self.c_macro(item.line, item_of, indent),
        }
    }

    fn constant(&mut self, number: &Number<'a>, doc: &[String], indent: usize) -> String {
        let mut out = String::new();
        self.doc(&mut out, doc, indent);
        let pad = " ".repeat(indent);
        let name = &number.constant.name;
        if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
            put!(out, "{pad}#[allow(non_upper_case_globals)]");
        }
        let (ty, value) = match &number.value {
            Stated::Text(text) => ("&str", format!("{text:?}")),
            Stated::Int(value) => {
                (self.int_type(name, &[*value]), literal(*value, number.c.as_deref()))
            }
            Stated::Paged(values) => {
                let [first, second, third] = values;
                let value = super::shape::of_page_size(*values);
                let value = value.filter(|_| self.lengths.contains(name)).unwrap_or_else(|| {
                    let [small, middle, _] = PAGE_SIZES;
                    format!("match PAGE_SIZE {{ {small} => {first}, {middle} => {second}, _ => {third} }}")
                });
                (self.int_type(name, values), value)
            }
        };
        put!(out, "{pad}pub const {}: {ty} = {value};", raw(name));
        out
    }

    /// The type of a constant that has these values.
    fn int_type(&self, name: &str, values: &[i128]) -> &'static str {
        let fits = |low: i128, high: i128| values.iter().all(|value| (low..=high).contains(value));
        if self.lengths.contains(name) {
            "usize"
        } else if fits(0, u32::MAX.into()) {
            "u32"
        } else if fits(0, u64::MAX.into()) {
            "u64"
        } else if fits(i32::MIN.into(), i32::MAX.into()) {
            "i32"
        } else {
            "i64"
        }
    }

    fn enumeration(
        &mut self,
        line: usize,
        item: &Enumeration,
        numbers: &[Number<'a>],
        indent: usize,
    ) -> String {
        let mut doc = self.comment_on(line, &item.name);
        let names: Vec<(&str, usize)> = numbers
            .iter()
            .map(|number| {
                let place = number.constant.place.as_ref();
                (number.constant.name.as_str(), place.map_or(line, |place| place.line))
            })
            .collect();
        let said = self.members(line, &mut doc, &names);
        let mut out = String::new();
        let pad = " ".repeat(indent);
        if item.name.is_empty() {
            // C has macros in its place: nothing is lost but that they stood together.
            for (number, text) in numbers.iter().zip(said) {
                let text = self.constant(number, &[text], indent);
                let gap = if out.is_empty() { "" } else { "\n" };
                let _ = write!(out, "{gap}{text}");
            }
            return out;
        }
        self.doc(&mut out, &doc.lines, indent);
        put!(out, "{pad}pub mod {} {{", raw(&item.name));
        if numbers.iter().any(|number| matches!(number.value, Stated::Paged(_))) {
            put!(out, "{pad}    use super::PAGE_SIZE;\n");
        }
        for (at, (number, text)) in numbers.iter().zip(said).enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            let text = self.constant(number, &[text], indent + 4);
            let _ = write!(out, "{gap}{text}");
        }
        put!(out, "{pad}}}\n{pad}pub use {}::*;", raw(&item.name));
        out
    }

    fn c_macro(&mut self, line: usize, item: &Macro, indent: usize) -> String {
        let doc = self.comment_on(line, &item.name);
        let mut lines = doc.lines;
        for (name, text) in doc.members {
            lines.extend([String::new(), format!("- `{name}`: {text}")]);
        }
        let mut out = String::new();
        self.doc(&mut out, &lines, indent);
        let pad = " ".repeat(indent);
        if item.name.bytes().any(|byte| byte.is_ascii_lowercase()) {
            put!(out, "{pad}#[allow(non_upper_case_globals)]");
        }
        put!(out, "{pad}pub const {}: layout::CMacro = layout::CMacro {{", raw(&item.name));
        put!(out, "{pad}    arguments: {:?},", item.arguments);
        put!(out, "{pad}    body: {},", text_of(&body(self.bare, line, &item.body), indent + 4));
        put!(out, "{pad}    option: {:?},", item.option);
        put!(out, "{pad}}};");
        out
    }

    fn record(
        &mut self,
        line: usize,
        record: &'a Record,
        members: &[Member<'a>],
        size: &str,
        indent: usize,
    ) -> String {
        let mut doc = self.comment_on(line, &record.name);
        let names: Vec<(&str, usize)> = record
            .fields
            .iter()
            .map(|field| (&*field.name, field.place.as_ref().map_or(line, |place| place.line)))
            .collect();
        let said = self.members(line, &mut doc, &names);
        let said: BTreeMap<&str, String> = names.iter().map(|(name, _)| *name).zip(said).collect();
        let said_of = |name: &str| vec![said.get(name).cloned().unwrap_or_default()];
        let pad = " ".repeat(indent);
        let name = raw(&record.name);
        let mut out = String::new();
        self.doc(&mut out, &doc.lines, indent);
        let packed = record.packing == Packing::Packed;
        put!(out, "{pad}#[repr({})]", if packed { "C, packed" } else { "C" });
        let derives = if packed {
            format!(
                "#[derive(\n{pad}    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, \
                 Debug, PartialEq, Eq,\n{pad})]"
            )
        } else {
            "#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]".into()
        };
        put!(out, "{pad}{derives}");
        put!(out, "{pad}pub struct {name} {{");
        for member in members {
            match member.bits.as_slice() {
                [] => self.doc(&mut out, &said_of(&member.name), indent + 4),
                bits => {
                    let names: Vec<_> = bits.iter().map(|bit| format!("`{}`", bit.name)).collect();
                    let verb = if names.len() == 1 {
                        "lies; C has it as a bit-field"
                    } else {
                        "lie; C has them as bit-fields"
                    };
                    put!(out, "{pad}    /// Where {} {verb}.", and(&names));
                }
            }
            put!(out, "{pad}    pub {}: {},", raw(&member.name), member.ty);
        }
        put!(out, "{pad}}}");
        let shared: Vec<&Member<'_>> =
            members.iter().filter(|member| !member.bits.is_empty()).collect();
        for member in &shared {
            let constant = bits_constant(member, shared.len());
            let constant =
                if shared.len() == 1 { String::new() } else { format!(" as {constant}") };
            put!(out, "\n{pad}bits::bit_fields! {{");
            put!(out, "{pad}    {name}.{}: {}{constant} {{", raw(&member.name), member.ty);
            let mut from = 0;
            for bit in &member.bits {
                self.doc(&mut out, &said_of(&bit.name), indent + 8);
                let to = from + bit.bit_size;
                put!(out, "{pad}        {from}..{to} => {}, set_{};", raw(&bit.name), bit.name);
                from = to;
            }
            put!(out, "{pad}    }}\n{pad}}}");
        }
        let owner = self.owner_of(record);
        let natural = if packed { "" } else { "natural " };
        put!(out, "\n{pad}layout::wire_layout! {{");
        put!(
            out,
            "{pad}    {natural}struct {name} of {owner}, size {size}, align {} {{",
            record.align
        );
        for member in members {
            put!(out, "{pad}        {} => {}: {},", member.offset, raw(&member.name), member.ty);
        }
        put!(out, "{pad}    }}\n{pad}}}");
        out
    }

    /// The constant with the string that owns a struct.
    fn owner_of(&mut self, record: &Record) -> String {
        let all = || self.model.promises().filter(|(_, contract)| !contract.unversioned);
        let covers = |contract: &Contract| {
            self.model.closure(contract).iter().any(|other| other.name == record.name)
        };
        let own = all().filter(|(header, _)| header.name == self.header.name);
        let others = all().filter(|(header, _)| header.name != self.header.name);
        let found = own.chain(others).find(|(_, contract)| covers(contract));
        let Some((header, contract)) = found else {
            let text = format!("{}, which has no version", self.header.include_path());
            if self.owner.is_none() {
                self.notes.push(format!(
                    "{}: no version covers struct {}: the next kernel cannot detect a change of it",
                    self.header.include_path(),
                    record.name
                ));
            }
            self.owner = Some(("NO_VERSION", text));
            return "NO_VERSION".into();
        };
        let Some(name) = carrier(header, contract) else {
            self.owner = Some(("VERSION_NAME", contract.compatible.clone()));
            return "VERSION_NAME".into();
        };
        if header.name != self.header.name {
            self.used.insert((header.name.clone(), name.clone()));
        }
        raw(&name)
    }
}

/// The constant of a header whose text names a version.
pub(super) fn carrier(header: &Header, contract: &Contract) -> Option<String> {
    if let Some(name) = contract.name.as_ref().filter(|name| !name.value.is_empty()) {
        return Some(name.macro_name.clone());
    }
    match contract.version {
        None => Some(contract.macro_name.clone()),
        Some(version) => {
            let base = contract.compatible.strip_suffix(&format!("-v{version}"))?;
            let mut constants = header.constants();
            let found = constants.find(|one| one.value == Value::Str(base.into()))?;
            Some(found.name.clone())
        }
    }
}

pub(super) fn name_of(kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Constant(number) => Some(raw(&number.constant.name)),
        Kind::Enum(item, _) if item.name.is_empty() => None,
        Kind::Enum(item, _) => Some(raw(&item.name)),
        Kind::Record(record, ..) => Some(raw(&record.name)),
        Kind::Macro(item) => Some(raw(&item.name)),
    }
}

pub(super) fn bits_constant(member: &Member<'_>, shared: usize) -> String {
    if shared == 1 {
        "BIT_FIELDS".into()
    } else {
        member.name.to_ascii_uppercase()
    }
}
