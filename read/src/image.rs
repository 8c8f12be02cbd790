// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads built kernels: a vmlinux, a module, a bzImage, raw BTF.
//!
//! Types come from DWARF or BTF. Compatible strings come from the objects with which file handlers
//! register, from strings of the right form in the image's data, and from the list that a kernel
//! may carry. What an image lacks is a gap in the [`Reading`].

use super::bytes::{Bytes, FileBytes};
use super::elf::{self, Elf, ElfError};
use super::ikconfig::Config;
use super::image_strings::{self, Found};
use super::lower::Lowered;
use super::{btf, contracts, dwarf, listed_versions, payload, uki};
use crate::error::SourceError;
use crate::names::Names;
use crate::options::Options;
use kho_abi_model::reading::{Gap, Kind, Knows, Reading};
use kho_abi_model::{Endian, Target};
use kho_abi_show::names;
use object::elf::{EM_AARCH64, EM_RISCV, EM_X86_64};
use std::collections::BTreeSet;
use std::path::Path;

/// The section with BTF.
const BTF_SECTION: &str = ".BTF";
/// The section with the part of a kernel's BTF that the BTF of a module needs.
const BTF_BASE_SECTION: &str = ".BTF.base";
/// The limit on the BTF of a kernel, in bytes.
const MAX_BTF: u64 = 256 << 20;

/// The result of reading an image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Types and contracts.
    pub reading: Reading,
    /// The kernel's configuration, if it carries it.
    pub config: Option<Config>,
    /// The compatible strings that it lists as understood, if it has such a list.
    pub listed: Option<Vec<String>>,
    /// The release that it reports, as `7.3.4-amd64`.
    pub release: Option<String>,
    /// The machine that it is for, as `x86_64`, if the file says so.
    pub machine: Option<String>,
}

/// Whether [`open`] reads such a file, by its first bytes.
#[must_use]
pub fn is_image(head: &[u8]) -> bool {
    head.starts_with(elf::MAGIC)
        || head.starts_with(&btf::MAGIC)
        || head.starts_with(&btf::MAGIC_BIG_ENDIAN)
        || payload::is_packed(head)
        || is_arm64(head)
        || uki::linux(head).is_some()
}

/// The header of an uncompressed arm64 kernel: `Documentation/arch/arm64/booting.rst`.
fn is_arm64(head: &[u8]) -> bool {
    head.get(0x38..0x3c) == Some(b"ARM\x64")
}

/// Reads an image.
///
/// # Errors
///
/// [`SourceError`] for a file that is not a kernel, is for another kind of machine, or is damaged.
pub fn open(path: &Path, options: &Options) -> Result<Image, SourceError> {
    let file = FileBytes::open(path).map_err(|error| SourceError::io(path, error))?;
    read(path, &file, options)
}

/// Reads the configuration that a kernel carries; `None` if it does not.
///
/// # Errors
///
/// As [`open`].
pub fn config(path: &Path) -> Result<Option<Config>, SourceError> {
    Ok(open(path, &Options::default())?.config)
}

/// Reads an image from bytes; the path is only for messages.
///
/// # Errors
///
/// As [`open`].
pub fn read(path: &Path, bytes: &dyn Bytes, options: &Options) -> Result<Image, SourceError> {
    let source = Source { path, options, known: options.catalogue.names()? };
    let head = bytes.take_up_to(0, 4096).map_err(|error| SourceError::io(path, error))?;
    match source.peel(bytes, &head)? {
        Some(inner) => source.unpacked(&inner),
        None => source.unpacked(bytes),
    }
}

struct Source<'a> {
    path: &'a Path,
    options: &'a Options,
    known: &'a Names,
}

/// Types, and their origin.
struct TypesRead {
    kind: Kind,
    lowered: Lowered,
    gaps: Vec<Gap>,
}

