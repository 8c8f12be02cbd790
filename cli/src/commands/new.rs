// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi new`: a contract begun.

use super::{checkout_of_types, models};
use crate::output::{note, Failure, Outcome, Output};
use kho_abi_codegen::new;
use std::path::Path;

const AFTER_HELP: &str = "\
Examples:
  kho-abi new ring-buffer    abi/src/wire/ring_buffer.rs, with \"ring-buffer-v1\" and struct ring_buffer_ser

Exit status: 0 when it is written, 2 when it could not be.";

/// Begin a contract: a wire file, its lines in the lists, and the draft of its layout
///
/// In a checkout of kho-abi. The file has one struct with one field, and compiles; header, unit tests and
/// bindings are generated. Then the types can be changed, as often as need be: the layout is a draft.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What is handed over, as a name for the header and the string: letters, digits, `-` and `_`
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
    note(format_args!("\"{compatible}\" is begun. What remains:"));
    note(format_args!("  1. say in {wire_file} what is handed over, with types and documentation"));
    note(format_args!("  2. `cargo run -- generate` and `cargo run -- freeze {compatible}`"));
    note("  3. `make bless`, and review what it changed");
    note(format_args!("  4. `cargo run -- kernel-patch {compatible} --tree LINUX`"));
    Ok(Outcome::Clean)
}
