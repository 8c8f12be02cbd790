// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How long it takes to read the headers of a kernel, compared with bindgen on the same headers,
//! and how that grows with the number of structs.
//!
//! With `LINUX_SRC`, that tree's headers are read; without, the generated ones.

use kho_abi_codegen::generate;
use kho_abi_read::headers::{self, STAND_IN};
use kho_abi_read::source::Options;
use kho_abi_read::truth;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

const RUNS: usize = 15;

/// The fastest of several runs, and the median.
fn timed<T>(
    mut run: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<(Duration, Duration, T), Box<dyn Error>> {
    let mut times = Vec::with_capacity(RUNS);
    let mut last = None;
    for _ in 0..RUNS {
        let begin = Instant::now();
        last = Some(run()?);
        times.push(begin.elapsed());
    }
    times.sort();
    Ok((times[0], times[RUNS / 2], last.ok_or("no run")?))
}

fn line(name: &str, (fastest, middle): (Duration, Duration)) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{name:<40} {:>10.1} {:>10.1}", ms(fastest), ms(middle));
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let abi = dir.path().join("include/linux/kho/abi");
    fs::create_dir_all(&abi)?;
    if let Some(tree) = env::var_os("LINUX_SRC") {
        for entry in fs::read_dir(Path::new(&tree).join("include/linux/kho/abi"))? {
            let path = entry?.path();
            fs::copy(&path, abi.join(path.file_name().ok_or("a file without a name")?))?;
        }
    } else {
        for file in generate::render(&truth::current()?) {
            fs::write(dir.path().join(file.path), file.text)?;
        }
    }
    for (name, text) in STAND_IN {
        let path = dir.path().join("stand-in").join(name);
        fs::create_dir_all(path.parent().ok_or("a file without a directory")?)?;
        fs::write(path, text)?;
    }

    println!("all ABI headers of one kernel; milliseconds");
    println!("{:<40} {:>10} {:>10}", "", "fastest", "median");
    let (fastest, middle, reading) =
        timed(|| Ok(headers::read_dir(dir.path(), &Options::default())?))?;
    assert!(reading.gaps.is_empty() && reading.model.records().count() >= 15, "all is read");
    line("read::headers", (fastest, middle));
    let (theirs, middle, text) = timed(|| bindgen(dir.path(), &abi))?;
    assert!(text.contains("luo_session_ser"), "bindgen reads them");
    line("bindgen, one unit", (theirs, middle));
    println!("ratio {:.2}", fastest.as_secs_f64() / theirs.as_secs_f64());

    println!("\nmade-up structs in one header; milliseconds, and microseconds per struct");
    for count in [10_u32, 100, 1_000, 2_000] {
        let structs = (0..count).map(|n| {
            format!(
                "#define LEN_{n} {}\nstruct s{n} {{\n\tu64 a;\n\tu8 b[LEN_{n}];\n}} __packed;\n",
                n % 9 + 1
            )
        });
        let text =
            format!("#define X_COMPATIBLE \"x-v1\"\n{}", structs.collect::<Vec<_>>().concat());
        let files = BTreeMap::from([("x.h".to_string(), text.into_bytes())]);
        let (fastest, middle, reading) =
            timed(|| Ok(headers::read_files(&files, &Options::default())?))?;
        assert_eq!(reading.model.records().count(), count as usize);
        line(
            &format!(
                "{count} structs, {:.1} us each",
                fastest.as_secs_f64() * 1e6 / f64::from(count)
            ),
            (fastest, middle),
        );
    }
    Ok(())
}

/// What bindgen makes of all headers at once.
fn bindgen(dir: &Path, abi: &Path) -> Result<String, Box<dyn Error>> {
    let mut builder = bindgen::Builder::default()
        .clang_args(["-nostdinc", "-include", "linux/compiler.h", "-include", "uapi/linux/fcntl.h"])
        .clang_arg(format!("-I{}", dir.join("stand-in").display()))
        .clang_arg(format!("-I{}", dir.join("include").display()))
        .formatter(bindgen::Formatter::None);
    for entry in fs::read_dir(abi)? {
        builder = builder.header(entry?.path().to_string_lossy());
    }
    Ok(builder.generate()?.to_string())
}
