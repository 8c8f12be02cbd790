/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: what a module says of itself. */
#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H

#define MODULE_DESCRIPTION(text) extern const char module_description[]
#define MODULE_LICENSE(text) extern const char module_license[]

#endif /* _LINUX_MODULE_H */
