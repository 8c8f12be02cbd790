// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The configuration that a kernel carries with `CONFIG_IKCONFIG`.
//!
//! It is in the kernel's read-only data, compressed, between two markers.

use super::elf::{Elf, ElfError};
use std::io::Read;

/// The limit on an unpacked configuration, in bytes.
const MAX_UNPACKED: u64 = 8 << 20;
/// The limit on a packed one.
const MAX_PACKED: u64 = 2 << 20;

/// A kernel's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(String);

impl Config {
    /// Takes the text of a `.config`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, as the kernel's build wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The value of an option, as `y`, `m`, `4` or `"text"`; `None` if it is not set.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix('='))
    }

    /// The configured page size, in bytes; `None` if the configuration does not show it.
    #[must_use]
    pub fn page_size(&self) -> Option<u64> {
        let shift = self.get("CONFIG_PAGE_SHIFT")?.parse::<u32>().ok()?;
        1_u64.checked_shl(shift).filter(|_| shift < 32)
    }

    /// Unpacks what follows the first marker; `None` if it cannot be unpacked.
    #[must_use]
    pub fn unpack(packed: &[u8]) -> Option<Self> {
        let mut text = String::new();
        let unpacked = flate2::bufread::GzDecoder::new(packed).take(MAX_UNPACKED + 1);
        { unpacked }.read_to_string(&mut text).ok()?;
        // Half a configuration would claim that the other half is not set.
        (text.len() as u64 <= MAX_UNPACKED).then_some(Self(text))
    }

    /// Reads it from the position that [`super::image_strings::find`] found.
    ///
    /// # Errors
    ///
    /// [`ElfError`] for a section that the file does not have in full.
    pub fn read(elf: &Elf<'_>, at: (usize, u64)) -> Result<Option<Self>, ElfError> {
        let (section, offset) = at;
        let Some(section) = elf.sections().get(section) else { return Ok(None) };
        let left = section.size.saturating_sub(offset);
        Ok(Self::unpack(&elf.part(section, offset, left.min(MAX_PACKED))?))
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, MAX_UNPACKED};
    use std::io::{Read as _, Write as _};

    #[test]
    fn options_are_found_by_their_whole_name() {
        let text = "CONFIG_KEXEC=y\n# CONFIG_KEXEC_SIG is not set\nCONFIG_PAGE_SHIFT=14\n";
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).expect("memory takes it");
        let mut bytes = packer.finish().expect("memory takes it");
        bytes.extend(b"IKCFG_ED and what follows");
        let config = Config::unpack(&bytes).expect("it was just packed");
        assert_eq!(config.text(), text);
        assert_eq!(config.get("CONFIG_KEXEC"), Some("y"));
        assert_eq!(config.get("CONFIG_KEXEC_SIG"), None);
        assert_eq!(config.get("CONFIG_KEX"), None);
        assert_eq!(config.page_size(), Some(16384));
        assert_eq!(Config::unpack(&bytes[..20]), None);
    }

    #[test]
    fn half_a_configuration_is_none() {
        let packed = |length: u64| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::copy(&mut std::io::repeat(b'#').take(length), &mut packer)
                .expect("memory takes it");
            packer.finish().expect("memory takes it")
        };
        assert!(Config::unpack(&packed(MAX_UNPACKED)).is_some());
        assert_eq!(Config::unpack(&packed(MAX_UNPACKED + 1)), None);
    }
}
