// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A real Linux 7.3 tree accepts the generated headers, with its compilers' flags, its Kbuild and
//! its checkers.
//!
//! `make check` fetches and prepares the tree, and names it in the environment:
//!
//! - `LINUX_SRC`: the source;
//! - `LINUX_BUILD`: a build directory of it for this machine, prepared to compile modules;
//! - `LINUX_HEADERS_ARM64`, `LINUX_HEADERS_RISCV`, `LINUX_HEADERS_S390`: build directories with the
//!   generated headers of other machines.

mod bindgen_reader;
#[allow(dead_code)] // Each test uses another part of it.
mod c;
mod linux;

use bindgen_reader::Options;
use c::{assertions, checkout, include, COMPILERS};
use kho_abi_codegen::generate;
use kho_abi_model::{compare, Field, Model, Record, Type};
use kho_abi_read::truth;
use linux::directory;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// This machine, as the kernel names the directory of its architecture.
const HOST: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86" };

/// Every machine whose headers are read: the kernel's name, the triple, the variable.
const MACHINES: &[(&str, &str, &str)] = &[
    ("x86", "x86_64-unknown-linux-gnu", "LINUX_HEADERS_X86"),
    ("arm64", "aarch64-unknown-linux-gnu", "LINUX_HEADERS_ARM64"),
    ("riscv", "riscv64-unknown-linux-gnu", "LINUX_HEADERS_RISCV"),
    ("s390", "s390x-unknown-linux-gnu", "LINUX_HEADERS_S390"),
];

fn truth() -> Model {
    truth::current().expect("the truth is whole")
}

fn source() -> PathBuf {
    directory("LINUX_SRC")
}

fn our_headers() -> PathBuf {
    checkout("c-headers/include").canonicalize().expect("the headers are generated")
}

/// The kernel's compiler flags about its own headers, which are not tested here.
fn kernel_flags(build: &Path, arch: &str) -> Vec<String> {
    let source = source();
    let (headers, generated) = (format!("arch/{arch}/include"), "include/generated");
    let system = [
        source.join(&headers),
        build.join(&headers).join("generated"),
        source.join("include"),
        build.join("include"),
        source.join(&headers).join("uapi"),
        build.join(&headers).join("generated/uapi"),
        source.join("include/uapi"),
        build.join(generated).join("uapi"),
    ];
    let first = ["compiler-version.h", "kconfig.h", "compiler_types.h"];
    let mut flags: Vec<String> =
        ["-nostdinc", "-D__KERNEL__", "-std=gnu11", "-fms-extensions", "-fshort-wchar"]
            .map(Into::into)
            .into();
    flags.push(include(&our_headers()));
    for dir in system {
        flags.extend(["-isystem".into(), dir.display().to_string()]);
    }
    for name in first {
        let path = source.join("include/linux").join(name);
        flags.extend(["-include".into(), path.display().to_string()]);
    }
    flags
}

