//! What must hold of every spec, tried with many that nobody wrote.

mod common;

use cognate::build::{Acceptance, Outcome, build};
use cognate::condition;
use cognate::detection::{Detection, Formula, Quantity};
use cognate::expression::parse::{Written, WrittenKind, parse};
use cognate::expression::{Arithmetic, Relational};
use cognate::place::ScalarText;
use cognate::report::Format;
use cognate::source::{Source, Span, Spanned};
use cognate::target::sigma::formula_text;
use cognate::target::{Options, Target};
use cognate::template::Templates;
use common::events::{condition_holds, difference};
use common::random::Random;
use common::{World, files, source, templates};
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

const NAMES: [&str; 6] = ["selection", "filter_main", "filter_other", "_hidden", "notepad", "or_not"];

fn with_condition(condition: &str) -> Source {
    let selections: String = NAMES.iter().map(|name| format!("  {name}: {{ {name}: x }}\n")).collect();
    let condition = serde_json::to_string(condition).expect("a text");
    let head = "title: T\nlogsource: { product: example, service: log }\ndetection:\n";
    Source::new("condition.yml", format!("{head}{selections}  condition: {condition}\n"))
}

fn random_condition(random: &mut Random, depth: usize) -> String {
    const QUANTIFIED: [&str; 6] = ["1 of them", "all of filter_*", "any of filter_*", "2 of them", "all of them", "1 of *_*"];
    let inner = |random: &mut Random| random_condition(random, depth - 1);
    match random.below(if depth == 0 { 2 } else { 8 }) {
        0 => NAMES[random.below(NAMES.len())].to_owned(),
        1 => QUANTIFIED[random.below(QUANTIFIED.len())].to_owned(),
        2 | 3 => format!("{} and  {}", inner(random), inner(random)),
        4 | 5 => format!("{} or\n{}", inner(random), inner(random)),
        6 => format!("not {}", inner(random)),
        _ => format!("( {})", inner(random)),
    }
}

#[test]
fn a_condition_that_is_written_again_is_the_same() {
    let (world, mut random) = (World::new(), Random::new(1));
    let understood = |condition: &str| -> (Formula, Detection) {
        let (detection, problems) = world.understand(&with_condition(condition));
        let detection = detection.unwrap_or_else(|| panic!("{condition}\n{problems:?}"));
        (detection.formula.clone(), detection)
    };
    for _ in 0..3_000 {
        let condition = random_condition(&mut random, 5);
        let (formula, detection) = understood(&condition);
        let text = formula_text(&formula, &detection.selections);
        let (again, _) = understood(&text);
        assert_eq!(formula, again, "\n{condition}\n{text}");
    }
}

/// A condition as a tree, and as text with the parentheses that the tree needs and a few more.
fn drawn_condition(random: &mut Random, depth: usize) -> (condition::Written, String) {
    const QUANTITIES: [(Quantity, &str); 4] =
        [(Quantity::All, "all"), (Quantity::AtLeast(1), "1"), (Quantity::AtLeast(1), "any"), (Quantity::AtLeast(12), "12")];
    const PATTERNS: [&str; 6] = ["them", "filter_*", "*", "*_main", "s*n*", "selection"];
    let name = |text: &str| Spanned::new(text.to_owned(), Span::default());
    let operand = |random: &mut Random, inside: &str| {
        let (tree, text) = drawn_condition(random, depth - 1);
        let weaker = match (&tree, inside) {
            (condition::Written::Or(_), _) | (condition::Written::And(_), "and" | "not") => true,
            _ => random.below(6) == 0,
        };
        (tree, if weaker { format!("({text})") } else { text })
    };
    let several = |random: &mut Random, word: &str| {
        let (trees, texts): (Vec<_>, Vec<_>) = (0..2 + random.below(3)).map(|_| operand(random, word)).unzip();
        (trees, texts.join(&format!(" {word} ")))
    };
    match random.below(if depth == 0 { 2 } else { 7 }) {
        0 => {
            let word = NAMES[random.below(NAMES.len())];
            (condition::Written::Name(name(word)), word.to_owned())
        }
        1 => {
            let ((quantity, word), pattern) = (QUANTITIES[random.below(QUANTITIES.len())], PATTERNS[random.below(PATTERNS.len())]);
            (condition::Written::Quantified(quantity, name(pattern)), format!("{word} of {pattern}"))
        }
        2 | 3 => {
            let (trees, text) = several(random, "and");
            (condition::Written::And(trees), text)
        }
        4 | 5 => {
            let (trees, text) = several(random, "or");
            (condition::Written::Or(trees), text)
        }
        _ => {
            let (tree, text) = operand(random, "not");
            (condition::Written::Not(Box::new(tree)), format!("not {text}"))
        }
    }
}

