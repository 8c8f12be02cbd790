// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Unit tests of a tree's headers, which expect what is frozen.
//!
//! A header that differs from its layout has the same tests as before, and fails them. A header with a
//! contract that is not frozen keeps the tests that it has.

use super::contract::place_of;
use super::expected::{expected, Expected};
use super::held::Held;
use super::{Project, ProjectError, FILE};
use kho_abi_codegen::generate::{self, Generated};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_codegen::origin::Origin;
use kho_abi_codegen::output::write_file;
use kho_abi_codegen::suites::{beside, is_made, is_made_from, Others};
use kho_abi_codegen::write::kunit::{self, Suite};
use kho_abi_model::finding::Finding;
use kho_abi_model::put;
use kho_abi_model::{Contract, Declaration, DeclarationKind, Header, Item, Model, Spelled};
use kho_abi_read::checkout::{at, files};
use kho_abi_read::frozen::{Frozen, Part};
use kho_abi_read::headers;
use kho_abi_read::source::SourceError;
use kho_abi_show::names;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The unit tests of a tree's headers.
#[derive(Debug)]
pub struct Suites {
    /// What the tests expect.
    model: Model,
    /// The names of the tested headers, with the frozen layouts and what is not checked.
    tested: Vec<Tested>,
    /// The structs that have no tag, and the name of a typedef instead.
    typedefs: BTreeSet<String>,
    /// The names of headers whose tests stay as they are.
    kept: BTreeSet<String>,
    /// What keeps a header from having tests.
    pub findings: Vec<Finding>,
    /// What has no tests, and needs none or cannot have any.
    pub notes: Vec<String>,
}

/// A tested header.
#[derive(Debug)]
struct Tested {
    /// Its name.
    header: String,
    /// The frozen layouts that its tests are made from.
    layouts: Vec<String>,
    /// What it expects its users to include.
    before: Vec<String>,
    /// What is not checked, and why.
    not_checked: Vec<String>,
}

/// Makes the unit tests of a project's headers.
///
/// # Errors
///
/// A project without frozen layouts or headers, layouts that cannot be read, and layouts that contradict
/// each other.
pub fn of(project: &Project, held: &Held) -> Result<Suites, ProjectError> {
    if let Some(source) = &project.config().source {
        return Err(no_suites(
            &format!("its source is a kernel, {source}, which has no headers to test"),
            "run this in the tree with the headers, or freeze layouts from the headers",
        ));
    }
    let layouts = project.layouts();
    let model = &held.model;
    let mut suites = Suites {
        model: model.clone(),
        tested: Vec::new(),
        typedefs: typedefs(model),
        kept: BTreeSet::new(),
        findings: Vec::new(),
        notes: Vec::new(),
    };
    let frozen = suites.collect(project, &layouts, model)?;
    let Expected { model: expected, contradicting, without_pages } =
        expected(model, &frozen, &project.config().page_sizes);
    if let Some(name) = contradicting.first() {
        return Err(no_suites(
            &format!("{name}: two frozen layouts of it differ"),
            "run `kho-abi check` to see which one is out of date",
        ));
    }
    let closures: Vec<(&Frozen, BTreeSet<&str>)> = frozen
        .iter()
        .map(|frozen| (frozen, frozen.records.iter().map(|record| &*record.name).collect()))
        .collect();
    for (read, header) in model.headers.iter().zip(&expected.headers) {
        if suites.kept.contains(&header.name) {
            continue;
        }
        if header.items.is_empty() {
            let path = header.include_path();
            suites.notes.push(format!("<{path}> has no unit tests: no layout covers it"));
            continue;
        }
        let is_of = |(frozen, records): &(&Frozen, BTreeSet<&str>)| {
            let name = |item: &Item| match item {
                Item::Record(record) => records.contains(&*record.name),
                item => item.constants().any(|c| frozen.contract.constants.contains(&c.name)),
            };
            header.contracts.contains(&frozen.contract) || header.items.iter().any(name)
        };
        let of_it = closures
            .iter()
            .filter(|one| is_of(one))
            .map(|(frozen, _)| layouts.display(&layouts.path(&frozen.contract.compatible)));
        let of_it = of_it.collect();
        let mut open = not_checked(read, header);
        open.extend(
            without_pages.iter().filter(|(of, _)| *of == header.name).map(|(_, name)| {
                format!("{name}: its layout is for other page sizes than the rest")
            }),
        );
        let before = headers::expected_before(read);
        suites.tested.push(Tested {
            header: header.name.clone(),
            layouts: of_it,
            before,
            not_checked: open,
        });
    }
    suites.model = expected;
    Ok(suites)
}

fn no_suites(why: &str, help: &str) -> ProjectError {
    SourceError::NotASource { name: FILE.into(), why: why.into(), help: help.into() }.into()
}

