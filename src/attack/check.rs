//! Tags and tests of a spec → what ATT&CK and Atomic Red Team say against them.

use super::{AtomicTest, Object, SPLIT_TACTICS, Status, Technique};
use crate::diagnostic::{Diagnostic, Diagnostics, E0106, E0109, E0501, E0502, E0503, W0501, W0502, W0503, W0504, W0505, W0506, closest};
use crate::source::{Span, Spanned};
use std::borrow::Cow;

const ATTACK: &str = "attack";
const FORMS: &str =
    "after `attack.` stands a tactic (`initial-access`), a technique (`t1059.001`), a group (`g0007`) or software (`s0002`)";

/// For so many unknown tags of a spec something close is looked for, which means to compare with all names of ATT&CK.
const MOST_HELPED: usize = 50;

/// What an `attack.` tag names.
enum Kind {
    Technique(Technique),
    /// A tactic of v19.
    Tactic(&'static str),
    /// A tactic that v19 split.
    SplitTactic(&'static str),
    /// A group or software.
    Object(Object),
    /// Accepted by its form alone.
    Other,
}

/// A tag that names something.
struct Tag {
    kind: Kind,
    span: Span,
}

/// Checks the form of all tags, and that those of the namespace `attack` name something that ATT&CK still has.
pub fn check_tags(tags: &[Spanned<String>], diagnostics: &mut Diagnostics) {
    let mut helped = MOST_HELPED;
    let known: Vec<Tag> = tags.iter().filter_map(|tag| read(tag, &mut helped, diagnostics)).collect();
    for tag in &known {
        match &tag.kind {
            Kind::Technique(technique) => {
                check_technique_status(technique, "attack.", tag.span, diagnostics);
                check_tactics_of(technique, tag.span, &known, diagnostics);
                check_parent(technique, tag.span, &known, diagnostics);
            }
            Kind::SplitTactic(name) => check_split_tactic(name, tag.span, &known, diagnostics),
            Kind::Object(object) => check_object_status(object, tag.span, diagnostics),
            Kind::Tactic(_) | Kind::Other => {}
        }
    }
}

/// Checks a technique that a test names (`T1213.001`).
pub fn check_technique(technique: &Spanned<String>, diagnostics: &mut Diagnostics) {
    match super::technique(&technique.value) {
        Some(known) => check_technique_status(&known, "", technique.span, diagnostics),
        None => diagnostics.push(unknown_technique(&technique.value, "", technique.span)),
    }
}

/// Checks the GUID of an Atomic Red Team test: that it exists, and that it still belongs to the technique that the test
/// names or, if it names none, to one that the spec is tagged with. The test's technique is checked too.
pub fn check_atomic(guid: &Spanned<String>, technique: Option<&Spanned<String>>, tags: &[Spanned<String>], diagnostics: &mut Diagnostics) {
    if let Some(technique) = technique {
        check_technique(technique, diagnostics);
    }
    let (text, span) = (guid.value.as_str(), guid.span);
    if !is_uuid(text) {
        diagnostics.push(Diagnostic::error(E0106, span, format!("`{text}` is not a GUID")).help(guid_help(text)));
        return;
    }
    match super::atomic(text) {
        Some(test) => check_drift(&test, span, technique, tags, diagnostics),
        None if super::is_retired_atomic(text) => {
            let message = format!("the Atomic Red Team test `{text}` was retired");
            let help = retired_help(technique);
            diagnostics.push(Diagnostic::warning(W0505, span, message).help(help));
        }
        None => {
            let message = format!("no test of Atomic Red Team has the GUID `{text}`");
            diagnostics.push(Diagnostic::error(E0503, span, message).help(near_guid(text)));
        }
    }
}

/// The techniques that tags name, as they are today: revoked ones by their successors, each once, in the order of the tags.
pub fn tagged_techniques(tags: &[Spanned<String>]) -> Vec<Technique> {
    let mut found: Vec<Technique> = Vec::new();
    for tag in tags {
        let technique = attack_name(&tag.value).and_then(super::technique).and_then(Technique::current);
        if let Some(technique) = technique
            && !found.contains(&technique)
        {
            found.push(technique);
        }
    }
    found
}

/// What stands behind `attack.`.
fn attack_name(tag: &str) -> Option<&str> {
    tag.split_once('.').filter(|(namespace, _)| namespace.eq_ignore_ascii_case(ATTACK)).map(|(_, name)| name)
}

fn read(tag: &Spanned<String>, helped: &mut usize, diagnostics: &mut Diagnostics) -> Option<Tag> {
    let (text, span) = (tag.value.as_str(), tag.span);
    if !has_tag_form(text) {
        diagnostics.push(Diagnostic::error(E0109, span, format!("`{text}` is not a tag")).help(form_help(text)));
        return None;
    }
    let Some(name) = attack_name(text) else {
        return Some(Tag { kind: Kind::Other, span });
    };
    let name = name.to_ascii_lowercase();
    let Some(kind) = read_name(&name) else {
        let looks = *helped > 0;
        *helped = helped.saturating_sub(1);
        diagnostics.push(if looks { unknown(&name, span) } else { Diagnostic::error(E0501, span, format!("ATT&CK has no `{name}`")) });
        return None;
    };
    if let Some(unusual) = unusual_spelling(text, &name, &kind, span) {
        diagnostics.push(unusual);
    }
    Some(Tag { kind, span })
}

/// A tag that means something, but is not written as Sigma 2 writes it.
fn unusual_spelling(text: &str, name: &str, kind: &Kind, span: Span) -> Option<Diagnostic> {
    let usual = match kind {
        Kind::Tactic(tactic) => format!("attack.{tactic}"),
        Kind::Technique(_) | Kind::Object(_) | Kind::Other => format!("attack.{name}"),
        // has a warning of its own, which says what to write
        Kind::SplitTactic(_) => return None,
    };
    let why = if name.contains('_') { "Sigma 1 wrote underscores, Sigma 2 writes hyphens" } else { "tags are in lower case" };
    let message = format!("`{text}` is an unusual spelling of `{usual}`");
    (usual != text).then(|| Diagnostic::warning(W0506, span, message).help(format!("write `{usual}`: {why}")))
}

/// `namespace.name` of letters, digits, hyphens and underscores; the name may hold further dots.
fn has_tag_form(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split_once('.').is_some_and(|(namespace, name)| {
        !namespace.is_empty() && !name.is_empty() && namespace.chars().all(plain) && name.chars().all(|c| plain(c) || c == '.')
    })
}

fn form_help(text: &str) -> String {
    let folded = text.trim().to_ascii_lowercase().replace([' ', '_'], "-").replace("attack:", "attack.");
    let name = folded.strip_prefix("attack.").or_else(|| folded.strip_prefix("attack-")).unwrap_or(&folded);
    match read_name(name) {
        Some(Kind::Technique(_) | Kind::Tactic(_) | Kind::Object(_)) => format!("did you mean `attack.{name}`?"),
        Some(Kind::SplitTactic(_) | Kind::Other) | None => {
            "a tag is `namespace.name`, such as `attack.t1059` or `detection.threat-hunting`".to_owned()
        }
    }
}

/// A name in lower case.
fn read_name(name: &str) -> Option<Kind> {
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if numbered("m") || numbered("ds") || numbered("a") {
        return Some(Kind::Other);
    }
    let object = || super::group(name).or_else(|| super::software(name)).map(Kind::Object);
    if name.bytes().any(|byte| byte.is_ascii_digit()) {
        return super::technique(name).map(Kind::Technique).or_else(object);
    }
    let hyphens = name.replace('_', "-");
    let split = || SPLIT_TACTICS.iter().find(|(split, _)| *split == hyphens).map(|(split, _)| Kind::SplitTactic(split));
    super::tactic(&hyphens).map(|tactic| Kind::Tactic(tactic.short_name)).or_else(split)
}

fn unknown(name: &str, span: Span) -> Diagnostic {
    if name.starts_with('t') && name[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return unknown_technique(name, "attack.", span);
    }
    let message = format!("ATT&CK has no `{name}`");
    Diagnostic::error(E0501, span, message).help(unknown_help(name))
}

fn unknown_help(name: &str) -> String {
    if let Some(tactic) = super::tactics().find(|tactic| tactic.id.eq_ignore_ascii_case(name)) {
        return format!("a tactic is written by its name: `attack.{}`", tactic.short_name);
    }
    if let Some(tag) = by_title(name) {
        return format!("write `{tag}`");
    }
    let names = super::tactics().map(|tactic| tactic.short_name);
    match closest(name, names) {
        Some(near) => format!("did you mean `attack.{near}`?"),
        None => FORMS.to_owned(),
    }
}

/// The tag of a technique, group or software that is called so.
fn by_title(name: &str) -> Option<String> {
    let plain = |title: &str| title.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(name);
    let techniques = super::techniques().filter(|t| t.status == Status::Active).map(|t| (t.id, t.name));
    let objects = super::groups().chain(super::all_software()).filter(|o| o.status == Status::Active).map(|o| (o.id, o.name));
    let mut all = techniques.chain(objects).filter(|(_, title)| plain(title) == wanted);
    all.next().map(|(id, _)| format!("attack.{}", id.to_ascii_lowercase()))
}

/// `prefix` is `attack.` for a tag (ids in lower case), nothing for a test's technique.
fn unknown_technique(written: &str, prefix: &str, span: Span) -> Diagnostic {
    let id = written.to_ascii_uppercase();
    let message = format!("ATT&CK Enterprise has no technique `{id}`");
    Diagnostic::error(E0501, span, message).help(technique_help(&id, prefix))
}

fn technique_help(id: &str, prefix: &str) -> String {
    let dotted = id.replace(['_', '-', '/'], ".");
    if let Some(known) = super::technique(&dotted) {
        return format!("did you mean `{}` ({})?", spelled(known.id, prefix), known.full_name());
    }
    let active = || super::techniques().filter(|known| known.status == Status::Active).map(|known| known.id);
    if let Some((parent, _)) = dotted.split_once('.')
        && let Some(parent) = super::technique(parent)
    {
        let parts = super::sub_techniques(parent.id);
        return match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => {
                format!("the sub-techniques of `{}` ({}) are {} to {}", parent.id, parent.name, first.id, last.id)
            }
            _ => format!("`{}` ({}) has no sub-techniques", spelled(parent.id, prefix), parent.name),
        };
    }
    let near = closest(&dotted, active().filter(|known| known.contains('.') == dotted.contains('.')));
    match near.and_then(super::technique) {
        Some(known) => format!("did you mean `{}` ({})?", spelled(known.id, prefix), known.full_name()),
        None => "a technique is written as `T1059`, a sub-technique as `T1059.001`; only ATT&CK Enterprise is known".to_owned(),
    }
}

/// An id as the author writes it there.
fn spelled(id: &str, prefix: &str) -> String {
    if prefix.is_empty() { id.to_owned() } else { format!("{prefix}{}", id.to_ascii_lowercase()) }
}

fn check_technique_status(technique: &Technique, prefix: &str, span: Span, diagnostics: &mut Diagnostics) {
    let Technique { id, name, .. } = technique;
    match technique.status {
        Status::Active => {}
        Status::Revoked => {
            let help = technique.current().map(|now| format!("write `{}` ({})", spelled(now.id, prefix), now.full_name()));
            diagnostics.push(Diagnostic::error(E0502, span, format!("the technique `{id}` ({name}) was revoked")).maybe_help(help));
        }
        Status::Deprecated => {
            let message = format!("the technique `{id}` ({name}) is deprecated");
            diagnostics.push(Diagnostic::warning(W0501, span, message).help("ATT&CK names no successor; look for a technique that fits"));
        }
    }
}

fn check_object_status(object: &Object, span: Span, diagnostics: &mut Diagnostics) {
    let Object { id, name, kind, .. } = object;
    match object.status {
        Status::Active => {}
        Status::Revoked => {
            let find = |id: &str| super::group(id).or_else(|| super::software(id));
            let namesake = || super::all_software().find(|o| o.status == Status::Active && o.name.eq_ignore_ascii_case(name));
            let now = object.successor.and_then(find).or_else(namesake);
            let help = now.map(|now| format!("write `{}` ({})", spelled(now.id, "attack."), now.name));
            diagnostics.push(Diagnostic::error(E0502, span, format!("the {kind} `{id}` ({name}) was revoked")).maybe_help(help));
        }
        Status::Deprecated => {
            let message = format!("the {kind} `{id}` ({name}) is deprecated");
            diagnostics.push(Diagnostic::warning(W0501, span, message).help("ATT&CK names no successor; remove the tag"));
        }
    }
}

/// A technique stands with at least one of its tactics; a tactic that v19 split counts for those that replace it.
fn check_tactics_of(technique: &Technique, span: Span, tags: &[Tag], diagnostics: &mut Diagnostics) {
    let stands = |tactic: &str| {
        tags.iter().any(|tag| match &tag.kind {
            Kind::Tactic(name) => *name == tactic,
            Kind::SplitTactic(name) => replacements(name).contains(&tactic),
            Kind::Technique(_) | Kind::Object(_) | Kind::Other => false,
        })
    };
    if technique.status != Status::Active || technique.tactics().any(stands) {
        return;
    }
    let message = format!("`{}` ({}) stands without its tactic", technique.id, technique.name);
    let names: Vec<String> = technique.tactics().map(|name| format!("`attack.{name}`")).collect();
    diagnostics.push(Diagnostic::warning(W0502, span, message).help(format!("add {}", listed(&names, "or"))));
}

/// A technique beside its own sub-technique says nothing more.
fn check_parent(technique: &Technique, span: Span, tags: &[Tag], diagnostics: &mut Diagnostics) {
    let child_of = |tag: &Tag| match &tag.kind {
        Kind::Technique(child) if child.parent == Some(technique.id) && child.status == Status::Active => Some((child.id, tag.span)),
        Kind::Technique(_) | Kind::Tactic(_) | Kind::SplitTactic(_) | Kind::Object(_) | Kind::Other => None,
    };
    if let Some((child, place)) = tags.iter().find_map(child_of) {
        let message = format!("`{}` stands beside its own sub-technique `{child}`", technique.id);
        let help = format!("`{child}` says it already; keep `{}` only if other parts of it are meant too", technique.id);
        diagnostics.push(Diagnostic::warning(W0504, span, message).label(place, "the sub-technique").help(help));
    }
}

fn replacements(split: &str) -> &'static [&'static str] {
    SPLIT_TACTICS.iter().find(|(name, _)| *name == split).map_or(&[], |(_, new)| new)
}

