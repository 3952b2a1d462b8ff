//! The modifiers that rewrite a text: dashes, UTF-16 and base64.

use crate::detection::{Modifier, Segment};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// The most texts that `windash` makes of one.
const MAX_VARIANTS: usize = 625;

/// Every parameter dash (`-` or `/` before a word, not inside of one) replaced by each of five dashes.
pub fn windash(segments: &[Segment]) -> Result<Vec<Vec<Segment>>, String> {
    let mut variants: Vec<Vec<Segment>> = vec![Vec::new()];
    for segment in segments {
        let pieces = match segment {
            Segment::Literal(text) => {
                dash_variants(text, MAX_VARIANTS / variants.len().max(1))?.into_iter().map(Segment::Literal).collect()
            }
            Segment::AnyRun | Segment::AnyCharacter => vec![segment.clone()],
        };
        variants = variants
            .iter()
            .flat_map(|variant| pieces.iter().map(move |piece| variant.iter().cloned().chain([piece.clone()]).collect()))
            .collect();
    }
    Ok(variants)
}

fn dash_variants(text: &str, limit: usize) -> Result<Vec<String>, String> {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let chars: Vec<char> = text.chars().collect();
    let mut variants = vec![String::new()];
    for (i, c) in chars.iter().enumerate() {
        let before = if i == 0 { None } else { chars.get(i - 1).copied() };
        if matches!(c, '-' | '/') && !word(before) && word(chars.get(i + 1).copied()) {
            variants = variants.iter().flat_map(|variant| DASHES.map(|dash| format!("{variant}{dash}"))).collect();
            if variants.len() > limit {
                return Err(format!("`windash` would make more than {MAX_VARIANTS} texts of it"));
            }
        } else {
            variants.iter_mut().for_each(|variant| variant.push(*c));
        }
    }
    Ok(variants)
}

/// A text's bytes in an encoding.
pub fn utf16(text: &str, encoding: Modifier) -> Vec<u8> {
    let units = text.encode_utf16();
    if encoding == Modifier::Utf16Be {
        return units.flat_map(u16::to_be_bytes).collect();
    }
    let mark: &[u8] = if encoding == Modifier::Utf16 { &[0xff, 0xfe] } else { &[] };
    mark.iter().copied().chain(units.flat_map(u16::to_le_bytes)).collect()
}

/// The bytes in base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The parts of the base64 text that do not depend on what stands around the bytes, for the three alignments.
pub fn base64_offsets(bytes: &[u8]) -> [String; 3] {
    let (starts, cut) = ([0, 2, 3], [0, 3, 2]);
    std::array::from_fn(|offset| {
        let shifted: Vec<u8> = std::iter::repeat_n(b' ', offset).chain(bytes.iter().copied()).collect();
        let text = STANDARD.encode(&shifted);
        let end = text.len() - cut[shifted.len() % 3];
        text.get(starts[offset]..end).unwrap_or_default().to_owned()
    })
}
