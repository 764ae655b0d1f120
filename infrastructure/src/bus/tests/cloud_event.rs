//! How events look from outside.

use super::*;
use crate::gate::PLATFORM_TENANT;
use crate::journal::RecordedEvent;

fn recorded() -> RecordedEvent {
    RecordedEvent {
        position: 5_000_000_000,
        aggregate_type: "key".to_owned(),
        aggregate_id: "key_00000000000000000000000000000007".to_owned(),
        sequence: 1,
        event_type: "KeyIssued".to_owned(),
        event_version: "1.0".to_owned(),
        payload: json!({ "KeyIssued": {
            "tenant_id": "3714240b-2e06-4c35-8856-ccc1c096323e",
            "name": "Production Backend",
            "restrictions": { "digest": ["sha256"], "ip": ["v4"] },
            "hint": "nx_live_a",
            "digest": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        } })
        .into(),
        metadata: json!({
            "event_id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "tenant_id": "3714240b-2e06-4c35-8856-ccc1c096323e",
            "actor": "key_00000000000000000000000000000001",
            "request_id": "req-1",
            "causation_id": "req-1",
            "time": "2023-11-14T22:13:20.000001Z",
            "ip": "key_1:sealed",
        })
        .into(),
        created_at: NOW + 1,
    }
}

#[test]
fn an_event_is_rendered_as_committed_here() {
    let event = CloudEvent::new(&recorded(), "https://auth.example/", 42).unwrap();
    assert_eq!(event.routing_key(), "3714240b-2e06-4c35-8856-ccc1c096323e.key.issued.v1");
    let body: Value = serde_json::from_slice(&event.body()).unwrap();
    let golden = json!({
        "specversion": "1.0",
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "source": "https://auth.example/key",
        "type": "nexus.key.issued.v1",
        "subject": "key_00000000000000000000000000000007",
        "time": "2023-11-14T22:13:20.000001Z",
        "datacontenttype": "application/json",
        "position": "5000000000",
        "tenantsequence": "42",
        "tenantid": "3714240b-2e06-4c35-8856-ccc1c096323e",
        "actor": "key_00000000000000000000000000000001",
        "requestid": "req-1",
        "data": {
            "tenant_id": "3714240b-2e06-4c35-8856-ccc1c096323e",
            "name": "Production Backend",
            "restrictions": { "digest": ["sha256"], "ip": ["v4"] },
            "hint": "nx_live_a",
        },
    });
    assert_eq!(body, golden);
}

#[test]
fn encrypted_addresses_within_usage_stay_inside() {
    let request =
        json!({ "at": "2026-03-01T11:00:00Z", "code": "VALID", "ip": "key_1:sealed", "path": "/v1/users" });
    let event = RecordedEvent {
        aggregate_type: "usage".to_owned(),
        event_type: "KeyUsed".to_owned(),
        payload: json!({ "KeyUsed": { "requests": [request] } }).into(),
        ..recorded()
    };
    let body: Value =
        serde_json::from_slice(&CloudEvent::new(&event, PUBLIC_URL, 1).unwrap().body()).unwrap();
    assert_eq!(body["type"], "nexus.usage.key_used.v1");
    assert_eq!(
        body["data"]["requests"],
        json!([{ "at": "2026-03-01T11:00:00Z", "code": "VALID", "path": "/v1/users" }])
    );
}

#[test]
fn names_follow_one_rule() {
    for (aggregate, event, version, name) in [
        ("key", "KeyRevoked", "1.0", "key.revoked.v1"),
        ("key", "KeyIssued", "2.3", "key.issued.v2"),
        ("tenant", "TenantCreated", "1.0", "tenant.created.v1"),
        ("usage", "KeyUsed", "1.0", "usage.key_used.v1"),
        ("usage", "UnattributedRefusals", "1.0", "usage.unattributed_refusals.v1"),
        ("oauth_client", "OauthClientSecretAdded", "1.0", "oauth_client.secret_added.v1"),
        ("key", "Key", "1.0", "key.key.v1"),
        ("key", "Keyed", "1.0", "key.keyed.v1"),
        ("key", "IPListChanged", "", "key.ip_list_changed.v1"),
        ("odd.one", "A*B", "x.y", "odd_one.a_b.vx"),
    ] {
        assert_eq!(event_name(aggregate, event, version), name);
    }
}

#[test]
fn imported_events_without_circumstances_have_an_id_and_a_tenant() {
    let bare = RecordedEvent { metadata: json!({}).into(), ..recorded() };
    let event = CloudEvent::new(&bare, PUBLIC_URL, 1).unwrap();
    assert_eq!(event.id(), "key_00000000000000000000000000000007.1");
    assert_eq!(event.tenant(), "3714240b-2e06-4c35-8856-ccc1c096323e");

    let tenant =
        RecordedEvent { aggregate_type: "tenant".to_owned(), payload: json!("Odd").into(), ..bare.clone() };
    assert_eq!(CloudEvent::tenant_of(&tenant).unwrap(), tenant.aggregate_id);
    let nobody = RecordedEvent { payload: json!({ "KeyIssued": {} }).into(), ..bare.clone() };
    assert_eq!(CloudEvent::tenant_of(&nobody).unwrap(), PLATFORM_TENANT.to_string());
    let odd =
        RecordedEvent { metadata: json!({ "tenant_id": "a.#", "event_id": "x".repeat(300) }).into(), ..bare };
    let event = CloudEvent::new(&odd, PUBLIC_URL, 1).unwrap();
    assert_eq!((event.tenant(), event.id().len()), ("a__", 64));
}

#[test]
fn what_cannot_be_read_is_no_event_without_content() {
    // Good JSON, and deeper than it is read.
    let deep: crate::journal::Json = (0..200).fold(json!({}), |inner, _| json!([inner])).into();
    for event in [
        RecordedEvent { metadata: deep.clone(), ..recorded() },
        RecordedEvent { payload: deep.clone(), ..recorded() },
    ] {
        let error = CloudEvent::new(&event, PUBLIC_URL, 1).unwrap_err();
        assert_eq!(error.to_string(), "the event at position 5000000000 cannot be read");
        assert!(CloudEvent::tenant_of(&event).is_err());
        assert!(CloudEvent::read_from_log(&event, PUBLIC_URL).is_err());
    }
}
