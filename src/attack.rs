//! MITRE ATT&CK Enterprise v19 and the tests of Atomic Red Team: embedded tables → lookups, and checks of tags and tests.
//!
//! The tables are `data/attack/*.tsv`, sorted by their first column, so a lookup is a binary search in the text itself:
//! nothing is parsed before it is asked for.

mod check;

pub use check::{check_atomic, check_tags, check_technique, tagged_techniques};

use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// The version of ATT&CK that the tables hold.
pub const VERSION: &str = "19.1";

static TECHNIQUES: Table = Table(include_str!("../data/attack/techniques.tsv"));
static TACTICS: Table = Table(include_str!("../data/attack/tactics.tsv"));
static GROUPS: Table = Table(include_str!("../data/attack/groups.tsv"));
static MITIGATIONS: Table = Table(include_str!("../data/attack/mitigations.tsv"));
static SOFTWARE: Table = Table(include_str!("../data/attack/software.tsv"));
static TECHNIQUE_GROUPS: Table = Table(include_str!("../data/attack/technique_groups.tsv"));
static TECHNIQUE_MITIGATIONS: Table = Table(include_str!("../data/attack/technique_mitigations.tsv"));
static DETECTION_STRATEGIES: Table = Table(include_str!("../data/attack/detection_strategies.tsv"));
static CHANGES: Table = Table(include_str!("../data/attack/changes_v18.1_to_v19.tsv"));
static ATOMICS: Table = Table(include_str!("../data/attack/atomics.tsv"));
static RETIRED_ATOMICS: &str = include_str!("../data/attack/atomics_retired_guids.txt");

/// GUID (lower case) → line of [`ATOMICS`].
static ATOMICS_BY_GUID: LazyLock<FxHashMap<&'static str, &'static str>> =
    LazyLock::new(|| ATOMICS.lines().map(|line| (columns::<4>(line)[3], line)).collect());

/// Tactics that v19 no longer has, with those that took their place.
const SPLIT_TACTICS: &[(&str, &[&str])] = &[("defense-evasion", &["stealth", "defense-impairment"])];

/// Whether ATT&CK still has an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Yes.
    Active,
    /// Another one replaces it.
    Revoked,
    /// No, and nothing replaces it.
    Deprecated,
}

/// A technique or sub-technique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Technique {
    /// `T1059` or `T1059.001`
    pub id: &'static str,
    /// Its name, without its parent's.
    pub name: &'static str,
    /// The technique that it is a part of.
    pub parent: Option<&'static str>,
    /// Whether it still exists.
    pub status: Status,
    /// The active technique that stands for it now, if it was revoked.
    pub successor: Option<&'static str>,
    tactics: &'static str,
    platforms: &'static str,
}

impl Technique {
    /// Short names of its tactics, in the order of the matrix. Revoked and deprecated ones keep those that they had.
    pub fn tactics(&self) -> impl Iterator<Item = &'static str> + use<> {
        items(self.tactics)
    }

    /// `Windows`, `Linux`, …
    pub fn platforms(&self) -> impl Iterator<Item = &'static str> + use<> {
        items(self.platforms)
    }

    /// `OS Credential Dumping: LSASS Memory`
    pub fn full_name(&self) -> String {
        match self.parent.and_then(technique) {
            Some(parent) => format!("{}: {}", parent.name, self.name),
            None => self.name.to_owned(),
        }
    }

    /// Its page on attack.mitre.org.
    pub fn url(&self) -> String {
        format!("https://attack.mitre.org/techniques/{}/", self.id.replace('.', "/"))
    }

    /// Itself or, if it was revoked, its final successor; `None` if it is gone.
    pub fn current(self) -> Option<Technique> {
        match self.status {
            Status::Active => Some(self),
            Status::Revoked => self.successor.and_then(technique),
            Status::Deprecated => None,
        }
    }

    fn read(line: &'static str) -> Technique {
        let [id, name, parent, tactics, platforms, status, next, last] = columns(line);
        let successor = if last.is_empty() { next } else { last };
        Technique { id, name, parent: given(parent), status: read_status(status), successor: given(successor), tactics, platforms }
    }
}

/// A tactic, which is a column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tactic {
    /// `TA0001`
    pub id: &'static str,
    /// `initial-access`, as tags write it.
    pub short_name: &'static str,
    /// `Initial Access`
    pub name: &'static str,
}

impl Tactic {
    /// Its page on attack.mitre.org.
    pub fn url(&self) -> String {
        format!("https://attack.mitre.org/tactics/{}/", self.id)
    }

    fn read(line: &'static str) -> Tactic {
        let [id, short_name, name] = columns(line);
        Tactic { id, short_name, name }
    }
}