impl Suites {
    /// The layouts to test, and findings about contracts that have none.
    fn collect(
        &mut self,
        project: &Project,
        layouts: &Layouts,
        model: &Model,
    ) -> Result<Vec<Frozen>, ProjectError> {
        if layouts.files()?.is_empty() {
            let dir = layouts.display(layouts.dir());
            let help = if project.has_file() { "`kho-abi freeze`" } else { "`kho-abi init`" };
            return Err(SourceError::NotASource {
                name: dir,
                why: "unit tests need frozen layouts, which are missing".into(),
                help: format!("run {help} first"),
            }
            .into());
        }
        let is_allowed = |rule: &str, item: &str| {
            let mut all = project.config().allowances.iter();
            all.any(|allowed| allowed.rule == rule && allowed.item == item)
        };
        let mut frozen = Vec::new();
        for (header, contract) in model.contracts() {
            let name = &contract.compatible;
            match layouts.read(&layouts.path(name))? {
                Some(Ok(layout)) if layout.unknown.is_empty() => frozen.push(layout),
                Some(Ok(layout)) => self.notes.push(format!(
                    "\"{name}\" is not tested: its layout is from a kernel, which does not contain \
                     {}",
                    words(&layout)
                )),
                Some(Err(finding)) => {
                    self.findings.push(finding);
                    self.kept.insert(header.name.clone());
                }
                None if is_allowed("frozen_layout_missing", name) => {
                    self.notes.push(format!("\"{name}\" is not tested: it is not frozen"));
                }
                None => {
                    self.findings.push(not_frozen(model, header, contract));
                    self.kept.insert(header.name.clone());
                }
            }
        }
        Ok(frozen)
    }

    /// The tests, by the name of a file in their directory.
    fn rendered(&self, only: Option<&str>) -> Vec<(String, String)> {
        let is_wanted = |name: &str| only.is_none_or(|only| only == name);
        let suites = self.tested.iter().filter(|tested| is_wanted(&tested.header));
        let suites = suites.filter_map(|tested| {
            Some(Suite {
                header: self.model.headers.iter().find(|header| header.name == tested.header)?,
                layouts: tested.layouts.clone(),
                before: Some(tested.before.clone()),
                not_checked: tested.not_checked.clone(),
            })
        });
        let suites: Vec<_> = suites.collect();
        kunit::render_suites(&self.model, &suites, &self.typedefs, &Origin::LAYOUTS)
    }

    /// The tests of the header that has a contract, and what is needed to build them: the names of
    /// files, and their texts. `None` if the header has no tests.
    #[must_use]
    pub fn of_contract(&self, contract: &str) -> Option<(&Header, Vec<(String, String)>)> {
        let (header, _) = self.model.contract(contract)?;
        let is_tested = self.tested.iter().any(|tested| tested.header == header.name);
        is_tested.then(|| (header, self.rendered(Some(&header.name))))
    }

    /// The files, by their paths below the top, beside what their directory has already.
    fn generated(&self, project: &Project) -> Result<Vec<Generated>, ProjectError> {
        if self.tested.is_empty() {
            return Ok(Vec::new());
        }
        let below = Path::new(&project.config().tests);
        let mut all = Vec::new();
        for (name, text) in self.rendered(None) {
            let path = below.join(&name);
            let old = old(&project.root().join(&path))?;
            let is_kept = |header: &&String| {
                let file = kunit::file(header);
                old.as_ref().is_some_and(|old| old.contains(&file.replace(".c", ".o")))
            };
            let mut text = beside(&name, old.as_deref(), text, &Origin::LAYOUTS, Others::Replaced);
            if name == "Makefile" {
                for header in self.kept.iter().filter(is_kept) {
                    let line = kunit::makefile_line(header);
                    if !text.contains(&line) {
                        put!(text, "{line}");
                    }
                }
            }
            all.push(Generated { path, text });
        }
        Ok(all)
    }

    /// What in the tree is not what would be written; each finding with the item that an exception
    /// names.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn check(&self, project: &Project) -> Result<Vec<Finding>, ProjectError> {
        let root = project.root();
        let show = |path: &Path| names::shown(path.strip_prefix(root).unwrap_or(path));
        let generated = self.generated(project)?;
        let mut findings = generate::check_unit_tests(root, show, &generated, &Origin::LAYOUTS)?;
        let dir = root.join(&project.config().tests);
        for path in files(&dir, "c")? {
            let is_known = |name: &str| path.file_name().is_some_and(|n| *n == *kunit::file(name));
            let mut known = self.tested.iter().map(|tested| &tested.header).chain(&self.kept);
            if known.any(|name| is_known(name)) || !is_of_layouts(&path)? {
                continue;
            }
            findings.push(Finding::new(
                "unit_test_unowned",
                show(&path),
                "no frozen layout generates this unit test",
                "remove it, or bring back the header that it tests",
            ));
        }
        Ok(findings)
    }

    /// Writes what differs; returns the paths that were written, below the top.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written, and one that was not generated, before anything is written.
    pub fn write(&self, project: &Project) -> Result<Vec<PathBuf>, ProjectError> {
        let mut written = Vec::new();
        let generated = self.generated(project)?;
        let is_code = |path: &Path| path.extension().is_some_and(|end| end == "c" || end == "h");
        for path in generated.iter().map(|one| &one.path).filter(|path| is_code(path)) {
            if old(&project.root().join(path))?.is_some_and(|old| !is_made(&old)) {
                let why = "a file that was not generated has this name";
                return Err(SourceError::NotASource {
                    name: names::shown(path),
                    why: why.into(),
                    help: "rename it: the unit test of a header needs the name".into(),
                }
                .into());
            }
        }
        for Generated { path, text } in generated {
            if write_file(&project.root().join(&path), &text)? {
                written.push(path);
            }
        }
        Ok(written)
    }

    /// The number of tested headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tested.len()
    }

    /// Whether no header is tested.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tested.is_empty()
    }
}

