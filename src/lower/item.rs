//! `field|modifiers: values` → a condition: placeholders are filled in, then the modifiers are applied from left to right.

use super::{Lowering, encode, pattern};
use crate::detection::{
    Comparison, Condition, FieldTest, Item, Modifier, Predicate, RegexTest, Relation, Segment, Subject, TextPattern, TimePart, ValueTest,
};
use crate::diagnostic::{Code, Diagnostic, E0208, E0209, E0210, E0211, E0214, E0217, W0102, W0103, W0205, W0206};
use crate::letter_case::fold;
use crate::logsource::{Field, FieldType};
use crate::source::{Span, Spanned};
use crate::spec::ItemBlock;
use crate::yaml::{Number, Value};
use ipnet::IpNet;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The most values of one item after lists are filled in.
const MAX_VALUES: usize = 200_000;
/// The most modifiers of one item that rewrite a text: each may make it longer and several texts of it.
const MAX_REWRITES: usize = 4;
/// The most bytes that lists may make of one text.
const MAX_EXPANDED_BYTES: usize = 16 << 20;

/// Lowers one item.
pub(super) fn lower(lowering: &mut Lowering<'_, '_>, block: &ItemBlock) -> Option<(Item, Condition)> {
    let field = if block.field.is_empty() { None } else { Some(lowering.field(&block.field, block.span)?) };
    let values = fill_in(lowering, block)?;
    warn_about_repeats(lowering, block);
    let plan = Plan::of(lowering, block)?;
    check_field(lowering, block, field.as_deref(), &plan)?;
    let mut groups: Vec<Vec<ValueTest>> = Vec::with_capacity(values.len());
    let mut good = true;
    for value in &values {
        match plan.tests(lowering, value, field.is_none(), block.span) {
            Some(tests) => {
                lowering.filled += if plan.rewrites.is_empty() { 0 } else { weight(&tests) };
                groups.push(tests);
            }
            None => good = false,
        }
        if lowering.filled > super::MAX_TESTS {
            return too_many_values(lowering, value.span);
        }
    }
    if !good {
        return None;
    }
    let subject = field.clone().map_or(Subject::Event, Subject::Field);
    let one = |tests: Vec<ValueTest>| Condition::Match(Predicate { subject: subject.clone(), tests, span: block.span });
    let condition = if plan.all { Condition::all(groups.into_iter().map(one)) } else { one(groups.into_iter().flatten().collect()) };
    let condition = if plan.negated { Condition::not(condition) } else { condition };
    let item = Item {
        field,
        written: block.field.clone(),
        modifiers: block.modifiers.iter().map(|m| m.value).filter(|m| *m != Modifier::Expand).collect(),
        listed: block.listed || values.len() > 1,
        values: values.into_iter().map(|value| value.value).collect(),
        span: block.span,
    };
    Some((item, condition))
}

/// Replaces `%name%` by each value of the list, if the item says `expand`.
fn fill_in(lowering: &mut Lowering<'_, '_>, block: &ItemBlock) -> Option<Vec<Spanned<Value>>> {
    let expand = block.modifiers.iter().any(|modifier| modifier.value == Modifier::Expand);
    let (mut filled, mut good) = (Vec::with_capacity(block.values.len()), true);
    for value in &block.values {
        let Value::Text(text) = &value.value else {
            filled.push(value.clone());
            continue;
        };
        if !expand {
            good &= no_forgotten_expand(lowering, text, value.span);
            filled.push(value.clone());
            continue;
        }
        match expand_text(lowering, text, value.span) {
            Some(values) => {
                lowering.filled += values.len();
                filled.extend(values.into_iter().map(|v| Spanned::new(v, value.span)));
            }
            None => good = false,
        }
        if filled.len() > MAX_VALUES || lowering.filled > super::MAX_TESTS {
            return too_many_values(lowering, value.span);
        }
    }
    good.then_some(filled)
}

