// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a wire file declares beside its types, as data: layouts, contracts, headers.
//!
//! `wire_layout!` states a struct's size, alignment and offsets a second time, by hand, so that the
//! compiler refuses an unintended change. It also records what the compiler computed, so that
//! generators read offsets and sizes instead of computing them.
//!
//! # A crate of your own
//!
//! The macros and the data of this module are for other crates, too, and stay as they are within a
//! version of this crate: `wire_layout!`, `per_page_size!`, `named_str!` and `named_int!` here,
//! [`bit_fields!`](super::bits::bit_fields) beside it, [`Header`], [`Contract`], and what they are made
//! of. New members of these two come with an empty value: so end them with `..layout::Header::EMPTY`.
//! A file that uses the macros has `use kho_abi::wire::layout::{self, WireType};`.
//!
//! ```
//! # #![allow(non_camel_case_types)]
//! use kho_abi::wire::layout::{self, WireType};
//! use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
//!
//! /// Compatible string of the ring.
//! pub const RING_COMPATIBLE: &str = "ring-v1";
//!
//! /// A ring.
//! #[repr(C, packed)]
//! #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
//! pub struct ring_ser {
//!     /// Number of entries.
//!     pub nr_entries: u32,
//!     /// Position of the oldest one.
//!     pub head: u16,
//! }
//!
//! layout::wire_layout! {
//!     struct ring_ser of RING_COMPATIBLE, size 6, align 1 {
//!         0 => nr_entries: u32,
//!         4 => head: u16,
//!     }
//! }
//!
//! let ring = ring_ser::read(&[7, 0, 0, 0, 1, 0])?;
//! assert_eq!((u32::from_le(ring.nr_entries), u16::from_le(ring.head)), (7, 1));
//! assert_eq!(ring_ser::STRUCT_LAYOUT.fields[1].offset, 4);
//! # Ok::<(), layout::ViewError>(())
//! ```
//!
//! `kho-abi-codegen` makes C headers, unit tests and frozen layouts from it: see its module `own`, and
//! `examples/own-contract` in the repository.

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

// What the macros name, so that a crate that uses them needs no dependency on it.
#[cfg(not(CONFIG_RUST))]
#[doc(hidden)]
pub use static_assertions;
#[doc(hidden)]
pub use zerocopy;

/// A field of a wire struct, as the compiler laid it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLayout {
    /// The field's name, in Rust and C alike.
    pub name: &'static str,
    /// The field's type, as the layout declaration spells it.
    pub ty: &'static str,
    /// Distance from the start of the struct, in bytes.
    pub offset: usize,
    /// Size of the field, in bytes.
    pub size: usize,
}

/// A wire struct, as the compiler laid it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StructLayout {
    /// The struct's name, in Rust and C alike.
    pub name: &'static str,
    /// Size, in bytes.
    pub size: usize,
    /// Size as the layout declaration states it: a number, or `PAGE_SIZE`.
    pub size_stated: &'static str,
    /// Alignment, in bytes.
    pub align: usize,
    /// The fields, in the order of the declaration.
    pub fields: &'static [FieldLayout],
}

/// A string constant with the name of its C macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedStr {
    /// The macro's name.
    pub name: &'static str,
    /// The string, without the terminating NUL that C adds.
    pub value: &'static str,
}

/// An integer constant whose value is an expression: rustc computes the value, and C gets the
/// expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedInt {
    /// The constant's name, in Rust and C alike.
    pub name: &'static str,
    /// Its value, as the compiler computed it.
    pub value: i128,
    /// The expression, as C has it.
    pub c: &'static str,
}

/// A macro with arguments. It has no value: C gets its text, and Rust has functions instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CMacro {
    /// The arguments, as `name, type`.
    pub arguments: &'static str,
    /// Its replacement; each line of it is a line in C.
    pub body: &'static str,
    /// The kernel option without which it is not defined; empty if it always is.
    pub option: &'static str,
}

/// A C bit-field, which Rust keeps in an integer with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitField {
    /// The bit-field's name.
    pub name: &'static str,
    /// Its first bit, in C's order of allocation.
    ///
    /// C compilers for Linux begin at the least significant bit on little-endian machines, and at the
    /// most significant one on big-endian machines.
    pub bit: u32,
    /// Its width, in bits.
    pub width: u32,
    /// Its documentation, one entry per source line.
    pub doc: &'static [&'static str],
}

