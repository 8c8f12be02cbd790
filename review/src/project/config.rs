// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads `kho-abi.toml`. An unknown key is an error, which suggests the closest known key.

use crate::policy::allow::{self, Allowance, Entry};
use crate::policy::Strictness;
use crate::rules;
use kho_abi_model::{Place, ABI_DIR};
use kho_abi_read::headers::TRIPLES;
use kho_abi_read::owners;
use serde::Deserialize;
use std::path::{Component, Path};

/// The configuration of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The directory with the headers, relative to the top.
    pub headers: String,
    /// The directory with the frozen layouts, relative to the top.
    pub layouts: String,
    /// The directory with the generated unit tests, relative to the top.
    pub tests: String,
    /// The page sizes that the headers are read for, in bytes, smallest first.
    pub page_sizes: Vec<u64>,
    /// The machines that the headers are read for, as clang names them.
    pub targets: Vec<String>,
    /// How strictly changes are judged.
    pub policy: Strictness,
    /// A kernel whose types are the truth, instead of headers: a path, from the top.
    pub source: Option<String>,
    /// Which strings of a kernel are the project's, all where none is named, and which structs they promise.
    pub contracts: Vec<Declared>,
    /// Who owns what, if the headers do not say.
    pub owners: Vec<Owner>,
    /// What is allowed, why, and until when.
    pub allowances: Vec<Allowance>,
}

/// What a contract owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The macro of its version, and what that owns.
    pub owned: owners::Declared,
    /// Where the file says it.
    pub place: Place,
}

/// A contract that a kernel has, and does not spell out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The compatible string.
    pub string: String,
    /// The structs with which what it promises begins; none where they are known otherwise.
    pub structs: Vec<String>,
    /// Where it is said.
    pub place: Place,
}

impl Default for Config {
    fn default() -> Self {
        let headers = format!("include/{ABI_DIR}");
        Self {
            layouts: format!("{headers}/layouts"),
            headers,
            tests: kho_abi_codegen::write::kunit::DIR.into(),
            page_sizes: crate::diff::pages::PAGE_SIZES.to_vec(),
            // The machines that support live update today.
            targets: TRIPLES[..2].iter().map(ToString::to_string).collect(),
            policy: Strictness::default(),
            source: None,
            contracts: Vec::new(),
            owners: Vec::new(),
            allowances: Vec::new(),
        }
    }
}

impl Config {
    /// What the file says that versions own, for the readers of headers.
    #[must_use]
    pub fn declared(&self) -> Vec<owners::Declared> {
        self.owners.iter().map(|owner| owner.owned.clone()).collect()
    }
}

/// Why a `kho-abi.toml` is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct ConfigError {
    file: String,
    line: usize,
    what: String,
    help: String,
}

