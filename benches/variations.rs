//! Many specs out of some: `cargo run --example variations -- BASE COUNT FOLDER` writes COUNT specs below FOLDER, which are
//! copies of those below BASE with ids of their own (and other names of programs), so that a build of them takes them for
//! different ones. The same every time. `docs/performance.md` says what it is good for.

use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use uuid::Uuid;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, count, folder] = arguments.as_slice() else { return Err(Error::other("usage: variations BASE COUNT FOLDER")) };
    let count: usize = count.parse().map_err(Error::other)?;
    let specs = specs(Path::new(base))?;
    if specs.is_empty() {
        return Err(Error::other(format!("there are no specs below {base}")));
    }
    for number in 0..count {
        let (path, text) = &specs[number % specs.len()];
        let round = number / specs.len();
        let place = Path::new(folder).join(format!("{round:04}")).join(path);
        fs::create_dir_all(place.parent().unwrap_or(Path::new(".")))?;
        fs::write(place, variation(text, round))?;
    }
    Ok(())
}

/// The specs below a folder by their paths there, in the order of their names.
fn specs(base: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut specs = Vec::new();
    for entry in walkdir::WalkDir::new(base).sort_by_file_name() {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            let text = fs::read_to_string(&path)?;
            specs.push((path.strip_prefix(base).map_err(Error::other)?.to_owned(), text));
        }
    }
    Ok(specs)
}

/// The text with another UUID in place of each, and other names of programs.
fn variation(text: &str, round: usize) -> String {
    let mut varied = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while !rest.is_empty() {
        let id = rest.get(..36).filter(|id| id.as_bytes()[8] == b'-').and_then(|id| Uuid::try_parse(id).ok());
        let taken = match id {
            Some(id) => {
                varied += &Uuid::new_v5(&id, round.to_string().as_bytes()).to_string();
                36
            }
            None if rest.starts_with(".exe'") => {
                varied += &format!("-{round}.exe'");
                5
            }
            None => {
                let length = rest.chars().next().map_or(0, char::len_utf8);
                varied += &rest[..length];
                length
            }
        };
        rest = &rest[taken..];
    }
    varied
}
