//! A report for the comment on a pull request: GitHub's Markdown, of which texts of authors cannot become a part.
//!
//! What an author wrote stands in code: between backticks, more than any run of them inside; in `<code>` where Markdown is not read;
//! or in a fence that is longer than any run of backticks inside. In none of them HTML, mentions and references mean anything. A comment
//! has room for 65,536 characters: of what is too long first diffs are left out, then the details of specs, the least important first.

use super::text::commit;
use super::{Line, Report, SpecDifference, visible};
use crate::difference::change::{Piece, short};

/// The first line, by which a program finds its comment again.
pub const MARKER: &str = "<!-- cognate-diff -->";
/// The most bytes of a comment.
pub const MOST_BYTES: usize = 65_000;
/// The most bytes that are said of one spec, without diffs.
const MOST_OF_SPEC: usize = 16_000;
/// Room for what is said about what is left out.
const ROOM: usize = 400;

/// A spec in pieces, so that what is too long can be left out.
struct Block {
    head: String,
    body: String,
    diffs: Vec<String>,
}

const TAIL: &str = "</details>\n\n";

impl Block {
    fn length(&self) -> usize {
        self.head.len() + self.body.len() + TAIL.len()
    }
}

/// The whole comment.
pub(super) fn write(report: &Report) -> String {
    let mut text = format!("{MARKER}\n");
    let base = format!("{} ({})", code(&short(&report.revision)), code(commit(report)));
    text += &format!("**Cognate**, compared with {base}: {}\n\n", escaped(&report.summary()));
    let notices: String = report.notices.iter().map(|notice| format!("- {}\n", sentence(notice))).collect();
    text += &kept(&notices, MOST_OF_SPEC);
    if !notices.is_empty() {
        text.push('\n');
    }
    let blocks: Vec<Block> = report.specs.iter().map(block).collect();
    let shown = fitting(&blocks, MOST_BYTES - ROOM - text.len());
    let mut room = MOST_BYTES - ROOM - text.len() - blocks[..shown].iter().map(Block::length).sum::<usize>();
    let mut left_out = blocks[shown..].iter().map(|block| block.diffs.len()).sum::<usize>();
    for block in &blocks[..shown] {
        text.extend([&*block.head, &*block.body]);
        for diff in &block.diffs {
            if diff.len() <= room {
                room -= diff.len();
                text += diff;
            } else {
                left_out += 1;
            }
        }
        text += TAIL;
    }
    let specs = blocks.len() - shown;
    if specs > 0 {
        text += &format!("{specs} more changed specs are not shown: the comment would be too long.\n\n");
    }
    if left_out > 0 {
        text += &format!("{left_out} diffs of queries are left out: the comment would be too long. `cognate diff` prints all of them.\n");
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// How many blocks have room, from the first on.
fn fitting(blocks: &[Block], room: usize) -> usize {
    let mut used = 0;
    let fits = |block: &&Block| {
        used += block.length();
        used <= room
    };
    blocks.iter().take_while(fits).count()
}

fn block(spec: &SpecDifference) -> Block {
    let name: Vec<String> = spec.name().iter().map(html).collect();
    let head = format!("<details><summary>{}: {}</summary>\n\n", spec.heading(), name.join(" "));
    let mut lines = String::new();
    for section in spec.sections() {
        lines += &format!("**{}**\n\n", section.title);
        for Line { level, pieces } in &section.lines {
            lines += &format!("{}- {}\n", "  ".repeat(*level), sentence(pieces));
        }
        lines.push('\n');
    }
    let body = kept(&lines, MOST_OF_SPEC);
    let diffs = spec.targets.iter().filter(|target| !target.diff.is_empty()).map(|target| fenced(&target.diff)).collect();
    Block { head, body, diffs }
}

/// The first lines of a text, and how many are left out.
fn kept(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left_out = 0;
    for line in text.split_inclusive('\n') {
        if left_out == 0 && kept.len() + line.len() <= most {
            kept += line;
        } else {
            left_out += 1;
        }
    }
    format!("{}\n\n- {left_out} more lines are left out\n\n", kept.trim_end())
}

fn sentence(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Plain(text) => escaped(text),
        Piece::Code(text) => code(text),
    };
    pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
}

/// Words of ours: nothing in them is HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "@\u{200b}")
}

/// A code span around a text of one line.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let blank = if text.is_empty() || text.starts_with('`') || text.ends_with('`') || text.starts_with(' ') { " " } else { "" };
    match text.is_empty() {
        true => "(empty)".to_owned(),
        false => format!("{fence}{blank}{text}{blank}{fence}"),
    }
}

/// A piece where Markdown is not read.
fn html(piece: &Piece) -> String {
    let safe = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    match piece {
        Piece::Plain(text) => safe(text),
        Piece::Code(text) => format!("<code>{}</code>", safe(text).replace('@', "@\u{200b}")),
    }
}

/// A diff in a fence that nothing inside can end.
fn fenced(diff: &str) -> String {
    let shown = visible(diff);
    let fence = "`".repeat((longest_run(&shown) + 1).max(3));
    format!("{fence}diff\n{}\n{fence}\n\n", shown.trim_end_matches('\n'))
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_longer_than_any_run_of_backticks_inside() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a `b` ``c"), "```a `b` ``c```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code(""), "(empty)");
        assert_eq!(fenced("+ ```\n"), "````diff\n+ ```\n````\n\n");
    }

    #[test]
    fn html_is_text() {
        assert_eq!(html(&Piece::code("<img src=x> @all &amp;")), "<code>&lt;img src=x&gt; @\u{200b}all &amp;amp;</code>");
        assert_eq!(escaped("a < b"), "a &lt; b");
    }

    #[test]
    fn what_is_kept_ends_with_a_line() {
        assert_eq!(kept("- a\n- b\n", 100), "- a\n- b\n");
        assert_eq!(kept("- a\n- b\n- c\n", 5), "- a\n\n- 2 more lines are left out\n\n");
    }
}
