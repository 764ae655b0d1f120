//! The instructions for writing a dialect: their example works and no key goes unexplained.

use super::*;

const README: &str = include_str!("../../../../dialects/README.md");

fn example() -> &'static str {
    let (_, rest) = README.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_example_parses_stands_beside_the_others_and_gives_a_verdict() {
    let parcels = Dialect::parse("README.md", example()).unwrap_or_else(|error| panic!("{error}"));
    assert!(FILES.into_iter().all(|(name, _)| name != parcels.name));
    Dialects::new(FILES.into_iter().map(|(name, _)| dialect(name)).chain([parcels.clone()])).unwrap();

    let first = parcels.default_environment().unwrap().clone();
    let lifespan =
        parcels.lifetime.choices.first().map_or(Lifespan::Unlimited, |(_, length)| Lifespan::For(*length));
    let question =
        || Question { environment: Some(&first.realm), method: Some("GET"), ..Question::default() };
    for prefix in parcels.prefixes.iter().filter(|prefix| prefix.realm == first.realm) {
        let code = walk(
            &parcels,
            (prefix.key_type, &first.name),
            &[],
            Restrictions::new(),
            lifespan.clone(),
            question(),
        );
        assert_eq!(code, Code::Valid, "{}", prefix.text);
    }
}

/// The keys of a table, as the reader itself lists them when it meets one that it does not know.
fn keys_beside(line: &str) -> Vec<String> {
    let text = example().replacen(line, &format!("{line}\nno-such-key = 1"), 1);
    assert_ne!(text, example(), "the example has no line {line:?}");
    let reason = Dialect::parse("README.md", &text).unwrap_err().reason;
    let (_, expected) = reason.split_once("expected").unwrap_or_else(|| panic!("{line}: {reason}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_that_a_file_may_have_is_explained_and_shown() {
    let tables = [
        ("", "name = \"parcels\""),
        ("environments", "[[environments]]"),
        ("credentials", "[[credentials]]"),
        ("presentation", "[presentation]"),
        ("https_only", "[https_only]"),
        ("scopes", "[scopes]"),
        ("lifetime", "[lifetime]"),
        ("key_claims", "[key_claims]"),
        ("integrations", "[integrations]"),
        ("rotation", "[rotation]"),
        ("quota", "[quota]"),
        ("rate_limits", "[[rate_limits]]"),
        ("oauth", "[oauth]"),
        ("access_tokens", "[access_tokens]"),
        ("service_jwts", "[service_jwts]"),
        ("refusals", "[[refusals]]"),
    ];
    for (table, line) in tables {
        for key in keys_beside(line) {
            let path = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
            assert!(README.contains(&format!("| `{path}` |")), "`{path}` is not explained");
            assert!(example().contains(&key), "`{path}` is not in the example");
        }
    }
}

#[test]
fn every_code_is_explained() {
    for code in Code::ALL.into_iter().filter(|code| *code != Code::Valid) {
        assert!(README.contains(&format!("| `{code}` |")), "{code}");
    }
}
