//! An expression as written → its meaning: names resolved in a scope, types checked.

use super::parse::{Written, WrittenKind};
use super::{Arithmetic, ColumnReference, Expression, ExpressionKind, Function, Relational, Type};
use crate::diagnostic::{Diagnostic, Diagnostics, E0203, E0216, E0302, E0303, E0304, E0305, did_you_mean};
use crate::logsource::{Field, FieldType};
use crate::source::Span;
use std::sync::Arc;

/// What the names of an expression mean.
pub trait Scope {
    /// A name in a value position.
    fn value(&self, name: &str) -> Option<Named>;
    /// A name in a Boolean position: a selection.
    fn selection(&self, name: &str) -> Option<usize>;
    /// All names, for "did you mean".
    fn names(&self) -> Vec<String>;
    /// What a value name could be, for messages: `a field or parameter`.
    fn describe(&self) -> &'static str;
}

/// What a value name means.
#[derive(Debug, Clone)]
pub enum Named {
    /// A field of the event.
    Field(Arc<Field>),
    /// A column and its type.
    Column(ColumnReference, Type),
    /// A parameter's value.
    Number(f64),
    /// A column that is wrong itself, which is reported already.
    Broken,
}

/// Checks an expression that must be of a type.
pub fn check(written: &Written, wanted: Type, scope: &dyn Scope, diagnostics: &mut Diagnostics) -> Option<Expression> {
    let checker = &mut Checker { scope, diagnostics, fields: Vec::new(), selections: Vec::new() };
    let expression = if wanted == Type::Boolean { checker.boolean(written) } else { checker.typed(written, wanted) };
    checker.report_double_names();
    expression
}

/// Checks an expression of any type but Boolean.
pub fn check_value(written: &Written, scope: &dyn Scope, diagnostics: &mut Diagnostics) -> Option<Expression> {
    let checker = &mut Checker { scope, diagnostics, fields: Vec::new(), selections: Vec::new() };
    let expression = checker.value(written);
    checker.report_double_names();
    expression
}

struct Checker<'a, 'd> {
    scope: &'a dyn Scope,
    diagnostics: &'d mut Diagnostics,
    fields: Vec<(String, Span)>,
    selections: Vec<(String, Span)>,
}

