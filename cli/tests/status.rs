// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi status` on copies of file systems.

use kho_abi_inspect::synth::{Ram, Synth};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KHO: &str = "sys/kernel/debug/kho";
const LOG: &str =
    "[    0.000000] Linux version 7.3.4\n[    0.000000] KHO: found kexec handover data.\n\
                   [    0.000000] KHO: exec from: 7.3.3 (count 2)\n\
                   [    0.100000] luo: Retrieved live update data, liveupdate number: 2\n";

struct Machine {
    root: PathBuf,
}

struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn assert(&self, status: i32, line: &str) {
        let Self { stdout, stderr, .. } = self;
        assert!(stdout.contains(line), "`{line}` is not in:\n{stdout}{stderr}");
        assert_eq!(self.status, Some(status), "{stdout}{stderr}");
    }
}

impl Machine {
    fn empty(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status").join(name);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        fs::create_dir_all(&root).unwrap();
        Self { root }
    }

    /// A healthy machine after its second live update.
    fn healthy(name: &str) -> Self {
        let machine = Self::empty(name);
        machine.write("proc/sys/kernel/osrelease", "7.3.4\n");
        machine.write("proc/cmdline", "kho=on liveupdate=on quiet\n");
        machine.write("proc/misc", "125 liveupdate\n126 rfkill\n");
        machine.write("sys/kernel/kexec_loaded", "1\n");
        machine.write("sys/kernel/boot_params/setup_data/0/type", "0x9\n");
        machine.write("sys/kernel/boot_params/setup_data/1/type", "0xa\n");
        machine.write("var/log/dmesg", LOG);
        let mut synth = Synth::new(Ram::new(4096, 2 << 20), 4096);
        synth.start_at(1 << 20);
        synth.metadata("7.3.3", 2);
        let (ram, places) = synth.finish();
        let len = u32::from_be_bytes(ram.read(places.fdt + 4, 4).try_into().unwrap());
        machine.write_bytes(&format!("{KHO}/in/fdt"), &ram.read(places.fdt, len as usize));
        machine.write_bytes(&format!("{KHO}/in/sub_fdts/kexec-metadata"), &metadata("7.3.3", 2));
        machine.write_bytes(&format!("{KHO}/in/sub_fdts/LUO"), &[0xcc; 32]);
        machine.write_bytes(&format!("{KHO}/out/sub_fdts/kexec-metadata"), &metadata("7.3.4", 3));
        machine.write_bytes(&format!("{KHO}/out/sub_fdts/LUO"), &luo("luo-v5\0\0"));
        machine.write(&format!("{KHO}/out/scratch_phys"), "0x1000000\n0x8000000\n0x10000000\n");
        machine.write(&format!("{KHO}/out/scratch_len"), "0x1000000\n0x2000000\n0x0\n");
        machine
    }

    fn write(&self, path: &str, text: &str) {
        self.write_bytes(path, text.as_bytes());
    }

