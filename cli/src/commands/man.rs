// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi man`: manual pages, made of what `--help` says.

mod roff;
mod surroundings;

use crate::output::{Failure, Outcome, Output};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use kho_abi_codegen::output::write_file;
use kho_abi_show::names;
use roff::{escape, strong, variable, Page};
use std::fmt::Write as _;
use std::path::PathBuf;
use surroundings::{FILES, VARIABLES};

const AFTER_HELP: &str = "\
Pages have the date of SOURCE_DATE_EPOCH if it is set, and of today otherwise.

Examples:
  kho-abi man | man -l -          read the page of the program
  kho-abi man --out man1          write every page";

/// Print the manual page, or write the pages of all subcommands
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where to write kho-abi.1 and a page for each subcommand
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut command = crate::Cli::command();
    command.build();
    let date = date()?;
    let Some(dir) = args.out.as_ref().filter(|dir| dir.as_os_str() != "-") else {
        out.raw(&page(&command, &[], &date));
        return Ok(Outcome::Clean);
    };
    for (names, command) in all(&command) {
        let path = dir.join(format!("{}.1", file_name(&names)));
        write_file(&path, &page(command, &names, &date))?;
        out.line(names::shown(&path));
    }
    Ok(Outcome::Clean)
}

/// Every command that has a page, with the names that lead to it.
fn all(program: &Command) -> Vec<(Vec<String>, &Command)> {
    let mut found = vec![(Vec::new(), program)];
    let mut next = 0;
    while let Some((names, command)) = found.get(next).cloned() {
        found.extend(subcommands(command).map(|sub| {
            let mut names = names.clone();
            names.push(sub.get_name().to_string());
            (names, sub)
        }));
        next += 1;
    }
    found
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| sub.get_name() != "help")
}

/// `kho-abi-inspect-diff`, as git's pages are named.
fn file_name(names: &[String]) -> String {
    std::iter::once("kho-abi").chain(names.iter().map(String::as_str)).collect::<Vec<_>>().join("-")
}

/// The day that stands in the pages.
fn date() -> Result<String, Failure> {
    let Some(said) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(day(super::judging::today()));
    };
    let said = said.to_string_lossy();
    let seconds: i64 = said.parse().map_err(|_| Failure {
        message: format!("SOURCE_DATE_EPOCH is not a number of seconds: {said}"),
        help: "set it to what `date +%s` prints, or unset it".into(),
    })?;
    Ok(day(seconds.div_euclid(86_400)))
}

/// A day as YYYY-MM-DD, from the days since 1970.
fn day(days: i64) -> String {
    // Years that begin in March have their leap day at the end.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400)
}

/// What stands below the options in `--help`, by the heading that it has.
#[derive(Default)]
struct After {
    /// What has no heading of a section.
    notes: Vec<String>,
    examples: Vec<String>,
    exit_status: Vec<String>,
}

impl After {
    fn of(command: &Command) -> Self {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut after = Self::default();
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            if let Some(rest) = paragraph.strip_prefix("Examples:") {
                after.examples.push(rest.into());
            } else if let Some(rest) = paragraph.strip_prefix("Exit status:") {
                after.exit_status.push(rest.into());
            } else {
                after.notes.push(paragraph.into());
            }
        }
        after
    }
}

