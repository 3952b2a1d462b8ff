//! Detections and their Sigma rules → a folder of rules, named as the public repository names its own.

use super::{Files, Part};

/// The rules' files: `rules/<product>/<category or service>/<name>.yml`; a correlation stands in one file with the rules that it counts.
pub fn files(parts: &[Part<'_>]) -> Result<Files, (usize, String)> {
    let mut files = Files::new();
    for (index, part) in parts.iter().enumerate() {
        let path = path(part);
        if files.insert(path.clone(), part.artefact.text.clone()).is_some() {
            return Err((index, path));
        }
    }
    Ok(files)
}

/// `rules/jira/cloud_audit/jira_project_deleted.yml`
fn path(part: &Part<'_>) -> String {
    let id = &part.detection.log_source.id;
    let of = |part: &Option<String>| part.as_deref().map(plain);
    let folders: Vec<String> = [of(&id.product), of(&id.category).or_else(|| of(&id.service))].into_iter().flatten().collect();
    let mut words: Vec<String> = vec![plain(part.name.rsplit('/').next().unwrap_or(part.name))];
    for folder in folders.iter().rev().filter(|folder| !words[0].starts_with(folder.as_str())).take(2).collect::<Vec<_>>() {
        if !words.iter().any(|word| word.contains(folder.as_str())) {
            words.insert(0, folder.clone());
        }
    }
    format!("rules/{}/{}.yml", folders.join("/"), words.join("_"))
}

/// Lower case, with `_` for everything but letters and digits.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
