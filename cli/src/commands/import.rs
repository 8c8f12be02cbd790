// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi import`: a Rust wire file of a C header that is there already.

use crate::output::{note, Destination, Failure, Inputs, Outcome, Output, Replace};
use kho_abi_codegen::import::{self, Imported, Place, WireFile};
use kho_abi_show::names;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Imports the whole header or nothing: what a wire file cannot express, such as a pointer, a union or \
padding, is refused with its line. Code is left out with a note. The wire file asserts the layout that \
clang computed, so it does not compile if rustc computes another one.

Examples:
  kho-abi import include/linux/kho/abi/luo.h                 print it
  kho-abi import include/linux/kho/abi/luo.h -o abi/src/wire/luo.rs
  kho-abi import include/linux/kho/abi/ring.h --own-crate -o src/ring.rs

Exit status: 0 when imported, 1 when refused, 2 when the header cannot be read.";

/// Make a Rust wire file from a C header
///
/// The wire file has the header's structs, constants, strings and documentation, and asserts its layout.
/// `kho-abi generate` makes a header from it with the same layouts, constants and strings.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The header; the ABI headers that it includes are searched for beside it
    #[arg(value_name = "HEADER")]
    header: PathBuf,
    /// Write for a crate of your own, which depends on kho-abi, instead of for abi/src/wire
    #[arg(long)]
    own_crate: bool,
    /// Where to write the wire file; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Overwrite the -o file if it exists and is not empty
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let to =
        Destination::new(Some(&args.output), &Inputs::of([&args.header]), Replace::by(args.force))?;
    let place = if args.own_crate { Place::OwnCrate } else { Place::Beside };
    let imported = import::import(&args.header, place)
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    let WireFile { file, text, notes } = match imported {
        Imported::Wire(wire) => wire,
        Imported::Refused(findings) => {
            out.findings(&findings);
            return Ok(Outcome::Findings);
        }
    };
    let named = args.output.file_name().filter(|_| !to.is_standard());
    if let Some(named) = named.filter(|named| *named != file.as_str()) {
        return Err(Failure {
            message: format!("the wire file must be named {file}, not {}", names::shown(named)),
            help: format!("write it to {}", names::shown(args.output.with_file_name(&file))),
        });
    }
    if to.is_standard() {
        out.raw(&text);
    } else {
        to.write(|to| std::io::Write::write_all(to, text.as_bytes()))?;
        out.line(to.shown());
    }
    for said in notes {
        note(format_args!("note: {said}"));
    }
    let module = file.trim_end_matches(".rs");
    note(format_args!(
        "next: add `pub mod {module};`, and `&{module}::HEADER` to the list of headers{}",
        if args.own_crate { "" } else { ", both in abi/src/wire/mod.rs" }
    ));
    Ok(Outcome::Clean)
}
