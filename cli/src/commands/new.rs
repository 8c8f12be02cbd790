// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi new`: a contract begun.

use super::{checkout_of_types, models};
use crate::output::{note, Failure, Outcome, Output};
use kho_abi_codegen::new;
use std::path::Path;

const AFTER_HELP: &str = "\
Examples:
  kho-abi new ring-buffer    abi/src/wire/ring_buffer.rs, with \"ring-buffer-v1\" and struct ring_buffer_ser

Exit status: 0 when the contract is written, 2 when the command could not run.";

/// Start a contract: write its wire file and its lines in the lists, and freeze a draft of its layout
///
/// Works in a checkout of kho-abi. The file has one struct with one field, and compiles. The header, unit
/// tests and bindings are generated. After that, change the types as often as you like: the layout is a
/// draft.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A name for what is handed over, used for the header and the string: letters, digits, `-` and `_`
    name: String,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let instead = "write a header with a compatible string, and run `kho-abi freeze`";
    let checkout = checkout_of_types(root, instead)?;
    let (current, earlier) = models()?;
    let begun = new::new(&checkout, &current, &earlier, &args.name)
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    for path in &begun.written {
        out.line(checkout.display(path));
    }
    let (compatible, wire_file) = (&begun.compatible, checkout.display(&begun.wire_file));
    note(format_args!("Created \"{compatible}\". Next steps:"));
    note(format_args!("  1. write the types and their documentation in {wire_file}"));
    note(format_args!("  2. `cargo run -- generate` and `cargo run -- freeze {compatible}`"));
    note("  3. `make bless`, and review what it changed");
    note(format_args!("  4. `cargo run -- kernel-patch {compatible} --tree LINUX`"));
    Ok(Outcome::Clean)
}
