//! Reading and writing files: whole files only, never half of one.

pub use crate::report::counted;

use crate::diagnostic::{Diagnostic, E0001, E0002, E0008};
use crate::source::{Source, Span};
use crate::yaml::MAX_BYTES;
use anyhow::{Context, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// A path as it is shown and compared: `/` as separator, without a leading `./`.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    // elsewhere a backslash is a letter like any other
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

/// Whether a path stands for standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A path from the root of the file system, without `.` and `..`; the file system is not asked.
pub fn absolute(path: &Path, current: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in current.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(whole.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => whole.push(part),
        }
    }
    whole
}

/// All spec files under the paths, sorted; a path that is a file is taken whatever its name.
pub fn specs(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if is_standard_input(path) {
            found.push(path.clone());
        } else if path.is_dir() {
            below(path, &mut found, &mut |path| {
                print_error(&format!("note: `{}` is a link, which is not followed; name it to use it\n", shown(path)));
            })?;
        } else if path.exists() {
            found.push(path.clone());
        } else {
            bail!("there is no file or folder `{}`", shown(path));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// All other files under the folders, sorted. Links and hidden files are nobody's.
pub fn others(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in paths.iter().filter(|path| path.is_dir()) {
        for entry in walkdir::WalkDir::new(folder).into_iter().filter_entry(is_visible) {
            let entry = entry.with_context(|| format!("cannot read the folder `{}`", shown(folder)))?;
            if entry.file_type().is_file() && !is_spec_name(entry.path()) {
                found.push(entry.into_path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_visible(entry: &walkdir::DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
}

/// Whether a file is called as a spec is.
pub fn is_spec_name(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| ["yml", "yaml"].iter().any(|spec| ending.eq_ignore_ascii_case(spec)))
}

/// The specs in a folder as far as it can be read; nothing is said about it.
pub fn specs_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let read = below(folder, &mut found, &mut |_| {});
    if read.is_ok() { found } else { Vec::new() }
}

/// The specs in a folder. Links are not followed, so that a project reads nothing from outside of it and ends.
fn below(folder: &Path, found: &mut Vec<PathBuf>, link: &mut dyn FnMut(&Path)) -> anyhow::Result<()> {
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_visible) {
        let entry = entry.map_err(|error| {
            let place = shown(error.path().unwrap_or(folder));
            match error.io_error() {
                Some(error) => anyhow::anyhow!("cannot read the folder `{place}`: {error}"),
                None => anyhow::anyhow!("cannot read the folder `{place}`"),
            }
        })?;
        let is_spec = is_spec_name(entry.path());
        if entry.path_is_symlink() && entry.depth() > 0 {
            if is_spec || entry.path().is_dir() {
                link(entry.path());
            }
        } else if entry.file_type().is_file() && is_spec {
            found.push(entry.into_path());
        }
    }
    Ok(())
}

/// Reads a text under the name by which it is shown, and says why it cannot be used. A file that is too large or not
/// UTF-8 is a problem of the content, one that cannot be read at all is `E0008`.
pub fn read(path: &Path, name: &str) -> (Source, Option<Diagnostic>) {
    let unusable = |diagnostic: Diagnostic| (Source::new(name, ""), Some(diagnostic));
    let bytes = match bytes(path) {
        Ok(bytes) if bytes.len() <= MAX_BYTES => bytes,
        Ok(_) => {
            let message = format!("the file has more than {MAX_BYTES} bytes, which is the limit");
            return unusable(Diagnostic::error(E0001, Span::default(), message));
        }
        Err(error) => {
            let help = "see that it exists and that you may read it";
            return unusable(Diagnostic::error(E0008, Span::default(), format!("the file cannot be read: {error}")).help(help));
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => (Source::new(name, text), None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            let message = format!("the file is not UTF-8 (byte {at})");
            (Source::new(name, text), Some(Diagnostic::error(E0002, Span::new(at, at), message).help("save it as UTF-8")))
        }
    }
}

/// What a file holds, at most one byte more than a text may have.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    if is_standard_input(path) {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        let file = File::open(path)?;
        // its size is known: one call reads it all
        bytes.reserve(usize::try_from(file.metadata()?.len()).unwrap_or(0).min(MAX_BYTES) + 1);
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Writes a whole file or nothing: into a temporary neighbour first, which then takes its place.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    replace(path, |temporary| Ok(fs::write(temporary, text)?))
}

/// The same for a file that may be large, from what writes it.
pub fn write_with(path: &Path, write: &dyn Fn(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    replace(path, |temporary| {
        let mut file = io::BufWriter::with_capacity(1 << 16, File::create(temporary)?);
        write(&mut file)?;
        Ok(file.flush()?)
    })
}

fn replace(path: &Path, write: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", shown(folder)))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = write(&temporary).and_then(|()| Ok(fs::rename(&temporary, path)?));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write `{}`", shown(path)))
}

/// Removes a file that is no longer generated, and the folders below `root` that become empty.
pub fn remove(path: &Path, root: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
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

/// Whether a file below `root` is really there, or will be: no link on the way leads out of it.
pub fn is_really_inside(path: &Path, root: &Path) -> bool {
    let existing = path.ancestors().skip(1).find_map(|folder| fs::canonicalize(folder).ok());
    match (existing, fs::canonicalize(root)) {
        (Some(folder), Ok(root)) => folder.starts_with(root),
        (_, Err(_)) => true,
        (None, Ok(_)) => false,
    }
}

/// Prints to standard output what is written piece by piece.
pub fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints to standard output. That nobody listens any more (`cognate … | head`) changes no result.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints to standard error; a closed one is nobody's problem.
pub fn print_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether the reader of our output has gone away.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// Whether a stream is a terminal that may get colours.
pub fn colours(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
