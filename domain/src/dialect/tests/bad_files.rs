//! Files that are refused, each at the line and for the reason that its writer needs to know.

use super::*;

/// A correct file, as short as one can be with every table in it. Lines are counted from 1.
const GOOD: &str = r#"name = "acme"
title = "Acme"
hint_length = 8
restrictions = ["warehouse"]
client_id_prefix = "ac_"

[[environments]]
name = "live"
aliases = ["production"]

[[environments]]
name = "staging"
realm = "test"

[[credentials]]
type = "secret"
realm = "live"
prefix = "ac_live_"

[[credentials]]
type = "secret"
realm = "test"
prefix = "ac_test_"

[presentation]
header = "authorization"
scheme = "Bearer"
client_id = true
tenant_header = "x-customer"

[scopes]
read_only = ["a:read"]
all = ["root"]

[scopes.known]
"a:read" = "Read"
"a:write" = "Write"
root = "Everything"

[scopes.contains]
"a:write" = ["a:read"]

[lifetime]
choices = ["30d", "1y"]

[rotation]
in_place = true
grace = "24h"
longest_grace = "30d"

[quota]
active_keys = 20

[[refusals]]
codes = ["MALFORMED", "UNKNOWN", "TENANT_MISMATCH", "REVOKED", "EXPIRED", "NOT_YET_VALID", "DISABLED", "TENANT_SUSPENDED"]
status = 401
headers = { www-authenticate = "Bearer" }
body = "{}"

[[refusals]]
codes = ["WRONG_ENVIRONMENT", "IP_NOT_ALLOWED", "INSUFFICIENT_SCOPE", "RESTRICTED", "READ_ONLY"]
status = 403
body = "{}"

[[refusals]]
codes = ["RATE_LIMITED", "UNAVAILABLE"]
status = 503
body = "{}"

[[rate_limits]]
per = "tenant"
limit = 600
window = "60s"

[[rate_limits]]
per = "tenant"
limit = 150
window = "10s"
"#;

