//! The pages of log sources: which fields their events have and where each platform has them. [`LogSourcePages`] collects those that
//! specs use, each with a path of its own.

use super::markdown::{code, fence, inline, link, paragraphs, points, prose, table, way};
use super::spec::NamedSource;
use super::words::{binding, codes, field_type, platform};
use super::{Entry, Files, INDEX, LOG_SOURCES};
use crate::detection::Detection;
use crate::logsource::{Field, LogSource, Platform, Variant};
use crate::needs::{PLATFORMS, origin};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The log sources that specs use, in the order in which they came.
#[derive(Default)]
pub struct LogSourcePages {
    used: Vec<Used>,
}

/// A log source that specs use.
pub struct Used {
    source: Arc<LogSource>,
    /// The path of its page.
    pub page: String,
    /// Fields that specs read and that its description does not list.
    unlisted: BTreeMap<String, Arc<Field>>,
    /// The specs that use it, by their place among all.
    pub specs: Vec<usize>,
}

impl Used {
    /// Its title and its path, as Markdown.
    pub fn named(&self, from: &str) -> String {
        let path = self.source.id.path();
        let title = link(&inline(&self.source.title), &way(from, &self.page));
        if path == self.source.title { title } else { format!("{title} ({})", code(&path)) }
    }
}

impl LogSourcePages {
    /// Adds the log sources of a spec, whose place among all specs is given.
    pub fn add(&mut self, spec: usize, detection: &Detection) -> Vec<NamedSource> {
        let mut named: Vec<NamedSource> = Vec::new();
        for detection in with_events(detection) {
            let place = self.place(&detection.log_source);
            let used = &mut self.used[place];
            if used.specs.last() != Some(&spec) {
                used.specs.push(spec);
            }
            detection.fields(&mut |field| {
                if used.source.described(&field.name).is_none() {
                    used.unlisted.insert(field.name.clone(), field.clone());
                }
            });
            if !named.iter().any(|other| other.page == used.page) {
                let (title, path) = (used.source.title.clone(), used.source.id.path());
                named.push(NamedSource { title, path, page: used.page.clone() });
            }
        }
        named
    }

    /// The log sources, by the path that specs write.
    pub fn sorted(&self) -> Vec<&Used> {
        let mut used: Vec<&Used> = self.used.iter().collect();
        used.sort_by_key(|used| used.source.id.path());
        used
    }

    /// All pages.
    pub fn pages(&self, entries: &[Entry]) -> Files {
        self.used.iter().map(|used| (used.page.clone(), page(used, entries))).collect()
    }

    fn place(&mut self, source: &Arc<LogSource>) -> usize {
        let known = self.used.iter().position(|used| used.source.id == source.id);
        known.unwrap_or_else(|| {
            let page = self.free_page(&source.id.stem());
            self.used.push(Used { source: source.clone(), page, unlisted: BTreeMap::new(), specs: Vec::new() });
            self.used.len() - 1
        })
    }

    /// A path that no other page has; an author may call a log source as he likes.
    fn free_page(&self, stem: &str) -> String {
        let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let plain = plain.trim_start_matches('.').chars().take(100).collect::<String>();
        let plain = if plain.is_empty() { "any".to_owned() } else { plain };
        let taken = |page: &String| self.used.iter().any(|used| used.page.eq_ignore_ascii_case(page));
        let numbered = (2..).map(|number| format!("{LOG_SOURCES}/{plain}_{number}.md"));
        let mut pages = std::iter::once(format!("{LOG_SOURCES}/{plain}.md")).chain(numbered);
        pages.find(|page| !taken(page)).unwrap_or_default()
    }
}

/// The detections whose own events are looked at: this one, and those whose alerts it counts.
fn with_events(detection: &Detection) -> Vec<&Detection> {
    let behind: Vec<&Detection> = detection.chained().flat_map(|(_, chained)| with_events(&chained.detection)).collect();
    let own = detection.event_formula().is_some() || behind.is_empty();
    own.then_some(detection).into_iter().chain(behind).collect()
}

fn page(used: &Used, entries: &[Entry]) -> String {
    let source = &used.source;
    let (path, title) = (source.id.path(), inline(&source.title));
    let parts = [
        format!("# {}", if title.is_empty() { code(&path) } else { title }),
        link("All detections", &way(&used.page, INDEX)),
        format!("Specs write {}.", code(&written(source))),
        paragraphs(&source.description),
        source.definition.as_deref().map(paragraphs).unwrap_or_default(),
        section("Where the events are", places(source)),
        section("What must be true first", prerequisites(source)),
        section("Fields", fields(used)),
        section("Variants", variants(source)),
        section("An event", source.sample.as_ref().map(|event| fence("json", &format!("{event:#}"))).unwrap_or_default()),
        section("Specs", specs(used, entries)),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}\n", parts.join("\n\n"))
}

