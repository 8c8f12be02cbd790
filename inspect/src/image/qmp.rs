// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Memory of a running guest, through the monitor (QMP) of its QEMU.
//!
//! This process asks QEMU for a dump into a pipe: `dump-guest-memory` to a descriptor that it sent
//! over the socket. The other ways are worse. `pmemsave` and `memsave` write files with QEMU's
//! permissions, on QEMU's file system. `xp` prints text for people. The gdb stub (`gdb/`) reads a few
//! kilobytes per packet and does not show where memory is. A dump has
//! all memory at one moment, contains its addresses, and is read like any other ELF core. QEMU
//! pauses the guest for the dump and resumes it afterwards. If this process dies first, the pipe
//! breaks, and QEMU gives up the dump.
//!
//! The program on the socket is untrusted: each line has a limit, and a stalled connection is
//! closed.

use super::live::{connect_to, other, retry, wait, Patience, PATIENCE};
use super::spool::Spool;
use super::Bytes;
use kho_abi_show::Progress;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::{pipe_with, PipeFlags};
use serde_json::{json, Value};
use std::fs::File;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Longest line of the monitor, in bytes.
const LINE_LIMIT: usize = 1 << 20;
/// Most lines from the monitor.
const LINES_LIMIT: usize = 100_000;
/// How much to read at once.
const AT_ONCE: usize = 1 << 20;
/// The name of the pipe in QEMU.
const NAME: &str = "kho-abi";

/// The memory of the guest whose monitor listens on a socket.
pub(super) fn dump(path: &Path, progress: &Progress) -> io::Result<Arc<dyn Bytes>> {
    dump_with(path, PATIENCE, progress)
}

fn dump_with(path: &Path, patience: Patience, progress: &Progress) -> io::Result<Arc<dyn Bytes>> {
    let mut monitor = Monitor::connect(path, patience)?;
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    monitor.execute("getfd", &json!({ "fdname": NAME }), Some(&write))?;
    // QEMU has the only copy, so the pipe ends when QEMU is done.
    drop(write);
    let arguments = json!({ "paging": false, "protocol": format!("fd:{NAME}") });
    monitor.send("dump-guest-memory", &arguments, None)?;
    let mut spool = Spool::new()?;
    monitor.receive(&read.into(), &mut spool, progress)?;
    if spool.len() == 0 {
        return Err(other("QEMU reports success but wrote nothing"));
    }
    spool.finish()
}

/// A connection to the monitor.
struct Monitor {
    stream: UnixStream,
    /// Received bytes that are not a whole line yet.
    pending: Vec<u8>,
    lines: usize,
    patience: Patience,
}

impl Monitor {
    fn connect(path: &Path, patience: Patience) -> io::Result<Self> {
        let mut monitor =
            Self { stream: connect_to(path)?.into(), pending: Vec::new(), lines: 0, patience };
        let deadline = patience.deadline();
        let greeting =
            monitor.object(deadline, "did not greet (another program may be connected)")?;
        if greeting.get("QMP").is_none() {
            return Err(other("not QEMU's monitor (QMP): unknown greeting"));
        }
        monitor.execute("qmp_capabilities", &json!({}), None)?;
        Ok(monitor)
    }

