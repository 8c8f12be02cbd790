// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Frozen layouts hold: this checkout's layouts do, and every way to change one is noticed.

use kho_abi_codegen::freeze::{self, History, Outcome};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_model::finding::Finding;
use kho_abi_model::{Item, Model, Packing, Type, Value};
use kho_abi_read::checkout::Checkout;
use kho_abi_read::frozen::Status;
use kho_abi_read::truth;
use std::fs;
use std::path::Path;
use std::process::Command;

const CONTRACT: &str = "vfio-pci-v1";
const FILE: &str = "snapshots/vfio-pci-v1.layout";

/// This repository.
fn repository() -> Checkout {
    Checkout::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A checkout with one frozen layout, which is released, and nothing else.
fn scratch() -> (tempfile::TempDir, Checkout) {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("abi/src/wire/mod.rs");
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    fs::copy(repository().root().join("abi/src/wire/mod.rs"), list).unwrap();
    let checkout = Checkout::find(dir.path()).unwrap();
    let model = vfio_pci();
    let header = model.contract(CONTRACT).unwrap().0;
    freeze::freeze(&checkout, &model, header, CONTRACT, Status::Released).unwrap();
    (dir, checkout)
}

/// The part of the truth that is of one header, as if it were of that version.
fn part(header: &str, version: &str) -> Model {
    let mut model = truth::current().unwrap();
    model.headers.retain(|one| one.name == header);
    model.other_pages.clear();
    model.make_version(version);
    model
}

/// The part of the truth for the single frozen layout of a scratch checkout.
fn vfio_pci() -> Model {
    part("vfio_pci", CONTRACT)
}

/// That part with its one struct changed.
fn changed(change: impl FnOnce(&mut kho_abi_model::Record)) -> Model {
    let mut model = vfio_pci();
    let record =
        model.headers.iter_mut().flat_map(|header| &mut header.items).find_map(|item| match item {
            Item::Record(record) if record.name == "vfio_pci_core_device_ser" => Some(record),
            _ => None,
        });
    change(record.unwrap());
    model
}

/// `bdf` made 32 bits wide, as rustc would lay it out.
fn widened() -> Model {
    changed(|record| {
        record.fields[0].ty = Type::unsigned(32);
        record.fields[0].bit_size = 32;
        record.fields[1].bit_offset = 32;
        record.size = 6;
    })
}

fn messages(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_truth_is_what_was_frozen() {
    let mut models = vec![truth::current().unwrap()];
    models.extend(truth::earlier().unwrap());
    let findings = freeze::check(&repository(), &models).unwrap();
    assert!(findings.is_empty(), "\n{}", messages(&findings));
}

/// A released contract, or an unknown one, must not be excused as a draft.
#[test]
fn what_the_wire_files_call_a_draft_is_frozen_as_one() {
    let layouts = fs::read_dir(repository().snapshots_dir()).unwrap();
    let layouts = layouts.map(|entry| entry.unwrap().path());
    let layouts = layouts.filter(|path| path.extension().is_some_and(|found| found == "layout"));
    let frozen = layouts
        .map(|path| kho_abi_read::frozen::parse(&fs::read_to_string(path).unwrap()).unwrap());
    let drafts = frozen.filter(|frozen| frozen.status == Status::Draft);
    let mut drafts: Vec<_> = drafts.map(|frozen| frozen.contract.compatible).collect();
    drafts.sort_unstable();
    assert_eq!(drafts, kho_abi::wire::DRAFTS);
}

#[test]
fn a_change_names_struct_field_offsets_string_and_remedy() {
    let (_dir, checkout) = scratch();
    let findings = freeze::check(&checkout, &[widened()]).unwrap();
    let line =
        widened().record("vfio_pci_core_device_ser").unwrap().fields[0].place.clone().unwrap();
    assert_eq!(
        messages(&findings),
        format!(
            "{line}: struct vfio_pci_core_device_ser: field `bdf` was u16, 2 bytes at byte 0, is u32, \
             4 bytes at byte 0; snapshots/vfio-pci-v1.layout has it released as \"vfio-pci-v1\" \
             [frozen_layout_changed]\n  \
             consequence: field `domain` moved from byte 2 to byte 4\n  \
             consequence: the struct's size went from 4 to 6 bytes\n  \
             help: undo the change, run `kho-abi bump vfio-pci-v1`, then change the new version\n"
        )
    );
}

#[test]
fn every_kind_of_change_is_found() {
    let (_dir, checkout) = scratch();
    let models = [
        changed(|record| record.fields[0].name = "rid".into()),
        changed(|record| record.fields[0].ty = Type::Int { bits: 16, signed: true }),
        changed(|record| record.fields.swap(0, 1)),
        changed(|record| record.packing = Packing::Natural),
        changed(|record| record.align = 2),
        changed(|record| record.size = 8),
        changed(|record| {
            record.fields.pop();
        }),
        changed(|record| record.name = "other".into()),
        changed(|record| record.fields[1].bit_offset = 24),
    ];
    for (index, model) in models.iter().enumerate() {
        let mut model = model.clone();
        // Swapped fields keep the bytes of their names, so move them too.
        if index == 2 {
            model = changed(|record| {
                record.fields.swap(0, 1);
                record.fields[0].bit_offset = 0;
                record.fields[1].bit_offset = 16;
            });
        }
        let findings = freeze::check(&checkout, &[model]).unwrap();
        assert!(
            findings.iter().any(|f| f.rule == "frozen_layout_changed"),
            "change {index} passed"
        );
    }
}

#[test]
fn a_contract_without_a_file_and_a_file_without_a_contract_are_found() {
    let (dir, checkout) = scratch();
    let rules = |models: &[Model]| -> Vec<_> {
        freeze::check(&checkout, models)
            .unwrap()
            .iter()
            .map(|finding| finding.rule.clone())
            .collect()
    };
    assert_eq!(rules(&[]), ["frozen_layout_unowned"]);
    fs::remove_file(dir.path().join(FILE)).unwrap();
    assert_eq!(rules(&[vfio_pci()]), ["frozen_layout_missing"]);
}

#[test]
fn one_changed_byte_of_a_frozen_line_is_found() {
    let (dir, checkout) = scratch();
    let path = dir.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap();
    let model = [vfio_pci()];
    for (at, byte) in text.bytes().enumerate() {
        let mut broken = text.clone().into_bytes();
        broken[at] = if byte == b'3' { b'7' } else { b'3' };
        fs::write(&path, &broken).unwrap();
        let line = text[..at].matches('\n').count();
        let changed = String::from_utf8(broken).unwrap();
        let found = !freeze::check(&checkout, &model).unwrap().is_empty();
        // Comments, headings and the spaces between columns have no meaning.
        let says_nothing = changed.lines().nth(line).is_some_and(|line| line.starts_with('#'));
        if !found {
            assert!(says_nothing, "byte {at} in line {} passed:\n{changed}", line + 1);
        }
    }
}

#[test]
fn a_string_that_its_field_cannot_hold_does_not_freeze() {
    let (dir, checkout) = scratch();
    let long = format!("{}-v1", "x".repeat(57));
    let mut model = vfio_pci();
    let contracts = model.headers.iter_mut().flat_map(|header| &mut header.contracts);
    contracts.filter(|c| c.compatible == CONTRACT).for_each(|c| c.compatible.clone_from(&long));
    let header = model.contract(&long).unwrap().0;
    let outcome = freeze::freeze(&checkout, &model, header, &long, Status::Draft).unwrap();
    let Outcome::Refused(findings) = outcome else { panic!("{outcome:?}") };
    assert_eq!(findings[0].rule, "compatible_too_long");
    assert!(findings[0].what.contains("has 48"), "{findings:?}");
    assert!(!dir.path().join(format!("snapshots/{long}.layout")).exists());
}

#[test]
fn freezing_never_writes_over_a_release_but_over_a_draft() {
    let (dir, checkout) = scratch();
    let path = dir.path().join(FILE);
    let released = fs::read_to_string(&path).unwrap();
    let (truth, widened) = (vfio_pci(), widened());
    let freeze = |model: &Model, status| {
        let header = model.contract(CONTRACT).unwrap().0;
        freeze::freeze(&checkout, model, header, CONTRACT, status).unwrap()
    };
    for status in [Status::Draft, Status::Released] {
        assert_eq!(freeze(&truth, status), Outcome::Unchanged(path.clone()));
        assert!(
            matches!(freeze(&widened, status), Outcome::Refused(findings) if findings.len() == 1)
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), released);
    }

    fs::remove_file(&path).unwrap();
    assert_eq!(freeze(&widened, Status::Draft), Outcome::Written(path.clone()));
    let rules: Vec<_> = freeze::check(&checkout, std::slice::from_ref(&truth))
        .unwrap()
        .iter()
        .map(|f| f.rule.clone())
        .collect();
    assert_eq!(rules, ["draft_out_of_date"]);
    assert_eq!(freeze(&truth, Status::Draft), Outcome::Written(path.clone()));
    assert_eq!(freeze(&truth, Status::Released), Outcome::Written(path.clone()));
    assert_eq!(fs::read_to_string(&path).unwrap(), released);
}

type Change = fn(&mut kho_abi_model::Contract);

#[test]
fn a_name_and_the_number_beside_it_are_frozen_together() {
    let (dir, checkout) = scratch();
    let truth = part("pci", "pci@2");
    let freeze = |model: &Model, status| {
        let header = model.contract("pci@2").unwrap().0;
        freeze::freeze(&checkout, model, header, "pci@2", status).unwrap()
    };
    let path = dir.path().join("snapshots/pci@2.layout");
    assert_eq!(freeze(&truth, Status::Released), Outcome::Written(path));
    assert_eq!(freeze::check_contract(&checkout, &truth, &truth.headers[0], "pci@2").unwrap(), []);
    let changes: [(&str, Change); 3] = [
        ("the version was 2, is 3", |contract| contract.version = Some(3)),
        ("is PCI_LUO_FLB_COMPATIBLE \"pcie\"", |contract| {
            contract.name.as_mut().unwrap().value = "pcie".into();
        }),
        ("the string was PCI_LUO_FLB_COMPATIBLE \"pci\", is a part of the version", |contract| {
            contract.name = None;
        }),
    ];
    for (expected, change) in changes {
        let mut model = truth.clone();
        change(&mut model.headers[0].contracts[0]);
        let Outcome::Refused(found) = freeze(&model, Status::Released) else {
            panic!("{expected}")
        };
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.rule, "frozen_layout_changed");
        assert!(finding.what.contains(expected), "{}", finding.what);
    }
}

