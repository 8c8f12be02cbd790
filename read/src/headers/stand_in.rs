// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The stand-ins for the kernel's base headers.

/// Minimal versions of the kernel's base headers, by path: enough for a self-contained header.
pub const STAND_IN: &[(&str, &str)] = &[
    ("asm/page.h", include_str!("../../stand-in/asm/page.h")),
    ("linux/align.h", include_str!("../../stand-in/linux/align.h")),
    ("linux/bits.h", include_str!("../../stand-in/linux/bits.h")),
    ("linux/bug.h", include_str!("../../stand-in/linux/bug.h")),
    ("linux/build_bug.h", include_str!("../../stand-in/linux/build_bug.h")),
    ("linux/compiler.h", include_str!("../../stand-in/linux/compiler.h")),
    ("linux/const.h", include_str!("../../stand-in/linux/const.h")),
    ("linux/err.h", include_str!("../../stand-in/linux/err.h")),
    ("linux/errno.h", include_str!("../../stand-in/linux/errno.h")),
    ("linux/kconfig.h", include_str!("../../stand-in/linux/kconfig.h")),
    ("linux/limits.h", include_str!("../../stand-in/linux/limits.h")),
    ("linux/log2.h", include_str!("../../stand-in/linux/log2.h")),
    ("linux/math.h", include_str!("../../stand-in/linux/math.h")),
    ("linux/sizes.h", include_str!("../../stand-in/linux/sizes.h")),
    ("linux/stddef.h", include_str!("../../stand-in/linux/stddef.h")),
    ("linux/types.h", include_str!("../../stand-in/linux/types.h")),
    ("linux/utsname.h", include_str!("../../stand-in/linux/utsname.h")),
    ("linux/uuid.h", include_str!("../../stand-in/linux/uuid.h")),
    ("more/stddef.h", include_str!("../../stand-in/more/stddef.h")),
    ("more/types.h", include_str!("../../stand-in/more/types.h")),
    ("uapi/linux/fcntl.h", include_str!("../../stand-in/uapi/linux/fcntl.h")),
    ("uapi/linux/liveupdate.h", include_str!("../../stand-in/uapi/linux/liveupdate.h")),
];
