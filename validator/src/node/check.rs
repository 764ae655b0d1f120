//! A decision whole: the right to answer, the verdict, the rate limits, and the record of it.

use std::fmt;
use std::sync::Arc;

use nexus_domain::dialect::Dialect;
use nexus_domain::verification::{Code, Question, Refused};

use super::Node;
use crate::control::wanted::Wanted;
use crate::read_through::Unanswered;
use crate::usage_journal::UsageRecord;
use crate::{Decision, Limits, Sight, Subject};

impl Node {
    /// Decides on a bare credential, a secret or `client-id:secret` where the dialect has that. Without a dialect's name, the
    /// prefix of the secret tells which one it is. What is accepted counts against the dialect's rate limits; every decision is
    /// recorded, with the method and the address of the question.
    ///
    /// From memory while the node has the right to; otherwise an API node is asked for this one credential, which takes a
    /// second at most. Where nobody can tell, and where the node does not serve the dialect, named or told by a prefix that
    /// [`Dialects::only`](nexus_domain::dialect::Dialects::only) left out, it is `UNAVAILABLE`: no refusal of the credential, and
    /// no leave to do anything either.
    pub async fn check(
        &self,
        dialect: Option<&str>,
        credential: &str,
        question: &Question<'_>,
    ) -> Decision<'_> {
        let validator = &self.validator;
        let decision = match self.sight(|| validator.wanted_in_credential(dialect, credential)).await {
            Ok(sight) => {
                let now = self.clock.unix_micros();
                let decided = validator.verify_credential(&sight, dialect, credential, question, now);
                decided.unwrap_or_else(|unknown| unavailable(&unknown, None))
            }
            Err(unanswered) => {
                let dialect = validator.dialect_for(dialect, credential).ok().flatten();
                unavailable(&unanswered, dialect)
            }
        };
        self.concluded(decision, question).await
    }

    /// As [`Node::check`], for a request of a dialect by its headers, given as pairs with names in lower case. What they claim,
    /// such as a tenant, must agree with what the question claims.
    pub async fn check_headers<'h>(
        &self,
        dialect: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
        question: &Question<'_>,
    ) -> Decision<'_> {
        let validator = &self.validator;
        let decision = match validator.dialect(dialect) {
            Ok(dialect) => match self.sight(|| validator.wanted_in_headers(dialect, headers.clone())).await {
                Ok(sight) => {
                    validator.verify_headers(&sight, dialect, headers, question, self.clock.unix_micros())
                }
                Err(unanswered) => unavailable(&unanswered, Some(dialect)),
            },
            Err(unknown) => unavailable(&unknown, None),
        };
        self.concluded(decision, question).await
    }

    /// What a request that begins now may be decided by. The permit comes first, before anything is looked up: see
    /// [`crate::lease::Permit`].
    async fn sight(&self, wanted: impl FnOnce() -> Option<Wanted>) -> Result<Sight, Unanswered> {
        match self.lease.holds(self.clock.boottime()) {
            Some(permit) => Ok(permit.into()),
            None => self.read_through.sight(&self.validator, wanted()).await,
        }
    }

    /// Counts what is accepted against the dialect's limits, and records what came of it.
    async fn concluded<'n>(&self, decision: Decision<'n>, question: &Question<'_>) -> Decision<'n> {
        let decision = decision.within_limits(&self.budgets, || self.clock.boottime()).await;
        self.usage.record(&UsageRecord {
            at: self.clock.unix_micros(),
            key: decision.subject.as_ref().map(Subject::used),
            code: decision.code(),
            method: question.method,
            path: None,
            ip: question.ip,
            request_id: None,
            client_version: None,
        });
        decision
    }
}

fn unavailable<'n>(why: &dyn fmt::Display, dialect: Option<&'n Arc<Dialect>>) -> Decision<'n> {
    let refused = Refused::new(Code::Unavailable, format!("this node cannot tell: {why}"));
    Decision { outcome: Err(refused), dialect, subject: None, limits: Limits::NotCounted }
}

#[cfg(test)]
mod tests {
    use nexus_domain::credential::{RANDOM_BYTES, Secret};
    use nexus_domain::dialect::built_in;
    use uuid::Uuid;

    use super::*;
    use crate::node::NodeOptions;

    fn cut_off(data: &std::path::Path) -> Node {
        let mut options = NodeOptions::new(Arc::new(built_in()), data, Uuid::from_u128(1));
        // The port for discarding, where nobody listens.
        options.control.urls = vec!["http://127.0.0.1:9".to_owned()];
        options.control.credential = Secret::mint("nxm_", &[1; RANDOM_BYTES]).expose().to_owned();
        Node::start(options).unwrap()
    }

    #[tokio::test]
    async fn a_node_that_can_ask_nobody_tells_so() {
        let data = tempfile::tempdir().unwrap();
        let node = cut_off(data.path());
        let secret = Secret::mint("nx_live_", &[7; RANDOM_BYTES]);
        let bearer = format!("Bearer {}", secret.expose());
        let headers = [("authorization", bearer.as_str())];
        let question = Question::default();
        let (bare, whole) = tokio::join!(
            node.check(None, secret.expose(), &question),
            node.check_headers("nexus", headers.into_iter(), &question),
        );
        for decision in [bare, whole] {
            assert!(!decision.accepted());
            assert_eq!(decision.code(), Code::Unavailable);
            assert_eq!(decision.dialect.unwrap().name, "nexus", "and in the dialect's own words");
        }
        node.stop().await;
    }

    #[tokio::test]
    async fn what_is_no_credential_of_the_nodes_dialects_is_asked_of_nobody() {
        let data = tempfile::tempdir().unwrap();
        let node = cut_off(data.path());
        let question = Question::default();
        assert_eq!(node.check(Some("nexus"), "nx_live_short", &question).await.code(), Code::Malformed);
        let none: [(&str, &str); 0] = [];
        let nothing = node.check_headers("nexus", none.into_iter(), &question).await;
        assert_eq!(nothing.code(), Code::Malformed);
        let strange = node.check(Some("tollgate"), "tg_1", &question).await;
        assert_eq!(strange.code(), Code::Unavailable, "another node may serve it");
        assert!(strange.outcome.unwrap_err().detail.contains("tollgate"));
        node.stop().await;
    }
}
