// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Answers the question before a kexec: will the next kernel understand what this one writes?
//!
//! The kernel compares strings exactly and then trusts the bytes. If the next kernel lacks a
//! string, something is lost; the report says what the kernel does about it. If it has the same
//! string for other bytes, nothing else notices.

mod defects;
mod effects;
mod release;

use crate::diff::{compare, open, Comparison, Side, DEVICE_TREE};
use crate::policy::{self, Level, Options, Strictness, Verdict};
pub use defects::RULE as KNOWN_DEFECT;
pub use effects::{on_absence, on_mismatch, Effect};
use kho_abi_model::finding::{self, Finding};
use kho_abi_model::version;
use kho_abi_read::ikconfig::Config;
use kho_abi_read::image;
use kho_abi_read::source::{self, Gap, Kind, SourceError};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::Read as _;
use std::path::Path;

/// A kernel, or a source that describes one.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Types, strings, contracts.
    pub side: Side,
    /// The text of its configuration, if known.
    pub config: Option<String>,
    /// The strings that it claims to understand, if it has such a list.
    pub listed: Option<Vec<String>>,
    /// Its release, as `7.3.4`, if known.
    pub release: Option<String>,
}

/// The first bytes of a file; `None` if it cannot be read.
fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(4096).read_to_end(&mut head).ok()?;
    Some(head)
}

/// The configuration of the running kernel, from the kernel itself or from its installed file.
fn running_config(release: &str) -> Option<String> {
    let packed = std::fs::read("/proc/config.gz").ok();
    let own = packed.and_then(|packed| Some(Config::unpack(&packed)?.text().to_string()));
    let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")];
    own.or_else(|| places.iter().find_map(|place| std::fs::read_to_string(place).ok()))
}

/// What a kernel is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Built {
    /// It has it.
    With,
    /// It does not.
    Without,
    /// Nobody can tell.
    Unknown,
}

/// A configuration option that a part of the handover needs.
struct Feature {
    option: &'static str,
    /// The prefixes of the strings that need it; empty if everything does.
    stems: &'static [&'static str],
    what: &'static str,
}

const FEATURES: &[Feature] = &[
    Feature { option: "CONFIG_KEXEC_HANDOVER", stems: &[], what: "hands memory over" },
    Feature {
        option: "CONFIG_LIVEUPDATE",
        stems: &["luo", "memfd"],
        what: "keeps sessions and files",
    },
    Feature { option: "CONFIG_LIVEUPDATE_MEMFD", stems: &["memfd"], what: "preserves memfds" },
];

impl Kernel {
    /// The kernel that a word on the command line names: an image, a tree, or any other source.
    ///
    /// # Errors
    ///
    /// As [`open::open`].
    pub fn open(word: &str, options: &source::Options) -> Result<Self, SourceError> {
        let path = Path::new(word);
        // A word that is not a file is not an image; the reader of sources reports the error.
        let is_image =
            path.is_file() && first_bytes(path).is_some_and(|head| image::is_image(&head));
        if !is_image {
            let side = open::open(word, options)?;
            let config = std::fs::read_to_string(path.join(".config")).ok();
            let release = release::of_tree(path);
            return Ok(Self { side, config, listed: None, release });
        }
        let image = image::open(path, options)?;
        let mut reading = image.reading;
        reading.name = word.into();
        let config = image.config.map(|config| config.text().to_string());
        let (listed, release) = (image.listed, image.release);
        Ok(Self { side: Side::new(reading), config, listed, release })
    }

