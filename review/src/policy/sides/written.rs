// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Structs as their text declares them, for what a layout does not show: `bool`, `long`, the origin
//! of a type.
//!
//! No size or offset comes from here. All branches of an `#if` are read as if each were active.

use crate::diff::Side;
use kho_abi_read::outline::Outline;
use std::collections::{BTreeMap, BTreeSet};

/// A struct or union at the top level of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The header, as `vfio_pci`.
    pub header: String,
    /// The tag, or the name that a typedef gives it.
    pub name: String,
    /// Its fields, including those of structs that are declared inside it.
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// The names that lead to it, as `where.ptr`.
    pub path: String,
    /// The words of its type, without qualifiers.
    pub words: Vec<String>,
    /// Whether it is a pointer, to data or to a function.
    pub pointer: bool,
    /// The widths of a bit-field, as written.
    pub width: Option<String>,
    /// The words of its array lengths.
    pub lengths: Vec<String>,
    /// The macro that declares it.
    pub call: Option<String>,
    /// Whether a union lays a 64-bit integer over it: a pointer that is stored as an address.
    pub over_integer: bool,
}

/// Every struct of a side, and the types that its headers declare.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// Structs and unions, in the order of the headers.
    pub records: Vec<Written>,
    /// The names of structs and unions.
    tags: BTreeSet<String>,
    /// Typedefs and what they mean; a pointer ends with a star.
    typedefs: BTreeMap<String, Vec<String>>,
    /// Macros without arguments.
    macros: BTreeMap<String, Vec<String>>,
}

/// What a field's type is, as far as another kernel cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Its size is the same everywhere, or its layout is checked by itself.
    Fixed,
    /// An address that no other kernel can follow.
    Pointer,
    /// `bool`.
    Bool,
    /// An integer whose width depends on the machine.
    Machine(String),
    /// An enumeration.
    Enum(String),
    /// A lock, a list, a counter: state that only a running kernel uses.
    Object(String),
    /// A set of CPUs or nodes, whose size depends on the configuration.
    Mask(String),
    /// A type that no header of the ABI defines.
    Foreign(String),
}

/// Most tokens of a struct after macro expansion.
const MAX_TOKENS: usize = 1 << 16;
/// Deepest nesting of structs, and of typedefs and macros that refer to each other.
const MAX_DEPTH: usize = 24;

/// Reads the texts of a side.
pub(super) fn read(side: &Side) -> Texts {
    let mut texts = Texts::default();
    for text in side.texts.values() {
        for found in &text.outline.macros {
            // A macro with arguments is expanded where it is called; its body begins with the
            // arguments.
            if !found.body.starts_with('(') || !is_call(&text.outline, &found.name) {
                texts.macros.insert(found.name.clone(), tokens(&found.body));
            }
        }
    }
    for (header, text) in &side.texts {
        let code: Vec<&str> =
            text.outline.code.lines().filter(|line| !line.starts_with('#')).collect();
        let code = tokens(&code.join(" "));
        top_level(header, &code, &mut texts);
    }
    texts
}