    /// Sends a command, and a descriptor with it.
    fn send(&mut self, command: &str, arguments: &Value, with: Option<&OwnedFd>) -> io::Result<()> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        let Some(with) = with else {
            // Commands are short: a monitor that accepts no byte of one does not listen.
            return (&self.stream).write_all(line.as_bytes());
        };
        let descriptors = [with.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(other("the file descriptor cannot be sent with the command"));
        }
        let parts = [IoSlice::new(line.as_bytes())];
        let sent = sendmsg(&self.stream, &parts, &mut beside, SendFlags::NOSIGNAL)?;
        if sent != line.len() {
            return Err(other("QEMU's monitor did not accept the whole command"));
        }
        Ok(())
    }

    fn execute(
        &mut self,
        command: &str,
        arguments: &Value,
        with: Option<&OwnedFd>,
    ) -> io::Result<()> {
        self.send(command, arguments, with)?;
        let deadline = self.patience.deadline();
        loop {
            let object = self.object(deadline, &format!("did not answer {command}"))?;
            if answered(&object, command)? {
                return Ok(());
            }
        }
    }

    fn timed_out(&self, what: &str) -> io::Error {
        self.patience.timed_out(&format!("QEMU's monitor {what}"))
    }

    /// The next complete line that was received.
    fn line(&mut self) -> io::Result<Option<Value>> {
        let Some(end) = memchr::memchr(b'\n', &self.pending) else {
            if self.pending.len() > LINE_LIMIT {
                return Err(other(format!(
                    "a line of the monitor is longer than {LINE_LIMIT} bytes"
                )));
            }
            return Ok(None);
        };
        self.lines += 1;
        if self.lines > LINES_LIMIT {
            return Err(other(format!("the monitor sent more than {LINES_LIMIT} lines")));
        }
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        let object = serde_json::from_slice(&line)
            .map_err(|error| other(format!("the monitor sent a line that is not JSON: {error}")))?;
        Ok(Some(object))
    }

    /// Takes what was received; false if the monitor has ended.
    fn take(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => Ok(false),
            Ok(len) => {
                self.pending.extend_from_slice(&piece[..len]);
                Ok(true)
            }
            Err(error) if retry(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn object(&mut self, deadline: Instant, what: &str) -> io::Result<Value> {
        loop {
            if let Some(object) = self.line()? {
                return Ok(object);
            }
            let ready = {
                let mut wanted = [PollFd::new(&self.stream, PollFlags::IN)];
                wait(&mut wanted, deadline)?
            };
            if !ready {
                return Err(self.timed_out(what));
            }
            if !self.take()? {
                return Err(closed());
            }
        }
    }

    /// Receives the dump, until the pipe has ended and the monitor has reported success.
    fn receive(&mut self, pipe: &File, spool: &mut Spool, progress: &Progress) -> io::Result<()> {
        let mut buffer = vec![0; AT_ONCE];
        let started = Instant::now();
        let mut idle_since = started;
        let (mut done, mut ended) = (false, false);
        loop {
            while let Some(object) = self.line()? {
                done |= answered(&object, "dump-guest-memory")?;
            }
            if done && ended {
                return Ok(());
            }
            let deadline = (idle_since + self.patience.idle)
                .min(self.patience.deadline_for(started, spool.len()));
            let (from_monitor, from_pipe) = {
                let mut wanted = vec![PollFd::new(&self.stream, PollFlags::IN)];
                if !ended {
                    wanted.push(PollFd::new(pipe, PollFlags::IN));
                }
                if !wait(&mut wanted, deadline)? {
                    let what = format!("did not finish the dump after {} bytes", spool.len());
                    return Err(self.timed_out(&what));
                }
                let ready = |index: usize| {
                    wanted.get(index).is_some_and(|wanted| !wanted.revents().is_empty())
                };
                (ready(0), ready(1))
            };
            if from_pipe {
                match (&*pipe).read(&mut buffer) {
                    Ok(0) => ended = true,
                    Ok(len) => {
                        spool.write_all(&buffer[..len])?;
                        progress.advance(len as u64);
                        idle_since = Instant::now();
                    }
                    Err(error) if retry(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            if from_monitor && !self.take()? {
                return Err(closed());
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "QEMU closed its monitor")
}

/// Whether this is the answer. Neither the answer nor an event is an error.
fn answered(object: &Value, command: &str) -> io::Result<bool> {
    if let Some(error) = object.get("error") {
        let text = error.get("desc").and_then(Value::as_str).unwrap_or("without a reason");
        let text: String = crate::text::readable(text.as_bytes()).chars().take(500).collect();
        return Err(other(format!("QEMU refuses {command}: {text}")));
    }
    Ok(object.get("return").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{recvmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
    use std::io::IoSliceMut;
    use std::os::unix::net::UnixListener;
    use std::thread;
    use std::time::Duration;

    const SHORT: Patience = Patience { idle: Duration::from_secs(2), rate: 1 << 20 };
    const GREETING: &str = "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\n";
    const DONE: &str = "{\"return\": {}}\n";

    /// A monitor that follows a script.
    struct Fake {
        stream: UnixStream,
    }

    impl Fake {
        fn say(&self, text: &str) {
            // If the other side gave up, it no longer listens.
            let _ = (&self.stream).write_all(text.as_bytes());
        }

        /// The next command, and the descriptor that came with it.
        fn command(&self) -> (String, Option<File>) {
            let mut text = vec![0; 4096];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut text)];
            let got = recvmsg(&self.stream, &mut parts, &mut beside, RecvFlags::empty()).unwrap();
            let descriptor = beside.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut list) => list.next().map(File::from),
                _ => None,
            });
            (String::from_utf8(text[..got.bytes].to_vec()).unwrap(), descriptor)
        }

        /// Everything up to the command for the dump.
        fn start(&self) -> File {
            self.say(GREETING);
            assert!(self.command().0.contains("qmp_capabilities"));
            self.say(DONE);
            let (command, descriptor) = self.command();
            assert!(command.contains("getfd"), "{command}");
            self.say("{\"event\": \"STOP\"}\n{\"return\": {}}\n");
            let (command, _) = self.command();
            assert!(command.contains("\"fd:kho-abi\""), "{command}");
            descriptor.expect("a descriptor goes with getfd")
        }

        fn gone(&self) {
            // Until the other side gives up.
            let _ = (&self.stream).read(&mut [0; 64]);
        }
    }

    fn with(script: impl FnOnce(Fake) + Send + 'static) -> io::Result<Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            script(Fake { stream });
        });
        let dumped = dump_with(&path, SHORT, &Progress::default());
        server.join().unwrap();
        dumped.map(|bytes| {
            let mut all = vec![0; usize::try_from(bytes.len()).unwrap()];
            bytes.read_exact_at(&mut all, 0).unwrap();
            all
        })
    }

    #[test]
    fn what_goes_through_the_pipe_is_the_dump() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let sent = content.clone();
        let got = with(move |fake| {
            let mut pipe = fake.start();
            pipe.write_all(&sent).unwrap();
            drop(pipe);
            fake.say("{\"event\": \"RESUME\"}\n");
            fake.say(DONE);
            fake.gone();
        });
        assert!(got.unwrap() == content);
        // The answer may arrive before the pipe is empty.
        let got = with(|fake| {
            let mut pipe = fake.start();
            fake.say(DONE);
            thread::sleep(Duration::from_millis(50));
            pipe.write_all(b"late").unwrap();
            drop(pipe);
            fake.gone();
        });
        assert_eq!(got.unwrap(), b"late");
    }

    #[test]
    fn whatever_the_monitor_does_comes_to_an_end() {
        type Script = fn(Fake);
        let scripts: &[(Script, &str)] = &[
            (|fake| fake.gone(), "did not greet"),
            (|fake| drop(fake), "closed its monitor"),
            (|fake| fake.say("SSH-2.0\n"), "not JSON"),
            (|fake| fake.say("[[\n"), "not JSON"),
            (|fake| fake.say("{\"return\": {}}\n"), "not QEMU's monitor"),
            (|fake| fake.say(&"[".repeat(2 << 20)), "longer than 1048576 bytes"),
            (
                |fake| {
                    fake.say(GREETING);
                    fake.command();
                    fake.say(&"{\"event\": \"X\"}\n".repeat(LINES_LIMIT + 1));
                    fake.gone();
                },
                "more than 100000 lines",
            ),
            (
                |fake| {
                    fake.say(GREETING);
                    fake.command();
                    fake.gone();
                },
                "did not answer qmp_capabilities",
            ),
            (
                |fake| {
                    fake.say(GREETING);
                    fake.command();
                    fake.say("{\"error\": {\"desc\": \"no\\u001b[31m\"}}\n");
                    fake.gone();
                },
                "refuses qmp_capabilities: no\\u{1b}[31m",
            ),
            (
                |fake| {
                    // The pipe stays open.
                    let _pipe = fake.start();
                    fake.say("{\"error\": {\"desc\": \"dump in progress\"}}\n");
                    fake.gone();
                },
                "refuses dump-guest-memory: dump in progress",
            ),
            (
                |fake| {
                    drop(fake.start());
                    fake.say(DONE);
                    fake.gone();
                },
                "wrote nothing",
            ),
            (
                |fake| {
                    fake.start().write_all(b"half of it").unwrap();
                    fake.gone();
                },
                "did not finish the dump after 10 bytes",
            ),
            (
                |fake| {
                    let mut pipe = fake.start();
                    pipe.write_all(b"all of it").unwrap();
                    fake.say(DONE);
                    fake.gone();
                },
                "did not finish the dump after 9 bytes",
            ),
            (|fake| fake.start().write_all(b"half").unwrap(), "closed its monitor"),
            (
                // Never idle, and never done.
                |fake| {
                    let mut pipe = fake.start();
                    while pipe.write_all(b"x").is_ok() {
                        thread::sleep(Duration::from_millis(20));
                    }
                },
                "did not finish the dump",
            ),
        ];
        for (index, (script, expected)) in scripts.iter().enumerate() {
            let error = with(*script).expect_err(expected).to_string();
            assert!(error.contains(expected), "script {index}: {error}, expected {expected}");
        }
    }
}
