// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect`: shows what a live-updating kernel preserved, from an image of its memory.

mod absent;
pub(crate) mod all;
pub(crate) mod diff;
pub(crate) mod extract;
mod types;

use crate::complete::words;
use crate::output::{Destination, Failure, Fitted, Inputs, Outcome, Replace, MONITOR, STUB};
use crate::progress::Shown;
use clap::ValueEnum;
use clap_complete::engine::ArgValueCompleter;
use kho_abi_inspect::image::{
    number, Image, OpenError, Opener, RawFile, RawFileError, Stub, PAGE_SIZES,
};
use kho_abi_inspect::report::{html, json, lines, map, text, Filter, Report};
use kho_abi_inspect::{inspect_file, Options, State};
use kho_abi_show::names;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  kho-abi inspect guest.raw                               what was preserved
  kho-abi inspect vmcore --session vm0                    one session of it
  kho-abi inspect guest.raw --extract 0x2 -o memory.bin   the content of a memfd
  kho-abi inspect qmp:/run/vm0.sock --format json         a running guest, for programs

Exit status:
  0  nothing is wrong with what was preserved
  1  findings, such as an image without KHO; or something is unknown: not decoded or not checked
  2  the image cannot be read, or nothing matches what was asked for
  3  --extract: content is lost or doubtful";

/// Show what a live-updating kernel preserved, from an image of its memory
///
/// Reads raw memory, ELF cores, compressed kdumps, LiME and AVML files, /proc/vmcore, /proc/kcore, and a
/// device tree alone, each also compressed with gzip, xz, zstd, lz4 or bzip2. Recognises them by their
/// content. Pipes and compressed files go to a temporary file in TMPDIR or /var/tmp.
///
/// A running guest is qmp:SOCKET, which is QEMU's monitor, or gdb:HOST:PORT or gdb:SOCKET, which is its gdb
/// stub. Both pause the guest while its memory is copied. The stub does not say whether the guest was
/// paused before: such a guest runs afterwards.
///
/// Checks everything that is preserved, including what the kernel itself does not check.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    image: ImageArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Show what each KHO device tree in the image leads to, the latest first
    #[arg(long, conflicts_with_all = ["extract", "map", "fdt", "session", "token", "file"])]
    all: bool,
    /// Write the content of the memfd with this token to the -o file
    ///
    /// If content is missing, lists its ranges and exits with 3; without --partial, nothing is written
    /// then. --format json says the same for programs.
    #[arg(long, value_name = "TOKEN", value_parser = parse_number, requires = "output")]
    extract: Option<u64>,
    /// Write the file even if content is lost (leaves a hole) or doubtful (is written)
    #[arg(long, requires = "extract")]
    partial: bool,
    /// Draw a map of preserved memory
    #[arg(long, conflicts_with_all = ["extract", "format"])]
    map: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    to: OutputArgs,
}

/// Where to write.
#[derive(clap::Args)]
struct OutputArgs {
    /// Where to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the -o file if it exists and is not empty
    #[arg(long, requires = "output")]
    force: bool,
}

impl OutputArgs {
    fn destination(&self, inputs: &Inputs) -> Result<Destination, Failure> {
        Destination::new(self.output.as_deref(), inputs, Replace::by(self.force))
    }
}

#[derive(clap::Subcommand)]
enum Command {
    Diff(diff::Args),
}

/// Which image, and how to find KHO in it.
#[derive(clap::Args)]
struct ImageArgs {
    /// The image, - for standard input, or qmp:SOCKET, gdb:HOST:PORT or gdb:SOCKET for a running guest; or raw
    /// files of one machine, as FILE@ADDRESS[,offset=N][,size=N]
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    finding: FindingArgs,
}

/// Which sessions and files.
#[derive(clap::Args)]
struct FilterArgs {
    /// Show only sessions with this name
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Show only files with this token
    #[arg(long, value_name = "TOKEN", value_parser = parse_number)]
    token: Option<u64>,
    /// Show only files with this compatible string
    #[arg(long, value_name = "COMPATIBLE", add = ArgValueCompleter::new(words::contracts))]
    file: Option<String>,
}

impl FilterArgs {
    fn filter(&self) -> Filter {
        Filter { session: self.session.clone(), token: self.token, file: self.file.clone() }
    }
}

/// How to find KHO in an image.
#[derive(clap::Args)]
struct FindingArgs {
    /// Read the image as this, whatever it looks like
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<Kind>,
    /// Map the file into memory instead of reading it; the file must not be truncated meanwhile
    #[arg(long, conflicts_with = "kind")]
    mmap: bool,
    /// Physical address of KHO's device tree
    #[arg(long, value_name = "ADDRESS", value_parser = parse_page)]
    fdt: Option<u64>,
    /// Physical address of the x86 boot parameters, which lead to the device tree
    #[arg(long, value_name = "ADDRESS", value_parser = parse_number)]
    boot_params: Option<u64>,
    /// Physical address of an arm64 machine's device tree, whose chosen node leads to KHO's
    #[arg(long, value_name = "ADDRESS", value_parser = parse_number)]
    device_tree: Option<u64>,
    /// Page size of the kernel, if the image does not say it: 4096, 16384 or 65536
    #[arg(long, value_name = "BYTES", value_parser = parse_page_size)]
    page_size: Option<usize>,
    /// Number of threads; 0 for one per processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    types: types::TypesArgs,
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
    /// The same JSON in one line
    JsonCompact,
    /// For streams: JSON, one line for each object
    Jsonl,
    /// One page for a browser
    Html,
}

fn parse_number(text: &str) -> Result<u64, String> {
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let said = || {
        if is_hex {
            return format!("hexadecimal digits need 0x in front: 0x{text}");
        }
        "expected a number, or 0x and hexadecimal digits".into()
    };
    number(text).ok_or_else(said)
}

