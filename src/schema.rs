//! The JSON Schema of a spec, for editors: completion, descriptions, and the first problems while typing.

/// The schema as JSON text.
pub fn text() -> String {
    include_str!("../schema/spec.schema.json").to_owned()
}
