/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: the type of a member. */
#ifndef _LINUX_CONTAINER_OF_H
#define _LINUX_CONTAINER_OF_H

#define typeof_member(type, member) __typeof__(((type *)0)->member)

#endif /* _LINUX_CONTAINER_OF_H */
