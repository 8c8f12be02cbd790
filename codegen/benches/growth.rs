// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How the time to read the truth and to render its headers grows with the number of structs,
//! compared with cbindgen as a library on the same source.
//!
//! The structs are generated, in two shapes: all in one header, or ten in each header, as in
//! reality. Every second struct embeds the previous one. Growth is linear if the time per struct is
//! the same in every line.

use kho_abi::wire::layout::{Contract, FieldLayout, Header, NamedStr, StructLayout};
use kho_abi_codegen::generate;
use kho_abi_model::Model;
use kho_abi_read::truth;
use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const SIZES: &[u32] = &[10, 100, 1_000, 10_000];

/// How structs are distributed over headers.
#[derive(Clone, Copy)]
enum Shape {
    OneHeader,
    TenPerHeader,
}

fn main() -> Result<(), Box<dyn Error>> {
    for (shape, name) in [
        (Shape::OneHeader, "all structs in one header"),
        (Shape::TenPerHeader, "ten structs in each header"),
    ] {
        println!("{name}; microseconds per struct, the fastest of several runs");
        println!(
            "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}",
            "structs", "parse", "read", "render", "together", "growth", "cbindgen", "ratio"
        );
        let mut before = None;
        for &size in SIZES {
            let structs = size as usize;
            let headers: &'static [Header] = synthesize(structs, shape).leak();
            let headers: Vec<_> = headers.iter().collect();
            let runs = (20_000 / structs).clamp(3, 100);
            let (parse, items) = fastest(runs, || {
                let parsed = headers.iter().map(|header| syn::parse_file(header.source));
                parsed.map(|file| file.map(|file| file.items.len())).sum::<syn::Result<usize>>()
            })?;
            assert!(items >= structs, "every struct is parsed");
            let (read, model) = fastest(runs, || truth::read(&headers))?;
            let (render, generated) =
                fastest(runs, || Ok::<_, Box<dyn Error>>(generate::render(&model)))?;
            let asserted = generated.iter().map(|h| h.text.matches("(sizeof(").count());
            assert_eq!(asserted.sum::<usize>(), structs, "every struct is rendered");
            let (theirs, lowered) = fastest(runs.min(10), || cbindgen(&headers, &model))?;
            assert_eq!(lowered.matches("struct __packed ").count(), structs, "cbindgen agrees");

            let per = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(size);
            let together = per(read + render);
            let growth =
                before.map_or_else(|| "-".into(), |before| format!("{:.2}", together / before));
            println!(
                "{structs:>8} {:>10.2} {:>10.2} {:>10.2} {together:>10.2} {growth:>10} {:>10.2} {:>8.3}",
                per(parse),
                per(read),
                per(render),
                per(theirs),
                together / per(theirs)
            );
            before = Some(together);
        }
        println!();
    }
    Ok(())
}

fn fastest<T, E>(runs: usize, mut run: impl FnMut() -> Result<T, E>) -> Result<(Duration, T), E> {
    let mut best = None;
    for _ in 0..runs {
        let begin = Instant::now();
        let made = run()?;
        let took = begin.elapsed();
        best = match best {
            Some((fastest, kept)) if fastest <= took => Some((fastest, kept)),
            _ => Some((took, made)),
        };
    }
    Ok(best.expect("there is at least one run"))
}

/// What cbindgen makes of the same source, as one file.
fn cbindgen(headers: &[&Header], model: &Model) -> Result<String, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("lib.rs");
    let mut source = String::new();
    for header in headers {
        // A module's documentation must be at the start of a file.
        source.extend(
            header.source.lines().filter(|l| !l.starts_with("//!")).map(|l| format!("{l}\n")),
        );
    }
    std::fs::write(&path, source)?;
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Tag,
        ..cbindgen::Config::default()
    };
    config.layout.packed = Some("__packed".into());
    config.export.include = model.records().map(|(_, record)| record.name.clone()).collect();
    let bindings = cbindgen::Builder::new().with_src(&path).with_config(config).generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    Ok(String::from_utf8(text)?)
}

/// Wire files with that many structs, with documentation, embedded structs, and contracts.
///
/// They are leaked, since the truth is static.
fn synthesize(structs: usize, shape: Shape) -> Vec<Header> {
    let per_header = match shape {
        Shape::OneHeader => structs,
        Shape::TenPerHeader => 10,
    };
    (0..structs.div_ceil(per_header)).map(|index| header(index, per_header)).collect()
}

fn header(index: usize, structs: usize) -> Header {
    let name = leak(format!("made_up_{index}"));
    let mut source =
        format!("//! Header {index}\n//!\n//! It is made up, as `made_up_{index}_0_ser`.\n\n");
    let mut layouts = Vec::new();
    let mut contracts = Vec::new();
    for number in 0..structs {
        let tag = leak(format!("{name}_{number}_ser"));
        // Every second one embeds the previous one.
        let embedded = layouts.last().filter(|_| number % 2 == 1);
        layouts.push(record(&mut source, tag, embedded));
        if number % 10 == 9 {
            let macro_name = leak(format!("MADE_UP_{index}_{number}_COMPATIBLE"));
            let value = leak(format!("made-up-{index}-{number}-v1"));
            let _ = writeln!(source, "/// What the ten structs above are held to.");
            let _ = writeln!(source, "pub const {macro_name}: &str = \"{value}\";\n");
            contracts.push(Contract {
                compatible: NamedStr { name: macro_name, value },
                roots: layouts[number - 9..].to_vec().leak(),
                ..Contract::EMPTY
            });
        }
    }
    Header {
        name,
        file: leak(format!("{name}.rs")),
        source: leak(source),
        guard: leak(format!("_LINUX_{}_H", name.to_uppercase())),
        includes: &["linux/compiler.h", "linux/types.h"],
        structs: layouts.leak(),
        contracts: contracts.leak(),
        ..Header::EMPTY
    }
}

fn record(
    source: &mut String,
    name: &'static str,
    embedded: Option<&StructLayout>,
) -> StructLayout {
    let mut fields: Vec<(&'static str, &'static str, usize)> = vec![
        ("flags", "u64", 8),
        ("index", "u32", 4),
        ("kind", "u16", 2),
        ("state", "u8", 1),
        ("name", "[u8; 48]", 48),
        ("pages", "[u64; 4]", 32),
    ];
    if let Some(embedded) = embedded {
        fields.push(("before", embedded.name, embedded.size));
    }
    let _ = write!(
        source,
        "/// A struct that is made up.\n///\n/// Its `flags` say what `state` does not, and what a \
         reader of `{name}` may rely on.\n#[repr(C, packed)]\npub struct {name} {{\n"
    );
    let mut layouts = Vec::new();
    let mut offset = 0;
    for (field, ty, size) in fields {
        let _ = writeln!(source, "    /// What {field} is to the reader, in the order of the CPU.");
        let _ = writeln!(source, "    pub {field}: {ty},");
        layouts.push(FieldLayout { name: field, ty, offset, size });
        offset += size;
    }
    source.push_str("}\n\n");
    StructLayout { name, size: offset, size_stated: "", align: 1, fields: layouts.leak() }
}

fn leak(text: String) -> &'static str {
    text.leak()
}
