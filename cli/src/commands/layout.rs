// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi layout`: prints the layouts of structs.

use super::{known_contracts, models, note_stale, project_here};
use crate::complete::words;
use crate::output::{note, Failure, Format, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_codegen::write;
use kho_abi_model::{Contract, Header, Item, Model, PageVariant, Target};
use kho_abi_review::nearest;
use kho_abi_review::project;
use std::collections::BTreeSet;
use std::path::Path;

const AFTER_HELP: &str = "\
In a kernel tree, or in any repository with a kho-abi.toml, the structs of its headers are shown; \
elsewhere, and in a checkout of kho-abi, those that this program was compiled with.

Examples:
  kho-abi layout                     all structs
  kho-abi layout vfio-pci-v1         what one contract promises
  kho-abi layout luo_file_ser        one struct
  kho-abi layout --root ~/linux      of that tree's headers";

/// Show how structs are laid out, as pahole does
///
/// Each field with its offset and size in bytes, holes where they are, and at the end of a struct
/// its totals and the compatible strings that promise it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Structs by name, contracts by compatible string, also earlier versions; all if none is given
    #[arg(value_name = "STRUCT|CONTRACT", add = ArgValueCompleter::new(words::contracts_and_structs))]
    names: Vec<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let (current, earlier) = if let Some(project) = project_here(root)? {
        let read = project::read::headers(&project)?;
        for gap in &read.gaps {
            note(format_args!("note: {}", gap.why));
        }
        (read.model, Vec::new())
    } else {
        note_stale(root);
        models()?
    };
    let selected = if args.names.is_empty() {
        vec![(&current, current.clone())]
    } else {
        select(&args.names, &current, &earlier)?
    };
    let asked_for =
        |contract: &Contract| args.names.is_empty() || args.names.contains(&contract.compatible);
    match args.format {
        Format::Text => {
            let mut texts = Vec::new();
            for (whole, part) in &selected {
                // Only the whole model shows which contracts promise a struct.
                let records = part.records();
                texts.extend(records.map(|(_, record)| write::text::render(whole, record)));
                let contracts = part.contracts().map(|(_, contract)| contract);
                let contracts = contracts.filter(|c| !c.nodes.is_empty() && asked_for(c));
                texts.extend(contracts.map(write::text::render_nodes));
            }
            out.raw(&texts.join("\n"));
        }
        Format::Json => {
            let headers = selected.iter().flat_map(|(_, part)| part.headers.clone()).collect();
            let other_pages =
                selected.iter().flat_map(|(_, part)| part.other_pages.clone()).collect();
            out.raw(&write::json::render(&Model { target: Target::HOST, headers, other_pages }));
        }
    }
    Ok(Outcome::Clean)
}

/// The requested parts of each model, with the model, in the order of the models.
fn select<'a>(
    names: &[String],
    current: &'a Model,
    earlier: &'a [Model],
) -> Result<Vec<(&'a Model, Model)>, Failure> {
    let models: Vec<_> = std::iter::once(current).chain(earlier).collect();
    // Structs by name, contracts by string: no C name has a hyphen.
    let mut wanted: Vec<BTreeSet<String>> = vec![BTreeSet::new(); models.len()];
    for name in names {
        // A struct's name means the current version. A string says which version it means.
        let by_string = models.iter().position(|model| model.contract(name).is_some());
        if let Some(index) = by_string {
            let model = models[index];
            if let Some((_, contract)) = model.contract(name) {
                wanted[index].extend(model.closure(contract).iter().map(|r| r.name.clone()));
                wanted[index].insert(name.clone());
            }
        } else if let Some(index) = models.iter().position(|model| model.record(name).is_some()) {
            // A struct that no longer exists is shown as the oldest version has it.
            wanted[index].insert(name.clone());
        } else {
            return Err(unknown(name, current, earlier));
        }
    }
    let chosen = models.iter().zip(&wanted).filter(|(_, wanted)| !wanted.is_empty());
    Ok(chosen.map(|(model, wanted)| (*model, part(model, wanted))).collect())
}

/// The model with only these structs and contracts, and the constants of their headers.
fn part(model: &Model, wanted: &BTreeSet<String>) -> Model {
    let keep = |item: &Item| item.record().is_none_or(|record| wanted.contains(&record.name));
    let of_interest = |header: &&Header| {
        header.records().any(|record| wanted.contains(&record.name))
            || header.contracts.iter().any(|contract| wanted.contains(&contract.compatible))
    };
    let headers: Vec<_> = model
        .headers
        .iter()
        .filter(of_interest)
        .map(|header| Header {
            items: header.items.iter().filter(|item| keep(item)).cloned().collect(),
            ..header.clone()
        })
        .collect();
    let kept = |item: &&Item| {
        headers.iter().flat_map(|header| &header.items).any(|kept| kept.name() == item.name())
    };
    let pages = |pages: &PageVariant| PageVariant {
        items: pages.items.iter().filter(kept).cloned().collect(),
        ..pages.clone()
    };
    let mut other_pages: Vec<_> = model.other_pages.iter().map(pages).collect();
    other_pages.retain(|pages| !pages.items.is_empty());
    Model { headers, other_pages, ..model.clone() }
}

fn unknown(name: &str, current: &Model, earlier: &[Model]) -> Failure {
    let structs: Vec<_> = current.records().map(|(_, record)| record.name.as_str()).collect();
    let mut contracts = known_contracts(current);
    for model in earlier {
        contracts = format!("{contracts}, {}", known_contracts(model));
    }
    let known: Vec<&str> = contracts.split(", ").chain(structs.iter().copied()).collect();
    let question = nearest::question(name, &known);
    Failure {
        message: format!("'{name}' is neither a struct nor a compatible string"),
        help: format!("{question}contracts: {contracts}; structs: {}", structs.join(", ")),
    }
}
