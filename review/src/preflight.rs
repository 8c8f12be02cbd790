// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Answers the question before a kexec: will the next kernel understand what this one writes?
//!
//! The kernel compares strings exactly and then trusts the bytes. If the next kernel lacks a
//! string, something is lost; the report says what the kernel does about it. If it has the same
//! string for other bytes, nothing else notices.

mod carriers;
mod defects;
mod effects;
mod release;
mod rows;

use crate::diff::{compare, open, Comparison, Side};
use crate::policy::{self, Options, Strictness};
pub use defects::RULE as KNOWN_DEFECT;
pub use effects::{on_absence, on_mismatch, Effect};
use kho_abi_model::finding::{self, Finding};
use kho_abi_model::version;
use kho_abi_read::ikconfig::Config;
use kho_abi_read::image;
use kho_abi_read::source::{self, Gap, Kind, SourceError};
use kho_abi_show::names;
use rows::Asked;
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
    /// The machine that it is for, as `x86_64`, if it says so.
    pub machine: Option<String>,
    /// The file that it was read from, if that is not its name.
    pub file: Option<String>,
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
        let path = names::path(word);
        let path = path.as_path();
        // A word that is not a file is not an image; the reader of sources reports the error.
        let is_image =
            path.is_file() && first_bytes(path).is_some_and(|head| image::is_image(&head));
        if !is_image {
            let side = open::open(word, options)?;
            let config = std::fs::read_to_string(path.join(".config")).ok();
            let release = release::of_tree(path);
            return Ok(Self { side, config, listed: None, release, machine: None, file: None });
        }
        let image = image::open(path, options)?;
        let mut reading = image.reading;
        reading.name = word.into();
        let config = image.config.map(|config| config.text().to_string());
        let (listed, release, machine) = (image.listed, image.release, image.machine);
        let side = open::of_reading(reading, options)?;
        Ok(Self { side, config, listed, release, machine, file: None })
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
            why: format!("neither an image of {release} nor its types were found"),
            help: "give the kernel's vmlinux or bzImage".into(),
        })?;
        let mut kernel = Self::open(place, options)?;
        kernel.side.reading.name = "the running kernel".into();
        kernel.file = Some(place.clone());
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
                let contracts = || self.side.model().contracts().map(|(_, contract)| contract);
                let has_strings = contracts().any(|contract| contract.string().is_some());
                let kho = contracts().any(|c| version::stem(&c.compatible) == "kho");
                match self.side.reading.kind {
                    // Headers show that it can be built with KHO, not that it is.
                    Kind::Headers | Kind::Truth | Kind::Snapshots => (Built::With, String::new()),
                    _ if kho => (Built::With, String::new()),
                    _ if !has_strings && self.side.reading.knows.strings => (
                        Built::Without,
                        format!(
                            "{name} contains neither a configuration nor a string of Kexec HandOver"
                        ),
                    ),
                    Kind::Btf | Kind::Dwarf if self.side.model().records().next().is_none() => {
                        (Built::Without, format!("{name} does not have the types of Kexec HandOver"))
                    }
                    _ => (
                        Built::Unknown,
                        format!(
                            "{name} is BTF, which has neither a configuration nor strings: give the \
                             kernel's vmlinux or bzImage"
                        ),
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
    /// The same string, but other bytes: they are trusted.
    Dangerous,
    /// Another string, or none: what is handed over is lost.
    Lost,
    /// The contract could not be compared.
    Unknown,
    /// The same string and, as far as was checked, the same bytes.
    Understood,
    /// Only the next kernel has it: nothing is handed over.
    OnlyNext,
    /// The next kernel has it; unknown whether the current one does.
    #[serde(rename = "current_untold")]
    CurrentUnknown,
}

/// An answer about one contract.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ContractAnswer {
    /// What the current kernel writes.
    pub current: Option<String>,
    /// What the next kernel expects.
    pub next: Option<String>,
    /// What happens to the contract.
    pub outcome: Outcome,
    /// What the next kernel does with it.
    pub effect: Effect,
    /// What happens when the machine updates.
    pub happens: String,
    /// How the bytes differ.
    pub evidence: Vec<String>,
    /// What could not be compared.
    pub open: Vec<String>,
}

