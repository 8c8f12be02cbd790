// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The version of Linux 6.19 to 7.1: a device tree that leads to arrays.

use super::{Decoder, FileEntry, Files, FlbTypes, Luo, Phase, Reader, SessionEntry};
use crate::claims::Owner;
use crate::fdt::{number, string, Event, Fdt};
use crate::rules;
use crate::text;
use crate::walk::Walker;
use kho_abi::wire::layout::WireType;
use kho_abi::wire::versions::luo_v1::{
    luo_file_ser, luo_flb_header_ser, luo_flb_ser, luo_session_header_ser, luo_session_ser,
    LUO_FDT_COMPATIBLE, LUO_FDT_FLB_COMPATIBLE, LUO_FDT_FLB_HEADER, LUO_FDT_FLB_NODE_NAME,
    LUO_FDT_LIVEUPDATE_NUM, LUO_FDT_SESSION_COMPATIBLE, LUO_FDT_SESSION_HEADER,
    LUO_FDT_SESSION_NODE_NAME,
};
use zerocopy::IntoBytes as _;

pub(super) const DECODER: Decoder = Decoder { compatible: LUO_FDT_COMPATIBLE, is_tree: true, read };

/// Number of live updates.
pub(super) fn update_number(tree: &[u8]) -> Option<u64> {
    let fdt = Fdt::new(tree).ok()?;
    let is_this = string(fdt.root_property("compatible")?) == LUO_FDT_COMPATIBLE.as_bytes();
    number(fdt.root_property(LUO_FDT_LIVEUPDATE_NUM)?).filter(|_| is_this)
}

/// The properties of a node.
#[derive(Default)]
struct Node<'t> {
    compatible: Option<&'t [u8]>,
    header: Option<u64>,
}

fn read(walker: &mut Walker<'_>, luo: &mut Luo, at: u64, blob: u64) {
    let Some(bytes) = walker.bytes(at, blob, "LUO's device tree") else { return };
    let Ok(fdt) = Fdt::new(&bytes) else { return };
    let owner = walker.claims.owner("LUO's own state".into());
    walker.allocation(at, bytes.len() as u64, "LUO's device tree", owner);
    let at_first = walker.findings.total();
    luo.phase = Phase::Serialised;
    let (mut sessions, mut flbs) = (None, None);
    let mut depth = 0_u32;
    // The node that contains the current events.
    let mut node: Option<&mut Option<Node<'_>>> = None;
    for event in fdt.events() {
        match event {
            Ok(Event::Begin { name, .. }) => {
                depth += 1;
                let place = if name == LUO_FDT_SESSION_NODE_NAME.as_bytes() {
                    Some(&mut sessions)
                } else if name == LUO_FDT_FLB_NODE_NAME.as_bytes() {
                    Some(&mut flbs)
                } else {
                    None
                };
                node = place.filter(|_| depth == 2);
                if let Some(node) = node.as_deref_mut() {
                    *node = Some(Node::default());
                }
            }
            Ok(Event::End) => {
                depth = depth.saturating_sub(1);
                node = None;
            }
            Ok(Event::Property { name, value }) => {
                if depth == 1 && name == LUO_FDT_LIVEUPDATE_NUM.as_bytes() {
                    luo.liveupdate_num = number(value);
                }
                let Some(Some(node)) = node.as_deref_mut() else { continue };
                let header = [LUO_FDT_SESSION_HEADER, LUO_FDT_FLB_HEADER];
                if name == b"compatible" {
                    node.compatible = Some(string(value));
                } else if header.iter().any(|header| name == header.as_bytes()) {
                    node.header = number(value);
                }
            }
            Err(error) => walker.find(&rules::FDT_MALFORMED, at, || error.to_string()),
        }
    }
    let found = header(walker, at, sessions, LUO_FDT_SESSION_COMPATIBLE);
    if walker.findings.total() > at_first {
        luo.unread = Some(super::unread(walker, at_first, "LUO's device tree is damaged"));
    }
    if let Some(header) = found {
        walker.within("sessions", Some(header), |walker| read_sessions(walker, luo, header, owner));
    }
    if let Some(header) = header(walker, at, flbs, LUO_FDT_FLB_COMPATIBLE) {
        walker.within("FLBs", Some(header), |walker| {
            luo.flbs = super::read_flbs::<Flbs>(walker, header, owner);
        });
    }
}

