// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Asks clang about headers in rounds: it removes what clang reports as wrong, and asks again.
//!
//! A wrong declaration costs itself and what embeds it. What a header uses but does not define is
//! taken from its tree, if it has one. If clang cannot handle a header at all, only its text
//! remains.

use super::build::{Answers, Found};
use super::clang::{self, Asked, Clang, Diagnostic};
use super::declared;
use super::files::{File, Files};
use super::split::{Piece, Split, What, Written};
use super::tree::{Library, Lookup, TAKEN};
use super::unit::{Asked as Question, Unit};
use super::{spelling, view, HeaderError, ABI, BESIDE, EMPTY, FIRST, SEARCH, STAND_INS};
use kho_abi_model::reading::Gap;
use kho_abi_model::{included_in, Declaration, DeclarationKind, Item, ABI_DIR};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How often to ask clang about the same headers.
const ROUNDS: usize = 16;

/// The path by which clang sees definitions from the tree, each by its number.
const FROM_TREE: &str = "/tree/";

/// The result for a header.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) found: Found,
    pub(super) declarations: Vec<Declaration>,
    /// Assertions of the header that fail, with their places.
    pub(super) failed: Vec<String>,
    /// Why nothing in the header is proven.
    pub(super) unread: Option<String>,
}

/// A definition that was taken from the tree.
struct Taken {
    /// The file and the piece, by index.
    file: usize,
    piece: usize,
    /// The header whose use of it was seen first.
    by: Option<usize>,
    /// Why it cannot be used.
    lost: Option<String>,
    /// Whether that is because another user has another definition.
    differs: bool,
}

/// The state of a reading.
pub(super) struct Reader<'a> {
    pub(super) clang: Clang,
    pub(super) triple: String,
    pub(super) files: &'a Files,
    /// Stand-ins and empty headers.
    pub(super) view: BTreeMap<String, String>,
    pub(super) until: Instant,
    pub(super) library: Option<Library<'a>>,
    /// What is removed, by the header's path and the piece, with the reason.
    lost: BTreeMap<String, BTreeMap<usize, String>>,
    failed: BTreeSet<(String, String)>,
    taken: Vec<Taken>,
    /// How many were taken before this round.
    taken_before: usize,
    /// The definitions from the tree by number, in the order of their declaration.
    order: Vec<usize>,
    /// How many more times that order may change.
    moves: usize,
    /// Names that were looked up in the tree, and those that are defined without it.
    looked_for: BTreeSet<String>,
}

