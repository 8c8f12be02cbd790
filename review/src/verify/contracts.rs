// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares one contract after the other: the version that the source has, and whether it keeps its
//! promises.

use super::differences::{Difference, Differences};
use super::pages::{Comparable, Pages};
use super::{Checked, Compared, Truth, Verdict};
use kho_abi_model::compare::{self, Change, RecordChange, Scope};
use kho_abi_model::finding::Finding;
use kho_abi_model::version::{name, numbered};
use kho_abi_model::{Contract, Header, Item, Model, Record};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::{Gap, Kind, Knows, Reading};
use kho_abi_read::truth::TruthError;
use std::borrow::Cow;

/// A source that is being compared with the truth.
pub(super) struct Check<'a> {
    truth: &'a Truth,
    reading: &'a Reading,
    page_size: Option<u64>,
    pages: &'a Pages<'a>,
    checked: Vec<Checked>,
    differences: Differences,
}

/// The result of comparing a contract.
#[derive(Default)]
struct Outcome {
    compared: Compared,
    not_checked: Vec<Gap>,
    /// What the source has but does not show.
    not_read: Vec<Gap>,
    /// What a source of this kind would show, and this one lacks.
    missing: Vec<Gap>,
    differences: Vec<Difference>,
}

impl Outcome {
    fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether what was compared is as the layout says, and something was.
    fn fits(&self) -> bool {
        self.is_equal() && self.compared.anything() && self.not_read.is_empty()
    }

    fn verdict(&self) -> Verdict {
        match (self.is_equal(), self.fits()) {
            (false, _) => Verdict::Different,
            (true, true) if self.missing.is_empty() => Verdict::Equal,
            (true, true) => Verdict::Partly,
            (true, false) => Verdict::NotCheckable,
        }
    }

    fn not_checked(&mut self, item: &str, why: impl Into<String>) {
        self.not_checked.push(Gap { item: item.into(), why: why.into() });
    }

    /// Whether an item is compared, by what is known of its page size; if not, it is listed.
    fn takes(&mut self, item: &str, comparable: Comparable) -> bool {
        match comparable {
            Comparable::Yes => true,
            Comparable::Depends(why) => {
                self.not_checked(item, why);
                false
            }
            Comparable::MayDepend(why) => {
                self.not_read(item, &Gap { item: item.into(), why });
                false
            }
        }
    }

    fn missing(&mut self, item: &str, why: &str) {
        self.not_checked(item, why);
        self.missing.push(Gap { item: item.into(), why: why.into() });
    }

    fn not_read(&mut self, item: &str, gap: &Gap) {
        self.not_checked(item, gap.why.clone());
        self.not_read.push(gap.clone());
    }
}

impl<'a> Check<'a> {
    pub(super) fn new(
        truth: &'a Truth,
        reading: &'a Reading,
        page_size: Option<u64>,
        pages: &'a Pages<'a>,
    ) -> Self {
        let differences = Differences::against(truth.name.clone());
        Self { truth, reading, page_size, pages, checked: Vec::new(), differences }
    }

    pub(super) fn finish(self) -> (Vec<Checked>, Vec<Finding>) {
        let findings = self.differences.findings(self.reading);
        (self.checked, findings)
    }

    /// Compares a contract of the truth with the source.
    pub(super) fn contract(&mut self, contract: &'a Contract) -> Result<(), TruthError> {
        let theirs = self.reading.model.contracts().map(|(_, theirs)| theirs);
        let kin: Vec<&Contract> = theirs.filter(|theirs| self.is_kin(contract, theirs)).collect();
        let same = kin.iter().find(|theirs| theirs.compatible == contract.compatible);
        // An image has the string in its data, but the number beside it only in its code.
        let same = same.or_else(|| kin.iter().find(|theirs| self.lacks_number(contract, theirs)));
        // If there are several others, the newest decides.
        let newest = kin.iter().max_by_key(|theirs| numbered(theirs).map(|(_, version)| version));
        let Some(chosen) = same.or(newest) else { return self.by_layout(contract) };
        if let Some(same) = same {
            self.same_version(contract, same)?;
        } else {
            self.other_version(contract, chosen)?;
        }
        for other in kin.iter().filter(|other| other.compatible != chosen.compatible) {
            let mut checked = Checked::new(contract);
            checked.found = Some(other.compatible.clone());
            checked.verdict = relation(contract, other);
            let why =
                format!("the source also has {}, but its structs only once", chosen.compatible);
            checked.not_checked("", why);
            if self.known_as(&other.compatible)?.is_empty() {
                self.differences.unknown_version(contract, other, &[]);
            }
            self.checked.push(checked);
        }
        Ok(())
    }

