// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! C text that holds a compiler to a model, and what a compiler puts into an object file.

use kho_abi::wire::bits;
use kho_abi_model::{Item, Model, Record, Value};
use kho_abi_read::headers::STAND_IN;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The compilers that build kernels, each with the names that it may be installed under.
pub(crate) const COMPILERS: &[(&str, &[&str])] =
    &[("gcc", &["gcc"]), ("clang", &["clang-19", "clang"])];

/// Compiles C text against the headers in a directory and the stand-ins, and returns the object.
/// `Err` is what the compiler says, be it a warning.
pub(crate) fn compile(
    compiler: &str,
    headers: &Path,
    text: &str,
    more: &[&str],
) -> Result<Vec<u8>, String> {
    let (_, programs) = COMPILERS.iter().find(|(name, _)| *name == compiler).unwrap();
    let works = |program: &&&str| {
        Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success())
    };
    let Some(program) = programs.iter().find(works) else {
        panic!("{compiler} is not installed\n  help: install it; its package has its name");
    };
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in STAND_IN {
        let path = dir.path().join("stand-in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(dir.path().join("test.c"), text).unwrap();
    let out = Command::new(program)
        .current_dir(dir.path())
        .env("LC_ALL", "C")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-nostdinc", "-Istand-in", "-I"])
        .arg(headers)
        .args(more)
        .args(["-c", "test.c", "-o", "test.o"])
        .output()
        .unwrap();
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned());
    }
    Ok(fs::read(dir.path().join("test.o")).unwrap())
}

/// Includes every header of a model, each twice, to see its guard work.
pub(crate) fn includes(model: &Model) -> String {
    let paths =
        model.headers.iter().map(|header| format!("#include <{}>\n", header.include_path()));
    paths.map(|line| line.repeat(2)).collect()
}

/// C that compiles where, and only where, the headers say what the model says.
pub(crate) fn assertions(model: &Model) -> String {
    let mut out = String::new();
    for item in model.headers.iter().flat_map(|header| &header.items) {
        for constant in item.constants() {
            let name = &constant.name;
            match &constant.value {
                Value::Int(value) => assert(&mut out, name, &format!("{name} == {value}")),
                Value::Str(value) => {
                    assert(&mut out, name, &format!("sizeof({name}) == {}", value.len() + 1));
                    let test = format!("__builtin_strcmp({name}, {value:?}) == 0");
                    assert(&mut out, name, &test);
                }
            }
        }
        if let Item::Record(record) = item {
            let tag = format!("{} {}", record.kind.keyword(), record.name);
            assert(&mut out, &record.name, &format!("sizeof({tag}) == {}", record.size));
            assert(&mut out, &record.name, &format!("_Alignof({tag}) == {}", record.align));
            for field in record.fields.iter().filter(|field| !field.bit_field) {
                let place = format!("{}.{}", record.name, field.name);
                let offset = format!("__builtin_offsetof({tag}, {})", field.name);
                assert(&mut out, &place, &format!("{offset} == {}", field.offset()));
                let member = format!("sizeof((({tag} *)0)->{})", field.name);
                assert(&mut out, &place, &format!("{member} == {}", field.size()));
            }
        }
    }
    out
}

fn assert(out: &mut String, place: &str, condition: &str) {
    let _ = writeln!(out, "_Static_assert({condition}, \"{place}\");");
}

/// Bytes that stand before a value in an object file.
const MARK: &[u8] = b"<kho-abi-probe>\0";

/// C that puts a record with these bit-fields into an object file, behind [`MARK`].
pub(crate) fn bit_field_probe(record: &Record, values: &[(&str, u64)]) -> String {
    let tag = format!("{} {}", record.kind.keyword(), record.name);
    let fields: Vec<_> = values.iter().map(|(name, value)| format!(".{name} = {value}")).collect();
    format!(
        "struct probe {{ char mark[16]; {tag} record; }} __attribute__((__packed__));\n\
         extern const struct probe probe;\n\
         const struct probe probe = {{ \"<kho-abi-probe>\", {{ {} }} }};\n",
        fields.join(", ")
    )
}

/// The bytes of that record in the object file.
pub(crate) fn probed(object: &[u8], size: u64) -> Vec<u8> {
    let at =
        object.windows(MARK.len()).position(|window| window == MARK).expect("the mark is there");
    let start = at + MARK.len();
    object[start..start + usize::try_from(size).unwrap()].to_vec()
}

/// The bytes that the model says such a record has: bit-fields of 64-bit integers, and nothing else.
pub(crate) fn expected(record: &Record, values: &[(&str, u64)], big_endian: bool) -> Vec<u8> {
    let mut words = vec![0u64; usize::try_from(record.size / 8).unwrap()];
    for field in record.fields.iter().filter(|field| field.bit_field) {
        let Some((_, value)) = values.iter().find(|(name, _)| *name == field.name) else {
            continue;
        };
        let bit = u32::try_from(field.bit_offset % 64).unwrap();
        let width = u32::try_from(field.bit_size).unwrap();
        let word = &mut words[usize::try_from(field.bit_offset / 64).unwrap()];
        *word |= value << bits::shift(bit, width, big_endian);
    }
    let bytes = |word: &u64| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    words.iter().flat_map(bytes).collect()
}