/// The cause of an error.
enum Blame {
    /// An assertion of the header, which fails.
    Check,
    /// Something that was removed now, or found in the tree.
    Settled,
    /// Something without a place.
    Nothing,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        clang: Clang,
        triple: String,
        files: &'a Files,
        view: BTreeMap<String, String>,
        library: Option<Library<'a>>,
    ) -> Self {
        Self {
            clang,
            triple,
            files,
            view,
            until: Instant::now() + clang::TIME,
            library,
            lost: BTreeMap::new(),
            failed: BTreeSet::new(),
            taken: Vec::new(),
            taken_before: 0,
            order: Vec::new(),
            moves: 2 * TAKEN,
            looked_for: BTreeSet::new(),
        }
    }

    /// The result for each header, and what of the tree remains unknown for all of them.
    pub(super) fn outcomes(mut self) -> Result<(Vec<Outcome>, Vec<Gap>), HeaderError> {
        self.look_behind();
        let mut read: Vec<Option<Found>> = self.files.abi.iter().map(|_| None).collect();
        let mut unread: Vec<Option<String>> = vec![None; read.len()];
        for group in groups(&self.files.abi) {
            match self.settle(&group) {
                Ok(Some((unit, asked))) => self.take(&group, &unit, &asked, &mut read),
                Err(error) if is_of_the_system(&error) => return Err(error),
                Ok(None) | Err(_) if group.len() > 1 => {
                    // One header must not prevent the others from being read.
                    for at in group {
                        self.alone(at, &mut read, &mut unread)?;
                    }
                }
                Ok(None) => unread[group[0]] = Some(CONTRADICTS.into()),
                Err(error) => unread[group[0]] = Some(error.to_string()),
            }
        }
        Ok(self.done(read, unread))
    }

    fn alone(
        &mut self,
        at: usize,
        read: &mut [Option<Found>],
        unread: &mut [Option<String>],
    ) -> Result<(), HeaderError> {
        match self.settle(&[at]) {
            Ok(Some((unit, asked))) => self.take(&[at], &unit, &asked, read),
            Err(error) if is_of_the_system(&error) => return Err(error),
            Ok(None) => unread[at] = Some(CONTRADICTS.into()),
            Err(error) => unread[at] = Some(error.to_string()),
        }
        Ok(())
    }

    /// Asks until clang reports no more errors; `None` if it cannot handle the headers.
    fn settle(&mut self, group: &[usize]) -> Result<Option<(Unit, Asked)>, HeaderError> {
        // If there is no time for all headers together, leave some for each of them.
        let now = Instant::now();
        let left = self.until.saturating_duration_since(now);
        let until = now + if self.files.abi.len() == 1 { left } else { left / 2 };
        for _ in 0..ROUNDS {
            let (unit, asked) = self.ask(group, until)?;
            let before = self.lost.clone();
            let (mut again, mut lost) = (false, false);
            self.taken_before = self.taken.len();
            for error in &asked.errors {
                match self.blame(&unit, error, group, &before) {
                    Blame::Check => {}
                    Blame::Settled => again = true,
                    Blame::Nothing => lost = true,
                }
            }
            if again || self.lose_contradicted() {
                self.lose_embedding();
                continue;
            }
            let is_answered = Unit::is_answered_by(&asked.answer.declarations);
            return Ok((is_answered && !lost).then_some((unit, asked)));
        }
        Ok(None)
    }

    fn ask(&self, group: &[usize], until: Instant) -> Result<(Unit, Asked), HeaderError> {
        let mut view = self.view.clone();
        let none = BTreeMap::new();
        for (path, text, split) in self.sources() {
            let out = self.lost.get(&path).unwrap_or(&none).keys().copied().collect();
            view.insert(path, view::text(text, split, &out));
        }
        let mut first: Vec<String> = FIRST.iter().map(|name| (*name).to_string()).collect();
        let usable = self.order.iter().filter(|at| self.taken[**at].lost.is_none());
        let mut enums = Vec::new();
        for at in usable {
            let Some(library) = &self.library else { break };
            let taken = &self.taken[*at];
            enums.extend(library.enumeration(taken.file, taken.piece));
            let path = format!("{FROM_TREE}{at}.h");
            view.insert(path.clone(), library.alone(taken.file, taken.piece));
            first.push(path);
        }
        let scans = group.iter().map(|at| {
            let file = &self.files.abi[*at];
            (format!("{ABI_DIR}/{}.h", file.name), &file.scan)
        });
        let unit = Unit::new(&first, scans, &enums);
        view.insert(clang::UNIT.into(), unit.text.clone());
        let asked = self.clang.ask(&self.triple, &view, SEARCH, until)?;
        Ok((unit, asked))
    }

    /// The headers that are given, with the paths by which clang sees them.
    fn sources(&self) -> impl Iterator<Item = (String, &'a str, &'a Split)> {
        let files = self.files;
        let abi = files.abi.iter().map(|file| (abi_path(file), file));
        let beside = files.companions.iter().map(|(name, file)| (format!("{BESIDE}{name}"), file));
        abi.chain(beside).map(|(path, file)| (path, file.text.as_str(), &file.split))
    }

    /// Finds the cause of an error, and removes it. `before` is what was removed when clang was
    /// asked.
    fn blame(
        &mut self,
        unit: &Unit,
        error: &Diagnostic,
        group: &[usize],
        before: &BTreeMap<String, BTreeMap<usize, String>>,
    ) -> Blame {
        if error.file == clang::UNIT {
            let question = unit.asked_on(error.line).filter(|_| !error.fatal);
            return match question {
                Some(Question::Number(name)) => {
                    let has = |file: &File| file.scan.defines.iter().any(|d| d.name == *name);
                    let by = group.iter().copied().find(|at| has(&self.files.abi[*at]));
                    if self.take_missing(error, "", by, None) {
                        Blame::Settled
                    } else {
                        Blame::Check
                    }
                }
                Some(_) => Blame::Check,
                None => Blame::Nothing,
            };
        }
        if let Some(number) = error.file.strip_prefix(FROM_TREE) {
            let number = number.trim_end_matches(".h").parse().unwrap_or(usize::MAX);
            return self.blame_taken(number, error);
        }
        let by = self.files.abi.iter().position(|file| abi_path(file) == error.file);
        let Some((path, text, split)) = self.sources().find(|(path, ..)| *path == error.file)
        else {
            return Blame::Nothing;
        };
        let none = BTreeMap::new();
        let out = before.get(&path).unwrap_or(&none);
        let Some(at) = piece_at(text, split, error, out) else { return Blame::Nothing };
        let piece = &split.pieces[at];
        let is_check = piece.written().is_some_and(|w| w.kind == DeclarationKind::Assert);
        let tokens = piece.written().map_or("", |written| written.tokens.as_str());
        let why = self.why_unusable(error, tokens).unwrap_or_else(|| error.message.clone());
        let message = format!("{}: {why}", self.shown(error));
        if is_of_a_check(error) && is_check {
            self.failed.insert((path, message));
            return Blame::Check;
        }
        if !is_check && self.take_missing(error, tokens, by.or(group.first().copied()), None) {
            return Blame::Settled;
        }
        self.lost.entry(path).or_default().entry(at).or_insert(message);
        // An assertion that cannot be evaluated affects nothing else.
        if is_check && !error.fatal && !error.message.starts_with("expected") {
            return Blame::Check;
        }
        Blame::Settled
    }

    /// Why what an error misses cannot be taken from the tree although the tree has it.
    fn why_unusable(&self, error: &Diagnostic, tokens: &str) -> Option<String> {
        let library = self.library.as_ref()?;
        missing(error, tokens).iter().find_map(|name| {
            let mut taken = self.taken.iter();
            let of_it = taken.find(|t| t.lost.is_some() && library.defines(t.file, t.piece, name));
            Some(format!("{name} is unknown: {}", of_it?.lost.as_ref()?))
        })
    }

    fn blame_taken(&mut self, number: usize, error: &Diagnostic) -> Blame {
        let Some((by, file, piece)) = self.taken.get(number).map(|t| (t.by, t.file, t.piece))
        else {
            return Blame::Nothing;
        };
        let written = self.library.as_ref().and_then(|library| {
            library.files[file].split.pieces[piece].written().map(|w| w.tokens.clone())
        });
        if !self.take_missing(error, &written.unwrap_or_default(), by, Some(number)) {
            self.taken[number].lost = Some(error.message.clone());
        }
        Blame::Settled
    }

    /// Takes what an error misses from the tree; returns whether there is anything new. `of` is the
    /// definition that the error is about, if that is from the tree itself.
    fn take_missing(
        &mut self,
        error: &Diagnostic,
        tokens: &str,
        by: Option<usize>,
        of: Option<usize>,
    ) -> bool {
        if self.library.is_none() {
            return false;
        }
        if self.looked_for.is_empty() {
            self.looked_for = self.defined_without();
        }
        let mut any = false;
        for name in missing(error, tokens) {
            if self.taken.len() >= TAKEN {
                break;
            }
            let from = self.includes(by, of);
            let Some(library) = &mut self.library else { break };
            if !self.looked_for.insert(name.clone()) {
                // It may be there already, but after its user.
                let known = self.order.iter().position(|at| {
                    let taken = &self.taken[*at];
                    taken.lost.is_none() && library.defines(taken.file, taken.piece, &name)
                });
                // Another error of this round misses the same.
                any |= known.is_some_and(|known| self.order[known] >= self.taken_before);
                let user = of.and_then(|of| self.order.iter().position(|at| *at == of));
                if let (Some(known), Some(user)) = (known, user) {
                    if known > user && self.moves > 0 {
                        self.moves -= 1;
                        let moved = self.order.remove(known);
                        self.order.insert(user, moved);
                        any = true;
                    }
                }
                continue;
            }
            let (file, piece, lost) = match library.find(&name, &from) {
                Lookup::Found(file, piece) => (file, piece, None),
                Lookup::Varies(file, piece) => {
                    (file, piece, Some("it depends on the kernel's configuration".to_string()))
                }
                Lookup::Nowhere => continue,
            };
            if self.taken.iter().any(|taken| (taken.file, taken.piece) == (file, piece)) {
                continue;
            }
            any |= lost.is_none();
            // Definitions that are found later are used by earlier ones.
            self.order.insert(0, self.taken.len());
            self.taken.push(Taken { file, piece, by, lost, differs: false });
        }
        any
    }

    /// What a user of a name includes: a header, and the definition from the tree that it uses.
    fn includes(&self, header: Option<usize>, taken: Option<usize>) -> Vec<String> {
        let taken = taken.and_then(|taken| self.taken.get(taken)).zip(self.library.as_ref());
        // What a header defines itself is nearest to it.
        let of_taken = taken.map(|(taken, library)| library.files[taken.file].target.clone());
        let header = header.and_then(|header| self.files.abi.get(header));
        of_taken.into_iter().chain(header.into_iter().flat_map(File::includes)).collect()
    }

    /// Removes definitions from the tree that are not those of each of their users: two headers define one name in
    /// different ways, and clang sees only one of them. Returns whether there were any.
    fn lose_contradicted(&mut self) -> bool {
        let Some(library) = &mut self.library else { return false };
        let usable: Vec<usize> =
            (0..self.taken.len()).filter(|at| self.taken[*at].lost.is_none()).collect();
        if usable.is_empty() {
            return false;
        }
        let words = |split: &Split, piece: Option<usize>| -> BTreeSet<String> {
            let pieces = split.pieces.iter().enumerate();
            let pieces = pieces.filter(|(at, _)| piece.is_none_or(|piece| piece == *at));
            let written = pieces.filter_map(|(_, piece)| piece.written());
            written.flat_map(|w| w.tokens.split_ascii_whitespace()).map(String::from).collect()
        };
        // Each user: the words that it has, and what it includes.
        let headers = self.files.abi.iter();
        let headers =
            headers.map(|file| (None, words(&file.split, None), file.includes().collect()));
        let taken = usable.iter().map(|at| {
            let Taken { file, piece, .. } = self.taken[*at];
            let file = &library.files[file];
            (Some(*at), words(&file.split, Some(piece)), vec![file.target.clone()])
        });
        let users: Vec<(Option<usize>, BTreeSet<String>, Vec<String>)> =
            headers.chain(taken).collect();
        let mut found: Vec<(usize, String)> = Vec::new();
        for number in usable {
            let at = (self.taken[number].file, self.taken[number].piece);
            let names = library.names(at.0, at.1);
            let mut needs = names.iter().flat_map(|name| {
                let of_others = users.iter().filter(|(user, ..)| *user != Some(number));
                let users = of_others.filter(|(_, words, _)| words.contains(name));
                users.map(move |(_, _, from)| (name, from))
            });
            let other =
                needs.find_map(|(name, from)| Some((name, library.contradiction(name, at, from)?)));
            if let Some((name, other)) = other {
                let [one, other] = [at.0, other].map(|file| library.shown(file));
                found.push((number, format!("{one} and {other} define {name} in different ways")));
            }
        }
        for (number, why) in &found {
            self.taken[*number].lost = Some(why.clone());
            self.taken[*number].differs = true;
        }
        !found.is_empty()
    }

    /// Looks for the attributes behind structs: to clang, one that no header defines is the name of a
    /// variable, and no error.
    fn look_behind(&mut self) {
        let sources: Vec<_> = self.sources().collect();
        let mut behind: Vec<(String, usize, String)> = Vec::new();
        for (path, _, split) in &sources {
            for (at, piece) in split.pieces.iter().enumerate() {
                let What::Declares(written) = &piece.what else { continue };
                if let Some(file) = included_in(&written.tokens) {
                    let why = format!("a part of its text is in {file}, which is not read");
                    self.lost.entry(path.clone()).or_default().insert(at, why);
                }
                let names = attributes_behind(written);
                behind.extend(names.into_iter().map(|name| (path.clone(), at, name)));
            }
        }
        if behind.is_empty() {
            self.lose_embedding();
            return;
        }
        let known = self.defined_without();
        for (path, at, name) in behind {
            if known.contains(&name) {
                continue;
            }
            let by = self.files.abi.iter().position(|file| abi_path(file) == path);
            let from = self.includes(by, None);
            let library = self.library.as_mut();
            let found = library.map_or(Lookup::Nowhere, |library| library.find(&name, &from));
            if let Lookup::Found(file, piece) = found {
                let is_there = |taken: &Taken| (taken.file, taken.piece) == (file, piece);
                if !self.taken.iter().any(is_there) && self.taken.len() < TAKEN {
                    self.order.insert(0, self.taken.len());
                    self.taken.push(Taken { file, piece, by, lost: None, differs: false });
                }
                continue;
            }
            let why = format!("`{name}` is unknown, and may change the layout");
            self.lost.entry(path).or_default().entry(at).or_insert(why);
        }
        self.lose_embedding();
    }

    /// The names that the headers and the stand-ins define.
    fn defined_without(&self) -> BTreeSet<String> {
        let stand_ins = super::STAND_IN.iter().map(|(_, text)| super::split::split(text));
        let stand_ins: Vec<_> = stand_ins.collect();
        let given = self.sources().map(|(_, _, split)| split);
        let pieces = given.chain(&stand_ins).flat_map(|split| &split.pieces);
        let mut names: BTreeSet<String> = pieces
            .filter_map(|piece| Some(declared::declaration(piece.written()?, "")))
            .flat_map(|declared| declared.names().into_iter().map(String::from).collect::<Vec<_>>())
            .collect();
        // Never leave this empty, or it would be computed again.
        names.insert(String::new());
        names
    }

    /// Removes what embeds something that was removed: clang would report it, but only one level
    /// per round.
    fn lose_embedding(&mut self) {
        let mut gone: BTreeMap<String, String> = BTreeMap::new();
        let sources: Vec<_> = self.sources().collect();
        loop {
            for (path, _, split) in &sources {
                for (at, why) in self.lost.get(path).into_iter().flatten() {
                    let Some(written) = split.pieces[*at].written() else { continue };
                    if is_type(written.kind) {
                        gone.entry(written.name.clone()).or_insert_with(|| why.clone());
                    }
                }
            }
            let mut any = false;
            for (path, _, split) in &sources {
                for (at, piece) in split.pieces.iter().enumerate() {
                    let out = self.lost.get(path).is_some_and(|lost| lost.contains_key(&at));
                    let What::Declares(written) = &piece.what else { continue };
                    if out || !is_type(written.kind) || gone.contains_key(&written.name) {
                        continue;
                    }
                    let Some((name, why)) = embeds(&written.tokens, &gone) else { continue };
                    let why = match why.split_once(" is unknown: ") {
                        Some(_) => why.clone(),
                        None => format!("{name} is unknown: {why}"),
                    };
                    self.lost.entry(path.clone()).or_default().insert(at, why);
                    any = true;
                }
            }
            if !any {
                break;
            }
        }
    }

    /// The place of an error, by the name that the caller uses for the file.
    fn shown(&self, error: &Diagnostic) -> String {
        format!("{}:{}", self.shown_file(&error.file), error.line)
    }

    fn shown_file(&self, seen: &str) -> String {
        let abi = self.files.abi.iter().find(|file| abi_path(file) == seen);
        let beside = seen.strip_prefix(BESIDE).and_then(|name| self.files.companions.get(name));
        if let Some(file) = abi.or(beside) {
            return file.shown.clone();
        }
        let number =
            seen.strip_prefix(FROM_TREE).and_then(|n| n.trim_end_matches(".h").parse().ok());
        let taken = number.and_then(|number: usize| self.taken.get(number));
        if let (Some(taken), Some(library)) = (taken, &self.library) {
            return library.shown(taken.file);
        }
        seen.trim_start_matches(STAND_INS).trim_start_matches(EMPTY).to_string()
    }

    /// Takes what clang found in the headers of a group.
    fn take(&self, group: &[usize], unit: &Unit, asked: &Asked, read: &mut [Option<Found>]) {
        let on_questions = asked.errors.iter().filter(|error| error.file == clang::UNIT);
        let refused = on_questions
            .filter_map(|error| Some((unit.asked_on(error.line)?, error.message.as_str())))
            .collect();
        let answers = Answers::new(unit, &asked.answer, refused);
        let other = |seen: &str| self.shown_file(seen);
        for at in group {
            let file = &self.files.abi[*at];
            read[*at] = Some(answers.header(&abi_path(file), &file.shown, &file.scan, &other));
        }
    }

    fn done(
        mut self,
        read: Vec<Option<Found>>,
        unread: Vec<Option<String>>,
    ) -> (Vec<Outcome>, Vec<Gap>) {
        let mut outcomes = Vec::new();
        let none = BTreeMap::new();
        let varying =
            declared::varying(self.files.abi.iter().chain(self.files.companions.values()));
        for (at, (found, unread)) in read.into_iter().zip(unread).enumerate() {
            let file = &self.files.abi[at];
            let path = abi_path(file);
            let mut found = found.unwrap_or_default();
            let lost = self.lost.get(&path).unwrap_or(&none);
            for (piece, why) in lost {
                let Some(written) = file.split.pieces[*piece].written() else {
                    // For a directive, only text remains of what depends on it.
                    found.undetermined.push((String::new(), why.clone()));
                    continue;
                };
                let reason = found.undetermined.iter_mut().find(|(name, _)| *name == written.name);
                // This reason has the place, unlike clang's message about the name.
                match reason {
                    Some(reason) => reason.1.clone_from(why),
                    None if written.kind == DeclarationKind::Assert => {}
                    None => found.undetermined.push((written.name.clone(), why.clone())),
                }
            }
            let mut declarations = declared::declarations(file, &found, lost, &varying);
            if let Some(why) = &unread {
                for declaration in &mut declarations {
                    declaration.unproven.get_or_insert_default();
                    declaration.unproven = Some(why.clone());
                }
            }
            let own = declarations.len();
            declarations.extend(self.elsewhere(at));
            let from = self.includes(Some(at), None);
            let items: BTreeSet<&str> = found.items.iter().map(Item::name).collect();
            self.add_used(&mut declarations, own, &items, &from);
            let failed = self.failed.iter().filter(|(of, _)| *of == path);
            let failed = failed.map(|(_, message)| message.clone()).collect();
            outcomes.push(Outcome { found, declarations, failed, unread });
        }
        let gaps = self.library.iter().flat_map(Library::gaps).collect();
        (outcomes, gaps)
    }

    /// Adds what unproven declarations use from the tree, directly or through each other, as text: the
    /// bytes depend on it. Of those that were taken already, which stand behind the header's `own`, the
    /// model has the `items`; of the others only the text can show a change.
    fn add_used(
        &mut self,
        declarations: &mut Vec<Declaration>,
        own: usize,
        items: &BTreeSet<&str>,
        from: &[String],
    ) {
        let is_open = |declaration: &&Declaration| {
            declaration.unproven.is_some()
                && !declaration.kind.is_code()
                && declaration.kind != DeclarationKind::Assert
        };
        let mut open: Vec<String> = declarations.iter().filter(is_open).flat_map(used_by).collect();
        if self.library.is_none() || open.is_empty() {
            return;
        }
        let mut seen = self.defined_without();
        seen.extend(declarations.iter().flat_map(Declaration::names).map(String::from));
        let Some(library) = &mut self.library else { return };
        let end = declarations.len();
        while let Some(name) = open.pop() {
            for taken in &mut declarations[own..end] {
                let is_proven = taken.unproven.is_none() && !items.contains(taken.name.as_str());
                if is_proven && taken.names().contains(&name.as_str()) {
                    taken.unproven = Some(ONLY_TEXT.into());
                    open.extend(used_by(taken));
                }
            }
            if declarations.len() == end + TAKEN {
                break;
            }
            if !seen.insert(name.clone()) {
                continue;
            }
            let (file, pieces) = match library.find(&name, from) {
                Lookup::Found(file, piece) => (file, vec![piece]),
                Lookup::Varies(file, piece) => (file, library.variants(file, piece)),
                Lookup::Nowhere => continue,
            };
            for used in as_text(library, file, &pieces) {
                let used = Declaration { unproven: Some(ONLY_TEXT.into()), ..used };
                open.extend(used_by(&used));
                declarations.push(used);
            }
        }
    }

    /// What a header uses from the tree, as text.
    fn elsewhere(&self, header: usize) -> Vec<Declaration> {
        let Some(library) = &self.library else { return Vec::new() };
        let of_it = self.taken.iter().filter(|taken| taken.by.unwrap_or(0) == header);
        // Each user has a text of its own.
        let of_it = of_it.filter(|taken| !taken.differs);
        let mut declarations: Vec<Declaration> = Vec::new();
        for taken in of_it {
            let pieces = match taken.lost {
                Some(_) => library.variants(taken.file, taken.piece),
                None => vec![taken.piece],
            };
            for found in as_text(library, taken.file, &pieces) {
                let found = Declaration { unproven: taken.lost.clone(), ..found };
                if !declarations.contains(&found) {
                    declarations.push(found);
                }
            }
        }
        // By the name that the header uses.
        declarations.sort_by(|a, b| a.name.cmp(&b.name));
        declarations
    }
}

