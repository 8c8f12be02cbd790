// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi check` in a kernel tree, as a pre-commit hook runs it.
//!
//! The tree is all of `include/` of a kernel (`LINUX_SRC`, or the one in the cache) in a git repository, with every
//! layout released, so that the history is read, too. A hook must not be felt: the limit is 200 milliseconds.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 21;
const LIMIT: Duration = Duration::from_millis(200);

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("linux");
    fs::create_dir(&root)?;
    run(Command::new("cp").arg("-r").arg(tree()?.join("include")).arg(&root))?;
    git(&root, &["init", "-q"])?;
    git(&root, &["add", "-A"])?;
    git(&root, &["commit", "-qm", "release"])?;
    let ours = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        command.args(args).current_dir(&root).env("XDG_CACHE_HOME", dir.path().join("cache"));
        command
    };
    run(&mut ours(&["init", "--released", "HEAD"]))?;
    git(&root, &["add", "-A"])?;
    git(&root, &["commit", "-qm", "begin"])?;
    let check = || -> Result<Duration> {
        let begin = Instant::now();
        run(&mut ours(&["check"]))?;
        Ok(begin.elapsed())
    };
    let cold = check()?;
    let mut warm = (0..ROUNDS).map(|_| check()).collect::<Result<Vec<_>>>()?;
    warm.sort_unstable();
    let median = warm[ROUNDS / 2];
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("kho-abi check in a kernel tree; {ROUNDS} runs, in milliseconds");
    println!("first {:>8.1}", ms(cold));
    println!(
        "warm  {:>8.1} median, {:.1} fastest, {:.1} slowest; the limit is {:.0}",
        ms(median),
        ms(warm[0]),
        ms(warm[ROUNDS - 1]),
        ms(LIMIT)
    );
    if median > LIMIT {
        return Err("a hook would be felt: check takes longer than its limit".into());
    }
    Ok(())
}

/// The kernel tree.
fn tree() -> Result<PathBuf> {
    let cache = || {
        let set = std::env::var_os("KHO_ABI_CACHE").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        set.unwrap_or_else(|| home().join(".cache/kho-abi")).join("linux-7.3")
    };
    let tree = std::env::var_os("LINUX_SRC").map_or_else(cache, PathBuf::from);
    let is_there = tree.join("include/linux/kho/abi/luo.h").exists();
    is_there.then_some(tree).ok_or_else(|| {
        "there is no kernel tree\n  help: run tools/fetch-linux.sh, or set LINUX_SRC".into()
    })
}

fn git(root: &Path, args: &[&str]) -> Result<()> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["-c", "user.name=x", "-c", "user.email=x@example.org"]);
    run(command.args(args))
}

fn run(command: &mut Command) -> Result<()> {
    let out = command.output()?;
    if out.status.success() {
        return Ok(());
    }
    let said = [out.stdout, out.stderr].concat();
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&said)).into())
}
