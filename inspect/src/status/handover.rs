// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Device trees and entries, as debugfs shows them.

use super::tree::Tree;
use super::NotRead;
use crate::fdt::{Event, Fdt};
use crate::finding::{address_or_none, AddressText};
use crate::text::readable;
use kho_abi::wire::layout::WireType as _;
use kho_abi::wire::versions::kexec_metadata_v1::{
    kho_kexec_metadata, KHO_KEXEC_METADATA_VERSION, KHO_METADATA_NODE_NAME,
};
use kho_abi::wire::versions::kho_v4 as kho;
use kho_abi::wire::versions::luo_v5::{luo_ser, LUO_ABI_COMPATIBLE, LUO_KHO_ENTRY_NAME};
use schemars::JsonSchema;
use serde::Serialize;
use std::io;

/// An entry: the state that a subsystem hands over.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its size in bytes; `None` if it could not be read.
    pub size: Option<u64>,
}

/// Metadata of a kernel for the next one.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Metadata {
    /// Its release.
    pub release: String,
    /// The number of kexecs since the machine was started, including the next one.
    pub kexec_count: u32,
}

/// A state that was handed over.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct Handover {
    /// The version of KHO's device tree.
    pub compatible: Option<String>,
    /// Entries that the device tree names.
    pub named: Vec<String>,
    /// Entries that debugfs shows; `None` if it could not be read.
    pub entries: Option<Vec<Entry>>,
    /// The kernel before this one.
    pub metadata: Option<Metadata>,
    /// The number of the live update, from the log: LUO frees its own state early.
    pub liveupdate_number: Option<u64>,
    /// What is wrong with it.
    #[serde(skip)]
    pub(super) wrong: Vec<String>,
    /// What is of a version that is not decoded.
    #[serde(skip)]
    pub(super) unknown: Vec<String>,
}

/// The state that is being prepared for the next kernel.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct Prepared {
    /// Entries that debugfs shows.
    pub entries: Vec<Entry>,
    /// Metadata of this kernel.
    pub metadata: Option<Metadata>,
    /// The version of LUO's state.
    pub luo_compatible: Option<String>,
    /// The number that the next live update will have.
    pub liveupdate_number: Option<u64>,
    /// The address of the sessions; 0 until LUO writes them, during the reboot.
    #[serde(serialize_with = "address_or_none")]
    #[schemars(with = "Option<AddressText>")]
    pub sessions_pa: Option<u64>,
    /// What is wrong with it.
    #[serde(skip)]
    pub(super) wrong: Vec<String>,
    /// What is of a version that is not decoded.
    #[serde(skip)]
    pub(super) unknown: Vec<String>,
}

/// What cannot be read becomes part of the answer.
pub(super) fn unless<T>(
    result: io::Result<T>,
    path: &str,
    not_read: &mut Vec<NotRead>,
) -> Option<T> {
    result
        .map_err(|error| {
            not_read.push(NotRead { path: format!("/{path}"), why: error.to_string() });
        })
        .ok()
}

/// An entry and its content, if it could be read.
type Read = (String, Option<Vec<u8>>);

fn entries(tree: &Tree, path: &str, not_read: &mut Vec<NotRead>) -> Option<Vec<Read>> {
    let path = format!("{path}/sub_fdts");
    let names = unless(tree.list(&path), &path, not_read)?;
    let read = |name: String| {
        let path = format!("{path}/{name}");
        let bytes = unless(tree.read(&path), &path, not_read);
        (name, bytes)
    };
    Some(names.into_iter().map(read).collect())
}

fn summary(entries: &[Read]) -> Vec<Entry> {
    let entry = |(name, bytes): &Read| Entry {
        name: readable(name.as_bytes()),
        size: bytes.as_ref().map(|bytes| bytes.len() as u64),
    };
    entries.iter().map(entry).collect()
}

fn blob<'e>(entries: &'e [Read], wanted: &str) -> Option<&'e [u8]> {
    entries.iter().find(|(name, _)| name == wanted)?.1.as_deref()
}

