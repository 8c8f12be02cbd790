// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect` on images of the reference state: its output and exit status.

use kho_abi_inspect::synth::container::{kdump, raw, raw_in, Packing};
use kho_abi_inspect::synth::corrupt::CORRUPTIONS;
use kho_abi_inspect::synth::{
    content, sample, MemfdPlaces, MemfdSpec, Places, Ram, Store as _, Synth,
};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn kho_abi(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(directory)
        .arg("inspect")
        .args(args)
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn image() -> (tempfile::TempDir, PathBuf, Places) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guest.raw");
    let (ram, places) = sample(4096);
    raw_in(&path, &ram).unwrap();
    (directory, path, places)
}

#[test]
fn a_clean_image_is_shown_as_a_tree() {
    let (directory, _, _) = image();
    let (status, stdout, stderr) = kho_abi(directory.path(), &["guest.raw"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(stdout.as_str());
    let mapped = kho_abi(directory.path(), &["guest.raw", "--mmap"]);
    assert_eq!(mapped, (Some(0), stdout.clone(), String::new()));
    let colored = kho_abi(directory.path(), &["guest.raw", "--color", "always"]).1;
    assert!(colored.contains("\u{1b}["));
}

#[test]
fn preserved_memory_is_drawn() {
    let (directory, _, _) = image();
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--map"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(stdout);
}

#[test]
fn filters_choose_sessions_and_files() {
    let (directory, _, _) = image();
    let shown = |args: &[&str]| {
        let (status, stdout, _) = kho_abi(directory.path(), &[&["guest.raw"], args].concat());
        assert_eq!(status, Some(0));
        stdout.lines().filter(|line| line.contains("session") || line.contains("token")).count()
    };
    assert_eq!(shown(&["--session", "vm1"]), 5);
    assert_eq!(shown(&["--token", "0x1"]), 4);
    assert_eq!(shown(&["--file", "vfio-pci-v1"]), 4);
    assert_eq!(shown(&["--session", "vm0", "--token", "2"]), 2);
    // A filter without matches is not an empty report.
    for args in [
        &["--session", "none"][..],
        &["--token", "9"],
        &["--file", "memfd-v9"],
        &["--session", "empty", "--token", "1"],
        &["--session", "none", "--format", "json"],
    ] {
        let (status, stdout, stderr) = kho_abi(directory.path(), &[&["guest.raw"], args].concat());
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(stderr.contains("no session or file matches"), "{args:?}: {stderr}");
        let args = [&["diff", "guest.raw", "guest.raw"], args].concat();
        let (status, stdout, stderr) = kho_abi(directory.path(), &args);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{args:?}: {stderr}");
    }
}

#[test]
fn json_has_every_extent() {
    let (directory, _, _) = image();
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--format", "json"]);
    assert_eq!(status, Some(0));
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["schema"], "kho-abi/inspect/2");
    let file = &document["luo"]["sessions"][1]["files"][1];
    assert_eq!(file["token"], "0x2");
    let memfd = &file["payload"];
    assert_eq!(memfd["kind"], "memfd");
    assert_eq!(memfd["extents"].as_array().unwrap().len(), 512);
    assert_eq!(memfd["totals"]["extents"], 512);
    assert_eq!(document["findings_total"], 0);
}

#[test]
fn html_is_one_page_that_loads_nothing() {
    let (directory, path, places) = image();
    // Everything from the image is text, whatever it looks like.
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(b"<script>alert(1)</script>\0", places.session_blocks[0] + 16).unwrap();
    let (status, _, _) =
        kho_abi(directory.path(), &["guest.raw", "--format", "html", "-o", "report.html"]);
    assert_eq!(status, Some(0));
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for bad in ["<script", "http://", "https://", "src=", "@import"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn html_has_an_index_of_sessions_exact_sizes_and_says_what_it_leaves_out() {
    let (directory, _, places) = image();
    let page = |args: &[&str]| {
        let all =
            [&["guest.raw", "--format", "html", "-o", "report.html", "--force"], args].concat();
        let (status, _, stderr) = kho_abi(directory.path(), &all);
        assert!(status.is_some_and(|status| status < 2), "{stderr}");
        std::fs::read_to_string(directory.path().join("report.html")).unwrap()
    };
    let whole = page(&[]);
    for (number, session) in ["vm0", "vm1", "empty"].iter().enumerate() {
        assert!(
            whole.contains(&format!("<a href=\"#session-{number}\">{session}</a>")),
            "{session}"
        );
        assert_eq!(whole.matches(&format!("id=\"session-{number}\"")).count(), 1, "{session}");
    }
    for exact in ["(100001 bytes)", "(2097152 bytes)", "(67108864 bytes)"] {
        assert!(whole.contains(exact), "{exact}");
    }
    assert!(!whole.contains("Filtered:"));
    let part = page(&["--session", "vm1", "--token", "2"]);
    assert!(part.contains("Filtered: session &quot;vm1&quot;, token 0x2. "), "{part}");
    assert!(!part.contains("vm0") && !part.contains("#session-"));

    // Two sessions with one name have two places, and findings of one rule share a card.
    let file = File::options().write(true).open(directory.path().join("guest.raw")).unwrap();
    for memfd in &places.memfds[..2] {
        file.write_all_at(&[0xff; 8], memfd.list[0]).unwrap();
    }
    let damaged = page(&[]);
    assert!(damaged.matches("<details class=\"card finding\"").count() > 0, "{damaged}");
    for rule in kho_abi_inspect::rules::RULES {
        assert!(damaged.matches(&format!("<code>{}</code>", rule.id)).count() < 2, "{}", rule.id);
    }
    assert!(damaged.contains(" 2 findings</summary>"), "{damaged}");
}

#[test]
fn a_memfd_is_extracted() {
    let (directory, _, _) = image();
    let extract = |args: &[&str]| {
        kho_abi(directory.path(), &[&["guest.raw", "--force", "-o", "memfd"], args].concat())
    };
    for (session, token, size) in
        [("vm0", "2", 65_536), ("vm0", "3", 100_001), ("vm1", "2", 2 << 20), ("vm1", "3", 6 << 20)]
    {
        let (status, _, stderr) = extract(&["--extract", token, "--session", session]);
        let said = format!("kho-abi: wrote {size} bytes to memfd\n");
        assert_eq!((status, stderr), (Some(0), said));
        let bytes = std::fs::read(directory.path().join("memfd")).unwrap();
        assert!(bytes == content(0, size), "token {token} of {session} has other bytes");
    }
    let (status, _, stderr) = extract(&["--extract", "2"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("several sessions have a file with this token: vm0, vm1"), "{stderr}");
    let (status, _, stderr) = extract(&["--extract", "9"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("no file has token 0x9 (9)"), "{stderr}");
    assert!(stderr.contains("help: memfds found: 0x2 in \"vm0\", 0x3 in"), "{stderr}");
    let (status, _, stderr) = extract(&["--extract", "1"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("0x1 in \"vm0\" is of \"vfio-pci-v1\", not a memfd"), "{stderr}");
}

/// The image with a folio's frame number changed: the third of the first memfd.
fn with_folio(path: &Path, places: &Places, packed: u64) {
    let file = File::options().write(true).open(path).unwrap();
    let entry = places.memfds[0].list[0] + 2 * 16;
    file.write_all_at(&packed.to_le_bytes(), entry).unwrap();
}

#[test]
fn what_could_not_be_extracted_is_said() {
    let (directory, path, places) = image();
    let args = ["guest.raw", "--session", "vm0", "--extract", "2", "--force", "-o", "memfd"];
    let extract = |more: &[&str]| kho_abi(directory.path(), &[&args, more].concat());
    let memfd = directory.path().join("memfd");
    let mut expected = content(0, 65_536);
    expected[0x2000..0x3000].fill(0);

    // The folio is where the image has no memory: it is lost.
    with_folio(&path, &places, 3 << 52 | 0x10_0000);
    let (status, stdout, stderr) = extract(&[]);
    assert_eq!((status, stdout.as_str()), (Some(3), ""));
    assert!(stderr.contains("lost: 4096 of 65536 bytes"), "{stderr}");
    assert!(stderr.contains("0x2000-0x3000, 4096 bytes:"), "{stderr}");
    assert!(stderr.contains("--partial"), "{stderr}");
    assert!(!memfd.exists());
    let (status, _, stderr) = extract(&["--partial"]);
    assert_eq!(status, Some(3));
    assert!(stderr.contains("0x2000-0x3000"), "{stderr}");
    assert!(stderr.ends_with("wrote 65536 bytes to memfd\n"), "{stderr}");
    assert!(std::fs::read(&memfd).unwrap() == expected);
    // The result is available to programs, too.
    let (status, stdout, _) = extract(&["--format", "json"]);
    assert_eq!(status, Some(3));
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["schema"], "kho-abi/inspect-extract/1");
    assert_eq!((&document["token"], &document["complete"]), (&"0x2".into(), &false.into()));
    assert_eq!(document["output"], serde_json::Value::Null);
    assert_eq!(document["lost"]["bytes"], 4096);
    let piece = &document["lost"]["list"][0];
    assert_eq!((&piece["start"], &piece["end"]), (&"0x2000".into(), &"0x3000".into()));
    let (_, stdout, _) = extract(&["--format", "json", "--partial"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["output"], "memfd");
    let (status, _, stderr) = extract(&["--format", "html"]);
    assert_eq!(status, Some(2), "{stderr}");

    // No entry has this place: a kernel preserves every page, so it is lost as well.
    std::fs::remove_file(&memfd).unwrap();
    with_folio(&path, &places, 0);
    let (status, _, stderr) = extract(&[]);
    assert_eq!(status, Some(3));
    assert!(
        stderr.contains("0x2000-0x3000, 4096 bytes: the list has no folio for this part"),
        "{stderr}"
    );
    assert!(!memfd.exists());

    // Its page is in the image, but not preserved: its content is doubtful.
    let page = directory.path().join("guest.raw");
    let file = File::options().write(true).open(page).unwrap();
    file.write_all_at(&content(0x2000, 4096), 0x300_0000).unwrap();
    with_folio(&path, &places, 3 << 52 | 0x3000);
    let (status, _, stderr) = extract(&[]);
    assert_eq!(status, Some(3));
    assert!(stderr.contains("doubtful: 4096 of 65536 bytes"), "{stderr}");
    assert!(stderr.contains("is not preserved (in memory at 0x3000000)"), "{stderr}");
    assert!(!memfd.exists());
    assert_eq!(extract(&["--partial"]).0, Some(3));
    assert!(std::fs::read(&memfd).unwrap() == content(0, 65_536));
}

/// A change of an image, of what belongs to a memfd.
type Damage = &'static dyn Fn(&File, &MemfdPlaces);

#[test]
fn content_that_may_be_another_owner_s_is_not_written() {
    let (directory, path, places) = image();
    let memfd = directory.path().join("memfd");
    let whole = std::fs::read(&path).unwrap();
    let change = |damage: &dyn Fn(&File)| {
        std::fs::write(&path, &whole).unwrap();
        damage(&File::options().write(true).open(&path).unwrap());
    };
    let extract = |session: &str, token: &str| {
        let ran = kho_abi(
            directory.path(),
            &["guest.raw", "--session", session, "--extract", token, "-o", "memfd"],
        );
        assert!(!memfd.exists(), "{}", ran.2);
        ran
    };
    let [first, second] = [&places.memfds[0], &places.memfds[1]];
    let entry = |memfd: &MemfdPlaces, number: u64| memfd.list[0] + number * 16;
    let folio = |pa: u64| ((3 << 52) | (pa / 4096)).to_le_bytes();
    // A folio of the file itself, of another file, a page of KHO's own, a page of the list.
    for (number, pa) in [
        (2, first.folios[5]),
        (2, second.folios[5]),
        (2, places.metadata),
        (2, places.memblock),
        (2, places.session_blocks[0]),
        (2, places.fdt),
        (2, first.chunks[0]),
        (2, first.ser),
    ] {
        change(&|file| file.write_all_at(&folio(pa), entry(first, number)).unwrap());
        let (status, _, stderr) = extract("vm0", "2");
        assert_eq!(status, Some(3), "{pa:#x}: {stderr}");
        assert!(stderr.contains("doubtful: "), "{pa:#x}: {stderr}");
        assert!(stderr.contains("[page_owned_twice]"), "{pa:#x}: {stderr}");
        let (status, shown, _) = kho_abi(directory.path(), &["guest.raw"]);
        assert_eq!(status, Some(1));
        assert!(shown.contains("[page_owned_twice]"), "{pa:#x}: {shown}");
    }
    let said = "0x2000-0x3000, 4096 bytes: the folio's page has two owners";
    change(&|file| file.write_all_at(&folio(second.folios[5]), entry(first, 2)).unwrap());
    let (_, _, stderr) = extract("vm0", "2");
    assert!(stderr.contains(said) && stderr.contains("doubtful: 4096 of 65536"), "{stderr}");
    assert!(stderr.contains("--partial writes it anyway"), "{stderr}");
    // The other owner's content is as doubtful, though its own list is as it was.
    let (status, _, stderr) = extract("vm0", "3");
    assert_eq!(status, Some(3), "{stderr}");
    assert!(stderr.contains("doubtful: 4096 of 100001"), "{stderr}");
    // The size cannot be right: that is not the fault of the disk.
    change(&|file| {
        file.write_all_at(&0x1000_0000_0001_0000_u64.to_le_bytes(), first.ser + 8).unwrap();
    });
    for partial in [&[][..], &["--partial"]] {
        let args = ["guest.raw", "--session", "vm0", "--extract", "2", "-o", "memfd"];
        let (status, _, stderr) = kho_abi(directory.path(), &[&args, partial].concat());
        assert_eq!((status, memfd.exists()), (Some(3), false), "{stderr}");
        assert!(stderr.contains("the size is larger than any memfd's"), "{stderr}");
        assert!(stderr.contains("[memfd_invalid]"), "{stderr}");
        assert!(!stderr.contains("os error"), "{stderr}");
    }
    // A file whose own struct or list cannot be right, though each folio of it is.
    let damages: [(&str, Damage); 5] = [
        ("memfd_folio_beyond_end", &|file, at| {
            file.write_all_at(&4096_u64.to_le_bytes(), at.ser + 8).unwrap();
        }),
        ("count_mismatch", &|file, at| {
            file.write_all_at(&257_u64.to_le_bytes(), at.ser + 24).unwrap();
        }),
        ("vmalloc_invalid", &|file, at| {
            file.write_all_at(&2_u32.to_le_bytes(), at.ser + 40).unwrap();
        }),
        ("reserved_bits", &|file, at| {
            file.write_all_at(&1_u32.to_le_bytes(), at.ser + 20).unwrap();
        }),
        ("memfd_invalid", &|file, at| {
            file.write_all_at(&(1_u64 << 63).to_le_bytes(), at.ser).unwrap();
        }),
    ];
    for (rule, damage) in damages {
        change(&|file| damage(file, first));
        let (status, _, stderr) = extract("vm0", "2");
        assert_eq!(status, Some(3), "{rule}: {stderr}");
        assert!(stderr.contains(&format!("[{rule}]")), "{rule}: {stderr}");
        assert!(stderr.contains("the memfd's state is damaged: see the findings"), "{stderr}");
    }
}

#[test]
fn findings_are_said_beside_content_and_a_map() {
    let (directory, path, places) = image();
    let extract = |args: &[&str]| {
        let args =
            [&["guest.raw", "--session", "vm0", "--extract", "2", "-o", "memfd"], args].concat();
        kho_abi(directory.path(), &args)
    };
    // Damage of another file: the content is whole, and the status has a reason.
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 8], places.memfds[1].list[0]).unwrap();
    let (status, _, stderr) = extract(&[]);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.contains("finding: ") && stderr.contains("token 0x3"), "{stderr}");
    assert!(stderr.ends_with("wrote 65536 bytes to memfd\n"), "{stderr}");
    std::fs::remove_file(directory.path().join("memfd")).unwrap();
    let (status, stdout, _) = extract(&["--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let rules = document["findings"].as_array().unwrap();
    assert_eq!((status, document["findings_total"].as_u64()), (Some(1), Some(rules.len() as u64)));
    assert!(!rules.is_empty());
    let (status, stdout, stderr) = kho_abi(directory.path(), &["guest.raw", "--map"]);
    assert_eq!((status, stdout.contains("finding")), (Some(1), false));
    assert!(stderr.contains("kho-abi: finding: "), "{stderr}");
}

#[test]
fn what_was_not_read_is_not_said_to_be_absent() {
    let directory = tempfile::tempdir().unwrap();
    let (ram, places) = sample(4096);
    let dump = |without: &[u64]| {
        let bytes = kdump(&ram, Packing::Zlib, without);
        std::fs::write(directory.path().join("dump"), bytes).unwrap();
    };
    let ask = |args: &[&str]| {
        let (status, _, stderr) = kho_abi(directory.path(), &[&["dump"], args].concat());
        assert_eq!(status, Some(2), "{args:?}: {stderr}");
        assert!(!directory.path().join("memfd").exists());
        stderr
    };
    let extract = |token: &str| ask(&["--extract", token, "-o", "memfd"]);
    for (page, why) in [
        (places.luo, "not all sessions were read: LUO's root at "),
        (places.session_blocks[0], "not all sessions were read: the list of sessions at "),
        (places.file_blocks[0][0], "not all files of \"vm0\" were read: the list of files at "),
        (
            places.fdt,
            "no sessions were found: no KHO device tree is in the part of the image that could be \
             read",
        ),
    ] {
        dump(&[page]);
        for said in [extract("0x9"), ask(&["--token", "9"])] {
            assert!(
                said.contains("error: unknown whether ") && said.contains(why),
                "{page:#x}: {said}"
            );
        }
    }
    dump(&[places.file_blocks[0][0]]);
    assert!(extract("9").contains("help: memfds found: 0x2 in \"vm1\""));
    let (_, shown, _) = kho_abi(directory.path(), &["dump"]);
    assert!(shown.contains(", 3 sessions with at least 4 files at "), "{shown}");
    assert!(shown.contains("session \"vm0\", at least 0 files at "), "{shown}");
    dump(&[places.session_blocks[0]]);
    let (_, shown, _) = kho_abi(directory.path(), &["dump"]);
    assert!(shown.contains("live update 1, sessions not read at "), "{shown}");
    let (_, json, _) = kho_abi(directory.path(), &["dump", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(document["luo"]["unread"].as_str().unwrap().contains("left out"), "{json}");
    // The list of folios is not there, and neither is what leads to it; the folios may well be.
    for page in [places.memfds[0].list[0], places.memfds[0].chunks[0]] {
        dump(&[page]);
        let args = ["dump", "--session", "vm0", "--extract", "2", "-o", "memfd"];
        let (status, _, said) = kho_abi(directory.path(), &args);
        assert_eq!(status, Some(3), "{said}");
        assert!(
            said.contains(&format!("lost: 65536 of 65536 bytes: {page:#x} was left out")),
            "{said}"
        );
        assert!(said.contains("65536 bytes: the list of folios was not read to its end"), "{said}");
    }
    // The file is there, and its struct is not.
    dump(&[places.memfds[0].ser]);
    let said = ask(&["--session", "vm0", "--extract", "2", "-o", "memfd"]);
    assert!(said.contains("0x2 in \"vm0\" is of \"memfd-v2\", and cannot be read: "), "{said}");
    dump(&[]);
    let (status, json, _) = kho_abi(directory.path(), &["dump", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &document["luo"]["unread"]), (Some(0), &serde_json::Value::Null));
    assert!(extract("9").contains("no file has token 0x9 (9)"));

    // A version of the handler that is not known says nothing of what it left.
    let mut other = ram.clone();
    other.write(places.file_blocks[0][0] + 16 + 64, b"memfd-v9");
    std::fs::write(directory.path().join("dump"), raw(&other)).unwrap();
    let said = ask(&["--session", "vm0", "--extract", "2", "-o", "memfd"]);
    assert!(said.contains("whether it is a memfd, and what it contains, is unknown"), "{said}");
}

#[test]
fn what_was_not_read_is_not_counted_as_zero() {
    let directory = tempfile::tempdir().unwrap();
    let (ram, places) = sample(4096);
    let show = |bytes: Vec<u8>| {
        std::fs::write(directory.path().join("dump"), bytes).unwrap();
        let (status, shown, _) = kho_abi(directory.path(), &["dump"]);
        assert_eq!(status, Some(1), "{shown}");
        shown
    };
    let without = |pages: &[u64]| show(kdump(&ram, Packing::Zlib, pages));
    let shown = without(&places.radix[..1]);
    assert!(shown.contains("preserved  unknown: the tree was not read to its end"), "{shown}");
    assert!(shown.contains("in 1 extent; the sizes of folios are unknown\n"), "{shown}");
    let shown = without(&places.radix[places.radix.len() - 1..]);
    assert!(shown.contains("preserved  at least 1552 pages, "), "{shown}");
    let shown = without(&places.memfds[0].list);
    assert!(shown.contains("0 extents; 0 of 16 entries read; the sizes"), "{shown}");
    let shown = without(&[places.luo]);
    assert!(shown.contains("\nLUO        its version cannot be read at "), "{shown}");

    // A node of zeroes may be one that was emptied: its pages are not preserved, and it is named.
    let mut damaged = ram.clone();
    for leaf in &places.radix[1..] {
        damaged.write(*leaf, &[0; 4096]);
    }
    let shown = show(raw(&damaged));
    let node = format!(
        "2 nodes of the tree of preserved pages, the first at {:#x}, are all zeroes",
        places.radix[1]
    );
    assert!(shown.contains(&node), "{shown}");
    assert!(shown.contains("0 extents; 16 more folios not preserved, of unknown size"), "{shown}");
    // One cause is not hundreds of lines.
    assert!(shown.lines().count() < 80, "{shown}");
    assert!(shown.contains("more [page_not_preserved]; --format json lists them"), "{shown}");

    // A tree without a string is said to be one.
    let mut other = ram.clone();
    let tree = other.read(places.fdt, 4096);
    let at = tree.windows(6).position(|word| word == b"kho-v4").unwrap() as u64;
    other.write(places.fdt + at, &[0; 6]);
    std::fs::write(directory.path().join("dump"), raw(&other)).unwrap();
    let fdt = format!("{:#x}", places.fdt);
    let (_, shown, _) = kho_abi(directory.path(), &["dump", "--fdt", &fdt]);
    assert!(shown.contains("\nKHO        an empty version string, device tree at "), "{shown}");
}

#[test]
fn a_token_that_was_meant_is_offered() {
    let directory = tempfile::tempdir().unwrap();
    let mut synth = Synth::new(Ram::new(4096, 8 << 20), 4096);
    let session = synth.session("vm-alpha");
    synth.memfd(session, 0x2222, &MemfdSpec::default());
    synth.device(session, 0x1111, "0000:01:00.0");
    raw_in(&directory.path().join("guest.raw"), &synth.finish().0).unwrap();
    let ask = |args: &[&str]| {
        let (status, _, stderr) = kho_abi(directory.path(), &[&["guest.raw"], args].concat());
        assert_eq!(status, Some(2), "{args:?}: {stderr}");
        stderr
    };
    let offered = "help: 2222 is 0x8ae; did you mean 0x2222 (memfd-v2) in \"vm-alpha\"?";
    for args in [&["--token", "2222"][..], &["--extract", "2222", "-o", "memfd"]] {
        assert!(ask(args).contains(offered), "{}", ask(args));
    }
    assert!(
        ask(&["--token", "deadbeef"]).contains("hexadecimal digits need 0x in front: 0xdeadbeef")
    );
    // Only the filters that were given are named, with their values.
    let said = ask(&["--session", "vm-alhpa"]);
    assert!(said.contains("no session or file matches session \"vm-alhpa\"\n"), "{said}");
    assert!(said.contains("help: \"vm-alpha\""), "{said}");
    let (_, shown, _) = kho_abi(directory.path(), &["guest.raw", "--token", "0x2222"]);
    assert!(shown.contains("session \"vm-alpha\", 1 of 2 files at "), "{shown}");
}

#[test]
fn every_corruption_ends_with_its_finding_and_status_1() {
    let (clean, places) = sample(4096);
    let directory = tempfile::tempdir().unwrap();
    for corruption in CORRUPTIONS {
        let mut ram = clean.clone();
        (corruption.apply)(&mut ram, &places);
        raw_in(&directory.path().join("guest.raw"), &ram).unwrap();
        let (status, stdout, _) =
            kho_abi(directory.path(), &["guest.raw", "--page-size", "4096", "--threads", "1"]);
        assert_eq!(status, Some(1), "{}: {stdout}", corruption.name);
        let rule = format!("[{}]", corruption.rule.id);
        assert!(stdout.contains(&rule), "{}: {stdout}", corruption.name);
        if corruption.name == "a folio is not preserved" {
            insta::assert_snapshot!(stdout.lines().rev().take(4).collect::<Vec<_>>().join("\n"));
        }
    }
}

#[test]
fn images_are_compared() {
    let (directory, _, places) = image();
    let (mut ram, _) = sample(4096);
    ram.set_number(places.luo + 8, 2);
    let device = ram.read(places.devices[1], 2);
    kho_abi_inspect::synth::Store::write(&mut ram, places.devices[1], &[device[0] ^ 8, device[1]]);
    kho_abi_inspect::synth::Store::write(&mut ram, places.session_blocks[0] + 16 + 160, b"other");
    raw_in(&directory.path().join("later.raw"), &ram).unwrap();
    let (status, stdout, _) = kho_abi(directory.path(), &["diff", "guest.raw", "guest.raw"]);
    assert_eq!((status, stdout.as_str()), (Some(0), "0 differences\n"));
    let (status, stdout, _) = kho_abi(directory.path(), &["diff", "guest.raw", "later.raw"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(stdout);
    let args = ["diff", "guest.raw", "later.raw", "--format", "json"];
    let document: serde_json::Value =
        serde_json::from_str(&kho_abi(directory.path(), &args).1).unwrap();
    assert_eq!(document["schema"], "kho-abi/inspect-diff/2");
    assert_eq!(document["differences"].as_array().unwrap().len(), stdout.lines().count() - 1);
}

#[test]
fn parts_of_memory_are_put_together() {
    let (directory, _, _) = image();
    let args = ["guest.raw@0,size=0x900000", "guest.raw@0x900000,offset=0x900000"];
    let (status, stdout, _) = kho_abi(directory.path(), &args);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.contains("64 MiB in 1 range"), "{stdout}");
}

#[test]
fn what_cannot_run_ends_with_status_2() {
    let (directory, _, _) = image();
    std::fs::write(directory.path().join("cut.elf"), b"\x7fELF").unwrap();
    for (args, said) in [
        (&["missing.raw"][..], "cannot read missing.raw: No such file"),
        (&["cut.elf"], "ELF core: the header cannot be read"),
        (&["guest.raw", "guest.raw"], "is not FILE@ADDRESS"),
        (&["guest.raw@0", "guest.raw@0"], "twice"),
        (&["guest.raw", "--fdt", "12q"], "expected a number, or 0x"),
        (&["guest.raw", "--page-size", "8192"], "expected 4096, 16384 or 65536"),
        (&["guest.raw", "--extract", "1"], "--output"),
        (&["guest.raw", "-o", "none/at/all"], "none/at/all: there is no directory none/at"),
        (&[], "required"),
    ] {
        let (status, _, stderr) = kho_abi(directory.path(), args);
        assert_eq!(status, Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[test]
fn nobody_needs_to_read_to_the_end() {
    let (directory, _, _) = image();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(directory.path())
        .args(["inspect", "guest.raw", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_token_is_exact_in_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let mut synth = kho_abi_inspect::synth::Synth::new(Ram::new(4096, 16 << 20), 4096);
    let session = synth.session("vm0");
    // More than a double can hold, and more than a signed integer can.
    synth.device(session, 0xdead_beef_cafe_f00d, "0000:01:00.0");
    synth.device(session, u64::MAX, "0000:02:00.0");
    raw_in(&directory.path().join("guest.raw"), &synth.finish().0).unwrap();
    for format in ["json", "text", "html"] {
        let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--format", format]);
        assert_eq!(status, Some(0), "{stdout}");
        for token in ["0xdeadbeefcafef00d", "0xffffffffffffffff"] {
            assert!(stdout.contains(token), "{format}: {stdout}");
        }
        assert!(!stdout.contains("16045690984503111693"), "{format}: {stdout}");
    }
    let args = ["guest.raw", "--token", "0xdeadbeefcafef00d", "--format", "json"];
    let document: serde_json::Value =
        serde_json::from_str(&kho_abi(directory.path(), &args).1).unwrap();
    let files = document["luo"]["sessions"][0]["files"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["token"], "0xdeadbeefcafef00d");
}

#[test]
fn images_without_kho_are_not_equal() {
    let (directory, _, _) = image();
    std::fs::write(directory.path().join("empty.raw"), vec![0; 1 << 16]).unwrap();
    let (status, stdout, stderr) = kho_abi(directory.path(), &["diff", "empty.raw", "empty.raw"]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("nothing to compare"), "{stderr}");
    let (status, stdout, _) = kho_abi(directory.path(), &["diff", "guest.raw", "empty.raw"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("~ KHO: kho-v4 → not found"), "{stdout}");
}

#[test]
fn contents_are_compared_and_places_where_asked() {
    let (directory, path, places) = image();
    let diff = |args: &[&str]| kho_abi(directory.path(), &[&["diff"], args].concat());
    let two = ["guest.raw", "later.raw"];
    // One byte in the middle of a memfd's third folio.
    std::fs::copy(&path, directory.path().join("later.raw")).unwrap();
    let later = File::options().write(true).open(directory.path().join("later.raw")).unwrap();
    later.write_all_at(&[0xff], places.memfds[0].folios[2] + 100).unwrap();
    let (status, stdout, _) = diff(&two);
    assert_eq!(status, Some(1));
    let expected =
        "~ content of session \"vm0\", token 0x2: differs in 1 piece of 4 KiB, from byte \
         0x2064\n1 difference\n";
    assert_eq!(stdout, expected);
    assert_eq!(diff(&["guest.raw", "later.raw", "--session", "vm1"]).0, Some(0));
    let (status, stdout, _) = diff(&["guest.raw", "later.raw", "--no-content"]);
    assert_eq!(status, Some(0));
    assert!(stdout.contains("not compared: the content of memfds"), "{stdout}");

    // The same state elsewhere in memory is the same, except for its places.
    let synth = |start: u64, name: &str| {
        let mut synth = kho_abi_inspect::synth::Synth::new(Ram::new(4096, 16 << 20), 4096);
        synth.start_at(start);
        let session = synth.session("vm0");
        synth.memfd(session, 1, &kho_abi_inspect::synth::MemfdSpec::default());
        let (ram, places) = synth.finish();
        raw_in(&directory.path().join(name), &ram).unwrap();
        (ram, places)
    };
    synth(1 << 20, "low.raw");
    let (mut ram, places) = synth(8 << 20, "high.raw");
    assert_eq!(diff(&["low.raw", "high.raw"]), (Some(0), "0 differences\n".into(), String::new()));
    let (status, stdout, _) = diff(&["low.raw", "high.raw", "--places"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("from 0x101000 →"), "{stdout}");
    // What one side has lost is not equal.
    ram.set_number(places.memfds[0].list[0] + 5 * 16, 0);
    raw_in(&directory.path().join("high.raw"), &ram).unwrap();
    let (status, stdout, _) = diff(&["low.raw", "high.raw"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("4096 bytes cannot be compared"), "{stdout}");
    assert!(stdout.ends_with("1 not comparable\n"), "{stdout}");
}

#[test]
fn sides_of_a_comparison_may_have_several_files() {
    let (directory, _, _) = image();
    let parts = ["guest.raw@0,size=0x900000", "guest.raw@0x900000,offset=0x900000"];
    let [low, high] = parts;
    let args = ["diff", "--before", low, high, "--after", "guest.raw"];
    assert_eq!(kho_abi(directory.path(), &args).1, "0 differences\n");
    let args = ["diff", "--before", low, "--after", low, high];
    assert_eq!(kho_abi(directory.path(), &args).0, Some(1));
    for args in [
        &["diff", "--before", low, high, "--after", "guest.raw", "-o", "guest.raw"][..],
        &["diff", "--before", low],
        &["diff", "guest.raw"],
    ] {
        let (status, _, stderr) = kho_abi(directory.path(), args);
        assert_eq!(status, Some(2), "{args:?}: {stderr}");
    }
}

#[test]
fn versions_that_are_not_known_are_not_equal() {
    let (directory, _, places) = image();
    let (mut ram, _) = sample(4096);
    kho_abi_inspect::synth::Store::write(&mut ram, places.luo, b"luo-v6");
    raw_in(&directory.path().join("next.raw"), &ram).unwrap();
    let (status, stdout, _) = kho_abi(directory.path(), &["diff", "next.raw", "next.raw"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("? sessions: LUO's version is unknown"), "{stdout}");
    assert!(stdout.ends_with("0 differences, 1 not comparable\n"), "{stdout}");
}

#[test]
fn every_generation_is_shown_where_asked() {
    let directory = tempfile::tempdir().unwrap();
    let mut ram = Ram::new(4096, 32 << 20);
    let mut places = Vec::new();
    for (name, start, number) in [("old", 1 << 20, 1_u32), ("new", 16 << 20, 2)] {
        let mut synth = kho_abi_inspect::synth::Synth::new(ram, 4096);
        synth.start_at(start);
        let session = synth.session(name);
        synth.device(session, 1, "0000:01:00.0");
        synth.metadata("7.3.4", number);
        synth.liveupdate_num = number.into();
        let (written, of_it) = synth.finish();
        ram = written;
        places.push(of_it);
    }
    let first = &places[0];
    raw_in(&directory.path().join("guest.raw"), &ram).unwrap();
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw"]);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.contains("session \"new\"") && !stdout.contains("session \"old\""), "{stdout}");
    assert!(stdout.contains("it is the latest: kexec number 2, live update number 2"), "{stdout}");
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--all"]);
    assert_eq!(status, Some(0), "{stdout}");
    let at = |what: &str| stdout.find(what).unwrap_or_else(|| panic!("{what}: {stdout}"));
    assert!(at("session \"new\"") < at("session \"old\""));
    let (_, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--all", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let reports = document["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[1]["luo"]["sessions"][0]["name"], "old");
    assert_eq!(reports[0]["candidates"][0]["kexec_count"], 2);

    // What the later kernel did with the pages of the earlier is no damage.
    kho_abi_inspect::synth::Store::write(&mut ram, first.radix[0], &[0x5a; 4096]);
    raw_in(&directory.path().join("guest.raw"), &ram).unwrap();
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--all"]);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(
        stdout.contains(
            "findings are not listed: a kernel took this state over, reused its \
                             pages, and has since written the state of kexec 2."
        ),
        "{stdout}"
    );
    let at = format!("{:#x}", first.fdt);
    let (status, stdout, _) = kho_abi(directory.path(), &["guest.raw", "--fdt", &at]);
    assert_eq!(status, Some(1), "{stdout}");
}
