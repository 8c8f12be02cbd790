// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Files that are compressed as a whole are read, and files that are not memory are reported as
//! such.

use kho_abi_inspect::image::{Image, OpenError};
use kho_abi_inspect::synth::container::{avml, elf, flattened, kdump, lime, raw, Packing};
use kho_abi_inspect::synth::{MemfdSpec, Ram, Synth};
use kho_abi_inspect::{inspect_file, Options, State};
use std::io::Write as _;
use std::process::{Command, Stdio};

const SIZE: u64 = 2 << 20;

/// A small state in each format.
fn formats() -> Vec<Vec<u8>> {
    let mut synth = Synth::new(Ram::new(4096, SIZE), 4096);
    for name in ["vm0", "vm1", "vm2"] {
        let session = synth.session(name);
        synth.memfd(session, 1, &MemfdSpec::default());
    }
    let (ram, _) = synth.finish();
    let parts = [(0x1000, 0x9_e000), (0x10_0000, SIZE - 0x10_0000)];
    let dump = kdump(&ram, Packing::Zlib, &[]);
    vec![raw(&ram), elf(&ram), flattened(&dump), dump, lime(&ram, &parts), avml(&ram, &parts)]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The output of a program for its standard input.
fn run(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        child.wait_with_output().unwrap().stdout
    })
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    run("xz", &["-0", "-c"], bytes)
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    run("xz", &["-0", "-c", "--format=lzma"], bytes)
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    run("bzip2", &["-1", "-c"], bytes)
}

type Pack = fn(&[u8]) -> Vec<u8>;

const METHODS: [(&str, Pack); 7] = [
    ("gzip", gzip),
    ("zlib", zlib),
    ("zstd", zstd),
    ("lz4", lz4),
    ("xz", xz),
    ("lzma", lzma),
    ("bzip2", bzip2),
];

fn look(bytes: Vec<u8>) -> Result<(Image, State), OpenError> {
    inspect_file(Image::from_bytes(bytes)?, &Options::default())
}

#[test]
fn every_format_is_read_from_every_packing() {
    for bytes in formats() {
        let (plain, _) = look(bytes.clone()).unwrap();
        for (name, pack) in METHODS {
            let (image, state) = look(pack(&bytes)).unwrap();
            let what = format!("{} in {name}", plain.format());
            assert_eq!(image.format(), plain.format(), "{what}");
            assert_eq!(image.ranges(), plain.ranges(), "{what}");
            assert!(state.findings.is_empty(), "{what}: {:?}", state.findings.list());
            assert_eq!(state.luo().unwrap().sessions.len(), 3, "{what}");
            assert!(image.remarks()[0].contains(name), "{what}: {:?}", image.remarks());
        }
    }
}

#[test]
fn streams_that_follow_one_another_are_one_file() {
    let bytes = formats().remove(0);
    let (one, other) = bytes.split_at(bytes.len() / 3);
    for (name, pack) in METHODS {
        // These two formats cannot continue.
        if matches!(name, "zlib" | "lzma") {
            continue;
        }
        let (_, state) = look([pack(one), pack(other)].concat()).unwrap();
        assert!(state.findings.is_empty(), "{name}: {:?}", state.findings.list());
        assert_eq!(state.luo().unwrap().sessions.len(), 3, "{name}");
    }
    // zstd has frames without content.
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&bytes)].concat();
    assert!(look(skipped).unwrap().1.findings.is_empty());
}

#[test]
fn what_is_wrong_is_said_in_words_of_the_file() {
    let bytes = formats().remove(0);
    for (name, pack) in METHODS {
        let packed = pack(&bytes);
        let followed = [&packed[..], b"something else that is no frame"].concat();
        let mut damaged = packed.clone();
        for place in [20, packed.len() / 3, packed.len() / 2, packed.len() - 6] {
            damaged[place] ^= 0x5a;
        }
        for file in [followed, damaged] {
            let said = match look(file) {
                Ok((_, state)) => {
                    let list = state.findings.list().iter().map(|finding| finding.what.clone());
                    list.collect::<Vec<_>>().join("; ")
                }
                Err(error) => error.to_string(),
            };
            for internal in ["Error", "Bad", "OutOfBounds", "overflow", "(", "dist", "breaks off"] {
                assert!(!said.contains(internal), "{name}: {internal}: {said}");
            }
        }
    }
}

