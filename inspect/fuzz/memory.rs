// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A little memory, written word by word from the fuzzer's input.

pub const PAGES: usize = 16;

/// Values that often lead somewhere: pages, nearly pages, small numbers, anything.
pub fn value(byte: u8) -> u64 {
    let page = u64::from(byte & 0xf) << 12;
    match byte >> 4 {
        0..=8 => page,
        9 => page | 8,
        10 => u64::from(byte & 0xf),
        11 => u64::MAX - page,
        12 => 1 << (4 * (byte & 0xf)),
        13 => page | 1 << 52,
        _ => u64::from(byte) * 0x0101_0101_0101_0101,
    }
}

/// Memory of 16 pages: each three bytes set a word.
#[allow(dead_code)] // Each target uses a part of it.
pub fn of(data: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; PAGES << 12];
    for change in data.chunks_exact(3) {
        let page = usize::from(change[0] & 0xf) << 12;
        // Most data is in the first words.
        let slot = usize::from(change[1]) >> (change[0] >> 4 & 7);
        memory[page + slot * 8..][..8].copy_from_slice(&value(change[2]).to_ne_bytes());
    }
    memory
}
