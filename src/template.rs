//! Templates: one macro per operator and one envelope per kind of query, in `templates/<target>/`.
//!
//! An operator macro is pure spelling: it is expanded once, with placeholders for its arguments, and only its pieces
//! are kept, so that using it costs no more than joining strings. A macro that inspects, drops or filters an argument
//! is refused. Envelopes are rendered for each query; they get finished fragments.

use crate::diagnostic::{Diagnostic, E0703, E0704, did_you_mean};
use crate::source::{Source, Span};
use crate::target::Target;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// The files that hold operator macros are called so; all others are envelopes.
const OPERATORS_FILE: &str = "operators.j2";

/// An operator that a backend spells through a macro: its name and the names of its arguments.
pub type Signature = (&'static str, &'static [&'static str]);

/// The templates of all targets.
pub struct Templates {
    targets: Vec<(Target, TargetTemplates)>,
}

/// The templates of one target.
pub struct TargetTemplates {
    operators: FxHashMap<&'static str, Vec<Piece>>,
    envelopes: Environment<'static>,
}

/// A piece of an expanded operator macro.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Argument(usize),
}

/// A template that cannot be used, and its file.
#[derive(Debug)]
pub struct TemplateProblem {
    /// The file.
    pub source: Source,
    /// What is wrong.
    pub diagnostic: Diagnostic,
}

impl Templates {
    /// Reads all templates. `files` maps `<target>/<file>.j2` to its path as shown and its text.
    pub fn read(files: &BTreeMap<String, Source>) -> Result<Templates, Vec<TemplateProblem>> {
        let (mut targets, mut problems) = (Vec::new(), Vec::new());
        for target in Target::ALL {
            let mut templates = TargetTemplates { operators: FxHashMap::default(), envelopes: environment() };
            let prefix = format!("{}/", target.name());
            for (name, source) in files.iter().filter_map(|(path, source)| Some((path.strip_prefix(&prefix)?, source))) {
                if let Err(diagnostic) = templates.add(target, name, source) {
                    problems.push(TemplateProblem { source: source.clone(), diagnostic });
                }
            }
            targets.push((target, templates));
        }
        if problems.is_empty() { Ok(Templates { targets }) } else { Err(problems) }
    }

    /// The templates of a target.
    pub fn of(&self, target: Target) -> &TargetTemplates {
        let found = self.targets.iter().find(|(other, _)| *other == target);
        &found.expect("every target is read").1
    }
}

impl TargetTemplates {
    /// The text of an operator over finished fragments. Operators are checked against the backend's signatures when
    /// templates are read, so a missing one is a bug.
    pub fn operator(&self, name: &'static str, arguments: &[&str]) -> String {
        let pieces = self.operators.get(name).unwrap_or_else(|| panic!("operator {name} has no macro"));
        let length: usize = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Argument(index) => arguments[*index].len(),
            })
            .sum();
        let mut text = String::with_capacity(length);
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Argument(index) => text.push_str(arguments[*index]),
            }
        }
        text
    }

    /// An envelope (`query.j2`) over finished fragments.
    pub fn envelope(&self, name: &str, context: impl Serialize) -> Result<String, Diagnostic> {
        let render = || self.envelopes.get_template(name)?.render(Value::from(Serde(&context)));
        render().map_err(|error: Error| {
            let line = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
            Diagnostic::error(E0704, Span::default(), format!("template `{name}`{line}: {}", describe(&error)))
        })
    }

    fn add(&mut self, target: Target, name: &str, source: &Source) -> Result<(), Diagnostic> {
        let place = |error: &Error| {
            let range = error.range().unwrap_or(0..0);
            Diagnostic::error(E0704, Span::new(range.start, range.end), format!("template: {}", describe(error)))
        };
        if name == OPERATORS_FILE {
            self.operators = read_operators(target.operators(), source, place)?;
            return Ok(());
        }
        self.envelopes.add_template_owned(name.to_owned(), source.text.clone()).map_err(|error| place(&error))
    }
}

fn describe(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

/// No built-in filters or functions; unknown names are errors; only texts and whole numbers can be printed.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are valid"));
    environment.set_formatter(|output, _, value| {
        let kind = value.kind();
        match value.as_str() {
            Some(text) => Ok(output.write_str(text)?),
            None if kind == ValueKind::Number => Ok(write!(output, "{value}")?),
            None => Err(Error::new(ErrorKind::InvalidOperation, format!("a template prints texts only, not {kind}"))),
        }
    });
    environment
}

fn read_operators(
    signatures: &[Signature],
    source: &Source,
    place: impl Fn(&Error) -> Diagnostic,
) -> Result<FxHashMap<&'static str, Vec<Piece>>, Diagnostic> {
    let mut environment = environment();
    environment.add_template_owned(OPERATORS_FILE, source.text.clone()).map_err(|error| place(&error))?;
    let template = environment.get_template(OPERATORS_FILE).map_err(|error| place(&error))?;
    let mut captured = template.render_captured(()).map_err(|error| place(&error))?;
    for exported in captured.state().exports() {
        if !signatures.iter().any(|(name, _)| *name == exported) {
            let message = format!("`{exported}` is not an operator of this target");
            let names = signatures.iter().map(|(name, _)| *name);
            return Err(Diagnostic::error(E0704, macro_place(source, exported), message).maybe_help(did_you_mean(exported, names)));
        }
    }
    let mut operators = FxHashMap::default();
    for (name, parameters) in signatures {
        let mut expand = |mark: char, filling: &str| {
            let arguments: Vec<Value> = (0..parameters.len()).map(|i| Value::from(format!("{mark}{filling}{i}{mark}"))).collect();
            let text = captured.with_state_mut(|state| state.call_macro(name, &arguments));
            let help = format!("the macro must be `{{% macro {name}({}) %}}`", parameters.join(", "));
            let text = text.map_err(|error| place(&error).help(help))?;
            Ok::<_, Diagnostic>(pieces(&text, mark, filling))
        };
        let (first, second) = (expand('\u{1}', "")?, expand('\u{2}', "longer")?);
        let used = |index: usize| first.contains(&Piece::Argument(index));
        if first != second || !(0..parameters.len()).all(used) {
            let message = format!("the macro `{name}` does not just spell its arguments");
            let help = "an operator macro must print every argument as it is, without `if`, filters or computations";
            return Err(Diagnostic::error(E0703, macro_place(source, name), message).help(help));
        }
        operators.insert(*name, first);
    }
    Ok(operators)
}

/// Where a macro is defined.
fn macro_place(source: &Source, name: &str) -> Span {
    let at = source.text.find(&format!("macro {name}(")).map_or(0, |at| at + "macro ".len());
    Span::new(at, (at + name.len()).min(source.text.len()))
}

/// Cuts an expansion at its placeholders (`mark`, filling, number, `mark`).
fn pieces(text: &str, mark: char, filling: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (i, part) in text.split(mark).enumerate() {
        let argument = part.strip_prefix(filling).and_then(|number| number.parse().ok());
        match argument {
            Some(index) if i % 2 == 1 => pieces.push(Piece::Argument(index)),
            _ if part.is_empty() => {}
            _ => pieces.push(Piece::Text(part.to_owned())),
        }
    }
    pieces
}
