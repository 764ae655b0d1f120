//! Hears what other processes announce with NOTIFY on a channel of PostgreSQL, on a connection of its own.
//! An announcement may be lost with the connection, so whoever listens polls as well, only less often.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};

/// How long after a failure the listener is set up again. Meanwhile the poll does its work.
const RELISTEN: Duration = Duration::from_secs(1);

/// What a listener has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// From now on nothing is missed; what was announced before may have been.
    Listening,
    /// An announcement, with its payload.
    Announced(&'a str),
}

/// Hands what is heard on `channel` to `hear`, for ever: it outlives its connections.
pub(crate) async fn listen(
    pool: PgPool,
    channel: &'static str,
    mut hear: impl FnMut(Heard<'_>) + Send,
) -> Infallible {
    loop {
        if let Err(error) = listen_once(&pool, channel, &mut hear).await {
            tracing::warn!(
                channel,
                error = &error as &dyn std::error::Error,
                "listening to the database failed, polling instead"
            );
        }
        tokio::time::sleep(RELISTEN).await;
    }
}

async fn listen_once(
    pool: &PgPool,
    channel: &str,
    hear: &mut (impl FnMut(Heard<'_>) + Send),
) -> Result<(), sqlx::Error> {
    // A pool of its own: the listener keeps its connection for ever and should not take one from the queries.
    let own = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let mut listener =
        PgListener::connect_with(&own.connect_lazy_with((*pool.connect_options()).clone())).await?;
    listener.listen(channel).await?;
    hear(Heard::Listening);
    while let Some(notification) = listener.try_recv().await? {
        hear(Heard::Announced(notification.payload()));
    }
    Ok(())
}
