// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The public history of real contracts, retold with small headers of our own, and its judgement.

use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::{self, Kind};
use kho_abi_review::diff::{self, open, Side};
use kho_abi_review::policy::{self, Baseline, Level, Options, Report, Verdict};

fn side(name: &str, header: &str, body: &str) -> Side {
    let text = format!(
        "#include <linux/types.h>\n#include <linux/log2.h>\n#include <linux/math.h>\n#include <linux/bits.h>\n\
         #include <linux/align.h>\n#include <asm/page.h>\n{body}"
    );
    let files = [(format!("include/linux/kho/abi/{header}.h"), text.into_bytes())].into();
    let side = open::of_files(name, &files, &source::Options::default()).unwrap();
    assert_eq!(side.reading.gaps, [], "the fixture is read in full");
    side
}

fn judge(header: &str, old: &str, new: &str, options: &Options) -> Report {
    let (old, new) = (side("old", header, old), side("new", header, new));
    policy::judge(&diff::compare(&old, &new), options)
}

/// The verdict on the only contract, the number of findings, and the rules that fired.
fn told(report: &Report) -> (Verdict, usize, Vec<(&str, Level)>) {
    let [contract] = &report.contracts[..] else { panic!("{report:?}") };
    let fired = report.events.iter().map(|event| (event.rule.as_str(), event.level));
    (contract.verdict, report.findings(), fired.collect())
}

fn vfio(version: u32, fields: &str) -> String {
    format!(
        "#define VFIO_PCI_LUO_FH_COMPATIBLE \"vfio-pci-v{version}\"\n\
         struct vfio_pci_core_device_ser {{\n{fields}\n}} __packed;\n"
    )
}

/// Demonstrates the struct of vfio-pci, as it was posted again and again.
#[test]
fn the_public_life_of_the_vfio_pci_struct() {
    let posted = [
        vfio(1, "u16 bdf;\nu16 domain;"),
        vfio(1, "u16 bdf;\nu16 domain;\nu8 reset_works;"),
        vfio(1, "u32 domain;\nu16 bdf;"),
        vfio(2, "u32 domain;\nu16 bdf;\nu8 reset_works;\nstruct {\nu32 token;\n} iommufd;"),
    ];
    let verdicts: Vec<_> = posted
        .windows(2)
        .map(|pair| {
            let report = judge("vfio_pci", &pair[0], &pair[1], &Options::default());
            (report.contracts[0].verdict, report.findings() > 0)
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            (Verdict::BumpMissing, true),
            (Verdict::BumpMissing, true),
            (Verdict::ChangedAndBumped, false),
        ]
    );
}

#[test]
fn growth_under_a_kept_string_depends_on_whether_it_is_released() {
    let (old, new) = (vfio(1, "u16 bdf;\nu16 domain;"), vfio(1, "u16 bdf;\nu16 domain;\nu8 more;"));
    let released = told(&judge("vfio_pci", &old, &new, &Options::default())).0;
    assert_eq!(released, Verdict::BumpMissing);
    let unmerged = Options { baseline: Baseline::Nothing, ..Options::default() };
    let report = judge("vfio_pci", &old, &new, &unmerged);
    assert_eq!((told(&report).0, report.findings()), (Verdict::ChangedUnreleased, 0));
    // A third source has the released strings: with and without this string.
    let with = Baseline::Released(Box::new(side("release", "vfio_pci", &old).reading));
    let report = judge("vfio_pci", &old, &new, &Options { baseline: with, ..Options::default() });
    assert_eq!(told(&report).0, Verdict::BumpMissing);
    let other = vfio(9, "u16 bdf;");
    let without = Baseline::Released(Box::new(side("release", "vfio_pci", &other).reading));
    let report =
        judge("vfio_pci", &old, &new, &Options { baseline: without, ..Options::default() });
    assert_eq!(told(&report).0, Verdict::ChangedUnreleased);
}

