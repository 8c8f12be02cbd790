// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Shows how far long work is: one line on standard error, which is gone when the work is done.
//!
//! Libraries count (`kho_abi_show`); a thread of this file looks at the counters, and is the only one that draws.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kho_abi_show::{Now, Progress, Unit};
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long work is not shown: most is done by then.
const DELAY: Duration = Duration::from_millis(500);
/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Work that is shown for as long as this exists.
pub(crate) struct Shown {
    progress: Progress,
    /// Closed when the work is done; nothing is sent.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Begins to look at work, if standard error is a terminal that can take a line back.
    pub(crate) fn begin() -> Self {
        let term = std::env::var_os("TERM").unwrap_or_default();
        let takes_back = !term.is_empty() && term != "dumb";
        if !takes_back || !io::stderr().is_terminal() {
            return Self { progress: Progress::default(), end: None, thread: None };
        }
        let progress = Progress::watched();
        let (end, ended) = channel();
        let watched = progress.clone();
        // Without a thread, the work is done all the same.
        let thread = std::thread::Builder::new().spawn(move || look(&watched, &ended)).ok();
        Self { progress, end: Some(end), thread }
    }

    /// What the work counts with.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Drop for Shown {
    /// Takes the line back, before anything else is written.
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has no line to take back.
            let _ = thread.join();
        }
    }
}

/// Draws until the work is done.
fn look(progress: &Progress, ended: &Receiver<()>) {
    let goes_on = |wait| ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
    if !goes_on(DELAY) {
        return;
    }
    let mut drawn: Option<(Now, ProgressBar)> = None;
    loop {
        if let Some(now) = progress.now() {
            let is_same = drawn.as_ref().is_some_and(|(before, _)| {
                (before.what, before.total, before.done == 0)
                    == (now.what, now.total, now.done == 0)
            });
            let bar = match drawn.take() {
                Some((_, bar)) if is_same => bar,
                before => {
                    if let Some((_, bar)) = before {
                        bar.finish_and_clear();
                    }
                    // Made at once: a bar that is changed is drawn after each change.
                    ProgressBar::with_draw_target(now.total, ProgressDrawTarget::stderr())
                        .with_style(style(&now))
                        .with_message(now.what)
                        .with_position(now.done)
                }
            };
            bar.set_position(now.done);
            bar.tick();
            drawn = Some((now, bar));
        }
        if !goes_on(EVERY) {
            break;
        }
    }
    if let Some((_, bar)) = drawn {
        bar.finish_and_clear();
    }
}

/// The line for a step. Its name is last: where the terminal is narrow, its end is left out.
fn style(now: &Now) -> ProgressStyle {
    let template = match (now.unit, now.total, now.done) {
        (Unit::Bytes, Some(_), _) => {
            "[{bar:20}] {binary_bytes} of {binary_total_bytes}  {wide_msg}"
        }
        (Unit::Items, Some(_), _) => "[{bar:20}] {pos} of {len}  {wide_msg}",
        (_, None, 0) => "{spinner} {wide_msg}",
        (Unit::Bytes, None, _) => "{spinner} {binary_bytes}  {wide_msg}",
        (Unit::Items, None, _) => "{spinner} {pos}  {wide_msg}",
    };
    // The templates are constants, and a test parses each.
    let style = ProgressStyle::with_template(template);
    style
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .tick_chars("|/-\\ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_drawn() {
        for unit in [Unit::Bytes, Unit::Items] {
            for (total, done) in [(Some(3), 1), (None, 0), (None, 1)] {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
                bar.set_style(style(&Now { what: "reading", unit, done, total }));
                bar.tick();
            }
        }
    }
}
