//! Lists that are read newest first, a page at a time. What they have in common: the order, by a time and an id, the cursor that
//! says how far somebody has read, and the row too many that says that there is more.

use chrono::{DateTime, Utc};
use nexus_infrastructure::database::{Row, Value};

use crate::cursor::{self, Page};
use crate::error::QueryError;
use crate::projection::Build;
use crate::reader::Reader;

/// A list, and by what its rows are in order. Columns are written as the list's statement names them.
pub(crate) struct NewestFirst {
    /// The name of its cursors, which keeps them apart from those of other lists.
    pub(crate) name: &'static str,
    /// The column of the time.
    pub(crate) at: &'static str,
    /// The column of the id.
    pub(crate) id: &'static str,
}

/// Which part of a list.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Where the page before ended; absent: from the newest.
    pub(crate) cursor: Option<&'a str>,
    /// How many rows, held between 1 and [`crate::LONGEST_PAGE`].
    pub(crate) limit: u32,
}

impl NewestFirst {
    /// The rows of a page and one more, where there is one. `select` is the statement up to its `FROM`, and `condition` is over
    /// `args`, of which the first is `$1`.
    ///
    /// # Errors
    /// [`QueryError`]
    pub(crate) async fn rows(
        &self,
        reader: &Reader,
        select: impl Fn(Build) -> String,
        condition: &str,
        args: Vec<Value>,
        part: Part<'_>,
    ) -> Result<Vec<Row>, QueryError> {
        let Self { name, at, id } = self;
        let (before, before_id) = match part.cursor {
            Some(cursor) => {
                let [before, id] = cursor::read(name, cursor)?;
                (cursor::number(&before)?, id)
            }
            None => (i64::MAX, String::new()),
        };
        let own = args.len();
        let sql = |build| {
            format!(
                "{} WHERE {condition} AND ({at}, {id}) < (${}, ${}) ORDER BY {at} DESC, {id} DESC LIMIT ${}",
                select(build),
                own + 1,
                own + 2,
                own + 3
            )
        };
        let limit = cursor::bounded(part.limit) + 1;
        let place = [before.into(), before_id.into(), limit.into()];
        reader.query(sql, &args.into_iter().chain(place).collect::<Vec<Value>>()).await
    }

    /// The page out of what [`NewestFirst::rows`] gave; `place` tells the time and the id of a row.
    pub(crate) fn page<T>(
        &self,
        items: Vec<T>,
        part: Part<'_>,
        place: impl FnOnce(&T) -> (DateTime<Utc>, String),
    ) -> Page<T> {
        Page::of(items, cursor::bounded(part.limit), |last| {
            let (at, id) = place(last);
            cursor::write(self.name, &[&at.timestamp_micros(), &id])
        })
    }
}
