// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Packets of gdb's remote serial protocol, over a socket: `$`, the data, `#` and a sum of the data.

use crate::image::live::{other, retry, wait, Patience};
use rustix::event::{PollFd, PollFlags};
use rustix::net::{recv, send, RecvFlags, SendFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Longest packet, in bytes; QEMU's own have 128 KiB at most.
pub(super) const LIMIT: usize = 1 << 20;
/// What is read at once.
const AT_ONCE: usize = 16 << 10;

/// A connection to a stub.
pub(super) struct Link {
    socket: OwnedFd,
    /// What was received and is not a whole packet yet.
    pending: Vec<u8>,
    patience: Patience,
}

impl Link {
    pub(super) fn new(socket: OwnedFd, patience: Patience) -> Self {
        Self { socket, pending: Vec::new(), patience }
    }

    /// Sends a packet; `what` says what is not taken where nobody reads it.
    pub(super) fn send(&self, data: &[u8], what: &str) -> io::Result<()> {
        self.send_raw(&framed(data), what)
    }

    fn send_raw(&self, bytes: &[u8], what: &str) -> io::Result<()> {
        let deadline = self.patience.deadline();
        let mut left = bytes;
        while !left.is_empty() {
            match send(&self.socket, left, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => left = left.get(sent..).unwrap_or_default(),
                Err(error) => {
                    let error = io::Error::from(error);
                    if !retry(&error) {
                        return Err(error);
                    }
                    self.wait(PollFlags::OUT, deadline, what)?;
                }
            }
        }
        Ok(())
    }

    /// The data of the next packet, which must be there in time; `what` says what it is the answer to.
    pub(super) fn receive(&mut self, what: &str) -> io::Result<Vec<u8>> {
        let deadline = self.patience.deadline();
        loop {
            if let Some(data) = take(&mut self.pending)? {
                self.send_raw(b"+", what)?;
                return Ok(data);
            }
            self.wait(PollFlags::IN, deadline, what)?;
            let mut piece = [0; AT_ONCE];
            match recv(&self.socket, &mut piece, RecvFlags::DONTWAIT) {
                Ok((0, _)) => {
                    let why = "the gdb stub closed the connection";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
                }
                Ok((len, _)) => self.pending.extend_from_slice(&piece[..len]),
                Err(error) => {
                    let error = io::Error::from(error);
                    if !retry(&error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn wait(&self, flags: PollFlags, deadline: Instant, what: &str) -> io::Result<()> {
        // What is always there must not keep the time from running out.
        let in_time = Instant::now() < deadline;
        if in_time && wait(&mut [PollFd::new(&self.socket, flags)], deadline)? {
            return Ok(());
        }
        Err(self.patience.timed_out(&format!("the gdb stub did not answer {what}")))
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// A packet with this data, none of which is a character that stands for something.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let mut packet = vec![b'$'];
    packet.extend_from_slice(data);
    packet.extend(format!("#{:02x}", sum(data)).into_bytes());
    packet
}

/// Takes the data of the next packet, where all of it has been received, from what has been.
fn take(pending: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        let acknowledged = pending.iter().take_while(|byte| **byte == b'+').count();
        pending.drain(..acknowledged);
        let notification = match pending.first() {
            None => return Ok(None),
            Some(b'$') => false,
            // It is of no interest, and is not acknowledged.
            Some(b'%') => true,
            Some(b'-') => return Err(other("the gdb stub refuses a packet")),
            Some(byte) => {
                return Err(other(format!("not a gdb stub: it sent the byte {byte:#04x}")));
            }
        };
        let end = memchr::memchr(b'#', pending);
        if end.unwrap_or(pending.len()) > LIMIT {
            return Err(other(format!("the gdb stub sent a packet of more than {LIMIT} bytes")));
        }
        let Some(end) = end.filter(|end| pending.len() > end + 2) else { return Ok(None) };
        let packet: Vec<u8> = pending.drain(..end + 3).collect();
        let data = &packet[1..end];
        let said = hex(&packet[end + 1..]).filter(|said| said[..] == [sum(data)]);
        if said.is_none() {
            return Err(other("the gdb stub sent a packet whose checksum is wrong"));
        }
        if !notification {
            return plain(data).map(Some);
        }
    }
}

/// Data without escapes and repetitions.
fn plain(data: &[u8]) -> io::Result<Vec<u8>> {
    let wrong = || other("the gdb stub sent a packet that is not well-formed");
    let mut plain: Vec<u8> = Vec::with_capacity(data.len());
    let mut bytes = data.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'}' => plain.push(bytes.next().ok_or_else(wrong)? ^ 0x20),
            b'*' => {
                let times = bytes.next().and_then(|times| times.checked_sub(29));
                let (last, times) = plain.last().copied().zip(times).ok_or_else(wrong)?;
                plain.resize(plain.len() + usize::from(times), last);
            }
            byte => plain.push(*byte),
        }
        if plain.len() > LIMIT {
            return Err(other(format!("the gdb stub sent a packet of more than {LIMIT} bytes")));
        }
    }
    Ok(plain)
}

/// The bytes that hexadecimal digits say, two for each.
pub(super) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

/// Hexadecimal digits for bytes.
pub(super) fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_taken_as_they_come() {
        let mut stream = b"+%Stop:T05#".to_vec();
        stream.extend(format!("{:02x}", sum(b"Stop:T05")).bytes());
        stream.extend(b"+$OK#9a$m}\x03a0* #");
        assert_eq!(take(&mut stream).unwrap().unwrap(), b"OK");
        // Its sum is not there yet.
        assert_eq!(take(&mut stream).unwrap(), None);
        stream.extend(format!("{:02x}", sum(b"m}\x03a0* ")).bytes());
        assert_eq!(take(&mut stream).unwrap().unwrap(), b"m#a0000");
        assert!(stream.is_empty());
        assert_eq!(framed(b"OK"), b"$OK#9a");
        assert_eq!(hex(b"00fF1a"), Some(vec![0, 0xff, 0x1a]));
        assert_eq!((hex(b"0"), hex(b"0g"), hex(b"+1")), (None, None, None));
        assert_eq!(digits(b"\x00\xffk"), "00ff6b");
    }

    #[test]
    fn what_is_not_a_packet_is_refused() {
        let refused = |bytes: &[u8]| take(&mut bytes.to_vec()).unwrap_err().to_string();
        assert!(refused(b"SSH-2.0").contains("not a gdb stub: it sent the byte 0x53"));
        assert!(refused(b"-").contains("refuses a packet"));
        assert!(refused(b"$OK#00").contains("checksum"));
        assert!(refused(b"$OK#zz").contains("checksum"));
        for data in [&b"*~"[..], b"a*", b"a*\x1c", b"a}"] {
            assert!(refused(&framed(data)).contains("not well-formed"), "{data:?}");
        }
        assert!(refused(&[b"$".to_vec(), vec![b'0'; LIMIT + 1]].concat()).contains("more than"));
        // Repetitions of repetitions are no way around the limit.
        let bomb = framed(&[&b"0"[..], &b"*~".repeat(LIMIT / 90)].concat());
        assert!(refused(&bomb).contains("more than"));
    }

    #[test]
    fn any_bytes_are_taken_or_refused() {
        let alphabet = b"$#+-%}*~O0a9\x1d\xff";
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 40).unwrap()
        };
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let len = next() % 24;
            let mut bytes: Vec<u8> = (0..len).map(|_| alphabet[next() % alphabet.len()]).collect();
            if next() % 2 == 0 {
                bytes = framed(&bytes);
            }
            loop {
                let before = bytes.len();
                match take(&mut bytes) {
                    Ok(Some(_)) => assert!(bytes.len() < before),
                    Ok(None) => break,
                    Err(_) => {
                        refused += 1;
                        break;
                    }
                }
                taken += 1;
            }
        }
        assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused");
    }
}