    /// The running kernel: its installed image, or its own types and configuration.
    ///
    /// # Errors
    ///
    /// Neither exists, or what exists cannot be read.
    pub fn running(options: &source::Options) -> Result<Self, SourceError> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = release.trim();
        let places = [
            format!("/usr/lib/debug/boot/vmlinux-{release}"),
            format!("/boot/vmlinuz-{release}"),
            format!("/lib/modules/{release}/vmlinuz"),
            "/sys/kernel/btf/vmlinux".into(),
        ];
        let place = places.iter().find(|place| std::fs::File::open(place).is_ok());
        let place = place.ok_or_else(|| SourceError::NotASource {
            name: "--running".into(),
            why: format!("neither an image of {release} nor its types are there to be read"),
            help: "give the kernel's vmlinux or bzImage".into(),
        })?;
        let mut kernel = Self::open(place, options)?;
        kernel.side.reading.name = format!("the running kernel ({release}, {place})");
        kernel.release = Some(release.into());
        if let Some(config) = running_config(release) {
            kernel.config = Some(config);
        }
        Ok(kernel)
    }

    /// Whether it is built with an option.
    #[must_use]
    pub fn built(&self, option: &str) -> Built {
        let Some(config) = &self.config else { return Built::Unknown };
        let set = config.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix('='));
        match set {
            Some("y" | "m") => Built::With,
            _ => Built::Without,
        }
    }

    /// Whether it hands over at all, and how we know.
    fn handover(&self) -> (Built, String) {
        let name = &self.side.reading.name;
        match self.built("CONFIG_KEXEC_HANDOVER") {
            Built::Without => {
                (Built::Without, format!("{name} is built without CONFIG_KEXEC_HANDOVER"))
            }
            Built::With => (Built::With, String::new()),
            Built::Unknown => {
                let contracts = self.side.model().contracts().count();
                let kho = self
                    .side
                    .model()
                    .contracts()
                    .any(|(_, c)| version::stem(&c.compatible) == "kho");
                match self.side.reading.kind {
                    // Headers show that it can be built with KHO, not that it is.
                    Kind::Headers | Kind::Truth | Kind::Snapshots => (Built::With, String::new()),
                    _ if kho => (Built::With, String::new()),
                    _ if contracts == 0 && self.side.reading.knows.strings => (
                        Built::Without,
                        format!(
                            "{name} carries no configuration, and has no string of Kexec HandOver"
                        ),
                    ),
                    _ => (
                        Built::Unknown,
                        format!("{name} carries no configuration, and its strings are not known"),
                    ),
                }
            }
        }
    }
}

/// How one contract fares in the handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The same string, and other bytes: they are believed.
    Dangerous,
    /// Another string, or none: what is handed over under it is lost.
    Lost,
    /// The comparison could not be made.
    Unknown,
    /// The same string and, as far as was checked, the same bytes.
    Understood,
    /// The next kernel has it alone: nothing is handed over.
    OnlyNext,
    /// The next kernel has it; whether the current one does is unknown.
    #[serde(rename = "current_untold")]
    CurrentUnknown,
}

/// An answer about one contract.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ContractAnswer {
    /// What the current kernel writes.
    pub current: Option<String>,
    /// What the next one expects.
    pub next: Option<String>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What the next kernel does with it.
    pub effect: Effect,
    /// What happens, in the field.
    pub happens: String,
    /// How the bytes differ.
    pub evidence: Vec<String>,
    /// What could not be compared of it.
    pub open: Vec<String>,
}

/// What it all comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Some bytes would be taken for others.
    Dangerous,
    /// One of the kernels does not hand over at all.
    NoHandover,
    /// Something is lost.
    Lost,
    /// Something cannot be told.
    Unknown,
    /// All is understood, as far as was checked.
    Understood,
}

impl Outlook {
    /// The outcome in words.
    #[must_use]
    pub fn tell(self) -> &'static str {
        match self {
            Self::Dangerous => "DANGEROUS",
            Self::NoHandover => "no handover",
            Self::Lost => "no",
            Self::Unknown => "unknown",
            Self::Understood => "yes",
        }
    }
}

/// The answer for one pair of kernels.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Answer {
    /// The current kernel.
    pub current: String,
    /// The next one.
    pub next: String,
    /// What it all comes to.
    pub outlook: Outlook,
    /// Why there is no handover; empty where there is.
    pub why: String,
    /// Contract by contract, the worst first.
    pub contracts: Vec<ContractAnswer>,
    /// Features that one side was built without, in sentences.
    pub features: Vec<String>,
    /// Defects that the releases of these kernels are known to have.
    #[serde(serialize_with = "finding::brief")]
    #[schemars(with = "Vec<finding::Brief<'static>>")]
    pub defects: Vec<Finding>,
    /// Defects that they may have, in sentences.
    pub perhaps: Vec<String>,
    /// What was not compared.
    pub not_checked: Vec<Gap>,
}

/// Whether losing this contract loses preserved state. kexec-metadata only feeds a log line, so it
/// does not count.
fn matters(compatible: &str) -> bool {
    version::stem(compatible) != "kexec-metadata"
}