    /// Whether a contract of the source is a version of this one.
    fn is_kin(&self, ours: &Contract, theirs: &Contract) -> bool {
        let same_macro = self.reading.knows.string_macros
            && !ours.macro_name.is_empty()
            && theirs.macro_name == ours.macro_name;
        same_macro || name(ours).is_some() && name(ours) == name(theirs)
    }

    /// Adds the headers that were not read to their end, and their items that no version covers.
    pub(super) fn headers(&mut self) {
        let reading = self.reading;
        for gap in reading.unread_headers() {
            let path = |header: &&Header| header.include_path() == gap.item;
            let header = reading.model.headers.iter().find(path);
            for contract in header.iter().flat_map(|header| &header.contracts) {
                self.differences.not_read(gap, &contract.compatible);
            }
        }
        for (header, theirs) in reading.model.promises().filter(|(_, c)| c.unversioned) {
            let unknown = |root: &&String| self.truth.current.record(root).is_none();
            let unknown: Vec<_> = theirs.roots.iter().filter(unknown).map(String::as_str).collect();
            if reading.kind == Kind::Headers && !unknown.is_empty() {
                self.differences.unversioned(header, &unknown);
            }
        }
    }

    /// Whether a contract of the source has the same name, and a number that the source does not
    /// show.
    fn lacks_number(&self, ours: &Contract, theirs: &Contract) -> bool {
        !self.reading.knows.macros
            && ours.name.is_some()
            && ours.version.is_some()
            && theirs.version.is_none()
            && theirs.string() == ours.string()
    }

    /// The contracts of the source for which the truth has no current version.
    pub(super) fn unknown_contracts(&mut self) -> Result<(), TruthError> {
        let reading = self.reading;
        for (_, theirs) in reading.model.contracts() {
            if self.truth.current.contracts().any(|(_, ours)| self.is_kin(ours, theirs)) {
                continue;
            }
            let mut checked = Checked::new(theirs);
            // A contract that ended stays known as long as kernels with it may exist.
            if let Some(outcome) = self.best(&self.known_as(&theirs.compatible)?) {
                checked.verdict = match (outcome.is_equal(), outcome.missing.is_empty()) {
                    (true, true) => Verdict::Older,
                    (true, false) => Verdict::Partly,
                    (false, _) => Verdict::Different,
                };
                checked.compared.string = true;
                self.push(checked, &theirs.compatible, outcome);
                continue;
            }
            checked.verdict = Verdict::Unknown;
            self.checked.push(checked);
            self.differences.unknown_contract(theirs);
        }
        Ok(())
    }

    /// The source has exactly the truth's string.
    fn same_version(
        &mut self,
        contract: &'a Contract,
        theirs: &Contract,
    ) -> Result<(), TruthError> {
        let mut outcome = self.compare(&self.truth.current, contract);
        self.compare_added(theirs, &mut outcome)?;
        let mut checked = Checked::new(contract);
        checked.compared.string = contract.string().is_some();
        if self.lacks_number(contract, theirs) {
            checked.not_checked("the version", ONLY_CODE);
        }
        checked.verdict = match outcome.verdict() {
            // Only code has what a contract without structs promises, and no source shows it. In a
            // source with types, the string is all there is to compare. What was not compared is
            // listed.
            Verdict::NotCheckable
                if outcome.not_read.is_empty()
                    && contract.roots.is_empty()
                    && checked.compared.string
                    && self.reading.kind != Kind::Strings =>
            {
                Verdict::Equal
            }
            verdict => verdict,
        };
        self.push(checked, &contract.compatible, outcome);
        Ok(())
    }

