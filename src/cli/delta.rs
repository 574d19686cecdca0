//! `nervecenter delta A B -o D`: makes a delta between two fwup archives or two ESP-IDF images, offline.

use super::exit::Code;
use super::output;
use crate::delta::bundle;
use crate::firmware::kind::FirmwareKind;
use anyhow::Context as _;
use clap::Args;
use fwup::delta::Patched;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;
use tempfile::NamedTempFile;

/// Make the delta between two firmware files.
#[derive(Args)]
pub(super) struct Delta {
    /// The firmware that devices run.
    source: PathBuf,
    /// The firmware that they shall run.
    target: PathBuf,
    /// Where to write the delta.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

fn none(e: &dyn std::error::Error) -> Code {
    output::error(&format!("no delta: {e}"));
    Code::BadFirmware
}

impl Delta {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        let open = |path: &PathBuf| {
            File::open(path).with_context(|| format!("could not open {}", path.display()))
        };
        let (mut source, mut target) = (open(&self.source)?, open(&self.target)?);
        let full = target.metadata()?.len();
        let folder = self.output.parent().filter(|p| !p.as_os_str().is_empty());
        let mut staged = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()))
            .with_context(|| format!("could not write beside {}", self.output.display()))?;
        let started = Instant::now();
        if FirmwareKind::of(&mut target)? == Some(FirmwareKind::EspIdf) {
            let (mut from, mut to) = (Vec::new(), Vec::new());
            source.read_to_end(&mut from)?;
            target.read_to_end(&mut to)?;
            let patch = match detools::create(&from, &to) {
                Ok(patch) => patch,
                Err(e) => return Ok(none(&e)),
            };
            staged.write_all(&patch)?;
            return self.done(staged, patch.len() as u64, full, started, &[]);
        }
        let made = bundle(
            &mut source,
            &mut target,
            full,
            BufWriter::new(staged.as_file_mut()),
        );
        let (size, resources) = match made {
            Ok(made) => made,
            Err(e) => return Ok(none(&e)),
        };
        self.done(staged, size, full, started, &resources)
    }

    fn done(
        &self,
        staged: NamedTempFile,
        size: u64,
        full: u64,
        started: Instant,
        resources: &[Patched],
    ) -> anyhow::Result<Code> {
        staged
            .persist(&self.output)
            .with_context(|| format!("could not write {}", self.output.display()))?;
        let seconds = started.elapsed().as_secs_f64();
        if self.json {
            let resources: Vec<_> = resources
                .iter()
                .map(|r| json!({"name": r.name, "full": r.full, "patch": r.patch}))
                .collect();
            output::json(&json!({
                "size": size, "full": full, "seconds": seconds, "resources": resources,
            }))?;
        } else {
            let share = size as f64 * 100.0 / full as f64;
            output::talk(&format!(
                "{}: {size} bytes, {share:.1} % of the full {full}, checked, in {seconds:.2} s",
                self.output.display()
            ));
        }
        Ok(Code::Done)
    }
}