fn metadata(
    entries: &[Read],
    wrong: &mut Vec<String>,
    unknown: &mut Vec<String>,
) -> Option<Metadata> {
    let bytes = blob(entries, KHO_METADATA_NODE_NAME)?;
    let size = size_of::<kho_kexec_metadata>();
    let Some(bytes) = bytes.get(..size) else {
        let len = bytes.len();
        wrong.push(format!("{KHO_METADATA_NODE_NAME} has {len} bytes, expected {size}"));
        return None;
    };
    let ser = kho_kexec_metadata::read(bytes).ok()?;
    let (version, kexec_count) = (ser.version, ser.kexec_count);
    if version != KHO_KEXEC_METADATA_VERSION {
        unknown.push(format!(
            "{KHO_METADATA_NODE_NAME} has unknown version {version} (known: {KHO_KEXEC_METADATA_VERSION})"
        ));
        return None;
    }
    match ser.previous_release() {
        Ok(release) => Some(Metadata { release: readable(release.as_bytes()), kexec_count }),
        Err(error) => {
            wrong.push(format!("{KHO_METADATA_NODE_NAME}: the release: {error}"));
            None
        }
    }
}

/// The content of `kho/in`.
pub(super) fn incoming(tree: &Tree, path: &str, not_read: &mut Vec<NotRead>) -> Handover {
    let mut handover = Handover::default();
    let file = format!("{path}/fdt");
    if let Some(bytes) = unless(tree.read(&file), &file, not_read) {
        match Fdt::new(&bytes) {
            Ok(fdt) => names(&fdt, &mut handover),
            Err(error) => handover.wrong.push(format!("/{file}: {error}")),
        }
    }
    let Some(entries) = entries(tree, path, not_read) else { return handover };
    // The kernel leaves out an entry if its node is broken.
    for name in &handover.named {
        if !entries.iter().any(|(shown, _)| readable(shown.as_bytes()) == *name) {
            handover.wrong.push(format!(
                "the kernel did not take over the entry \"{name}\" of the device tree that was \
                 handed over"
            ));
        }
    }
    handover.metadata = metadata(&entries, &mut handover.wrong, &mut handover.unknown);
    handover.entries = Some(summary(&entries));
    handover
}

fn names(fdt: &Fdt<'_>, handover: &mut Handover) {
    for event in fdt.events() {
        match event {
            Ok(Event::Begin { name, depth: 1 }) => handover.named.push(readable(name)),
            Ok(_) => {}
            Err(error) => {
                handover.wrong.push(format!("KHO's device tree: {error}"));
                break;
            }
        }
    }
    handover.compatible = fdt.root_property("compatible").map(readable);
    if fdt.root_property(kho::KHO_FDT_MEMORY_MAP_PROP_NAME).is_none() {
        handover.wrong.push("KHO's device tree has no map of preserved memory".into());
    }
}

/// The content of `kho/out`. `out/fdt` is not read: its length is that of the tree before anything
/// was added.
pub(super) fn prepared(tree: &Tree, path: &str, not_read: &mut Vec<NotRead>) -> Option<Prepared> {
    let entries = entries(tree, path, not_read)?;
    let mut prepared = Prepared { entries: summary(&entries), ..Prepared::default() };
    prepared.metadata = metadata(&entries, &mut prepared.wrong, &mut prepared.unknown);
    if let Some(bytes) = blob(&entries, LUO_KHO_ENTRY_NAME) {
        luo(bytes, &mut prepared);
    }
    Some(prepared)
}

fn luo(bytes: &[u8], prepared: &mut Prepared) {
    let compatible = readable(&bytes[..bytes.len().min(8)]);
    prepared.luo_compatible = Some(compatible.clone());
    let known = bytes.get(..size_of::<luo_ser>()).and_then(|bytes| luo_ser::read(bytes).ok());
    // Another version may have another layout.
    let known = known.filter(|ser| ser.compatible().is_ok_and(|found| found == LUO_ABI_COMPATIBLE));
    match known {
        Some(ser) => {
            prepared.liveupdate_number = Some(ser.liveupdate_num);
            prepared.sessions_pa = Some({ ser.sessions_pa }.get());
        }
        None => prepared.unknown.push(format!(
            "LUO's state is \"{compatible}\", {} bytes, but only {LUO_ABI_COMPATIBLE} can be \
             decoded",
            bytes.len()
        )),
    }
}