/// The same condition without places.
fn condition_without_places(written: condition::Written) -> condition::Written {
    use condition::Written;
    let list = |parts: Vec<Written>| parts.into_iter().map(condition_without_places).collect();
    match written {
        Written::Name(name) => Written::Name(Spanned::new(name.value, Span::default())),
        Written::Not(inner) => Written::Not(Box::new(condition_without_places(*inner))),
        Written::And(parts) => Written::And(list(parts)),
        Written::Or(parts) => Written::Or(list(parts)),
        Written::Quantified(quantity, pattern) => Written::Quantified(quantity, Spanned::new(pattern.value, Span::default())),
    }
}

#[test]
fn a_condition_is_read_as_the_tree_that_was_written() {
    let mut random = Random::new(4);
    for _ in 0..20_000 {
        let (tree, text) = drawn_condition(&mut random, 4);
        let source = Source::new("condition", text.as_str());
        let read = condition::parse(&ScalarText::new(&source, Span::new(0, text.len()), &text));
        let read = read.unwrap_or_else(|problem| panic!("{text}\n{problem:?}"));
        assert_eq!(condition_without_places(read), tree, "{text}");
    }
}

/// An expression as a tree, as text, and how closely its outermost parts are bound: from 0 for `or` over `and`, `not`,
/// a comparison, a sum, a product and a negative to 7 for what stands alone.
fn drawn_expression(random: &mut Random, depth: usize) -> (WrittenKind, String, usize) {
    let span = Span::default();
    let written = |kind: WrittenKind| Written { kind, span };
    let operand = |random: &mut Random, least: usize| {
        let (tree, text, binding) = drawn_expression(random, depth - 1);
        (written(tree), if binding < least || random.below(6) == 0 { format!("({text})") } else { text })
    };
    let several = |random: &mut Random, word: &str, least: usize| {
        let (trees, texts): (Vec<_>, Vec<_>) = (0..2 + random.below(2)).map(|_| operand(random, least)).unzip();
        (trees, texts.join(&format!(" {word} ")))
    };
    let arithmetic = |random: &mut Random, operator: Arithmetic, binding: usize| {
        let (left, a) = operand(random, binding);
        let (right, b) = operand(random, binding + 1);
        (WrittenKind::Arithmetic(operator, Box::new(left), Box::new(right)), format!("{a} {} {b}", operator.symbol()), binding)
    };
    match random.below(if depth == 0 { 5 } else { 13 }) {
        0 => (WrittenKind::Number(1.5), "1.5".into(), 7),
        1 => (WrittenKind::Duration(300_000), "5m".into(), 7),
        2 => (WrittenKind::Text("it's".into()), "'it''s'".into(), 7),
        3 => (WrittenKind::Boolean(true), "true".into(), 7),
        4 => (WrittenKind::Name("my or field".into()), "`my or field`".into(), 7),
        5 => {
            let (trees, text) = several(random, "or", 1);
            (WrittenKind::Or(trees), text, 0)
        }
        6 => {
            let (trees, text) = several(random, "and", 2);
            (WrittenKind::And(trees), text, 1)
        }
        7 => {
            let (tree, text) = operand(random, 2);
            (WrittenKind::Not(Box::new(tree)), format!("not {text}"), 2)
        }
        8 => {
            const RELATIONS: [Relational; 6] = [
                Relational::Equal,
                Relational::NotEqual,
                Relational::Less,
                Relational::LessOrEqual,
                Relational::Greater,
                Relational::GreaterOrEqual,
            ];
            let (relation, (left, a), (right, b)) = (RELATIONS[random.below(6)], operand(random, 4), operand(random, 4));
            (WrittenKind::Compare(relation, Box::new(left), Box::new(right)), format!("{a} {} {b}", relation.symbol()), 3)
        }
        9 => {
            let operator = [Arithmetic::Add, Arithmetic::Subtract][random.below(2)];
            arithmetic(random, operator, 4)
        }
        10 => {
            let operator = [Arithmetic::Multiply, Arithmetic::Divide][random.below(2)];
            arithmetic(random, operator, 5)
        }
        11 => {
            let (tree, text) = operand(random, 6);
            (WrittenKind::Negate(Box::new(tree)), format!("- {text}"), 6)
        }
        _ => {
            let (arguments, texts): (Vec<_>, Vec<_>) = (0..random.below(3)).map(|_| operand(random, 0)).unzip();
            let filter = (random.below(2) == 0).then(|| operand(random, 0));
            let text =
                format!("call({}{})", texts.join(", "), filter.as_ref().map(|(_, text)| format!(" where {text}")).unwrap_or_default());
            (WrittenKind::Call(Spanned::new("call".into(), span), arguments, filter.map(|(tree, _)| Box::new(tree))), text, 7)
        }
    }
}

