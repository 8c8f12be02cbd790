// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Where a command writes: never over its inputs, and files whole or not at all.

use super::fit::columns;
use super::Failure;
use kho_abi_show::names;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, Seek as _, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The prefix of a word that names a guest's monitor.
pub(crate) const MONITOR: &str = "qmp:";
/// The prefix of a word that names a guest's gdb stub.
pub(crate) const STUB: &str = "gdb:";
/// How many symbolic links to follow to the place of a file, as many as Linux follows.
const LINKS_LIMIT: usize = 40;

/// What makes two names the same file: the device and the inode, or for a device node the device
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Inode(u64, u64),
    Device(u64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        if kind.is_block_device() || kind.is_char_device() {
            return Self::Device(metadata.rdev());
        }
        Self::Inode(metadata.dev(), metadata.ino())
    }
}

/// Everything that a command reads, to check its output against.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    files: Vec<(Identity, String)>,
    directories: Vec<(PathBuf, String)>,
}

impl Inputs {
    /// Adds words of the command line: paths, and other words, which do not name a file.
    ///
    /// A path in a word may be followed by `@` and more: each prefix that is a file counts.
    pub(crate) fn of<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        let mut inputs = Self::default();
        inputs.add(words);
        inputs
    }

    /// Adds more words.
    pub(crate) fn add<W: AsRef<OsStr>>(&mut self, words: impl IntoIterator<Item = W>) {
        for word in words {
            let word = word.as_ref();
            if word == "-" {
                // Only a file can be overwritten: a terminal is both read and written.
                let metadata = metadata_of(&io::stdin()).ok().filter(Metadata::is_file);
                let identity = metadata.map(|metadata| Identity::of(&metadata));
                self.files.extend(identity.map(|identity| (identity, "standard input".into())));
                continue;
            }
            let bytes = word.as_bytes();
            for prefix in [MONITOR, STUB] {
                if let Some(socket) = bytes.strip_prefix(prefix.as_bytes()) {
                    self.path(Path::new(OsStr::from_bytes(socket)));
                }
            }
            let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'@');
            for end in ends.map(|(end, _)| end).chain([bytes.len()]) {
                self.path(Path::new(OsStr::from_bytes(&bytes[..end])));
            }
        }
    }

    fn path(&mut self, path: &Path) {
        let Ok(metadata) = fs::metadata(path) else { return };
        let name = names::shown(path);
        if metadata.is_dir() {
            self.directories.extend(path.canonicalize().map(|path| (path, name)));
        } else {
            self.files.push((Identity::of(&metadata), name));
        }
    }

    /// The input that writing there would destroy.
    fn met_by(&self, metadata: &Metadata, path: Option<&Path>) -> Option<&str> {
        let identity = Identity::of(metadata);
        if let Some((_, name)) = self.files.iter().find(|(known, _)| *known == identity) {
            return Some(name);
        }
        // Reports may be kept in a tree that is read. Only its headers and frozen layouts are
        // inputs.
        let path = path.and_then(|path| path.canonicalize().ok())?;
        let extension = path.extension().and_then(OsStr::to_str);
        if !metadata.is_file() || !matches!(extension, Some("h" | "layout")) {
            return None;
        }
        let within = self.directories.iter().find(|(directory, _)| path.starts_with(directory));
        within.map(|(_, name)| name.as_str())
    }

    /// Refuses to overwrite an input.
    fn guard(&self, shown: &str, metadata: &Metadata, path: Option<&Path>) -> Result<(), Failure> {
        let Some(input) = self.met_by(metadata, path) else { return Ok(()) };
        Err(Failure {
            message: format!("{shown} is {input}, which this command reads: nothing was written"),
            help: "write to another file".into(),
        })
    }

    /// Refuses a standard output that goes to an input.
    pub(crate) fn guard_stdout(&self) -> Result<(), Failure> {
        match metadata_of(&io::stdout()) {
            Ok(metadata) if metadata.is_file() => self.guard("standard output", &metadata, None),
            _ => Ok(()),
        }
    }
}

