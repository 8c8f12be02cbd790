// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect qmp:SOCKET` and `gdb:SOCKET` with a monitor and a stub that are not QEMU's.

use std::fs;
use std::net::TcpListener;
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
        assert!(stderr.contains("--as and --mmap do not apply to a running guest"), "{stderr}");
    }
}

#[test]
fn a_stub_that_is_none_or_not_there_is_status_2() {
    let directory = directory("stub");
    let (status, stderr) = inspect(&directory, &["gdb:nowhere"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("cannot read nowhere: No such file"), "{stderr}");
    // A port that nobody listens on: it was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (status, stderr) = inspect(&directory, &[&format!("gdb:127.0.0.1:{port}")]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains(&format!("cannot read 127.0.0.1:{port}: Connection refused")),
        "{stderr}"
    );
    let listener = UnixListener::bind(directory.join("stub")).unwrap();
    let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let (status, stderr) = inspect(&directory, &["gdb:stub"]);
    server.join().unwrap();
    assert_eq!(status, Some(2));
    assert!(stderr.contains("cannot read stub: "), "{stderr}");
    let (status, stderr) = inspect(&directory, &["gdb:stub", "--mmap"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("--as and --mmap do not apply to a running guest"), "{stderr}");
}

#[test]
fn the_socket_is_not_written_over() {
    let directory = directory("output");
    let _listener = UnixListener::bind(directory.join("socket")).unwrap();
    for word in ["qmp:socket", "gdb:socket"] {
        let (status, stderr) = inspect(&directory, &[word, "-o", "socket"]);
        assert_eq!(status, Some(2));
        assert!(stderr.contains("which this command reads: nothing was written"), "{stderr}");
        assert!(!directory.join("socket").is_file());
    }
}
