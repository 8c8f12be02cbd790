// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Runs a program for its output, within limits.

use std::io::{self, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The limits of a program.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The deadline.
    pub until: Instant,
    /// The limit on its standard output, in bytes.
    pub answer: u64,
    /// The limit on its standard error, in bytes.
    pub said: u64,
    /// The limit on its memory, in bytes; by default the system's.
    pub memory: Option<u64>,
}

/// The output of a program.
#[derive(Debug)]
pub struct Answered {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub answer: Vec<u8>,
    /// The beginning of its standard error.
    pub said: String,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It cannot be run.
    #[error("{0}")]
    Io(io::Error),
    /// It did not end in time.
    #[error("it timed out")]
    TimedOut,
    /// Its output exceeds the limit.
    #[error("its output exceeds the limit")]
    TooMuch,
}

/// Runs a program. The process has ended when this returns, in any case.
///
/// # Errors
///
/// [`RunError`]; an exit status other than 0 is not one.
pub fn run(mut command: Command, input: Vec<u8>, bounds: Bounds) -> Result<Answered, RunError> {
    // Without an input there is nothing to write, and so no thread that writes.
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(RunError::Io)?;
    if let Some(memory) = bounds.memory {
        limit(&child, memory, bounds.until);
    }
    let heard = listen(&mut child, input, bounds);
    let ended = match &heard {
        Ok(_) => wait(&mut child, bounds.until),
        Err(_) => None,
    };
    let status = ended.unwrap_or_else(|| {
        // A process that has just ended cannot be killed, and need not be.
        let _ = child.kill();
        child.wait()
    });
    let [answer, said] = heard?;
    if answer.len() as u64 > bounds.answer {
        return Err(RunError::TooMuch);
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(Answered { status: status.map_err(RunError::Io)?, answer, said })
}

/// Waits for a process that has closed its outputs, and so is about to end.
fn wait(child: &mut Child, until: Instant) -> Option<io::Result<ExitStatus>> {
    // Most end within some microseconds; the others are not asked for more than 1000 times a second.
    let mut pause = Duration::from_micros(10);
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() >= until => return None,
            Ok(None) => {
                thread::sleep(pause);
                pause = (2 * pause).min(Duration::from_millis(1));
            }
            Ok(Some(status)) => return Some(Ok(status)),
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Limits what the process may use. A process that has ended needs no limit.
fn limit(child: &Child, memory: u64, until: Instant) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{prlimit, Pid, Resource, Rlimit};
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let seconds = until.saturating_duration_since(Instant::now()).as_secs();
        for (resource, value) in [
            (Resource::As, memory),
            // In case this process dies before it can kill the other.
            (Resource::Cpu, seconds + 1),
            (Resource::Core, 0),
            (Resource::Fsize, 0),
        ] {
            let limit = Rlimit { current: Some(value), maximum: Some(value) };
            let _ = prlimit(pid, resource, limit);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (child, memory, until);
}

/// Reads the two outputs of the process to their ends.
fn listen(child: &mut Child, input: Vec<u8>, bounds: Bounds) -> Result<[Vec<u8>; 2], RunError> {
    if let Some(mut stdin) = child.stdin.take() {
        thread::spawn(move || {
            // If the program does not read its input, it says why itself.
            let _ = stdin.write_all(&input);
        });
    }
    let (send, receive) = mpsc::channel();
    let outputs: [(Option<Box<dyn Read + Send>>, u64); 2] = [
        (child.stdout.take().map(|out| Box::new(out) as _), bounds.answer.saturating_add(1)),
        (child.stderr.take().map(|out| Box::new(out) as _), bounds.said),
    ];
    for (index, (output, bound)) in outputs.into_iter().enumerate() {
        let send = send.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut output) = output {
                // A read error truncates the output, which its reader will notice.
                let _ = (&mut output).take(bound).read_to_end(&mut bytes);
                let _ = send.send((index, bytes));
                // Keep draining the pipe past the limit, so that the child does not block.
                let _ = io::copy(&mut output, &mut io::sink());
            }
        });
    }
    drop(send);
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..heard.len() {
        let left = bounds.until.saturating_duration_since(Instant::now());
        let (index, bytes) = receive.recv_timeout(left).map_err(|_| RunError::TimedOut)?;
        let full = index == 0 && bytes.len() as u64 > bounds.answer;
        heard[index] = bytes;
        if full {
            return Err(RunError::TooMuch);
        }
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str, bounds: Bounds) -> Result<Answered, RunError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, b"input".to_vec(), bounds)
    }

    fn bounds() -> Bounds {
        let until = Instant::now() + Duration::from_secs(20);
        Bounds { until, answer: 1 << 16, said: 100, memory: None }
    }

    #[test]
    fn an_answer_is_heard_to_its_end() {
        let answered = ran("cat; echo said >&2; exit 3", bounds()).unwrap();
        assert_eq!(answered.answer, b"input");
        assert_eq!(answered.said, "said\n");
        assert_eq!(answered.status.code(), Some(3));
        // Excess error output does not keep the program from ending.
        let loud = "i=0; while [ $i -lt 9000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end";
        assert_eq!(ran(loud, bounds()).unwrap().answer, b"end\n");
    }

    #[test]
    fn without_input_a_program_reads_the_end_at_once() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo read"]);
        assert_eq!(run(command, Vec::new(), bounds()).unwrap().answer, b"read\n");
    }

    #[test]
    fn bounds_hold() {
        let begin = Instant::now();
        let soon = Bounds { until: begin + Duration::from_millis(200), ..bounds() };
        assert!(matches!(ran("sleep 60", soon), Err(RunError::TimedOut)));
        assert!(matches!(ran("exec sleep 60 >&- 2>&-", soon), Err(RunError::TimedOut) | Ok(_)));
        assert!(matches!(ran("while :; do echo more; done", bounds()), Err(RunError::TooMuch)));
        assert!(begin.elapsed() < Duration::from_secs(15));
        // The memory limit is enforced.
        let little = Bounds { memory: Some(1 << 20), ..bounds() };
        let starved = ran("x=y; while :; do x=$x$x; done", little).unwrap();
        assert!(!starved.status.success());
        assert!(matches!(
            run(Command::new("/nonexistent"), Vec::new(), bounds()),
            Err(RunError::Io(_))
        ));
    }
}
