//! Tables for people: columns where the terminal is wide enough, one block a row where it is not. Every cell is made
//! safe here, so that no caller can forget it.

use chrono::NaiveDateTime;
use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};

use crate::failure::Failure;
use crate::output;
use crate::text::neutral;
use crate::words;

/// Space between columns.
const GAP: u16 = 2;
/// Narrower than this, a wrapped column cannot be read.
const NARROWEST: u16 = 10;
/// Words up to this width are never broken: ids have 36 letters and 40 at the most, and people copy them.
const UNBROKEN: u16 = 40;

/// A table being filled.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, a cell a column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| neutral(cell).into_owned()).collect());
    }

    /// Writes the table to stdout; an empty one becomes a note that there are no `what`.
    ///
    /// # Errors
    /// As [`output::print`].
    pub(crate) fn print(&self, what: &str) -> Result<(), Failure> {
        if self.rows.is_empty() {
            output::note(&format!("There are no {what}."));
            return Ok(());
        }
        output::print(&self.render(terminal_width()))
    }

    /// The table as text for a terminal of this width; absent: as wide as it needs to be.
    pub(crate) fn render(&self, width: Option<u16>) -> String {
        let mut table = self.columnar();
        let natural = widest(&table.trim_fmt());
        let Some(width) = width.filter(|width| *width < natural) else {
            return table.trim_fmt();
        };
        let fits = |least: &Vec<u16>| {
            least.iter().fold(0_u16, |sum, least| sum.saturating_add(*least).saturating_add(GAP)) <= width
        };
        let Some(least) =
            [least_width, least_word].map(|least| self.least_widths(least)).into_iter().find(fits)
        else {
            return self.stacked();
        };
        for (column, least) in table.column_iter_mut().zip(least) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least.saturating_add(GAP))));
        }
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        table.trim_fmt()
    }

    fn columnar(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.columns.iter().copied()).add_rows(self.rows.iter().cloned());
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, GAP));
        });
        table
    }

    /// How narrow each column can be, as its cells are.
    fn least_widths(&self, of: fn(&str) -> u16) -> Vec<u16> {
        let cells = |at: usize| self.rows.iter().filter_map(move |row| row.get(at)).map(String::as_str);
        let least =
            |(at, name): (usize, &&'static str)| cells(at).chain([*name]).map(of).max().unwrap_or_default();
        self.columns.iter().enumerate().map(least).collect()
    }

    fn stacked(&self) -> String {
        let blocks: Vec<String> = self
            .rows
            .iter()
            .map(|row| facts_text(self.columns.iter().copied().zip(row.iter().map(String::as_str))))
            .collect();
        blocks.join("\n\n")
    }
}

/// Writes one thing to stdout as aligned lines `label  value`; facts without a value are left out.
///
/// # Errors
/// As [`output::print`].
pub(crate) fn print_facts(facts: &[(&str, String)]) -> Result<(), Failure> {
    let safe: Vec<(&str, String)> = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| (*label, neutral(value).into_owned()))
        .collect();
    output::print(&facts_text(safe.iter().map(|(label, value)| (*label, value.as_str()))))
}

fn facts_text<'a>(facts: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let widest = facts.clone().map(|(label, _)| label.len()).max().unwrap_or_default();
    let lines: Vec<String> =
        facts.map(|(label, value)| format!("{label:widest$}  {value}").trim_end().to_owned()).collect();
    lines.join("\n")
}

fn widest(text: &str) -> u16 {
    text.lines().map(width_of).max().unwrap_or_default()
}

fn width_of(text: &str) -> u16 {
    u16::try_from(console::measure_text_width(text)).unwrap_or(u16::MAX)
}

/// How narrow a cell can be with every time in one line.
fn least_width(cell: &str) -> u16 {
    if NaiveDateTime::parse_from_str(cell, words::TIME).is_ok() { width_of(cell) } else { least_word(cell) }
}

/// How narrow a cell can be that breaks between words alone, a time between day and hour.
fn least_word(cell: &str) -> u16 {
    let longest = cell.split_whitespace().map(width_of).max().unwrap_or_default();
    longest.min(UNBROKEN).max(width_of(cell).min(NARROWEST))
}

fn terminal_width() -> Option<u16> {
    console::Term::stdout().size_checked().map(|(_, columns)| columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["Name", "Scopes", "ID"]);
        table.row(vec![
            "Backend 東京".into(),
            "orders:read, orders:write, users:read".into(),
            "key_0123456789".into(),
        ]);
        table.row(vec!["\u{1b}[2Jevil\nname".into(), String::new(), "key_9876543210".into()]);
        table
    }

    #[test]
    fn columns_stand_in_line_and_cells_are_harmless() {
        let text = table().render(None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("Name") && lines[0].ends_with("ID"));
        let at = |line: &str| console::measure_text_width(&line[..line.find("key_").unwrap()]);
        assert_eq!(at(lines[1]), at(lines[2]), "wide characters count twice: {text}");
        assert!(lines[2].contains("\\u{1b}[2Jevil\\u{a}name"));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_narrow_terminal_wraps_and_keeps_ids_whole() {
        let text = table().render(Some(50));
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 50), "{text}");
        assert!(text.contains("key_0123456789") && text.contains("key_9876543210"), "{text}");
    }

    #[test]
    fn ids_days_and_hours_are_whole_at_every_width() {
        let key = "key_01a200d3d3e67d0a9a02b4b280d805ee";
        let (day, hour) = ("2026-11-22", "01:16:52Z");
        let mut table = Table::new(&["Time", "Actor", "Scopes", "Key"]);
        table.row(vec![
            format!("{day} {hour}"),
            key.into(),
            "read:payments, write:payments, read:users".into(),
            key.into(),
        ]);
        let mut shapes = std::collections::BTreeSet::new();
        for width in 20..180 {
            let text = table.render(Some(width));
            assert_eq!(text.matches(key).count(), 2, "{width}: {text}");
            for whole in [day, hour, "read:payments", "write:payments"] {
                assert_eq!(text.matches(whole).count(), 1, "{width}: {whole} in {text}");
            }
            let stacked = text.starts_with("Time    2026");
            assert!(stacked || widest(&text) <= width, "{width}: {text}");
            shapes.insert((stacked, text.lines().count()));
        }
        assert!(shapes.len() > 2, "stacked, wrapped and in one line: {shapes:?}");
    }

    #[test]
    fn a_very_narrow_terminal_gets_a_block_a_row() {
        let text = table().render(Some(24));
        assert!(text.starts_with("Name    Backend 東京\nScopes  orders:read"), "{text}");
        assert_eq!(text.matches("\n\n").count(), 1, "{text}");
    }

    #[test]
    fn labels_are_aligned() {
        let facts = [("Name", "A"), ("Created", "")];
        assert_eq!(facts_text(facts.into_iter()), "Name     A\nCreated");
    }
}
