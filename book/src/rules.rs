// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every rule with its example, as `kho-abi explain` has it; rules of a comparison with the pair of headers that
//! their test has, drawn.

use crate::{commands, Failure, Page};
use kho_abi_codegen::draw::escape::{markdown, markdown_code};
use kho_abi_codegen::draw::{self, html};
use kho_abi_model::{put, Record};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Document {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    summary: String,
    reason: String,
    example: String,
    remedy: String,
}

/// What is read of a comparison.
#[derive(Deserialize)]
struct Compared {
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Section {
    contracts: Vec<Contract>,
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Contract {
    structs: Vec<Struct>,
}

#[derive(Deserialize)]
struct Struct {
    name: String,
    old: Option<Record>,
    new: Option<Record>,
}

#[derive(Deserialize)]
struct Event {
    rule: String,
    what: String,
}

pub(crate) fn page(root: &Path, kho_abi: &Path) -> Result<Page, Failure> {
    let text = commands::output(kho_abi, &["explain", "--format", "json"])?;
    let document: Document = serde_json::from_str(&text).map_err(Failure::new)?;
    if document.rules.len() < 20 {
        return Err(Failure::new("`kho-abi explain` lists hardly a rule"));
    }
    let mut out = String::from(
        "# Rules\n\nEach finding shows its rule in brackets. `kho-abi explain RULE` prints one of these.\n\n",
    );
    put!(out, "| Rule | What it finds |\n|---|---|");
    for rule in &document.rules {
        put!(out, "| [{}](#{}) | {} |", markdown_code(&rule.id), rule.id, markdown(&rule.summary));
    }
    put!(out, "\n{}", draw::key_of_colours().0);
    let mut drawn = 0;
    for Rule { id, summary, reason, example, remedy } in &document.rules {
        put!(out, "\n## {} {{#{id}}}\n\n{}", markdown_code(id), markdown(summary));
        for (what, text) in [("Why", reason), ("Example", example), ("Remedy", remedy)] {
            put!(out, "\n**{what}.** {}", markdown(text));
        }
        let pair = root.join("review/tests/rules").join(id);
        if pair.is_dir() {
            drawn += 1;
            out.push_str(&pair_drawn(kho_abi, id, &pair)?);
        }
    }
    if drawn < 20 {
        return Err(Failure::new("hardly a rule of a comparison has a pair of headers"));
    }
    Ok(Page { title: "Rules".into(), path: "rules.md".into(), text: out })
}

/// What the rule finds in the pair of headers of its test, and the structs that differ there.
fn pair_drawn(kho_abi: &Path, id: &str, pair: &Path) -> Result<String, Failure> {
    let [old, new] = ["old", "new"].map(|side| pair.join(side).display().to_string());
    let arguments = ["diff", &old, &new, "--format", "json", "--page-size", "4096"];
    let text = commands::output_with(kho_abi, &arguments, &[0, 1])?;
    let compared: Compared = serde_json::from_str(&text).map_err(Failure::new)?;
    let events = compared.sections.iter().flat_map(|section| &section.events);
    let found: Vec<_> = events.filter(|event| event.rule == id).collect();
    let mut out = String::new();
    for event in &found {
        put!(out, "\n<p>For example: {}.</p>", html::inline(&event.what).0);
    }
    let contracts = compared.sections.iter().flat_map(|section| &section.contracts);
    let structs = contracts.flat_map(|contract| &contract.structs);
    // Of several, one shows what is meant.
    if let Some(first) = structs.into_iter().next().filter(|_| !found.is_empty()) {
        let picture = draw::changed(first.old.as_ref(), first.new.as_ref()).0;
        let name = html::inline(&format!("`struct {}`", first.name)).0;
        put!(out, "\n<div class=\"k-part\"><p>{name}</p>{}</div>", picture.replace('\n', " "));
    }
    Ok(out)
}
