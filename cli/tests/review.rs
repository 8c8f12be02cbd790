// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `diff`, `review`, `log` and `preflight` as people and scripts run them: output and exit status.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use support::Ran;

/// A git repository with a header, and a directory for other files.
struct Place {
    dir: tempfile::TempDir,
}

const HEADER: &str = "include/linux/kho/abi/port.h";

fn port(version: u32, fields: &str) -> String {
    format!(
        "/* SPDX-License-Identifier: GPL-2.0 */\n#ifndef _LINUX_KHO_ABI_PORT_H\n\
         #define _LINUX_KHO_ABI_PORT_H\n\n#include <linux/types.h>\n\n\
         #define PORT_LUO_FH_COMPATIBLE \"port-v{version}\"\n\n\
         /* What is kept of a port,\n * in the order of the wire,\n * without padding.\n */\n\
         struct port_ser {{\n{fields}}} __packed;\n\n#endif /* _LINUX_KHO_ABI_PORT_H */\n"
    )
}

const V1: &str = "\tu16 lane;\n\tu16 speed;\n";
const GROWN: &str = "\tu16 lane;\n\tu16 speed;\n\tu8 reset_works;\n";

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.git(&["init", "--quiet", "--initial-branch=main"]);
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.dir.path())
            .args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"])
            .args(["-c", "commit.gpgSign=false", "-c", "init.defaultBranch=main"])
            .args(args)
            .envs(
                ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"]
                    .map(|name| (name, "2026-01-02T03:04:05Z")),
            )
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.dir.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, subject: &str, header: &str) {
        self.write(HEADER, header);
        self.git(&["add", HEADER]);
        self.git(&["commit", "--quiet", "-m", subject]);
    }

    fn run(&self, args: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
            .current_dir(self.dir.path())
            .args(args)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        Ran::of(&output)
    }

    /// A mail with the last commit.
    fn mail(&self) -> String {
        self.git(&["format-patch", "--stdout", "-1"])
    }
}

