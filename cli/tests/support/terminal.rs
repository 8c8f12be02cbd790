// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A terminal of its own for a command line, and what is on it in the end.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

/// Longest wait for what is expected on the screen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command line that runs in a terminal.
pub(crate) struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    shown: Receiver<Vec<u8>>,
    /// Everything so far.
    bytes: Vec<u8>,
    /// How much of it was expected already.
    seen: usize,
    columns: usize,
}

impl Terminal {
    /// Runs a shell's line in a directory, in a terminal so many columns wide; `kho-abi` is this build's.
    pub(crate) fn run(dir: &Path, columns: usize, envs: &[(&str, &str)], line: &str) -> Self {
        let line = format!("stty cols {columns} rows 50; {line}");
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(dir)
            .env("PATH", path())
            .env("TERM", "xterm")
            .env_remove("COLUMNS")
            .env_remove("NO_COLOR")
            .envs(envs.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of bsdutils, which every Debian has");
        let keys = child.stdin.take();
        let mut screen = child.stdout.take().unwrap();
        let (to, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                if to.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, shown, bytes: Vec::new(), seen: 0, columns }
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        let to = self.keys.as_mut().unwrap();
        to.write_all(keys.as_bytes()).unwrap();
        to.flush().unwrap();
    }

    /// Waits until the terminal was given the text, and forgets what came before its end.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        loop {
            let new = String::from_utf8_lossy(&self.bytes[self.seen..]).into_owned();
            if let Some(at) = new.find(text) {
                // A character that is not whole yet is behind the text.
                self.seen += new[..at + text.len()].len();
                return;
            }
            match self.shown.recv_timeout(PATIENCE) {
                Ok(bytes) => self.bytes.extend(bytes),
                Err(error) => panic!("no {text:?} ({error}) in {new:?}"),
            }
        }
    }

    /// Waits for the end; what the terminal was given, and what it shows then.
    pub(crate) fn end(mut self) -> (String, Vec<String>) {
        loop {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(bytes) => self.bytes.extend(bytes),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)),
            }
        }
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let screen = screen(&text, self.columns);
        (text, screen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path on which the program of this build is `kho-abi`.
pub(crate) fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_kho-abi"));
    let dir = program.parent().unwrap().display();
    format!("{dir}:{}", std::env::var("PATH").unwrap_or_default())
}

/// The lines that a terminal shows after it was given a text: as much of one as the program uses.
pub(crate) fn screen(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "an unknown escape in {text:?}");
                let mut number = String::new();
                while let Some(digit) = rest.next_if(|c| c.is_ascii_digit() || "?;".contains(*c)) {
                    number.push(digit);
                }
                let by = number.parse().unwrap_or(1);
                match rest.next() {
                    Some('A') => row -= by,
                    Some('B') => row += by,
                    Some('K') if number == "2" => lines[row].clear(),
                    Some('K') => lines[row].truncate(column),
                    // Colours, and whether the cursor is shown.
                    Some('m' | 'h' | 'l') => {}
                    other => panic!("an unknown sequence {number:?} {other:?} in {text:?}"),
                }
            }
            c => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    let mut lines: Vec<String> =
        lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_string()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
