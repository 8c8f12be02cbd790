// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi explain`: a rule with its reason.

use crate::complete::words;
use crate::output::{Failure, Format, Outcome, Output, STRONG};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use kho_abi_inspect::rules as inspect_rules;
use kho_abi_review::nearest;
use kho_abi_review::rules::{self, Rule};
use schemars::JsonSchema;
use serde::Serialize;
use std::ffi::OsStr;

const AFTER_HELP: &str = "\
Examples:
  kho-abi explain                         every rule, one per line
  kho-abi explain compatible_not_bumped   one rule with its reason";

/// Explain a rule: what it finds, why that matters, what to do
///
/// Without a rule, lists all of them.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The rule's id, which findings show in brackets
    #[arg(add = ArgValueCompleter::new(complete))]
    rule: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The schema of a document.
pub(crate) const SCHEMA: &str = "kho-abi/explain/1";

#[derive(JsonSchema, Serialize)]
struct Document {
    schema: &'static str,
    rules: Vec<Rule>,
}

/// Every rule: of the types and their headers, of images, and of machines.
fn all() -> Vec<Rule> {
    let of_images = inspect_rules::all().map(|rule| {
        let inspect_rules::Rule { id, summary, reason, example, remedy } = *rule;
        Rule { id, summary, reason, example, remedy }
    });
    let mut all: Vec<Rule> = rules::all().into_iter().chain(of_images).collect();
    all.sort_by_key(|rule| rule.id);
    all
}

/// The ids that begin as what is typed.
fn complete(typed: &OsStr) -> Vec<CompletionCandidate> {
    words::matching(typed, all().into_iter().map(|rule| rule.id.to_string()))
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document>()
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut rules = all();
    if let Some(id) = &args.rule {
        rules.retain(|rule| rule.id == id);
        if rules.is_empty() {
            return Err(unknown(id));
        }
    }
    if args.format == Format::Json {
        out.json(&Document { schema: SCHEMA, rules });
    } else if args.rule.is_none() {
        let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        for Rule { id, summary, .. } in &rules {
            out.line(format_args!("{STRONG}{id:width$}{STRONG:#}  {summary}"));
        }
    } else {
        for Rule { id, summary, reason, example, remedy } in &rules {
            out.line(format_args!("{STRONG}{id}{STRONG:#}\n  {summary}\n"));
            out.line(format_args!("  Why:      {reason}"));
            out.line(format_args!("  Example:  {example}"));
            out.line(format_args!("  Remedy:   {remedy}"));
        }
    }
    Ok(Outcome::Clean)
}

fn unknown(id: &str) -> Failure {
    let rules = all();
    let ids: Vec<_> = rules.iter().map(|rule| rule.id).collect();
    Failure {
        message: format!("unknown rule '{id}'"),
        help: format!("{}`kho-abi explain` lists them all", nearest::question(id, &ids)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rules_have_one_id() {
        let all = all();
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(all.iter().any(|rule| rule.id == "page_not_preserved"));
        assert!(all.iter().any(|rule| rule.id == "frozen_layout_changed"));
    }
}