/// `%name%` → (text before, name, text after); `\%` is a literal percent sign.
pub(crate) fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let mut from = 0;
    while let Some(start) = text[from..].find('%').map(|at| from + at) {
        let end = text[start + 1..].find('%').map(|at| start + 1 + at)?;
        if !text[..start].ends_with('\\') && is_name(&text[start + 1..end]) {
            return Some((&text[..start], &text[start + 1..end], &text[end + 1..]));
        }
        from = start + 1;
    }
    None
}

/// Every choice of a value for every placeholder, those of the last one first.
pub(super) fn expand_text(lowering: &mut Lowering<'_, '_>, text: &str, span: Span) -> Option<Vec<Value>> {
    let (mut rest, mut parts, mut made, mut length) = (text, Vec::new(), 1usize, text.len());
    while let Some((before, name, after)) = placeholder(rest) {
        let values = lowering.list(name, span)?.to_vec();
        if before.is_empty() && after.is_empty() && parts.is_empty() {
            return Some(values);
        }
        let values = texts(lowering, name, values, span)?;
        made = made.saturating_mul(values.len());
        length += values.iter().map(String::len).max().unwrap_or(0);
        if made > MAX_VALUES || made.saturating_mul(length) > MAX_EXPANDED_BYTES {
            return too_many_values(lowering, span);
        }
        parts.push((before, values));
        rest = after;
    }
    // only the text as written holds placeholders: a list's values are taken as they are
    let last = vec![rest.replace("\\%", "%")];
    let expanded = parts.iter().rev().fold(last, |ends, (before, values)| {
        let before = before.replace("\\%", "%");
        values.iter().flat_map(|value| ends.iter().map(|end| format!("{before}{value}{end}")).collect::<Vec<_>>()).collect()
    });
    Some(expanded.into_iter().map(Value::Text).collect())
}

/// A list's values as texts that can stand inside of another one.
fn texts(lowering: &mut Lowering<'_, '_>, name: &str, values: Vec<Value>, span: Span) -> Option<Vec<String>> {
    let text = |value| match value {
        Value::Text(text) => Some(text),
        Value::Number(number) => Some(number.text),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    };
    let texts: Option<Vec<String>> = values.into_iter().map(text).collect();
    if texts.is_none() {
        let message = format!("the list `{name}` holds a value that is no text, so it cannot stand inside of one");
        lowering.diagnostics.push(Diagnostic::error(E0208, span, message));
    }
    texts
}

/// How much memory rewritten texts take, in tests with a short text.
fn weight(tests: &[ValueTest]) -> usize {
    let literal = |segment: &Segment| if let Segment::Literal(text) = segment { text.len() / 64 } else { 0 };
    let text = |test: &ValueTest| if let ValueTest::Text(pattern) = test { pattern.segments.iter().map(literal).sum() } else { 0 };
    tests.iter().map(|test| 1 + text(test)).sum()
}

fn too_many_values<T>(lowering: &mut Lowering<'_, '_>, span: Span) -> Option<T> {
    let message = format!("lists and modifiers make more than {MAX_VALUES} values, or more text than is sensible");
    lowering.diagnostics.push(Diagnostic::error(E0208, span, message));
    None
}

fn no_forgotten_expand(lowering: &mut Lowering<'_, '_>, text: &str, span: Span) -> bool {
    let Some((_, name, _)) = placeholder(text) else { return true };
    if !lowering.spec.lists.iter().any(|(list, _)| list.value == name) {
        return true;
    }
    let message = format!("`%{name}%` is taken literally here, but there is a list `{name}`");
    lowering.diagnostics.push(Diagnostic::error(E0214, span, message).help("add the modifier `expand`, or rename the list"));
    false
}