/// A group, a piece of software or a mitigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// `G0007`, `S0002`, `M1013`
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// `group`, `malware`, `tool` or `mitigation`.
    pub kind: &'static str,
    /// Whether it still exists.
    pub status: Status,
    /// The object that stands for it now, if it was revoked and ATT&CK says by what.
    pub successor: Option<&'static str>,
}

impl Object {
    /// Its page on attack.mitre.org.
    pub fn url(&self) -> String {
        let folder = match self.kind {
            "group" => "groups",
            "mitigation" => "mitigations",
            _ => "software",
        };
        format!("https://attack.mitre.org/{folder}/{}/", self.id)
    }

    fn read(kind: &'static str, line: &'static str) -> Object {
        let [id, name, status, successor] = columns(line);
        Object { id, name, kind, status: read_status(status), successor: given(successor) }
    }

    fn read_software(line: &'static str) -> Object {
        let [id, name, kind, status, successor] = columns(line);
        Object { id, name, kind, status: read_status(status), successor: given(successor) }
    }
}

/// ATT&CK's advice on how to notice some techniques.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectionStrategy {
    /// `DET0001`
    pub id: &'static str,
    /// What is looked for.
    pub name: &'static str,
    techniques: &'static str,
    analytics: &'static str,
}

impl DetectionStrategy {
    /// The techniques that it is about.
    pub fn techniques(&self) -> impl Iterator<Item = &'static str> + use<> {
        items(self.techniques)
    }

    /// Its analytics, such as `AN0001`.
    pub fn analytics(&self) -> impl Iterator<Item = &'static str> + use<> {
        items(self.analytics)
    }

    fn read(line: &'static str) -> DetectionStrategy {
        let [id, name, techniques, analytics] = columns(line);
        DetectionStrategy { id, name, techniques, analytics }
    }
}

/// A test of Atomic Red Team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomicTest {
    /// The technique under which it is filed.
    pub technique: &'static str,
    /// Its number there, from 1.
    pub number: &'static str,
    /// What it does.
    pub name: &'static str,
    /// Its GUID in lower case.
    pub guid: &'static str,
    /// What runs it: `powershell`, `sh`, …
    pub executor: &'static str,
    /// Whether it needs an administrator.
    pub elevated: bool,
    platforms: &'static str,
}

impl AtomicTest {
    /// `windows`, `linux`, `iaas:aws`, …
    pub fn platforms(&self) -> impl Iterator<Item = &'static str> + use<> {
        items(self.platforms)
    }

    /// The file that holds it, in Atomic Red Team's repository.
    pub fn url(&self) -> String {
        format!("https://github.com/redcanaryco/atomic-red-team/blob/master/atomics/{0}/{0}.md", self.technique)
    }

    fn read(line: &'static str) -> AtomicTest {
        let [technique, number, name, guid, platforms, executor, elevated] = columns(line);
        AtomicTest { technique, number, name, guid, executor, elevated: elevated == "true", platforms }
    }
}

/// How v19 differs from v18.1 in one technique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The technique.
    pub technique: &'static str,
    /// `added`, `renamed`, `tactics` or `active->revoked`.
    pub kind: &'static str,
    /// Its name; for a renamed one `old -> new`.
    pub name: &'static str,
    /// Its tactics before, separated by commas.
    pub tactics_before: &'static str,
    /// Its tactics now, separated by commas.
    pub tactics_now: &'static str,
    /// What replaces a revoked one.
    pub successor: Option<&'static str>,
}

impl Change {
    fn read(line: &'static str) -> Change {
        let [technique, kind, name, tactics_before, tactics_now, successor] = columns(line);
        Change { technique, kind, name, tactics_before, tactics_now, successor: given(successor) }
    }
}

/// A technique by its id, in any letter case; also a revoked or deprecated one.
pub fn technique(id: &str) -> Option<Technique> {
    TECHNIQUES.find(&id.to_ascii_uppercase()).map(Technique::read)
}

/// All techniques, also revoked and deprecated ones, by id.
pub fn techniques() -> impl Iterator<Item = Technique> {
    TECHNIQUES.lines().map(Technique::read)
}

/// The active sub-techniques of a technique.
pub fn sub_techniques(id: &str) -> Vec<Technique> {
    let prefix = format!("{id}.");
    let lines = TECHNIQUES.lines_from(&prefix).take_while(|line| line.starts_with(&prefix));
    lines.map(Technique::read).filter(|technique| technique.status == Status::Active).collect()
}

/// All tactics, in the order of the matrix.
pub fn tactics() -> impl Iterator<Item = Tactic> {
    TACTICS.lines().map(Tactic::read)
}

/// A tactic by its short name (`initial-access`).
pub fn tactic(short_name: &str) -> Option<Tactic> {
    tactics().find(|tactic| tactic.short_name == short_name)
}

