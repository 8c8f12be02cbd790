// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a message's diff does to files.

use super::mail::Message;
use super::{PatchError, MAX_LINES};
use kho_abi_show::names;

/// A patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Its subject, without the tag at its beginning; empty for a bare diff.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// Its number in its series, and the length of the series.
    pub number: Option<(u32, u32)>,
    /// The rest of the tag in its subject.
    pub tag: Tag,
    /// The mail that it came with, for a reply.
    pub mail: Mail,
    /// What it does to files, in the order of the diff.
    pub files: Vec<FilePatch>,
    /// Which series of the input it belongs to, from 0. Only patches of one series answer for each other.
    pub series: usize,
}

/// The content of a subject's tag: `[PATCH v2 RESEND]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// The version of the series, in thousandths: 1000 by default, 2000 for `v2`.
    pub version: u32,
    /// Whether it is sent again.
    pub is_resent: bool,
    /// Whether it answers another mail: `Re:`.
    pub is_reply: bool,
}

impl Tag {
    /// The version as it is written.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.version % 1000 {
            0 => format!("v{}", self.version / 1000),
            minor => format!("v{}.{minor}", self.version / 1000),
        }
    }
}

/// What a reply needs to know about a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The subject as it was sent.
    pub subject: String,
    /// The date that the mail states; empty if it has none.
    pub date: String,
    /// The date in seconds since 1970.
    pub time: i64,
    /// Its id, without angle brackets; empty if it has none.
    pub id: String,
    /// The ids of the mails that it answers, the nearest last.
    pub references: Vec<String>,
    /// The id that versions of a series share, as b4 writes it.
    pub change_id: Option<String>,
}

/// What a patch does to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePatch {
    /// The old path; `None` if the file is new.
    pub old: Option<String>,
    /// The new path; `None` if the file is removed.
    pub new: Option<String>,
    /// What changes in it.
    pub hunks: Vec<Hunk>,
    /// Whether the diff does not show its content.
    pub binary: bool,
    /// Whether the old file stays.
    pub is_copy: bool,
    /// The id of the old content, as far as git prints it.
    pub old_id: String,
}

/// Lines that change together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The first line in the old file, from 1; 0 in an empty file.
    pub old_start: usize,
    /// The first line in the new file.
    pub new_start: usize,
    /// What git prints after the numbers: an earlier line that begins a declaration.
    pub heading: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a hunk, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The line exists before and after.
    Context(String),
    /// The line exists only before.
    Removed(String),
    /// The line exists only after.
    Added(String),
}

impl Hunk {
    /// The lines, without the mark of what became of them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| match line {
            Line::Context(text) | Line::Removed(text) | Line::Added(text) => text.as_str(),
        })
    }

    /// The lines that are new or gone.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| match line {
            Line::Context(_) => None,
            Line::Removed(text) | Line::Added(text) => Some(text.as_str()),
        })
    }

    /// The text before or after.
    #[must_use]
    pub fn text(&self, after: bool) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let (Line::Context(text) | Line::Removed(text) | Line::Added(text)) = line;
            let shown = match line {
                Line::Context(_) => true,
                Line::Removed(_) => !after,
                Line::Added(_) => after,
            };
            if shown {
                out.push_str(text);
                out.push('\n');
            }
        }
        out
    }
}

impl Patch {
    /// The subject with the number first.
    #[must_use]
    pub fn title(&self) -> String {
        let subject = if self.subject.is_empty() { "patch" } else { &self.subject };
        match self.number {
            Some((number, of)) => format!("[{number}/{of}] {subject}"),
            None => subject.into(),
        }
    }
}

/// The patch of a message, without the changes of files.
pub(super) fn envelope(message: &Message) -> Patch {
    let (subject, number, tag) = subject(&message.subject);
    let mut lines = message.bodies.iter().flat_map(|text| text.lines());
    let change_id = lines.find_map(|line| line.strip_prefix("change-id: ")).map(str::trim);
    let mail = Mail {
        subject: message.subject.clone(),
        date: message.date.clone(),
        time: message.time,
        id: message.id.clone(),
        references: message.references.clone(),
        change_id: change_id.map(Into::into),
    };
    Patch {
        subject,
        author: message.author.clone(),
        number,
        tag,
        mail,
        files: Vec::new(),
        series: 0,
    }
}