/// The address of a page.
fn parse_page(text: &str) -> Result<u64, String> {
    let address = parse_number(text)?;
    let is_page = address.is_multiple_of(PAGE_SIZES[0] as u64);
    is_page.then_some(address).ok_or_else(|| {
        format!("{address:#x} is not a multiple of a page's {:#x} bytes", PAGE_SIZES[0])
    })
}

fn parse_page_size(text: &str) -> Result<usize, String> {
    let size = number(text).and_then(|size| usize::try_from(size).ok());
    size.filter(|size| PAGE_SIZES.contains(size))
        .ok_or_else(|| "expected 4096, 16384 or 65536".into())
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self { message: error.to_string(), help: error.help().into() }
    }
}

impl FindingArgs {
    /// How to inspect; reads the types if any are given.
    fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            fdt: self.fdt,
            boot_params: self.boot_params,
            device_tree: self.device_tree,
            page_size: self.page_size,
            threads: self.threads,
            types: self.types.layouts(self.page_size)?,
            ..Options::default()
        })
    }

    /// Opens an image, and inspects it. This shows how far it is.
    fn inspect(&self, images: &[PathBuf], options: &Options) -> Result<(Image, State), Failure> {
        let shown = Shown::begin();
        let progress = shown.progress();
        let opener = Opener { progress: progress.clone() };
        let options = Options { progress: progress.clone(), ..options.clone() };
        Ok(inspect_file(self.open(images, &opener)?, &options)?)
    }

    /// Opens one file, or several raw ones with their addresses.
    fn open(&self, images: &[PathBuf], opener: &Opener) -> Result<Image, Failure> {
        let raw = self.kind == Some(Kind::Raw);
        if let [path] = images {
            let is_file = path.exists() || !path.as_os_str().as_bytes().contains(&b'@');
            if let Some(guest) = guest(path) {
                if raw || self.mmap {
                    return Err(Failure {
                        message: "--as and --mmap do not apply to a running guest".into(),
                        help: "leave out --as and --mmap".into(),
                    });
                }
                return Ok(match guest {
                    Guest::Monitor(socket) => opener.open_guest(socket)?,
                    Guest::Stub(stub) => opener.open_stub(&stub)?,
                });
            }
            if is_file {
                return Ok(match (raw, self.mmap) {
                    (true, _) => opener.open_raw(path)?,
                    (false, true) => opener.open_mapped(path)?,
                    (false, false) => opener.open(path)?,
                });
            }
        }
        let files: Result<Vec<RawFile>, _> =
            images.iter().map(|path| names::shown(path).parse()).collect();
        let files = files.map_err(|error| Failure {
            message: error.to_string(),
            help: match error {
                RawFileError::Form(_) => "several files must be raw memory, each as FILE@ADDRESS",
                RawFileError::Unaligned { .. } => {
                    "give the address at which the file's memory begins, in hexadecimal after 0x"
                }
            }
            .into(),
        })?;
        Ok(if raw { opener.open_files_raw(&files)? } else { opener.open_files(&files)? })
    }
}

/// A running guest, and who is asked for its memory.
enum Guest<'p> {
    /// The monitor that listens on a socket.
    Monitor(&'p Path),
    /// A gdb stub.
    Stub(Stub),
}

/// The guest that a word names. An existing file of that name is a file.
fn guest(path: &Path) -> Option<Guest<'_>> {
    if path.exists() {
        return None;
    }
    let word = path.as_os_str().as_bytes();
    let after = |prefix: &str| word.strip_prefix(prefix.as_bytes()).map(OsStr::from_bytes);
    after(MONITOR)
        .map(|socket| Guest::Monitor(Path::new(socket)))
        .or_else(|| after(STUB).map(|word| Guest::Stub(Stub::of(word))))
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    if let Some(Command::Diff(args)) = &args.command {
        return diff::run(args);
    }
    let mut inputs = Inputs::of(&args.image.images);
    inputs.add(args.image.finding.types.inputs());
    inputs.guard_stdout()?;
    let to = args.to.destination(&inputs)?;
    let options = args.image.finding.options()?;
    let (image, state) = args.image.finding.inspect(&args.image.images, &options)?;
    let mut filter = args.filter.filter();
    filter.token = args.extract.or(filter.token);
    let name = args.image.images.iter().map(names::shown).collect::<Vec<_>>();
    let name = name.join(" ");
    if args.all {
        return all::run(args, &options, &image, &name, state, &to);
    }
    let report = Report { image: &image, name: &name, state: &state, filter: &filter };
    if args.extract.is_some() {
        return extract::run(report, args, &to);
    }
    if !filter.is_all() && report.sessions().next().is_none() {
        return Err(absent::nothing_matches(&[&state], &filter));
    }
    to.write(|out| match args.format {
        _ if args.map => {
            let mut out = Fitted::new(out, to.columns());
            map::write(report, map::Size::that_fits(to.columns()), &mut out)?;
            out.flush()
        }
        Format::Text => {
            let mut out = Fitted::new(out, to.columns());
            text::write(report, &mut out)?;
            out.flush()
        }
        Format::Json => json::write(report, out),
        Format::JsonCompact => {
            json::write_compact(report, out)?;
            writeln!(out)
        }
        Format::Jsonl => lines::write(report, out),
        Format::Html => html::write(report, out),
    })?;
    if args.map {
        let findings: Vec<_> = state.findings.list().iter().collect();
        extract::say_findings(&state, &findings);
    }
    Ok(outcome(&state))
}

fn outcome(state: &State) -> Outcome {
    Outcome::of(usize::from(!state.findings.is_empty() || state.unknown > 0))
}
