// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi layout`: prints the layouts of structs.

use super::judging::Reading as SourceReading;
use super::{known_contracts, models, note_stale, project_here, word};
use crate::complete::words;
use crate::output::{note, Failure, Outcome, Output};
use clap::ValueEnum;
use clap_complete::engine::ArgValueCompleter;
use kho_abi_codegen::{draw, write};
use kho_abi_model::reading::{Gap, Knows, Reading};
use kho_abi_model::{Contract, Header, Item, Model, PageVariant, Record, Target};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_review::diff::open;
use kho_abi_review::nearest;
use kho_abi_review::project;
use std::collections::BTreeSet;
use std::path::Path;

const AFTER_HELP: &str = "\
In a kernel tree, or in any repository with a kho-abi.toml, this shows the structs of its headers. \
Elsewhere, and in a checkout of kho-abi, it shows those that this program was compiled with.

Examples:
  kho-abi layout                     all structs
  kho-abi layout vfio-pci-v1         what one contract promises
  kho-abi layout luo_file_ser        one struct
  kho-abi layout --root ~/linux      that tree's headers
  kho-abi layout --source vmlinux    what a built kernel has, from its DWARF or BTF
  kho-abi layout --source git:v7.3 luo-v5
                                     one contract of a revision
  kho-abi layout --source /sys/kernel/btf/vmlinux task_struct
                                     any struct of the running kernel
  kho-abi layout luo-v5 --format svg > luo.svg
  kho-abi layout --format html > layouts.html

A SOURCE is a vmlinux, a module, a bzImage, raw BTF, a kernel tree, a directory with headers, one header, \
a frozen layout, git:REV, `snapshots` or `abi`. What it lacks is not shown, but listed on standard error.

Exit status: 0 when everything that was asked for is shown, 2 when it cannot be.";

/// What says how a source is read means nothing without one.
fn of_a_source(arg: clap::Arg) -> clap::Arg {
    match arg.get_id().as_str() {
        "git_dir" | "target" | "page_size" | "btf" | "btf_base" | "snapshots" | "catalogue" => {
            arg.requires("source")
        }
        _ => arg,
    }
}

/// How layouts are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutFormat {
    /// For a terminal, like pahole
    Text,
    /// For programs, with a schema version
    Json,
    /// A picture: bytes and bits to scale, cache lines, holes, what leads where
    Svg,
    /// A page for a browser, with pictures and tables
    Html,
    /// reStructuredText, for the kernel's documentation
    Rst,
    /// Tables for a forge
    Markdown,
}

