// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi import`: a Rust wire file of a C header that is there already.

use crate::output::{note, Destination, Failure, Inputs, Outcome, Output, Replace};
use kho_abi_codegen::import::{self, Imported, Place, WireFile};
use kho_abi_show::names;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
All of the header is imported, or nothing: what a wire file cannot say, such as a pointer, a union or padding, \
is refused with its line. Code is left out, and a note says so. The wire file asserts the layout that clang \
computed, so it does not compile where rustc computes another one.

Examples:
  kho-abi import include/linux/kho/abi/luo.h                 print it
  kho-abi import include/linux/kho/abi/luo.h -o abi/src/wire/luo.rs
  kho-abi import include/linux/kho/abi/ring.h --own-crate -o src/ring.rs

Exit status: 0 when it is imported, 1 when it is refused, 2 when it could not be read.";

/// Make a Rust wire file of a C header
///
/// The wire file has the header's structs, constants, strings and documentation, and asserts its layout.
/// `kho-abi generate` makes a header of it again with the same layouts, constants and strings.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The header; the ABI headers that it includes are looked for beside it
    #[arg(value_name = "HEADER")]
    header: PathBuf,
    /// Write for a crate of your own, which names kho-abi, rather than for abi/src/wire
    #[arg(long)]
    own_crate: bool,
    /// Where to write the wire file; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Replace the file that -o names, if there is one with something in it
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
            message: format!("the wire file says that it is {file}, not {}", names::shown(named)),
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
        "what remains: `pub mod {module};`, and `&{module}::HEADER` in the list of headers{}",
        if args.own_crate { "" } else { ", both in abi/src/wire/mod.rs" }
    ));
    Ok(Outcome::Clean)
}
