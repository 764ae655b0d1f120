//! `docs/asyncapi.yaml` names the events that there are, with the fields that they have.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::{Aggregate, DomainEvent};
use nexus_domain::agent::{Agent, AgentEvent};
use nexus_domain::client::{Client, ClientEvent};
use nexus_domain::grant::{Grant, GrantEvent};
use nexus_domain::integration::{Integration, IntegrationEvent};
use nexus_domain::jwt_secret::{JwtSecret, JwtSecretEvent};
use nexus_domain::key::{Key, KeyEvent};
use nexus_domain::member::{Member, MemberEvent};
use nexus_domain::session::{Session, SessionEvent};
use nexus_domain::signing_key::{SigningKeyEvent, SigningKeys};
use nexus_domain::tenant::{Tenant, TenantEvent};
use nexus_domain::token::{Token, TokenEvent};
use nexus_domain::usage::{AlikeRequests, Usage, UsageEvent};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::bus::{EXPIRES, VALIDITY_CONTENT_TYPE, VALIDITY_EXCHANGE, event_name};

const DOCUMENT: &str = include_str!("../../../../docs/asyncapi.yaml");

/// What is not sent.
const INSIDE: [&str; 4] = ["digest", "ip", "email", "sealed_id"];

#[test]
fn the_document_has_every_event_and_no_other() {
    let mut events = BTreeMap::new();
    collect::<Key, KeyEvent>(&mut events);
    collect::<Tenant, TenantEvent>(&mut events);
    collect::<Agent, AgentEvent>(&mut events);
    collect::<Integration, IntegrationEvent>(&mut events);
    collect::<Usage, UsageEvent>(&mut events);
    collect::<Client, ClientEvent>(&mut events);
    collect::<Grant, GrantEvent>(&mut events);
    collect::<Token, TokenEvent>(&mut events);
    collect::<Member, MemberEvent>(&mut events);
    collect::<Session, SessionEvent>(&mut events);
    collect::<SigningKeys, SigningKeyEvent>(&mut events);
    collect::<JwtSecret, JwtSecretEvent>(&mut events);
    let names: BTreeSet<String> = events.keys().map(|name| format!("nexus.{name}")).collect();
    let stated = |label: &str| -> BTreeSet<String> {
        DOCUMENT.lines().filter_map(|line| line.trim().strip_prefix(label)).map(str::to_owned).collect()
    };
    let mut messages: BTreeSet<String> = events.keys().cloned().collect();
    messages.insert("validity.v1".to_owned());
    assert_eq!(stated("name: nexus."), messages, "messages");
    let consts = names.iter().map(|name| format!("{name} }}")).collect();
    assert_eq!(stated("type: { const: "), consts, "types");
    let addresses = events.keys().map(|name| format!("{{tenant}}.{name}\"")).collect();
    assert_eq!(stated("address: \""), addresses, "channels");
    for (name, (event_type, fields)) in &events {
        assert_eq!(properties(event_type), sent(fields), "the fields of {name}");
    }
    let (_, mut fields) = shape(|probe| AlikeRequests::deserialize(probe).map(drop));
    // Of a form that is read and no longer written.
    assert!(fields.remove("request_id"));
    assert_eq!(properties("AlikeRequests"), sent(&fields));
}

#[test]
fn the_document_has_the_exchange_of_validity() {
    let exchange = format!("exchange: {{ name: {VALIDITY_EXCHANGE}, type: fanout, durable: true,");
    let expires = format!("amqp: {{ deliveryMode: 1, expiration: {},", EXPIRES.as_millis());
    let content_type = format!("contentType: {VALIDITY_CONTENT_TYPE}\n");
    for stated in [exchange, expires, content_type] {
        assert!(DOCUMENT.contains(&stated), "{stated}");
    }
}

/// The names of an aggregate's events, with the events' types and fields.
fn collect<A: Aggregate<Event = E>, E: DomainEvent>(
    events: &mut BTreeMap<String, (String, BTreeSet<String>)>,
) {
    let (variants, _) = shape(|probe| E::deserialize(probe).map(drop));
    assert!(!variants.is_empty());
    for variant in variants {
        let (_, fields) = shape(|probe| E::deserialize(Probe { variant: Some(&variant), ..probe }).map(drop));
        events.insert(event_name(A::TYPE, &variant, "1.0"), (variant, fields));
    }
}

fn sent(fields: &BTreeSet<String>) -> BTreeSet<String> {
    fields.iter().filter(|field| !INSIDE.contains(&field.as_str())).cloned().collect()
}

/// The names below `properties` of a schema, by their indentation.
fn properties(schema: &str) -> BTreeSet<String> {
    let heading = format!("    {schema}:");
    let (_, schemas) = DOCUMENT.split_once("\n  schemas:\n").unwrap();
    let lines = schemas.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.take_while(|line| line.starts_with("      "));
    let lines = lines.skip_while(|line| *line != "      properties:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("        "));
    let names = lines.filter_map(|line| line.strip_prefix("        ").filter(|line| !line.starts_with(' ')));
    names.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

/// The variants of an enum, and the fields of a struct or of the enum's chosen variant, as its own `Deserialize` asks for them.
fn shape(
    read: impl FnOnce(Probe<'_>) -> Result<(), serde::de::value::Error>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut variants, mut fields) = (BTreeSet::new(), BTreeSet::new());
    read(Probe { variant: None, variants: &mut variants, fields: &mut fields }).unwrap_err();
    (variants, fields)
}

struct Probe<'a> {
    variant: Option<&'a str>,
    variants: &'a mut BTreeSet<String>,
    fields: &'a mut BTreeSet<String>,
}

fn done() -> serde::de::value::Error {
    Error::custom("it has been seen")
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(done())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.fields.extend(fields.iter().map(|field| (*field).to_owned()));
        Err(done())
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.variants.extend(variants.iter().map(|variant| (*variant).to_owned()));
        if self.variant.is_some() { visitor.visit_enum(self) } else { Err(done()) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Probe<'_> {
    type Error = serde::de::value::Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Self::Error> {
        let name: StrDeserializer<'_, Self::Error> = StrDeserializer::new(self.variant.unwrap_or_default());
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = serde::de::value::Error;

    fn unit_variant(self) -> Result<(), Self::Error> {
        Err(done())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Self::Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Self::Error> {
        Err(done())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.fields.extend(fields.iter().map(|field| (*field).to_owned()));
        Err(done())
    }
}
