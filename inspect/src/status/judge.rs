// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is wrong with a machine's state, and what is unknown.

use super::log::Weight;
use super::tree::Tree;
use super::{Options, Remark, State, Status};
use crate::rules::machine as rules;
use kho_abi::wire::versions::luo_v5::LUO_KHO_ENTRY_NAME;

const DEBUGFS: &str = "/sys/kernel/debug";
const READ_AS_ROOT: &str = "run as root, with debugfs mounted on /sys/kernel/debug";

pub(super) fn judge(status: &mut Status, tree: &Tree, options: Options) {
    let (mut findings, mut unknown) = (Vec::new(), Vec::new());
    switches(status, &mut findings, &mut unknown);
    incoming(status, &mut findings, &mut unknown);
    outgoing(status, &mut findings, &mut unknown);
    scratch(status, &mut findings, &mut unknown);
    node(status, tree, &mut findings, &mut unknown);
    log(status, options, &mut findings, &mut unknown);
    for not_read in &status.not_read {
        let what = format!("{} could not be read: {}", not_read.path, not_read.why);
        let help = match (not_read.path.starts_with(DEBUGFS), tree.is_live()) {
            (true, true) => READ_AS_ROOT,
            (false, true) => "run as root, with /proc and /sys mounted",
            (_, false) => "copy that file from the machine as well",
        };
        unknown.push(Remark::unknown(what, help));
    }
    // A kernel without KHO hands nothing over: that is the answer, and nothing else has to be known.
    if status.kho.state == State::No && status.built.is_some_and(|built| !built.kho) {
        unknown.clear();
    }
    (status.findings, status.unknown) = (findings, unknown);
}

/// LUO's device node, if the file system has nodes: in a copy, the directory is empty.
fn node(status: &Status, tree: &Tree, findings: &mut Vec<Remark>, unknown: &mut Vec<Remark>) {
    let has_nodes = tree.list("dev").is_ok_and(|names| !names.is_empty());
    if status.luo.state != State::Yes || !has_nodes {
        return;
    }
    match tree.exists("dev/liveupdate") {
        Ok(true) => {}
        Ok(false) => findings.push(Remark::wrong(
            &rules::LUO_NODE_MISSING,
            "LUO is on, but /dev/liveupdate is missing",
            "mount devtmpfs on /dev, or make the node with the number in /sys/class/misc/liveupdate/dev",
        )),
        Err(error) => unknown.push(Remark::unknown(
            format!("whether /dev/liveupdate exists: {error}"),
            READ_AS_ROOT,
        )),
    }
}

fn switches(status: &Status, findings: &mut Vec<Remark>, unknown: &mut Vec<Remark>) {
    let line = status.command_line.as_ref();
    let asked = [line.and_then(|line| line.kho), line.and_then(|line| line.liveupdate)];
    let names = ["kho", "kho=on liveupdate"];
    let answers = [("KHO", &status.kho), ("LUO", &status.luo)];
    for (((name, answer), asked), parameter) in answers.into_iter().zip(asked).zip(names) {
        // The kernel turns KHO off if it finds no room for scratch.
        let help = match asked {
            Some(true) => {
                "read the log: often the kernel finds no room for scratch memory; kho_scratch= sets \
                 its size"
                    .to_owned()
            }
            _ => format!("boot a kernel with {name} built in, and {parameter}=on"),
        };
        match answer.state {
            State::Yes => {}
            State::No => {
                findings.push(Remark::wrong(
                    &rules::HANDOVER_OFF,
                    format!("{name} is off: {}", answer.because),
                    help,
                ));
            }
            State::Unknown => unknown.push(Remark::unknown(
                format!("whether {name} is on: {}", answer.because),
                READ_AS_ROOT,
            )),
        }
    }
    if status.kho.state == State::No && status.luo.state == State::Yes {
        findings.push(Remark::wrong(
            &rules::LUO_WITHOUT_KHO,
            "LUO is on without KHO: nothing it preserves reaches the next kernel",
            "do not live-update this machine; reboot it with kho=on and liveupdate=on",
        ));
    }
}

