// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi diff`, `review` and `log`, compared with the alternatives.
//!
//! All are whole processes, in alternation, so that other load of the machine affects all. The
//! headers are those of a kernel tree (`LINUX_SRC`, or the one in the cache), filled up with
//! generated ones to fifteen, and a copy of them with one more field. For two images,
//! `KHO_ABI_VMLINUX` names a vmlinux with BTF; without it, that part is left out.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 11;
const COMMITS: usize = 10_000;
/// The number of ABI headers in the compared trees.
const HEADERS: usize = 15;
/// The number of mails to review, and the interval of those that touch an ABI header.
const MAILS: usize = 1_000;
const TOUCHING: usize = 50;
/// The interval of commits that touch a header, and, among these, of those that change its code.
const TOUCHES: usize = 20;
const CHANGES: usize = 5;

const KHO_ABI: &str = env!("CARGO_BIN_EXE_kho-abi");

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let tree = tree()?;
    headers(dir.path(), &tree)?;
    images()?;
    mails(dir.path(), &tree)?;
    log(dir.path(), &tree)
}

fn cache() -> PathBuf {
    let set = std::env::var_os("KHO_ABI_CACHE").map(PathBuf::from);
    set.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/kho-abi")
    })
}

fn tree() -> Result<PathBuf> {
    let tree =
        std::env::var_os("LINUX_SRC").map_or_else(|| cache().join("linux-7.3"), PathBuf::from);
    let there = tree.join("include/linux/kho/abi/luo.h").exists();
    there.then_some(tree).ok_or_else(|| {
        "there is no kernel tree\n  help: run tools/fetch-linux.sh, or set LINUX_SRC".into()
    })
}

/// A build directory of the tree, prepared to compile modules for x86.
fn prepared() -> Option<PathBuf> {
    std::env::var_os("LINUX_BUILD").map(PathBuf::from).or_else(|| {
        let entries = fs::read_dir(cache()).ok()?.flatten().map(|entry| entry.path());
        let named = |path: &PathBuf| path.to_string_lossy().contains("-prepared-x86_64-");
        entries.into_iter().filter(|path| path.is_dir()).find(named)
    })
}

/// How long a command takes; its status must be one of these.
fn time(command: &mut Command, statuses: &[i32]) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.output()?;
    let took = begin.elapsed();
    match output.status.code() {
        Some(code) if statuses.contains(&code) => Ok(took),
        other => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?} ended with {other:?}: {said}").into())
        }
    }
}

fn told(name: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let median = times[times.len() / 2];
    let [fastest, slowest] = [times[0], times[times.len() - 1]];
    println!(
        "{name:<44} {:>9.3} {:>9.3} {:>9.3}",
        median.as_secs_f64(),
        fastest.as_secs_f64(),
        slowest.as_secs_f64()
    );
    median
}

fn head(what: &str) {
    println!("\n{what}\n{:<44} {:>9} {:>9} {:>9}", "seconds", "median", "fastest", "slowest");
}

/// A header of a generated unit: a string, a few constants, and two structs.
fn made_up(number: usize) -> String {
    let (upper, lower) = (format!("MADE_UP_{number}"), format!("made_up_{number}"));
    let flags = (0..8)
        .fold(String::new(), |all, bit| format!("{all}#define {upper}_FLAG_{bit} (1U << {bit})\n"));
    let fields = (0..8).fold(String::new(), |all, field| format!("{all}\tu64 field{field};\n"));
    format!(
        "/* SPDX-License-Identifier: GPL-2.0 */\n#ifndef _{upper}_H\n#define _{upper}_H\n\n\
         #include <linux/types.h>\n\n#define {upper}_COMPATIBLE \"made-up-{number}-v1\"\n\n{flags}\n\
         struct {lower}_part_ser {{\n\tu64 addr;\n\tu32 flags;\n\tu32 len;\n}} __packed;\n\n\
         struct {lower}_ser {{\n\tstruct {lower}_part_ser parts[4];\n{fields}}} __packed;\n\n#endif\n"
    )
}

