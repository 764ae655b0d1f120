//! The table.

use crate::rounds::Ratio;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// What Nexus does.
    pub(crate) ours: String,
    /// What the baseline does.
    pub(crate) baseline: String,
    /// The one to the other; absent where there is no baseline.
    pub(crate) ratio: Option<Ratio>,
    /// What the ratio, or the figure itself, is meant to be.
    pub(crate) target: &'static str,
    /// At a tenth of the size, and here.
    pub(crate) growth: String,
}

/// The rows as a table in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["measurement", "Nexus", "baseline", "ratio (min–max)", "target", "at a tenth → here"];
    let mut cells: Vec<[String; 6]> = vec![head.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        let ratio = row.ratio.map_or_else(
            || "–".to_owned(),
            |ratio| format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.least, ratio.most),
        );
        let texts = [&row.what, &row.ours, &row.baseline, &ratio, &row.target.to_owned(), &row.growth];
        texts.map(|text| text.replace('|', "\\|"))
    }));
    let mut widths = [0; 6];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let rule = widths.map(|width| "-".repeat(width));
    cells.insert(1, rule);
    let mut text = String::new();
    for row in &cells {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(&format!("| {cell:<width$} "));
        }
        text.push_str("|\n");
    }
    text
}

/// A whole number with its thousands set apart.
pub(crate) fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in words: `100k`, `1M`.
pub(crate) fn size(number: u32) -> String {
    match number {
        1_000_000.. if number.is_multiple_of(1_000_000) => format!("{}M", number / 1_000_000),
        1_000.. if number.is_multiple_of(1_000) => format!("{}k", number / 1_000),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!(count(999.0), "999");
        assert_eq!((size(64), size(100_000), size(1_000_000)), ("64".into(), "100k".into(), "1M".into()));
    }

    #[test]
    fn a_row_has_all_columns() {
        let ratio = Some(Ratio { median: 1.0, least: 0.5, most: 2.0 });
        let (what, ours, baseline) = ("a | b".to_owned(), "1".to_owned(), "1".to_owned());
        let text = table(&[Row { what, ours, baseline, ratio, target: "≥ 1", growth: String::new() }]);
        let last = text.lines().last().unwrap();
        assert!(last.contains("a \\| b") && last.contains("1.00 (0.50–2.00)"), "{last}");
        assert_eq!(text.lines().count(), 3);
    }
}