/// Pieces of a file of the tree as text. Their conditions count if the configuration decides them.
fn as_text(library: &Library<'_>, file: usize, pieces: &[usize]) -> Vec<Declaration> {
    let shown = library.shown(file);
    let written = |piece: &usize| library.files[file].split.pieces[*piece].written();
    let declared = pieces.iter().filter_map(written).map(|written| {
        let mut declared = declared::declaration(written, &shown);
        if pieces.len() == 1 && !written.varies {
            declared.condition.clear();
        }
        declared
    });
    declared.collect()
}

/// Why a definition from the tree is unproven that something unproven uses.
const ONLY_TEXT: &str = "it is only known as text";

/// clang's message about a header that changes what the questions about it mean.
const CONTRADICTS: &str = "clang cannot parse the header";

fn abi_path(file: &File) -> String {
    format!("{ABI}{}.h", file.name)
}

/// Whether an error is not caused by the headers.
fn is_of_the_system(error: &HeaderError) -> bool {
    matches!(error, HeaderError::Io { .. } | HeaderError::NoClang)
}

pub(super) fn is_type(kind: DeclarationKind) -> bool {
    use DeclarationKind::{Struct, Typedef, Union};
    matches!(kind, Struct | Union | Typedef)
}

/// The names that a declaration and its condition use.
fn used_by(declaration: &Declaration) -> Vec<String> {
    let condition = declaration.condition.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let condition = condition.filter(|word| spelling::is_word(word) && *word != "defined");
    declaration.references().chain(condition).map(String::from).collect()
}

