//! What the metrics of a server process mean, in the words of `/metrics` itself.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Counters, from the start of the process on.
const COUNTERS: &[(&str, &str)] = &[
    (
        "nexus_api_node_suspensions_total",
        "Times that other API nodes took this one for dead, so that it registered anew",
    ),
    ("nexus_deltas_total", "Changes of validity that were applied, by the road that brought them first"),
    ("nexus_feed_failures_total", "Times that the credential table could not follow the log"),
    ("nexus_http_request_timeouts_total", "Requests that were not complete in time"),
    ("nexus_lease_grants_total", "Rights to answer from memory that were given to validating nodes"),
    ("nexus_lease_renewals_total", "Rights to answer from memory that this node was given"),
    ("nexus_node_streams_ended_total", "Control streams of this node that ended after the log was followed"),
    ("nexus_node_streams_refused_total", "Streams that were refused because there are as many as allowed"),
    ("nexus_projection_events_total", "Events that were folded, by projection"),
    (
        "nexus_read_throughs_crowded_total",
        "Credentials that were not asked for because too many questions were under way",
    ),
    (
        "nexus_read_throughs_total",
        "Credentials that an API node was asked for while this node had no right to answer",
    ),
    ("nexus_relay_published_total", "Events that the broker confirmed"),
    ("nexus_relay_reconnects_total", "Times that the relay began anew with the broker"),
    (
        "nexus_tokens_not_looked_at_total",
        "Tokens that were refused unseen, because too many with wrong signatures came from the same caller",
    ),
    ("nexus_usage_batches_total", "Batches of usage that went into the log"),
    ("nexus_usage_drain_failures_total", "Times that a batch of usage could not be delivered and waited"),
    ("nexus_usage_refused_total", "Uses that nodes reported of keys that are not theirs to report"),
    ("nexus_validity_failures_total", "Changes of validity that could not be broadcast over the broker"),
    ("nexus_validity_ignored_total", "Broadcast changes of validity that were not taken, by reason"),
    ("nexus_validity_published_total", "Changes of validity that were broadcast over the broker"),
    ("nexus_validity_reconnects_total", "Times that the listener to broadcasts began anew with the broker"),
];

const GAUGES: &[(&str, &str)] = &[
    ("nexus_applied_position", "The position of the log that the credential table shows"),
    ("nexus_credentials", "Secrets in the credential table"),
    (
        "nexus_node_lag_positions",
        "How far the last of this API node's validating nodes is behind, in positions of the log",
    ),
    ("nexus_node_lease_held", "1 while this node has the right to answer from memory, otherwise 0"),
    ("nexus_nodes", "Validating nodes of this API node, by the state of their lease"),
    ("nexus_projection_lag", "Events of the log that a projection has yet to fold"),
    ("nexus_relay_lag", "Events of the log that the relay has yet to publish"),
    ("nexus_relay_position", "The position of the log up to which events are published"),
    (
        "nexus_usage_dropped",
        "Uses that were counted and not kept one by one, because they came too fast or the disk is full",
    ),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    ("nexus_http_request_duration_seconds", "Time from a request's head to its answer"),
    ("nexus_revoke_duration_seconds", "Time that a revocation took as a whole"),
    (
        "nexus_revoke_to_deny_seconds",
        "Time from the commit of what takes rights away until it held on every validating node",
    ),
];

/// Describes all metrics to the recorder that is installed.
pub(super) fn describe() {
    for (name, meaning) in COUNTERS {
        describe_counter!(*name, *meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(*name, *meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        describe_histogram!(*name, *meaning);
    }
}
