// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How fast images are read, compared with the limits of the same machine, in one run.
//!
//! `cargo bench -p kho-abi-inspect --bench speed`, or with `-- scattered` for only such folio
//! lists. It writes files of some gigabytes to the directory for temporary files, one after the
//! other, and removes them. `KHO_ABI_BENCH_GIB` is the size of the folio list, by default 4: the
//! list of a guest with 1 TiB.
//!
//! Each number is the best of several runs, with the page cache warm; each limit is measured right
//! before the result to which it applies. The second percentage is of CPU time, which a busy
//! machine disturbs less.

use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::container::{kdump, Packing};
use kho_abi_inspect::synth::{content, Lie, MemfdSpec, Places, Ram, Store, Synth};
use kho_abi_inspect::{find, inspect, Options};
use kho_abi_show::Progress;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const AT_ONCE: usize = 256 << 10;
const RUNS: usize = 3;
const GIB: u64 = 1 << 30;

/// How long something took.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    cpu: Duration,
}

/// CPU time of all threads of this process.
fn cpu() -> Duration {
    use rustix::time::{clock_gettime, ClockId};
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

fn best(mut work: impl FnMut()) -> Took {
    let mut best = Took { wall: Duration::MAX, cpu: Duration::MAX };
    for _ in 0..RUNS {
        let (begin, begin_cpu) = (Instant::now(), cpu());
        work();
        best.wall = best.wall.min(begin.elapsed());
        best.cpu = best.cpu.min(cpu().saturating_sub(begin_cpu));
    }
    best
}

#[allow(clippy::cast_precision_loss)] // Only three digits are shown.
fn rate(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}

fn compare(what: &str, bytes: u64, limit: Took, ours: Took) {
    let percent =
        |limit: Duration, ours: Duration| 100.0 * limit.as_secs_f64() / ours.as_secs_f64();
    println!(
        "{what:<50} limit {:6.2} GB/s   ours {:6.2} GB/s   {:3.0} %, of CPU time {:3.0} %",
        rate(bytes, limit.wall),
        rate(bytes, ours.wall),
        percent(limit.wall, ours.wall),
        percent(limit.cpu, ours.cpu)
    );
}

/// A file that is removed after the benchmark.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("kho-abi-bench-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // An error here can be ignored.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes the image of a guest whose folio list has that many bytes.
fn guest(path: &Path, list_bytes: u64, list: Lie, lie: Lie) -> Places {
    let file = File::create(path).expect("the file can be made");
    let mut synth = Synth::new(file, PAGE);
    let session = synth.session("vm0");
    let folios = list_bytes / 16;
    let size = folios * PAGE as u64;
    synth.memfd(session, 1, &MemfdSpec { size, list, lie, filled: false, ..MemfdSpec::default() });
    let (file, places) = synth.finish();
    let end = places.radix.iter().max().expect("there is a root") + PAGE as u64;
    file.set_len(end).expect("the file can be long");
    places
}

fn words(bytes: &[u8]) -> u64 {
    bytes
        .chunks_exact(8)
        .fold(0_u64, |sum, word| sum.wrapping_add(word.try_into().map_or(0, u64::from_ne_bytes)))
}

/// Adds up all words of pages in this order, reading as much as possible at once.
fn sum(file: &File, pages: &[u64], threads: usize) -> u64 {
    let share = pages.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = pages
            .chunks(share)
            .map(|pages| {
                scope.spawn(move || {
                    let mut buffer = vec![0; AT_ONCE];
                    let (mut sum, mut at) = (0_u64, 0);
                    while at < pages.len() {
                        let mut many = 1;
                        while at + many < pages.len()
                            && many < AT_ONCE / PAGE
                            && pages[at + many] == pages[at] + (many * PAGE) as u64
                        {
                            many += 1;
                        }
                        let buffer = &mut buffer[..many * PAGE];
                        file.read_exact_at(buffer, pages[at]).expect("it is there");
                        sum = sum.wrapping_add(words(buffer));
                        at += many;
                    }
                    sum
                })
            })
            .collect();
        parts.into_iter().fold(0_u64, |sum, part| sum.wrapping_add(part.join().expect("it ran")))
    })
}

