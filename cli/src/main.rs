// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi`: write, freeze and check the handover ABI of live-updating Linux kernels.
//!
//! A thin shell: each subcommand is a file in `commands`, which parses its arguments, makes a
//! library call, and formats the result.

mod commands;
mod complete;
mod output;
mod progress;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use output::{ColorWhen, Outcome, Output};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  kho-abi diff git:v7.3 .                 what changed, and whether the versions say so
  kho-abi review series.mbox              what patches do to the handover ABI
  kho-abi preflight vmlinux-a vmlinux-b   whether the next kernel will understand this one
  kho-abi inspect guest.raw               what a live update preserved
  kho-abi status                          whether live updates are on

Exit status:
  0  clean
  1  findings: something is wrong or unknown
  2  could not run: bad arguments, unreadable input, a missing tool
  3  inspect --extract: content is lost or doubtful

Results go to standard output, everything else to standard error.";

/// The name of the program.
const NAME: &str = "kho-abi";

/// Most columns of help.
const WIDTH: usize = 100;

/// Write, freeze and check the handover ABI of live-updating Linux kernels.
///
/// The ABI is written once, as Rust types. The kernel's C headers and the frozen layouts are
/// generated from them: every change is a line in a review, and every missing version bump an error.
#[derive(Parser)]
#[command(name = NAME, version, after_help = AFTER_HELP, max_term_width = WIDTH)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The options of every subcommand.
#[derive(clap::Args)]
struct Global {
    /// The tree or checkout to work on, instead of the one around the current directory; for `status`, the
    /// root of the file system to read
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

impl Cli {
    /// What to parse the arguments with. Describing all subcommands takes longer than many runs, so that
    /// only the one that is named is described, if it is the first argument.
    fn parser() -> clap::Command {
        let first = std::env::args_os().nth(1);
        let first = first.as_ref().and_then(|word| word.to_str());
        match (first, first.and_then(Command::alone)) {
            (Some("--version" | "-V"), _) => Self::with_none().version(env!("CARGO_PKG_VERSION")),
            (_, Some(named)) => Self::with_only(named),
            (_, None) => Self::command(),
        }
    }

    fn with_none() -> clap::Command {
        <Global as clap::Args>::augment_args(clap::Command::new(NAME)).max_term_width(WIDTH)
    }

