// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi-book`: writes the source of the book, and checks the site that mdBook makes from it.
//!
//! ```text
//!   guides/*.md   by hand; their examples are run, and what they print is put below them
//!   contracts.rs  a page for each header: layouts, pictures, history, kernels, reuse
//!   kernels.rs    which kernel has which version; what is on its way
//!   rules.rs      every rule, as `kho-abi explain` has it
//!   commands.rs   every command's help
//!   examples.rs   runs examples
//!   links.rs      whether every link leads somewhere, and whether the search has its index
//! ```

mod commands;
mod contracts;
mod examples;
mod kernels;
mod links;
mod rules;

use clap::{Parser, Subcommand};
use kho_abi_codegen::draw;
use kho_abi_model::put;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes the book of kho-abi, and checks it.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the source of the book, for mdBook
    Write {
        /// The directory of this repository
        #[arg(long)]
        root: PathBuf,
        /// The program that the book is about
        #[arg(long)]
        kho_abi: PathBuf,
        /// The program that writes images of memory for examples
        #[arg(long)]
        synth: PathBuf,
        /// Where to write; what is there is replaced
        out: PathBuf,
    },
    /// Check the site that mdBook made: links, and the index of the search
    Check {
        /// The directory with index.html
        site: PathBuf,
    },
}

/// Why the book cannot be written, or what is wrong with it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Failure {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// An error with the path that it is about.
    pub(crate) fn at(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |error| Self(format!("{}: {error}", path.display()))
    }
}

/// A page of the book.
pub(crate) struct Page {
    /// What the table of contents calls it.
    pub(crate) title: String,
    /// Its file, as `contracts/luo.md`.
    pub(crate) path: String,
    /// Markdown.
    pub(crate) text: String,
}

/// The guides, in the order of the book: the file, and what the table of contents calls it.
const GUIDES: &[(&str, &str)] = &[
    ("owner", "For the owner of an ABI"),
    ("reviewer", "For the reviewer of a change"),
    ("operator", "For the operator of machines"),
    ("tool-author", "For the author of a tool"),
];

/// Documents of `docs/` that the book contains as they are, after the guides, with their titles.
const DOCS: &[(&str, &str)] = &[
    ("kho-abi.toml.md", "A tree of your own"),
    ("types.md", "The types of this repository"),
    ("review.md", "Changes of headers"),
    ("inspect.md", "Preserved memory, running machines"),
    ("runbook.md", "Runbook of a live update"),
];

fn main() -> ExitCode {
    let done = match &Cli::parse().command {
        Command::Write { root, kho_abi, synth, out } => write(root, kho_abi, synth, out),
        Command::Check { site } => links::check(site),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("kho-abi-book: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn write(root: &Path, kho_abi: &Path, synth: &Path, out: &Path) -> Result<(), Failure> {
    let guide = |name: &str| {
        // What the examples of one guide change is no other's.
        let examples = examples::Examples::new(root, kho_abi, synth)?;
        let path = root.join("book/guides").join(format!("{name}.md"));
        let text = fs::read_to_string(&path).map_err(Failure::at(&path))?;
        examples
            .run(&text)
            .map_err(|failure| Failure::new(format!("{}: {failure}", path.display())))
    };
    let page = |title: &str, name: &str| -> Result<Page, Failure> {
        Ok(Page { title: title.into(), path: format!("{name}.md"), text: guide(name)? })
    };
    let introduction = page("kho-abi", "introduction")?;
    let guides: Result<Vec<_>, _> = GUIDES.iter().map(|(name, title)| page(title, name)).collect();
    let mut guides = guides?;
    for (name, title) in DOCS {
        let path = root.join("docs").join(name);
        let text = fs::read_to_string(&path).map_err(Failure::at(&path))?;
        guides.push(Page { title: (*title).into(), path: (*name).into(), text });
    }
    let groups = [
        ("Guides", guides),
        ("Contracts", contracts::pages(root)?),
        ("Reference", {
            let mut pages = kernels::pages(root)?;
            pages.push(rules::page(root, kho_abi)?);
            pages.extend(commands::pages(kho_abi)?);
            pages.push(page("Glossary", "glossary")?);
            pages
        }),
    ];
    let src = out.join("src");
    if out.exists() {
        fs::remove_dir_all(out).map_err(Failure::at(out))?;
    }
    let mut summary = format!("# Summary\n\n[{}](introduction.md)\n", introduction.title);
    write_page(&src, &introduction)?;
    for (title, pages) in &groups {
        put!(summary, "\n# {title}\n");
        for page in pages {
            // Commands are below the page that lists them.
            let inner = page.path.starts_with("commands/") && page.path != "commands/index.md";
            let indent = if inner { "  " } else { "" };
            put!(summary, "{indent}- [{}]({})", page.title, page.path);
            write_page(&src, page)?;
        }
    }
    let file = |path: PathBuf, text: &str| fs::write(&path, text).map_err(Failure::at(&path));
    file(src.join("SUMMARY.md"), &summary)?;
    let style = root.join("book/theme/book.css");
    let style = fs::read_to_string(&style).map_err(Failure::at(&style))?;
    let pictures = draw::style_for(":root, .light, .rust", ".coal, .navy, .ayu");
    file(out.join("book.css"), &format!("{style}{pictures}"))?;
    let config = root.join("book/theme/book.toml");
    let config = fs::read_to_string(&config).map_err(Failure::at(&config))?;
    file(out.join("book.toml"), &config)
}

fn write_page(src: &Path, page: &Page) -> Result<(), Failure> {
    let path = src.join(&page.path);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(Failure::at(dir))?;
    }
    fs::write(&path, &page.text).map_err(Failure::at(&path))
}
