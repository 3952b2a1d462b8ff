//! Moments in eval: ISO 8601 texts as seconds since 1970, and parts of a moment in UTC. The parts are computed from the
//! seconds, because `strftime` follows the time zone of the search's owner; `strptime` gets texts with a zone only.

use crate::detection::TimePart;

/// The command that puts the moment of an ISO 8601 text (without a zone: UTC) into `target`, as seconds since 1970.
/// Anything else leaves it missing.
pub fn from_iso_8601(source: &str, target: &str) -> String {
    let fraction = format!("{target}_fraction");
    let steps = [
        format!(r#"{target}=replace({source}, "^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})\\Z(?!\\n)", "\1T00:00:00")"#),
        format!(r#"{target}=replace({target}, "^(.{{10}})[t ]", "\1T")"#),
        format!(r#"{target}=replace({target}, "^(.{{16}})(?!:)", "\1:00")"#),
        format!(r#"{fraction}=tonumber(replace({target}, "^.{{19}}[.,]([0-9]+).*", "0.\1"))"#),
        format!(r#"{target}=replace({target}, "^(.{{19}})[.,][0-9]+", "\1")"#),
        format!(r#"{target}=replace({target}, "^(.{{19}})[Zz]?\\Z(?!\\n)", "\1+0000")"#),
        format!(r#"{target}=replace({target}, "([+-][0-9]{{2}}):([0-9]{{2}})\\Z(?!\\n)", "\1\2")"#),
        format!(r#"{target}=strptime({target}, "%Y-%m-%dT%H:%M:%S%z")+coalesce({fraction}, 0)"#),
    ];
    eval(&steps)
}

/// A part of the moment `seconds`: the command that must come first, if one is needed, and the expression.
pub fn part(part: TimePart, seconds: &str, helper: &str) -> (Option<String>, String) {
    let units = |unit: u32, next: u32, count: u32| format!("floor({seconds}/{unit})-floor({seconds}/{next})*{count}");
    let days = format!("floor({seconds}/86400)");
    match part {
        TimePart::Minute => (None, units(60, 3600, 60)),
        TimePart::Hour => (None, units(3600, 86400, 24)),
        TimePart::Day => (Some(eval(&civil(&days, helper))), format!("{helper}_day")),
        TimePart::Month => (Some(eval(&civil(&days, helper))), format!("{helper}_month")),
        TimePart::Year => (Some(eval(&civil(&days, helper))), format!("{helper}_year")),
        TimePart::Week => (Some(eval(&week(&days, helper))), format!("{helper}_week")),
    }
}

fn eval(assignments: &[String]) -> String {
    format!("eval {}", assignments.join(",\n    "))
}

/// Year, month and day of a number of days since 1970, counted in eras of 400 years that begin in March.
fn civil(days: &str, helper: &str) -> Vec<String> {
    let name = |part: &str| format!("{helper}_{part}");
    let [era, of_era, year_of_era, of_year, march] = ["era", "doe", "yoe", "doy", "mp"].map(name);
    let [day, month, year] = ["day", "month", "year"].map(name);
    vec![
        format!("{era}=floor(({days}+719468)/146097)"),
        format!("{of_era}={days}+719468-{era}*146097"),
        format!("{year_of_era}=floor(({of_era}-floor({of_era}/1460)+floor({of_era}/36524)-floor({of_era}/146096))/365)"),
        format!("{of_year}={of_era}-365*{year_of_era}-floor({year_of_era}/4)+floor({year_of_era}/100)"),
        format!("{march}=floor((5*{of_year}+2)/153)"),
        format!("{day}={of_year}-floor((153*{march}+2)/5)+1"),
        format!("{month}={march}+if({march}<10, 3, -9)"),
        format!("{year}={year_of_era}+{era}*400+if({month}<=2, 1, 0)"),
    ]
}

/// The ISO 8601 week: that of the week's Thursday, counted from 1 January of its year.
fn week(days: &str, helper: &str) -> Vec<String> {
    let [thursday, year, before] = ["thursday", "year", "before"].map(|part| format!("{helper}_{part}"));
    let mut steps = vec![format!("{thursday}=floor(({days}+3)/7)*7")];
    steps.extend(civil(&thursday, helper));
    steps.push(format!("{before}={year}-1"));
    let first = format!("365*{before}+floor({before}/4)-floor({before}/100)+floor({before}/400)-719162");
    steps.push(format!("{helper}_week=floor(({thursday}-({first}))/7)+1"));
    steps
}
