/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: no option is set. */
#ifndef _LINUX_KCONFIG_H
#define _LINUX_KCONFIG_H

#define IS_ENABLED(option) 0
#define IS_BUILTIN(option) 0
#define IS_MODULE(option) 0
#define IS_REACHABLE(option) 0

#endif /* _LINUX_KCONFIG_H */
