//! Limits of metrics beyond which a device of a group counts as unhealthy.

use serde::{Deserialize, Serialize};

/// A metric of health reports, and how far it may go. A device whose report is beyond it is unhealthy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthLimit {
    /// Its name in the reports, such as `cpu_temp`.
    pub metric: String,
    /// Values above this are unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Values below this are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

impl HealthLimit {
    /// The limit that a value is beyond.
    pub fn exceeded(&self, value: f64) -> Option<f64> {
        let above = self.above.filter(|limit| value > *limit);
        above.or_else(|| self.below.filter(|limit| value < *limit))
    }

    /// What is wrong with it as a person gave it.
    pub fn mistake(&self) -> Option<&'static str> {
        let numbers: Vec<f64> = self.above.into_iter().chain(self.below).collect();
        if self.metric.trim().is_empty() {
            return Some("metric can't be blank");
        }
        if numbers.is_empty() {
            return Some("needs above or below");
        }
        if matches!((self.above, self.below), (Some(above), Some(below)) if below > above) {
            return Some("below must not be greater than above");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_its_limit_is_healthy_and_one_beyond_it_is_not() {
        let limit: HealthLimit =
            serde_json::from_str(r#"{"metric": "battery", "above": 5.5, "below": 3.3}"#).unwrap();
        assert_eq!(limit.mistake(), None);
        assert_eq!((limit.exceeded(5.5), limit.exceeded(3.3)), (None, None));
        assert_eq!(limit.exceeded(5.6), Some(5.5));
        assert_eq!(limit.exceeded(3.2), Some(3.3));
    }

    #[test]
    fn mistakes_are_named() {
        let of = |text: &str| serde_json::from_str::<HealthLimit>(text).unwrap().mistake();
        assert!(
            of(r#"{"metric": " ", "above": 1}"#)
                .unwrap()
                .contains("metric")
        );
        assert!(of(r#"{"metric": "m"}"#).unwrap().contains("above or below"));
        let crossed = of(r#"{"metric": "m", "above": 1, "below": 2}"#);
        assert!(crossed.unwrap().contains("greater"));
    }
}