fn check_split_tactic(name: &str, span: Span, tags: &[Tag], diagnostics: &mut Diagnostics) {
    let new = replacements(name);
    let quoted: Vec<String> = new.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("ATT&CK v19 split the tactic `{name}` into {}", listed(&quoted, "and"));
    diagnostics.push(Diagnostic::warning(W0503, span, message).help(split_help(new, tags)));
}

/// Which of the new tactics the spec's techniques have.
fn split_help(new: &[&'static str], tags: &[Tag]) -> String {
    let current = |tag: &Tag| match &tag.kind {
        Kind::Technique(technique) => technique.current(),
        Kind::Tactic(_) | Kind::SplitTactic(_) | Kind::Object(_) | Kind::Other => None,
    };
    let techniques: Vec<Technique> = tags.iter().filter_map(current).collect();
    if techniques.is_empty() {
        return "write `attack.stealth` for hiding, `attack.defense-impairment` for switching defences off".to_owned();
    }
    let fitting = |tactic: &str| -> Vec<String> {
        let having = techniques.iter().filter(|technique| technique.tactics().any(|name| name == tactic));
        having.map(|technique| technique.id.to_owned()).collect()
    };
    let parts = new.iter().map(|tactic| (tactic, fitting(tactic))).filter(|(_, ids)| !ids.is_empty());
    let parts: Vec<String> = parts.map(|(tactic, ids)| format!("`attack.{tactic}` ({})", listed(&ids, "and"))).collect();
    if parts.is_empty() {
        let ids: Vec<String> = techniques.iter().map(|technique| technique.id.to_owned()).collect();
        return format!("remove it: {} has neither of them", listed(&ids, "and"));
    }
    format!("write {}", listed(&parts, "and"))
}

/// `a`, `a or b`, `a, b or c`; each once.
fn listed(items: &[String], word: &str) -> String {
    let mut once: Vec<&str> = Vec::new();
    items.iter().for_each(|item| {
        if !once.contains(&item.as_str()) {
            once.push(item);
        }
    });
    match once.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
    }
}

