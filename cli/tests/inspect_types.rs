// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --types`: state without a built-in decoder, read by headers that the program
//! has never seen.

use kho_abi_inspect::synth::container::raw_in;
use kho_abi_inspect::synth::{made_up, Ram, Synth};
use std::fs;
use std::path::Path;
use std::process::Command;

fn kho_abi(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(directory)
        .arg("inspect")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A directory with headers, and one with KHO's own beside them.
fn headers(directory: &Path, name: &str, files: &[(&str, &str)]) {
    let to = directory.join(name).join("include/linux/kho/abi");
    fs::create_dir_all(&to).unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers/include/linux/kho/abi");
    fs::copy(ours.join("kexec_handover.h"), to.join("kexec_handover.h")).unwrap();
    for (file, text) in files {
        fs::write(to.join(file), text).unwrap();
    }
}

fn ram() -> Synth<Ram> {
    Synth::new(Ram::new(4096, 16 << 20), 4096)
}

#[test]
fn a_made_up_handler_is_shown_by_a_header_that_the_program_has_never_seen() {
    let directory = tempfile::tempdir().unwrap();
    let mut synth = ram();
    let session = synth.session("vm0");
    synth.made_up(session, 5);
    raw_in(&directory.path().join("guest.raw"), &synth.finish().0).unwrap();
    headers(directory.path(), "tree", &[("made_up.h", made_up::HEADER)]);
    let (status, stdout, stderr) = kho_abi(directory.path(), &["guest.raw", "--types", "tree"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    insta::assert_snapshot!(stdout.as_str());
    // Without types, or with types that do not have it, nothing is guessed.
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw"]);
    assert_eq!(status, Some(1));
    assert!(stdout.ends_with("\n0 findings, 1 unknown\n"), "{stdout}");
    assert!(stdout.contains("not decoded: file with \"made-up-v1\"\n"), "{stdout}");
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--types", "abi"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("file with \"made-up-v1\": abi does not have it"), "{stdout}");
}

/// An image with an iommu FLB and a hugetlb memfd, as proposed headers have them.
fn coming() -> Ram {
    let mut synth = ram();
    let session = synth.session("vm0");
    let (flb, hw) = (synth.allocate(0), synth.allocate(0));
    synth.write(flb, &words(&[hw, 0]));
    synth.write(hw, &words(&[0x77, 1]));
    synth.flb("iommu-liveupdate-v1", flb, 1);
    // Two folios of 2 MiB, and the list of them.
    let (ser, chunk, list) = (synth.allocate(0), synth.allocate(0), synth.allocate(0));
    let folios = [synth.allocate(9), synth.allocate(9)];
    let mut bytes = words(&[4 << 20, 7, 2, chunk]);
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend([1, 0, 0, 0, 9]);
    synth.write(ser, &bytes);
    synth.write(chunk, &words(&[0, list]));
    let pfn = |pa: u64| if cfg!(target_endian = "big") { pa >> 12 << 12 } else { pa >> 12 };
    synth.write(list, &words(&[pfn(folios[0]), 0, pfn(folios[1]), 1]));
    synth.file(session, 9, "huge-memfd-v1", ser);
    let table = synth.allocate(0);
    let mut bytes = words(&[512]);
    bytes.push(9);
    bytes.extend(words(&[1]));
    bytes.push(18);
    bytes.resize(36, 0);
    bytes.push(2);
    synth.write(table, &bytes);
    synth.flb("hugetlb-v1", table, 1);
    synth.finish().0
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn corpus(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../review/tests/coming").join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn headers_that_are_on_their_way_show_their_state() {
    let directory = tempfile::tempdir().unwrap();
    raw_in(&directory.path().join("guest.raw"), &coming()).unwrap();
    let (iommu, hugetlb) = (corpus("iommu_string.h"), corpus("hugetlb.h"));
    headers(directory.path(), "tree", &[("iommu.h", &iommu), ("hugetlb.h", &hugetlb)]);
    // What these headers do not say must be given, and is not guessed.
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--types", "tree"]);
    assert_eq!(status, Some(1));
    for note in [
        "FLB \"iommu-liveupdate-v1\": the types do not say which struct it begins with",
        "file with \"huge-memfd-v1\": the types do not say which struct it begins with",
    ] {
        assert!(stdout.contains(note), "{stdout}");
    }
    let words = [
        "guest.raw",
        "--types",
        "tree",
        "--root-struct",
        "iommu-liveupdate-v1=iommu_flb_ser",
        "--leads-to",
        "iommu_flb_ser.hw_phys=iommu_hw_ser",
        "--leads-to",
        "hugemfd_ser.folios=hugemfd_folio_ser",
        "--root-struct",
        "hugetlb-v1=hugetlb_ser",
        "--root-struct",
        "huge-memfd-v1=hugemfd_ser",
    ];
    // What the folios' numbers mean is in no type, so their pages have no known owner.
    let (status, stdout, stderr) = kho_abi(directory.path(), &words);
    assert_eq!((status, stderr.as_str()), (Some(1), ""), "{stdout}");
    insta::assert_snapshot!(stdout);
}

/// An image with the made-up handler, and the header beside it.
fn made_up(damage: impl FnOnce(&mut Ram, &made_up::Places)) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut synth = ram();
    let session = synth.session("vm0");
    let places = synth.made_up(session, 5);
    let mut ram = synth.finish().0;
    damage(&mut ram, &places);
    raw_in(&directory.path().join("guest.raw"), &ram).unwrap();
    headers(directory.path(), "tree", &[("made_up.h", made_up::HEADER)]);
    directory
}

#[test]
fn damage_is_status_1_with_the_way_there() {
    let directory = made_up(|ram, places| {
        ram.set_number(places.pages[0] + made_up::at::NEXT, 0xdead_0000_0000);
    });
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--types", "tree"]);
    assert_eq!(status, Some(1), "{stdout}");
    let finding = stdout.split_once("0xdead00000000: ").expect("there is a finding").1;
    assert!(
        finding.starts_with("struct made_up_page_ser at 0xdead00000000 cannot be read"),
        "{finding}"
    );
    let way =
        "file with token 0x5 at 0x108010 → made_up_ser at 0x100000 → made_up_page_ser at 0x105000 \
               → made_up_page_ser at 0xdead00000000";
    assert!(finding.contains(way), "{finding}");
}

#[test]
fn every_form_shows_it_and_keeps_to_its_schema() {
    let directory = made_up(|_, _| {});
    let with = |format: &str| {
        let args = ["guest.raw", "--types", "tree", "--format", format];
        let (status, stdout, stderr) = kho_abi(directory.path(), &args);
        assert_eq!(status, Some(0), "{stderr}");
        stdout
    };
    let schema = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        let output = command.args(["schema", name]).output().unwrap();
        let schema = serde_json::from_slice(&output.stdout).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    };
    let document: serde_json::Value = serde_json::from_str(&with("json")).unwrap();
    let valid = schema("inspect-2");
    assert!(valid.is_valid(&document), "{:?}", valid.iter_errors(&document).next());
    let payload = &document["luo"]["sessions"][0]["files"][0]["payload"];
    assert_eq!(payload["kind"], "typed");
    assert_eq!(payload["contract"], "made-up-v1");
    let entries = &payload["parts"][1];
    assert_eq!(
        (&entries["elements"], &entries["from"]),
        (&700.into(), &"made_up_ser.entries".into())
    );
    let last = entries["values"].as_array().unwrap().last().unwrap();
    assert_eq!(
        *last,
        serde_json::json!({
            "name": "[699].value", "offset": 8396, "type": "u32",
            "value": { "kind": "integer", "decimal": "2097", "hex": "0x831" },
        })
    );
    let lines = with("jsonl");
    let valid = schema("inspect-lines-1");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| valid.is_valid(line)));
    let file = lines.iter().find(|line| line["object"] == "file").unwrap();
    assert_eq!(file["payload"], *payload);
    let page = with("html");
    for cell in ["made_up_ser.entries → ", "<code>rings[1].depth</code>", "<td>291 (0x123)</td>"]
    {
        assert!(page.contains(cell), "{cell} is not in {page}");
    }
}

