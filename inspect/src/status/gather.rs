// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads each place where Linux 7.3 shows the state of live updates.

use super::handover::{self, unless};
use super::parameters::{Built, CommandLine};
use super::tree::{is_absent, Tree};
use super::{log, Answer, NotRead, Options, State, Status, SCHEMA};
use crate::scratch::Area;
use crate::text::readable;
use flate2::read::GzDecoder;
use kho_abi_show::names;
use std::io::{self, Read as _};
use std::path::Path;

const DEBUGFS: &str = "sys/kernel/debug";
const KHO: &str = "sys/kernel/debug/kho";
/// The boot protocol of x86: the directory always exists there.
const BOOT_PARAMS: &str = "sys/kernel/boot_params";
/// The boot protocol of arm64.
const CHOSEN: &str = "sys/firmware/devicetree/base/chosen";
const CHOSEN_KHO: &str = "linux,kho-fdt";
/// `SETUP_KEXEC_KHO`, as sysfs prints it.
const SETUP_KEXEC_KHO: &str = "0xa";
/// Longest configuration to unpack, in bytes.
const CONFIG_LIMIT: u64 = 16 << 20;

pub(super) fn gather(tree: &Tree, root: &Path, options: Options) -> Status {
    let mut not_read = Vec::new();
    let release = release(tree, &mut not_read);
    let command_line = unless(tree.text("proc/cmdline"), "proc/cmdline", &mut not_read);
    let command_line = command_line.map(|line| CommandLine::parse(&line));
    let built = built(tree, release.as_deref());
    let log = if options.without_log {
        None
    } else {
        log::read(tree)
            .map_err(|(path, error)| not_read.push(NotRead { path, why: error.to_string() }))
            .ok()
    };
    let luo = luo(tree, built, command_line.as_ref(), &mut not_read);
    let shown = shown(tree);
    let kho = kho(&shown, &luo, built, command_line.as_ref(), &mut not_read);
    let has = |name: &str| shown.as_ref().is_ok_and(|names| names.iter().any(|n| n == name));
    let incoming = has("in").then(|| {
        let mut incoming = handover::incoming(tree, &format!("{KHO}/in"), &mut not_read);
        let log = log.as_ref();
        incoming.liveupdate_number = log.and_then(|log| log.number_after("liveupdate number:"));
        incoming
    });
    let out = format!("{KHO}/out");
    let outgoing = has("out").then(|| handover::prepared(tree, &out, &mut not_read)).flatten();
    let scratch = has("out").then(|| scratch(tree, &out, &mut not_read)).flatten();
    let handed_over = handed_over(tree, incoming.is_some(), shown.is_ok(), &mut not_read);
    Status {
        schema: SCHEMA,
        root: names::shown(root),
        release,
        kho,
        luo,
        handed_over,
        incoming,
        outgoing,
        scratch,
        next_kernel_loaded: loaded(tree, &mut not_read),
        command_line,
        built,
        log,
        not_read,
        findings: Vec::new(),
        unknown: Vec::new(),
    }
}

fn release(tree: &Tree, not_read: &mut Vec<NotRead>) -> Option<String> {
    let path = "proc/sys/kernel/osrelease";
    let release = tree.text(path).or_else(|error| {
        let version = tree.text("proc/version").map_err(|_| error)?;
        let word = version.strip_prefix("Linux version ").and_then(|rest| rest.split(' ').next());
        word.map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
    });
    unless(release, path, not_read).map(|release| readable(release.as_bytes()))
}

/// The configuration: the kernel's own copy, or the file that was installed with it.
fn built(tree: &Tree, release: Option<&str>) -> Option<Built> {
    if let Ok(packed) = tree.read("proc/config.gz") {
        let mut config = Vec::new();
        let unpacked = GzDecoder::new(&*packed).take(CONFIG_LIMIT).read_to_end(&mut config);
        if let (Ok(_), Some(built)) = (unpacked, Built::parse(&String::from_utf8_lossy(&config))) {
            return Some(built);
        }
    }
    let release = release.filter(|release| !release.contains('/') && !release.starts_with('.'))?;
    let paths = [format!("boot/config-{release}"), format!("lib/modules/{release}/config")];
    paths.iter().find_map(|path| Built::parse(&tree.text(path).ok()?))
}