fn check_drift(
    test: &AtomicTest,
    span: Span,
    technique: Option<&Spanned<String>>,
    tags: &[Spanned<String>],
    diagnostics: &mut Diagnostics,
) {
    // a test of a sub-technique is a test of its technique too
    let covers = |id: &str| test.technique == id || test.technique.split_once('.').is_some_and(|(parent, _)| parent == id);
    let current = |id: &str| super::technique(id).and_then(Technique::current);
    let (expected, whose): (Vec<Technique>, Cow<'_, str>) = match technique {
        Some(technique) => (current(&technique.value).into_iter().collect(), Cow::Borrowed("this test names")),
        None => (tagged_techniques(tags), Cow::Borrowed("the tags name")),
    };
    if expected.is_empty() || expected.iter().any(|known| covers(known.id)) {
        return;
    }
    let ids: Vec<String> = expected.iter().map(|known| known.id.to_owned()).collect();
    let message = format!("the Atomic Red Team test `{}` belongs to `{}`, but {whose} {}", test.name, test.technique, listed(&ids, "and"));
    let mut found = Diagnostic::warning(W0505, span, message).help(format!(
        "tests move between techniques: name `{}`, or choose a test of {}",
        test.technique,
        listed(&ids, "or")
    ));
    if let Some(technique) = technique {
        found = found.label(technique.span, "the technique");
    }
    diagnostics.push(found);
}

