// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the tests of generated C share: the compilers, and C text that holds a compiler to a model.

use kho_abi_model::{Constant, Model, Record, Type, Value};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both compilers that build kernels, each with the names that it may be installed under.
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
    /// The program, ready for arguments. A compiler that is missing fails the test.
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

    /// Compiles C text in a directory. `Err` is what the compiler says when it refuses.
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

/// C that compiles where, and only where, the headers of a model say what the model says.
///
/// Each header is included twice, to see its guard work.
pub(crate) fn assertions(model: &Model) -> String {
    let mut out = String::new();
    for header in &model.headers {
        let path = header.include_path();
        let _ = writeln!(out, "#include <{path}>\n#include <{path}>");
    }
    for item in model.headers.iter().flat_map(|header| &header.items) {
        for Constant { name, value, .. } in item.constants() {
            match value {
                Value::Int(value) => assert(&mut out, name, &format!("{name} == {value}")),
                Value::Str(value) => {
                    // The size finds a NUL within, which a comparison would stop at.
                    let size = value.len() + 1;
                    assert(&mut out, name, &format!("sizeof({name}) == {size}"));
                    let test = format!("__builtin_strcmp({name}, {value:?}) == 0");
                    assert(&mut out, name, &test);
                }
            }
        }
        if let Some(record) = item.record() {
            record_assertions(&mut out, record);
        }
    }
    out
}

fn record_assertions(out: &mut String, record: &Record) {
    let tag = format!("{} {}", record.kind.keyword(), record.name);
    assert(out, &record.name, &format!("sizeof({tag}) == {}", record.size));
    assert(out, &record.name, &format!("_Alignof({tag}) == {}", record.align));
    // What a compiler does with bit-fields is for a compiled program to tell: see `page_sizes.rs`.
    for field in record.fields.iter().filter(|field| !field.bit_field) {
        let place = format!("{}.{}", record.name, field.name);
        let member = format!("(({tag} *)0)->{}", field.name);
        let offset = format!("__builtin_offsetof({tag}, {}) == {}", field.name, field.offset());
        assert(out, &place, &offset);
        assert(out, &place, &format!("sizeof({member}) == {}", field.size()));
        // An array's element says what the array is of.
        let mut element = member;
        let mut ty = &field.ty;
        while let Type::Array { elem, .. } = ty {
            element.push_str("[0]");
            ty = elem;
        }
        let is = |what: &str| format!("_Generic({element}, {what}: 1, default: 0)");
        match ty {
            // Kernels spell an integer in more than one way: what counts is its width and its sign.
            Type::Int { bits, signed } => {
                assert(out, &place, &format!("sizeof({element}) == {}", bits / 8));
                let below = format!("(__typeof__({element}))-1 > (__typeof__({element}))0");
                assert(out, &place, &format!("({below}) == {}", i32::from(!signed)));
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
