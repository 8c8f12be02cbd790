// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! LUO's state: the update's number, sessions, their files, and FLBs. One file per version.

pub mod payloads;
mod v1;
mod v5;

use crate::claims::Owner;
use crate::finding::{address, address_or_none, AddressText};
use crate::flbs;
use crate::handlers::{self, Payload};
use crate::image::cache::Cached;
use crate::raw::Raw;
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::layout::WireType;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Memory as _;
use payloads::Content;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use zerocopy::IntoBytes as _;

/// How much of LUO's state the image shows, which depends on when the image was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The state is complete: the image was taken between the two kernels.
    Serialised,
    /// Sessions are not written yet, or there are none: memory does not say which.
    NotSerialised,
    /// The root is gone: the next kernel has read it, and reused its page.
    Consumed,
    /// The version is unknown.
    UnknownVersion,
    /// The lists have the layout of an unknown version of KHO.
    NotFollowed,
    /// Cannot be read.
    Unreadable,
}

impl Phase {
    /// What that says of sessions.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Serialised => "sessions are written",
            Self::NotSerialised => {
                "LUO has not written sessions: none exist, or the reboot has not begun"
            }
            Self::Consumed => "LUO's root is gone",
            Self::UnknownVersion => "LUO's state has an unknown version",
            Self::NotFollowed => {
                "LUO's sessions were not followed: their lists are blocks of an unknown version of \
                 KHO"
            }
            Self::Unreadable => "LUO's root cannot be read",
        }
    }
}

/// LUO's state.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Luo {
    /// Address of its root.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// Its compatible string.
    pub compatible: String,
    /// When in an update the image was taken.
    pub phase: Phase,
    /// Number of live updates since the machine was started.
    pub liveupdate_num: Option<u64>,
    /// The sessions, in the order of their list.
    pub sessions: Vec<Session>,
    /// Why there may be more sessions than were read; none where all of them were.
    pub unread: Option<String>,
    /// The FLBs, in the order of their array.
    pub flbs: Vec<Flb>,
    /// The root as it is, where its version is not known.
    pub raw: Option<Raw>,
}

/// A session.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Session {
    /// Address of its entry.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// Its name.
    pub name: String,
    /// Number of files that it tells.
    pub count: u64,
    /// Address of the first block of files.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub files_pa: u64,
    /// Its files, in the order of their list.
    pub files: Vec<File>,
    /// Why there may be more files than were read; none where all of them were.
    pub unread: Option<String>,
}

/// A file.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct File {
    /// Address of its entry.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// What user space knows it by: any number, and so text in JSON as addresses are.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub token: u64,
    /// Compatible string of its handler.
    pub compatible: String,
    /// What the handler left.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub data: u64,
    /// What that leads to.
    pub payload: Payload,
    /// What user space keeps in it, where a decoder knows.
    pub content: Option<Content>,
}

/// State that files share.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Flb {
    /// Address of its entry.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// Its compatible string.
    pub compatible: String,
    /// The state that its owner preserved.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub data: u64,
    /// Number of files that need it.
    pub count: u64,
    /// The bytes that the data leads to, if it looks like an address.
    #[serde(serialize_with = "address_or_none")]
    #[schemars(with = "Option<AddressText>")]
    pub leads_to: Option<u64>,
    /// The state, if its types are known.
    pub state: Option<flbs::State>,
    /// The bytes, if their types are unknown.
    pub raw: Option<Raw>,
}

/// The decoder for one version of the state.
struct Decoder {
    compatible: &'static str,
    /// Whether the state is a device tree, and not a struct.
    is_tree: bool,
    /// Reads from an address on; the entry has that many bytes.
    read: fn(&mut Walker<'_>, &mut Luo, u64, u64),
}

/// Every version that has a decoder. To add a version, add a line here.
const DECODERS: &[Decoder] = &[v1::DECODER, v5::DECODER];

/// The versions that have a decoder.
pub fn known() -> impl Iterator<Item = &'static str> {
    DECODERS.iter().map(|decoder| decoder.compatible)
}

