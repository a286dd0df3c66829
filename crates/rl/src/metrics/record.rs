//! A record: values of metrics at one point in time, from a gradient step or a run.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::Metric;

/// A measured value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not available yet.
    Missing,
    /// A count.
    Count(u64),
    /// A number. Single precision is widened.
    Scalar(f64),
    /// A list of numbers, such as one per action.
    Each(Vec<f32>),
}

impl Value {
    /// As a single number; `None` for a missing value or a list.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Scalar(value) => Some(*value),
            Self::Missing | Self::Each(_) => None,
        }
    }

    fn is_finite(&self) -> bool {
        match self {
            Self::Missing | Self::Count(_) => true,
            Self::Scalar(value) => value.is_finite(),
            Self::Each(values) => values.iter().all(|value| value.is_finite()),
        }
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Scalar(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Scalar(value)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<Vec<f32>> for Value {
    fn from(values: Vec<f32>) -> Self {
        Self::Each(values)
    }
}

impl From<Option<f32>> for Value {
    fn from(value: Option<f32>) -> Self {
        value.map_or(Self::Missing, Self::from)
    }
}

/// Values by metric. Does not allocate until the first is set.
///
/// Serialized as a map from keys to values, sorted by key.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Vec<(Cow<'static, str>, Value)>);

impl Metrics {
    /// Sets or replaces the value of `metric`.
    pub fn set(&mut self, metric: Metric, value: impl Into<Value>) {
        self.put(Cow::Borrowed(metric.key), value.into());
    }

    /// The value of `metric` as a single number; `None` if not measured.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.value(metric.key)?.number()
    }

    /// The values of `metric`, if it is a list.
    pub fn each(&self, metric: Metric) -> Option<&[f32]> {
        match self.value(metric.key)? {
            Value::Each(values) => Some(values),
            _ => None,
        }
    }

    /// Copies all values of `other`.
    pub fn extend(&mut self, other: &Self) {
        other.0.iter().for_each(|(key, value)| self.put(key.clone(), value.clone()));
    }

    /// Whether no value was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All keys with their values, in the order they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// All single numbers with their keys, in the order they were set.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        self.iter().filter_map(|(key, value)| Some((key, value.number()?)))
    }

    /// The key of the first value that is NaN or infinite.
    pub fn not_finite(&self) -> Option<&str> {
        self.iter().find(|(_, value)| !value.is_finite()).map(|(key, _)| key)
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    fn put(&mut self, key: Cow<'static, str>, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }
}

/// Regardless of the order in which values were set.
impl PartialEq for Metrics {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.iter().all(|(key, value)| other.value(key) == Some(value))
    }
}

impl FromIterator<(String, Value)> for Metrics {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(values: T) -> Self {
        let mut metrics = Self::default();
        values.into_iter().for_each(|(key, value)| metrics.put(Cow::Owned(key), value));
        metrics
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values: Vec<_> = self.iter().collect();
        values.sort_unstable_by_key(|(key, _)| *key);
        let mut map = serializer.serialize_map(Some(values.len()))?;
        for (key, value) in values {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keyed;
        impl<'de> Visitor<'de> for Keyed {
            type Value = Metrics;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("metrics by their keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut metrics = Metrics::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    metrics.put(Cow::Owned(key), value);
                }
                Ok(metrics)
            }
        }
        deserializer.deserialize_map(Keyed)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_none(),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Scalar(value) => serializer.serialize_f64(*value),
            Self::Each(values) => serializer.collect_seq(values.iter().map(|value| f64::from(*value))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

/// Reads a value of any kind.
struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, a list of numbers or nothing")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Missing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Missing)
    }

    fn visit_u64<E>(self, count: u64) -> Result<Value, E> {
        Ok(Value::Count(count))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Scalar(value as f64), Value::Count))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // Parsing may be off in the last bit: rounding to single precision restores the value exactly.
        let single = f64::from(value as f32);
        let near = (single - value).abs() <= 4.0 * f64::EPSILON * value.abs();
        Ok(Value::Scalar(if near { single } else { value }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<f32>()? {
            values.push(value);
        }
        Ok(Value::Each(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::metrics! {
        /// For these tests.
        METRICS:
        LOSS = { key: "b/loss", label: "loss", unit: RewardSquared, help: "a loss" }
        STEPS = { key: "a", label: "steps", unit: Count, help: "steps" }
        SHARES = { key: "c/shares", label: "shares", unit: PerAction, help: "shares" }
        NONE = { key: "d/none", label: "none", unit: Plain, help: "nothing yet" }
    }

    fn record() -> Metrics {
        let mut record = Metrics::default();
        record.set(LOSS, 1.0_f32);
        record.set(STEPS, 7_u64);
        record.set(SHARES, vec![0.1_f32, 0.9]);
        record.set(NONE, None::<f32>);
        record.set(LOSS, 0.1_f32);
        record
    }

    #[test]
    fn a_record_holds_the_last_value_of_each_metric() {
        let record = record();
        assert_eq!(METRICS, [LOSS, STEPS, SHARES, NONE]);
        assert_eq!(
            [LOSS, STEPS, SHARES, NONE].map(|metric| record.get(metric)),
            [Some(f64::from(0.1_f32)), Some(7.0), None, None]
        );
        assert_eq!(record.each(SHARES), Some(&[0.1_f32, 0.9][..]));
        let keys: Vec<_> = record.numbers().map(|(key, _)| key).collect();
        assert_eq!(keys, ["b/loss", "a"]);
        let mut other = Metrics::default();
        other.extend(&record);
        assert_eq!(other, record);
        other.set(STEPS, 8_u64);
        assert_ne!(other, record);
    }

    #[test]
    fn text_is_sorted_by_key_and_round_trips() {
        let text = serde_json::to_string(&record()).unwrap();
        let shares = "[0.10000000149011612,0.8999999761581421]";
        assert_eq!(
            text,
            format!(r#"{{"a":7,"b/loss":0.10000000149011612,"c/shares":{shares},"d/none":null}}"#)
        );
        assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), record());
        let error = serde_json::from_str::<Metrics>(r#"{"a":"x"}"#).unwrap_err().to_string();
        assert!(error.contains("a number, a list of numbers or nothing"), "{error}");
    }

    #[test]
    fn single_precision_survives_text_to_the_bit() {
        for index in 0..20_000_u32 {
            let value = f32::from_bits(0x3000_0000 + index * 7_919);
            let mut record = Metrics::default();
            record.set(LOSS, value);
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), record, "{value}");
        }
    }

    #[test]
    fn any_value_that_is_not_finite_is_found() {
        let mut record = record();
        assert_eq!(record.not_finite(), None);
        record.set(SHARES, vec![0.5, f32::NAN]);
        assert_eq!(record.not_finite(), Some("c/shares"));
        record.set(LOSS, f32::INFINITY);
        assert_eq!(record.not_finite(), Some("b/loss"));
    }
}