#[test]
fn memory_that_begins_like_packed_data_is_memory() {
    let bytes = formats().remove(0);
    for (magic, many) in [
        (&[0xfd, b'7', b'z', b'X', b'Z', 0x00][..], "xz"),
        (&[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff], "zstd"),
        (&[0x04, 0x22, 0x4d, 0x18, 0xff, 0xff], "lz4"),
        (&[0x1f, 0x8b, 0xff, 0xff, 0xff, 0xff], "gzip"),
    ] {
        let (_, state) = look([magic, &bytes].concat()).unwrap_or_else(|e| panic!("{many}: {e}"));
        let sessions = state.luo().map_or(0, |luo| luo.sessions.len());
        assert_eq!(sessions, 3, "{many}: {:?}", state.findings.list());
    }
    // A frame of zstd that can be unpacked, and then memory.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x24, 1, 9, 0, 0, b'x', 1, 2, 3, 4];
    let error = look([&frame[..], &bytes].concat()).unwrap_err();
    assert!(
        error.to_string().contains("zstd-compressed data that has a wrong checksum"),
        "{error}"
    );
    assert!(error.help().contains("`--as raw`"), "{}", error.help());
}

#[test]
fn what_breaks_off_is_said_to() {
    let bytes = formats().remove(0);
    for (name, pack) in METHODS {
        let packed = pack(&bytes);
        for part in [1, 2, 3, 5, 7] {
            let cut = packed[..packed.len() * part / 8].to_vec();
            match look(cut) {
                Ok((_, state)) => {
                    let rules: Vec<_> = state.findings.counts().keys().copied().collect();
                    assert!(rules.contains(&"image_malformed"), "{name}: {rules:?}");
                    let is_found = state.kho.is_some();
                    assert!(
                        is_found || rules.contains(&"kho_search_incomplete"),
                        "{name}: {rules:?}"
                    );
                    assert!(!rules.contains(&"kho_not_found"), "{name}: {rules:?}");
                }
                Err(error) => {
                    assert!(error.to_string().contains(&format!("{name}-compressed")), "{error}");
                    let said = error.to_string();
                    assert!(said.contains(" that is cut off after 0 unpacked bytes"), "{said}");
                    assert!(error.help().contains("--as raw"), "{}", error.help());
                    assert!(!error.help().is_empty());
                }
            }
        }
    }
    // A wrong checksum only shows at the end.
    for (name, pack) in [("gzip", gzip as Pack), ("xz", xz), ("bzip2", bzip2)] {
        let mut packed = pack(&bytes);
        let place = packed.len() / 2;
        packed[place] ^= 0x10;
        let rules = match look(packed) {
            Ok((_, state)) => state.findings.counts().keys().copied().collect::<Vec<_>>(),
            Err(_) => continue,
        };
        assert!(rules.contains(&"image_malformed"), "{name}: {rules:?}");
    }
}

#[test]
fn nothing_is_packed_for_ever() {
    let mut bytes = vec![7; 8192];
    for _ in 0..5 {
        bytes = gzip(&bytes);
    }
    let error = look(bytes).unwrap_err().to_string();
    assert!(error.contains("packed more than 3 times"), "{error}");
}

#[test]
fn what_is_not_memory_is_named_with_what_to_do() {
    let behind = |signature: &[u8], fill: u8| {
        let mut bytes = signature.to_vec();
        bytes.resize(128 << 10, fill);
        bytes
    };
    let at = |offset: usize, signature: &[u8]| {
        let mut bytes = vec![0; 128 << 10];
        bytes[offset..offset + signature.len()].copy_from_slice(signature);
        bytes
    };
    let mut kinds = vec![
        ("empty", Vec::new()),
        ("text", b"not memory\n".to_vec()),
        ("text", b"a log line\n".repeat(10_000)),
        ("hibernation", at(4086, b"S1SUSPEND\0")),
        ("bzImage", at(0x202, b"HdrS")),
        ("arm64", at(0x38, b"ARM\x64")),
        ("text", gzip(b"what was packed is text\n")),
        ("qcow2", zstd(&behind(b"QFI\xfb", 0))),
    ];
    for fill in [0, 1, 0xff] {
        for (what, signature) in [
            ("gzip", &b"\x1f\x8b\x08"[..]),
            ("bzip2", b"BZh9"),
            ("xz", b"\xfd7zXZ\0"),
            ("lz4", b"\x04\x22\x4d\x18"),
            ("zstd", b"\x28\xb5\x2f\xfd\x04\x58"),
            ("qcow2", b"QFI\xfb"),
            ("VMDK", b"KDMV"),
            ("LiME", b"EMiL\x01\0\0\0"),
            ("AVML", b"AVML\x02\0\0\0"),
            ("QEMU", b"QEVM"),
            ("libvirt", b"LibvirtQemudSave"),
            ("Windows", b"PAGEDU64"),
            ("kernel", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0"),
        ] {
            kinds.push((what, behind(signature, fill)));
        }
    }
    for (what, bytes) in kinds {
        let head = bytes[..bytes.len().min(20)].to_vec();
        match look(bytes) {
            Err(error @ OpenError::NotMemory { .. }) => {
                assert!(error.to_string().contains(what), "{what}: {error}");
                assert!(error.help().contains(' '), "{what}");
            }
            other => panic!("{what}, {head:x?}: {other:?}"),
        }
    }
}
