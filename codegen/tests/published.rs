// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Each crate is fit to be published: it says what it is, has its licence with it, and needs no file that lies
//! outside of it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(args: &[&str]) -> String {
    let out =
        Command::new(env!("CARGO")).args(args).current_dir(top()).output().expect("cargo runs");
    assert!(out.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("cargo writes UTF-8")
}

/// The crates of this workspace.
fn crates() -> Vec<Value> {
    let said = cargo(&["metadata", "--format-version", "1", "--locked", "--no-deps", "--offline"]);
    let metadata: Value = serde_json::from_str(&said).expect("cargo writes JSON");
    let mut crates = metadata["packages"].as_array().expect("it lists packages").clone();
    // `publish = false` is an empty list of registries.
    crates.retain(|package| package["publish"].as_array().is_none_or(|to| !to.is_empty()));
    assert!(crates.len() >= 8, "the list is whole");
    crates
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a package has a name")
}

#[test]
fn each_crate_says_what_it_is() {
    for package in crates() {
        let name = name(&package);
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_string();
        assert!(text("description").len() > 20, "{name} has no description");
        assert_eq!(text("license"), "GPL-2.0-only OR MIT", "{name}");
        assert!(text("readme").ends_with("README.md"), "{name} has no readme");
        let list = |key: &str| package[key].as_array().map_or(0, Vec::len);
        assert!((1..=5).contains(&list("keywords")), "{name}: a registry takes five keywords");
        assert!((1..=5).contains(&list("categories")), "{name}: a registry takes five categories");
    }
}

/// People type `cargo install kho-abi`.
#[test]
fn the_program_is_in_the_package_of_its_name() {
    let crates = crates();
    let package = crates.iter().find(|package| name(package) == "kho-abi").expect("it is there");
    let targets = package["targets"].as_array().expect("it lists targets");
    let is_program = |target: &Value| target["kind"][0] == "bin" && target["name"] == "kho-abi";
    assert!(targets.iter().any(is_program), "{targets:?}");
}

#[test]
fn each_crate_has_its_licence_with_it() {
    let texts = [
        ("LICENSE", "LICENSE"),
        ("LICENSE-MIT", "LICENSES/MIT.txt"),
        ("LICENSE-GPL-2.0-only", "LICENSES/GPL-2.0-only.txt"),
    ];
    for package in crates() {
        let name = name(&package);
        let manifest = package["manifest_path"].as_str().expect("a manifest has a path");
        let dir = Path::new(manifest).parent().expect("it is in a directory");
        let listed = cargo(&["package", "--list", "--offline", "--allow-dirty", "-p", name]);
        for (file, of) in texts {
            assert!(listed.lines().any(|line| line == file), "{name} is packed without {file}");
            let text = std::fs::read(dir.join(file)).expect("it can be read");
            assert_eq!(text, std::fs::read(top().join(of)).expect("it is there"), "{name}: {file}");
        }
    }
}

/// What is included from outside of a crate is not in its package.
#[test]
fn no_source_includes_a_file_of_another_crate() {
    let mut looked_at = 0;
    for package in crates() {
        let manifest = package["manifest_path"].as_str().expect("a manifest has a path");
        let dir = Path::new(manifest).parent().expect("it is in a directory");
        let mut open = vec![dir.join("src")];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(
                    path.read_dir().expect("a directory").map(|e| e.expect("an entry").path()),
                );
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for call in ["include_str!(\"", "include_bytes!(\"", "include!(\"", "#[path = \""] {
                for rest in text.split(call).skip(1) {
                    let file = rest.split('"').next().expect("a literal ends");
                    let above =
                        path.strip_prefix(dir).expect("it lies there").components().count() - 1;
                    let up = file.matches("../").count();
                    assert!(up <= above, "{} includes {file}", path.display());
                    looked_at += 1;
                }
            }
        }
    }
    assert!(looked_at > 20, "{looked_at} files are included");
}
