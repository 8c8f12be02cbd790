// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The Linux tree that `make check` fetches and prepares, and its Kbuild.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory that `make check` names in a variable.
pub(crate) fn directory(variable: &str) -> PathBuf {
    let Some(dir) = std::env::var_os(variable) else {
        panic!(
            "{variable} is not set\n  help: run `make check`, which fetches and prepares a tree"
        );
    };
    let dir = PathBuf::from(dir);
    assert!(dir.is_dir(), "{variable}={} is no directory", dir.display());
    dir
}

/// Has the Kbuild of `LINUX_BUILD` make what the arguments name, in a directory of an external module.
pub(crate) fn kbuild<I: AsRef<std::ffi::OsStr>>(
    module: &Path,
    args: impl IntoIterator<Item = I>,
) -> Output {
    Command::new("make")
        .arg("-C")
        .arg(directory("LINUX_BUILD"))
        .arg(format!("M={}", module.display()))
        .args(args)
        // This must not inherit the flags of an outer make.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
        .env_remove("MAKELEVEL")
        .env("LC_ALL", "C")
        .output()
        .expect("make is installed")
}

/// Has Kbuild compile objects of unit tests.
pub(crate) fn kbuild_unit_tests(module: &Path, objects: &[String]) -> Output {
    // The letter turns warnings into errors.
    let args = ["W=1e", "CONFIG_KHO_ABI_KUNIT_TEST=m"];
    kbuild(module, args.into_iter().chain(objects.iter().map(String::as_str)))
}