fn walk(image: &Image, places: &Places, threads: usize) {
    let options =
        Options { fdt: Some(places.fdt), page_size: Some(PAGE), threads, ..Options::default() };
    let state = inspect(image, &options);
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
}

fn folio_lists(list_bytes: u64, only: Option<&str>) {
    let entries = list_bytes / 16;
    println!("folio lists with all checks, {entries} entries");
    for (what, list, lie) in [
        ("pages in order, folios in order", Lie::Ascending, Lie::Ascending),
        ("pages in order, folios descending", Lie::Ascending, Lie::Descending),
        ("pages scattered, folios in order", Lie::Scattered, Lie::Ascending),
    ] {
        if only.is_some_and(|only| !what.contains(only)) {
            continue;
        }
        let scratch = Scratch::new("guest");
        let places = guest(&scratch.0, list_bytes, list, lie);
        let file = File::open(&scratch.0).expect("it was written");
        let image = Image::open(&scratch.0).expect("it is an image");
        let pages = &places.memfds[0].list;
        for threads in [1, 2] {
            let limit = best(|| {
                std::hint::black_box(sum(&file, pages, threads));
            });
            let ours = best(|| walk(&image, &places, threads));
            compare(&format!("  {what}, {threads} thread(s)"), list_bytes, limit, ours);
        }
        if list == Lie::Ascending && lie == Lie::Ascending {
            memory(&scratch.0, places.fdt);
        }
    }
}

