// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi explain`: a rule with its reason.

use crate::output::{Failure, Format, Outcome, Output, STRONG};
use kho_abi_codegen::rules::{self, Rule};
use serde::Serialize;

/// Explain a rule: what it finds, why that matters, what to do
///
/// Without a rule, all are listed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The id of the rule, as findings show it in brackets
    rule: Option<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    rules: &'a [Rule],
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let rules = match &args.rule {
        None => rules::all(),
        Some(id) => vec![*rules::find(id).ok_or_else(|| unknown(id))?],
    };
    let rules = rules.as_slice();
    if args.format == Format::Json {
        out.json(&Document { schema: "kho-abi/explain/1", rules });
    } else if args.rule.is_none() {
        let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        for Rule { id, summary, .. } in rules {
            out.line(format_args!("{STRONG}{id:width$}{STRONG:#}  {summary}"));
        }
    } else {
        for Rule { id, summary, reason, example, remedy } in rules {
            out.line(format_args!("{STRONG}{id}{STRONG:#}\n  {summary}\n"));
            out.line(format_args!("  Why:      {reason}"));
            out.line(format_args!("  Example:  {example}"));
            out.line(format_args!("  Remedy:   {remedy}"));
        }
    }
    Ok(Outcome::Clean)
}

fn unknown(id: &str) -> Failure {
    Failure {
        message: format!("there is no rule '{id}'"),
        help: "`kho-abi explain` lists them all".into(),
    }
}
