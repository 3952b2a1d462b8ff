//! The pages of `docs/diagnostics`, as part of the binary: a code → its page.

use include_dir::{Dir, include_dir};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs/diagnostics");

/// The page of a code (Markdown), in any letter case.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.get_file(format!("{}.md", code.to_ascii_uppercase())).and_then(|file| file.contents_utf8())
}
