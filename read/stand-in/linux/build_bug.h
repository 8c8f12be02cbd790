/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Stand-in for the kernel's header: checks that a compiler makes. */
#ifndef _LINUX_BUILD_BUG_H
#define _LINUX_BUILD_BUG_H

#ifndef __cplusplus
#undef static_assert
#define static_assert(...) __static_assert_message(__VA_ARGS__, #__VA_ARGS__, "")
#define __static_assert_message(condition, message, ...) _Static_assert(condition, message)
#endif

#define BUILD_BUG_ON_ZERO(condition) ((int)(sizeof(struct { int : (-!!(condition)); })))
#define BUILD_BUG_ON(condition) ((void)BUILD_BUG_ON_ZERO(condition))
#define BUILD_BUG_ON_MSG(condition, message) BUILD_BUG_ON(condition)
#define BUILD_BUG_ON_NOT_POWER_OF_2(n) BUILD_BUG_ON((n) == 0 || ((n) & ((n) - 1)))

#endif /* _LINUX_BUILD_BUG_H */
