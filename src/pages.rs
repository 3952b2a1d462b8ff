//! The pages of `docs/diagnostics`, as part of the binary: a code → its page.

use include_dir::{Dir, include_dir};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs/diagnostics");

/// The page of a code (Markdown), in any letter case.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.get_file(format!("{}.md", code.to_ascii_uppercase())).and_then(|file| file.contents_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::ALL_CODES;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        for (code, title) in ALL_CODES {
            let page = page(code.0).unwrap_or_else(|| panic!("docs/diagnostics/{code}.md is missing"));
            assert!(page.starts_with(&format!("# {code}: {title}\n\n")), "docs/diagnostics/{code}.md must begin with `# {code}: {title}`");
            assert!(page.lines().count() >= 10, "docs/diagnostics/{code}.md says too little");
        }
        for file in PAGES.files() {
            let name = file.path().to_string_lossy().into_owned();
            let known = |(code, _): &(crate::diagnostic::Code, &str)| name == format!("{code}.md");
            assert!(name == "README.md" || ALL_CODES.iter().any(known), "docs/diagnostics/{name} has no code");
        }
        assert_eq!(page("e0001"), page("E0001"));
        assert_eq!(page("../E0001"), None);
    }

    #[test]
    fn index_lists_all_codes_in_order() {
        let index = PAGES.get_file("README.md").and_then(|file| file.contents_utf8()).unwrap_or_default();
        let written: Vec<&str> = index.lines().filter(|line| line.starts_with("| [")).collect();
        let expected: Vec<String> = ALL_CODES.iter().map(|(code, title)| format!("| [{code}]({code}.md) | {title} |")).collect();
        assert_eq!(written.join("\n"), expected.join("\n"), "the table of docs/diagnostics/README.md must be as on the right");
    }
}