/// Parses what the diff in a text does to files.
pub(super) fn parse(name: &str, subject: &str, text: &str) -> Result<Vec<FilePatch>, PatchError> {
    let lines: Vec<&str> = text.split('\n').collect();
    if lines.len() > MAX_LINES {
        let (what, limit) = ("the number of a message's lines", MAX_LINES);
        return Err(PatchError::TooMuch { name: name.into(), what, limit });
    }
    let mut files: Vec<FilePatch> = Vec::new();
    // For each file: the line where it begins, and whether hunks have to follow.
    let mut begun: Vec<(usize, bool)> = Vec::new();
    // Whether the names of the last file may still follow.
    let mut open = false;
    let fail = |at: usize, what: String| PatchError::Malformed {
        name: name.into(),
        message: if subject.is_empty() { "patch".into() } else { subject.into() },
        line: at + 1,
        what,
    };
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if let Some(names) = line.strip_prefix("diff --git ") {
            let (old, new) = git_names(names).unwrap_or_default();
            files.push(FilePatch { old, new, ..FilePatch::default() });
            begun.push((at, true));
            open = true;
        } else if let Some(path) =
            line.strip_prefix("diff --cc ").or_else(|| line.strip_prefix("diff --combined "))
        {
            // A combined diff of a merge: it has several old sides.
            let path = Some(names::of_git(path.trim()));
            let (old, new) = (path.clone(), path);
            files.push(FilePatch { old, new, binary: true, ..FilePatch::default() });
            begun.push((at, false));
            open = false;
            at += 1;
            while lines.get(at).is_some_and(|line| !line.starts_with("diff --")) {
                at += 1;
            }
            continue;
        } else if let (true, Some(file), Some((_, needs_hunks))) =
            (open, files.last_mut(), begun.last_mut())
        {
            extended(line, file, needs_hunks);
        }
        let next = lines.get(at + 1).and_then(|next| next.strip_prefix("+++ "));
        if let (Some(old), Some(new)) = (line.strip_prefix("--- "), next) {
            let (old, new) = (side(old), side(new));
            match files.last_mut() {
                Some(file) if open => {
                    // The first line of a git diff is ambiguous if names contain blanks.
                    file.old = old;
                    file.new = new;
                }
                _ => {
                    files.push(FilePatch { old, new, ..FilePatch::default() });
                    begun.push((at, true));
                }
            }
            if let Some((_, needs_hunks)) = begun.last_mut() {
                *needs_hunks = true;
            }
            open = false;
            at += 2;
            continue;
        }
        if let Some(range) = line.strip_prefix("@@ -") {
            let Some(file) = files.last_mut() else {
                return Err(fail(at, "a hunk before any file".into()));
            };
            open = false;
            let ((old_start, old_len), (new_start, new_len)) =
                ranges(range).ok_or_else(|| fail(at, format!("not a hunk's head: `{line}`")))?;
            let (hunk_lines, next) =
                hunk(&lines, at + 1, old_len, new_len).map_err(|(at, what)| fail(at, what))?;
            // What stands right behind a hunk and is neither a signature nor the next file.
            let is_more = |line: &&str| {
                line.starts_with('+')
                    || line.starts_with('-') && !line.starts_with("--")
                    || line.starts_with([' ', '\t']) && !line.trim().is_empty()
            };
            if lines.get(next).is_some_and(is_more) {
                return Err(fail(next, "the hunk has more lines than its head states".into()));
            }
            let begins =
                |start: usize, len: usize| if len == 0 { start.saturating_add(1) } else { start };
            file.hunks.push(Hunk {
                old_start: begins(old_start, old_len),
                new_start: begins(new_start, new_len),
                heading: range.split_once(" @@").map_or("", |(_, after)| after).trim().into(),
                lines: hunk_lines,
            });
            at = next;
            continue;
        }
        at += 1;
    }
    let is_cut = |(file, (_, needs_hunks)): &(&FilePatch, (usize, bool))| {
        *needs_hunks && file.hunks.is_empty() && !file.binary
    };
    if let Some((file, (at, _))) = files.iter().zip(begun).find(is_cut) {
        let path = file.new.as_ref().or(file.old.as_ref()).map_or("a file", String::as_str);
        return Err(fail(at, format!("the changes of {path} are missing")));
    }
    Ok(files)
}