/// Writes the missing headers, and sorts the names.
fn make_up(sides: [&Path; 2], names: &mut Vec<String>) -> Result<()> {
    for number in names.len()..HEADERS {
        let name = format!("made_up_{number}.h");
        for side in sides {
            fs::write(side.join(&name), made_up(number))?;
        }
        names.push(name);
    }
    names.sort();
    Ok(())
}

/// A mailing list's archive of one day: patches of many files, and occasionally one of an ABI
/// header.
fn mails(dir: &Path, tree: &Path) -> Result<()> {
    let below = "include/linux/kho/abi";
    let memfd = fs::read_to_string(tree.join(below).join("memfd.h"))?;
    let field = "\tu64 nr_folios;";
    let line = memfd.lines().position(|line| line == field);
    let line = line.ok_or("memfd.h of the tree is not the one that is known")? + 1;
    let lines: Vec<_> = memfd.lines().collect();
    let (before, behind) = (lines[line - 2], lines[line]);
    let mut all = String::new();
    let mut touching = 0;
    for number in 0..MAILS {
        let diff = if number % TOUCHING == 0 {
            touching += 1;
            format!(
                "diff --git a/{below}/memfd.h b/{below}/memfd.h\n--- a/{below}/memfd.h\n\
                 +++ b/{below}/memfd.h\n@@ -{first},3 +{first},4 @@\n {before}\n\
                 +\tu64 field{number};\n {field}\n {behind}\n",
                first = line - 1
            )
        } else {
            let lines =
                (0..60).fold(String::new(), |all, n| format!("{all}-old {n};\n+new {n};\n"));
            let file = format!("mm/file{number}.c");
            format!(
                "diff --git a/{file} b/{file}\n--- a/{file}\n+++ b/{file}\n@@ -1,60 +1,60 @@\n{lines}"
            )
        };
        write!(
            all,
            "From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: A Dev <a@example.org>\n\
             Date: Thu, 1 Oct 2026 10:00:00 +0000\nMessage-ID: <{number}@example.org>\n\
             Subject: [PATCH] unit {number}: change it\n\nWhy.\n\n\
             Signed-off-by: A Dev <a@example.org>\n---\n{diff}--\n2.47.3\n\n"
        )?;
    }
    let mbox = dir.join("day.mbox");
    fs::write(&mbox, &all)?;
    let ours = || time(Command::new(KHO_ABI).arg("review").arg(&mbox), &[1]);
    let split = dir.join("split");
    let theirs = || -> Result<Duration> {
        if split.exists() {
            fs::remove_dir_all(&split)?;
        }
        fs::create_dir_all(&split)?;
        let output = format!("-o{}", split.display());
        let mut took = time(Command::new("git").args(["mailsplit", &output]).arg(&mbox), &[0])?;
        for entry in fs::read_dir(&split)? {
            let mut info = Command::new("git");
            info.args(["mailinfo", "message", "patch"]).current_dir(dir);
            let begin = Instant::now();
            let done = info.stdin(fs::File::open(entry?.path())?).stdout(Stdio::null()).status()?;
            took += begin.elapsed();
            if !done.success() {
                return Err("git mailinfo failed".into());
            }
        }
        Ok(took)
    };
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        a.push(ours()?);
        b.push(theirs()?);
    }
    head(&format!(
        "an mbox of {MAILS} mails, of which {touching} touch an ABI header, {} MB; 3 runs of each, in turn",
        all.len() / 1_000_000
    ));
    let ours = told("kho-abi review", a);
    let theirs = told("git mailsplit and git mailinfo: read alone", b);
    println!(
        "ratio of the medians: {:.3} (below 1: kho-abi is faster)",
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
    Ok(())
}

