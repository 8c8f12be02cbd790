// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A page for each header: its contracts now, drawn; how they changed from kernel to kernel; who has
//! them.

use crate::{kernels, Failure, Page};
use kho_abi::wire::earlier::reused::{Kernel, KERNELS};
use kho_abi_codegen::draw::escape::{markdown, markdown_code};
use kho_abi_codegen::draw::{self, html, Part};
use kho_abi_model::{put, Contract, Header, Item, Model, Record, Value};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::frozen::{self, Status};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A version of a contract, with the model that has it.
struct Version<'a> {
    model: &'a Model,
    header: &'a Header,
    contract: &'a Contract,
    status: Option<Status>,
    is_current: bool,
}

pub(crate) fn pages(root: &Path) -> Result<Vec<Page>, Failure> {
    let catalogue = Catalogue::built_in();
    let current = catalogue.current().map_err(Failure::new)?;
    let earlier = catalogue.earlier().map_err(Failure::new)?;
    let statuses = statuses(&root.join("snapshots"))?;
    let mut versions = Vec::new();
    for model in std::iter::once(current).chain(earlier) {
        versions.extend(model.contracts().map(|(header, contract)| Version {
            model,
            header,
            contract,
            status: statuses.get(&contract.compatible).copied(),
            is_current: std::ptr::eq(model, current),
        }));
    }
    let known: BTreeSet<&str> = versions.iter().map(|v| v.contract.compatible.as_str()).collect();
    if let Some(lost) = statuses.keys().find(|compatible| !known.contains(compatible.as_str())) {
        return Err(Failure::new(format!("{lost} is frozen, and no type is known for it")));
    }
    let headers = current.headers.iter().filter(|header| !header.contracts.is_empty());
    let mut pages = vec![index(&versions)];
    for header in headers {
        let mut own: Vec<_> = versions.iter().filter(|v| v.header.name == header.name).collect();
        // The newest first; what no kernel has yet is newer than all.
        let first = |v: &&Version<'_>| {
            let has = |kernel: &Kernel| kernel.compatible.contains(&v.contract.compatible.as_str());
            KERNELS.iter().position(has).unwrap_or(usize::MAX)
        };
        own.sort_by_key(|version| (!version.is_current, Reverse(first(version))));
        pages.push(page(current, header, &own));
    }
    Ok(pages)
}

/// Whether each frozen layout is released.
fn statuses(dir: &Path) -> Result<BTreeMap<String, Status>, Failure> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(Failure::at(dir))? {
        let path = entry.map_err(Failure::new)?.path();
        if path.extension().is_some_and(|end| end == "layout") {
            let text = fs::read_to_string(&path).map_err(Failure::at(&path))?;
            let frozen = frozen::parse(&text)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            found.insert(frozen.contract.compatible.clone(), frozen.status);
        }
    }
    Ok(found)
}

