// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Code outside of the ABI headers that is related to the handover.
//!
//! Only what headers declare is compared, not what code writes to preserved memory. A patch that
//! changes such code is therefore reported as not judged, and never as fine.

use super::used::{identifiers_of, Used};
use super::{spoken, Unjudged};
use crate::patch::{FilePatch, Hunk, Line};
use kho_abi_model::Place;
use kho_abi_read::git::history::is_abi_header;
use std::collections::BTreeSet;

/// How a change of code is related to the handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// It is code of the handover.
    Code,
    /// It declares or writes what is handed over: a struct, a compatible string, a device tree.
    Wire,
    /// It declares what ABI headers are made with.
    Used,
}

/// Words in the names of files that say nothing of whose state they handle.
const OF_MANY: &[&str] =
    &["luo", "kho", "liveupdate", "live", "update", "kexec", "handover", "core"];

/// The suffixes of code files.
const CODE: &[&str] = &["c", "h", "rs", "S", "inc"];

/// A change of code that is related to the handover.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    touch: Touch,
    place: Place,
    /// The name of its file without an ending, and the identifiers of the changed lines.
    name: String,
    identifiers: BTreeSet<String>,
}

impl Touched {
    /// Whether a version that changes in a header covers it: the file has the header's name, apart from
    /// words that many files have, or the header declares what its changed lines name.
    pub(super) fn is_covered_by(&self, header: &str, declared: &BTreeSet<&str>) -> bool {
        let mut own: Vec<&str> = self.name.split('_').collect();
        own.retain(|word| !OF_MANY.contains(word));
        let own = own.join("_");
        // Of a header with such a name alone, all that begins with it.
        let is_own = own == header
            || header.split('_').all(|word| OF_MANY.contains(&word))
                && format!("{}_", self.name).starts_with(&format!("{header}_"));
        self.touch == Touch::Code
            && (is_own || self.identifiers.iter().any(|name| declared.contains(name.as_str())))
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The event for code that is not judged.
    pub(super) fn unjudged(self) -> Unjudged {
        let check = "check what the code writes and reads; declare it in include/linux/kho/abi";
        let (what, help) = match self.touch {
            Touch::Code => (
                "handover code changes, but no version that covers it does: what it hands over was \
                 not compared"
                    .into(),
                check,
            ),
            Touch::Wire => (
                "code outside the ABI headers declares or writes what is handed over: it was not \
                 compared"
                    .into(),
                check,
            ),
            Touch::Used => {
                let names: Vec<_> = self.identifiers.iter().map(String::as_str).collect();
                let (s, it) = if names.len() == 1 { ("s", "it") } else { ("", "them") };
                let names = names.join(", ");
                (
                    format!(
                        "{names} change{s}, and ABI headers use {it}: what that does to their \
                         layouts was not compared"
                    ),
                    "compare the trees without and with the patch: kho-abi diff OLD NEW",
                )
            }
        };
        Unjudged {
            rule: "code_not_judged",
            item: self.place.file.clone(),
            place: Some(self.place),
            what,
            help: help.into(),
        }
    }
}

/// A patch's change of a file, if it is related to the handover.
pub(super) fn touch(file: &FilePatch, used: &Used) -> Option<Touched> {
    let path = file.new.as_ref().or(file.old.as_ref())?;
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    // Programs outside of the kernel hand nothing over.
    let is_program = ["tools/", "samples/", "scripts/"].iter().any(|dir| path.starts_with(dir));
    if !CODE.contains(&end) || is_program || is_abi_header(path) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.split('.').next().unwrap_or(name).to_ascii_lowercase().replace('-', "_");
    // What a header declares is handed over wherever the header is.
    if file.old.as_ref().is_some_and(|old| is_abi_header(old)) && !file.is_copy {
        let place = Place { file: path.clone(), line: 1 };
        let identifiers = BTreeSet::new();
        return Some(Touched { touch: Touch::Wire, place, name, identifiers });
    }
    if end == "h" {
        let (mut names, mut line) = (BTreeSet::new(), None);
        for hunk in &file.hunks {
            let changed = used.changed(hunk);
            if !changed.is_empty() {
                line.get_or_insert_with(|| first_change(hunk));
                names.extend(changed);
            }
        }
        if let Some(line) = line {
            let place = Place { file: path.clone(), line };
            return Some(Touched { touch: Touch::Used, place, name, identifiers: names });
        }
    }
    let speaks = |text: &str| words(text).any(|word| is_handover(&word));
    let (mut found, mut is_ours): (Option<(Touch, Place)>, bool) = (None, speaks(path));
    // Most patches of a list have no word of it: what they change need not be taken apart.
    let speaking: Vec<bool> =
        file.hunks.iter().map(|hunk| speaks(&hunk.heading) || hunk.texts().any(speaks)).collect();
    if !is_ours && !speaking.contains(&true) {
        return None;
    }
    let mut identifiers = BTreeSet::new();
    for (hunk, speaks) in file.hunks.iter().zip(speaking) {
        let [before, after] = [false, true].map(|side| spoken::effects(&hunk.text(side)));
        if before == after {
            continue;
        }
        is_ours |= speaks;
        identifiers.extend(hunk.changed().flat_map(identifiers_of).map(String::from));
        let place = Place { file: path.clone(), line: first_change(hunk) };
        let touch = if writes_wire(hunk) { Touch::Wire } else { Touch::Code };
        if found.as_ref().is_none_or(|(other, _)| *other == Touch::Code && touch == Touch::Wire) {
            found = Some((touch, place));
        }
    }
    let (touch, place) = found.filter(|_| is_ours)?;
    Some(Touched { touch, place, name, identifiers })
}

/// The line after the patch where a hunk first changes something.
fn first_change(hunk: &Hunk) -> usize {
    let kept = hunk.lines.iter().take_while(|line| matches!(line, Line::Context(_))).count();
    hunk.new_start.saturating_add(kept).max(1)
}

/// Whether a hunk changes the declaration or the writing of bytes that are handed over.
fn writes_wire(hunk: &Hunk) -> bool {
    let heading = hunk.heading.trim_end();
    let mut in_struct = heading.starts_with("struct ") && heading.ends_with('{');
    for line in &hunk.lines {
        let (text, changed) = match line {
            Line::Context(text) => (text, false),
            Line::Removed(text) | Line::Added(text) => (text, true),
        };
        let opens = text.starts_with("struct ") && text.trim_end().ends_with('{');
        in_struct |= opens && words(text).any(|word| is_serialized(&word));
        if text.starts_with(['}', '{']) {
            if changed && text.contains("__packed") {
                return true;
            }
            in_struct = false;
        }
        if changed
            && (in_struct
                && (text.trim_end().ends_with([';', '{'])
                    || words(heading).chain(words(text)).any(|word| is_serialized(&word)))
                || text.contains("__packed")
                || text.contains("COMPATIBLE") && text.trim_start().starts_with('#')
                || text.contains("compatible") && text.contains('"')
                || words(text).any(|word| {
                    [
                        "fdt_property",
                        "fdt_begin_node",
                        "fdt_end_node",
                        "fdt_setprop",
                        "fdt_add_subnode",
                    ]
                    .iter()
                    .any(|call| word.starts_with(call))
                }))
        {
            return true;
        }
    }
    false
}

/// The words of a line of code, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    identifiers_of(text).map(str::to_ascii_lowercase)
}

