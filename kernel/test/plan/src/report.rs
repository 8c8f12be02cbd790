// SPDX-License-Identifier: GPL-2.0
//! The line protocol between init and harness on the second serial port.
//!
//! Init writes one line per report, [`REPORT_TAG`] followed by a JSON object; the harness answers a
//! [`Message::Pause`] with an [`Order`]. Only the kernel's log uses the first port, so a message
//! from the kernel never splits a report.

use serde::{Deserialize, Serialize};

/// The first bytes of every report line. Anything else on the port is a protocol error.
pub const REPORT_TAG: &str = "kho-live ";

/// One line from init.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The number of the reporting kernel, 1 for the first.
    pub boot: u32,
    /// Counts the reports of one kernel from 0, so that a lost line shows as a gap.
    pub sequence: u32,
    /// What is reported.
    pub message: Message,
}

/// The messages of init.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Message {
    /// Init runs.
    Hello {
        /// The release of the running kernel.
        release: String,
        /// Whether Kexec HandOver is on; the kernel turns it off on a small machine.
        kho: bool,
        /// Whether `/dev/liveupdate` exists.
        liveupdate: bool,
    },
    /// Step number `index` of this kernel was taken, with or without the expected result.
    Step {
        index: usize,
        /// The step in words, so that both sides can be checked against the same list.
        text: String,
        ok: bool,
        /// What was seen; for a failure also what was expected.
        detail: String,
    },
    /// The outcome of a case among the tests that the current step runs.
    Case { name: String, outcome: CaseOutcome },
    /// A session now holds a file. This is recorded beside every memory image.
    Preserved { session: String, token: u64, object: PreservedObject },
    /// The session is gone, with everything that it held.
    SessionClosed { session: String },
    /// Init waits until the harness has examined the machine and sent an [`Order`].
    Pause { name: String },
    /// The last report before reboot(2) into the next kernel.
    Leaving,
    /// The last report of the last kernel.
    Done,
    /// A step failed, so the remaining ones are pointless; nothing follows.
    GaveUp,
}

/// The outcome of a test case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CaseOutcome {
    Passed,
    /// With the test's explanation.
    Failed(String),
    /// With the reason; this never counts as a pass.
    Skipped(String),
}

/// The content of a session, in enough detail to recognise its bytes in memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PreservedObject {
    /// A vfio-pci device; address as the kernel that preserved it names it in sysfs.
    VfioPci {
        device: String,
        domain: u32,
        bus: u8,
        slot: u8,
        function: u8,
        vendor: u16,
        device_id: u16,
    },
    /// A memfd, with the SHA-256 of its content in hexadecimal.
    Memfd { size_bytes: u64, seed: u64, sha256: String },
}

/// The harness's answer to a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Continue with the next step.
    Continue,
}