    fn with_only(named: clap::Command) -> clap::Command {
        Self::with_none().subcommand_required(true).subcommand(named)
    }
}

macro_rules! commands {
    ($($name:literal $variant:ident($args:ty),)*) => {
        #[derive(Subcommand)]
        enum Command {
            $(#[command(name = $name)] $variant($args),)*
        }

        impl Command {
            /// One subcommand with its arguments, without the others.
            fn alone(name: &str) -> Option<clap::Command> {
                match name {
                    $($name => {
                        Some(<$args as clap::Args>::augment_args(clap::Command::new($name)))
                    })*
                    _ => None,
                }
            }
        }
    };
}

commands! {
    "init" Init(commands::init::Args),
    "generate" Generate(commands::generate::Args),
    "import" Import(commands::import::Args),
    "layout" Layout(commands::layout::Args),
    "freeze" Freeze(commands::freeze::Args),
    "new" New(commands::new::Args),
    "bump" Bump(commands::bump::Args),
    "kernel-patch" KernelPatch(commands::kernel_patch::Args),
    "check" Check(commands::check::Args),
    "diff" Diff(commands::diff::Args),
    "review" Review(commands::review::Args),
    "lint" Lint(commands::lint::Args),
    "log" Log(commands::log::Args),
    "preflight" Preflight(commands::preflight::Args),
    "verify" Verify(commands::verify::Args),
    "inspect" Inspect(Box<commands::inspect::Args>),
    "status" Status(commands::status::Args),
    "explain" Explain(commands::explain::Args),
    "schema" Schema(commands::schema::Args),
    "completions" Completions(commands::completions::Args),
    "man" Man(commands::man::Args),
}

fn main() -> ExitCode {
    complete::answer(Cli::command);
    let mut command = Cli::parser();
    if !std::io::stdout().is_terminal() {
        // Otherwise help in a pipe is as wide as the terminal of standard error, or as COLUMNS says.
        command = command.term_width(WIDTH);
    }
    let cli = Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    cli.global.color.apply();
    let mut out = Output::default();
    let root = cli.global.root.as_deref();
    let outcome = match &cli.command {
        Command::Init(args) => commands::init::run(args, root, &mut out),
        Command::Generate(args) => commands::generate::run(args, root, &mut out),
        Command::Import(args) => commands::import::run(args, &mut out),
        Command::Layout(args) => commands::layout::run(args, root, &mut out),
        Command::Freeze(args) => commands::freeze::run(args, root, &mut out),
        Command::New(args) => commands::new::run(args, root, &mut out),
        Command::KernelPatch(args) => commands::kernel_patch::run(args, root, &mut out),
        Command::Bump(args) => commands::bump::run(args, root, &mut out),
        Command::Check(args) => commands::check::run(args, root, &mut out),
        Command::Diff(args) => commands::diff::run(args, &mut out),
        Command::Review(args) => commands::review::run(args, &mut out),
        Command::Lint(args) => commands::lint::run(args, &mut out),
        Command::Preflight(args) => commands::preflight::run(args, &mut out),
        Command::Log(args) => commands::log::run(args, &mut out),
        Command::Verify(args) => commands::verify::run(args, &mut out),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Status(args) => commands::status::run(args, root, &mut out),
        Command::Explain(args) => commands::explain::run(args, &mut out),
        Command::Schema(args) => commands::schema::run(args, &mut out),
        Command::Completions(args) => commands::completions::run(args, &mut out),
        Command::Man(args) => commands::man::run(args, &mut out),
    };
    // Output from before a failure is still worth reading.
    let flushed = out.flush();
    match outcome.and_then(|outcome| flushed.map(|()| outcome)) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Ok(Outcome::Incomplete) => ExitCode::from(3),
        Err(failure) => {
            failure.print();
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Help, and what is said of a wrong argument, do not depend on whether the other subcommands are described.
    #[test]
    fn a_subcommand_alone_is_what_it_is_among_the_others() {
        let all = Cli::command();
        let names: Vec<_> = all.get_subcommands().map(clap::Command::get_name).collect();
        assert!(names.contains(&"kernel-patch"));
        for name in names {
            let alone = Cli::with_only(Command::alone(name).expect(name));
            alone.clone().debug_assert();
            for wrong in
                ["--help", "-h", "--no-such-option", "--color=never", "--color=blue", "--root"]
            {
                let said = |command: &clap::Command| {
                    let command = command.clone().term_width(WIDTH);
                    let found = command.try_get_matches_from(["kho-abi", name, wrong]);
                    found.err().map(|error| error.render().to_string())
                };
                assert_eq!(said(&alone), said(&all), "{name} {wrong}");
            }
        }
    }

    /// The command lines of a document, each in a block of its own, as words.
    fn command_lines(text: &str) -> Vec<Vec<String>> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
        let commands = lines.filter_map(|line| {
            let line = line.trim_start_matches("$ ").trim_start_matches("# ");
            let line = line.replace("cargo run -- ", "kho-abi ");
            let command = line.split([';', '|', '#', '>']).next()?.trim();
            let words: Vec<String> = command.split_whitespace().map(String::from).collect();
            (words.first()? == "kho-abi" && words.len() > 1).then_some(words)
        });
        commands.collect()
    }

    #[test]
    fn documents_have_command_lines_that_are_taken() {
        let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let documents = [
            "README.md",
            "docs/types.md",
            "docs/review.md",
            "docs/inspect.md",
            "docs/kho-abi.toml.md",
            "docs/runbook.md",
            "bindings/README.md",
        ];
        let mut taken = 0;
        for document in documents {
            let text = std::fs::read_to_string(top.join(document)).expect(document);
            for words in command_lines(&text) {
                let found = Cli::command().try_get_matches_from(&words);
                assert!(found.is_ok(), "{document}: {words:?}: {}", found.unwrap_err());
                taken += 1;
            }
        }
        assert!(taken > 15, "{taken} command lines");
    }

    /// What may be a file takes any bytes, as `tests/names.rs` tries. These are the arguments that cannot be one.
    #[test]
    fn every_argument_that_may_be_a_file_takes_any_name() {
        use std::os::unix::ffi::OsStringExt as _;
        fn collect(command: &clap::Command, found: &mut std::collections::BTreeSet<String>) {
            let word = std::ffi::OsString::from_vec(b"json=\xFF".to_vec());
            for argument in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                let parser = argument.get_value_parser().clone();
                let alone = clap::Arg::new("argument").value_parser(parser);
                let alone = clap::Command::new("command").arg(alone);
                let refused = alone.try_get_matches_from(["command".into(), word.clone()]).is_err();
                let name = argument.get_long().unwrap_or(argument.get_id().as_str());
                if refused {
                    // A word of several commands, which is a source for others.
                    let of = if name == "released" { command.get_name() } else { "" };
                    found.insert(format!("{of} {name}").trim().to_string());
                }
            }
            command.get_subcommands().for_each(|sub| collect(sub, found));
        }
        let mut found = std::collections::BTreeSet::new();
        collect(&Cli::command(), &mut found);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        let others = [
            "as",
            "boot-params",
            "color",
            "contract",
            "contracts",
            "device-tree",
            "extract",
            "fdt",
            "file",
            "format",
            "leads-to",
            "log released",
            "maintainers",
            "name",
            "names",
            "page-size",
            "policy",
            "root-struct",
            "rule",
            "session",
            "shell",
            "target",
            "threads",
            "token",
        ];
        assert_eq!(found, others);
    }

    /// For each way to name an output, `tests/outputs.rs` tries to destroy an input with it.
    #[test]
    fn every_output_is_tried() {
        fn collect(command: &clap::Command, name: &str, found: &mut Vec<String>) {
            for argument in command.get_arguments() {
                if matches!(argument.get_id().as_str(), "output" | "out" | "report") {
                    found.push(format!("{name} --{}", argument.get_long().unwrap_or_default()));
                }
            }
            for sub in command.get_subcommands() {
                collect(sub, &format!("{name} {}", sub.get_name()), found);
            }
        }
        let mut found = Vec::new();
        collect(&Cli::command(), "kho-abi", &mut found);
        // The last two name directories, whose files follow the checkout's own rules.
        let tried = [
            "kho-abi diff --report",
            "kho-abi review --report",
            "kho-abi lint --report",
            "kho-abi log --report",
            "kho-abi diff --output",
            "kho-abi review --output",
            "kho-abi lint --output",
            "kho-abi log --output",
            "kho-abi inspect --output",
            "kho-abi inspect diff --output",
            "kho-abi import --output",
            "kho-abi generate --out",
            "kho-abi man --out",
        ];
        found.sort();
        let mut tried = tried.to_vec();
        tried.sort_unstable();
        assert_eq!(found, tried);
    }
}
