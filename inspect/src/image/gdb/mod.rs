// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Memory of a running guest, through the gdb stub of its QEMU.
//!
//! QEMU pauses a guest as soon as somebody connects to its stub. What is read is copied to a temporary
//! file, so that this is short, and then the guest is as it was: it goes on, unless it had not been started,
//! and the stub takes addresses as it did before. Physical addresses are QEMU's own addition to the
//! protocol (`Qqemu.PhyMemMode`), and so is the way to ask where memory lies: its monitor, by `qRcmd`. Where
//! no memory is, nothing is read: reading a device's registers may change it.
//!
//! Whoever listens may be anything: each packet, each text and each wait has a limit.

mod flat_view;
mod packet;

use super::live::{connect_to, other, Patience, COPYING, PATIENCE};
use super::segments::{Segment, Segments};
use super::spool::Spool;
use super::{Bytes, Facts, Format, Image, Machine, OpenError, Range};
use kho_abi_show::{names, Progress, Unit};
use packet::{digits, hex, Link};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Longest text of the monitor and of the stub's description of its machine, in bytes.
const TEXT_LIMIT: usize = 8 << 20;
/// Most packets that one answer of the monitor comes in.
const PACKETS_LIMIT: usize = 1 << 20;
/// Bytes of memory that are asked for at once, whatever the stub takes.
const AT_ONCE: u64 = 64 << 10;
/// How often a guest stops that was told to but once.
const STOPS_LIMIT: u32 = 4;
/// Addresses of one host that are tried.
const ADDRESSES_LIMIT: usize = 4;

/// Where a gdb stub listens: `HOST:PORT`, or a socket in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stub {
    /// A host, which is this one where it has no name, and a port.
    Tcp(String, u16),
    /// A socket.
    Unix(PathBuf),
}

