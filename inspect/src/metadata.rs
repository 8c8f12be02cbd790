// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a kernel reports about itself to the next one.

use crate::finding::{address, AddressText};
use crate::image::cache::Cached;
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::versions::kexec_metadata_v1::{kho_kexec_metadata, KHO_KEXEC_METADATA_VERSION};
use schemars::JsonSchema;
use serde::Serialize;
use zerocopy::IntoBytes;

/// Metadata of a kernel about itself.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Metadata {
    /// Where it is.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// The kernel's release.
    pub previous_release: String,
    /// Number of kexecs since the machine was started.
    pub kexec_count: u32,
}

/// Number of kexecs, if the version of the struct is known.
pub(crate) fn count(memory: &Cached<'_>, at: u64, size: u64) -> Option<u32> {
    let ser: kho_kexec_metadata = memory.value(at).ok()?;
    let known =
        size >= size_of::<kho_kexec_metadata>() as u64 && ser.version == KHO_KEXEC_METADATA_VERSION;
    known.then_some(ser.kexec_count)
}

/// Whether an entry has this state, whatever its name is: its size, its version, and a release.
pub(crate) fn is_here(memory: &Cached<'_>, at: u64, size: u64) -> bool {
    let ser: Option<kho_kexec_metadata> = memory.value(at).ok();
    size == size_of::<kho_kexec_metadata>() as u64
        && ser.is_some_and(|ser| {
            let release = ser.previous_release;
            let release = release.as_bytes();
            ser.version == KHO_KEXEC_METADATA_VERSION
                && release.first().is_some_and(u8::is_ascii_digit)
                && release.contains(&b'.')
        })
}

pub(crate) fn read(walker: &mut Walker<'_>, at: u64, size: u64) -> Option<Metadata> {
    let owner = walker.claims.owner("kexec metadata".into());
    let needed = size_of::<kho_kexec_metadata>() as u64;
    walker.allocation(at, needed, "kexec metadata", owner);
    if size < needed {
        walker.find(&rules::KEXEC_METADATA_INVALID, at, || {
            format!("the entry has {size} bytes, but the struct needs {needed}")
        });
        return None;
    }
    if size > needed {
        walker.find(&rules::KHO_SUBTREE_SIZE_WRONG, at, || {
            format!("the entry has {size} bytes, but kexec metadata has {needed}")
        });
    }
    let ser = walker.value::<kho_kexec_metadata>(at, "kexec metadata")?;
    let (version, kexec_count) = (ser.version, ser.kexec_count);
    if version != KHO_KEXEC_METADATA_VERSION {
        walker.find(&rules::KEXEC_METADATA_INVALID, at, || {
            format!("unknown version: {version} (known: {KHO_KEXEC_METADATA_VERSION})")
        });
        return None;
    }
    if kexec_count == 0 {
        walker.find(&rules::KEXEC_METADATA_INVALID, at, || {
            "the number of kexecs is 0, but the first has number 1".into()
        });
    }
    let previous_release = walker.named(ser.previous_release.as_bytes(), at, "the release");
    Some(Metadata { at, previous_release, kexec_count })
}
