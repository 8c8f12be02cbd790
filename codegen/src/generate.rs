// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes files that are generated from the truth, or reports how existing files differ: headers,
//! their unit tests, and bindings for other tools.

use crate::origin::Origin;
use crate::output::write_file;
use crate::write;
use kho_abi_model::finding::Finding;
use kho_abi_model::{Header, Model, Place, ABI_DIR};
use kho_abi_read::checkout::{at, files, CheckoutError};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Its path in the output directory. Headers and unit tests have the paths of a kernel tree:
    /// `include/linux/kho/abi/….h`, `kernel/liveupdate/tests/…`.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Renders every header of a model.
#[must_use]
pub fn render(model: &Model) -> Vec<Generated> {
    headers(model, &model.headers, &Origin::CHECKOUT)
}

/// Renders the unit tests of a model's headers, which a kernel takes with the headers.
#[must_use]
pub fn render_unit_tests(model: &Model) -> Vec<Generated> {
    unit_tests(model, &model.headers, &Origin::CHECKOUT)
}

/// Renders the headers of a model, and then their unit tests.
#[must_use]
pub fn render_all(model: &Model) -> Vec<Generated> {
    render_some(model, &model.headers, &Origin::CHECKOUT)
}

/// The same of some headers of a model, which are made from files of that origin.
#[must_use]
pub fn render_some(model: &Model, some: &[Header], origin: &Origin) -> Vec<Generated> {
    let mut all = headers(model, some, origin);
    all.extend(unit_tests(model, some, origin));
    all
}

fn headers(model: &Model, some: &[Header], origin: &Origin) -> Vec<Generated> {
    let generated = |(header, text): (&Header, String)| Generated {
        path: Path::new("include").join(header.include_path()),
        text,
    };
    write::c_header::render_some(model, some, origin).into_iter().map(generated).collect()
}

fn unit_tests(model: &Model, some: &[Header], origin: &Origin) -> Vec<Generated> {
    let generated = |(name, text): (String, String)| Generated {
        path: Path::new(write::kunit::DIR).join(name),
        text,
    };
    write::kunit::render_some(model, some, origin).into_iter().map(generated).collect()
}

/// Renders the bindings for other tools.
#[must_use]
pub fn render_bindings(model: &Model) -> Vec<Generated> {
    let generated = |(path, text): (&str, String)| Generated { path: path.into(), text };
    let all = [
        (write::python::PATH, write::python::render(model)),
        (write::kaitai::PATH, write::kaitai::render(model)),
        (write::imhex::PATH, write::imhex::render(model)),
    ];
    all.map(generated).into()
}

/// Writes what differs, and returns the paths that were written.
///
/// # Errors
///
/// A file or directory that cannot be written; earlier files stay written.
pub fn write(dir: &Path, generated: &[Generated]) -> Result<Vec<PathBuf>, CheckoutError> {
    let mut written = Vec::new();
    for Generated { path, text } in generated {
        let path = dir.join(path);
        if write_file(&path, text)? {
            written.push(path);
        }
    }
    Ok(written)
}

/// Reports how the files in a directory differ from what would be written. Writes nothing.
///
/// # Errors
///
/// A file or directory that exists but cannot be read.
pub fn check(
    dir: &Path,
    show: impl Fn(&Path) -> String,
    generated: &[Generated],
    origin: &Origin,
) -> Result<Vec<Finding>, CheckoutError> {
    let mut findings = differences(dir, &show, generated, Kind::of, origin)?;
    for (below, extension) in [
        (Path::new("include").join(ABI_DIR), "h"),
        (UNIT_TESTS.into(), "c"),
        (directory(write::kaitai::PATH), "ksy"),
        (directory(write::imhex::PATH), "hexpat"),
    ] {
        let kind = Kind::of(&below);
        for path in files(&dir.join(below), extension)? {
            if !generated.iter().any(|generated| dir.join(&generated.path) == path) {
                findings.push(Finding::new(
                    kind.unowned,
                    show(&path),
                    format!("no wire file generates this {}", kind.name),
                    kind.remedy.replace("{}", origin.wire_dir),
                ));
            }
        }
    }
    Ok(findings)
}