/// Show how structs are laid out, like pahole
///
/// Shows each field with its offset and size in bytes, each hole, and at the end of a struct its totals
/// and the compatible strings that promise it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, mut_args = of_a_source)]
pub(crate) struct Args {
    /// Structs by name, or contracts by compatible string, including earlier versions; all if none is
    /// given
    #[arg(value_name = "STRUCT|CONTRACT", add = ArgValueCompleter::new(words::contracts_and_structs))]
    names: Vec<String>,
    /// Show another source: anything that `diff` reads
    #[arg(long, value_name = "SOURCE", value_parser = word())]
    source: Option<String>,
    #[command(flatten)]
    reading: SourceReading,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: LayoutFormat,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    if let Some(word) = &args.source {
        return of_source(args, word, out);
    }
    let (current, earlier) = if let Some(project) = project_here(root)? {
        let read = project::held(&project)?;
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
    print(args, &write(args, &selected, None), out);
    Ok(Outcome::Clean)
}

fn print(args: &Args, text: &str, out: &mut Output) {
    if args.format == LayoutFormat::Text {
        out.text(text);
    } else {
        out.raw(text);
    }
}

/// The structs of a source, as far as it shows them.
fn of_source(args: &Args, word: &str, out: &mut Output) -> Result<Outcome, Failure> {
    let mut options = args.reading.options()?;
    // A kernel has any number of structs; it is searched for those that are asked for.
    options.structs = args.names.iter().filter(|name| is_identifier(name)).cloned().collect();
    let reading = open::open(word, &options)?.reading;
    let model = &reading.model;
    let names = known_names(&args.names, &reading, &options.catalogue)?;
    let selected = if args.names.is_empty() {
        vec![(model, model.clone())]
    } else {
        select(&names, model, &[])?
    };
    let is_drawn = !matches!(args.format, LayoutFormat::Text | LayoutFormat::Json);
    let knows = reading.knows;
    if is_drawn && !(knows.packing && knows.strings && knows.absence) {
        return Err(Failure {
            message: format!(
                "{word} lacks some of what this format shows: {}",
                knows.unknown().join(", ")
            ),
            help: "give headers, or take --format text or json".into(),
        });
    }
    // A document has it in itself.
    if args.format != LayoutFormat::Json {
        note_unknown(&reading, &names, &selected);
    }
    // A document has constants and strings as well.
    let is_empty = |part: &Model| {
        if args.format == LayoutFormat::Json {
            return part.headers.is_empty();
        }
        let mut nodes = part.contracts().flat_map(|(_, contract)| &contract.nodes);
        part.records().next().is_none() && nodes.next().is_none()
    };
    if selected.iter().all(|(_, part)| is_empty(part)) {
        return Err(Failure {
            message: format!("{word} has no struct that is handed over"),
            help:
                "give the name of a struct: any struct of a kernel with BTF or DWARF can be shown"
                    .into(),
        });
    }
    print(args, &write(args, &selected, Some(&reading)), out);
    Ok(Outcome::Clean)
}

/// Reports what a source does not say about what is shown.
fn note_unknown(reading: &Reading, names: &[String], selected: &[(&Model, Model)]) {
    let shown: BTreeSet<&str> = selected
        .iter()
        .flat_map(|(_, part)| part.records().map(|(_, record)| &*record.name))
        .chain(names.iter().map(String::as_str))
        .collect();
    for Gap { item, why } in &reading.gaps {
        if item.is_empty() || names.is_empty() || shown.contains(&**item) {
            note(format_args!("note: {why}"));
        }
    }
    let unknown = reading.knows.unknown();
    if !unknown.is_empty() {
        note(format_args!("note: this source does not contain {}", unknown.join(", ")));
    }
}

fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The names that were given; for a contract whose string a source does not contain, the structs with which it is
/// known to begin.
fn known_names(
    names: &[String],
    reading: &Reading,
    catalogue: &Catalogue,
) -> Result<Vec<String>, Failure> {
    let model = &reading.model;
    let mut found = Vec::new();
    for name in names {
        if model.contract(name).is_some() || model.record(name).is_some() {
            found.push(name.clone());
            continue;
        }
        if let Some(gap) = reading.gaps.iter().find(|gap| gap.item == *name) {
            return Err(Failure {
                message: format!("{}: {name} cannot be shown: {}", reading.name, gap.why),
                help: "give a source that shows it".into(),
            });
        }
        let known = std::iter::once(catalogue.current()?).chain(catalogue.earlier()?);
        let mut known = known.filter_map(|model| Some((model, model.contract(name)?.1)));
        let there = |record: &&Record| model.record(&record.name).is_some();
        let of_it = known.next().filter(|_| !reading.knows.strings).map(|(known, contract)| {
            known.closure(contract).into_iter().filter(there).map(|r| r.name.clone()).collect()
        });
        let of_it: Vec<String> = of_it.unwrap_or_default();
        if of_it.is_empty() {
            return Err(unknown(name, model, &[]));
        }
        note(format_args!(
            "note: this source has no strings: the structs of {name} were found by their \
             names, in whatever version"
        ));
        found.extend(of_it);
    }
    Ok(found)
}

/// The selected parts in the requested format; `reading` says what a source other than the types does not know.
fn write<'a>(args: &Args, selected: &'a [(&'a Model, Model)], reading: Option<&Reading>) -> String {
    let asked_for =
        |contract: &Contract| args.names.is_empty() || args.names.contains(&contract.compatible);
    let part = |(whole, shown): &'a (&'a Model, Model)| draw::Part {
        whole,
        shown,
        contracts: {
            let contracts = shown.promises().map(|(_, contract)| contract);
            contracts.filter(|c| asked_for(c)).map(|c| c.compatible.clone()).collect()
        },
    };
    let parts = || selected.iter().map(part).collect::<Vec<_>>();
    match args.format {
        LayoutFormat::Text => {
            let knows = reading.map_or(&Knows::ALL, |reading| &reading.knows);
            let mut texts = Vec::new();
            for (whole, part) in selected {
                // Only the whole model shows which contracts promise a struct.
                let records = part.records();
                texts.extend(records.map(|(_, record)| write::text::render(whole, record, knows)));
                let contracts = part.contracts().map(|(_, contract)| contract);
                let contracts = contracts.filter(|c| !c.nodes.is_empty() && asked_for(c));
                texts.extend(contracts.map(write::text::render_nodes));
            }
            texts.join("\n")
        }
        LayoutFormat::Json => {
            let target = reading.map_or(Target::HOST, |reading| reading.model.target);
            let headers = selected.iter().flat_map(|(_, part)| part.headers.clone()).collect();
            let other_pages =
                selected.iter().flat_map(|(_, part)| part.other_pages.clone()).collect();
            write::json::render(&Model { target, headers, other_pages }, reading)
        }
        LayoutFormat::Svg => draw::svg::render(&parts()),
        LayoutFormat::Html => draw::html::render(&parts()),
        LayoutFormat::Rst => draw::rst::render(&parts()),
        LayoutFormat::Markdown => draw::markdown::render(&parts()),
    }
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
        // A struct's name means the current version; a string says which version it means.
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