/// Whether an identifier belongs to the handover: by a part of it, as in
/// `vfio_pci_liveupdate_init`.
fn is_handover(word: &str) -> bool {
    let has = |part: &str| word.split('_').any(|other| other == part);
    has("kho")
        || has("luo")
        || has("khoser")
        || word.contains("liveupdate")
        || word.contains("live_update")
        || word.contains("kexec_handover")
        || is_serialized(word)
}

/// Whether an identifier is the name of something serialised.
fn is_serialized(word: &str) -> bool {
    word.strip_suffix("_ser").is_some_and(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch;

    fn touched(path: &str, hunk: &str) -> Option<Touch> {
        let text = format!("--- a/{path}\n+++ b/{path}\n{hunk}");
        let patches = patch::read("x", text.as_bytes()).unwrap();
        let used =
            Used::of(["u8 name[N_MAX]; struct in_it e; struct other *p; word_t w;"].into_iter());
        touch(&patches[0].files[0], &used).map(|touched| touched.touch)
    }

    #[test]
    fn code_of_the_handover_is_told_from_other_code() {
        let call = "@@ -1,2 +1,2 @@ int f(void)\n-\tluo_add(a);\n+\tluo_add(b);\n \treturn 0;\n";
        assert_eq!(touched("mm/x.c", call), Some(Touch::Code));
        assert_eq!(touched("Documentation/x.rst", call), None);
        assert_eq!(touched("tools/testing/selftests/liveupdate/x.c", call), None);
        let other = "@@ -1 +1 @@\n-\tf(a);\n+\tf(b);\n";
        assert_eq!(touched("mm/x.c", other), None);
        assert_eq!(touched("kernel/liveupdate/x.c", other), Some(Touch::Code));
        assert_eq!(touched("mm/lufs.c", other), None);
        let comment = "@@ -1 +1 @@\n-/* luo_a */\n+/* luo_b */\n";
        assert_eq!(touched("mm/x.c", comment), None);
        // A line that begins with a star is code where the line before it is.
        let product = "@@ -1,2 +1,2 @@\n \tluo_size = n\n-\t\t* 8;\n+\t\t* 16;\n";
        assert_eq!(touched("mm/x.c", product), Some(Touch::Code));
        let moved = "@@ -1,3 +1,3 @@\n #ifdef CONFIG_X\n-\tluo_a(ser);\n #endif\n+\tluo_a(ser);\n";
        assert_eq!(touched("mm/x.c", moved), Some(Touch::Code));
    }

    #[test]
    fn the_version_of_another_part_does_not_cover_a_file() {
        let covers = |path: &str, header: &str| {
            let hunk = "@@ -1,2 +1,2 @@ kho_f\n-\tkho_a(a);\n+\tkho_a(b);\n \treturn 0;\n";
            let text = format!("--- a/{path}\n+++ b/{path}\n{hunk}");
            let patches = patch::read("x", text.as_bytes()).unwrap();
            let touched = touch(&patches[0].files[0], &Used::of(["u8 a;"].into_iter())).unwrap();
            touched.is_covered_by(header, &BTreeSet::new())
        };
        for (path, header, is_covered) in [
            ("mm/memfd_luo.c", "memfd", true),
            ("mm/memfd_luo.c", "luo", false),
            ("mm/guest_memfd_luo.c", "memfd", false),
            ("drivers/vfio/pci/vfio_pci_liveupdate.c", "vfio_pci", true),
            ("drivers/vfio/pci/vfio_pci_liveupdate.c", "pci", false),
            ("kernel/liveupdate/luo_session.c", "luo", true),
            ("kernel/liveupdate/luo_core.c", "luo", true),
            ("kernel/liveupdate/kexec_handover.c", "kexec_handover", true),
            ("kernel/liveupdate/kexec_handover.c", "luo", false),
            ("mm/memblock.c", "memblock", true),
        ] {
            assert_eq!(covers(path, header), is_covered, "{path}, {header}");
        }
    }

    #[test]
    fn what_abi_headers_use_is_told_from_other_declarations() {
        let used = [
            "@@ -1 +1 @@\n-#define N_MAX 64\n+#define N_MAX 128\n",
            "@@ -1 +1,3 @@\n+#ifdef CONFIG_X\n #define N_MAX 64\n+#endif\n",
            "@@ -1 +1 @@\n-\tN_MAX = 64,\n+\tN_MAX = 65,\n",
            "@@ -1,2 +1,3 @@\n enum {\n+\tFIRST,\n \tN_MAX,\n",
            "@@ -1 +1 @@\n-typedef u32 word_t;\n+typedef u64 word_t;\n",
            "@@ -1,3 +1,4 @@\n struct in_it {\n+\tu8 more;\n \tu8 a;\n };\n",
            "@@ -9,0 +10 @@ struct in_it {\n+\tu8 more;\n",
        ];
        for hunk in used {
            assert_eq!(touched("include/linux/x.h", hunk), Some(Touch::Used), "{hunk}");
            assert_eq!(touched("drivers/x.c", hunk), None, "{hunk}");
        }
        for hunk in [
            "@@ -1,2 +1,2 @@\n #define N_MAX 64\n-#define N_MIN 1\n+#define N_MIN 2\n",
            "@@ -1 +1 @@\n-#define N_MAX 64\n+#define N_MAX 64 /* bytes */\n",
            "@@ -1,3 +1,4 @@\n struct other {\n+\tu8 more;\n \tu8 a;\n };\n",
            "@@ -1 +1 @@\n-int f(word_t w);\n+int f(word_t w, int n);\n",
        ] {
            assert_eq!(touched("include/linux/x.h", hunk), None, "{hunk}");
        }
    }

    #[test]
    fn what_is_handed_over_is_told_from_what_uses_it() {
        for (path, hunk) in [
            ("mm/x.c", "@@ -9,0 +10 @@ struct x_ser {\n+\tu8 more;\n"),
            ("mm/x.c", "@@ -1,3 +1,4 @@\n struct x_ser {\n \tu32 a;\n+\tu8 more;\n };\n"),
            ("kernel/liveupdate/x.c", "@@ -4 +4 @@\n-} __packed;\n+};\n"),
            ("mm/x.c", "@@ -1,2 +1,2 @@ kho_save\n-\tfdt_property(fdt, \"size\", &a, 8);\n+\tfdt_property(fdt, \"size\", &a, 4);\n }\n"),
            ("kernel/kho.c", "@@ -1 +1 @@\n-#define X_COMPATIBLE \"x-v1\"\n+#define X_COMPATIBLE \"x-v2\"\n"),
        ] {
            assert_eq!(touched(path, hunk), Some(Touch::Wire), "{hunk}");
        }
    }
}
