//! Lists that come in pages, read as one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Client, ClientError, Query};
use crate::output;

/// The most rows that a server gives at once.
const LARGEST_PAGE: usize = 200;

/// Rows of a list in the server's own words, and where the list goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rows {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

impl Rows {
    /// The rows, parsed.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value> + '_ {
        self.data.iter().filter_map(|row| serde_json::from_str(row.get()).ok())
    }

    /// Says on stderr that the list goes on, where it does.
    pub(crate) fn note_more(&self) {
        if self.next_cursor.is_some() {
            output::note("There are more: see --all and --limit.");
        }
    }

    /// The rows as one list, as the server would have sent it in one page.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Client {
    /// Reads a list, page after page, until it ends or has `most` rows.
    ///
    /// # Errors
    /// [`ClientError`] of the first page that fails.
    pub(crate) fn list(&self, path: &str, query: &Query, most: usize) -> Result<Rows, ClientError> {
        let mut rows = Rows { data: Vec::new(), next_cursor: None };
        loop {
            let wanted = most.saturating_sub(rows.data.len()).min(LARGEST_PAGE);
            let mut page_query = query.clone();
            page_query.add("limit", Some(wanted));
            page_query.add("cursor", rows.next_cursor.as_deref());
            let page: Rows = self.get(path, &page_query)?.parse(self)?;
            // A server that gives the same cursor again would keep us for ever.
            let stuck = page.next_cursor == rows.next_cursor;
            rows.data.extend(page.data);
            rows.next_cursor = page.next_cursor;
            if rows.next_cursor.is_none() || stuck || rows.data.len() >= most {
                return Ok(rows);
            }
        }
    }
}
