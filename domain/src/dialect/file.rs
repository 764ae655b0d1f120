//! Reading a dialect file: TOML into [`Dialect`], with file and line for whatever is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::TimeDelta;
use serde::Deserialize;
use toml::Spanned;

use crate::dialect::https_only::{HttpsOnlyEntry, https_only};
use crate::dialect::key_claims::{KeyClaims, KeyClaimsEntry, key_claims};
use crate::dialect::oauth::{OauthEntry, oauth};
use crate::dialect::presentation::CREDENTIAL_HEADERS;
use crate::dialect::quotas::{QuotaEntry, quotas};
use crate::dialect::rate_limits::{RateLimitEntry, rate_limits};
use crate::dialect::tokens::{AccessTokensEntry, ServiceJwtsEntry, access_tokens, service_jwts};
use crate::dialect::{
    Dialect, Environment, Form, Integrations, InvalidDialect, KeyType, Lifetime, OutwardRefusal, Prefix,
    Presentation, Refusals, Rotation, TenantHeader,
};
use crate::duration;
use crate::scope::{Scope, ScopeRules, ScopeSet};
use crate::verification::Code;

/// Codes that must look the same outwardly, lest a caller learn which keys exist.
const ALIKE: [Code; 3] = [Code::Malformed, Code::Unknown, Code::TenantMismatch];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    title: String,
    environments: Spanned<Vec<EnvironmentEntry>>,
    credentials: Spanned<Vec<CredentialEntry>>,
    hint_length: Option<Spanned<usize>>,
    presentation: PresentationEntry,
    #[serde(default)]
    client_id_prefix: Option<Spanned<String>>,
    #[serde(default)]
    scopes: ScopesEntry,
    #[serde(default)]
    lifetime: LifetimeEntry,
    rotation: RotationEntry,
    #[serde(default)]
    quota: QuotaEntry,
    #[serde(default)]
    rate_limits: Vec<Spanned<RateLimitEntry>>,
    https_only: Option<HttpsOnlyEntry>,
    #[serde(default)]
    integrations: IntegrationsEntry,
    key_claims: Option<Spanned<KeyClaimsEntry>>,
    #[serde(default)]
    restrictions: Vec<String>,
    oauth: Option<OauthEntry>,
    access_tokens: Option<AccessTokensEntry>,
    service_jwts: Option<ServiceJwtsEntry>,
    refusals: Spanned<Vec<RefusalEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentEntry {
    name: Spanned<String>,
    realm: Option<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialEntry {
    #[serde(rename = "type")]
    key_type: KeyType,
    realm: Spanned<String>,
    prefix: Spanned<String>,
    #[serde(default)]
    form: Form,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresentationEntry {
    header: Spanned<String>,
    scheme: Option<Spanned<String>>,
    #[serde(default)]
    client_id: bool,
    tenant_header: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ScopesEntry {
    #[serde(default)]
    known: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    read_only: Vec<Spanned<String>>,
    #[serde(default)]
    all: Vec<Spanned<String>>,
    #[serde(default)]
    contains: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LifetimeEntry {
    #[serde(default)]
    choices: Vec<Spanned<String>>,
    never: Option<Spanned<bool>>,
    longest: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationEntry {
    in_place: Spanned<bool>,
    grace: Option<Spanned<String>>,
    longest_grace: Option<Spanned<String>>,
    advice: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct IntegrationsEntry {
    #[serde(default)]
    required: bool,
    #[serde(default)]
    agent: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusalEntry {
    codes: Vec<Spanned<String>>,
    status: Spanned<u16>,
    #[serde(default)]
    headers: BTreeMap<Spanned<String>, Spanned<String>>,
    body: String,
}

pub(super) type Fault = (Range<usize>, String);

pub(super) fn parse(file: &str, text: &str) -> Result<Dialect, InvalidDialect> {
    let at = |span: Range<usize>, reason: String| InvalidDialect {
        file: file.to_owned(),
        line: text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1),
        // One line, also where it repeats what the file says, in which `\n` may stand for a line's end.
        reason: reason.replace(char::is_control, " "),
    };
    let parsed: File =
        toml::from_str(text).map_err(|error| at(error.span().unwrap_or(0..0), error.message().to_owned()))?;
    build(parsed).map_err(|(span, reason)| at(span, reason))
}

fn build(file: File) -> Result<Dialect, Fault> {
    let mut environments = environments(&file.environments)?;
    let (rate_limits, rate_limit_fields) = rate_limits(&file.rate_limits, &mut environments)?;
    let prefixes = prefixes(&file.credentials, &environments)?;
    let lifetime = lifetime(file.lifetime)?;
    let key_claims = claims(file.key_claims, &file.credentials, lifetime.longest.is_some())?;
    Ok(Dialect {
        name: word(&file.name, "name")?,
        title: file.title,
        hint_length: hint_length(file.hint_length, &prefixes)?,
        environments,
        prefixes,
        presentation: presentation(file.presentation, file.client_id_prefix.is_some())?,
        client_id_prefix: file.client_id_prefix.as_ref().map(prefix_text).transpose()?,
        scopes: scopes(file.scopes)?,
        lifetime,
        rotation: rotation(file.rotation)?,
        quotas: quotas(file.quota)?,
        rate_limits,
        rate_limit_fields,
        https_only: https_only(file.https_only)?,
        key_claims,
        integrations: Integrations { required: file.integrations.required, agent: file.integrations.agent },
        restrictions: file.restrictions,
        oauth: oauth(file.oauth, file.access_tokens.is_some())?,
        access_tokens: file.access_tokens.map(access_tokens).transpose()?,
        service_jwts: file.service_jwts.map(service_jwts).transpose()?,
        refusals: refusals(&file.refusals)?,
    })
}

/// Names stand in routes, routing keys and file names: short, lower case, no separators of those.
pub(super) fn word(text: &Spanned<String>, what: &str) -> Result<String, Fault> {
    let valid = (1..=32).contains(&text.get_ref().len())
        && text.get_ref().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if valid {
        Ok(text.get_ref().clone())
    } else {
        Err((text.span(), format!("{what} must be 1 to 32 lower-case letters, digits and hyphens")))
    }
}

fn environments(entries: &Spanned<Vec<EnvironmentEntry>>) -> Result<Vec<Environment>, Fault> {
    let mut seen = BTreeSet::new();
    let mut environments = Vec::new();
    for entry in entries.get_ref() {
        let name = word(&entry.name, "an environment's name")?;
        let mut aliases = Vec::new();
        for alias in &entry.aliases {
            aliases.push(word(alias, "an environment's alias")?);
        }
        for used in std::iter::once(&name).chain(&aliases) {
            if !seen.insert(used.clone()) {
                return Err((entry.name.span(), format!("the environment name `{used}` is used twice")));
            }
        }
        environments.push(Environment {
            realm: entry.realm.clone().unwrap_or_else(|| name.clone()),
            name,
            aliases,
            rate_limits: Vec::new(),
            rate_limit_fields: None,
        });
    }
    // Otherwise an endpoint that serves the realm of that name would take this environment's keys.
    for (entry, environment) in entries.get_ref().iter().zip(&environments) {
        for used in std::iter::once(&environment.name).chain(&environment.aliases) {
            if *used != environment.realm && environments.iter().any(|e| e.realm == *used) {
                return Err((
                    entry.name.span(),
                    format!("`{used}` is the name of another environment's realm"),
                ));
            }
        }
    }
    if environments.is_empty() {
        return Err((entries.span(), "a dialect needs at least one environment".into()));
    }
    Ok(environments)
}

pub(super) fn prefix_text(prefix: &Spanned<String>) -> Result<String, Fault> {
    let text = prefix.get_ref();
    let valid = (2..=24).contains(&text.len())
        && text.ends_with('_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if valid {
        Ok(text.clone())
    } else {
        Err((
            prefix.span(),
            "a prefix must be 2 to 24 letters, digits and underscores, and end in an underscore".into(),
        ))
    }
}

fn prefixes(
    entries: &Spanned<Vec<CredentialEntry>>,
    environments: &[Environment],
) -> Result<Vec<Prefix>, Fault> {
    let mut prefixes: Vec<Prefix> = Vec::new();
    for entry in entries.get_ref() {
        let text = prefix_text(&entry.prefix)?;
        let realm = entry.realm.get_ref().clone();
        if !environments.iter().any(|e| e.realm == realm) {
            return Err((entry.realm.span(), format!("no environment belongs to the realm `{realm}`")));
        }
        if prefixes.iter().any(|p| p.text == text) {
            return Err((entry.prefix.span(), format!("the prefix `{text}` is used twice")));
        }
        if prefixes.iter().any(|p| p.realm == realm && p.key_type == entry.key_type) {
            return Err((
                entry.realm.span(),
                format!("the realm `{realm}` has two prefixes for {} keys", entry.key_type),
            ));
        }
        prefixes.push(Prefix { text, key_type: entry.key_type, realm, form: entry.form });
    }
    for environment in environments {
        if !prefixes.iter().any(|p| p.realm == environment.realm) {
            return Err((
                entries.span(),
                format!("no credential has a prefix for the realm `{}`", environment.realm),
            ));
        }
    }
    Ok(prefixes)
}

/// Where the file does not say, 12 characters, or fewer where the prefixes are short.
fn hint_length(entry: Option<Spanned<usize>>, prefixes: &[Prefix]) -> Result<usize, Fault> {
    let most = prefixes.iter().map(|p| p.text.len()).min().unwrap_or(0) + 4;
    let Some(entry) = entry else {
        return Ok(most.min(12));
    };
    let hint = *entry.get_ref();
    if !(4..=16).contains(&hint) {
        return Err((
            entry.span(),
            "hint_length must be 4 to 16 characters: more would give too much of the secret away".into(),
        ));
    }
    if hint > most {
        return Err((
            entry.span(),
            format!("hint_length may show at most 4 characters beyond the prefix, so at most {most}"),
        ));
    }
    Ok(hint)
}

fn header_name(name: &Spanned<String>) -> Result<String, Fault> {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !name.get_ref().is_empty() && name.get_ref().bytes().all(token) {
        Ok(name.get_ref().clone())
    } else {
        Err((name.span(), "a header's name must be lower-case letters, digits and hyphens".into()))
    }
}

fn presentation(entry: PresentationEntry, has_client_ids: bool) -> Result<Presentation, Fault> {
    if entry.client_id && !has_client_ids {
        return Err((entry.header.span(), "client_id = true needs a client_id_prefix".into()));
    }
    if let Some(scheme) = &entry.scheme
        && (scheme.get_ref().is_empty() || !scheme.get_ref().bytes().all(|b| b.is_ascii_alphanumeric()))
    {
        return Err((scheme.span(), "a scheme must be letters and digits, such as Bearer".into()));
    }
    if let Some(tenant_header) = &entry.tenant_header
        && (tenant_header.get_ref() == entry.header.get_ref()
            || CREDENTIAL_HEADERS.contains(&tenant_header.get_ref().as_str()))
    {
        // A request with it would carry two kinds of credential, and none would be accepted.
        return Err((
            tenant_header.span(),
            "tenant_header must be another header than the credential's, and none that credentials stand in"
                .into(),
        ));
    }
    Ok(Presentation {
        header: header_name(&entry.header)?,
        scheme: entry.scheme.map(Spanned::into_inner),
        client_id: entry.client_id,
        tenant_header: entry
            .tenant_header
            .map(|name| header_name(&name).map(|name| TenantHeader { name }))
            .transpose()?,
    })
}

fn scope(text: &Spanned<String>) -> Result<Scope, Fault> {
    text.get_ref().parse().map_err(|error| (text.span(), format!("`{}`: {error}", text.get_ref())))
}

fn scopes(entry: ScopesEntry) -> Result<ScopeRules, Fault> {
    let mut rules = ScopeRules::default();
    for (name, meaning) in entry.known {
        rules.known.insert(scope(&name)?, meaning);
    }
    let known = |text: &Spanned<String>| -> Result<Scope, Fault> {
        let scope = scope(text)?;
        if rules.known.contains_key(&scope) {
            Ok(scope)
        } else {
            Err((text.span(), format!("the scope `{scope}` is not in scopes.known")))
        }
    };
    let set = |texts: &[Spanned<String>]| texts.iter().map(known).collect::<Result<ScopeSet, Fault>>();
    let read_only = set(&entry.read_only)?;
    let all = set(&entry.all)?;
    let mut contains = BTreeMap::new();
    for (outer, inner) in &entry.contains {
        contains.insert(known(outer)?, set(inner)?);
    }
    Ok(ScopeRules { read_only, all, contains, ..rules })
}

pub(super) fn span_duration(text: &Spanned<String>) -> Result<TimeDelta, Fault> {
    duration::parse(text.get_ref()).map_err(|error| (text.span(), error.to_string()))
}

fn lifetime(entry: LifetimeEntry) -> Result<Lifetime, Fault> {
    let mut choices = Vec::new();
    for choice in &entry.choices {
        let length = span_duration(choice)?;
        if length.is_zero() {
            return Err((choice.span(), "a lifetime must be longer than nothing".into()));
        }
        choices.push((choice.get_ref().clone(), length));
    }
    let longest = match entry.longest {
        None => None,
        Some(text) => {
            let length = span_duration(&text)?;
            if let Some(never) = entry.never.as_ref().filter(|never| *never.get_ref()) {
                return Err((never.span(), "never = true and a longest lifetime exclude each other".into()));
            }
            let longer = choices.iter().any(|(_, choice)| *choice > length);
            if length.is_zero() || longer {
                let rule = "the longest lifetime must be more than nothing and no shorter than a choice";
                return Err((text.span(), rule.into()));
            }
            Some((text.into_inner(), length))
        }
    };
    let never = longest.is_none() && entry.never.is_none_or(Spanned::into_inner);
    Ok(Lifetime { choices, never, longest })
}

/// What keys that are JWTs say of themselves. They must end, since their own word for it is all that whoever reads them has.
fn claims(
    entry: Option<Spanned<KeyClaimsEntry>>,
    credentials: &Spanned<Vec<CredentialEntry>>,
    all_end: bool,
) -> Result<Option<KeyClaims>, Fault> {
    let signed = credentials.get_ref().iter().find(|credential| credential.form == Form::Jwt);
    match (signed, entry) {
        (Some(signed), _) if !all_end => {
            let rule = "a key whose form is jwt always ends: name lifetime.longest, such as \"1y\"";
            Err((signed.prefix.span(), rule.into()))
        }
        (Some(_), None) => Ok(Some(KeyClaims::default())),
        (Some(_), Some(entry)) => key_claims(entry.into_inner()).map(Some),
        (None, Some(entry)) => {
            Err((entry.span(), "key_claims needs a credential with form = \"jwt\"".into()))
        }
        (None, None) => Ok(None),
    }
}

fn rotation(entry: RotationEntry) -> Result<Rotation, Fault> {
    if !*entry.in_place.get_ref() {
        let advice = entry
            .advice
            .ok_or((entry.in_place.span(), "in_place = false needs an advice: what to do instead".into()))?;
        return Ok(Rotation::Unsupported { advice });
    }
    let grace = entry
        .grace
        .ok_or((entry.in_place.span(), "in_place = true needs a grace, such as \"24h\"".to_owned()))?;
    let longest = entry.longest_grace.as_ref().map_or(Ok(TimeDelta::days(30)), span_duration)?;
    let span = grace.span();
    let grace = span_duration(&grace)?;
    if grace > longest {
        return Err((span, "the grace is longer than longest_grace".into()));
    }
    Ok(Rotation::InPlace { grace, longest_grace: longest })
}

fn refusals(entries: &Spanned<Vec<RefusalEntry>>) -> Result<Refusals, Fault> {
    let mut answers = Vec::new();
    let mut by_code = BTreeMap::new();
    for (at, entry) in entries.get_ref().iter().enumerate() {
        for text in &entry.codes {
            let code = Code::parse(text.get_ref())
                .filter(|code| *code != Code::Valid)
                .ok_or_else(|| (text.span(), format!("`{}` is no code of a refusal", text.get_ref())))?;
            if by_code.insert(code, at).is_some() {
                return Err((text.span(), format!("{code} is answered twice")));
            }
        }
        answers.push(outward(&entry.status, &entry.headers, entry.body.clone())?);
    }
    for code in Code::ALL {
        if code != Code::Valid && !by_code.contains_key(&code) {
            return Err((entries.span(), format!("no refusal answers {code}")));
        }
    }
    if ALIKE.iter().any(|code| by_code.get(code) != by_code.get(&ALIKE[0])) {
        return Err((entries.span(), "MALFORMED, UNKNOWN and TENANT_MISMATCH must share one refusal: a caller must not learn which keys exist".into()));
    }
    Ok(Refusals::new(answers, by_code))
}

/// An answer for the outside, as a file has it.
pub(super) fn outward(
    status: &Spanned<u16>,
    entries: &BTreeMap<Spanned<String>, Spanned<String>>,
    body: String,
) -> Result<OutwardRefusal, Fault> {
    if !(400..=599).contains(status.get_ref()) {
        return Err((status.span(), "a refusal's status must be 400 to 599".into()));
    }
    let mut headers = Vec::new();
    for (name, value) in entries {
        if !value.get_ref().bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err((value.span(), "a header's value must be ASCII without control characters".into()));
        }
        headers.push((header_name(name)?, value.get_ref().clone()));
    }
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".into(), "application/json".into()));
    }
    Ok(OutwardRefusal { status: *status.get_ref(), headers, body })
}