/// All groups, by id.
pub fn groups() -> impl Iterator<Item = Object> {
    GROUPS.lines().map(|line| Object::read("group", line))
}

/// A group by its id, in any letter case.
pub fn group(id: &str) -> Option<Object> {
    GROUPS.find(&id.to_ascii_uppercase()).map(|line| Object::read("group", line))
}

/// The groups that are known to use a technique.
pub fn groups_of(technique: &str) -> Vec<Object> {
    TECHNIQUE_GROUPS.values(technique).filter_map(group).collect()
}

/// The techniques that a group is known to use.
pub fn techniques_of_group(id: &str) -> Vec<Technique> {
    let pairs = TECHNIQUE_GROUPS.lines().map(columns::<2>);
    pairs.filter(|[_, group]| group.eq_ignore_ascii_case(id)).filter_map(|[id, _]| technique(id)).collect()
}

/// All malware and tools, by id.
pub fn all_software() -> impl Iterator<Item = Object> {
    SOFTWARE.lines().map(Object::read_software)
}

/// Malware or a tool by its id, in any letter case.
pub fn software(id: &str) -> Option<Object> {
    SOFTWARE.find(&id.to_ascii_uppercase()).map(Object::read_software)
}

/// A mitigation by its id, in any letter case.
pub fn mitigation(id: &str) -> Option<Object> {
    MITIGATIONS.find(&id.to_ascii_uppercase()).map(|line| Object::read("mitigation", line))
}

/// What helps against a technique.
pub fn mitigations_of(technique: &str) -> Vec<Object> {
    TECHNIQUE_MITIGATIONS.values(technique).filter_map(mitigation).collect()
}

/// How ATT&CK suggests to notice a technique.
pub fn detection_strategies_of(technique: &str) -> Vec<DetectionStrategy> {
    let strategies = DETECTION_STRATEGIES.lines().map(DetectionStrategy::read);
    strategies.filter(|strategy| strategy.techniques().any(|id| id == technique)).collect()
}

/// What v19 changed about a technique.
pub fn changes_of(technique: &str) -> Vec<Change> {
    CHANGES.rows(technique).map(Change::read).collect()
}

/// A test of Atomic Red Team by its GUID, in any letter case.
pub fn atomic(guid: &str) -> Option<AtomicTest> {
    ATOMICS_BY_GUID.get(guid.to_ascii_lowercase().as_str()).map(|line| AtomicTest::read(line))
}

/// The tests of Atomic Red Team for exactly this technique, in their order.
pub fn atomics_of(technique: &str) -> Vec<AtomicTest> {
    ATOMICS.rows(technique).map(AtomicTest::read).collect()
}

/// Whether a test of Atomic Red Team had this GUID once and is gone.
pub fn is_retired_atomic(guid: &str) -> bool {
    atomic(guid).is_none() && RETIRED_ATOMICS.lines().any(|retired| retired.eq_ignore_ascii_case(guid))
}

/// Lines of columns that are separated by tabs, sorted by the first one, below a line of headings.
struct Table(&'static str);

impl Table {
    fn body(&self) -> &'static str {
        self.0.split_once('\n').map_or("", |(_, body)| body)
    }

    fn lines(&self) -> std::str::Lines<'static> {
        self.body().lines()
    }

    /// The lines from the first whose key is not before `key`.
    fn lines_from(&self, key: &str) -> std::str::Lines<'static> {
        let body = self.body();
        let bytes = body.as_bytes();
        let (mut low, mut high) = (0, bytes.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let start = bytes[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let end = bytes[middle..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| middle + at + 1);
            if first_column(&bytes[start..end]) < key.as_bytes() {
                low = end;
            } else {
                high = start;
            }
        }
        body[low..].lines()
    }

    /// The lines with this key.
    fn rows(&self, key: &str) -> impl Iterator<Item = &'static str> + use<'_> {
        let key = key.to_owned();
        self.lines_from(&key).take_while(move |line| first_column(line.as_bytes()) == key.as_bytes())
    }

    /// The line with this key.
    fn find(&self, key: &str) -> Option<&'static str> {
        self.lines_from(key).next().filter(|line| first_column(line.as_bytes()) == key.as_bytes())
    }

    /// The second column of the lines with this key.
    fn values(&self, key: &str) -> impl Iterator<Item = &'static str> + use<'_> {
        self.rows(key).map(|line| columns::<2>(line)[1])
    }
}

fn first_column(line: &[u8]) -> &[u8] {
    line.split(|byte| matches!(byte, b'\t' | b'\r' | b'\n')).next().unwrap_or_default()
}