/// The bit-fields that share an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitFields {
    /// The struct.
    pub record: &'static str,
    /// The field that holds them in Rust; it does not exist in C.
    pub storage: &'static str,
    /// The bit-fields, in the order of the declaration.
    pub fields: &'static [BitField],
}

/// The layouts and constants that depend on the page size, for one of the page sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLayouts {
    /// The page size, in bytes.
    pub page_size: usize,
    /// The structs of the file that depend on it, in the order of their declaration.
    pub structs: &'static [StructLayout],
    /// The constants of the file that depend on it.
    pub constants: &'static [NamedInt],
}

/// A property of a node in a flattened device tree (FDT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdtProperty {
    /// The property's name.
    pub name: &'static str,
    /// Size of its value, in bytes; `None` for a string.
    pub size: Option<usize>,
    /// Its description, in one sentence.
    pub doc: &'static str,
}

/// A node in a flattened device tree (FDT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdtNode {
    /// Its path: `/`, or `/<name>` for nodes that are named by their creator.
    pub path: &'static str,
    /// Its properties; numbers are in the byte order of the CPU, not in that of device trees.
    pub properties: &'static [FdtProperty],
}

/// What a version promises: the layout of these structs and all that they embed, these constants,
/// and these device-tree nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The compatible string, which names the version. If the version is a number: the name of the
    /// number's macro, and what it is the version of.
    pub compatible: NamedStr,
    /// The version, if it is a number in a struct and not a part of a string.
    pub version: Option<u32>,
    /// The compatible string in memory, which is the same in every version, if the version is a
    /// number beside it.
    pub name: Option<NamedStr>,
    /// The structs that the contract owns; what they embed belongs to it too.
    pub roots: &'static [StructLayout],
    /// The structs that it owns and that depend on the page size, by name.
    pub page_roots: &'static [&'static str],
    /// The constants that it owns, by name, possibly from other headers.
    pub constants: &'static [&'static str],
    /// The device-tree nodes that it describes.
    pub nodes: &'static [FdtNode],
}

impl Contract {
    /// An empty contract, to start from.
    pub const EMPTY: Self = Self {
        compatible: NamedStr { name: "", value: "" },
        version: None,
        name: None,
        roots: &[],
        page_roots: &[],
        constants: &[],
        nodes: &[],
    };
}

/// A wire file, and the kernel header that is generated from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The C header's name, without directory and `.h`.
    pub name: &'static str,
    /// The wire file, from the directory of wire files.
    pub file: &'static str,
    /// The file's own text: names, documentation and order come from it.
    pub source: &'static str,
    /// The C header's include guard.
    pub guard: &'static str,
    /// What the C header includes for its types, as `linux/types.h`.
    pub includes: &'static [&'static str],
    /// Every struct of the file, in the order of their declaration.
    pub structs: &'static [StructLayout],
    /// The constants whose values are expressions.
    pub constants: &'static [NamedInt],
    /// The bit-fields of the structs.
    pub bit_fields: &'static [BitFields],
    /// What depends on the page size, for each page size, smallest first.
    pub pages: &'static [PageLayouts],
    /// The contracts that the file declares.
    pub contracts: &'static [Contract],
}

impl Header {
    /// An empty header, to start from.
    pub const EMPTY: Self = Self {
        name: "",
        file: "",
        source: "",
        guard: "",
        includes: &[],
        structs: &[],
        constants: &[],
        bit_fields: &[],
        pages: &[],
        contracts: &[],
    };
}

/// Bytes that do not fit a wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewError {
    /// The requested wire type.
    pub name: &'static str,
    /// Size of that type, in bytes.
    pub expected: usize,
    /// Number of given bytes.
    pub found: usize,
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, found } = self;
        write!(f, "struct {name} takes {expected} bytes, {found} given")
    }
}

impl core::error::Error for ViewError {}

/// A type whose bytes one kernel hands to the next.
///
/// Implemented by `wire_layout!`. The bounds restrict such a type: any bytes are a valid value,
/// every byte of a value is initialised, and it contains no reference. Packed types can be at any
/// address, and are viewed in place; others are copied out, with [`Self::read`].
pub trait WireType: FromBytes + IntoBytes + KnownLayout + Immutable + Copy {
    /// The layout that the compiler gave the type.
    const STRUCT_LAYOUT: StructLayout;

