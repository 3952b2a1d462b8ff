//! A report for a terminal.

use super::{Line, Report, SpecDifference, plain_text, visible};
use crate::difference::change::short;
use crate::difference::{Importance, TargetDifference};
use std::fmt::Write;

const RED: &str = "31";
const GREEN: &str = "32";
const CYAN: &str = "36";
const BOLD: &str = "1";

/// The whole text.
pub(super) fn write(report: &Report, colours: bool) -> String {
    let paint = Paint(colours);
    let base = format!("{} ({})", short(&report.revision), commit(report));
    let mut text = format!("compared with {base}: {}\n", paint.with(BOLD, &report.summary()));
    for notice in &report.notices {
        let _ = writeln!(text, "note: {}", plain_text(notice));
    }
    for spec in &report.specs {
        self::spec(&mut text, spec, paint);
    }
    text
}

/// The beginning of a commit's name.
pub(super) fn commit(report: &Report) -> &str {
    report.commit.get(..10).unwrap_or(&report.commit)
}

fn spec(text: &mut String, spec: &SpecDifference, paint: Paint) {
    let colour = if spec.importance() == Importance::Errors { RED } else { BOLD };
    let _ = writeln!(text, "\n{}", paint.with(colour, &format!("{}: {}", plain_text(&spec.name()), spec.heading())));
    for section in spec.sections() {
        let _ = writeln!(text, "  {}", section.title);
        for Line { level, pieces } in &section.lines {
            let line = plain_text(pieces);
            let line = if line.starts_with("warning:") { paint.with(RED, &line) } else { line };
            let _ = writeln!(text, "    {}{line}", "  ".repeat(*level));
        }
    }
    spec.targets.iter().for_each(|target| diff(text, target, paint));
}

fn diff(text: &mut String, target: &TargetDifference, paint: Paint) {
    for line in visible(&target.diff).lines() {
        let line = match line.as_bytes().first() {
            _ if line.starts_with("--- ") || line.starts_with("+++ ") => paint.with(BOLD, line),
            Some(b'-') => paint.with(RED, line),
            Some(b'+') => paint.with(GREEN, line),
            Some(b'@') => paint.with(CYAN, line),
            Some(_) | None => line.to_owned(),
        };
        let _ = writeln!(text, "  {line}");
    }
}

/// Whether there are colours.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, colour: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
