//! JSON that is carried as text: rendered once by whoever appends an event, and parsed by whoever needs it, into the type
//! that is needed.

use serde::{Deserialize, Serialize};

/// JSON as text.
#[derive(Clone)]
pub struct Json(Box<str>);

impl Json {
    /// Renders a value.
    ///
    /// # Errors
    /// Where the value has no form in JSON, such as a map whose keys are not texts.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self(serde_json::to_string(value)?.into()))
    }

    /// Takes over what a store holds, which is JSON already.
    pub(super) fn stored(text: String) -> Self {
        Self(text.into())
    }

    /// Parses it.
    ///
    /// # Errors
    /// Where it is not what `T` expects.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text in it holds a NUL character, which is always escaped in JSON.
    pub(super) fn has_nul(&self) -> bool {
        const NUL: &str = "\\u0000";
        if !self.0.contains('\\') {
            return false;
        }
        self.0.match_indices(NUL).any(|(at, _)| {
            let before = self.0.as_bytes().get(..at).unwrap_or_default();
            // Behind an odd number of backslashes the first one of the escape is itself escaped: a backslash, and `u0000`.
            before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
        })
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

/// By what it says: stores reorder fields and change spaces.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        let value = |json: &Self| json.parse::<serde_json::Value>().ok();
        self.0 == other.0 || value(self).is_some_and(|own| value(other) == Some(own))
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nul_is_told_from_a_text_that_looks_like_one() {
        for (text, nul) in
            [("a\0", true), ("\\u0000", false), ("\\\0", true), ("\\\\u0000", false), ("", false)]
        {
            assert_eq!(Json::from(json!({ "name": text })).has_nul(), nul, "{text:?}");
            assert_eq!(Json::from(json!({ text: [] })).has_nul(), nul, "{text:?}");
        }
    }

    #[test]
    fn json_is_compared_by_what_it_says() {
        assert_eq!(Json::stored("{\"a\": 1, \"b\":2}".to_owned()), Json::from(json!({ "b": 2, "a": 1 })));
        assert_ne!(Json::from(json!(1)), Json::from(json!(2)));
        assert_eq!(Json::of(&[1, 2]).unwrap().parse::<Vec<u8>>().unwrap(), [1, 2]);
    }
}
