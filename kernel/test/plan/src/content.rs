// SPDX-License-Identifier: GPL-2.0
//! The bytes of a test memfd: reproducible from a seed, so that no copy has to be kept.

/// Byte number `offset` of a memfd that was filled from `seed`.
///
/// A multiplicative mix and not a counter: neighbouring pages differ, so pages in the wrong order
/// are noticed, and no page is all zeroes, so a lost page is noticed too.
pub fn content_byte(seed: u64, offset: u64) -> u8 {
    let mut word = (offset >> 3) ^ seed.rotate_left(32);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^= word >> 31;
    word.to_le_bytes()[(offset & 7) as usize]
}

#[cfg(test)]
mod tests {
    use super::content_byte;

    #[test]
    fn pages_and_seeds_differ() {
        let page =
            |seed, index: u64| (0..4096).map(move |byte| content_byte(seed, index * 4096 + byte));
        let first: Vec<u8> = page(7, 0).collect();
        let second: Vec<u8> = page(7, 1).collect();
        let other_seed: Vec<u8> = page(8, 0).collect();
        assert_ne!(first, second);
        assert_ne!(first, other_seed);
        assert!(first.iter().any(|byte| *byte != 0));
    }
}
