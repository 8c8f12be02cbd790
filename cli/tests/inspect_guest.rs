// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect qmp:SOCKET` with a monitor that is not QEMU.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn inspect(directory: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
    command.current_dir(directory).arg("inspect").args(args);
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_monitor_that_is_none_or_not_there_is_status_2() {
    let directory = directory("none");
    let (status, stderr) = inspect(&directory, &["qmp:nowhere"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("cannot read nowhere: No such file"), "{stderr}");
    let listener = UnixListener::bind(directory.join("monitor")).unwrap();
    let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let (status, stderr) = inspect(&directory, &["qmp:monitor"]);
    server.join().unwrap();
    assert_eq!(status, Some(2));
    assert!(stderr.contains("QEMU closed its monitor"), "{stderr}");
    for option in [&["--mmap"][..], &["--as", "raw"]] {
        let (status, stderr) = inspect(&directory, &[&["qmp:monitor"], option].concat());
        assert_eq!(status, Some(2));
        assert!(stderr.contains("neither a raw file nor mapped"), "{stderr}");
    }
}

#[test]
fn the_socket_is_not_written_over() {
    let directory = directory("output");
    let _listener = UnixListener::bind(directory.join("monitor")).unwrap();
    let (status, stderr) = inspect(&directory, &["qmp:monitor", "-o", "monitor"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("which this command reads: nothing was written"), "{stderr}");
    assert!(!directory.join("monitor").is_file());
}