/// Whether the directive that defines a macro has an argument list.
fn is_call(outline: &Outline, name: &str) -> bool {
    outline.code.lines().any(|line| {
        let rest = line.strip_prefix("#define ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with('('))
    })
}

/// Words and punctuation; a string is a single token, whatever it contains.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut token = String::from(c);
        if c == '"' || c == '\'' {
            let mut escaped = false;
            for next in chars.by_ref() {
                token.push(next);
                if next == c && !escaped {
                    break;
                }
                escaped = next == '\\' && !escaped;
            }
        } else if is_word_char(c) {
            while let Some(next) = chars.next_if(|next| is_word_char(*next)) {
                token.push(next);
            }
        }
        found.push(token);
    }
    found
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The index after the token that closes the one at `at`.
fn behind(tokens: &[String], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The index after attributes.
fn behind_attributes(tokens: &[String], mut at: usize) -> usize {
    while let Some(word) = tokens.get(at) {
        if !is_attribute(word) {
            break;
        }
        at += 1;
        if tokens.get(at).is_some_and(|token| token == "(") {
            at = behind(tokens, at);
        }
    }
    at
}

fn is_attribute(word: &str) -> bool {
    matches!(word, "__packed" | "__attribute__" | "__attribute" | "__aligned" | "_Alignas")
        || word.starts_with("__counted_by")
        || word.starts_with("____cacheline_aligned")
        || matches!(word, "__user" | "__rcu" | "__iomem" | "__percpu" | "__maybe_unused")
        || matches!(word, "const" | "volatile" | "__nonstring" | "__private")
}

/// The body of a struct, union or enum at `at`: the positions of its tag and its brace.
fn body(tokens: &[String], at: usize) -> Option<(Option<&str>, usize)> {
    if !matches!(tokens.get(at)?.as_str(), "struct" | "union" | "enum") {
        return None;
    }
    let mut next = behind_attributes(tokens, at + 1);
    let mut tag = None;
    if is_name(tokens.get(next)?) {
        tag = Some(tokens[next].as_str());
        next = behind_attributes(tokens, next + 1);
    }
    (tokens.get(next)? == "{").then_some((tag, next))
}

fn top_level(header: &str, code: &[String], texts: &mut Texts) {
    let mut at = 0;
    while at < code.len() {
        let typedef = code[at] == "typedef";
        let start = at + usize::from(typedef);
        if let Some((tag, brace)) = body(code, start) {
            let end = behind(code, brace);
            let stop = code[end..].iter().position(|token| token == ";").map(|n| end + n);
            let stop = stop.unwrap_or(code.len());
            let alias = code[end..stop].iter().rev().find(|t| is_name(t) && !is_attribute(t));
            let alias = alias.filter(|_| typedef).cloned();
            if code[start] == "enum" {
                if let Some(alias) = alias {
                    texts.typedefs.insert(alias, vec!["enum".into()]);
                }
            } else if let Some(name) = tag.map(String::from).or_else(|| alias.clone()) {
                let inner = &code[brace + 1..end.saturating_sub(1).max(brace + 1)];
                let mut expanded = Vec::new();
                expand(inner, &texts.macros, 0, &mut MAX_TOKENS.clone(), &mut expanded);
                let mut fields = Vec::new();
                members(&expanded, "", code[start] == "union", 0, &mut fields);
                texts.tags.insert(name.clone());
                if let Some(alias) = alias {
                    texts.tags.insert(alias);
                }
                texts.records.push(Written { header: header.into(), name, fields });
            }
            at = stop + 1;
        } else if typedef {
            let stop =
                code[at..].iter().position(|token| token == ";").map_or(code.len(), |n| at + n);
            for field in declarators(&code[start..stop], "") {
                let mut words = field.words;
                if field.pointer {
                    words.push("*".into());
                }
                texts.typedefs.insert(field.path, words);
            }
            at = stop + 1;
        } else if code[at] == "{" {
            // Skip the body of a function.
            at = behind(code, at);
        } else {
            at += 1;
        }
    }
}

/// Expands macros that stand for types or fields.
fn expand(
    tokens: &[String],
    macros: &BTreeMap<String, Vec<String>>,
    depth: usize,
    budget: &mut usize,
    out: &mut Vec<String>,
) {
    let mut brackets = 0_usize;
    for token in tokens {
        // Empty macros take time, too.
        let Some(left) = budget.checked_sub(1) else { return };
        *budget = left;
        match token.as_str() {
            "[" => brackets += 1,
            "]" => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        // A length keeps its name, which shows where the length comes from.
        match macros.get(token).filter(|_| brackets == 0 && depth < MAX_DEPTH) {
            Some(stands_for) if !stands_for.contains(token) => {
                expand(stands_for, macros, depth + 1, budget, out);
            }
            _ => out.push(token.clone()),
        }
    }
}

fn members(tokens: &[String], prefix: &str, union: bool, depth: usize, out: &mut Vec<Field>) {
    if depth > MAX_DEPTH {
        return;
    }
    let first = out.len();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let nested = body(tokens, behind_attributes(tokens, at));
        let mut stop = nested.map_or(at, |(_, brace)| behind(tokens, brace));
        while stop < tokens.len() && tokens[stop] != ";" {
            stop = match tokens[stop].as_str() {
                "(" | "[" | "{" => behind(tokens, stop),
                _ => stop + 1,
            };
        }
        let stop = stop.min(tokens.len());
        at = stop + 1;
        let join = |name: &str| match (prefix, name) {
            ("", name) => name.to_string(),
            (prefix, "") => prefix.to_string(),
            (prefix, name) => format!("{prefix}.{name}"),
        };
        let Some((_, brace)) = nested else {
            let group = tokens[start].starts_with("struct_group")
                && tokens.get(start + 1).is_some_and(|token| token == "(");
            if group {
                let end = behind(tokens, start + 1).saturating_sub(1);
                let inner = &tokens[start + 2..end.max(start + 2)];
                // The members follow the last comma before the end of the first member.
                let ends = inner.iter().position(|token| token == ";").unwrap_or(inner.len());
                let begin = inner[..ends].iter().rposition(|token| token == ",");
                let begin = begin.map_or(0, |comma| comma + 1);
                members(&inner[begin..], prefix, false, depth + 1, out);
            } else {
                out.extend(declarators(&tokens[start..stop], prefix));
            }
            continue;
        };
        let end = behind(tokens, brace);
        let keyword = &tokens[behind_attributes(tokens, start)];
        let declared: Vec<String> = std::iter::once("int".to_string())
            .chain(tokens[end.min(stop)..stop].iter().cloned())
            .collect();
        let mut named = declarators(&declared, "");
        if named.is_empty() {
            named.push(Field::default());
        }
        for field in named {
            let path = join(&field.path);
            if field.pointer || keyword == "enum" {
                out.push(Field { path, words: vec![keyword.clone()], ..field });
            } else {
                let inner = &tokens[brace + 1..end.saturating_sub(1).max(brace + 1)];
                members(inner, &path, keyword == "union", depth + 1, out);
            }
        }
    }
    if union {
        let is_wide = |field: &Field| {
            let word = field.words.last().map_or("", String::as_str);
            let wide = ["u64", "__u64", "uint64_t", "phys_addr_t", "s64", "__s64", "__le64"];
            !field.pointer && field.lengths.is_empty() && wide.contains(&word)
        };
        if out[first..].iter().any(is_wide) {
            out[first..].iter_mut().for_each(|field| field.over_integer = true);
        }
    }
}

/// The fields of one declaration: `u32 a, *b[4], c:3`.
fn declarators(tokens: &[String], prefix: &str) -> Vec<Field> {
    let mut plain = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let next = behind_attributes(tokens, at);
        if next == at {
            plain.push(tokens[at].clone());
            at += 1;
        } else {
            at = next;
        }
    }
    let join =
        |name: &str| if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") };
    // A macro that declares something: DECLARE_BITMAP(name, bits).
    if plain.len() > 2 && is_name(&plain[0]) && plain[1] == "(" && plain[2] != "*" {
        let inner = &plain[2..plain.len().saturating_sub(1).max(2)];
        let arguments: Vec<&[String]> = split(inner);
        let call = plain[0].clone();
        let name = |index: usize| arguments.get(index).and_then(|a| a.last()).cloned();
        let (at, words) = match call.as_str() {
            "DECLARE_FLEX_ARRAY" => (1, arguments.first().map(|a| a.to_vec()).unwrap_or_default()),
            _ => (0, Vec::new()),
        };
        let rest = arguments.iter().enumerate().filter(|(index, _)| *index != at);
        let lengths = rest.flat_map(|(_, argument)| argument.iter().cloned()).collect();
        return vec![Field {
            path: join(&name(at).unwrap_or_default()),
            pointer: words.contains(&"*".to_string()),
            words,
            lengths,
            call: Some(call),
            ..Field::default()
        }];
    }
    let mut fields = Vec::new();
    let mut base: Vec<String> = Vec::new();
    for (index, one) in split(&plain).into_iter().enumerate() {
        let end = one.iter().position(|t| matches!(t.as_str(), "[" | ":" | "(" | "="));
        let end = end.unwrap_or(one.len());
        let mut head = &one[..end];
        let mut name = "";
        let mut pointer = head.iter().any(|token| token == "*");
        if one.get(end).is_some_and(|token| token == "(") {
            // void (*name)(int)
            pointer = true;
            name = one[end..].iter().find(|token| is_name(token)).map_or("", String::as_str);
        } else if let Some((last, before)) = head.split_last() {
            // `int :4` has no name.
            let is_field = is_name(last) && (index > 0 || !before.is_empty());
            let bits_alone = one.get(end).is_some_and(|t| t == ":") && is_type_word(last);
            if is_field && !bits_alone {
                (name, head) = (last, before);
            }
        }
        if index == 0 {
            base = head.iter().filter(|token| is_name(token)).cloned().collect();
        }
        let behind_name = &one[end..];
        let width = behind_name.first().filter(|t| *t == ":").and(behind_name.get(1)).cloned();
        let mut lengths = Vec::new();
        let mut brackets = 0_usize;
        for token in behind_name {
            match token.as_str() {
                "[" => brackets += 1,
                "]" => brackets = brackets.saturating_sub(1),
                word if brackets > 0 => lengths.push(word.to_string()),
                _ => {}
            }
        }
        if base.is_empty() {
            continue;
        }
        fields.push(Field {
            path: join(name),
            words: base.clone(),
            pointer,
            width,
            lengths,
            ..Field::default()
        });
    }
    fields
}

