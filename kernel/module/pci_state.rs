// SPDX-License-Identifier: GPL-2.0

//! Saves and restores the configuration of a PCI function.
//!
//! C headers: `include/linux/pci.h`, `drivers/pci/pci.c`.

use core::marker::PhantomData;
use core::ptr::NonNull;
use kernel::{bindings, error::to_result, prelude::*};

/// A PCI function whose device lock is held, so that no one else resets or unbinds it.
///
/// # Invariants
///
/// Throughout `'a` the pointer is to a valid `struct pci_dev` that is in D0 and whose device lock,
/// and that of the bridge above it, are held by the current thread.
pub(crate) struct LockedFunction<'a> {
    pdev: NonNull<bindings::pci_dev>,
    _locked: PhantomData<&'a bindings::pci_dev>,
}

impl LockedFunction<'_> {
    /// # Safety
    ///
    /// `pdev` is valid and in D0, and the current thread holds its device lock and that of the
    /// bridge above it, for as long as the result lives.
    pub(crate) unsafe fn new(pdev: NonNull<bindings::pci_dev>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self {
            pdev,
            _locked: PhantomData,
        }
    }

    fn as_raw(&self) -> *mut bindings::pci_dev {
        self.pdev.as_ptr()
    }

    /// Saves the present configuration of the function.
    pub(crate) fn save(&self) -> Result<SavedState> {
        // SAFETY: By the type invariant the function is valid, awake, and not being reset.
        to_result(unsafe { bindings::pci_save_state(self.as_raw()) })?;

        // SAFETY: By the type invariant the function is valid.
        let state = unsafe { bindings::pci_store_saved_state(self.as_raw()) };
        Ok(SavedState {
            // INVARIANT: The function returns a copy that belongs to the caller.
            state: NonNull::new(state).ok_or(ENOMEM)?,
        })
    }

    /// Makes [`Self::restore`] restore the state at `state`.
    ///
    /// # Safety
    ///
    /// `state` was stored for this function, and is valid.
    pub(crate) unsafe fn load(&self, state: NonNull<bindings::pci_saved_state>) -> Result {
        // SAFETY: By the type invariant the function is valid; the caller guarantees that the state
        // is valid.
        to_result(unsafe { bindings::pci_load_saved_state(self.as_raw(), state.as_ptr()) })
    }

    /// Makes [`Self::restore`] restore a state that [`Self::save`] saved from this function.
    pub(crate) fn load_saved(&self, state: SavedState) -> Result {
        // SAFETY: By the type invariant of `SavedState` it is valid. A state from another function
        // would not be unsafe, only wrong: the function checks for capabilities that it lacks.
        unsafe { self.load(state.state) }
    }

    /// Restores the state that was saved or loaded last.
    pub(crate) fn restore(&self) {
        // SAFETY: By the type invariant the function is valid and not being reset.
        unsafe { bindings::pci_restore_state(self.as_raw()) };
    }

    /// Takes the function off the bus, as the PCI core does before it resets one: from here on,
    /// there is no DMA and no interrupt, and pending transactions are over when this returns.
    ///
    /// Fails if the function does not accept the write, or its transactions do not end.
    pub(crate) fn silence(&self) -> Result {
        let command = bindings::PCI_COMMAND as c_int;
        let off = bindings::PCI_COMMAND_INTX_DISABLE as u16;

        // SAFETY: By the type invariant the function is valid.
        let status = unsafe { bindings::pci_write_config_word(self.as_raw(), command, off) };
        if status != 0 {
            // Positive numbers are PCI errors.
            return Err(EIO);
        }

        // SAFETY: By the type invariant the function is valid.
        if unsafe { bindings::pci_wait_for_pending_transaction(self.as_raw()) } == 0 {
            return Err(ETIMEDOUT);
        }
        Ok(())
    }

    /// Resets the function.
    pub(crate) fn reset(&self) -> Result {
        // SAFETY: By the type invariant the function is valid, and the locks that the reset
        // requires are held.
        to_result(unsafe { bindings::__pci_reset_function_locked(self.as_raw()) })
    }
}

/// The saved configuration of a PCI function.
///
/// # Invariants
///
/// The pointer is from `pci_store_saved_state()`, and only `self` has it.
pub(crate) struct SavedState {
    state: NonNull<bindings::pci_saved_state>,
}

// SAFETY: The state is plain memory; any thread may use and free it.
unsafe impl Send for SavedState {}

impl Drop for SavedState {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the memory is from the slab allocator, where
        // `pci_store_saved_state()` gets it, and it is freed only here.
        unsafe { bindings::kfree(self.state.as_ptr().cast()) };
    }
}
