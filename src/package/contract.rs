//! What a package says beside a query, held to the query: columns that it names must be in the result, and texts, counts and
//! names must be within the platform's limits.

use super::Part;
use crate::alert_text;
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0902, E0903};
use crate::logsource::Platform;
use crate::source::{Span, Spanned};

/// The column of a query's result that stands for one of our names.
pub fn column(detection: &Detection, platform: Platform, name: &str, span: Span) -> Result<String, Diagnostic> {
    let names = detection.column_names();
    if names.iter().any(|own| own == name) {
        return Ok(name.to_owned());
    }
    let field = detection.log_source.field(name).filter(|_| names.is_empty());
    let open = detection.log_source.open;
    let place = field.as_ref().and_then(|field| match field.binding(platform) {
        Some(binding) if binding.values.is_empty() => binding.place.plain().map(|(column, _)| column.to_owned()),
        Some(_) => None,
        None => open.then(|| field.name.clone()),
    });
    place.ok_or_else(|| {
        let message = match names.is_empty() {
            true => format!("the query of a rule without `fields` returns the platform's own columns, and none of them is `{name}`"),
            false => format!("the result has no column `{name}`"),
        };
        let help = match names.is_empty() {
            true => "name the columns of the result: `fields: [user, source_ip]`".to_owned(),
            false => format!("its columns are: {}", names.join(", ")),
        };
        Diagnostic::error(E0903, span, message).help(help)
    })
}

/// An alert's text with the platform's form of a column in place of each token.
pub fn text(
    part: &Part<'_>,
    platform: Platform,
    written: &Spanned<String>,
    plain: impl Fn(&str) -> String,
    form: impl Fn(&str) -> String,
    problems: &mut Vec<Diagnostic>,
) -> String {
    alert_text::filled(&written.value, plain, |name| match column(part.detection, platform, name, written.span) {
        Ok(column) => form(&column),
        Err(problem) => {
            problems.push(problem);
            String::new()
        }
    })
}

/// The column, or an empty name and a problem.
pub fn column_or(part: &Part<'_>, platform: Platform, name: &Spanned<String>, problems: &mut Vec<Diagnostic>) -> String {
    column(part.detection, platform, &name.value, name.span).unwrap_or_else(|problem| {
        problems.push(problem);
        String::new()
    })
}

/// A text that may have so many characters.
pub fn at_most(text: &str, most: usize, what: &str, span: Span, problems: &mut Vec<Diagnostic>) {
    let length = text.chars().count();
    if length > most {
        let message = format!("{what} has {length} characters, and may have {most}");
        problems.push(Diagnostic::error(E0902, span, message).help("shorten it"));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::logsource::LogSources;
    use crate::source::Source;

    pub fn detection(text: &str) -> Detection {
        let (detection, problems) = crate::frontend::understand_spec(&Source::new("t.yml", text), &LogSources::built_in());
        detection.unwrap_or_else(|| panic!("{:?}", problems.sorted()))
    }

    #[test]
    fn columns() {
        let found = |text: &str, platform, name: &str| column(&detection(text), platform, name, Span::default()).map_err(|e| e.message);
        let plain = "title: t\nlogsource: { product: windows, category: process_creation }\ndetection: { a: { Image: c }, condition: a }\n";
        assert_eq!(found(plain, Platform::Kql, "CommandLine").unwrap(), "ProcessCommandLine");
        assert_eq!(found(plain, Platform::Spl, "CommandLine").unwrap(), "CommandLine");
        assert!(found(plain, Platform::Kql, "User").unwrap_err().contains("`User`"));
        let with_fields = format!("{plain}fields: [CommandLine]\n");
        assert_eq!(found(&with_fields, Platform::Kql, "CommandLine").unwrap(), "CommandLine");
        assert_eq!(found(&with_fields, Platform::Kql, "Image").unwrap_err(), "the result has no column `Image`");
    }

    #[test]
    fn lengths() {
        let mut problems = Vec::new();
        at_most("äöü", 3, "the title", Span::default(), &mut problems);
        assert!(problems.is_empty());
        at_most("äöüß", 3, "the title", Span::default(), &mut problems);
        assert_eq!(problems[0].message, "the title has 4 characters, and may have 3");
    }
}
