//! Queries of small detections, built by hand.

use super::super::{Options, Range, Rendered};
use crate::detection::*;
use crate::diagnostic::Diagnostic;
use crate::expression::*;
use crate::logsource::*;
use crate::source::{Source, Span};
use crate::target::Target;
use crate::template::Templates;
use crate::yaml::Number;
use std::collections::BTreeMap;
use std::sync::Arc;

fn field_at(name: &str, kind: FieldType, platform: &str) -> Arc<Field> {
    let column = if platform == "_time" { ColumnType::Time } else { ColumnType::Text };
    let place = Place::Column { name: platform.into(), kind: column };
    let spl = Some(Binding { place, values: Vec::new() });
    Arc::new(Field { kind, event: EventPath::Path(vec![name.into()]), spl, ..Others::default().field(name) })
}

fn field(name: &str) -> Arc<Field> {
    field_at(name, FieldType::Any, name)
}

fn log_source() -> LogSource {
    LogSource {
        id: LogSourceId::default(),
        title: String::new(),
        description: String::new(),
        definition: None,
        fields: Vec::new(),
        others: None,
        open: true,
        bound: Vec::new(),
        time: field_at("timestamp", FieldType::Timestamp, "_time"),
        time_format: TimeFormat::Iso8601,
        action: None,
        aql: None,
        spl: Some(SplOrigin { index: vec!["main".into()], sourcetype: vec!["audit".into()], ..SplOrigin::default() }),
        kql: None,
        selectors: Vec::new(),
        missing: Vec::new(),
        assumptions: Vec::new(),
        prerequisites: Vec::new(),
        skipped: Vec::new(),
        variants: Vec::new(),
        sample: None,
    }
}

fn detection(condition: Condition) -> Detection {
    Detection {
        metadata: Metadata::default(),
        log_source: Arc::new(log_source()),
        log_source_span: Span::default(),
        selections: Vec::new(),
        formula: Formula::Everything,
        exclusions: Vec::new(),
        condition,
        columns: Vec::new(),
        aggregate: None,
        schedule: Schedule { every: 3_600_000, lookback: 7_200_000, delay: 600_000, span: None },
        alert: Alert::default(),
        targets: Vec::new(),
        tests: Vec::new(),
        equivalent_mutants: Vec::new(),
        parameters: Vec::new(),
        lists: Vec::new(),
    }
}

fn test(field: &Arc<Field>, tests: Vec<ValueTest>) -> Condition {
    Condition::Match(Predicate { subject: Subject::Field(field.clone()), tests, span: Span::default() })
}

/// Sigma's notation without escapes.
fn pattern(text: &str, cased: bool) -> ValueTest {
    let segment = |c: char| match c {
        '*' => Segment::AnyRun,
        '?' => Segment::AnyCharacter,
        c => Segment::Literal(c.to_string()),
    };
    ValueTest::Text(TextPattern::new(text.chars().map(segment), cased))
}

fn literal(text: &str) -> ValueTest {
    ValueTest::Text(TextPattern::new([Segment::Literal(text.into())], false))
}

fn templates() -> Templates {
    let files = [
        ("operators.j2", include_str!("../../../templates/spl/operators.j2")),
        ("query.j2", include_str!("../../../templates/spl/query.j2")),
        ("aggregate.j2", include_str!("../../../templates/spl/aggregate.j2")),
        ("sliding.j2", include_str!("../../../templates/spl/sliding.j2")),
        ("artefact.j2", include_str!("../../../templates/spl/artefact.j2")),
    ];
    let mut sources = BTreeMap::new();
    for (name, text) in files {
        sources.insert(format!("spl/{name}"), Source { path: name.into(), text: text.into() });
    }
    Templates::read(&sources).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn render(detection: &Detection, range: Range) -> Result<Rendered, Vec<Diagnostic>> {
    super::render(detection, &[], templates().of(Target::Spl), &Options { range, ..Options::default() })
}

/// The conditions after the time range.
fn query(condition: Condition) -> String {
    let text = render(&detection(condition), Range::Hunt(3_600_000)).expect("renders").text;
    let start = "index=main sourcetype=\"audit\" earliest=-1h latest=now";
    text.strip_prefix(start).expect("starts with the origin").trim_start().to_owned()
}

fn one(test_: ValueTest) -> String {
    query(test(&field("f"), vec![test_]))
}

fn codes(condition: Condition) -> Vec<&'static str> {
    render(&detection(condition), Range::Scheduled).expect("renders").assumptions.iter().map(|d| d.code.0).collect()
}

