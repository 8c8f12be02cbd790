// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! CRIU's image files as memfds: a session is CRIU's if one of its memfds begins like such an
//! image.

use super::Content;
use crate::luo::Session;
use crate::walk::Walker;
use schemars::JsonSchema;
use serde::Serialize;

/// The magic numbers of images, and of those about CRIU itself; the kind follows.
const COMMON: [u32; 2] = [0x5456_4319, 0x5510_5940];
/// Kinds by number: those that every process has.
const KINDS: &[(u32, &str)] = &[
    (0x5831_3116, "inventory"),
    (0x5027_3030, "pstree"),
    (0x5505_3847, "core"),
    (0x5749_2820, "mm"),
    (0x5608_4025, "pagemap"),
    (0x5621_3732, "fdinfo"),
    (0x5630_3138, "files"),
    (0x5443_2030, "ids"),
    (0x5140_3912, "fs"),
    (0x5402_3547, "creds"),
    (0x5447_3203, "utsns"),
    (0x5593_3752, "netns"),
    (0x5556_3928, "mountpoints"),
    (0x5938_3330, "cgroup"),
    (0x5258_3605, "ghost-file"),
    (0x5146_5506, "tcp-stream"),
    (0x5645_3709, "pipes-data"),
    (0x5709_3306, "stats"),
];
/// The only image without a common magic number.
const INVENTORY: u32 = 0x5831_3116;

/// An image file.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Image {
    /// Its kind; null if its start does not show one, as in pages, or data of other programs.
    pub kind: Option<&'static str>,
    /// The number of its kind.
    pub magic: Option<u32>,
}

impl Image {
    pub(super) fn line(&self) -> String {
        match (self.kind, self.magic) {
            (Some(kind), _) => format!("CRIU image: {kind}"),
            (None, Some(magic)) => format!("CRIU image of kind {magic:#x}"),
            (None, None) => "in a CRIU session: pages, or another program's data".into(),
        }
    }
}

pub(super) fn read(walker: &mut Walker<'_>, session: &Session) -> Vec<(usize, Content)> {
    let images: Vec<(usize, Option<u32>)> = super::memfds(session)
        .map(|(number, memfd)| {
            let magic = super::head::<8>(walker, memfd).and_then(|head| {
                let word = |at: usize| head[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
                match word(0) {
                    INVENTORY => Some(INVENTORY),
                    first if COMMON.contains(&first) => Some(word(4)),
                    _ => None,
                }
            });
            (number, magic)
        })
        .collect();
    if images.iter().all(|(_, magic)| magic.is_none()) {
        return Vec::new();
    }
    let content = |magic: Option<u32>| {
        let kind = KINDS.iter().find(|(number, _)| Some(*number) == magic).map(|(_, kind)| *kind);
        Content::Criu(Image { kind, magic })
    };
    images.into_iter().map(|(number, magic)| (number, content(magic))).collect()
}