/// The same expression without places.
fn expression_without_places(written: Written) -> Written {
    let list = |parts: Vec<Written>| parts.into_iter().map(expression_without_places).collect();
    let boxed = |part: Box<Written>| Box::new(expression_without_places(*part));
    let kind = match written.kind {
        WrittenKind::Negate(inner) => WrittenKind::Negate(boxed(inner)),
        WrittenKind::Not(inner) => WrittenKind::Not(boxed(inner)),
        WrittenKind::Arithmetic(operator, left, right) => WrittenKind::Arithmetic(operator, boxed(left), boxed(right)),
        WrittenKind::Compare(relation, left, right) => WrittenKind::Compare(relation, boxed(left), boxed(right)),
        WrittenKind::And(parts) => WrittenKind::And(list(parts)),
        WrittenKind::Or(parts) => WrittenKind::Or(list(parts)),
        WrittenKind::Call(name, arguments, filter) => {
            WrittenKind::Call(Spanned::new(name.value, Span::default()), list(arguments), filter.map(boxed))
        }
        kind @ (WrittenKind::Number(_)
        | WrittenKind::Text(_)
        | WrittenKind::Duration(_)
        | WrittenKind::Boolean(_)
        | WrittenKind::Name(_)) => kind,
    };
    Written { kind, span: Span::default() }
}

#[test]
fn an_expression_is_read_as_the_tree_that_was_written() {
    let mut random = Random::new(5);
    for _ in 0..20_000 {
        let (tree, text, _) = drawn_expression(&mut random, 4);
        let source = Source::new("expression", text.as_str());
        let read = parse(&ScalarText::new(&source, Span::new(0, text.len()), &text));
        let read = read.unwrap_or_else(|problem| panic!("{text}\n{problem:?}"));
        assert_eq!(expression_without_places(read).kind, tree, "{text}");
    }
}

const SIGNS: &[u8] = b"'\"\\|:{}[]()*?%,#&!@`~\n\t -0a";