/// What to replace in the correct file, what by, the line that must be named and a piece of the reason.
type Fault = (&'static str, &'static str, usize, &'static str);

#[track_caller]
fn refused(faults: &[Fault]) {
    for (from, to, line, fragment) in faults {
        assert_eq!(GOOD.matches(from).count(), 1, "{from:?} does not stand exactly once in the file");
        let text = GOOD.replacen(from, to, 1);
        let error = Dialect::parse("acme.toml", &text).expect_err(to);
        assert_eq!(error.line, *line, "{to:?}: {error}");
        assert!(error.reason.contains(fragment), "{to:?}: {error}");
        assert!(!error.reason.contains('\n'), "{to:?}: {error}");
        assert_eq!(error.to_string(), format!("acme.toml:{line}: {}", error.reason));
    }
}

#[test]
fn the_file_that_the_bad_ones_are_made_from_is_good() {
    Dialect::parse("acme.toml", GOOD).unwrap();
}

#[test]
fn what_is_no_toml_or_not_of_the_right_type() {
    refused(&[
        ("name = \"acme\"", "name = acme", 1, "expected"),
        ("title = \"Acme\"", "title = \"Acme", 2, "basic string"),
        ("[presentation]", "[presentation", 25, "]"),
        ("title = \"Acme\"", "title = \"Acme\"\ntitle = \"Acme\"", 3, "duplicate key"),
        ("hint_length = 8", "hint_length = \"8\"", 3, "invalid type: string"),
        ("hint_length = 8", "hint_length = -1", 3, "invalid value"),
        ("client_id = true", "client_id = \"yes\"", 28, "invalid type: string"),
        ("active_keys = 20", "active_keys = 4294967296", 52, "invalid value"),
        ("active_keys = 20", "active_keys = -1", 52, "invalid value"),
        ("realm = \"live\"\nprefix", "realm = 1\nprefix", 17, "invalid type: integer"),
        (
            "type = \"secret\"\nrealm = \"live\"",
            "type = \"private\"\nrealm = \"live\"",
            16,
            "unknown variant `private`",
        ),
    ]);
}

#[test]
fn unknown_and_missing_keys() {
    refused(&[
        ("title = \"Acme\"", "title = \"Acme\"\ncolour = \"red\"", 3, "unknown field `colour`"),
        ("aliases = [\"production\"]", "alias = \"production\"", 9, "unknown field `alias`"),
        ("prefix = \"ac_test_\"", "prefix = \"ac_test_\"\nlength = 40", 24, "unknown field `length`"),
        ("scheme = \"Bearer\"", "schema = \"Bearer\"", 27, "unknown field `schema`"),
        ("read_only = [\"a:read\"]", "readonly = [\"a:read\"]", 32, "unknown field `readonly`"),
        ("choices = [\"30d\", \"1y\"]", "options = [\"30d\"]", 44, "unknown field `options`"),
        ("grace = \"24h\"\n", "grace_period = \"24h\"\n", 48, "unknown field `grace_period`"),
        ("active_keys = 20", "keys = 20", 52, "unknown field `keys`"),
        ("status = 503", "status = 503\nreason = \"busy\"", 68, "unknown field `reason`"),
        ("name = \"acme\"\n", "", 1, "missing field `name`"),
        ("prefix = \"ac_test_\"\n", "", 20, "missing field `prefix`"),
        ("header = \"authorization\"\n", "", 25, "missing field `header`"),
        ("in_place = true\n", "", 46, "missing field `in_place`"),
        ("status = 503\n", "", 65, "missing field `status`"),
    ]);
}

#[test]
fn names_environments_and_prefixes() {
    refused(&[
        ("name = \"acme\"", "name = \"Acme\"", 1, "lower-case letters, digits and hyphens"),
        ("name = \"acme\"", "name = \"\"", 1, "1 to 32"),
        ("name = \"acme\"", "name = \"a/b\"", 1, "lower-case letters"),
        ("name = \"acme\"", "name = \"abcdefghijklmnopqrstuvwxyz0123456\"", 1, "1 to 32"),
        ("name = \"staging\"", "name = \"Staging\"", 12, "an environment's name"),
        ("\"production\"", "\"the production\"", 9, "an environment's alias"),
        ("name = \"staging\"", "name = \"production\"", 12, "`production` is used twice"),
        ("\"production\"", "\"live\"", 8, "`live` is used twice"),
        ("name = \"staging\"", "name = \"staging\"\naliases = [\"live\"]", 12, "`live` is used twice"),
        ("\"production\"", "\"test\"", 8, "`test` is the name of another environment's realm"),
        (
            "realm = \"live\"\nprefix",
            "realm = \"prod\"\nprefix",
            17,
            "no environment belongs to the realm `prod`",
        ),
        (
            "name = \"staging\"\nrealm = \"test\"",
            "name = \"staging\"\nrealm = \"qa\"",
            22,
            "no environment belongs to the realm `test`",
        ),
        ("prefix = \"ac_test_\"", "prefix = \"ac_live_\"", 23, "the prefix `ac_live_` is used twice"),
        (
            "type = \"secret\"\nrealm = \"test\"",
            "type = \"secret\"\nrealm = \"live\"",
            22,
            "the realm `live` has two prefixes for secret keys",
        ),
        ("prefix = \"ac_live_\"", "prefix = \"ac-live-\"", 18, "end in an underscore"),
        ("prefix = \"ac_live_\"", "prefix = \"aclive\"", 18, "end in an underscore"),
        ("prefix = \"ac_live_\"", "prefix = \"_\"", 18, "2 to 24"),
        ("prefix = \"ac_live_\"", "prefix = \"abcdefghijklmnopqrstuvwx_\"", 18, "2 to 24"),
        ("prefix = \"ac_live_\"", "prefix = \"äc_live_\"", 18, "letters, digits and underscores"),
        ("client_id_prefix = \"ac_\"", "client_id_prefix = \"ac:\"", 5, "end in an underscore"),
        ("hint_length = 8", "hint_length = 3", 3, "4 to 16"),
        ("hint_length = 8", "hint_length = 17", 3, "4 to 16"),
        ("hint_length = 8", "hint_length = 13", 3, "at most 12"),
    ]);
}

#[test]
fn a_realm_needs_a_prefix_and_a_dialect_an_environment() {
    let without_test =
        GOOD.replace("[[credentials]]\ntype = \"secret\"\nrealm = \"test\"\nprefix = \"ac_test_\"\n", "");
    let error = Dialect::parse("acme.toml", &without_test).unwrap_err();
    assert!(error.reason.contains("no credential has a prefix for the realm `test`"), "{error}");
    assert_eq!(error.line, 15);

    let (before, rest) = GOOD.split_once("[[environments]]\nname = \"live\"").unwrap();
    let (_, after) = rest.split_once("realm = \"test\"\n").unwrap();
    let error = Dialect::parse("acme.toml", &format!("{before}environments = []\n{after}")).unwrap_err();
    assert_eq!((error.line, error.reason.as_str()), (7, "a dialect needs at least one environment"));
}

#[test]
fn the_presentation() {
    refused(&[
        ("header = \"authorization\"", "header = \"Authorization\"", 26, "lower-case letters"),
        ("header = \"authorization\"", "header = \"x key\"", 26, "lower-case letters"),
        ("header = \"authorization\"", "header = \"\"", 26, "lower-case letters"),
        ("scheme = \"Bearer\"", "scheme = \"\"", 27, "such as Bearer"),
        ("scheme = \"Bearer\"", "scheme = \"Bearer \"", 27, "such as Bearer"),
        ("\"x-customer\"", "\"X-Customer\"", 29, "lower-case letters"),
        ("\"x-customer\"", "\"x-customer\\r\\nx-role\"", 29, "lower-case letters"),
        ("client_id_prefix = \"ac_\"\n", "", 25, "client_id = true needs a client_id_prefix"),
        (
            "tenant_header = \"x-customer\"",
            "tenant_header = \"authorization\"",
            29,
            "another header than the credential",
        ),
        (
            "tenant_header = \"x-customer\"",
            "tenant_header = \"api-key\"",
            29,
            "none that credentials stand in",
        ),
    ]);
}

#[test]
fn scopes() {
    refused(&[
        ("root = \"Everything\"", "\"ro ot\" = \"Everything\"", 38, "without spaces"),
        ("root = \"Everything\"", "\"\" = \"Everything\"", 38, "1 to 100"),
        ("root = \"Everything\"", "\"wörld\" = \"Everything\"", 38, "printable ASCII"),
        ("all = [\"root\"]", "all = [\"admin\"]", 33, "`admin` is not in scopes.known"),
        ("read_only = [\"a:read\"]", "read_only = [\"a:reed\"]", 32, "`a:reed` is not in scopes.known"),
        (
            "= [\"a:read\"]\n\n[lifetime]",
            "= [\"a:reed\"]\n\n[lifetime]",
            41,
            "`a:reed` is not in scopes.known",
        ),
        ("\"a:write\" = [", "\"a:delete\" = [", 41, "`a:delete` is not in scopes.known"),
        ("\"a:write\" = [", "\"a write\" = [", 41, "without spaces"),
    ]);
}

#[test]
fn lifetimes_rotation_and_quota() {
    refused(&[
        ("\"30d\", \"1y\"", "\"30d\", \"1 year\"", 44, "`1 year` is not a duration"),
        ("\"30d\", \"1y\"", "\"0\"", 44, "longer than nothing"),
        ("\"30d\", \"1y\"", "\"0s\"", 44, "longer than nothing"),
        ("\"30d\", \"1y\"", "\"101y\"", 44, "`101y` is too long; write 100y at the most"),
        ("grace = \"24h\"\n", "grace = \"24\"\n", 48, "`24` is not a duration"),
        ("grace = \"24h\"\n", "grace = \"-1h\"\n", 48, "not a duration"),
        ("longest_grace = \"30d\"", "longest_grace = \"soon\"", 49, "`soon` is not a duration"),
        ("grace = \"24h\"\n", "grace = \"31d\"\n", 48, "longer than longest_grace"),
        ("grace = \"24h\"\n", "", 47, "in_place = true needs a grace"),
        ("in_place = true", "in_place = false", 47, "in_place = false needs an advice"),
        ("active_keys = 20", "active_keys = 0", 52, "no key at all"),
        ("active_keys = 20", "active_clients = 0", 52, "no client at all"),
        ("active_keys = 20", "active_jwt_secrets = 0", 52, "no secret at all"),
    ]);
}

#[test]
fn rate_limits() {
    refused(&[
        ("limit = 600", "limit = 0", 72, "a rate limit must be 1 to 1000000 requests"),
        ("limit = 600", "limit = 1000001", 72, "a rate limit must be 1 to 1000000 requests"),
        ("limit = 600", "limit = -1", 72, "invalid value"),
        ("limit = 600\n", "", 70, "missing field `limit`"),
        ("per = \"tenant\"\nlimit = 600", "limit = 600", 70, "missing field `per`"),
        ("per = \"tenant\"\nlimit = 600", "per = \"key\"\nlimit = 600", 71, "expected `tenant`"),
        ("limit = 600", "limit = 600\nburst = 5", 73, "unknown field `burst`"),
        ("\"60s\"", "\"0\"", 73, "a rate limit's window must be 1s to 1h"),
        ("\"60s\"", "\"3601s\"", 73, "a rate limit's window must be 1s to 1h"),
        ("\"60s\"", "\"100y\"", 73, "a rate limit's window must be 1s to 1h"),
        ("\"60s\"", "\"60\"", 73, "`60` is not a duration"),
        ("\"60s\"", "60", 73, "invalid type: integer"),
        ("\"10s\"", "\"1m\"", 78, "two rate limits have the window `1m`"),
    ]);
    let more = |count: u32| {
        let entry = |n| format!("\n[[rate_limits]]\nper = \"tenant\"\nlimit = 1\nwindow = \"{n}s\"\n");
        Dialect::parse("acme.toml", &(GOOD.to_owned() + &(1..=count).map(entry).collect::<String>()))
    };
    assert_eq!(more(2).unwrap().rate_limits.len(), 4);
    let error = more(3).unwrap_err();
    assert_eq!((error.line, error.reason.as_str()), (90, "a dialect has at most 4 rate limits"));
}

#[test]
fn rate_limits_of_an_environment() {
    let with = |environments: &[&str]| {
        let entry = |(at, name): (usize, &&str)| {
            format!(
                "\n[[rate_limits]]\nper = \"tenant\"\nenvironment = \"{name}\"\nlimit = 1\nwindow = \"{}s\"\n",
                at + 60
            )
        };
        Dialect::parse(
            "acme.toml",
            &(GOOD.to_owned() + &environments.iter().enumerate().map(entry).collect::<String>()),
        )
    };
    let acme = with(&["staging", "staging"]).unwrap();
    assert_eq!((acme.limits_in("live").0.len(), acme.limits_in("live").1), (2, None));
    assert_eq!((acme.limits_in("staging").0.len(), acme.limits_in("staging").1), (2, Some(1)));
    assert_eq!(acme.limits_in("staging").0[0].window().as_secs(), 60, "apart from those of all");
    for (environments, line, reason) in [
        (&["qa"][..], 82, "no environment is named `qa`"),
        (&["production"], 82, "no environment is named `production`"),
        (&["staging"; 5], 104, "an environment has at most 4 rate limits"),
    ] {
        let error = with(environments).unwrap_err();
        assert_eq!((error.line, error.reason.as_str()), (line, reason), "{environments:?}");
    }
}

#[test]
fn keys_that_are_jwts() {
    let signed = "prefix = \"ac_live_\"\nform = \"jwt\"";
    refused(&[
        ("prefix = \"ac_live_\"", signed, 18, "always ends: name lifetime.longest"),
        ("prefix = \"ac_live_\"", "prefix = \"ac_live_\"\nform = \"paseto\"", 19, "unknown variant `paseto`"),
        ("[quota]", "[key_claims]\nscopes = \"permissions\"\n\n[quota]", 51, "needs a credential with form"),
        ("choices = [\"30d\", \"1y\"]", "longest = \"1y\"\nnever = true", 45, "exclude each other"),
        (
            "choices = [\"30d\", \"1y\"]",
            "choices = [\"30d\"]\nlongest = \"29d\"",
            45,
            "no shorter than a choice",
        ),
        ("choices = [\"30d\", \"1y\"]", "longest = \"0\"", 44, "more than nothing"),
    ]);
    let good = GOOD.replacen("prefix = \"ac_live_\"", signed, 1).replacen(
        "choices = [\"30d\", \"1y\"]",
        "longest = \"1y\"",
        1,
    );
    let bare = Dialect::parse("acme.toml", &good).unwrap();
    assert_eq!(bare.key_claims, Some(KeyClaims::default()));
    assert!(!bare.lifetime.never);
    assert_eq!(bare.form_of(KeyType::Secret, "production"), Form::Jwt);
    assert_eq!(bare.form_of(KeyType::Secret, "staging"), Form::Opaque);
    let named = |claims: &str| Dialect::parse("acme.toml", &format!("{good}\n[key_claims]\n{claims}\n"));
    assert_eq!(named("agent = \"agentId\"").unwrap().key_claims.unwrap().agent.as_deref(), Some("agentId"));
    for (claims, reason) in [
        ("agent = \"exp\"", "the claim `exp` has a meaning of its own"),
        ("agent = \"a\"\nscopes = \"a\"", "two claims are named `a`"),
        ("agent = \"\"", "1 to 64 visible ASCII characters"),
        ("agent = \"a b\"", "1 to 64 visible ASCII characters"),
        ("colour = \"red\"", "unknown field `colour`"),
    ] {
        let error = named(claims).unwrap_err();
        assert!(error.reason.contains(reason) && error.line >= 81, "{claims}: {error}");
    }
}

#[test]
fn integrations() {
    refused(&[
        ("[quota]", "[integrations]\nrequired = \"yes\"\n\n[quota]", 52, "invalid type: string"),
        ("[quota]", "[integrations]\nneeded = true\n\n[quota]", 52, "unknown field `needed`"),
    ]);
}

#[test]
fn refusals() {
    refused(&[
        (", \"UNAVAILABLE\"]", "]", 54, "no refusal answers UNAVAILABLE"),
        (", \"DISABLED\"", "", 54, "no refusal answers DISABLED"),
        (", \"UNAVAILABLE\"]", ", \"UNAVAILABLE\", \"REVOKED\"]", 66, "REVOKED is answered twice"),
        ("\"RATE_LIMITED\"", "\"rate_limited\"", 66, "`rate_limited` is no code of a refusal"),
        (", \"UNAVAILABLE\"]", ", \"UNAVAILABLE\", \"VALID\"]", 66, "`VALID` is no code of a refusal"),
        ("status = 503", "status = 200", 67, "400 to 599"),
        ("status = 503", "status = 600", 67, "400 to 599"),
        (
            "www-authenticate = \"Bearer\"",
            "www-authenticate = \"Bearer\\r\\nset-cookie: a=b\"",
            57,
            "control characters",
        ),
        ("www-authenticate = \"Bearer\"", "www-authenticate = \"Bearer\\u0000\"", 57, "control characters"),
        ("www-authenticate = \"Bearer\"", "www-authenticate = \"Bearer réalm\"", 57, "must be ASCII"),
        ("www-authenticate = \"Bearer\"", "WWW-Authenticate = \"Bearer\"", 57, "a header's name"),
        ("www-authenticate = \"Bearer\"", "\"a: b\" = \"Bearer\"", 57, "a header's name"),
    ]);
}

#[test]
fn foreign_unknown_and_malformed_credentials_share_one_refusal() {
    let split = |code: &str| {
        let quoted = format!("\"{code}\", ");
        assert!(GOOD.contains(&quoted));
        let text =
            GOOD.replace(&quoted, "").replace("[\"RATE_LIMITED\"", &format!("[\"{code}\", \"RATE_LIMITED\""));
        Dialect::parse("acme.toml", &text)
    };
    for code in ["MALFORMED", "UNKNOWN", "TENANT_MISMATCH"] {
        let error = split(code).unwrap_err();
        assert_eq!(error.line, 54, "{error}");
        assert!(error.reason.contains("must share one refusal"), "{error}");
    }
    split("REVOKED").unwrap();
}

#[test]
fn an_empty_file_and_one_that_is_no_text_are_refused_at_their_first_line() {
    for text in ["", "\0", "{}", "\u{feff}\u{202e}"] {
        assert_eq!(Dialect::parse("acme.toml", text).unwrap_err().line, 1, "{text:?}");
    }
}

#[test]
fn rate_limits_without_a_clear_name() {
    let names = |first: &str, second: &str| {
        GOOD.replacen("limit = 600", &format!("{first}limit = 600"), 1).replacen(
            "limit = 150",
            &format!("{second}limit = 150"),
            1,
        )
    };
    let refused =
        |first: &str, second: &str| Dialect::parse("acme.toml", &names(first, second)).unwrap_err().reason;
    assert_eq!(refused("name = \"a\"\n", ""), "either all rate limits have a name, or none has one");
    assert_eq!(refused("name = \"a\"\n", "name = \"a\"\n"), "two rate limits have the name `a`");
    assert!(refused("name = \"a\\\"\"\n", "name = \"b\"\n").starts_with("a rate limit's name must be"));
    let named = Dialect::parse("acme.toml", &names("name = \"a\"\n", "name = \"b\"\n")).unwrap();
    assert_eq!(named.rate_limit_fields.unwrap().policy, "\"a\";q=600;w=60, \"b\";q=150;w=10");
    let own = names("name = \"a\"\nenvironment = \"live\"\n", "");
    let own = Dialect::parse("acme.toml", &own).unwrap();
    assert_eq!(own.limit_fields_in("live").unwrap().policy, "\"a\";q=600;w=60", "of its own limits");
    assert_eq!(own.limit_fields_in("staging"), None, "of the limits of all others, which have no names");
}

#[test]
fn a_refusal_of_plain_http_is_no_redirect() {
    let with = |table: &str| Dialect::parse("acme.toml", &format!("{GOOD}\n[https_only]\n{table}"));
    assert!(with("status = 403\nbody = \"no\"\n").is_ok());
    for (table, reason) in [
        ("status = 308\nbody = \"\"\n", "a refusal's status must be 400 to 599"),
        ("status = 403\n", "missing field `body`"),
        ("status = 403\nbody = \"\"\nheaders = { a = \"\\n\" }\n", "a header's value must be ASCII"),
    ] {
        let error = with(table).unwrap_err();
        assert!(error.reason.contains(reason), "{error}");
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line_whatever_the_file_says() {
    let text = GOOD.replace("all = [\"root\"]", "all = [\"ro\\not\\u001b\"]");
    assert_ne!(text, GOOD);
    let told = Dialect::parse("acme.toml", &text).unwrap_err().to_string();
    assert!(told.contains("`ro ot ") && !told.contains(char::is_control), "{told:?}");
}
