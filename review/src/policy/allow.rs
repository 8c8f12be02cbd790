// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The reviewed file of allowances: rule, item, reason, and the last day.
//!
//! ```toml
//! [[allow]]
//! rule = "field_renamed"
//! item = "memfd_luo_ser.padding"
//! reason = "the field was never written, so no kernel can have read it"
//! expires = "2027-03-31"
//! ```
//!
//! An entry that allows nothing is itself a finding: it would silently permit a later change.

use super::{Finding, Level};
use kho_abi_model::rule::Rule;
use serde::Deserialize;

/// Something that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The id of its rule.
    pub rule: String,
    /// The item, as findings name it.
    pub item: String,
    /// Why.
    pub reason: String,
    /// The last day on which it is allowed, as written.
    pub expires: String,
    /// The same, in days since 1970.
    pub expires_day: i64,
    /// Where the entry is.
    pub place: kho_abi_model::Place,
    /// Whether it stands for a tree, and not for one change, which need not use it: `check` of that tree says
    /// what is not needed.
    pub standing: bool,
}

/// Why an allow file is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct AllowError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl AllowError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        "each [[allow]] has rule, item, reason and expires = \"YYYY-MM-DD\"; `kho-abi explain allowance_stale` shows one".into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    allow: Vec<toml::Spanned<Entry>>,
}

/// An entry as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    rule: String,
    item: String,
    reason: String,
    expires: String,
}

/// Reads an allow file; `rules` are all rules that exist.
///
/// # Errors
///
/// The first malformed entry, or a rule that does not exist.
pub fn parse(file: &str, text: &str, rules: &[Rule]) -> Result<Vec<Allowance>, AllowError> {
    let read: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let what = error.message().lines().next().unwrap_or("not TOML").into();
        AllowError { file: file.into(), line, what }
    })?;
    of_entries(file, text, read.allow, rules)
}

/// The line of an offset, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The allowances of a file's entries.
pub(crate) fn of_entries(
    file: &str,
    text: &str,
    entries: Vec<toml::Spanned<Entry>>,
    rules: &[Rule],
) -> Result<Vec<Allowance>, AllowError> {
    let fail = |line: usize, what: String| AllowError { file: file.into(), line, what };
    let mut allowances = Vec::new();
    for entry in entries {
        let line = line_of(text, entry.span().start);
        let Entry { rule, item, reason, expires } = entry.into_inner();
        if rules.iter().all(|known| known.id != rule) {
            return Err(fail(line, format!("unknown rule '{rule}'")));
        }
        if reason.trim().is_empty() {
            return Err(fail(line, "the reason is empty".into()));
        }
        let Some(expires_day) = day(&expires) else {
            return Err(fail(line, format!("invalid date '{expires}': expected YYYY-MM-DD")));
        };
        let place = kho_abi_model::Place { file: file.into(), line };
        allowances.push(Allowance {
            rule,
            item,
            reason,
            expires,
            expires_day,
            place,
            standing: false,
        });
    }
    Ok(allowances)
}

/// Days from 1970-01-01 to a date of the form YYYY-MM-DD.
#[must_use]
pub fn day(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let mut next = |digits: usize| -> Option<i64> {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse().ok())?
    };
    let (year, month, date) = (next(4)?, next(2)?, next(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if parts.next().is_some() || date < 1 || date > length {
        return None;
    }
    // The "days from civil" algorithm: its years begin in March, so that the leap day comes last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + date - 1;
    Some(
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
            - 719_468,
    )
}

/// Which allowances were used.
pub(crate) struct Book<'a> {
    entries: Vec<(&'a Allowance, bool)>,
    today: i64,
}

impl<'a> Book<'a> {
    pub(crate) fn new(allowances: &'a [Allowance], today: i64) -> Self {
        Self { entries: allowances.iter().map(|entry| (entry, false)).collect(), today }
    }

    /// Whether a finding is allowed today. An expired entry counts as used, and is reported.
    pub(crate) fn take(&mut self, rule: &str, item: &str) -> bool {
        let mut allowed = false;
        for (entry, used) in &mut self.entries {
            if entry.rule == rule && entry.item == item && entry.expires_day >= self.today {
                *used = true;
                allowed = true;
            }
        }
        allowed
    }

    /// What allowed nothing, of the rules that are looked for; and what has expired, of all.
    pub(crate) fn stale(self, is_looked_for: impl Fn(&str) -> bool) -> Vec<Finding> {
        let today = self.today;
        let stale = self.entries.into_iter().filter(|(entry, used)| {
            let is_due = is_looked_for(&entry.rule) || entry.expires_day < today;
            !used && !entry.standing && is_due
        });
        stale
            .map(|(entry, _)| {
                let expired = entry.expires_day < self.today;
                let why = if expired {
                    format!("expired after {}", entry.expires)
                } else {
                    "does not match anything in this change".into()
                };
                Finding {
                    rule: "allowance_stale".into(),
                    level: Level::Finding,
                    item: format!("{} {}", entry.rule, entry.item),
                    place: Some(entry.place.clone()),
                    what: format!("the allowance of {} for {} {why}", entry.rule, entry.item),
                    consequences: Vec::new(),
                    contracts: Vec::new(),
                    diff: String::new(),
                    help: "remove the entry, or have a new one reviewed".into(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[allow]]\nrule = \"field_renamed\"\nitem = \"x.a\"\nreason = \"r\"\nexpires = \"2027-03-31\"\n";

    #[test]
    fn entries_are_read_with_their_place() {
        let read =
            parse("allow.toml", &format!("# reviewed\n\n{ENTRY}"), &crate::rules::all()).unwrap();
        assert_eq!((read[0].place.line, read[0].item.as_str()), (3, "x.a"));
        assert_eq!(parse("allow.toml", "", &crate::rules::all()), Ok(vec![]));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused_with_its_line() {
        for (from, to, line, what) in [
            ("field_renamed", "field_named", 1, "unknown rule 'field_named'"),
            ("\"r\"", "\" \"", 1, "the reason is empty"),
            ("2027-03-31", "31.3.2027", 1, "invalid date '31.3.2027': expected YYYY-MM-DD"),
            ("2027-03-31", "2027-02-29", 1, "invalid date '2027-02-29': expected YYYY-MM-DD"),
            ("reason = \"r\"\n", "", 1, "missing field `reason`"),
            (
                "reason",
                "because",
                4,
                "unknown field `because`, expected one of `rule`, `item`, `reason`, `expires`",
            ),
        ] {
            let error = parse("a", &ENTRY.replace(from, to), &crate::rules::all()).unwrap_err();
            assert_eq!((error.line, error.what.as_str()), (line, what));
        }
    }

    #[test]
    fn days_are_counted() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-03-01"), Some(11_017));
        assert_eq!(day("2024-02-29"), Some(19_782));
        assert_eq!(day("2023-02-29"), None);
        assert_eq!(day("2023-13-01"), None);
        assert_eq!(day("2023-1-1"), None);
    }

    #[test]
    fn an_expired_entry_allows_nothing() {
        let entries = parse("a", ENTRY, &crate::rules::all()).unwrap();
        let last = day("2027-03-31").unwrap();
        assert!(Book::new(&entries, last).take("field_renamed", "x.a"));
        assert!(!Book::new(&entries, last + 1).take("field_renamed", "x.a"));
        assert!(!Book::new(&entries, last).take("field_renamed", "x.b"));
        let stale = Book::new(&entries, last + 1).stale(|_| false);
        assert!(stale[0].what.ends_with("expired after 2027-03-31"), "{stale:?}");
    }
}