fn section(heading: &str, text: String) -> String {
    if text.is_empty() { text } else { format!("## {heading}\n\n{text}") }
}

/// `product: jira, service: audit`
fn written(source: &LogSource) -> String {
    let parts = [("product", &source.id.product), ("category", &source.id.category), ("service", &source.id.service)];
    let parts: Vec<String> = parts.iter().filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?))).collect();
    parts.join(", ")
}

fn places(source: &LogSource) -> String {
    let rows: Vec<Vec<String>> = PLATFORMS.into_iter().map(|of| vec![platform(of).to_owned(), place(source, of)]).collect();
    table(&["platform", "place"], &rows)
}

/// Where a platform has the events, by which fields they are told from others, and why nothing is built for it.
fn place(source: &LogSource, platform: Platform) -> String {
    let mut parts = vec![match origin(source, platform) {
        Some(origin) => code(&origin),
        None => format!("–{}", prose(&source.why_missing(platform))),
    }];
    let mut fields = BTreeSet::new();
    for (_, condition) in source.selectors.iter().filter(|(other, _)| *other == platform) {
        condition.predicates(&mut |predicate| predicate.fields(&mut |field| fields.extend([field.name.clone()])));
    }
    if !fields.is_empty() {
        parts.push(format!("told from others there by {}", codes(fields)));
    }
    if let (Platform::Kql, Some(origin)) = (platform, &source.kql) {
        parts.push(format!("time in {}", code(&origin.time)));
    }
    let of =
        |list: &[(Platform, String)]| list.iter().filter(|(other, _)| *other == platform).map(|(_, text)| prose(text)).collect::<Vec<_>>();
    parts.extend(of(&source.assumptions).into_iter().map(|text| format!("assumed: {text}")));
    parts.extend(of(&source.skipped).into_iter().map(|text| format!("nothing is built: {text}")));
    parts.join("; ")
}

fn prerequisites(source: &LogSource) -> String {
    let of = |on: Platform| {
        let texts = source.prerequisites.iter().filter(|(other, _)| *other == on).map(|(_, text)| prose(text));
        let points = points(texts);
        (!points.is_empty()).then(|| format!("**{}**\n\n{points}", platform(on)))
    };
    [Platform::Product].into_iter().chain(PLATFORMS).filter_map(of).collect::<Vec<_>>().join("\n\n")
}

fn fields(used: &Used) -> String {
    let source = &used.source;
    let mut listed: Vec<&Arc<Field>> = source.fields.iter().collect();
    if !listed.iter().any(|field| field.name == source.time.name) {
        listed.insert(0, &source.time);
    }
    let rows: Vec<Vec<String>> = listed.into_iter().chain(used.unlisted.values()).map(|field| row(field)).collect();
    let head = ["field", "type", "ECS", "description", "in the product's event", "QRadar", "Splunk", "Sentinel and Defender"];
    let others = if source.others.is_some() { "\n\nOther fields have a place by their names, too." } else { "" };
    format!("{}{others}", table(&head, &rows))
}

fn row(field: &Field) -> Vec<String> {
    let aliases = if field.aliases.is_empty() { String::new() } else { format!(", also {}", codes(&field.aliases)) };
    let list = if field.list { ", several" } else { "" };
    let optional = if field.optional { ", may be missing" } else { "" };
    let ecs = field.ecs.as_deref().map_or_else(|| "–".to_owned(), code);
    let mut cells = vec![
        format!("{}{aliases}", code(&field.name)),
        format!("{}{list}{optional}", field_type(field.kind)),
        ecs,
        prose(&field.description),
        code(&field.event.text()),
    ];
    cells.extend(PLATFORMS.map(|platform| on_platform(field, platform)));
    cells
}

fn on_platform(field: &Field, platform: Platform) -> String {
    match field.binding(platform) {
        Some(place) => binding(place),
        None => format!("–{}", prose(&field.why_missing(platform))),
    }
}

fn variants(source: &LogSource) -> String {
    if source.variants.is_empty() {
        return String::new();
    }
    let path = source.id.path();
    let row = |variant: &Variant| {
        let places = PLATFORMS.map(|platform| {
            let other = place(&variant.log_source, platform);
            if other == place(source, platform) { "as above".to_owned() } else { other }
        });
        [code(&variant.name), prose(&variant.description)].into_iter().chain(places).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = source.variants.iter().map(row).collect();
    let head = ["variant", "when", "QRadar", "Splunk", "Sentinel and Defender"];
    format!("One of them is chosen by {}.\n\n{}", code(&format!("--variant {path}=NAME")), table(&head, &rows))
}

fn specs(used: &Used, entries: &[Entry]) -> String {
    let of = used.specs.iter().filter_map(|place| entries.get(*place));
    points(of.map(|entry| link(&inline(&entry.title), &way(&used.page, &entry.page))))
}
