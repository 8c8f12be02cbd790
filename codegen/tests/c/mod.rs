// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Common parts of the tests of C: the compilers, C text that checks a compiler against a model,
//! and what a compiler puts into an object file.

use kho_abi::wire::bits;
use kho_abi_model::{Constant, Model, Record, Type, Value};
use kho_abi_read::headers::STAND_IN;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both compilers that build kernels, each with its possible names.
pub(crate) const COMPILERS: &[Compiler] = &[
    Compiler { name: "gcc", programs: &["gcc"], package: "gcc" },
    Compiler { name: "clang", programs: &["clang-19", "clang"], package: "clang-19" },
];

/// A C compiler.
pub(crate) struct Compiler {
    pub(crate) name: &'static str,
    programs: &'static [&'static str],
    package: &'static str,
}

impl Compiler {
    /// The program, ready for arguments. A missing compiler fails the test.
    pub(crate) fn command(&self) -> Command {
        let found = self.programs.iter().find(|program| {
            Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success())
        });
        let Some(program) = found else {
            panic!(
                "{} is not installed\n  help: run `make check`, which installs it, or install the \
                 package {}",
                self.name, self.package
            );
        };
        Command::new(program)
    }

    /// Compiles C text in a directory. `Err` is the compiler's output if it refuses.
    pub(crate) fn compile(&self, dir: &Path, text: &str, args: &[String]) -> Result<(), String> {
        std::fs::write(dir.join("test.c"), text).expect("the directory is ours");
        let out = self
            .command()
            .current_dir(dir)
            .env("LC_ALL", "C")
            .args(args)
            .args(["-c", "test.c", "-o", "test.o"])
            .output()
            .expect("the compiler was found");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        if out.status.success() {
            assert_eq!(said, "", "{} compiles, but not in silence", self.name);
            return Ok(());
        }
        Err(said)
    }
}

/// A directory of the checkout.
pub(crate) fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// `-I` for a directory.
pub(crate) fn include(dir: &Path) -> String {
    format!("-I{}", dir.display())
}

/// Compiles C text against the headers in a directory and the stand-ins, and returns the object.
/// `Err` is the output of the compiler of that name, including warnings.
pub(crate) fn compile(
    compiler: &str,
    headers: &Path,
    text: &str,
    more: &[&str],
) -> Result<Vec<u8>, String> {
    let compiler = COMPILERS.iter().find(|known| known.name == compiler).expect("it is listed");
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in STAND_IN {
        let path = dir.path().join("stand-in").join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
        std::fs::write(path, text).expect("it is ours");
    }
    let strict = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-nostdinc", "-Istand-in"];
    let mut args: Vec<String> = strict.map(Into::into).into();
    args.push(include(headers));
    args.extend(more.iter().map(ToString::to_string));
    compiler.compile(dir.path(), text, &args)?;
    Ok(std::fs::read(dir.path().join("test.o")).expect("it was just written"))
}

/// Includes every header of a model, each twice, to test its guard.
pub(crate) fn includes(model: &Model) -> String {
    let paths =
        model.headers.iter().map(|header| format!("#include <{}>\n", header.include_path()));
    paths.map(|line| line.repeat(2)).collect()
}

/// C that compiles if and only if the headers agree with the model.
pub(crate) fn assertions(model: &Model) -> String {
    format!("{}{}", includes(model), asserted(model, true))
}

/// As [`assertions`], without the headers, and without the types of fields: values, sizes and
/// offsets.
pub(crate) fn places(model: &Model) -> String {
    asserted(model, false)
}

fn asserted(model: &Model, types: bool) -> String {
    let mut out = String::new();
    for item in model.headers.iter().flat_map(|header| &header.items) {
        for Constant { name, value, .. } in item.constants() {
            match value {
                Value::Int(value) => assert(&mut out, name, &format!("{name} == {value}")),
                Value::Str(value) => {
                    // The size reveals a NUL inside the string, at which a comparison would stop.
                    let size = value.len() + 1;
                    assert(&mut out, name, &format!("sizeof({name}) == {size}"));
                    let test = format!("__builtin_strcmp({name}, {value:?}) == 0");
                    assert(&mut out, name, &test);
                }
            }
        }
        if let Some(record) = item.record() {
            record_assertions(&mut out, record, types);
        }
    }
    out
}

fn record_assertions(out: &mut String, record: &Record, types: bool) {
    let tag = format!("{} {}", record.kind.keyword(), record.name);
    assert(out, &record.name, &format!("sizeof({tag}) == {}", record.size));
    assert(out, &record.name, &format!("_Alignof({tag}) == {}", record.align));
    // Only a compiled program shows a compiler's bit-fields: see `page_sizes.rs`.
    for field in record.fields.iter().filter(|field| !field.bit_field) {
        let place = format!("{}.{}", record.name, field.name);
        let member = format!("(({tag} *)0)->{}", field.name);
        let offset = format!("__builtin_offsetof({tag}, {}) == {}", field.name, field.offset());
        assert(out, &place, &offset);
        assert(out, &place, &format!("sizeof({member}) == {}", field.size()));
        if !types {
            continue;
        }
        // The type of an array's element.
        let mut element = member;
        let mut ty = &field.ty;
        while let Type::Array { elem, .. } = ty {
            element.push_str("[0]");
            ty = elem;
        }
        let is = |what: &str| format!("_Generic({element}, {what}: 1, default: 0)");
        match ty {
            // Kernels spell an integer in several ways: only its width and its sign matter.
            Type::Int { bits, signed } => {
                assert(out, &place, &format!("sizeof({element}) == {}", bits / 8));
                let below = format!("(__typeof__({element}))-1 > (__typeof__({element}))0");
                assert(out, &place, &format!("({below}) == {}", i32::from(!signed)));
            }
            Type::Ordered { bits, .. } => {
                assert(out, &place, &format!("sizeof({element}) == {}", bits / 8));
            }
            Type::KhoserPtr { to } => {
                assert(out, &place, &format!("sizeof({element}.phys) == 8"));
                let pointer = format!("_Generic({element}.ptr, struct {to} *: 1, default: 0)");
                assert(out, &place, &pointer);
            }
            other => assert(out, &place, &is(&other.base())),
        }
    }
}

fn assert(out: &mut String, place: &str, condition: &str) {
    let _ = writeln!(out, "_Static_assert({condition}, \"{place}\");");
}

/// Bytes before a value in an object file.
const MARK: &[u8] = b"<kho-abi-probe>\0";

/// C that puts a record with these bit-fields into an object file, after [`MARK`].
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
    object[start..start + usize::try_from(size).expect("it is small")].to_vec()
}

/// The bytes of such a record according to the model: bit-fields of 64-bit integers, and nothing
/// else.
pub(crate) fn expected(record: &Record, values: &[(&str, u64)], big_endian: bool) -> Vec<u8> {
    let mut words = vec![0u64; usize::try_from(record.size / 8).expect("it is small")];
    for field in record.fields.iter().filter(|field| field.bit_field) {
        let Some((_, value)) = values.iter().find(|(name, _)| *name == field.name) else {
            continue;
        };
        let bit = u32::try_from(field.bit_offset % 64).expect("it is small");
        let width = u32::try_from(field.bit_size).expect("it is small");
        let word = &mut words[usize::try_from(field.bit_offset / 64).expect("it is small")];
        *word |= value << bits::shift(bit, width, big_endian);
    }
    let bytes = |word: &u64| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    words.iter().flat_map(bytes).collect()
}
