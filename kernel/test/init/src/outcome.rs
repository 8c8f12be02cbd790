// SPDX-License-Identifier: GPL-2.0
//! The result of a step, and whether it is the expected one.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Why a step did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The kernel's error, if the kernel refused. A step that is expected to be refused needs one:
    /// a missing file or a wrong byte on our side is never the expected refusal.
    pub errno: Option<Errno>,
    pub text: String,
}

/// The result of a step: what was seen, or a failure.
pub type Outcome = Result<String, Failure>;

/// A failure of ours, not a refusal of the kernel.
pub fn failure(text: impl Into<String>) -> Failure {
    Failure { errno: None, text: text.into() }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(errno) => write!(formatter, "{errno:?} ({})", self.text),
            None => write!(formatter, "{}", self.text),
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self { errno: Some(errno), text: errno.desc().to_owned() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { errno: error.raw_os_error().map(Errno::from_raw), text: error.to_string() }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        failure(error.to_string())
    }
}

/// Whether the outcome is the expected one, and what was seen.
pub fn judge(outcome: Outcome, fails: Option<&str>) -> (bool, String) {
    match (outcome, fails) {
        (Ok(detail), None) => (true, detail),
        (Ok(detail), Some(errno)) => (false, format!("succeeded ({detail}), expected {errno}")),
        (Err(failure), None) => (false, failure.to_string()),
        (Err(failure), Some(expected)) => {
            let seen = failure.errno.map(|errno| format!("{errno:?}"));
            if seen.as_deref() == Some(expected) {
                (true, failure.to_string())
            } else {
                (false, format!("{failure}, expected {expected}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{failure, judge};
    use nix::errno::Errno;

    #[test]
    fn only_the_named_errno_is_the_expected_refusal() {
        assert!(judge(Err(Errno::EBUSY.into()), Some("EBUSY")).0);
        assert!(!judge(Err(Errno::EINVAL.into()), Some("EBUSY")).0);
        assert!(!judge(Err(failure("no such step")), Some("EBUSY")).0);
        assert!(!judge(Ok(String::new()), Some("EBUSY")).0);
        assert!(!judge(Err(Errno::EBUSY.into()), None).0);
        assert!(judge(Ok(String::new()), None).0);
    }
}
