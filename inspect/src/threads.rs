// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Work that several threads share.

use std::thread;

/// Runs the same work in so many threads, this one among them, and joins the results.
///
/// A panic in a thread is a defect, and goes on in this one: what the thread had to do was not done.
pub(crate) fn joined<T: Send>(
    threads: usize,
    run: impl Fn() -> T + Sync,
    join: impl Fn(&mut T, T),
) -> T {
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&run)).collect();
        let mut all = run();
        for other in others {
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            join(&mut all, other);
        }
        all
    })
}
