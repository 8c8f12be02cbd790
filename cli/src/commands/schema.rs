// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi schema`: the JSON Schemas of the output of `--format json`, derived from the types that
//! are written.

use crate::complete::words;
use crate::output::{Failure, Outcome, Output, STRONG};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use kho_abi_codegen::write::json as layouts;
use kho_abi_inspect::report::{json as images, lines};
use kho_abi_inspect::status;
use kho_abi_review::nearest;
use kho_abi_review::report;
use schemars::Schema;
use serde_json::json;
use std::ffi::OsStr;

const AFTER_HELP: &str = "\
Examples:
  kho-abi schema                  the names of all schemas
  kho-abi schema diff-1           one schema";

/// Print the JSON Schema of a command's output with --format json
///
/// Without a name, lists all schemas and the commands that write them.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The name of the schema
    #[arg(add = ArgValueCompleter::new(complete))]
    name: Option<String>,
}

/// A JSON format that commands write.
struct Form {
    /// The value of `schema` in a document, one for each command that writes this format.
    ids: &'static [&'static str],
    schema: fn() -> Schema,
}

impl Form {
    /// The first id without the program's name, as in a file name: `inspect-2`.
    fn name(&self) -> String {
        self.ids[0].trim_start_matches("kho-abi/").replace('/', "-")
    }

    fn schema(&self) -> Schema {
        let mut schema = (self.schema)();
        schema.insert("$id".into(), self.ids[0].into());
        schema.insert("title".into(), self.name().into());
        let is = match self.ids {
            [id] => json!({ "const": id }),
            ids => json!({ "enum": ids }),
        };
        if let Some(properties) = schema.get_mut("properties").and_then(|all| all.as_object_mut()) {
            properties.insert("schema".into(), is);
        }
        schema
    }
}

const FORMS: &[Form] = &[
    Form { ids: &[super::check::SCHEMA], schema: super::check::schema },
    Form {
        ids: &["kho-abi/diff/1", "kho-abi/review/1", "kho-abi/lint/1", "kho-abi/log/1"],
        schema: report::schema,
    },
    Form { ids: &[super::explain::SCHEMA], schema: super::explain::schema },
    Form { ids: &[super::generate::SCHEMA], schema: super::generate::schema },
    Form { ids: &[images::SCHEMA], schema: images::schema },
    Form { ids: &[super::inspect::all::SCHEMA], schema: super::inspect::all::schema },
    Form { ids: &[super::inspect::diff::SCHEMA], schema: super::inspect::diff::schema },
    Form { ids: &[super::inspect::extract::SCHEMA], schema: super::inspect::extract::schema },
    Form { ids: &[lines::SCHEMA], schema: lines::schema },
    Form { ids: &[layouts::SCHEMA], schema: layouts::schema },
    Form { ids: &[super::preflight::SCHEMA], schema: super::preflight::schema },
    Form { ids: &[status::SCHEMA], schema: kho_abi_model::schema_of::<status::Status> },
    Form { ids: &[super::verify::SCHEMA], schema: super::verify::schema },
];

/// The names that begin as what is typed.
fn complete(typed: &OsStr) -> Vec<CompletionCandidate> {
    words::matching(typed, FORMS.iter().map(Form::name))
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let Some(name) = &args.name else {
        let width = FORMS.iter().map(|form| form.name().len()).max().unwrap_or(0);
        for form in FORMS {
            let name = form.name();
            out.line(format_args!("{STRONG}{name:width$}{STRONG:#}  {}", form.ids.join(", ")));
        }
        return Ok(Outcome::Clean);
    };
    // Each command's own name will do, and what its documents say.
    let plain = |id: &str| id.trim_start_matches("kho-abi/").replace('/', "-");
    let is_it = |form: &&Form| form.ids.iter().any(|id| plain(id) == plain(name));
    let form = FORMS.iter().find(is_it).ok_or_else(|| {
        let names: Vec<String> = FORMS.iter().map(Form::name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Failure {
            message: format!("unknown schema '{name}'"),
            help: format!("{}`kho-abi schema` lists them all", nearest::question(name, &names)),
        }
    })?;
    out.json(&form.schema());
    Ok(Outcome::Clean)
}
