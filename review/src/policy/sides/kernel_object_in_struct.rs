// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kernel_object_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "kernel_object_in_struct",
        summary: "A struct of the ABI contains a lock, a list, a counter or another object of a running kernel.",
        reason: "Such an object contains pointers and the state of one running kernel. Its layout changes with debugging options and releases. The next kernel cannot use it.",
        example: "`struct mutex lock;` or `struct list_head list;` in a struct that the next kernel reads.",
        remedy: "Keep the object in an internal struct, and store only what the next kernel needs.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Finding),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    fields(side, |_, sort, _| match sort {
        Sort::Object(name) => Some(format!("is a `{name}`, an object of the running kernel")),
        _ => None,
    })
}
