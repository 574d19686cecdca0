//! Support scripts that run on devices at present, and the requests that wait for their output. Like the
//! connections, they are known to this process only.

use crate::access::random_id;
use crate::ids::{DeviceId, RunId};
use crate::limits::SCRIPT_RUNS;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The script runs that a request waits for.
#[derive(Clone, Default)]
pub struct ScriptRuns(Arc<Mutex<HashMap<RunId, ScriptRun>>>);

struct ScriptRun {
    device: DeviceId,
    script: Arc<str>,
    millis: u64,
    done: Option<oneshot::Sender<Option<String>>>,
}

/// A registered run. Dropping it frees its place.
pub struct Waiting {
    /// The reference that the device returns with the output.
    pub id: RunId,
    /// The output; `None` when the device cannot run scripts.
    pub output: oneshot::Receiver<Option<String>>,
    runs: ScriptRuns,
}

impl ScriptRuns {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, ScriptRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a run; `None` when too many are registered already.
    pub fn begin(
        &self,
        device: DeviceId,
        script: impl Into<Arc<str>>,
        millis: u64,
    ) -> Option<Waiting> {
        let mut all = self.lock();
        if all.len() >= SCRIPT_RUNS {
            return None;
        }
        let (done, output) = oneshot::channel();
        let id = RunId(random_id());
        let run = ScriptRun {
            device,
            script: script.into(),
            millis,
            done: Some(done),
        };
        all.insert(id, run);
        Some(Waiting {
            id,
            output,
            runs: self.clone(),
        })
    }

    /// The script of a run on this device, and its time limit in milliseconds.
    pub fn script(&self, device: DeviceId, id: RunId) -> Option<(Arc<str>, u64)> {
        let all = self.lock();
        let run = all.get(&id).filter(|r| r.device == device)?;
        Some((run.script.clone(), run.millis))
    }

    /// Delivers a device's output to the request that waits. A reference that is late, unknown, or another
    /// device's is ignored.
    pub fn finish(&self, device: DeviceId, id: RunId, output: Option<String>) {
        let mut all = self.lock();
        let own = all.get_mut(&id).filter(|r| r.device == device);
        if let Some(done) = own.and_then(|r| r.done.take()) {
            // The receiver is gone when the request was dropped at this moment.
            let _ = done.send(output);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.runs.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_device_that_runs_it_answers_and_only_once() {
        let runs = ScriptRuns::default();
        let mut waiting = runs.begin(DeviceId::from(1), "1 + 1", 500).unwrap();
        let id = waiting.id;
        assert_eq!(runs.script(DeviceId::from(2), id), None);
        assert_eq!(
            runs.script(DeviceId::from(1), id),
            Some(("1 + 1".into(), 500))
        );
        runs.finish(DeviceId::from(2), id, Some("forged".into()));
        runs.finish(DeviceId::from(1), RunId(id.0 ^ 1), Some("lost".into()));
        runs.finish(DeviceId::from(1), id, Some("2".into()));
        runs.finish(DeviceId::from(1), id, Some("3".into()));
        assert_eq!((&mut waiting.output).await.unwrap(), Some("2".into()));
        drop(waiting);
        assert_eq!(runs.lock().len(), 0);
    }

    #[test]
    fn there_are_never_too_many() {
        let runs = ScriptRuns::default();
        let all: Vec<_> = (0..SCRIPT_RUNS)
            .map(|_| runs.begin(DeviceId::from(1), "x", 1).unwrap())
            .collect();
        assert!(runs.begin(DeviceId::from(1), "x", 1).is_none());
        drop(all);
        assert!(runs.begin(DeviceId::from(1), "x", 1).is_some());
    }
}