impl Source<'_> {
    fn unpacked(&self, bytes: &dyn Bytes) -> Result<Image, SourceError> {
        let head = bytes.take_up_to(0, 64).map_err(|error| SourceError::io(self.path, error))?;
        if head.starts_with(elf::MAGIC) {
            return self.elf(bytes);
        }
        if head.starts_with(&btf::MAGIC) || head.starts_with(&btf::MAGIC_BIG_ENDIAN) {
            return self.raw_btf(bytes, &head);
        }
        if is_arm64(&head) {
            let start = bytes.take_up_to(0, 4096);
            let start = start.map_err(|error| SourceError::io(self.path, error))?;
            payload::whole(&start, bytes.size()).map_err(|e| self.malformed("kernel image", e))?;
            return self.flat(bytes, &head);
        }
        Err(self.no_source("not a vmlinux, module, bzImage, unified kernel image or BTF"))
    }

    fn no_source(&self, why: &str) -> SourceError {
        SourceError::NotASource {
            name: names::shown(self.path),
            why: why.into(),
            help: "give a kernel's vmlinux or bzImage, a module, or /sys/kernel/btf/vmlinux".into(),
        }
    }

    fn failed(&self, error: ElfError) -> SourceError {
        let path = self.path.into();
        match error {
            ElfError::Foreign(what) => SourceError::Foreign { path, what },
            ElfError::NotKernel(why) => self.no_source(&why),
            ElfError::Malformed { part, why } => SourceError::Malformed { path, part, why },
        }
    }

    #[allow(clippy::needless_pass_by_value)] // Takes errors and text alike.
    fn malformed(&self, part: &str, why: impl ToString) -> SourceError {
        self.failed(ElfError::malformed(part, why))
    }

    fn elf(&self, bytes: &dyn Bytes) -> Result<Image, SourceError> {
        let failed = |error| self.failed(error);
        let elf = Elf::parse(bytes).map_err(failed)?;
        if elf.section(".interp").is_some() {
            return Err(self.no_source("it is a program, not a kernel"));
        }
        let TypesRead { kind, lowered, mut gaps } = self.types(&elf)?;
        let layouts = handler_layouts(&lowered);
        let found = image_strings::find(&elf, &self.known.names(), &layouts).map_err(failed)?;
        let listed = listed_versions::read(&elf).map_err(failed)?;
        let config = found.config.map(|at| Config::read(&elf, at)).transpose().map_err(failed)?;
        let config = config.flatten();

        let mut compatibles: BTreeSet<String> = found.compatibles.keys().cloned().collect();
        compatibles.extend(listed.iter().flatten().cloned());
        for layout in &lowered.handlers {
            compatibles.extend(image_strings::handlers(&elf, *layout).map_err(failed)?);
        }
        compatibles.retain(|string| !self.known.is_for_tests(string));
        if kind == Kind::Strings && compatibles.is_empty() && !found.is_kernel {
            return Err(self.no_source("not a Linux kernel or module, or fully stripped"));
        }
        // An image without live-update code needs no handlers.
        if lowered.handlers.is_empty() && !lowered.records.is_empty() {
            gaps.push(Gap {
                item: String::new(),
                why: "file handlers cannot be recognised: the types lack their struct".into(),
            });
        }
        let page_size = self.page_size(&elf, config.as_ref());
        let mut image =
            self.image(kind, &lowered, &compatibles, gaps, page_size, config, listed, true);
        image.release = found.release.clone().or_else(|| vermagic(&elf));
        image.machine = Some(elf::machine_name(elf.machine()));
        Ok(image)
    }

    /// The page size, if the machine has only one, or if the file shows it.
    fn page_size(&self, elf: &Elf<'_>, config: Option<&Config>) -> Option<u64> {
        let asked_for = self.options.page_size;
        asked_for.or_else(|| match object::elf::Machine(elf.machine()) {
            EM_X86_64 | EM_RISCV => Some(4096),
            EM_AARCH64 => {
                let head = elf.section(".head.text").and_then(|head| elf.part(head, 0, 64).ok());
                head.and_then(|head| arm64_page_size(&head))
                    .or_else(|| config.and_then(Config::page_size))
            }
            _ => config.and_then(Config::page_size),
        })
    }

    /// Names of the structs and enumerations to look for.
    fn wanted(&self) -> BTreeSet<&str> {
        let asked_for = self.options.structs.iter().map(String::as_str);
        self.known.wanted().into_iter().chain(asked_for).collect()
    }

    /// Types from DWARF, or from BTF.
    fn types(&self, elf: &Elf<'_>) -> Result<TypesRead, SourceError> {
        let wanted = self.wanted();
        let has_btf = elf.section(BTF_SECTION).is_some();
        if !(self.options.prefer_btf && has_btf) && elf.is_told() {
            if let Some(lowered) = dwarf::read(elf, &wanted).map_err(|error| self.failed(error))? {
                return Ok(TypesRead { kind: Kind::Dwarf, lowered, gaps: Vec::new() });
            }
        }
        let none = |why: String| TypesRead {
            kind: Kind::Strings,
            lowered: Lowered::default(),
            gaps: vec![Gap { item: String::new(), why }],
        };
        let Some(section) = elf.section(BTF_SECTION) else {
            return Ok(none("it has no types: neither DWARF nor BTF".into()));
        };
        let take = |section: &elf::Section| {
            if section.size > MAX_BTF {
                return Err(self.malformed(&section.name, "it is too large for any kernel"));
            }
            elf.content(section).map_err(|error| self.failed(error))
        };
        let own = take(section)?;
        // A module's own base comes first: it was built with the module.
        let base = match elf.section(BTF_BASE_SECTION) {
            Some(section) => Some((BTF_BASE_SECTION.to_string(), take(section)?)),
            // Self-contained BTF needs no base.
            None if elf.is_relocatable() && btf::Btf::parse(own.clone(), None).is_err() => {
                self.base_btf(Some(elf))?
            }
            None => None,
        };
        let base = match base {
            Some((name, data)) => {
                let base = btf::Btf::parse(data, None);
                Some(base.map_err(|error| self.malformed(&name, error))?)
            }
            None => None,
        };
        match btf::Btf::parse(own, base.as_ref()) {
            Ok(types) => {
                Ok(TypesRead { kind: Kind::Btf, lowered: types.read(&wanted), gaps: Vec::new() })
            }
            Err(error) if error.needs_base() => Ok(none(
                "its BTF continues its kernel's BTF, which is missing: give it with --btf-base"
                    .into(),
            )),
            Err(error) => Err(self.malformed(BTF_SECTION, error)),
        }
    }

    /// The base BTF that was given for modules: raw, or in a vmlinux.
    fn base_btf(&self, module: Option<&Elf<'_>>) -> Result<Option<(String, Vec<u8>)>, SourceError> {
        let Some(path) = &self.options.btf_base else { return Ok(None) };
        let io = |error| SourceError::io(path, error);
        let file = FileBytes::open(path).map_err(io)?;
        let head = file.take_up_to(0, 4096).map_err(io)?;
        let name = names::shown(path);
        let other = Source { path, options: self.options, known: self.known };
        let unpacked;
        let mut kernel: &dyn Bytes = &file;
        if let Some(inner) = other.peel(&file, &head)? {
            unpacked = inner;
            kernel = &unpacked;
        } else if head.starts_with(&btf::MAGIC) || head.starts_with(&btf::MAGIC_BIG_ENDIAN) {
            if file.size() > MAX_BTF {
                return Err(
                    other.malformed(BTF_SECTION, format!("it has more than {MAX_BTF} bytes"))
                );
            }
            return Ok(Some((name, file.take(0, file.size()).map_err(io)?)));
        }
        let start = kernel.take_up_to(0, 64).map_err(io)?;
        if is_arm64(&start) {
            let found = image_strings::find_btf(kernel, MAX_BTF).map_err(|e| other.failed(e))?;
            let found = found.ok_or_else(|| other.malformed(BTF_SECTION, "it is missing"))?;
            return Ok(Some((name, found)));
        }
        let elf = Elf::parse(kernel).map_err(|error| other.failed(error))?;
        self.same_release(module, &elf)?;
        let section = elf.section(BTF_SECTION);
        let section = section.ok_or_else(|| other.malformed(BTF_SECTION, "it is missing"))?;
        Ok(Some((name, elf.content(section).map_err(|error| other.failed(error))?)))
    }

    /// Refuses the types of another kernel than the one that the module was built for: they would
    /// be mistaken for its own.
    fn same_release(&self, module: Option<&Elf<'_>>, kernel: &Elf<'_>) -> Result<(), SourceError> {
        let Some(wanted) = module.and_then(vermagic) else { return Ok(()) };
        let found = image_strings::find(kernel, &BTreeSet::new(), &[]);
        let Some(is) = found.map_err(|error| self.failed(error))?.release else { return Ok(()) };
        if wanted == is {
            return Ok(());
        }
        Err(SourceError::NotASource {
            name: names::shown(self.path),
            why: format!("it is a module of Linux {wanted}, but --btf-base is Linux {is}"),
            help: format!("give the vmlinux or bzImage of {wanted} as --btf-base"),
        })
    }

    /// The kernel in a unified kernel image or in a packed one; `None` if the file is the kernel
    /// itself.
    fn peel(&self, bytes: &dyn Bytes, head: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        let Some((offset, size)) = uki::linux(head).filter(|_| !payload::is_packed(head)) else {
            return payload::is_packed(head).then(|| self.unpack(bytes)).transpose();
        };
        if size > payload::MAX_UNPACKED {
            return Err(self.malformed(".linux", "it is too large for any kernel"));
        }
        payload::whole(head, bytes.size())
            .map_err(|error| self.malformed("unified kernel image", error))?;
        let io = |error| SourceError::io(self.path, error);
        let inner = bytes.take(offset, size).map_err(io)?;
        if payload::is_packed(&inner) {
            return self.unpack(&inner).map(Some);
        }
        Ok(Some(inner))
    }

    /// The content of a packed kernel.
    fn unpack(&self, bytes: &dyn Bytes) -> Result<Vec<u8>, SourceError> {
        let unpacked = payload::unpack(bytes).map_err(|error| SourceError::Malformed {
            path: self.path.into(),
            part: "packed kernel".into(),
            why: error.to_string(),
        })?;
        Ok(unpacked.unwrap_or_default())
    }

    fn raw_btf(&self, bytes: &dyn Bytes, head: &[u8]) -> Result<Image, SourceError> {
        if head.starts_with(&btf::MAGIC_BIG_ENDIAN) {
            let what = "it is BTF for a big-endian machine".into();
            return Err(SourceError::Foreign { path: self.path.into(), what });
        }
        if bytes.size() > MAX_BTF {
            return Err(self.malformed("BTF", "it is too large for any kernel"));
        }
        let io = |error| SourceError::io(self.path, error);
        let data = bytes.take(0, bytes.size()).map_err(io)?;
        let base = match self.base_btf(None)? {
            Some((name, data)) => {
                let base = btf::Btf::parse(data, None);
                Some(base.map_err(|error| self.malformed(&name, error))?)
            }
            None => None,
        };
        // A kernel's BTF is self-contained, whatever base was given for modules.
        let own = match btf::Btf::parse(data.clone(), None) {
            Err(error) if error.needs_base() && base.is_some() => {
                btf::Btf::parse(data, base.as_ref())
            }
            own => own,
        };
        let lowered = own.map_err(|error| self.malformed("BTF", error))?.read(&self.wanted());
        let gaps = vec![Gap {
            item: String::new(),
            why:
                "BTF has no data, so no compatible strings: only the layout of a struct shows its \
                 version"
                    .into(),
        }];
        let page_size = self.options.page_size;
        let none = BTreeSet::new();
        Ok(self.image(Kind::Btf, &lowered, &none, gaps, page_size, None, None, false))
    }

    /// Reads an uncompressed arm64 kernel: it has no sections, but has BTF somewhere.
    fn flat(&self, bytes: &dyn Bytes, head: &[u8]) -> Result<Image, SourceError> {
        let failed = |error| self.failed(error);
        let types = image_strings::find_btf(bytes, MAX_BTF)
            .map_err(failed)?
            .and_then(|data| btf::Btf::parse(data, None).ok());
        let mut gaps = Vec::new();
        let (kind, lowered) = if let Some(types) = types {
            (Kind::Btf, types.read(&self.wanted()))
        } else {
            gaps.push(Gap { item: String::new(), why: "it has no types: no BTF".into() });
            (Kind::Strings, Lowered::default())
        };
        let layouts = handler_layouts(&lowered);
        let Found { compatibles, config: at, release, .. } =
            image_strings::find_flat(bytes, &self.known.names(), &layouts).map_err(failed)?;
        let config = at.and_then(|(_, offset)| {
            let left = bytes.size().saturating_sub(offset);
            Config::unpack(&bytes.take(offset, left.min(2 << 20)).ok()?)
        });
        let mut compatibles: BTreeSet<String> = compatibles.into_keys().collect();
        compatibles.retain(|string| !self.known.is_for_tests(string));
        let page_size = self.options.page_size.or_else(|| arm64_page_size(head));
        let image = self.image(kind, &lowered, &compatibles, gaps, page_size, config, None, true);
        let machine = Some(elf::machine_name(EM_AARCH64.0));
        Ok(Image { release, machine, ..image })
    }

    #[allow(clippy::too_many_arguments)] // The parts of an image come from different places.
    fn image(
        &self,
        kind: Kind,
        lowered: &Lowered,
        compatibles: &BTreeSet<String>,
        mut gaps: Vec<Gap>,
        page_size: Option<u64>,
        config: Option<Config>,
        listed: Option<Vec<String>>,
        strings: bool,
    ) -> Image {
        let target = Target { pointer_bits: 64, endian: Endian::Little, page_size };
        let undetermined = lowered.undetermined.iter();
        gaps.extend(undetermined.map(|(name, why)| Gap { item: name.clone(), why: why.clone() }));
        let knows = Knows {
            absence: false,
            headers: false,
            packing: false,
            macros: false,
            enumerators: kind != Kind::Strings,
            string_macros: false,
            strings,
            registered_strings: strings && !lowered.handlers.is_empty(),
            nodes: false,
            places: kind == Kind::Dwarf,
        };
        let mut model = self.known.model(target, lowered, compatibles, &self.options.structs);
        contracts::present_names(&mut model, &self.options.catalogue);
        // An image does not show which structs an unknown version promises.
        let unknown = compatibles.iter().filter(|string| !self.known.knows(string));
        gaps.extend(unknown.map(|string| {
            Gap {
            item: string.clone(),
            why: "this kho-abi does not know what it promises: use a newer one, or give its layout \
                  with --catalogue".into(),
        }
        }));
        let name = names::shown(self.path);
        let reading = Reading { name, kind, model, knows, gaps };
        Image { reading, config, listed, release: None, machine: None }
    }
}

/// Where handlers keep their strings: as the types show, or else the usual layout.
fn handler_layouts(lowered: &Lowered) -> Vec<image_strings::HandlerLayout> {
    match lowered.handlers.as_slice() {
        [] => vec![image_strings::USUAL_LAYOUT],
        layouts => layouts.to_vec(),
    }
}

/// The release that a module was built for.
fn vermagic(elf: &Elf<'_>) -> Option<String> {
    let section = elf.section(".modinfo").filter(|section| section.size <= 1 << 20)?;
    let content = elf.content(section).ok()?;
    let mut entries = content.split(|byte| *byte == 0);
    let magic = entries.find_map(|entry| entry.strip_prefix(b"vermagic="))?;
    let release = magic.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(release).ok().map(Into::into)
}

/// The page size in the flags of an arm64 kernel's header.
fn arm64_page_size(head: &[u8]) -> Option<u64> {
    if !is_arm64(head) {
        return None;
    }
    match head.get(24)? >> 1 & 3 {
        1 => Some(4096),
        2 => Some(16384),
        3 => Some(65536),
        _ => None,
    }
}