#[test]
fn diff_tells_a_missing_bump_and_a_bump() {
    let place = Place::new();
    place.write("old/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("kept/include/linux/kho/abi/port.h", &port(1, GROWN));
    place.write("bumped/include/linux/kho/abi/port.h", &port(2, GROWN));
    let ran = place.run(&["diff", "old", "kept"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.stdout);
    let ran = place.run(&["diff", "old", "bumped"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("port-v1 -> port-v2  changed and bumped"), "{ran:?}");
    let ran = place.run(&["diff", "old", "kept", "--unmerged"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let ran = place.run(&["diff", "old", "kept", "--released", "bumped"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let ran = place.run(&["diff", "old", "kept", "--explain"]);
    assert!(ran.stdout.contains("\nfield_added: ") && ran.stdout.contains("Why:"), "{ran:?}");
    let ran = place.run(&["diff", "old", "kept", "--explain", "--terse"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    let refused = "--explain is for a report as text, not as terse\n";
    assert!(ran.stderr.contains(refused), "{ran:?}");
    let ran = place.run(&["diff", "old", "kept", "-o", "report.txt"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
    assert!(!fs::read_to_string(place.path("report.txt")).unwrap().contains('\u{1b}'));
}

#[test]
fn diff_prints_a_line_for_each_finding_with_its_place_first() {
    let place = Place::new();
    place.write("old/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("new/include/linux/kho/abi/port.h", &port(1, GROWN));
    let ran = place.run(&["diff", "old", "new", "--terse"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() >= 2, "{ran:?}");
    for line in lines {
        let rest = line.strip_prefix("new/include/linux/kho/abi/port.h:").expect(line);
        let (number, rest) = rest.split_once(": finding: ").expect(line);
        assert!(number.parse::<u32>().is_ok() && rest.ends_with(']'), "{line}");
    }
    assert_eq!(place.run(&["diff", "old", "new", "--format", "terse"]).stdout, ran.stdout);
    assert_eq!(place.run(&["diff", "old", "old", "--terse"]).stdout, "");
    assert_eq!(place.run(&["diff", "old", "new", "--terse", "--format", "json"]).status, Some(2));
}

#[test]
fn one_run_writes_several_reports() {
    let place = Place::new();
    place.write("old/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("new/include/linux/kho/abi/port.h", &port(1, GROWN));
    let both = ["--report", "sarif=a.sarif", "--report", "junit=b.xml"];
    let ran = place.run(&[&["diff", "old", "new"][..], &both].concat());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("port-v1  bump missing"), "{ran:?}");
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(place.run(&["diff", "old", "new", "--format", "sarif"]).stdout, read("a.sarif"));
    assert_eq!(place.run(&["diff", "old", "new", "--format", "junit"]).stdout, read("b.xml"));
    for (wrong, why) in [
        ("sarf=x", "did you mean sarif?"),
        ("sarif", "FORMAT=FILE"),
        ("sarif=", "no name"),
        ("sarif=-", "standard output"),
    ] {
        let ran = place.run(&["diff", "old", "new", "--report", wrong]);
        assert!(ran.status == Some(2) && ran.stderr.contains(why), "{ran:?}");
    }
    for same in [["-o", "x", "--report", "json=x"], ["--report", "json=x", "--report", "sarif=x"]] {
        let ran = place.run(&[&["diff", "old", "new"][..], &same].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("two reports would go to one file: x"), "{ran:?}");
        assert!(!place.path("x").exists());
    }
}

/// Forges look for a file from the root of the repository, wherever the command ran.
#[test]
fn forges_get_paths_from_the_root_of_the_repository() {
    let place = Place::new();
    place.write("deep/old/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("deep/new/include/linux/kho/abi/port.h", &port(1, GROWN));
    let new = "deep/new/include/linux/kho/abi/port.h";
    let absolute = place.path("deep/new").canonicalize().unwrap();
    for (dir, old, after) in [
        (".", "deep/old", "./deep/new"),
        ("deep", "old", "new"),
        ("deep/old", ".", "../new"),
        ("deep/old", ".", absolute.to_str().unwrap()),
    ] {
        let run = |format: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
            command.current_dir(place.path(dir)).args(["diff", old, after, "--format", format]);
            Ran::of(&command.output().unwrap()).stdout
        };
        let sarif: serde_json::Value = serde_json::from_str(&run("sarif")).unwrap();
        let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        let expected = serde_json::json!({ "uri": new, "uriBaseId": "%SRCROOT%" });
        assert_eq!(location["artifactLocation"], expected, "in {dir}");
        assert!(run("github").starts_with(&format!("::error file={new},line=")), "in {dir}");
    }
}

#[test]
fn diff_allows_what_a_reviewed_file_names_until_it_expires() {
    let place = Place::new();
    place.write("old/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("new/include/linux/kho/abi/port.h", &port(1, GROWN));
    let entry = |expires: &str| {
        format!(
            "[[allow]]\nrule = \"field_added\"\nitem = \"port_ser.reset_works\"\n\
             reason = \"nobody shipped it\"\nexpires = \"{expires}\"\n"
        )
    };
    place.write("allow.toml", &entry("9999-12-31"));
    let ran = place.run(&["diff", "old", "new", "--allow", "allow.toml"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("changed as allowed"), "{ran:?}");
    place.write("allow.toml", &entry("2020-01-01"));
    let ran = place.run(&["diff", "old", "new", "--allow", "allow.toml"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("allow.toml:1: finding: the allowance of field_added"), "{ran:?}");
    place.write("allow.toml", &entry("9999-12-31"));
    let ran = place.run(&["diff", "old", "old", "--allow", "allow.toml"]);
    assert!(ran.status == Some(1) && ran.stdout.contains("[allowance_stale]"), "{ran:?}");
    place.write("allow.toml", "allow = 1\n");
    let ran = place.run(&["diff", "old", "new", "--allow", "allow.toml"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("allow.toml:1: ") && ran.stderr.contains("help: "), "{ran:?}");
}

/// Demonstrates a mail with such a change, with and without a tree.
#[test]
fn a_mail_is_reviewed_with_a_tree_and_without() {
    let place = Place::new();
    place.commit("port: start", &port(1, V1));
    place.commit("port: remember whether reset works", &port(1, GROWN));
    place.write("change.patch", &place.mail());
    let ran = place.run(&["review", "change.patch", "--base", "git:HEAD~1"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    insta::assert_snapshot!("with_a_tree", ran.stdout);
    let ran = place.run(&["review", "change.patch"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("unknown"), "{ran:?}");
    insta::assert_snapshot!("without_a_tree", ran.stdout);
    // The tree that has the change already is not a base for it: the report says so, and covers
    // what can be read.
    let ran = place.run(&["review", "change.patch", "--base", "git:HEAD"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("[patch_does_not_apply]"), "{ran:?}");
    // The form in which a mail reader may save it.
    let head = "From: a@example.org\nSubject: [PATCH] x\nMIME-Version: 1.0\n";
    let (_, body) =
        place.mail().split_once("\n\n").map(|(a, b)| (a.to_string(), b.to_string())).unwrap();
    let quoted = body.replace('=', "=3D").replace("\tu8 reset", "=09u8 re=\nset");
    let mail = format!(
        "{head}Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n{quoted}"
    );
    place.write("quoted.eml", &mail);
    let stuffed: String = body
        .lines()
        .map(|line| match line.as_bytes().first() {
            Some(b' ' | b'>') => format!(" {line}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    place.write(
        "flowed.eml",
        &format!("{head}Content-Type: text/plain; format=flowed\n\n{stuffed}"),
    );
    for mail in ["quoted.eml", "flowed.eml"] {
        let ran = place.run(&["review", mail, "--base", "git:HEAD~1", "--format", "mail"]);
        assert_eq!(ran.status, Some(1), "{mail}: {ran:?}");
        let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = "field `reset_works` is new: u8, 1 byte at byte 4";
        assert!(words.contains(found), "{mail}: {ran:?}");
    }
}

#[test]
fn a_series_may_change_what_it_brings_and_nothing_else() {
    let place = Place::new();
    place.write("README", "a tree\n");
    place.write(
        "include/linux/kho/abi/other.h",
        &port(1, V1).replace("PORT", "OTHER").replace("port", "other"),
    );
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "-m", "base"]);
    place.commit("port: start", &port(1, V1));
    place.commit("port: more", &port(1, GROWN));
    let series = place.git(&["format-patch", "--stdout", "HEAD~2"]);
    place.write("series.mbox", &series);
    let ran = place.run(&["review", "series.mbox", "--base", "git:HEAD~2"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("port-v1  changed before its release"), "{ran:?}");
    let ran = place.run(&["review", "HEAD~2..HEAD"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    // Without a base as well: the first patch shows that the string is new.
    let ran = place.run(&["review", "series.mbox"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    // Against a base that has the string, the second patch is a missing bump.
    let ran = place.run(&["review", "HEAD~1..HEAD"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    // A later patch that bumps fixes an earlier one.
    place.commit("port: bump", &port(2, GROWN));
    let ran = place.run(&["review", "HEAD~2..HEAD"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("help: change both in one patch"), "{ran:?}");
    // A reply to a commit names who wrote it, and quotes its lines.
    let ran = place.run(&["review", "HEAD~2..HEAD~1", "--format", "mail"]);
    let wrote =
        "On Fri, 2 Jan 2026 03:04:05 +0000, Somebody <somebody@example.org> wrote: > port: more ";
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.starts_with(wrote), "{ran:?}");
    assert!(ran.stdout.contains("> +\tu8 reset_works;\n"), "{ran:?}");
    // What only the reviewer can do is not in the reply.
    place.write("more.patch", &place.git(&["format-patch", "--stdout", "-1", "HEAD~1"]));
    let ran = place.run(&["review", "more.patch", "--format", "mail"]);
    assert!(ran.stderr.contains("no base given") && !ran.stdout.contains("base"), "{ran:?}");
}

#[test]
fn a_struct_that_a_patch_shows_in_part_is_said_to_be() {
    let place = Place::new();
    let mut fields: String =
        (0..12).fold(String::new(), |all, n| format!("{all}\tu16 field{n};\n"));
    place.commit("port: start", &port(1, &fields));
    fields = fields.replace("\tu16 field6;\n", "\tu16 field6;\n\tu32 late;\n");
    place.commit("port: more", &port(1, &fields));
    place.write("part.patch", &place.mail());
    let ran = place.run(&["review", "part.patch"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("`u32 late` is new"), "{ran:?}");
    assert!(
        ran.stdout
            .contains("struct port_ser is only partly shown: its size and its offsets are unknown"),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains("at byte"), "an offset that nobody knows: {ran:?}");
}

#[test]
fn a_struct_that_embeds_what_the_patch_does_not_show_is_judged_by_its_text() {
    let place = Place::new();
    let with = |fields: &str| {
        port(1, fields).replace("port_ser {", "port_ser {\n\tstruct elsewhere_ser other;")
    };
    place.commit("port: start", &with("\tu16 lane;\n"));
    place.commit("port: more", &with("\tu16 lane;\n\tu8 reset_works;\n"));
    place.write("embeds.patch", &place.mail());
    let ran = place.run(&["review", "embeds.patch"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("`u8 reset_works` is new"), "{ran:?}");
    assert!(ran.stdout.contains("the patch lacks what it needs"), "{ran:?}");
}

/// The hook in the README, exactly as it is there.
#[test]
fn the_hook_keeps_a_missing_bump_from_being_committed() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let begin = readme.find("```sh\n#!/bin/sh\n").expect("the README has a hook") + "```sh\n".len();
    let hook = &readme[begin..begin + readme[begin..].find("```").unwrap()];
    assert!(hook.lines().count() <= 5, "{hook}");

    let place = Place::new();
    place.write(".git/hooks/pre-commit", hook);
    let hook = place.path(".git/hooks/pre-commit");
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_kho-abi"));
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let commit = |subject: &str, header: &str| {
        place.write(HEADER, header);
        place.git(&["add", HEADER]);
        Command::new("git")
            .current_dir(place.dir.path())
            .args(["-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "-m", subject])
            .env("PATH", &path)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(commit("start", &port(1, V1)));
    assert!(!commit("more", &port(1, GROWN)));
    assert!(commit("bump", &port(2, GROWN)));
}

#[test]
fn log_tells_the_life_of_a_contract() {
    let place = Place::new();
    place.commit("port: start", &port(1, V1));
    place.commit("port: a word", &port(1, V1).replace("without padding", "with no padding"));
    place.commit("port: more", &port(1, GROWN));
    place.commit("port: bump", &port(2, "\tu32 lane;\n"));
    let cold = place.run(&["log", "port-v1"]);
    assert_eq!(cold.status, Some(1), "{cold:?}");
    let subjects: Vec<_> = cold
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_once("2026-01-02 ").unwrap().1)
        .collect();
    assert_eq!(subjects, ["port: start", "port: more", "port: bump"]);
    assert!(cold.stdout.contains("port-v1  bump missing"), "{cold:?}");
    assert!(cold.stdout.contains("port-v1 -> port-v2  changed and bumped"), "{cold:?}");
    // From the cache, by header and by macro, it is the same; another contract has no life.
    for of in ["port", HEADER, "PORT_LUO_FH_COMPATIBLE"] {
        assert_eq!(place.run(&["log", of]).stdout, cold.stdout, "{of}");
    }
    for (word, help) in [("prot-v1", "did you mean port-v1?"), ("por.h", "did you mean port.h?")] {
        let ran = place.run(&["log", word]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(help), "{ran:?}");
    }
    let ran = place.run(&["log", "--rev", "nowhere"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("no such revision"), "{ran:?}");
    // A damaged cache is ignored.
    for cache in fs::read_dir(place.path("cache/kho-abi")).unwrap() {
        fs::write(cache.unwrap().path(), b"{\"key\":\xff\n").unwrap();
    }
    assert_eq!(place.run(&["log", "port-v1"]).stdout, cold.stdout);
}

#[test]
fn log_sees_what_headers_use_of_other_headers() {
    let place = Place::new();
    let commit = |subject: &str, files: &[(&str, &str)]| {
        for (path, text) in files {
            place.write(path, text);
        }
        place.git(&["add", "include"]);
        place.git(&["commit", "--quiet", "-m", subject]);
    };
    let (lanes, numbers) = ("include/linux/lanes.h", "include/uapi/linux/numbers.h");
    let header = port(1, "\tu16 lane[PORT_LANES];\n").replace("types.h>", "port.h>");
    place.write(HEADER, &header);
    let includes = "#include <uapi/linux/numbers.h>\n";
    let port = ("include/linux/port.h", "#include <linux/lanes.h>\n#include <linux/types.h>\n");
    commit("start", &[port, (lanes, "#define PORT_LANES 4\n"), (numbers, "#define A 1\n")]);
    commit("lanes: a word", &[(lanes, "/* A word. */\n#define PORT_LANES 4\n")]);
    commit("lanes: no use of it", &[(lanes, "#define PORT_LANES 4\n#define B 1\n")]);
    commit("lanes: more", &[(lanes, "#define PORT_LANES 8\n")]);
    // The history of the headers' own directory does not show where this is from now.
    commit("moved", &[(lanes, includes), (numbers, "#define PORT_LANES 8\n")]);
    commit("numbers: more", &[(numbers, "#define PORT_LANES (4 * 4)\n")]);
    commit("moved back", &[(lanes, "#define PORT_LANES 16\n"), (numbers, "#define A 1\n")]);
    commit("numbers: no use of it", &[(numbers, "#define A 2\n")]);

    let cold = place.run(&["log", "--no-cache"]);
    assert_eq!(cold.status, Some(1), "{cold:?}");
    let titles = cold.stdout.lines().filter(|line| !line.starts_with(' '));
    let subjects: Vec<_> = titles.map(|line| line.split_once("2026-01-02 ").unwrap().1).collect();
    assert_eq!(subjects, ["start", "lanes: more", "numbers: more"], "{cold:?}");
    assert_eq!(cold.stdout.matches("[array_resized]").count(), 2, "{cold:?}");
    for of in [&["log"][..], &["log"], &["log", "port-v1"], &["log", "port.h"]] {
        assert_eq!(place.run(of).stdout, cold.stdout, "{of:?}");
    }
    // Another commit, of which nothing is kept yet.
    commit("lanes: fewer", &[(lanes, "#define PORT_LANES 2\n")]);
    let warm = place.run(&["log"]);
    assert!(warm.stdout.starts_with(&cold.stdout), "{warm:?}");
    assert_eq!(warm.stdout.matches("[array_resized]").count(), 3, "{warm:?}");
    assert_eq!(place.run(&["log", "--no-cache"]).stdout, warm.stdout);
    // Neither a run inside the tree nor a shallow clone leaves less behind than there is.
    fs::remove_dir_all(place.path("cache")).unwrap();
    let inside = place.run(&["log", "--git-dir", "include"]);
    assert_eq!(inside.stdout, warm.stdout);
    fs::remove_dir_all(place.path("cache")).unwrap();
    let from = format!("file://{}", place.dir.path().display());
    place.git(&["clone", "--quiet", "--depth=1", &from, "clone"]);
    assert!(place.run(&["log", "--git-dir", "clone"]).stdout.contains("[history_cut]"));
    place.git(&["-C", "clone", "fetch", "--quiet", "--unshallow"]);
    assert_eq!(place.run(&["log", "--git-dir", "clone"]).stdout, warm.stdout);
    // A header that has become too long to read.
    let long = format!("#define PORT_LANES 2\n{}", "/* A word. */\n".repeat(100_000));
    commit("lanes: long", &[(lanes, &long)]);
    let ran = place.run(&["log"]);
    assert!(ran.stdout.starts_with(&warm.stdout), "{ran:?}");
    let unknown = "unknown whether something in linux/lanes.h changed: ";
    assert_eq!(ran.stdout.matches(unknown).count(), 1, "{ran:?}");
    assert!(ran.stdout.contains("it is longer than 1 MiB"), "{ran:?}");
    assert_eq!(place.run(&["log"]).stdout, ran.stdout, "from the cache");
}

/// A partial clone has the names of headers whose contents it lacks.
#[test]
fn a_header_that_git_lacks_is_unknown_until_it_is_fetched() {
    let place = Place::new();
    let lanes = "include/linux/lanes.h";
    let header = port(1, "\tu16 lane[PORT_LANES];\n").replace("types.h>", "lanes.h>");
    for (subject, number) in [("start", 4), ("more", 8)] {
        place.write(HEADER, &header);
        place.write(lanes, &format!("#include <linux/types.h>\n#define PORT_LANES {number}\n"));
        place.git(&["add", "include"]);
        place.git(&["commit", "--quiet", "-m", subject]);
    }
    let whole = place.run(&["log", "--no-cache"]);
    assert_eq!(whole.stdout.matches("[array_resized]").count(), 1, "{whole:?}");
    place.git(&["config", "uploadpack.allowFilter", "true"]);
    let from = format!("file://{}", place.dir.path().display());
    place.git(&["clone", "--quiet", "--no-checkout", "--filter=blob:none", &from, "part"]);
    // The ABI header alone.
    place.git(&["-C", "part", "checkout", "--quiet", "HEAD", "--", HEADER]);
    let diff = ["diff", "git:HEAD~1", "git:HEAD", "--git-dir", "part"];
    let log = ["log", "--git-dir", "part"];
    let why = "git does not have its content, so whether it defines PORT_LANES is unknown";
    for of in [&diff[..], &log] {
        let ran = place.run(of);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains(why) && !ran.stdout.contains("[array_resized]"), "{ran:?}");
    }
    place.git(&["-C", "part", "fetch", "--quiet", "--refetch", "--no-filter"]);
    assert_eq!(place.run(&log).stdout, whole.stdout);
    assert_eq!(place.run(&diff).stdout.matches("[array_resized]").count(), 1);
}

/// A range whose commits leave the ABI headers alone, and change the bytes all the same.
#[test]
fn a_range_that_changes_only_other_headers_is_compared() {
    let deep = |last: &str| {
        vec![
            (
                "include/linux/lanes.h",
                "#include <linux/depth.h>\n#define PORT_LANES DEPTH\n".into(),
            ),
            ("include/linux/depth.h", "#include <linux/far.h>\n#define DEPTH (FAR * 2)\n".into()),
            ("include/linux/far.h", format!("#define FAR {last}\n")),
        ]
    };
    let of_enum = |first: &str| {
        vec![("include/linux/lanes.h", format!("enum port_lane {{ {first} PORT_LANES }};\n"))]
    };
    for (old, new, rule) in [
        (deep("2"), deep("4"), "[array_resized]"),
        (deep("2"), deep("(PAGE_SIZE / 1024)"), "[array_resized]"),
        (of_enum("A, B,"), of_enum("A, B, C,"), "[array_resized]"),
    ] {
        let place = Place::new();
        for (subject, files) in [("start", &old), ("more", &new)] {
            for (path, text) in files {
                place.write(path, text);
            }
            let header = port(1, "\tu16 lane[PORT_LANES];\n");
            let includes = "#include <linux/types.h>\n#include <linux/lanes.h>";
            place.write(HEADER, &header.replace("#include <linux/types.h>", includes));
            place.git(&["add", "include"]);
            place.git(&["commit", "--quiet", "-m", subject]);
        }
        for range in ["HEAD", "HEAD~1..HEAD"] {
            let ran = place.run(&["review", range]);
            assert_eq!(ran.status, Some(1), "{ran:?}");
            let is_told = ran.stdout.contains(rule) && ran.stdout.contains("bump missing");
            assert!(is_told && !ran.stdout.contains("does not touch"), "{ran:?}");
        }
        // A commit to a header that nothing uses.
        place.write("include/linux/other.h", "#define OTHER 1\n");
        place.git(&["add", "include"]);
        place.git(&["commit", "--quiet", "-m", "other"]);
        let ran = place.run(&["review", "HEAD"]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("does not touch"), "{ran:?}");
    }
}

/// A number that the readers of headers know has the value of the tree.
#[test]
fn log_sees_another_value_of_a_known_number() {
    let place = Place::new();
    let header = port(1, "\tchar name[LIVEUPDATE_SESSION_NAME_LENGTH];\n")
        .replace("linux/types.h>", "linux/types.h>\n#include <uapi/linux/liveupdate.h>");
    for (subject, length) in [("start", 64), ("less", 32), ("as before", 64)] {
        let text = format!("#define LIVEUPDATE_SESSION_NAME_LENGTH {length}\n");
        place.write("include/uapi/linux/liveupdate.h", &text);
        place.write(HEADER, &header);
        place.git(&["add", "include"]);
        place.git(&["commit", "--quiet", "-m", subject]);
    }
    let ran = place.run(&["log"]);
    assert_eq!(ran.stdout.matches("[array_resized]").count(), 2, "{ran:?}");
    assert_eq!(place.run(&["log"]).stdout, ran.stdout);
}

#[test]
fn log_says_where_the_history_is_cut() {
    let place = Place::new();
    place.commit("port: start", &port(1, V1));
    place.commit("port: bump", &port(2, GROWN));
    assert_eq!(place.run(&["log"]).status, Some(0));
    let from = format!("file://{}", place.dir.path().display());
    place.git(&["clone", "--quiet", "--depth=1", &from, "shallow"]);
    let ran = place.run(&["log", "--git-dir", "shallow"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("[history_cut]") && ran.stdout.contains("--unshallow"), "{ran:?}");
    // If the headers are newer than the cut, nothing is missing.
    let place = Place::new();
    place.write("README", "a tree\n");
    place.git(&["add", "README"]);
    place.git(&["commit", "--quiet", "-m", "first"]);
    place.write("README", "a tree of old\n");
    place.git(&["commit", "--quiet", "-am", "second"]);
    place.commit("port: start", &port(1, V1));
    let from = format!("file://{}", place.dir.path().display());
    place.git(&["clone", "--quiet", "--depth=2", &from, "shallow"]);
    let ran = place.run(&["log", "--git-dir", "shallow"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn log_counts_a_change_once_whatever_merges() {
    let place = Place::new();
    let other = |fields| port(1, fields).replace("PORT", "LANE").replace("port", "lane");
    place.write("include/linux/kho/abi/lane.h", &other(V1));
    place.git(&["add", "."]);
    place.commit("start", &port(1, V1));
    place.git(&["checkout", "--quiet", "-b", "side"]);
    place.commit("port: more", &port(1, GROWN));
    place.git(&["checkout", "--quiet", "main"]);
    place.write("include/linux/kho/abi/lane.h", &other(GROWN));
    place.git(&["commit", "--quiet", "-am", "lane: more"]);
    place.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    let ran = place.run(&["log"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.stdout.matches("bump missing").count(), 2, "{ran:?}");
    let ran = place.run(&["review", "HEAD~2..HEAD", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["findings"], 2, "{ran:?}");
}

#[test]
fn log_finds_a_string_that_comes_back_for_other_bytes() {
    let place = Place::new();
    place.commit("start", &port(1, V1));
    place.commit("bump", &port(2, GROWN));
    place.commit("revert", &port(1, V1));
    assert!(!place.run(&["log"]).stdout.contains("[compatible_reused]"));
    place.commit("again", &port(2, "\tu32 lane;\n"));
    let ran = place.run(&["log"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("\"port-v2\" stood for other bytes until"), "{ran:?}");
    assert_eq!(place.run(&["log"]).stdout, ran.stdout, "from the cache");
}

#[test]
fn log_takes_tags_for_releases() {
    let place = Place::new();
    place.commit("start", &port(1, V1));
    place.commit("more", &port(1, GROWN));
    assert_eq!(place.run(&["log"]).status, Some(1));
    let ran = place.run(&["log", "--released", "v*"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    place.git(&["tag", "v1"]);
    place.commit("less", &port(1, V1));
    let ran = place.run(&["log", "--released", "v*"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.stdout.matches("bump missing").count(), 1, "{ran:?}");
}

#[test]
fn revisions_and_trees_without_headers() {
    let place = Place::new();
    place.write("kernel/kho.c", "/* code */\n");
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "-m", "first"]);
    place.write("before/kernel/kho.c", "/* code */\n");
    place.commit("port: start", &port(1, V1));
    place.write("start.patch", &place.mail());
    place.write("start/include/linux/kho/abi/port.h", &port(1, V1));
    for args in [
        &["review", "start.patch", "--base", "before"][..],
        &["review", "start.patch", "--base", "git:HEAD~1"],
        &["review", "git:HEAD"],
        &["review", "git:HEAD~1..git:HEAD"],
        &["diff", "before", "start"],
        &["diff", "git:HEAD~1..git:HEAD"],
        &["diff", "git:HEAD~1..HEAD"],
        &["diff", "git:HEAD"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(0), "{args:?}: {ran:?}");
        assert!(ran.stdout.contains("port-v1  new"), "{args:?}: {ran:?}");
    }
    place.commit("port: more", &port(1, GROWN));
    for args in
        [&["review", "HEAD"][..], &["review", "git:HEAD"], &["diff", "git:HEAD~1..git:HEAD"]]
    {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(1), "{args:?}: {ran:?}");
    }
    // A range without commits was not reviewed.
    for empty in ["HEAD..HEAD~1", "HEAD..", "HEAD..HEAD", "git:HEAD..git:HEAD~1"] {
        let ran = place.run(&["review", empty]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{empty}: {ran:?}");
        assert!(ran.stderr.contains("no commits in that range"), "{empty}: {ran:?}");
    }
    // A change of code alone is not judged.
    place.write("kernel/kho.c", "int kho_a(void);\n");
    place.git(&["commit", "--quiet", "-am", "kho: code"]);
    let ran = place.run(&["review", "HEAD"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("[code_not_judged]"), "{ran:?}");
    // Nor is one whose lines have no word of the handover, by its file or by the lines around.
    for (path, code) in [("kernel/liveupdate/x.c", "a();\nb();\n"), ("mm/x.c", "luo();\na();\n")] {
        place.write(path, code);
        place.git(&["add", "."]);
        place.git(&["commit", "--quiet", "-m", "start"]);
        place.write(path, &code.replace("a()", "c()"));
        place.git(&["commit", "--quiet", "-am", "code"]);
        let ran = place.run(&["review", "HEAD"]);
        assert_eq!(ran.status, Some(1), "{path}: {ran:?}");
    }
    // What has no kernel in it is not a tree before its first header.
    place.write("docs/a.md", "text\n");
    place.git(&["checkout", "--quiet", "--orphan", "other"]);
    place.git(&["rm", "--quiet", "-rf", "."]);
    place.write("README", "text\n");
    place.git(&["add", "README"]);
    place.git(&["commit", "--quiet", "-m", "something else"]);
    place.git(&["checkout", "--quiet", "main"]);
    place.write("docs/a.md", "text\n");
    for base in ["docs", "git:other"] {
        for args in
            [["review", "start.patch", "--base", base], ["lint", "start.patch", "--base", base]]
        {
            let ran = place.run(&args);
            assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{base}: {ran:?}");
        }
        let ran = place.run(&["diff", base, "start"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{base}: {ran:?}");
    }
    // A mistyped directory is not a tree.
    for slip in ["start/include/linux/kho", "nowhere", "git:nowhere"] {
        let ran = place.run(&["diff", slip, "start"]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
    }
}

#[test]
fn slips_of_the_hand_are_answered_with_what_was_meant() {
    let place = Place::new();
    place.commit("port: start", &port(1, V1));
    place.git(&["tag", "first"]);
    place.commit("port: more", &port(1, GROWN));
    place.write("more.patch", &place.mail());
    place.write("code.c", "int x;\n");
    for (args, said) in [
        (&["review", "../p/0001", "--base", "git:HEAD"][..], "cannot read ../p/0001: No such file"),
        (&["review", "p/a..b.patch"], "cannot read p/a..b.patch: No such file"),
        (&["review", "../p/nothing.mbox"], "cannot read ../p/nothing.mbox: No such file"),
        (&["diff", "git:first"], "git:first has no parent to compare it with"),
        (&["diff", "nowhere", "."], "no such file, and not a known source"),
        (&["lint", "nowhere.h"], "no such file, and not a known source"),
        (&["lint", "code.c"], "it is code, not a header"),
        (&["log", "--git-dir", "../nope"], "../nope: no such directory"),
        (&["log", "includ/linux/kho/abi/port.h"], "includ/linux/kho/abi/port.h"),
    ] {
        let ran = place.run(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {ran:?}");
        assert_eq!(ran.stderr.matches("  help: ").count(), 1, "{args:?}: {ran:?}");
    }
    // A revision may be named as git names it.
    for args in [
        &["review", "more.patch", "--base", "first"][..],
        &["diff", "first", "HEAD"],
        &["lint", "more.patch", "--base", "first"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(i32::from(args[0] != "lint")), "{args:?}: {ran:?}");
    }
    for of in ["port", HEADER, "linux/kho/abi/port.h", "./include/linux/kho/abi/port.h"] {
        assert_eq!(place.run(&["log", of]).status, Some(1), "{of}");
    }
    for name in ["review-1", "kho-abi/review/1", "diff-1"] {
        assert_eq!(place.run(&["schema", name]).status, Some(0), "{name}");
    }
}

#[test]
fn what_a_mail_program_did_to_a_patch_is_said() {
    let place = Place::new();
    place.commit("port: start", &port(1, V1));
    place.commit("port: more", &port(1, GROWN));
    let mail = place.mail();
    let (head, body) = mail.split_once("\n\n").unwrap();
    let quoted: String = body.lines().map(|line| ["> ", line, "\n"].concat()).collect();
    place.write("quoted.eml", &format!("{head}\n\n{quoted}"));
    place.write(
        "html.eml",
        &format!("{head}\nMIME-Version: 1.0\nContent-Type: text/html\n\n<pre>{body}</pre>\n"),
    );
    for (name, said) in [("quoted.eml", "is quoted with"), ("html.eml", "HTML only")] {
        let ran = place.run(&["review", name]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(
            ran.stderr.contains(said) && ran.stderr.contains("save the mail as it was sent"),
            "{ran:?}"
        );
        // Beside a patch that can be read, it is not passed over.
        place.write("good.patch", &mail);
        let ran = place.run(&["review", name, "good.patch", "--base", "git:HEAD~1"]);
        assert!(ran.status == Some(1) && ran.stdout.contains(said), "{ran:?}");
    }
    // Nor beside one that is fine.
    place.git(&["checkout", "--quiet", "HEAD~1"]);
    place.commit("port: bump", &port(2, GROWN));
    place.write("bump.patch", &place.mail());
    let base = ["--base", "git:HEAD~1"];
    assert_eq!(place.run(&[&["review", "bump.patch"][..], &base].concat()).status, Some(0));
    for name in ["quoted.eml", "html.eml"] {
        let ran = place.run(&[&["review", name, "bump.patch"][..], &base].concat());
        assert!(ran.status == Some(1) && ran.stdout.contains("[change_not_judged]"), "{ran:?}");
    }
    place.git(&["checkout", "--quiet", "main"]);
    // A mail that cannot be read does not keep the others from being judged.
    place.write("wrapped.patch", &mail.replace("\tu8 reset_works;", "\tu8\nreset_works;"));
    let ran = place.run(&["review", "wrapped.patch"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    let other = port(1, V1).replace("PORT", "LANE").replace("port", "lane");
    place.write("include/linux/kho/abi/lane.h", &other);
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "-m", "lane: start"]);
    place.write("lane.patch", &place.mail());
    let ran = place.run(&["review", "wrapped.patch", "lane.patch", "--base", "git:HEAD~1"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for word in ["lane-v1  new", "a patch cannot be read: wrapped.patch", "[change_not_judged]"] {
        assert!(ran.stdout.contains(word), "{word}: {ran:?}");
    }
}

/// A length that another header gives is part of the layout.
#[test]
fn a_change_of_what_abi_headers_use_is_not_passed_over() {
    let place = Place::new();
    let length = "include/linux/port.h";
    let define = |n: u32| format!("#define PORT_NAME_LENGTH {n}\n#define PORT_OTHER {n}\n");
    place.write(length, &define(16).replace("OTHER 16", "OTHER 1"));
    place.git(&["add", "."]);
    let named = port(1, "\tchar name[PORT_NAME_LENGTH];\n");
    place.commit("start", &named.replace("<linux/types.h>", "<linux/port.h>"));
    place.write(length, &define(16));
    place.git(&["commit", "--quiet", "-am", "other"]);
    place.write("other.patch", &place.mail());
    place.write(length, &define(32));
    place.git(&["commit", "--quiet", "-am", "length"]);
    place.write("length.patch", &place.mail());
    let base = ["--base", "git:HEAD~2"];
    for (args, status) in [
        (&["review", "other.patch", base[0], base[1]][..], 0),
        (&["review", "HEAD~2..HEAD~1"], 0),
        (&["review", "other.patch", "length.patch", base[0], base[1]], 1),
        (&["review", "HEAD~2..HEAD"], 1),
        (&["review", "HEAD"], 1),
    ] {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(status), "{args:?}: {ran:?}");
        let said = "PORT_NAME_LENGTH changes, and ABI headers use it";
        assert_eq!(ran.stdout.contains(said), status == 1, "{args:?}: {ran:?}");
    }
    // Without a base, what the readers know of other headers counts.
    place.write("include/uapi/linux/liveupdate.h", "#define LIVEUPDATE_SESSION_NAME_LENGTH 64\n");
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "-m", "start"]);
    place.write("include/uapi/linux/liveupdate.h", "#define LIVEUPDATE_SESSION_NAME_LENGTH 48\n");
    place.git(&["commit", "--quiet", "-am", "names"]);
    place.write("names.patch", &place.mail());
    let ran = place.run(&["review", "names.patch"]);
    assert!(ran.status == Some(1) && ran.stdout.contains("NAME_LENGTH changes"), "{ran:?}");
}

/// Its structs are handed over as before, but no longer compared.
#[test]
fn a_header_that_leaves_the_abi_is_not_only_removed() {
    let place = Place::new();
    place.commit("start", &port(1, V1));
    place.git(&["mv", HEADER, "include/linux/port_abi.h"]);
    place.git(&["commit", "--quiet", "-am", "port: move"]);
    place.write("move.patch", &place.git(&["format-patch", "--stdout", "-M", "-1"]));
    for args in [&["review", "HEAD"][..], &["review", "move.patch", "--base", "git:HEAD~1"]] {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(1), "{args:?}: {ran:?}");
        assert!(
            ran.stdout.contains("include/linux/port_abi.h:1: finding: code outside"),
            "{ran:?}"
        );
    }
}

/// What git does not say is not fine.
#[test]
fn code_that_git_does_not_show_is_not_judged() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.commit("start", &port(1, V1));
    place.commit("bump", &port(2, GROWN));
    assert_eq!(place.run(&["review", "HEAD"]).status, Some(0));
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file());
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' *.c '*) exit 1;; esac\nexec {} \"$@\"\n",
        real.unwrap().display()
    );
    place.write("bin/git", &script);
    let git = place.path("bin/git");
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let dirs = std::iter::once(place.path("bin")).chain(std::env::split_paths(&path));
    let output = Command::new(env!("CARGO_BIN_EXE_kho-abi"))
        .current_dir(place.dir.path())
        .args(["review", "HEAD"])
        .env("PATH", std::env::join_paths(dirs).unwrap())
        .output()
        .unwrap();
    let ran = Ran::of(&output);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("code outside the headers was not checked"), "{ran:?}");
}

#[test]
fn preflight_tells_loss_from_danger() {
    let place = Place::new();
    place.write("now/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("same/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("bumped/include/linux/kho/abi/port.h", &port(2, GROWN));
    place.write("kept/include/linux/kho/abi/port.h", &port(1, GROWN));
    place.write("off/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("off/.config", "# CONFIG_KEXEC_HANDOVER is not set\n");
    for (next, status, word) in [
        ("same", 0, "now -> same: yes"),
        ("bumped", 1, "now -> bumped: no"),
        ("kept", 1, "now -> kept: DANGEROUS"),
        ("off", 1, "now -> off: no handover"),
    ] {
        let ran = place.run(&["preflight", "now", next]);
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert!(ran.stdout.contains(word), "{ran:?}");
    }
    let ran = place.run(&["preflight", "now", "same", "kept", "--format", "json"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["schema"], "kho-abi/preflight/1");
    assert_eq!(document["answers"][0]["outlook"], "understood");
    assert_eq!(document["answers"][1]["outlook"], "dangerous");
    // An unreadable kernel does not keep the others from their answer.
    let ran = place.run(&["preflight", "now", "nowhere", "same"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stdout.contains("now -> same: yes") && ran.stderr.contains("nowhere"), "{ran:?}");
    let ran = place.run(&["preflight", "now"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
}

#[test]
fn preflight_answers_both_ways_and_for_a_fleet() {
    let place = Place::new();
    place.write("a/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("b/include/linux/kho/abi/port.h", &port(1, V1));
    place.write("c/include/linux/kho/abi/port.h", &port(2, GROWN));
    let ran = place.run(&["preflight", "a", "b", "--both"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("a -> b: yes") && ran.stdout.contains("b -> a: yes"), "{ran:?}");
    let ran = place.run(&["preflight", "a", "c", "--both"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("a -> c: no") && ran.stdout.contains("c -> a: no"), "{ran:?}");
    let ran = place.run(&["preflight", "a", "b", "c", "--matrix"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let rows: Vec<Vec<&str>> =
        ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [["1", "-", "yes", "no"], ["2", "yes", "-", "no"], ["3", "no", "no", "-"]] {
        assert!(rows.iter().any(|found| *found == row), "{row:?}: {}", ran.stdout);
    }
    let ran = place.run(&["preflight", "a", "b", "c", "--matrix", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["answers"].as_array().unwrap().len(), 6);
    // The release of a tree is in its Makefile; a known defect is a finding, although everything is
    // understood.
    place.write("a/Makefile", "VERSION = 6\nPATCHLEVEL = 19\nSUBLEVEL = 4\nEXTRAVERSION =\n");
    let ran = place.run(&["preflight", "a", "b"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for word in
        ["a (Linux 6.19.4) -> b: yes, with 2 known defects\n", "7e04bf1f3315", "[known_defect]"]
    {
        assert!(ran.stdout.contains(word), "{word}: {ran:?}");
    }
}

#[test]
fn lint_ends_with_findings_in_every_format_and_with_notes_alone_cleanly() {
    let place = Place::new();
    let good = port(1, V1);
    place.write("good/include/linux/kho/abi/port.h", &good);
    place.write("note.h", &good.replace(" __packed", "").replace("u16", "u32"));
    place.write("bad.h", &good.replace("u16", "bool"));
    for (word, status) in [("good", 0), ("abi", 0), ("note.h", 0), ("bad.h", 1)] {
        let ran = place.run(&["lint", word]);
        assert_eq!(ran.status, Some(status), "{word}: {ran:?}");
        assert_eq!(ran.stdout.contains("[bool_in_struct]"), status == 1, "{word}: {ran:?}");
    }
    for format in ["text", "terse", "markdown", "mail", "json", "sarif", "github", "junit"] {
        let ran = place.run(&["lint", "good", "bad.h", "--format", format]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stdout.contains("bool"), "{format}: {ran:?}");
    }
    let ran = place.run(&["lint", "nowhere"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert_eq!(ran.stderr.matches("help:").count(), 1, "{ran:?}");
}

#[test]
fn what_cannot_be_read_is_status_2_with_one_line_of_help() {
    let place = Place::new();
    place.write("empty/include/linux/kho/abi/.keep", "");
    place.write("not-a.patch", "Dear all,\n\nno patch here.\n");
    place.write("cut.patch", "--- a/include/linux/kho/abi/port.h\n+++ b/include/linux/kho/abi/port.h\n@@ -1,9 +1,9 @@\n a\n");
    for args in [
        &["diff", "empty", "abi"][..],
        &["diff", "nowhere", "abi"],
        &["diff", "git:nowhere", "abi"],
        &["diff", "abi"],
        &["diff", "abi", "abi", "--format", "xml"],
        &["diff", "abi", "abi", "--allow", "nowhere"],
        &["review", "nowhere.patch"],
        &["review", "not-a.patch"],
        &["review", "cut.patch"],
        &["review", "nowhere..HEAD"],
        &["review"],
        &["log", "--git-dir", "nowhere"],
        &["preflight", "nowhere", "abi"],
    ] {
        let ran = place.run(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
        let help = ran.stderr.matches("  help: ").count();
        // clap prints the usage of a command itself.
        assert!(help == 1 || ran.stderr.contains("--help"), "{args:?}: {ran:?}");
    }
}