/// The answer for one pair of kernels.
#[must_use]
pub fn answer(current: &Kernel, next: &Kernel) -> Answer {
    let mut answer = Answer {
        current: current.side.reading.name.clone(),
        next: next.side.reading.name.clone(),
        outlook: Outlook::Understood,
        why: String::new(),
        contracts: Vec::new(),
        features: features(current, next),
        defects: Vec::new(),
        perhaps: Vec::new(),
        not_checked: Vec::new(),
    };
    if !both_hand_over(&mut answer, [current, next]) {
        return answer;
    }
    let known = defects::of(current, next);
    if known.apart {
        answer.outlook = Outlook::Dangerous;
    }
    answer.defects = known.findings;
    answer.perhaps = known.doubtful;
    let comparison = compare(&current.side, &next.side);
    // A renamed field does not count: the kernel does not read names.
    let options = Options { strictness: Strictness::Wire, ..Options::default() };
    let report = policy::judge(&comparison, &options);
    answer.not_checked.extend(report.not_checked.iter().cloned());
    let unread = loose(&comparison);
    if !unread.is_empty() {
        answer.outlook = Outlook::Unknown;
        answer.not_checked.extend(unread);
    }
    for contract in &report.contracts {
        let (now, then) = (contract.old.clone(), contract.new.clone());
        let string = now.as_ref().or(then.as_ref()).cloned().unwrap_or_default();
        let listed = |next: &Kernel| next.listed.as_ref().map(|list| list.contains(&string));
        let of_it = report.events.iter().filter(|event| {
            event.level == Level::Finding
                && then.as_ref().is_some_and(|name| event.contracts.contains(name))
        });
        let evidence: Vec<String> = of_it
            .flat_map(|event| std::iter::once(&event.what).chain(&event.consequences).cloned())
            .collect();
        let scheme = contract.scheme.as_deref();
        let (outcome, happens) = match contract.verdict {
            Verdict::BumpMissing => (
                Outcome::Dangerous,
                "the next kernel finds its own string, and reads other fields out of the bytes".into(),
            ),
            Verdict::VersionMissing => (
                Outcome::Dangerous,
                "no version covers it, and the next kernel reads other fields out of the bytes".into(),
            ),
            Verdict::Unchanged => match string_alone(current, next, &contract.open) {
                Some(why) => (Outcome::Unknown, why),
                None => (Outcome::Understood, String::new()),
            },
            Verdict::New => (Outcome::OnlyNext, String::new()),
            Verdict::NotChecked if now.is_none() => (
                Outcome::CurrentUnknown,
                "whether the current kernel has it is unknown".into(),
            ),
            Verdict::NotChecked if then.is_some() => {
                let why = string_alone(current, next, &contract.open);
                (Outcome::Unknown, why.unwrap_or_else(|| "it cannot be compared".into()))
            }
            Verdict::NotChecked => (Outcome::Unknown, "whether the next kernel has it is unknown".into()),
            _ if listed(next) == Some(true) => (
                Outcome::Unknown,
                "the next kernel lists the string among those that it understands; its bytes cannot be compared".into(),
            ),
            Verdict::Removed => (Outcome::Lost, on_absence(&string, scheme).1.into()),
            _ => (Outcome::Lost, on_mismatch(&string, scheme).1.into()),
        };
        // A kernel neither writes nor reads a part that it is built without.
        let (outcome, effect, happens) = match without(current, next, &string) {
            Some(Lacking::Current) => continue,
            Some(Lacking::Next(option)) => {
                let (effect, what) = on_mismatch_without(&string);
                let happens = format!("the next kernel is built without {option}: {what}");
                (Outcome::Lost, effect, happens)
            }
            None if contract.verdict == Verdict::Removed && outcome == Outcome::Lost => {
                (outcome, on_absence(&string, scheme).0, happens)
            }
            None => (outcome, effect_of(outcome, &string, scheme), happens),
        };
        answer.contracts.push(ContractAnswer {
            current: now,
            next: then,
            outcome,
            effect,
            happens,
            evidence: if outcome == Outcome::Dangerous { evidence } else { Vec::new() },
            open: contract.open.clone(),
        });
    }
    answer.contracts.sort_by_key(|contract| contract.outcome);
    answer.outlook = outlook(&answer);
    answer
}