/// The metadata of an open descriptor.
fn metadata_of(descriptor: &impl AsFd) -> io::Result<Metadata> {
    File::from(descriptor.as_fd().try_clone_to_owned()?).metadata()
}

/// Whether to keep what was written as the output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Yes,
    No,
}

/// Whether a file that is there, and not an input, may be replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    Yes,
    No,
}

impl Replace {
    /// By the option `--force`.
    pub(crate) fn by(force: bool) -> Self {
        if force {
            Self::Yes
        } else {
            Self::No
        }
    }
}

enum Way {
    /// Standard output.
    Standard,
    /// Not a file on a disk, or a file that another process has open: written in place.
    Direct(PathBuf),
    /// A file, which is written beside its place and then renamed.
    Beside(PathBuf),
}

/// Where a command writes, checked against what it reads.
pub(crate) struct Destination {
    way: Way,
    shown: String,
}

impl Destination {
    /// Decides how to write, without opening anything; `-` is standard output.
    ///
    /// # Errors
    ///
    /// An input is there, by any name, or something that a report must not overwrite; a file that
    /// is not empty, unless it may be replaced.
    pub(crate) fn new(
        output: Option<&Path>,
        inputs: &Inputs,
        replace: Replace,
    ) -> Result<Self, Failure> {
        let Some(path) = output.filter(|path| *path != Path::new("-")) else {
            inputs.guard_stdout()?;
            return Ok(Self::standard());
        };
        let shown = names::shown(path);
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
                if let Some(dir) = dir.filter(|dir| !dir.is_dir()) {
                    return Err(Failure {
                        message: format!("{shown}: there is no directory {}", names::shown(dir)),
                        help: "create it first, or write elsewhere".into(),
                    });
                }
                let place = place_of(path).map_err(|error| failed(&shown, &error))?;
                return Ok(Self { way: Way::Beside(place), shown });
            }
            Err(error) => return Err(failed(&shown, &error)),
        };
        inputs.guard(&shown, &metadata, Some(path))?;
        let kind = metadata.file_type();
        let refused = |what: &str| Failure {
            message: format!("{shown} is {what}: nothing was written"),
            help: "write to a file".into(),
        };
        if metadata.is_dir() {
            return Err(refused("a directory"));
        }
        if kind.is_block_device() {
            return Err(refused("a block device, with whatever is on it"));
        }
        // `/dev/stdout` and similar names: keep what was written there before.
        let stdout = metadata_of(&io::stdout());
        if stdout.is_ok_and(|stdout| Identity::of(&stdout) == Identity::of(&metadata)) {
            return Ok(Self { way: Way::Standard, shown });
        }
        // Of an empty file nothing is lost: `mktemp` makes one.
        if kind.is_file() && metadata.len() > 0 && replace == Replace::No {
            let size = metadata.len();
            return Err(Failure {
                message: format!("{shown} exists and has {size} bytes: nothing was written"),
                help: "write to another file, or replace it with --force".into(),
            });
        }
        let place = place_of(path).map_err(|error| failed(&shown, &error))?;
        // A descriptor's name leads to a file that its owner continues to use.
        let way = if kind.is_file() && !place.starts_with("/proc") {
            Way::Beside(place)
        } else {
            Way::Direct(path.into())
        };
        Ok(Self { way, shown })
    }

    /// Standard output, if no input can be there.
    pub(crate) fn standard() -> Self {
        Self { way: Way::Standard, shown: "standard output".into() }
    }

    /// Whether this is standard output.
    pub(crate) fn is_standard(&self) -> bool {
        matches!(self.way, Way::Standard)
    }

    /// How wide the terminal is that this writes to; `None` where it is no terminal.
    pub(crate) fn columns(&self) -> Option<usize> {
        columns(&io::stdout()).filter(|_| self.is_standard())
    }

    /// The name for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Writes sequentially: a report may be longer than memory.
    pub(crate) fn write(
        &self,
        work: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        // A file gets no colours, whatever standard output would get.
        let plain = |file: File, work: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>| {
            finish(BufWriter::new(anstream::AutoStream::never(file)), work)
        };
        let mut work = Some(work);
        let mut once = |out: &mut dyn Write| work.take().map_or(Ok(()), |work| work(out));
        let result = match &self.way {
            Way::Standard => {
                let stdout = anstream::AutoStream::auto(io::stdout().lock());
                finish(BufWriter::new(stdout), &mut once)
            }
            Way::Direct(path) => File::create(path).and_then(|file| plain(file, &mut once)),
            Way::Beside(path) => {
                beside(path, |file| plain(file.try_clone()?, &mut once).map(|()| ((), Keep::Yes)))
            }
        };
        match result {
            // A closed pipe is not an error.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(failed(&self.shown, &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes at positions, to an empty file; a destination that is not a file gets a copy at the
    /// end.
    ///
    /// The work decides whether to keep its file: otherwise nothing changes.
    pub(crate) fn write_at<T>(
        &self,
        work: impl FnOnce(&File) -> io::Result<(T, Keep)>,
    ) -> Result<T, Failure> {
        let result = match &self.way {
            Way::Standard => copied(&mut io::stdout().lock(), work),
            Way::Direct(path) => OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|mut file| copied(&mut file, work)),
            Way::Beside(path) => beside(path, work),
        };
        result.map_err(|error| failed(&self.shown, &error))
    }
}

