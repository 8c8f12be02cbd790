// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes `kho-abi.toml` and the first frozen layouts of a tree, without overwriting anything.

use super::config::Config;
use super::flaws;
use super::freeze::{self, Outcome};
use super::read::{self, Release};
use super::{Held, Project, ProjectError, FILE};
use crate::policy::Strictness;
use kho_abi_codegen::output::write_file;
use kho_abi_model::finding::Finding;
use kho_abi_model::ABI_DIR;
use kho_abi_show::names;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The result of `init`.
#[derive(Debug)]
pub struct Begun {
    /// The project.
    pub project: Project,
    /// Its configuration file.
    pub file: PathBuf,
    /// The result for each contract.
    pub outcomes: Vec<Outcome>,
    /// What of the frozen structs memory cannot hand over.
    pub flaws: Vec<Finding>,
    /// The headers that were read.
    pub held: Held,
}

/// Makes a tree a project: writes its file, and freezes the contracts of its headers.
///
/// Layouts are drafts, except those that `release` has with the same bytes.
///
/// # Errors
///
/// A tree that is a project already or has no ABI headers, and files that cannot be written.
pub fn init(root: &Path, release: Option<&Release>) -> Result<Begun, ProjectError> {
    let file = root.join(FILE);
    if file.symlink_metadata().is_ok() {
        return Err(ProjectError::Exists {
            path: names::shown(&file),
            help: "run `kho-abi freeze` to freeze what is not frozen yet".into(),
        });
    }
    let has_headers = |dir: &&Path| dir.join("include").join(ABI_DIR).is_dir();
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.into());
    let above = absolute.ancestors().skip(1).find(has_headers);
    if let Some(tree) = above.filter(|_| !has_headers(&root)) {
        let (dir, tree) = (names::shown(root), names::shown(tree));
        return Err(ProjectError::Inside { dir, tree });
    }
    let project = Project::at(root)?;
    if let Some(layout) = project.layouts().files()?.first() {
        return Err(ProjectError::Exists {
            path: names::shown(layout),
            help: format!("write {FILE} by hand, or move the layouts away"),
        });
    }
    // Read everything before writing anything.
    let held = read::headers(&project)?;
    let release = match release {
        Some(release) => Some((release.clone(), read::release(&project, release)?)),
        None => None,
    };
    write_file(&file, &render(project.config()))?;
    let project = Project::at(root)?;
    // What the tree has is frozen as it is.
    let flaws = flaws::of(&held, &project.layouts())?.found.into_iter();
    let flaws = flaws.map(|(_, finding)| finding).collect();
    let outcomes = match freeze::freeze(&project, &held, &[], release.as_ref(), &[]) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            // There was no layout before. The first failure is the one to report.
            for layout in project.layouts().files().unwrap_or_default() {
                let _ = std::fs::remove_file(layout);
            }
            let _ = std::fs::remove_file(&file);
            return Err(error);
        }
    };
    Ok(Begun { project, file, outcomes, flaws, held })
}

/// The file, with all defaults written out.
fn render(config: &Config) -> String {
    let Config { headers, layouts, tests, page_sizes, targets, policy, .. } = config;
    let mut out = String::from(
        "# What `kho-abi check` checks in this tree: the structs that one kernel hands to the next.\n",
    );
    let _ = writeln!(out, "headers = {headers:?}");
    let _ = writeln!(out, "layouts = {layouts:?}");
    let _ = writeln!(out, "tests = {tests:?}");
    let _ = writeln!(out, "page-sizes = {page_sizes:?}");
    let _ = writeln!(out, "targets = {targets:?}");
    let policy = if *policy == Strictness::Wire { "wire" } else { "strict" };
    let _ = writeln!(out, "policy = {policy:?}");
    out.push_str(
        "\n# A kernel instead of headers: source = \"vmlinux\"; [[contract]] says what its strings \
         promise.\n\
         \n# If a header does not say which version owns a struct:\n\
         #\n\
         # [[owner]]\n\
         # macro = \"X_COMPATIBLE\"\n\
         # structs = [\"x_ser\"]\n\
         #\n\
         # What is allowed although a rule reports it, why, and until when:\n\
         #\n\
         # [[allow]]\n\
         # rule = \"struct_without_contract\"\n\
         # item = \"y_ser\"\n\
         # reason = \"no kernel hands it over yet\"\n\
         # expires = \"2027-03-31\"\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::config;

    /// The file states the defaults, and its examples are valid.
    #[test]
    fn the_file_says_the_defaults_and_its_examples_are_read() {
        let text = render(&Config::default());
        assert_eq!(config::parse(FILE, &text).unwrap(), Config::default());
        let lines = text.lines().skip_while(|line| !line.contains("[[owner]]"));
        let examples: Vec<_> = lines
            .map(|line| line.trim_start_matches("# "))
            .filter(|line| line.contains('=') || line.starts_with("[["))
            .collect();
        let read = config::parse(FILE, &examples.join("\n")).unwrap();
        assert_eq!((read.owners.len(), read.allowances.len()), (1, 1));
    }
}