fn warn_about_repeats(lowering: &mut Lowering<'_, '_>, block: &ItemBlock) {
    if block.values.len() < 2 || block.values.len() > 2_000 {
        return;
    }
    let cased =
        block.modifiers.iter().any(|m| matches!(m.value, Modifier::Cased | Modifier::Re | Modifier::Base64 | Modifier::Base64Offset));
    let mut seen = rustc_hash::FxHashMap::default();
    for value in &block.values {
        let key = match &value.value {
            Value::Text(text) if cased => text.clone(),
            Value::Text(text) => fold(text).into_owned(),
            Value::Number(number) => number.text.clone(),
            Value::Null | Value::Boolean(_) | Value::List(_) | Value::Map(_) => continue,
        };
        if let Some(first) = seen.insert(key, value.span) {
            let warning = Diagnostic::warning(W0103, value.span, "this value stands in the list twice").label(first, "first here");
            lowering.diagnostics.push(warning);
        }
    }
}

/// What the modifiers of an item say.
struct Plan {
    all: bool,
    negated: bool,
    cased: bool,
    /// `contains`, `startswith`, `endswith`
    relation: Option<Relation>,
    /// `windash`, `wide`, `base64`, …, in order
    rewrites: Vec<Modifier>,
    kind: TestKind,
    flags: (bool, bool, bool),
}

#[derive(Clone, Copy, PartialEq)]
enum TestKind {
    Value,
    Exists,
    Regex,
    Cidr,
    FieldReference,
    Compare(Comparison),
    Time(TimePart, Comparison),
}

impl Plan {
    fn of(lowering: &mut Lowering<'_, '_>, block: &ItemBlock) -> Option<Plan> {
        let mut plan = Plan {
            all: false,
            negated: false,
            cased: false,
            relation: None,
            rewrites: Vec::new(),
            kind: TestKind::Value,
            flags: (false, false, false),
        };
        for modifier in &block.modifiers {
            if let Err(message) = plan.add(modifier.value) {
                lowering.diagnostics.push(Diagnostic::error(E0209, block.span, message));
                return None;
            }
        }
        if plan.cased && !matches!(plan.kind, TestKind::Value | TestKind::FieldReference | TestKind::Regex) {
            let message = "`cased` does not fit the other modifiers: case counts in texts only";
            lowering.diagnostics.push(Diagnostic::error(E0209, block.span, message));
            return None;
        }
        Some(plan)
    }

    fn add(&mut self, modifier: Modifier) -> Result<(), String> {
        let name = modifier.name();
        match modifier {
            Modifier::All => self.all = true,
            Modifier::Neq => self.negated = true,
            Modifier::Cased => self.cased = true,
            Modifier::Expand => {}
            Modifier::Contains => self.relate(Relation::Contains, name)?,
            Modifier::StartsWith => self.relate(Relation::StartsWith, name)?,
            Modifier::EndsWith => self.relate(Relation::EndsWith, name)?,
            Modifier::Windash
            | Modifier::Base64
            | Modifier::Base64Offset
            | Modifier::Utf16
            | Modifier::Utf16Le
            | Modifier::Utf16Be
            | Modifier::Wide => {
                if self.kind != TestKind::Value || self.relation.is_some() && modifier != Modifier::Windash {
                    return Err(format!("`{name}` must come before the modifiers that compare"));
                }
                if self.rewrites.len() == MAX_REWRITES {
                    return Err(format!("more than {MAX_REWRITES} modifiers that rewrite a text, such as `{name}`, make it too long"));
                }
                self.rewrites.push(modifier);
            }
            Modifier::Exists => self.choose(TestKind::Exists, name)?,
            Modifier::Re => self.choose(TestKind::Regex, name)?,
            Modifier::Cidr => self.choose(TestKind::Cidr, name)?,
            Modifier::FieldRef => self.choose(TestKind::FieldReference, name)?,
            Modifier::Lt => self.compare(Comparison::Less, name)?,
            Modifier::Lte => self.compare(Comparison::LessOrEqual, name)?,
            Modifier::Gt => self.compare(Comparison::Greater, name)?,
            Modifier::Gte => self.compare(Comparison::GreaterOrEqual, name)?,
            Modifier::Minute => self.time(TimePart::Minute, name)?,
            Modifier::Hour => self.time(TimePart::Hour, name)?,
            Modifier::Day => self.time(TimePart::Day, name)?,
            Modifier::Week => self.time(TimePart::Week, name)?,
            Modifier::Month => self.time(TimePart::Month, name)?,
            Modifier::Year => self.time(TimePart::Year, name)?,
            Modifier::IgnoreCase | Modifier::Multiline | Modifier::DotAll => {
                if self.kind != TestKind::Regex {
                    return Err(format!("`{name}` is a flag of `re` and must come after it"));
                }
                self.flags.0 |= modifier == Modifier::IgnoreCase;
                self.flags.1 |= modifier == Modifier::Multiline;
                self.flags.2 |= modifier == Modifier::DotAll;
            }
        }
        Ok(())
    }

