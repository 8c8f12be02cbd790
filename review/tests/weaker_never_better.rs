// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! If either side knows less, a verdict becomes weaker, and never better.
//!
//! Pairs of headers with a broken promise are damaged in one place each: a declaration or a header
//! is dropped, a file is truncated, a type is made unknown, an item is hidden from the compiler.
//! Whatever the damage, the answer is a finding or unknown, and never that all is well: from `diff`
//! for every pair, and from `verify` if the old side is the truth.
//!
//! `KHO_ABI_DAMAGES=N` sets their number for each pair; the default is small.

mod common;

use common::on_all_cores;
use kho_abi_codegen::generate;
use kho_abi_model::{Declaration, DeclarationKind, Item};
use kho_abi_read::source::{self, Gap};
use kho_abi_read::truth;
use kho_abi_review::diff::{compare, open, Side};
use kho_abi_review::policy::{judge, Options, Report, Verdict};
use kho_abi_review::verify::{verify, Truth};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

type Files = BTreeMap<String, String>;

/// Numbers that look random, but are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

fn side(name: &str, files: &Files) -> Option<Side> {
    let files = files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes()));
    let options = source::Options { page_size: Some(4096), ..source::Options::default() };
    open::of_files(name, &files.collect(), &options).ok()
}

fn report(old: &Side, new: &Side) -> Report {
    judge(&compare(old, new), &Options::default())
}

/// A pair by name, with both sides' files.
type Pair = (String, Files, Files);

/// The headers of this program.
fn whole() -> Files {
    generate::render(&truth::current().unwrap())
        .into_iter()
        .map(|file| {
            // Without assertions, which would be findings themselves.
            let lines = file.text.split_inclusive('\n');
            let text = lines.filter(|line| !line.starts_with("static_assert")).collect();
            (file.path.display().to_string(), text)
        })
        .collect()
}

/// The pairs of the rules, and this program's headers with a change in each.
fn pairs() -> Vec<Pair> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut pairs = Vec::new();
    for entry in std::fs::read_dir(rules).unwrap() {
        let dir = entry.unwrap().path();
        let read = |which: &str| -> Files {
            let files =
                std::fs::read_dir(dir.join(which)).unwrap().map(|entry| entry.unwrap().path());
            files
                .map(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap().to_string();
                    let text = std::fs::read_to_string(&path).unwrap();
                    (format!("include/linux/kho/abi/{name}"), text)
                })
                .collect()
        };
        let name = dir.file_name().unwrap().to_str().unwrap().to_string();
        pairs.push((name, read("old"), read("new")));
    }
    let whole = whole();
    for (header, from, to) in [
        ("memfd", "\tu64 nr_folios;", "\tu32 nr_folios;"),
        ("luo", "\tu64 liveupdate_num;\n", "\tu64 hole;\n\tu64 liveupdate_num;\n"),
        ("kexec_handover", "u16 flags;", "u32 flags;"),
        ("vfio_pci", "\tu16 domain;", "\tu32 domain;"),
        ("block", "\tu64 next;", "\tu64 pad;\n\tu64 next;"),
        ("kexec_metadata", "char ", "u8 more;\n\tchar "),
    ] {
        let path = format!("include/linux/kho/abi/{header}.h");
        let mut new = whole.clone();
        let text = new[&path].replacen(from, to, 1);
        if text == new[&path] {
            continue;
        }
        new.insert(path, text);
        pairs.push((format!("{header}: {to:?}"), whole.clone(), new));
    }
    pairs.extend(made_up());
    pairs
}