    /// Copies exactly one value out of `bytes`, at any address.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if `bytes` is shorter or longer than the type.
    fn read(bytes: &[u8]) -> Result<Self, ViewError> {
        Self::read_from_bytes(bytes).map_err(|_| view_error::<Self>(bytes.len()))
    }

    /// Views exactly one value in `bytes`, without copying.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if `bytes` is shorter or longer than the type.
    fn view(bytes: &[u8]) -> Result<&Self, ViewError>
    where
        Self: Unaligned,
    {
        Self::ref_from_bytes(bytes).map_err(|_| view_error::<Self>(bytes.len()))
    }

    /// Views exactly one value in `bytes` for writing, without copying.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if `bytes` is shorter or longer than the type.
    fn view_mut(bytes: &mut [u8]) -> Result<&mut Self, ViewError>
    where
        Self: Unaligned,
    {
        let found = bytes.len();
        Self::mut_from_bytes(bytes).map_err(|_| view_error::<Self>(found))
    }

    /// Views one value at the start of `bytes`, and returns what follows it.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if `bytes` is shorter than the type.
    fn view_prefix(bytes: &[u8]) -> Result<(&Self, &[u8]), ViewError>
    where
        Self: Unaligned,
    {
        Self::ref_from_prefix(bytes).map_err(|_| view_error::<Self>(bytes.len()))
    }

    /// Views `count` values at the start of `bytes`, and returns what follows them.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if `bytes` is too short; its `expected` saturates if `count` is too large.
    fn view_array(bytes: &[u8], count: usize) -> Result<(&[Self], &[u8]), ViewError>
    where
        Self: Unaligned,
    {
        <[Self]>::ref_from_prefix_with_elems(bytes, count).map_err(|_| ViewError {
            expected: count.saturating_mul(Self::STRUCT_LAYOUT.size),
            ..view_error::<Self>(bytes.len())
        })
    }
}

/// A type that a field of a wire type may have.
///
/// Its size is the same on every machine. `usize` and pointers do not implement it, since their
/// size varies.
pub trait WireField {}

macro_rules! wire_field {
    ($($ty:ty),+) => { $(impl WireField for $ty {})+ };
}
wire_field!(u8, u16, u32, u64, i8, i16, i32, i64);

impl<T: WireField, const N: usize> WireField for [T; N] {}
impl<T: WireType> WireField for T {}

/// Compiles only if `T` may be the type of a field.
#[doc(hidden)]
pub const fn require_wire_field<T: WireField>() {}

fn view_error<T: WireType>(found: usize) -> ViewError {
    ViewError { name: T::STRUCT_LAYOUT.name, expected: T::STRUCT_LAYOUT.size, found }
}

/// Names a string constant after its identifier.
#[macro_export]
macro_rules! named_str {
    ($name:ident) => {
        layout::NamedStr { name: stringify!($name), value: $name }
    };
}
pub use named_str;

/// Names an integer constant after its identifier, with the expression that C has for it.
#[macro_export]
macro_rules! named_int {
    ($name:ident, $c:literal) => {
        layout::NamedInt { name: stringify!($name), value: $name as i128, c: $c }
    };
}
pub use named_int;

