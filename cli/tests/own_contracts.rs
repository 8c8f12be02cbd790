// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A contract of one's own, from the first line to the patch for the list, and back.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{after, present, Ran, Scratch};

#[test]
fn new_writes_a_wire_file_and_all_that_names_it() {
    let scratch = Scratch::new("new");
    let ran = scratch.run(&["new", "ring-buffer"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for file in [
        "abi/src/wire/ring_buffer.rs",
        "abi/src/wire/mod.rs",
        "abi/src/wire/versions.rs",
        "c-headers/include/linux/kho/abi/ring_buffer.h",
        "c-headers/kernel/liveupdate/tests/kho_abi_ring_buffer_kunit.c",
        "snapshots/ring-buffer-v1.layout",
    ] {
        assert!(ran.stdout.contains(&format!("{file}\n")), "{file}: {}", ran.stdout);
    }
    for file in
        ran.stdout.lines().filter(|line| Path::new(line).extension().is_some_and(|e| e == "rs"))
    {
        let formatted = scratch.rustfmt(file);
        assert_eq!(formatted.status, Some(0), "{file}: {}", formatted.stdout);
    }
    let draft = scratch.read("snapshots/ring-buffer-v1.layout");
    assert!(draft.contains("status      draft\nroots       ring_buffer_ser\n"), "{draft}");
    // This program was compiled without it, and says so.
    let ran = scratch.run(&["check"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("abi/src/wire/ring_buffer.rs: no list names"), "{ran:?}");
    assert!(ran.stdout.contains("help: compile again, as `cargo run -- check` does"), "{ran:?}");
}

#[test]
fn new_takes_no_name_that_is_taken_or_is_none() {
    let scratch = Scratch::new("new-refused");
    let lists =
        || ["mod.rs", "versions.rs"].map(|file| scratch.read(&format!("abi/src/wire/{file}")));
    let before = lists();
    for (name, why) in [
        ("vfio-pci", "a file already has that name: abi/src/wire/vfio_pci.rs"),
        ("layout", "a file already has that name: abi/src/wire/layout.rs"),
        ("earlier", "a file already has that name: abi/src/wire/earlier"),
        ("luo-session", "a contract already has that name: \"luo-session-v2\" in abi/src/wire/earlier/luo_v1.rs"),
        ("pci-dev", "a struct already has that name: struct pci_dev_ser in abi/src/wire/pci.rs"),
        ("type", "`type` is not a name for a header"),
        ("9lives", "`9lives` is not a name for a header"),
        ("Ring", "`Ring` is not a name for a header"),
        ("../x", "`../x` is not a name for a header"),
    ] {
        let ran = scratch.run(&["new", name]);
        assert_eq!(ran.status, Some(2), "{name}: {ran:?}");
        assert!(ran.stderr.contains(why), "{name}: {ran:?}");
    }
    assert_eq!(lists(), before);
}

/// A wire file that lies there and is in no list is the one finding, and the cause of whatever else.
#[test]
fn a_wire_file_without_a_line_is_found_before_what_follows_from_it() {
    let scratch = Scratch::new("unregistered");
    for (file, list, line) in [
        (
            "abi/src/wire/lock.rs",
            "abi/src/wire/mod.rs",
            "add `pub mod lock;` and `&lock::HEADER` in HEADERS",
        ),
        (
            "abi/src/wire/earlier/lock_v1.rs",
            "abi/src/wire/earlier/mod.rs",
            "add `pub mod lock_v1;` and `&lock_v1::HEADER` in EARLIER",
        ),
    ] {
        scratch.write(file, &scratch.read("abi/src/wire/vfio_pci.rs"));
        // Something that follows from it, or seems to.
        scratch.write("c-headers/include/linux/kho/abi/lock.h", "/* old */\n");
        let ran = scratch.run(&["check"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains(&format!("{file}: no list names this wire file")), "{ran:?}");
        assert!(ran.stdout.contains(&format!("help: {line} to {list}")), "{ran:?}");
        assert!(ran.stdout.ends_with("9 checks, 8 not checked, 1 finding\n"), "{}", ran.stdout);
        fs::remove_file(scratch.path(file)).unwrap();
    }
    let ran = scratch.run(&["check"]);
    assert!(ran.stdout.contains("[header_unowned]"), "{ran:?}");
}

const ABI: &str = "include/linux/kho/abi";

/// A kernel tree with so much in it as a patch looks at.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write("include/linux/types.h", "\n");
        tree.write("MAINTAINERS", MAINTAINERS);
        tree.write("kernel/liveupdate/Makefile", "# SPDX\nobj-y += luo.o\n");
        tree.write("kernel/liveupdate/Kconfig", "menu \"Live update\"\n\nconfig LUO\n\nendmenu\n");
        tree
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    /// Every file with its text.
    fn all(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut open = vec![self.0.path().to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    found.push((path.display().to_string(), text));
                }
            }
        }
        found.sort();
        found
    }

    /// Applies a patch, as `git am` would its files.
    fn apply(&self, patch: &str) {
        let patch_file = tempfile::NamedTempFile::new().unwrap();
        fs::write(patch_file.path(), patch).unwrap();
        let output = Command::new("git")
            .current_dir(self.0.path())
            .env("GIT_CEILING_DIRECTORIES", self.0.path().parent().unwrap())
            .args(["apply", "--whitespace=error-all"])
            .arg(patch_file.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

const MAINTAINERS: &str = "List of maintainers\n\nLIVE UPDATE\nM:\tA <a@example.org>\n\
                           F:\tinclude/linux/kho/abi/\nF:\tkernel/liveupdate/\n\n\
                           VFIO DRIVER\nF:\tdrivers/vfio/\nF:\tinclude/linux/vfio.h\n";

/// Runs the program of this build in the copy, as somebody whom git knows.
fn patch(scratch: &Scratch, args: &[&str]) -> Ran {
    let mut command = scratch.command(&[&["kernel-patch"], args].concat());
    command.env("GIT_AUTHOR_NAME", "Ann Author").env("GIT_AUTHOR_EMAIL", "ann@example.org");
    Ran::of(&command.output().unwrap())
}

#[test]
fn a_patch_brings_a_header_to_a_tree_that_is_not_touched() {
    let scratch = Scratch::new("kernel-patch");
    let tree = Tree::new();
    let before = tree.all();
    let vfio_pci = &present("vfio-pci");
    let ran = patch(&scratch, &[vfio_pci, "--tree", tree.path(), "--maintainers", "VFIO DRIVER"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(tree.all(), before);
    let text = &ran.stdout;
    assert!(text.starts_with("From 0000000000000000000000000000000000000000 "), "{text}");
    for line in [
        "\nFrom: Ann Author <ann@example.org>\n",
        "\nSubject: [PATCH] kho: abi: Add vfio_pci.h\n\nDefine what ",
        "\nSigned-off-by: Ann Author <ann@example.org>\n---\n",
        " create mode 100644 include/linux/kho/abi/vfio_pci.h\n",
        "\n+F:\tinclude/linux/kho/abi/vfio_pci.h\n F:\tinclude/linux/vfio.h\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(text.matches("Signed-off-by:").count(), 1);
    assert!(text.contains(&format!("\"{vfio_pci}\"")), "{text}");
    assert!(ran.stderr.contains("the tree has no scripts/checkpatch.pl"), "{ran:?}");
    tree.apply(text);
    let header = format!("{ABI}/vfio_pci.h");
    assert_eq!(tree.read(&header), scratch.read(&format!("c-headers/{header}")));
    let ran = patch(&scratch, &[vfio_pci, "--tree", tree.path()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stderr.contains("already has this"), "{ran:?}");

    // A tree that has an older one: the message lists what changes.
    let old = tree.read(&header).replace("\tu16 domain;", "\tu32 domain;");
    let old = old.lines().filter(|line| !line.starts_with("static_assert"));
    let old =
        old.collect::<Vec<_>>().join("\n").replace(&format!("\"{vfio_pci}\""), "\"vfio-pci-v0\"");
    tree.write(&header, &format!("{old}\n"));
    let ran = patch(&scratch, &[vfio_pci, "--tree", tree.path(), "--kunit"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let text = &ran.stdout;
    for line in [
        format!("Subject: [PATCH] kho: abi: vfio_pci: Go from \"vfio-pci-v0\" to \"{vfio_pci}\"\n"),
        " - struct vfio_pci_core_device_ser: field domain was u32, 4 bytes at\n   byte 2, is u16"
            .into(),
        "\n+obj-$(CONFIG_KHO_ABI_KUNIT_TEST) += kho_abi_vfio_pci_kunit.o\n".into(),
        "\n+source \"kernel/liveupdate/tests/Kconfig\"\n".into(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(!text.contains("kho_abi_luo_kunit"), "{text}");
    // "LIVE UPDATE" has a line for each of the new files already.
    assert!(
        ran.stderr.contains("MAINTAINERS already has the new files in \"LIVE UPDATE\""),
        "{ran:?}"
    );
    tree.apply(text);
    // A second suite goes beside the first.
    let memfd = &present("memfd");
    let ran = patch(&scratch, &[memfd, "--tree", tree.path(), "--kunit"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    tree.apply(&ran.stdout);
    let makefile = tree.read("kernel/liveupdate/tests/Makefile");
    assert!(
        makefile.contains("vfio_pci_kunit.o\n") && makefile.contains("memfd_kunit.o\n"),
        "{makefile}"
    );
    assert_eq!(tree.read("kernel/liveupdate/Makefile").matches("tests/").count(), 1);
}

#[test]
fn a_patch_is_signed_off_by_whom_git_knows_and_by_nobody_else() {
    let scratch = Scratch::new("kernel-patch-identity");
    let tree = Tree::new();
    let mut command = scratch.command(&["kernel-patch", &present("memfd"), "--tree", tree.path()]);
    for variable in [
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
        "EMAIL",
    ] {
        command.env_remove(variable);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let ran = Ran::of(&command.output().unwrap());
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("git does not know who signs the patch off"), "{ran:?}");
    let ran = patch(&scratch, &[&present("memfd"), "--tree", "/proc"]);
    assert!(ran.status == Some(2) && ran.stderr.contains("/proc is not a kernel tree"), "{ran:?}");
    let no_section = ["--maintainers", "NO SUCH"];
    let memfd = present("memfd");
    let args = [&[memfd.as_str(), "--tree", tree.path()], &no_section[..]].concat();
    let ran = patch(&scratch, &args);
    assert!(ran.status == Some(2) && ran.stderr.contains("no section \"NO SUCH\""), "{ran:?}");
}

/// What checkpatch says is a finding, and what it is asked about is the patch.
#[test]
fn the_trees_own_checkpatch_sees_the_patch() {
    assert!(
        Command::new("perl").arg("-v").stdout(Stdio::null()).status().is_ok(),
        "perl is needed, as for a kernel's own checks"
    );
    let scratch = Scratch::new("kernel-patch-checkpatch");
    let tree = Tree::new();
    tree.write(
        "scripts/checkpatch.pl",
        "while (<STDIN>) { if (/^\\+.*struct memfd_luo_ser \\{/) { print \"m.h:1: WARNING: seen\\n\"; $bad = 1; } } exit($bad);",
    );
    let ran = patch(&scratch, &[&present("memfd"), "--tree", tree.path()]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("kho-abi:   m.h:1: WARNING: seen\n"), "{ran:?}");
    let ran = patch(&scratch, &[&present("vfio-pci"), "--tree", tree.path()]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

/// The way back: a diff of the wire file that makes the header what it was edited to.
#[test]
fn a_header_that_was_edited_by_hand_is_a_change_of_the_wire_file() {
    let scratch = Scratch::new("kernel-patch-reverse");
    let tree = Tree::new();
    for header in ["vfio_pci", "luo", "block", "kexec_handover", "memfd"] {
        let file = format!("{ABI}/{header}.h");
        tree.write(&file, &scratch.read(&format!("c-headers/{file}")));
    }
    let vfio_pci = &present("vfio-pci");
    scratch.release(vfio_pci);
    let reverse = |contract: &str| patch(&scratch, &[contract, "--tree", tree.path(), "--reverse"]);
    let ran = reverse(vfio_pci);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");

    let header = format!("{ABI}/vfio_pci.h");
    let text = tree.read(&header);
    let lines = text.lines().filter(|line| !line.starts_with("static_assert"));
    let edited = lines.collect::<Vec<_>>().join("\n") + "\n";
    let edited = edited
        .replace("\tu16 domain;", "\tu32 domain;\n\tu8 reset_works;\n\tu8 reserved[5];")
        .replace(
            " */\nstruct vfio_pci_core",
            " * @reset_works: whether it can be reset\n */\nstruct vfio_pci_core",
        )
        .replace(&format!("\"{vfio_pci}\""), &format!("\"{}\"", after(vfio_pci)));
    let edited = format!(
        "{}\n/**\n * struct vfio_more_ser - More of it.\n * @token: a token\n */\nstruct vfio_more_ser {{\n\tu64 token;\n}} __packed;\n\n#define VFIO_PCI_MAX 4\n\n#endif\n",
        edited.rsplit_once("#endif").unwrap().0
    );
    tree.write(&header, &edited);
    let ran = reverse(vfio_pci);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for line in [
        "-    pub domain: u16,\n+    pub domain: u32,\n",
        "+    /// whether it can be reset\n+    pub reset_works: u8,\n",
        "+    pub reserved: [u8; 5],\n",
        "size 12, align 1 {\n",
        "+        6 => reset_works: u8,\n+        7 => reserved: [u8; 5],\n",
        "+pub struct vfio_more_ser {\n",
        "+pub const VFIO_PCI_MAX: u64 = 4;\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains(&format!("= \"{}\";", after(vfio_pci))), "{}", ran.stdout);
    // What says an address, and the documentation of what stays, are as they were.
    assert!(!ran.stdout.contains("-    /// PCI domain"), "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains(&format!("\"{vfio_pci}\" is released, and never changes: run `kho-abi bump")),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("`vfio_more_ser::STRUCT_LAYOUT` to `roots`"), "{ran:?}");
    // It is a patch of the wire file.
    let wire = "abi/src/wire/vfio_pci.rs";
    let copy = Tree::new();
    copy.write(wire, &scratch.read(wire));
    copy.apply(&ran.stdout);
    assert!(copy.read(wire).contains("pub reset_works: u8,"));

    // What cannot be put into the file is said.
    let memfd = &present("memfd");
    let header = format!("{ABI}/memfd.h");
    let text = tree.read(&header);
    let lines = text.lines().filter(|line| !line.starts_with("static_assert"));
    tree.write(
        &header,
        &(lines.collect::<Vec<_>>().join("\n") + "\n").replace("flags:12", "flags:10"),
    );
    let ran = reverse(memfd);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(
        ran.stderr
            .contains("to do by hand: struct memfd_luo_folio_ser differs, and has bit-fields"),
        "{ran:?}"
    );
    assert!(Path::new(tree.path()).is_dir());
}
