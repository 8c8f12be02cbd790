// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Images of a real kernel, taken between two kernels, show what its init program preserved.
//!
//! `kernel/test/inspect.sh` takes the images and runs this. `KHO_ABI_IMAGES` lists them, separated
//! by colons; beside each is a file of its name with the suffix `.json`, with init's report of what
//! it preserved.

use kho_abi_inspect::handlers::memfd::Memfd;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::image::{Image, Machine, Stub};
use kho_abi_inspect::luo::Phase;
use kho_abi_inspect::{extract, inspect, Options, State};
use kho_abi_show::Progress;
use serde_json::{json, Value};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn images() -> Vec<PathBuf> {
    let paths = std::env::var_os("KHO_ABI_IMAGES").expect("KHO_ABI_IMAGES names the images");
    std::env::split_paths(&paths).collect()
}

fn sha256(image: &Image, state: &State, memfd: &Memfd) -> String {
    let mut file = tempfile::tempfile().unwrap();
    let written: &File = &file;
    let extracted =
        extract::memfd(state.ground(image), memfd, written, &Progress::default()).unwrap();
    assert!(extracted.is_complete(), "{extracted:?}");
    let mut bytes = Vec::new();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    let digest = Sha256::digest(&bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The content of an image, in the form of the file beside it.
fn shown(image: &Image, state: &State) -> Value {
    let mut sessions: Vec<Value> = Vec::new();
    for session in &state.luo().unwrap().sessions {
        let mut files: Vec<Value> = Vec::new();
        for file in &session.files {
            let object = match &file.payload {
                Payload::VfioPci(device) => json!({ "device": device.address }),
                Payload::Memfd(memfd) => {
                    json!({ "size": memfd.size, "sha256": sha256(image, state, memfd) })
                }
                other => panic!("{other:?}"),
            };
            files.push(json!({
                "token": file.token,
                "compatible": file.compatible,
                "object": object,
            }));
        }
        files.sort_by_key(|file| file["token"].as_u64());
        sessions.push(json!({ "name": session.name, "files": files }));
    }
    sessions.sort_by_key(|session| session["name"].as_str().map(str::to_owned));
    Value::Array(sessions)
}

/// Init's report, in the same form.
fn said(record: &Value) -> Value {
    let mut sessions = record["sessions"].clone();
    for session in sessions.as_array_mut().unwrap() {
        for file in session["files"].as_array_mut().unwrap() {
            let number = |value: &Value| value.as_u64().unwrap();
            let object = &file["object"];
            let device = &object["vfio-pci"];
            let memfd = &object["memfd"];
            file["object"] = if device.is_object() {
                json!({ "device": format!(
                    "{:04x}:{:02x}:{:02x}.{:x}",
                    number(&device["domain"]),
                    number(&device["bus"]),
                    number(&device["slot"]),
                    number(&device["function"])
                ) })
            } else {
                json!({ "size": memfd["size_bytes"], "sha256": memfd["sha256"] })
            };
        }
    }
    sessions
}

/// Compares an image with init's report.
fn hold(image: &Image, name: &str, record: &Path) {
    let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let state = inspect(image, &Options::default());
    assert!(state.findings.is_empty(), "{name}: {:#?}", state.findings.list());
    assert_eq!(state.luo().unwrap().phase, Phase::Serialised, "{name}");
    let metadata = state.kho.as_ref().unwrap().metadata.as_ref().unwrap();
    assert_eq!(metadata.previous_release, record["kernel_release"], "{name}");
    let (shown, said) = (shown(image, &state), said(&record));
    assert!(!said.as_array().unwrap().is_empty(), "{name}: init preserved nothing");
    assert_eq!(shown, said, "{name}");
    println!("{name}: {} shows {} sessions", image.format(), said.as_array().unwrap().len());
}

#[test]
#[ignore = "needs images of a real kernel: kernel/test/inspect.sh takes them"]
fn an_image_shows_what_init_preserved() {
    for path in images() {
        let mut record = path.clone().into_os_string();
        record.push(".json");
        let name = path.display().to_string();
        hold(&Image::open(&path).unwrap(), &name, record.as_ref());
    }
}

/// `KHO_ABI_GUEST` is the socket of a monitor, and `KHO_ABI_GUEST_RECORD` init's report.
#[test]
#[ignore = "needs a guest with the memory of a real kernel: kernel/test/inspect.sh starts it"]
fn a_guest_shows_through_its_monitor_what_init_preserved() {
    let path = |name| PathBuf::from(std::env::var_os(name).expect(name));
    let (socket, record) = (path("KHO_ABI_GUEST"), path("KHO_ABI_GUEST_RECORD"));
    // Twice, since the first dump must not change the guest.
    for _ in 0..2 {
        hold(&Image::open_guest(&socket).unwrap(), "the guest", &record);
    }
}

/// `KHO_ABI_STUB` is the socket of the gdb stub of the same guest.
#[test]
#[ignore = "needs a guest with the memory of a real kernel: kernel/test/inspect.sh starts it"]
fn a_guest_shows_through_its_gdb_stub_what_init_preserved() {
    let path = |name| PathBuf::from(std::env::var_os(name).expect(name));
    let (socket, record) = (path("KHO_ABI_STUB"), path("KHO_ABI_GUEST_RECORD"));
    // Twice: reading leaves the guest as it was.
    for _ in 0..2 {
        let image = Image::open_stub(&Stub::of(socket.as_os_str())).unwrap();
        assert_eq!(image.machine(), Some(Machine::X86_64));
        hold(&image, "the guest's stub", &record);
    }
}