fn retired_help(technique: Option<&Spanned<String>>) -> String {
    let known = technique.and_then(|technique| super::technique(&technique.value)).and_then(Technique::current);
    let first = known.and_then(|known| super::atomics_of(known.id).into_iter().next());
    match first {
        Some(test) => format!("choose another test of `{}`, such as {} ({})", test.technique, test.guid, test.name),
        None => "choose another test, or name the technique alone".to_owned(),
    }
}

/// `01234567-89ab-cdef-0123-456789abcdef`, in any letter case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Tests are also known by technique and number (`T1059.001-3`).
fn guid_help(text: &str) -> String {
    let by_number = || {
        let (technique, number) = text.split_once(['-', ' ', '#', '/'])?;
        let number = number.trim_start_matches(|c: char| !c.is_ascii_digit());
        super::atomics_of(&technique.to_ascii_uppercase()).into_iter().find(|test| test.number == number)
    };
    match by_number() {
        Some(test) => format!("the GUID of `{}` is {}", test.name, test.guid),
        None => "write the `auto_generated_guid` of a test of Atomic Red Team".to_owned(),
    }
}

/// A GUID that differs in two places at most.
fn near_guid(text: &str) -> String {
    let distance = |guid: &str| guid.bytes().zip(text.bytes()).filter(|(a, b)| !a.eq_ignore_ascii_case(b)).count();
    let near = super::ATOMICS_BY_GUID.keys().copied().filter(|guid| distance(guid) <= 2).min();
    match near.and_then(super::atomic) {
        Some(test) => format!("did you mean {} ({}, `{}`)?", test.guid, test.technique, test.name),
        None => "copy the `auto_generated_guid` of a test of Atomic Red Team".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spanned(texts: &[&str]) -> Vec<Spanned<String>> {
        texts.iter().enumerate().map(|(i, text)| Spanned::new((*text).to_owned(), Span::new(i * 10, i * 10 + 5))).collect()
    }

    /// `code: help` of every finding.
    fn tags(texts: &[&str]) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        check_tags(&spanned(texts), &mut diagnostics);
        show(diagnostics)
    }

    fn atomic(guid: &str, technique: Option<&str>, tags: &[&str]) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        let technique = technique.map(|technique| Spanned::new(technique.to_owned(), Span::new(50, 55)));
        check_atomic(&Spanned::new(guid.to_owned(), Span::new(0, 36)), technique.as_ref(), &spanned(tags), &mut diagnostics);
        show(diagnostics)
    }

    fn show(diagnostics: Diagnostics) -> Vec<String> {
        diagnostics.sorted().into_iter().map(|d| format!("{}: {}", d.code, d.help.unwrap_or(d.message))).collect()
    }

    #[test]
    fn good_tags_are_silent() {
        let good = [
            "attack.initial-access",
            "attack.credential-access",
            "attack.t1003.001",
            "attack.g0007",
            "attack.s0002",
            "attack.m1013",
            "attack.ds0029",
            "attack.a0001",
            "cve.2021-44228",
            "d3fend.d3f-WebScript",
            "car.2016-04-005",
            "stp.1u",
        ];
        assert_eq!(tags(&good), [""; 0]);
    }

    #[test]
    fn malformed_tags() {
        assert_eq!(tags(&["t1059"]), ["E0109: did you mean `attack.t1059`?"]);
        assert_eq!(tags(&["attack.initial access"]), ["E0109: did you mean `attack.initial-access`?"]);
        for bad in ["", ".", "a.", ".a", "foo", "cve.2021:1", "attack.é", "a b.c"] {
            assert!(tags(&[bad])[0].starts_with("E0109"), "{bad}");
        }
    }

    #[test]
    fn unknown_objects() {
        assert_eq!(
            tags(&["attack.t1059_001"]),
            ["E0501: did you mean `attack.t1059.001` (Command and Scripting Interpreter: PowerShell)?"]
        );
        assert_eq!(
            tags(&["attack.t1213.099"]),
            ["E0501: the sub-techniques of `T1213` (Data from Information Repositories) are T1213.001 to T1213.006"]
        );
        assert_eq!(tags(&["attack.t1006.001"]), ["E0501: `attack.t1006` (Direct Volume Access) has no sub-techniques"]);
        assert_eq!(tags(&["attack.initial-acess"]), ["E0501: did you mean `attack.initial-access`?"]);
        assert_eq!(tags(&["attack.ta0005"]), ["E0501: a tactic is written by its name: `attack.stealth`"]);
        assert_eq!(tags(&["attack.mimikatz"]), ["E0501: write `attack.s0002`"]);
        assert_eq!(tags(&["attack.direct-volume-access"]), ["E0501: write `attack.t1006`"]);
        assert_eq!(tags(&["attack.g9999"]), [format!("E0501: {FORMS}")]);
    }

    #[test]
    fn revoked_and_deprecated_objects() {
        assert_eq!(tags(&["attack.t1562.001"]), ["E0502: write `attack.t1685` (Disable or Modify Tools)"]);
        assert_eq!(tags(&["attack.t1073"]), ["E0502: write `attack.t1574.001` (Hijack Execution Flow: DLL)"]);
        assert_eq!(tags(&["attack.g0074"]), ["E0502: write `attack.g0035` (Dragonfly)"]);
        assert_eq!(tags(&["attack.s9000"]), ["E0502: write `attack.s0508` (ngrok)"]);
        assert!(tags(&["attack.t1064"])[0].starts_with("W0501"));
        assert!(tags(&["attack.g0101"])[0].starts_with("W0501"));
    }

    #[test]
    fn techniques_need_a_tactic() {
        assert_eq!(tags(&["attack.t1003"]), ["W0502: add `attack.credential-access`"]);
        assert_eq!(tags(&["attack.execution", "attack.t1543"]), ["W0502: add `attack.persistence` or `attack.privilege-escalation`"]);
        assert_eq!(tags(&["attack.persistence", "attack.t1543"]), [""; 0]);
    }

    #[test]
    fn the_split_tactic_names_what_fits() {
        assert_eq!(
            tags(&["attack.defense-evasion", "attack.t1027", "attack.t1685", "attack.t1562.004"])[0],
            "W0503: write `attack.stealth` (T1027) and `attack.defense-impairment` (T1685 and T1686)"
        );
        assert!(tags(&["attack.defense_evasion"])[0].starts_with("W0503: write `attack.stealth` for hiding"));
        let gone = tags(&["attack.defense-evasion", "attack.privilege-escalation", "attack.t1134"]);
        assert!(gone[0].starts_with("W0503"), "{gone:?}");
    }

    #[test]
    fn unusual_spellings() {
        assert_eq!(
            tags(&["attack.initial_access"]),
            ["W0506: write `attack.initial-access`: Sigma 1 wrote underscores, Sigma 2 writes hyphens"]
        );
        assert_eq!(tags(&["attack.G0007"]), ["W0506: write `attack.g0007`: tags are in lower case"]);
    }

    #[test]
    fn a_technique_beside_its_part() {
        let found = tags(&["attack.credential-access", "attack.t1003", "attack.t1003.001"]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("W0504: `T1003.001` says it already"), "{found:?}");
    }

    #[test]
    fn atomic_tests() {
        let guid = "c7921449-8b62-4c4d-8a83-d9281ac0190b";
        assert_eq!(atomic(guid, Some("T1001.002"), &[]), [""; 0]);
        assert_eq!(atomic(guid, Some("T1001"), &[]), [""; 0]);
        assert_eq!(atomic(&guid.to_uppercase(), None, &["attack.t1001.002"]), [""; 0]);
        assert_eq!(atomic(guid, None, &["attack.collection"]), [""; 0]);
        assert_eq!(
            atomic(guid, Some("T1059"), &["attack.t1001.002"]),
            ["W0505: tests move between techniques: name `T1001.002`, or choose a test of T1059"]
        );
        assert!(atomic(guid, Some("T9999"), &[])[0].starts_with("E0501"));
        assert!(atomic(guid, None, &["attack.t1059"])[0].starts_with("W0505"));
        assert!(atomic("0683e8f7-a27b-4b62-b7ab-dc7d4fed1df8", None, &[])[0].starts_with("W0505"));
        assert_eq!(
            atomic("c7921449-8b62-4c4d-8a83-d9281ac0190c", None, &[]),
            ["E0503: did you mean c7921449-8b62-4c4d-8a83-d9281ac0190b (T1001.002, `Steganographic Tarball Embedding`)?"]
        );
        assert!(atomic("00000000-0000-0000-0000-000000000000", None, &[])[0].starts_with("E0503"));
        assert_eq!(atomic("T1001.002-1", None, &[]), [format!("E0106: the GUID of `Steganographic Tarball Embedding` is {guid}")]);
        for bad in ["", "x", "{c7921449-8b62-4c4d-8a83-d9281ac0190b}", "c79214498b624c4d8a83d9281ac0190b"] {
            assert!(atomic(bad, None, &[])[0].starts_with("E0106"), "{bad}");
        }
    }

    #[test]
    fn techniques_of_tests() {
        let check = |id: &str| {
            let mut diagnostics = Diagnostics::new();
            check_technique(&Spanned::new(id.to_owned(), Span::default()), &mut diagnostics);
            show(diagnostics)
        };
        assert_eq!(check("T1213.001"), [""; 0]);
        assert_eq!(check("T1562.001"), ["E0502: write `T1685` (Disable or Modify Tools)"]);
        assert!(check("attack")[0].starts_with("E0501"));
    }

    #[test]
    fn tagged_techniques_are_current() {
        let ids: Vec<&str> =
            tagged_techniques(&spanned(&["attack.t1562.001", "attack.t1685", "attack.stealth", "cve.2021-1", "attack.t1064"]))
                .iter()
                .map(|technique| technique.id)
                .collect();
        assert_eq!(ids, ["T1685"]);
    }
}
