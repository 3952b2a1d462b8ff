//! A selection → selections in which one alternative, item, value or modifier differs.
//!
//! The body says where items begin and end, the condition what they mean: both together make a tree of items.

use super::value::{OneValue, altered, values};
use super::{Kind, Variant, value, with, without};
use crate::detection::{Comparison, Condition, Item, Modifier, Predicate, Selection, SelectionBody, Subject, ValueTest};
use crate::source::Span;

/// So many values of one item are left out one by one: each time, all others are tested.
const MOST_VALUES: usize = 1_000;

/// Variants that are made one after the other: a long list has many, each with the rest of the list.
type Lazy<'n, T> = Box<dyn Iterator<Item = Variant<T>> + Send + 'n>;

/// What a selection means, with its items visible.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// All of them hold: a map.
    All(Vec<Node>),
    /// One of them holds: a list.
    Any(Vec<Node>),
    /// `field|modifiers: values`
    Item(Box<ItemNode>),
}

/// An item with the tests that each of its values stands for.
#[derive(Debug, Clone)]
pub(super) struct ItemNode {
    written: String,
    span: Span,
    subject: Subject,
    modifiers: Vec<Modifier>,
    values: Vec<OneValue>,
}

impl Node {
    /// The tree of a selection.
    pub fn of(selection: &Selection) -> Node {
        let mut predicates = Vec::new();
        selection.condition.predicates(&mut |predicate| predicates.push(predicate));
        Node::of_body(&selection.body, &predicates)
    }

    fn of_body(body: &SelectionBody, predicates: &[&Predicate]) -> Node {
        match body {
            SelectionBody::Items(items) => Node::All(items.iter().filter_map(|item| ItemNode::of(item, predicates)).collect()),
            SelectionBody::Alternatives(bodies) => Node::Any(bodies.iter().map(|body| Node::of_body(body, predicates)).collect()),
            // the other detection has tests of its own
            SelectionBody::Alerts(_) => Node::All(Vec::new()),
        }
    }

    /// What it means.
    pub fn condition(&self) -> Condition {
        match self {
            Node::All(nodes) => Condition::all(nodes.iter().map(Node::condition)),
            Node::Any(nodes) => Condition::any(nodes.iter().map(Node::condition)),
            Node::Item(item) => item.condition(),
        }
    }

    /// All variants, in the order of the text.
    pub fn variants(&self) -> Lazy<'_, Node> {
        match self {
            Node::All(nodes) => Box::new(parts(nodes, Node::All, |_, node| node.name())),
            Node::Any(nodes) => Box::new(parts(nodes, Node::Any, |index, _| format!("alternative {}", index + 1))),
            Node::Item(item) => Box::new(item.variants().map(|variant| variant.map(|item| Node::Item(Box::new(item))))),
        }
    }

    fn name(&self) -> String {
        match self {
            Node::Item(item) => item.key(&item.modifiers),
            Node::All(_) | Node::Any(_) => String::new(),
        }
    }

    /// The place of the first item.
    fn span(&self) -> Span {
        match self {
            Node::Item(item) => item.span,
            Node::All(nodes) | Node::Any(nodes) => nodes.first().map(Node::span).unwrap_or_default(),
        }
    }
}

/// Without each of the parts, and with each part changed.
fn parts<'n>(
    nodes: &'n [Node],
    join: fn(Vec<Node>) -> Node,
    name: fn(usize, &Node) -> String,
) -> impl Iterator<Item = Variant<Node>> + Send + 'n {
    nodes.iter().enumerate().flat_map(move |(index, node)| {
        let lost = || Variant::loses(node.span(), Kind::Logic, &name(index, node), join(without(nodes, index)));
        let lost = (nodes.len() > 1).then(lost);
        let deeper = node.variants().map(move |variant| variant.map(|node| join(with(nodes, index, node))));
        lost.into_iter().chain(deeper)
    })
}

impl ItemNode {
    fn of(item: &Item, predicates: &[&Predicate]) -> Option<Node> {
        let own: Vec<&Predicate> = predicates.iter().copied().filter(|predicate| predicate.span == item.span).collect();
        let subject = own.first()?.subject.clone();
        let (written, modifiers) = (item.written.clone(), item.modifiers.clone());
        Some(Node::Item(Box::new(ItemNode { written, span: item.span, subject, modifiers, values: values(item, &own) })))
    }

    fn has(&self, modifier: Modifier) -> bool {
        self.modifiers.contains(&modifier)
    }

    fn condition(&self) -> Condition {
        let one = |tests: Vec<ValueTest>| Condition::Match(Predicate { subject: self.subject.clone(), tests, span: self.span });
        let tests = || self.values.iter().map(|value| value.tests.clone());
        let condition = if self.has(Modifier::All) { Condition::all(tests().map(one)) } else { one(tests().flatten().collect()) };
        if self.has(Modifier::Neq) { Condition::not(condition) } else { condition }
    }

    /// `field|modifiers`
    fn key(&self, modifiers: &[Modifier]) -> String {
        let field = if self.written.is_empty() { "keywords" } else { &self.written };
        modifiers.iter().fold(field.to_owned(), |key, modifier| format!("{key}|{}", modifier.name()))
    }

