//! A folder → the number of its YAML documents: the work below which no compiler of the folder can stay.

use anyhow::{Context, Result};
use cognate::diagnostic::Diagnostics;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: corpus FOLDER")?;
    let (mut files, mut documents) = (0, 0);
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            let text = std::fs::read_to_string(entry.path())?;
            let mut problems = Diagnostics::new();
            documents += black_box(cognate::yaml::read(&text, &mut problems)).len();
            files += 1;
        }
    }
    println!("{files} files, {documents} documents");
    Ok(())
}
