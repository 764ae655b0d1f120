//! Taking a credential out of headers, and what is refused before any look-up.

use proptest::prelude::*;

use super::*;
use crate::credential::{CHECKSUM_DIGITS, LONGEST_SECRET};
use crate::dialect::Prefix;
use crate::verification::Refused;

type Headers<'h, 'a> = &'h [(&'a str, &'a str)];

fn extract<'a>(dialect: &Dialect, headers: Headers<'_, 'a>) -> Result<Presented<'a>, Refused> {
    dialect.extract(headers.iter().copied())
}

fn mint(prefix: &str) -> String {
    Secret::mint(prefix, &[7; RANDOM_BYTES]).expose().to_owned()
}

#[track_caller]
fn malformed(dialect: &Dialect, headers: Headers<'_, '_>, fragment: &str) {
    let refused = extract(dialect, headers).unwrap_err();
    assert_eq!(refused.code, Code::Malformed, "{}", refused.detail);
    assert!(refused.detail.contains(fragment), "{:?} does not say {fragment:?}", refused.detail);
}

#[test]
fn a_bearer_key_is_taken_from_its_header() {
    let key = mint("nx_live_");
    let nexus = dialect("nexus");
    let expected = Presented { secret: &key, token: None, client_id: None, tenant: None };
    for value in ["Bearer ", "bearer ", "BEARER ", "bEaReR   "].map(|scheme| format!("{scheme}{key}")) {
        let headers = [("host", "api.example"), ("authorization", &value), ("x-request-id", "1")];
        assert_eq!(extract(&nexus, &headers), Ok(expected), "{value}");
    }
}

#[test]
fn a_missing_header_is_refused() {
    malformed(&dialect("nexus"), &[], "no authorization header");
    malformed(&dialect("nexus"), &[("accept", "*/*")], "no authorization header");
    malformed(&dialect("nexus"), &[("authorization", "")], "Bearer <key>");
    malformed(&dialect("nexus"), &[("authorization", "Bearer ")], "prefix");
    malformed(
        &sixth(),
        &[("x-parcel-customer", "3714240b-2e06-4c35-8856-ccc1c096323e")],
        "no x-parcel-key header",
    );
}

#[test]
fn two_headers_are_refused_even_when_they_are_equal() {
    let value = format!("Bearer {}", mint("nx_live_"));
    malformed(
        &dialect("nexus"),
        &[("authorization", &value), ("authorization", &value)],
        "two authorization headers",
    );
    malformed(
        &dialect("nexus"),
        &[("authorization", &value), ("authorization", "")],
        "two authorization headers",
    );
}

#[test]
fn two_kinds_of_credential_are_refused() {
    let bearer = format!("Bearer {}", mint("nx_live_"));
    for second in ["api-key", "x-api-key", "proxy-authorization"] {
        malformed(&dialect("nexus"), &[("authorization", &bearer), (second, "x")], "two kinds of credential");
    }
    let bare = mint("ap_");
    malformed(
        &sixth(),
        &[("x-parcel-key", &bare), ("authorization", "Basic eDp5")],
        "two kinds of credential",
    );
}

#[test]
fn another_scheme_is_refused_with_the_right_one() {
    let (nexus, nexpay) = (mint("nx_live_"), mint("npy_live_"));
    for value in [
        format!("ApiKey {nexus}"),
        format!("Basic {nexus}"),
        format!(" Bearer {nexus}"),
        format!("Bearer: {nexus}"),
    ] {
        malformed(&dialect("nexus"), &[("authorization", &value)], "scheme must be Bearer");
    }
    malformed(&dialect("nexpay"), &[("authorization", &format!("Bearer {nexpay}"))], "scheme must be ApiKey");
    malformed(&dialect("nexus"), &[("authorization", &nexus)], "must read `Bearer <key>`");
    malformed(
        &dialect("nexus"),
        &[("authorization", &format!("Bearer\t{nexus}"))],
        "must read `Bearer <key>`",
    );
}

