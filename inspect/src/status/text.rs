// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A machine's state for people.

use super::{Answer, Entry, State, Status};
use crate::text::{count, size};
use std::fmt::{self, Write as _};

/// Writes the report.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(status: &Status, out: &mut dyn fmt::Write) -> fmt::Result {
    writeln!(out, "kernel     {}", status.release.as_deref().unwrap_or("unknown"))?;
    let switch = |answer: &Answer| match answer.state {
        State::Yes => format!("on ({})", answer.because),
        State::No => format!("off ({})", answer.because),
        State::Unknown => format!("unknown ({})", answer.because),
    };
    writeln!(out, "KHO        {}", switch(&status.kho))?;
    writeln!(out, "LUO        {}", switch(&status.luo))?;
    received(status, out)?;
    prepared(status, out)?;
    scratch(status, out)?;
    let loaded = match status.next_kernel_loaded.state {
        State::Yes => "loaded",
        State::No => "not loaded",
        State::Unknown => "unknown",
    };
    writeln!(out, "next       kernel {loaded} ({})", status.next_kernel_loaded.because)?;
    match &status.log {
        None => writeln!(out, "log        not read")?,
        Some(log) => {
            let reach = if log.complete { "" } else { ", not from the start" };
            let number = count(log.messages.len() as u64, "message");
            writeln!(out, "log        {number} of KHO and LUO in {}{reach}", log.path)?;
        }
    }
    for (title, remarks) in [("finding", &status.findings), ("unknown", &status.unknown)] {
        for remark in remarks {
            let rule = remark.rule.map_or_else(String::new, |rule| format!(" [{rule}]"));
            writeln!(out, "{title}: {}{rule}\n  help: {}", remark.what, remark.help)?;
        }
    }
    let findings = count(status.findings.len() as u64, "finding");
    writeln!(out, "{findings}, {} unknown", status.unknown.len())
}

fn entries(entries: &[Entry], out: &mut dyn fmt::Write) -> fmt::Result {
    let width = entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0);
    for Entry { name, size: bytes } in entries {
        let bytes = bytes.map_or_else(|| "size unknown".into(), size);
        writeln!(out, "  {name:<width$}  {bytes}")?;
    }
    Ok(())
}

fn received(status: &Status, out: &mut dyn fmt::Write) -> fmt::Result {
    let because = &status.handed_over.because;
    match status.handed_over.state {
        State::No => return writeln!(out, "received   nothing ({because})"),
        State::Unknown => return writeln!(out, "received   unknown ({because})"),
        State::Yes => {}
    }
    let Some(incoming) = &status.incoming else {
        return writeln!(out, "received   a state that debugfs does not show ({because})");
    };
    let mut line = incoming.compatible.clone().unwrap_or_else(|| "unknown version".into());
    if let Some(metadata) = &incoming.metadata {
        write!(line, ", from Linux {}, kexec {}", metadata.release, metadata.kexec_count)?;
    }
    if let Some(number) = incoming.liveupdate_number {
        write!(line, ", live update {number}")?;
    }
    writeln!(out, "received   {line} ({because})")?;
    match &incoming.entries {
        Some(list) => entries(list, out),
        None => writeln!(out, "  entries unknown"),
    }
}

fn prepared(status: &Status, out: &mut dyn fmt::Write) -> fmt::Result {
    let Some(outgoing) = &status.outgoing else {
        let what = if status.kho.state == State::No { "nothing" } else { "unknown" };
        return writeln!(out, "prepared   {what}");
    };
    let mut line = count(outgoing.entries.len() as u64, "entry").replace("entrys", "entries");
    if let Some(metadata) = &outgoing.metadata {
        write!(line, ", from Linux {}, kexec {}", metadata.release, metadata.kexec_count)?;
    }
    if let Some(compatible) = &outgoing.luo_compatible {
        write!(line, ", {compatible}")?;
    }
    if let Some(number) = outgoing.liveupdate_number {
        write!(line, ", live update {number}")?;
    }
    writeln!(out, "prepared   {line}")?;
    entries(&outgoing.entries, out)?;
    match outgoing.sessions_pa {
        Some(0) => writeln!(out, "  sessions are written during the reboot"),
        Some(at) => writeln!(out, "  sessions at {at:#x}"),
        None => Ok(()),
    }
}

fn scratch(status: &Status, out: &mut dyn fmt::Write) -> fmt::Result {
    let Some(areas) = &status.scratch else {
        let what = if status.kho.state == State::No { "nothing" } else { "unknown" };
        return writeln!(out, "scratch    {what}");
    };
    let total = areas.iter().fold(0, |total: u64, area| total.saturating_add(area.size));
    writeln!(out, "scratch    {} in {}", size(total), count(areas.len() as u64, "area"))?;
    for area in areas {
        writeln!(out, "  {:#014x}  {}", area.start, size(area.size))?;
    }
    Ok(())
}