/// Sentences begin with a capital, also where help goes on behind a colon.
fn capital(text: &str) -> String {
    let text = text.trim();
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn page(command: &Command, names: &[String], date: &str) -> String {
    let shown = std::iter::once("kho-abi").chain(names.iter().map(String::as_str));
    let shown = shown.collect::<Vec<_>>().join(" ");
    let version = env!("CARGO_PKG_VERSION");
    let mut page = Page::new(&file_name(names), date, version);
    let after = After::of(command);

    page.section("NAME");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    // The index of manual pages takes this line as it is, without fonts.
    page.prose(&format!("{} - {}", file_name(names), about.trim_end_matches('.').replace('`', "")));

    page.section("SYNOPSIS");
    page.line(&synopsis(command, &shown));

    page.section("DESCRIPTION");
    let long = command.get_long_about().map(ToString::to_string).unwrap_or(about);
    let long = long.split("\n\n").map(String::from);
    for (index, paragraph) in long.chain(after.notes).enumerate() {
        if index > 0 {
            page.paragraph();
        }
        block(&mut page, &paragraph);
    }

    if subcommands(command).next().is_some() {
        page.section("COMMANDS");
        for sub in subcommands(command) {
            let mut of = names.to_vec();
            of.push(sub.get_name().into());
            page.entry(&format!("{}(1)", strong(&file_name(&of))));
            page.prose(&format!(
                "{}.",
                sub.get_about().map(ToString::to_string).unwrap_or_default()
            ));
        }
    }
    let positional: Vec<&Arg> =
        command.get_positionals().filter(|arg| !arg.is_hide_set()).collect();
    if !positional.is_empty() {
        page.section("ARGUMENTS");
        for arg in positional {
            argument(&mut page, arg);
        }
    }
    page.section("OPTIONS");
    let options = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    // What every command has is last.
    let is_common =
        |arg: &&Arg| arg.is_global_set() || matches!(arg.get_id().as_str(), "help" | "version");
    let (common, own): (Vec<&Arg>, Vec<&Arg>) = options.partition(is_common);
    for arg in own.into_iter().chain(common) {
        argument(&mut page, arg);
    }

    page.section("EXIT STATUS");
    let exit_status = if after.exit_status.is_empty() {
        vec![EXIT_STATUS.to_string()]
    } else {
        after.exit_status
    };
    for text in &exit_status {
        block(&mut page, text);
    }

    let name = names.first().map(String::as_str);
    for (section, things) in [("ENVIRONMENT", VARIABLES), ("FILES", FILES)] {
        let things: Vec<_> = things.iter().filter(|thing| thing.is_for(name)).collect();
        if !things.is_empty() {
            page.section(section);
        }
        for thing in things {
            page.entry(&strong(thing.name));
            page.prose(thing.what);
        }
    }
    if !after.examples.is_empty() {
        page.section("EXAMPLES");
        for text in &after.examples {
            block(&mut page, text);
        }
    }
    page.section("SEE ALSO");
    see_also(&mut page, command, names);
    page.finish()
}

/// Where a command does not say what its exit status means, it means this.
const EXIT_STATUS: &str = "
  0  the command did what it was asked for
  1  findings
  2  the command could not run: bad arguments, unreadable input, a missing tool";

/// A part of a paragraph of help.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Prose(String),
    /// What an entry of a list is about, and what is said of it.
    Entry(String, String),
}

/// The parts of a paragraph: running text, and lines that are indented, which are entries of a list.
///
/// What an entry is about ends where two spaces follow; a line that is indented further goes on with the
/// entry above it.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        match (indent, parts.last_mut()) {
            (2, _) => {
                let (head, what) = line.split_once("  ").unwrap_or((line, ""));
                parts.push(Part::Entry(head.into(), what.trim().into()));
            }
            (3.., Some(Part::Entry(_, text))) | (_, Some(Part::Prose(text))) => {
                text.push(' ');
                text.push_str(line);
            }
            _ if line.is_empty() => {}
            _ => parts.push(Part::Prose(line.into())),
        }
    }
    parts
}

fn block(page: &mut Page, text: &str) {
    for (index, part) in parts(text).iter().enumerate() {
        match part {
            Part::Prose(text) => {
                if index > 0 {
                    page.paragraph();
                }
                page.prose(&capital(text));
            }
            Part::Entry(head, what) => {
                page.entry(&strong(head));
                page.prose(what);
            }
        }
    }
}

/// The command, its arguments, and that there are options.
fn synopsis(command: &Command, shown: &str) -> String {
    let mut line = format!("{} [{}]", strong(shown), variable("OPTION"));
    line.push_str("...");
    for arg in command.get_positionals().filter(|arg| !arg.is_hide_set()) {
        let many = matches!(arg.get_action(), ArgAction::Append)
            || arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        let names = arg.get_value_names().unwrap_or_default();
        let names: Vec<&str> = names.iter().map(clap::builder::Str::as_str).collect();
        let name = variable(&names.join(" "));
        let dots = if many { "..." } else { "" };
        let shown = if arg.is_required_set() { name + dots } else { format!("[{name}{dots}]") };
        line.push(' ');
        line.push_str(&shown);
    }
    if subcommands(command).next().is_some() {
        let name = variable("COMMAND");
        let optional = command.get_positionals().next().is_some();
        if optional {
            let _ = write!(line, "\n.br\n{}", strong(shown));
        }
        let _ = write!(line, " {name} [{}]...", variable("ARGUMENT"));
    }
    line
}