/// The words behind the body of a struct or an enum that declare nothing.
fn attributes_behind(written: &Written) -> Vec<String> {
    use DeclarationKind::{Enum, Struct, Union};
    if !matches!(written.kind, Struct | Union | Enum) {
        return Vec::new();
    }
    let Some((_, behind)) = written.tokens.rsplit_once('}') else { return Vec::new() };
    let mut words: Vec<&str> = behind.split_ascii_whitespace().collect();
    if written.tokens.starts_with("typedef ") {
        // The last one is the name; several names are none of these words.
        let last = words
            .iter()
            .rposition(|word| spelling::is_word(word) && !spelling::ATTRIBUTES.contains(word));
        words.truncate(last.filter(|_| !words.contains(&",")).unwrap_or(0));
    }
    let mut depth = 0_usize;
    let mut names = Vec::new();
    for word in words {
        match word {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && spelling::is_word(word) && !spelling::ATTRIBUTES.contains(&word) => {
                names.push(word.to_string());
            }
            _ => {}
        }
    }
    names
}

/// The type that a declaration embeds, of those that were removed.
fn embeds<'g>(tokens: &str, gone: &'g BTreeMap<String, String>) -> Option<(&'g str, &'g String)> {
    let words: Vec<&str> = tokens.split_ascii_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let (name, why) = gone.get_key_value(pair[0]).filter(|_| pair[1] != "*")?;
        // A field may be named like a type.
        let is_name = spelling::is_word(pair[1]) && !spelling::is_attribute(pair[1]);
        is_name.then_some((name.as_str(), why))
    })
}

