//! Conditions as finished tests under `AND`, `OR` and `NOT`, and their layout: on one line if it is short, else one
//! test or one listed value a line. `AND` and `OR` never stand side by side without parentheses.

use crate::template::TargetTemplates;

/// Longer conditions are broken into lines.
const WIDTH: usize = 100;

/// A condition over finished fragments. `All` and `Any` are built by [`Clause::all`] and [`Clause::any`]: flat, and never of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// A finished test without `AND` or `OR`.
    Test(String),
    /// A value is one of some.
    OneOf {
        /// The value.
        value: String,
        /// Finished literals, two or more.
        options: Vec<String>,
    },
    /// All hold; of nothing: always.
    All(Vec<Clause>),
    /// One holds; of nothing: never.
    Any(Vec<Clause>),
    /// It does not hold.
    Not(Box<Clause>),
}

impl Clause {
    /// Always true.
    pub const ALWAYS: Clause = Clause::All(Vec::new());
    /// Never true.
    pub const NEVER: Clause = Clause::Any(Vec::new());

    /// All of them hold; the same test twice counts once.
    pub fn all(parts: impl IntoIterator<Item = Clause>) -> Clause {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Clause::All(inner) => inner.into_iter().for_each(|part| push(&mut flat, part)),
                Clause::Any(inner) if inner.is_empty() => return Clause::NEVER,
                Clause::Test(_) | Clause::OneOf { .. } | Clause::Any(_) | Clause::Not(_) => push(&mut flat, part),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Clause::All(flat) }
    }

    /// One of them holds; the same test twice counts once.
    pub fn any(parts: impl IntoIterator<Item = Clause>) -> Clause {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Clause::Any(inner) => inner.into_iter().for_each(|part| push(&mut flat, part)),
                Clause::All(inner) if inner.is_empty() => return Clause::ALWAYS,
                Clause::Test(_) | Clause::OneOf { .. } | Clause::All(_) | Clause::Not(_) => push(&mut flat, part),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Clause::Any(flat) }
    }

    /// It does not hold.
    pub fn negated(self) -> Clause {
        match self {
            Clause::Not(inner) => *inner,
            Clause::All(parts) if parts.is_empty() => Clause::NEVER,
            Clause::Any(parts) if parts.is_empty() => Clause::ALWAYS,
            Clause::Test(_) | Clause::OneOf { .. } | Clause::All(_) | Clause::Any(_) => Clause::Not(Box::new(self)),
        }
    }

    /// Whether it always holds.
    pub fn is_always(&self) -> bool {
        *self == Clause::ALWAYS
    }

    /// Whether it never holds.
    pub fn is_never(&self) -> bool {
        *self == Clause::NEVER
    }

    /// On one line.
    pub fn line(&self, templates: &TargetTemplates) -> String {
        let join = |parts: &[Clause], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.operand_line(templates)).collect();
            parts.join(word)
        };
        match self {
            Clause::Test(text) => text.clone(),
            Clause::OneOf { value, options } => templates.operator("is_one_of", &[value, &options.join(", ")]),
            Clause::All(parts) => join(parts, " AND "),
            Clause::Any(parts) => join(parts, " OR "),
            Clause::Not(inner) => templates.operator("negation", &[&inner.line(templates)]),
        }
    }

    fn operand_line(&self, templates: &TargetTemplates) -> String {
        let line = self.line(templates);
        if matches!(self, Clause::All(_) | Clause::Any(_)) { format!("({line})") } else { line }
    }

    /// In as many lines as it needs; the first one starts where the caller stands, the others after `indent` blanks.
    pub fn block(&self, templates: &TargetTemplates, indent: usize) -> String {
        let line = self.line(templates);
        if line.len() + indent <= WIDTH {
            return line;
        }
        let (here, deeper) = (" ".repeat(indent), " ".repeat(indent + 2));
        let join = |parts: &[Clause], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.operand_block(templates, indent)).collect();
            parts.join(&format!("\n{here}{word} "))
        };
        match self {
            Clause::Test(text) => text.clone(),
            Clause::OneOf { value, options } => {
                let options = options.join(&format!(",\n{deeper}"));
                templates.operator("is_one_of", &[value, &format!("\n{deeper}{options}\n{here}")])
            }
            Clause::All(parts) => join(parts, "AND"),
            Clause::Any(parts) => join(parts, "OR"),
            Clause::Not(inner) => {
                let inner = inner.block(templates, indent + 2);
                templates.operator("negation", &[&format!("\n{deeper}{inner}\n{here}")])
            }
        }
    }

    fn operand_block(&self, templates: &TargetTemplates, indent: usize) -> String {
        if !matches!(self, Clause::All(_) | Clause::Any(_)) {
            return self.block(templates, indent);
        }
        let line = self.operand_line(templates);
        if line.len() + indent + 4 <= WIDTH {
            return line;
        }
        let (here, deeper) = (" ".repeat(indent), " ".repeat(indent + 2));
        format!("(\n{deeper}{}\n{here})", self.block(templates, indent + 2))
    }
}

/// Long lists are not searched: a test that stands there twice does no harm.
fn push(parts: &mut Vec<Clause>, part: Clause) {
    if parts.len() > 32 || !parts.contains(&part) {
        parts.push(part);
    }
}
