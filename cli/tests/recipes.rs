// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What README.md and `.pre-commit-hooks.yaml` say to use works as it stands there, in a kernel tree without
//! this checkout.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HEADER: &str = "include/linux/kho/abi/port.h";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

/// The code of the first block of a language behind a heading or sentence.
fn block<'a>(text: &'a str, behind: &str, language: &str) -> &'a str {
    let (_, rest) = text.split_once(behind).unwrap_or_else(|| panic!("no {behind:?}"));
    let (_, rest) = rest.split_once(&format!("```{language}\n")).expect("a block follows");
    rest.split_once("```").expect("the block ends").0
}

fn header(version: u32, more: &str) -> String {
    format!(
        "/* SPDX-License-Identifier: GPL-2.0 */\n#ifndef _LINUX_KHO_ABI_PORT_H\n#define _LINUX_KHO_ABI_PORT_H\n\n\
         #include <linux/types.h>\n\n#define PORT_FH_COMPATIBLE \"port-v{version}\"\n\n\
         struct port_ser {{\n\tu32 number;\n{more}}} __packed;\n\n#endif\n"
    )
}

/// A kernel tree in git, of a developer with settings of her own.
struct Tree {
    dir: PathBuf,
}

impl Tree {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recipes").join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("include/linux/kho/abi")).unwrap();
        let tree = Self { dir };
        tree.git(&["init", "-q", "-b", "trunk"]);
        for (key, value) in [
            ("user.name", "A"),
            ("user.email", "a@example.org"),
            ("commit.gpgsign", "false"),
            ("color.ui", "always"),
            // Says nothing, whatever the difference.
            ("diff.external", "true"),
        ] {
            tree.git(&["config", key, value]);
        }
        tree.write(&header(1, ""));
        tree.git(&["add", "."]);
        tree.git(&["commit", "-qm", "first"]);
        tree
    }

    fn write(&self, text: &str) {
        fs::write(self.dir.join(HEADER), text).unwrap();
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        let beside = Path::new(env!("CARGO_BIN_EXE_kho-abi")).parent().unwrap().display();
        let path = format!("{beside}:{}", std::env::var("PATH").unwrap_or_default());
        Command::new(program).current_dir(&self.dir).args(args).env("PATH", path).output().unwrap()
    }

    fn git(&self, args: &[&str]) -> String {
        let out = self.run("git", args);
        assert!(out.status.success(), "git {args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// Commits everything; the hooks may refuse it.
    fn commit(&self, subject: &str) -> Output {
        self.git(&["add", "."]);
        self.run("git", &["commit", "-qm", subject])
    }
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&[out.stdout.clone(), out.stderr.clone()].concat()).into_owned()
}

#[test]
fn the_git_hook_refuses_a_change_without_a_bump_and_nothing_else() {
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let tree = Tree::new("hook");
    let hook = tree.dir.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, block(&readme, "`.git/hooks/pre-commit`", "sh")).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();

    fs::write(tree.dir.join("Makefile"), "all:\n").unwrap();
    let out = tree.commit("something else");
    assert!(out.status.success(), "{out:?}");

    tree.write(&header(1, "\tu32 flags;\n"));
    let out = tree.commit("grow");
    assert!(!out.status.success(), "a change without a bump was committed: {out:?}");
    assert!(said(&out).contains("port-v1  bump missing"), "{}", said(&out));

    tree.write(&header(2, "\tu32 flags;\n"));
    let out = tree.commit("grow, with a bump");
    assert!(out.status.success(), "{}", said(&out));
}

#[test]
fn the_step_of_ci_annotates_the_line() {
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let step = block(&readme, "step for GitHub's CI", "yaml");
    let run =
        step.lines().find_map(|line| line.strip_prefix("- run: ")).expect("it runs something");
    let tree = Tree::new("ci");
    let base = tree.git(&["rev-parse", "HEAD"]);
    tree.write(&header(1, "\tu32 flags;\n"));
    assert!(tree.commit("grow").status.success());
    let run = run.replace("${{ github.event.pull_request.base.sha }}", base.trim());
    assert!(!run.contains("${{"), "{run}");
    let out = tree.run("sh", &["-c", &run]);
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(said(&out).contains(&format!("::error file={HEADER},line=")), "{}", said(&out));
}

/// `pre-commit` runs what stands behind `entry`.
#[test]
fn the_hooks_of_pre_commit_refuse_what_they_are_for() {
    let hooks = fs::read_to_string(top().join(".pre-commit-hooks.yaml")).unwrap();
    let entry = |id: &str| {
        let (_, rest) = hooks.split_once(&format!("- id: {id}\n")).expect("the hook is there");
        let line = rest.lines().find_map(|line| line.strip_prefix("  entry: ")).expect("an entry");
        line.to_string()
    };
    let tree = Tree::new("pre-commit");
    let run = |id: &str| tree.run("sh", &["-c", &entry(id)]);

    tree.write(&header(1, "\tu32 flags;\n"));
    tree.git(&["add", "."]);
    let out = run("kho-abi-review");
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(said(&out).contains("port-v1  bump missing"), "{}", said(&out));
    tree.write(&header(2, "\tu32 flags;\n"));
    tree.git(&["add", "."]);
    assert_eq!(run("kho-abi-review").status.code(), Some(0));

    let out = tree.run("kho-abi", &["init"]);
    assert!(out.status.success(), "{out:?}");
    assert_eq!(run("kho-abi-check").status.code(), Some(0));
    tree.write(&header(2, "\tu64 flags;\n"));
    let out = run("kho-abi-check");
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(said(&out).contains("field `flags`"), "{}", said(&out));
}
