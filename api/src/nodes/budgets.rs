//! Shares of rate limits: for validating nodes, and for this process's own table.

use std::sync::Arc;
use std::time::Duration;

use nexus_domain::rate_limit::Holder;
use nexus_infrastructure::clock::SharedClock;
use nexus_infrastructure::rate_budgets::{BudgetRequest, RateBudgets};
use nexus_validator::budget::{Budgets, TICK};
use nexus_validator::control::message::{BudgetAsk, TenantShares};
use tokio::sync::watch;

use super::holders::HolderId;

/// How often ledgers are thrown away that nobody has asked for in long.
const PRUNED_EVERY: Duration = Duration::from_secs(600);

/// What the ledgers give a node. An ask without an answer is asked again by the node itself.
pub(super) async fn divide(ledgers: &RateBudgets, id: HolderId, asks: Vec<BudgetAsk>) -> Vec<TenantShares> {
    let holder = Holder::new(&id.node.to_string(), id.incarnation);
    let counted: Vec<_> = asks.iter().map(|asked| asked.counted).collect();
    let requests: Vec<BudgetRequest> = asks
        .into_iter()
        .map(|asked| BudgetRequest {
            subject: asked.counted.to_string(),
            holder: holder.clone(),
            ask: asked.ask,
        })
        .collect();
    let settled = match ledgers.settle(&requests).await {
        Ok(settled) => settled,
        Err(error) => {
            tracing::warn!(%error, "rate limits cannot be divided just now");
            return Vec::new();
        }
    };
    let given = counted.into_iter().zip(settled).filter_map(|(counted, settled)| match settled {
        Ok(shares) => Some(TenantShares { counted, shares }),
        Err(unsettled) => {
            tracing::debug!(%unsettled, %counted, "a node gets no share");
            None
        }
    });
    given.collect()
}

/// Asks for the shares of this process's own table, until `stop` turns true.
pub async fn ask_for_own(
    ledgers: RateBudgets,
    budgets: Arc<Budgets>,
    id: HolderId,
    clock: SharedClock,
    mut stop: watch::Receiver<bool>,
) {
    tokio::select! {
        () = ask_for_ever(&ledgers, &budgets, id, &clock) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn ask_for_ever(ledgers: &RateBudgets, budgets: &Budgets, id: HolderId, clock: &SharedClock) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut prune = tokio::time::interval(PRUNED_EVERY);
    loop {
        tokio::select! {
            () = budgets.due() => {}
            _ = tick.tick() => {}
            _ = prune.tick() => {
                if let Err(error) = ledgers.prune().await {
                    tracing::debug!(%error, "old ledgers of rate limits stay for now");
                }
            }
        }
        let asks = budgets.requests(clock.monotonic());
        if asks.is_empty() {
            continue;
        }
        let asks = asks.into_iter().map(|(counted, ask)| BudgetAsk { counted, ask }).collect();
        for given in divide(ledgers, id, asks).await {
            budgets.granted(given.counted, &given.shares, clock.monotonic());
        }
    }
}
