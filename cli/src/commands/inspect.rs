// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect`: what a live-updating kernel preserved, from an image of its memory.

mod diff;
mod extract;

use crate::output::{note, Failure, Outcome};
use clap::ValueEnum;
use kho_abi_inspect::image::{number, Image, OpenError, RawFile, PAGE_SIZES};
use kho_abi_inspect::report::{html, json, map, text, Filter, Report};
use kho_abi_inspect::{inspect_file, Options, State};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Show what a live-updating kernel preserved, from an image of its memory
///
/// Images are raw memory, ELF cores, compressed kdumps, LiME and AVML files, /proc/vmcore, /proc/kcore,
/// or a device tree alone, also compressed with gzip, xz, zstd, lz4 or bzip2; they are recognised by
/// what they contain. Pipes and compressed files go to a temporary file, in TMPDIR or /var/tmp. Everything that is preserved is checked, also for
/// what the kernel itself does not check.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    image: ImageArgs,
    /// Show sessions of this name alone
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Show files with this token alone
    #[arg(long, value_name = "TOKEN", value_parser = parse_number)]
    token: Option<u64>,
    /// Show files of this compatible string alone
    #[arg(long, value_name = "COMPATIBLE")]
    file: Option<String>,
    /// Write the content of the memfd with this token to the file that -o names
    #[arg(long, value_name = "TOKEN", value_parser = parse_number, requires = "output")]
    extract: Option<u64>,
    /// Draw where preserved memory lies
    #[arg(long, conflicts_with_all = ["extract", "format"])]
    map: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Where to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Command {
    Diff(diff::Args),
}

/// Which image, and how to find KHO in it.
#[derive(clap::Args)]
struct ImageArgs {
    /// The image, or - for standard input; or raw files of one machine, as
    /// FILE@ADDRESS[,offset=N][,size=N]
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    finding: FindingArgs,
}

/// How to find KHO in an image.
#[derive(clap::Args)]
struct FindingArgs {
    /// What the image is, instead of what it looks like
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<Kind>,
    /// Map the file into memory instead of reading it; nobody may cut it off meanwhile
    #[arg(long, conflicts_with = "kind")]
    mmap: bool,
    /// Physical address of KHO's device tree
    #[arg(long, value_name = "ADDRESS", value_parser = parse_number)]
    fdt: Option<u64>,
    /// Physical address of the boot parameters of x86, which lead to the device tree
    #[arg(long, value_name = "ADDRESS", value_parser = parse_number)]
    boot_params: Option<u64>,
    /// Physical address of an arm64 machine's device tree, whose chosen node leads there
    #[arg(long, value_name = "ADDRESS", value_parser = parse_number)]
    device_tree: Option<u64>,
    /// Size of the kernel's pages, where the image does not tell: 4096, 16384 or 65536
    #[arg(long, value_name = "BYTES", value_parser = parse_page_size)]
    page_size: Option<usize>,
    /// Number of threads; 0 for one per processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Physical memory, byte by byte
    Raw,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs, with a schema version
    Json,
    /// One page for a browser
    Html,
}

fn parse_number(text: &str) -> Result<u64, String> {
    number(text).ok_or_else(|| "neither a number nor 0x and hexadecimal digits".into())
}

fn parse_page_size(text: &str) -> Result<usize, String> {
    let size = number(text).and_then(|size| usize::try_from(size).ok());
    size.filter(|size| PAGE_SIZES.contains(size)).ok_or_else(|| "no kernel has such pages".into())
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self { message: error.to_string(), help: error.help().into() }
    }
}

impl FindingArgs {
    fn options(&self) -> Options {
        Options {
            fdt: self.fdt,
            boot_params: self.boot_params,
            device_tree: self.device_tree,
            page_size: self.page_size,
            threads: self.threads,
        }
    }

    /// Opens an image, and inspects it.
    fn inspect(&self, images: &[PathBuf]) -> Result<(Image, State), Failure> {
        Ok(inspect_file(self.open(images)?, &self.options())?)
    }

    /// Opens one file, or several raw ones with their addresses.
    fn open(&self, images: &[PathBuf]) -> Result<Image, Failure> {
        let raw = self.kind == Some(Kind::Raw);
        if let [path] = images {
            let is_file = path.exists() || !path.to_string_lossy().contains('@');
            if is_file {
                return Ok(match (raw, self.mmap) {
                    (true, _) => Image::open_raw(path)?,
                    (false, true) => Image::open_mapped(path)?,
                    (false, false) => Image::open(path)?,
                });
            }
        }
        let files: Result<Vec<RawFile>, _> =
            images.iter().map(|path| path.to_string_lossy().parse()).collect();
        let files = files.map_err(|error| Failure {
            message: error.to_string(),
            help: "several files are raw memory, each with the address that it begins at".into(),
        })?;
        Ok(Image::open_files(&files)?)
    }
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    if let Some(Command::Diff(args)) = &args.command {
        return diff::run(args);
    }
    let (image, state) = args.image.finding.inspect(&args.image.images)?;
    let filter = Filter {
        session: args.session.clone(),
        token: args.extract.or(args.token),
        file: args.file.clone(),
    };
    let name = args.image.images.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>();
    let name = name.join(" ");
    let report = Report { image: &image, name: &name, state: &state, filter: &filter };
    if args.extract.is_some() {
        // clap has made sure that there is one.
        let output = args.output.as_deref().unwrap_or(Path::new("-"));
        return extract::run(report, output);
    }
    write(args.output.as_deref(), |out| match args.format {
        _ if args.map => map::write(report, map::Size::of_terminal(), out),
        Format::Text => text::write(report, out),
        Format::Json => json::write(report, out),
        Format::Html => html::write(report, out),
    })?;
    Ok(outcome(&state))
}

fn outcome(state: &State) -> Outcome {
    Outcome::of(usize::from(!state.findings.is_empty()))
}

/// Writes to a file or to standard output, piece by piece: a report may be longer than memory.
fn write(
    path: Option<&Path>,
    work: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let (result, what) = match path {
        Some(path) if path != Path::new("-") => {
            let result = File::create(path).and_then(|file| {
                // A file gets no colours, whatever standard output would.
                finish(BufWriter::new(anstream::AutoStream::never(file)), work)
            });
            (result, path.display().to_string())
        }
        _ => {
            let stdout = io::stdout().lock();
            let stdout = BufWriter::new(anstream::AutoStream::auto(stdout));
            (finish(stdout, work), "standard output".into())
        }
    };
    match result {
        // That nobody reads it to its end is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure {
            message: format!("cannot write to {what}: {error}"),
            help: "check the space that is left, or write elsewhere".into(),
        }),
        _ => Ok(()),
    }
}

fn finish(
    mut out: impl Write,
    work: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    work(&mut out)?;
    out.flush()
}

/// Says what takes long, where somebody is watching.
fn watch(what: &str) {
    if io::stderr().is_terminal() {
        note(what);
    }
}
