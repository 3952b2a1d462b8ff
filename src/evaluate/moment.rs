//! Moments: ISO 8601 texts and epoch numbers → milliseconds since 1970-01-01T00:00:00Z, and back.
//! Fractions below a millisecond are cut off (towards the past).

use crate::detection::TimePart;
use crate::logsource::TimeFormat;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value as Json;

/// Reads a moment as a log source writes it: ISO 8601 text is always understood, a number only if the format is an epoch.
pub fn read(value: &Json, format: TimeFormat) -> Option<i64> {
    match value {
        Json::String(text) => read_iso(text).or_else(|| read_epoch(text, format)),
        Json::Number(number) => read_epoch(&super::event::number_text(number), format),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The moment that a field's text is: `2026-01-05`, or with a time of day as `2026-01-05T10:00[:00[.5]][Z|+01:00]`. A blank
/// may stand for `T`, a comma for the point, small letters for `T` and `Z`. Other forms of ISO 8601 are texts.
pub fn of_text(text: &str) -> Option<i64> {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let (date, time) = text.split_at_checked(10).unwrap_or((text, ""));
    let mut parts = date.split('-');
    let is_date = [4, 2, 2].into_iter().all(|count| parts.next().is_some_and(|part| digits(part, count))) && parts.next().is_none();
    let is_time = || {
        let clock = time.strip_prefix(['T', 't', ' '])?;
        let clock = match clock.strip_suffix(['Z', 'z']) {
            Some(clock) => clock,
            None => match clock.rsplit_once(['+', '-']) {
                Some((clock, zone)) => digits(&zone.replacen(':', "", 1), 4).then_some(clock)?,
                None => clock,
            },
        };
        let (clock, fraction) = clock.split_once(['.', ',']).map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
        let parts: Vec<&str> = clock.split(':').collect();
        let is_clock = (parts.len() == 3 || (parts.len() == 2 && fraction.is_none())) && parts.iter().all(|part| digits(part, 2));
        let is_fraction = fraction.is_none_or(|fraction| !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()));
        Some(is_clock && is_fraction)
    };
    if is_date && (time.is_empty() || is_time() == Some(true)) { read_iso(text) } else { None }
}

/// Reads ISO 8601 text; without a zone it is UTC.
pub fn read_iso(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.ends_with(']') {
        return None;
    }
    let timestamp: Option<Timestamp> = text.parse().ok();
    let without_zone = || Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let nanoseconds = timestamp.or_else(without_zone)?.as_nanosecond();
    i64::try_from(nanoseconds.div_euclid(1_000_000)).ok()
}

/// Reads a decimal number of seconds or milliseconds.
fn read_epoch(text: &str, format: TimeFormat) -> Option<i64> {
    let digits_after_point = match format {
        TimeFormat::Iso8601 => return None,
        TimeFormat::EpochSeconds => 3,
        TimeFormat::EpochMilliseconds => 0,
    };
    let (whole, fraction) = shift_point(text, digits_after_point)?;
    let milliseconds = if fraction && text.starts_with('-') { whole - 1 } else { whole };
    Timestamp::from_millisecond(milliseconds).ok().map(|_| milliseconds)
}

/// `12.3456` shifted by 3: 12345, and whether something other than zeros is left behind the point.
fn shift_point(text: &str, digits: usize) -> Option<(i64, bool)> {
    super::event::decimal(text)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (near, far) = fraction.split_at(digits.min(fraction.len()));
    let shifted = format!("{whole}{near:0<digits$}").parse().ok()?;
    Some((shifted, far.bytes().any(|digit| digit != b'0')))
}

/// `2026-01-05T10:00:00Z`, with milliseconds only if they are not zero.
pub fn text(milliseconds: i64) -> String {
    let Some(moment) = date_time(milliseconds) else {
        return milliseconds.to_string();
    };
    let (date, time) = (moment.date(), moment.time());
    let day = format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    let clock = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    match time.millisecond() {
        0 => format!("{day}T{clock}Z"),
        fraction => format!("{day}T{clock}.{fraction:03}Z"),
    }
}

/// A part of a moment, in UTC.
pub fn part(milliseconds: i64, part: TimePart) -> Option<f64> {
    let moment = date_time(milliseconds)?;
    Some(match part {
        TimePart::Minute => f64::from(moment.minute()),
        TimePart::Hour => f64::from(moment.hour()),
        TimePart::Day => f64::from(moment.day()),
        TimePart::Week => f64::from(moment.date().iso_week_date().week()),
        TimePart::Month => f64::from(moment.month()),
        TimePart::Year => f64::from(moment.year()),
    })
}

fn date_time(milliseconds: i64) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(Timestamp::from_millisecond(milliseconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_of_fields_that_are_moments() {
        let ten = Some(1_767_607_200_000);
        for text in
            ["2026-01-05T10:00:00Z", "2026-01-05 10:00", "2026-01-05t10:00:00,000z", "2026-01-05T11:00+01:00", "2026-01-05T09:00:00.0-0100"]
        {
            assert_eq!(of_text(text), ten, "{text}");
        }
        assert_eq!(of_text("2026-01-05"), Some(1_767_571_200_000));
        let others = [
            "",
            "2026",
            "20260105T100000Z",
            "2026-W02-1",
            " 2026-01-05",
            "2026-01-05T10",
            "2026-01-05T10:00:00+01",
            "2026-13-05",
            "2026-01-05T10:00.5",
        ];
        for text in others.into_iter().chain([
            "2026-01-05T",
            "2026-01-05Z",
            "2026-01-05T1:00",
            "2026-01-05T10:00:00.",
            "é",
            "2026-01-0é",
            "2026-01-05T10:00+é",
        ]) {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    #[test]
    fn iso_texts() {
        let ten = 1_767_607_200_000;
        for text in [
            "2026-01-05T10:00:00Z",
            "2026-01-05T10:00:00",
            "2026-01-05 10:00:00",
            "2026-01-05T11:00:00+01:00",
            "2026-01-05T11:00:00+0100",
            "2026-01-05T10:00:00.000+0000",
            "2026-01-05T10:00:00.0009Z",
            "20260105T100000Z",
        ] {
            assert_eq!(read_iso(text), Some(ten), "{text}");
        }
        assert_eq!(read_iso("2026-01-05T10:00:00.204Z"), Some(ten + 204));
        assert_eq!(read_iso("2026-01-05"), Some(ten - 36_000_000));
        for text in ["", "now", "10:00", "2026-13-05T10:00:00Z", "2026-01-05T10:00:00[Europe/Paris]", "1767607200"] {
            assert_eq!(read_iso(text), None, "{text}");
        }
    }

    #[test]
    fn epochs() {
        let seconds = |value| read(&value, TimeFormat::EpochSeconds);
        assert_eq!(seconds(json!(1767607200)), Some(1_767_607_200_000));
        assert_eq!(seconds(json!(1767607200.123)), Some(1_767_607_200_123));
        assert_eq!(seconds(json!("1767607200.1239")), Some(1_767_607_200_123));
        assert_eq!(seconds(json!(-0.0005)), Some(-1));
        assert_eq!(seconds(json!(1e300)), None);
        assert_eq!(seconds(json!("2026-01-05T10:00:00Z")), Some(1_767_607_200_000));
        assert_eq!(read(&json!(1767607200000_i64), TimeFormat::EpochMilliseconds), Some(1_767_607_200_000));
        assert_eq!(read(&json!(1767607200), TimeFormat::Iso8601), None);
        assert_eq!(read(&json!(u64::MAX), TimeFormat::EpochMilliseconds), None);
        assert_eq!(read(&json!(-9_223_372_036_854_775_808_i64), TimeFormat::EpochMilliseconds), None);
    }

    #[test]
    fn texts_and_parts() {
        assert_eq!(text(1_767_607_200_000), "2026-01-05T10:00:00Z");
        assert_eq!(text(1_767_607_200_040), "2026-01-05T10:00:00.040Z");
        assert_eq!(text(i64::MAX), i64::MAX.to_string());
        assert_eq!(part(1_767_607_200_000, TimePart::Hour), Some(10.0));
        assert_eq!(part(1_767_607_200_000, TimePart::Week), Some(2.0));
        assert_eq!(part(1_798_761_600_000, TimePart::Week), Some(53.0), "2027-01-01 lies in the last week of 2026");
    }
}
