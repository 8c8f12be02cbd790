// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi verify` of a kernel for all contracts, compared with pahole for one struct and abidw
//! for all that it reaches, on the same file.
//!
//! All are whole processes, in alternation, so that other load of the machine affects each. The
//! environment names the files: `KHO_ABI_VMLINUX` with DWARF and BTF, and `KHO_ABI_BZIMAGE`. `time`
//! measures CPU and memory.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const ROUNDS: usize = 11;
/// The struct to request from pahole.
const STRUCT: &str = "luo_session_ser";

/// A command to measure.
struct Subject {
    name: &'static str,
    argv: Vec<String>,
    /// What its output must contain, so that a run that found nothing does not count as fast.
    says: &'static str,
    rounds: usize,
}

/// The cost of a run.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    cpu: f64,
    peak_kib: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let vmlinux = named("KHO_ABI_VMLINUX")?;
    let bz_image = named("KHO_ABI_BZIMAGE")?;
    let vmlinux = vmlinux.to_str().ok_or("KHO_ABI_VMLINUX is no text")?;
    let bz_image = bz_image.to_str().ok_or("KHO_ABI_BZIMAGE is no text")?;
    let ours = env!("CARGO_BIN_EXE_kho-abi");
    let equal = "luo-v5             equal";
    let subject = |name, says, rounds, argv: &[&str]| Subject {
        name,
        argv: argv.iter().map(ToString::to_string).collect(),
        says,
        rounds,
    };
    let pahole = |format| ["pahole", "-F", format, "-C", STRUCT, vmlinux];
    let mut subjects = vec![
        subject("kho-abi verify --btf", equal, ROUNDS, &[ours, "verify", "--btf", vmlinux]),
        subject("pahole -F btf", STRUCT, ROUNDS, &pahole("btf")),
        subject("kho-abi verify --dwarf", equal, ROUNDS, &[ours, "verify", "--dwarf", vmlinux]),
        subject("pahole -F dwarf", STRUCT, ROUNDS, &pahole("dwarf")),
        subject("kho-abi verify bzImage", equal, ROUNDS, &[ours, "verify", bz_image]),
    ];
    if std::env::var_os("ABIDW").is_some_and(|asked| !asked.is_empty()) {
        // It takes minutes, and never reaches these structs, since no exported symbol does.
        subjects.push(subject("abidw", "<abi-corpus", 1, &["abidw", vmlinux]));
    }
    let mut took: Vec<Vec<Took>> = vec![Vec::new(); subjects.len()];
    for round in 0..=ROUNDS {
        for (subject, took) in subjects.iter().zip(&mut took) {
            // The first round fills the page cache; programs that run once run then.
            match round {
                0 if subject.rounds > 1 => drop(run(subject)?),
                round if round > subject.rounds => {}
                _ if took.len() < subject.rounds => took.push(run(subject)?),
                _ => {}
            }
        }
    }
    println!("{ROUNDS} runs of each, in turn; medians, and the largest peak of memory");
    println!("{:<24} {:>9} {:>9} {:>10}", "", "wall s", "CPU s", "peak MiB");
    let mut cpu = Vec::new();
    for (subject, took) in subjects.iter().zip(&took) {
        let median = |of: fn(&Took) -> f64| {
            let mut all: Vec<_> = took.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let peak = took.iter().map(|took| took.peak_kib).max().unwrap_or_default();
        let (wall, used) = (median(|took| took.wall), median(|took| took.cpu));
        println!("{:<24} {wall:>9.3} {used:>9.3} {:>10.1}", subject.name, mebibytes(peak));
        cpu.push(used);
    }
    println!("CPU, ours over pahole's: BTF {:.2}, DWARF {:.2}", cpu[0] / cpu[1], cpu[2] / cpu[3]);
    Ok(())
}

fn named(variable: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file());
    path.ok_or_else(|| format!("{variable} names no file\n  help: run `make bench`"))
}

#[allow(clippy::cast_precision_loss)] // The number is only displayed.
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn run(subject: &Subject) -> Result<Took, Box<dyn Error>> {
    let measured = tempfile::NamedTempFile::new()?;
    let out = Command::new("time")
        .args(["-f", "%e %U %S %M", "-o"])
        .arg(measured.path())
        .args(&subject.argv)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("time: {error}\n  help: install the package time"))?;
    let said = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() || !said.contains(subject.says) {
        return Err(format!("{} does not say {:?}:\n{said}", subject.name, subject.says).into());
    }
    let text = std::fs::read_to_string(measured.path())?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [wall, user, system, _] = numbers[..] else { return Err("time said nothing".into()) };
    let peak_kib = text.split_whitespace().last().unwrap_or_default().parse()?;
    Ok(Took { wall, cpu: user + system, peak_kib })
}
