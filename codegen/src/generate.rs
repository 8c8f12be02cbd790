// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes the headers of the truth, or says how those that lie there differ.

use crate::checkout::{at, files, write_file, CheckoutError};
use crate::finding::Finding;
use crate::model::{Header, Model, ABI_DIR};
use crate::write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A header, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Where it belongs, below the output directory: `include/linux/kho/abi/….h`.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Renders every header of a model.
#[must_use]
pub fn render(model: &Model) -> Vec<Generated> {
    let generated = |(header, text): (&Header, String)| Generated {
        path: Path::new("include").join(header.include_path()),
        text,
    };
    write::c_header::render_all(model).into_iter().map(generated).collect()
}

/// Writes what differs, and returns the paths that were written.
///
/// # Errors
///
/// A file or directory that cannot be written; those before it are.
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

/// Says how the headers in a directory differ from what would be written. Writes nothing.
///
/// # Errors
///
/// A file or directory that is there and cannot be read.
pub fn check(
    dir: &Path,
    show: impl Fn(&Path) -> String,
    generated: &[Generated],
) -> Result<Vec<Finding>, CheckoutError> {
    let mut findings = Vec::new();
    for Generated { path, text } in generated {
        let full = dir.join(path);
        let shown = show(&full);
        let found = match fs::read(&full) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&full)(error)),
        };
        match found {
            None => findings.push(Finding::new(
                "header_missing",
                shown,
                "the header is not there",
                "run `kho-abi generate`",
            )),
            Some(found) if found == *text => {}
            Some(found) => {
                let same = found.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
                findings.push(Finding {
                    diff: unified_diff(&shown, &found, text),
                    ..Finding::new(
                        "header_out_of_date",
                        format!("{shown}:{}", same + 1),
                        "the header is not what the truth says",
                        "run `kho-abi generate`; to change the ABI, change the types",
                    )
                });
            }
        }
    }
    for path in files(&dir.join("include").join(ABI_DIR), "h")? {
        if !generated.iter().any(|generated| dir.join(&generated.path) == path) {
            findings.push(Finding::new(
                "header_unowned",
                show(&path),
                "no wire file makes this header",
                "remove it, or write its types under abi/src/wire/",
            ));
        }
    }
    Ok(findings)
}

/// From what is there to what would be written.
fn unified_diff(path: &str, found: &str, wanted: &str) -> String {
    similar::TextDiff::from_lines(found, wanted)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
