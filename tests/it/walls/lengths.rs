//! How long files are. Tests are not counted.

use super::{beside, server, shown};

/// A file may have more lines than this only if its documentation says why, in a line that begins with `Long because`.
const LONGEST: usize = 600;
/// The middle of all lengths may be this at most.
const MEDIAN: usize = 150;
/// Nine files of ten are shorter than this.
const NINETIETH: usize = 350;

/// Path and lines of each file, the shortest first; and those too long that do not say why.
fn lengths() -> (Vec<usize>, Vec<(String, usize)>) {
    let mut lines = Vec::new();
    let mut unexplained = Vec::new();
    for source in beside().iter().chain([server()]).flat_map(|c| &c.files) {
        let count = source.text.lines().count();
        lines.push(count);
        let head = source.text.lines().take_while(|l| l.starts_with("//!"));
        let reason = head
            .map(|l| l.trim_start_matches("//! "))
            .any(|l| l.starts_with("Long because"));
        if count > LONGEST && !reason {
            unexplained.push((shown(&source.path), count));
        }
    }
    lines.sort_unstable();
    (lines, unexplained)
}

#[test]
fn a_long_file_says_why() {
    let (_, unexplained) = lengths();
    assert!(
        unexplained.is_empty(),
        "split them, or say why not in a line `//! Long because ...`: {unexplained:?}"
    );
}

#[test]
fn files_are_short() {
    let (lines, _) = lengths();
    let (median, ninetieth) = (lines[lines.len() / 2], lines[lines.len() * 9 / 10]);
    assert!(
        median <= MEDIAN,
        "half of {} files have more than {median} lines; at most {MEDIAN} are allowed",
        lines.len()
    );
    assert!(
        ninetieth < NINETIETH,
        "a tenth of {} files has {ninetieth} lines or more; less than {NINETIETH} are allowed",
        lines.len()
    );
}
