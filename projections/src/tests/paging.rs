//! Pages that together hold each row once.

use std::collections::BTreeSet;

use nexus_domain::verification::Code;
use nexus_infrastructure::testing::databases;

use super::*;
use crate::QueryError;
use crate::audit_trail::{AuditFilter, Order};
use crate::key_list::StatusFilter;
use crate::usage::Of;

/// Walks all pages of a list; `$page` answers the page behind a cursor.
macro_rules! walk {
    (|$cursor:ident| $page:expr, |$item:ident| $id:expr) => {{
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let $cursor = next.as_deref();
            let page = $page.await.unwrap();
            found.extend(page.data.iter().map(|$item| $id));
            next = page.next_cursor;
            if next.is_none() {
                break found;
            }
        }
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_and_without_duplicates() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        for number in 1..=7 {
            // Some at the same time.
            log.tenant(tenant(number), created("T", i64::try_from(number / 3).unwrap())).await;
        }
        for number in 1..=25u32 {
            log.key(key(number.into()), issued(tenant(1), "k", i64::from(number / 4))).await;
        }
        let requests = (0..9).map(|n| request(300 + n / 2, Code::Valid, None)).collect();
        let mut head = log.usage(used(tenant(1), key(1), 300, &[(Code::Valid, 9)], requests)).await;
        // Windows of many nodes at once, as they overlap.
        for node in 0..20 {
            let requests = [node / 3, node, 40].map(|n| request(300 + n, Code::Valid, None)).into();
            let mut used = used(tenant(1), key(1), 300 + node / 3, &[(Code::Valid, 3)], requests);
            if let UsageEvent::KeyUsed(used) = &mut used {
                used.to = at(340);
            }
            head = log.usage(used).await;
        }
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;

        let keys = projections.key_list();
        let found = walk!(|cursor| keys.list(tenant(1), StatusFilter::All, cursor, 4, at(500)), |item| (
            item.created_at,
            item.id
        ));
        assert_eq!(found.len(), 25);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 25);
        assert!(found.is_sorted_by(|earlier, later| earlier > later), "newest first");

        let tenants = projections.tenant_list();
        let found = walk!(|cursor| tenants.list(cursor, 2), |item| item.id);
        assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>().len()), (7, 7));

        let trail = projections.audit_trail();
        let filter = AuditFilter::default();
        let found = walk!(|cursor| trail.list(&filter, cursor, 10), |item| item.position);
        assert_eq!(found, (1..=head).rev().collect::<Vec<_>>());
        let mut export = trail.export(filter, Order::NewestFirst).await.unwrap();
        assert_eq!(export.next().await.unwrap().unwrap().len() as u64, head);
        assert!(export.next().await.unwrap().is_none());

        let usage = projections.usage();
        for limit in [2, 7, 100] {
            let found = walk!(|cursor| usage.requests(Of::One(key(1)), cursor, limit), |item| item.at);
            assert_eq!(found.len(), 9 + 60);
            assert!(found.is_sorted_by(|earlier, later| earlier >= later));
            assert_eq!(found.iter().filter(|found| **found == at(340)).count(), 20);
        }

        // A cursor of another list, or none at all, is said to be one.
        let page = keys.list(tenant(1), StatusFilter::All, None, 4, at(500)).await.unwrap();
        for cursor in [page.next_cursor.unwrap().as_str(), "", "!", "a2V5cw"] {
            assert!(
                matches!(tenants.list(Some(cursor), 2).await, Err(QueryError::InvalidCursor)),
                "{cursor}"
            );
        }
        projections.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_pages_go_together() {
    for database in databases().await {
        let mut log = Log::open(&database.database).await;
        let mut head = 0;
        for number in 1..=20u32 {
            head = log.key(key(number.into()), issued(tenant(1), "k", i64::from(number))).await;
            if number.is_multiple_of(2) {
                head = log.key(key(number.into()), revoked(tenant(1), 50)).await;
            }
        }
        let projections = Projections::start(log.journal.clone());
        level(&projections, head).await;
        let keys = projections.key_list();
        for filter in [StatusFilter::Revoked, StatusFilter::Active] {
            let found = walk!(|cursor| keys.list(tenant(1), filter, cursor, 3, at(500)), |item| item.id);
            assert_eq!(
                (found.len(), found.into_iter().collect::<BTreeSet<_>>().len()),
                (10, 10),
                "{filter:?}"
            );
        }
        projections.stop().await;
    }
}
