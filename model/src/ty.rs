// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The types of fields.

use crate::Endian;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Type {
    /// An integer of 8, 16, 32 or 64 bits in the byte order of the CPU.
    Int {
        /// Width, in bits.
        bits: u16,
        /// Whether it is signed.
        signed: bool,
    },
    /// An unsigned integer whose byte order is its own, whatever the CPU's: `__le32`, `__be64`.
    Ordered {
        /// Width, in bits.
        bits: u16,
        /// The order of its bytes.
        order: Endian,
    },
    /// A byte of a C string.
    Char,
    /// A pointer, meaningless to another kernel.
    Pointer,
    /// The physical address of a struct, in a union with a pointer that is meaningless to another
    /// kernel: `DECLARE_KHOSER_PTR()`.
    KhoserPtr {
        /// The tag of the struct at that address.
        to: String,
    },
    /// An array.
    Array {
        /// The type of an element.
        elem: Box<Type>,
        /// The number of elements.
        len: u64,
        /// The constant that gives the number, if it has a name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        len_name: Option<String>,
    },
    /// An embedded struct, by name.
    Struct {
        /// The struct's tag.
        name: String,
    },
    /// An embedded union, by name.
    Union {
        /// The union's tag.
        name: String,
    },
}

impl Type {
    /// An unsigned integer of that many bits.
    #[must_use]
    pub fn unsigned(bits: u16) -> Self {
        Self::Int { bits, signed: false }
    }

    /// The integer of a byte order of its own that the kernel's word stands for, as `__be64`.
    #[must_use]
    pub fn ordered(word: &str) -> Option<Self> {
        let (order, bits) = match word.split_at_checked(4)? {
            ("__le", bits) => (Endian::Little, bits),
            ("__be", bits) => (Endian::Big, bits),
            _ => return None,
        };
        let bits = bits.parse().ok().filter(|bits| matches!(bits, 16 | 32 | 64))?;
        Some(Self::Ordered { bits, order })
    }

    /// An embedded struct.
    #[must_use]
    pub fn structure(name: &str) -> Self {
        Self::Struct { name: name.into() }
    }

    /// The struct or union that a field of this type embeds, possibly as an array's element.
    #[must_use]
    pub fn embedded(&self) -> Option<&str> {
        match self {
            Self::Struct { name } | Self::Union { name } => Some(name),
            Self::Array { elem, .. } => elem.embedded(),
            // The target of an address is not embedded: its bytes are elsewhere.
            Self::Int { .. }
            | Self::Ordered { .. }
            | Self::Char
            | Self::Pointer
            | Self::KhoserPtr { .. } => None,
        }
    }

    /// The type itself, or that of an array's elements.
    #[must_use]
    pub fn element(&self) -> &Self {
        match self {
            Self::Array { elem, .. } => elem.element(),
            other => other,
        }
    }

    /// The type without the names of constants: its meaning, not its spelling.
    #[must_use]
    pub fn by_value(&self) -> Self {
        match self {
            Self::Array { elem, len, .. } => {
                Self::Array { elem: Box::new(elem.by_value()), len: *len, len_name: None }
            }
            other => other.clone(),
        }
    }

    /// The declaration of a field of this type, as kernel C: `u8 name[16]`.
    #[must_use]
    pub fn declare(&self, name: &str) -> String {
        if let Self::KhoserPtr { to } = self {
            return format!("DECLARE_KHOSER_PTR({name}, struct {to} *)");
        }
        format!("{} {name}{}", self.base(), self.dimensions())
    }

    /// The type without a name: `u8[16]`.
    #[must_use]
    pub fn spelling(&self) -> String {
        format!("{}{}", self.base(), self.dimensions())
    }

    /// The part of a declaration before the name.
    #[must_use]
    pub fn base(&self) -> String {
        match self {
            Self::Int { bits, signed: true } => format!("s{bits}"),
            Self::Int { bits, signed: false } => format!("u{bits}"),
            Self::Ordered { bits, order: Endian::Little } => format!("__le{bits}"),
            Self::Ordered { bits, order: Endian::Big } => format!("__be{bits}"),
            Self::Char => "char".into(),
            Self::Pointer => "void *".into(),
            Self::KhoserPtr { to } => format!("DECLARE_KHOSER_PTR(struct {to} *)"),
            Self::Array { elem, .. } => elem.base(),
            Self::Struct { name } => format!("struct {name}"),
            Self::Union { name } => format!("union {name}"),
        }
    }

    /// The part of a declaration after the name.
    #[must_use]
    pub fn dimensions(&self) -> String {
        match self {
            Self::Array { elem, len, len_name } => {
                let len = len_name.clone().unwrap_or_else(|| len.to_string());
                format!("[{len}]{}", elem.dimensions())
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_read_as_c() {
        let row = Type::Array { elem: Box::new(Type::unsigned(8)), len: 2, len_name: None };
        let grid = Type::Array { elem: Box::new(row), len: 3, len_name: Some("ROWS".into()) };
        assert_eq!(grid.declare("grid"), "u8 grid[ROWS][2]");
        assert_eq!(grid.spelling(), "u8[ROWS][2]");
        assert_eq!(Type::structure("kho_vmalloc").declare("folios"), "struct kho_vmalloc folios");
        assert_eq!(Type::ordered("__be64").unwrap().declare("id"), "__be64 id");
        assert_eq!(Type::ordered("__le8").or(Type::ordered("be64")).or(Type::ordered("__")), None);
        assert_eq!(Type::Int { bits: 32, signed: true }.declare("error"), "s32 error");
    }
}
