// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Begins a contract: a wire file to change, its lines in the lists, and the draft of its layout.
//!
//! What is written compiles, and everything that must hold in a checkout holds, before the first edit.

use crate::bump::write_all;
use crate::registry::{self, Missing};
use crate::{freeze, generate, rustfmt, write};
use kho_abi::wire::layout;
use kho_abi_model::Model;
use kho_abi_read::checkout::{at, Checkout, CheckoutError};
use kho_abi_read::frozen::Status;
use kho_abi_read::truth::{self, TruthError};
use std::fs;
use std::path::PathBuf;

/// Why a contract cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is not one.
    #[error("`{0}` is not a name for a header: expected letters, digits, `-` and `_`, starting with a letter")]
    Name(String),
    /// Something has that name.
    #[error("{what} already has that name: {place}")]
    Taken {
        /// What it is.
        what: &'static str,
        /// Where it is.
        place: String,
    },
    /// The string does not fit the field that carries it.
    #[error("{0}")]
    TooLong(String),
    /// A list does not have the part that is to be edited.
    #[error("{file}: {what} not found")]
    Shape {
        /// The file.
        file: String,
        /// The part.
        what: Missing,
    },
    /// What was written does not fit together.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// A file cannot be read or written; what was written has been taken back.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
}

impl NewError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Name(_) => "give one such as `iommu` or `ring-buffer`".into(),
            Self::Taken { .. } => "take another name".into(),
            Self::TooLong(_) => "take a shorter name".into(),
            Self::Shape { .. } => "restore it: `git diff` shows what changed".into(),
            Self::Truth(error) => error.help(),
            Self::Checkout(error) => error.help(),
        }
    }
}

/// What was begun.
#[derive(Debug, PartialEq, Eq)]
pub struct New {
    /// The compatible string.
    pub compatible: String,
    /// The wire file.
    pub wire_file: PathBuf,
    /// Every file that was written.
    pub written: Vec<PathBuf>,
}

/// A change of one of the lists.
type Change<'a> = dyn Fn(&str) -> Result<String, Missing> + 'a;