/// Declarations that a compiler cannot lay out.
fn made_up() -> Vec<Pair> {
    let pair = |name: &str, old: &str, new: &str| {
        let of = |text: &str| {
            let text = format!("#ifndef _X_H\n#define _X_H\n{text}#endif\n");
            Files::from([("include/linux/kho/abi/x.h".to_string(), text)])
        };
        (name.to_string(), of(old), of(new))
    };
    let string = "#define X_COMPATIBLE \"x-v1\"\n";
    vec![
        pair(
            "unknown type",
            &format!("{string}struct x_ser {{\n\tcpumask_t mask;\n\tu32 a;\n}};\n"),
            &format!("{string}struct x_ser {{\n\tcpumask_t mask;\n\tu64 a;\n}};\n"),
        ),
        pair(
            "under an option",
            &format!("{string}struct x_ser {{\n\tu64 a;\n#ifdef CONFIG_X\n\tu32 b;\n#endif\n}};\n"),
            &format!("{string}struct x_ser {{\n\tu64 a;\n#ifdef CONFIG_X\n\tu64 b;\n#endif\n}};\n"),
        ),
        pair(
            "symbol",
            &format!("{string}#define X_LEN (NR_CPUS + 1)\nstruct x_ser {{\n\tu8 a[X_LEN];\n}};\n"),
            &format!("{string}#define X_LEN (NR_CPUS + 2)\nstruct x_ser {{\n\tu8 a[X_LEN];\n}};\n"),
        ),
        pair(
            "no string",
            "struct x_ser {\n\tu64 a;\n\tu32 b;\n};\n#define X_DIRTY 1\n",
            "struct x_ser {\n\tu64 a;\n\tu64 b;\n};\n#define X_DIRTY 1\n",
        ),
        pair(
            "two strings",
            &format!("{string}#define Y_COMPATIBLE \"y-v1\"\nstruct range {{\n\tu64 a;\n}};\nstruct x_ser {{\n\tu32 b;\n}};\nstruct y_ser {{\n\tu32 b;\n}};\n"),
            &format!("{string}#define Y_COMPATIBLE \"y-v1\"\nstruct range {{\n\tu32 a;\n}};\nstruct x_ser {{\n\tu32 b;\n}};\nstruct y_ser {{\n\tu32 b;\n}};\n"),
        ),
    ]
}

/// The lines of a declaration, from the one with its name to the one where it ends.
fn lines_of(text: &str, declaration: &Declaration) -> std::ops::Range<usize> {
    let first = declaration.place.as_ref().unwrap().line - 1;
    let mut depth = 0_i32;
    let is_macro = matches!(declaration.kind, DeclarationKind::Constant | DeclarationKind::Macro);
    for (at, line) in text.lines().enumerate().skip(first) {
        depth += i32::try_from(line.matches('{').count()).unwrap();
        depth -= i32::try_from(line.matches('}').count()).unwrap();
        let ends = if is_macro { !line.ends_with('\\') } else { line.trim_end().ends_with(';') };
        if ends && (is_macro || depth <= 0) {
            return first..at + 1;
        }
    }
    first..text.lines().count()
}

fn without(text: &str, gone: &std::ops::Range<usize>) -> String {
    let kept = text.split_inclusive('\n').enumerate().filter(|(at, _)| !gone.contains(at));
    kept.map(|(_, line)| line).collect()
}