fn status(version: &Version<'_>) -> &'static str {
    match version.status {
        Some(Status::Draft) => "draft: its layout may still change",
        Some(Status::Released) if kernels::of(&version.contract.compatible).is_none() => {
            "frozen; in no kernel yet"
        }
        Some(Status::Released) => "released: its layout never changes",
        None => "not frozen",
    }
}

/// All versions, and those that are on their way.
fn index(versions: &[Version<'_>]) -> Page {
    let mut out = String::from(
        "# All contracts\n\nA contract is one version, and the bytes that it promises. A kernel that finds the version believes the bytes. Each \
         page shows the layouts of one header, and its history.\n\n",
    );
    let row = |out: &mut String, version: &Version<'_>| {
        let Version { header, contract, .. } = version;
        put!(
            out,
            "| [{}]({}.md) | {} | {} | {} |",
            markdown_code(&contract.compatible),
            header.name,
            status(version),
            kernels::of(&contract.compatible).unwrap_or_else(|| "none yet".into()),
            markdown_code(&header.include_path())
        );
    };
    let head = "| Contract | Status | Kernels | Header |\n|---|---|---|---|";
    put!(out, "## Current versions\n\n{head}");
    for version in versions.iter().filter(|version| version.is_current) {
        row(&mut out, version);
    }
    put!(out, "\n## Earlier versions\n\n{head}");
    for version in versions.iter().filter(|version| !version.is_current) {
        row(&mut out, version);
    }
    put!(out, "\n## On their way\n\nIn no released kernel yet:\n");
    for version in versions.iter().filter(|v| kernels::of(&v.contract.compatible).is_none()) {
        let Version { header, contract, .. } = version;
        put!(
            out,
            "- [{}]({}.md): {}",
            markdown_code(&contract.compatible),
            header.name,
            markdown(title(header))
        );
    }
    Page { title: "All contracts".into(), path: "contracts/index.md".into(), text: out }
}

/// What a header is about, in a line.
fn title(header: &Header) -> &str {
    header.doc.lines().next().filter(|line| !line.is_empty()).unwrap_or(&header.name)
}

fn page(current: &Model, header: &Header, versions: &[&Version<'_>]) -> Page {
    let mut out = format!(
        "# {}\n\nHeader {}.\n",
        markdown(title(header)),
        markdown_code(&header.include_path())
    );
    put!(out, "\n| Version | Status | Kernels |\n|---|---|---|");
    for version in versions {
        let compatible = &version.contract.compatible;
        let kernels = kernels::of(compatible).unwrap_or_else(|| "none yet".into());
        put!(out, "| {} | {} | {kernels} |", markdown_code(compatible), status(version));
    }
    // The truth's comments are Markdown, with rustdoc's links.
    let about = header.doc.split_once('\n').map_or("", |(_, rest)| rest);
    put!(out, "\n{}", about.trim().replace("[`", "`").replace("`]", "`"));
    let shown = shown(current, header);
    let contracts = header.contracts.iter().map(|contract| contract.compatible.clone()).collect();
    let parts = [Part { whole: current, shown: &shown, contracts }];
    for piece in html::pieces(&parts) {
        let mark = if piece.is_inner { "###" } else { "##" };
        put!(out, "\n{mark} {} {{#{}}}\n\n{}", markdown(&piece.title), piece.anchor, piece.html);
    }
    let reused: String =
        versions.iter().map(|version| kernels::reuse(&version.contract.compatible)).collect();
    if !reused.is_empty() {
        put!(out, "\n## One string, different bytes\n{reused}");
    }
    out.push_str(&history(header, versions));
    let names = header.contracts.iter().map(|contract| contract.compatible.as_str());
    let title = names.collect::<Vec<_>>().join(", ");
    Page { title, path: format!("contracts/{}.md", header.name), text: out }
}

/// The header with every struct that its contracts promise, wherever that is defined.
fn shown(model: &Model, header: &Header) -> Model {
    let mut header = header.clone();
    for contract in header.contracts.clone() {
        for record in model.closure(&contract) {
            if !header.records().any(|own| own.name == record.name) {
                header.items.push(Item::Record(record.clone()));
            }
        }
    }
    Model { headers: vec![header], ..model.clone() }
}

/// What kernels had at a time.
struct Time<'a> {
    /// As `Linux 7.2, 7.3`.
    kernels: String,
    versions: Vec<&'a Version<'a>>,
}

impl Time<'_> {
    fn label(&self) -> String {
        let names = self.versions.iter().map(|v| markdown_code(&v.contract.compatible));
        format!("{} ({})", names.collect::<Vec<_>>().join(", "), self.kernels)
    }

    fn records(&self) -> BTreeMap<&str, &Record> {
        let records = self.versions.iter().flat_map(|v| v.model.closure(v.contract));
        records.map(|record| (record.name.as_str(), record)).collect()
    }

    fn constants(&self) -> BTreeMap<&str, &Value> {
        let all = self
            .versions
            .iter()
            .flat_map(|v| v.contract.constants.iter().filter_map(|name| v.model.constant(name)));
        all.map(|constant| (constant.name.as_str(), &constant.value)).collect()
    }

    /// The properties of device trees, each with its size.
    fn properties(&self) -> BTreeSet<String> {
        let nodes = self.versions.iter().flat_map(|v| &v.contract.nodes);
        let properties = nodes.flat_map(|node| {
            node.properties.iter().map(|property| {
                let size =
                    property.size.map_or_else(|| "a string".into(), |size| format!("{size} bytes"));
                format!(
                    "{} of {}, {size}",
                    markdown_code(&property.name),
                    markdown_code(&node.path)
                )
            })
        });
        properties.collect()
    }
}

