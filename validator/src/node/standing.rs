//! Tells the log when a node loses its right to answer from memory, and when it has it again: what whoever keeps the node is woken
//! for. Requests need none of this.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::lease::Lease;

/// How often the lease is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(250);

/// What is news about the right to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// It is there for the first time.
    Given,
    /// It has ended.
    Lost,
    /// It is there again, after this time.
    Back(Duration),
}

/// How the right to answer stood when it was last looked at.
#[derive(Debug, Default)]
struct Standing {
    held: bool,
    /// When it was first seen ended.
    lost: Option<Duration>,
}

impl Standing {
    fn look(&mut self, lease: &Lease, now: Duration) -> Option<News> {
        let held = lease.holds(now).is_some();
        let news = match (self.held, held) {
            (false, true) => {
                Some(self.lost.take().map_or(News::Given, |lost| News::Back(now.saturating_sub(lost))))
            }
            (true, false) => {
                self.lost = Some(now);
                Some(News::Lost)
            }
            (false, false) | (true, true) => None,
        };
        self.held = held;
        news
    }
}

/// Looks at a lease until `stop` turns true, which must be before the lease is given up.
pub(super) async fn told_of(lease: Arc<Lease>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    let mut standing = Standing::default();
    loop {
        let news = standing.look(&lease, clock.boottime());
        // Only now: a node that stops gives up the right by itself.
        if *stop.borrow() {
            return;
        }
        match news {
            Some(News::Given) => tracing::info!("this node may answer from memory"),
            Some(News::Lost) => tracing::warn!(
                "this node has lost the right to answer from memory: it asks an API node for each credential, and where none \
                 answers it refuses with UNAVAILABLE"
            ),
            Some(News::Back(after)) => {
                let seconds = after.as_secs_f64();
                tracing::info!(seconds, "this node may answer from memory again");
            }
            None => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOKED_AT_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_news_once() {
        let (lease, mut standing) = (Lease::new(), Standing::default());
        let mut at = |lease: &Lease, seconds| standing.look(lease, Duration::from_secs(seconds));
        assert_eq!(at(&lease, 1), None, "it never had it");
        lease.extend(Duration::from_secs(5));
        assert_eq!(at(&lease, 2), Some(News::Given));
        assert_eq!(at(&lease, 3), None);
        assert_eq!(at(&lease, 5), Some(News::Lost));
        assert_eq!(at(&lease, 60), None);
        lease.extend(Duration::from_secs(99));
        assert_eq!(at(&lease, 95), Some(News::Back(Duration::from_secs(90))));
        assert_eq!(at(&lease, 96), None);
    }
}