/// The names in debugfs' `kho`; an empty list if debugfs is mounted and has none.
fn shown(tree: &Tree) -> io::Result<Vec<String>> {
    match tree.list(KHO) {
        Err(error) if is_absent(&error) => {}
        other => return other,
    }
    match tree.list(DEBUGFS) {
        Ok(names) if names.is_empty() => Err(io::Error::other("debugfs is not mounted")),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn luo(
    tree: &Tree,
    built: Option<Built>,
    line: Option<&CommandLine>,
    not_read: &mut Vec<NotRead>,
) -> Answer {
    // A kernel with LUO enabled registers its device at boot, and never later.
    let path = "proc/misc";
    if let Some(devices) = unless(tree.text(path), path, not_read) {
        let mut names = devices.lines().filter_map(|line| line.split_whitespace().nth(1));
        return if names.any(|name| name == "liveupdate") {
            Answer::new(State::Yes, "/proc/misc has liveupdate")
        } else {
            Answer::new(State::No, "/proc/misc does not have liveupdate")
        };
    }
    if built.is_some_and(|built| !built.liveupdate) {
        return Answer::new(State::No, "the kernel was built without CONFIG_LIVEUPDATE");
    }
    if line.is_some_and(|line| line.liveupdate != Some(true)) {
        return Answer::new(State::No, "the command line has no liveupdate=on");
    }
    Answer::new(State::Unknown, "/proc/misc could not be read")
}

fn kho(
    shown: &io::Result<Vec<String>>,
    luo: &Answer,
    built: Option<Built>,
    line: Option<&CommandLine>,
    not_read: &mut Vec<NotRead>,
) -> Answer {
    match shown {
        // If KHO gave up, only the directory remains.
        Ok(names) if names.iter().any(|name| name == "out") => {
            return Answer::new(State::Yes, format!("/{KHO}/out"));
        }
        Ok(names) if !names.is_empty() => {
            return Answer::new(State::No, format!("/{KHO} has no out: the kernel turned KHO off"));
        }
        Ok(_) if built.is_some_and(|built| built.kho_debugfs) => {
            return Answer::new(State::No, format!("debugfs has no kho; {}", why_off(line)));
        }
        Ok(_) => {}
        Err(error) => {
            not_read.push(NotRead { path: format!("/{KHO}"), why: error.to_string() });
        }
    }
    if luo.state == State::Yes {
        return Answer::new(State::Yes, "LUO is on, and needs KHO");
    }
    if built.is_some_and(|built| !built.kho) {
        return Answer::new(State::No, "the kernel was built without CONFIG_KEXEC_HANDOVER");
    }
    let asked = line.map(|line| line.kho.or(built.map(|built| built.kho_by_default)));
    match asked {
        Some(Some(false)) => Answer::new(State::No, why_off(line)),
        _ => Answer::new(State::Unknown, "neither debugfs nor LUO shows it"),
    }
}

fn why_off(line: Option<&CommandLine>) -> &'static str {
    match line.map(|line| line.kho) {
        Some(Some(false)) => "the command line has kho=off",
        Some(None) => "the command line has no kho=on",
        Some(Some(true)) => "the command line has kho=on: see the log",
        None => "the command line is unknown",
    }
}

/// Whether the boot protocol carried a state; `None` if this machine has neither protocol.
fn carried(tree: &Tree, not_read: &mut Vec<NotRead>) -> Option<(bool, String)> {
    let setup = format!("{BOOT_PARAMS}/setup_data");
    match tree.list(&setup) {
        Ok(numbers) => {
            for number in numbers.iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) {
                let path = format!("{setup}/{number}/type");
                if unless(tree.text(&path), &path, not_read)? == SETUP_KEXEC_KHO {
                    return Some((true, format!("/{setup}/{number}")));
                }
            }
            return Some((false, format!("/{setup}")));
        }
        Err(error) if is_absent(&error) => {}
        Err(error) => return unless(Err(error), &setup, not_read),
    }
    if tree.list(BOOT_PARAMS).is_ok_and(|names| !names.is_empty()) {
        return Some((false, format!("/{BOOT_PARAMS} has no setup_data")));
    }
    let names = match tree.list(CHOSEN) {
        Err(error) if is_absent(&error) => return None,
        other => unless(other, CHOSEN, not_read)?,
    };
    Some((names.iter().any(|name| name == CHOSEN_KHO), format!("/{CHOSEN}")))
}

