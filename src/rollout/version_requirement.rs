//! Parser of Elixir version requirements (docs/protocol/rules.md, "Deployment groups"), which restrict a
//! deployment group to devices with certain firmware versions.

use semver::{Prerelease, Version};

/// The text is not an Elixir version requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be valid Elixir version requirement string")]
pub struct BadRequirement;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Clause {
    Equal(Version),
    NotEqual(Version),
    Greater(Version),
    AtLeast(Version),
    Less(Version),
    AtMost(Version),
    /// At least the first version and below the second. Pre-releases of the second are excluded.
    Between(Version, Version),
}

/// A parsed requirement: alternatives, each of which is a list of clauses that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement(Vec<Vec<Clause>>);

impl Requirement {
    /// Parses a requirement.
    ///
    /// # Errors
    /// [`BadRequirement`] for anything outside the grammar. This includes the empty text, which callers handle
    /// before as "no condition".
    pub fn parse(text: &str) -> Result<Self, BadRequirement> {
        let any = text
            .split(" or ")
            .map(|all| all.split(" and ").map(|c| clause(c.trim())).collect())
            .collect::<Result<_, _>>()?;
        Ok(Self(any))
    }

    /// Whether a version satisfies the requirement. Build metadata is ignored.
    pub fn matches(&self, version: &Version) -> bool {
        self.0
            .iter()
            .any(|all| all.iter().all(|c| c.matches(version)))
    }
}

impl Clause {
    fn matches(&self, v: &Version) -> bool {
        match self {
            Self::Equal(w) => v.cmp_precedence(w).is_eq(),
            Self::NotEqual(w) => v.cmp_precedence(w).is_ne(),
            Self::Greater(w) => v.cmp_precedence(w).is_gt(),
            Self::AtLeast(w) => v.cmp_precedence(w).is_ge(),
            Self::Less(w) => v.cmp_precedence(w).is_lt(),
            Self::AtMost(w) => v.cmp_precedence(w).is_le(),
            Self::Between(low, high) => {
                v.cmp_precedence(low).is_ge()
                    && (v.major, v.minor, v.patch) < (high.major, high.minor, high.patch)
            }
        }
    }
}

fn clause(text: &str) -> Result<Clause, BadRequirement> {
    const OPERATORS: [&str; 8] = ["==", "!=", ">=", "<=", "~>", "!", ">", "<"];
    let (operator, rest) = OPERATORS
        .iter()
        .find_map(|op| text.strip_prefix(op).map(|rest| (*op, rest.trim_start())))
        .unwrap_or(("==", text));
    if operator == "~>" {
        return pessimistic(rest);
    }
    let version = Version::parse(rest).map_err(|_| BadRequirement)?;
    Ok(match operator {
        "==" => Clause::Equal(version),
        "!=" | "!" => Clause::NotEqual(version),
        ">" => Clause::Greater(version),
        ">=" => Clause::AtLeast(version),
        "<" => Clause::Less(version),
        _ => Clause::AtMost(version),
    })
}

/// `~> 2.1` allows versions below the next major one, `~> 2.1.0` those below the next minor one.
fn pessimistic(text: &str) -> Result<Clause, BadRequirement> {
    if let Ok(low) = Version::parse(text) {
        let high = Version::new(
            low.major,
            low.minor.checked_add(1).ok_or(BadRequirement)?,
            0,
        );
        return Ok(Clause::Between(low, high));
    }
    let (numbers, pre) = match text.split_once('-') {
        Some((numbers, pre)) => (numbers, Prerelease::new(pre).map_err(|_| BadRequirement)?),
        None => (text, Prerelease::EMPTY),
    };
    let (major, minor) = numbers.split_once('.').ok_or(BadRequirement)?;
    let mut low = Version::parse(&format!("{major}.{minor}.0")).map_err(|_| BadRequirement)?;
    low.pre = pre;
    let high = Version::new(low.major.checked_add(1).ok_or(BadRequirement)?, 0, 0);
    Ok(Clause::Between(low, high))
}

#[cfg(test)]
mod tests;