/// Reads a line of git's extended header of a file.
fn extended(line: &str, file: &mut FilePatch, needs_hunks: &mut bool) {
    let alone = ["new file mode", "deleted file mode", "old mode", "similarity index"];
    if alone.iter().any(|word| line.starts_with(word)) {
        *needs_hunks = false;
    }
    if line.starts_with("new file mode") {
        file.old = None;
    } else if line.starts_with("deleted file mode") {
        file.new = None;
    } else if let Some(from) = line.strip_prefix("rename from ") {
        file.old = Some(names::of_git(from));
    } else if let Some(to) = line.strip_prefix("rename to ") {
        file.new = Some(names::of_git(to));
    } else if let Some(from) = line.strip_prefix("copy from ") {
        file.old = Some(names::of_git(from));
        file.is_copy = true;
    } else if let Some(to) = line.strip_prefix("copy to ") {
        file.new = Some(names::of_git(to));
    } else if let Some((old_id, new_id)) =
        line.strip_prefix("index ").and_then(|ids| ids.split_once(".."))
    {
        file.old_id = old_id.into();
        // Content follows, unless it is that of an empty file, or of one that is deleted.
        let is_empty = [old_id, new_id].iter().any(|id| id.starts_with(EMPTY_ID));
        *needs_hunks = !is_empty && file.new.is_some();
    } else if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
        file.binary = true;
    }
}

/// How git's id of an empty file begins.
const EMPTY_ID: &str = "e69de29";

/// The lines of a hunk, as many as its header states, and the index after them.
fn hunk(
    lines: &[&str],
    mut at: usize,
    mut old_left: usize,
    mut new_left: usize,
) -> Result<(Vec<Line>, usize), (usize, String)> {
    let mut found = Vec::new();
    while old_left > 0 || new_left > 0 {
        let Some(line) = lines.get(at) else {
            return Err((at, "the patch ends inside a hunk".into()));
        };
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (sign, text) = match line.split_at_checked(1) {
            Some((sign, text)) => (sign, text),
            // Some mailers strip the blank of an empty context line.
            None => (" ", ""),
        };
        let (old, new) = match sign {
            " " | "\t" => (1, 1),
            "-" => (1, 0),
            "+" => (0, 1),
            "\\" => (0, 0),
            _ => return Err((at, format!("expected a line of the hunk, found `{line}`"))),
        };
        if old > old_left || new > new_left {
            return Err((at, "the lines of the hunk do not match its head".into()));
        }
        old_left -= old;
        new_left -= new;
        match sign {
            " " => found.push(Line::Context(text.into())),
            // A tab instead of a blank: the blank was stripped.
            "\t" => found.push(Line::Context(line.into())),
            "-" => found.push(Line::Removed(text.into())),
            "+" => found.push(Line::Added(text.into())),
            _ => {}
        }
        at += 1;
    }
    Ok((found, at))
}

/// `12,3 +14,5 @@ context`
fn ranges(text: &str) -> Option<((usize, usize), (usize, usize))> {
    let (old, rest) = text.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        let (start, len) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse().ok()?, len.parse().ok()?))
    };
    Some((range(old)?, range(new)?))
}

/// `a/x b/x`, either in quotes
fn git_names(names: &str) -> Option<(Option<String>, Option<String>)> {
    let at = names.find(" b/").or_else(|| names.find(" \"b/"))?;
    Some((side(&names[..at]), side(&names[at + 1..])))
}

/// The file of one side, without its first directory; `None` for /dev/null.
///
/// diff(1) says with the first day of all time that a side does not exist.
fn side(text: &str) -> Option<String> {
    let day = text.split('\t').nth(1).unwrap_or_default();
    if day.starts_with("1970-01-01 ") || day.starts_with("1969-12-31 ") {
        return None;
    }
    let text = names::of_git(text.split('\t').next().unwrap_or_default().trim());
    let path = text.strip_prefix("a/").or_else(|| text.strip_prefix("b/")).unwrap_or(&text);
    (text != "/dev/null").then(|| path.into())
}

