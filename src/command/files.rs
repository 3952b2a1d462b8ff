//! Reading and writing files: whole files only, never half of one.

use crate::diagnostic::{Diagnostic, E0001, E0002};
use crate::source::{Source, Span};
use crate::yaml::MAX_BYTES;
use anyhow::{Context, bail};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// A path as it is shown and compared: `/` as separator, without a leading `./`.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

/// All spec files under the paths, sorted; a path that is a file is taken whatever its name.
pub fn specs(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" || path.is_file() {
            found.push(path.clone());
            continue;
        }
        if !path.is_dir() {
            bail!("there is no file or folder `{}`", shown(path));
        }
        let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
        for entry in walkdir::WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(visible) {
            let entry = entry.with_context(|| format!("cannot read the folder `{}`", shown(path)))?;
            let extension = entry.path().extension().and_then(|extension| extension.to_str());
            if entry.file_type().is_file() && matches!(extension, Some("yml" | "yaml")) {
                found.push(entry.into_path());
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Reads a text; a file that is too large or not UTF-8 is a problem of the content.
pub fn read(path: &Path) -> anyhow::Result<Result<Source, (Source, Diagnostic)>> {
    let (name, bytes) = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
        ("-".to_owned(), bytes)
    } else {
        let length = fs::metadata(path).with_context(|| format!("cannot read `{}`", shown(path)))?.len();
        if length > MAX_BYTES as u64 {
            let message = format!("the file has {length} bytes, more than the limit of {MAX_BYTES}");
            return Ok(Err((Source::new(shown(path), ""), Diagnostic::error(E0001, Span::default(), message))));
        }
        (shown(path), fs::read(path).with_context(|| format!("cannot read `{}`", shown(path)))?)
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Ok(Source::new(name, text))),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            let message = format!("the file is not UTF-8 (byte {at})");
            let diagnostic = Diagnostic::error(E0002, Span::new(at, at), message).help("save it as UTF-8");
            Ok(Err((Source::new(name, text), diagnostic)))
        }
    }
}

/// Writes a whole file or nothing: into a temporary neighbour first, which then takes its place.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", shown(folder)))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write `{}`", shown(path)))
}

/// Removes a file that is no longer generated, and the folders below `root` that become empty.
pub fn remove(path: &Path, root: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot remove `{}`", shown(path))),
    }
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(root) && *folder != root) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

/// Whether a relative path stays inside of the folder that it is relative to.
pub fn stays_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Prints to standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints to standard error; a closed one is nobody's problem.
pub fn print_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether the reader of our output has gone away (`cognate … | head`).
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// Whether a stream is a terminal that may get colours.
pub fn colours(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
