// SPDX-License-Identifier: GPL-2.0
//! The second serial port, over which init and harness communicate.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};

use kho_abi_live_plan::{Message, Order, Report, REPORT_TAG};
use nix::sys::termios::{cfmakeraw, tcdrain, tcgetattr, tcsetattr, SetArg};

use crate::outcome::Failure;

const PATH: &str = "/dev/ttyS1";

/// The open port.
pub struct Port {
    input: BufReader<File>,
    output: File,
    /// The kernel's log, where the reports are repeated, so that it is complete by itself.
    log: File,
    boot: u32,
    sequence: u32,
}

impl Port {
    /// Opens the port for the reports of kernel number `boot`.
    pub fn open(boot: u32) -> Result<Self, Failure> {
        let output = OpenOptions::new().read(true).write(true).open(PATH)?;
        let mut settings = tcgetattr(&output)?;
        cfmakeraw(&mut settings);
        tcsetattr(&output, SetArg::TCSANOW, &settings)?;
        Ok(Self {
            input: BufReader::new(output.try_clone()?),
            output,
            log: OpenOptions::new().write(true).open("/dev/kmsg")?,
            boot,
            sequence: 0,
        })
    }

    /// Sends a report, and waits until it has left the machine: the next step may be the machine's
    /// last.
    pub fn send(&mut self, message: Message) -> Result<(), Failure> {
        if let Message::Step { text, ok, detail, .. } = &message {
            let verdict = if *ok { "ok" } else { "NOT OK" };
            // One write is one record, so the whole line is assembled first.
            let line = format!("kho-live: {verdict}: {text}: {detail}\n");
            self.log.write_all(line.as_bytes())?;
        }
        let report = Report { boot: self.boot, sequence: self.sequence, message };
        self.sequence += 1;
        let line = format!("{REPORT_TAG}{}\n", serde_json::to_string(&report)?);
        self.output.write_all(line.as_bytes())?;
        tcdrain(&self.output)?;
        Ok(())
    }

    /// Waits for an order from the harness.
    pub fn wait_for_order(&mut self) -> Result<Order, Failure> {
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}
