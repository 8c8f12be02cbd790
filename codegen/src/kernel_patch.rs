// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A patch for a kernel tree, with the header of a contract in it; the tree itself is not touched.
//!
//! git makes the patch, in a directory of its own: a commit of the files as the tree has them, and one
//! of the files as they are to be. So its blobs are those that the tree has, and `git am -3` finds them.

use crate::generate;
use crate::origin::Origin;
use crate::suites::{self, Others};
use crate::write::{kunit, prose};
use kho_abi_model::compare::{self, Words};
use kho_abi_model::put;
use kho_abi_model::{Contract, Header, Model, Record, Value};
use kho_abi_read::process::{self, Answered, Bounds, RunError};
use kho_abi_show::names;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The top of the kernel tree.
    pub tree: &'a Path,
    /// Whether the unit tests of the header go with it.
    pub kunit: bool,
    /// The section of MAINTAINERS that gets new files.
    pub section: Option<&'a str>,
}

/// A patch, and what is to be known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The mail, as `git format-patch` writes one.
    pub text: String,
    /// What is not in it, and worth knowing.
    pub notes: Vec<String>,
    /// What the tree's checkpatch says of it; empty where it says nothing.
    pub complaints: String,
}

/// Why there is no patch.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The directory is not a kernel tree.
    #[error("{} is not a kernel tree: it has no include/linux", names::shown(.0))]
    NotATree(PathBuf),
    /// A file of the tree cannot be read, or a directory for the work cannot be made.
    #[error("{}: {source}", names::shown(.path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// git does not know who makes the patch.
    #[error("git does not know who signs the patch off")]
    NoIdentity,
    /// MAINTAINERS has no such section.
    #[error("MAINTAINERS has no section \"{0}\" with an F: line")]
    NoSection(String),
    /// A file of the tree lacks the line that others go beside.
    #[error("{file}: {what} not found")]
    Shape {
        /// The file, below the tree's top.
        file: String,
        /// What is missing.
        what: &'static str,
    },
    /// git failed.
    #[error("git {command} failed: {said}")]
    Git {
        /// What it was to do.
        command: String,
        /// What it said.
        said: String,
    },
}

impl PatchError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotATree(_) => "give the top of a kernel tree: --tree DIR".into(),
            Self::Io { .. } => "check the path, the permissions and the free space".into(),
            Self::NoIdentity => {
                "run `git config --global user.name NAME` and `git config --global user.email ADDRESS`"
                    .into()
            }
            Self::NoSection(_) => "give the first line of one, as \"LIVE UPDATE\"".into(),
            Self::Shape { .. } => "leave out --kunit, and add the unit tests by hand".into(),
            Self::Git { .. } => "check that git is installed, and 2.30 or later".into(),
        }
    }
}

/// Files of a patch, by their paths below the tree's top: as they are, and as they are to be.
type Files = BTreeMap<String, (Option<String>, String)>;

/// Writes the patch that brings the header of a contract to a tree; `None` where the tree has it.
///
/// `before` are the tree's headers, as far as they could be read.
///
/// # Errors
///
/// [`PatchError`].
pub fn write(
    model: &Model,
    header: &Header,
    contract: &Contract,
    before: Option<&Model>,
    request: Request<'_>,
) -> Result<Option<Patch>, PatchError> {
    let tree = request.tree;
    if !tree.join("include/linux").is_dir() {
        return Err(PatchError::NotATree(tree.into()));
    }
    let mut files = Files::new();
    let path = format!("include/{}", header.include_path());
    for generated in generate::render(model) {
        if generated.path == Path::new(&path) {
            let old = read(tree, &path)?;
            files.insert(path.clone(), (old, generated.text));
        }
    }
    if request.kunit {
        let tests = kunit::render_some(model, std::slice::from_ref(header), &Origin::CHECKOUT);
        unit_tests(tests, &Origin::CHECKOUT, (tree, kunit::DIR), &mut files)?;
    }
    finish(header, contract, before, files, request)
}

