//! Pages and their cursors: opaque to callers, a position in the list's own order to the list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::error::QueryError;

/// Most rows on one page.
pub const LONGEST_PAGE: u32 = 200;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page out of up to `limit + 1` rows: the row too many says that there is another page.
    pub(crate) fn of(mut rows: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Self { data: rows, next_cursor }
    }
}

/// Holds a limit between 1 and [`LONGEST_PAGE`].
pub(crate) fn bounded(limit: u32) -> u32 {
    limit.clamp(1, LONGEST_PAGE)
}

/// Writes a cursor. `list` keeps the cursors of different lists apart.
pub(crate) fn write(list: &str, parts: &[&dyn ToString]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.to_string()).collect();
    URL_SAFE_NO_PAD.encode(format!("{list}|{}", parts.join("|")))
}

/// Reads a cursor that [`write()`] made for the same list with as many parts.
pub(crate) fn read<const N: usize>(list: &str, cursor: &str) -> Result<[String; N], QueryError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| QueryError::InvalidCursor)?;
    let text = String::from_utf8(bytes).map_err(|_| QueryError::InvalidCursor)?;
    if text.contains('\0') {
        return Err(QueryError::InvalidCursor);
    }
    let mut parts = text.split('|');
    if parts.next() != Some(list) {
        return Err(QueryError::InvalidCursor);
    }
    let parts: Vec<String> = parts.map(str::to_owned).collect();
    parts.try_into().map_err(|_| QueryError::InvalidCursor)
}

/// A number in a cursor.
pub(crate) fn number(part: &str) -> Result<i64, QueryError> {
    part.parse().map_err(|_| QueryError::InvalidCursor)
}