#[test]
fn an_edit_of_type_and_file_together_is_found_in_the_history() {
    let (dir, checkout) = scratch();
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(dir.path())
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let rules = || match Layouts::of(&checkout).history(None).unwrap() {
        History::Checked(findings) => findings.iter().map(|finding| finding.rule.clone()).collect(),
        History::NotChecked(why) | History::NothingYet(why) => {
            vec![if why.is_empty() { "" } else { "not checked" }.to_string()]
        }
    };
    assert_eq!(rules(), ["not checked"]);
    git(&["init", "-q"]);
    assert_eq!(rules(), ["not checked"]);

    let path = dir.path().join(FILE);
    let released = fs::read_to_string(&path).unwrap();
    fs::write(dir.path().join("Cargo.toml"), "").unwrap();
    // A draft may change before its release.
    fs::write(&path, released.replace("released", "draft").replace("  u16 ", "  s16 ")).unwrap();
    git(&["add", "."]);
    git(&["commit", "-qm", "draft"]);
    fs::write(&path, &released).unwrap();
    git(&["commit", "-qam", "release"]);
    assert_eq!(rules(), Vec::<&str>::new());

    let header = "size 4  align 1";
    let edited = released
        .replace(header, "size 6  align 1")
        .replace("       0       2  u16", "       0       4  u32")
        .replace("       2       2  u16", "       4       2  u16");
    fs::write(&path, edited).unwrap();
    assert!(freeze::check(&checkout, &[widened()]).unwrap().is_empty(), "type and file agree");
    assert_eq!(rules(), ["frozen_file_changed"]);
    git(&["commit", "-qam", "slip it in"]);
    assert_eq!(rules(), ["frozen_file_changed"]);

    git(&["rm", "-q", FILE]);
    assert_eq!(rules(), ["frozen_file_changed"]);
    git(&["commit", "-qm", "remove it"]);
    assert_eq!(rules(), ["frozen_file_changed"]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &released).unwrap();
    assert_eq!(rules(), Vec::<&str>::new());
}

