// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Whatever single word of the state is changed, the walk ends soon, with or without findings.
//!
//! The words are in pages that the walk of the whole image reads. `KHO_ABI_MUTANTS` is the number
//! of mutants. `KHO_ABI_IMAGES` may name images of a real kernel, of which the first is used; the
//! default is the reference state.

use kho_abi_inspect::image::bytes::{Bytes, FileBytes};
use kho_abi_inspect::image::Image;
use kho_abi_inspect::report::{text, Filter, Report};
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::sample;
use kho_abi_inspect::{inspect, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const PAGE: u64 = 4096;

/// Records which pages are read, and how many bytes in total.
struct Recorder {
    bytes: Arc<dyn Bytes>,
    pages: Mutex<BTreeSet<u64>>,
    read: AtomicU64,
}

impl Bytes for Recorder {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let pages = offset / PAGE..(offset + into.len() as u64).div_ceil(PAGE);
        self.pages.lock().unwrap().extend(pages);
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.bytes.read_exact_at(into, offset)
    }
}

/// Has another word in one place, and counts the bytes that are read.
struct Mutant {
    bytes: Arc<dyn Bytes>,
    read: AtomicU64,
    at: u64,
    word: [u8; 8],
}

impl Bytes for Mutant {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.bytes.read_exact_at(into, offset)?;
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        for (byte, at) in self.word.iter().zip(self.at..) {
            let index = at.checked_sub(offset).and_then(|index| usize::try_from(index).ok());
            if let Some(place) = index.and_then(|index| into.get_mut(index)) {
                *place = *byte;
            }
        }
        Ok(())
    }
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn every_mutant_ends_soon() {
    let images = std::env::var_os("KHO_ABI_IMAGES");
    let first = images.and_then(|images| std::env::split_paths(&images).next());
    let bytes: Arc<dyn Bytes> = match first {
        Some(path) => Arc::new(FileBytes::new(File::open(path).unwrap()).unwrap()),
        None => Arc::new(raw(&sample(4096).0)),
    };
    let mutants = std::env::var("KHO_ABI_MUTANTS").ok().and_then(|number| number.parse().ok());
    let mutants: u64 = mutants.unwrap_or(1000);

    let clean = inspect(&Image::recognise(bytes.clone()).unwrap(), &Options::default());
    assert!(clean.findings.is_empty(), "{:?}", clean.findings.list());
    let fdt = clean.kho.unwrap().at;
    let options =
        Options { fdt: Some(fdt), page_size: Some(4096), threads: 1, ..Options::default() };
    let recorder = Arc::new(Recorder {
        bytes: bytes.clone(),
        pages: Mutex::default(),
        read: AtomicU64::default(),
    });
    let _ = inspect(&Image::recognise(recorder.clone()).unwrap(), &options);
    // The first page is read to recognise the image.
    let pages: Vec<u64> =
        recorder.pages.lock().unwrap().iter().copied().filter(|page| *page > 0).collect();
    assert!(pages.len() > 10, "the walk reads {} pages", pages.len());

    // Words that are not zero matter more than others.
    let mut words = Vec::new();
    for page in &pages {
        let mut content = [0; 4096];
        bytes.read_exact_at(&mut content, page * PAGE).unwrap();
        let used = content.chunks_exact(8).enumerate().filter(|(_, word)| **word != [0; 8]);
        words.extend(used.map(|(index, _)| page * PAGE + index as u64 * 8));
    }
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let clean = recorder.read.load(Ordering::Relaxed);
    let (mut found, mut most) = (0_u64, 0);
    let mut rules: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..mutants {
        let at = if numbers.below(4) > 0 {
            words[usize::try_from(numbers.below(words.len() as u64)).unwrap()]
        } else {
            let page = pages[usize::try_from(numbers.below(pages.len() as u64)).unwrap()];
            page * PAGE + numbers.below(PAGE / 8) * 8
        };
        let mut word = [0; 8];
        bytes.read_exact_at(&mut word, at).unwrap();
        let old = u64::from_ne_bytes(word);
        let page = pages[usize::try_from(numbers.below(pages.len() as u64)).unwrap()];
        let new = match numbers.below(8) {
            0..=2 => old ^ 1 << numbers.below(64),
            3 => page * PAGE,
            4 => page * PAGE + numbers.below(PAGE),
            5 => [0, 1, u64::MAX, 1 << 63, u64::MAX - 4095]
                [usize::try_from(numbers.below(5)).unwrap()],
            6 => old.wrapping_add(numbers.below(5)).wrapping_sub(2),
            _ => numbers.below(u64::MAX),
        };
        let (bytes, read) = (bytes.clone(), AtomicU64::default());
        let mutant = Arc::new(Mutant { bytes, read, at, word: new.to_ne_bytes() });
        let image = Image::recognise(mutant.clone()).unwrap();
        let state = inspect(&image, &options);
        let filter = Filter::default();
        let report = Report { image: &image, name: "mutant", state: &state, filter: &filter };
        text::write(report, &mut io::sink()).unwrap();
        most = most.max(mutant.read.load(Ordering::Relaxed));
        found += u64::from(!state.findings.is_empty());
        for rule in state.findings.counts().keys() {
            *rules.entry(rule).or_default() += 1;
        }
    }
    println!("{mutants} mutants, {found} with findings, at most {most} bytes were read, {clean} of the whole: {rules:?}");
    // A chain that leads astray is only followed for a while.
    assert!(most < clean * 4, "{most} bytes, and {clean} without a change");
    // Most changes hit checked words. Contents of files are not read, and are arbitrary.
    assert!(found > mutants / 3, "{found} of {mutants} have findings");
}