    fn variants(&self) -> impl Iterator<Item = Variant<ItemNode>> + Send + '_ {
        let modifiers = self.modifiers.iter().enumerate().flat_map(|(index, modifier)| self.other_modifiers(index, *modifier));
        let values = self.values.iter().take(MOST_VALUES).enumerate();
        modifiers.chain(self.loosened()).chain(values.flat_map(|(index, value)| self.other_values(index, value)))
    }

    /// Whole texts as parts of texts.
    fn loosened(&self) -> Option<Variant<ItemNode>> {
        let plain = self.modifiers.iter().all(|modifier| matches!(modifier, Modifier::Cased | Modifier::Neq | Modifier::All));
        let whole = |value: &OneValue| value.tests.iter().any(value::is_whole_text);
        let modifiers: Vec<Modifier> = std::iter::once(Modifier::Contains).chain(self.modifiers.iter().copied()).collect();
        (plain && self.values.iter().any(whole)).then(|| {
            let (old, new) = (self.key(&self.modifiers), self.key(&modifiers));
            let values = self.values.iter().map(|value| value.map(&value::loose)).collect();
            Variant::becomes(self.span, Kind::Modifier, &old, &new, ItemNode { modifiers, values, ..self.clone() })
        })
    }

    /// The item with a modifier less, or with another one in its place.
    fn other_modifiers(&self, index: usize, modifier: Modifier) -> Vec<Variant<ItemNode>> {
        let becomes = |modifiers: Vec<Modifier>, change: &dyn Fn(&ValueTest) -> ValueTest| {
            let (old, new) = (self.key(&self.modifiers), self.key(&modifiers));
            let values = self.values.iter().map(|value| value.map(change)).collect();
            Variant::becomes(self.span, Kind::Modifier, &old, &new, ItemNode { modifiers, values, ..self.clone() })
        };
        let dropped = || without(&self.modifiers, index);
        let replaced = |other| with(&self.modifiers, index, other);
        let compared = |others: [(Modifier, Comparison); 2]| {
            others.map(|(other, comparison)| becomes(replaced(other), &|test| value::compared(test, comparison))).into()
        };
        match modifier {
            Modifier::Contains => vec![becomes(dropped(), &value::whole)],
            Modifier::StartsWith | Modifier::EndsWith => vec![becomes(replaced(Modifier::Contains), &value::anywhere)],
            Modifier::Cased => vec![becomes(dropped(), &value::ignoring_case)],
            Modifier::All if self.values.len() > 1 => vec![becomes(dropped(), &ValueTest::clone)],
            Modifier::Neq => vec![becomes(dropped(), &ValueTest::clone)],
            Modifier::IgnoreCase | Modifier::Multiline | Modifier::DotAll => {
                vec![becomes(dropped(), &|test| value::without_flag(test, modifier))]
            }
            Modifier::Windash | Modifier::Base64Offset => {
                let mut variant = becomes(dropped(), &ValueTest::clone);
                variant.value.values.iter_mut().for_each(|value| value.tests.truncate(1));
                vec![variant]
            }
            Modifier::Lt => compared([(Modifier::Lte, Comparison::LessOrEqual), (Modifier::Gt, Comparison::Greater)]),
            Modifier::Lte => compared([(Modifier::Lt, Comparison::Less), (Modifier::Gte, Comparison::GreaterOrEqual)]),
            Modifier::Gt => compared([(Modifier::Gte, Comparison::GreaterOrEqual), (Modifier::Lt, Comparison::Less)]),
            Modifier::Gte => compared([(Modifier::Gt, Comparison::Greater), (Modifier::Lte, Comparison::LessOrEqual)]),
            // the value says it all, or is changed instead
            Modifier::All
            | Modifier::Exists
            | Modifier::Re
            | Modifier::Cidr
            | Modifier::Base64
            | Modifier::Utf16
            | Modifier::Utf16Le
            | Modifier::Utf16Be
            | Modifier::Wide
            | Modifier::FieldRef
            | Modifier::Expand
            | Modifier::Minute
            | Modifier::Hour
            | Modifier::Day
            | Modifier::Week
            | Modifier::Month
            | Modifier::Year => Vec::new(),
        }
    }

    /// Without a value if there are several, else with another one; a network also with another size.
    fn other_values<'n>(&'n self, index: usize, value: &'n OneValue) -> impl Iterator<Item = Variant<ItemNode>> + Send + 'n {
        let key = self.key(&self.modifiers);
        let several = self.values.len() > 1;
        let lost = several.then(|| Variant {
            change: format!("`{key}` loses `{}`", value.shown),
            span: self.span,
            kind: Kind::Value,
            value: ItemNode { values: without(&self.values, index), ..self.clone() },
        });
        let is_network = matches!(value.tests.as_slice(), [ValueTest::Network(_)]);
        let others = if several && !is_network { Vec::new() } else { altered(value) };
        let changed = others.into_iter().map(move |other| Variant {
            change: format!("`{key}`: `{}` becomes `{}`", value.shown, other.shown),
            span: self.span,
            kind: Kind::Value,
            value: ItemNode { values: with(&self.values, index, other), ..self.clone() },
        });
        lost.into_iter().chain(changed)
    }
}

/// All variants of a selection's condition that are not the condition itself.
pub(super) fn variants<'n>(selection: &'n Selection, node: &'n Node) -> impl Iterator<Item = Variant<Condition>> + Send + 'n {
    let changed = node.variants().map(|variant| variant.map(|node| node.condition()));
    changed.filter(|variant| variant.value != selection.condition)
}
