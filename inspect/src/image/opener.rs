// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Opens images: recognises what a file is, unpacks it, and says how far that is.

use super::bytes::{Bytes, FileBytes};
use super::counted::Counted;
use super::live::COPYING;
use super::spool::Spool;
use super::{blob, elf, flattened, foreign, gdb, kdump, lime, packed, qmp, raw};
use super::{Format, Image, OpenError, Packed, RawFile, Stub};
use kho_abi_show::{names, Progress, Unit};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

/// How to open an image. [`Image::open`] and the functions beside it do so by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opener {
    /// What counts the bytes that are unpacked or copied.
    pub progress: Progress,
}

impl Opener {
    /// As [`Image::open`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(&self, path: &Path) -> Result<Image, OpenError> {
        self.recognise(open_file(path, &self.progress)?).map_err(|error| name(error, path))
    }

    /// As [`Image::open_mapped`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "mapping")]
    pub fn open_mapped(&self, path: &Path) -> Result<Image, OpenError> {
        let bytes = File::open(path).and_then(super::bytes::MappedBytes::new);
        let bytes = bytes.map_err(|source| OpenError::Io { path: path.into(), source })?;
        self.recognise(Arc::new(bytes)).map_err(|error| name(error, path))
    }

    /// As [`Image::open_raw`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_raw(&self, path: &Path) -> Result<Image, OpenError> {
        Ok(raw::open(open_file(path, &self.progress)?))
    }

    /// As [`Image::open_guest`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_guest(&self, socket: &Path) -> Result<Image, OpenError> {
        let io = |source| OpenError::Io { path: socket.into(), source };
        self.progress.begin(COPYING, Unit::Bytes, None);
        let bytes = qmp::dump(socket, &self.progress).map_err(io)?;
        self.recognise(bytes).map_err(|error| name(error, socket))
    }

    /// As [`Image::open_stub`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_stub(&self, stub: &Stub) -> Result<Image, OpenError> {
        gdb::open(stub, &self.progress)
    }

    /// As [`Image::open_files`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_files(&self, files: &[RawFile]) -> Result<Image, OpenError> {
        raw::open_files(files, |path| {
            unpack_memory(open_file(path, &self.progress)?, path, &self.progress)
        })
    }

    /// As [`Image::open_files_raw`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_files_raw(&self, files: &[RawFile]) -> Result<Image, OpenError> {
        raw::open_files(files, |path| {
            let bytes = open_file(path, &self.progress)?;
            Ok(raw::UnpackedMemory { bytes, remarks: Vec::new(), broken: Vec::new() })
        })
    }

    /// As [`Image::recognise`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn recognise(&self, bytes: Arc<dyn Bytes>) -> Result<Image, OpenError> {
        self.recognise_within(bytes, 0)
    }

    fn recognise_within(&self, bytes: Arc<dyn Bytes>, depth: u32) -> Result<Image, OpenError> {
        let io = |source| OpenError::Io { path: "the image".into(), source };
        let head = foreign::head(&*bytes).map_err(io)?;
        if head.starts_with(elf::MAGIC) {
            return elf::open(bytes, Format::Elf);
        }
        if kdump::is_kdump(&head) {
            return kdump::open(bytes, Format::Kdump);
        }
        if head.starts_with(flattened::SIGNATURE) {
            return flattened::open(bytes);
        }
        if lime::is_lime(&head) {
            return lime::open(bytes, &self.progress);
        }
        if let Some(method) = packed::Method::of(&head).or_else(|| packed_after_all(&bytes, &head))
        {
            return self.unpack(&bytes, method, depth);
        }
        if let Some((what, command)) = packed::other(&head) {
            let help = format!("unpack it: `{command}`");
            return Err(OpenError::NotMemory { what: what.into(), help });
        }
        if let Some(image) = blob::open(&head, &bytes) {
            return Ok(image);
        }
        if let Some(foreign) = foreign::certain(&*bytes, &head) {
            return Err(foreign.error());
        }
        let probable = foreign::probable(&*bytes, &head);
        let mut image = raw::open(bytes);
        image.facts.looks_like = probable.map(|what| (what.what.into(), what.help.into()));
        Ok(image)
    }

    /// Unpacks a file that is compressed as a whole, and opens its content.
    fn unpack(
        &self,
        bytes: &Arc<dyn Bytes>,
        method: packed::Method,
        depth: u32,
    ) -> Result<Image, OpenError> {
        let name = method.name();
        let help = format!("unpack it: `{}`", method.command());
        let what = |why: &str| format!("{name}-compressed data{why}");
        if depth >= PACKED_DEPTH {
            let why = format!(", packed more than {PACKED_DEPTH} times");
            return Err(OpenError::NotMemory { what: what(&why), help });
        }
        let unpacked = packed::unpack(bytes, method, &self.progress)
            .map_err(|source| OpenError::Io { path: "the image".into(), source })?;
        let broken = unpacked.broken.map(|why| format!(" that {why}"));
        if unpacked.bytes.is_empty() {
            let help = match &broken {
                Some(_) => "make the file again; --as raw reads its bytes as memory".into(),
                None => help,
            };
            let why = broken.unwrap_or_else(|| " without content".into());
            // Memory may begin like this by chance: then it has what is looked for.
            let mut image = raw::open(bytes.clone());
            image.facts.looks_like = Some((what(&why), help));
            return Ok(image);
        }
        let len = unpacked.bytes.len();
        let mut image = match self.recognise_within(unpacked.bytes, depth + 1) {
            Ok(image) => image,
            Err(OpenError::NotMemory { what: inner, help }) => {
                let why = format!(", containing {inner}");
                return Err(OpenError::NotMemory { what: what(&why), help });
            }
            Err(error) => return Err(error),
        };
        let remark = format!("the file is {name}-compressed: {len} bytes were unpacked");
        image.facts.remarks.push(remark);
        if let Some(broken) = broken {
            image.facts.notes.push(format!("the file is {}", what(&broken)));
            let packed = Packed { bytes: bytes.clone(), what: what(&broken) };
            image.facts.packed.get_or_insert(packed);
            // What unpacks to less than it is was hardly packed: it is something else.
            if len < bytes.len() {
                let help = "make the file again; --as raw reads its bytes as memory".to_owned();
                image.facts.looks_like.get_or_insert((what(&broken), help));
            }
        }
        Ok(image)
    }
}