/// Every value, property, version and page size of every contract is frozen.
#[test]
fn every_kind_of_promise_is_held_to() {
    let truth = truth::current().unwrap();
    let earlier = truth::earlier().unwrap();
    let rules = |model: &Model| -> Vec<String> {
        let models: Vec<_> = std::iter::once(model).chain(&earlier).cloned().collect();
        freeze::check(&repository(), &models)
            .unwrap()
            .iter()
            .map(|finding| format!("{}: {}", finding.rule, finding.what))
            .collect()
    };
    assert_eq!(rules(&truth), Vec::<String>::new());
    let mut seen = 0;
    let mut refused = |model: Model, names: &[&str]| {
        let found = rules(&model);
        let named = |found: &&String| names.iter().all(|name| found.contains(name));
        assert!(found.iter().any(|found| named(&found)), "{names:?} passed: {found:?}");
        // Of a draft, it is behind.
        let rules = ["frozen_layout_changed", "draft_out_of_date"];
        let held = |found: &String| rules.iter().any(|rule| found.starts_with(rule));
        assert!(found.iter().all(held), "{found:?}");
        seen += 1;
    };
    for (h, header) in truth.headers.iter().enumerate() {
        for (c, contract) in header.contracts.iter().enumerate() {
            let with = |change: &dyn Fn(&mut kho_abi_model::Contract)| {
                let mut model = truth.clone();
                change(&mut model.headers[h].contracts[c]);
                model
            };
            for at in 0..contract.constants.len() {
                let name = contract.constants[at].as_str();
                refused(with(&|contract| drop(contract.constants.remove(at))), &[name, "missing"]);
                let mut model = truth.clone();
                let items = model.headers.iter_mut().flat_map(|header| &mut header.items);
                change_value(items, name);
                refused(model, &[name]);
            }
            for (n, node) in contract.nodes.iter().enumerate() {
                for (p, property) in node.properties.iter().enumerate() {
                    let name = property.name.as_str();
                    refused(with(&|c| c.nodes[n].properties[p].size = Some(4)), &[name, "4 bytes"]);
                    refused(with(&|c| drop(c.nodes[n].properties.remove(p))), &[name, "missing"]);
                }
            }
        }
    }
    // What is wrong for only one page size.
    for (index, pages) in truth.other_pages.iter().enumerate() {
        let size = format!("(pages of {} bytes)", pages.page_size);
        for (at, item) in pages.items.iter().enumerate() {
            let mut model = truth.clone();
            let item_name = item.name().to_string();
            match &mut model.other_pages[index].items[at] {
                Item::Record(record) => record.fields[0].bit_size += 8,
                other => {
                    let name = other.constants().next().unwrap().name.clone();
                    change_value(std::slice::from_mut(other).iter_mut(), &name);
                    refused(model, &[&name, &size]);
                    continue;
                }
            }
            refused(model, &[&item_name, &size]);
        }
    }
    assert!(seen > 50, "{seen}");
}

