//! A detection's schedule → cron, time modifiers and ISO 8601 durations, or why a platform cannot run it.

use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0901};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A cron line that begins runs exactly `every` apart. Which minute is taken follows from the id, so that not all run at once.
pub fn cron(detection: &Detection, id: &str) -> Result<String, Diagnostic> {
    let every = detection.schedule.every;
    let spread = |length: i64| i64::from(id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))) % length;
    if every % MINUTE == 0 {
        let minutes = every / MINUTE;
        match every {
            _ if minutes == 1 => return Ok("* * * * *".to_owned()),
            _ if minutes < 60 && 60 % minutes == 0 => return Ok(format!("{}-59/{minutes} * * * *", spread(minutes))),
            HOUR => return Ok(format!("{} * * * *", spread(60))),
            _ if every < DAY && DAY % every == 0 && every % HOUR == 0 => {
                return Ok(format!("{} {}-23/{} * * *", spread(60), spread(every / HOUR), every / HOUR));
            }
            DAY => return Ok(format!("{} {} * * *", spread(60), spread(24))),
            _ if every == 7 * DAY => return Ok(format!("{} {} * * {}", spread(60), spread(24), spread(7))),
            _ => {}
        }
    }
    let message = format!("cron cannot begin a run every {}", length(every));
    let help = "use a length that divides an hour or a day into equal parts, such as 5m, 15m, 1h, 4h, or 1d or 7d";
    Err(Diagnostic::error(E0901, place(detection), message).help(help))
}

/// Where the schedule is spoken of.
pub fn place(detection: &Detection) -> crate::source::Span {
    detection.schedule.span.unwrap_or(detection.metadata.title.span)
}

/// `4h`, `90m`, `45s`: the largest unit that fits.
pub fn length(milliseconds: i64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1000, "s")];
    let unit = units.into_iter().find(|(unit, _)| milliseconds % unit == 0);
    unit.map_or_else(|| format!("{milliseconds}ms"), |(unit, name)| format!("{}{name}", milliseconds / unit))
}

/// Days in hours: a day can have 23 or 25 of them.
pub fn hours(milliseconds: i64) -> String {
    let text = length(milliseconds);
    if text.ends_with('d') { format!("{}h", milliseconds / HOUR) } else { text }
}

/// `PT2H10M`, `P1D`
pub fn iso8601(milliseconds: i64) -> String {
    let (days, rest) = (milliseconds / DAY, milliseconds % DAY);
    let mut text = "P".to_owned();
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    if rest > 0 || days == 0 {
        text.push('T');
    }
    for (unit, name) in [(HOUR, 'H'), (MINUTE, 'M'), (1000, 'S')] {
        let count = match unit {
            HOUR => rest / HOUR,
            MINUTE => rest % HOUR / MINUTE,
            _ => rest % MINUTE / 1000,
        };
        if count > 0 || (unit == 1000 && text.ends_with('T')) {
            text.push_str(&format!("{count}{name}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(milliseconds: i64) -> Result<String, String> {
        let mut detection =
            crate::package::contract::tests::detection("title: t\nlogsource: { product: p }\ndetection: { a: { b: c }, condition: a }\n");
        detection.schedule.every = milliseconds;
        cron(&detection, "id").map_err(|problem| problem.message)
    }

    #[test]
    fn cron_lines() {
        assert_eq!(every(MINUTE).unwrap(), "* * * * *");
        assert_eq!(every(15 * MINUTE).unwrap(), "10-59/15 * * * *");
        assert_eq!(every(HOUR).unwrap(), "55 * * * *");
        assert_eq!(every(4 * HOUR).unwrap(), "55 3-23/4 * * *");
        assert_eq!(every(DAY).unwrap(), "55 19 * * *");
        assert_eq!(every(7 * DAY).unwrap(), "55 19 * * 2");
        for wrong in [30_000, 7 * MINUTE, 90 * MINUTE, 5 * HOUR, 2 * DAY] {
            assert!(every(wrong).unwrap_err().contains(&length(wrong)));
        }
    }

    #[test]
    fn durations() {
        assert_eq!(iso8601(2 * HOUR + 10 * MINUTE), "PT2H10M");
        assert_eq!(iso8601(DAY), "P1D");
        assert_eq!(iso8601(DAY + 30_000), "P1DT30S");
        assert_eq!(iso8601(5 * MINUTE), "PT5M");
        assert_eq!(iso8601(0), "PT0S");
        assert_eq!(hours(DAY), "24h");
        assert_eq!(length(14 * DAY), "14d");
    }
}
