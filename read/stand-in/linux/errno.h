/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: errors that a header returns where an option is not set. */
#ifndef _LINUX_ERRNO_H
#define _LINUX_ERRNO_H

#define ENOENT 2
#define ENOMEM 12
#define EINVAL 22
#define EOPNOTSUPP 95

#endif /* _LINUX_ERRNO_H */