/// Unpacks a file that is to be memory at an address, and refuses a dump with addresses of its own.
fn unpack_memory(
    bytes: Arc<dyn Bytes>,
    path: &Path,
    progress: &Progress,
) -> Result<raw::UnpackedMemory, OpenError> {
    let io = |source| OpenError::Io { path: path.into(), source };
    let mut memory = raw::UnpackedMemory { bytes, remarks: Vec::new(), broken: Vec::new() };
    for depth in 0.. {
        let head = foreign::head(&*memory.bytes).map_err(io)?;
        if let Some(what) = addressed(&head) {
            return Err(OpenError::Placed { path: path.into(), what });
        }
        if let Some((what, command)) = packed::other(&head) {
            let help = format!("unpack it: `{command}`");
            return Err(OpenError::NotMemory { what: what.into(), help });
        }
        if let Some(foreign) = foreign::certain(&*memory.bytes, &head) {
            return Err(foreign.error());
        }
        let method = packed::Method::of(&head).or_else(|| packed_after_all(&memory.bytes, &head));
        let Some(method) = method.filter(|_| depth < PACKED_DEPTH) else { break };
        let unpacked = packed::unpack(&memory.bytes, method, progress).map_err(io)?;
        let name = method.name();
        let len = unpacked.bytes.len();
        if let Some(why) = unpacked.broken {
            let why = format!("{} is {name}-compressed data that {why}", names::shown(path));
            if len == 0 {
                let help = "make the image again; --as raw reads its bytes as memory".into();
                return Err(OpenError::NotMemory { what: why, help });
            }
            memory.broken.push(why);
        }
        memory.remarks.push(format!(
            "{} is {name}-compressed: {len} bytes were unpacked, and offsets refer to them",
            names::shown(path)
        ));
        memory.bytes = unpacked.bytes;
    }
    Ok(memory)
}

/// A file inside a file inside a file is not a dump.
const PACKED_DEPTH: u32 = 3;

/// What a file is that has the addresses of its memory in it, by its first bytes; `None` for any other.
fn addressed(head: &[u8]) -> Option<String> {
    if head.starts_with(elf::MAGIC) {
        Some("an ELF file".into())
    } else if kdump::is_kdump(head) {
        Some(format!("a {}", Format::Kdump))
    } else if head.starts_with(flattened::SIGNATURE) {
        Some("a flattened dump".into())
    } else if lime::is_lime(head) {
        Some("a LiME or AVML file".into())
    } else {
        None
    }
}

/// How a file is compressed, if its first bytes are not conclusive: by its unpacked content.
fn packed_after_all(bytes: &Arc<dyn Bytes>, head: &[u8]) -> Option<packed::Method> {
    let method = packed::Method::perhaps(head)?;
    let inner = packed::taste(bytes, method, 4096);
    let known = addressed(&inner).is_some() || inner.len() == 4096;
    known.then_some(method)
}

/// Opens a file; a pipe goes to a temporary file first.
fn open_file(path: &Path, progress: &Progress) -> Result<Arc<dyn Bytes>, OpenError> {
    let file = if path == Path::new("-") { stdin() } else { File::open(path) };
    let bytes = file.and_then(|file| -> io::Result<Arc<dyn Bytes>> {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if kind.is_fifo() || kind.is_socket() {
            progress.begin("copying the image to a temporary file", Unit::Bytes, None);
            let mut spool = Spool::new()?;
            spool.fill(&mut Counted::new(&file, progress))?;
            return spool.finish();
        }
        let bytes = FileBytes::new(file)?;
        if kind.is_char_device() && bytes.is_empty() {
            let why = "a character device has no size; live memory is /proc/kcore";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Arc::new(bytes))
    });
    bytes.map_err(|source| OpenError::Io { path: path.into(), source })
}

/// Standard input as a file: it may be a regular file or a pipe.
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let why = "standard input is a terminal: pipe a dump into it";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    stdin.as_fd().try_clone_to_owned().map(File::from)
}

/// Adds the path of the unreadable file to an error that lacks it.
fn name(error: OpenError, path: &Path) -> OpenError {
    match error {
        OpenError::Io { source, .. } => OpenError::Io { path: path.into(), source },
        other => other,
    }
}