/// An option or an argument, with the values that it may have.
fn argument(page: &mut Page, arg: &Arg) {
    let takes_value = arg.get_action().takes_values();
    let values = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let values: Vec<String> = values.iter().map(|name| variable(name)).collect();
    let values = values.join(" ");
    let mut head = Vec::new();
    head.extend(arg.get_short().map(|short| strong(&format!("-{short}"))));
    head.extend(arg.get_long().map(|long| strong(&format!("--{long}"))));
    let head = head.join(", ");
    let head = match (head.is_empty(), values.is_empty()) {
        (true, _) => values,
        (_, true) => head,
        _ => format!("{head} {values}"),
    };
    page.entry(&head);
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    for (index, paragraph) in help.split("\n\n").enumerate() {
        if index > 0 {
            page.more();
        }
        let end = if paragraph.ends_with(['.', ':']) { "" } else { "." };
        page.prose(&format!("{paragraph}{end}"));
    }
    let default = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let default: Vec<_> = default.filter(|_| takes_value).collect();
    if !default.is_empty() {
        page.prose(&format!("The default is `{}`.", default.join(" ")));
    }
    let possible = arg.get_possible_values();
    let possible: Vec<_> =
        possible.iter().filter(|value| takes_value && !value.is_hide_set()).collect();
    if possible.is_empty() {
        return;
    }
    page.open();
    for value in possible {
        page.entry(&strong(value.get_name()));
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        page.prose(&format!("{}.", help.trim_end_matches('.')));
    }
    page.close();
}

/// The page above, and those below or beside.
fn see_also(page: &mut Page, command: &Command, names: &[String]) {
    let mut pages: Vec<String> = Vec::new();
    match names {
        [] => pages.extend(subcommands(command).map(|sub| format!("kho-abi-{}", sub.get_name()))),
        [above @ .., _] => {
            pages.push("kho-abi".into());
            if !above.is_empty() {
                pages.push(file_name(above));
            }
            pages.extend(
                subcommands(command)
                    .map(|sub| file_name(&[names, &[sub.get_name().to_string()]].concat())),
            );
        }
    }
    let last = pages.len() - 1;
    for (index, name) in pages.iter().enumerate() {
        let comma = if index < last { "," } else { "" };
        page.line(&format!(".BR {} (1){comma}", escape(name)).replacen("\\&", "", 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let mut command = crate::Cli::command();
        command.build();
        command
    }

    /// The commands of a page's examples, without what a shell does with them.
    fn examples(command: &Command) -> Vec<String> {
        let after = After::of(command);
        let lines = after.examples.iter().flat_map(|text| text.lines());
        let commands = lines.filter_map(|line| {
            let line = line.trim();
            let command = line.split_once("  ").map_or(line, |(command, _)| command);
            // Of a pipeline, the part that is this program.
            let part = command.split(" | ").find(|part| part.starts_with("kho-abi"))?;
            Some(part.split([';', '>']).next()?.trim().to_string())
        });
        commands.collect()
    }

    #[test]
    fn every_command_has_examples_that_it_takes() {
        for (names, command) in all(&program()) {
            let examples = examples(command);
            assert!(!examples.is_empty(), "{names:?} has no examples");
            for example in examples {
                let words = example.split_whitespace();
                let found = crate::Cli::command().try_get_matches_from(words);
                assert!(found.is_ok(), "{example}: {}", found.unwrap_err());
                assert!(example.starts_with(format!("kho-abi {}", names.join(" ")).trim_end()));
            }
        }
    }

    #[test]
    fn what_a_table_is_about_is_a_command() {
        let program = program();
        let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        for thing in VARIABLES.iter().chain(FILES) {
            for of in thing.of {
                assert!(names.contains(of), "{}: {of}", thing.name);
            }
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_454), "2026-01-01");
        assert_eq!(day(-1), "1969-12-31");
    }

    #[test]
    fn help_becomes_prose_and_lists() {
        let prose = |text: &str| Part::Prose(text.into());
        let entry = |head: &str, what: &str| Part::Entry(head.into(), what.into());
        assert_eq!(
            parts("Verdicts:\n  a, b   one\n         and more\n  c\nAnd so\non."),
            [
                prose("Verdicts:"),
                entry("a, b", "one and more"),
                entry("c", ""),
                prose("And so on.")
            ]
        );
        assert_eq!(parts("\n  0  clean"), [entry("0", "clean")]);
        assert_eq!(parts(" one"), [prose("one")]);
    }
}
