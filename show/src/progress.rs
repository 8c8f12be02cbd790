// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How far long work is: counters that the work advances, and that its caller may show.
//!
//! A library takes a [`Progress`], says which step begins, and counts what is done. It does not know whether
//! anything is shown, when, or where. The caller looks as often as it likes, from another thread. Where nothing
//! looks, [`Progress::default`], counting is free.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of memory or of a file.
    Bytes,
    /// Things, one by one.
    Items,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What is being done, as `reading headers`.
    pub what: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// How much is done.
    pub done: u64,
    /// How much there is to do, if that is known.
    pub total: Option<u64>,
}

#[derive(Debug)]
struct Counters {
    step: Mutex<Option<Now>>,
    done: AtomicU64,
}

impl Counters {
    fn step(&self) -> MutexGuard<'_, Option<Now>> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that may take long. Clones are the same work.
///
/// # Examples
///
/// ```
/// use kho_abi_show::{Progress, Unit};
///
/// let progress = Progress::watched();
/// progress.begin("reading kernels", Unit::Items, Some(3));
/// progress.advance(1);
/// let now = progress.now().unwrap();
/// assert_eq!((now.what, now.done, now.total), ("reading kernels", 1, Some(3)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Progress(Option<Arc<Counters>>);

impl Progress {
    /// Work that something looks at.
    #[must_use]
    pub fn watched() -> Self {
        Self(Some(Arc::new(Counters { step: Mutex::new(None), done: AtomicU64::new(0) })))
    }

    /// The next step begins; the one before has ended.
    pub fn begin(&self, what: &'static str, unit: Unit, total: Option<u64>) {
        if let Some(counters) = &self.0 {
            let mut step = counters.step();
            counters.done.store(0, Ordering::Relaxed);
            *step = Some(Now { what, unit, done: 0, total });
        }
    }

    /// Counts what is done. Any thread of the work may call this.
    pub fn advance(&self, by: u64) {
        if let Some(counters) = &self.0 {
            counters.done.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// How far the present step is; `None` before the first one, and where nothing looks.
    #[must_use]
    pub fn now(&self) -> Option<Now> {
        let counters = self.0.as_ref()?;
        let step = counters.step();
        let done = counters.done.load(Ordering::Relaxed);
        step.map(|step| Now { done, ..step })
    }
}

impl PartialEq for Progress {
    /// Whether it is the same work.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Progress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_begins_at_zero_and_counts_for_all_threads() {
        let progress = Progress::watched();
        assert_eq!(progress.now(), None);
        progress.begin("one", Unit::Bytes, Some(12));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| progress.clone().advance(3));
            }
        });
        let now = progress.now().unwrap();
        assert_eq!((now.what, now.done), ("one", 12));
        progress.begin("two", Unit::Items, None);
        progress.advance(20);
        let two = Now { what: "two", unit: Unit::Items, done: 20, total: None };
        assert_eq!(progress.now(), Some(two));
    }

    #[test]
    fn what_nothing_looks_at_counts_nothing() {
        let progress = Progress::default();
        progress.begin("one", Unit::Bytes, None);
        progress.advance(3);
        assert_eq!(progress.now(), None);
        assert_eq!(progress, Progress::default());
        assert_ne!(progress, Progress::watched());
        assert_ne!(Progress::watched(), Progress::watched());
    }
}
