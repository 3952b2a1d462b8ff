//! Letter case as the language means it: Unicode's simple lower case, one character for one.

use std::borrow::Cow;

/// The simple lower case of a text (`İ` is `i`, `ß` stays).
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    }
    Cow::Owned(text.chars().map(fold_character).collect())
}

/// Only `İ` has a lower case of two characters, of which the first is its simple one.
pub fn fold_character(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// Whether two texts are equal after [`fold`].
pub fn equal_ignoring_case(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().map(fold_character).eq(right.chars().map(fold_character))
}

/// Whether letter case makes a difference to a character.
pub fn has_case(character: char) -> bool {
    fold_character(character) != character || character.to_uppercase().ne([character])
}

/// Whether a text holds a letter beyond ASCII that has another case: platforms differ in ignoring the case of these.
pub fn has_case_beyond_ascii(text: &str) -> bool {
    text.chars().any(|character| !character.is_ascii() && has_case(character))
}

/// Lower case ASCII letters and digits, everything else as a single `_`.
pub fn identifier(text: &str) -> String {
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding() {
        assert_eq!(fold("ÀİSS"), "àiss");
        assert!(equal_ignoring_case("straße", "STRAßE"));
        assert!(!equal_ignoring_case("straße", "STRASSE"));
        assert!(!equal_ignoring_case("a", "ab"));
        assert!(has_case_beyond_ascii("ß") && !has_case_beyond_ascii("a€"));
    }
}