fn said(out: &Output) -> String {
    let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn both_compilers_take_the_headers_with_the_kernels_own() {
    let mut flags = kernel_flags(&directory("LINUX_BUILD"), HOST);
    flags.extend(["-Wall", "-Wextra", "-Werror", "-ffreestanding"].map(Into::into));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let right = assertions(&truth());
    let wrong = right.replacen("sizeof", "1 + sizeof", 1);
    // The kernel's own types, and not those of a stand-in.
    let kernel = "#ifndef __LINUX_COMPILER_TYPES_H\n# error these are stand-ins\n#endif\n";
    let kernel = format!("{kernel}#include <linux/kho/abi/kexec_handover.h>\n");
    for compiler in COMPILERS {
        if let Err(said) = compiler.compile(dir.path(), &format!("{kernel}{right}"), &flags) {
            panic!("{} refuses the headers:\n{said}", compiler.name);
        }
        let said = compiler
            .compile(dir.path(), &wrong, &flags)
            .expect_err("the compiler looks at the assertions");
        assert!(said.contains("static assertion failed"), "{}: {said}", compiler.name);
    }
}

/// Compiles C text as an object outside the tree, by the tree's own Kbuild.
fn kbuild(text: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let headers = our_headers();
    // Our headers come first: later kernels have headers of the same names.
    let kbuild = format!(
        "# SPDX-License-Identifier: GPL-2.0-only OR MIT\nobj-m := layout.o\n\
         LINUXINCLUDE := -I{} $(LINUXINCLUDE)\nccflags-y := -Werror\n",
        headers.display()
    );
    fs::write(dir.path().join("Kbuild"), kbuild).expect("the directory is ours");
    fs::write(dir.path().join("layout.c"), text).expect("the directory is ours");
    let out = linux::kbuild(dir.path(), ["layout.o"]);
    let said = said(&out);
    if out.status.success() {
        assert!(dir.path().join("layout.o").is_file(), "no object: {said}");
        // Kbuild records the inputs of the object.
        let made_from =
            fs::read_to_string(dir.path().join(".layout.o.cmd")).expect("Kbuild writes it");
        for header in truth().headers {
            let header = headers.join(header.include_path()).display().to_string();
            assert!(made_from.contains(&header), "{header} is not what was compiled: {made_from}");
        }
    }
    (out.status.success(), said)
}

/// What a C user of the vfio-pci header relies on, written by hand and not derived from the truth.
const VFIO_PCI: &str = "\
#include <linux/build_bug.h>
#include <linux/kho/abi/vfio_pci.h>

static_assert(sizeof(struct vfio_pci_core_device_ser) == 4);
static_assert(offsetof(struct vfio_pci_core_device_ser, bdf) == 0);
static_assert(offsetof(struct vfio_pci_core_device_ser, domain) == 2);
static_assert(sizeof(VFIO_PCI_LUO_FH_COMPATIBLE) <= 48);
";

#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn kbuild_compiles_a_user_of_the_header() {
    let (compiles, said) = kbuild(&format!("{VFIO_PCI}{}", assertions(&truth())));
    assert!(compiles, "{said}");
}

#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn kbuild_refuses_a_user_who_expects_another_layout() {
    for (right, wrong) in [("ser) == 4", "ser) == 8"), ("domain) == 2", "domain) == 4")] {
        let text = VFIO_PCI.replace(right, wrong);
        assert_ne!(text, VFIO_PCI);
        let (compiles, said) = kbuild(&text);
        assert!(!compiles, "{wrong} compiles: {said}");
        assert!(said.contains("static assertion failed"), "{said}");
        assert!(said.contains(wrong), "{said}");
    }
}

#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn libclang_reads_the_headers_with_the_kernels_own_as_the_truth() {
    for (arch, triple, variable) in MACHINES {
        let mut truth = truth();
        let build = directory(if *arch == HOST { "LINUX_BUILD" } else { variable });
        if *arch != HOST {
            // For another machine, the tree has the files that need no compiler for it. The rest is
            // read for it with the stand-ins: see `kernel_headers.rs` and `page_sizes.rs`.
            let base = ["linux/compiler.h", "linux/types.h"];
            truth.headers.retain(|h| h.includes.iter().all(|i| base.contains(&i.as_str())));
        }
        assert!(!truth.headers.is_empty(), "{triple}: nothing is read");
        let paths: Vec<_> =
            truth.headers.iter().map(|header| our_headers().join(header.include_path())).collect();
        let read = bindgen_reader::read(
            &paths,
            &Options { triple, clang_args: &kernel_flags(&build, arch) },
        )
        .unwrap_or_else(|error| panic!("{triple}: {error}"));
        let found = compare::differences(&truth, &read);
        assert!(found.is_empty(), "{triple}: {found:?}");
    }
}