    fn relate(&mut self, relation: Relation, name: &str) -> Result<(), String> {
        if !matches!(self.kind, TestKind::Value | TestKind::Regex | TestKind::FieldReference) {
            return Err(format!("`{name}` does not fit the modifiers before it"));
        }
        if self.relation.is_some() {
            return Err(format!("`{name}` comes after another one of `contains`, `startswith`, `endswith`"));
        }
        self.relation = Some(relation);
        Ok(())
    }

    fn choose(&mut self, kind: TestKind, name: &str) -> Result<(), String> {
        let plain = self.kind == TestKind::Value && self.rewrites.is_empty();
        if !plain || (self.relation.is_some() && kind != TestKind::FieldReference) {
            return Err(format!("`{name}` does not fit the modifiers before it"));
        }
        self.kind = kind;
        Ok(())
    }

    fn compare(&mut self, comparison: Comparison, name: &str) -> Result<(), String> {
        if let TestKind::Time(part, Comparison::Equal) = self.kind {
            self.kind = TestKind::Time(part, comparison);
            return Ok(());
        }
        self.choose(TestKind::Compare(comparison), name)
    }

    fn time(&mut self, part: TimePart, name: &str) -> Result<(), String> {
        if let TestKind::Compare(comparison) = self.kind {
            self.kind = TestKind::Time(part, comparison);
            return Ok(());
        }
        self.choose(TestKind::Time(part, Comparison::Equal), name)
    }

    /// The tests that one value stands for.
    fn tests(&self, lowering: &mut Lowering<'_, '_>, value: &Spanned<Value>, keyword: bool, key: Span) -> Option<Vec<ValueTest>> {
        let unfit = |what: &str| Diagnostic::error(E0208, value.span, format!("{what}, not {}", describe(&value.value)));
        let fail = |lowering: &mut Lowering<'_, '_>, diagnostic: Diagnostic| {
            lowering.diagnostics.push(diagnostic);
            None
        };
        match (self.kind, &value.value) {
            (TestKind::Value, Value::Text(text)) => self.text(lowering, text, value.span, keyword),
            (TestKind::Value, Value::Number(number)) if self.relation.is_none() && self.rewrites.is_empty() && !keyword => {
                Some(vec![ValueTest::Number(number.clone())])
            }
            (TestKind::Value, Value::Number(number)) if keyword && self.rewrites.is_empty() => {
                self.text(lowering, &number.text, value.span, keyword)
            }
            (TestKind::Value, Value::Boolean(flag)) if self.relation.is_none() && self.rewrites.is_empty() && !keyword => {
                Some(vec![ValueTest::Boolean(*flag)])
            }
            (TestKind::Value, Value::Null) if self.relation.is_none() && self.rewrites.is_empty() && !keyword => {
                Some(vec![ValueTest::Absent])
            }
            (TestKind::Value, Value::Number(_) | Value::Boolean(_) | Value::Null | Value::List(_) | Value::Map(_)) => {
                let expected = if keyword { "a keyword must be a text" } else { "these modifiers need a text" };
                fail(lowering, unfit(expected).help("put it in quotes if the text is meant"))
            }
            (TestKind::Exists, Value::Boolean(true)) => Some(vec![ValueTest::Present]),
            (TestKind::Exists, Value::Boolean(false)) => Some(vec![ValueTest::Absent]),
            (TestKind::Exists, _) => fail(lowering, unfit("`exists` needs true or false")),
            (TestKind::Regex, Value::Text(text)) => self.regex(lowering, text, value.span).map(|test| vec![test]),
            (TestKind::Regex, Value::Number(number)) => self.regex(lowering, &number.text, value.span).map(|test| vec![test]),
            (TestKind::Regex, _) => fail(lowering, unfit("`re` needs a text")),
            (TestKind::Cidr, Value::Text(text)) => network(lowering, text, value.span).map(|net| vec![ValueTest::Network(net)]),
            (TestKind::Cidr, _) => fail(lowering, unfit("`cidr` needs a text such as '10.0.0.0/8'")),
            (TestKind::FieldReference, Value::Text(name)) => self.field_reference(lowering, name, value.span).map(|test| vec![test]),
            (TestKind::FieldReference, _) => fail(lowering, unfit("`fieldref` needs the name of a field")),
            (TestKind::Compare(comparison), Value::Number(number)) => Some(vec![ValueTest::Compare(comparison, number.clone())]),
            (TestKind::Compare(_), _) => fail(lowering, unfit("a comparison needs a number").help("write it without quotes")),
            (TestKind::Time(part, comparison), Value::Number(number)) if number.is_integer() => {
                Some(vec![ValueTest::TimePart(part, comparison, number.clone())])
            }
            (TestKind::Time(..), _) => {
                fail(lowering, unfit("a part of a time needs a whole number").label(key, "because of this modifier"))
            }
        }
    }

