// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A tree of C headers in a directory of its own, and the program run in it.

use super::Ran;
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) const ABI: &str = "include/linux/kho/abi";
pub(crate) const LAYOUTS: &str = "include/linux/kho/abi/layouts";

/// A header with one contract.
pub(crate) const ONE: &str =
    "#include <linux/types.h>\n#define X_COMPATIBLE \"x-v1\"\n#define X_MAX 4\n\
                   struct x_ser {\n\tu32 a;\n\tu32 b;\n} __packed;\n";

/// The headers that Linux 7.3 has.
const KERNELS: [&str; 6] =
    ["block", "kexec_handover", "kexec_metadata", "luo", "memblock", "memfd"];

/// A tree in a directory of its own.
pub(crate) struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    /// With the headers that Linux 7.3 has: they assert nothing about themselves.
    pub(crate) fn of_kernel() -> Self {
        let tree = Self::with_assertions();
        for name in KERNELS {
            let file = format!("{ABI}/{name}.h");
            let text = tree.read(&file);
            let kept = text.lines().filter(|line| !line.starts_with("static_assert("));
            tree.write(&file, &format!("{}\n", kept.collect::<Vec<_>>().join("\n")));
        }
        tree
    }

    pub(crate) fn with_assertions() -> Self {
        let tree = Self::empty();
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers").join(ABI);
        for name in KERNELS {
            let name = format!("{name}.h");
            tree.write(&format!("{ABI}/{name}"), &fs::read_to_string(ours.join(&name)).unwrap());
        }
        tree
    }

    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn of(name: &str, header: &str) -> Self {
        let tree = Self::empty();
        tree.write(&format!("{ABI}/{name}.h"), header);
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// Replaces the one occurrence in a file.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// The line of a text in a file.
    pub(crate) fn line(&self, path: &str, text: &str) -> String {
        let line = self.read(path).lines().position(|line| line.contains(text)).unwrap();
        format!("{path}:{}", line + 1)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        // What is kept of the history lies where git does not see it.
        command.env("XDG_CACHE_HOME", self.root().join(".git/cache"));
        Ran::of(&command.current_dir(self.root()).args(args).output().unwrap())
    }

    /// Runs `check`, which must come to that status; returns what it printed.
    #[track_caller]
    pub(crate) fn check(&self, status: i32) -> String {
        let ran = self.run(&["check"]);
        assert_eq!(ran.status, Some(status), "{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs `check`, which must have this one finding; returns what it printed.
    #[track_caller]
    pub(crate) fn one(&self, place: &str, what: &str) -> String {
        let printed = self.check(1);
        assert!(printed.contains(" 1 finding\n"), "{printed}");
        let line = printed.lines().find(|line| line.starts_with(place));
        let line = line.unwrap_or_else(|| panic!("nothing at {place}: {printed}"));
        assert!(line.contains(what), "{what}: {printed}");
        printed
    }

    pub(crate) fn git(&self, args: &[&str]) {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.root());
        command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", message]);
    }

    #[track_caller]
    pub(crate) fn init(&self, args: &[&str]) -> Ran {
        let mut all = vec!["init"];
        all.extend(args);
        let ran = self.run(&all);
        assert_eq!(ran.status, Some(0), "{}{}", ran.stdout, ran.stderr);
        ran
    }
}
