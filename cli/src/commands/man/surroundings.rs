// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Which files and environment variables commands look at, for their manual pages.

/// Something that commands look at, beside their arguments.
pub(super) struct Thing {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// The commands that look at it; all where none is named.
    pub(super) of: &'static [&'static str],
}

impl Thing {
    /// Whether this is for the page of a command; the page of the program has everything.
    pub(super) fn is_for(&self, command: Option<&str>) -> bool {
        command.is_none_or(|name| self.of.is_empty() || self.of.contains(&name))
    }
}

/// The commands that may read C headers, for which clang computes layouts.
const HEADERS: &[&str] = &[
    "init",
    "layout",
    "freeze",
    "check",
    "diff",
    "review",
    "lint",
    "log",
    "preflight",
    "verify",
    "inspect",
];

pub(super) const VARIABLES: &[Thing] = &[
    Thing {
        name: "CLANG_PATH",
        what: "The clang to use, version 14 or newer. If unset, the clang beside the library that \
               `LIBCLANG_PATH` names is used, or else the newest one in `PATH`: `clang`, or `clang-` and \
               its version.",
        of: HEADERS,
    },
    Thing {
        name: "LIBCLANG_PATH",
        what: "A directory with libclang; the clang beside it is used if `CLANG_PATH` is not set.",
        of: HEADERS,
    },
    Thing { name: "PATH", what: "Where to find clang and git.", of: HEADERS },
    Thing {
        name: "XDG_CACHE_HOME",
        what: "Judgements are kept in its directory kho-abi.",
        of: &["log"],
    },
    Thing {
        name: "HOME",
        what: "Judgements are kept in its .cache/kho-abi if `XDG_CACHE_HOME` is not set.",
        of: &["log"],
    },
    Thing {
        name: "TMPDIR",
        what: "Where to put temporary copies of images that are compressed or come from a pipe, instead of /var/tmp.",
        of: &["inspect"],
    },
    Thing {
        name: "COLUMNS",
        what: "The width of the terminal, if the terminal does not report it. It does not affect output \
               that does not go to a terminal.",
        of: &[],
    },
    Thing {
        name: "NO_COLOR",
        what: "If set and not empty, output has no colours, unless `--color always` is given.",
        of: &[],
    },
    Thing { name: "TERM", what: "If `dumb`, output has no colours, and long commands show no progress.", of: &[] },
    Thing {
        name: "SOURCE_DATE_EPOCH",
        what: "The date of the manual pages, in seconds since 1970, instead of today.",
        of: &["man"],
    },
    Thing {
        name: "KHO_ABI_COMPLETE",
        what: "Set by the shell's completion function to the name of the shell: the program then prints \
               how the word on the command line can continue.",
        of: &["completions"],
    },
];

pub(super) const FILES: &[Thing] = &[
    Thing {
        name: "kho-abi.toml",
        what: "How a tree's headers are checked. The tree is the nearest directory with this file, from \
               the current one upwards.",
        of: &["init", "layout", "freeze", "check"],
    },
    Thing {
        name: "include/linux/kho/abi/",
        what: "The headers that are read from a kernel tree.",
        of: HEADERS,
    },
    Thing {
        name: "*.layout",
        what: "Frozen layouts, one for each compatible string, in the directory that kho-abi.toml names.",
        of: &["init", "layout", "freeze", "check", "diff"],
    },
    Thing {
        name: "~/.cache/kho-abi/",
        what: "Judgements of commits from earlier runs. It can be removed at any time.",
        of: &["log"],
    },
    Thing {
        name: "/sys/kernel/btf/vmlinux",
        what: "The types of the running kernel.",
        of: &["preflight", "verify"],
    },
    Thing {
        name: "/sys/kernel/debug/kho/",
        what: "What this kernel received, and what it prepares.",
        of: &["status"],
    },
    Thing {
        name: "/sys/firmware/, /sys/kernel/boot_params/, /proc/",
        what: "The handover, if there is no debugfs, and whether live updates are on.",
        of: &["status"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The variables that a source asks for.
    fn asked_for(text: &str) -> Vec<String> {
        let calls = ["env::var_os(\"", "env::var(\"", "absolute(\""];
        let found = calls.iter().flat_map(|call| text.split(call).skip(1));
        found.filter_map(|rest| Some(rest.split_once('"')?.0.to_string())).collect()
    }

    fn sources(dir: &Path, into: &mut String) {
        for entry in dir.read_dir().expect("a directory of sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") {
                into.push_str(&std::fs::read_to_string(path).expect("a source"));
            }
        }
    }

    #[test]
    fn every_variable_that_a_source_asks_for_is_in_the_pages() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut text = String::new();
        for part in ["show", "model", "read", "codegen", "review", "inspect", "cli"] {
            sources(&top.join(part).join("src"), &mut text);
        }
        let asked = asked_for(&text);
        assert!(asked.len() > 3 && asked.contains(&"TMPDIR".to_string()), "{asked:?}");
        for name in
            asked.iter().filter(|name| name.chars().all(|c| c == '_' || c.is_ascii_uppercase()))
        {
            // What cargo sets while this program is built and tested.
            if name.starts_with("CARGO_") || name.starts_with("_KHO_ABI") {
                continue;
            }
            assert!(VARIABLES.iter().any(|known| known.name == name), "{name} is not in VARIABLES");
        }
    }
}
