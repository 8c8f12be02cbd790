// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes frozen layouts: one field per line, so that a change is a line in a review.

use kho_abi_model::put;
use kho_abi_model::{Constant, Header, Item, Model, Packing, Record, Value};
use kho_abi_read::frozen::{self, Frozen, Part, Status, NONE};
use std::collections::BTreeSet;

/// Renders the frozen layout of a contract.
///
/// Columns have fixed widths, so that a long name in a new line does not change the others.
#[must_use]
pub fn render(frozen: &Frozen) -> String {
    let mut out = String::new();
    out.push_str("# SPDX-License-Identifier: GPL-2.0-only OR MIT\n");
    out.push_str(
        "# Frozen layout, written by `kho-abi freeze`. Once released, it never changes.\n",
    );
    put!(out, "format      {}", frozen::format(frozen));
    put!(out, "compatible  {}", frozen.contract.compatible);
    let known = |text: &str| if text.is_empty() { NONE.to_string() } else { text.to_string() };
    put!(out, "macro       {}", known(&frozen.contract.macro_name));
    put!(out, "header      {}", known(&frozen.header));
    put!(out, "status      {}", frozen.status);
    let roots = &frozen.contract.roots;
    put!(out, "roots       {}", if roots.is_empty() { NONE.into() } else { roots.join(" ") });
    if let Some(version) = frozen.contract.version {
        put!(out, "version     {version}");
    }
    if let Some(name) = &frozen.contract.name {
        put!(out, "string      {}  {:?}", name.macro_name, name.value);
    }
    for (key, parts) in [("unknown", &frozen.unknown), ("given", &frozen.given)] {
        if !parts.is_empty() {
            let words: Vec<_> = parts.iter().map(|part| part.word()).collect();
            put!(out, "{key:<12}{}", words.join(" "));
        }
    }
    if let Some(size) = frozen.kernel_pages {
        put!(out, "pages       {size}");
    }
    if !frozen.constants.is_empty() {
        out.push('\n');
    }
    for Constant { name, page_size, value, .. } in &frozen.constants {
        let page = page_size.map(|size| format!("  page {size}")).unwrap_or_default();
        match value {
            Value::Int(value) => put!(out, "constant {name}{page}  {value}"),
            Value::Str(value) => put!(out, "constant {name}{page}  {value:?}"),
        }
    }
    for node in &frozen.contract.nodes {
        put!(out, "\nnode {}", node.path);
        for property in &node.properties {
            let size = property.size.map_or_else(|| "string".into(), |size| size.to_string());
            put!(out, "property  {size:>6}  {}", property.name);
        }
    }
    for record in &frozen.records {
        let packing = match record.packing {
            _ if frozen.unknown.contains(&Part::Packing) => String::new(),
            Packing::Packed => format!("  align {}  packed", record.align),
            Packing::Natural => format!("  align {}  natural", record.align),
        };
        let keyword = record.kind.keyword();
        let page = record.page_size.map(|size| format!("  page {size}")).unwrap_or_default();
        put!(out, "\n{keyword} {}{page}  size {}{packing}", record.name, record.size);
        out.push_str("  offset    size  type                      name\n");
        for field in &record.fields {
            let (offset, size) = if field.bit_field {
                let bit = field.bit_offset % 8;
                (format!("{}.{bit}", field.offset()), format!("{}b", field.bit_size))
            } else {
                (field.offset().to_string(), field.size().to_string())
            };
            let ty = field.ty.by_value().spelling();
            let name = if field.name.is_empty() { NONE } else { &field.name };
            put!(out, "{offset:>8}  {size:>6}  {ty:<24}  {name}");
        }
    }
    out
}

/// What to freeze of a contract: its closure, its constants and its nodes, for every page size that
/// they depend on; without documentation and places.
#[must_use]
pub fn of(model: &Model, header: &Header, compatible: &str, status: Status) -> Option<Frozen> {
    let mut contract = header.contracts.iter().find(|c| c.compatible == compatible).cloned()?;
    let mut records = Vec::new();
    for record in model.closure(&contract) {
        let others = model.other_pages_of(&record.name).filter_map(Item::record);
        records.extend(std::iter::once(record).chain(others).map(Record::bare));
    }
    let mut constants = Vec::new();
    for name in &contract.constants {
        let others = model.other_pages_of(name).flat_map(Item::constants);
        let all = model.constant(name).into_iter().chain(others);
        constants.extend(all.filter(|constant| &constant.name == name).map(bare));
    }
    for property in contract.nodes.iter_mut().flat_map(|node| &mut node.properties) {
        property.doc.clear();
    }
    let (unknown, given) = (BTreeSet::new(), BTreeSet::new());
    let (header, kernel_pages) = (header.include_path(), None);
    Some(Frozen { contract, header, status, constants, records, unknown, given, kernel_pages })
}

