//! Pieces of queries and how they are joined: what fits stays in one line, the rest has one member a line.

/// Longest text of a group that stays in one line.
pub const WIDTH: usize = 100;

/// How the members of a condition are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// All hold.
    And,
    /// One holds.
    Or,
}

/// A finished condition and what joins its members at the top, if anything does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The text; continuation lines are indented relative to the first.
    pub text: String,
    /// `None`: one member, which never needs parentheses.
    pub joint: Option<Joint>,
}

impl Fragment {
    /// One member.
    pub fn atom(text: impl Into<String>) -> Fragment {
        Fragment { text: text.into(), joint: None }
    }

    /// Members joined; a member that is itself joined gets parentheses, because the search command and eval
    /// disagree on what binds tighter.
    pub fn join(members: Vec<Fragment>, joint: Joint) -> Fragment {
        let word = match joint {
            Joint::And => "AND",
            Joint::Or => "OR",
        };
        if members.len() == 1 {
            return members.into_iter().next().expect("one member");
        }
        let texts: Vec<String> = members.into_iter().map(Fragment::closed).collect();
        Fragment { text: lay_out(&texts, &format!(" {word} "), &format!("\n{word} ")), joint: Some(joint) }
    }

    /// In parentheses where that matters.
    pub fn closed(self) -> String {
        if self.joint.is_some() { format!("({})", inside(&self.text)) } else { self.text }
    }
}

/// Texts joined in one line, or one a line.
fn lay_out(texts: &[String], flat: &str, broken: &str) -> String {
    let length: usize = texts.iter().map(|text| text.len() + flat.len()).sum();
    let whole = length <= WIDTH && !texts.iter().any(|text| text.contains('\n'));
    texts.join(if whole { flat } else { broken })
}

/// A list of values or names, wrapped when it is long.
pub fn list(items: &[String]) -> String {
    let text = lay_out(items, ", ", ",\n");
    inside(&text)
}

/// A text between brackets: on lines of its own when it has several.
pub fn inside(text: &str) -> String {
    if text.contains('\n') { format!("\n    {}\n", indent(text)) } else { text.to_owned() }
}

/// Continuation lines four further in.
pub fn indent(text: &str) -> String {
    text.replace('\n', "\n    ")
}
