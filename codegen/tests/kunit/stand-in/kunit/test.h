/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Stand-in for the kernel's header: runs a suite as a program, and prints what the kernel would.
 * The exit status is the number of cases that failed.
 */
#ifndef _KUNIT_TEST_H
#define _KUNIT_TEST_H

#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>

int printf(const char *format, ...);

struct kunit {
	const char *name;
	int failed;
	int skipped;
};

struct kunit_case {
	void (*run)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function) { function, #function }

/* Of a case that is skipped, nothing more runs; here, nothing more counts. */
#define KUNIT_EXPECTATION(test, holds, format, ...)				\
	do {									\
		if (!(test)->skipped && !(holds)) {				\
			(test)->failed = 1;					\
			printf("# %s: " format, (test)->name, __VA_ARGS__);	\
		}								\
	} while (0)

#define KUNIT_EXPECT_EQ_MSG(test, left, right, format, ...)			\
	KUNIT_EXPECTATION(test, (left) == (right), format, __VA_ARGS__)
#define KUNIT_EXPECT_STREQ_MSG(test, left, right, format, ...)			\
	KUNIT_EXPECTATION(test, !__builtin_strcmp(left, right), format, __VA_ARGS__)
#define KUNIT_EXPECT_MEMEQ_MSG(test, left, right, size, format, ...)		\
	KUNIT_EXPECTATION(test, !__builtin_memcmp(left, right, size), format, __VA_ARGS__)

#define kunit_skip(test, format, ...)						\
	do {									\
		(test)->skipped = 1;						\
		printf("# %s: " format "\n", (test)->name, __VA_ARGS__);	\
	} while (0)

#define kunit_test_suite(suite)							\
int main(void)									\
{										\
	int failed = 0, number = 0;						\
	struct kunit_case *at;							\
										\
	printf("# Subtest: %s\n", (suite).name);				\
	for (at = (suite).test_cases; at->name; at++) {				\
		struct kunit test = { at->name, 0, 0 };				\
										\
		at->run(&test);							\
		printf("%sok %d %s%s\n", test.failed ? "not " : "", ++number,	\
		       at->name, test.skipped ? " # SKIP" : "");		\
		failed += test.failed;						\
	}									\
	printf("1..%d\n", number);						\
	return failed;								\
}

#endif /* _KUNIT_TEST_H */
