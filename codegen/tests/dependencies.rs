// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every dependency has a licence and a source that deny.toml allows, and works with the Rust that
//! Cargo.toml promises.
//!
//! These are the checks of `cargo deny check licenses sources`, in every test run and without that
//! program. Advisories need its database, and are not checked here.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The policy of deny.toml.
struct Policy {
    licenses: BTreeSet<String>,
    exceptions: Vec<(String, BTreeSet<String>)>,
    registries: BTreeSet<String>,
}

fn strings(value: &toml::Value) -> BTreeSet<String> {
    let list = value.as_array().expect("it is a list");
    list.iter().map(|value| value.as_str().expect("it holds strings").into()).collect()
}

fn policy() -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml");
    let text = std::fs::read_to_string(path).expect("the checkout has a deny.toml");
    let deny: toml::Table = text.parse().expect("deny.toml is TOML");
    let exceptions = deny["licenses"]["exceptions"].as_array().expect("it is a list");
    Policy {
        licenses: strings(&deny["licenses"]["allow"]),
        exceptions: exceptions
            .iter()
            .map(|e| (e["crate"].as_str().expect("a name").into(), strings(&e["allow"])))
            .collect(),
        registries: strings(&deny["sources"]["allow-registry"]),
    }
}

/// cargo's metadata on the workspace, and on every package that any build of it may use.
fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}\n  help: run `cargo fetch --locked`");
    serde_json::from_slice(&out.stdout).expect("cargo writes JSON")
}

/// Every package that any build of the workspace may use, on any machine.
fn packages() -> Vec<Value> {
    metadata()["packages"].as_array().expect("it lists packages").clone()
}

/// `1.88` and `1.88.0` as numbers; a package that names no version works with any.
fn rust_version(package: &Value) -> Vec<u32> {
    let version = package["rust_version"].as_str().unwrap_or("0");
    let mut parts: Vec<u32> =
        version.split('.').map(|part| part.parse().expect("a version has numbers")).collect();
    parts.resize(3, 0);
    parts
}

/// The packages that need a newer Rust than promised.
fn too_new<'a>(promised: &[u32], packages: &'a [Value]) -> Vec<&'a str> {
    let newer = packages.iter().filter(|package| rust_version(package) > promised.to_vec());
    newer.map(|package| package["name"].as_str().expect("a package has a name")).collect()
}

/// Whether the allowed licences satisfy an SPDX expression.
///
/// The old spelling with a slash is an `OR`. An exception (`WITH`) is named with its licence.
fn allowed(expression: &str, licenses: &BTreeSet<String>) -> bool {
    let parsed = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX);
    parsed.is_ok_and(|parsed| parsed.evaluate(|wanted| licenses.contains(&wanted.to_string())))
}

/// What the policy refuses about these packages.
fn refused(policy: &Policy, packages: &[Value]) -> Vec<String> {
    let mut refused = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        // A package without a source is our own.
        let Some(source) = package["source"].as_str() else { continue };
        let registry = source.strip_prefix("registry+").unwrap_or(source);
        if !policy.registries.contains(registry) {
            refused.push(format!("{name} comes from {source}"));
        }
        let mut licenses = policy.licenses.clone();
        for (_, more) in policy.exceptions.iter().filter(|(of, _)| of == name) {
            licenses.extend(more.iter().cloned());
        }
        let license = package["license"].as_str().unwrap_or_default();
        if !allowed(license, &licenses) {
            refused.push(format!("{name} has the licence {license:?}"));
        }
    }
    refused
}

#[test]
fn every_dependency_is_allowed() {
    let packages = packages();
    assert!(packages.iter().any(|package| package["name"] == "zerocopy"), "the list is whole");
    let refused = refused(&policy(), &packages);
    assert!(
        refused.is_empty(),
        "{}\n  help: use another crate, or allow it in deny.toml with the reason",
        refused.join("\n")
    );
}