impl Checker<'_, '_> {
    fn report_double_names(&mut self) {
        for (name, span) in &self.fields {
            if let Some((_, other)) = self.selections.iter().find(|(selection, _)| selection == name) {
                let message = format!("`{name}` means a value here and a selection there");
                self.diagnostics
                    .push(Diagnostic::error(E0305, *span, message).label(*other, "as a selection").help("rename the selection"));
            }
        }
    }

    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }

    fn boolean(&mut self, written: &Written) -> Option<Expression> {
        let make = |kind| Some(Expression { kind, value_type: Type::Boolean, span: written.span });
        match &written.kind {
            WrittenKind::Boolean(value) => make(ExpressionKind::Boolean(*value)),
            WrittenKind::Not(inner) => {
                let inner = self.boolean(inner)?;
                make(ExpressionKind::Not(Box::new(inner)))
            }
            WrittenKind::And(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.boolean(part)).collect();
                make(ExpressionKind::And(parts.into_iter().collect::<Option<_>>()?))
            }
            WrittenKind::Or(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.boolean(part)).collect();
                make(ExpressionKind::Or(parts.into_iter().collect::<Option<_>>()?))
            }
            WrittenKind::Compare(relational, left, right) => self.compare(*relational, left, right, written.span),
            WrittenKind::Name(name) => match self.scope.selection(name) {
                Some(index) => {
                    self.selections.push((name.clone(), written.span));
                    make(ExpressionKind::Selection(index))
                }
                None => self.no_selection(name, written.span),
            },
            WrittenKind::Number(_)
            | WrittenKind::Text(_)
            | WrittenKind::Duration(_)
            | WrittenKind::Negate(_)
            | WrittenKind::Arithmetic(..)
            | WrittenKind::Call(..) => {
                let message = "a Boolean is expected here";
                self.fail(Diagnostic::error(E0302, written.span, message).help("compare the value with something: `… > 0`"))
            }
        }
    }

    fn no_selection(&mut self, name: &str, span: Span) -> Option<Expression> {
        let names = self.scope.names();
        match self.scope.value(name) {
            Some(Named::Broken) => return None,
            Some(Named::Field(_) | Named::Column(..) | Named::Number(_)) => {
                let message = format!("`{name}` is a value, but a Boolean is expected here");
                let selections = names.iter().map(String::as_str).filter(|name| self.scope.selection(name).is_some());
                let help = did_you_mean(name, selections).unwrap_or_else(|| format!("compare it: `{name} > 0`"));
                return self.fail(Diagnostic::error(E0302, span, message).help(help));
            }
            None => {}
        }
        let help = did_you_mean(name, names.iter().map(String::as_str));
        self.fail(Diagnostic::error(E0203, span, format!("`{name}` is not known here")).maybe_help(help))
    }

    fn typed(&mut self, written: &Written, wanted: Type) -> Option<Expression> {
        let expression = self.value(written)?;
        let expression = coerce(expression, wanted);
        if expression.value_type == wanted {
            return Some(expression);
        }
        let message = format!("this is {}, but {} is expected", expression.value_type.describe(), wanted.describe());
        self.fail(Diagnostic::error(E0302, written.span, message))
    }

    fn value(&mut self, written: &Written) -> Option<Expression> {
        let make = |kind, value_type| Some(Expression { kind, value_type, span: written.span });
        match &written.kind {
            WrittenKind::Number(number) => make(ExpressionKind::Number(*number), Type::Number),
            WrittenKind::Text(text) => make(ExpressionKind::Text(text.clone()), Type::Text),
            WrittenKind::Duration(duration) => make(ExpressionKind::Duration(*duration), Type::Duration),
            WrittenKind::Name(name) => self.name(name, written.span),
            WrittenKind::Negate(inner) => {
                let inner = self.value(inner)?;
                let inner = if inner.value_type == Type::Text { coerce(inner, Type::Number) } else { inner };
                let value_type = inner.value_type;
                if matches!(value_type, Type::Number | Type::Duration) {
                    return make(ExpressionKind::Negate(Box::new(inner)), value_type);
                }
                self.fail(Diagnostic::error(E0302, written.span, format!("{} has no negative", value_type.describe())))
            }
            WrittenKind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, written.span),
            WrittenKind::Call(name, arguments, filter) => {
                if let Some(filter) = filter {
                    let help = "`where` belongs to a measure: `distinct(space where export)`";
                    return self.fail(Diagnostic::error(E0302, filter.span, "`where` is not possible here").help(help));
                }
                self.call(&name.value, name.span, arguments, written.span)
            }
            WrittenKind::Boolean(_) | WrittenKind::Not(_) | WrittenKind::Compare(..) | WrittenKind::And(_) | WrittenKind::Or(_) => {
                self.fail(Diagnostic::error(E0302, written.span, "this is a Boolean, but a value is expected"))
            }
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Option<Expression> {
        let make = |kind, value_type| Some(Expression { kind, value_type, span });
        match self.scope.value(name) {
            Some(Named::Number(number)) => {
                self.fields.push((name.to_owned(), span));
                make(ExpressionKind::Number(number), Type::Number)
            }
            Some(Named::Broken) => None,
            Some(Named::Column(column, value_type)) => make(ExpressionKind::Column(column), value_type),
            Some(Named::Field(field)) => {
                self.fields.push((name.to_owned(), span));
                if field.list {
                    let message = format!("`{name}` may have several values in one event");
                    return self.fail(Diagnostic::error(E0216, span, message).help("only predicates of a selection can use it"));
                }
                let value_type = type_of(&field);
                make(ExpressionKind::Field(field), value_type)
            }
            None if self.scope.selection(name).is_some() => {
                let message = format!("`{name}` is a selection, but a value is expected here");
                self.fail(Diagnostic::error(E0302, span, message))
            }
            None => {
                let names = self.scope.names();
                let help = did_you_mean(name, names.iter().map(String::as_str));
                let help = help.unwrap_or_else(|| format!("expected {}", self.scope.describe()));
                self.fail(Diagnostic::error(E0203, span, format!("`{name}` is not known here")).help(help))
            }
        }
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &Written, right: &Written, span: Span) -> Option<Expression> {
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        let wanted = |other: Type| match (operator, other) {
            (Arithmetic::Subtract, Type::Timestamp) => Type::Timestamp,
            _ => Type::Number,
        };
        let (wanted_left, wanted_right) = (wanted(right.value_type), wanted(left.value_type));
        let (left, right) = (coerce(left, wanted_left), coerce(right, wanted_right));
        use {Arithmetic as A, Type as T};
        let value_type = match (operator, left.value_type, right.value_type) {
            (_, T::Number, T::Number) => T::Number,
            (A::Subtract, T::Timestamp, T::Timestamp) => T::Duration,
            (A::Add | A::Subtract, T::Timestamp, T::Duration) => T::Timestamp,
            (A::Add, T::Duration, T::Timestamp) => T::Timestamp,
            (A::Add | A::Subtract, T::Duration, T::Duration) => T::Duration,
            (A::Multiply, T::Duration, T::Number) | (A::Multiply, T::Number, T::Duration) => T::Duration,
            (A::Divide, T::Duration, T::Number) => T::Duration,
            (A::Divide, T::Duration, T::Duration) => T::Number,
            (A::Add | A::Subtract | A::Multiply | A::Divide, left, right) => {
                let symbol = operator.symbol();
                let message = format!("`{symbol}` does not work on {} and {}", left.describe(), right.describe());
                return self.fail(Diagnostic::error(E0302, span, message));
            }
        };
        Some(Expression { kind: ExpressionKind::Arithmetic(operator, Box::new(left), Box::new(right)), value_type, span })
    }

    fn compare(&mut self, relational: Relational, left: &Written, right: &Written, span: Span) -> Option<Expression> {
        let (left, right) = (self.operand(left), self.operand(right));
        let (left, right) = (left?, right?);
        let (wanted_left, wanted_right) = (right.value_type, left.value_type);
        let (left, right) = (coerce(left, wanted_left), coerce(right, wanted_right));
        let ordered = !matches!(relational, Relational::Equal | Relational::NotEqual);
        let problem = if left.value_type != right.value_type {
            Some(format!("{} cannot be compared with {}", left.value_type.describe(), right.value_type.describe()))
        } else if matches!(left.value_type, Type::Texts | Type::Boolean) || (ordered && left.value_type == Type::Text) {
            Some(format!("`{}` does not work on {}", relational.symbol(), left.value_type.describe()))
        } else {
            None
        };
        if let Some(message) = problem {
            return self.fail(Diagnostic::error(E0302, span, message));
        }
        Some(Expression { kind: ExpressionKind::Compare(relational, Box::new(left), Box::new(right)), value_type: Type::Boolean, span })
    }

    /// `true` and `false` beside a field are its texts.
    fn operand(&mut self, written: &Written) -> Option<Expression> {
        if let WrittenKind::Boolean(value) = written.kind {
            return Some(Expression { kind: ExpressionKind::Text(value.to_string()), value_type: Type::Text, span: written.span });
        }
        self.value(written)
    }

    fn call(&mut self, name: &str, place: Span, arguments: &[Written], span: Span) -> Option<Expression> {
        let Some(function) = Function::from_name(name) else {
            let measures = ["count", "distinct", "sum", "avg", "min", "max", "values", "percentile"];
            let help = if measures.contains(&name) {
                Some(format!("`{name}` is a measure: define it under `measures` and use its name here"))
            } else {
                did_you_mean(name, Function::ALL.iter().map(|function| function.name()))
            };
            return self.fail(Diagnostic::error(E0303, place, format!("there is no function `{name}`")).maybe_help(help));
        };
        let (least, most) = function.arity();
        if arguments.len() < least || arguments.len() > most {
            let wanted = match (least, most) {
                (1, 1) => "1 argument".to_owned(),
                (1, 2) => "1 or 2 arguments".to_owned(),
                _ => format!("{least} to {most} arguments"),
            };
            return self.fail(Diagnostic::error(E0304, span, format!("`{name}` takes {wanted}, not {}", arguments.len())));
        }
        let checked: Vec<_> = arguments.iter().map(|argument| self.value(argument)).collect();
        let mut checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        let value_type = self.unify(function, &mut checked)?;
        Some(Expression { kind: ExpressionKind::Call(function, checked), value_type, span })
    }

    /// The type of a call; all arguments have it, apart from the digits of `round`.
    fn unify(&mut self, function: Function, arguments: &mut [Expression]) -> Option<Type> {
        let allowed: &[Type] = match function {
            Function::Round | Function::Floor => &[Type::Number],
            Function::Absolute => &[Type::Number, Type::Duration],
            Function::Greatest | Function::Least => &[Type::Number, Type::Duration, Type::Timestamp],
            Function::Lower => &[Type::Text],
            Function::Coalesce => &[Type::Number, Type::Duration, Type::Timestamp, Type::Text],
        };
        let default = if function == Function::Coalesce { Type::Text } else { allowed[0] };
        let known = arguments.iter().find(|a| !guessed(a)).map_or(default, |a| a.value_type);
        let wanted = if allowed.contains(&known) { known } else { allowed[0] };
        for argument in arguments.iter_mut() {
            *argument = coerce(argument.clone(), wanted);
            if argument.value_type != wanted {
                let message = format!("`{}` takes {} here, not {}", function.name(), wanted.describe(), argument.value_type.describe());
                return self.fail(Diagnostic::error(E0302, argument.span, message));
            }
        }
        if function == Function::Round
            && let Some(digits) = arguments.get(1)
            && !matches!(digits.kind, ExpressionKind::Number(n) if n.fract() == 0.0 && (0.0..=6.0).contains(&n))
        {
            return self.fail(Diagnostic::error(E0302, digits.span, "the digits of `round` must be a whole number from 0 to 6"));
        }
        Some(wanted)
    }
}

/// Whether nobody knows the type: a field of an open log source, or the first of several such fields that has a value.
fn guessed(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Field(field) => field.kind == FieldType::Any,
        ExpressionKind::Call(Function::Coalesce, arguments) => arguments.iter().all(guessed),
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Negate(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Compare(..)
        | ExpressionKind::And(_)
        | ExpressionKind::Or(_)
        | ExpressionKind::Call(..) => false,
    }
}

/// A value of unknown type takes the type that its use asks for.
pub fn coerce(mut expression: Expression, wanted: Type) -> Expression {
    if guessed(&expression) && matches!(wanted, Type::Number | Type::Timestamp) {
        expression.value_type = wanted;
        if let ExpressionKind::Call(_, arguments) = &mut expression.kind {
            arguments.iter_mut().for_each(|argument| *argument = coerce(argument.clone(), wanted));
        }
    }
    expression
}

/// The type of a field's value in an expression.
pub fn type_of(field: &Field) -> Type {
    match field.kind {
        FieldType::Integer | FieldType::Number => Type::Number,
        FieldType::Timestamp => Type::Timestamp,
        FieldType::Text | FieldType::Boolean | FieldType::Ip | FieldType::Any => Type::Text,
    }
}
