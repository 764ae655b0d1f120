//! Who uses it: administrators, who change things and repeat what was not answered, and clients of all tables, who ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_domain::verification::Code;
use nexus_validator::Validator;
use nexus_validator::lease::Lease;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::broken::Broken;
use crate::chance::{Chance, Dice};
use crate::history::{Change, Standing, TENANTS};
use crate::oracle::{Asked, permit, verdict};
use crate::turns::sleep_after_all;
use crate::world::{APIS, World};

/// Requests at a time on every host.
const CLIENTS: u64 = 3;
/// How long an administrator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// A process's table, and the right to answer from it.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) validator: Arc<Validator>,
    pub(crate) lease: Arc<Lease>,
    /// What the process said that it shows.
    pub(crate) acknowledged: Arc<AtomicU64>,
    /// Counts how often everything in it was forgotten.
    pub(crate) forgotten: Arc<AtomicU64>,
}

/// Starts the clients of a process.
pub(crate) fn clients(world: &Arc<World>, host: usize, run: u64, table: &Table) {
    for client in 0..CLIENTS {
        let (world, table) = (Arc::clone(world), table.clone());
        let mut dice = Dice::new(world.chance.of(("client", host, run, client)));
        world.hosts[host].clone().spawn(async move {
            loop {
                sleep(dice.throw().millis(5, 80)).await;
                world.hosts[host].turns.turn((8, host, client)).await;
                ask(&world, host, &table, dice.throw()).await;
            }
        });
    }
}

/// A thread is held up now and then, seldom for long.
async fn hold_up(world: &World, host: usize, chance: Chance) {
    if chance.per_mille(60) {
        sleep(chance.skewed(5_000)).await;
        world.hosts[host].turns.turn((9, host, chance.bits())).await;
    }
}

/// A key of late as a rule: something happened to it.
fn some_key(world: &World, chance: Chance) -> Option<usize> {
    let keys = world.store.stored().history.keys();
    let newest = keys.checked_sub(1)?;
    Some(if chance.per_mille(700) {
        newest - chance.index(keys.min(5))
    } else {
        chance.of("any").index(keys)
    })
}

/// A request, in the order in which the product answers one.
async fn ask(world: &World, host: usize, table: &Table, chance: Chance) {
    let Some(key) = some_key(world, chance) else { return };
    let writes = chance.of("writes").per_mille(500);
    let digest = world.store.stored().history.digest(key);
    let floor = world.oracle.floor().max(table.acknowledged.load(Ordering::Relaxed));
    let asked = Asked { host, key, writes, floor, began: world.millis() };
    world.oracle.tally(|figures| figures.requests += 1);
    hold_up(world, host, chance.of(1)).await;
    let early = world.is(Broken::LatePermit).then(|| verdict(&table.validator, permit(), &digest, writes));
    if early.is_some() {
        hold_up(world, host, chance.of(2)).await;
    }
    let now = world.hosts[host].reading();
    hold_up(world, host, chance.of(3)).await;
    let Some(permit) = table.lease.holds(now) else { return };
    let forgotten = table.forgotten.load(Ordering::Relaxed);
    hold_up(world, host, chance.of(4)).await;
    let code = early.unwrap_or_else(|| verdict(&table.validator, permit, &digest, writes));
    if code == Code::Unknown && forgotten != table.forgotten.load(Ordering::Relaxed) {
        // A permit says that what is found counts, and not that anything is there to be found: the request is refused, though it
        // should have been told that nobody knows.
        world.oracle.tally(|figures| figures.forgotten += 1);
        return;
    }
    world.oracle.judge(world, &asked, code);
}

/// Tenants, before everything else.
pub(crate) fn found(world: &World) {
    for tenant in 0..TENANTS {
        world.store.act(|stored| stored.commit(Change::Tenant { tenant, suspended: false }));
    }
}

/// Changes things for ever.
pub(crate) async fn administrate(world: Arc<World>, number: u64) {
    let mut dice = Dice::new(world.chance.of(("administrator", number)));
    loop {
        sleep_after_all(dice.throw().skewed(1_500)).await;
        let change = some_change(&world, dice.throw());
        let mut api = dice.throw().index(APIS);
        while !request(&world, api, change).await {
            api = (api + 1) % APIS;
            sleep_after_all(dice.throw().millis(20, 300)).await;
        }
    }
}

/// Whether it was answered.
async fn request(world: &Arc<World>, api: usize, change: Change) -> bool {
    let Some(serving) = world.api(api).clone() else { return false };
    let (tell, told) = oneshot::channel();
    world.hosts[api].spawn(async move {
        if serving.change(change).await.is_some() {
            let _nobody = tell.send(());
        }
    });
    matches!(timeout(PATIENCE, told).await, Ok(Ok(())))
}

fn some_change(world: &World, chance: Chance) -> Change {
    let tenant = chance.of("tenant").index(TENANTS);
    let key = some_key(world, chance.of("key"));
    let stored = world.store.stored();
    let issued = Change::Issue { key: stored.history.keys(), tenant };
    let Some(key) = key else { return issued };
    match (chance.between(0, 9), stored.history.standing(key)) {
        (0..=2, _) | (_, Standing::Absent | Standing::Revoked { .. }) => issued,
        (3..=4, Standing::Live { .. }) => Change::Revoke { key },
        (5..=6, Standing::Live { wide }) => Change::Scopes { key, wide: !wide },
        (7..=8, _) => Change::Tenant { tenant, suspended: !stored.history.suspended(tenant) },
        _ => Change::Other,
    }
}