/// Whether a project has generated unit tests.
///
/// # Errors
///
/// A file that cannot be read.
pub fn are_there(project: &Project) -> Result<bool, ProjectError> {
    for path in files(&project.root().join(&project.config().tests), "c")? {
        if is_of_layouts(&path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What builds the tests is missing in the directory above them: a note for each line to add.
///
/// # Errors
///
/// A file that cannot be read.
pub fn not_built(project: &Project) -> Result<Vec<String>, ProjectError> {
    let tests = &project.config().tests;
    let Some((above, last)) = tests.rsplit_once('/') else { return Ok(Vec::new()) };
    let wanted = [
        ("Makefile", format!("{last}/"), format!("obj-y += {last}/")),
        ("Kconfig", format!("{tests}/Kconfig"), format!("source \"{tests}/Kconfig\"")),
    ];
    let mut notes = Vec::new();
    for (file, sign, line) in wanted {
        let text = old(&project.root().join(above).join(file))?;
        if text.is_some_and(|text| !text.contains(&sign)) {
            notes.push(format!("{above}/{file} does not build the unit tests: add `{line}`"));
        }
    }
    Ok(notes)
}

/// A text file; `None` if there is none.
fn old(path: &Path) -> Result<Option<String>, ProjectError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error).into()),
    }
}

fn is_of_layouts(path: &Path) -> Result<bool, ProjectError> {
    Ok(old(path)?.is_some_and(|text| is_made_from(&text, &Origin::LAYOUTS)))
}

/// What a layout does not contain, in a sentence.
fn words(layout: &Frozen) -> String {
    layout.unknown.iter().map(|part| Part::what(*part)).collect::<Vec<_>>().join(", ")
}

/// The structs and unions that have no tag, and the name of a typedef instead.
fn typedefs(model: &Model) -> BTreeSet<String> {
    let all = model.headers.iter().flat_map(|header| &header.declarations);
    let is_tagless = |declaration: &&Declaration| {
        let Declaration { kind, name, tokens, .. } = declaration;
        let head = tokens.split('{').next().unwrap_or_default();
        matches!(kind, DeclarationKind::Struct | DeclarationKind::Union)
            && head.starts_with("typedef ")
            && !head.split_whitespace().any(|word| word == name)
    };
    all.filter(is_tagless).map(|declaration| declaration.name.clone()).collect()
}

fn not_frozen(model: &Model, header: &Header, contract: &Contract) -> Finding {
    let name = &contract.compatible;
    let what = format!(
        "no layout is frozen for \"{name}\": the unit tests of <{}> stay as they are",
        header.include_path()
    );
    let remedy = format!("run `kho-abi freeze {name}`, then `kho-abi generate`");
    Finding::new("frozen_layout_missing", place_of(model, contract), what, remedy)
}

/// What of a header its tests do not check, and why.
fn not_checked(read: &Header, tested: &Header) -> Vec<String> {
    let mut open = Vec::new();
    let is_tested = |name: &str| {
        let mut items = tested.items.iter();
        items.any(|item| item.name() == name || item.constants().any(|c| c.name == name))
    };
    for declaration in &read.declarations {
        let mut names = declaration.names();
        names.retain(|name| !is_tested(name));
        let why = match declaration.kind {
            DeclarationKind::Macro => {
                open.push(format!("{}(): a macro with arguments is code", declaration.name));
                continue;
            }
            DeclarationKind::Struct
            | DeclarationKind::Union
            | DeclarationKind::Enum
            | DeclarationKind::Constant => "no frozen layout has it",
            // These lay out nothing themselves.
            DeclarationKind::Typedef
            | DeclarationKind::Function
            | DeclarationKind::Assert
            | DeclarationKind::Other => continue,
        };
        open.extend(names.into_iter().filter(|name| *name != read.guard).map(|name| {
            let kind = match declaration.kind {
                DeclarationKind::Struct => "struct ",
                DeclarationKind::Union => "union ",
                _ => "",
            };
            format!("{kind}{name}: {why}")
        }));
    }
    for contract in &tested.contracts {
        let name = &contract.compatible;
        if !contract.nodes.is_empty() || contract.roots.is_empty() {
            open.push(format!("device-tree properties of \"{name}\": only code contains them"));
        }
        if contract.spelled() == Spelled::Features {
            open.push(format!("which features of \"{name}\" are in use: only code knows"));
        }
    }
    open.dedup();
    open
}