/// Whether both kernels are built with Kexec HandOver, as far as is known; otherwise the answer
/// says why not.
fn both_hand_over(answer: &mut Answer, kernels: [&Kernel; 2]) -> bool {
    for kernel in kernels {
        match kernel.handover() {
            (Built::Without, why) => {
                answer.outlook = Outlook::NoHandover;
                answer.why = why;
                return false;
            }
            (Built::Unknown, why) => {
                answer.outlook = Outlook::Unknown;
                answer.not_checked.push(Gap { item: String::new(), why });
            }
            (Built::With, _) => {}
        }
    }
    true
}

/// Differences, and items not compared, that belong to no contract: no kernel refuses those.
fn loose(comparison: &Comparison<'_>) -> Vec<Gap> {
    let loose =
        comparison.declarations.iter().filter(|change| change.unversioned && !change.is_code);
    let differing = loose.map(|change| Gap {
        item: change.any().title(),
        why: "it changed, and no version covers it".into(),
    });
    comparison.unread.iter().cloned().chain(differing).collect()
}

/// Why an equal string is not enough for a contract whose content was not compared; `None` if it is
/// enough, since only code has the properties of device trees, and no image shows them.
fn string_alone(current: &Kernel, next: &Kernel, open: &[String]) -> Option<String> {
    let open: Vec<_> =
        open.iter().map(String::as_str).filter(|item| *item != DEVICE_TREE).collect();
    if open.is_empty() {
        return None;
    }
    let untyped = [current, next].into_iter().find(|k| k.side.reading.kind == Kind::Strings);
    Some(match untyped {
        Some(kernel) => format!(
            "the string is the same, and nothing else was compared: {} has no types",
            kernel.side.reading.name
        ),
        None => format!("the string is the same; not compared: {}", open.join(", ")),
    })
}

/// Combines the answers about contracts with what was known before.
fn outlook(answer: &Answer) -> Outlook {
    let outlooks = answer.contracts.iter().map(|contract| {
        let matters = [&contract.current, &contract.next].into_iter().flatten().any(|c| matters(c));
        match contract.outcome {
            Outcome::Dangerous => Outlook::Dangerous,
            Outcome::Lost if matters => Outlook::Lost,
            // A contract that may safely be lost may also be unknown.
            Outcome::Unknown | Outcome::CurrentUnknown if matters => Outlook::Unknown,
            _ => Outlook::Understood,
        }
    });
    let outlook = outlooks.fold(answer.outlook, std::cmp::min);
    let compared = answer.contracts.iter().any(|contract| contract.current.is_some());
    // Nothing was compared, so this is not a yes.
    if compared {
        outlook
    } else {
        outlook.min(Outlook::Unknown)
    }
}

