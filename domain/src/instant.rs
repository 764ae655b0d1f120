//! Instants as people write them: RFC 3339, or a date for its first moment in UTC.

use chrono::{DateTime, Utc};

/// What to write, for whoever is told that a text is [`InvalidInstant`].
pub const FORM: &str =
    "write it like 2026-12-31T00:00:00Z (RFC 3339), or 2026-12-31 for 00:00 UTC of that day";

/// The text is not an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an instant nor a date")]
pub struct InvalidInstant;

/// Parses an instant.
///
/// # Errors
/// [`InvalidInstant`]
pub fn parse(text: &str) -> Result<DateTime<Utc>, InvalidInstant> {
    // What reads RFC 3339 takes digits alone, and as many as there must be.
    let at = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")));
    at.map(|at| at.with_timezone(&Utc)).map_err(|_| InvalidInstant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment_in_utc() {
        for (written, read) in [
            ("2026-12-31", "2026-12-31T00:00:00+00:00"),
            ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00+00:00"),
            ("2026-01-31T14:03:00.5+02:00", "2026-01-31T12:03:00.500+00:00"),
        ] {
            assert_eq!(parse(written).map(|at| at.to_rfc3339()).as_deref(), Ok(read));
        }
        for wrong in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-30",
            "2026-1-31",
            "31-12-2026",
            "2026-01-31 14:03",
            "2026-12-31Z",
            "+2026-1-31",
            "-2026-1-31",
            "2026- 1-31",
            "+26214-1-1",
        ] {
            assert_eq!(parse(wrong), Err(InvalidInstant), "{wrong}");
        }
    }
}