/// As [`check`], for unit tests alone, whatever the directory that they are in; files that nothing makes are
/// not looked for.
///
/// # Errors
///
/// As [`check`].
pub fn check_unit_tests(
    dir: &Path,
    show: impl Fn(&Path) -> String,
    generated: &[Generated],
    origin: &Origin,
) -> Result<Vec<Finding>, CheckoutError> {
    differences(dir, &show, generated, |_| &Kind::UNIT_TEST, origin)
}

/// How the files differ from what would be written.
fn differences(
    dir: &Path,
    show: &impl Fn(&Path) -> String,
    generated: &[Generated],
    kind: impl Fn(&Path) -> &'static Kind,
    origin: &Origin,
) -> Result<Vec<Finding>, CheckoutError> {
    let of = |file: &Generated| difference(dir, show, file, kind(&file.path), origin);
    generated.iter().filter_map(|file| of(file).transpose()).collect()
}

/// How a file differs from what would be written.
fn difference(
    dir: &Path,
    show: &impl Fn(&Path) -> String,
    generated: &Generated,
    kind: &Kind,
    origin: &Origin,
) -> Result<Option<Finding>, CheckoutError> {
    let Generated { path, text } = generated;
    let command = origin.command;
    let full = dir.join(path);
    let shown = show(&full);
    let found = match fs::read(&full) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(Finding::new(
                kind.missing,
                shown,
                format!("the {} is missing", kind.name),
                format!("run `{command}`"),
            )));
        }
        Err(error) => return Err(at(&full)(error)),
    };
    if found == *text {
        return Ok(None);
    }
    let same = found.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
    Ok(Some(Finding {
        diff: unified_diff(&shown, &found, text),
        ..Finding::new(
            kind.out_of_date,
            Place { file: shown.clone(), line: same + 1 },
            format!("the {} differs from the truth", kind.name),
            format!("run `{command}`; {}", origin.to_change()),
        )
    }))
}

const UNIT_TESTS: &str = write::kunit::DIR;

/// The directory of a file of the bindings.
fn directory(path: &str) -> PathBuf {
    Path::new(path).parent().unwrap_or(Path::new("")).into()
}

/// The kind of a file, and the rules for it.
struct Kind {
    name: &'static str,
    missing: &'static str,
    out_of_date: &'static str,
    unowned: &'static str,
    /// What to do about a file without a source.
    remedy: &'static str,
}

impl Kind {
    const UNIT_TEST: Self = Self {
        name: "unit test",
        missing: "unit_test_missing",
        out_of_date: "unit_test_out_of_date",
        unowned: "unit_test_unowned",
        remedy: "remove it, or write its types under {}/",
    };

    /// The kind by the path of a file or its directory, relative to the output directory.
    fn of(path: &Path) -> &'static Self {
        if path.starts_with(UNIT_TESTS) {
            &Self::UNIT_TEST
        } else if [write::python::PATH, write::kaitai::PATH, write::imhex::PATH]
            .iter()
            .any(|binding| path.starts_with(directory(binding)))
        {
            &Self {
                name: "binding",
                missing: "binding_missing",
                out_of_date: "binding_out_of_date",
                unowned: "binding_unowned",
                remedy: "remove it: nothing updates it when the types change",
            }
        } else {
            &Self {
                name: "header",
                missing: "header_missing",
                out_of_date: "header_out_of_date",
                unowned: "header_unowned",
                remedy: "remove it, or write its types under {}/",
            }
        }
    }
}

/// From the existing file to what would be written.
#[must_use]
pub fn unified_diff(path: &str, found: &str, wanted: &str) -> String {
    similar::TextDiff::from_lines(found, wanted)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