/// Length of a compatible string here, with its NUL: the kernel compares no more.
const COMPATIBLE: u64 = 8;

/// The compatible string at the beginning of the state: in a struct, or in the root of a device
/// tree.
fn string<'b>(field: &'b [u8], tree: Option<&'b [u8]>) -> &'b [u8] {
    let root = tree.and_then(|tree| crate::fdt::Fdt::new(tree).ok()?.root_property("compatible"));
    root.map_or_else(
        || field.split(|byte| *byte == 0).next().unwrap_or_default(),
        crate::fdt::string,
    )
}

/// Reads LUO's state from an entry of KHO.
pub(crate) fn read(walker: &mut Walker<'_>, at: u64, blob: u64) -> Luo {
    let before = walker.findings.total();
    let mut luo = read_state(walker, at, blob);
    if luo.unread.is_none() && luo.phase != Phase::Serialised {
        luo.unread = Some(unread(walker, before, luo.phase.words()));
    }
    luo
}

/// Why something was not read to its end: the last finding since then, or else other words.
fn unread(walker: &Walker<'_>, before: u64, otherwise: &str) -> String {
    let last = walker.findings.list().last().filter(|_| walker.findings.total() > before);
    last.map_or_else(|| otherwise.to_owned(), |finding| finding.what.clone())
}

fn read_state(walker: &mut Walker<'_>, at: u64, blob: u64) -> Luo {
    let mut luo = Luo {
        at,
        compatible: String::new(),
        phase: Phase::Unreadable,
        liveupdate_num: None,
        sessions: Vec::new(),
        unread: None,
        flbs: Vec::new(),
        raw: None,
    };
    let Some(field) = walker.bytes(at, COMPATIBLE, "LUO's root") else { return luo };
    let is_tree = field.starts_with(&crate::fdt::MAGIC.to_be_bytes());
    let tree = is_tree.then(|| walker.bytes(at, blob, "LUO's device tree")).flatten();
    let name = string(&field, tree.as_deref());
    luo.compatible = crate::text::readable(name);
    let decoder = DECODERS.iter().find(|decoder| decoder.compatible.as_bytes() == name);
    let Some(decoder) = decoder else {
        if name.starts_with(b"luo-v") && name[5..].iter().all(u8::is_ascii_digit) {
            luo.phase = Phase::UnknownVersion;
            let bytes = tree.unwrap_or_else(|| shown(walker, at, blob));
            luo.raw = Some(Raw::of(walker, at, bytes));
            walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
                let known = known().collect::<Vec<_>>().join(", ");
                format!("unknown version of LUO's state: \"{}\" (known: {known})", luo.compatible)
            });
        } else {
            luo.phase = Phase::Consumed;
            walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
                format!(
                    "LUO's root begins with \"{}\", as in no known version: the kernel has read the \
                     root and reused its page, or the root is damaged",
                    luo.compatible
                )
            });
        }
        return luo;
    };
    if decoder.is_tree != is_tree {
        walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
            let form = |is_tree: bool| if is_tree { "a device tree" } else { "a struct" };
            format!(
                "LUO's root is {} with the string \"{}\", which is that of {}",
                form(is_tree),
                luo.compatible,
                form(decoder.is_tree)
            )
        });
        return luo;
    }
    (decoder.read)(walker, &mut luo, at, blob);
    if !is_tree {
        walker.name(&field, at, "LUO's compatible string");
    }
    if luo.liveupdate_num == Some(0) {
        walker.find(&rules::LUO_NUMBER_INVALID, at, || {
            "the number of live updates is 0, but the first has number 1".into()
        });
    }
    luo
}

/// The first bytes of the state, as many as the entry has.
fn shown(walker: &Walker<'_>, at: u64, blob: u64) -> Vec<u8> {
    Raw::read(walker, at, blob).bytes
}