fn incoming(status: &Status, findings: &mut Vec<Remark>, unknown: &mut Vec<Remark>) {
    let look = "`kho-abi inspect /proc/kcore` shows what is in memory; see also the log";
    match (&status.incoming, status.handed_over.state) {
        (None, State::Yes) if status.not_read.iter().any(|file| file.path.ends_with("/kho")) => {
            unknown.push(Remark::unknown(
                "whether this kernel took over the state that was handed over",
                READ_AS_ROOT,
            ));
        }
        // Without its debugfs, KHO does not show a state that it received.
        (None, State::Yes) if status.outgoing.is_none() && status.kho.state == State::Yes => {
            unknown.push(Remark::unknown(
                "whether this kernel took over the state that was handed over",
                "build the kernel with CONFIG_KEXEC_HANDOVER_DEBUGFS",
            ));
        }
        (None, State::Yes) => findings.push(Remark::wrong(
            &rules::HANDOVER_STATE_NOT_TAKEN,
            format!(
                "this kernel did not take over the state that was handed over ({})",
                status.handed_over.because
            ),
            look,
        )),
        (_, State::Unknown) => unknown.push(Remark::unknown(
            format!("whether a state was handed over: {}", status.handed_over.because),
            READ_AS_ROOT,
        )),
        _ => {}
    }
    let Some(incoming) = &status.incoming else { return };
    let invalid = &rules::HANDOVER_STATE_INVALID;
    findings.extend(incoming.wrong.iter().map(|what| Remark::wrong(invalid, what, look)));
    unknown
        .extend(incoming.unknown.iter().map(|what| Remark::unknown(what, "use a newer kho-abi")));
}

fn outgoing(status: &Status, findings: &mut Vec<Remark>, unknown: &mut Vec<Remark>) {
    let Some(outgoing) = &status.outgoing else {
        if status.kho.state == State::Yes {
            let what = "what is being prepared for the next kernel";
            unknown.push(Remark::unknown(what, READ_AS_ROOT));
        }
        return;
    };
    let help = "read the log: `journalctl -b -k --grep 'KHO|LUO|liveupdate'`";
    let invalid = &rules::HANDOVER_STATE_INVALID;
    findings.extend(outgoing.wrong.iter().map(|what| Remark::wrong(invalid, what, help)));
    unknown
        .extend(outgoing.unknown.iter().map(|what| Remark::unknown(what, "use a newer kho-abi")));
    let has_luo = outgoing.entries.iter().any(|entry| entry.name == LUO_KHO_ENTRY_NAME);
    if status.luo.state == State::Yes && !has_luo {
        let what = format!("LUO is on, but no entry \"{LUO_KHO_ENTRY_NAME}\" is being prepared");
        findings.push(Remark::wrong(&rules::LUO_ENTRY_MISSING, what, help));
    }
}

fn scratch(status: &Status, findings: &mut Vec<Remark>, unknown: &mut Vec<Remark>) {
    match &status.scratch {
        Some(areas) if areas.iter().all(|area| area.size == 0) => findings.push(Remark::wrong(
            &rules::SCRATCH_MISSING,
            "no scratch memory is reserved: the next kernel could not start",
            "boot with kho_scratch=LOWMEM,GLOBAL,PERNODE, for example kho_scratch=16M,512M,256M",
        )),
        None if status.kho.state == State::Yes => {
            unknown.push(Remark::unknown("the size of scratch memory", READ_AS_ROOT));
        }
        Some(_) | None => {}
    }
}

fn log(status: &Status, options: Options, findings: &mut Vec<Remark>, unknown: &mut Vec<Remark>) {
    let Some(log) = &status.log else { return };
    for message in &log.messages {
        match message.weight() {
            Weight::Information => {}
            Weight::Problem => findings.push(Remark::wrong(
                &rules::LOG_REPORTS_PROBLEM,
                format!("the kernel reports: {}", message.text),
                format!("see {}", log.path),
            )),
            Weight::Unknown => unknown.push(Remark::unknown(
                format!("the kernel reports (level unknown): {}", message.text),
                "take the log with `dmesg --raw`",
            )),
        }
    }
    if !log.complete && !options.without_log {
        unknown.push(Remark::unknown(
            format!("{} does not reach back to the start of the kernel", log.path),
            "boot with a larger log_buf_len=, or leave the log out with --no-log",
        ));
    }
}
