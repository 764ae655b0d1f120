//! Receipts in words: how far a change had come when it was answered.

use serde_json::Value;

use crate::words::number;

/// The receipt of an answer, `done` being what the nodes do that confirmed it, such as `refused by`. Empty where the answer has
/// none, for the change took nothing away.
pub(crate) fn receipt(answer: &Value, done: &str) -> String {
    let Some(receipt) = answer.get("receipt").filter(|receipt| receipt.is_object()) else {
        return String::new();
    };
    format!(
        "{done} {} of {} nodes within {} ms, {} lost their lease; log position {}",
        number(receipt, "confirmed"),
        number(receipt, "nodes"),
        number(receipt, "elapsed_ms"),
        number(receipt, "lapsed"),
        number(receipt, "position"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receipt_in_words() {
        let receipt_of = json!({"position": 41, "nodes": 3, "confirmed": 2, "lapsed": 1, "elapsed_ms": 12});
        assert_eq!(
            receipt(&json!({"key": {}, "receipt": receipt_of}), "refused by"),
            "refused by 2 of 3 nodes within 12 ms, 1 lost their lease; log position 41"
        );
        assert_eq!(receipt(&json!({"key": {}}), "refused by"), "", "nothing was taken away");
    }
}
