//! Escapes CSV cells against formula injection: spreadsheets run a cell that begins like a formula, and devices
//! and people choose names freely (OWASP, CSV injection).

use std::borrow::Cow;

/// Whether a spreadsheet would run the cell, with or without the apostrophes before it.
fn runs(cell: &str) -> bool {
    let bare = cell.trim_start_matches('\'');
    bare.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// The cell as it is written, with a leading apostrophe where a spreadsheet would run it.
pub fn harmless(cell: &str) -> Cow<'_, str> {
    if runs(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// The original text of a cell that [`harmless`] wrote.
pub fn plain(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if runs(rest) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_made_harmless_and_comes_back() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", "'=1", "''=1"] {
            let written = harmless(cell);
            assert!(written.starts_with('\''), "{cell:?}");
            assert_eq!(plain(&written), cell);
        }
        for cell in ["", "dev-1", "'quoted'", "a=b", "'"] {
            assert_eq!(harmless(cell), cell);
            assert_eq!(plain(cell), cell);
        }
    }
}