impl Stub {
    /// Understands a word: what ends with a colon and a port is of the network, unless a slash is in it.
    #[must_use]
    pub fn of(word: &OsStr) -> Self {
        let text = word.to_str().filter(|text| !text.contains('/'));
        let parts = text.and_then(|text| text.rsplit_once(':'));
        match parts.map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => {
                let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
                Self::Tcp(bare.unwrap_or(host).into(), port)
            }
            _ => Self::Unix(OsStr::from_bytes(word.as_bytes()).into()),
        }
    }

    fn connect(&self, patience: Patience) -> io::Result<OwnedFd> {
        let (host, port) = match self {
            Self::Unix(path) => return connect_to(path),
            Self::Tcp(host, port) => (host.as_str(), *port),
        };
        let host = if host.is_empty() { "localhost" } else { host };
        let mut last = other("the host has no address");
        for address in (host, port).to_socket_addrs()?.take(ADDRESSES_LIMIT) {
            match TcpStream::connect_timeout(&address, patience.idle) {
                Ok(stream) => {
                    // Each packet waits for the answer to the one before it.
                    stream.set_nodelay(true)?;
                    return Ok(stream.into());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl fmt::Display for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => names::shown(path).fmt(f),
        }
    }
}

/// The memory of the guest whose stub listens there.
pub(super) fn open(stub: &Stub, progress: &Progress) -> Result<Image, OpenError> {
    let memory = read(stub, PATIENCE, progress)
        .map_err(|source| OpenError::Io { path: names::path(&stub.to_string()), source })?;
    Ok(memory.into_image())
}

/// What was read of a guest.
struct Memory {
    bytes: Arc<dyn Bytes>,
    segments: Vec<Segment>,
    /// What the stub did not give.
    refused: Vec<Range>,
    machine: Option<Machine>,
}

impl Memory {
    fn into_image(self) -> Image {
        let mut facts = Facts { machine: self.machine, ..Facts::default() };
        facts.left_out = self.refused.iter().fold(0, |sum, range| sum.saturating_add(range.len()));
        if facts.left_out > 0 {
            let refused = crate::text::count(facts.left_out, "byte");
            facts.notes.push(format!("the gdb stub refused {refused} of the guest's memory"));
        }
        let segments =
            Segments::new(vec![self.bytes], self.segments, self.refused, &mut facts.notes);
        Image::from_segments(segments, Format::GdbStub, facts)
    }
}

fn read(stub: &Stub, patience: Patience, progress: &Progress) -> io::Result<Memory> {
    let link = Link::new(stub.connect(patience)?, patience);
    let mut session = Session {
        link,
        stops: STOPS_LIMIT,
        patience,
        is_gone: false,
        goes_on: true,
        physical_before: None,
        progress: progress.clone(),
    };
    let memory = session.read();
    session.leave();
    memory
}

/// Whether a packet goes on as one that says why the guest has stopped.
fn is_signal(digits: &[u8]) -> bool {
    digits.get(..2).and_then(hex).is_some()
}

/// A conversation with a stub, which has paused its guest.
struct Session {
    link: Link,
    /// How often the stub may still say that the guest has stopped.
    stops: u32,
    patience: Patience,
    /// Whether the stub did not answer: it is not waited for again.
    is_gone: bool,
    /// Whether the guest goes on when the conversation is over.
    goes_on: bool,
    /// How the stub took addresses before, where that was changed.
    physical_before: Option<bool>,
    progress: Progress,
}

impl Session {
    fn send(&mut self, request: &[u8], what: &str) -> io::Result<()> {
        let sent = self.link.send(request, what);
        self.is_gone |= sent.is_err();
        sent
    }

    /// The next answer. Where the guest ran, some versions of QEMU say first that it has stopped.
    fn receive(&mut self, what: &str) -> io::Result<Vec<u8>> {
        loop {
            let received = self.link.receive(what);
            self.is_gone |= received.is_err();
            match received?.as_slice() {
                [b'S' | b'T', digits @ ..] if is_signal(digits) && self.stops > 0 => {
                    self.stops -= 1;
                }
                answer => return Ok(answer.to_vec()),
            }
        }
    }

    fn ask(&mut self, request: &[u8], what: &str) -> io::Result<Vec<u8>> {
        self.send(request, what)?;
        self.receive(what)
    }

    fn read(&mut self) -> io::Result<Memory> {
        let first = "the first packet (another program may be connected)";
        let supported = self.ask(b"qSupported", first)?;
        let features = || supported.split(|byte| *byte == b';');
        let packet_size = features().find_map(|feature| feature.strip_prefix(b"PacketSize="));
        let packet_size = packet_size.and_then(|size| std::str::from_utf8(size).ok());
        let packet_size = packet_size.and_then(|size| u64::from_str_radix(size, 16).ok());
        // Each byte is two digits.
        let at_once = (packet_size.unwrap_or(1024) / 2).clamp(16, AT_ONCE);
        // A guest that did not run before does not run afterwards. QEMU says why it does not.
        self.goes_on = !self.monitor("info status")?.contains('(');
        let physical = match self.ask(b"qqemu.PhyMemMode", "its address mode")?.as_slice() {
            b"0" => false,
            b"1" => true,
            _ => return Err(other("the gdb stub cannot read physical memory; QEMU's can")),
        };
        let view = self.monitor("info mtree -f")?;
        let ranges = flat_view::memory(&view).map_err(|why| {
            other(format!("QEMU's list of the guest's memory is unusable: {why}"))
        })?;
        let describes = features().any(|feature| feature == b"qXfer:features:read+");
        let machine = if describes { self.machine()? } else { None };
        if !physical {
            self.physical_before = Some(physical);
            if self.ask(b"Qqemu.PhyMemMode:1", "the request for physical memory")? != b"OK" {
                return Err(other("the gdb stub refuses to read physical memory"));
            }
        }
        let total = ranges.iter().fold(0, |sum: u64, range| sum.saturating_add(range.len()));
        self.progress.begin(COPYING, Unit::Bytes, Some(total));
        self.copy(&ranges, at_once, machine)
    }

    /// Leaves the guest as it was, as far as the stub still listens.
    fn leave(&mut self) {
        let mode = self.physical_before.take().map(|_| &b"Qqemu.PhyMemMode:0"[..]);
        let detach = self.goes_on.then_some(&b"D"[..]);
        for request in mode.into_iter().chain(detach) {
            if self.is_gone || self.ask(request, "the end of the conversation").is_err() {
                // It may still be read.
                let _ = self.send(request, "the end of the conversation");
            }
        }
    }

    /// What QEMU's monitor says to a command.
    fn monitor(&mut self, command: &str) -> io::Result<String> {
        let what = format!("`{command}`");
        self.send(format!("qRcmd,{}", digits(command.as_bytes())).as_bytes(), &what)?;
        let started = Instant::now();
        let mut text: Vec<u8> = Vec::new();
        for _ in 0..PACKETS_LIMIT {
            let answer = self.receive(&what)?;
            match answer.as_slice() {
                b"OK" => return Ok(String::from_utf8_lossy(&text).into_owned()),
                [b'O', said @ ..] => {
                    let said = hex(said)
                        .ok_or_else(|| other("the gdb stub sent text that is not hexadecimal"))?;
                    text.extend(said);
                }
                _ => {
                    return Err(other(format!(
                        "the gdb stub does not pass {what} to QEMU's monitor, which knows where \
                         memory lies"
                    )));
                }
            }
            if text.len() > TEXT_LIMIT {
                break;
            }
            if Instant::now() > self.patience.deadline_for(started, text.len() as u64) {
                return Err(self
                    .patience
                    .timed_out(&format!("the gdb stub did not finish {what}")));
            }
        }
        Err(other(format!("the answer to {what} is longer than {TEXT_LIMIT} bytes")))
    }

    /// The machine, where the stub describes one that is known.
    fn machine(&mut self) -> io::Result<Option<Machine>> {
        const PIECE: usize = 0x400;
        let mut text: Vec<u8> = Vec::new();
        // What is looked for is near the beginning.
        while text.len() < 16 * PIECE {
            let request = format!("qXfer:features:read:target.xml:{:x},{PIECE:x}", text.len());
            let answer = self.ask(request.as_bytes(), "its machine description")?;
            match answer.split_first() {
                Some((b'm', [])) | None => break,
                Some((b'm', more)) => text.extend_from_slice(more),
                Some((b'l', more)) => {
                    text.extend_from_slice(more);
                    break;
                }
                Some(_) => break,
            }
        }
        let text = String::from_utf8_lossy(&text);
        let name = text.split_once("<architecture>").and_then(|(_, rest)| rest.split_once('<'));
        Ok(name.map(|(name, _)| match name.trim() {
            "i386:x86-64" => Machine::X86_64,
            "aarch64" => Machine::Arm64,
            _ => Machine::Other,
        }))
    }

    /// Copies memory to a temporary file, one range behind the other.
    fn copy(
        &mut self,
        ranges: &[Range],
        at_once: u64,
        machine: Option<Machine>,
    ) -> io::Result<Memory> {
        let mut spool = Spool::new()?;
        let (mut segments, mut refused) = (Vec::<Segment>::new(), Vec::new());
        let (started, mut asked) = (Instant::now(), 0_u64);
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                // Pieces end at multiples, so that one that is refused has whole pages.
                let end = (at / at_once + 1).saturating_mul(at_once).min(range.end);
                let bytes = self.memory(at, end - at)?;
                if let Some(bytes) = &bytes {
                    let len = bytes.len() as u64;
                    match segments.last_mut() {
                        Some(last) if last.pa + last.len == at => last.len += len,
                        _ => segments.push(Segment { pa: at, len, file: 0, offset: spool.len() }),
                    }
                    spool.write_all(bytes)?;
                    at += len;
                    self.progress.advance(len);
                } else {
                    refused.push(Range { start: at, end });
                    self.progress.advance(end - at);
                    at = end;
                }
                asked = asked.saturating_add(at_once);
                if Instant::now() > self.patience.deadline_for(started, asked) {
                    let done = spool.len();
                    let what = format!("the gdb stub did not finish after {done} bytes");
                    return Err(self.patience.timed_out(&what));
                }
            }
        }
        if segments.is_empty() {
            return Err(other("the gdb stub returned none of the guest's memory"));
        }
        let refused = super::joined(refused.into_iter());
        Ok(Memory { bytes: spool.finish()?, segments, refused, machine })
    }

    /// Some bytes of memory, or fewer; `None` where the stub says that it cannot read them.
    fn memory(&mut self, at: u64, len: u64) -> io::Result<Option<Vec<u8>>> {
        let answer = self.ask(format!("m{at:x},{len:x}").as_bytes(), "a request for memory")?;
        if matches!(answer.as_slice(), [b'E', ..]) {
            return Ok(None);
        }
        let bytes = hex(&answer).filter(|bytes| !bytes.is_empty() && bytes.len() as u64 <= len);
        bytes.map(Some).ok_or_else(|| {
            other(format!("the gdb stub sent something other than the {len} bytes at {at:#x}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::packet::framed;
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;
    use std::time::Duration;

    /// For what has to end by itself, on a busy machine as well.
    const LONG: Patience = Patience { idle: Duration::from_secs(20), rate: 1 << 20 };
    /// For what ends when patience does.
    const SHORT: Patience = Patience { idle: Duration::from_millis(300), rate: 1 << 20 };
    const FEATURES: &str = "PacketSize=1000;qXfer:features:read+;multiprocess+";
    const VIEW: &str = "FlatView #3\r\n AS \"memory\", root: system\r\n  \
        0000000000000000-0000000000001fff (prio 0, ram): pc.ram\r\n  \
        0000000000003000-00000000000030ff (prio 0, i/o): registers\r\n  \
        0000000000010000-0000000000011234 (prio 0, ram): pc.ram @0000000000002000\r\n";

    /// A stub: what it answers to each request, and what it was asked.
    struct Fake<S> {
        stream: S,
        pending: Vec<u8>,
        asked: Vec<String>,
    }

    impl<S: io::Read + io::Write> Fake<S> {
        /// The next request; `None` where the other side is gone.
        fn request(&mut self) -> Option<String> {
            loop {
                let start = self.pending.iter().position(|byte| *byte == b'$');
                let end = self.pending.iter().position(|byte| *byte == b'#');
                if let (Some(start), Some(end)) = (start, end) {
                    if self.pending.len() >= end + 3 {
                        let packet: Vec<u8> = self.pending.drain(..end + 3).collect();
                        assert_eq!(packet[start..], framed(&packet[start + 1..end])[..]);
                        let request = String::from_utf8(packet[start + 1..end].to_vec()).unwrap();
                        self.asked.push(request.clone());
                        return Some(request);
                    }
                }
                let mut piece = [0; 4096];
                match self.stream.read(&mut piece) {
                    Ok(0) | Err(_) => return None,
                    Ok(len) => self.pending.extend_from_slice(&piece[..len]),
                }
            }
        }

        fn say(&mut self, bytes: &[u8]) {
            // Whoever gave up listens no more.
            let _ = self.stream.write_all(bytes);
        }

        fn answer(&mut self, data: &[u8]) {
            self.say(&[b"+", &framed(data)[..]].concat());
        }

        /// Answers as QEMU does, but where a script has something else to say.
        fn serve(mut self, script: &Script) -> Vec<String> {
            while let Some(request) = self.request() {
                match script(&request) {
                    Reply::Qemu => self.answer(&qemu(&request)),
                    Reply::Data(data) => self.answer(&data),
                    Reply::Bytes(bytes) => self.say(&bytes),
                    Reply::Text(text, status) => {
                        for part in text.as_bytes().chunks(300.max(text.len() / 90)) {
                            self.answer(format!("O{}", digits(part)).as_bytes());
                        }
                        self.answer(status.as_bytes());
                    }
                    Reply::Endless(bytes) => while self.stream.write_all(&bytes).is_ok() {},
                    Reply::Slowly(data) => {
                        for byte in framed(&data) {
                            self.say(&[byte]);
                            thread::sleep(Duration::from_millis(5));
                        }
                    }
                    Reply::Silence => {}
                    Reply::End => break,
                }
                if let Some(command) = request.strip_prefix("qRcmd,") {
                    if matches!(script(&request), Reply::Qemu) {
                        let text = monitor(command);
                        self.answer(format!("O{}", digits(text.as_bytes())).as_bytes());
                        self.answer(b"OK");
                    }
                }
            }
            self.asked
        }
    }

    type Script = dyn Fn(&str) -> Reply + Send;

    enum Reply {
        Qemu,
        Data(Vec<u8>),
        Bytes(Vec<u8>),
        Text(String, &'static str),
        Endless(Vec<u8>),
        Slowly(Vec<u8>),
        Silence,
        End,
    }

    fn monitor(command: &str) -> String {
        match hex(command.as_bytes()).unwrap().as_slice() {
            b"info status" => "VM status: paused\r\n".into(),
            b"info mtree -f" => VIEW.into(),
            other => panic!("{other:?}"),
        }
    }

    /// The byte of memory at an address.
    fn byte(at: u64) -> u8 {
        (at % 251) as u8
    }

    fn memory(request: &str) -> Vec<u8> {
        let (at, len) = request.strip_prefix('m').unwrap().split_once(',').unwrap();
        let number = |digits: &str| u64::from_str_radix(digits, 16).unwrap();
        let (at, len) = (number(at), number(len));
        assert!(len <= 0x800, "more than half of a packet: {request}");
        let bytes: Vec<u8> = (at..at + len).map(byte).collect();
        digits(&bytes).into_bytes()
    }

    /// The one packet that QEMU answers with; the monitor's come by themselves.
    fn qemu(request: &str) -> Vec<u8> {
        match request {
            "qSupported" => FEATURES.into(),
            "qqemu.PhyMemMode" => b"0".to_vec(),
            "Qqemu.PhyMemMode:0" | "Qqemu.PhyMemMode:1" | "D" => b"OK".to_vec(),
            request if request.starts_with("qXfer:features:read:target.xml:0,") => {
                b"m<target><architecture>i386".to_vec()
            }
            request if request.starts_with("qXfer:features:read:target.xml:1a,") => {
                b"l:x86-64</architecture></target>".to_vec()
            }
            request if request.starts_with("qRcmd,") => b"O".to_vec(),
            request => memory(request),
        }
    }

    /// What came of it, and what the stub was asked.
    fn with(script: impl Fn(&str) -> Reply + Send + 'static) -> (io::Result<Memory>, Vec<String>) {
        with_patience(LONG, script)
    }

    fn with_patience(
        patience: Patience,
        script: impl Fn(&str) -> Reply + Send + 'static,
    ) -> (io::Result<Memory>, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gdb");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let stream: UnixStream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            Fake { stream, pending: Vec::new(), asked: Vec::new() }.serve(&script)
        });
        let memory = read(&Stub::Unix(path), patience, &Progress::default());
        (memory, server.join().unwrap())
    }

    fn check(image: &Image) {
        let ranges: Vec<_> = image.ranges().iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(ranges, [(0, 0x2000), (0x1_0000, 0x1_1235)]);
        for (start, end) in ranges {
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            image.read(start, &mut bytes).unwrap();
            assert!(bytes.iter().zip(start..).all(|(found, at)| *found == byte(at)));
        }
    }

    #[test]
    fn memory_is_read_and_the_guest_left_as_it_was() {
        let (memory, asked) = with(|_| Reply::Qemu);
        let image = memory.unwrap().into_image();
        assert_eq!((image.format(), image.machine()), (Format::GdbStub, Some(Machine::X86_64)));
        check(&image);
        assert!(asked.iter().all(|request| !request.starts_with("m3")), "{asked:?}");
        assert_eq!(asked[asked.len() - 2..], ["Qqemu.PhyMemMode:0", "D"]);

        // A guest that ran says that it has stopped, before it answers.
        let (memory, asked) = with(|request| match request {
            "qSupported" => {
                Reply::Bytes([framed(b"T02thread:01;"), framed(FEATURES.as_bytes())].concat())
            }
            _ => Reply::Qemu,
        });
        check(&memory.unwrap().into_image());
        assert_eq!(asked.last().unwrap(), "D");

        // What had not been started is not, and what was physical stays so.
        let (memory, asked) = with(|request| match request {
            "qqemu.PhyMemMode" => Reply::Data(b"1".to_vec()),
            "qRcmd,696e666f20737461747573" => {
                Reply::Text("VM status: paused (prelaunch)\r\n".into(), "OK")
            }
            _ => Reply::Qemu,
        });
        check(&memory.unwrap().into_image());
        assert!(asked.iter().all(|request| request != "D" && !request.starts_with("Qqemu")));
    }

    #[test]
    fn a_stub_may_listen_on_the_network_and_send_less_than_it_is_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let less: &Script = &|request| match request {
                "qSupported" => Reply::Data(Vec::new()),
                request if request.starts_with('m') => {
                    let mut bytes = memory(request);
                    bytes.truncate(bytes.len().min(200));
                    Reply::Data(bytes)
                }
                _ => Reply::Qemu,
            };
            Fake { stream, pending: Vec::new(), asked: Vec::new() }.serve(less)
        });
        let stub = Stub::of(format!("127.0.0.1:{port}").as_ref());
        assert_eq!(stub, Stub::Tcp("127.0.0.1".into(), port));
        let image = read(&stub, LONG, &Progress::default()).unwrap().into_image();
        check(&image);
        assert_eq!(image.machine(), None, "this one does not say that it describes its machine");
        server.join().unwrap();
    }

    #[test]
    fn words_name_a_port_or_a_socket() {
        let tcp = |host: &str, port| Stub::Tcp(host.into(), port);
        assert_eq!(Stub::of("host:1234".as_ref()), tcp("host", 1234));
        assert_eq!(Stub::of(":1234".as_ref()), tcp("", 1234));
        assert_eq!(Stub::of("[::1]:1".as_ref()), tcp("::1", 1));
        for socket in ["gdb.sock", "/run/vm:1/gdb", "./vm:1", "vm:a", "vm:65536"] {
            assert_eq!(Stub::of(socket.as_ref()), Stub::Unix(socket.into()));
        }
    }

    #[test]
    fn memory_that_the_stub_refuses_is_left_out_and_said() {
        let (memory, _) = with(|request| match request {
            request if request.starts_with("m1000,") => Reply::Data(b"E14".to_vec()),
            _ => Reply::Qemu,
        });
        let image = memory.unwrap().into_image();
        assert!(image.notes()[0].contains("refused 2048 bytes"), "{:?}", image.notes());
        let error = image.read(0x1000, &mut [0]).unwrap_err();
        assert!(matches!(error, super::super::ReadError::Excluded { at: 0x1000 }), "{error:?}");
        image.read(0x1800, &mut [0; 0x800]).unwrap();
        let (memory, asked) = with(|request| match request {
            request if request.starts_with('m') => Reply::Data(b"E14".to_vec()),
            _ => Reply::Qemu,
        });
        assert!(memory.is_err_and(|error| error.to_string().contains("returned none")));
        assert_eq!(asked.last().unwrap(), "D");
    }

    #[test]
    fn whatever_the_stub_does_comes_to_an_end() {
        fn to(wanted: &'static str, reply: fn() -> Reply) -> Box<Script> {
            Box::new(move |request| if request.starts_with(wanted) { reply() } else { Reply::Qemu })
        }
        const MTREE: &str = "qRcmd,696e666f206d74726565";
        // Whether the guest is told to go on: where the stub speaks at all, it is.
        let scripts: Vec<(Box<Script>, &str, bool)> = vec![
            (to("q", || Reply::Silence), "did not answer the first packet", true),
            (to("qS", || Reply::End), "closed the connection", false),
            (to("qS", || Reply::Bytes(b"SSH-2.0\n".to_vec())), "not a gdb stub", true),
            (to("qS", || Reply::Bytes(b"$OK#00".to_vec())), "checksum", true),
            (to("qS", || Reply::Bytes(b"-".to_vec())), "refuses a packet", true),
            (to("qS", || Reply::Endless(b"+".to_vec())), "did not answer the first packet", true),
            (to("qS", || Reply::Endless(b"%x#78".to_vec())), "did not answer", true),
            (
                to("qS", || Reply::Endless([&b"$"[..], &[b'0'; 60_000]].concat())),
                "a packet of more than",
                true,
            ),
            (to("qS", || Reply::Slowly(vec![b'0'; 500])), "did not answer the first packet", true),
            (to("qS", || Reply::Bytes(framed(b"S05").repeat(9))), "does not pass", true),
            (to("qRcmd", || Reply::Data(Vec::new())), "does not pass `info status`", true),
            (to("qRcmd", || Reply::Data(b"E01".to_vec())), "does not pass `info status`", true),
            (to("qRcmd", || Reply::Data(b"Ozz".to_vec())), "not hexadecimal", true),
            (
                to(MTREE, || Reply::Text("x".repeat(9 << 20), "OK")),
                "longer than 8388608 bytes",
                true,
            ),
            (to(MTREE, || Reply::Text(String::new(), "OK")), "it has no memory", true),
            (
                to(MTREE, || {
                    let all = "0-fffffffffffffffe (prio 0, ram): all";
                    Reply::Text(format!("AS \"memory\", root: system\n{all}\n"), "OK")
                }),
                "did not finish after",
                true,
            ),
            (to("qqemu", || Reply::Data(Vec::new())), "cannot read physical memory", true),
            (to("Qqemu.PhyMemMode:1", || Reply::Data(b"E22".to_vec())), "refuses to read", true),
            (to("qXfer", || Reply::Silence), "did not answer its machine description", true),
            (to("m", || Reply::Data(Vec::new())), "something other than the 2048 bytes", true),
            (to("m", || Reply::Data(b"0".to_vec())), "something other than", true),
            (to("m", || Reply::Data(b"xx".to_vec())), "something other than", true),
            (to("m", || Reply::Data(b"00".repeat(0x801))), "something other than", true),
            (to("m8", || Reply::Silence), "did not answer a request for memory", true),
            (to("m8", || Reply::End), "closed the connection", false),
        ];
        for (index, (script, expected, goes_on)) in scripts.into_iter().enumerate() {
            // A byte at a time, of more memory than there is.
            let slow = expected == "did not finish after";
            let patience = if expected.starts_with("did not") { SHORT } else { LONG };
            let (memory, asked) = with_patience(patience, move |request| {
                if slow && request.starts_with('m') {
                    thread::sleep(Duration::from_millis(20));
                    return Reply::Data(b"00".to_vec());
                }
                script(request)
            });
            let error = memory.err().unwrap_or_else(|| panic!("script {index}")).to_string();
            assert!(error.contains(expected), "script {index}: {error}, expected {expected}");
            let detached = asked.iter().any(|request| request == "D");
            assert_eq!(detached, goes_on, "script {index}: {asked:?}");
        }
        // What describes its machine in another way is read all the same.
        for description in [&b"E01"[..], b"", b"m", b"l<architecture>", b"x"] {
            let description = description.to_vec();
            let (memory, _) = with(move |request| match request {
                request if request.starts_with("qXfer") => Reply::Data(description.clone()),
                _ => Reply::Qemu,
            });
            assert_eq!(memory.unwrap().machine, None);
        }
    }
}
