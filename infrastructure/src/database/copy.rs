//! COPY in PostgreSQL's binary format.

use sqlx::PgConnection;

use super::{DatabaseError, Value};

/// Bytes that are handed over at once.
const PIECE: usize = 1 << 18;
/// The signature, no flags, and no extension of the header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: i16 = -1;
const NULL: i32 = -1;

/// Runs `sql`, a `COPY … FROM STDIN (FORMAT binary)`, with these rows. Returns how many the server took.
pub(super) async fn write(
    connection: &mut PgConnection,
    sql: &str,
    rows: &[Vec<Value>],
) -> Result<u64, DatabaseError> {
    let mut copy = connection.copy_in_raw(sql).await?;
    let mut piece = Vec::with_capacity(PIECE + PIECE / 4);
    piece.extend_from_slice(HEADER);
    for row in rows {
        // A table has far fewer columns than a number of 16 bits can say.
        piece.extend_from_slice(&i16::try_from(row.len()).unwrap_or(i16::MAX).to_be_bytes());
        for value in row {
            match value {
                Value::Int(value) => {
                    field(&mut piece, value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice))?
                }
                Value::Text(value) => field(&mut piece, value.as_deref().map(str::as_bytes))?,
                Value::Blob(value) => field(&mut piece, value.as_deref())?,
            }
        }
        if piece.len() >= PIECE {
            copy.send(piece.as_slice()).await?;
            piece.clear();
        }
    }
    piece.extend_from_slice(&END.to_be_bytes());
    copy.send(piece.as_slice()).await?;
    Ok(copy.finish().await?)
}

fn field(piece: &mut Vec<u8>, value: Option<&[u8]>) -> Result<(), DatabaseError> {
    let Some(value) = value else {
        piece.extend_from_slice(&NULL.to_be_bytes());
        return Ok(());
    };
    let length =
        i32::try_from(value.len()).map_err(|error| DatabaseError::Other(std::sync::Arc::new(error)))?;
    piece.extend_from_slice(&length.to_be_bytes());
    piece.extend_from_slice(value);
    Ok(())
}