fn is_type_word(word: &str) -> bool {
    FIXED.contains(&word) || MACHINE.contains(&word) || INTEGER.contains(&word)
}

/// The parts between commas, outside of parentheses.
fn split(tokens: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < tokens.len() {
        match tokens[at].as_str() {
            "(" | "[" | "{" => at = behind(tokens, at),
            "," => {
                parts.push(&tokens[start..at]);
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    parts.push(&tokens[start.min(tokens.len())..]);
    parts
}

/// The words of C's own integer types, except `long`.
const INTEGER: &[&str] = &["char", "short", "int", "unsigned", "signed"];
/// Types of the kernel that are the same on every 64-bit machine and in every configuration.
const FIXED: &[&str] = &[
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "__u8",
    "__u16",
    "__u32",
    "__u64",
    "__s8",
    "__s16",
    "__s32",
    "__s64",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "u_int8_t",
    "u_int16_t",
    "u_int32_t",
    "u_int64_t",
    "__le16",
    "__le32",
    "__le64",
    "__be16",
    "__be32",
    "__be64",
    "__sum16",
    "__wsum",
    "aligned_u64",
    "__aligned_u64",
    "__aligned_s64",
    "aligned_le64",
    "aligned_be64",
    "loff_t",
    "__kernel_loff_t",
    "uuid_t",
    "guid_t",
    "time64_t",
    "ktime_t",
    "dev_t",
    "umode_t",
    "pid_t",
    "uint",
    "ushort",
    "u_char",
    "u_short",
    "u_int",
    "unchar",
    "char8_t",
    "void",
];
/// Integers whose width depends on the machine or the configuration.
const MACHINE: &[&str] = &[
    "long",
    "ulong",
    "u_long",
    "size_t",
    "ssize_t",
    "uintptr_t",
    "intptr_t",
    "ptrdiff_t",
    "pgoff_t",
    "phys_addr_t",
    "dma_addr_t",
    "resource_size_t",
    "sector_t",
    "blkcnt_t",
    "off_t",
    "time_t",
    "__kernel_size_t",
    "__kernel_long_t",
    "__kernel_ulong_t",
    "compat_ulong_t",
    "clock_t",
    "irq_hw_number_t",
    "pteval_t",
    "pgprotval_t",
];
/// Sets whose size depends on the configuration.
const MASKS: &[&str] = &["cpumask_t", "cpumask", "cpumask_var_t", "nodemask_t"];
/// State that only a running kernel uses, by name.
const OBJECTS: &[&str] = &[
    "mutex",
    "ww_mutex",
    "rt_mutex",
    "rw_semaphore",
    "semaphore",
    "spinlock",
    "spinlock_t",
    "raw_spinlock",
    "raw_spinlock_t",
    "rwlock_t",
    "seqlock_t",
    "seqcount_t",
    "local_lock_t",
    "list_head",
    "hlist_head",
    "hlist_node",
    "llist_head",
    "llist_node",
    "list_lru",
    "rb_node",
    "rb_root",
    "rb_root_cached",
    "xarray",
    "maple_tree",
    "ida",
    "idr",
    "radix_tree_root",
    "kref",
    "refcount_t",
    "refcount_struct",
    "atomic_t",
    "atomic64_t",
    "atomic_long_t",
    "percpu_ref",
    "percpu_counter",
    "completion",
    "wait_queue_head",
    "wait_queue_head_t",
    "swait_queue_head",
    "work_struct",
    "delayed_work",
    "rcu_work",
    "timer_list",
    "hrtimer",
    "rcu_head",
    "callback_head",
    "srcu_struct",
    "kobject",
    "device",
    "page",
    "folio",
    "file",
    "inode",
    "task_struct",
    "mm_struct",
    "lockdep_map",
    "static_key",
];

impl Texts {
    /// What a field's type is.
    pub(super) fn sort(&self, field: &Field, known: &dyn Fn(&str) -> bool) -> Sort {
        if field.pointer {
            return Sort::Pointer;
        }
        if field.call.is_some() && field.words.is_empty() {
            return Sort::Fixed;
        }
        let mut words = field.words.clone();
        for _ in 0..MAX_DEPTH {
            let tagged =
                matches!(words.first().map(String::as_str), Some("struct" | "union" | "enum"));
            let Some(to) = words.last().filter(|_| !tagged).and_then(|w| self.typedefs.get(w))
            else {
                break;
            };
            words.clone_from(to);
        }
        if words.last().is_some_and(|word| word == "*") {
            return Sort::Pointer;
        }
        let has = |list: &[&str]| words.iter().find(|word| list.contains(&word.as_str()));
        let name = words.last().cloned().unwrap_or_default();
        match words.first().map(String::as_str) {
            None => return Sort::Fixed,
            Some("enum") => return Sort::Enum(words.join(" ")),
            _ => {}
        }
        if has(&["bool", "_Bool"]).is_some() {
            Sort::Bool
        } else if has(MASKS).is_some() {
            Sort::Mask(words.join(" "))
        } else if self.tags.contains(&name) {
            Sort::Fixed
        } else if has(OBJECTS).is_some() {
            // Before what is known: that an object's layout is known does not make it the ABI's.
            Sort::Object(words.join(" "))
        } else if known(&name) {
            Sort::Fixed
        } else if has(MACHINE).is_some() {
            // `long long` has 64 bits everywhere.
            match words.iter().filter(|word| *word == "long").count() {
                2.. => Sort::Fixed,
                _ => Sort::Machine(words.join(" ")),
            }
        } else if words.iter().all(|w| FIXED.contains(&w.as_str()) || INTEGER.contains(&w.as_str()))
        {
            Sort::Fixed
        } else {
            Sort::Foreign(words.join(" "))
        }
    }

    /// The words of an array's length, with macros expanded.
    pub(super) fn length(&self, field: &Field) -> Vec<String> {
        let mut all = field.lengths.clone();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut at = 0;
        while at < all.len() && all.len() < 4096 {
            if let Some(body) = self.macros.get(&all[at]).filter(|_| seen.insert(all[at].clone())) {
                all.extend(body.iter().cloned());
            }
            at += 1;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::nothing;

    fn sorts(text: &str) -> Vec<(String, Sort)> {
        let mut side = nothing("x");
        side.add_text("x", "x.h", text);
        let texts = read(&side);
        let fields = texts.records.iter().flat_map(|record| &record.fields);
        fields.map(|field| (field.path.clone(), texts.sort(field, &|_| false))).collect()
    }

    #[test]
    fn fields_are_sorted_by_what_another_kernel_makes_of_them() {
        let text = "#define flag_t bool\n#define MORE u8 more; void *end\n\
            typedef unsigned long word_t;\ntypedef word_t deep_t;\ntypedef struct z *z_ptr;\n\
            typedef enum { A } kind_t;\n\
            typedef struct { struct list_head all; } anonymous_t;\nstruct y { u8 a; };\n\
            struct __packed x {\n\tu32 a, *b[4], c;\n\tvoid (*call)(int);\n\tconst char name[8];\n\
            \tunsigned long long wide;\n\tdeep_t deep;\n\tz_ptr z;\n\tkind_t kind;\n\tenum k named;\n\
            \tanonymous_t own;\n\tstruct y inner;\n\tstruct { union { u64 phys; void *ptr; } at; bool on; } sub;\n\
            \tflag_t flag;\n\tDECLARE_BITMAP(map, NR_CPUS);\n\tstruct kvm_regs regs;\n\tcpumask_t cpus;\n\
            \tu64 bits:3;\n\tspinlock_t lock __aligned(8);\n\tMORE;\n\
            \tstruct_group(both, u16 one; size_t two;);\n\tDECLARE_FLEX_ARRAY(struct page *, pages);\n};";
        let found: BTreeMap<_, _> = sorts(text).into_iter().collect();
        let of =
            |name: &str| found.get(name).unwrap_or_else(|| panic!("{name}: {found:#?}")).clone();
        for name in
            ["a", "c", "name", "wide", "own", "inner", "map", "bits", "more", "one", "sub.at.phys"]
        {
            assert_eq!(of(name), Sort::Fixed, "{name}");
        }
        for name in ["b", "call", "z", "sub.at.ptr", "end", "pages"] {
            assert_eq!(of(name), Sort::Pointer, "{name}");
        }
        assert_eq!(of("deep"), Sort::Machine("unsigned long".into()));
        assert_eq!(of("two"), Sort::Machine("size_t".into()));
        assert_eq!((of("sub.on"), of("flag")), (Sort::Bool, Sort::Bool));
        assert_eq!(of("kind"), Sort::Enum("enum".into()));
        assert_eq!(of("named"), Sort::Enum("enum k".into()));
        assert_eq!(of("regs"), Sort::Foreign("struct kvm_regs".into()));
        assert_eq!(of("cpus"), Sort::Mask("cpumask_t".into()));
        assert_eq!(of("lock"), Sort::Object("spinlock_t".into()));
        assert_eq!(of("all"), Sort::Object("struct list_head".into()));
    }

    #[test]
    fn only_what_a_union_lays_an_integer_over_is_an_address() {
        let mut side = nothing("x");
        let text = "struct x { union { u64 phys; void *ptr; } a; union { u32 n; void *ptr; } b; };";
        side.add_text("x", "x.h", text);
        let texts = read(&side);
        let over = |path: &str| {
            texts.records[0].fields.iter().find(|f| f.path == path).map(|f| f.over_integer)
        };
        assert_eq!((over("a.ptr"), over("b.ptr")), (Some(true), Some(false)));
    }

    #[test]
    fn hostile_text_is_read_as_far_as_it_goes() {
        let deep = format!("struct x {{ {} u8 a; ", "struct {".repeat(500));
        for text in [
            "struct x {",
            "struct x { u8",
            "typedef",
            "typedef struct {",
            "struct x { : ; , ; ( ; };",
            "#define A B\n#define B A\nstruct x { A a; };",
            "struct x { struct_group(; };",
            "struct x { DECLARE_FLEX_ARRAY(; };",
            "struct { } ;",
            "typedef a a;struct x { a b; };",
            &deep,
        ] {
            let _ = sorts(text);
        }
        let chain: Vec<String> =
            (0..40).map(|n| format!("#define M{n} M{0} M{0} M{0}\n", n + 1)).collect();
        for end in ["", "#define M40\n"] {
            let _ = sorts(&format!("{}{end}struct x {{ M0 a; }};", chain.concat()));
        }
    }
}