#[test]
fn reordering_and_widening_under_a_kept_string_is_a_missing_bump() {
    let report = judge(
        "vfio_pci",
        &vfio(1, "u16 bdf;\nu16 domain;"),
        &vfio(1, "u32 domain;\nu16 bdf;"),
        &Options::default(),
    );
    let (verdict, findings, fired) = told(&report);
    assert_eq!((verdict, findings), (Verdict::BumpMissing, 1));
    assert!(fired.contains(&("field_resized", Level::Finding)), "{fired:?}");
}

/// Padding of a list's head became a count, and the string changed with it.
#[test]
fn padding_that_becomes_a_counter_with_a_new_string_is_fine() {
    let port = |version, field: &str| {
        format!(
            "#define PORT_COMPATIBLE \"port-v{version}\"\n\
             struct port_ser {{ u64 first; u32 used; u32 {field}; }};\n"
        )
    };
    let report = judge("port", &port(1, "reserved"), &port(2, "order"), &Options::default());
    assert_eq!(told(&report), (Verdict::ChangedAndBumped, 0, vec![("field_renamed", Level::Fine)]));
    let kept = judge("port", &port(1, "reserved"), &port(1, "order"), &Options::default());
    assert_eq!((told(&kept).0, kept.findings()), (Verdict::BumpMissing, 1));
}

/// The radix tree's constants: the inputs of the depth, and the number of bits above a leaf.
fn kho(version: u32, comment: u32, (first, value, bits): (&str, &str, &str)) -> String {
    format!(
        "/* The root has compatible = \"kho-v{comment}\". */\n\
         #define KHO_FDT_COMPATIBLE \"kho-v{version}\"\n\
         enum kho_radix_consts {{\n\
         \t{first} = {value},\n\
         \tKHO_TABLE_SIZE_LOG2 = const_ilog2(PAGE_SIZE / sizeof(phys_addr_t)),\n\
         \tKHO_BITMAP_SIZE_LOG2 = PAGE_SHIFT + const_ilog2(BITS_PER_BYTE),\n\
         \tKHO_TREE_MAX_DEPTH = DIV_ROUND_UP({bits}, KHO_TABLE_SIZE_LOG2) + 1,\n\
         }};\n\
         struct kho_radix_node {{ u64 table[1 << KHO_TABLE_SIZE_LOG2]; }};\n"
    )
}

