// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every command's help, as the program prints it.

use crate::{Failure, Page};
use kho_abi_codegen::draw::escape::markdown;
use kho_abi_model::put;
use std::path::Path;
use std::process::Command;

/// What the program prints, which must succeed.
pub(crate) fn output(kho_abi: &Path, arguments: &[&str]) -> Result<String, Failure> {
    output_with(kho_abi, arguments, &[0])
}

/// What the program prints, which must end with one of these.
pub(crate) fn output_with(
    kho_abi: &Path,
    arguments: &[&str],
    allowed: &[i32],
) -> Result<String, Failure> {
    let ran =
        Command::new(kho_abi).args(arguments).env("NO_COLOR", "1").env("COLUMNS", "100").output();
    let ran = ran.map_err(Failure::at(kho_abi))?;
    if !ran.status.code().is_some_and(|status| allowed.contains(&status)) {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(Failure::new(format!("kho-abi {}: {said}", arguments.join(" "))));
    }
    String::from_utf8(ran.stdout).map_err(Failure::new)
}

/// The commands that a help text lists, each with what it is for.
fn listed(help: &str) -> Vec<(&str, &str)> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let entries = lines.filter_map(|line| line.trim().split_once("  "));
    entries.map(|(name, what)| (name, what.trim())).filter(|(name, _)| *name != "help").collect()
}

pub(crate) fn pages(kho_abi: &Path) -> Result<Vec<Page>, Failure> {
    let help = output(kho_abi, &["--help"])?;
    let commands = listed(&help);
    if commands.len() < 10 {
        return Err(Failure::new("`kho-abi --help` lists hardly a command"));
    }
    let mut index = String::from("# Commands\n\n| Command | What it does |\n|---|---|\n");
    let mut pages = Vec::new();
    for (name, what) in &commands {
        put!(index, "| [`{name}`]({name}.md) | {} |", markdown(what));
        let help = output(kho_abi, &[name, "--help"])?;
        let mut text = format!("# kho-abi {name}\n\n```text\n{}```\n", ended(&help));
        for (inner, _) in listed(&help) {
            let help = output(kho_abi, &[name, inner, "--help"])?;
            put!(text, "\n## kho-abi {name} {inner}\n\n```text\n{}```", ended(&help));
        }
        pages.push(Page { title: (*name).into(), path: format!("commands/{name}.md"), text });
    }
    put!(index, "\n```text\n{}```", ended(&help));
    pages.insert(
        0,
        Page { title: "Commands".into(), path: "commands/index.md".into(), text: index },
    );
    Ok(pages)
}

/// Text that ends its last line.
fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn commands_are_read_from_help() {
        let help = "Usage: x\n\nCommands:\n  diff     Compare\n  help     Print\n\nOptions:\n  -h  Print\n";
        assert_eq!(listed(help), [("diff", "Compare")]);
    }
}