/// The headers of a tree, and the same with one more field.
fn headers(dir: &Path, tree: &Path) -> Result<()> {
    let (old, new) = (dir.join("old"), dir.join("new"));
    let below = "include/linux/kho/abi";
    let mut names = Vec::new();
    for side in [&old, &new] {
        fs::create_dir_all(side.join(below))?;
        for entry in fs::read_dir(tree.join(below))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            fs::copy(entry.path(), side.join(below).join(&name))?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    make_up([&old.join(below), &new.join(below)], &mut names)?;
    let memfd = new.join(below).join("memfd.h");
    let text = fs::read_to_string(&memfd)?;
    let changed = text.replacen("\tu64 nr_folios;", "\tu64 generation;\n\tu64 nr_folios;", 1);
    if changed == text {
        return Err("memfd.h of the tree is not the one that is known".into());
    }
    fs::write(&memfd, changed)?;

    let mut unit = String::from("#include <linux/types.h>\n#include <uapi/linux/fcntl.h>\n");
    for name in &names {
        writeln!(unit, "#include <linux/kho/abi/{name}>")?;
    }
    // abidiff needs a symbol.
    unit.push_str("int kho_abi_probe;\n");
    fs::write(dir.join("unit.c"), unit)?;
    let Some(build) = prepared() else {
        println!(
            "SKIPPED: there is no prepared build (run tools/prepare-linux.sh, or set LINUX_BUILD)"
        );
        return Ok(());
    };
    let compile = |side: &Path, object: &str| -> Result<Duration> {
        let mut gcc = Command::new("gcc");
        gcc.args([
            "-c",
            "-g",
            "-O2",
            "-w",
            "-std=gnu11",
            "-nostdinc",
            "-fno-pie",
            "-mcmodel=kernel",
        ]);
        gcc.args(["-fms-extensions", "-fno-eliminate-unused-debug-types", "-D__KERNEL__"]);
        gcc.arg("-I").arg(side.join("include"));
        let x86 = ["arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi"];
        let generated = [
            "arch/x86/include/generated",
            "include",
            "arch/x86/include/generated/uapi",
            "include/generated/uapi",
        ];
        for (source, made) in x86.into_iter().zip(generated) {
            gcc.arg("-I").arg(tree.join(source)).arg("-I").arg(build.join(made));
        }
        for first in ["compiler-version.h", "kconfig.h", "compiler_types.h"] {
            gcc.arg("-include").arg(tree.join("include/linux").join(first));
        }
        time(gcc.arg("-o").arg(dir.join(object)).arg(dir.join("unit.c")), &[0])
    };
    let ours = || time(Command::new(KHO_ABI).arg("diff").arg(&old).arg(&new), &[1]);
    let ours_one = || {
        let mut command = Command::new(KHO_ABI);
        time(command.args(["diff", "--page-size", "4096"]).arg(&old).arg(&new), &[1])
    };
    let has_abidiff = Command::new("abidiff").arg("--version").output().is_ok();
    let theirs = || -> Result<Duration> {
        let took = compile(&old, "old.o")? + compile(&new, "new.o")?;
        let mut abidiff = Command::new("abidiff");
        abidiff.arg("--non-reachable-types").arg(dir.join("old.o")).arg(dir.join("new.o"));
        // Bits: 4 is a change, 8 an incompatible one.
        Ok(took + time(&mut abidiff, &[0, 4, 12])?)
    };
    ours()?;
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(ours()?);
        b.push(ours_one()?);
        if has_abidiff {
            c.push(theirs()?);
        }
    }
    head(&format!(
        "ABI headers of two trees ({} headers); {ROUNDS} runs of each, in turn",
        names.len()
    ));
    let ours = told("kho-abi diff, three page sizes", a);
    told("kho-abi diff, one page size", b);
    if has_abidiff {
        let theirs = told("gcc twice and abidiff, one page size", c);
        println!(
            "ratio of the first and the last median: {:.3} (below 1: kho-abi is faster)",
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    } else {
        println!("SKIPPED: abidiff is not installed (Debian: abigail-tools)");
    }
    Ok(())
}

/// Two images by BTF.
fn images() -> Result<()> {
    let Some(vmlinux) = std::env::var_os("KHO_ABI_VMLINUX").map(PathBuf::from) else {
        println!("\nSKIPPED: no kernel with BTF is named (set KHO_ABI_VMLINUX)");
        return Ok(());
    };
    let ours = || {
        let mut command = Command::new(KHO_ABI);
        time(command.args(["diff", "--btf"]).arg(&vmlinux).arg(&vmlinux), &[0])
    };
    ours()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(ours()?);
    }
    head(&format!("two vmlinux by BTF, {} MB each", fs::metadata(&vmlinux)?.len() / 1_000_000));
    told("kho-abi diff --btf", times);
    let help = Command::new("abidiff").arg("--help").output();
    let knows_btf = help.is_ok_and(|help| {
        [help.stdout, help.stderr]
            .iter()
            .any(|text| String::from_utf8_lossy(text).contains("--btf"))
    });
    if knows_btf {
        let mut abidiff = Command::new("abidiff");
        // Once, since it takes too long.
        told(
            "abidiff --btf",
            vec![time(abidiff.arg("--btf").arg(&vmlinux).arg(&vmlinux), &[0, 4, 8, 12])?],
        );
    } else {
        println!("SKIPPED: no abidiff that knows --btf is installed");
    }
    Ok(())
}