impl ConfigError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        self.help.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    headers: Option<toml::Spanned<String>>,
    layouts: Option<toml::Spanned<String>>,
    tests: Option<toml::Spanned<String>>,
    page_sizes: Option<toml::Spanned<Vec<u64>>>,
    targets: Option<toml::Spanned<Vec<String>>>,
    policy: Option<toml::Spanned<String>>,
    source: Option<toml::Spanned<String>>,
    #[serde(default)]
    contract: Vec<toml::Spanned<WrittenContract>>,
    #[serde(default)]
    owner: Vec<toml::Spanned<WrittenOwner>>,
    #[serde(default)]
    allow: Vec<toml::Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContract {
    string: String,
    #[serde(default)]
    structs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOwner {
    r#macro: String,
    #[serde(default)]
    structs: Vec<String>,
    #[serde(default)]
    constants: Vec<String>,
}

/// Reads a `kho-abi.toml`, which messages call `file`.
///
/// # Errors
///
/// The first malformed line or value.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    let fail = |offset: usize, what: String, help: String| ConfigError {
        file: file.into(),
        line: allow::line_of(text, offset),
        what,
        help,
    };
    let written: Written = toml::from_str(text).map_err(|error| {
        let what = error.message().lines().next().unwrap_or("not TOML").to_string();
        let help = suggestion(&what);
        fail(error.span().map_or(0, |span| span.start), what, help)
    })?;
    let mut config = Config::default();
    let directory = |value: toml::Spanned<String>, key: &str| {
        let (offset, value) = (value.span().start, value.into_inner());
        let value = value.trim_end_matches('/').to_string();
        let mut parts = Path::new(&value).components();
        if !value.is_empty() && parts.all(|part| matches!(part, Component::Normal(_))) {
            return Ok(value);
        }
        let what = format!("{key}: \"{value}\" is not a directory below this file");
        Err(fail(offset, what, "give a relative path without `..`".into()))
    };
    if let Some(headers) = written.headers {
        config.headers = directory(headers, "headers")?;
        config.layouts = format!("{}/layouts", config.headers);
    }
    if let Some(layouts) = written.layouts {
        config.layouts = directory(layouts, "layouts")?;
    }
    if let Some(tests) = written.tests {
        config.tests = directory(tests, "tests")?;
    }
    if let Some(sizes) = written.page_sizes {
        let (offset, mut sizes) = (sizes.span().start, sizes.into_inner());
        let known = crate::diff::pages::PAGE_SIZES;
        if let Some(other) = sizes.iter().find(|size| !known.contains(size)) {
            let what = format!("page-sizes: unsupported page size: {other} bytes");
            return Err(fail(offset, what, "give one or more of 4096, 16384 and 65536".into()));
        }
        sizes.sort_unstable();
        sizes.dedup();
        if sizes.is_empty() {
            let what = "page-sizes: the list is empty".into();
            return Err(fail(offset, what, "give one or more of 4096, 16384 and 65536".into()));
        }
        config.page_sizes = sizes;
    }
    if let Some(targets) = written.targets {
        let (offset, targets) = (targets.span().start, targets.into_inner());
        let help = || format!("give one or more of {}", TRIPLES.join(", "));
        if let Some(other) = targets.iter().find(|other| !TRIPLES.contains(&other.as_str())) {
            let what = format!("targets: unsupported target \"{other}\"");
            return Err(fail(offset, what, help()));
        }
        if targets.is_empty() {
            return Err(fail(offset, "targets: the list is empty".into(), help()));
        }
        config.targets = targets;
    }
    if let Some(policy) = written.policy {
        let (offset, policy) = (policy.span().start, policy.into_inner());
        config.policy = match policy.as_str() {
            "strict" => Strictness::Strict,
            "wire" => Strictness::Wire,
            _ => {
                let help = "give \"strict\" or \"wire\", as for `kho-abi diff --policy`".into();
                return Err(fail(offset, format!("unknown policy: \"{policy}\""), help));
            }
        };
    }
    if let Some(source) = written.source {
        let (offset, source) = (source.span().start, source.into_inner());
        if source.is_empty() {
            let help = "give the path of a vmlinux, a module, a bzImage or BTF".into();
            return Err(fail(offset, "source: the path is empty".into(), help));
        }
        config.source = Some(source);
    }
    for contract in written.contract {
        let offset = contract.span().start;
        let WrittenContract { string, structs } = contract.into_inner();
        if config.contracts.iter().any(|other: &Declared| other.string == string) {
            let what = format!("contract: \"{string}\" is listed twice");
            let help = "give each string once, with all structs that it promises".into();
            return Err(fail(offset, what, help));
        }
        let place = Place { file: file.into(), line: allow::line_of(text, offset) };
        config.contracts.push(Declared { string, structs, place });
    }
    config.owners = written.owner.into_iter().map(|owner| owned(file, text, owner)).collect();
    let allowed = allow::of_entries(file, text, written.allow, &rules::all());
    config.allowances = allowed.map_err(|error| {
        let help = error.help();
        ConfigError { file: error.file, line: error.line, what: error.what, help }
    })?;
    Ok(config)
}