/// Writes the patch that adds unit tests, in a directory, to a tree whose header stays as it is; `None`
/// where the tree has them.
///
/// # Errors
///
/// [`PatchError`].
pub fn write_tests(
    tests: Vec<(String, String)>,
    dir: &str,
    (header, contract): (&Header, &Contract),
    request: Request<'_>,
) -> Result<Option<Patch>, PatchError> {
    let mut files = Files::new();
    unit_tests(tests, &Origin::LAYOUTS, (request.tree, dir), &mut files)?;
    finish(header, contract, None, files, request)
}

/// The patch with these files, unless the tree has them.
fn finish(
    header: &Header,
    contract: &Contract,
    before: Option<&Model>,
    mut files: Files,
    request: Request<'_>,
) -> Result<Option<Patch>, PatchError> {
    let tree = request.tree;
    let path = format!("include/{}", header.include_path());
    files.retain(|_, (old, new)| old.as_ref() != Some(new));
    if files.is_empty() {
        return Ok(None);
    }
    let mut notes = Vec::new();
    let copyright = |text: &str| text.lines().filter(|line| line.contains("Copyright")).count();
    if let Some((Some(old), new)) = files.get(&path) {
        if copyright(old) > copyright(new) {
            notes.push(format!(
                "the tree's {path} has copyright lines that the generated one lacks"
            ));
        }
    }
    let added: Vec<_> =
        files.iter().filter(|(_, (old, _))| old.is_none()).map(|(path, _)| path.clone()).collect();
    let mut covered = false;
    if !added.is_empty() {
        let maintainers = read(tree, MAINTAINERS)?.unwrap_or_default();
        if let Some(section) = request.section {
            let new = with_files(&maintainers, section, &added)
                .ok_or_else(|| PatchError::NoSection(section.into()))?;
            files.insert(MAINTAINERS.into(), (Some(maintainers), new));
        } else if let Some(section) = section_of(&maintainers, &added) {
            covered = true;
            notes.push(format!(
                "{MAINTAINERS} already has the new files in \"{section}\"; --maintainers SECTION adds \
                 them to another section"
            ));
        } else {
            notes.push(format!(
                "no section of {MAINTAINERS} has the new files: give one with --maintainers SECTION"
            ));
        }
    }
    let who = identity(tree)?;
    let mut text = message(header, contract, before, &files, &path);
    put!(text, "\nSigned-off-by: {} <{}>", who.name, who.email);
    let text = format_patch(&files, &text, &who)?;
    let complaints = match checkpatch(tree, &text, covered) {
        Ok(complaints) => complaints,
        Err(why) => {
            notes.push(format!("checkpatch did not see the patch: {why}"));
            String::new()
        }
    };
    Ok(Some(Patch { text, notes, complaints }))
}

const MAINTAINERS: &str = "MAINTAINERS";

/// A text file of the tree; `None` where it has none of that name.
fn read(tree: &Path, path: &str) -> Result<Option<String>, PatchError> {
    let path = tree.join(path);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PatchError::Io { path, source }),
    }
}

/// Adds the unit tests of a header in a directory, and what a tree without any needs to build them.
fn unit_tests(
    tests: Vec<(String, String)>,
    origin: &Origin,
    (tree, dir): (&Path, &str),
    files: &mut Files,
) -> Result<(), PatchError> {
    for (name, text) in tests {
        let path = format!("{dir}/{name}");
        let old = read(tree, &path)?;
        let text = suites::beside(&name, old.as_deref(), text, origin, Others::Kept);
        files.insert(path, (old, text));
    }
    let shape = |file: &str, what| PatchError::Shape { file: file.into(), what };
    let (above, last) = dir.rsplit_once('/').ok_or_else(|| shape(dir, "a directory above"))?;
    let file = format!("{above}/Makefile");
    let makefile = read(tree, &file)?.ok_or_else(|| shape(&file, "the file"))?;
    if !makefile.contains(&format!("{last}/")) {
        let new = format!("{makefile}\nobj-y\t\t\t\t\t+= {last}/\n");
        files.insert(file, (Some(makefile), new));
    }
    let file = format!("{above}/Kconfig");
    let kconfig = read(tree, &file)?.ok_or_else(|| shape(&file, "the file"))?;
    let source = format!("source \"{dir}/Kconfig\"\n");
    if !kconfig.contains(&source) {
        let end = kconfig.rfind("endmenu").ok_or_else(|| shape(&file, "the end of the menu"))?;
        let new = format!("{}{source}\n{}", &kconfig[..end], &kconfig[end..]);
        files.insert(file, (Some(kconfig), new));
    }
    Ok(())
}

