//! The table that is printed. Its rows are printed as they come as well, since a run takes a while.

use std::time::Instant;

#[derive(Default)]
pub struct Table {
    rows: Vec<(String, String)>,
    /// What did not come out as it must, however slow the machine is.
    wrong: Vec<String>,
}

/// The seconds since then.
pub fn seconds(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}

impl Table {
    pub fn row(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let (what, figure) = (what.into(), figure.into());
        eprintln!("{what}: {figure}");
        self.rows.push((what, figure));
    }

    /// Notes that something must hold.
    pub fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            let what = what.into();
            eprintln!("WRONG: {what}");
            self.wrong.push(what);
        }
    }

    /// Prints the table. Whether all came out as it must.
    #[must_use]
    pub fn print(&self) -> bool {
        println!("\n| what | figure |\n|---|---|");
        for (what, figure) in &self.rows {
            println!("| {what} | {} |", figure.replace('|', "/"));
        }
        for what in &self.wrong {
            println!("WRONG: {what}");
        }
        self.wrong.is_empty()
    }
}