/// A spec with some of its bytes, lines or pieces changed.
fn mutated(random: &mut Random, text: &str, other: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(8) / 6 {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        let length = random.below(12).min(bytes.len() - at);
        match random.below(14) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(7),
            1 if at < bytes.len() => bytes[at] = SIGNS[random.below(SIGNS.len())],
            2 => drop(bytes.drain(at..at + length)),
            3 if random.below(4) == 0 => bytes.truncate(at),
            4 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let line = lines[random.below(lines.len())].clone();
                let place: usize = lines[..random.below(lines.len())].iter().map(Vec::len).sum();
                bytes.splice(place..place, line);
            }
            6 => {
                let lines: Vec<&str> = other.lines().collect();
                let line = format!("{}\n", lines[random.below(lines.len())]);
                let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
                bytes.splice(start..start, line.into_bytes());
            }
            // the value of one line instead of that of another
            8.. => {
                let value = |text: &str, line: &str| text.find(line).and_then(|start| Some(start + line.find(": ")? + 2));
                let lines: Vec<&str> = other.lines().filter(|line| line.contains(": ")).collect();
                let Some((_, new)) = lines[random.below(lines.len())].split_once(": ") else { continue };
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let lines: Vec<&str> = text.lines().filter(|line| line.contains(": ") && !line.starts_with("logsource")).collect();
                let Some(line) = lines.get(random.below(lines.len().max(1))) else { continue };
                let Some(start) = value(&text, line) else { continue };
                let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
                bytes = [&text.as_bytes()[..start], new.as_bytes(), &text.as_bytes()[end..]].concat();
            }
            7 => drop(bytes.splice(at..at, "é😀\u{202e}\u{0}".bytes())),
            _ => drop(bytes.splice(
                at..at,
                [b"not ".as_slice(), b"(", b"1 of ", b"|re", b"|all", b": ", b"999999999999"][random.below(7)].iter().copied(),
            )),
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads and compiles a text; a panic or a place outside of the text is a failure.
fn survive(world: &World, templates: &Templates, text: &str) -> bool {
    let source = Source::new("mutated.yml", text);
    let (detection, problems) = world.understand(&source);
    let problems = problems.sorted();
    for problem in &problems {
        assert!(problem.span.start <= problem.span.end && problem.span.end as usize <= text.len(), "{problem:?}");
        assert!(text.is_char_boundary(problem.span.start as usize) && text.is_char_boundary(problem.span.end as usize), "{problem:?}");
    }
    let items = [(source, problems)];
    Format::ALL.iter().for_each(|format| drop(format.write(&items, false)));
    let Some(detection) = detection else { return false };
    for target in Target::ALL {
        drop(build(&detection, target, templates, &Options::default(), &Acceptance::default()));
    }
    true
}

fn survive_many(seed: u64, rounds: usize) {
    let (world, templates, mut random) = (World::new(), templates(), Random::new(seed));
    let texts: Vec<String> =
        files("tests/specs/ok", "yml").iter().map(|path| source(path).text).filter(|text| text.len() < 4_000).collect();
    let mut compiled = 0;
    for _ in 0..rounds {
        let (text, other) = (&texts[random.below(texts.len())], &texts[random.below(texts.len())]);
        let text = mutated(&mut random, text, other);
        match catch_unwind(AssertUnwindSafe(|| survive(&world, &templates, &text))) {
            Ok(good) => compiled += usize::from(good),
            Err(_) => panic!("this spec is not survived:\n{text}"),
        }
    }
    assert!(compiled * 10 > rounds, "only {compiled} of {rounds} still compile: the test shows too little");
}

#[test]
fn broken_specs_are_survived() {
    survive_many(1, 10_000);
}

#[test]
fn more_broken_specs_are_survived() {
    survive_many(2, 10_000);
}

#[test]
#[ignore = "takes minutes; for changes of the front end"]
fn a_great_many_broken_specs_are_survived() {
    survive_many(3, 100_000);
}

#[test]
fn a_sigma_rule_means_what_the_spec_means() {
    let (world, templates) = (World::new(), templates());
    let mut compared = 0;
    for path in files("tests/specs/ok", "yml").iter().chain(&files("detections", "yml")) {
        let source = source(path);
        let (Some(detection), _) = world.understand(&source) else { continue };
        if detection.aggregate.is_some() {
            continue;
        }
        let options = Options { comments: false, ..Options::default() };
        let (Outcome::Built(rule), _) =
            build(&detection, Target::Sigma, &templates, &options, &Acceptance { all: true, codes: Vec::new() })
        else {
            continue;
        };
        let (again, problems) = world.understand(&Source::new("rule.yml", rule.text.clone()));
        let again = again.unwrap_or_else(|| panic!("{}: {problems:?}\n{}", source.path, rule.text));
        let differs = difference(&detection, &again, 1_000);
        assert_eq!(differs, None, "{}\n{}", source.path, rule.text);
        compared += 1;
    }
    assert!(compared > 80, "only {compared} rules were compared");
}

/// A short text of characters that mean something somewhere.
fn hostile_text(random: &mut Random) -> String {
    let special: Vec<char> = "'\"\\%_|$`{}[]()*?<>=!#@;:,./-+~^& aB1é😀\n\t\r\0\u{202e}\u{2028}\u{85}\u{7f}".chars().collect();
    (0..=random.below(10)).map(|_| special[random.below(special.len())]).collect()
}

/// A spec that tests a field for exactly this text.
fn with_value(modifiers: &str, value: &str) -> Source {
    let escaped: String = value.chars().map(|c| if matches!(c, '*' | '?' | '\\') { format!("\\{c}") } else { c.to_string() }).collect();
    let quoted: String = escaped
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    let head = "title: T\nlogsource: { product: example, service: log }\ndetection:\n  selection:\n";
    Source::new("value.yml", format!("{head}    'name{modifiers}': \"{quoted}\"\n  condition: selection\n"))
}

/// The literals of a query, decoded, and the query without them; `None` if a literal does not end or is not plain text.
fn literals(target: Target, query: &str) -> Option<(Vec<String>, String)> {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut chars = query.chars().peekable();
    while let Some(c) = chars.next() {
        let verbatim = target == Target::Kql && c == '@' && chars.peek() == Some(&'"');
        let quote = match (target, c) {
            (Target::Aql, '\'' | '"') | (Target::Spl | Target::Kql, '"') => c,
            _ if verbatim => chars.next()?,
            _ => {
                rest.push(c);
                continue;
            }
        };
        let mut text = String::new();
        loop {
            match chars.next()? {
                c if c == quote => {
                    let doubled = (target == Target::Aql || verbatim) && chars.peek() == Some(&quote);
                    if !doubled {
                        break;
                    }
                    chars.next();
                    text.push(quote);
                }
                '\\' if target != Target::Aql && !verbatim => match chars.next()? {
                    'u' => {
                        let digits: String = (0..4).filter_map(|_| chars.next()).collect();
                        text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                    }
                    'n' if target == Target::Kql => text.push('\n'),
                    't' if target == Target::Kql => text.push('\t'),
                    'r' if target == Target::Kql => text.push('\r'),
                    '"' => text.push('"'),
                    '\\' => text.push('\\'),
                    other if target == Target::Spl => text.extend(['\\', other]),
                    _ => return None,
                },
                '\n' | '\r' | '\0' => return None,
                c => text.push(c),
            }
        }
        rest.push_str(" \"\" ");
        found.push(text);
    }
    Some((found, rest))
}

/// The words that may stand outside of literals.
const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "events",
    "WHERE",
    "LOGSOURCETYPENAME",
    "devicetype",
    "AND",
    "OR",
    "NOT",
    "starttime",
    "NOW",
    "LAST",
    "MINUTES",
    "LOWER",
    "ILIKE",
    "LIKE",
    "MATCHES",
    "IMATCHES",
    "IN",
    "IS",
    "NULL",
    "sourcetype",
    "earliest",
    "latest",
    "name",
    "where",
    "match",
    "lower",
    "coalesce",
    "urldecode",
    "in",
    "isnotnull",
    "isnull",
    "if",
    "example_log_CL",
    "TimeGenerated",
    "ago",
    "and",
    "or",
    "not",
    "contains",
    "startswith",
    "endswith",
    "index",
    "contains_cs",
    "startswith_cs",
    "endswith_cs",
    "regex",
    "matches",
    "tolower",
    "isempty",
    "isnotempty",
    "70m",
    "10m",
    "71",
    "4200000",
    "600000",
    "0",
    "1",
];

