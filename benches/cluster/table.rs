//! The table that is printed. Its rows are printed as they come as well, since a run takes a while.

use std::time::Instant;

#[derive(Default)]
pub struct Table {
    rows: Vec<(String, String)>,
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

    pub fn print(&self) {
        println!("\n| what | figure |\n|---|---|");
        for (what, figure) in &self.rows {
            println!("| {what} | {} |", figure.replace('|', "/"));
        }
    }
}
