//! Progress on stderr: a bar on a terminal, now and then a line elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

use super::Rebuilding;
use crate::output;
use crate::text::neutral;

/// Between two plain lines, in parts of a hundred.
const STEP: u64 = 10;

/// What is shown while a rebuild runs.
pub(super) enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere; holds the last percentage that was written.
    Lines(String, Option<u64>),
}

impl Progress {
    /// Progress of the projection `name`, as stderr can show it.
    pub(super) fn start(name: &str) -> Self {
        let name = neutral(name).into_owned();
        if !console::Term::stderr().is_term() {
            return Self::Lines(name, None);
        }
        let bar = ProgressBar::new(0).with_message(name);
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {percent:>3} %  {human_pos}/{human_len} events  {eta}",
        );
        Self::Bar(style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style)))
    }

    /// Shows where the rebuild stands.
    pub(super) fn show(&mut self, rebuilding: Rebuilding) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(rebuilding.target);
                bar.set_position(rebuilding.position);
            }
            Self::Lines(name, last) => {
                if let Some(line) = due(name, last, rebuilding) {
                    output::note(&line);
                }
            }
        }
    }

    /// Takes a bar away.
    pub(super) fn end(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines(..) => {}
        }
    }
}

/// The next line, where there is enough to say since the last one.
fn due(name: &str, last: &mut Option<u64>, rebuilding: Rebuilding) -> Option<String> {
    let percent = rebuilding.percent();
    if last.is_some_and(|last| percent < last.saturating_add(STEP)) {
        return None;
    }
    *last = Some(percent);
    Some(format!("{name}: {} of {} events, {percent} %", rebuilding.position, rebuilding.target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_steps() {
        let mut last = None;
        let mut due = |position| due("key_list", &mut last, Rebuilding { position, target: 1000 });
        assert_eq!(due(0).unwrap(), "key_list: 0 of 1000 events, 0 %");
        assert_eq!(due(99), None);
        assert_eq!(due(250).unwrap(), "key_list: 250 of 1000 events, 25 %");
        assert_eq!(due(349), None);
        assert!(due(350).is_some());
    }
}