/// The address that a node leads to, if its version is known.
fn header(walker: &mut Walker<'_>, at: u64, node: Option<Node<'_>>, known: &str) -> Option<u64> {
    let node = node?;
    let compatible = node.compatible.unwrap_or_default();
    if compatible != known.as_bytes() {
        walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
            format!(
                "unknown version of a node of LUO's tree: \"{}\" (known: {known})",
                text::readable(compatible)
            )
        });
        return None;
    }
    if node.header.is_none() {
        walker.find(&rules::FDT_MALFORMED, at, || {
            format!("the node \"{known}\" has no address of 8 bytes")
        });
    }
    node.header.filter(|header| *header != 0)
}

fn read_sessions(walker: &mut Walker<'_>, luo: &mut Luo, at: u64, owner: Owner) {
    let what = "the array of sessions";
    let before = walker.findings.total();
    let Some(header) = walker.value::<luo_session_header_ser>(at, what) else {
        luo.unread = Some(super::unread(walker, before, what));
        return;
    };
    let mut reader = Reader::new(luo);
    let head = size_of::<luo_session_header_ser>() as u64;
    let count = header.count;
    let Some(first) = at.checked_add(head) else { return };
    let read = each_entry::<luo_session_ser>(walker, first, count, what, |walker, at, entry| {
        let set = entry.file_set_ser;
        let (files, count) = (set.files, set.count);
        let name = entry.name;
        let entry = SessionEntry { name: name.as_bytes(), files: files.get(), count };
        reader.session(walker, at, &entry, |walker, reader, owner| {
            read_files(walker, reader, files.get(), count, owner)
        });
    });
    let size = size_of::<luo_session_ser>() as u64;
    walker.allocation(at, head.saturating_add(read.saturating_mul(size)), what, owner);
    if read != count {
        walker.find(&rules::COUNT_MISMATCH, at, || {
            format!("the header claims {count} sessions, but the array has {read}")
        });
        let why = format!("the header claims {count} sessions, but the array has {read}");
        luo.unread = Some(why);
    }
}

fn read_files(
    walker: &mut Walker<'_>,
    reader: &mut Files<'_>,
    first: u64,
    count: u64,
    owner: Owner,
) -> bool {
    if first == 0 {
        return count == 0;
    }
    let what = "the array of files";
    let read = each_entry::<luo_file_ser>(walker, first, count, what, |walker, at, entry| {
        let (compatible, data, token) = (entry.compatible, entry.data, entry.token);
        let entry = FileEntry { compatible: compatible.as_bytes(), data, token };
        reader.file(walker, at, &entry);
    });
    let size = size_of::<luo_file_ser>() as u64;
    walker.allocation(first, read.saturating_mul(size), what, owner);
    read == count
}

/// Calls a function for each entry of an array, and returns how many there are.
///
/// The array does not have a size of its own: it ends early with an all-zero entry.
fn each_entry<T: WireType>(
    walker: &mut Walker<'_>,
    first: u64,
    count: u64,
    what: &str,
    mut each: impl FnMut(&mut Walker<'_>, u64, T),
) -> u64 {
    for index in 0..count {
        let at = index.checked_mul(size_of::<T>() as u64).and_then(|skip| first.checked_add(skip));
        let Some(at) = at else { return index };
        let Some(entry) = walker.value::<T>(at, what) else { return index };
        if entry.as_bytes().iter().all(|byte| *byte == 0) {
            return index;
        }
        each(walker, at, entry);
    }
    count
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