    /// The source has another string instead of the truth's.
    fn other_version(&mut self, ours: &'a Contract, theirs: &Contract) -> Result<(), TruthError> {
        let mut checked = Checked::new(ours);
        checked.found = Some(theirs.compatible.clone());
        checked.verdict = relation(ours, theirs);
        let Some(mut outcome) = self.best(&self.known_as(&theirs.compatible)?) else {
            // The bytes are unknown here; only their difference from the truth's is known.
            let outcome = self.compare(&self.truth.current, ours);
            self.differences.unknown_version(ours, theirs, &outcome.differences);
            self.checked.push(checked);
            return Ok(());
        };
        checked.compared.string = true;
        self.compare_added(theirs, &mut outcome)?;
        match outcome.verdict() {
            Verdict::Different => checked.verdict = Verdict::Different,
            _ if !outcome.not_read.is_empty() => checked.verdict = Verdict::NotCheckable,
            _ if !outcome.missing.is_empty() => checked.verdict = Verdict::Partly,
            _ => {}
        }
        self.push(checked, &theirs.compatible, outcome);
        Ok(())
    }

    /// The source does not show the string, or lacks it: only the structs can decide.
    fn by_layout(&mut self, contract: &'a Contract) -> Result<(), TruthError> {
        let mut checked = Checked::new(contract);
        let there =
            |root: &String| self.reading.model.record(root).is_some() || self.said(root).is_some();
        // Frozen layouts contain embedded structs of any contract, and show every string.
        let frozen = self.reading.kind == Kind::Snapshots;
        // A struct that another contract embeds, whose string is here, shows nothing of this one: a module.
        let elsewhere = |root: &String| self.is_of_another(contract, root);
        let mut roots = contract.roots.iter().filter(|root| there(root));
        let string_told = self.reading.knows.strings && contract.string().is_some();
        if frozen || roots.all(|root| string_told && elsewhere(root)) {
            if let Some(gap) = self.may_be_unread(contract) {
                checked.not_checked("", gap.why.clone());
                self.differences.not_read(gap, &contract.compatible);
                self.checked.push(checked);
                return Ok(());
            }
            let types_told = self.reading.kind != Kind::Strings && !contract.roots.is_empty();
            if string_told || types_told {
                checked.verdict = Verdict::Absent;
            } else {
                checked.not_checked("", "this source shows nothing of it");
            }
            self.checked.push(checked);
            return Ok(());
        }
        let mut outcome = self.compare(&self.truth.current, contract);
        let mut version = contract;
        if !outcome.is_equal() {
            // The structs may match an earlier version: take the newest that fits.
            let earlier = self.truth.earlier()?.iter().rev();
            let akin = earlier.flat_map(|model| model.contracts().map(move |(_, c)| (model, c)));
            for (model, earlier) in
                akin.filter(|(_, c)| name(c).is_some() && name(c) == name(contract))
            {
                let other = self.compare(model, earlier);
                if other.fits() {
                    (outcome, version) = (other, earlier);
                    checked.found = Some(earlier.compatible.clone());
                    break;
                }
            }
        }
        match (contract.version, self.reading.knows.strings) {
            (Some(_), _) => checked.not_checked("the version", ONLY_CODE),
            (None, false) => checked.not_checked("the string", "this source has no data"),
            // Headers have a finding of their own for it.
            (None, true) if self.reading.kind == Kind::Headers => {
                checked.not_checked("the string", "not in these headers");
            }
            (None, true) => outcome.missing("the string", "not in the data of this source"),
        }
        checked.verdict = match (&checked.found, outcome.verdict()) {
            (Some(_), Verdict::Equal) => Verdict::Older,
            (_, verdict) => verdict,
        };
        if self.reading.kind == Kind::Headers {
            self.differences.no_version(contract);
            checked.verdict = Verdict::Different;
        }
        self.push(checked, &version.compatible, outcome);
        Ok(())
    }