fn bare(constant: &Constant) -> Constant {
    Constant { expr: None, doc: String::new(), place: None, ..constant.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_model::{RecordKind, Value};
    use kho_abi_read::frozen::parse;

    const TEXT: &str = "\
# a comment
format      1
compatible  x-v1
macro       X_COMPATIBLE
header      linux/kho/abi/x.h
status      released
roots       x_ser

struct x_ser  size 40  align 1  packed
  offset    size  type                      name
     0.0     52b  u64                       pfn
     6.4     12b  u64                       flags
       8      16  char[16]                  name
      24      16  struct y_ser[2][2]        y

union y_ser  size 4  align 4  natural
  offset    size  type                      name
       0       4  s32                       z
";

    #[test]
    fn reads_what_the_writer_writes() {
        let frozen = parse(TEXT).unwrap();
        assert_eq!(frozen.records[0].fields[1].bit_offset, 52);
        assert_eq!(frozen.records[0].fields[3].ty.spelling(), "struct y_ser[2][2]");
        assert_eq!(frozen.records[1].kind, RecordKind::Union);
        let written = render(&frozen);
        assert_eq!(parse(&written).unwrap(), frozen);
        assert!(written.contains("\n     6.4     12b  u64                       flags\n"));
    }

    const SECOND: &str = "\
format      2
compatible  x-v1
macro       X_VERSION
header      linux/kho/abi/x.h
status      draft
roots       x
version     1

constant X_NAME  \"a  \\\"b\"
constant X_LEN  page 4096  511
constant X_LEN  page 65536  8191
constant X_LOW  -1

node /
property  string  compatible
property       8  start

struct x  page 4096  size 4096  align 8  natural
  offset    size  type                      name
       0       8  DECLARE_KHOSER_PTR(struct x *)  next
       8    4088  u64[511]                  phys

struct x  page 65536  size 65536  align 8  natural
  offset    size  type                      name
       0       8  DECLARE_KHOSER_PTR(struct x *)  next
       8   65528  u64[8191]                 phys
";

    #[test]
    fn the_second_format_goes_round_and_is_as_strict() {
        let frozen = parse(SECOND).unwrap();
        assert_eq!(frozen.constants[0].value, Value::Str("a  \"b".into()));
        assert_eq!(frozen.contract.constants, ["X_NAME", "X_LEN", "X_LOW"]);
        assert_eq!(frozen.contract.nodes[0].properties[1].size, Some(8));
        assert_eq!(frozen.records[1].page_size, Some(65536));
        let written = render(&frozen);
        assert_eq!(parse(&written).as_ref(), Ok(&frozen), "{written}");
        let changes = [
            ("format      2", "format      1", 1),
            ("version     1", "version     one", 7),
            ("X_LEN  page 65536", "X_LEN  page 4096", 11),
            ("  511", "  5l1", 10),
            ("page 4096  511", "page 4O96  511", 10),
            ("\\\"b\"", "\\\"b", 9),
            ("node /", "mode /", 14),
            ("property  string", "property  text", 15),
            ("struct x  page 65536", "struct x  page 4096", 23),
            ("(struct x *)", "(struct x)", 20),
        ];
        for (from, to, line) in changes {
            let broken = SECOND.replacen(from, to, 1);
            assert_ne!(broken, SECOND, "{from}");
            assert_eq!(parse(&broken).map_err(|error| error.line), Err(line), "{to}");
        }
    }

    const THIRD: &str = "\
format      3
compatible  x@2
macro       X_VERSION
header      linux/kho/abi/x.h
status      draft
roots       x
version     2
string      X_COMPATIBLE  \"x  \\\"y\"

struct x  size 4  align 1  packed
  offset    size  type                      name
       0       4  u32                       version
";

    #[test]
    fn the_third_format_has_the_string_beside_the_number() {
        let frozen = parse(THIRD).unwrap();
        assert_eq!(frozen.contract.string(), Some("x  \"y"));
        let written = render(&frozen);
        assert_eq!(parse(&written).as_ref(), Ok(&frozen), "{written}");
        let string = THIRD.lines().nth(7).unwrap();
        let twice = format!("{string}\n{string}");
        let changes = [
            ("format      3", "format      2", 1),
            ("string ", "strong ", 8),
            ("X_COMPATIBLE  ", "X_COMPATIBLE ", 8),
            ("X_COMPATIBLE", "X-COMPATIBLE", 8),
            ("\\\"y\"", "\\\"y\"c", 8),
            (string, "", 1),
            (string, &twice, 9),
        ];
        for (from, to, line) in changes {
            let broken = THIRD.replacen(from, to, 1);
            assert_ne!(broken, THIRD, "{from}");
            assert_eq!(parse(&broken).map_err(|error| error.line), Err(line), "{to}");
        }
    }

    const FOURTH: &str = "\
format      4
compatible  x-v1
macro       X_COMPATIBLE
header      linux/kho/abi/x.h
status      draft
roots       x_ser

struct x_ser  size 16  align 1  packed
  offset    size  type                      name
       0       8  union x_ser.0             -
       8       8  struct x_ser.token[2]     token

union x_ser.0  size 8  align 8  natural
  offset    size  type                      name
       0       8  u64                       raw

struct x_ser.token  size 4  align 4  natural
  offset    size  type                      name
       0       4  u32                       number
";

    #[test]
    fn the_fourth_format_has_structs_and_unions_without_a_name() {
        let frozen = parse(FOURTH).unwrap();
        assert_eq!(frozen.records[0].fields[0].name, "");
        assert_eq!(frozen.records[1].name, "x_ser.0");
        assert_eq!(frozen.records[0].fields[1].ty.embedded(), Some("x_ser.token"));
        let written = render(&frozen);
        assert_eq!(parse(&written).as_ref(), Ok(&frozen), "{written}");
        let changes = [
            ("format      4", "format      1", 1),
            ("x_ser.0             -", "x_ser.-a            -", 10),
            ("x_ser.token[2]", "x_ser.to-ken[2]", 11),
            ("struct x_ser.token  size", "struct x_ser.token.  size", 17),
            ("x_ser.0             -", "x_ser.              -", 10),
            ("x_ser.0             -", ".0                  -", 10),
            ("x_ser.0             -", "x_ser.0             -.", 10),
            ("union x_ser.0  size", "union x_ser..0  size", 13),
        ];
        for (from, to, line) in changes {
            let broken = FOURTH.replacen(from, to, 1);
            assert_ne!(broken, FOURTH, "{from}");
            assert_eq!(parse(&broken).map_err(|error| error.line), Err(line), "{to}");
        }
    }

    const FIFTH: &str = "\
format      5
compatible  x-v1
macro       -
header      -
status      draft
roots       x_ser
unknown     header packing pages
given       roots
pages       65536

struct x_ser  size 8
  offset    size  type                      name
       0       8  u64                       raw
";

    #[test]
    fn the_fifth_format_is_of_a_kernel_and_may_have_its_page_size() {
        let frozen = parse(FIFTH).unwrap();
        assert_eq!(frozen.kernel_pages, Some(65536));
        let written = render(&frozen);
        assert_eq!(parse(&written).as_ref(), Ok(&frozen), "{written}");
        let without = FIFTH.replace("pages       65536\n", "");
        assert_eq!(parse(&without).unwrap().kernel_pages, None);
        let twice = "pages       65536\npages       4096";
        let changes = [
            ("pages       65536", twice, 10),
            ("pages       65536", "pages       many", 9),
            ("pages       65536", "pages       65535", 9),
            ("packing pages", "packing", 9),
            ("unknown     header packing pages\ngiven       roots\n", "", 7),
        ];
        for (from, to, line) in changes {
            let broken = FIFTH.replacen(from, to, 1);
            assert_ne!(broken, FIFTH, "{from}");
            assert_eq!(parse(&broken).map_err(|error| error.line), Err(line), "{to}");
        }
    }

    #[test]
    fn refuses_every_line_that_is_not_understood() {
        let changes = [
            ("format      1", "format      2", 2),
            ("format      1", "format      3", 2),
            ("format      1", "format      4", 2),
            ("status      released", "status      open", 6),
            ("roots       x_ser", "roots       x_ser w", 7),
            ("macro ", "makro ", 4),
            ("size 40", "size 39", 14),
            ("size 40", "size -1", 9),
            ("size 40", "size 18446744073709551615", 9),
            ("packed", "tight", 9),
            ("union y_ser", "union x_ser", 16),
            ("  char[16] ", "  char[16  ", 13),
            ("  s32", "  s33", 18),
            ("6.4     12b", "6.4     12 ", 12),
            ("6.4     12b", "6.9     12b", 12),
            ("pfn", "p fn", 11),
        ];
        for (from, to, line) in changes {
            let broken = TEXT.replacen(from, to, 1);
            assert_ne!(broken, TEXT, "{from}");
            assert_eq!(parse(&broken).map_err(|error| error.line), Err(line), "{to}");
        }
        assert_eq!(parse("").map_err(|error| error.line), Err(1));
    }
}
