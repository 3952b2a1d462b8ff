//! The table that ends a build: specs × targets, how far each artefact can be trusted, and the reasons below.

use crate::target::{Mark, Target};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;

/// One spec.
pub struct Row {
    /// Its name.
    pub spec: Rc<str>,
    /// What became of it on each target.
    pub cells: Vec<(Target, Cell)>,
}

/// What became of a spec on a target.
pub enum Cell {
    /// Built.
    Built(Mark),
    /// Deviates, and nobody has accepted it.
    NotAccepted(Mark),
    /// Skipped, with the spec's reason.
    Skipped(Rc<str>),
    /// The target cannot say it.
    Refused,
    /// The spec has errors.
    Failed,
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Cell::Built(mark) => mark.text(),
            Cell::NotAccepted(mark) => format!("NOT ACCEPTED {}", mark.approximations.join(" ")),
            Cell::Skipped(_) => "skipped".to_owned(),
            Cell::Refused => "REFUSED".to_owned(),
            Cell::Failed => "FAILED".to_owned(),
        }
    }
}

/// Writes the whole table with a line of totals.
pub fn write(rows: &[Row], targets: &[Target], out: &mut dyn Write) -> io::Result<()> {
    let width = rows.iter().map(|row| row.spec.chars().count()).max().unwrap_or(0).max(4);
    let widths: Vec<usize> = targets
        .iter()
        .map(|target| rows.iter().filter_map(|row| cell(row, *target)).map(|cell| cell.text().len()).max().unwrap_or(0).max(6))
        .collect();
    let header: String = targets.iter().zip(&widths).map(|(target, width)| format!("  {:width$}", target.name())).collect();
    writeln!(out, "{:width$}{}", "spec", header.trim_end())?;
    for row in rows {
        let cells: String = targets
            .iter()
            .zip(&widths)
            .map(|(target, width)| format!("  {:width$}", cell(row, *target).map(Cell::text).unwrap_or_default()))
            .collect();
        writeln!(out, "{}", format!("{:width$}{cells}", row.spec).trim_end())?;
    }
    for row in rows {
        for (target, cell) in &row.cells {
            if let Cell::Skipped(reason) = cell {
                writeln!(out, "skipped: {} for {}: {reason}", row.spec, target.name())?;
            }
        }
    }
    writeln!(out, "{}", totals(rows))?;
    if rows.iter().flat_map(|row| &row.cells).any(|(_, cell)| matches!(cell, Cell::Built(mark) if mark.assumes)) {
        writeln!(out, "* under assumptions about platform or data, listed in each artefact and in the manifest")?;
    }
    Ok(())
}

fn cell(row: &Row, target: Target) -> Option<&Cell> {
    row.cells.iter().find(|(of, _)| *of == target).map(|(_, cell)| cell)
}

fn totals(rows: &[Row]) -> String {
    let mut counts: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for (_, cell) in rows.iter().flat_map(|row| &row.cells) {
        let kind = match cell {
            Cell::Built(mark) if mark.approximations.is_empty() => (0, "exact"),
            Cell::Built(_) => (1, "approximate"),
            Cell::Skipped(_) => (2, "skipped"),
            Cell::Refused => (3, "refused"),
            Cell::NotAccepted(_) => (4, "not accepted"),
            Cell::Failed => (5, "failed"),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|((_, name), count)| format!("{count} {name}")).collect();
    format!(
        "{}: {}",
        super::files::counted(rows.len(), "spec"),
        if parts.is_empty() { "nothing to build".to_owned() } else { parts.join(", ") }
    )
}
