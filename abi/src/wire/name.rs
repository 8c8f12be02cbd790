// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Names in fields of a fixed size, as C strings: reading and writing checks everything.

use core::ffi::c_char;
use core::fmt;

use zerocopy::IntoBytes;

/// Why a field does not contain a name, or cannot take one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The field contains no NUL.
    Unterminated {
        /// Size of the field, in bytes.
        capacity: usize,
    },
    /// The name is not UTF-8.
    NotUtf8 {
        /// Number of bytes before the first invalid one.
        valid_up_to: usize,
    },
    /// The name and its NUL do not fit the field.
    TooLong {
        /// Length of the name, in bytes.
        len: usize,
        /// Size of the field, in bytes.
        capacity: usize,
    },
    /// The name contains a NUL, where its reader would stop.
    Nul {
        /// The position of the NUL.
        at: usize,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unterminated { capacity } => {
                write!(f, "the name has no NUL within its {capacity} bytes")
            }
            Self::NotUtf8 { valid_up_to } => {
                write!(f, "the name is not UTF-8 at byte {valid_up_to}")
            }
            Self::TooLong { len, capacity } => {
                write!(f, "a name of {len} bytes and its NUL do not fit in {capacity} bytes")
            }
            Self::Nul { at } => write!(f, "the name has a NUL at byte {at}"),
        }
    }
}

impl core::error::Error for NameError {}

/// Reads the name in a field: the text before the first NUL.
///
/// # Errors
///
/// [`NameError::Unterminated`], [`NameError::NotUtf8`].
pub fn read(field: &[c_char]) -> Result<&str, NameError> {
    let bytes = field.as_bytes();
    let Some(len) = bytes.iter().position(|byte| *byte == 0) else {
        return Err(NameError::Unterminated { capacity: bytes.len() });
    };
    core::str::from_utf8(&bytes[..len])
        .map_err(|error| NameError::NotUtf8 { valid_up_to: error.valid_up_to() })
}

/// Writes a name into a field, and fills the rest with NULs, so that no memory of this kernel
/// leaks.
///
/// # Errors
///
/// [`NameError::TooLong`], [`NameError::Nul`]; the field is then unchanged.
pub fn write(field: &mut [c_char], name: &str) -> Result<(), NameError> {
    let (len, capacity) = (name.len(), field.len());
    if len >= capacity {
        return Err(NameError::TooLong { len, capacity });
    }
    if let Some(at) = name.bytes().position(|byte| byte == 0) {
        return Err(NameError::Nul { at });
    }
    let bytes = field.as_mut_bytes();
    bytes[..len].copy_from_slice(name.as_bytes());
    bytes[len..].fill(0);
    Ok(())
}