fn history(header: &Header, versions: &[&Version<'_>]) -> String {
    let mut times: Vec<Time<'_>> = Vec::new();
    for kernel in KERNELS {
        let has = |v: &&&Version<'_>| kernel.compatible.contains(&v.contract.compatible.as_str());
        let having: Vec<&Version<'_>> = versions.iter().filter(has).copied().collect();
        let names = |all: &[&Version<'_>]| -> BTreeSet<String> {
            all.iter().map(|v| v.contract.compatible.clone()).collect()
        };
        match times.last_mut() {
            _ if having.is_empty() => {}
            Some(last) if names(&last.versions) == names(&having) => {
                last.kernels = format!("{}, {}", last.kernels, kernel.release);
            }
            _ => {
                times.push(Time { kernels: format!("Linux {}", kernel.release), versions: having });
            }
        }
    }
    let mut out = String::from("\n## History {#history}\n");
    let first = times.first().map_or_else(
        || "No released kernel has it. It is known from posted patches.".into(),
        |first| format!("The first known version: {}.", first.label()),
    );
    put!(out, "\n{first}");
    if times.len() > 1 {
        put!(out, "\n{}", draw::key_of_colours().0);
    }
    for pair in times.windows(2) {
        put!(out, "\n### From {} to {}\n", pair[0].label(), pair[1].label());
        step(&mut out, header, &pair[0], &pair[1]);
    }
    out
}

/// What became of everything from one time to the next.
fn step(out: &mut String, header: &Header, old: &Time<'_>, new: &Time<'_>) {
    let (before, after) = (old.records(), new.records());
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let mut same = Vec::new();
    let mut pictures = Vec::new();
    let mut lists = Vec::new();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) if old.bare() == new.bare() => same.push(markdown_code(name)),
            (None, Some(_)) if header.records().any(|own| own.name == name) => {
                lists.push(format!("new: [struct {}](#struct-{name})", markdown_code(name)));
            }
            (old, new) => pictures.push((name, old.copied(), new.copied())),
        }
    }
    let (before, after) = (old.constants(), new.constants());
    let spell = |value: &Value| match value {
        Value::Int(value) => value.to_string(),
        Value::Str(value) => format!("{value:?}"),
    };
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for name in names {
        let code = markdown_code(name);
        match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) => {
                let (old, new) = (spell(old), spell(new));
                lists.push(format!(
                    "{code} was {}, is {}",
                    markdown_code(&old),
                    markdown_code(&new)
                ));
            }
            (Some(old), None) => {
                lists.push(format!("removed: {code}, {}", markdown_code(&spell(old))));
            }
            (_, new) => {
                let value = new.map(|new| spell(new)).unwrap_or_default();
                lists.push(format!("new: {code}, {}", markdown_code(&value)));
            }
        }
    }
    let (before, after) = (old.properties(), new.properties());
    lists.extend(
        before.difference(&after).map(|gone| format!("removed: device-tree property {gone}")),
    );
    lists.extend(
        after.difference(&before).map(|fresh| format!("new: device-tree property {fresh}")),
    );
    for what in &lists {
        put!(out, "- {what}");
    }
    if !same.is_empty() {
        put!(out, "- as before: {}", same.join(", "));
    }
    if pictures.is_empty() && lists.is_empty() {
        put!(out, "\nThe same bytes under another version.");
    }
    for (name, old, new) in pictures {
        let what = match (old, new) {
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
            _ => "new",
        };
        let picture = draw::changed(old, new).0.replace('\n', " ");
        put!(
            out,
            "\n#### struct {}: {what}\n\n<div class=\"k-part\">{picture}</div>",
            markdown(name)
        );
    }
}
