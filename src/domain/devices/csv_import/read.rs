//! Reads and checks the CSV file of a device import. Errors are reported by line before anything is written.

use super::*;

/// A row of the CSV file.
#[derive(Debug, Default)]
pub(super) struct ManifestRow {
    pub(super) line: u64,
    pub(super) device: NewDevice,
    pub(super) certificates: Vec<CertificateInfo>,
}

pub(super) fn refuse(mistakes: Mistakes) -> DomainError {
    let lines = mistakes.len();
    let rows: Vec<Value> = mistakes
        .into_iter()
        .take(CSV_LINES)
        .map(|(line, errors)| json!({"line": line, "errors": errors}))
        .collect();
    let first = rows.first().map_or(Value::Null, |r| r["line"].clone());
    let text = format!(
        "Nothing was imported: {lines} rows have mistakes, the first in line {first}. Correct them and send the file again."
    );
    DomainError::Fields(json!({"detail": text, "rows": rows}))
}

/// The columns of an export, which an import knows without taking all of them.
const KNOWN: [&str; 6] = [
    "identifier",
    "description",
    "tags",
    "product",
    "org",
    "certificates",
];

/// Reads and checks the whole file before anything is written. Returns its rows, and the names of columns that nobody knows.
pub(super) fn read(file: File) -> Result<(Vec<ManifestRow>, Vec<String>)> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(std::io::BufReader::new(file));
    let broken = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        refuse(Mistakes::from([(line, vec![e.to_string()])]))
    };
    let headers = reader.headers().map_err(broken)?.clone();
    let column = |name: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(name));
    let Some(identifier) = column("identifier") else {
        let text = "the first line must name the columns; \"identifier\" is not among them";
        return Err(refuse(Mistakes::from([(1, vec![text.into()])])));
    };
    let unknown = |h: &&str| !h.is_empty() && !KNOWN.iter().any(|k| h.eq_ignore_ascii_case(k));
    let ignored = headers.iter().filter(unknown).take(IGNORED_COLUMNS);
    let ignored = ignored.map(str::to_owned).collect();
    let (description, tags) = (column("description"), column("tags"));
    let pem = column("certificates");
    let mut rows: Vec<ManifestRow> = Vec::new();
    let mut seen = HashSet::new();
    let mut mistakes = Mistakes::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() >= IMPORT_ROWS {
            let text = format!("more than {IMPORT_ROWS} rows; send the rest in another file");
            return Err(refuse(Mistakes::from([(line, vec![text])])));
        }
        let text = |at: Option<usize>| {
            let value = at.and_then(|i| record.get(i)).filter(|v| !v.is_empty());
            value.map(|v| csv_cells::plain(v).to_owned())
        };
        let mut row = ManifestRow {
            line,
            ..ManifestRow::default()
        };
        let mut wrong = Vec::new();
        row.device.identifier = text(Some(identifier)).unwrap_or_default();
        let name = &row.device.identifier;
        if record.len() > headers.len() {
            wrong.push(format!(
                "has {} values for {} columns; quote values with commas",
                record.len(),
                headers.len()
            ));
        }
        if name.is_empty() {
            wrong.push("identifier can't be blank".into());
        } else if !identifier_ok(name) {
            wrong.push(
                "identifier must have at most 255 characters, none of them control characters"
                    .into(),
            );
        } else if !seen.insert(name.clone()) {
            wrong.push(format!("identifier {name:?} is there twice"));
        }
        row.device.description = text(description);
        if let Some(words) = text(tags) {
            let words: Vec<String> = words
                .split([',', ' '])
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect();
            if let Err(DomainError::Fields(why)) = check_tags(&words) {
                wrong.push(why.to_string());
            }
            row.device.tags = Some(words);
        }
        if let Some(pem) = text(pem) {
            let all = x509::all_in_pem(pem.as_bytes());
            if all.is_empty() {
                wrong.push("certificates holds no PEM certificate".into());
            }
            for der in all {
                match CertificateInfo::read(&der) {
                    Ok(facts) => row.certificates.push(facts),
                    Err(e) => wrong.push(e.to_string()),
                }
            }
        }
        if !wrong.is_empty() {
            mistakes.insert(line, wrong);
        }
        rows.push(row);
    }
    if mistakes.is_empty() {
        Ok((rows, ignored))
    } else {
        Err(refuse(mistakes))
    }
}