/// A side with one damage, and its description; `None` if that would undo the change itself.
fn damage(
    of_old: bool,
    files: &Files,
    this: &Side,
    other: &Side,
    random: &mut Random,
) -> Option<(Files, String)> {
    let mut files = files.clone();
    let paths: Vec<_> = files.keys().cloned().collect();
    let path = paths[random.below(paths.len())].clone();
    let text = files[&path].clone();
    let name = path.rsplit('/').next()?.strip_suffix(".h")?.to_string();
    let find = |side: &Side| -> Vec<Declaration> {
        let header = side.model().headers.iter().find(|header| header.name == name);
        header.map(|header| header.declarations.clone()).unwrap_or_default()
    };
    let declarations = find(this);
    // What only this side has is the change: dropping it would undo it.
    let names: BTreeSet<_> = find(other).into_iter().map(|declaration| declaration.name).collect();
    // A version that the old side does not have is new, and its changes come with it.
    let contracts = this.model().headers.iter().flat_map(|header| &header.contracts);
    let versions: BTreeSet<_> = contracts.map(|contract| contract.macro_name.clone()).collect();
    let may_go =
        |d: &&Declaration| names.contains(&d.name) && !(of_old && versions.contains(&d.name));
    let shared: Vec<_> = declarations.iter().filter(may_go).collect();
    let kind = random.below(9);
    let any = (!shared.is_empty()).then(|| shared[random.below(shared.len())]);
    let (text, what) = match (kind, any) {
        // A header that the old side does not have is new: this occurs in a series.
        (0, _) if !of_old && paths.len() > 1 && names.len() == declarations.len() => {
            files.remove(&path);
            return Some((files, format!("{path} is dropped")));
        }
        (1 | 2, Some(declaration)) => {
            let gone = lines_of(&text, declaration);
            (without(&text, &gone), format!("{} is dropped", declaration.title()))
        }
        (3, _) => {
            // Not before what only this side has, nor inside its guard.
            let line = 2 + random.below(text.lines().count().saturating_sub(2));
            let only = declarations.iter().filter(|d| !names.contains(&d.name));
            if only.into_iter().any(|d| d.place.as_ref().is_none_or(|place| place.line >= line)) {
                return None;
            }
            (without(&text, &(line..usize::MAX)), format!("cut off before line {}", line + 1))
        }
        (4, Some(declaration)) => {
            let line = declaration.place.as_ref()?.line;
            let mut lines: Vec<String> = text.lines().map(Into::into).collect();
            let at = line + random.below(2);
            let junk = ["}", "{", "@@@ no C", "#error no", "\"", "/*", "#if NO("][random.below(7)];
            lines.insert(at.min(lines.len()), junk.into());
            (lines.join("\n") + "\n", format!("{junk:?} before line {}", at + 1))
        }
        (5, Some(declaration)) => {
            let of = lines_of(&text, declaration);
            let mut lines: Vec<String> = text.lines().map(Into::into).collect();
            lines.insert(of.end.min(lines.len()), "#endif".into());
            lines.insert(of.start, "#ifdef CONFIG_HIDDEN".into());
            (lines.join("\n") + "\n", format!("{} is under an option", declaration.title()))
        }
        (6, _) => {
            let types = ["u64", "u32", "u16", "u8", "char"];
            let ty = types[random.below(types.len())];
            let text = format!("#define {ty} hidden_t\n{text}");
            (text, format!("{ty} is unknown"))
        }
        (7, Some(declaration)) => {
            let of = lines_of(&text, declaration);
            let lines = text.lines().enumerate().map(|(at, line)| {
                let hidden = line.replacen("\tu64 ", "\thidden_t ", 1);
                if of.contains(&at) {
                    hidden
                } else {
                    line.to_string()
                }
            });
            let hidden = lines.collect::<Vec<_>>().join("\n") + "\n";
            (hidden, format!("types of {} are unknown", declaration.title()))
        }
        _ => {
            let line = text.lines().position(|line| line.starts_with("#include"))?;
            (without(&text, &(line..line + 1)), format!("line {} is dropped", line + 1))
        }
    };
    files.insert(path.clone(), text);
    Some((files, format!("{path}: {what}")))
}

/// A side of which the compiler reports less: an item is not proven, and only its text is there.
fn hide(side: &Side, random: &mut Random) -> Option<(Side, String)> {
    let mut side = side.clone();
    let headers = &mut side.reading.model.headers;
    let at = random.below(headers.len());
    let header = &mut headers[at];
    let items: Vec<_> = header
        .items
        .iter()
        .filter(|item| !matches!(item, Item::Macro(_)))
        .map(Item::name)
        .collect();
    let name = items.get(random.below(items.len()))?.to_string();
    header.items.retain(|item| item.name() != name);
    for declaration in &mut header.declarations {
        if declaration.names().contains(&name.as_str()) {
            declaration.unproven = Some("it is hidden".into());
        }
    }
    side.reading.gaps.push(Gap { item: name.clone(), why: "it is hidden".into() });
    Some((side, format!("{name} is hidden")))
}

/// A side of which only the strings are known, as of an image without types.
fn strip(side: &Side) -> Side {
    let mut side = side.clone();
    for header in &mut side.reading.model.headers {
        let strings: BTreeSet<_> = header.contracts.iter().map(|c| c.macro_name.clone()).collect();
        header.items.retain(|item| strings.contains(item.name()));
        header.declarations.clear();
        for contract in &mut header.contracts {
            contract.roots.clear();
            contract.constants.clear();
        }
    }
    side.texts.clear();
    side.reading.kind = source::Kind::Strings;
    side.reading.knows.absence = false;
    side.reading.knows.macros = false;
    side.reading.knows.enumerators = false;
    side
}

/// The result of `verify` for headers that differ from the truth.
fn verified(truth: &Truth, side: &Side) -> (usize, String) {
    let report = verify(truth, &side.reading).unwrap();
    (report.findings.len(), format!("verify: {:?}", report.contracts))
}

