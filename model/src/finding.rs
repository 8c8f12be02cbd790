// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One finding, with its rule, its level, its place, its consequences and its remedy.

use crate::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The level of a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// An error: exit status 1.
    Finding,
    /// A consequence of another finding, shown where it matters and counted with that finding.
    Follows,
    /// Worth knowing.
    Note,
    /// A reviewed file allows it.
    Allowed,
    /// A change that comes with a new version.
    Fine,
}

/// One thing found.
///
/// Documents of judgements have it as it is; those of commands that find nothing but what must not be so
/// have it in [`brief`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[schemars(rename = "Event", description = "One thing found.")]
pub struct Finding {
    /// The id of the rule that found it.
    pub rule: String,
    /// Its level.
    pub level: Level,
    /// The stable name of what it is about, as used in the allow file.
    pub item: String,
    /// Where.
    pub place: Option<Place>,
    /// What was found.
    pub what: String,
    /// Its consequences.
    pub consequences: Vec<String>,
    /// The strings that promise what changed, as they are now.
    pub contracts: Vec<String>,
    /// A unified diff that shows it, where that helps: of no judgement.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(skip)]
    pub diff: String,
    /// What to do, in one line.
    pub help: String,
}

impl Finding {
    /// A finding at the level `Finding`, without consequences and without a diff.
    #[must_use]
    pub fn new(
        rule: &str,
        place: impl Into<Place>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            rule: rule.into(),
            level: Level::Finding,
            item: String::new(),
            place: Some(place.into()),
            what: what.into(),
            consequences: Vec::new(),
            contracts: Vec::new(),
            diff: String::new(),
            help: help.into(),
        }
    }

    /// The place, in words; empty if unknown.
    #[must_use]
    pub fn shown_place(&self) -> String {
        self.place.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} [{}]", self.shown_place(), self.what, self.rule)?;
        for consequence in &self.consequences {
            writeln!(f, "  consequence: {consequence}")?;
        }
        for line in self.diff.lines() {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "  help: {}", self.help)
    }
}

/// One thing found wrong.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Finding")]
pub struct Brief<'a> {
    /// The id of the rule that found it.
    rule: &'a str,
    /// The file, with the line if known.
    place: String,
    /// What was found, and what was expected.
    what: &'a str,
    /// Its consequences, one entry each.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    consequences: &'a [String],
    /// A unified diff that shows it, if that helps.
    #[serde(skip_serializing_if = "str::is_empty")]
    diff: &'a str,
    /// What to do, in one line.
    help: &'a str,
}

/// Serialises findings in the form of commands whose findings all have the level `Finding`.
///
/// # Errors
///
/// Errors of the serializer.
pub fn brief<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(|finding| Brief {
        rule: &finding.rule,
        place: finding.shown_place(),
        what: &finding.what,
        consequences: &finding.consequences,
        diff: &finding.diff,
        help: &finding.help,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_written_whole_or_in_brief() {
        #[derive(Serialize)]
        struct Document {
            #[serde(serialize_with = "brief")]
            findings: Vec<Finding>,
        }
        let place = Place { file: "a.h".into(), line: 3 };
        let at_line = Finding { diff: "+x".into(), ..Finding::new("r", &place, "w", "h") };
        let mut whole = Finding::new("r", "a.h", "w", "h");
        whole.consequences.push("c".into());
        let text = serde_json::to_string(&whole).unwrap();
        let expected = "{\"rule\":\"r\",\"level\":\"finding\",\"item\":\"\",\"place\":{\"file\":\"a.h\",\"line\":0},\
                        \"what\":\"w\",\"consequences\":[\"c\"],\"contracts\":[],\"help\":\"h\"}";
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), whole);
        let document = serde_json::to_string(&Document { findings: vec![at_line, whole] }).unwrap();
        let expected = "{\"findings\":[{\"rule\":\"r\",\"place\":\"a.h:3\",\"what\":\"w\",\"diff\":\"+x\",\
                        \"help\":\"h\"},{\"rule\":\"r\",\"place\":\"a.h\",\"what\":\"w\",\"consequences\":[\"c\"],\
                        \"help\":\"h\"}]}";
        assert_eq!(document, expected);
    }
}
