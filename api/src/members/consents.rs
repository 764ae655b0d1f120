//! What a member agreed to ends with what the agreement rests on: see `docs/decisions/0017`.

use chrono::TimeDelta;
use futures::future::try_join_all;
use nexus_domain::grant::GrantEnd;
use nexus_domain::ids::MemberId;
use nexus_domain::jwt::LONGEST_LIFE;
use nexus_infrastructure::gate::Call;
use nexus_projections::oauth;

use crate::app::App;
use crate::keys::up_to_date;
use crate::nodes::barrier::Effect;
use crate::nodes::settle::{Settled, settle};
use crate::problem::Problem;

/// How many grants end at once.
const AT_ONCE: usize = 16;

/// Ends all that a member agreed to, after the member was changed: nothing can be agreed to in the member's name any more. When
/// this answers, every validating node refuses the tokens that it gave. May be repeated, and must be where it fails.
pub(super) async fn end(
    app: &App,
    call: &Call<'_>,
    member: MemberId,
    reason: GrantEnd,
) -> Result<Settled, Problem> {
    up_to_date(app, oauth::NAME).await?;
    // The last token of a grant may end that much after it.
    let since = call.now - TimeDelta::microseconds(LONGEST_LIFE);
    let grants = app.projections.oauth().grants_of(&member.to_string(), since).await?;
    let mut last = None;
    for several in grants.chunks(AT_ONCE) {
        let ended = several.iter().map(|grant| app.gate.withdraw_grant(call, *grant, member, reason));
        last = last.max(try_join_all(ended).await?.into_iter().flatten().max());
    }
    // Where nothing had to end, an earlier try may not have come everywhere yet.
    settle(app, last, Effect::Reduces).await
}
