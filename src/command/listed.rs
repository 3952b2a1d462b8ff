//! A folder that a command fills: its list names the files with their hashes, so that the next run removes what is no longer among
//! them. Other files there are nobody's.

use super::files;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A list as an earlier run wrote it.
#[derive(Deserialize)]
struct Listed {
    files: BTreeMap<String, String>,
}

/// A folder with what an earlier run wrote there.
pub struct ListedFolder {
    folder: PathBuf,
    name: &'static str,
    /// Path below the folder → hash.
    before: BTreeMap<String, String>,
}

impl ListedFolder {
    /// Reads the list of a folder, if there is one; `what` is what the folder holds, for messages.
    pub fn open(folder: &Path, name: &'static str, what: &str) -> anyhow::Result<ListedFolder> {
        let path = folder.join(name);
        let mut before = BTreeMap::new();
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", files::shown(&path)))?;
            let listed: Listed = serde_json::from_str(&text)
                .with_context(|| format!("`{}` is no list of {what}: name another folder, or remove it", files::shown(&path)))?;
            before = listed.files;
        }
        Ok(ListedFolder { folder: folder.to_path_buf(), name, before })
    }

    /// The files that an earlier run wrote, with their hashes.
    pub fn before(&self) -> &BTreeMap<String, String> {
        &self.before
    }

    /// Where a file is.
    pub fn place(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Stops if a file that no run has written stands where one of these goes, or a link leads out of the folder.
    pub fn refuse_foreign<'t>(&self, texts: impl Iterator<Item = (&'t str, &'t [u8])>, command: &str) -> anyhow::Result<()> {
        for (path, text) in texts {
            let place = self.place(path);
            if !files::is_really_inside(&place, &self.folder) {
                bail!("`{}` leads out of the folder", files::shown(&place));
            }
            let known = self.before.contains_key(path);
            if !known && place.exists() && std::fs::read(&place).ok().as_deref() != Some(text) {
                bail!("`{}` was not written by `{command}`: name another folder, or remove it", files::shown(&place));
            }
        }
        Ok(())
    }

    /// Removes the files of an earlier run that are not among these.
    pub fn remove_others(&self, stay: &BTreeSet<&str>) -> anyhow::Result<()> {
        let gone = self.before.keys().filter(|path| !stay.contains(path.as_str()) && files::stays_inside(Path::new(path)));
        gone.into_iter().try_for_each(|path| files::remove(&self.place(path), &self.folder))
    }

    /// Writes the list.
    pub fn write_list(&self, list: &serde_json::Value) -> anyhow::Result<()> {
        files::write(&self.place(self.name), &format!("{list:#}\n"))
    }
}

/// The hash of a file in a list.
pub fn hash(bytes: &[u8]) -> String {
    files::hexadecimal(&Sha256::digest(bytes))
}