/// Writes a file beside its place, and moves it there when it is whole.
fn beside<T>(path: &Path, work: impl FnOnce(&File) -> io::Result<(T, Keep)>) -> io::Result<T> {
    // A read-only file is not replaced either; a replaced file keeps its mode.
    let mode = match OpenOptions::new().write(true).open(path) {
        Ok(old) => Some(old.metadata()?.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // The mode of any new file here, from which the umask removes its part.
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o666));
    let directory = directory.unwrap_or(Path::new("."));
    // For a missing directory, report the system's own error, not one about the temporary file.
    fs::metadata(directory)?;
    let file = builder.prefix(".kho-abi-").tempfile_in(directory)?;
    let (result, keep) = work(file.as_file())?;
    if keep == Keep::No {
        return Ok(result);
    }
    if let Some(mode) = &mode {
        file.as_file().set_permissions(mode.clone())?;
    }
    // A full disk may only show at the end.
    file.as_file().sync_all()?;
    // A file that came to be meanwhile is not replaced.
    let persisted = match mode {
        Some(_) => file.persist(path),
        None => file.persist_noclobber(path),
    };
    persisted.map_err(|error| error.error)?;
    Ok(result)
}

/// Writes to an unnamed file, and copies it to a destination that cannot seek.
fn copied<T>(
    out: &mut dyn Write,
    work: impl FnOnce(&File) -> io::Result<(T, Keep)>,
) -> io::Result<T> {
    let mut spool = tempfile::tempfile()?;
    let (result, keep) = work(&spool)?;
    if keep == Keep::No {
        return Ok(result);
    }
    spool.rewind()?;
    match io::copy(&mut spool, out).and_then(|_| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(result),
    }
}

/// The target of a path through symbolic links, even if nothing exists there yet.
fn place_of(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_path_buf();
    for _ in 0..LINKS_LIMIT {
        let Ok(target) = fs::read_link(&place) else { return Ok(place) };
        let parent = place.parent().unwrap_or(Path::new(""));
        // A descriptor's link may lead to something without a path, which is a place by itself.
        if parent.canonicalize().is_ok_and(|parent| parent.starts_with("/proc")) {
            return Ok(parent.canonicalize()?.join(place.file_name().unwrap_or_default()));
        }
        place = parent.join(target);
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

fn finish(
    mut out: impl Write,
    work: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    work(&mut out)?;
    out.flush()
}

fn failed(shown: &str, error: &io::Error) -> Failure {
    Failure {
        message: format!("cannot write to {shown}: {error}"),
        help: "check the path, the permissions and the free space, or write elsewhere".into(),
    }
}
