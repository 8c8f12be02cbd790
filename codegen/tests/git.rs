// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Headers are read from a git repository by revision, and nothing else is done with it.

use kho_abi_codegen::generate;
use kho_abi_model::compare;
use kho_abi_read::git::revision::{files_of_rev, read_rev};
use kho_abi_read::source::{Options, SourceError};
use kho_abi_read::truth;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"])
        .args(args)
        .env_remove("GIT_DIR")
        .output()
        .expect("git is installed");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_string()
}

/// A repository with the generated headers, whose last commit renames a field.
fn repository(below: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    for file in generate::render(&truth::current().unwrap()) {
        let path = dir.path().join(below).join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file.text).unwrap();
    }
    fs::write(dir.path().join("other.txt"), "no header").unwrap();
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-q", "-m", "one"]);
    git(dir.path(), &["tag", "-a", "-m", "one", "v1"]);
    let path = dir.path().join(below).join("include/linux/kho/abi/luo.h");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("u64 token;", "u64 ticket;")).unwrap();
    git(dir.path(), &["commit", "-q", "-a", "-m", "two"]);
    dir
}

fn options(dir: &Path) -> Options {
    Options { git_dir: Some(dir.into()), ..Options::default() }
}

#[test]
fn a_revision_is_what_it_was() {
    let dir = repository("");
    let truth = truth::current().unwrap();
    let commit = git(dir.path(), &["rev-parse", "v1^{commit}"]);
    for rev in ["v1", "main~1", &commit, &commit[..10], "v1^{tree}", "v1:"] {
        for at in [dir.path(), &dir.path().join(".git")] {
            let reading = read_rev(rev, &options(at)).unwrap_or_else(|e| panic!("{rev}: {e}"));
            assert_eq!(reading.name, format!("git:{rev}"));
            assert_eq!(compare::differences(&truth, &reading.model), [], "{rev}");
        }
    }
    // Nothing else of the repository is extracted.
    let files = files_of_rev("HEAD", &options(dir.path())).unwrap();
    assert_eq!(files.len(), truth.headers.len());
    let reading = read_rev("HEAD", &options(dir.path())).unwrap();
    let field = reading.model.record("luo_file_ser").unwrap().fields.last().unwrap();
    assert_eq!(field.name, "ticket");
    let place = field.place.as_ref().unwrap();
    assert_eq!(place.file, "HEAD:include/linux/kho/abi/luo.h");
    // git shows exactly that line.
    let text = git(dir.path(), &["show", &place.file]);
    assert!(text.lines().nth(place.line - 1).unwrap().contains("ticket"));
}

#[test]
fn a_directory_of_a_revision_is_named_as_git_names_it() {
    let dir = repository("c-headers");
    let reading = read_rev("HEAD:c-headers", &options(dir.path())).unwrap();
    let place = reading.model.record("luo_ser").unwrap().place.clone().unwrap();
    assert_eq!(place.file, "HEAD:c-headers/include/linux/kho/abi/luo.h");
    git(dir.path(), &["show", &place.file]);
    let all = kho_abi::wire::HEADERS.len();
    for rev in ["HEAD:c-headers/include", "HEAD:c-headers/include/linux/kho/abi"] {
        assert_eq!(files_of_rev(rev, &options(dir.path())).unwrap().len(), all, "{rev}");
    }
    let error = read_rev("HEAD", &options(dir.path())).unwrap_err();
    assert_eq!(error.to_string(), "git:HEAD: it has no headers in include/linux/kho/abi");
}

#[test]
fn what_is_no_revision_is_refused_and_does_nothing() {
    let dir = repository("");
    let made = dir.path().join("made");
    let output = format!("--output={}", made.display());
    for rev in [
        "",
        "-h",
        "--help",
        "--git-dir=/",
        &output,
        "v9",
        "HEAD\n--all",
        "HEAD\0",
        "main..v1",
        "HEAD:nothing",
        "HEAD:other.txt",
        "$(touch made)",
        "`touch made`",
        "; touch made",
        "HEAD^{/",
        "HEAD~4000000000",
        "^HEAD",
        "HEAD@{u}",
    ] {
        let error = read_rev(rev, &options(dir.path())).unwrap_err();
        let SourceError::Git { rev: told, .. } = &error else { panic!("{rev}: {error}") };
        assert_eq!(told, rev);
        assert!(!error.help().is_empty());
    }
    assert!(!made.exists());
    let elsewhere = tempfile::tempdir().unwrap();
    let error = read_rev("HEAD", &options(elsewhere.path())).unwrap_err();
    assert!(error.to_string().contains("not a git repository"), "{error}");
    assert!(error.help().contains("--git-dir"));
    let error = read_rev("HEAD", &options(&elsewhere.path().join("not"))).unwrap_err();
    assert!(matches!(error, SourceError::Git { .. }));
}

/// A header outside of the ABI's directory that has a part of the ABI is extracted, too.
#[test]
fn a_header_beside_the_abi_is_taken_out_too() {
    let dir = repository("");
    fs::write(dir.path().join("include/linux/kexec_handover.h"), "struct x;\n").unwrap();
    fs::write(dir.path().join("include/linux/other.h"), "struct y;\n").unwrap();
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-q", "-m", "three"]);
    let files = files_of_rev("HEAD", &options(dir.path())).unwrap();
    assert!(files.contains_key("include/linux/kexec_handover.h"));
    assert!(!files.contains_key("include/linux/other.h"));
}

/// A link in the repository is neither followed nor left out, and what git lost is reported.
#[test]
fn links_and_losses_are_told() {
    let dir = repository("");
    let path = dir.path().join("include/linux/kho/abi/secret.h");
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-q", "-m", "three"]);
    let error = files_of_rev("HEAD", &options(dir.path())).unwrap_err();
    assert!(error.to_string().contains("secret.h is a link"), "{error}");

    fs::remove_file(&path).unwrap();
    git(dir.path(), &["commit", "-q", "-a", "-m", "four"]);
    let id = git(dir.path(), &["rev-parse", "HEAD:include/linux/kho/abi/luo.h"]);
    fs::remove_file(dir.path().join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    let error = read_rev("HEAD", &options(dir.path())).unwrap_err();
    assert!(error.to_string().contains("luo.h"), "{error}");
}
