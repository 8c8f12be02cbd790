// SPDX-License-Identifier: GPL-2.0
//! What the init of one kernel leaves for the next one, so that "the same as before" can be
//! checked.
//!
//! Facts travel in the initramfs, separate from the live update: the mechanism under test should
//! not carry the evidence.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use kho_abi_live_plan::initramfs::FACTS;
use kho_abi_live_plan::PreservedObject;
use serde::{Deserialize, Serialize};

use crate::outcome::Failure;

/// A file in a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreservedFile {
    pub session: String,
    pub token: u64,
    pub object: PreservedObject,
}

/// Everything that is passed on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// For each device name, the identifying bytes of its configuration space.
    pub identities: BTreeMap<String, Vec<u8>>,
    /// The content of the sessions of the kernel that wrote this.
    pub preserved: Vec<PreservedFile>,
}

impl Facts {
    /// The facts of the previous kernel; empty in the first.
    pub fn load() -> Result<Self, Failure> {
        match fs::read(Path::new("/").join(FACTS)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// The object that was preserved under this token.
    pub fn object(&self, session: &str, token: u64) -> Option<PreservedObject> {
        self.preserved
            .iter()
            .find(|file| file.session == session && file.token == token)
            .map(|file| file.object.clone())
    }
}