/// The first section of MAINTAINERS with lines that cover all of these files.
fn section_of(maintainers: &str, files: &[String]) -> Option<String> {
    let covers = |line: &str, file: &str| {
        line.strip_prefix("F:").map(str::trim).is_some_and(|pattern| {
            // A directory covers all that is below it; `*` is within a name.
            file == pattern || (pattern.ends_with('/') && file.starts_with(pattern))
        })
    };
    sections(maintainers).into_iter().find_map(|(name, lines)| {
        let all = files.iter().all(|file| lines.iter().any(|line| covers(line, file)));
        all.then(|| name.to_string())
    })
}

/// The sections of MAINTAINERS: the first line of each, and its lines.
fn sections(maintainers: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut blank = true;
    for line in maintainers.lines() {
        if line.is_empty() {
            blank = true;
        } else if blank && line.as_bytes().get(1) != Some(&b':') {
            found.push((line, Vec::new()));
            blank = false;
        } else if let Some((_, lines)) = found.last_mut() {
            lines.push(line);
        }
    }
    found
}

/// MAINTAINERS with more files in a section, in their places in the alphabet.
fn with_files(maintainers: &str, section: &str, files: &[String]) -> Option<String> {
    let mut lines: Vec<String> = maintainers.lines().map(String::from).collect();
    let begin = lines.iter().position(|line| line == section)?;
    let length = lines[begin..].iter().position(String::is_empty).unwrap_or(lines.len() - begin);
    lines[begin..begin + length].iter().find(|line| line.starts_with("F:"))?;
    for (added, file) in files.iter().enumerate() {
        let end = begin + length + added;
        let entry = format!("F:\t{file}");
        let is_behind = |line: &String| line.starts_with("F:") && *line > entry;
        let last = lines[begin..end].iter().rposition(|line| line.starts_with("F:"))? + 1;
        let place = lines[begin..end].iter().position(is_behind).unwrap_or(last);
        lines.insert(begin + place, entry);
    }
    Some(lines.join("\n") + "\n")
}

/// Subject and text of the commit, as far as the sign-off.
fn message(
    header: &Header,
    contract: &Contract,
    before: Option<&Model>,
    files: &Files,
    path: &str,
) -> String {
    let name = &header.name;
    let old = before.and_then(|model| model.headers.iter().find(|other| other.name == *name));
    let generated = "The header is generated by kho-abi from the Rust definition of the same \
                     structs. It asserts its own sizes and offsets: a change of them does not build.";
    let mut paragraphs = Vec::new();
    let subject;
    match files.get(path) {
        None => {
            subject = format!("kho: abi: Test {name}.h");
            paragraphs.push(format!("Check that {name}.h keeps what {} promises.", told(contract)));
        }
        Some((None, _)) => {
            subject = format!("kho: abi: Add {name}.h");
            let roots = contract.roots.iter().map(|root| format!("struct {root}"));
            let what = match roots.collect::<Vec<_>>().join(", ") {
                roots if roots.is_empty() => String::new(),
                roots => format!(": {roots}"),
            };
            paragraphs
                .push(format!("Define what {} promises to the next kernel{what}.", told(contract)));
            paragraphs.extend(about(&header.doc));
            paragraphs.push(generated.into());
        }
        Some((Some(_), _)) => {
            let string = |header: &Header| {
                let mut constants = header.constants();
                let constant = constants.find(|c| c.name == contract.macro_name)?;
                Some(match &constant.value {
                    Value::Str(text) => format!("\"{text}\""),
                    Value::Int(number) => number.to_string(),
                })
            };
            let versions = old.and_then(string).zip(string(header));
            subject = match &versions {
                Some((old, new)) if old != new => {
                    format!("kho: abi: {name}: Go from {old} to {new}")
                }
                _ => format!("kho: abi: {name}: Update the header"),
            };
            let changes = old.map(|old| changes(old, header));
            match changes.as_deref() {
                Some([]) => paragraphs.push(format!(
                    "Update the text to what is generated. Layouts, constants and what {} promises do not change.",
                    told(contract)
                )),
                Some(changes) => {
                    paragraphs.push(format!("Change what {} promises:", told(contract)));
                    paragraphs.extend(changes.iter().map(|change| format!(" - {change}")));
                }
                None => paragraphs.push(format!("Define what {} promises.", told(contract))),
            }
            paragraphs.push(generated.into());
        }
    }
    if files.keys().any(|path| path.ends_with("_kunit.c")) {
        paragraphs.push(
            "Add unit tests that fail when the header no longer matches what kernels agreed on."
                .into(),
        );
    }
    let mut text = format!("{subject}\n");
    let mut listed = false;
    for paragraph in &paragraphs {
        let item = paragraph.starts_with(" - ");
        // The points of a list stand together.
        if !(item && listed) {
            text.push('\n');
        }
        listed = item;
        text.push_str(&wrap(paragraph, if item { "   " } else { "" }));
    }
    text
}