/// Splits a subject into its tag and the rest: `Re: [PATCH v2 3/7] x`.
fn subject(text: &str) -> (String, Option<(u32, u32)>, Tag) {
    let mut rest = text.trim();
    let mut number = None;
    let mut tag = Tag { version: 1000, ..Tag::default() };
    loop {
        if let Some((words, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            for word in words.split([' ', '\t', ',']) {
                if let Some((a, b)) = word.split_once('/') {
                    if let (Ok(a), Ok(b)) = (a.parse(), b.parse()) {
                        number = Some((a, b));
                    }
                } else if let Some(version) = version(word) {
                    tag.version = version;
                } else if word.eq_ignore_ascii_case("resend") {
                    tag.is_resent = true;
                }
            }
            rest = after.trim_start();
            continue;
        }
        let prefix = ["re:", "aw:", "fwd:", "fw:"].into_iter().find(|prefix| {
            rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        });
        let Some(prefix) = prefix else { break };
        tag.is_reply |= matches!(prefix, "re:" | "aw:");
        rest = rest[prefix.len()..].trim_start();
    }
    (rest.into(), number, tag)
}

/// `v2`, `V2.1` or `PATCHv2`, in thousandths.
fn version(word: &str) -> Option<u32> {
    let word = word.to_ascii_lowercase();
    let digits = word.strip_prefix("patch").unwrap_or(&word).strip_prefix('v')?;
    let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    (major < 1_000_000 && minor < 1000).then(|| major * 1000 + minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Patch, PatchError> {
        let subject = "[PATCH v2 3/7] x: y".into();
        let mut patch = envelope(&Message { subject, ..Message::default() });
        patch.files = parse("f", &patch.subject, text)?;
        Ok(patch)
    }

    #[test]
    fn files_and_hunks_are_read() {
        let patch = read(
            "prose\n---\n a | 2 +-\n\ndiff --git a/n.h b/n.h\nnew file mode 100644\n--- /dev/null\n+++ b/n.h\n\
             @@ -0,0 +1,2 @@\n+one\n+two\ndiff --git a/a.h b/a.h\n--- a/a.h\n+++ b/a.h\n@@ -2,3 +2,3 @@ struct\n \
             a\n-b\n+c\n\n-- \n2.40\n",
        )
        .unwrap();
        assert_eq!((patch.title().as_str(), patch.number), ("[3/7] x: y", Some((3, 7))));
        let [new, changed] = &patch.files[..] else { panic!("{patch:?}") };
        assert_eq!((&new.old, new.new.as_deref()), (&None, Some("n.h")));
        assert_eq!(new.hunks[0].text(true), "one\ntwo\n");
        assert_eq!(changed.hunks[0].text(false), "a\nb\n\n");
        assert_eq!(changed.hunks[0].text(true), "a\nc\n\n");
        assert_eq!((new.hunks[0].old_start, changed.hunks[0].old_start), (1, 2));
    }

    #[test]
    fn tags_are_read_in_every_order() {
        for (text, number, version, resent, reply) in [
            ("[PATCH] x", None, 1000, false, false),
            ("[PATCH v2 RESEND 1/3] x", Some((1, 3)), 2000, true, false),
            ("[RFC PATCHv3 02/12] x", Some((2, 12)), 3000, false, false),
            ("[list] [PATCH 1/2 V4] x", Some((1, 2)), 4000, false, false),
            ("[v5.1,3/4] x", Some((3, 4)), 5001, false, false),
            ("Re: [PATCH v2] x", None, 2000, false, true),
            ("RE: AW: [PATCH v2] x", None, 2000, false, true),
            ("[RESEND] x", None, 1000, true, false),
        ] {
            let tag = Tag { version, is_resent: resent, is_reply: reply };
            assert_eq!(subject(text), ("x".into(), number, tag), "{text}");
        }
    }

    #[test]
    fn copies_merges_and_ids_are_told() {
        let patch = read(
            "diff --git a/x.h b/y.h\nsimilarity index 90%\ncopy from x.h\ncopy to y.h\n\
             index 0123456..89abcde 100644\n--- a/x.h\n+++ b/y.h\n@@ -1 +1 @@\n-a\n+b\n\
             diff --cc z.h\nindex 1,2..3\n--- a/z.h\n+++ b/z.h\n@@@ -1 -1 +1 @@@\n- a\n -b\n++c\n",
        )
        .unwrap();
        let [copy, merged] = &patch.files[..] else { panic!("{patch:?}") };
        assert!(copy.is_copy && copy.old_id == "0123456");
        assert!(merged.binary && merged.new.as_deref() == Some("z.h"));
    }

    #[test]
    fn renames_and_removals_are_told() {
        let patch = read(
            "diff --git a/x y.h b/z.h\nsimilarity index 90%\nrename from x y.h\nrename to z.h\n\
             diff --git a/g.h b/g.h\ndeleted file mode 100644\n--- a/g.h\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        )
        .unwrap();
        assert_eq!(patch.files[0].old.as_deref(), Some("x y.h"));
        assert_eq!(patch.files[0].new.as_deref(), Some("z.h"));
        assert_eq!((patch.files[1].old.as_deref(), &patch.files[1].new), (Some("g.h"), &None));
    }

    #[test]
    fn a_file_without_hunks_may_be_whole() {
        for text in [
            "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
            "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n",
            "diff --git a/x b/x\ndeleted file mode 100644\nindex 0123456..0000000\n",
            "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
            "diff --git a/x b/x\nindex 0123456..89abcde 100644\nBinary files a/x and b/x differ\n",
        ] {
            assert_eq!(read(text).unwrap().files.len(), 1, "{text}");
        }
        // diff(1) names a file that does not exist, of the first day.
        let text = "--- a/x.h\t1970-01-01 00:00:00.000000000 +0000\n\
                    +++ b/x.h\t2026-11-29 16:49:40.983480422 +0000\n@@ -0,0 +1 @@\n+x\n";
        assert_eq!(read(text).unwrap().files[0].old, None);
    }

    #[test]
    fn counts_are_held_to_the_lines() {
        for (text, line, what) in [
            ("@@ -1 +1 @@\n", 1, "a hunk before any file"),
            ("--- a\n+++ b\n@@ -1,2 +1 @@\n a\n", 5, "the lines of the hunk do not match its head"),
            ("--- a\n+++ b\n@@ -1,2 +1,2 @@\n a", 5, "the patch ends inside a hunk"),
            (
                "--- a\n+++ b\n@@ -1 +1 @@\n-a\n-b\n",
                5,
                "the lines of the hunk do not match its head",
            ),
            ("--- a\n+++ b\n@@ -x +1 @@\n", 3, "not a hunk's head: `@@ -x +1 @@`"),
            ("--- a\n+++ b\n@@ -1 +1 @@\n> a\n", 4, "expected a line of the hunk, found `> a`"),
            (
                "--- a\n+++ b\n@@ -1,99999999999999999999 +1 @@\n",
                3,
                "not a hunk's head: `@@ -1,99999999999999999999 +1 @@`",
            ),
            (
                "--- a\n+++ b\n@@ -1 +1 @@\n a\n+b\n",
                5,
                "the hunk has more lines than its head states",
            ),
            (
                "--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n \tc;\n+d\n",
                6,
                "the hunk has more lines than its head states",
            ),
            ("text\n\n--- a\n+++ b\n a\n+b\n", 3, "the changes of b are missing"),
            ("diff --git a/x.h b/x.h\n", 1, "the changes of x.h are missing"),
            (
                "diff --git a/x.h b/x.h\nindex 0123456..89abcde 100644\n",
                1,
                "the changes of x.h are missing",
            ),
        ] {
            let Err(PatchError::Malformed { line: at, what: said, .. }) = read(text) else {
                panic!("{text}");
            };
            assert_eq!((at, said.as_str()), (line, what), "{text}");
        }
    }
}
