// SPDX-License-Identifier: GPL-2.0
//! The kernels that the scenarios boot, as the build script returns them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};
use kho_abi_live_plan::Flavour;

/// The files of one flavour. Their content is loaded, since another build may remove old files from
/// the cache.
#[derive(Debug, Clone)]
pub struct Kernel {
    pub image: Vec<u8>,
    /// The file name of the module, from which the kernel derives the module's name.
    pub module_name: String,
    pub module: Vec<u8>,
    /// The modules of unit tests, by file name without an extension.
    pub unit_tests: BTreeMap<String, Vec<u8>>,
    /// The kernel's own test programs, by name.
    pub selftests: BTreeMap<String, Vec<u8>>,
    /// How much memory this kernel needs for Kexec HandOver to stay on.
    pub memory_mib: u32,
    /// The parameters that it needs on its command line, for the same reason.
    pub parameters: String,
}

/// Builds a flavour, or takes it from the cache, and returns where its files are.
pub fn build(script: &Path, flavour: Flavour) -> Result<Kernel> {
    let output = Command::new(script)
        .args(["--flavour", flavour.name()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    if !output.status.success() {
        bail!("{} --flavour {} ended with {}", script.display(), flavour.name(), output.status);
    }
    parse(&String::from_utf8(output.stdout)?)
}

/// Reads the `key=value` lines of the build script.
pub fn parse(text: &str) -> Result<Kernel> {
    let values: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| {
        values.get(key).copied().with_context(|| format!("the build script names no {key}"))
    };
    let module = Path::new(value("module")?);
    let content = |key: &str| {
        let path = value(key)?;
        fs::read(path).with_context(|| format!("cannot read {key} {path}"))
    };
    Ok(Kernel {
        image: content("bzImage")?,
        module_name: module
            .file_name()
            .context("the module has no name")?
            .to_string_lossy()
            .into_owned(),
        module: content("module")?,
        unit_tests: files(value("unit_tests")?)?,
        selftests: files(value("selftests")?)?,
        memory_mib: value("memory_mib")?.parse().context("memory_mib")?,
        parameters: value("cmdline")?.to_owned(),
    })
}

/// The files of a directory, by their names without an extension.
fn files(directory: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {directory}"))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().context("a file without a name")?.to_string_lossy();
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.insert(name.into_owned(), content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_key_is_needed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("some_kunit.ko"), "module").unwrap();
        let tests = directory.path().display();
        let lines = [
            format!("bzImage={path}"),
            format!("module={path}"),
            format!("unit_tests={tests}"),
            format!("selftests={tests}"),
            "memory_mib=512".to_owned(),
            "cmdline=kho_scratch=16M,32M,16M x=y".to_owned(),
        ];
        let kernel = parse(&lines.join("\n")).unwrap();
        assert_eq!(kernel.memory_mib, 512);
        assert_eq!(kernel.unit_tests["some_kunit"], b"module");
        assert_eq!(kernel.selftests.len(), 1);
        assert_eq!(kernel.parameters, "kho_scratch=16M,32M,16M x=y");
        for left_out in 0..lines.len() {
            let mut lines = lines.to_vec();
            lines.remove(left_out);
            assert!(parse(&lines.join("\n")).is_err(), "{lines:?}");
        }
    }
}