    /// Whether another contract, whose string the source has, embeds a struct.
    fn is_of_another(&self, contract: &Contract, record: &str) -> bool {
        let truth = &self.truth.current;
        let mut others = truth.contracts().map(|(_, other)| other).filter(|other| {
            other.compatible != contract.compatible
                && self.reading.model.contract(&other.compatible).is_some()
        });
        others.any(|other| truth.closure(other).iter().any(|embedded| embedded.name == record))
    }

    fn push(&mut self, mut checked: Checked, version: &str, outcome: Outcome) {
        checked.compared = Compared { string: checked.compared.string, ..outcome.compared };
        checked.not_checked.extend(outcome.not_checked);
        for gap in &outcome.not_read {
            self.differences.not_read(gap, version);
        }
        for gap in &outcome.missing {
            // Each contract has a string of its own.
            let item = match gap.item.as_str() {
                "the string" => format!("the string of {version}"),
                item => item.into(),
            };
            self.differences.not_read(&Gap { item, why: gap.why.clone() }, version);
        }
        if checked.compared.string {
            checked.notes.extend(reused(&self.truth.catalogue, version));
        }
        self.checked.push(checked);
        self.differences.add(version, outcome.differences);
    }

    /// The earlier versions of the truth with that string: several if kernels used it for different
    /// bytes.
    fn known_as(&self, compatible: &str) -> Result<Vec<(&'a Model, &'a Contract)>, TruthError> {
        let models = self.truth.earlier()?.iter();
        let known = models.filter_map(|model| Some((model, model.contract(compatible)?.1)));
        Ok(known.collect())
    }

    /// How the source differs from several layouts of one string: not at all if it equals one of
    /// them, otherwise as from the first.
    fn best(&self, versions: &[(&'a Model, &'a Contract)]) -> Option<Outcome> {
        let mut outcomes = versions.iter().map(|(model, c)| self.compare(model, c));
        let first = outcomes.next()?;
        if first.is_equal() {
            return Some(first);
        }
        Some(outcomes.find(Outcome::is_equal).unwrap_or(first))
    }

