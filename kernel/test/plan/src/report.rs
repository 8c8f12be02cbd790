// SPDX-License-Identifier: GPL-2.0
//! The line protocol between init and harness on the second serial port.
//!
//! Init writes one line per report, [`REPORT_TAG`] followed by a JSON object; the harness answers a
//! [`Message::Pause`] with an [`Order`]. The kernel's log has the first port to itself, so a report is never torn
//! apart by a message from the kernel.

use serde::{Deserialize, Serialize};

/// The first bytes of every report line. Anything else on the port is an error of the protocol.
pub const REPORT_TAG: &str = "kho-live ";

/// One line from init.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The number of the kernel that reports, 1 for the first.
    pub boot: u32,
    /// Counts the reports of one kernel from 0: a lost line shows as a gap.
    pub sequence: u32,
    /// What is reported.
    pub message: Message,
}

/// What init has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Message {
    /// Init runs.
    Hello {
        /// The release of the running kernel.
        release: String,
        /// Whether Kexec HandOver is on; a small machine turns it off by itself.
        kho: bool,
        /// Whether `/dev/liveupdate` is there.
        liveupdate: bool,
    },
    /// Step number `index` of this kernel has been taken and did, or did not do, what it had to.
    Step {
        index: usize,
        /// The step in words, so that both sides can be held to the same list.
        text: String,
        ok: bool,
        /// What was seen; for a failure also what should have been.
        detail: String,
    },
    /// A case of the tests that the current step runs came out like this.
    Case { name: String, outcome: CaseOutcome },
    /// A file is now held by a session. Recorded beside every memory image.
    Preserved { session: String, token: u64, object: PreservedObject },
    /// The session is gone, and with it everything that it held.
    SessionClosed { session: String },
    /// Init waits until the harness has looked at the machine and sent an [`Order`].
    Pause { name: String },
    /// The last report before reboot(2) into the next kernel.
    Leaving,
    /// The last report of the last kernel.
    Done,
    /// A step failed and the remaining ones make no sense; nothing follows.
    GaveUp,
}

/// How a case of a test came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CaseOutcome {
    Passed,
    /// With what the test said about it.
    Failed(String),
    /// With the reason, and never to be taken for a pass.
    Skipped(String),
}

/// What a session holds, described well enough to recognise its bytes in memory.
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

/// What the harness answers to a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Go on with the next step.
    Continue,
}