#[test]
fn a_bare_header_holds_the_key_alone_and_the_refusal_says_what_else_it_holds() {
    let mut bare = sixth();
    bare.presentation.tenant_header = None;
    let key = mint("ap_");
    assert_eq!(extract(&bare, &[("x-parcel-key", &key)]).unwrap().secret, key);
    for (value, fragment) in [
        (format!("Bearer {key}"), "without a Bearer prefix"),
        (format!("bearer  {key}"), "without a Bearer prefix"),
        (format!(" {key}"), "spaces"),
        (format!("{key} "), "spaces"),
        (format!("{}\t{}", &key[..9], &key[9..]), "spaces"),
        (format!("{}\n{}", &key[..9], &key[9..]), "line break"),
        (format!("{key}\r\n"), "line break"),
    ] {
        malformed(&bare, &[("x-parcel-key", &value)], fragment);
    }
}

#[test]
fn nothing_but_a_whole_unaltered_secret_reaches_the_look_up() {
    let key = mint("nx_live_");
    let swapped = format!("{}{}", &key[..key.len() - CHECKSUM_DIGITS], "000000");
    for (credential, fragment) in [
        (format!("{key}\0"), "length, characters or checksum"),
        (format!("\0{key}"), "prefix"),
        (key.replacen('_', "\0", 1), "prefix"),
        (format!("nx_live_{}", "\0".repeat(39)), "length, characters or checksum"),
        (swapped, "length, characters or checksum"),
        (key[..key.len() - 1].to_owned(), "length, characters or checksum"),
        (format!("{key}0"), "length, characters or checksum"),
        (format!("{key} "), "length, characters or checksum"),
        (format!("{key}, {key}"), "length, characters or checksum"),
        (key.to_uppercase(), "prefix"),
        (key.to_lowercase(), "length, characters or checksum"),
        (key.replace("nx_live_", "nx_test_"), "length, characters or checksum"),
        (key.replace("nx_live_", "nx_live_pk_"), "length, characters or checksum"),
        (mint("npy_live_"), "prefix"),
        (format!("nx_live_{}", "x".repeat(1 << 20)), "too long"),
        ("x".repeat(1 << 20), "too long"),
        (format!("{key}{}", " ".repeat(LONGEST_SECRET)), "too long"),
        (format!("id:{key}"), "prefix"),
        ("nx_live_".to_owned(), "length, characters or checksum"),
        ("nx_live_ключ".to_owned(), "length, characters or checksum"),
        (format!("nx_live_{}", "é".repeat(20)), "length, characters or checksum"),
        (format!("nx_live_{}ééé", "0".repeat(33)), "length, characters or checksum"),
        (key.replace('_', "＿"), "prefix"),
    ] {
        malformed(&dialect("nexus"), &[("authorization", &format!("Bearer {credential}"))], fragment);
    }
}

#[test]
fn refusals_do_not_quote_what_was_sent() {
    let key = mint("nx_live_");
    let body = &key["nx_live_".len()..];
    for value in [format!("Basic {key}"), format!("Bearer {key}0"), key.clone(), format!("Bearer x{key}")] {
        let refused = extract(&dialect("nexus"), &[("authorization", &value)]).unwrap_err();
        assert!(!refused.detail.contains(body), "{}", refused.detail);
    }
}

#[test]
fn nexpay_takes_the_secret_alone_or_behind_its_client_id() {
    let key = mint("npy_live_");
    let nexpay = dialect("nexpay");
    let alone = format!("ApiKey {key}");
    assert_eq!(
        extract(&nexpay, &[("authorization", &alone)]),
        Ok(Presented { secret: &key, token: None, client_id: None, tenant: None })
    );
    let both = format!("ApiKey npc_0001:{key}");
    let presented = Presented { secret: &key, token: None, client_id: Some("npc_0001"), tenant: None };
    assert_eq!(extract(&nexpay, &[("authorization", &both)]), Ok(presented));
    malformed(&nexpay, &[("authorization", &format!("ApiKey {key}:npc_0001"))], "prefix");
    malformed(&nexpay, &[("authorization", &format!("ApiKey npc_0001:npc_0001:{key}"))], "prefix");
    malformed(&nexpay, &[("authorization", "ApiKey npc_0001:")], "prefix");
    malformed(&nexpay, &[("authorization", &format!("ApiKey npc_0001: {key}"))], "prefix");
}

