//! `nexus members set-password`, and how passwords are asked for.

use std::io::{self, BufRead, IsTerminal as _};

use clap::Args;
use console::Term;
use serde_json::json;
use zeroize::Zeroizing;

use super::Addressed;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};

/// The most that is read from stdin, in bytes: a password of the longest kind and a line break.
const LONGEST_INPUT: u64 = 1024 + 2;

/// Give a member another password, and end all of the member's sessions and what the member allowed apps to do
///
/// The password is asked for on a terminal, or read from stdin: the first line.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus members set-password mem_01a2045dd05b762091b9bfb7c3413aae
  nexus members set-password mem_01a2045dd05b762091b9bfb7c3413aae < password.txt")]
pub(super) struct SetPasswordArgs {
    #[command(flatten)]
    member: Addressed,
}

pub(super) fn run(args: &SetPasswordArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let password = ask()?;
    let answer = client.post(&args.member.path("/password"), &json!({"password": *password}))?;
    super::print(&answer, client, format)
}

/// A new password, from a terminal twice and unseen, or from stdin.
pub(super) fn ask() -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return read(io::stdin().lock());
    }
    let terminal = Term::stderr();
    let unseen = |prompt: &str| {
        output::note(prompt);
        terminal
            .read_secure_line()
            .map(Zeroizing::new)
            .map_err(|error| Failure::io("read the password", error))
    };
    let password = unseen("New password, 12 characters or more:")?;
    if password != unseen("The same once more:")? {
        return Err(Failure::Refused("the two passwords differ".to_owned()));
    }
    Ok(password)
}

/// The first line, whatever white space is in it.
fn read(input: impl BufRead) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    input.take(LONGEST_INPUT).read_line(&mut text).map_err(|error| Failure::io("read stdin", error))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::Refused("stdin holds no password".to_owned()));
    }
    Ok(Zeroizing::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password_with_its_spaces() {
        let of = |text: &'static str| read(text.as_bytes()).map(|password| password.to_string());
        assert_eq!(of(" correct horse \nsecond").unwrap(), " correct horse ");
        assert_eq!(of("correct horse\r\n").unwrap(), "correct horse");
        assert_eq!(of("correct horse").unwrap(), "correct horse");
        assert!(of("").is_err() && of("\n").is_err());
    }
}