    fn write_bytes(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.root.join(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        command.arg("status").args(args).arg("--root").arg(&self.root);
        let output = command.output().unwrap();
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn metadata(release: &str, count: u32) -> Vec<u8> {
    let mut bytes = vec![0; 73];
    bytes[0] = 1;
    bytes[4..4 + release.len()].copy_from_slice(release.as_bytes());
    bytes[69..].copy_from_slice(&count.to_ne_bytes());
    bytes
}

fn luo(compatible: &str) -> Vec<u8> {
    let mut bytes = compatible.as_bytes().to_vec();
    for number in [3_u64, 0, 0x5000] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes
}

#[test]
fn a_healthy_machine_is_status_0() {
    let machine = Machine::healthy("healthy");
    let ran = machine.run(&[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn json_says_the_same() {
    let machine = Machine::healthy("json");
    let ran = machine.run(&["--format", "json"]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(ran.status, Some(0), "{json:#}");
    assert_eq!(json["schema"], "kho-abi/status/1");
    assert_eq!(json["kho"]["state"], "yes");
    assert_eq!(json["incoming"]["liveupdate_number"], 2);
    assert_eq!(json["incoming"]["metadata"]["kexec_count"], 2);
    assert_eq!(json["outgoing"]["sessions_pa"], "0x0");
    assert_eq!(json["scratch"][1]["start"], "0x8000000");
    assert_eq!(json["scratch"][1]["size"], 0x200_0000);
    // The output has exactly the fields of the schema in the repository.
    let schema = include_str!("../../docs/schemas/status-1.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::validate(&schema, &json).unwrap();
    let known: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), known);
}

/// Everything that is removed or damaged is noticed, and never gives status 0.
#[test]
fn what_is_wrong_or_unknown_is_status_1() {
    type Break = fn(&Machine);
    let broken: &[(&str, Break, &str)] = &[
        ("luo-off", |m| m.write("proc/misc", "126 rfkill\n"), "LUO is off: /proc/misc"),
        ("no-misc", |m| m.remove("proc/misc"), "unknown: whether LUO is on: "),
        ("no-kho", |m| m.remove(KHO), "unknown: /sys/kernel/debug/kho could not be read: debugfs"),
        ("gave-up", |m| m.remove(&format!("{KHO}/out")), "has no out: the kernel turned KHO off"),
        (
            "not-taken",
            |m| m.remove(&format!("{KHO}/in")),
            "finding: this kernel did not take over the state that was handed over",
        ),
        (
            "node-refused",
            |m| m.remove(&format!("{KHO}/in/sub_fdts/LUO")),
            "the kernel did not take over the entry \"LUO\" of the device tree that was handed over",
        ),
        (
            "cut-tree",
            |m| {
                let path = format!("{KHO}/in/fdt");
                let bytes = fs::read(m.root.join(&path)).unwrap();
                m.write_bytes(&path, &bytes[..bytes.len() / 2]);
            },
            "finding: KHO's device tree: ",
        ),
        ("no-tree", |m| m.write(&format!("{KHO}/in/fdt"), ""), "the header is cut off"),
        (
            "short-metadata",
            |m| m.write(&format!("{KHO}/in/sub_fdts/kexec-metadata"), "\u{1}"),
            "kexec-metadata has 1 bytes, expected 73",
        ),
        (
            "nothing-prepared",
            |m| m.remove(&format!("{KHO}/out/sub_fdts/LUO")),
            "LUO is on, but no entry \"LUO\" is being prepared",
        ),
        (
            "newer",
            |m| m.write_bytes(&format!("{KHO}/out/sub_fdts/LUO"), &luo("luo-v6\0\0")),
            "unknown: LUO's state is \"luo-v6\", 32 bytes, but only luo-v5 can be decoded",
        ),
        (
            "scratch-differs",
            |m| m.write(&format!("{KHO}/out/scratch_len"), "0x1000\n"),
            "scratch_len could not be read: 1 sizes for 3 addresses",
        ),
        (
            "no-scratch",
            |m| m.write(&format!("{KHO}/out/scratch_len"), "0x0\n0x0\n0x0\n"),
            "no scratch memory is reserved",
        ),
        (
            "log-warns",
            |m| m.write("var/log/dmesg", &format!("{LOG}<4>[ 1.0] KHO: something new\n")),
            "finding: the kernel reports: KHO: something new",
        ),
        (
            "log-without-level",
            |m| m.write("var/log/dmesg", &format!("{LOG}[ 1.0] luo: something new\n")),
            "(level unknown): luo: something new",
        ),
        (
            "log-begins-late",
            |m| m.write("var/log/dmesg", "[ 9.0] other\n"),
            "does not reach back to the start of the kernel",
        ),
        ("no-log", |m| m.remove("var/log/dmesg"), "unknown: /var/log/dmesg could not be read"),
        ("no-release", |m| m.remove("proc/sys"), "unknown: /proc/sys/kernel/osrelease"),
        ("kexec", |m| m.write("sys/kernel/kexec_loaded", "2"), "expected 0 or 1, found \"2\""),
        ("no-node", |m| m.write("dev/null", ""), "/dev/liveupdate is missing"),
        (
            "protocol-unknown",
            |m| {
                m.remove("sys/kernel/boot_params");
                m.remove(&format!("{KHO}/in"));
            },
            "unknown: whether a state was handed over: ",
        ),
    ];
    let mut shown = BTreeSet::new();
    for (name, spoil, expected) in broken {
        let machine = Machine::healthy(name);
        spoil(&machine);
        let ran = machine.run(&[]);
        eprintln!("{name}");
        ran.assert(1, expected);
        let json: Value = serde_json::from_str(&machine.run(&["--format", "json"]).stdout).unwrap();
        let remarks = ["findings", "unknown"].map(|list| json[list].as_array().unwrap().len());
        assert!(remarks.iter().sum::<usize>() > 0, "{name}: {json:#}");
        for finding in json["findings"].as_array().unwrap() {
            let rule = finding["rule"].as_str().unwrap().to_string();
            assert!(ran.stdout.contains(&format!(" [{rule}]\n")), "{name}: {}", ran.stdout);
            assert!(kho_abi_inspect::rules::find(&rule).is_some(), "{rule}");
            shown.insert(rule);
        }
    }
    let all = kho_abi_inspect::rules::machine::RULES.iter().map(|rule| rule.id.to_string());
    assert_eq!(shown, all.collect(), "each rule is met");
}

#[test]
fn a_machine_that_was_started_cold_received_nothing() {
    let machine = Machine::healthy("cold");
    machine.remove(&format!("{KHO}/in"));
    machine.write("sys/kernel/boot_params/setup_data/1/type", "0x1\n");
    machine.write("var/log/dmesg", "[    0.000000] Linux version 7.3.4\n");
    machine.run(&[]).assert(0, "received   nothing (/sys/kernel/boot_params/setup_data)");
    // arm64 has it in the device tree.
    machine.remove("sys/kernel/boot_params");
    machine.write("sys/firmware/devicetree/base/chosen/bootargs", "");
    machine.run(&[]).assert(0, "received   nothing (/sys/firmware/devicetree/base/chosen)");
    machine.write("sys/firmware/devicetree/base/chosen/linux,kho-fdt", "");
    machine.run(&[]).assert(1, "this kernel did not take over the state");
}

#[test]
fn why_kho_is_off_is_said() {
    let machine = Machine::empty("off");
    machine.write("proc/misc", "");
    machine.write("proc/sys/kernel/osrelease", "7.3.4");
    machine.write("boot/config-7.3.4", "# CONFIG_KEXEC_HANDOVER is not set\n");
    machine
        .run(&[])
        .assert(1, "KHO        off (the kernel was built without CONFIG_KEXEC_HANDOVER)");
    // Nothing else has to be known then.
    let ran = machine.run(&[]);
    assert!(ran.stdout.ends_with("2 findings, 0 unknown\n"), "{}", ran.stdout);
    assert_eq!(machine.run(&["--quiet"]).stdout, "");
    machine.write("boot/config-7.3.4", "CONFIG_KEXEC_HANDOVER=y\n");
    machine.run(&[]).assert(1, "KHO        unknown (neither debugfs nor LUO shows it)");
    machine.write("proc/cmdline", "quiet");
    machine.run(&[]).assert(1, "KHO        off (the command line has no kho=on)");
    machine.write("proc/cmdline", "kho=1 kho=off");
    machine.run(&[]).assert(1, "KHO        off (the command line has kho=off)");
    machine.write("proc/cmdline", "kho=on");
    machine.run(&[]).assert(1, "KHO        unknown (neither debugfs nor LUO shows it)");
    let config = "CONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_DEBUGFS=y\n";
    machine.write("boot/config-7.3.4", config);
    machine.write("sys/kernel/debug/clk/x", "");
    machine
        .run(&[])
        .assert(1, "off (debugfs has no kho; the command line has kho=on: see the log)");
}

/// A copy is untrusted: links that lead out of it, pipes, endless files.
#[test]
fn a_hostile_copy_neither_hangs_nor_leads_out() {
    let machine = Machine::healthy("hostile");
    let link = |to: &str, path: &str| {
        let path = machine.root.join(path);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(to, path).unwrap();
    };
    // The same path exists outside, with another content.
    link("/proc/sys/kernel/hostname", "proc/cmdline");
    link("../../../../../../../../../../../../../../proc/version", "var/log/dmesg");
    link("loop", "loop");
    link("../loop", "sys/kernel/kexec_loaded");
    link("/dev/zero", "proc/sys/kernel/osrelease");
    let fifo = machine.root.join(format!("{KHO}/in/sub_fdts/pipe"));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let large = fs::File::create(machine.root.join(format!("{KHO}/out/sub_fdts/large"))).unwrap();
    large.set_len(1 << 40).unwrap();
    // A file that is waited for, or read to its end, would be for ever.
    let ran = machine.run(&[]);
    for line in [
        "/proc/cmdline could not be read",
        "/var/log/dmesg could not be read",
        "/sys/kernel/kexec_loaded could not be read",
        "/proc/sys/kernel/osrelease could not be read",
        "in/sub_fdts/pipe could not be read: not a regular file",
        "out/sub_fdts/large could not be read: longer than 16777216 bytes",
        "  pipe            size unknown",
    ] {
        ran.assert(1, line);
    }
}

#[test]
fn what_cannot_run_is_status_2() {
    let machine = Machine { root: "/nowhere/at-all".into() };
    let ran = machine.run(&[]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("/nowhere/at-all: No such file"), "{}", ran.stderr);
    // A directory that is none of a machine is not a machine of which nothing is known.
    let machine = Machine::empty("not-a-machine");
    machine.write("src/main.rs", "fn main() {}");
    let ran = machine.run(&[]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("not a copy of a file system"), "{}", ran.stderr);
}

#[test]
fn the_log_can_be_left_out_and_that_is_said() {
    let machine = Machine::healthy("without-log");
    machine.remove("var/log/dmesg");
    machine.run(&["--no-log"]).assert(0, "log        not read");
}