/// The overall answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Some bytes would be misread.
    Dangerous,
    /// The next kernel panics at boot: the machine is lost, with all that was handed over.
    Panics,
    /// One of the kernels has no handover.
    NoHandover,
    /// Something is lost.
    Lost,
    /// Something is unknown.
    Unknown,
    /// Everything is understood, but a release has a known defect, or may have one.
    Defective,
    /// Everything is understood, as far as was checked.
    Understood,
}

impl Outlook {
    /// The outcome in words.
    #[must_use]
    pub fn tell(self) -> &'static str {
        match self {
            Self::Dangerous => "DANGEROUS",
            Self::Panics => "PANICS",
            Self::NoHandover => "no handover",
            Self::Lost => "no",
            Self::Unknown => "unknown",
            Self::Defective | Self::Understood => "yes",
        }
    }
}

impl Answer {
    /// The outcome in words, with the defects that go with a yes.
    #[must_use]
    pub fn tell(&self) -> String {
        let word = self.outlook.tell();
        let count =
            |count: usize| format!("{count} known defect{}", if count == 1 { "" } else { "s" });
        match (self.outlook, self.defects.len(), self.perhaps.len()) {
            (Outlook::Defective, 0, perhaps) => format!("{word}, perhaps with {}", count(perhaps)),
            (Outlook::Defective, known, 0) => format!("{word}, with {}", count(known)),
            (Outlook::Defective, known, perhaps) => {
                format!("{word}, with {}, and perhaps {perhaps} more", count(known))
            }
            _ => word.into(),
        }
    }
}

/// The answer for one pair of kernels.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Answer {
    /// The current kernel.
    pub current: String,
    /// The next kernel.
    pub next: String,
    /// The file that the current kernel was read from, if that is not its name.
    pub current_file: Option<String>,
    /// The release of the current kernel, such as `7.3.4-amd64`, if it says so.
    pub current_release: Option<String>,
    /// The release of the next kernel.
    pub next_release: Option<String>,
    /// The overall answer.
    pub outlook: Outlook,
    /// Why there is no handover; empty if there is one.
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

/// The answer for one pair of kernels.
#[must_use]
pub fn answer(current: &Kernel, next: &Kernel) -> Answer {
    let mut answer = Answer {
        current: current.side.reading.name.clone(),
        next: next.side.reading.name.clone(),
        current_file: current.file.clone(),
        current_release: current.release.clone(),
        next_release: next.release.clone(),
        outlook: Outlook::Understood,
        why: String::new(),
        contracts: Vec::new(),
        features: features(current, next),
        defects: Vec::new(),
        perhaps: Vec::new(),
        not_checked: Vec::new(),
    };
    if let Some(why) = other_machine(current, next) {
        answer.outlook = Outlook::NoHandover;
        answer.why = why;
        return answer;
    }
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
    // A renamed field moves no bytes: what it means is each contract's question.
    let options = Options { strictness: Strictness::Wire, ..Options::default() };
    let report = policy::judge(&comparison, &options);
    answer.not_checked.extend(report.not_checked.iter().cloned());
    let unread = loose(&comparison);
    if !unread.is_empty() {
        answer.outlook = Outlook::Unknown;
        answer.not_checked.extend(unread);
    }
    let asked = Asked { current, next, comparison: &comparison, report: &report };
    answer.contracts = (0..report.contracts.len()).filter_map(|index| asked.row(index)).collect();
    carriers::apply(&mut answer.contracts);
    answer.contracts.sort_by_key(|contract| (contract.outcome, contract.effect != Effect::Panics));
    answer.outlook = outlook(&answer);
    answer
}