fn handed_over(tree: &Tree, taken: bool, shown: bool, not_read: &mut Vec<NotRead>) -> Answer {
    match carried(tree, not_read) {
        Some((true, because)) => Answer::new(State::Yes, because),
        _ if taken => Answer::new(State::Yes, format!("/{KHO}/in")),
        Some((false, because)) => Answer::new(State::No, because),
        None if shown => Answer::new(
            State::Unknown,
            "debugfs shows nothing, and the machine's boot protocol is unknown",
        ),
        None => Answer::new(State::Unknown, "neither debugfs nor the boot protocol could be read"),
    }
}

fn loaded(tree: &Tree, not_read: &mut Vec<NotRead>) -> Answer {
    let paths = ["sys/kernel/kexec/loaded", "sys/kernel/kexec_loaded"];
    for path in paths {
        match tree.text(path) {
            Ok(text) if text == "1" => return Answer::new(State::Yes, format!("/{path}")),
            Ok(text) if text == "0" => return Answer::new(State::No, format!("/{path}")),
            Ok(text) => {
                let why = format!("expected 0 or 1, found \"{}\"", readable(text.as_bytes()));
                not_read.push(NotRead { path: format!("/{path}"), why });
            }
            Err(error) if is_absent(&error) => continue,
            Err(error) => {
                unless::<()>(Err(error), path, not_read);
            }
        }
        return Answer::new(State::Unknown, format!("/{path} could not be read"));
    }
    let gone = format!("/{} is missing", paths[1]);
    // A kernel that can load another one always has one of the two.
    if tree.is_live() && tree.list("sys/kernel").is_ok_and(|names| !names.is_empty()) {
        return Answer::new(State::No, format!("{gone}: the kernel was built without kexec"));
    }
    not_read.push(NotRead { path: format!("/{}", paths[1]), why: "it is missing".into() });
    Answer::new(State::Unknown, gone)
}

fn scratch(tree: &Tree, out: &str, not_read: &mut Vec<NotRead>) -> Option<Vec<Area>> {
    let mut read = |name: &str| {
        let path = format!("{out}/{name}");
        let parsed = tree.text(&path).and_then(|text| numbers(&text));
        unless(parsed, &path, not_read)
    };
    let (starts, sizes) = (read("scratch_phys"), read("scratch_len"));
    let (starts, sizes) = (starts?, sizes?);
    if starts.len() != sizes.len() {
        let why = format!("{} sizes for {} addresses", sizes.len(), starts.len());
        not_read.push(NotRead { path: format!("/{out}/scratch_len"), why });
        return None;
    }
    Some(starts.into_iter().zip(sizes).map(|(start, size)| Area { start, size }).collect())
}

fn numbers(text: &str) -> io::Result<Vec<u64>> {
    let number = |line: &str| {
        let digits = line.trim().strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    };
    let parsed: Option<Vec<u64>> = text.lines().map(number).collect();
    parsed.ok_or_else(|| io::Error::other("expected one hexadecimal number per line"))
}
