//! All log sources: the built-in ones and a project's own. A file is read when somebody asks for its log source, and
//! only then; its name follows from the id: `confluence/audit` is described in `confluence_audit.yml`.

use super::{LogSource, LogSourceId, read};
use crate::diagnostic::{Diagnostic, Diagnostics, E0701};
use crate::source::{Source, Span};
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/logsources");

/// The log sources that a project can use.
#[derive(Debug)]
pub struct LogSources {
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
struct File {
    source: Source,
    read: OnceLock<LogSourceFile>,
}

/// A log source file that has been read.
#[derive(Debug)]
pub struct LogSourceFile {
    /// What it describes; `None` if it has errors.
    pub log_source: Option<Arc<LogSource>>,
    /// Its problems.
    pub diagnostics: Diagnostics,
}

impl LogSources {
    /// The log sources that are part of the program.
    pub fn built_in() -> LogSources {
        let texts = BUILT_IN.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)));
        LogSources { files: BTreeMap::new() }.with(texts.map(|(name, text)| Source::new(format!("logsources/{name}"), text)))
    }

    /// The same with a project's own files; a file of the same name replaces a built-in one.
    pub fn with(mut self, sources: impl IntoIterator<Item = Source>) -> LogSources {
        for source in sources {
            let file = File { source, read: OnceLock::new() };
            self.files.insert(stem(&file.source.path).to_owned(), file);
        }
        self
    }

    /// The log source of an id: described by a file, or open. `None` if its file has errors.
    pub fn get(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        match self.described(id) {
            Some(file) => file.log_source.clone(),
            None => Some(Arc::new(LogSource::open(id.clone()))),
        }
    }

    /// The file that describes an id, if there is one.
    pub fn described(&self, id: &LogSourceId) -> Option<&LogSourceFile> {
        self.files.get(&id.stem()).map(File::read)
    }

    /// Every file, read, in the order of their names.
    pub fn read_all(&self) -> impl Iterator<Item = (&Source, &LogSourceFile)> {
        self.files.values().map(|file| (&file.source, file.read()))
    }

    /// The names by which the files are found, such as `confluence_audit`, without reading them.
    pub fn stems(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

impl File {
    fn read(&self) -> &LogSourceFile {
        self.read.get_or_init(|| {
            let mut diagnostics = Diagnostics::new();
            let log_source = read(&self.source, &mut diagnostics);
            let wrong = log_source.as_ref().map(|found| found.id.stem()).filter(|wanted| wanted != stem(&self.source.path));
            if let Some(wanted) = &wrong {
                let message = format!("the file describes a log source that is looked for in `{wanted}.yml`");
                diagnostics
                    .push(Diagnostic::error(E0701, Span::default(), message).help("rename the file, or correct product and service"));
            }
            LogSourceFile { log_source: log_source.filter(|_| wrong.is_none()).map(Arc::new), diagnostics }
        })
    }
}

impl LogSourceId {
    /// The file name without extension: product, category and service joined by `_`.
    pub fn stem(&self) -> String {
        self.parts().collect::<Vec<_>>().join("_")
    }
}

fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}