/// Why kernels of two machines do not follow each other.
fn other_machine(current: &Kernel, next: &Kernel) -> Option<String> {
    let (now, then) = (current.machine.as_ref()?, next.machine.as_ref()?);
    let [a, b] = [current, next].map(|kernel| &kernel.side.reading.name);
    (now != then).then(|| format!("{a} is for {now}, but {b} is for {then}: it cannot start there"))
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

impl ContractAnswer {
    /// Whether something preserved is lost together with it.
    #[must_use]
    pub fn matters(&self) -> bool {
        [&self.current, &self.next].into_iter().flatten().any(|string| rows::matters(string))
    }
}

/// Combines the answers about contracts with what was known before.
fn outlook(answer: &Answer) -> Outlook {
    let outlooks = answer.contracts.iter().map(|contract| match contract.outcome {
        Outcome::Dangerous => Outlook::Dangerous,
        Outcome::Lost if contract.effect == Effect::Panics => Outlook::Panics,
        Outcome::Lost if contract.matters() => Outlook::Lost,
        // What is unknown is no yes, even of a contract whose loss would not count.
        Outcome::Unknown | Outcome::CurrentUnknown => Outlook::Unknown,
        Outcome::Lost | Outcome::Understood | Outcome::OnlyNext => Outlook::Understood,
    });
    let outlook = outlooks.fold(answer.outlook, std::cmp::min);
    let compared = answer.contracts.iter().any(|contract| contract.current.is_some());
    // Nothing was compared, so this is not a yes.
    let outlook = if compared { outlook } else { outlook.min(Outlook::Unknown) };
    if answer.defects.is_empty() && answer.perhaps.is_empty() {
        outlook
    } else {
        outlook.min(Outlook::Defective)
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
    use crate::diff::VERSION_NUMBER;
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
        Kernel {
            side: Side::new(reading),
            config: None,
            listed: None,
            release: None,
            machine: None,
            file: None,
        }
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
            let outlook = if string == "luo-v5" { Outlook::Panics } else { Outlook::Lost };
            assert_eq!(answer.outlook, outlook, "{string}");
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
        let reading = kernel.side.reading;
        kernel.side = open::of_reading(reading, &source::Options::default()).unwrap();
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
        assert_eq!(from_image.outlook, Outlook::Understood, "{from_image:#?}");
        let metadata = of(&from_image, "kexec-metadata");
        assert_eq!(metadata.outcome, Outcome::Understood, "{metadata:?}");
        assert_eq!(metadata.open, [VERSION_NUMBER]);
        let to_image = answer(&kernel("a"), &image("b"));
        assert_eq!(of(&to_image, "kexec-metadata-v1").outcome, Outcome::Understood);
        assert_eq!(to_image.outlook, Outlook::Understood, "{to_image:#?}");
        // An image without types does not say whether it has them.
        let mut bare = image("b");
        bare.side.reading.kind = Kind::Strings;
        bare.side.reading.model.headers.retain(|header| header.name != "kexec_metadata");
        let to_bare = answer(&kernel("a"), &bare);
        assert_eq!(of(&to_bare, "kexec-metadata-v1").outcome, Outcome::Unknown);
        assert_eq!(to_bare.outlook, Outlook::Unknown);
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
        let perhaps = of("7.3.4", "7.2.1");
        assert!(perhaps.perhaps.iter().any(|p| p.contains("3a0b8fa2eb36")), "{perhaps:?}");
        // Neither is a plain yes.
        assert_eq!((clean.outlook, clean.tell().as_str()), (Outlook::Understood, "yes"));
        assert_eq!(perhaps.outlook, Outlook::Defective);
        assert!(perhaps.tell().starts_with("yes, perhaps with "), "{}", perhaps.tell());
        let known = of("6.19.4", "7.3.4");
        assert_eq!(known.outlook, Outlook::Defective);
        assert_eq!(known.tell(), format!("yes, with {} known defects", known.defects.len()));
        // The same string, whose meaning changed between two stable releases.
        for (current, next, outlook) in [
            ("6.17.8", "6.17.9", Outlook::Dangerous),
            ("6.17.9", "6.17.8", Outlook::Dangerous),
            // The next kernel may have others.
            ("6.17.8", "6.17.4", Outlook::Defective),
            ("6.17.9", "6.18.2", Outlook::Defective),
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
            let panics = effect == Effect::Panics;
            let outlook = if panics { Outlook::Panics } else { Outlook::Lost };
            assert_eq!(answer.outlook, outlook);
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
    fn metadata_that_only_its_struct_shows_is_compared_by_it() {
        let image = |n: &str| without_pci(image(n));
        let same = answer(&image("a"), &image("b"));
        assert_eq!(same.outlook, Outlook::Understood, "{same:#?}");
        assert_eq!(of(&same, "kexec-metadata").outcome, Outcome::Understood, "{same:#?}");
        // The number may have changed with the struct: no image says so.
        let mut wider = image("b");
        for item in wider.side.reading.model.headers.iter_mut().flat_map(|h| &mut h.items) {
            let kho_abi_model::Item::Record(record) = item else { continue };
            if record.name == "kho_kexec_metadata" {
                record.size += 7;
            }
        }
        for (current, next) in [(&image("a"), &wider), (&wider, &without_pci(kernel("b")))] {
            let answer = answer(current, next);
            let metadata = of(&answer, "kexec-metadata");
            assert_eq!(metadata.outcome, Outcome::Unknown, "{metadata:?}");
            assert!(metadata.evidence.iter().any(|what| what.contains("80")), "{metadata:?}");
            assert_eq!(answer.outlook, Outlook::Unknown);
        }
        // Types show what the code uses.
        let mut without = image("b");
        without.side.reading.model.headers.retain(|header| header.name != "kexec_metadata");
        let gone = answer(&image("a"), &without);
        assert_eq!(of(&gone, "kexec-metadata").outcome, Outcome::Lost);
        assert_eq!(gone.outlook, Outlook::Understood, "{gone:#?}");
        let new = answer(&without, &image("b"));
        let row = new.contracts.iter().find(|c| c.current.is_none()).unwrap();
        assert_eq!((row.outcome, new.outlook), (Outcome::OnlyNext, Outlook::Understood));
        assert!(row.happens.contains("no code for it"), "{row:?}");
    }

    #[test]
    fn a_renamed_field_is_no_yes() {
        let mut next = kernel("b");
        let items = next.side.reading.model.headers.iter_mut().flat_map(|h| &mut h.items);
        for item in items {
            let kho_abi_model::Item::Record(record) = item else { continue };
            for field in record.fields.iter_mut().filter(|field| field.name == "seals") {
                field.name = "count".into();
            }
        }
        for (now, then) in [(&kernel("a"), &next), (&next, &kernel("a"))] {
            let answer = answer(now, then);
            let memfd = of(&answer, "memfd-v2");
            assert_eq!((memfd.outcome, answer.outlook), (Outcome::Unknown, Outlook::Unknown));
            let said =
                memfd.evidence.iter().any(|what| what.contains("seals") && what.contains("count"));
            assert!(said, "{memfd:?}");
            assert_eq!(of(&answer, "luo-v5").outcome, Outcome::Understood);
        }
    }

    #[test]
    fn a_kernel_of_another_machine_is_never_a_yes() {
        let of = |machine: Option<&str>| Kernel { machine: machine.map(Into::into), ..kernel("a") };
        let (x86, arm, any) = (of(Some("x86_64")), of(Some("arm64")), of(None));
        let answered = answer(&x86, &arm);
        assert_eq!(answered.outlook, Outlook::NoHandover);
        assert!(answered.why.contains("is for x86_64, but a is for arm64"), "{}", answered.why);
        assert_eq!(answer(&x86, &x86).outlook, Outlook::Understood);
        // A tree is for any machine.
        assert_eq!(answer(&arm, &any).outlook, Outlook::Understood);
    }

    #[test]
    fn nothing_compared_is_no_yes() {
        let mut empty = kernel("a");
        empty.side.reading.model.headers.clear();
        assert_eq!(answer(&empty, &kernel("b")).outlook, Outlook::Unknown);
    }
}
