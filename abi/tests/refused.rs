// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Invalid wire types do not compile, neither under cargo nor in a kernel build.
//!
//! Each file in `tests/refused` is a wire file with one mistake, and states the compiler's message
//! in its second line. It is compiled beside the wire directory, mounted by path as a kernel module
//! mounts it. `accepted.rs` has no mistake, and shows that the others fail for theirs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Case {
    name: String,
    path: PathBuf,
    /// A part of the compiler's message; `None` if the file must compile.
    error: Option<String>,
    /// Whether it must be the first: what is read first is what is acted on.
    first: bool,
}

fn cases() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused");
    let mut cases = Vec::new();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let line = text.lines().nth(1).unwrap_or_default();
        let first = line.strip_prefix("// first error: ");
        let error = first.or_else(|| line.strip_prefix("// error: "));
        let error = error.unwrap_or_else(|| panic!("{} states no error", path.display()));
        let first = first.is_some();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        cases.push(Case { name, path, error: (error != "none").then(|| error.into()), first });
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// A package with a binary per case. It has the dependencies of this package, from the same lock
/// file.
fn write_package(dir: &Path, cases: &[Case]) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::create_dir_all(dir.join("src/bin")).unwrap();
    fs::copy(workspace.join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    let manifest = "[package]\nname = \"refused\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
        [workspace]\n[dependencies]\n\
        zerocopy = { version = \"=0.8.54\", default-features = false }\n\
        zerocopy-derive = \"=0.8.54\"\nstatic_assertions = \"1.1.0\"\n";
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    let wire = workspace.join("abi/src/wire/mod.rs");
    for case in cases {
        let main = format!(
            "#![allow(dead_code, non_camel_case_types)]\n#[path = \"{}\"]\nmod wire;\n\
             #[path = \"{}\"]\nmod case;\nfn main() {{}}\n",
            wire.display(),
            case.path.display()
        );
        fs::write(dir.join("src/bin").join(format!("{}.rs", case.name)), main).unwrap();
    }
}

/// The compiler's errors for each case, one string each; empty if it compiles.
fn compile(dir: &Path, kind: &str, rustc_args: &str) -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(dir)
        .args(["check", "--offline", "--quiet", "--message-format=json", "--bins", "--keep-going"])
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("refused").join(kind))
        .env("RUSTFLAGS", rustc_args)
        .output()
        .unwrap();
    let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let case = message["target"]["name"].as_str().unwrap_or_default();
        if message["reason"] == "compiler-artifact" {
            errors.entry(case.into()).or_default();
        }
        if message["message"]["level"] == "error" {
            let said = message["message"]["rendered"].as_str().unwrap_or_default().to_string();
            errors.entry(case.into()).or_default().push(said);
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let refused = errors.values().any(|errors| !errors.is_empty());
    assert_eq!(output.status.success(), !refused, "cargo itself failed: {stderr}");
    errors
}

fn compile_all(kind: &str, rustc_args: &str) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(kind);
    let cases = cases();
    assert!(cases.iter().any(|case| case.error.is_none()), "no case that compiles");
    write_package(&dir, &cases);
    let found = compile(&dir, kind, rustc_args);
    for Case { name, error, first, .. } in &cases {
        let Some(errors) = found.get(name) else { panic!("{name} was not compiled") };
        match error {
            None => assert!(errors.is_empty(), "{name} is refused:\n{}", errors.concat()),
            Some(error) => assert!(
                errors
                    .iter()
                    .take(if *first { 1 } else { usize::MAX })
                    .any(|found| found.contains(error.as_str())),
                "{name}: no error, or not the first, says `{error}`:\n{}",
                errors.concat()
            ),
        }
    }
}

#[test]
fn cargo_refuses_what_is_no_wire_type() {
    compile_all("refused-by-cargo", "");
}

#[test]
fn a_kernel_build_refuses_what_is_no_wire_type() {
    compile_all("refused-by-kernel", "--cfg CONFIG_RUST");
}