/// Requires a struct to have a layout, and records the layout that the compiler computed.
///
/// Takes the constant with the compatible string that owns the struct, the size, the alignment, and
/// every field as `offset => name: type`. The invoking file has this module in scope as `layout`, and
/// its [`WireType`]. Compilation fails if a number, a field's size or name, or the number of fields
/// differs from the struct, or if the fields do not fill it. The message names the compatible
/// string. By default, a struct can be at any address; `natural struct` is for one that C does not
/// pack.
#[macro_export]
macro_rules! wire_layout {
    (natural struct $name:ident of $compatible:ident, size $size:expr, align $align:literal {
        $($offset:expr => $field:ident: $ty:ty),+ $(,)?
    }) => {
        impl layout::WireType for $name {
            const STRUCT_LAYOUT: layout::StructLayout = layout::StructLayout {
                name: layout::c_name(stringify!($name)),
                size: core::mem::size_of::<$name>(),
                size_stated: stringify!($size),
                align: core::mem::align_of::<$name>(),
                fields: &[$(layout::FieldLayout {
                    name: layout::c_name(stringify!($field)),
                    ty: stringify!($ty),
                    offset: core::mem::offset_of!($name, $field),
                    size: layout::size_of_result(|value: $name| value.$field),
                }),+],
            };
        }

        // Every field is listed above, and has an allowed type.
        const _: fn($name) = |value| {
            let $name { $($field: _),+ } = value;
        };
        const _: () = {
            $(layout::require_wire_field::<$ty>();)+
        };

        impl $name {
            /// Constants that evaluate `Self::HELD` first report nothing of their own if the layout is wrong.
            const HELD: () = {
                let found = <$name as layout::WireType>::STRUCT_LAYOUT;
                let declared = layout::StructLayout {
                    name: layout::c_name(stringify!($name)),
                    size: $size,
                    size_stated: stringify!($size),
                    align: $align,
                    fields: &[$(layout::FieldLayout {
                        name: layout::c_name(stringify!($field)),
                        ty: stringify!($ty),
                        offset: $offset,
                        size: core::mem::size_of::<$ty>(),
                    }),+],
                };
                layout::hold($compatible, module_path!(), found, declared);
            };
        }
        const _: () = $name::HELD;

        layout::static_layout_assertions! { $name, $size, $align, $($offset => $field: $ty),+ }
    };
    (struct $name:ident of $compatible:ident, size $size:expr, align $align:literal {
        $($fields:tt)+
    }) => {
        layout::wire_layout! {
            natural struct $name of $compatible, size $size, align $align { $($fields)+ }
        }
        const _: () = layout::require_unaligned::<$name>();
    };
}
pub use wire_layout;

/// Under cargo, `static_assertions` says the same once more; not before `hold`, whose words are better.
#[cfg(not(CONFIG_RUST))]
#[doc(hidden)]
#[macro_export]
macro_rules! static_layout_assertions {
    ($name:ident, $size:expr, $align:literal, $($offset:expr => $field:ident: $ty:ty),+) => {
        const _: () = {
            const SIZE: usize = { let () = $name::HELD; core::mem::size_of::<$name>() };
            const ALIGN: usize = { let () = $name::HELD; core::mem::align_of::<$name>() };
            const FILLED: usize = { let () = $name::HELD; 0 $(+ core::mem::size_of::<$ty>())+ };
            layout::static_assertions::const_assert_eq!(SIZE, $size);
            layout::static_assertions::const_assert_eq!(ALIGN, $align);
            layout::static_assertions::const_assert_eq!(FILLED, $size);
            $(layout::static_assertions::const_assert_eq!(
                { let () = $name::HELD; core::mem::offset_of!($name, $field) }, $offset
            );)+
        };
        layout::static_assertions::assert_impl_all!($name:
            layout::zerocopy::FromBytes, layout::zerocopy::IntoBytes, layout::zerocopy::KnownLayout,
            layout::zerocopy::Immutable, Copy, Send, Sync
        );
    };
}

/// A kernel build does not have `static_assertions`: only `wire_layout!` checks.
#[cfg(CONFIG_RUST)]
#[doc(hidden)]
#[macro_export]
macro_rules! static_layout_assertions {
    ($($anything:tt)*) => {};
}
#[doc(hidden)]
pub use static_layout_assertions;

/// Declares the same items for each page size that a kernel may have, in a module each.
///
/// The modules are `page_4k`, `page_16k` and `page_64k`. In each, `PAGE_SIZE` and `PAGE_SHIFT` are
/// that page size, and everything in the surrounding file is in scope. If C has a struct of the
/// surrounding file between those that are declared here, `pub use super::…` marks its place.
#[macro_export]
macro_rules! per_page_size {
    (@module $module:ident, $size:literal, $shift:literal, $($item:item)+) => {
        #[doc = concat!("What depends on the page size, for pages of ", $size, ".")]
        pub mod $module {
            use super::*;

            /// The page size, as a power of two.
            pub const PAGE_SHIFT: usize = $shift;
            /// The page size, in bytes.
            pub const PAGE_SIZE: usize = 1 << PAGE_SHIFT;

            $($item)+
        }
    };
    ($($item:item)+) => {
        layout::per_page_size! { @module page_4k, "4 KiB", 12, $($item)+ }
        layout::per_page_size! { @module page_16k, "16 KiB", 14, $($item)+ }
        layout::per_page_size! { @module page_64k, "64 KiB", 16, $($item)+ }
    };
}
pub use per_page_size;

