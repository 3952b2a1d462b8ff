//! The command line: its definition, and one module per command. The only part that reads or writes files.

mod build;
mod check;
mod convert;
mod coverage;
mod diff;
mod docs;
mod eval;
mod explain;
mod files;
mod git;
mod import;
mod listed;
mod logsources;
mod manifest;
mod new;
mod output;
mod package;
mod repeats;
mod schema;
mod table;
mod test;
mod watch;
mod workspace;

use crate::diagnostic::{ALL_CODES, did_you_mean};
use crate::target::Target;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// What a command returns: whether the content is fine, or why it could not run at all.
type Outcome = anyhow::Result<bool>;

/// Problems of several files.
type Problems = Vec<(crate::source::Source, Vec<crate::diagnostic::Diagnostic>)>;

/// Compiles platform-neutral detection specs into AQL, SPL, KQL and Sigma.
#[derive(Parser)]
#[command(name = "cognate", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 all is well, 1 the content has problems, 2 wrong usage or a file cannot be read.")]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Validate specs, log sources, lists, site files and templates.
    #[command(
        after_help = "Examples:\n  cognate check\n  cognate check detections/jira --strict\n  cognate check --format sarif > cognate.sarif"
    )]
    Check(CheckArguments),
    /// Write the queries of all targets to out/.
    #[command(
        after_help = "Examples:\n  cognate build\n  cognate build --check\n  cognate build --watch\n  cognate build --target kql --site sites/example.yml"
    )]
    Build(BuildArguments),
    /// Print the queries of specs or Sigma rules for one target.
    #[command(
        after_help = "Examples:\n  cognate convert -t kql rule.yml\n  cat rule.yml | cognate convert -t spl -\n  cognate convert -t aql rules/ --out converted/"
    )]
    Convert(ConvertArguments),
    /// Run the tests that stand in the specs, in the reference evaluator.
    #[command(
        after_help = "Examples:\n  cognate test\n  cognate test detections/jira --format junit > tests.xml\n  cognate test --mutate detections/jira"
    )]
    Test(TestArguments),
    /// Run specs over events and print one alert per line as JSON.
    #[command(
        after_help = "Examples:\n  cognate eval detections/jira --events audit.jsonl\n  tail -n 1000 audit.jsonl | cognate eval rule.yml --events - --sort"
    )]
    Eval(EvalArguments),
    /// Say what has changed since a Git revision, in specs, alerts on test events and queries.
    #[command(
        after_help = "Examples:\n  cognate diff\n  cognate diff --base origin/main detections/jira\n  cognate diff --base origin/main --format markdown > comment.md"
    )]
    Diff(DiffArguments),
    /// Explain a spec (stages, predicates, indicators, fidelity) or a diagnostic code.
    #[command(after_help = "Examples:\n  cognate explain detections/confluence/data_mining.yml\n  cognate explain E0203")]
    Explain(ExplainArguments),
    /// Write a commented starter spec with a new id.
    #[command(
        after_help = "Examples:\n  cognate new detections/confluence/my_rule.yml\n  cognate new --logsource jira/cloud_audit > rule.yml"
    )]
    New(NewArguments),
    /// Make a project of folders with Sigma rules.
    #[command(
        after_help = "Examples:\n  cognate import rules/ --out project\n  cognate import rules/windows rules/linux --out project --unmapped keep"
    )]
    Import(ImportArguments),
    /// Write a package that an administrator deploys: a Splunk app, rules of Microsoft Sentinel, a kit for QRadar, a Sigma pack.
    #[command(
        after_help = "Examples:\n  cognate package splunk --out dist/splunk --site sites/example.yml\n  cognate package sentinel --out dist/sentinel\n  cognate package qradar --out dist/qradar detections/jira"
    )]
    Package(PackageArguments),
    /// Write a page of Markdown for each spec and each log source that specs use, an index and a table of techniques.
    #[command(
        after_help = "Examples:\n  cognate docs --out handbook\n  cognate docs --out handbook --site sites/example.yml\n  cognate docs --out handbook/jira detections/jira"
    )]
    Docs(DocsArguments),
    /// List the log sources and where their fields stand, or say what rules need from a SIEM.
    #[command(
        name = "logsources",
        after_help = "Examples:\n  cognate logsources\n  cognate logsources --for detections/jira\n  cognate logsources --for rules/windows --format json"
    )]
    LogSources(LogSourcesArguments),
    /// Say which ATT&CK techniques the specs cover, and which of a list they do not.
    #[command(
        after_help = "Examples:\n  cognate coverage\n  cognate coverage --against wanted.txt\n  cognate coverage --format navigator > coverage.json"
    )]
    Coverage(CoverageArguments),
    /// Print the JSON Schema that editors use to complete and check specs.
    #[command(after_help = "Examples:\n  cognate schema > schema/spec.schema.json\n  cognate schema --tables")]
    Schema(SchemaArguments),
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  cognate completions bash > ~/.local/share/bash-completion/completions/cognate")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Clone)]
struct Common {
    /// Site file with overrides, lists, parameters and exclusions.
    #[arg(long, value_name = "FILE", global = true)]
    site: Option<PathBuf>,
    /// Take another place of a log source's events, such as windows/security=security-event.
    #[arg(long, value_name = "LOGSOURCE=NAME", global = true)]
    variant: Vec<String>,
    /// Log sources and fields without a place on a platform: an error, or kept with their names as they are.
    #[arg(long, value_enum, default_value_t = Unmapped::Error, global = true)]
    unmapped: Unmapped,
    /// Folder with templates that replace the built-in ones, file by file.
    #[arg(long, value_name = "DIR", global = true)]
    templates: Option<PathBuf>,
}