/// The piece that an error is about, among those that clang saw.
fn piece_at(
    text: &str,
    split: &Split,
    error: &Diagnostic,
    out: &BTreeMap<usize, String>,
) -> Option<usize> {
    let seen = |(at, piece): &(usize, &Piece)| {
        !out.contains_key(at) && !matches!(piece.what, What::Broken(_))
    };
    let pieces = || split.pieces.iter().enumerate().filter(seen);
    let start: usize =
        text.split_inclusive('\n').take(error.line.saturating_sub(1)).map(str::len).sum();
    let byte = start + error.column.saturating_sub(1);
    let around = |piece: &Piece| piece.spans.iter().any(|span| span.contains(&byte));
    let on = |piece: &Piece| piece.lines.0 <= error.line && error.line <= piece.lines.1;
    let exact = pieces().find(|(_, piece)| around(piece));
    // A directive has its own lines, even inside a declaration.
    let nearest =
        || pieces().filter(|(_, p)| on(p)).min_by_key(|(_, piece)| piece.lines.1 - piece.lines.0);
    // At the end of a header, clang reports what began before it.
    let before = || pieces().rfind(|(_, piece)| piece.lines.0 <= error.line);
    exact.or_else(nearest).or_else(before).map(|(at, _)| at)
}

/// clang's messages about a failed assertion of a header.
fn is_of_a_check(error: &Diagnostic) -> bool {
    const SAID: &[&str] = &["static assertion failed", "no member named", "static_assert failed"];
    !error.fatal && SAID.iter().any(|message| error.message.starts_with(message))
}

