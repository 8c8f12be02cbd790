// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The present version: a struct that leads to lists of blocks.

use super::{Decoder, FileEntry, Files, FlbTypes, Luo, Phase, Reader, SessionEntry};
use crate::claims::Owner;
use crate::image::cache::Cached;
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::layout::WireType;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::luo_v5::{
    luo_file_ser, luo_flb_header_ser, luo_flb_ser, luo_ser, luo_session_ser, LUO_ABI_COMPATIBLE,
};
use kho_abi::wire::walk::{Blocks, WalkError};
use std::collections::HashSet;
use zerocopy::IntoBytes as _;

pub(super) const DECODER: Decoder =
    Decoder { compatible: LUO_ABI_COMPATIBLE, is_tree: false, read };

/// Number of live updates.
pub(super) fn update_number(memory: &Cached<'_>, at: u64, field: &[u8]) -> Option<u64> {
    let name = field.split(|byte| *byte == 0).next()?;
    let root: luo_ser = memory.value(at).ok()?;
    (name == LUO_ABI_COMPATIBLE.as_bytes()).then_some(root.liveupdate_num)
}

fn read(walker: &mut Walker<'_>, luo: &mut Luo, at: u64, blob: u64) {
    let size = size_of::<luo_ser>() as u64;
    if blob < size {
        walker.find(&rules::LUO_STATE_TOO_SMALL, at, || {
            format!("the entry has {blob} bytes, but LUO's root needs {size}")
        });
    }
    if blob > size && !walker.memory.image().is_blob() {
        walker.find(&rules::KHO_SUBTREE_SIZE_WRONG, at, || {
            format!("the entry has {blob} bytes, but LUO's root has {size}")
        });
    }
    let Some(root) = walker.value::<luo_ser>(at, "LUO's root") else { return };
    let owner = walker.claims.owner("LUO's own state".into());
    luo.liveupdate_num = Some(root.liveupdate_num);
    let (sessions, flbs) = (root.sessions_pa, root.flbs_pa);
    luo.phase = if sessions.is_null() { Phase::NotSerialised } else { Phase::Serialised };
    // A page that was copied out of memory cannot be followed.
    if walker.memory.image().is_blob() {
        return;
    }
    walker.allocation(at, size, "LUO's root", owner);
    let mut reader = Reader::new(luo);
    walker.within("sessions", Some(sessions.get()), |walker| {
        let what = "the list of sessions";
        let before = walker.findings.total();
        let all =
            each_entry::<luo_session_ser>(walker, sessions, what, owner, |walker, at, entry| {
                let set = entry.file_set_ser;
                let (files, count) = (set.files, set.count);
                let name = entry.name;
                let entry = SessionEntry { name: name.as_bytes(), files: files.get(), count };
                reader.session(walker, at, &entry, |walker, reader, owner| {
                    read_files(walker, reader, files, owner)
                });
            });
        if !all {
            reader.luo.unread =
                Some(super::unread(walker, before, "the list was not read to its end"));
        }
    });
    if let Some(flbs) = flbs.non_null() {
        walker.within("FLBs", Some(flbs.get()), |walker| {
            luo.flbs = super::read_flbs::<Flbs>(walker, flbs.get(), owner);
        });
    }
}

fn read_files(
    walker: &mut Walker<'_>,
    reader: &mut Files<'_>,
    first: PhysAddr,
    owner: Owner,
) -> bool {
    each_entry::<luo_file_ser>(walker, first, "the list of files", owner, |walker, at, entry| {
        let (compatible, data, token) = (entry.compatible, entry.data, entry.token);
        let entry = FileEntry { compatible: compatible.as_bytes(), data, token };
        reader.file(walker, at, &entry);
    })
}

struct Flbs;

impl FlbTypes for Flbs {
    type Header = luo_flb_header_ser;
    type Entry = luo_flb_ser;

    fn counts(header: &luo_flb_header_ser) -> (u64, u64) {
        (header.pgcnt, header.count)
    }

    fn parts(entry: &luo_flb_ser) -> (Vec<u8>, u64, u64) {
        let name = entry.name;
        (name.as_bytes().to_vec(), entry.data, entry.count)
    }
}

/// Calls a function for each entry of a list of blocks, with its address. Returns whether the list
/// was read to its end; a finding says why not.
fn each_entry<T: WireType>(
    walker: &mut Walker<'_>,
    first: PhysAddr,
    what: &str,
    owner: Owner,
    mut each: impl FnMut(&mut Walker<'_>, u64, T),
) -> bool {
    // The iterator borrows the memory that it reads, and the walker is used meanwhile: so the
    // iterator gets a cache of its own.
    let image = walker.memory.image();
    let page_size = walker.memory.page_size_usize();
    let memory = Cached::new(image, page_size);
    let mut seen = HashSet::new();
    for block in Blocks::new(&memory, first, size_of::<T>()) {
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                walker.walk_error(what, &error);
                return false;
            }
        };
        // A cycle may yield a block twice before it is detected.
        if !seen.insert(block.at) {
            walker.walk_error(what, &WalkError::Cycle { at: block.at });
            return false;
        }
        walker.allocation(block.at.get(), page_size as u64, what, owner);
        for index in 0..block.count {
            match (block.entry_at(index), block.entry::<T, _>(&memory, index)) {
                (Some(at), Ok(Some(entry))) => each(walker, at.get(), entry),
                (_, Err(error)) => {
                    walker.walk_error(what, &error);
                    return false;
                }
                _ => return false,
            }
        }
    }
    true
}