/// Runs one of the tree's own checkers on a header. `Ok` means no output.
fn checked(script: &str, args: &[&str], path: &Path) -> Result<(), String> {
    let out = Command::new(source().join("scripts").join(script))
        .args(args)
        .arg(path)
        .current_dir(source())
        // Python would write its cache into the source.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("scripts/{script}: {error}\n  help: install perl, python3"));
    let said = said(&out);
    if out.status.success() && said.trim().is_empty() {
        return Ok(());
    }
    Err(said)
}

fn kernel_doc(path: &Path) -> Result<(), String> {
    checked("kernel-doc", &["-none", "-Wall", "-Werror"], path)
}

fn checkpatch(path: &Path) -> Result<(), String> {
    checked("checkpatch.pl", &["--strict", "--no-tree", "--no-summary", "--quiet", "-f"], path)
}

#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn the_kernels_checkers_say_nothing() {
    for header in truth().headers {
        let path = our_headers().join(header.include_path());
        for (script, check) in [
            ("kernel-doc", kernel_doc as fn(&Path) -> Result<(), String>),
            ("checkpatch.pl", checkpatch),
        ] {
            if let Err(said) = check(&path) {
                panic!("scripts/{script} about {}:\n{said}", path.display());
            }
        }
    }
    let tests = generate::render_unit_tests(&truth());
    assert!(tests.len() > truth().headers.len(), "{} files of unit tests", tests.len());
    for generated in tests {
        let path = checkout("c-headers").join(&generated.path).canonicalize().unwrap();
        if let Err(said) = kernel_doc(&path).and_then(|()| checkpatch(&path)) {
            panic!("about {}:\n{said}", path.display());
        }
    }
}

/// Kbuild makes modules of the unit tests, by their own Makefile, without a warning.
#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn kbuild_compiles_the_unit_tests_without_a_warning() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut objects = Vec::new();
    for generated in generate::render_unit_tests(&truth()) {
        let name = generated.path.file_name().expect("a file").to_str().expect("UTF-8");
        let text = if name == "Makefile" {
            let headers = our_headers();
            format!("LINUXINCLUDE := -I{} $(LINUXINCLUDE)\n{}", headers.display(), generated.text)
        } else {
            generated.text
        };
        fs::write(dir.path().join(name), text).expect("the directory is ours");
        objects.extend(name.strip_suffix(".c").map(|name| format!("{name}.o")));
    }
    let out = linux::kbuild_unit_tests(dir.path(), &objects);
    let said = said(&out);
    assert!(out.status.success(), "{said}");
    for object in objects {
        assert!(dir.path().join(&object).is_file(), "no {object}: {said}");
    }
}

/// Silence is meaningful: each checker reports what it is meant to find.
#[test]
#[ignore = "needs a Linux 7.3 tree: run make check"]
fn the_kernels_checkers_speak_of_a_bad_header() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (header, generated) in truth().headers.iter().zip(generate::render(&truth())) {
        let path = dir.path().join(format!("{}.h", header.name));
        // kernel-doc cannot see a member that a macro declares, and does not read the comments of
        // such a struct.
        let described = |record: &&Record| {
            !record.fields.iter().any(|field| matches!(field.ty, Type::KhoserPtr { .. }))
        };
        let mut fields = header.records().filter(described).flat_map(|record| &record.fields);
        // A plain member: its declaration ends with its name.
        let plain = |field: &&Field| !field.bit_field && !matches!(field.ty, Type::Array { .. });
        let Some(field) = fields.find(plain) else { continue };
        let text = generated.text.replace(&format!("@{}:", field.name), "@other:");
        fs::write(&path, text).expect("the directory is ours");
        let said = kernel_doc(&path).expect_err("a member is not described");
        assert!(said.contains(&field.name), "{said}");

        let text =
            generated.text.replace(&format!(" {};", field.name), &format!("  {} ;", field.name));
        fs::write(&path, text).expect("the directory is ours");
        let said = checkpatch(&path).expect_err("a space is too many");
        assert!(said.contains("semicolon"), "{said}");
    }
}