/// The names whose absence may be the cause of an error.
fn missing(error: &Diagnostic, tokens: &str) -> Vec<String> {
    let quoted = error.message.split('\'').skip(1).step_by(2);
    let mut names: Vec<String> = Vec::new();
    for name in quoted.map(|name| name.rsplit(' ').next().unwrap_or(name)) {
        if spelling::is_word(name) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            names.push(name.into());
        }
    }
    // clang does not name a missing macro, so any macro or tag of the declaration may be the cause.
    let mut before = "";
    for word in tokens.split_ascii_whitespace() {
        let is_macro = word.len() > 2
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let is_tag = matches!(before, "struct" | "union" | "enum");
        if (is_macro || is_tag) && spelling::is_word(word) {
            names.push(word.into());
        }
        before = word;
    }
    names
}

/// Headers that can be read together: no two headers of a group define a name differently.
fn groups(files: &[File]) -> Vec<Vec<usize>> {
    let mut defines: BTreeMap<&str, BTreeMap<usize, &str>> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        for written in file.split.pieces.iter().filter_map(|piece| match &piece.what {
            What::Declares(written) => Some(written),
            _ => None,
        }) {
            use DeclarationKind::{Assert, Function, Other};
            if !matches!(written.kind, Assert | Other | Function) {
                defines.entry(&written.name).or_default().entry(at).or_insert(&written.tokens);
            }
        }
    }
    // Two equal macros may coexist; two types may not.
    let mut apart = vec![vec![false; files.len()]; files.len()];
    for of in defines.values().filter(|of| of.len() > 1) {
        let all: Vec<_> = of.iter().collect();
        for (index, (a, one)) in all.iter().enumerate() {
            for (b, other) in &all[index + 1..] {
                let known = &mut apart[**a][**b];
                *known = *known || one.contains('{') || one != other;
            }
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    #[allow(clippy::needless_range_loop)] // The number indexes both a row and a column.
    for at in 0..files.len() {
        let fits = |group: &&mut Vec<usize>| group.iter().all(|other| !apart[*other][at]);
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}
