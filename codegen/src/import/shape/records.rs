// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The structs of a header: their members in a wire file, or why a wire file has no such struct.

use super::numbers::of_page_size;
use super::{Member, Shaper, SizeOf, Why};
use kho_abi_model::{Field, Packing, Record, RecordKind, Type};

impl<'a> Shaper<'a, '_> {
    pub(super) fn record(
        &mut self,
        record: &'a Record,
        all: [&'a Record; 3],
    ) -> Result<(Vec<Member<'a>>, SizeOf), Why> {
        let line = record.place.as_ref().map_or(0, |place| place.line);
        let name = &record.name;
        if record.kind == RecordKind::Union {
            return Err((
                line,
                format!("union {name}: a wire file cannot have unions, since the next kernel cannot know \
                         which member is meant"),
                "give each form a struct, and say in another field which one it is".into(),
            ));
        }
        if record.fields.is_empty() {
            return Err((
                line,
                format!("struct {name} has no fields"),
                "remove it from the header".into(),
            ));
        }
        if all.iter().any(|other| other.fields.len() != record.fields.len()) {
            return Err((
                line,
                format!("struct {name} has different fields for different page sizes"),
                "give it the same fields for every page size".into(),
            ));
        }
        let mut members = Vec::new();
        let mut at = 0;
        while at < record.fields.len() {
            let field = &record.fields[at];
            if field.bit_field {
                let bits = shared(record, at)?;
                let Type::Int { bits: width, signed: false } = field.ty else {
                    return Err(refused(
                        field,
                        record,
                        "a bit-field that is signed",
                        "use an unsigned type",
                    ));
                };
                let taken = bits.len();
                members.push(Member {
                    name: storage_name(record, &bits),
                    ty: format!("u{width}"),
                    offset: field.offset(),
                    bits,
                });
                at += taken;
                continue;
            }
            let types = all.map(|other| &other.fields[at].ty);
            if all.iter().any(|other| other.fields[at].bit_offset != field.bit_offset) {
                return Err(refused(
                    field,
                    record,
                    "its offset depends on the page size",
                    "put what depends on the page size at the end",
                ));
            }
            if field.name.is_empty() {
                let what = "it is a struct or union without a name";
                return Err(refused(field, record, what, "give it a name, and a struct a tag"));
            }
            let text = self.outline.field(name, &field.name).cloned();
            let is_last = at + 1 == record.fields.len();
            let ty = self
                .rust_type(types, field, text.as_ref(), is_last)
                .map_err(|(why, help)| refused(field, record, &why, &help))?;
            members.push(Member {
                name: field.name.clone(),
                ty,
                offset: field.offset(),
                bits: Vec::new(),
            });
            at += 1;
        }
        self.alignment(record, line)?;
        let sizes = all.map(|other| i128::from(other.size));
        let size = if sizes[0] == sizes[1] && sizes[0] == sizes[2] {
            record.size.to_string()
        } else {
            of_page_size(sizes).ok_or_else(|| {
                let what =
                    format!("the size of struct {name} is not a linear function of the page size");
                (line, what, "make it a page, or a part of one".to_string())
            })?
        };
        Ok((members, size))
    }

    /// Refuses padding, and alignments that an attribute asks for.
    fn alignment(&self, record: &Record, line: usize) -> Result<(), Why> {
        let name = &record.name;
        let holes = record.holes();
        if let Some((offset, size)) = holes.first() {
            return Err((
                line,
                format!(
                    "struct {name} has {size} {} of padding at byte {offset}, which would hand over what lay there before",
                    if *size == 1 { "byte" } else { "bytes" }
                ),
                "give the padding a name as a field, which code sets to 0".into(),
            ));
        }
        let natural = record.fields.iter().map(|field| self.align_of(&field.ty)).max().unwrap_or(1);
        let expected = match record.packing {
            Packing::Packed => 1,
            Packing::Natural => natural,
        };
        if record.align != expected {
            return Err((
                line,
                format!(
                    "struct {name} is aligned to {} bytes by an attribute, but its fields need \
                         {expected}",
                    record.align
                ),
                "remove the attribute: the code that allocates preserved memory aligns it".into(),
            ));
        }
        Ok(())
    }

    fn align_of(&self, ty: &Type) -> u64 {
        match ty {
            Type::Int { bits, .. } | Type::Ordered { bits, .. } => u64::from(bits / 8),
            Type::Char => 1,
            Type::Pointer | Type::KhoserPtr { .. } => 8,
            Type::Array { elem, .. } => self.align_of(elem),
            Type::Struct { name } | Type::Union { name } => {
                self.find(name).map_or(1, |(_, found)| found.align)
            }
        }
    }
}

fn refused(field: &Field, record: &Record, why: &str, help: &str) -> Why {
    let line = field.place.as_ref().map_or(0, |place| place.line);
    let name =
        if field.name.is_empty() { "a field".into() } else { format!("field `{}`", field.name) };
    (line, format!("struct {}: {name}: {why}", record.name), help.into())
}

/// The bit-fields that share an integer, from one on: they fill it, or are refused.
fn shared(record: &Record, at: usize) -> Result<Vec<&Field>, Why> {
    let first = &record.fields[at];
    let Type::Int { bits: width, .. } = first.ty else {
        return Err(refused(first, record, "a bit-field of no integer type", "use u8 to u64"));
    };
    let width = u64::from(width);
    let mut bits = Vec::new();
    let mut filled = 0;
    for field in &record.fields[at..] {
        let follows = field.bit_offset == first.bit_offset + filled && field.ty == first.ty;
        if filled == width || !field.bit_field || !follows || filled + field.bit_size > width {
            break;
        }
        filled += field.bit_size;
        bits.push(field);
    }
    let starts = first.bit_offset.is_multiple_of(8);
    let lies = record.packing == Packing::Packed || first.bit_offset.is_multiple_of(width);
    if filled < width || !starts || !lies {
        let why = format!(
            "the bit-fields from here on cover {filled} of the {width} bits of their integer"
        );
        return Err(refused(first, record, &why, "give the other bits a name, as `reserved`"));
    }
    Ok(bits)
}

/// What the integer is called that bit-fields share.
fn storage_name(record: &Record, bits: &[&Field]) -> String {
    let name = match bits {
        [one] => format!("{}_bits", one.name),
        [one, two] => format!("{}_and_{}", one.name, two.name),
        [first, .., last] => format!("{}_to_{}", first.name, last.name),
        [] => String::new(),
    };
    let taken = |name: &str| record.fields.iter().any(|field| field.name == name);
    if taken(&name) {
        format!("{name}_bits")
    } else {
        name
    }
}
