//! Conditions as trees of finished fragments, and how they are laid out on lines of bounded width.

use crate::template::TargetTemplates;
use rustc_hash::FxHashSet;

/// A condition in KQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Doc {
    /// A finished fragment that binds tighter than `and`.
    Leaf(String),
    /// `a and b and c`: two or more.
    All(Vec<Doc>),
    /// `a or b or c`: two or more.
    Any(Vec<Doc>),
    /// An operator around a condition, such as `not(…)`.
    Call(&'static str, Box<Doc>),
    /// An operator over a value and a list of literals, such as `x in~ ("a", "b")`.
    OneOf {
        /// The operator.
        operator: &'static str,
        /// The value.
        value: String,
        /// The literals.
        items: Vec<String>,
    },
}

/// Lines are broken when they would be longer.
const WIDTH: usize = 110;
/// So many conditions at most stand in one chain; more are grouped, because the parser bounds the depth of a tree.
const LONGEST_CHAIN: usize = 64;

impl Doc {
    /// A finished fragment.
    pub fn leaf(text: impl Into<String>) -> Doc {
        Doc::Leaf(text.into())
    }

    /// `true`
    pub fn always() -> Doc {
        Doc::leaf("true")
    }

    /// `false`
    pub fn never() -> Doc {
        Doc::leaf("false")
    }

    fn is(&self, text: &str) -> bool {
        matches!(self, Doc::Leaf(leaf) if leaf == text)
    }

    /// Whether it is the constant `true`.
    pub fn is_always(&self) -> bool {
        self.is("true")
    }

    /// Whether it is the constant `false`.
    pub fn is_never(&self) -> bool {
        self.is("false")
    }

    /// All of them hold; repeated ones are dropped.
    pub fn all(parts: impl IntoIterator<Item = Doc>) -> Doc {
        let flat = flatten(parts, |doc| match doc {
            Doc::All(inner) => Ok(inner),
            other @ (Doc::Leaf(_) | Doc::Any(_) | Doc::Call(..) | Doc::OneOf { .. }) => Err(other),
        });
        if flat.iter().any(Doc::is_never) {
            return Doc::never();
        }
        let parts: Vec<Doc> = flat.into_iter().filter(|part| !part.is_always()).collect();
        if parts.is_empty() { Doc::always() } else { balance(parts, Doc::All) }
    }

    /// One of them holds; repeated ones are dropped.
    pub fn any(parts: impl IntoIterator<Item = Doc>) -> Doc {
        let flat = flatten(parts, |doc| match doc {
            Doc::Any(inner) => Ok(inner),
            other @ (Doc::Leaf(_) | Doc::All(_) | Doc::Call(..) | Doc::OneOf { .. }) => Err(other),
        });
        if flat.iter().any(Doc::is_always) {
            return Doc::always();
        }
        let parts: Vec<Doc> = flat.into_iter().filter(|part| !part.is_never()).collect();
        if parts.is_empty() { Doc::never() } else { balance(parts, Doc::Any) }
    }

    /// `not(…)` of a condition that is never null.
    pub fn not(inner: Doc) -> Doc {
        if inner.is_always() {
            Doc::never()
        } else if inner.is_never() {
            Doc::always()
        } else if let Doc::Call("negation", inner) = inner {
            *inner
        } else {
            Doc::Call("negation", Box::new(inner))
        }
    }

    /// The same, but false where it is null, if two values are wanted.
    pub fn strict(self, strict: bool) -> Doc {
        if strict { Doc::Call("false_if_null", Box::new(self)) } else { self }
    }

    /// On one line.
    pub fn flat(&self, templates: &TargetTemplates) -> String {
        match self {
            Doc::Leaf(text) => text.clone(),
            Doc::All(parts) => parts.iter().map(|part| part.flat_part(templates)).collect::<Vec<_>>().join(" and "),
            Doc::Any(parts) => parts.iter().map(|part| part.flat_part(templates)).collect::<Vec<_>>().join(" or "),
            Doc::Call(operator, inner) => templates.operator(operator, &[&inner.flat(templates)]),
            Doc::OneOf { operator, value, items } => templates.operator(operator, &[value, &items.join(", ")]),
        }
    }

    fn flat_part(&self, templates: &TargetTemplates) -> String {
        if self.is_chain() { format!("({})", self.flat(templates)) } else { self.flat(templates) }
    }

    fn is_chain(&self) -> bool {
        matches!(self, Doc::All(_) | Doc::Any(_))
    }

    /// On lines of bounded width; all lines but the first begin at `indent`.
    pub fn lines(&self, templates: &TargetTemplates, indent: usize) -> String {
        if self.length() + indent <= WIDTH {
            let flat = self.flat(templates);
            if flat.len() + indent <= WIDTH {
                return flat;
            }
        }
        let break_ = format!("\n{}", " ".repeat(indent));
        match self {
            Doc::Leaf(text) => text.clone(),
            Doc::All(parts) => chain_lines(parts, "and", templates, indent),
            Doc::Any(parts) => chain_lines(parts, "or", templates, indent),
            Doc::Call(operator, inner) => {
                let inner = inner.lines(templates, indent + 4);
                templates.operator(operator, &[&inner])
            }
            Doc::OneOf { operator, value, items } => {
                let list = items.iter().map(|item| format!("{break_}    {item}")).collect::<Vec<_>>().join(",");
                templates.operator(operator, &[value, &format!("{list}{break_}")])
            }
        }
    }

    /// A lower bound of the flat text's length.
    fn length(&self) -> usize {
        match self {
            Doc::Leaf(text) => text.len(),
            Doc::All(parts) | Doc::Any(parts) => parts.iter().map(|part| part.length() + 3).sum(),
            Doc::Call(_, inner) => inner.length(),
            Doc::OneOf { value, items, .. } => value.len() + items.iter().map(|item| item.len() + 2).sum::<usize>(),
        }
    }
}

fn chain_lines(parts: &[Doc], word: &str, templates: &TargetTemplates, indent: usize) -> String {
    let separator = format!("\n{}{word} ", " ".repeat(indent));
    let part = |part: &Doc| {
        let (open, close) = if part.is_chain() { ("(", ")") } else { ("", "") };
        format!("{open}{}{close}", part.lines(templates, indent + 4))
    };
    parts.iter().map(part).collect::<Vec<_>>().join(&separator)
}

fn flatten(parts: impl IntoIterator<Item = Doc>, open: impl Fn(Doc) -> Result<Vec<Doc>, Doc>) -> Vec<Doc> {
    let mut flat: Vec<Doc> = Vec::new();
    for part in parts {
        match open(part) {
            Ok(inner) => flat.extend(inner),
            Err(doc) => flat.push(doc),
        }
    }
    let first = {
        let mut seen: FxHashSet<&Doc> = FxHashSet::default();
        flat.iter().map(|doc| seen.insert(doc)).collect::<Vec<bool>>()
    };
    let mut first = first.into_iter();
    flat.retain(|_| first.next() == Some(true));
    flat
}

/// Groups of groups instead of one long chain.
fn balance(mut parts: Vec<Doc>, chain: impl Fn(Vec<Doc>) -> Doc) -> Doc {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    while parts.len() > LONGEST_CHAIN {
        let mut grouped = Vec::new();
        let mut rest = parts.into_iter();
        loop {
            let mut group: Vec<Doc> = rest.by_ref().take(LONGEST_CHAIN).collect();
            match group.len() {
                0 => break,
                1 => grouped.push(group.remove(0)),
                _ => grouped.push(chain(group)),
            }
        }
        parts = grouped;
    }
    chain(parts)
}
