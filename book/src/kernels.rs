// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Which kernel has which version, and which string stands for two things: facts that the truth carries.

use crate::{Failure, Page};
use kho_abi::wire::earlier::reused::{Kernel, KERNELS, RENAMED, REUSED};
use kho_abi_codegen::draw;
use kho_abi_codegen::draw::escape::{markdown, markdown_code};
use kho_abi_model::{put, Record, RecordKind, Type};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The kernels that are known to have a version, as `Linux 7.2, 7.3`; `None` where none is.
pub(crate) fn of(compatible: &str) -> Option<String> {
    let having = KERNELS.iter().filter(|kernel| kernel.compatible.contains(&compatible));
    let releases: Vec<_> = having.map(|kernel| kernel.release).collect();
    (!releases.is_empty()).then(|| format!("Linux {}", releases.join(", ")))
}

/// Whether a kernel has another version of the same name: it reads and writes one.
fn has_another(kernel: &Kernel, compatible: &str) -> bool {
    let name = |compatible: &'static str| compatible.rsplit_once("-v").map(|(name, _)| name);
    let wanted = compatible.rsplit_once("-v").map(|(name, _)| name);
    kernel.compatible.iter().any(|has| name(has) == wanted)
}

pub(crate) fn pages(root: &Path) -> Result<Vec<Page>, Failure> {
    let mut out = String::from("# Kernels and their versions\n\n");
    let all: BTreeSet<&str> =
        KERNELS.iter().flat_map(|kernel| kernel.compatible).copied().collect();
    let head: Vec<_> = KERNELS.iter().map(|kernel| format!(" {} |", kernel.release)).collect();
    put!(out, "| Version |{}", head.concat());
    put!(out, "|---|{}", ":-:|".repeat(KERNELS.len()));
    for compatible in &all {
        let cells = KERNELS.iter().map(|kernel| match kernel.compatible.contains(compatible) {
            true => " ● |",
            false if kernel.complete || has_another(kernel, compatible) => " |",
            false => " ? |",
        });
        put!(out, "| {} |{}", markdown_code(compatible), cells.collect::<String>());
    }
    put!(
        out,
        "\n●: the kernel has it. Empty: it does not. ?: unknown, since the list for that kernel is incomplete.\n"
    );
    put!(out, "## Sources\n");
    for kernel in KERNELS {
        put!(out, "- **Linux {}**: {}", kernel.release, markdown(kernel.source));
    }
    put!(out, "\n## One string, different bytes\n");
    put!(
        out,
        "A kernel that finds a string that it knows believes the bytes. These strings stand for two things each, and only the release of \
         the kernel that wrote the memory says which is meant.\n"
    );
    for reused in REUSED {
        out.push_str(&reuse(reused.compatible));
    }
    put!(out, "\n## One thing, two names\n");
    for renamed in RENAMED {
        put!(
            out,
            "- {}: {} in {} is now {}, and its value is greater by {}. The bytes are the same.",
            markdown_code(renamed.compatible),
            markdown_code(renamed.before),
            renamed.kernels,
            markdown_code(renamed.now),
            renamed.more
        );
    }
    // What no kernel has yet, and what is not known, are facts in prose.
    let path = root.join("docs/kernels.md");
    let prose = fs::read_to_string(&path).map_err(Failure::at(&path))?;
    for heading in ["## What is to come\n", "## What is not known\n"] {
        let missing = || Failure::new(format!("{} has no {heading}", path.display()));
        let (_, section) = prose.split_once(heading).ok_or_else(missing)?;
        let section = section.split("\n## ").next().unwrap_or_default();
        put!(out, "\n{heading}{}", section.trim_end());
    }
    Ok(vec![Page { title: "Kernels".into(), path: "kernels.md".into(), text: out }])
}

/// A struct that is written as `{ u16 bdf; u16 domain; }`.
fn written(name: &str, text: &str) -> Option<Record> {
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut record = Record::empty(RecordKind::Struct, name);
    for field in inside.split(';').map(str::trim).filter(|field| !field.is_empty()) {
        let (ty, name) = field.split_once(' ')?;
        let bits: u16 = ty.strip_prefix('u')?.parse().ok()?;
        record.push(name, Type::unsigned(bits), u64::from(bits));
    }
    Some(record)
}

/// What else a string stands for; empty where it stands for one thing.
pub(crate) fn reuse(compatible: &str) -> String {
    let mut out = String::new();
    for reused in REUSED.iter().filter(|reused| reused.compatible == compatible) {
        let pages: Vec<_> = reused.page_sizes.iter().map(ToString::to_string).collect();
        put!(
            out,
            "\n**{}, {}**, for pages of {} bytes:\n",
            markdown_code(compatible),
            markdown_code(reused.item),
            pages.join(", ")
        );
        for form in reused.forms {
            let frozen = if form.frozen { " This one is frozen." } else { "" };
            put!(out, "- {}: {}.{frozen}", markdown(form.kernels), markdown(form.is));
        }
        put!(out, "\nKnown from {}.", markdown(reused.source));
        let [first, second] = reused.forms.map(|form| written(reused.item, form.is));
        if let Some((first, second)) = first.zip(second) {
            let picture = draw::changed(Some(&first), Some(&second)).0.replace('\n', " ");
            put!(out, "\n<div class=\"k-part\">{picture}</div>");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_one_version_of_a_name() {
        let kernel = KERNELS.iter().find(|kernel| kernel.release == "6.19").expect("it is known");
        assert!(has_another(kernel, "kho-v4") && has_another(kernel, "memfd-v2"));
        assert!(!has_another(kernel, "memblock-v1"));
        assert_eq!(of("kho-v4").as_deref(), Some("Linux 7.2, 7.3"));
        assert_eq!(of("vfio-pci-v1"), None);
        assert!(reuse("vfio-pci-v1").contains("<svg") && written("x", "4 levels").is_none());
        assert!(reuse("kho-v1").contains("6.17.8") && reuse("kho-v4").is_empty());
    }
}