    /// Why the source does not show an item that it has.
    fn said(&self, item: &str) -> Option<&'a Gap> {
        self.reading.gaps.iter().find(|gap| gap.item == item)
    }

    /// As [`Self::said`], or why what it shows may be another thing in another kernel.
    fn gap(&self, item: &str) -> Option<Cow<'a, Gap>> {
        self.said(item).map(Cow::Borrowed).or_else(|| self.varies(item).map(Cow::Owned))
    }

    /// What a header declares under a condition that is not decided: its layout is that of one choice.
    fn varies(&self, item: &str) -> Option<Gap> {
        use kho_abi_model::DeclarationKind::{Constant, Enum, Struct, Union};
        let all = self.reading.model.headers.iter().flat_map(|header| &header.declarations);
        let mut of_it = all.filter(|declaration| {
            matches!(declaration.kind, Constant | Enum | Struct | Union)
                && declaration.names().contains(&item)
        });
        let varies = of_it.find(|declaration| declaration.unproven.is_some())?;
        let place = varies.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let why = format!("{place}{}", varies.unproven.as_deref().unwrap_or_default());
        Some(Gap { item: item.into(), why })
    }

    /// Why a contract may exist unseen: a header that may have it was not read.
    fn may_be_unread(&self, contract: &Contract) -> Option<&'a Gap> {
        let named = [&contract.macro_name, &contract.compatible];
        let own = named.into_iter().find_map(|name| self.said(name));
        own.or_else(|| {
            let headers = self.truth.current.headers.iter();
            let mut owners = headers.filter(|header| header.contracts.contains(contract));
            let path = owners.next().map(Header::include_path);
            let unread = self.reading.unread_headers();
            let its = unread.iter().find(|gap| Some(&gap.item) == path.as_ref());
            its.or(unread.first()).copied()
        })
    }

    /// Compares everything that a contract promises with the source.
    fn compare(&self, truth: &Model, contract: &Contract) -> Outcome {
        let truth = match self.page_size.and_then(|size| truth.with_page_size(size)) {
            Some(model) => Cow::Owned(model),
            None => Cow::Borrowed(truth),
        };
        let mut outcome = Outcome::default();
        for ours in truth.closure(contract) {
            self.compare_record(contract, ours, &mut outcome);
        }
        self.compare_constants(&truth, contract, &mut outcome);
        self.compare_nodes(contract, &mut outcome);
        outcome
    }

    fn compare_record(&self, contract: &Contract, ours: &Record, outcome: &mut Outcome) {
        if ours.page_size.is_some() && self.page_size.is_none() {
            outcome.missing(&ours.name, PAGE_SIZE_UNKNOWN);
            return;
        }
        if let Some(gap) = self.gap(&ours.name) {
            outcome.not_read(&ours.name, &gap);
            return;
        }
        let knows = self.reading.knows;
        let Some(theirs) = self.reading.model.record(&ours.name) else {
            if knows.absence {
                let gone = RecordChange::whole(ours, Change::StructRemoved);
                outcome.differences.push(Difference::Record(Box::new(gone)));
            } else if self.reading.kind == Kind::Strings {
                outcome.not_checked(&ours.name, "this source has no types");
            } else {
                outcome.missing(&ours.name, NOT_AMONG_TYPES);
            }
            return;
        };
        if theirs.bit_fields_unknown && ours.fields.iter().any(|field| field.bit_field) {
            outcome.not_checked(&ours.name, "its bit-fields: the reader does not report them");
        }
        let scope = Scope { packing: knows.packing && self.truth.catalogue.knows().packing };
        let change = compare::record(ours, theirs, scope);
        let comparable = self.pages.of_record(contract, theirs, change.as_ref());
        if !outcome.takes(&ours.name, comparable) {
            return;
        }
        outcome.compared.structs += 1;
        if let Some(mut change) = change {
            change.page_size = ours.page_size;
            outcome.differences.push(Difference::Record(Box::new(change)));
        }
    }

    fn compare_constants(&self, truth: &Model, contract: &Contract, outcome: &mut Outcome) {
        let knows = self.reading.knows;
        let mut undetermined = Vec::new();
        for name in &contract.constants {
            let Some(ours) = truth.constant(name) else { continue };
            let enumeration = truth.enumeration_of(name);
            let gap = self.gap(name).or_else(|| self.gap(&enumeration?.name));
            if ours.page_size.is_some() && self.page_size.is_none() {
                outcome.missing(name, PAGE_SIZE_UNKNOWN);
                continue;
            }
            if let Some(gap) = gap {
                outcome.not_read(name, &gap);
                continue;
            }
            let told = if enumeration.is_some() { knows.enumerators } else { knows.macros };
            let theirs = self.reading.model.constant(name).filter(|_| told);
            if theirs.is_none() && !(told && knows.absence) {
                match enumeration {
                    // An enumeration that is there is there with all of its enumerators.
                    Some(enumeration) if told && self.has_enumeration(&enumeration.name) => {}
                    Some(_) if told => {
                        outcome.missing(name, NOT_AMONG_TYPES);
                        continue;
                    }
                    Some(_) => {
                        undetermined.push((name.as_str(), "this source has no types"));
                        continue;
                    }
                    None => {
                        undetermined.push((name.as_str(), "macros have no values in this source"));
                        continue;
                    }
                }
            }
            let comparable = self.pages.of_constant(contract, ours, theirs);
            if !outcome.takes(name, comparable) {
                continue;
            }
            outcome.compared.constants += usize::from(theirs.is_some());
            let values = [Some(ours), theirs].map(|c| vec![c.map(|c| c.value.clone())]);
            let [right, read] = values;
            if let Some(change) = compare::constant(name, &[None], right, read) {
                let place = theirs.and_then(|theirs| theirs.place.clone());
                outcome.differences.push(Difference::Constant(Box::new(change), place));
            }
        }
        for (name, why) in undetermined {
            outcome.not_checked(name, why);
        }
    }

    /// Whether the types of the source have an enumeration of that tag.
    fn has_enumeration(&self, tag: &str) -> bool {
        let mut items = self.reading.model.headers.iter().flat_map(|header| &header.items);
        items.any(|item| matches!(item, Item::Enum(found) if found.name == tag))
    }

    /// Finds what headers have under a string although no version of the truth has it.
    fn compare_added(&self, theirs: &Contract, outcome: &mut Outcome) -> Result<(), TruthError> {
        if self.reading.kind != Kind::Headers {
            return Ok(());
        }
        // Earlier versions are loaded only for what the present one does not have.
        let is_known = |has: &dyn Fn(&Model) -> bool| {
            Ok::<_, TruthError>(has(&self.truth.current) || self.truth.earlier()?.iter().any(has))
        };
        for record in self.reading.model.closure(theirs) {
            if !is_known(&|model| model.record(&record.name).is_some())? {
                let new = RecordChange::whole(record, Change::StructAdded);
                outcome.differences.push(Difference::Record(Box::new(new)));
            }
        }
        // Without all values, a constant that is not there may be one that the truth does not tell.
        let Knows { macros, enumerators, .. } = self.truth.catalogue.knows();
        let is_whole = macros && enumerators;
        for name in &theirs.constants {
            let Some(constant) = self.reading.model.constant(name) else { continue };
            let has = |model: &Model| model.constant(name).is_some();
            if !is_whole && !has(&self.truth.current) {
                outcome.not_checked(name, "the frozen layout does not contain constants");
                continue;
            }
            if is_known(&|model| model.constant(name).is_some())? {
                continue;
            }
            let value = vec![Some(constant.value.clone())];
            if let Some(change) = compare::constant(name, &[None], vec![None], value) {
                let place = constant.place.clone();
                outcome.differences.push(Difference::Constant(Box::new(change), place));
            }
        }
        Ok(())
    }

    fn compare_nodes(&self, contract: &Contract, outcome: &mut Outcome) {
        if contract.nodes.is_empty() {
            return;
        }
        let theirs = self.reading.model.contract(&contract.compatible);
        let Some((_, theirs)) = theirs.filter(|_| self.reading.knows.nodes) else {
            let why = "only the code contains their names and sizes";
            outcome.not_checked("device-tree nodes", why);
            return;
        };
        outcome.compared.nodes += contract.nodes.len();
        let changes = compare::nodes(&contract.nodes, &theirs.nodes).into_iter();
        outcome.differences.extend(changes.map(Difference::Property));
    }
}