/// Compiles if `T` may be at any address.
#[doc(hidden)]
pub const fn require_unaligned<T: Unaligned>() {}

/// The name that C has for an identifier: one that is a word of Rust is `r#type` there.
#[doc(hidden)]
#[must_use]
pub const fn c_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', rest @ ..] => match core::str::from_utf8(rest) {
            Ok(name) => name,
            Err(_) => name,
        },
        _ => name,
    }
}

/// Size of what a function returns: of a field, when the function is its accessor.
#[doc(hidden)]
#[must_use]
pub const fn size_of_result<T, F>(_: fn(T) -> F) -> usize {
    size_of::<F>()
}

/// Stops the compilation with a message if the layout found is not the one declared.
///
/// `module` is where the struct is declared: the remedy depends on whose file that is. The path of the
/// invoking file says whether the contract may be a draft: one in `earlier/` was released.
#[doc(hidden)]
#[track_caller]
pub const fn hold(compatible: &str, module: &str, found: StructLayout, declared: StructLayout) {
    let is_own = !is_of_crate(module_path!(), module);
    let caller = core::panic::Location::caller().file();
    let drafts: &[&str] = if is_own || has(caller, "/earlier/") { &[] } else { super::DRAFTS };
    let of = Of { compatible, is_own, draft: draft_of(compatible, drafts), record: declared.name };
    if let Some(text) = wrong(&of, found, declared) {
        panic!("{}", text.as_str());
    }
}

/// The first thing that is wrong with a declared layout, with what is right and what to do.
const fn wrong(of: &Of<'_>, found: StructLayout, declared: StructLayout) -> Option<Text> {
    let mut field = 0;
    let mut filled = 0;
    while field < declared.fields.len() {
        let (is, shall) = (found.fields[field], declared.fields[field]);
        if is.size != shall.size {
            let text = of.field(is.name).push(" takes ").number(is.size, " byte", "s");
            let text =
                text.push(", but wire_layout! says `").push(shall.ty).push("`, which takes ");
            return Some(of.help(text.number(shall.size, "", "")));
        }
        if is.offset != shall.offset {
            let text = of.field(is.name).push(" is at byte ").number(is.offset, "", "");
            let text = text.push(", but wire_layout! says byte ").number(shall.offset, "", "");
            return Some(of.help(text));
        }
        filled += is.size;
        field += 1;
    }
    if found.size != declared.size {
        let text = of.record().push(" has ").number(found.size, " byte", "s");
        let text = text.push(", but wire_layout! says ").number(declared.size, "", "");
        return Some(of.help(text));
    }
    if found.align != declared.align {
        let text = of.record().push(" is aligned to ").number(found.align, " byte", "s");
        let text = text.push(", but wire_layout! says ").number(declared.align, "", "");
        return Some(of.help(text));
    }
    if filled != declared.size {
        let text = of.record().push(" has padding: its fields fill ").number(filled, "", "");
        let text = text.push(" of its ").number(declared.size, " byte", "s");
        return Some(of.help(text.push(": give the rest a field of its own")));
    }
    None
}

/// Whether a module is of the same crate as another one.
const fn is_of_crate(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    loop {
        let ended = (at == one.len() || one[at] == b':', at == other.len() || other[at] == b':');
        match ended {
            (true, true) => return true,
            (false, false) if one[at] == other[at] => at += 1,
            _ => return false,
        }
    }
}

/// The draft that a string is of: itself, or what it is called with the number beside it.
const fn draft_of<'d>(compatible: &str, drafts: &[&'d str]) -> Option<&'d str> {
    let mut index = 0;
    while index < drafts.len() {
        let draft = drafts[index];
        if has_at(draft, compatible, 0) {
            let rest = draft.as_bytes().split_at(compatible.len()).1;
            if rest.is_empty() || rest[0] == b'@' || (rest.len() > 2 && rest[1] == b'v') {
                return Some(draft);
            }
        }
        index += 1;
    }
    None
}

/// Whether a text has another one in it, at that place.
const fn has_at(text: &str, part: &str, at: usize) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut index = 0;
    while index < part.len() && at + index < text.len() && text[at + index] == part[index] {
        index += 1;
    }
    index == part.len()
}

