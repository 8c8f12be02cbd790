// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the kernel's log says about live updates.

use super::tree::{is_absent, Tree};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, Read as _};

/// No ring buffer has more records.
const RECORD_LIMIT: usize = 4 << 20;
/// Longest record of `/dev/kmsg`, with room.
const RECORD_BYTES: usize = 16 << 10;
/// How many messages to keep.
const MESSAGE_LIMIT: usize = 1024;
/// The most severe level that is information: 4 is a warning.
const NOTICE: u8 = 5;
/// The prefixes of the two subsystems' messages.
const PREFIXES: [&str; 2] = ["KHO: ", "luo: "];
/// Where a copy of a file system has the log.
const COPIES: [&str; 2] = ["var/log/dmesg", "sos_commands/kernel/dmesg"];
/// The beginnings of Linux 7.3's informational messages, for logs without levels.
const INFORMATION: [&str; 6] = [
    "KHO: found kexec handover data",
    "KHO: exec from:",
    "KHO: scratch areas:",
    "KHO: scratch scale is",
    "KHO: disabled in the kdump kernel",
    "luo: Retrieved live update data",
];

/// A message of KHO or LUO.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Message {
    /// Its level, from 0 (emergency) to 7 (debugging); `None` if the log has no levels.
    pub level: Option<u8>,
    /// Its text.
    pub text: String,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Information,
    Problem,
    Unknown,
}

impl Message {
    pub(super) fn weight(&self) -> Weight {
        match self.level {
            Some(level) if level >= NOTICE => Weight::Information,
            Some(_) => Weight::Problem,
            None if INFORMATION.iter().any(|start| self.text.starts_with(start)) => {
                Weight::Information
            }
            None => Weight::Unknown,
        }
    }
}

/// The part of the log that is about live updates.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct Log {
    /// The file that it was read from.
    pub path: String,
    /// Whether the log reaches back to the start of the kernel.
    pub complete: bool,
    /// Messages of KHO and LUO, in their order.
    pub messages: Vec<Message>,
}

impl Log {
    fn take(&mut self, level: Option<u8>, text: &str) {
        if !PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            return;
        }
        if self.messages.len() == MESSAGE_LIMIT {
            self.complete = false;
            return;
        }
        let text = crate::text::readable(text.trim_end().as_bytes());
        self.messages.push(Message { level, text });
    }

    /// The number after a text in a message, from the last message that has it.
    pub(super) fn number_after(&self, text: &str) -> Option<u64> {
        self.messages.iter().rev().find_map(|message| {
            let (_, rest) = message.text.split_once(text)?;
            let digits: String =
                rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
    }

    /// One record of `/dev/kmsg`. Records from programs are ignored.
    fn record(&mut self, record: &str, first: bool) {
        let Some((head, rest)) = record.split_once(';') else { return };
        let mut fields = head.split(',');
        let priority: Option<u32> = fields.next().and_then(|field| field.parse().ok());
        let sequence: Option<u64> = fields.next().and_then(|field| field.parse().ok());
        if first {
            self.complete = sequence == Some(0);
        }
        if let Some(priority @ 0..=7) = priority {
            let level = u8::try_from(priority).ok();
            self.take(level, rest.lines().next().unwrap_or_default());
        }
    }

    /// A log in the format of `dmesg`.
    fn printed(path: &str, text: &str) -> Self {
        let mut log = Self { path: path.into(), ..Self::default() };
        for line in text.lines() {
            let (level, line) = undecorated(line);
            log.complete |= log.messages.is_empty() && line.starts_with("Linux version ");
            log.take(level, line);
        }
        log
    }
}

/// Removes level and time from a line.
fn undecorated(line: &str) -> (Option<u8>, &str) {
    let (mut level, mut rest) = (None, line);
    if let Some((digits, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        if let Ok(priority @ 0..=7) = digits.parse::<u8>() {
            (level, rest) = (Some(priority), after);
        }
    }
    if let Some((word, after)) = rest
        .strip_prefix("kern")
        .and_then(|rest| rest.trim_start().strip_prefix(':')?.split_once(':'))
    {
        let names = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
        let found = names.iter().position(|name| *name == word.trim());
        if let Some(found) = found.and_then(|found| u8::try_from(found).ok()) {
            (level, rest) = (Some(found), after.trim_start());
        }
    }
    if let Some((_, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        rest = after;
    }
    (level, rest)
}

/// Reads the log of a machine or of a copy of its file system.
pub(super) fn read(tree: &Tree) -> Result<Log, (String, io::Error)> {
    if tree.is_live() {
        let path = "dev/kmsg";
        return kmsg(tree, path).map_err(|error| (format!("/{path}"), error));
    }
    for path in COPIES {
        match tree.text(path) {
            Ok(text) => return Ok(Log::printed(&format!("/{path}"), &text)),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err((format!("/{path}"), error)),
        }
    }
    Err((format!("/{}", COPIES[0]), io::ErrorKind::NotFound.into()))
}

fn kmsg(tree: &Tree, path: &str) -> io::Result<Log> {
    let mut device = tree.device(path)?;
    let mut log = Log { path: format!("/{path}"), ..Log::default() };
    let mut buffer = vec![0; RECORD_BYTES];
    let mut first = true;
    for _ in 0..RECORD_LIMIT {
        match device.read(&mut buffer) {
            Ok(0) => return Ok(log),
            Ok(len) => {
                log.record(&String::from_utf8_lossy(&buffer[..len]), first);
                first = false;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(log),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The next record was overwritten.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                log.complete = false;
                first = false;
            }
            Err(error) => return Err(error),
        }
    }
    log.complete = false;
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::Weight::{Information, Problem, Unknown};
    use super::*;

    #[test]
    fn records_have_levels_and_programs_are_not_the_kernel() {
        let mut log = Log::default();
        log.record("6,0,0,-;Linux version 7.3.4", true);
        log.record("4,1,5,-;KHO: disabling KHO revival\n SUBSYSTEM=x\n", false);
        log.record("6,2,5,-;luo: Retrieved live update data, liveupdate number: 3", false);
        log.record("12,3,5,-;KHO: a program says so", false);
        log.record("garbage", false);
        assert!(log.complete);
        let weights: Vec<_> = log.messages.iter().map(Message::weight).collect();
        assert_eq!(weights, [Problem, Information]);
        assert_eq!(log.number_after("liveupdate number:"), Some(3));
        let mut later = Log::default();
        later.record("6,17,0,-;something", true);
        assert!(!later.complete);
    }

    #[test]
    fn printed_logs_may_have_levels() {
        let text = "[    0.000000] Linux version 7.3.4\n[ 0.1] KHO: found kexec handover data.\n\
                    <4>[ 0.2] KHO: one\nkern  :err   : [ 0.3] luo: two\n[ 0.4] KHO: three\n\
                    [ 0.5] not KHO: four\n";
        let log = Log::printed("dmesg", text);
        assert!(log.complete);
        let weights: Vec<_> = log.messages.iter().map(Message::weight).collect();
        assert_eq!(weights, [Information, Problem, Problem, Unknown]);
        assert!(!Log::printed("dmesg", "[ 9.0] KHO: one\n[0.0] Linux version 7\n").complete);
    }
}