    fn text(&self, lowering: &mut Lowering<'_, '_>, text: &str, span: Span, keyword: bool) -> Option<Vec<ValueTest>> {
        if pattern::escapes_by_accident(text) {
            let message = "the backslash before the wildcard makes it literal";
            let help =
                "write two backslashes for a path separator and a wildcard: `C:\\Temp\\\\*`; write `\\\\\\*` to say that this is meant";
            lowering.diagnostics.push(Diagnostic::warning(W0102, span, message).help(help));
        }
        let variants = match self.rewrite(pattern::parse(text)) {
            Ok(variants) => variants,
            Err(message) => {
                lowering.diagnostics.push(Diagnostic::error(E0208, span, message));
                return None;
            }
        };
        let relation = if keyword { Some(Relation::Contains) } else { self.relation };
        let before = matches!(relation, Some(Relation::Contains | Relation::EndsWith)).then_some(Segment::AnyRun);
        let after = matches!(relation, Some(Relation::Contains | Relation::StartsWith)).then_some(Segment::AnyRun);
        let surround = |variant: Vec<Segment>| {
            let segments = before.iter().cloned().chain(variant).chain(after.iter().cloned());
            ValueTest::Text(TextPattern::new(segments, self.cased))
        };
        Some(variants.into_iter().map(surround).collect())
    }

    /// Applies the modifiers that rewrite a text, in order.
    fn rewrite(&self, segments: Vec<Segment>) -> Result<Vec<Vec<Segment>>, String> {
        let mut variants = vec![segments];
        let mut bytes: Option<Vec<u8>> = None;
        for modifier in &self.rewrites {
            let name = modifier.name();
            if *modifier == Modifier::Windash {
                if bytes.is_some() {
                    return Err("`windash` must come before the modifiers that encode".to_owned());
                }
                let rewritten = variants.iter().map(|variant| encode::windash(variant)).collect::<Result<Vec<_>, _>>()?;
                variants = rewritten.into_iter().flatten().collect();
            } else if matches!(modifier, Modifier::Base64 | Modifier::Base64Offset) {
                let mut encoded = Vec::new();
                for variant in &variants {
                    let input = bytes.take().map_or_else(|| plain(variant, name).map(String::into_bytes), Ok)?;
                    if *modifier == Modifier::Base64Offset {
                        encoded.extend(encode::base64_offsets(&input));
                    } else {
                        encoded.push(encode::base64(&input));
                    }
                }
                variants = encoded.into_iter().map(|text| vec![Segment::Literal(text)]).collect();
            } else {
                if bytes.is_some() {
                    return Err(format!("`{name}` comes after another encoding"));
                }
                let [variant] = variants.as_slice() else {
                    return Err(format!("`{name}` encodes one text, not several: it must come first"));
                };
                bytes = Some(encode::utf16(&plain(variant, name)?, *modifier));
            }
        }
        match bytes {
            None => Ok(variants),
            Some(bytes) => String::from_utf8(bytes)
                .map(|text| vec![vec![Segment::Literal(text)]])
                .map_err(|_| "the encoded bytes are no text; add `base64` or `base64offset`".to_owned()),
        }
    }

