//! What an import did, for people: the lines that the command prints, and `IMPORT.md` in the project.

use super::project::SET_ASIDE;
use super::{Import, SetAside};
use crate::command::{ImportArguments, Unmapped, files};
use crate::import::Said;
use crate::report;
use crate::target::Target;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The report's file.
pub const NAME: &str = "IMPORT.md";

/// What is stated about one target: the number of rules, and for each reason those of which it is said.
#[derive(Default)]
struct Stated<'i> {
    skipped: BTreeMap<&'i str, Vec<&'i str>>,
    /// Code → rules.
    accepted: BTreeMap<&'static str, Vec<&'i str>>,
}

fn stated(import: &Import, target: Target) -> Stated<'_> {
    let mut stated = Stated::default();
    for file in &import.files {
        for (_, said) in file.statements.iter().flat_map(|statement| &statement.targets).filter(|(of, _)| *of == target) {
            match said {
                Said::Skipped(reason) => stated.skipped.entry(reason).or_default().push(&file.name),
                Said::Accepted(deviations) => {
                    let mut codes: Vec<&str> = deviations.iter().map(|(code, _)| *code).collect();
                    codes.sort_unstable();
                    codes.dedup();
                    codes.into_iter().for_each(|code| stated.accepted.entry(code).or_default().push(&file.name));
                }
            }
        }
    }
    stated
}

/// How many rules wait until their log source is described.
fn undescribed(import: &Import) -> usize {
    import.log_sources.values().map(|starter| starter.counts().0).sum()
}

/// The lines that the command prints.
pub fn summary(import: &Import, arguments: &ImportArguments) -> String {
    let out = files::shown(&arguments.out);
    let mut text = format!(
        "{} in {} imported to {out}/detections\n",
        files::counted(import.rules, "rule"),
        files::counted(import.files.len(), "file")
    );
    for target in Target::ALL {
        let stated = stated(import, target);
        let skipped: usize = stated.skipped.values().map(Vec::len).sum();
        let waiting = if target.platform().is_some() { undescribed(import) } else { 0 };
        if skipped + waiting > 0 {
            let of = if waiting > 0 { format!(" ({waiting} until their log source is described)") } else { String::new() };
            let _ = writeln!(text, "not built for {}: {}{of}", target.title(), files::counted(skipped + waiting, "rule"));
        }
        for (code, rules) in stated.accepted {
            let _ = writeln!(
                text,
                "accepted for {}: {code} in {}; see `cognate explain {code}`",
                target.title(),
                files::counted(rules.len(), "rule")
            );
        }
    }
    if !import.log_sources.is_empty() {
        let _ = writeln!(text, "log sources to describe: {} in {out}/logsources", files::counted(import.log_sources.len(), "file"));
    }
    for name in import.lists.keys() {
        let _ = writeln!(text, "a list without values: {out}/lists/{name}.txt");
    }
    if !import.set_aside.is_empty() {
        let _ = writeln!(
            text,
            "set aside, because a build would refuse them: {} in {out}/{SET_ASIDE}",
            files::counted(import.set_aside.len(), "file")
        );
    }
    if !import.others.is_empty() {
        let _ = writeln!(text, "left out, because they are no rules: {}", import.others.join(", "));
    }
    text + &format!("{out}/{NAME} says all of this rule by rule; next: cd {out} && {}\n", next(arguments))
}

/// The build that makes the same of the project.
fn next(arguments: &ImportArguments) -> String {
    let common = &arguments.common;
    let mut line = "cognate build".to_owned();
    if common.unmapped == Unmapped::Keep {
        line.push_str(" --unmapped keep");
    }
    common.variant.iter().for_each(|variant| line.push_str(&format!(" --variant {variant}")));
    for (option, path) in [("site", &common.site), ("templates", &common.templates)] {
        let _ = path.as_ref().map(|path| write!(line, " --{option} {}", std::path::absolute(path).unwrap_or(path.clone()).display()));
    }
    line
}

/// The report.
pub fn text(import: &Import) -> String {
    let mut text = format!(
        "# What `cognate import` did\n\n{} in {} came into `detections/`: the texts as they were, with what a build asks to be stated \
         at the end of each. `cognate build` makes of them what `cognate convert` makes of the originals.\n",
        files::counted(import.rules, "rule"),
        files::counted(import.files.len(), "file")
    );
    for target in Target::ALL {
        platform(&mut text, import, target);
    }
    log_sources(&mut text, import);
    set_aside(&mut text, import);
    if !import.others.is_empty() {
        let _ = writeln!(text, "\n## Left out\n\nFiles that are no rules:\n");
        import.others.iter().for_each(|name| text.push_str(&format!("* {name}\n")));
    }
    text
}

fn platform(text: &mut String, import: &Import, target: Target) {
    let stated = stated(import, target);
    if stated.skipped.is_empty() && stated.accepted.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {}", target.title());
    for (code, rules) in &stated.accepted {
        let _ = writeln!(text, "\nAccepted, and not read by anybody yet: {code} (`cognate explain {code}`)\n");
        rules.iter().for_each(|rule| text.push_str(&format!("* {rule}\n")));
    }
    if !stated.skipped.is_empty() {
        let _ =
            writeln!(text, "\nNot built. Where this can be mended, in `logsources/` or in a site file, remove the `skip` from the rule.");
    }
    let mut reasons: Vec<_> = stated.skipped.iter().collect();
    reasons.sort_by_key(|(reason, rules)| (std::cmp::Reverse(rules.len()), **reason));
    for (reason, rules) in reasons {
        let _ = writeln!(text, "\n{}\n", crate::target::comment_text(reason));
        rules.iter().for_each(|rule| text.push_str(&format!("* {rule}\n")));
    }
}

fn log_sources(text: &mut String, import: &Import) {
    if import.log_sources.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n## Log sources to describe\n\nNobody has said what their events are and where. Their files are begun; until they are filled in, \
         only Sigma is built.\n\n| file | rules | fields |\n|---|---|---|"
    );
    for (stem, starter) in &import.log_sources {
        let (rules, fields) = starter.counts();
        let _ = writeln!(text, "| logsources/{stem}.yml | {rules} | {fields} |");
    }
}

fn set_aside(text: &mut String, import: &Import) {
    if import.set_aside.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n## Set aside\n\nA build would refuse these files, so they lie in `{SET_ASIDE}/`. Correct them and move them to `detections/`."
    );
    for SetAside { name, problems, source, lists } in &import.set_aside {
        let _ = writeln!(text, "\n### {name}\n");
        if !lists.is_empty() {
            let lists: Vec<String> = lists.iter().map(|list| format!("`lists/{list}.txt`")).collect();
            let _ = writeln!(text, "Waits for the values of {}. Fill in, move the file to `detections/`, and build.", lists.join(", "));
        } else if problems.is_empty() {
            let _ = writeln!(text, "A build would make other queries of it than `cognate convert` does of the original.");
        } else {
            let _ = writeln!(
                text,
                "```text\n{}```",
                report::text(&[(source.clone(), problems.clone())], false).trim_end_matches('\n').to_owned() + "\n"
            );
        }
    }
}