/// Changes a constant, wherever it is.
fn change_value<'a>(items: impl Iterator<Item = &'a mut Item>, name: &str) {
    for item in items {
        let constants = match item {
            Item::Constant(constant) => std::slice::from_mut(constant),
            Item::Enum(enumeration) => &mut enumeration.members,
            Item::Record(_) | Item::Macro(_) => continue,
        };
        for constant in constants.iter_mut().filter(|constant| constant.name == name) {
            match &mut constant.value {
                Value::Int(value) => *value += 1,
                Value::Str(value) => value.push('x'),
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text: String) {
        let _ = kho_abi_read::frozen::parse(&text);
    }

    /// The writer writes what the reader accepts, and the reader then reads the same.
    #[test]
    fn a_damaged_file_is_refused_or_means_what_it_says(
        edits in proptest::collection::vec((0usize..700, proptest::char::range('\t', 'z')), 1..4),
    ) {
        let mut text: Vec<char> = fs::read_to_string(repository().root().join(FILE)).unwrap().chars().collect();
        for (at, with) in edits {
            let at = at % text.len();
            text[at] = with;
        }
        if let Ok(frozen) = kho_abi_read::frozen::parse(&text.iter().collect::<String>()) {
            let written = kho_abi_codegen::write::frozen::render(&frozen);
            proptest::prop_assert_eq!(kho_abi_read::frozen::parse(&written), Ok(frozen));
        }
    }
}
