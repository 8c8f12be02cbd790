// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The source files of a unit's entries.

use super::{Parts, Slice, Strings};
use gimli::{AttributeValue, DebugLine, DebugLineOffset, LittleEndian};

/// Longest name of a file to accept, in bytes.
const MAX_NAME: usize = 4096;

/// Files by their number.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<String>);

impl Files {
    pub(super) fn get(&self, index: u64) -> Option<&str> {
        let file = self.0.get(usize::try_from(index).ok()?)?;
        Some(file).filter(|file| !file.is_empty()).map(String::as_str)
    }

    /// Reads the list of files at an offset; `None` if it is malformed.
    ///
    /// Names inside the directory that the kernel was built from are relative to it.
    pub(super) fn read(
        lines: &Parts<'_>,
        offset: u64,
        address_size: u8,
        strings: &Strings,
        directory: &str,
    ) -> Option<Self> {
        let left = lines.size().checked_sub(offset)?;
        let head = lines.part(offset, left.min(4)).ok()?;
        let size = u64::from(u32::from_le_bytes(*head.first_chunk()?)).checked_add(4)?;
        let bytes = lines.part(offset, size).ok()?;
        let program = DebugLine::new(&bytes, LittleEndian);
        let program = program.program(DebugLineOffset(0), address_size, None, None).ok()?;
        let header = program.header();
        let text = |value: AttributeValue<Slice<'_>>| {
            let from = |section: &[u8], offset: usize| {
                let rest = section.get(offset..)?;
                let name = &rest[..memchr::memchr(0, rest)?];
                (name.len() <= MAX_NAME).then(|| String::from_utf8_lossy(name).into_owned())
            };
            match value {
                AttributeValue::String(name) => Some(name.to_string_lossy().into_owned()),
                AttributeValue::DebugLineStrRef(offset) => from(&strings.line, offset.0),
                AttributeValue::DebugStrRef(offset) => from(&strings.plain, offset.0),
                _ => None,
            }
        };
        // Numbers begin at 0 in DWARF 5, and at 1 before.
        let first = u64::from(header.version() < 5);
        let mut files = vec![String::new(); usize::try_from(first).ok()?];
        for index in (first..).take(header.file_names().len()) {
            let named = header.file(index).and_then(|file| {
                let name = text(file.path_name())?;
                let within = file.directory(header).and_then(text).unwrap_or_default();
                Some(join(directory, &within, &name))
            });
            files.push(named.unwrap_or_default());
        }
        Some(Self(files))
    }
}

/// A name as a reader of the source knows it.
fn join(root: &str, directory: &str, name: &str) -> String {
    let path = match (name.starts_with('/'), directory) {
        (true, _) | (_, "" | ".") => name.to_string(),
        (false, directory) => format!("{}/{name}", directory.trim_end_matches('/')),
    };
    let below = path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
    let path = if root.is_empty() { &path } else { below.unwrap_or(&path) };
    path.trim_start_matches("./").to_string()
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn names_are_relative_to_where_the_kernel_was_built() {
        let root = "/build/linux";
        assert_eq!(join(root, "./include/linux", "luo.h"), "include/linux/luo.h");
        assert_eq!(join(root, "/build/linux/include", "luo.h"), "include/luo.h");
        assert_eq!(join(root, "/elsewhere", "luo.h"), "/elsewhere/luo.h");
        assert_eq!(join(root, "include", "/build/linux/x.c"), "x.c");
        assert_eq!(join(root, "/build/linux2", "x.c"), "/build/linux2/x.c");
        assert_eq!(join("", "a", "x.c"), "a/x.c");
    }
}
