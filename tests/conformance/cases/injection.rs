//! Hostile texts at every place of a spec, a site file and a log source file where an author writes free text → the
//! queries of all targets, beside those of harmless texts at the same place. `tests/conformance/injection.py` parses
//! both and compares their trees.

use crate::common::random::Random;
use crate::places::{Input, PLACES, Place};
use cognate::detection::Detection;
use cognate::diagnostic::Diagnostics;
use cognate::frontend::{list_values, understand};
use cognate::logsource::{LogSource, LogSourceId, LogSources};
use cognate::lower::Surroundings;
use cognate::site::Site;
use cognate::source::Source;
use cognate::target::{Options, Target, compile, kql};
use cognate::template::Templates;
use cognate::yaml::Value;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// One JSON text a line.
const HOSTILE: &str = include_str!("hostile.jsonl");
/// The longest text that random texts are made of.
const LONGEST_PIECE: usize = 60;

/// Log sources that specs are compiled against: the built-in ones, and those of one input.
struct Surrounded<'i> {
    log_sources: LogSources,
    site: Option<Site>,
    list: &'i str,
}

impl<'i> Surrounded<'i> {
    /// `None` if the site file or the log source file has errors.
    fn new(input: &'i Input) -> Option<Surrounded<'i>> {
        let own = input.log_source.iter().map(|text| Source::new("logsources/example_described.yml", text.clone()));
        let log_sources = LogSources::built_in().with(own);
        let mut problems = Diagnostics::new();
        let site = match &input.site {
            Some(text) => Some(Site::read(&Source::new("site.yml", text.clone()), &log_sources, &mut problems)?),
            None => None,
        };
        let broken = log_sources.at_path("example/described").is_some_and(|file| file.log_source.is_none());
        if broken {
            return None;
        }
        Some(Surrounded { log_sources, site, list: &input.list })
    }
}

impl Surroundings for Surrounded<'_> {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        let changed = self.site.as_ref().and_then(|site| site.log_source(id));
        let open = || Some(Arc::new(LogSource::open(id.clone())));
        match self.log_sources.described(id) {
            Some(file) => changed.or_else(|| file.log_source.clone()),
            None => changed.or_else(open),
        }
    }

    fn list_file(&self, _: &str) -> Result<Vec<Value>, String> {
        Ok(list_values(self.list))
    }

    fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }
}

/// Prints `count` hostile texts for every place: two thirds are of the list, or all of it; the others are random ones
/// made of them.
pub fn print_cases(templates: &Templates, seed: u64, count: usize) {
    std::panic::set_hook(Box::new(|_| {}));
    let listed: Vec<String> = HOSTILE.lines().map(|line| serde_json::from_str(line).expect("a JSON text")).collect();
    for (number, place) in PLACES.iter().enumerate() {
        let mut random = Random::new(seed * 1_000 + number as u64);
        for text in place.reading.harmless() {
            place_lines(templates, place, "harmless", text);
        }
        let mut chosen = listed.clone();
        shuffle(&mut chosen, &mut random);
        chosen.truncate(count.div_ceil(3) * 2);
        while chosen.len() < count {
            chosen.push(random_text(&listed, &mut random));
        }
        for text in chosen.iter().filter(|text| !text.contains(|c| place.without.contains(c))) {
            place_lines(templates, place, "hostile", text);
        }
    }
    let _ = std::panic::take_hook();
}

fn shuffle(texts: &mut [String], random: &mut Random) {
    for last in (1..texts.len()).rev() {
        texts.swap(last, random.below(last + 1));
    }
}

/// Two to five pieces of the list, some of them ordinary words.
fn random_text(listed: &[String], random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..2 + random.below(4) {
        let piece = &listed[random.below(listed.len())];
        match random.below(5) {
            0 => text.push_str("word"),
            _ if piece.len() <= LONGEST_PIECE => text.push_str(piece),
            _ => text.push(' '),
        }
    }
    text
}

/// One line for each target.
fn place_lines(templates: &Templates, place: &Place, kind: &str, text: &str) {
    let line = |target: &str, status: &str, reason: &str| {
        json!({
            "kind": kind, "place": place.name, "reading": place.reading.name(), "target": target, "text": text,
            "written": place.reading.written(text), "status": status, "reason": reason,
        })
    };
    let input = (place.input)(&place.reading.written(text));
    let understood = catch_unwind(AssertUnwindSafe(|| detection(&input)));
    let detection = match understood {
        Err(_) => return crate::print(&line("spec", "panic", &input.spec)),
        Ok(Err(reason)) => return crate::print(&line("spec", "invalid", &reason)),
        Ok(Ok(detection)) => detection,
    };
    for target in Target::ALL {
        let compiled = catch_unwind(AssertUnwindSafe(|| compile(&detection, target, templates.of(target), &Options::default())));
        let artefact = match compiled {
            Err(_) => {
                crate::print(&line(target.name(), "panic", &input.spec));
                continue;
            }
            Ok(Err(problems)) => {
                let codes: Vec<&str> = problems.iter().map(|problem| problem.code.0).collect();
                crate::print(&line(target.name(), "refused", &codes.join(" ")));
                continue;
            }
            Ok(Ok(artefact)) => artefact,
        };
        let mut case = line(target.name(), "built", "");
        let mut header = vec![detection.metadata.title.value.clone()];
        header.extend(detection.metadata.id.as_ref().map(|id| format!("id: {id}")));
        header.push(format!("fidelity: {}", artefact.fidelity.mark()));
        let notes = artefact.fidelity.approximations.iter().chain(&artefact.fidelity.assumptions);
        header.extend(notes.map(|note| format!("{}: {}", note.code, note.message)));
        case["header"] = header.into();
        match target {
            Target::Kql => case["schema"] = schema(&detection),
            Target::Sigma => case["read_back"] = read_back(&artefact.text),
            Target::Aql | Target::Spl => {}
        }
        case["query"] = artefact.text.into();
        crate::print(&case);
    }
}

/// The last of the documents: what stands before it are rules that it counts.
fn detection(input: &Input) -> Result<Detection, String> {
    let surroundings = Surrounded::new(input).ok_or("the site file or the log source file has errors")?;
    let last = understand(&Source::new("hostile.yml", input.spec.clone()), &surroundings).pop().ok_or("there is no document")?;
    let problems = last.diagnostics;
    last.detection
        .ok_or_else(|| problems.sorted().first().map_or_else(String::new, |problem| format!("{} {}", problem.code, problem.message)))
}

/// Tables and columns as the KQL parser takes them.
fn schema(detection: &Detection) -> serde_json::Value {
    let columns = |columns: Vec<(String, &'static str)>| columns.into_iter().map(|(name, kind)| (name, kind.into())).collect();
    let tables = kql::schema(detection).into_iter().map(|(table, found)| (table, serde_json::Value::Object(columns(found))));
    serde_json::Value::Object(tables.collect())
}

/// The documents of a Sigma file as a second YAML reader sees them; a text if it cannot.
fn read_back(text: &str) -> serde_json::Value {
    use serde::Deserialize;
    let documents = serde_yaml::Deserializer::from_str(text).map(|document| {
        let value = serde_yaml::Value::deserialize(document).map_err(|error| error.to_string())?;
        serde_json::to_value(value).map_err(|error| error.to_string())
    });
    match documents.collect::<Result<Vec<_>, String>>() {
        Ok(documents) => documents.into(),
        Err(error) => error.into(),
    }
}