/// Reads only LUO's own root: in an unknown version of KHO, its lists are not followed.
pub(crate) fn read_root(walker: &mut Walker<'_>, at: u64, blob: u64) -> Luo {
    let before = walker.findings.total();
    let mut luo = Luo {
        at,
        compatible: String::new(),
        phase: Phase::NotFollowed,
        liveupdate_num: None,
        sessions: Vec::new(),
        unread: None,
        flbs: Vec::new(),
        raw: None,
    };
    let Some(field) = walker.bytes(at, COMPATIBLE, "LUO's root") else {
        luo.phase = Phase::Unreadable;
        luo.unread = Some(unread(walker, before, luo.phase.words()));
        return luo;
    };
    luo.unread = Some(luo.phase.words().into());
    let is_tree = field.starts_with(&crate::fdt::MAGIC.to_be_bytes());
    let tree = is_tree.then(|| walker.bytes(at, blob, "LUO's device tree")).flatten();
    luo.compatible = crate::text::readable(string(&field, tree.as_deref()));
    luo.liveupdate_num = update_number(&walker.memory, at, blob);
    let bytes = tree.unwrap_or_else(|| shown(walker, at, blob));
    luo.raw = Some(Raw::of(walker, at, bytes));
    luo
}

/// Number of live updates, if the version of the root is known.
pub(crate) fn update_number(memory: &Cached<'_>, at: u64, blob: u64) -> Option<u64> {
    let mut field = [0; 8];
    memory.read(PhysAddr::new(at), &mut field).ok()?;
    if field.starts_with(&crate::fdt::MAGIC.to_be_bytes()) {
        let len = usize::try_from(blob).unwrap_or(usize::MAX).min(memory.page_size());
        let mut tree = vec![0; len];
        memory.read(PhysAddr::new(at), &mut tree).ok()?;
        return v1::update_number(&tree);
    }
    v5::update_number(memory, at, &field)
}

/// Sessions, while they are read one after the other.
struct Reader<'l> {
    luo: &'l mut Luo,
    names: HashSet<Vec<u8>>,
    seen: handlers::Seen,
}

/// Files of a session, while they are read one after the other.
struct Files<'l> {
    session: Session,
    tokens: HashMap<u64, u64>,
    seen: &'l mut handlers::Seen,
}

/// A session's entry, in any version.
struct SessionEntry<'e> {
    name: &'e [u8],
    files: u64,
    count: u64,
}

/// A file's entry, in any version.
struct FileEntry<'e> {
    compatible: &'e [u8],
    data: u64,
    token: u64,
}

impl<'l> Reader<'l> {
    fn new(luo: &'l mut Luo) -> Self {
        Self { luo, names: HashSet::new(), seen: handlers::Seen::default() }
    }

    /// Takes a session, whose files the function reads; the owner is that of their list.
    fn session(
        &mut self,
        walker: &mut Walker<'_>,
        at: u64,
        entry: &SessionEntry<'_>,
        files: impl FnOnce(&mut Walker<'_>, &mut Files<'_>, Owner) -> bool,
    ) {
        let name = walker.named(entry.name, at, "a session's name");
        if !self.names.insert(entry.name.to_vec()) {
            walker.find(&rules::NAME_TWICE, at, || {
                format!("an earlier session is also named \"{name}\"")
            });
        }
        let link = format!("session \"{name}\"");
        let SessionEntry { files: files_pa, count, .. } = *entry;
        let session = Session { at, name, count, files_pa, files: Vec::new(), unread: None };
        let mut reader = Files { session, tokens: HashMap::new(), seen: &mut self.seen };
        walker.within(link.clone(), Some(at), |walker| {
            let owner = walker.claims.owner(format!("the files of {link}"));
            let before = walker.findings.total();
            if !files(walker, &mut reader, owner) {
                let why = unread(walker, before, "the list of files was not read to its end");
                reader.session.unread = Some(why);
            }
            payloads::read(walker, &mut reader.session);
            let (found, told) = (reader.session.files.len() as u64, count);
            if found != told {
                let why = || format!("the session claims {told} files, but its list has {found}");
                reader.session.unread.get_or_insert_with(why);
                walker.find(&rules::COUNT_MISMATCH, at, || {
                    format!("the session claims {told} files, but its list has {found}")
                });
            }
        });
        self.luo.sessions.push(reader.session);
    }
}