fn owned(file: &str, text: &str, owner: toml::Spanned<WrittenOwner>) -> Owner {
    let place = Place { file: file.into(), line: allow::line_of(text, owner.span().start) };
    let WrittenOwner { r#macro: macro_name, structs, constants } = owner.into_inner();
    Owner { owned: owners::Declared { macro_name, structs, constants }, place }
}

/// The help for a message of the parser: for an unknown key, the closest known one.
fn suggestion(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let [unknown, known @ ..] = quoted.as_slice() {
        if message.starts_with("unknown field") {
            return match similar::get_close_matches(*unknown, known, 1, 0.5).first() {
                Some(key) => format!("write `{key}`"),
                None => format!("known keys: {}", known.join(", ")),
            };
        }
    }
    "correct the line; docs/kho-abi.toml.md has every key".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_and_none_is_needed() {
        assert_eq!(parse("f", "").unwrap(), Config::default());
        let text = "headers = \"abi/\"\ntests = \"t/\"\npage-sizes = [65536, 4096]\n\
                    targets = [\"s390x-unknown-linux-gnu\"]\n\n\
                    [[owner]]\nmacro = \"X_COMPATIBLE\"\nstructs = [\"x\"]\n\n\
                    [[allow]]\nrule = \"struct_without_contract\"\nitem = \"y\"\nreason = \"r\"\n\
                    expires = \"2027-03-31\"\n";
        let config = parse("f", text).unwrap();
        assert_eq!((config.headers.as_str(), config.layouts.as_str()), ("abi", "abi/layouts"));
        assert_eq!(config.page_sizes, [4096, 65536]);
        assert_eq!(config.targets, ["s390x-unknown-linux-gnu"]);
        assert_eq!((config.owners[0].place.line, config.owners[0].owned.structs.len()), (6, 1));
        assert_eq!((config.allowances[0].place.line, &*config.allowances[0].item), (10, "y"));
        assert_eq!(config.tests, "t");
    }

    #[test]
    fn what_is_not_of_the_form_is_refused_with_its_line_and_the_key_that_was_meant() {
        for (text, line, what, help) in [
            ("\nheders = \"x\"", 2, "unknown field `heders`", "write `headers`"),
            ("page_sizes = [4096]", 1, "unknown field `page_sizes`", "write `page-sizes`"),
            ("zzzzzzzzzz = 1", 1, "unknown field `zzzzzzzzzz`", "known keys: headers, "),
            ("[[owner]]\nmacros = \"X\"", 2, "unknown field `macros`", "write `macro`"),
            ("[[allow]]\nrole = \"X\"", 2, "unknown field `role`", "write `rule`"),
            ("headers = \"../x\"", 1, "headers: \"../x\" is not a", "give a relative path"),
            ("\n\nlayouts = \"/x\"", 3, "layouts: \"/x\" is not a", "give a relative path"),
            ("tests = \"a/../b\"", 1, "tests: \"a/../b\" is not a", "give a relative path"),
            ("layouts = \"\"", 1, "layouts: \"\" is not a", "give a relative path"),
            (
                "page-sizes = [8192]",
                1,
                "page-sizes: unsupported page size: 8192",
                "give one or more of",
            ),
            ("page-sizes = []", 1, "page-sizes: the list is empty", "give one or more of"),
            ("targets = [\"mips\"]", 1, "targets: unsupported target \"mips\"", "give "),
            ("targets = []", 1, "targets: the list is empty", "give one or more of x86_64"),
            ("headers = 1", 1, "invalid type", "correct the line"),
            ("policy = \"lax\"", 1, "unknown policy: \"lax\"", "give \"strict\" or"),
            ("source = \"\"", 1, "source: the path is empty", "give the path of a vmlinux"),
            (
                "[[contract]]\nstring = \"x-v1\"\n[[contract]]\nstring = \"x-v1\"",
                3,
                "contract: \"x-v1\" is listed twice",
                "give each string once",
            ),
            (
                "[[allow]]\nrule = \"x\"\nitem = \"y\"\nreason = \"r\"\nexpires = \"2027-03-31\"",
                1,
                "unknown rule 'x'",
                "each [[allow]] has",
            ),
        ] {
            let error = parse("f", text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.what.starts_with(what), "{text}: {error}");
            assert!(error.help().starts_with(help), "{text}: {}", error.help());
        }
    }
}