#[test]
fn a_value_stays_inside_of_its_quotes() {
    let (world, templates, mut random) = (World::new(), templates(), Random::new(3));
    let options = Options { comments: false, ..Options::default() };
    let acceptance = Acceptance { all: true, codes: Vec::new() };
    for round in 0..2_000 {
        let value = hostile_text(&mut random);
        let modifiers = ["", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|neq"][round % 7];
        let source = with_value(modifiers, &value);
        let (detection, problems) = world.understand(&source);
        let detection = detection.unwrap_or_else(|| panic!("{}\n{problems:?}", source.text));
        let event = Map::from_iter([("name".to_owned(), Value::from(value.clone()))]);
        let holds = condition_holds(&detection.condition, &detection.log_source, &event);
        assert_eq!(holds, Ok(modifiers != "|neq"), "{}", source.text);
        for target in [Target::Aql, Target::Spl, Target::Kql] {
            let query = match build(&detection, target, &templates, &options, &acceptance).0 {
                Outcome::Built(artefact) => artefact.text,
                Outcome::Skipped(_) | Outcome::Refused(_) | Outcome::NotAccepted(..) => panic!("{}", source.text),
            };
            check_literals(target, &query, &value, modifiers);
        }
    }
}

fn check_literals(target: Target, query: &str, value: &str, modifiers: &str) {
    let (found, rest) = literals(target, query).unwrap_or_else(|| panic!("{value:?} leaves its quotes:\n{query}"));
    for word in rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()) {
        assert!(WORDS.contains(&word), "{value:?} brings `{word}` into the query:\n{query}");
    }
    assert!(!rest.contains(['`', '$', '\\', ';', '#', '\'']) && !rest.contains("--") && !rest.contains("//"), "{value:?}:\n{query}");
    // a query without expressions holds the value as it is, apart from its case
    let plain = !query.contains("MATCHES") && !query.contains("match(") && !query.contains("regex") && !query.contains("urldecode");
    if plain && modifiers.is_empty() && !value.is_empty() {
        let same = |literal: &String| literal == value || literal.to_lowercase() == value.to_lowercase();
        assert!(found.iter().any(same), "{value:?} is not in the query:\n{query}\n{found:?}");
    }
}
