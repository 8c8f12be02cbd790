// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Completion of command lines: the shell calls the program, which says how a word may go on.

pub(crate) mod words;

use clap::ValueEnum;
use clap_complete::env::{CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Set by the shell's function, to the name of the shell.
const VARIABLE: &str = "KHO_ABI_COMPLETE";
/// The number of the word that the cursor is in.
const INDEX: &str = "_KHO_ABI_INDEX";
const NAME: &str = "kho-abi";

/// Shells with completions.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    fn adapter(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Elvish => &Elvish,
            Self::Fish => &Fish,
            Self::Powershell => &Powershell,
            Self::Zsh => &Zsh,
        }
    }
}

/// Where the shell asks for completions, answers and ends the program.
pub(crate) fn answer<F: Fn() -> clap::Command>(command: F) {
    const SHELLS: Shells<'_> = Shells(&[&Bash, &Elvish, &Fish, &Powershell, &Zsh]);
    CompleteEnv::with_factory(command).var(VARIABLE).bin(NAME).shells(SHELLS).complete();
}

/// What the shell reads to know of the program.
pub(crate) fn script(shell: Shell) -> io::Result<String> {
    let mut script = Vec::new();
    shell.adapter().write_registration(VARIABLE, NAME, NAME, NAME, &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Bash, which splits words at `:` and `=`; `git:REV` and `--root=DIR` are one word here.
struct Bash;

const BASH: &str = r#"_kho_abi() {
    # Bash has also split the line at colons and equal signs: join what no space separates.
    local line=${COMP_LINE:0:COMP_POINT} words=() i word
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $i -eq 0 || $line == [[:space:]]* ]]; then
            line=${line#"${line%%[![:space:]]*}"}
            words+=("")
        fi
        [[ $i -lt $COMP_CWORD ]] || word=$line
        words[${#words[@]}-1]+=$word
        line=${line#"$word"}
    done
    local last=$((${#words[@]} - 1))
    # Remove the backslashes with which a name was typed.
    words[last]=${words[last]//\\/}
    local found
    # A here-string also works without /proc.
    mapfile -t found <<<"$(VARIABLE=bash INDEX=$last "COMPLETER" -- "${words[@]}" 2>/dev/null)"
    [[ -n ${found[0]} ]] || found=()
    # Bash inserts what follows the last character at which it split.
    local typed=${words[last]} prefix=
    [[ $typed != *[:=]* ]] || prefix=${typed%"${typed##*[:=]}"}
    COMPREPLY=()
    for word in "${found[@]}"; do
        word=${word#"$prefix"}
        [[ -z $word || $word != *[[:space:]\&\;\|\(\)\<\>\*\?\$\`\'\"\\]* ]] || printf -v word %q "$word"
        COMPREPLY+=("$word")
    done
    # More of the word follows these.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} != *[/:=.] ]] || compopt -o nospace 2>/dev/null
}
complete -o bashdefault -F _kho_abi BIN
"#;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        _: &str,
        program: &str,
        completer: &str,
        to: &mut dyn io::Write,
    ) -> io::Result<()> {
        let script = BASH.replace("VARIABLE", variable).replace("INDEX", INDEX);
        to.write_all(script.replace("COMPLETER", completer).replace("BIN", program).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        dir: Option<&Path>,
        to: &mut dyn io::Write,
    ) -> io::Result<()> {
        let index = std::env::var(INDEX).ok().and_then(|index| index.parse().ok());
        let index = index.unwrap_or(words.len().saturating_sub(1));
        for candidate in clap_complete::engine::complete(command, words, index, dir)? {
            to.write_all(candidate.get_value().as_bytes())?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }
}