/// A contract in a sentence.
fn told(contract: &Contract) -> String {
    match (&contract.name, contract.version) {
        (Some(name), Some(version)) => format!("version {version} of \"{}\"", name.value),
        _ => format!("\"{}\"", contract.compatible),
    }
}

/// What a header says about itself, without its title and without the marks of kernel-doc.
fn about(doc: &str) -> Option<String> {
    let mut paragraphs = doc.split("\n\n").skip(1);
    let first = paragraphs.next()?.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(first.replace(['`', '[', ']'], ""))
}

/// What changes from one header to the other, each in one sentence.
fn changes(old: &Header, new: &Header) -> Vec<String> {
    let bare = |header: &Header| -> Vec<Record> {
        header.records().map(|record| Record { page_size: None, ..record.bare() }).collect()
    };
    let mut told = Vec::new();
    for change in compare::records(&bare(old), &bare(new)) {
        let what = change.tell(Words::Change);
        told.extend(what.map(|what| format!("struct {}: {what}", change.record)));
    }
    let values = |header: &Header| -> BTreeMap<String, Value> {
        header.constants().map(|c| (c.name.clone(), c.value.clone())).collect()
    };
    let (before, after) = (values(old), values(new));
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        let side = |values: &BTreeMap<String, Value>| vec![values.get(name).cloned()];
        let change = compare::constant(name, &[None], side(&before), side(&after));
        told.extend(change.map(|change| change.tell(Words::Change)));
    }
    told.into_iter().map(|what| what.replace('`', "")).collect()
}

/// A paragraph in lines of a commit message; `indent` is before each but the first.
fn wrap(text: &str, indent: &str) -> String {
    const WIDTH: usize = 72;
    let lead = &text[..text.len() - text.trim_start().len()];
    prose::fill(text.split_whitespace(), WIDTH, lead, indent).join("\n") + "\n"
}

/// Runs a program for its output, within what making a patch needs.
fn run(command: Command, input: &str) -> Result<Answered, RunError> {
    let until = Instant::now() + Duration::from_secs(120);
    let bounds = Bounds { until, answer: 64 << 20, said: 1 << 16, memory: None };
    process::run(command, input.into(), bounds)
}

/// Who makes the patch.
struct Identity {
    name: String,
    email: String,
}

/// The identity that git has for the tree; git makes none up.
fn identity(tree: &Path) -> Result<Identity, PatchError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(tree).args(["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"]);
    let output = run(command, "").map_err(|error| failed("var", &error.to_string()))?;
    // Name <address> seconds zone
    let text = String::from_utf8_lossy(&output.answer).into_owned();
    let parts = text.split_once(" <").and_then(|(name, rest)| {
        let (email, _) = rest.split_once('>')?;
        let known = output.status.success() && !name.trim().is_empty() && !email.is_empty();
        known.then(|| Identity { name: name.trim().into(), email: email.into() })
    });
    parts.ok_or(PatchError::NoIdentity)
}

fn failed(command: &str, said: &str) -> PatchError {
    PatchError::Git { command: command.into(), said: said.trim().into() }
}

