// SPDX-License-Identifier: GPL-2.0

//! File handlers of the Live Update Orchestrator (LUO).
//!
//! C header: `include/linux/liveupdate.h`.
//!
//! LUO owns every preserved file from preserve to unpreserve, and every retrieved one from retrieve
//! to finish. It serialises the callbacks for one file: preserve, unpreserve, freeze, unfreeze,
//! retrieve, can_finish and finish all run under the mutex of the session that the file is in.

use core::marker::{PhantomData, PhantomPinned};
use core::ptr::NonNull;
use kernel::{
    bindings,
    error::{from_result, to_result},
    fs::File,
    module::this_module,
    prelude::*,
    sync::aref::ARef,
    types::Opaque,
    ModuleMetadata,
};

/// A file on which LUO holds a reference.
///
/// Not [`kernel::fs::File`], which promises more than LUO can know: that no other thread uses the
/// file's position unlocked. Nothing here uses the position.
///
/// # Invariants
///
/// The pointer is to a `struct file` with a positive refcount throughout `'a`.
#[derive(Clone, Copy)]
pub(crate) struct HeldFile<'a> {
    file: NonNull<bindings::file>,
    _held: PhantomData<&'a bindings::file>,
}

impl HeldFile<'_> {
    /// # Safety
    ///
    /// `file` is valid, and its refcount stays positive for as long as the result lives.
    unsafe fn from_raw(file: *mut bindings::file) -> Self {
        Self {
            // SAFETY: The caller guarantees that `file` is valid, so it is not null. INVARIANT: The
            // caller guarantees that the refcount stays positive.
            file: unsafe { NonNull::new_unchecked(file) },
            _held: PhantomData,
        }
    }

    /// The `struct file`, valid for as long as `self` lives.
    pub(crate) fn as_ptr(&self) -> *mut bindings::file {
        self.file.as_ptr()
    }
}

/// The result of the attempt to retrieve a file, when its session is finished.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retrieval {
    /// There was no attempt.
    NotTried,
    /// The file was retrieved; LUO still holds it.
    Done,
    /// The handler's retrieve failed. LUO does not try again.
    Failed,
}

impl Retrieval {
    /// From the status that LUO keeps for a file.
    pub(crate) fn from_status(status: c_int) -> Self {
        match status {
            0 => Self::NotTried,
            1.. => Self::Done,
            _ => Self::Failed,
        }
    }
}

/// The handler of one kind of file.
///
/// `data` is what LUO carries to the next kernel for the handler: 64 bits that LUO does not
/// interpret.
pub(crate) trait FileHandler {
    /// Names the kind of file, and the version of what the handler leaves in memory. To retrieve
    /// the file, the next kernel must have the same string.
    const COMPATIBLE: &'static str;

    /// The module that contains the handler. LUO keeps it loaded while it holds a file.
    type Owner: ModuleMetadata;

    /// What the handler remembers about a file up to the kexec, outside of preserved memory.
    type State: Send;