/// Only one toolchain may be installed. So the declarations of the packages replace a build with
/// the oldest one; clippy's `incompatible_msrv` checks our own code.
#[test]
fn the_promised_rust_is_new_enough_for_every_dependency() {
    let packages = packages();
    let ours: Vec<_> = packages.iter().filter(|package| package["source"].is_null()).collect();
    assert!(ours.len() > 5, "the list is whole");
    // The kernel compiles the truth, which therefore keeps the kernel's own minimum.
    let (abi, rest): (Vec<_>, Vec<_>) =
        ours.into_iter().partition(|p| p["name"] == "kho-abi-types");
    for package in rest {
        assert_eq!(too_new(&rust_version(package), &packages), [""; 0], "{}", package["name"]);
    }
    assert_eq!(rust_version(abi[0]), [1, 85, 0], "the kernel's minimum");
    let vendored = ["zerocopy", "zerocopy-derive"];
    let kernel: Vec<Value> = packages
        .iter()
        .filter(|p| vendored.iter().any(|name| p["name"] == *name))
        .cloned()
        .collect();
    assert_eq!(kernel.len(), 2);
    assert_eq!(too_new(&rust_version(abi[0]), &kernel), [""; 0]);
}

#[test]
fn a_package_that_is_too_new_is_found() {
    let package =
        |name: &str, version: Value| serde_json::json!({ "name": name, "rust_version": version });
    let packages = [
        package("old", "1.56".into()),
        package("any", Value::Null),
        package("same", "1.88.0".into()),
        package("new", "1.88.1".into()),
        package("newer", "1.100".into()),
    ];
    assert_eq!(too_new(&[1, 88, 0], &packages), ["new", "newer"]);
}

#[test]
fn every_exception_is_used() {
    let packages = packages();
    let without = Policy { exceptions: Vec::new(), ..policy() };
    let refused = refused(&without, &packages);
    for (name, _) in policy().exceptions {
        assert!(refused.iter().any(|said| said.starts_with(&format!("{name} "))), "{name}");
    }
}

#[test]
fn what_is_not_allowed_is_refused() {
    let package = |license: Value, source: &str| serde_json::json!({ "name": "x", "license": license, "source": source });
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let said = |license: Value, source: &str| refused(&policy(), &[package(license, source)]);
    for good in
        ["MIT", "GPL-3.0-only OR MIT", "Apache-2.0/MIT", "(MIT OR GPL-3.0-only) AND Unicode-3.0"]
    {
        assert!(said(good.into(), registry).is_empty(), "{good}");
    }
    for bad in [
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "(MIT OR GPL-3.0-only) AND AGPL-3.0-only",
        "MIT)",
        "",
        "MIT WITH X",
    ] {
        assert_eq!(said(bad.into(), registry).len(), 1, "{bad}");
    }
    assert_eq!(said(Value::Null, registry).len(), 1);
    assert_eq!(said("MIT".into(), "git+https://example.org/x").len(), 1);
}

/// Name and version of what a lock file has.
fn locked(path: &str) -> BTreeSet<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let lock: toml::Table = std::fs::read_to_string(path).unwrap().parse().expect("a lock file");
    let packages = lock["package"].as_array().expect("it lists packages");
    let word =
        |package: &toml::Value, key: &str| package[key].as_str().expect("a word").to_string();
    packages.iter().map(|package| (word(package, "name"), word(package, "version"))).collect()
}

/// So that it is tested without a network, and held to the same policy.
#[test]
fn the_example_of_an_own_crate_needs_no_other_packages() {
    let workspace = locked("Cargo.lock");
    let example = locked("examples/own-contract/Cargo.lock");
    assert!(example.iter().any(|(name, _)| name == "kho-abi-codegen"), "the list is whole");
    let new = example.difference(&workspace).map(|(name, _)| name.as_str());
    assert_eq!(new.collect::<Vec<_>>(), ["own-contract"]);
}