/// The mail with these files in it.
fn format_patch(files: &Files, message: &str, who: &Identity) -> Result<String, PatchError> {
    let dir = tempfile::tempdir()
        .map_err(|source| PatchError::Io { path: std::env::temp_dir(), source })?;
    let git = |args: &[&str], input: &str| -> Result<String, PatchError> {
        let mut command = Command::new("git");
        command
            .current_dir(dir.path())
            // Nothing of the user's own settings changes the text, and no hook runs.
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.abbrev=12"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", &who.name)
            .env("GIT_AUTHOR_EMAIL", &who.email)
            .env("GIT_COMMITTER_NAME", &who.name)
            .env("GIT_COMMITTER_EMAIL", &who.email);
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(variable);
        }
        let name = args[0];
        let output = run(command, input).map_err(|error| failed(name, &error.to_string()))?;
        if !output.status.success() {
            return Err(failed(name, &output.said));
        }
        Ok(String::from_utf8_lossy(&output.answer).into_owned())
    };
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text)).map_err(|source| PatchError::Io { path, source })
    };
    git(&["init", "--quiet", "--template="], "")?;
    for (path, (old, _)) in files {
        if let Some(old) = old {
            put(path, old)?;
        }
    }
    git(&["add", "--all", "--force"], "")?;
    git(&["commit", "--quiet", "--allow-empty", "--no-verify", "--message=base"], "")?;
    for (path, (_, new)) in files {
        put(path, new)?;
    }
    git(&["add", "--all", "--force"], "")?;
    git(&["commit", "--quiet", "--no-verify", "--cleanup=verbatim", "--file=-"], message)?;
    let signature = format!("--signature=kho-abi {}", env!("CARGO_PKG_VERSION"));
    git(&["format-patch", "--quiet", "--stdout", "--zero-commit", &signature, "-1"], "")
}

/// What the tree's own checkpatch says of a patch; or why it was not asked.
fn checkpatch(tree: &Path, patch: &str, covered: bool) -> Result<String, String> {
    let script = tree.join("scripts/checkpatch.pl");
    if !script.is_file() {
        return Err("the tree has no scripts/checkpatch.pl".into());
    }
    let mut command = Command::new("perl");
    command.arg(script.canonicalize().map_err(|error| error.to_string())?);
    command.args(["--strict", "--no-summary", "--terse", "--showfile", "--color=never"]);
    if covered {
        // It asks whether MAINTAINERS needs the new files. It has them.
        command.args(["--ignore", "FILE_PATH_CHANGES"]);
    }
    command.arg("-").current_dir(tree);
    let output = run(command, patch).map_err(|error| match error {
        RunError::Io(_) => "perl is not installed".to_string(),
        error => error.to_string(),
    })?;
    let said = String::from_utf8_lossy(&output.answer).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    // It fails with what it found; without any, it did not run.
    if said.trim().is_empty() {
        return Err(output.said.trim().to_string());
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "List of maintainers\n===\n\nA THING\nM:\tx\nF:\tinclude/a.h\nF:\tkernel/b/\n\nLIVE UPDATE\nF:\tinclude/linux/kho/abi/\nF:\tkernel/liveupdate/\n";

    #[test]
    fn new_files_get_their_lines_in_maintainers() {
        let files = ["include/linux/kho/abi/x.h".to_string(), "kernel/a.c".into()];
        let new = with_files(TEXT, "A THING", &files).unwrap();
        let expected =
            "F:\tinclude/a.h\nF:\tinclude/linux/kho/abi/x.h\nF:\tkernel/a.c\nF:\tkernel/b/\n\nLIVE";
        assert!(new.contains(expected), "{new}");
        assert_eq!(with_files(TEXT, "NO SUCH", &files), None);
        assert_eq!(section_of(TEXT, &files[..1]).unwrap(), "LIVE UPDATE");
        assert_eq!(section_of(TEXT, &files), None);
    }

    #[test]
    fn paragraphs_fit_a_commit_message() {
        let text = format!(" - {}", "word ".repeat(30));
        let wrapped = wrap(&text, "   ");
        assert!(wrapped.lines().all(|line| line.len() <= 72), "{wrapped}");
        assert!(wrapped.starts_with(" - word"), "{wrapped}");
        assert!(wrapped.lines().nth(1).unwrap().starts_with("   word"), "{wrapped}");
    }
}