    fn regex(&self, lowering: &mut Lowering<'_, '_>, pattern: &str, span: Span) -> Option<ValueTest> {
        let (ignore_case, multiline, dot_all) = self.flags;
        let test = RegexTest { pattern: pattern.to_owned(), ignore_case, multiline, dot_all, fancy: false };
        let whole = format!("{}{pattern}", test.flags());
        let fancy = match needs_more(&whole) {
            Ok(fancy) => fancy,
            Err(why) => {
                let message = format!("this regular expression cannot be read: {why}");
                lowering.diagnostics.push(Diagnostic::error(E0211, span, message).help("patterns follow the syntax in docs/semantics.md"));
                return None;
            }
        };
        if fancy {
            let message = "this regular expression needs look-around, back-references or the like, which KQL lacks";
            let help = "say it with several selections, or skip the targets that cannot run it";
            lowering.diagnostics.push(Diagnostic::warning(W0205, span, message).help(help));
        }
        Some(ValueTest::Regex(RegexTest { fancy, ..test }))
    }

    fn field_reference(&self, lowering: &mut Lowering<'_, '_>, name: &str, span: Span) -> Option<ValueTest> {
        let other = lowering.field(name, span)?;
        Some(ValueTest::Field(FieldTest { other, relation: self.relation.unwrap_or(Relation::Equals), cased: self.cased }))
    }
}

/// Whether it is a mistake in every dialect, though `fancy-regex` takes the characters as they stand.
fn is_slip(kind: &regex_syntax::ast::ErrorKind) -> bool {
    use regex_syntax::ast::ErrorKind;
    matches!(
        kind,
        ErrorKind::RepetitionCountInvalid
            | ErrorKind::RepetitionCountDecimalEmpty
            | ErrorKind::RepetitionCountUnclosed
            | ErrorKind::ClassRangeInvalid
            | ErrorKind::ClassRangeLiteral
            | ErrorKind::ClassUnclosed
            | ErrorKind::GroupNameInvalid
            | ErrorKind::GroupNameEmpty
            | ErrorKind::GroupNameDuplicate { .. }
            | ErrorKind::EscapeHexInvalid
            | ErrorKind::EscapeHexInvalidDigit
            | ErrorKind::EscapeHexEmpty
    )
}

fn plain(segments: &[Segment], modifier: &str) -> Result<String, String> {
    match segments {
        [] => Ok(String::new()),
        [Segment::Literal(text)] => Ok(text.clone()),
        _ => Err(format!("`{modifier}` cannot encode a text with wildcards")),
    }
}

/// A pattern of at most so many states is never too large to be compiled.
const SMALL_PATTERN: usize = 5_000;

/// Whether a pattern needs more than `regex-syntax` knows, or why it is none. Compiling is left out where it cannot tell
/// more than parsing.
fn needs_more(whole: &str) -> Result<bool, String> {
    let plain = regex_syntax::Parser::new().parse(whole);
    let read = |error: fancy_regex::Error| first_line(&error.to_string());
    let tree = fancy_regex::Expr::parse_tree(whole).map_err(read)?;
    if !plain.as_ref().is_ok_and(|pattern| states(pattern) <= SMALL_PATTERN) {
        fancy_regex::Regex::new(whole).map_err(read)?;
    }
    if let Err(regex_syntax::Error::Parse(error)) = &plain
        && is_slip(error.kind())
    {
        return Err(error.kind().to_string());
    }
    // `a++` never gives back what it has taken; `regex-syntax` reads a repetition of a repetition
    let atomic = |part: &fancy_regex::Expr| matches!(part, fancy_regex::Expr::AtomicGroup(_));
    Ok(plain.is_err() || atomic(&tree.expr) || tree.expr.has_descendant(atomic))
}