#[test]
fn two_images_are_compared_by_their_fields() {
    let directory = made_up(|_, _| {});
    let other = made_up(|ram, places| ram.set_number(places.ser + 16, 0x5000));
    fs::copy(other.path().join("guest.raw"), directory.path().join("later.raw")).unwrap();
    let args = ["diff", "guest.raw", "later.raw", "--types", "tree"];
    let (status, stdout, stderr) = kho_abi(directory.path(), &args);
    assert_eq!(status, Some(1), "{stderr}");
    let said = "session \"vm0\", token 0x5, rings[0].base: 4096 (0x1000) → 20480 (0x5000)";
    assert!(stdout.contains(said), "{stdout}");
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
}

#[test]
fn types_that_cannot_be_had_are_status_2() {
    let directory = made_up(|_, _| {});
    fs::create_dir_all(directory.path().join("empty/include/linux/kho/abi")).unwrap();
    fs::write(directory.path().join("text"), "not types").unwrap();
    let tree = ["--types", "tree"];
    for (args, said) in [
        (&["--types", "nowhere"][..], "nowhere"),
        (&["--types", "guest.raw"], "guest.raw"),
        (&["--types", "text"], "text"),
        (&["--types", "empty"], "empty"),
        (&["--types", "git:nothing", "--git-dir", "."], "nothing"),
        (&["--root-struct", "a=b"], "--types"),
        (
            &[tree[0], tree[1], "--root-struct", "made-up-v1=nobody"],
            "tree lacks some of these names",
        ),
        (&[tree[0], tree[1], "--root-struct", "made-up-v1"], "expected COMPATIBLE=STRUCT"),
        (
            &[tree[0], tree[1], "--leads-to", "made_up_ser.nothing=made_up_ser"],
            "lacks some of these names",
        ),
        (&[tree[0], tree[1], "--leads-to", "made_up_ser.page=nobody"], "lacks some of these names"),
        (&[tree[0], tree[1], "--leads-to", "made_up_ser"], "expected STRUCT.FIELD=STRUCT"),
    ] {
        let (status, stdout, stderr) = kho_abi(directory.path(), &[&["guest.raw"], args].concat());
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

/// A kernel has the types of its own headers, and the strings of registered handlers; the user says
/// which belong together.
#[test]
fn the_types_of_a_kernel_are_searched_for_what_was_named() {
    let directory = made_up(|_, _| {});
    let text = format!(
        "typedef unsigned char u8; typedef unsigned short u16; typedef short s16;\n\
         typedef unsigned int u32; typedef unsigned long long u64; typedef u64 phys_addr_t;\n\
         #define __packed __attribute__((packed))\n\
         #define DECLARE_KHOSER_PTR(name, type) union {{ phys_addr_t phys; type ptr; }} name\n\
         struct kho_vmalloc_chunk;\n\
         struct kho_vmalloc {{ DECLARE_KHOSER_PTR(first, struct kho_vmalloc_chunk *); \
         u32 total_pages; u16 flags; u16 order; }};\n{}\n\
         struct made_up_ser *root(void *at) {{ return at; }}\n\
         struct made_up_entry_ser *entry(void *at) {{ return at; }}\n\
         struct made_up_page_ser *page(void *at) {{ return at; }}\n",
        made_up::HEADER
            .lines()
            .filter(|line| !line.starts_with("#include"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    fs::write(directory.path().join("kernel.c"), text).unwrap();
    let compile = |flag: &str| {
        let args = [flag, "-c", "kernel.c", "-o", "kernel.o"];
        let status = Command::new("gcc").args(args).current_dir(directory.path()).status().unwrap();
        assert!(status.success());
    };
    let with = |more: &[&str]| {
        let args = [&["guest.raw", "--types", "kernel.o"], more].concat();
        kho_abi(directory.path(), &args)
    };
    let list = "made_up_ser.entries=made_up_entry_ser";
    let (_, by_headers, _) = kho_abi(directory.path(), &["guest.raw", "--types", "tree"]);
    // DWARF, and BTF, which cannot express packing and does not need to.
    for flag in ["-g", "-gbtf"] {
        compile(flag);
        let (status, stdout, stderr) =
            with(&["--root-struct", "made-up-v1=made_up_ser", "--leads-to", list]);
        assert_eq!(status, Some(0), "{flag}: {stderr}");
        assert_eq!(stdout, by_headers, "{flag}");
        let (status, _, stderr) = with(&["--root-struct", "made-up-v1=nobody_ser"]);
        assert_eq!(status, Some(2), "{flag}: {stderr}");
    }
}

/// A revision shows what the tree shows, and a frozen layout is a source as well.
#[test]
fn revisions_and_frozen_layouts_are_sources() {
    let directory = made_up(|_, _| {});
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(directory.path().join("tree")).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "x").env(format!("GIT_{who}_EMAIL"), "x@x");
        }
        assert!(command.status().unwrap().success(), "{args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "x"]);
    fs::remove_dir_all(directory.path().join("tree/include")).unwrap();
    let args = ["guest.raw", "--types", "git:HEAD", "--git-dir", "tree"];
    let (status, stdout, stderr) = kho_abi(directory.path(), &args);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(
        stdout.contains("made_up_ser.entries → struct made_up_entry_ser, 700 elements"),
        "{stdout}"
    );
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/vfio-pci-v1.layout");
    let frozen = frozen.to_str().unwrap();
    let (status, stdout, stderr) = kho_abi(directory.path(), &["guest.raw", "--types", frozen]);
    assert_eq!(status, Some(1), "{stderr}");
    let note = format!("not decoded: file with \"made-up-v1\": {frozen} does not have it");
    assert!(stdout.contains(&note), "{stdout}");
    // Another kernel's version of a built-in handler.
    let mut synth = ram();
    let session = synth.session("vm0");
    let page = synth.allocate(0);
    synth.write(page, &[1, 0, 0, 0, 8, 3, 1, 0x2a, 0, 0, 0]);
    synth.file(session, 1, "vfio-pci-v2", page);
    raw_in(&directory.path().join("other.raw"), &synth.finish().0).unwrap();
    let header = "#include <linux/types.h>\n#define VFIO_PCI_LUO_FH_COMPATIBLE \"vfio-pci-v2\"\n\
                  struct vfio_pci_core_device_ser { u32 domain; u16 bdf; u8 reset_works; \
                  struct { u32 token; } __packed cookie; } __packed;\n";
    headers(directory.path(), "other", &[("vfio_pci.h", header)]);
    let (status, stdout, stderr) = kho_abi(directory.path(), &["other.raw", "--types", "other"]);
    assert_eq!(status, Some(0), "{stderr}");
    for line in [
        "vfio-pci-v2  struct vfio_pci_core_device_ser at ",
        "    0  domain        u32  1\n",
        "    4  bdf           u16  776 (0x308)\n",
        "    6  reset_works   u8   1\n",
        "    7  cookie.token  u32  42\n",
    ] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
}