/// Whether a text has another one in it.
const fn has(text: &str, part: &str) -> bool {
    let mut at = 0;
    while at < text.len() {
        if has_at(text, part, at) {
            return true;
        }
        at += 1;
    }
    false
}

/// What a message is about.
struct Of<'a> {
    compatible: &'a str,
    /// Whether the struct is of another crate than these files: `kho-abi bump` does not know it.
    is_own: bool,
    draft: Option<&'a str>,
    record: &'a str,
}

impl Of<'_> {
    const fn record(&self) -> Text {
        Text::new().push("struct ").push(self.record)
    }

    const fn field(&self, name: &str) -> Text {
        Text::new().push(self.record).push(".").push(name)
    }

    /// What to do about it: a draft may change, and a released layout may not.
    const fn help(&self, text: Text) -> Text {
        match self.draft {
            Some(draft) => text
                .push("; \"")
                .push(draft)
                .push("\" is a draft: correct wire_layout!, and run `kho-abi freeze ")
                .push(draft)
                .push("`"),
            None if self.is_own => text
                .push("; a layout released as \"")
                .push(self.compatible)
                .push(
                "\" never changes: undo the change, or give the changed layout a new version in its string",
            ),
            None => text
                .push("; a layout released as \"")
                .push(self.compatible)
                .push("\" never changes: undo the change, run `kho-abi bump ")
                .push(self.compatible)
                .push("`, then change the new version"),
        }
    }
}

/// A message that is assembled at compile time, without formatting.
struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; 512], len: 0 }
    }

    /// Appends; what does not fit is cut off.
    const fn push(mut self, part: &str) -> Self {
        let part = part.as_bytes();
        let mut next = 0;
        while next < part.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = part[next];
            self.len += 1;
            next += 1;
        }
        self
    }

    /// Appends a number, and the word for what it counts, in the plural where it is not 1.
    const fn number(mut self, number: usize, unit: &str, plural: &str) -> Self {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 && self.len < self.bytes.len() {
            self.bytes[self.len] = b"0123456789"[number / power % 10];
            self.len += 1;
            power /= 10;
        }
        let text = self.push(unit);
        if number == 1 {
            text
        } else {
            text.push(plural)
        }
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "wire layout refused",
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;
    use std::string::String;

    const FOUND: StructLayout = StructLayout {
        name: "x_ser",
        size: 12,
        size_stated: "12",
        align: 1,
        fields: &[
            FieldLayout { name: "a", ty: "u16", offset: 0, size: 2 },
            FieldLayout { name: "b", ty: "[u8; 10]", offset: 2, size: 10 },
        ],
    };

    fn said(compatible: &str, drafts: &[&str], declared: StructLayout) -> String {
        let draft = draft_of(compatible, drafts);
        let of = Of { compatible, is_own: false, draft, record: declared.name };
        wrong(&of, FOUND, declared).map_or_else(String::new, |text| text.as_str().into())
    }

    #[test]
    fn a_wrong_number_is_told_with_the_right_one_and_with_what_to_do() {
        let fields = &[
            FieldLayout { name: "a", ty: "u16", offset: 0, size: 2 },
            FieldLayout { name: "b", ty: "[u8; 10]", offset: 104, size: 10 },
        ];
        let declared = StructLayout { fields, ..FOUND };
        let released =
            "; a layout released as \"x-v1\" never changes: undo the change, run `kho-abi bump x-v1`, \
                        then change the new version";
        let draft = "; \"x-v1\" is a draft: correct wire_layout!, and run `kho-abi freeze x-v1`";
        let what = "x_ser.b is at byte 2, but wire_layout! says byte 104";
        assert_eq!(said("x-v1", &["x-v2", "xx-v1"], declared), format!("{what}{released}"));
        assert_eq!(said("x-v1", &["w", "x-v1"], declared), format!("{what}{draft}"));
        // A number beside a string: the draft says which.
        let what = format!(
            "{what}; \"x@7\" is a draft: correct wire_layout!, and run `kho-abi freeze x@7`"
        );
        assert_eq!(said("x", &["x@7"], declared), what);
        let size = StructLayout { size: 1, ..FOUND };
        assert_eq!(
            said("x-v1", &[], size),
            format!("struct x_ser has 12 bytes, but wire_layout! says 1{released}")
        );
        assert_eq!(said("x-v1", &[], FOUND), "");
    }
}
