//! `nexus projections rebuild`

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::progress::Progress;
use super::{Rebuilding, find};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::words::text;

const POLL: Duration = Duration::from_millis(500);
/// How often the server may be asked before the rebuild it accepted shows.
const POLLS_UNTIL_BEGUN: u32 = 20;

/// Build a projection anew from the log
///
/// The new tables are filled beside the live ones and take their place when they have caught up; queries are answered
/// throughout. Ctrl-C stops watching, not the rebuild.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus projections rebuild key_list
  nexus projections rebuild audit_trail --no-wait")]
pub(super) struct RebuildArgs {
    /// The projection, as `nexus projections status` names it
    #[arg(value_parser = name)]
    name: String,

    /// Begin it and do not watch
    #[arg(long)]
    no_wait: bool,
}

pub(super) fn run(args: &RebuildArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let before = find(client, &args.name)?;
    let answer = client.post(&format!("{}/{}/rebuild", super::PATH, args.name), &json!({}))?;
    if args.no_wait {
        return match format {
            Format::Json if !answer.raw().trim().is_empty() => output::json(answer.raw()),
            Format::Json | Format::Table => {
                output::print(&format!("The rebuild of {} has begun.", args.name))
            }
        };
    }
    let mut progress = Progress::start(&args.name);
    let finished = watch(&before.unwrap_or_default(), &mut progress, || {
        std::thread::sleep(POLL);
        Ok(find(client, &args.name)?)
    });
    progress.end();
    let finished = finished?;
    match format {
        Format::Json => output::json(&finished.to_string()),
        Format::Table => output::print(&format!(
            "{} is rebuilt and live at version {}.",
            args.name,
            text(&finished, "version")
        )),
    }
}

/// Asks until the new tables have taken over, which shows in the version; gives the projection as it is then.
fn watch(
    before: &Value,
    progress: &mut Progress,
    mut ask: impl FnMut() -> Result<Option<Value>, Failure>,
) -> Result<Value, Failure> {
    let failed = |why: &str| Err(Failure::Refused(format!("{why}; see `nexus projections status`")));
    let mut begun = false;
    let mut polls = 0;
    loop {
        polls += 1;
        let Some(now) = ask()? else {
            return failed("the server no longer knows this projection");
        };
        if now.get("version") != before.get("version") {
            return Ok(now);
        }
        let error = text(&now, "error");
        match Rebuilding::of(&now) {
            Some(rebuilding) => {
                begun = true;
                progress.show(rebuilding);
            }
            // What stood still before may go on doing so until the new tables take over.
            None if !error.is_empty() && error != text(before, "error") => {
                return failed(&format!("the rebuild has stopped: {error}"));
            }
            None if begun => return failed("the rebuild has ended and its tables have not taken over"),
            None if polls >= POLLS_UNTIL_BEGUN => {
                return failed("the rebuild was accepted and has not begun");
            }
            None => {}
        }
    }
}

/// A projection's name, which becomes part of an address.
fn name(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err("a name has letters, digits, _ and - alone; see `nexus projections status`");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(version: u64, rebuilding: Value, error: Value) -> Value {
        json!({"name": "usage", "version": version, "rebuilding": rebuilding, "error": error})
    }

    fn watched(answers: Vec<Value>) -> (Result<Value, Failure>, usize) {
        let mut answers = answers.into_iter();
        let mut progress = Progress::Lines("usage".to_owned(), None);
        let outcome = watch(&idle(), &mut progress, || Ok(answers.next()));
        (outcome, answers.count())
    }

    fn idle() -> Value {
        at(1, Value::Null, json!("old"))
    }

    fn running() -> Value {
        at(1, json!({"position": 1, "target": 2}), json!("old"))
    }

    #[test]
    fn it_is_over_when_the_version_is_another() {
        let (outcome, left) = watched(vec![idle(), running(), at(2, Value::Null, Value::Null), Value::Null]);
        assert_eq!(text(&outcome.unwrap(), "version"), "2");
        assert_eq!(left, 1);
    }

    #[test]
    fn a_rebuild_that_does_not_take_over_is_a_failure() {
        for (answers, why) in [
            (vec![running(), idle()], "the rebuild has ended"),
            (vec![idle(), at(1, Value::Null, json!("new"))], "the rebuild has stopped: new"),
            (vec![idle(); 40], "the rebuild was accepted and has not begun"),
            (vec![], "the server no longer knows"),
        ] {
            let line = watched(answers).0.unwrap_err().line();
            assert!(line.starts_with(why), "{line}");
        }
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_address() {
        assert!(name("credential_lookup").is_ok());
        for wrong in ["", "../nodes", "a/b", "a?b", "a b"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
