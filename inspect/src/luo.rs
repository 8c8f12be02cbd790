// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! LUO's state: the update's number, sessions, their files, and FLBs.

use crate::claims::Owner;
use crate::finding::{address, address_or_none};
use crate::handlers::{self, Payload};
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::luo::{
    luo_file_ser, luo_flb_header_ser, luo_flb_ser, luo_ser, luo_session_ser, LUO_ABI_COMPATIBLE,
};
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Blocks;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use zerocopy::IntoBytes;

/// What the image shows of LUO's state, which depends on when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The state is whole: the image is of between the two kernels.
    Serialised,
    /// Sessions are not in it yet, or there are none: that is told by nothing in memory.
    NotSerialised,
    /// Its root is gone: the kernel that was to read it has done so, and uses the page for other
    /// things.
    Consumed,
    /// Its version is one that is not known.
    UnknownVersion,
    /// It cannot be read.
    Unreadable,
}

/// LUO's state.
#[derive(Clone, Debug, Serialize)]
pub struct Luo {
    /// Address of its root.
    #[serde(serialize_with = "address")]
    pub at: u64,
    /// Its compatible string.
    pub compatible: String,
    /// When in an update the image was taken.
    pub phase: Phase,
    /// Number of live updates since the machine was started.
    pub liveupdate_num: Option<u64>,
    /// The sessions, in the order of their list.
    pub sessions: Vec<Session>,
    /// The FLBs, in the order of their array.
    pub flbs: Vec<Flb>,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// Address of its entry.
    #[serde(serialize_with = "address")]
    pub at: u64,
    /// Its name.
    pub name: String,
    /// Number of files that it tells.
    pub count: u64,
    /// Address of the first block of files.
    #[serde(serialize_with = "address")]
    pub files_pa: u64,
    /// Its files, in the order of their list.
    pub files: Vec<File>,
}

/// A file.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    /// Address of its entry.
    #[serde(serialize_with = "address")]
    pub at: u64,
    /// What user space knows it by.
    pub token: u64,
    /// Compatible string of its handler.
    pub compatible: String,
    /// What the handler left.
    #[serde(serialize_with = "address")]
    pub data: u64,
    /// What that leads to.
    pub payload: Payload,
}

/// State that files share.
#[derive(Clone, Debug, Serialize)]
pub struct Flb {
    /// Address of its entry.
    #[serde(serialize_with = "address")]
    pub at: u64,
    /// Its compatible string.
    pub compatible: String,
    /// What its owner left.
    #[serde(serialize_with = "address")]
    pub data: u64,
    /// Number of files that need it.
    pub count: u64,
    /// What the data leads to, where it looks like an address.
    #[serde(serialize_with = "address_or_none")]
    pub leads_to: Option<u64>,
}

/// Types for one version of the state.
struct Decoder {
    compatible: &'static str,
    read: fn(&mut Walker<'_>, &mut Luo, u64),
}

/// Every version that is decoded. A version is one line here.
const DECODERS: &[Decoder] = &[Decoder { compatible: LUO_ABI_COMPATIBLE, read: read_current }];

/// The versions that can be decoded.
pub fn known() -> impl Iterator<Item = &'static str> {
    DECODERS.iter().map(|decoder| decoder.compatible)
}

/// Bytes that a compatible string may have here, with its NUL: the kernel compares no more.
const COMPATIBLE: u64 = 8;

