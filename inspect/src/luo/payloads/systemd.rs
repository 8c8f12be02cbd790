// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! systemd's store of file descriptors: the session "systemd", whose token 0 is a JSON document
//! that lists the owner of each descriptor.

use super::Content;
use crate::finding::{address_or_none, AddressText};
use crate::handlers::Payload;
use crate::luo::Session;
use crate::text::readable;
use crate::walk::Walker;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

const SESSION: &str = "systemd";
const TOKEN: u64 = 0;
/// The known version of the document. systemd refuses later ones.
const VERSION: u64 = 1;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Fdstore {
    /// Its version.
    pub version: u64,
    /// Number of kexecs that systemd has seen.
    pub kexecs_count: Option<u64>,
    /// Descriptors, in the order of their units.
    pub descriptors: Vec<Descriptor>,
}

/// A file descriptor that a unit stored in systemd.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Descriptor {
    /// The unit.
    pub unit: String,
    /// The descriptor's name.
    pub name: String,
    /// The type in the document: `fd` or `luo_session`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The token of its file in this session.
    #[serde(serialize_with = "address_or_none")]
    #[schemars(with = "Option<AddressText>")]
    pub token: Option<u64>,
    /// The session that the descriptor refers to.
    pub session: Option<String>,
    /// Compatible string of the file with that token; null if the session has no such file.
    pub file: Option<String>,
}

impl Fdstore {
    pub(super) fn lines(&self) -> Vec<String> {
        let count = self.kexecs_count.map_or(String::new(), |count| format!(", kexec {count}"));
        let mut lines =
            vec![format!("systemd's file descriptors, version {}{count}", self.version)];
        lines.extend(self.descriptors.iter().map(|descriptor| {
            let Descriptor { unit, name, kind, token, session, file } = descriptor;
            let what = match (token, session) {
                (_, Some(session)) => format!("session \"{session}\""),
                (Some(token), None) => match file {
                    Some(file) => format!("token {token:#x}, {file}"),
                    None => format!("token {token:#x}, not in the session"),
                },
                (None, None) => format!("of type \"{kind}\""),
            };
            format!("{unit}: \"{name}\" is {what}")
        }));
        lines
    }
}

pub(super) fn read(walker: &mut Walker<'_>, session: &Session) -> Vec<(usize, Content)> {
    if session.name != SESSION {
        return Vec::new();
    }
    let Some((number, file)) =
        session.files.iter().enumerate().find(|(_, file)| file.token == TOKEN)
    else {
        return Vec::new();
    };
    let Payload::Memfd(memfd) = &file.payload else { return Vec::new() };
    let document = super::whole(walker, memfd).and_then(|bytes| parse(&bytes, session));
    match document {
        Ok(document) => vec![(number, Content::SystemdFdstore(document))],
        Err(why) => {
            walker.notes.push(format!("not decoded: systemd's file descriptor store: {why}"));
            Vec::new()
        }
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(|text| readable(text.as_bytes()))
}

fn parse(bytes: &[u8], session: &Session) -> Result<Fdstore, String> {
    // A memfd may be longer than its document: only zeroes and white space may follow.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let document: Value =
        serde_json::from_slice(&bytes[..end]).map_err(|error| error.to_string())?;
    let version = document.get("version").and_then(Value::as_u64).ok_or("no version")?;
    if version > VERSION {
        return Err(format!("unknown version: {version} (known: {VERSION})"));
    }
    let kexecs_count = document.get("state").and_then(|state| state.get("kexecsCount")?.as_u64());
    let mut descriptors = Vec::new();
    let units = document.get("units").and_then(Value::as_object);
    for (unit, what) in units.into_iter().flatten() {
        let entries = what.get("fdstore").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let token = entry.get("token").and_then(Value::as_u64);
            let file = session.files.iter().find(|file| Some(file.token) == token);
            descriptors.push(Descriptor {
                unit: readable(unit.as_bytes()),
                name: text(entry.get("name")).unwrap_or_default(),
                kind: text(entry.get("type")).unwrap_or_default(),
                token,
                session: text(entry.get("sessionName")),
                file: file.map(|file| file.compatible.clone()),
            });
        }
    }
    Ok(Fdstore { version, kexecs_count, descriptors })
}