/// How many reports of a damaged pair were made, and which of them are too good.
fn tried(
    (name, old, new): &Pair,
    truth: Option<&Truth>,
    count: usize,
    mut random: Random,
) -> (usize, Vec<String>) {
    let (mut made, mut broken) = (0, Vec::new());
    let (Some(before), Some(after)) = (side("old", old), side("new", new)) else {
        panic!("{name} is not read");
    };
    let whole = report(&before, &after);
    let is_bad = |contract: &kho_abi_review::policy::ContractReport| {
        matches!(contract.verdict, Verdict::BumpMissing | Verdict::VersionMissing)
    };
    // A defect of a version is gone if the version is.
    if !whole.contracts.iter().any(is_bad) {
        return (made, broken);
    }
    assert!(whole.findings() > 0, "{name}");
    let mut check = |what: &str, (findings, told): (usize, String)| {
        made += 1;
        if findings == 0 {
            broken.push(format!("{name}: {what}: {told}"));
        }
    };
    let told = |report: &Report| (report.findings(), format!("{:?}", report.contracts));
    if let Some(truth) = truth {
        check("whole", verified(truth, &after));
    }
    for round in 0..count {
        let of_old = round % 2 == 0;
        let (files, this, other) =
            if of_old { (old, &before, &after) } else { (new, &after, &before) };
        let which = if of_old { "old" } else { "new" };
        if let Some((damaged, what)) = damage(of_old, files, this, other, &mut random) {
            // Unreadable input ends with another status.
            let Some(damaged) = side(which, &damaged) else { continue };
            let found = if of_old { report(&damaged, other) } else { report(other, &damaged) };
            check(&format!("{which}: {what}"), told(&found));
            // The kernel need not have every header.
            if let Some(truth) =
                truth.filter(|_| !of_old && damaged.model().headers.len() == new.len())
            {
                check(&what, verified(truth, &damaged));
            }
        }
        if let Some((hidden, what)) = hide(this, &mut random) {
            let found = if of_old { report(&hidden, other) } else { report(other, &hidden) };
            check(&format!("{which}: {what}"), told(&found));
            if let Some(truth) = truth.filter(|_| !of_old) {
                check(&what, verified(truth, &hidden));
            }
        }
    }
    check("old: stripped", told(&report(&strip(&before), &after)));
    check("new: stripped", told(&report(&before, &strip(&after))));
    (made, broken)
}

#[test]
fn less_knowledge_never_makes_a_verdict_better() {
    let count = std::env::var("KHO_ABI_DAMAGES").ok().map_or(8, |n| n.parse().unwrap());
    let seed = std::env::var("KHO_ABI_SEED").ok().map_or(0x0bad_5eed, |n| n.parse().unwrap());
    let truth = Truth::load(&Arc::default()).unwrap();
    let of_truth = whole();
    let each = on_all_cores(&pairs(), |index, pair| {
        let truth = (pair.1 == of_truth).then_some(&truth);
        // Each pair has its own numbers, so that another pair does not change them.
        let mut random = Random(seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.below(1);
        tried(pair, truth, count, random)
    });
    let made: usize = each.iter().map(|(made, _)| made).sum();
    let broken: Vec<_> = each.into_iter().flat_map(|(_, broken)| broken).collect();
    assert!(made > 200, "{made} are enough to see something");
    assert!(broken.is_empty(), "{} of {made}:\n{}", broken.len(), broken.join("\n"));
}

/// All that is declared is the same, and what may follow is not known.
#[test]
fn a_header_that_goes_on_is_not_read_to_its_end() {
    let old = whole();
    let name = old.keys().find(|path| path.ends_with("memfd.h")).unwrap().clone();
    for more in ["#ifdef CONFIG_X\n", "#if 1\n#else\n"] {
        let mut new = old.clone();
        new.get_mut(&name).unwrap().push_str(more);
        for (old, new) in [(&old, &new), (&new, &old)] {
            let report = report(&side("old", old).unwrap(), &side("new", new).unwrap());
            let told = report.events.iter().find(|event| event.rule == "not_compared");
            let told = told.unwrap_or_else(|| panic!("{more}: {:?}", report.events));
            assert!(
                told.what.contains("memfd.h") && told.what.contains("is not terminated"),
                "{told:?}"
            );
        }
    }
}