/// What to do with what nobody has mapped: an error with a way out, or every name as it is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unmapped {
    Error,
    Keep,
}

#[derive(Args)]
struct CheckArguments {
    /// Files or folders; the project's detections by default.
    paths: Vec<PathBuf>,
    /// How to print problems.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Treat warnings as errors.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct BuildArguments {
    /// Files or folders; the project's detections by default.
    paths: Vec<PathBuf>,
    /// Only this target; may be repeated.
    #[arg(long = "target", short = 't', value_name = "TARGET", value_parser = target())]
    targets: Vec<Target>,
    /// Where to write; the project's folder `out` by default.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Accept an approximation by its code; may be repeated.
    #[arg(long, value_name = "CODE", value_parser = accepted)]
    accept: Vec<String>,
    /// Write nothing; print what would change and fail if anything would.
    #[arg(long)]
    check: bool,
    /// Build again after each change of a file that a build reads, until Ctrl-C.
    #[arg(long, conflicts_with = "check")]
    watch: bool,
    /// Leave out header comments.
    #[arg(long)]
    no_comments: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct ConvertArguments {
    /// A file, a folder, or `-` for standard input.
    #[arg(default_value = "-")]
    input: PathBuf,
    /// The target language.
    #[arg(long, short, value_name = "TARGET", value_parser = target())]
    target: Target,
    /// Write one file per rule into this folder instead of printing.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Search the last so much time and report everything, instead of one run of the schedule.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    lookback: Option<i64>,
    /// Leave out header comments.
    #[arg(long)]
    no_comments: bool,
    /// Print only errors on standard error.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct TestArguments {
    /// Files or folders; the project's detections by default.
    paths: Vec<PathBuf>,
    /// How to print results.
    #[arg(long, value_enum, default_value_t = TestFormat::Text)]
    format: TestFormat,
    /// Change each spec in one small thing at a time, and report the changes that no test notices.
    #[arg(long)]
    mutate: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct EvalArguments {
    /// Files or folders with specs.
    #[arg(required = true)]
    specs: Vec<PathBuf>,
    /// Events, one JSON object a line, in the product's own shape or in our names; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Sort the events by time first.
    #[arg(long)]
    sort: bool,
    /// Report every alert, also those that a throttle would hold back.
    #[arg(long)]
    no_throttle: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct DiffArguments {
    /// Files or folders of the project; all of its specs by default.
    paths: Vec<PathBuf>,
    /// The Git revision to compare with: a commit, a branch, a tag.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    base: String,
    /// How to print it; Markdown is for the comment on a pull request.
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum DiffFormat {
    Text,
    Markdown,
    Json,
}

#[derive(Args)]
struct ExplainArguments {
    /// A spec file, or a code such as E0203.
    subject: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct NewArguments {
    /// Where to write; standard output if it is missing.
    path: Option<PathBuf>,
    /// The log source, as product/service.
    #[arg(long, value_name = "ID", default_value = "confluence/audit")]
    logsource: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct ImportArguments {
    /// Folders with Sigma rules; single files, too.
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// The project's folder, which must be new.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct PackageArguments {
    /// What to write.
    #[arg(value_name = "KIND", value_parser = package())]
    kind: crate::package::Kind,
    /// Files or folders; the project's detections by default.
    paths: Vec<PathBuf>,
    /// The folder of the package. Files that an earlier run wrote there and that are no longer part of it are removed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Accept an approximation by its code; may be repeated.
    #[arg(long, value_name = "CODE", value_parser = accepted)]
    accept: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct CoverageArguments {
    /// Files or folders; the project's detections by default.
    paths: Vec<PathBuf>,
    /// A list of techniques, one id a line: say which of them nothing covers.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// How to print it; `navigator` is a layer of the ATT&CK Navigator.
    #[arg(long, value_enum, default_value_t = CoverageFormat::Text)]
    format: CoverageFormat,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct DocsArguments {
    /// Files or folders; the project's detections by default.
    paths: Vec<PathBuf>,
    /// The folder of the pages. Pages that an earlier run wrote there and that are no longer among them are removed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CoverageFormat {
    Text,
    Json,
    Navigator,
}

#[derive(Args)]
struct LogSourcesArguments {
    /// Specs, rules or folders: what they need.
    #[arg(long = "for", value_name = "PATH", num_args = 1..)]
    for_paths: Vec<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    format: TableFormat,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TableFormat {
    Text,
    Json,
}

#[derive(Args)]
struct SchemaArguments {
    /// Print the KQL tables that specs read instead: spec, table, column and type as JSON.
    #[arg(long)]
    tables: bool,
    /// Files or folders; the project's detections by default.
    #[arg(requires = "tables")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum TestFormat {
    Text,
    Json,
    Junit,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
    Github,
}

fn target() -> impl TypedValueParser<Value = Target> {
    PossibleValuesParser::new(Target::ALL.map(Target::name))
        .try_map(|name| Target::from_name(&name).ok_or_else(|| format!("there is no target `{name}`")))
}

fn package() -> impl TypedValueParser<Value = crate::package::Kind> {
    use crate::package::Kind;
    PossibleValuesParser::new(Kind::ALL.map(Kind::name))
        .try_map(|name| Kind::from_name(&name).ok_or_else(|| format!("there is no package `{name}`")))
}

/// The code of a deviation: `A`, `P`, `K` or `S` and a number.
fn accepted(code: &str) -> Result<String, String> {
    let known = || ALL_CODES.iter().map(|(code, _)| code.0).filter(|code| !code.starts_with(['E', 'W']));
    let upper = code.to_ascii_uppercase();
    if known().any(|known| known == upper) {
        return Ok(upper);
    }
    Err(did_you_mean(&upper, known()).unwrap_or_else(|| "codes of approximations are such as A003, P001, K001, S001".to_owned()))
}

fn duration(text: &str) -> Result<i64, String> {
    crate::expression::parse::duration(text)
        .filter(|length| *length > 0)
        .ok_or_else(|| "durations are written like 30s, 5m, 1h, 7d".to_owned())
}

/// Runs a command line.
pub fn run(command_line: CommandLine) -> ExitCode {
    let outcome = match command_line.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Build(arguments) if arguments.watch => watch::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::New(arguments) => new::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::LogSources(arguments) => logsources::run(&arguments),
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Package(arguments) => package::run(&arguments),
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "cognate", &mut script);
            files::print(&String::from_utf8_lossy(&script)).map(|()| true)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) if files::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            files::print_error(&format!("error: {error:#}\n"));
            ExitCode::from(2)
        }
    }
}

/// Prints problems on standard error, with colours on a terminal unless `NO_COLOR` is set.
fn report_errors(items: &[(crate::source::Source, Vec<crate::diagnostic::Diagnostic>)]) {
    if items.iter().any(|(_, problems)| !problems.is_empty()) {
        files::print_error(&crate::report::text(items, files::colours(&std::io::stderr())));
    }
}

/// Prints what is wrong beside the specs; whether nothing can be done before it is corrected.
fn cannot_begin(workspace: &workspace::Workspace) -> bool {
    report_errors(&workspace.problems);
    has_errors(workspace.problems.iter().flat_map(|(_, problems)| problems))
}

/// The templates of a command that writes queries. `None`: what is wrong with them, or beside the specs, is printed, and nothing can
/// be done before it is corrected.
fn templates(common: &Common, workspace: &workspace::Workspace) -> anyhow::Result<Option<crate::template::Templates>> {
    match workspace::templates(common)? {
        Err(problems) => {
            report_errors(&problems);
            Ok(None)
        }
        Ok(templates) => Ok((!cannot_begin(workspace)).then_some(templates)),
    }
}

fn has_errors<'p>(problems: impl IntoIterator<Item = &'p crate::diagnostic::Diagnostic>) -> bool {
    problems.into_iter().any(|problem| problem.severity == crate::diagnostic::Severity::Error)
}
