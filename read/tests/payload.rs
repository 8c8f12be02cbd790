// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Packed kernels in every form that a kernel's build makes are unpacked, or refused if damaged.
//!
//! `packed/` has one text, packed by each packer: `gzip -n -9`, `bzip2 -9`, `xz --format=lzma -9`,
//! `xz --check=crc32 --x86 --lzma2=dict=32MiB`, `lzop -9`, `lz4 -l -9`, `zstd -19`.

use kho_abi_read::payload::{is_packed, unpack};

const PLAIN: &[u8] = include_bytes!("packed/plain");

const PACKED: &[(&str, &[u8])] = &[
    ("gzip", include_bytes!("packed/gzip")),
    ("bzip2", include_bytes!("packed/bzip2")),
    ("lzma", include_bytes!("packed/lzma")),
    ("xz", include_bytes!("packed/xz")),
    ("lzo", include_bytes!("packed/lzo")),
    ("lz4", include_bytes!("packed/lz4")),
    ("zstd", include_bytes!("packed/zstd")),
];

/// The packed text as a kernel's build appends it: followed by its size, if the format has none.
fn sized(name: &str, packed: &[u8], size: usize) -> Vec<u8> {
    let size = u32::try_from(size).expect("it is small").to_le_bytes();
    match name {
        "gzip" => packed.into(),
        _ => [packed, &size].concat(),
    }
}

/// A bzImage with this payload, as far as a reader uses it.
fn bz_image(payload: &[u8]) -> Vec<u8> {
    let (setup_sectors, offset) = (3_usize, 100_usize);
    let mut image = vec![0; (setup_sectors + 1) * 512 + offset];
    image[0x1f1] = 3;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
    image[0x248..0x24c].copy_from_slice(&100_u32.to_le_bytes());
    let length = u32::try_from(payload.len()).expect("it is small");
    image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
    image.extend(payload);
    image.extend([0xaa; 64]);
    image
}

/// An EFI zboot image with this payload, as far as a reader uses it.
fn zboot(payload: &[u8]) -> Vec<u8> {
    let mut image = b"MZ\0\0zimg".to_vec();
    image.extend(64_u32.to_le_bytes());
    image.extend(u32::try_from(payload.len()).expect("it is small").to_le_bytes());
    image.resize(64, 0);
    image.extend(payload);
    image
}

#[test]
fn every_packer_of_kernels_is_undone() {
    for (name, packed) in PACKED {
        let payload = sized(name, packed, PLAIN.len());
        for image in [bz_image(&payload), zboot(&payload), packed.to_vec()] {
            assert!(is_packed(&image), "{name}");
            let unpacked = unpack(&image).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(unpacked.as_deref() == Some(PLAIN), "{name}");
        }
    }
}

#[test]
fn a_size_that_is_not_the_content_s_is_refused() {
    for (name, packed) in PACKED {
        for size in [PLAIN.len() - 1, PLAIN.len() + 1, 0, u32::MAX as usize] {
            let mut payload = sized(name, packed, size);
            if *name == "gzip" {
                let end = payload.len() - 4;
                let size = u32::try_from(size).expect("it fits").to_le_bytes();
                payload[end..].copy_from_slice(&size);
            }
            assert!(unpack(&bz_image(&payload)).is_err(), "{name} accepts {size}");
        }
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    for (name, packed) in PACKED {
        let image = bz_image(&sized(name, packed, PLAIN.len()));
        let end = image.len() - 64;
        for length in 0..end {
            // Before the boot header ends, it is not a bzImage yet.
            let cut = &image[..length];
            match unpack(&cut.to_vec()) {
                Ok(None) => assert!(length < 0x206, "{name}: {length} bytes are no bzImage"),
                Ok(Some(_)) => panic!("{name}: {length} of {end} bytes are enough"),
                Err(_) => {}
            }
        }
        let payload = &sized(name, packed, PLAIN.len())[..packed.len() / 2];
        assert!(unpack(&bz_image(payload)).is_err(), "{name}");
    }
}

#[test]
fn what_is_not_packed_is_left_alone() {
    for other in [&b""[..], b"\x7fELF", b"MZ\0\0", PLAIN, &[0; 4096]] {
        assert!(!is_packed(other));
        assert!(matches!(unpack(&other.to_vec()), Ok(None)));
    }
    // A boot header, followed by something unknown.
    assert!(unpack(&bz_image(b"what is this")).is_err());
}

/// Bytes are changed one after the other; the result is the content, or an error.
#[test]
fn damage_neither_panics_nor_grows_without_bounds() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for (name, packed) in PACKED {
        let good = bz_image(&sized(name, packed, PLAIN.len()));
        for _ in 0..2000 {
            let mut image = good.clone();
            for _ in 0..=next() % 3 {
                let at = usize::try_from(next() % image.len() as u64).expect("it is small");
                image[at] = next().to_le_bytes()[0];
            }
            if let Ok(Some(unpacked)) = unpack(&image) {
                // The size at the end may have been changed as well.
                assert!(unpacked.len() < 64 << 20, "{name}");
            }
        }
    }
}

/// What follows the payload is a part of the file, too: the header says how long all of it is.
#[test]
fn a_file_that_is_shorter_than_its_header_says_is_refused() {
    let packed = PACKED[0].1;
    let mut image = bz_image(packed);
    image.resize(image.len().next_multiple_of(16), 0xaa);
    let paragraphs = u32::try_from((image.len() - 4 * 512) / 16).expect("it is small");
    image[0x1f4..0x1f8].copy_from_slice(&paragraphs.to_le_bytes());
    assert!(unpack(&image).is_ok());
    let mut signed = image.clone();
    signed.extend(b"a signature");
    assert!(unpack(&signed).is_ok());
    for cut in [1, 16, 60] {
        let error = unpack(&image[..image.len() - cut].to_vec()).expect_err("it is cut off");
        let (size, stated) = (image.len() - cut, image.len());
        let said =
            format!("the file is cut off: it has {size} bytes, but its header says {stated}");
        assert!(error.to_string().contains(&said), "{error}");
    }
    // An EFI program's sections say the same.
    let mut image = zboot(packed);
    image.resize(1024, 0);
    image.truncate(1024);
    let (pe, table) = (0x200, 0x200 + 24 + 0xf0);
    image[0x3c..0x40].copy_from_slice(&u32::to_le_bytes(0x200));
    image[8..12].copy_from_slice(&u32::to_le_bytes(1024));
    image.extend(packed);
    image[pe..pe + 4].copy_from_slice(b"PE\0\0");
    image[pe + 6] = 1;
    image[pe + 20] = 0xf0;
    image[table..table + 5].copy_from_slice(b".data");
    let end = image.len() + 32;
    let size = u32::try_from(end - 1024).expect("it is small").to_le_bytes();
    for at in [8, 16] {
        image[table + at..table + at + 4].copy_from_slice(&size);
    }
    image[table + 20..table + 24].copy_from_slice(&u32::to_le_bytes(1024));
    assert!(unpack(&image).expect_err("it is cut off").to_string().contains("cut off"));
    image.resize(end, 0);
    assert!(unpack(&image).is_ok());
}
