// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi generate` for the whole truth, compared with the cbindgen command on the same crate.
//!
//! Both are whole processes that write into an empty directory, in alternation, so that other load
//! of the machine affects both. The environment's CBINDGEN names the command.

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 41;

fn main() -> Result<(), Box<dyn Error>> {
    let cbindgen = std::env::var_os("CBINDGEN")
        .ok_or("CBINDGEN does not name the cbindgen command\n  help: run `make bench`")?;
    let abi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../abi").canonicalize()?;
    let truth = kho_abi_read::truth::current()?;
    let structs: Vec<_> = truth.records().map(|(_, record)| format!("{:?}", record.name)).collect();

    let dir = tempfile::tempdir()?;
    let config = dir.path().join("cbindgen.toml");
    std::fs::write(
        &config,
        format!(
            "language = \"C\"\nstyle = \"tag\"\n[layout]\npacked = \"__packed\"\n[export]\n\
             include = [{}]\n",
            structs.join(", ")
        ),
    )?;

    let ours = || -> Result<Duration, Box<dyn Error>> {
        let out = tempfile::tempdir_in(&dir)?;
        let args = [OsStr::new("generate"), OsStr::new("--out"), out.path().as_os_str()];
        let took = time(OsStr::new(env!("CARGO_BIN_EXE_kho-abi")), &args, &abi)?;
        for header in &truth.headers {
            written(&out.path().join("include").join(header.include_path()))?;
        }
        Ok(took)
    };
    let theirs = || -> Result<Duration, Box<dyn Error>> {
        let out = tempfile::tempdir_in(&dir)?;
        let path = out.path().join("all.h");
        let args = ["--quiet".as_ref(), "--config".as_ref(), config.as_os_str()];
        let args = [&args[..], &["--output".as_ref(), path.as_os_str(), abi.as_os_str()]].concat();
        let took = time(&cbindgen, &args, &abi)?;
        written(&path)?;
        Ok(took)
    };

    // The first of each fills the page cache.
    ours()?;
    theirs()?;
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_times.push(ours()?);
        their_times.push(theirs()?);
    }
    let (ours, theirs) = (Summary::of(our_times), Summary::of(their_times));
    println!("structs: {}; {ROUNDS} runs of each, in turn", structs.len());
    println!("{:<20} {:>10} {:>10} {:>10}", "milliseconds", "median", "fastest", "slowest");
    for (name, summary) in [("kho-abi generate", &ours), ("cbindgen", &theirs)] {
        let [median, fastest, slowest] = [summary.median, summary.fastest, summary.slowest]
            .map(|time| time.as_secs_f64() * 1000.0);
        println!("{name:<20} {median:>10.2} {fastest:>10.2} {slowest:>10.2}");
    }
    let ratio = ours.median.as_secs_f64() / theirs.median.as_secs_f64();
    println!("ratio of the medians {ratio:>10.3}  (below 1: kho-abi is faster)");
    Ok(())
}

fn time(program: &OsStr, args: &[&OsStr], dir: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null());
    let begin = Instant::now();
    let out = command.output()?;
    let took = begin.elapsed();
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{} failed: {said}", program.to_string_lossy()).into());
    }
    Ok(took)
}

/// A run that wrote nothing does not count.
fn written(path: &Path) -> Result<(), Box<dyn Error>> {
    match std::fs::read_to_string(path) {
        // Not every header has a struct, but each has a contract.
        Ok(text) if text.contains("struct ") || text.contains("_COMPATIBLE") => Ok(()),
        Ok(_) => Err(format!("{} has neither struct nor contract", path.display()).into()),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

struct Summary {
    median: Duration,
    fastest: Duration,
    slowest: Duration,
}

impl Summary {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let [fastest, .., slowest] = times[..] else { unreachable!("there are rounds") };
        Self { median: times[times.len() / 2], fastest, slowest }
    }
}