/// A history in which some commits touch the headers, and some of those change their code.
fn history(dir: &Path, tree: &Path) -> Result<(usize, usize)> {
    fs::create_dir_all(dir)?;
    let git = |args: &[&str]| time(Command::new("git").current_dir(dir).args(args), &[0]);
    git(&["init", "--quiet", "--bare", "."])?;
    let below = "include/linux/kho/abi";
    let mut stream = String::new();
    let data = |stream: &mut String, text: &str| -> Result<()> {
        writeln!(stream, "data {}\n{text}", text.len())?;
        Ok(())
    };
    let memfd = fs::read_to_string(tree.join(below).join("memfd.h"))?;
    let (mut touched, mut changed) = (0, 0);
    for commit in 0..COMMITS {
        writeln!(
            stream,
            "commit refs/heads/main\ncommitter A <a@b> {} +0000",
            1_700_000_000 + commit * 600
        )?;
        data(&mut stream, &format!("commit {commit}"))?;
        if commit == 0 {
            for entry in fs::read_dir(tree.join(below))? {
                let entry = entry?;
                writeln!(stream, "M 644 inline {below}/{}", entry.file_name().to_string_lossy())?;
                data(&mut stream, &fs::read_to_string(entry.path())?)?;
            }
        } else if commit % TOUCHES == 0 {
            touched += 1;
            if touched % CHANGES == 0 {
                changed += 1;
            }
            let more: String =
                (0..changed % 40).fold(String::new(), |all, n| format!("{all}\tu64 more{n};\n"));
            let text = memfd
                .replacen("\tu64 nr_folios;\n", &format!("{more}\tu64 nr_folios;\n"), 1)
                .replacen("\"memfd-v2\"", &format!("\"memfd-v{}\"", 2 + changed), 1);
            writeln!(stream, "M 644 inline {below}/memfd.h")?;
            data(&mut stream, &format!("{text}/* {touched} */\n"))?;
        } else {
            writeln!(stream, "M 644 inline mm/file{}.c", commit % 500)?;
            data(&mut stream, &format!("int x{commit};\n"))?;
        }
    }
    let mut import = Command::new("git")
        .current_dir(dir)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = import.stdin.take() {
        stdin.write_all(stream.as_bytes())?;
    }
    if !import.wait()?.success() {
        return Err("git fast-import failed".into());
    }
    Ok((touched, changed))
}

fn log(dir: &Path, tree: &Path) -> Result<()> {
    let repository = dir.join("history.git");
    let (touched, changed) = history(&repository, tree)?;
    let cache = dir.join("cache");
    let log = || {
        let mut command = Command::new(KHO_ABI);
        command.args(["log", "memfd", "--rev", "main", "--git-dir"]).arg(&repository);
        time(command.env("XDG_CACHE_HOME", &cache), &[0])
    };
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        if cache.exists() {
            fs::remove_dir_all(&cache)?;
        }
        cold.push(log()?);
        warm.push(log()?);
    }
    head(&format!(
        "log over {COMMITS} commits, of which {touched} touch a header and {changed} change its code; 3 runs"
    ));
    told("kho-abi log, cold", cold);
    told("kho-abi log, warm", warm);
    Ok(())
}
