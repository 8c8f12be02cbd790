/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: errors in place of pointers. */
#ifndef _LINUX_ERR_H
#define _LINUX_ERR_H

#include <linux/errno.h>

#define ERR_PTR(error) ((void *)(long)(error))

#endif /* _LINUX_ERR_H */
