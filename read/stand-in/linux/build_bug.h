/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: static_assert() with an optional message. */
#ifndef _LINUX_BUILD_BUG_H
#define _LINUX_BUILD_BUG_H

#ifndef __cplusplus
#undef static_assert
#define static_assert(...) __static_assert_message(__VA_ARGS__, #__VA_ARGS__, "")
#define __static_assert_message(condition, message, ...) _Static_assert(condition, message)
#endif

#endif /* _LINUX_BUILD_BUG_H */