/// Reads LUO's state from an entry of KHO.
pub(crate) fn read(walker: &mut Walker<'_>, at: u64, blob: u64) -> Luo {
    let mut luo = Luo {
        at,
        compatible: String::new(),
        phase: Phase::Unreadable,
        liveupdate_num: None,
        sessions: Vec::new(),
        flbs: Vec::new(),
    };
    let root = size_of::<luo_ser>() as u64;
    if blob < root {
        walker.find(&rules::LUO_STATE_TOO_SMALL, at, || {
            format!("the entry has {blob} bytes, and LUO's root takes {root}")
        });
    }
    let Some(field) = walker.bytes(at, COMPATIBLE, "LUO's root") else { return luo };
    let name = field.split(|byte| *byte == 0).next().unwrap_or_default();
    luo.compatible = crate::text::readable(name);
    let decoder = DECODERS.iter().find(|decoder| decoder.compatible.as_bytes() == name);
    let Some(decoder) = decoder else {
        if name.starts_with(b"luo-v") && name[5..].iter().all(u8::is_ascii_digit) {
            luo.phase = Phase::UnknownVersion;
            walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
                let known = known().collect::<Vec<_>>().join(", ");
                format!("LUO's state is \"{}\", and known are: {known}", luo.compatible)
            });
        } else {
            luo.phase = Phase::Consumed;
            walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
                format!(
                    "LUO's root begins with \"{}\", which no version does: the page was taken for \
                     something else, as the kernel does after it has read it; or it is damaged",
                    luo.compatible
                )
            });
        }
        return luo;
    };
    (decoder.read)(walker, &mut luo, at);
    luo
}

fn read_current(walker: &mut Walker<'_>, luo: &mut Luo, at: u64) {
    let owner = walker.claims.owner("LUO's own state".into());
    let Some(root) = walker.value::<luo_ser>(at, "LUO's root") else { return };
    walker.allocation(at, size_of::<luo_ser>() as u64, "LUO's root", owner);
    luo.liveupdate_num = Some(root.liveupdate_num);
    let (sessions, flbs) = (root.sessions_pa, root.flbs_pa);
    luo.phase = if sessions.is_null() { Phase::NotSerialised } else { Phase::Serialised };
    let mut names = HashSet::new();
    let mut devices = handlers::Seen::default();
    walker.within("sessions", Some(sessions.get()), |walker| {
        each_entry::<luo_session_ser>(
            walker,
            sessions,
            "the list of sessions",
            owner,
            |walker, at, entry| {
                let name = walker.name(entry.name.as_bytes(), at, "a session's name");
                if !names.insert(entry.name) {
                    walker.find(&rules::NAME_TWICE, at, || {
                        format!("there is another session \"{name}\" before this one")
                    });
                }
                let set = entry.file_set_ser;
                let mut session = Session {
                    at,
                    name,
                    count: set.count,
                    files_pa: set.files.get(),
                    files: Vec::new(),
                };
                let link = format!("session \"{}\"", session.name);
                walker.within(link.clone(), Some(at), |walker| {
                    let owner = walker.claims.owner(format!("the files of {link}"));

                    read_files(walker, &mut session, set.files, owner, &mut devices);
                });
                luo.sessions.push(session);
            },
        );
    });
    if let Some(flbs) = flbs.non_null() {
        walker.within("FLBs", Some(flbs.get()), |walker| {
            luo.flbs = read_flbs(walker, flbs.get(), owner);
        });
    }
}