#[test]
fn a_client_id_of_a_megabyte_is_refused_before_any_look_up() {
    let value = format!("ApiKey {}:{}", "x".repeat(1 << 20), mint("npy_live_"));
    malformed(&dialect("nexpay"), &[("authorization", &value)], "too long");
}

#[test]
fn a_client_id_that_is_no_word_is_refused_before_any_look_up() {
    let key = mint("npy_live_");
    for client_id in ["", " ", "npc_\0", "npc_é", "npc_00 01", "npc_0001 ", "npc_0001\n"] {
        malformed(
            &dialect("nexpay"),
            &[("authorization", &format!("ApiKey {client_id}:{key}"))],
            "client id",
        );
    }
}

#[test]
fn the_tenant_header_names_one_tenant_in_either_case() {
    let commerce = dialect("nexuscommerce");
    let value = format!("Bearer {}", mint("nxc_live_"));
    let id = tenant().to_string();
    for spelling in [id.clone(), id.to_uppercase()] {
        let presented = extract(&commerce, &[("authorization", &value), ("x-tenant-id", &spelling)]).unwrap();
        assert_eq!(presented.tenant, Some(tenant()));
    }
    malformed(
        &commerce,
        &[("authorization", &value), ("x-tenant-id", &id), ("x-tenant-id", &id)],
        "two x-tenant-id headers",
    );
}

#[test]
fn a_missing_or_malformed_tenant_header_is_a_mismatch() {
    let commerce = dialect("nexuscommerce");
    let value = format!("Bearer {}", mint("nxc_live_"));
    let refused = extract(&commerce, &[("authorization", &value)]).unwrap_err();
    assert_eq!(refused, Refused::new(Code::TenantMismatch, "x-tenant-id: the header is missing"));
    let id = tenant().to_string();
    for wrong in [
        String::new(),
        "acme".to_owned(),
        id.replace('-', ""),
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        format!(" {id}"),
        format!("{id}\0"),
        id.replace('3', "é"),
        "0".repeat(1 << 20),
    ] {
        let refused = extract(&commerce, &[("authorization", &value), ("x-tenant-id", &wrong)]).unwrap_err();
        assert_eq!(refused, Refused::new(Code::TenantMismatch, "x-tenant-id: not a tenant id"));
    }
}

#[test]
fn a_tenant_header_means_nothing_to_a_dialect_that_has_none() {
    let value = format!("Bearer {}", mint("nx_live_"));
    let presented =
        extract(&dialect("nexus"), &[("authorization", &value), ("x-tenant-id", "anything")]).unwrap();
    assert_eq!(
        presented,
        Presented { secret: &value["Bearer ".len()..], token: None, client_id: None, tenant: None }
    );
}

#[test]
fn a_prefix_of_any_length_is_compared_whole() {
    let text = "nx_live_and_much_longer_";
    for length in 1..=text.len() {
        let own = Prefix {
            text: text[..length].into(),
            key_type: KeyType::Secret,
            realm: "live".into(),
            form: Form::Opaque,
        };
        assert!(own.begins(&text[..length]) && own.begins(&format!("{text}x")), "{length}");
        assert!(!own.begins(&text[..length - 1]), "{length}");
        for at in 0..length {
            let wrong = format!("{}~{}", &text[..at], &text[at + 1..]);
            assert!(!own.begins(&wrong), "{length} {at}");
        }
    }
}