/// Begins a contract, and the header that it is in.
///
/// `earlier` are the versions that were: their strings are taken, too.
///
/// # Errors
///
/// [`NewError`]; the checkout is then as it was.
pub fn new(
    checkout: &Checkout,
    current: &Model,
    earlier: &[Model],
    name: &str,
) -> Result<New, NewError> {
    let module = name.replace('-', "_");
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        // What Rust keeps for itself is no module's name.
        && syn::parse_str::<syn::Ident>(&module).is_ok();
    if !well_formed {
        return Err(NewError::Name(name.into()));
    }
    let compatible = format!("{}-v1", module.replace('_', "-"));
    let wire_file = checkout.wire_dir().join(format!("{module}.rs"));
    let draft_file = freeze::path(&checkout.snapshots_dir(), &compatible);
    for path in [&wire_file, &wire_file.with_extension(""), &draft_file] {
        if path.exists() {
            return Err(NewError::Taken { what: "a file", place: checkout.display(path) });
        }
    }
    let mut all = std::iter::once(current).chain(earlier).flat_map(Model::contracts);
    let of_it = format!("{}-v", module.replace('_', "-"));
    let same =
        |text: &str| text.strip_prefix(&of_it).is_some_and(|rest| rest.parse::<u64>().is_ok());
    if let Some((header, contract)) = all.find(|(_, contract)| same(&contract.compatible)) {
        let place = format!("\"{}\" in {}", contract.compatible, header.file);
        return Err(NewError::Taken { what: "a contract", place });
    }
    let record = format!("{module}_ser");
    if let Some((header, _)) = current.records().find(|(_, found)| found.name == record) {
        let place = format!("struct {record} in {}", header.file);
        return Err(NewError::Taken { what: "a struct", place });
    }

    let source = rustfmt::format(checkout.root(), &wire_text(&module, &compatible));
    let model = with_header(&module, &compatible, &source)?;
    let (header, contract) = model.contract(&compatible).ok_or_else(|| NewError::Shape {
        file: checkout.display(&wire_file),
        what: "the contract",
    })?;
    if let Some(finding) = freeze::too_long(&model, contract) {
        return Err(NewError::TooLong(finding.what));
    }

    let mut edits = vec![(wire_file.clone(), source)];
    let version = registry::version_module(&compatible).unwrap_or_else(|| format!("{module}_v1"));
    let lists: [(&str, &Change<'_>); 2] = [
        ("mod.rs", &|text| {
            registry::set_draft(&registry::add_header(text, &module)?, &compatible, true)
        }),
        ("versions.rs", &|text| registry::add_version(text, &version, &module)),
    ];
    for (list, change) in lists {
        let path = checkout.wire_dir().join(list);
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let file = checkout.display(&path);
        let text = change(&text).map_err(|what| NewError::Shape { file, what })?;
        edits.push((path, rustfmt::format(checkout.root(), &text)));
    }
    for generated in generate::render_all(&model) {
        edits.push((checkout.headers_dir().join(generated.path), generated.text));
    }
    for generated in generate::render_bindings(&model) {
        edits.push((checkout.bindings_dir().join(generated.path), generated.text));
    }
    let draft = write::frozen::of(&model, header, &compatible, Status::Draft);
    edits.extend(draft.map(|draft| (draft_file, write::frozen::render(&draft))));
    let written = write_all(&edits)?;
    Ok(New { compatible, wire_file, written })
}

/// The wire file of a contract that has one struct with one field.
fn wire_text(module: &str, compatible: &str) -> String {
    let upper = module.to_ascii_uppercase();
    let title = module.replace('_', " ");
    format!(
        r#"// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! {title} Live Update ABI
//!
//! What one kernel hands to the next: who writes it and when, who reads it and when, and what leads to
//! it. The compatible string is [`{upper}_COMPATIBLE`], and what it leads to begins with a
//! [`{module}_ser`]. Fields are in the byte order of the CPU.

use super::layout::{{self, WireType}};
use zerocopy_derive::{{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned}};

/// Compatible string of what is handed over.
pub const {upper}_COMPATIBLE: &str = "{compatible}";

/// What is handed over.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct {module}_ser {{
    /// Flags. The kernel writes zero, and refuses what it does not know.
    pub flags: u64,
}}

layout::wire_layout! {{
    struct {module}_ser of {upper}_COMPATIBLE, size 8, align 1 {{
        0 => flags: u64,
    }}
}}

/// The header `linux/kho/abi/{module}.h`.
pub const HEADER: layout::Header = layout::Header {{
    name: "{module}",
    file: "{module}.rs",
    source: include_str!("{module}.rs"),
    guard: "_LINUX_KHO_ABI_{upper}_H",
    includes: &["linux/compiler.h", "linux/types.h"],
    structs: &[{module}_ser::STRUCT_LAYOUT],
    contracts: &[layout::Contract {{
        compatible: layout::named_str!({upper}_COMPATIBLE),
        roots: &[{module}_ser::STRUCT_LAYOUT],
        ..layout::Contract::EMPTY
    }}],
    ..layout::Header::EMPTY
}};
"#
    )
}

/// The truth with that file, as it will be read once it is compiled.
///
/// The layout is the one that the text states, of one integer: rustc has no other for it.
fn with_header(module: &str, compatible: &str, source: &str) -> Result<Model, TruthError> {
    let keep = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let fields = &*Box::leak(Box::new([layout::FieldLayout {
        name: "flags",
        ty: "u64",
        offset: 0,
        size: 8,
    }]));
    let structs = &*Box::leak(Box::new([layout::StructLayout {
        name: keep(format!("{module}_ser")),
        size: 8,
        size_stated: "8",
        align: 1,
        fields,
    }]));
    let name = keep(format!("{}_COMPATIBLE", module.to_ascii_uppercase()));
    let contracts = &*Box::leak(Box::new([layout::Contract {
        compatible: layout::NamedStr { name, value: keep(compatible.into()) },
        roots: structs,
        ..layout::Contract::EMPTY
    }]));
    let header = &*Box::leak(Box::new(layout::Header {
        name: keep(module.into()),
        file: keep(format!("{module}.rs")),
        source: keep(source.into()),
        guard: keep(format!("_LINUX_KHO_ABI_{}_H", module.to_ascii_uppercase())),
        includes: &["linux/compiler.h", "linux/types.h"],
        structs,
        contracts,
        ..layout::Header::EMPTY
    }));
    let mut headers = kho_abi::wire::HEADERS.to_vec();
    headers.push(header);
    headers.sort_by_key(|header| header.file);
    truth::read(&headers)
}