/// Which side is built without what a contract needs.
enum Lacking {
    Current,
    Next(&'static str),
}

fn without(current: &Kernel, next: &Kernel, compatible: &str) -> Option<Lacking> {
    let stem = version::stem(compatible);
    let needs = FEATURES.iter().filter(|feature| feature.stems.contains(&stem));
    for feature in needs {
        if current.built(feature.option) == Built::Without {
            return Some(Lacking::Current);
        }
        if next.built(feature.option) == Built::Without {
            return Some(Lacking::Next(feature.option));
        }
    }
    None
}

/// What happens if the next kernel lacks the code that would read it, instead of having another
/// version.
fn on_mismatch_without(compatible: &str) -> (Effect, &'static str) {
    match version::stem(compatible) {
        "luo" | "LUO" => {
            (Effect::Lost, "the next kernel ignores sessions and files, and they are lost")
        }
        _ => on_mismatch(compatible, None),
    }
}

/// What the next kernel does with a contract that has this outcome.
fn effect_of(outcome: Outcome, contract: &str, scheme: Option<&str>) -> Effect {
    match outcome {
        Outcome::Dangerous => Effect::Silent,
        Outcome::Lost => on_mismatch(contract, scheme).0,
        Outcome::Unknown | Outcome::CurrentUnknown => Effect::Unknown,
        Outcome::Understood | Outcome::OnlyNext => Effect::None,
    }
}

fn features(current: &Kernel, next: &Kernel) -> Vec<String> {
    let mut found = Vec::new();
    for Feature { option, what, .. } in FEATURES {
        for kernel in [current, next] {
            if kernel.built(option) == Built::Without {
                let name = &kernel.side.reading.name;
                found.push(format!("{name} is built without {option}, which {what}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_read::source::{Knows, Reading};
    use kho_abi_read::truth;

    fn kernel(name: &str) -> Kernel {
        let mut model = truth::current().unwrap();
        // What is said of these holds whatever the present versions are.
        for version in ["kho-v4", "luo-v5", "memfd-v2", "kexec-metadata-v1", "pci@2"] {
            model.make_version(version);
        }
        let reading = Reading {
            name: name.into(),
            kind: Kind::Truth,
            model,
            knows: Knows::ALL,
            gaps: Vec::new(),
        };
        Kernel { side: Side::new(reading), config: None, listed: None, release: None }
    }

    fn contract<'a>(kernel: &'a mut Kernel, string: &str) -> &'a mut kho_abi_model::Contract {
        let headers = kernel.side.reading.model.headers.iter_mut();
        headers.flat_map(|h| &mut h.contracts).find(|c| c.compatible == string).unwrap()
    }

    fn of<'a>(answer: &'a Answer, string: &str) -> &'a ContractAnswer {
        answer.contracts.iter().find(|c| c.current.as_deref() == Some(string)).unwrap()
    }

    #[test]
    fn the_same_kernel_is_understood() {
        let answer = answer(&kernel("a"), &kernel("b"));
        assert_eq!(answer.outlook, Outlook::Understood, "{answer:?}");
        assert!(answer.contracts.iter().all(|c| c.outcome == Outcome::Understood));
    }

    #[test]
    fn the_same_string_with_other_bytes_is_dangerous() {
        let mut next = kernel("b");
        let items = next.side.reading.model.headers.iter_mut().flat_map(|h| &mut h.items);
        for item in items {
            if let kho_abi_model::Item::Record(record) = item {
                if record.name == "memfd_luo_ser" {
                    let mut field = record.fields[0].clone();
                    field.name = "more".into();
                    field.bit_offset = record.size * 8;
                    record.size += 8;
                    record.fields.push(field);
                }
            }
        }
        let answer = answer(&kernel("a"), &next);
        assert_eq!(answer.outlook, Outlook::Dangerous);
        let memfd = of(&answer, "memfd-v2");
        assert_eq!(memfd.outcome, Outcome::Dangerous);
        assert!(memfd.evidence[0].contains("`more` is new"), "{memfd:?}");
        assert_eq!(of(&answer, "kho-v4").outcome, Outcome::Understood);
    }

    #[test]
    fn another_string_is_a_loss_in_the_kernels_words() {
        for (string, other, words) in [
            ("kho-v4", "kho-v5", "ignores the handover"),
            ("luo-v5", "luo-v6", "panics at boot"),
            ("memfd-v2", "memfd-v3", "ENOENT"),
        ] {
            let mut next = kernel("b");
            contract(&mut next, string).compatible = other.into();
            let answer = answer(&kernel("a"), &next);
            assert_eq!(answer.outlook, Outlook::Lost, "{string}");
            let lost = of(&answer, string);
            assert_eq!((lost.outcome, lost.next.as_deref()), (Outcome::Lost, Some(other)));
            assert!(lost.happens.contains(words), "{lost:?}");
        }
        // Not knowing the previous kernel loses no preserved state.
        let mut next = kernel("b");
        let metadata = contract(&mut next, "kexec-metadata-v1");
        metadata.version = Some(2);
        metadata.compatible = "kexec-metadata-v2".into();
        assert_eq!(answer(&kernel("a"), &next).outlook, Outlook::Understood);
    }

    #[test]
    fn a_kernel_without_handover_is_never_compatible() {
        let config = |text: &str| Kernel { config: Some(text.into()), ..kernel("b") };
        let off = config("# CONFIG_KEXEC_HANDOVER is not set\nCONFIG_KEXEC_HANDOVERX=y\n");
        for (current, next) in [(&kernel("a"), &off), (&off, &kernel("a"))] {
            let answer = answer(current, next);
            assert_eq!(answer.outlook, Outlook::NoHandover);
            assert!(answer.why.contains("CONFIG_KEXEC_HANDOVER"), "{}", answer.why);
        }
        let no_memfd = config("CONFIG_KEXEC_HANDOVER=y\nCONFIG_LIVEUPDATE=y\n");
        let answered = answer(&kernel("a"), &no_memfd);
        assert_eq!(answered.outlook, Outlook::Lost);
        assert!(of(&answered, "memfd-v2").happens.contains("CONFIG_LIVEUPDATE_MEMFD"));
        assert_eq!(answer(&no_memfd, &kernel("a")).outlook, Outlook::Understood);
    }

    #[test]
    fn a_string_that_is_listed_and_not_laid_out_is_unknown() {
        let mut next = kernel("b");
        contract(&mut next, "memfd-v2").compatible = "memfd-v3".into();
        next.listed = Some(vec!["memfd-v2".into(), "memfd-v3".into()]);
        let answer = answer(&kernel("a"), &next);
        assert_eq!(of(&answer, "memfd-v2").outcome, Outcome::Unknown);
        assert_eq!(answer.outlook, Outlook::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_no_yes() {
        let mut next = kernel("b");
        let headers = next.side.reading.model.headers.iter_mut();
        for header in headers {
            header.items.retain(|item| item.name() != "memfd_luo_folio_ser");
        }
        let gap = Gap { item: "memfd_luo_folio_ser".into(), why: "it is odd".into() };
        next.side.reading.gaps.push(gap);
        let answer = answer(&kernel("a"), &next);
        assert_eq!(of(&answer, "memfd-v2").outcome, Outcome::Unknown);
        assert_eq!(answer.outlook, Outlook::Unknown);
    }

    #[test]
    fn a_field_that_grew_counts_though_what_it_embeds_cannot_be_read() {
        let mut next = kernel("b");
        for header in &mut next.side.reading.model.headers {
            header.items.retain(|item| item.name() != "kho_vmalloc");
            for item in &mut header.items {
                let kho_abi_model::Item::Record(record) = item else { continue };
                if let Some(field) = record.fields.iter_mut().find(|f| f.name == "folios") {
                    field.bit_size += 64;
                    record.size += 8;
                }
            }
        }
        let gap = Gap { item: "kho_vmalloc".into(), why: "it is odd".into() };
        next.side.reading.gaps.push(gap);
        let answer = answer(&kernel("a"), &next);
        let memfd = of(&answer, "memfd-v2");
        assert_eq!(memfd.outcome, Outcome::Dangerous, "{answer:#?}");
        assert!(memfd.evidence[0].contains("field `folios` embeds"), "{memfd:?}");
    }

    /// A kernel known only by its image, which does not contain the number of the kexec metadata.
    fn image(name: &str) -> Kernel {
        let mut kernel = kernel(name);
        kernel.side.reading.kind = Kind::Btf;
        kernel.side.reading.knows.absence = false;
        kernel.side.reading.knows.macros = false;
        for header in &mut kernel.side.reading.model.headers {
            header.contracts.retain(|contract| contract.string().is_some());
            for contract in header.contracts.iter_mut().filter(|c| c.version.is_some()) {
                contract.version = None;
                contract.compatible = contract.string().unwrap().into();
            }
        }
        kernel
    }

    /// The same kernel without the state of the PCI core.
    fn without_pci(mut kernel: Kernel) -> Kernel {
        kernel.side.reading.model.headers.retain(|header| header.name != "pci");
        kernel
    }

    #[test]
    fn what_an_image_does_not_tell_is_said_and_not_made_up() {
        let (kernel, image) = (|n: &str| without_pci(kernel(n)), |n: &str| without_pci(image(n)));
        let from_image = answer(&image("a"), &kernel("b"));
        assert_eq!(from_image.outlook, Outlook::Understood);
        let metadata = from_image.contracts.iter().find(|c| c.current.is_none()).unwrap();
        assert_eq!(metadata.outcome, Outcome::CurrentUnknown, "{metadata:?}");
        let to_image = answer(&kernel("a"), &image("b"));
        assert_eq!(of(&to_image, "kexec-metadata-v1").outcome, Outcome::Unknown);
        // Nothing preserved is lost with the metadata.
        assert_eq!(to_image.outlook, Outlook::Understood);
        let mut without_memfd = image("b");
        for header in &mut without_memfd.side.reading.model.headers {
            header.contracts.retain(|contract| contract.compatible != "memfd-v2");
        }
        assert_ne!(answer(&kernel("a"), &without_memfd).outlook, Outlook::Understood);
    }

    #[test]
    fn a_release_with_a_known_defect_is_a_finding_and_one_in_doubt_is_said() {
        let of = |current: &str, next: &str| {
            let release = |name: &str| Kernel { release: Some(name.into()), ..kernel(name) };
            answer(&release(current), &release(next))
        };
        let clean = of("7.3.4", "7.3.5");
        assert!(clean.defects.is_empty() && clean.perhaps.is_empty(), "{clean:?}");
        let defects = of("6.19.4", "7.3.4").defects;
        assert!(defects.iter().any(|d| d.help.contains("7e04bf1f3315")), "{defects:?}");
        assert!(defects
            .iter()
            .all(|d| d.rule == KNOWN_DEFECT.id && d.shown_place().contains("6.19.4")));
        assert!(of("7.3.4", "7.2.1").perhaps.iter().any(|p| p.contains("3a0b8fa2eb36")));
        // The same string, whose meaning changed between two stable releases.
        for (current, next, outlook) in [
            ("6.17.8", "6.17.9", Outlook::Dangerous),
            ("6.17.9", "6.17.8", Outlook::Dangerous),
            ("6.17.8", "6.17.4", Outlook::Understood),
            ("6.17.9", "6.18.2", Outlook::Understood),
        ] {
            assert_eq!(of(current, next).outlook, outlook, "{current} {next}");
        }
        assert!(answer(&kernel("a"), &kernel("b")).defects.is_empty());
    }

    #[test]
    fn a_number_that_differs_is_not_merely_lost() {
        for (name, effect) in [("pci", Effect::Panics), ("iommu-liveupdate", Effect::Refused)] {
            let with = |number: u64| {
                let mut kernel = kernel("a");
                let found = contract(&mut kernel, "memfd-v2");
                found.compatible = format!("{name}@{number}");
                found.version = Some(number);
                found.name = Some(kho_abi_model::NameMacro {
                    macro_name: "X_COMPATIBLE".into(),
                    value: name.into(),
                });
                kernel
            };
            let answer = answer(&with(1), &with(2));
            assert_eq!(of(&answer, &format!("{name}@1")).effect, effect, "{answer:?}");
            assert_eq!(answer.outlook, Outlook::Lost);
        }
    }

    #[test]
    fn a_name_without_the_number_beside_it_is_no_yes_and_no_loss() {
        for (current, next) in
            [(image("a"), kernel("b")), (kernel("a"), image("b")), (image("a"), image("b"))]
        {
            let answer = answer(&current, &next);
            let pci = answer.contracts.iter().find(|c| c.open == ["PCI_LUO_FLB_VERSION"]);
            let pci = pci.unwrap_or_else(|| panic!("{answer:#?}"));
            assert_eq!(pci.outcome, Outcome::Unknown, "{pci:?}");
            assert!(pci.happens.contains("PCI_LUO_FLB_VERSION"), "{pci:?}");
            assert_eq!(answer.outlook, Outlook::Unknown);
        }
    }

    #[test]
    fn a_contract_that_the_next_kernel_does_not_have_makes_it_not_panic() {
        let before = without_pci(kernel("7.3"));
        let back = answer(&kernel("a"), &before);
        let pci = of(&back, "pci@2");
        assert_eq!(
            (pci.outcome, pci.effect, back.outlook),
            (Outcome::Lost, Effect::Lost, Outlook::Lost)
        );
        assert!(pci.happens.contains("does not look for it"), "{pci:?}");
        let forth = answer(&before, &kernel("b"));
        let pci = forth.contracts.iter().find(|c| c.next.as_deref() == Some("pci@2")).unwrap();
        assert_eq!((pci.outcome, forth.outlook), (Outcome::OnlyNext, Outlook::Understood));
    }

    #[test]
    fn nothing_compared_is_no_yes() {
        let mut empty = kernel("a");
        empty.side.reading.model.headers.clear();
        assert_eq!(answer(&empty, &kernel("b")).outlook, Outlook::Unknown);
    }
}
