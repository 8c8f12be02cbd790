/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the kernel's linux/stddef.h and linux/compiler.h have besides, for headers that are read. */
#ifndef _MORE_STDDEF_H
#define _MORE_STDDEF_H

#include <linux/stddef.h>

#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define offsetofend(type, member) (offsetof(type, member) + sizeof_field(type, member))

#define __struct_group(tag, name, attributes, ...) \
	union { \
		struct { __VA_ARGS__ } attributes; \
		struct tag { __VA_ARGS__ } attributes name; \
	} attributes
#define struct_group(name, ...) __struct_group(, name, , __VA_ARGS__)
#define struct_group_attr(name, attributes, ...) __struct_group(, name, attributes, __VA_ARGS__)
#define struct_group_tagged(tag, name, ...) __struct_group(tag, name, , __VA_ARGS__)

#define __DECLARE_FLEX_ARRAY(type, name) \
	struct { \
		struct { } __empty_##name; \
		type name[]; \
	}
#define DECLARE_FLEX_ARRAY(type, name) __DECLARE_FLEX_ARRAY(type, name)

#define __always_inline inline __attribute__((__always_inline__))
#define __maybe_unused __attribute__((__unused__))
#define __must_check
#define __counted_by(member)
#define __counted_by_le(member)
#define __counted_by_be(member)
#define __user
#define __iomem
#define __rcu
#define __force
#define __bitwise

#endif /* _MORE_STDDEF_H */
