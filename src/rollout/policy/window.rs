//! Maintenance windows: hours of the day, on some days of the week, in the device's own time zone.

use crate::clock::Micros;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// When devices may be told of an update. A window that ends before it begins goes over midnight and belongs to the day on which
/// it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceWindow {
    /// When it begins: `22:00`.
    pub from: String,
    /// When it ends: `05:30`. The same as `from` is the whole day.
    pub to: String,
    /// The days on which it begins; every day when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// The time zone (IANA) of devices that have none of their own.
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".into()
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    fn of(day: jiff::civil::Weekday) -> Self {
        use jiff::civil::Weekday as Civil;
        match day {
            Civil::Monday => Self::Monday,
            Civil::Tuesday => Self::Tuesday,
            Civil::Wednesday => Self::Wednesday,
            Civil::Thursday => Self::Thursday,
            Civil::Friday => Self::Friday,
            Civil::Saturday => Self::Saturday,
            Civil::Sunday => Self::Sunday,
        }
    }
}

/// Whether a text names a time zone of the IANA database, such as `Europe/Berlin`.
pub fn is_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |t: &str| (t.len() == 2).then(|| t.parse::<i8>().ok()).flatten();
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

impl MaintenanceWindow {
    /// The mistakes of a window as a person gave it: field and message.
    pub fn mistakes(&self) -> Vec<(&'static str, &'static str)> {
        let mut all = Vec::new();
        for (field, text) in [("from", &self.from), ("to", &self.to)] {
            if clock_time(text).is_none() {
                all.push((field, "must be a time of the day, such as 22:00"));
            }
        }
        if !is_time_zone(&self.time_zone) {
            all.push(("time_zone", "must be a time zone, such as Europe/Berlin"));
        }
        all
    }

    /// `None` when the window is open for a device of this time zone (its own, `None` for the window's); else when it opens next.
    /// A window that cannot be read is closed for a day, and so is looked at again.
    pub fn opens_at(&self, time_zone: Option<&str>, now: Micros) -> Option<Micros> {
        let later = || Some(now.after(std::time::Duration::from_secs(86_400)));
        let zone = time_zone
            .and_then(|name| TimeZone::get(name).ok())
            .or_else(|| TimeZone::get(&self.time_zone).ok());
        let (Some(from), Some(to), Some(zone)) =
            (clock_time(&self.from), clock_time(&self.to), zone)
        else {
            return later();
        };
        let Ok(at) = Timestamp::from_microsecond(now.0) else {
            return later();
        };
        let local = zone.to_datetime(at);
        // One that began yesterday may still be open. A week and a day reach the next one of any choice of days.
        for day in -1..=8_i32 {
            let Ok(date) = local.date().checked_add(day.days()) else {
                return later();
            };
            if !self.days.is_empty() && !self.days.contains(&Weekday::of(date.weekday())) {
                continue;
            }
            let begins = date.to_datetime(from);
            let lasts = if to > from { 0 } else { 1 };
            let Ok(last) = date.checked_add(lasts.days()) else {
                return later();
            };
            let (begins, ends) = (instant(&zone, begins), instant(&zone, last.to_datetime(to)));
            let (Some(begins), Some(ends)) = (begins, ends) else {
                return later();
            };
            if at >= begins && at < ends {
                return None;
            }
            if at < begins {
                return Some(Micros(begins.as_microsecond()));
            }
        }
        later()
    }
}

/// The instant of a local time. One that a change to summer time skips is the instant after the gap.
fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let at = zone.to_ambiguous_zoned_datetime(local).compatible().ok()?;
    Some(at.timestamp())
}
