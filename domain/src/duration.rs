//! Durations as people write them: `90s`, `24h`, `30d`, `1y`.

use chrono::TimeDelta;

/// The longest duration, in seconds: a century.
const LONGEST: i64 = 100 * 365 * 86_400;

/// The text is not a duration, or one that is too long. Quotes at most its first 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// No whole number with a unit.
    #[error(
        "`{0}` is not a duration; write a whole number and a unit, s, m, h, d, w or y, such as 24h or 30d"
    )]
    Unreadable(String),
    /// Longer than a century.
    #[error("`{0}` is too long; write 100y at the most")]
    TooLong(String),
}

/// Parses a whole number and one unit; a year is 365 days. `0` alone is zero. At most 100 years.
///
/// # Errors
/// [`InvalidDuration`]
pub fn parse(text: &str) -> Result<TimeDelta, InvalidDuration> {
    let quoted = || text.chars().take(32).collect();
    let invalid = || InvalidDuration::Unreadable(quoted());
    if text == "0" {
        return Ok(TimeDelta::zero());
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
    let (number, unit) = text.split_at(unit_at);
    if number.is_empty() {
        return Err(invalid());
    }
    let seconds_each: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 365 * 86_400,
        _ => return Err(invalid()),
    };
    number
        .parse::<i64>()
        .ok()
        .and_then(|n| n.checked_mul(seconds_each))
        .filter(|seconds| *seconds <= LONGEST)
        .and_then(TimeDelta::try_seconds)
        .ok_or_else(|| InvalidDuration::TooLong(quoted()))
}

/// The duration as it is parsed, in the largest unit up to days that it is several of: `30d`, `24h`, `90m`.
#[must_use]
pub fn text(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    let several = |each: i64| seconds % each == 0 && seconds / each > 1;
    let (each, unit) = [(86_400, "d"), (3_600, "h"), (60, "m")]
        .into_iter()
        .find(|(each, _)| several(*each))
        .unwrap_or((1, "s"));
    format!("{}{unit}", seconds / each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(parse("24h"), Ok(TimeDelta::hours(24)));
        assert_eq!(parse("30d"), Ok(TimeDelta::days(30)));
        assert_eq!(parse("1y"), Ok(TimeDelta::days(365)));
        assert_eq!(parse("0"), Ok(TimeDelta::zero()));
        for wrong in ["", "h", "1", "-1h", "1 h", "1.5h", "1month"] {
            assert_eq!(parse(wrong), Err(InvalidDuration::Unreadable(wrong.to_owned())));
        }
    }

    #[test]
    fn what_is_too_long_learns_the_longest() {
        assert_eq!(parse("100y"), Ok(TimeDelta::seconds(LONGEST)));
        for long in ["101y", "36501d", "99999999999999999999s"] {
            assert_eq!(parse(long), Err(InvalidDuration::TooLong(long.to_owned())));
        }
        assert_eq!(parse("101y").unwrap_err().to_string(), "`101y` is too long; write 100y at the most");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for written in ["30d", "24h", "36h", "90m", "61s", "0s", "1s"] {
            assert_eq!(text(parse(written).unwrap()), written);
        }
        assert_eq!(text(TimeDelta::hours(1)), "60m");
    }
}