#[test]
fn of_two_prefixes_that_fit_the_longer_one_counts() {
    let nexus = dialect("nexus");
    for (text, key_type) in [
        ("nx_live_pk_", KeyType::Publishable),
        ("nx_live_", KeyType::Secret),
        ("nx_test_pk_", KeyType::Publishable),
        ("nx_test_", KeyType::Secret),
    ] {
        let key = mint(text);
        let prefix = nexus.prefix_of(&key).unwrap();
        assert_eq!((prefix.text.as_str(), prefix.key_type), (text, key_type));
        assert!(nexus.parse_credential(&key).is_ok());
    }
    let of = |secret: &str| sixth().prefix_of(secret).map(|prefix| prefix.text.clone());
    assert_eq!(of("ap_pub_x").as_deref(), Some("ap_pub_"));
    assert_eq!(of("ap_pubx").as_deref(), Some("ap_"));
    assert_eq!(of("AP_x"), None);
}

proptest! {
    #[test]
    fn a_minted_secret_is_recognised_whatever_its_random_bytes(random in any::<[u8; RANDOM_BYTES]>()) {
        let dialects = Dialects::new(all()).unwrap();
        for dialect in dialects.iter() {
            for prefix in dialect.prefixes.iter().filter(|prefix| prefix.form == Form::Opaque) {
                let secret = Secret::mint(&prefix.text, &random);
                let presented = dialect.parse_credential(secret.expose());
                prop_assert_eq!(presented, Ok(Presented { secret: secret.expose(), token: None, client_id: None, tenant: None }));
                prop_assert_eq!(dialect.prefix_of(secret.expose()), Some(prefix));
                prop_assert_eq!(dialects.of_secret(secret.expose()).map(|found| &found.name), Some(&dialect.name));
            }
        }
    }

    #[test]
    fn whatever_the_headers_hold_only_whole_secrets_come_out(
        headers in proptest::collection::vec((any_name(), any_value()), 0..5),
    ) {
        for dialect in all() {
            let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            if let Ok(presented) = dialect.extract(pairs) {
                prop_assert!(presented.secret.len() <= LONGEST_SECRET && presented.secret.is_ascii());
                prop_assert!(dialect.prefix_of(presented.secret).is_some());
                prop_assert!(presented.client_id.is_none_or(|id| dialect.presentation.client_id && id.len() <= LONGEST_SECRET));
                prop_assert_eq!(presented.tenant.is_some(), dialect.presentation.tenant_header.is_some());
            }
        }
    }

    #[test]
    fn a_secret_with_one_byte_changed_is_refused(
        random in any::<[u8; RANDOM_BYTES]>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        for dialect in all() {
            for prefix in &dialect.prefixes {
                let secret = Secret::mint(&prefix.text, &random);
                let mut bytes = secret.expose().as_bytes().to_vec();
                let at = at.index(bytes.len());
                prop_assume!(bytes[at] != byte);
                bytes[at] = byte;
                let altered = String::from_utf8_lossy(&bytes).into_owned();
                prop_assert!(dialect.parse_credential(&altered).is_err(), "{}", altered);
            }
        }
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["authorization", "x-tenant-id", "x-parcel-key", "x-parcel-customer", "api-key"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// Bytes as a server might pass them on, bare and around a true secret.
fn any_value() -> impl Strategy<Value = String> {
    let bytes = || {
        proptest::collection::vec(any::<u8>(), 0..60)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let prefix = || {
        prop::sample::select(vec![
            "nx_live_",
            "nx_test_pk_",
            "npy_live_",
            "nxc_test_",
            "nxm_",
            "ap_",
            "ap_drill_",
        ])
    };
    let scheme =
        || prop::sample::select(vec!["", "Bearer ", "bearer  ", "ApiKey ", "ApiKey npc_1:", "apc_1:"]);
    prop_oneof![
        2 => bytes(),
        2 => (scheme(), bytes()).prop_map(|(scheme, rest)| format!("{scheme}{rest}")),
        2 => (scheme(), prefix(), bytes()).prop_map(|(scheme, prefix, rest)| format!("{scheme}{prefix}{rest}")),
        3 => (scheme(), prefix()).prop_map(|(scheme, prefix)| format!("{scheme}{}", mint(prefix))),
        1 => Just(tenant().to_string()),
    ]
}
