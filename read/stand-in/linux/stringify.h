/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: a number as a string. */
#ifndef _LINUX_STRINGIFY_H
#define _LINUX_STRINGIFY_H

#define __stringify_text(...) #__VA_ARGS__
#define __stringify(...) __stringify_text(__VA_ARGS__)

#endif /* _LINUX_STRINGIFY_H */