/// The peak memory of a walk, in a process of its own.
fn memory(image: &Path, fdt: u64) {
    let own = std::env::current_exe().expect("it has a path");
    let out = std::process::Command::new(own)
        .args(["--memory".as_ref(), image.as_os_str(), format!("{fdt}").as_ref()])
        .output()
        .expect("it runs");
    print!("{}", String::from_utf8_lossy(&out.stdout));
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

fn scan() {
    let scratch = Scratch::new("scan");
    let size = 4 * GIB;
    let mut file = File::create(&scratch.0).expect("the file can be made");
    let page = content(1 << 12, 1 << 20);
    for at in (0..size).step_by(page.len()) {
        file.write_all_at(&page, at).expect("there is room");
    }
    // The tree is read last.
    file.write(size - PAGE as u64, &kho_abi_inspect::synth::Tree::new("kho-v4").finish());
    let file = File::open(&scratch.0).expect("it was written");
    let image = Image::open(&scratch.0).expect("it is an image");
    println!("finding the device tree in 4 GiB");
    let limit = best(|| {
        let mut word = [0; 8];
        let mut sum = 0_u64;
        for at in (0..size).step_by(PAGE) {
            file.read_exact_at(&mut word, at).expect("it is there");
            sum = sum.wrapping_add(u64::from_ne_bytes(word));
        }
        std::hint::black_box(sum);
    });
    for threads in [1, 2] {
        let ours = best(|| {
            assert_eq!(
                find::scan::trees(&image, threads, &Progress::default()).trees,
                [size - PAGE as u64]
            );
        });
        let what = format!("  one word per page (limit: 1 thread), {threads} thread(s)");
        compare(&what, size, limit, ours);
    }
}

fn kdump_pages() {
    use flate2::{Decompress, FlushDecompress};
    let pages = 1_u64 << 15;
    let mut ram = Ram::new(PAGE, pages * PAGE as u64);
    for page in 0..pages {
        // Some of it is text, some numbers, some noise.
        let mut bytes = content(page << 12, PAGE as u64);
        for (index, byte) in bytes.iter_mut().enumerate().filter(|(index, _)| index % 16 < 6) {
            *byte = u8::try_from(index / 97 % 50).unwrap_or(0);
        }
        ram.write(page * PAGE as u64, &bytes);
    }
    let file = kdump(&ram, Packing::Zlib, &[]);
    let packed: Vec<Vec<u8>> = {
        use std::io::Write as _;
        let pack = |page: &Vec<u8>| {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(page).expect("it is memory");
            encoder.finish().expect("it is memory")
        };
        ram.pages.values().map(pack).collect()
    };
    let scratch = Scratch::new("kdump");
    std::fs::write(&scratch.0, file).expect("there is room");
    let image = &Image::open(&scratch.0).expect("it is an image");
    let bytes = pages * PAGE as u64;
    println!(
        "kdump, zlib, {} MiB in {} MiB",
        bytes >> 20,
        packed.iter().map(Vec::len).sum::<usize>() >> 20
    );
    for threads in [1_u64, 2] {
        let share = pages / threads;
        let packed = &packed;
        let parallel = |work: &(dyn Fn(u64, u64) + Sync)| {
            std::thread::scope(|scope| {
                for part in 0..threads {
                    scope.spawn(move || work(part * share, (part + 1) * share));
                }
            });
        };
        let limit = best(|| {
            parallel(&|from, to| {
                let mut zlib = Decompress::new(true);
                let mut page = vec![0; PAGE];
                for number in from..to {
                    zlib.reset(true);
                    let packed = &packed[usize::try_from(number).expect("it is small")];
                    zlib.decompress(packed, &mut page, FlushDecompress::Finish)
                        .expect("it is zlib");
                    std::hint::black_box(&page);
                }
            });
        });
        let ours = best(|| {
            parallel(&|from, to| {
                let mut page = vec![0; PAGE];
                for number in from..to {
                    image.read(number * PAGE as u64, &mut page).expect("it is there");
                    std::hint::black_box(&page);
                }
            });
        });
        compare(&format!("  every page, {threads} thread(s)"), bytes, limit, ours);
    }
}

/// The cost grows with the entries, and not with memory that nothing points to.
fn growth() {
    println!("growth: CPU time for a walk, per entry");
    for shift in [24, 26, 28] {
        let scratch = Scratch::new("growth");
        let places = guest(&scratch.0, 1 << shift, Lie::Ascending, Lie::Ascending);
        let image = Image::open(&scratch.0).expect("it is an image");
        let time = best(|| walk(&image, &places, 1));
        let entries = (1_u128 << shift) / 16;
        println!("  {entries:>12} entries: {:>8} ps each", time.cpu.as_nanos() * 1000 / entries);
        let file = File::options().write(true).open(&scratch.0).expect("it was written");
        let end = file.metadata().expect("it is there").len();
        file.set_len(end + (1 << 42)).expect("the file can be long");
        let image = Image::open(&scratch.0).expect("it is an image");
        let longer = best(|| walk(&image, &places, 1));
        let percent = 100.0 * longer.cpu.as_secs_f64() / time.cpu.as_secs_f64();
        println!("  {:>12} and 4 TiB of other memory: {percent:.0} % of that", "");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, image, fdt] = arguments.as_slice() {
        if flag == "--memory" {
            let image = Image::open(image.as_ref()).expect("it is an image");
            let before = peak_kib();
            let fdt = fdt.parse().ok();
            let options = Options { fdt, page_size: Some(PAGE), threads: 2, ..Options::default() };
            let state = inspect(&image, &options);
            assert!(state.findings.is_empty());
            println!(
                "  memory at most {} MiB, {} MiB before the walk",
                peak_kib() >> 10,
                before >> 10
            );
            return;
        }
    }
    let gib = std::env::var("KHO_ABI_BENCH_GIB").ok().and_then(|gib| gib.parse().ok());
    let list_bytes = gib.unwrap_or(4) * GIB;
    // Cargo passes a flag for benchmarks; any other word selects a folio list.
    let only = arguments.get(1).filter(|word| !word.starts_with('-'));
    folio_lists(list_bytes, only.map(String::as_str));
    if only.is_some() {
        return;
    }
    scan();
    kdump_pages();
    growth();
}
