//! Durations as people write them: `90s`, `24h`, `30d`, `1y`.

use chrono::TimeDelta;

/// The text is not a duration, or a longer one than a century.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a whole number and a unit, s, m, h, d, w or y, such as 24h or 30d")]
pub struct InvalidDuration(String);

/// Parses a whole number and one unit; a year is 365 days. `0` alone is zero. At most 100 years.
///
/// # Errors
/// [`InvalidDuration`], which quotes at most the first 32 characters of the text.
pub fn parse(text: &str) -> Result<TimeDelta, InvalidDuration> {
    let invalid = || InvalidDuration(text.chars().take(32).collect());
    if text == "0" {
        return Ok(TimeDelta::zero());
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
    let (number, unit) = text.split_at(unit_at);
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
        .filter(|seconds| *seconds <= 100 * 365 * 86_400)
        .and_then(TimeDelta::try_seconds)
        .ok_or_else(invalid)
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
        for wrong in ["", "h", "1", "-1h", "1 h", "1.5h", "1month", "101y", "99999999999999999999s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for written in ["30d", "24h", "36h", "90m", "61s", "0s", "1s"] {
            assert_eq!(text(parse(written).unwrap()), written);
        }
        assert_eq!(text(TimeDelta::hours(1)), "60m");
    }
}
