// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The kernel's configuration and command line, as far as they concern live updates.

use schemars::JsonSchema;
use serde::Serialize;

/// Parameters of the kernel command line; the last value of each counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct CommandLine {
    /// `kho=`, if the kernel understands the value.
    pub kho: Option<bool>,
    /// `liveupdate=`, if the kernel understands the value.
    pub liveupdate: Option<bool>,
    /// `kho_scratch=`.
    pub kho_scratch: Option<String>,
}

/// The configuration that the kernel was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[allow(clippy::struct_excessive_bools)] // Each is an option of the kernel.
pub struct Built {
    /// `CONFIG_KEXEC_HANDOVER`.
    pub kho: bool,
    /// `CONFIG_KEXEC_HANDOVER_DEBUGFS`.
    pub kho_debugfs: bool,
    /// `CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT`.
    pub kho_by_default: bool,
    /// `CONFIG_LIVEUPDATE`.
    pub liveupdate: bool,
}

/// A boolean as the kernel's `kstrtobool()` reads it.
fn boolean(value: &str) -> Option<bool> {
    let mut characters = value.bytes().map(|byte| byte.to_ascii_lowercase());
    match (characters.next()?, characters.next()) {
        (b'y' | b't' | b'1', _) | (b'o', Some(b'n')) => Some(true),
        (b'n' | b'f' | b'0', _) | (b'o', Some(b'f')) => Some(false),
        _ => None,
    }
}

/// Words of a command line: white space inside quotes does not separate.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' | '\t' | '\n' | '\r' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

impl CommandLine {
    /// Reads `/proc/cmdline`. What follows `--` is for init.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let mut parsed = Self::default();
        for word in words(line).iter().take_while(|word| *word != "--") {
            let Some((name, value)) = word.split_once('=') else { continue };
            // The kernel treats dashes and underscores in names as equal.
            match name.replace('-', "_").as_str() {
                "kho" => parsed.kho = boolean(value).or(parsed.kho),
                "liveupdate" => parsed.liveupdate = boolean(value).or(parsed.liveupdate),
                "kho_scratch" => parsed.kho_scratch = Some(value.into()),
                _ => {}
            }
        }
        parsed
    }
}

impl Built {
    /// Reads a kernel's `.config`; `None` for a text that is not one.
    pub(super) fn parse(config: &str) -> Option<Self> {
        let is_config = |line: &str| line.starts_with("CONFIG_") || line.starts_with("# CONFIG_");
        config.lines().any(is_config).then(|| {
            let has = |name: &str| config.lines().any(|line| line.trim_end() == name);
            Self {
                kho: has("CONFIG_KEXEC_HANDOVER=y"),
                kho_debugfs: has("CONFIG_KEXEC_HANDOVER_DEBUGFS=y"),
                kho_by_default: has("CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y"),
                liveupdate: has("CONFIG_LIVEUPDATE=y"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_that_the_kernel_understands_counts() {
        let of = CommandLine::parse;
        assert_eq!(of("kho=on quiet kho=off").kho, Some(false));
        assert_eq!(of("kho=on kho=maybe").kho, Some(true));
        assert_eq!(of("a=\"x kho=on\" liveupdate=1").kho, None);
        assert_eq!(of("a=\"x kho=on\" liveupdate=1").liveupdate, Some(true));
        assert_eq!(of("liveupdate=on -- liveupdate=off").liveupdate, Some(true));
        assert_eq!(of("kho-scratch=16M,32M,16M").kho_scratch.as_deref(), Some("16M,32M,16M"));
        assert_eq!(of("kho liveupdate").kho, None);
        for (value, expected) in [("Y", true), ("ON", true), ("Off", false), ("N", false)] {
            assert_eq!(boolean(value), Some(expected), "{value}");
        }
        for value in ["", "o", "oops", "2"] {
            assert_eq!(boolean(value), None, "{value}");
        }
    }

    #[test]
    fn a_configuration_is_told_from_other_text() {
        assert_eq!(Built::parse("nothing\n"), None);
        let built = Built::parse("# CONFIG_LIVEUPDATE is not set\nCONFIG_KEXEC_HANDOVER=y\n");
        assert!(built.is_some_and(|built| built.kho && !built.liveupdate && !built.kho_debugfs));
    }
}
