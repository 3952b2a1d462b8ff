//! The folder of a project that comes into being: whole or not at all.

use crate::command::files;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder for files that a build would refuse; no build reads it.
pub const SET_ASIDE: &str = "set-aside";

/// A temporary folder beside the one that it becomes. Without [`Project::finish`] nothing stays of it.
pub struct Project {
    temporary: PathBuf,
    place: PathBuf,
    finished: bool,
}

impl Project {
    /// Begins one; there must be nothing yet where it is to be.
    pub fn new(place: &Path) -> anyhow::Result<Project> {
        let shown = files::shown(place);
        match fs::read_dir(place).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => bail!("`{shown}` is not empty: import into a new folder, and move what you want from there"),
            Err(_) if place.exists() => bail!("`{shown}` exists already: choose another name"),
            Err(_) => {}
        }
        let Some(name) = place.file_name() else { bail!("`{shown}` is no name for a folder: choose another one") };
        let parent = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = parent.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
        fs::create_dir_all(&temporary).with_context(|| format!("cannot make a folder beside `{shown}`"))?;
        let temporary = fs::canonicalize(&temporary).unwrap_or(temporary);
        let project = Project { temporary, place: place.to_owned(), finished: false };
        fs::create_dir_all(project.temporary.join("detections")).with_context(|| format!("cannot make a folder beside `{shown}`"))?;
        Ok(project)
    }

    /// Where it is for now.
    pub fn folder(&self) -> &Path {
        &self.temporary
    }

    /// Writes a file of it.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        files::write(&self.temporary.join(path), text)
    }

    /// Copies a file into it, byte for byte.
    pub fn copy(&self, from: &Path, path: &str) -> anyhow::Result<()> {
        let to = self.temporary.join(path);
        let copied = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(from, &to));
        copied.map(drop).with_context(|| format!("cannot copy `{}`", files::shown(from)))
    }

    /// Removes a file of it.
    pub fn remove(&self, path: &str) -> anyhow::Result<()> {
        files::remove(&self.temporary.join(path), &self.temporary.join("detections"))
    }

    /// Gives it its name.
    pub fn finish(mut self) -> anyhow::Result<()> {
        // an empty folder may be there, which some systems do not replace
        let _ = fs::remove_dir(&self.place);
        fs::rename(&self.temporary, &self.place).with_context(|| format!("cannot write `{}`", files::shown(&self.place)))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}
