// SPDX-License-Identifier: GPL-2.0
//! The kernels' logs: which kernel printed what, and whether one complained.

/// What a healthy kernel never prints: WARN and BUG, lockdep, the sanitizers, kmemleak, hung tasks,
/// oopses.
///
/// These are the first words of a report, and not words inside it, so that a report is named by its
/// first line.
const COMPLAINTS: &[&str] = &[
    "WARNING:",
    "WARNING: possible",
    "BUG:",
    "kernel BUG at",
    "INFO: possible",
    "INFO: task",
    "INFO: rcu",
    "INFO: trying to register non-static key",
    "INFO: lockdep is turned off",
    "rcu: INFO",
    "Oops:",
    "Oops -",
    "Kernel panic",
    "general protection fault",
    "unable to handle",
    "stack segment:",
    "divide error",
    "Call Trace:",
    "kmemleak:",
    "unreferenced object",
    "KASAN:",
    "KFENCE:",
    "KCSAN:",
    "UBSAN:",
    "=============================================================================",
    "list_add corruption",
    "list_del corruption",
    "refcount_t:",
    "ODEBUG:",
    "DEBUG_LOCKS_WARN_ON",
    "soft lockup",
    "hard LOCKUP",
    "bad page",
    "Bad page",
    "module verification failed",
    "Unable to finish session",
    "incoming tree failed to initialize",
    "kho-live: init cannot go on",
];

/// What kmemleak prints if there are no leaks, and what the module loader prints for every
/// out-of-tree module.
const HARMLESS: &[&str] = &[
    "kmemleak: Kernel memory leak detector",
    "kmemleak: Automatic memory scanning thread",
    "kmemleak: Memory pool",
    "loading out-of-tree module taints kernel",
];

/// The first line that a kernel prints.
const BANNER: &str = "Linux version ";
/// The last line that a kernel prints before it jumps into the next one.
const FAREWELL: &str = "Starting new kernel";

/// The lines of all kernels of a machine, separated by kernel.
#[derive(Debug, Default)]
pub struct KernelLog {
    kernels: Vec<Vec<String>>,
}

impl KernelLog {
    /// Takes the next line of the console. Returns whether it is a kernel's farewell.
    pub fn push(&mut self, line: &str) -> bool {
        if line.contains(BANNER) {
            self.kernels.push(Vec::new());
        }
        // What the firmware prints before the first banner belongs to no kernel.
        if let Some(kernel) = self.kernels.last_mut() {
            kernel.push(line.to_owned());
        }
        line.contains(FAREWELL) && !line.contains("kho-live:")
    }

    /// How many kernels have printed something.
    pub fn kernels(&self) -> usize {
        self.kernels.len()
    }

    /// Whether kernel number `boot`, from 1, has printed this.
    pub fn has(&self, boot: usize, text: &str) -> bool {
        self.kernels.get(boot - 1).is_some_and(|lines| {
            lines.iter().any(|line| spoken_by_kernel(line) && line.contains(text))
        })
    }

    /// Every complaint, with the number of the kernel that made it. `expected` are complaints that
    /// a scenario provokes.
    pub fn complaints(&self, expected: &[String]) -> Vec<String> {
        let mut complaints = Vec::new();
        for (index, lines) in self.kernels.iter().enumerate() {
            for line in lines {
                let complains = COMPLAINTS.iter().any(|text| line.contains(text));
                let harmless = HARMLESS.iter().any(|text| line.contains(text));
                let provoked = expected.iter().any(|text| line.contains(text.as_str()));
                if complains && !harmless && !provoked && !is_our_own(line) {
                    complaints.push(format!("kernel {}: {}", index + 1, line.trim()));
                }
            }
        }
        complaints
    }
}

/// Init repeats its reports in the log, including the text of failed expectations.
fn is_our_own(line: &str) -> bool {
    line.contains("kho-live: ok:") || line.contains("kho-live: NOT OK:")
}

/// Only the kernel's own lines count as its log: init and the example program write to the same
/// console.
fn spoken_by_kernel(line: &str) -> bool {
    line.starts_with('[') && !is_our_own(line)
}

#[cfg(test)]
mod tests {
    use super::KernelLog;

    fn log(lines: &[&str]) -> KernelLog {
        let mut log = KernelLog::default();
        for line in lines {
            log.push(line);
        }
        log
    }

    #[test]
    fn complaints_are_found_and_told_apart_by_kernel() {
        let log = log(&[
            "SeaBIOS (version 1)",
            "[    0.000000] Linux version 7.3",
            "[    0.100000] kmemleak: Kernel memory leak detector initialized",
            "[    1.000000] kho-live: NOT OK: x: WARNING: not the kernel's",
            "[    0.000000] Linux version 7.3",
            "[    2.000000] WARNING: CPU: 0 PID: 1 at kernel/x.c:1",
        ]);
        assert_eq!(log.kernels(), 2);
        assert_eq!(
            log.complaints(&[]),
            ["kernel 2: [    2.000000] WARNING: CPU: 0 PID: 1 at kernel/x.c:1"]
        );
        assert!(log.complaints(&["at kernel/x.c:1".to_owned()]).is_empty());
    }

    #[test]
    fn only_the_kernels_own_words_are_its_log() {
        let log = log(&[
            "[    0.000000] Linux version 7.3",
            "[    1.000000] kho-live: ok: interrupts are on",
            "example: interrupts are on",
        ]);
        assert!(!log.has(1, "interrupts are on"));
        assert!(log.has(1, "Linux version"));
        assert!(!log.has(2, "Linux version"));
    }

    #[test]
    fn a_farewell_is_announced() {
        let mut log = log(&["[    0.000000] Linux version 7.3"]);
        assert!(!log.push("[    1.000000] reboot soon"));
        assert!(log.push("[    2.000000] Starting new kernel"));
    }
}