/// The first columns of a line; what a short line lacks is empty.
fn columns<const COUNT: usize>(line: &'static str) -> [&'static str; COUNT] {
    let mut found = [""; COUNT];
    for (place, column) in found.iter_mut().zip(line.split('\t')) {
        *place = column;
    }
    found
}

fn items(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(',').filter(|item| !item.is_empty())
}

fn given(text: &'static str) -> Option<&'static str> {
    (!text.is_empty()).then_some(text)
}

fn read_status(text: &str) -> Status {
    match text {
        "revoked" => Status::Revoked,
        "deprecated" => Status::Deprecated,
        _ => Status::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_complete() {
        let tables = [
            (&TECHNIQUES, 8),
            (&GROUPS, 4),
            (&MITIGATIONS, 4),
            (&SOFTWARE, 5),
            (&TECHNIQUE_GROUPS, 2),
            (&TECHNIQUE_MITIGATIONS, 2),
            (&DETECTION_STRATEGIES, 4),
            (&CHANGES, 6),
            (&ATOMICS, 7),
        ];
        for (table, width) in tables {
            let keys: Vec<&[u8]> = table.lines().map(|line| first_column(line.as_bytes())).collect();
            assert!(keys.is_sorted(), "{:?}", table.0.lines().next());
            assert!(table.lines().all(|line| line.split('\t').count() == width), "{:?}", table.0.lines().next());
        }
        assert_eq!(tactics().count(), 15);
    }

    #[test]
    fn every_line_is_found_by_its_key() {
        assert!(techniques().all(|known| technique(known.id) == Some(known)));
        assert!(groups().all(|known| group(known.id) == Some(known)));
        assert!(all_software().all(|known| software(known.id) == Some(known)));
        for missing in ["", "T", "T0000", "T1059.0", "T9999", "Z"] {
            assert_eq!(technique(missing), None);
        }
    }

    #[test]
    fn active_techniques_have_known_tactics_and_parents() {
        for known in techniques().filter(|known| known.status == Status::Active) {
            assert!(known.tactics().next().is_some() && known.tactics().all(|name| tactic(name).is_some()), "{}", known.id);
            assert_eq!(known.parent.is_some(), known.id.contains('.'), "{}", known.id);
            assert!(known.parent.is_none_or(|parent| technique(parent).is_some_and(|p| p.status == Status::Active)), "{}", known.id);
        }
    }

    #[test]
    fn revocations_end_at_active_techniques() {
        for known in techniques().filter(|known| known.status == Status::Revoked) {
            assert_eq!(known.current().map(|now| now.status), Some(Status::Active), "{}", known.id);
        }
        assert_eq!(technique("T1073").and_then(|t| t.successor), Some("T1574.001"));
    }

    #[test]
    fn relations_lead_to_objects() {
        let groups = groups_of("T1213.001");
        assert!(groups.iter().any(|group| group.name == "LAPSUS$"), "{groups:?}");
        assert!(mitigations_of("T1213.001").iter().any(|mitigation| mitigation.id == "M1018"));
        assert!(!detection_strategies_of("T1552.005").is_empty());
        assert_eq!(techniques_of_group("g0007").first().map(|t| t.id), Some("T1001.001"));
        assert_eq!(sub_techniques("T1003").len(), 8);
        assert_eq!(changes_of("T1006")[0].tactics_now, "stealth");
        assert!(TECHNIQUE_GROUPS.lines().map(columns::<2>).all(|[t, g]| technique(t).is_some() && group(g).is_some()));
        assert!(TECHNIQUE_MITIGATIONS.lines().map(columns::<2>).all(|[t, m]| technique(t).is_some() && mitigation(m).is_some()));
    }

    #[test]
    fn names_and_links() {
        let known = technique("t1003.001").unwrap();
        assert_eq!(known.full_name(), "OS Credential Dumping: LSASS Memory");
        assert_eq!(known.url(), "https://attack.mitre.org/techniques/T1003/001/");
        assert_eq!(known.platforms().collect::<Vec<_>>(), ["Windows"]);
        assert_eq!(software("S0002").map(|s| s.url()).as_deref(), Some("https://attack.mitre.org/software/S0002/"));
    }

    #[test]
    fn atomic_tests_are_found() {
        let test = atomic("C7921449-8b62-4c4d-8a83-d9281ac0190b").unwrap();
        assert_eq!((test.technique, test.number, test.elevated), ("T1001.002", "1", true));
        assert_eq!(atomics_of("T1001.002").len(), 3);
        assert_eq!(ATOMICS_BY_GUID.len(), ATOMICS.lines().count());
        assert!(is_retired_atomic("0683e8f7-a27b-4b62-b7ab-dc7d4fed1df8") && !is_retired_atomic(test.guid));
        assert!(ATOMICS.lines().map(AtomicTest::read).all(|test| technique(test.technique).is_some()));
    }
}
