/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: the size of a session's name. */
#ifndef _UAPI_LINUX_LIVEUPDATE_H
#define _UAPI_LINUX_LIVEUPDATE_H

#define LIVEUPDATE_SESSION_NAME_LENGTH 64

#endif /* _UAPI_LINUX_LIVEUPDATE_H */