    /// Whether the handler supports `file`, and the file may be preserved. LUO asks this of any
    /// file.
    fn can_preserve(file: HeldFile<'_>) -> bool;

    /// Identifies what the file is open on: LUO does not preserve two files with the same identity.
    fn identity(file: HeldFile<'_>) -> usize;

    /// Saves what the next kernel needs to know.
    fn preserve(file: HeldFile<'_>) -> Result<(u64, KBox<Self::State>)>;

    /// Releases what [`Self::preserve`] took. The file will not be live-updated.
    ///
    /// # Safety
    ///
    /// `data` comes from a [`Self::preserve`] that was not undone before.
    unsafe fn unpreserve(data: u64, state: KBox<Self::State>);

    /// Prepares for the kexec. On failure, the file must be unchanged.
    fn freeze(file: HeldFile<'_>, state: &mut Self::State) -> Result;

    /// Undoes [`Self::freeze`]. The kexec is cancelled, for now.
    fn unfreeze(file: HeldFile<'_>, state: &mut Self::State);

    /// Recreates the file in the next kernel.
    ///
    /// # Safety
    ///
    /// LUO found `data` in an entry with [`Self::COMPATIBLE`], and calls this once for that entry.
    unsafe fn retrieve(data: u64) -> Result<ARef<File>>;

    /// Whether this file allows to finish the session.
    fn can_finish(retrieval: Retrieval) -> bool;

    /// Releases what is left of a file when its session is finished.
    ///
    /// # Safety
    ///
    /// LUO found `data` in an entry with [`Self::COMPATIBLE`], calls this once for that entry, and
    /// no longer calls [`Self::retrieve`].
    unsafe fn finish(data: u64, retrieval: Retrieval);
}

/// A handler that is registered with LUO; dropping it unregisters the handler.
///
/// # Invariants
///
/// `handler` is registered.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<T: FileHandler> {
    #[pin]
    handler: Opaque<bindings::liveupdate_file_handler>,
    // LUO links the handler into its list.
    #[pin]
    _pinned: PhantomPinned,
    _t: PhantomData<T>,
}

// SAFETY: LUO allows any thread to unregister a handler.
unsafe impl<T: FileHandler> Send for Registration<T> {}
// SAFETY: A shared reference to a registration gives access to nothing.
unsafe impl<T: FileHandler> Sync for Registration<T> {}

impl<T: FileHandler> Registration<T> {
    /// Registers the handler.
    ///
    /// `EOPNOTSUPP` when live update is off, `EEXIST` when the compatible string is taken.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: The initialiser fails unless the handler is registered.
            handler <- Opaque::try_ffi_init(|slot: *mut bindings::liveupdate_file_handler| {
                // SAFETY: `try_ffi_init` passes a slot that is valid for writes.
                unsafe { slot.write(Callbacks::<T>::HANDLER) };

                // SAFETY:
                // - `slot` was just filled, with callbacks that live as long as the module.
                // - It stays where it is and valid until it is unregistered: it is pinned, and
                //   `drop` unregisters it.
                to_result(unsafe { bindings::liveupdate_register_file_handler(slot) })
            }),
            _pinned: PhantomPinned,
            _t: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T: FileHandler> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the handler is registered. LUO holds no file of the
        // handler: such a file keeps a reference on the module, and this runs when there are no
        // references left.
        unsafe { bindings::liveupdate_unregister_file_handler(self.handler.get()) };
    }
}

/// The C callbacks of a [`FileHandler`].
struct Callbacks<T>(PhantomData<T>);

impl<T: FileHandler> Callbacks<T> {
    const OPS: bindings::liveupdate_file_ops = bindings::liveupdate_file_ops {
        can_preserve: Some(Self::can_preserve),
        preserve: Some(Self::preserve),
        unpreserve: Some(Self::unpreserve),
        freeze: Some(Self::freeze),
        unfreeze: Some(Self::unfreeze),
        retrieve: Some(Self::retrieve),
        can_finish: Some(Self::can_finish),
        finish: Some(Self::finish),
        get_id: Some(Self::get_id),
        owner: this_module::<T::Owner>().as_ptr(),
    };

    const HANDLER: bindings::liveupdate_file_handler = bindings::liveupdate_file_handler {
        ops: &Self::OPS,
        compatible: compatible_field(T::COMPATIBLE),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// LUO calls this, with a file that it holds for the duration of the call.
    unsafe extern "C" fn can_preserve(
        _handler: *mut bindings::liveupdate_file_handler,
        file: *mut bindings::file,
    ) -> bool {
        // SAFETY: LUO holds `file` for the duration of the call.
        T::can_preserve(unsafe { HeldFile::from_raw(file) })
    }

    /// # Safety
    ///
    /// LUO calls this, with a file of the handler's that it holds for the duration of the call.
    unsafe extern "C" fn get_id(file: *mut bindings::file) -> c_ulong {
        // SAFETY: LUO holds `file` for the duration of the call.
        let identity = T::identity(unsafe { HeldFile::from_raw(file) });

        // CAST: The two types have the same width in the kernel.
        identity as c_ulong
    }

    /// # Safety
    ///
    /// LUO calls this, with arguments that no one else accesses and a file that it holds, both for
    /// the duration of the call.
    unsafe extern "C" fn preserve(args: *mut bindings::liveupdate_file_op_args) -> c_int {
        // SAFETY: `args` is valid, and no one else accesses it, for the duration of the call.
        let args = unsafe { &mut *args };
        // SAFETY: LUO holds the file for the duration of the call.
        let file = unsafe { HeldFile::from_raw(args.file) };

        from_result(|| {
            let (data, state) = T::preserve(file)?;
            args.serialized_data = data;
            // `unpreserve` takes it back. After a kexec it is gone, like all memory.
            args.private_data = KBox::into_raw(state).cast();
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// LUO calls this once for each successful [`Self::preserve`], with what that left in the
    /// arguments, which no one else accesses for the duration of the call.
    unsafe extern "C" fn unpreserve(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: `args` is valid for the duration of the call.
        let args = unsafe { &*args };
        // SAFETY: The pointer comes from `KBox::into_raw` in `preserve`, for the same type. LUO
        // passes it to no callback after this one, so this is the one that takes it back.
        let state = unsafe { KBox::<T::State>::from_raw(args.private_data.cast()) };

        // SAFETY: The data comes from `T::preserve`, and LUO calls this once for it.
        unsafe { T::unpreserve(args.serialized_data, state) };
    }

    /// # Safety
    ///
    /// LUO calls this between [`Self::preserve`] and [`Self::unpreserve`], with a file that it
    /// holds and what the former left in the arguments.
    unsafe extern "C" fn freeze(args: *mut bindings::liveupdate_file_op_args) -> c_int {
        // SAFETY: `args` is valid for the duration of the call.
        let args = unsafe { &*args };
        // SAFETY: LUO holds the file for the duration of the call.
        let file = unsafe { HeldFile::from_raw(args.file) };
        // SAFETY: The pointer comes from `KBox::into_raw` in `preserve`, for the same type, and was
        // not taken back. The session's mutex keeps other callbacks for the file from running.
        let state = unsafe { &mut *args.private_data.cast::<T::State>() };

        from_result(|| T::freeze(file, state).map(|()| 0))
    }

    /// # Safety
    ///
    /// As for [`Self::freeze`].
    unsafe extern "C" fn unfreeze(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: `args` is valid for the duration of the call.
        let args = unsafe { &*args };
        // SAFETY: LUO holds the file for the duration of the call.
        let file = unsafe { HeldFile::from_raw(args.file) };
        // SAFETY: The pointer comes from `KBox::into_raw` in `preserve`, for the same type, and was
        // not taken back. The session's mutex keeps other callbacks for the file from running.
        let state = unsafe { &mut *args.private_data.cast::<T::State>() };

        T::unfreeze(file, state);
    }

    /// # Safety
    ///
    /// LUO calls this once for an entry with the handler's compatible string, with arguments that
    /// no one else accesses for the duration of the call.
    unsafe extern "C" fn retrieve(args: *mut bindings::liveupdate_file_op_args) -> c_int {
        // SAFETY: `args` is valid, and no one else accesses it, for the duration of the call.
        let args = unsafe { &mut *args };

        from_result(|| {
            // SAFETY: The data is from an entry with this compatible string. LUO remembers the
            // result of the call and does not repeat it.
            let file = unsafe { T::retrieve(args.serialized_data) }?;
            // The reference is LUO's from here on.
            args.file = ARef::into_raw(file).cast().as_ptr();
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// LUO calls this, with arguments that are valid for the duration of the call.
    unsafe extern "C" fn can_finish(args: *mut bindings::liveupdate_file_op_args) -> bool {
        // SAFETY: `args` is valid for the duration of the call.
        let args = unsafe { &*args };
        T::can_finish(Retrieval::from_status(args.retrieve_status))
    }

    /// # Safety
    ///
    /// LUO calls this once for an entry with the handler's compatible string, with arguments that
    /// are valid for the duration of the call, and forgets the entry.
    unsafe extern "C" fn finish(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: `args` is valid for the duration of the call.
        let args = unsafe { &*args };
        let retrieval = Retrieval::from_status(args.retrieve_status);

        // SAFETY: The data is from an entry with this compatible string. LUO forgets the entry, so
        // neither this nor `retrieve` is called for it again.
        unsafe { T::finish(args.serialized_data, retrieval) };
    }
}

/// Puts a compatible string into the field of `struct liveupdate_file_handler`, or stops the build.
const fn compatible_field<const N: usize>(compatible: &str) -> [c_char; N] {
    let text = compatible.as_bytes();
    assert!(
        text.len() < N,
        "the compatible string leaves no room for its NUL"
    );

    let mut field = [0; N];
    let mut at = 0;
    while at < text.len() {
        assert!(text[at] != 0, "the compatible string has a NUL inside");
        // CAST: `c_char` is `u8` in the kernel; the cast is in case that this changes.
        field[at] = text[at] as c_char;
        at += 1;
    }
    field
}