/// Calls a function for each entry of a list of blocks, with its address.
fn each_entry<T: kho_abi::wire::layout::WireType>(
    walker: &mut Walker<'_>,
    first: PhysAddr,
    what: &str,
    owner: Owner,
    mut each: impl FnMut(&mut Walker<'_>, u64, T),
) {
    // The iterator borrows the memory, and so cannot live while the walker is used: it is moved on
    // from block to block instead, and its own record of circles goes with it.
    let image = walker.memory.image();
    let page_size = walker.memory.page_size_usize();
    let memory = crate::image::cache::Cached::new(image, page_size);
    let mut seen = HashSet::new();
    for block in Blocks::new(&memory, first, size_of::<T>()) {
        let block = match block {
            Ok(block) => block,
            Err(error) => return walker.walk_error(what, &error),
        };
        // A circle may yield a block twice before it is found out.
        if !seen.insert(block.at) {
            return walker
                .walk_error(what, &kho_abi::wire::walk::WalkError::Cycle { at: block.at });
        }
        walker.allocation(block.at.get(), page_size as u64, what, owner);
        for index in 0..block.count {
            match (block.entry_at(index), block.entry::<T, _>(&memory, index)) {
                (Some(at), Ok(Some(entry))) => each(walker, at.get(), entry),
                (_, Err(error)) => return walker.walk_error(what, &error),
                _ => return,
            }
        }
    }
}

fn read_files(
    walker: &mut Walker<'_>,
    session: &mut Session,
    first: PhysAddr,
    owner: Owner,
    devices: &mut handlers::Seen,
) {
    let mut tokens: HashMap<u64, u64> = HashMap::new();
    let name = session.name.clone();
    let files = &mut session.files;
    each_entry::<luo_file_ser>(walker, first, "the list of files", owner, |walker, at, entry| {
        let field = entry.compatible;
        let (data, token) = (entry.data, entry.token);
        let compatible = walker.name(field.as_bytes(), at, "a file's compatible string");
        if let Some(other) = tokens.insert(token, at) {
            walker.find(&rules::TOKEN_TWICE, at, || {
                format!("token {token:#x} is that of the file at {other:#x} as well")
            });
        }
        let link = format!("file with token {token:#x}");
        let payload = walker.within(link, Some(at), |walker| {
            let owner = walker.claims.owner(format!("session \"{name}\", token {token:#x}"));
            handlers::read(walker, field.as_bytes(), &compatible, data, at, owner, devices)
        });
        files.push(File { at, token, compatible, data, payload });
    });
    let (found, told) = (session.files.len() as u64, session.count);
    if found != told {
        walker.find(&rules::COUNT_MISMATCH, session.at, || {
            format!("the session tells {told} files, and its list has {found}")
        });
    }
}

fn read_flbs(walker: &mut Walker<'_>, at: u64, owner: Owner) -> Vec<Flb> {
    let mut flbs = Vec::new();
    let Some(header) = walker.value::<luo_flb_header_ser>(at, "the header of FLBs") else {
        return flbs;
    };
    let (pages, count) = (header.pgcnt, header.count);
    let page_size = walker.page_size();
    let (head, entry) = (size_of::<luo_flb_header_ser>() as u64, size_of::<luo_flb_ser>() as u64);
    let mut room = pages.saturating_mul(page_size).saturating_sub(head) / entry;
    // What is behind the image's end is in no page, whatever the header tells.
    if pages == 0 || !walker.memory.image().has(at, pages.saturating_mul(page_size)) {
        walker.find(&rules::FLB_HEADER_INVALID, at, || {
            format!("the header tells {pages} pages, and the image does not have those")
        });
        room = room.min((page_size - head) / entry);
        walker.allocation(at, 1, "the array of FLBs", owner);
    } else {
        walker.allocation(at, pages * page_size, "the array of FLBs", owner);
    }
    if count > room {
        walker.find(&rules::FLB_HEADER_INVALID, at, || {
            format!("the header tells {count} entries, and {pages} pages have room for {room}")
        });
    }
    let mut names = HashSet::new();
    for index in 0..count.min(room) {
        let at = at + head + index * entry;
        let Some(flb) = walker.value::<luo_flb_ser>(at, "an FLB") else { break };
        // A count that is wrong says nothing about entries that nobody wrote.
        if count > room && flb.as_bytes().iter().all(|byte| *byte == 0) {
            continue;
        }
        let compatible = walker.name(flb.name.as_bytes(), at, "an FLB's compatible string");
        if !names.insert(flb.name) {
            walker.find(&rules::FLB_TWICE, at, || {
                format!("there is another FLB \"{compatible}\" before this one")
            });
        }
        walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
            format!("no types are known for the FLB \"{compatible}\"")
        });
        let data = flb.data;
        let looks_like_address = data % 8 == 0 && walker.memory.image().has(data, 8);
        let leads_to = Some(data).filter(|data| *data != 0 && looks_like_address);
        flbs.push(Flb { at, compatible, data, count: flb.count, leads_to });
    }
    flbs
}