/// A note on a string that kernels used for two things.
fn reused<'a>(catalogue: &Catalogue, compatible: &'a str) -> impl Iterator<Item = String> + 'a {
    catalogue.reused().iter().filter(move |reused| reused.compatible == compatible).map(
        move |reused| {
            let [one, other] = reused.forms;
            format!(
                "{compatible} has two meanings: {} is {} in {}, and {} in {}",
                reused.item, one.is, one.kernels, other.is, other.kernels
            )
        },
    )
}

/// Why what types would show is not checked.
const NOT_AMONG_TYPES: &str = "not among the types of this source";

/// Why what depends on the page size is not checked.
const PAGE_SIZE_UNKNOWN: &str = "depends on the page size, which is unknown";

/// Why a version that is a number is not checked.
const ONLY_CODE: &str = "only the code contains that number";

/// Whether another version of the same contract is newer or older; unknown if they are unrelated,
/// or if one kernel compares a string and the other a number.
fn relation(ours: &Contract, theirs: &Contract) -> Verdict {
    if ours.name.is_some() != theirs.name.is_some() {
        return Verdict::Unknown;
    }
    match (numbered(ours), numbered(theirs)) {
        (Some((a, old)), Some((b, new))) if a == b && new > old => Verdict::Newer,
        (Some((a, _)), Some((b, _))) if a == b => Verdict::Older,
        _ => Verdict::Unknown,
    }
}
