//! A seed → the text of a spec that nobody wrote: the whole language, at random. Some are no valid specs; the caller
//! leaves those out.

use crate::random::Random;
use serde_json::{Map, Value, json};

/// A field of the log sources that the specs use, and what may be written of it.
#[derive(Clone, Copy)]
struct Known {
    name: &'static str,
    kind: Kind,
    /// Whether it may be a group key or the argument of a measure.
    single: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Text or number: a log source that nobody has described.
    Any,
    Text,
    Number,
    Boolean,
    Address,
    Moment,
}

const fn known(name: &'static str, kind: Kind, single: bool) -> Known {
    Known { name, kind, single }
}

/// Fields of `example/log`, which nobody has described.
const OPEN: &[Known] = &[
    known("user", Kind::Any, true),
    known("name", Kind::Any, true),
    known("size", Kind::Any, true),
    known("path.sub", Kind::Any, true),
    known("odd name", Kind::Any, true),
];

/// Fields of `typed/log`, one of every kind of binding.
const TYPED: &[Known] = &[
    known("text", Kind::Text, true),
    known("number", Kind::Number, true),
    known("integer", Kind::Number, true),
    known("digits", Kind::Number, true),
    known("flag", Kind::Boolean, true),
    known("ip", Kind::Address, true),
    known("seen", Kind::Moment, true),
    known("member", Kind::Text, true),
    known("member_text", Kind::Text, true),
    known("items", Kind::Text, false),
    known("sizes", Kind::Number, false),
    known("group", Kind::Text, true),
    known("result", Kind::Text, true),
];

const TEXTS: &[&str] = &[
    "ann",
    "Ann",
    "bob",
    "a",
    "",
    "x y",
    "*",
    "?",
    "a*",
    "*b",
    "*a*",
    "a?c",
    r"\*",
    r"a\*b",
    r"\\",
    r"a\b",
    r"\\*",
    r"c:\\x",
    "it's",
    "\"q\"",
    "%",
    "_",
    "a%b",
    "a_b",
    "|",
    "$x$",
    "`",
    "[a]",
    "{a}",
    "(a)",
    "a,b",
    "é",
    "É",
    "日本",
    "null",
    "true",
    "10",
    "1.5",
    "-1",
    "10.1.2.3",
    "a\tb",
    "a\nb",
    "--",
    "//",
    "#",
    "'; drop",
    "') or 1=1",
    "ok",
    "failed",
];
const REGEXES: &[&str] =
    &["a", "^a", "b$", "^ann$", "[0-9]+", "a.b", "a|b", r"\d{2}", "x y", r"\.", "(ab)+", "a{2,3}", "^$", r"[^a]", r"\\", "'"];
const NETWORKS: &[&str] = &["10.0.0.0/8", "192.168.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32"];
const WINDOWS: &[&str] = &["1h", "10m", "7m", "1d"];

/// The spec of a seed, as JSON, which is YAML too.
pub fn text(seed: u64) -> String {
    let mut maker = Maker { random: Random::new(seed), typed: false };
    maker.typed = maker.chance(45);
    serde_json::to_string_pretty(&maker.spec(seed)).expect("a text")
}

/// Rules of several log sources and a correlation over them, of a seed.
pub fn several(seed: u64) -> String {
    let mut maker = Maker { random: Random::new(seed), typed: false };
    let documents = maker.several(seed);
    let text = |document: &Value| serde_json::to_string_pretty(document).expect("a text");
    documents.iter().map(text).collect::<Vec<_>>().join("\n---\n")
}

/// The log source of a rule: whether it is described.
fn log_source(typed: bool) -> Value {
    if typed { json!({ "product": "typed", "service": "log" }) } else { json!({ "product": "example", "service": "log" }) }
}

struct Maker {
    random: Random,
    typed: bool,
}