impl Files<'_> {
    /// Takes a file.
    fn file(&mut self, walker: &mut Walker<'_>, at: u64, entry: &FileEntry<'_>) {
        let FileEntry { compatible: field, data, token } = *entry;
        let compatible = walker.name(field, at, "a file's compatible string");
        if let Some(other) = self.tokens.insert(token, at) {
            walker.find(&rules::TOKEN_TWICE, at, || {
                format!("token {token:#x} also belongs to the file at {other:#x}")
            });
        }
        let owner = format!("session \"{}\", token {token:#x}", self.session.name);
        let payload = walker.within(format!("file with token {token:#x}"), Some(at), |walker| {
            let owner = walker.claims.owner(owner);
            handlers::read(walker, field, &compatible, data, at, owner, self.seen)
        });
        self.session.files.push(File { at, token, compatible, data, payload, content: None });
    }
}

/// The types of an array of FLBs, in one version.
trait FlbTypes {
    type Header: WireType;
    type Entry: WireType;

    /// Number of pages and of entries.
    fn counts(header: &Self::Header) -> (u64, u64);

    /// Compatible string, data and count.
    fn parts(entry: &Self::Entry) -> (Vec<u8>, u64, u64);
}

fn read_flbs<T: FlbTypes>(walker: &mut Walker<'_>, at: u64, owner: Owner) -> Vec<Flb> {
    let mut flbs = Vec::new();
    let Some(header) = walker.value::<T::Header>(at, "the header of FLBs") else {
        return flbs;
    };
    let (pages, count) = T::counts(&header);
    let page_size = walker.page_size();
    let (head, size) = (size_of::<T::Header>() as u64, size_of::<T::Entry>() as u64);
    let mut room = pages.saturating_mul(page_size).saturating_sub(head) / size;
    // Nothing past the image's end is in a page, whatever the header says.
    if pages == 0 || !walker.memory.image().has(at, pages.saturating_mul(page_size)) {
        walker.find(&rules::FLB_HEADER_INVALID, at, || {
            format!("the header claims {pages} pages, but the image does not have them")
        });
        room = room.min((page_size - head) / size);
        walker.allocation(at, 1, "the array of FLBs", owner);
    } else {
        walker.allocation(at, pages * page_size, "the array of FLBs", owner);
    }
    if count > room {
        walker.find(&rules::FLB_HEADER_INVALID, at, || {
            format!("the header claims {count} entries, but {pages} pages hold at most {room}")
        });
    }
    let mut names = HashSet::new();
    for index in 0..count.min(room) {
        let at = at + head + index * size;
        let Some(flb) = walker.value::<T::Entry>(at, "an FLB") else { break };
        // An all-zero entry ends the list.
        if flb.as_bytes().iter().all(|byte| *byte == 0) {
            if count <= room {
                walker.find(&rules::FLB_HEADER_INVALID, at, || {
                    format!("the header claims {count} entries, but number {index} is empty")
                });
            }
            break;
        }
        let (name, data, count) = T::parts(&flb);
        let compatible = walker.named(&name, at, "an FLB's compatible string");
        if !names.insert(name) {
            walker.find(&rules::FLB_TWICE, at, || {
                format!("an earlier FLB is also named \"{compatible}\"")
            });
        }
        let looks_like_address = data % 8 == 0 && walker.memory.image().has(data, 8);
        let leads_to = Some(data).filter(|data| *data != 0 && looks_like_address);
        let state = walker.within(format!("FLB \"{compatible}\""), Some(at), |walker| {
            let owner = walker.claims.owner(format!("FLB \"{compatible}\""));
            flbs::read(walker, &compatible, data, owner)
        });
        let raw = leads_to.filter(|_| state.is_none()).map(|at| Raw::read(walker, at, u64::MAX));
        flbs.push(Flb { at, compatible, data, count, leads_to, state, raw });
    }
    flbs
}
