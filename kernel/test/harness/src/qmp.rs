// SPDX-License-Identifier: GPL-2.0
//! QEMU's monitor: one JSON object per line; commands are answered in order, with events in
//! between.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use serde_json::{json, Value};

/// Long enough for a dump of all memory on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection to the monitor.
pub struct Qmp {
    input: BufReader<UnixStream>,
    output: UnixStream,
}

impl Qmp {
    /// Completes the greeting on a connection that QEMU has opened.
    pub fn new(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self { input: BufReader::new(stream.try_clone()?), output: stream };
        let greeting = qmp.next_object()?;
        if greeting.get("QMP").is_none() {
            bail!("QEMU's monitor greets with {greeting}");
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and returns its answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.output.write_all(line.as_bytes())?;
        loop {
            let mut object = self
                .next_object()
                .with_context(|| format!("no answer to the monitor command {command}"))?;
            if let Some(error) = object.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            // An object without "return" is an event.
            if let Some(answer) = object.get_mut("return") {
                return Ok(answer.take());
            }
        }
    }

    /// Stops the processors; memory does not change.
    pub fn stop(&mut self) -> Result<()> {
        self.execute("stop", json!({})).map(drop)
    }

    /// Resumes the processors.
    pub fn resume(&mut self) -> Result<()> {
        self.execute("cont", json!({})).map(drop)
    }

    /// Ends QEMU, which may be gone before it answers.
    pub fn quit(&mut self) {
        let _ = self.execute("quit", json!({}));
    }

    fn next_object(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            bail!("QEMU closed its monitor");
        }
        Ok(serde_json::from_str(&line)?)
    }
}
