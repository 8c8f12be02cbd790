// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What user space keeps in memfds: one file per program, chosen by session, token and content.
//!
//! A memfd without a decoder, or with unexpected content, is shown as a plain memfd.

pub mod criu;
pub mod systemd;

use crate::extract::{places, Ground};
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::luo::Session;
use crate::walk::Walker;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Memory as _;
use schemars::JsonSchema;
use serde::Serialize;

/// How many bytes of a memfd a decoder may read.
const LIMIT: u64 = 16 << 20;

/// The content of a memfd.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum Content {
    /// systemd's file descriptor store.
    SystemdFdstore(systemd::Fdstore),
    /// An image file of CRIU.
    Criu(criu::Image),
}

impl Content {
    /// Its content, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::SystemdFdstore(fdstore) => fdstore.lines(),
            Self::Criu(image) => vec![image.line()],
        }
    }
}

/// Decodes the memfds of a session.
struct Decoder {
    /// Reads known memfds, and returns the results with the number of the file.
    read: fn(&mut Walker<'_>, &Session) -> Vec<(usize, Content)>,
}

/// Every program whose memfds have a decoder. To add one, add a line here.
const DECODERS: &[Decoder] = &[Decoder { read: systemd::read }, Decoder { read: criu::read }];

/// Reads the memfds of a session.
pub(crate) fn read(walker: &mut Walker<'_>, session: &mut Session) {
    for decoder in DECODERS {
        for (number, content) in (decoder.read)(walker, session) {
            if let Some(file) = session.files.get_mut(number) {
                file.content.get_or_insert(content);
            }
        }
    }
}

/// The memfds of a session, with their numbers among the files.
fn memfds(session: &Session) -> impl Iterator<Item = (usize, &Memfd)> {
    session.files.iter().enumerate().filter_map(|(number, file)| match &file.payload {
        Payload::Memfd(memfd) => Some((number, memfd)),
        _ => None,
    })
}

/// The first bytes of a memfd, without a walk through its list.
fn head<const N: usize>(walker: &Walker<'_>, memfd: &Memfd) -> Option<[u8; N]> {
    let first = memfd.first.first().filter(|first| first.index == 0 && memfd.size >= N as u64)?;
    let (page, _) = first.folio(0);
    let at = page.checked_mul(walker.page_size())?;
    let mut head = [0; N];
    walker.memory.read(PhysAddr::new(at), &mut head).ok()?;
    Some(head)
}

/// All of a memfd's content, unless it is too long, or some of it is lost or doubtful.
fn whole(walker: &Walker<'_>, memfd: &Memfd) -> Result<Vec<u8>, String> {
    if memfd.size > LIMIT {
        return Err(format!("more than {LIMIT} bytes"));
    }
    let image = walker.memory.image();
    let page_size = walker.memory.page_size_usize();
    let preserved = walker.preserved.as_ref();
    let ground = Ground { image, page_size, preserved, contested: None, addresses_doubtful: false };
    let (places, said) = places(ground, memfd);
    if !said.is_complete() {
        return Err("its content is lost or doubtful".into());
    }
    let mut content = vec![0; usize::try_from(memfd.size).unwrap_or(0)];
    for place in places {
        let (start, end) = (usize::try_from(place.start), usize::try_from(place.end));
        let (Ok(start), Ok(end)) = (start, end) else { continue };
        let (Some(pa), Some(part)) = (place.pa, content.get_mut(start..end)) else { continue };
        image.read(pa, part).map_err(|error| error.to_string())?;
    }
    Ok(content)
}