#[test]
fn simple_patterns_stand_in_the_base_search() {
    assert_eq!(one(literal("foo")), r#"f="foo""#);
    assert_eq!(one(pattern("foo*", false)), r#"f="foo*""#);
    assert_eq!(one(pattern("*foo", false)), r#"f="*foo""#);
    assert_eq!(one(pattern("*foo*", false)), r#"f="*foo*""#);
    assert_eq!(one(pattern("*", false)), "f=*");
    assert_eq!(one(literal("C:\\Temp\\")), r#"f="C:\\Temp\\""#);
    assert_eq!(one(literal("say \"hi\" | x")), r#"f="say \"hi\" | x""#);
    assert_eq!(query(test(&field("f"), vec![literal("a"), pattern("b*", false)])), r#"f IN ("a", "b*")"#);
}

#[test]
fn other_patterns_get_a_weaker_search_and_a_where() {
    assert_eq!(
        one(pattern("fo?bar", false)),
        "(f=\"fo*\" AND f=\"*bar\")\n| where match(coalesce(f, \"\"), \"(?is)^fo.bar\\\\Z(?!\\\\n)\")"
    );
    assert_eq!(one(pattern("Foo", true)), "f=\"Foo\"\n| where coalesce(f, \"\")=\"Foo\"");
    assert_eq!(one(literal("a*b")), "(f=\"a*\" AND f=\"*b\")\n| where lower(coalesce(f, \"\"))=\"a*b\"");
    assert_eq!(one(literal("10.0.0.0/8")), "f=\"10.0.0.0/8*\"\n| where lower(coalesce(f, \"\"))=\"10.0.0.0/8\"");
    assert_eq!(one(literal("0123")), "f=\"0123\"\n| where match(coalesce(f, \"\"), \"(?i)^0123\\\\Z(?!\\\\n)\")");
    assert_eq!(one(literal("a\nb")), "(f=\"a*\" AND f=\"*b\")\n| where match(coalesce(f, \"\"), \"(?i)^a\\\\x0ab\\\\Z(?!\\\\n)\")");
    assert_eq!(one(literal("$x$`")), "f=\"*x*\"\n| where match(coalesce(f, \"\"), \"(?i)^\\\\x24x\\\\x24\\\\x60\\\\Z(?!\\\\n)\")");
}

#[test]
fn a_mixed_or_goes_to_where_as_a_whole() {
    let (f, g) = (field("f"), field("g"));
    let either = Condition::any([test(&f, vec![pattern("Foo", true)]), test(&g, vec![literal("x")])]);
    let text = query(Condition::all([either, Condition::not(test(&field("h"), vec![literal("z")]))]));
    assert_eq!(text, "(f=\"Foo\" OR g=\"x\") NOT h=\"z\"\n| where coalesce(f, \"\")=\"Foo\" OR lower(coalesce(g, \"\"))=\"x\"");
}

#[test]
fn negation_keeps_events_without_the_field() {
    let f = field("f");
    assert_eq!(query(Condition::not(test(&f, vec![literal("x")]))), r#"NOT f="x""#);
    assert_eq!(query(Condition::not(test(&f, vec![literal("x"), literal("y")]))), r#"NOT (f IN ("x", "y"))"#);
    assert_eq!(query(Condition::not(test(&f, vec![pattern("X", true)]))), "| where if(coalesce(f, \"\")=\"X\", 0, 1)=1");
}

#[test]
fn names_are_quoted_for_the_place_they_stand_in() {
    assert_eq!(query(test(&field("c-uri"), vec![literal("x")])), r#""c-uri"="x""#);
    assert_eq!(query(test(&field("a.b"), vec![pattern("X", true)])), "a.b=\"X\"\n| where coalesce('a.b', \"\")=\"X\"");
    assert_eq!(query(test(&field("AND"), vec![literal("x")])), r#""AND"="x""#);
    assert_eq!(query(test(&field("tag"), vec![literal("x")])), "| where lower(coalesce(tag, \"\"))=\"x\"");
    for name in ["f\" OR 1=1 OR \"g", "it's", "a[0]"] {
        assert!(render(&detection(test(&field(name), vec![pattern("X", true)])), Range::Scheduled).is_err(), "{name}");
    }
    assert_eq!(query(test(&field("a[0].b{}"), vec![literal("x")])), r#""a[0].b{}"="x""#);
}

#[test]
fn assumptions_are_those_that_apply() {
    let f = field("f");
    let number = Number::parse("4625").expect("a number");
    assert_eq!(codes(test(&f, vec![literal("x")])), Vec::<&str>::new());
    assert_eq!(codes(test(&f, vec![ValueTest::Absent])), ["P001"]);
    assert_eq!(codes(test(&f, vec![ValueTest::Number(number.clone())])), ["P003"]);
    assert_eq!(codes(test(&field_at("f", FieldType::Integer, "f"), vec![ValueTest::Number(number)])), Vec::<&str>::new());
    assert_eq!(codes(test(&f, vec![literal("Ä")])), ["P007"]);
    let keyword = Condition::Match(Predicate { subject: Subject::Event, tests: vec![pattern("*mimikatz*", false)], span: Span::default() });
    assert_eq!(query(keyword.clone()), "*mimikatz*");
    assert_eq!(codes(keyword), ["P002"]);
}

fn expression(kind: ExpressionKind, value_type: Type) -> Expression {
    Expression { kind, value_type, span: Span::default() }
}

fn aggregate(window: Window) -> Aggregate {
    let user = field_at("user", FieldType::Text, "author.name");
    let threshold = expression(
        ExpressionKind::Compare(
            Relational::Greater,
            Box::new(expression(ExpressionKind::Column(ColumnReference::Measure(0)), Type::Number)),
            Box::new(expression(ExpressionKind::Number(5.0), Type::Number)),
        ),
        Type::Boolean,
    );
    let measure = |name: &str, function, filter| Measure { name: name.into(), function, filter, span: Span::default() };
    let action = expression(ExpressionKind::Field(field_at("action", FieldType::Text, "action")), Type::Text);
    let search = expression(ExpressionKind::Selection(0), Type::Boolean);
    Aggregate {
        group_by: vec![GroupKey { name: "user".into(), field: user, lower: false, span: Span::default() }],
        window,
        measures: vec![
            measure("total", MeasureFunction::Count, None),
            measure("searches", MeasureFunction::Count, Some(search)),
            measure("actions", MeasureFunction::Distinct(action), None),
        ],
        derived: Vec::new(),
        condition: threshold,
        labels: vec![Label { name: "kind".into(), cases: Vec::new(), otherwise: Some("bulk".into()), span: Span::default() }],
        sort: vec![SortKey { column: "total".into(), descending: true }],
        span: Span::default(),
    }
}

fn aggregated(window: Window) -> String {
    let mut detection = detection(Condition::ALWAYS);
    let body = SelectionBody::Items(Vec::new());
    let condition = test(&field("action"), vec![literal("search")]);
    detection.selections.push(Selection { name: "search".into(), span: Span::default(), body, condition });
    detection.aggregate = Some(aggregate(window));
    render(&detection, Range::Scheduled).expect("renders").text
}

#[test]
fn tumbling_windows() {
    let expected = r#"index=main sourcetype="audit" earliest=-130m latest=-10m
| eval is_search=if(lower(coalesce(action, ""))="search", 1, 0)
| eval user="=".coalesce('author.name', "")
| eval window_start=floor(_time/3600)*3600
| stats
    count AS total,
    count(eval(is_search=1)) AS searches,
    dc(eval("=".action)) AS actions
    BY user, window_start
| eval user=nullif(substr(user, 2), "")
| eval window_end=window_start+3600
| where window_end>now()-4200 AND window_end<=now()-600
| where total>5
| eval kind=case(true(), "bulk")
| sort 0 -total, window_start, str(user)
| table user, window_start, window_end, total, searches, actions, kind"#;
    assert_eq!(aggregated(Window::Tumbling(3_600_000)), expected);
}

#[test]
fn sliding_windows() {
    let expected = r#"index=main sourcetype="audit" earliest=-130m latest=-10m
| eval is_search=if(lower(coalesce(action, ""))="search", 1, 0)
| eval cognate_user="=".coalesce('author.name', "")
| fields _time, cognate_user, is_search, action
| sort 0 _time
| streamstats time_window=10m
    count AS total,
    count(eval(is_search=1)) AS searches,
    dc(eval("=".action)) AS actions
    BY cognate_user
| reverse
| dedup _time cognate_user
| reverse
| eval user=nullif(substr(cognate_user, 2), "")
| eval window_start=_time-600
| eval window_end=_time
| eval cognate_holds=if(total>5, 1, 0)
| streamstats current=f window=1 global=f last(cognate_holds) AS cognate_held_before, last(_time) AS cognate_previous_time BY cognate_user
| where cognate_holds=1 AND (coalesce(cognate_held_before, 0)=0 OR _time-coalesce(cognate_previous_time, 0)>=600)
| where _time>=now()-4200
| eval kind=case(true(), "bulk")
| sort 0 -total, window_start, str(user)
| table user, window_start, window_end, total, searches, actions, kind"#;
    assert_eq!(aggregated(Window::Sliding { length: 600_000, at: None }), expected);
}

fn column(name: &str, field: &Arc<Field>) -> Column {
    Column { name: name.into(), field: field.clone(), span: Span::default() }
}

#[test]
fn columns_get_our_names_also_when_they_exchange_them() {
    let mut detection = detection(Condition::ALWAYS);
    let (a, b) = (field_at("a", FieldType::Text, "b"), field_at("b", FieldType::Text, "a"));
    detection.columns = vec![column("a", &a), column("b", &b), column("my_field", &field("my field")), column("c", &field("c"))];
    let text = render(&detection, Range::Hunt(60_000)).expect("renders").text;
    let expected = "\
| eval cognate_a=b
| eval cognate_b=a
| eval a=cognate_a
| eval b=cognate_b
| eval my_field='my field'
| table a, b, my_field, c";
    assert_eq!(text.split_once('\n').map(|(_, rest)| rest), Some(expected));
}

fn placed(name: &str, list: bool, place: Place, values: &[(&str, &str)]) -> Arc<Field> {
    let values = values.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect();
    Arc::new(Field { list, spl: Some(Binding { place, values }), ..(*field(name)).clone() })
}

#[test]
fn values_of_the_platform_become_ours() {
    let place = Place::Column { name: "kind".into(), kind: ColumnType::Text };
    let action = placed("action", false, place, &[("removed", "del"), ("added", "add")]);
    assert_eq!(query(test(&action, vec![literal("Removed")])), r#"kind IN ("del", "Removed")"#);
    assert_eq!(
        query(test(&action, vec![pattern("rem*", false)])),
        "| eval cognate_action=case(lower(kind)=\"del\", \"removed\", lower(kind)=\"add\", \"added\", true(), kind)\n\
         | where match(coalesce(cognate_action, \"\"), \"(?i)^rem\")"
    );
}

#[test]
fn members_of_json_are_extracted_first() {
    let path = vec!["a".to_owned(), "b".to_owned()];
    let json = placed("x", true, Place::Json { column: "payload".into(), text: true, path }, &[]);
    assert_eq!(
        query(test(&json, vec![literal("v")])),
        "| spath input=payload path=\"a.b{}\" output=cognate_x\n| where isnotnull(mvfilter(lower(cognate_x)=\"v\"))"
    );
    let element =
        |key: &str| Place::Element { column: "changed".into(), text: false, key: key.into(), equals: "Users".into(), value: "to".into() };
    assert_eq!(
        query(test(&placed("to", false, element("name"), &[]), vec![literal("v")])),
        "| spath path=\"changed{}\" output=cognate_to_elements\n\
         | eval cognate_to_elements=mvfilter(lower(json_extract(cognate_to_elements, \"name\"))=\"users\")\n\
         | eval cognate_to_elements=\"[\".mvjoin(cognate_to_elements, \",\").\"]\"\n\
         | spath input=cognate_to_elements path=\"{}.to\" output=cognate_to\n\
         | where lower(coalesce(cognate_to, \"\"))=\"v\""
    );
    assert!(render(&detection(test(&placed("to", false, element("a.b"), &[]), vec![literal("v")])), Range::Scheduled).is_err());
}

#[test]
fn a_field_without_a_place_is_refused() {
    let mut nowhere = (*field("f")).clone();
    nowhere.spl = None;
    let mut detection = detection(test(&Arc::new(nowhere), vec![literal("x")]));
    let mut source = log_source();
    source.open = false;
    detection.log_source = Arc::new(source);
    let problems = render(&detection, Range::Scheduled).expect_err("refused");
    assert_eq!(problems.iter().map(|problem| problem.code.0).collect::<Vec<_>>(), ["E0403"]);
    assert!(problems[0].help.is_some());
}

#[test]
fn places_that_splunk_reads_as_something_else_are_refused() {
    let refused = |sourcetype: &str| {
        let mut source = log_source();
        source.spl = Some(SplOrigin { index: vec!["*".into()], sourcetype: vec![sourcetype.into()], ..SplOrigin::default() });
        let mut detection = detection(test(&field("f"), vec![literal("x")]));
        detection.log_source = Arc::new(source);
        render(&detection, Range::Scheduled).is_err()
    };
    for name in ["`macro`", "a`b", "$token$", "a\nb", "a\u{0}b", "a\u{200b}b", "\u{202e}x"] {
        assert!(refused(name), "{name:?}");
    }
    for name in ["acme:*", "it's", "a\"b", "a\\", "a|b", "[x]", "cost $5"] {
        assert!(!refused(name), "{name:?}");
    }
}

#[test]
fn an_event_has_every_tag_and_one_of_the_sources() {
    let mut source = log_source();
    let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
    source.spl = Some(SplOrigin { source: texts(["a", "b"]), tag: texts(["process", "report"]), ..SplOrigin::default() });
    let mut detection = detection(test(&field("f"), vec![literal("x")]));
    detection.log_source = Arc::new(source);
    let text = render(&detection, Range::Hunt(3_600_000)).expect("renders").text;
    assert!(text.starts_with("source IN (\"a\", \"b\") tag=process tag=report earliest=-1h latest=now"), "{text}");
}