type Width = (&'static str, &'static str, &'static str);
const WIDTH: Width =
    ("KHO_RADIX_KEY_WIDTH", "64 - PAGE_SHIFT + 1", "KHO_RADIX_KEY_WIDTH - KHO_BITMAP_SIZE_LOG2");
const ORDER: Width =
    ("KHO_ORDER_0_LOG2", "64 - PAGE_SHIFT", "KHO_ORDER_0_LOG2 - KHO_BITMAP_SIZE_LOG2 + 1");
/// The first form: one bit was forgotten, which only matters with pages of 16 KiB.
const FORGOTTEN: Width =
    ("KHO_ORDER_0_LOG2", "64 - PAGE_SHIFT", "KHO_ORDER_0_LOG2 - KHO_BITMAP_SIZE_LOG2");

#[test]
fn kho_got_a_new_string_and_no_struct_of_it_changed() {
    let (old, new) = (kho(3, 3, WIDTH), kho(4, 4, WIDTH));
    let report = judge("kexec_handover", &old, &new, &Options::default());
    // The comment names the version.
    let comment = ("format_redocumented", Level::Fine);
    let note = ("compatible_bumped_needlessly", Level::Note);
    assert_eq!(told(&report), (Verdict::BumpedWithoutChange, 0, vec![comment, note]));
}

/// From 7.2.12 to 7.3.4: the enumerator from which the depth is computed was renamed and is larger
/// by one; the depth is the same for every page size.
#[test]
fn a_renamed_enumerator_behind_the_same_depth_is_no_finding() {
    let (old, new) = (kho(4, 4, ORDER), kho(4, 4, WIDTH));
    let report = judge("kexec_handover", &old, &new, &Options::default());
    let (verdict, findings, fired) = told(&report);
    assert_eq!((verdict, findings), (Verdict::Unchanged, 0), "{fired:?}");
    assert!(report.contracts[0].open.is_empty(), "it was looked at in full");
    assert!(fired.iter().all(|(_, level)| *level == Level::Note), "{fired:?}");
    // The same value under another name is not even worth a note.
    let bits = "KHO_KEY_BITS - KHO_BITMAP_SIZE_LOG2";
    let same = kho(4, 4, ("KHO_KEY_BITS", WIDTH.1, bits));
    let report = judge("kexec_handover", &new, &same, &Options::default());
    assert_eq!(told(&report), (Verdict::Unchanged, 0, vec![]));
}

#[test]
fn another_depth_for_one_page_size_is_a_finding() {
    let (old, new) = (kho(4, 4, FORGOTTEN), kho(4, 4, ORDER));
    let report = judge("kexec_handover", &old, &new, &Options::default());
    let (verdict, findings, fired) = told(&report);
    assert_eq!((verdict, findings), (Verdict::BumpMissing, 1), "{fired:?}");
    let depth = report.events.iter().find(|event| event.item == "KHO_TREE_MAX_DEPTH").unwrap();
    assert_eq!(depth.what, "constant KHO_TREE_MAX_DEPTH was 4, is 5 (pages of 16384 bytes)");
    assert_eq!(report.contracts[0].tell(), "bump missing");
}

/// For parts of headers whose strings are known for the whole headers.
fn unknown() -> Options {
    Options { catalogue: std::sync::Arc::new(Catalogue::empty()), ..Options::default() }
}

#[test]
fn luo_sessions_changed_together_with_their_string() {
    let luo = |version, fields: &str| {
        format!(
            "#define LUO_ABI_COMPATIBLE \"luo-v{version}\"\n\
             #define LUO_ABI_COMPAT_LEN ALIGN(sizeof(LUO_ABI_COMPATIBLE), 8)\n\
             struct luo_ser {{ char compatible[LUO_ABI_COMPAT_LEN]; u64 sessions_pa; }} __packed;\n\
             struct luo_session_ser {{ char name[64]; {fields} }} __packed;\n"
        )
    };
    let report = judge(
        "luo",
        &luo(4, "u64 files; u64 pgcnt; u64 count;"),
        &luo(5, "u64 files; u64 count;"),
        &unknown(),
    );
    assert_eq!((told(&report).0, report.findings()), (Verdict::ChangedAndBumped, 0));
    // A string that is longer than its field's alignment allows enlarges the struct.
    let long = luo(5, "u64 files; u64 count;").replace("luo-v5", "luo-v5;block-v1");
    let report = judge("luo", &luo(5, "u64 files; u64 count;"), &long, &unknown());
    let (verdict, findings, fired) = told(&report);
    assert_eq!((verdict, findings), (Verdict::ChangedAndBumped, 0), "{fired:?}");
    assert!(fired.iter().any(|(rule, _)| *rule == "array_resized"), "{fired:?}");
}

#[test]
fn memfd_got_two_fields_and_a_new_string() {
    let memfd = |version, more: &str| {
        format!(
            "#define MEMFD_LUO_FH_COMPATIBLE \"memfd-v{version}\"\n\
             struct memfd_luo_ser {{ u64 pos; u64 size; {more} u64 nr_folios; }} __packed;\n"
        )
    };
    let report = judge("memfd", &memfd(1, ""), &memfd(2, "u32 seals; u32 flags;"), &unknown());
    let (verdict, findings, fired) = told(&report);
    assert_eq!((verdict, findings), (Verdict::ChangedAndBumped, 0));
    assert_eq!(fired, [("field_added", Level::Fine), ("field_added", Level::Fine)]);
}

#[test]
fn prose_behind_the_macro_is_found_once_it_is_new() {
    let (fresh, stale) = (kho(3, 3, WIDTH), kho(4, 3, WIDTH));
    let prose = |report: &Report| {
        let found = report.events.iter().find(|e| e.rule == "prose_names_other_version");
        found.map(|event| event.level)
    };
    let new = judge("kexec_handover", &fresh, &stale, &Options::default());
    assert_eq!(prose(&new), Some(Level::Finding));
    let both = judge("kexec_handover", &stale, &stale, &Options::default());
    assert_eq!((prose(&both), both.findings()), (None, 0), "it is no news");
    assert_eq!(prose(&judge("kexec_handover", &stale, &fresh, &Options::default())), None);
}

#[test]
fn a_number_in_the_struct_and_feature_flags_are_versions() {
    let metadata = |version, more: &str| {
        format!(
            "#define KHO_KEXEC_METADATA_VERSION {version}\n\
             struct kho_kexec_metadata {{ u32 version; {more} u32 kexec_count; }} __packed;\n"
        )
    };
    let grown =
        judge("kexec_metadata", &metadata(1, ""), &metadata(1, "u32 x;"), &Options::default());
    assert_eq!(told(&grown).0, Verdict::BumpMissing);
    let bumped =
        judge("kexec_metadata", &metadata(1, ""), &metadata(2, "u32 x;"), &Options::default());
    assert_eq!((told(&bumped).0, bumped.findings()), (Verdict::ChangedAndBumped, 0));

    let port = |flags: &str, more: &str| {
        format!(
            "#define PORT_COMPATIBLE \"port-v1\"\n#define PORT_FEATURE_RESET 1\n{flags}\
             struct port_ser {{ u64 features; u64 first; {more} }} __packed;\n"
        )
    };
    let (old, new) = (port("", ""), port("#define PORT_FEATURE_TOKEN 2\n", "u32 token;"));
    let report = judge("port", &old, &new, &Options::default());
    assert_eq!((told(&report).0, report.findings()), (Verdict::ChangedAndBumped, 0));
    let report = judge("port", &old, &port("", "u32 token;"), &Options::default());
    assert_eq!(told(&report).0, Verdict::BumpMissing);
    let report = judge("port", &new, &old, &Options::default());
    assert!(report.events.iter().any(|event| event.rule == "compatible_went_backwards"));
}

#[test]
fn what_cannot_be_read_is_not_called_unchanged() {
    let port = |expression: &str| {
        format!(
            "#define PORT_COMPATIBLE \"port-v1\"\n\
             enum port_sizes {{ PORT_DEPTH = {expression} }};\n\
             struct port_ser {{ u64 first; }} __packed;\n"
        )
    };
    let side = |body: String| {
        let text = format!("#include <linux/types.h>\n{body}").into_bytes();
        let files = [("include/linux/kho/abi/port.h".to_string(), text)].into();
        open::of_files("side", &files, &source::Options::default()).unwrap()
    };
    let (old, new) = (side(port("NOBODY_KNOWS")), side(port("NOBODY_KNOWS + 1")));
    let report = policy::judge(&diff::compare(&old, &new), &Options::default());
    assert_eq!(report.contracts[0].verdict, Verdict::BumpMissing);
    assert!(report.events.iter().any(|event| event.rule == "declaration_changed"));
    // The same text is the same, whatever it means.
    let same = policy::judge(&diff::compare(&old, &old), &Options::default());
    assert_eq!((same.contracts[0].verdict, same.findings()), (Verdict::Unchanged, 0));
    // If one side has no text, the result is unknown.
    let mut image = new;
    image.reading.kind = Kind::Strings;
    image.reading.knows.absence = false;
    image.texts.clear();
    for header in &mut image.reading.model.headers {
        header.declarations.clear();
        header.items.retain(|item| item.record().is_none());
    }
    let report = policy::judge(&diff::compare(&old, &image), &Options::default());
    assert_eq!(report.contracts[0].verdict, Verdict::NotChecked);
    assert!(report.findings() > 0);
}