/// About how many states a compiled pattern has.
fn states(pattern: &Hir) -> usize {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)) as usize;
            states(&repetition.sub).saturating_mul(times.max(1))
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(states).fold(1, usize::saturating_add),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(text);
    line.trim().trim_start_matches("error: ").to_owned()
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Boolean(_) => "a boolean",
        Value::Number(number) if !number.is_integer() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

/// A network; an address alone is a network of one; set host bits are an error.
fn network(lowering: &mut Lowering<'_, '_>, text: &str, span: Span) -> Option<IpNet> {
    let parsed: Result<IpNet, _> = text.parse().or_else(|error| text.parse::<std::net::IpAddr>().map(IpNet::from).map_err(|_| error));
    let (message, help) = match parsed {
        Ok(net) if net.trunc() == net => return Some(net),
        Ok(net) => (format!("`{text}` has host bits set"), format!("did you mean `{}`?", net.trunc())),
        Err(_) => (format!("`{text}` is not a network"), "write it like 10.0.0.0/8 or fe80::/10".to_owned()),
    };
    lowering.diagnostics.push(Diagnostic::error(E0210, span, message).help(help));
    None
}

/// Whether the field's type allows the test at all.
fn check_field(lowering: &mut Lowering<'_, '_>, block: &ItemBlock, field: Option<&Field>, plan: &Plan) -> Option<()> {
    let fail = |lowering: &mut Lowering<'_, '_>, code: Code, message: String| {
        lowering.diagnostics.push(Diagnostic::error(code, block.span, message));
        None
    };
    let Some(field) = field else {
        let fits = matches!(plan.kind, TestKind::Value | TestKind::Regex);
        return if fits { Some(()) } else { fail(lowering, E0209, "keywords cannot have this modifier: it needs a field".to_owned()) };
    };
    match (plan.kind, field.kind) {
        (TestKind::Cidr, FieldType::Integer | FieldType::Number | FieldType::Boolean | FieldType::Timestamp) => {
            fail(lowering, E0217, format!("`{}` holds no addresses", field.name))
        }
        (TestKind::Time(..), FieldType::Integer | FieldType::Number | FieldType::Boolean | FieldType::Ip) => {
            fail(lowering, E0217, format!("`{}` holds no times", field.name))
        }
        (TestKind::Compare(_), FieldType::Boolean | FieldType::Ip) => fail(lowering, E0217, format!("`{}` holds no numbers", field.name)),
        (TestKind::Value, FieldType::Integer | FieldType::Number | FieldType::Boolean)
            if plan.relation.is_none() && plan.rewrites.is_empty() =>
        {
            warn_about_types(lowering, block, field);
            Some(())
        }
        _ => Some(()),
    }
}

/// A number field never equals a text that is no number, a Boolean field only `true` and `false`.
fn warn_about_types(lowering: &mut Lowering<'_, '_>, block: &ItemBlock, field: &Field) {
    for value in &block.values {
        let possible = match (&value.value, field.kind) {
            (Value::Null | Value::List(_) | Value::Map(_), _) => true,
            (Value::Text(text), _) if text.contains(['*', '?', '%']) => true,
            (Value::Text(text), FieldType::Boolean) => matches!(text.to_lowercase().as_str(), "true" | "false"),
            (Value::Boolean(_), kind) => kind == FieldType::Boolean,
            (Value::Text(text), _) => Number::parse(text).is_some(),
            (Value::Number(_), kind) => kind != FieldType::Boolean,
        };
        if !possible {
            let kind = if field.kind == FieldType::Boolean { "true or false" } else { "a number" };
            let message = format!("`{}` holds {kind}, so it never equals this", field.name);
            lowering.diagnostics.push(Diagnostic::warning(W0206, value.span, message));
        }
    }
}