impl Maker {
    fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.below(list.len())]
    }

    fn field(&mut self) -> Known {
        self.pick(if self.typed { TYPED } else { OPEN })
    }

    fn single_field(&mut self, wanted: &[Kind]) -> Known {
        loop {
            let field = self.field();
            if field.single && (field.kind == Kind::Any || wanted.contains(&field.kind)) {
                return field;
            }
        }
    }

    fn spec(&mut self, seed: u64) -> Value {
        let names: Vec<String> = (0..=self.random.below(3)).map(|index| format!("s{index}")).collect();
        let mut detection = Map::new();
        for name in &names {
            detection.insert(name.clone(), self.selection());
        }
        let aggregated = self.chance(55);
        let every = aggregated && self.chance(40);
        if !every {
            let depth = self.random.below(3);
            detection.insert("condition".into(), self.condition(&names, depth).into());
        }
        let mut spec = Map::new();
        spec.insert("title".into(), format!("Random {seed}").into());
        spec.insert("logsource".into(), log_source(self.typed));
        spec.insert("detection".into(), detection.into());
        if aggregated {
            spec.insert("aggregate".into(), self.aggregate(&names));
        } else if self.chance(30) {
            let fields: Vec<&str> = (0..=self.random.below(3)).map(|_| self.field().name).collect();
            spec.insert("fields".into(), fields.into());
        }
        spec.into()
    }

    fn several(&mut self, seed: u64) -> Vec<Value> {
        let rules: Vec<(String, bool)> = (0..2 + self.random.below(2)).map(|index| (format!("rule_{index}"), self.chance(50))).collect();
        let mut documents: Vec<Value> = rules.iter().map(|(name, typed)| self.rule(name, *typed)).collect();
        documents.push(self.correlation(seed, &rules));
        documents
    }

    fn rule(&mut self, name: &str, typed: bool) -> Value {
        self.typed = typed;
        let names: Vec<String> = (0..=self.random.below(2)).map(|index| format!("s{index}")).collect();
        let mut detection: Map<String, Value> = names.iter().map(|name| (name.clone(), self.selection())).collect();
        let depth = self.random.below(2);
        detection.insert("condition".into(), self.condition(&names, depth).into());
        json!({ "title": name, "name": name, "logsource": log_source(typed), "detection": detection })
    }

    fn correlation(&mut self, seed: u64, rules: &[(String, bool)]) -> Value {
        let kinds = [
            "event_count",
            "value_count",
            "value_sum",
            "value_avg",
            "value_percentile",
            "value_median",
            "temporal",
            "temporal",
            "temporal",
        ];
        let kind = self.pick(&kinds);
        let keys: Vec<String> = (0..self.random.below(3)).map(|index| format!("key_{index}")).collect();
        let mut aliases: Map<String, Value> =
            keys.iter().map(|key| (key.clone(), self.alias(rules, &[Kind::Text, Kind::Address, Kind::Number, Kind::Boolean]))).collect();
        let mut correlation = Map::new();
        correlation.insert("type".into(), kind.into());
        correlation.insert("rules".into(), rules.iter().map(|(name, _)| name.as_str()).collect());
        correlation.insert("timespan".into(), self.pick(WINDOWS).into());
        if !keys.is_empty() {
            correlation.insert("group-by".into(), keys.clone().into());
        }
        let operator = self.pick(&["gte", "gt", "lt", "lte", "eq", "neq"]);
        let mut condition = Map::from_iter([(operator.to_owned(), json!(1 + self.random.below(3)))]);
        match kind {
            "temporal" => {
                let written = self.pick(&["rule_0 and rule_1", "rule_0 and not rule_1", "rule_0 or rule_1", "not rule_0 and rule_1"]);
                correlation.insert("condition".into(), written.into());
            }
            "event_count" => drop(correlation.insert("condition".into(), condition.into())),
            _ => {
                let wanted: &[Kind] = if kind == "value_count" { &[Kind::Text, Kind::Number, Kind::Address] } else { &[Kind::Number] };
                // a field may be measured and grouped by
                let measured = match keys.first().filter(|_| self.chance(15)) {
                    Some(key) => key.clone(),
                    None => "measured".to_owned(),
                };
                if !aliases.contains_key(&measured) {
                    aliases.insert(measured.clone(), self.alias(rules, wanted));
                }
                condition.insert("field".into(), measured.into());
                if kind == "value_percentile" {
                    condition.insert("percentile".into(), json!(self.pick(&[25, 90])));
                }
                correlation.insert("condition".into(), condition.into());
            }
        }
        correlation.insert("aliases".into(), aliases.into());
        json!({ "title": format!("Several {seed}"), "correlation": correlation })
    }

    /// A field of each rule.
    fn alias(&mut self, rules: &[(String, bool)], wanted: &[Kind]) -> Value {
        let mut fields = Map::new();
        for (rule, typed) in rules {
            self.typed = *typed;
            fields.insert(rule.clone(), self.single_field(wanted).name.into());
        }
        fields.into()
    }

    fn condition(&mut self, names: &[String], depth: usize) -> String {
        let name = names[self.random.below(names.len())].clone();
        match self.random.below(if depth == 0 { 2 } else { 8 }) {
            0 | 1 => name,
            2 => format!("not {}", self.condition(names, 0)),
            3 => format!("({}) and ({})", self.condition(names, depth - 1), self.condition(names, depth - 1)),
            4 => format!("({}) or ({})", self.condition(names, depth - 1), self.condition(names, depth - 1)),
            5 => format!("not ({})", self.condition(names, depth - 1)),
            6 => self.pick(&["1 of them", "all of them", "1 of s*", "2 of them"]).to_owned(),
            _ => format!("{} and not {}", self.condition(names, 0), self.condition(names, 0)),
        }
    }

    fn selection(&mut self) -> Value {
        match self.random.below(10) {
            0 if !self.typed => {
                (0..=self.random.below(2)).map(|_| Value::from(self.pick(&["ann", "x y", "a*b", "Bob", "pass_word", "50%"]))).collect()
            }
            1 | 2 => (0..=self.random.below(2)).map(|_| self.map()).collect(),
            _ => self.map(),
        }
    }

    fn map(&mut self) -> Value {
        let mut map = Map::new();
        for _ in 0..=self.random.below(2) {
            let (key, value) = self.item();
            map.insert(key, value);
        }
        map.into()
    }

    fn item(&mut self) -> (String, Value) {
        let field = self.field();
        let (modifiers, value) = match (field.kind, self.random.below(20)) {
            (_, 0) => (vec!["exists"], json!(self.chance(50))),
            (_, 1) => (vec![], Value::Null),
            (Kind::Text | Kind::Any, 2 | 3) => (self.regex_modifiers(), self.values(REGEXES)),
            (Kind::Text | Kind::Any, 4) => (vec!["fieldref"], self.single_field(&[Kind::Text]).name.into()),
            (Kind::Address | Kind::Any, 5 | 6) => (vec!["cidr"], self.values(NETWORKS)),
            (Kind::Number | Kind::Any, 7..=9) => (vec![self.pick(&["gt", "gte", "lt", "lte"])], self.number()),
            (Kind::Text | Kind::Any, 10..=15) => (self.text_modifiers(), self.values(TEXTS)),
            (Kind::Moment, _) => (vec![self.pick(&["hour", "minute"])], json!(self.random.below(24))),
            (Kind::Boolean, _) => (vec![], json!(self.chance(50))),
            (Kind::Number, _) => (vec![], self.number()),
            (Kind::Address, _) => (vec![], self.pick(&["10.1.2.3", "8.8.8.8"]).into()),
            (Kind::Any, 16) => (vec![], self.number()),
            (Kind::Text | Kind::Any, _) => (vec![], self.values(TEXTS)),
        };
        let mut key = field.name.to_owned();
        modifiers.iter().for_each(|modifier| key.extend(["|", modifier]));
        if self.chance(6) && !modifiers.contains(&"exists") {
            key.push_str("|neq");
        }
        (key, value)
    }

    fn regex_modifiers(&mut self) -> Vec<&'static str> {
        if self.chance(40) { vec!["re", "i"] } else { vec!["re"] }
    }

    fn text_modifiers(&mut self) -> Vec<&'static str> {
        let mut modifiers = vec![self.pick(&["contains", "startswith", "endswith"])];
        if self.chance(15) {
            modifiers.push("all");
        }
        if self.chance(15) {
            modifiers.push("cased");
        }
        modifiers
    }

    /// One value or several.
    fn values(&mut self, list: &[&str]) -> Value {
        if self.chance(60) {
            return self.pick(list).into();
        }
        (0..2 + self.random.below(3)).map(|_| Value::from(self.pick(list))).collect()
    }

    fn number(&mut self) -> Value {
        let numbers = [json!(0), json!(1), json!(2), json!(3), json!(10), json!(1.5), json!(-1), json!(4625)];
        numbers[self.random.below(numbers.len())].clone()
    }

    fn aggregate(&mut self, names: &[String]) -> Value {
        let mut aggregate = Map::new();
        let keys: Vec<String> = (0..self.random.below(3)).map(|_| self.group_key()).collect();
        if !keys.is_empty() {
            aggregate.insert("group-by".into(), keys.into());
        }
        let window = self.pick(WINDOWS);
        let window = match self.random.below(10) {
            0 | 1 => json!({ "sliding": window }),
            2 => json!({ "sliding": window, "at": names[self.random.below(names.len())] }),
            3 => json!("lookback"),
            _ => json!(window),
        };
        aggregate.insert("window".into(), window);
        let mut measures = Map::new();
        for index in 0..=self.random.below(3) {
            measures.insert(format!("m{index}"), self.measure(names).into());
        }
        // every condition can name it
        measures.insert("events".into(), "count()".into());
        aggregate.insert("measures".into(), measures.into());
        if self.chance(30) {
            let derived = self.pick(&[
                "events / 3",
                "round(events / 7, 2)",
                "greatest(events, 4) - 1",
                "events * 100 / greatest(events - 2, 1)",
                "floor(events / 2) + coalesce(events / (events - 2), -1)",
                "-events",
            ]);
            aggregate.insert("derive".into(), json!({ "derived": derived }));
            if self.chance(50) {
                aggregate.insert("sort".into(), json!(["-derived"]));
            }
        }
        aggregate.insert("condition".into(), self.threshold().into());
        if self.chance(30) {
            let cases = json!([{ "when": self.threshold(), "then": "it's 100% \"big\"" }, { "when": "events >= 3", "then": r"a\b" }, { "otherwise": "small" }]);
            aggregate.insert("label".into(), json!({ "kind": cases }));
        }
        aggregate.into()
    }

    fn group_key(&mut self) -> String {
        let field = self.single_field(&[Kind::Text, Kind::Address]).name;
        let plain = field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain && self.chance(15) { format!("lower({field})") } else { field.to_owned() }
    }

    fn threshold(&mut self) -> String {
        let least = self.random.below(4);
        match self.random.below(6) {
            0 => format!("events > {least} and m0 >= 1"),
            1 => format!("m0 > {least} or events >= {}", least + 3),
            2 => format!("not (events < {})", least + 1),
            3 => format!("m0 >= {least}"),
            _ => format!("events > {least}"),
        }
    }

    /// Which events a measure counts.
    fn filter(&mut self, names: &[String]) -> String {
        let name = &names[self.random.below(names.len())];
        let (number, text) = (self.argument(&[Kind::Number]), self.argument(&[Kind::Text]));
        match self.random.below(5) {
            0 => format!("not {name}"),
            1 => format!("{number} > 1"),
            2 => format!("{text} == 'ann'"),
            3 => format!("{name} or {text} != 'it\\'s'"),
            _ => name.clone(),
        }
    }

    /// A field whose name an expression can say.
    fn argument(&mut self, wanted: &[Kind]) -> &'static str {
        loop {
            let name = self.single_field(wanted).name;
            if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return name;
            }
        }
    }

    fn measure(&mut self, names: &[String]) -> String {
        let filter = if self.chance(35) { format!(" where {}", self.filter(names)) } else { String::new() };
        let (number, text) = (self.argument(&[Kind::Number]), self.argument(&[Kind::Text, Kind::Address, Kind::Number]));
        match self.random.below(10) {
            0 => format!("count({})", self.filter(names)),
            1 | 2 => format!("distinct({text}{filter})"),
            3 => format!("sum({number}{filter})"),
            4 => format!("avg({number}{filter})"),
            5 => format!("min({number}{filter})"),
            6 => format!("max({number}{filter})"),
            7 => format!("values({text}{filter})"),
            8 => format!("percentile({number}, {}{filter})", self.pick(&["50", "90", "100"])),
            _ => "count()".to_owned(),
        }
    }
}
