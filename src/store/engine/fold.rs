//! Folding: the form in which texts are compared when capitals and small letters are to be the same, in every script. The
//! engines' own `lower()` knows ASCII only, so that the server folds what it stores and what it looks for in one way.

use crate::limits::FOLD_ROWS;
use crate::store::{Db, Result};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization as _;

/// The folded form of a text: full case folding (Unicode 3.13, so that `ß` is `ss` and a final sigma is a sigma), composed.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Composed before as well, since letters may fold to several.
    let composed: String = text.nfc().collect();
    caseless::default_case_fold_str(&composed).nfc().collect()
}

/// The folded form of a text that has letters beyond ASCII; the engine lowers the others itself.
pub fn beyond_ascii(text: &str) -> Option<String> {
    (!text.is_ascii()).then(|| fold(text))
}

/// The pattern of LIKE that finds a text within folded ones.
pub fn like(text: &str) -> String {
    Pattern::part(text).like()
}

/// A text as a pattern of LIKE that matches it alone.
fn plain(text: &str) -> String {
    let mut p = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            p.push('\\');
        }
        p.push(c);
    }
    p
}

/// A pattern with `%` (any text) and `_` (any one letter), which a backslash makes plain, taken apart and folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Text(String),
}

/// Letters that the engines' indexes of texts need to find anything.
const INDEXED: usize = 3;

impl Pattern {
    /// Reads one.
    pub fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let part = match c {
                '%' => Part::Any,
                '_' => Part::One,
                // A backslash at the end stands for itself.
                '\\' => {
                    text.push(chars.next().unwrap_or('\\'));
                    continue;
                }
                _ => {
                    text.push(c);
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(fold(&std::mem::take(&mut text))));
            }
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(fold(&text)));
        }
        Self(parts)
    }

    /// Matches what has this text in it.
    pub fn part(text: &str) -> Self {
        Self(vec![Part::Any, Part::Text(fold(text)), Part::Any])
    }

    /// For LIKE with a backslash.
    pub fn like(&self) -> String {
        let text = |part: &Part| match part {
            Part::Any => "%".into(),
            Part::One => "_".into(),
            Part::Text(t) => plain(t),
        };
        self.0.iter().map(text).collect()
    }

    /// For SQLite's GLOB, which has no letter that makes others plain, but sets of one.
    pub fn glob(&self) -> String {
        let text = |part: &Part| -> Cow<'static, str> {
            match part {
                Part::Any => "*".into(),
                Part::One => "?".into(),
                Part::Text(t) => {
                    let one = |c: char| match c {
                        '*' | '?' | '[' => format!("[{c}]"),
                        _ => c.to_string(),
                    };
                    t.chars().map(one).collect::<String>().into()
                }
            }
        };
        self.0.iter().map(text).collect()
    }

    /// Whether an index of three letters can find it.
    pub fn is_indexed(&self) -> bool {
        let long = |p: &Part| matches!(p, Part::Text(t) if t.chars().count() >= INDEXED);
        self.0.iter().any(long)
    }

    /// Whether a text matches, in any case.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = fold(text).chars().collect();
        // The places of the text that the parts so far can end at.
        let mut ends = vec![false; text.len() + 1];
        ends[0] = true;
        for part in &self.0 {
            ends = step(part, &text, &ends);
        }
        ends[text.len()]
    }
}

/// Where a part can end that begins at one of these places.
fn step(part: &Part, text: &[char], ends: &[bool]) -> Vec<bool> {
    let mut next = vec![false; ends.len()];
    match part {
        Part::Any => {
            let mut seen = false;
            for (at, end) in ends.iter().enumerate() {
                seen |= *end;
                next[at] = seen;
            }
        }
        Part::One => next[1..].copy_from_slice(&ends[..text.len()]),
        Part::Text(t) => {
            let t: Vec<char> = t.chars().collect();
            for (at, _) in ends.iter().enumerate().filter(|(_, end)| **end) {
                if text[at..].starts_with(&t) {
                    next[at + t.len()] = true;
                }
            }
        }
    }
    next
}

/// A column of rows from before the columns were folded, and where its folded form goes.
struct Column {
    /// Its table, as `unfolded` names it.
    table: &'static str,
    /// Rows behind a number, with their text.
    read: &'static str,
    /// Sets one.
    write: &'static str,
}

/// A column of a table whose rows have numbers.
macro_rules! numbered {
    ($table:literal, $text:literal, $folded:literal) => {
        Column {
            table: $table,
            read: sql!(
                concat!("fold.read_", $table, "_", $text),
                concat!(
                    "SELECT id, ",
                    $text,
                    " FROM ",
                    $table,
                    " WHERE id > $1 AND octet_length(",
                    $text,
                    ") <> length(",
                    $text,
                    ")
                    ORDER BY id LIMIT $2"
                )
            ),
            write: sql!(
                concat!("fold.write_", $table, "_", $text),
                concat!("UPDATE ", $table, " SET ", $folded, " = $2 WHERE id = $1")
            ),
        }
    };
}

/// What is folded. Tags have no number of their own: a page is all tags of so many devices.
const COLUMNS: [Column; 5] = [
    numbered!("devices", "identifier", "folded"),
    Column {
        table: "device_tags",
        read: sql!(
            "fold.read_tags",
            "SELECT device_id, tag FROM device_tags t
             WHERE t.device_id > $1 AND t.device_id <= (SELECT COALESCE(MAX(x.device_id), 0) FROM
               (SELECT DISTINCT device_id FROM device_tags
                WHERE device_id > $1 AND octet_length(tag) <> length(tag)
                ORDER BY device_id LIMIT $2) x)
               AND octet_length(t.tag) <> length(t.tag)
             ORDER BY t.device_id"
        ),
        write: sql!(
            "fold.write_tags",
            "UPDATE device_tags SET folded = $2 WHERE device_id = $1 AND tag = $3"
        ),
    },
    numbered!("scripts", "name", "folded_name"),
    numbered!("scripts", "tags", "folded_tags"),
    numbered!("audit_logs", "description", "folded"),
];

/// Folds what stood in the database before its texts were folded, once; a start that is cut off goes on at the next.
pub async fn old_rows(db: &Db) -> Result<()> {
    let mut r = db.read().await?;
    let left: Vec<(String,)> = fetch_all!(&mut r, sql!("fold.left", "SELECT name FROM unfolded"))?;
    drop(r);
    for (table,) in left {
        for column in COLUMNS.iter().filter(|c| c.table == table) {
            whole_column(db, column).await?;
        }
        let mut w = db.write().await?;
        execute!(
            &mut w,
            sql!("fold.done", "DELETE FROM unfolded WHERE name = $1"),
            &table
        )?;
        w.commit().await?;
    }
    Ok(())
}

async fn whole_column(db: &Db, column: &Column) -> Result<()> {
    let mut last = 0;
    loop {
        let mut w = db.write().await?;
        let rows: Vec<(i64, String)> = on_engine!(&mut w, |c| {
            let rows = sqlx::query_as(column.read).bind(last).bind(FOLD_ROWS);
            rows.fetch_all(c).await
        })?;
        let Some(end) = rows.last().map(|r| r.0) else {
            return Ok(());
        };
        for (id, text) in rows {
            on_engine!(&mut w, |c| {
                let mut q = sqlx::query(column.write).bind(id).bind(fold(&text));
                if column.write.contains("$3") {
                    q = q.bind(&text);
                }
                q.execute(c).await.map(|_| ())
            })?;
        }
        w.commit().await?;
        last = end;
    }
}

#[cfg(test)]
mod tests;
