// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What every form of JSON says of KHO, LUO, a session and a file, apart from what is within them.

use crate::finding::{address, AddressText};
use crate::kho::Kho;
use crate::luo::{File, Luo, Phase, Session};
use crate::radix::Preserved;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(JsonSchema, Serialize)]
pub(super) struct KhoHead<'r> {
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    at: u64,
    size: u64,
    compatible: &'r str,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    map_pa: u64,
}

impl<'r> From<&'r Kho> for KhoHead<'r> {
    fn from(kho: &'r Kho) -> Self {
        let Kho { at, size, compatible, map_pa, .. } = kho;
        Self { at: *at, size: *size, compatible, map_pa: *map_pa }
    }
}

#[derive(JsonSchema, Serialize)]
pub(super) struct PreservedHead {
    pages: u64,
    nodes: u64,
    complete: bool,
}

impl From<&Preserved> for PreservedHead {
    fn from(preserved: &Preserved) -> Self {
        Self {
            pages: preserved.pages(),
            nodes: preserved.nodes(),
            complete: preserved.is_complete(),
        }
    }
}

#[derive(JsonSchema, Serialize)]
pub(super) struct LuoHead<'r> {
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    at: u64,
    compatible: &'r str,
    phase: Phase,
    liveupdate_num: Option<u64>,
    /// Why there may be more sessions than are listed; null if all were read.
    unread: Option<&'r str>,
}

impl<'r> From<&'r Luo> for LuoHead<'r> {
    fn from(luo: &'r Luo) -> Self {
        let Luo { at, compatible, phase, liveupdate_num, unread, .. } = luo;
        Self {
            at: *at,
            compatible,
            phase: *phase,
            liveupdate_num: *liveupdate_num,
            unread: unread.as_deref(),
        }
    }
}

#[derive(JsonSchema, Serialize)]
pub(super) struct SessionHead<'r> {
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    at: u64,
    name: &'r str,
    count: u64,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    files_pa: u64,
    /// Why there may be more files than are listed; null if all were read.
    unread: Option<&'r str>,
}

impl<'r> From<&'r Session> for SessionHead<'r> {
    fn from(session: &'r Session) -> Self {
        let Session { at, name, count, files_pa, unread, .. } = session;
        Self { at: *at, name, count: *count, files_pa: *files_pa, unread: unread.as_deref() }
    }
}

#[derive(JsonSchema, Serialize)]
pub(super) struct FileHead<'r> {
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    at: u64,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    token: u64,
    compatible: &'r str,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    data: u64,
}

impl<'r> From<&'r File> for FileHead<'r> {
    fn from(file: &'r File) -> Self {
        let File { at, token, compatible, data, .. } = file;
        Self { at: *at, token: *token, compatible, data: *data }
    }
}
