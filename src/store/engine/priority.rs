//! Reads of people give way to devices: on SQLite each connection works in a thread of its own, which can have a lower priority.

use rustix::process::{Pid, setpriority_process};
use std::fs;

/// Begins the names of these threads; Linux keeps 15 bytes of a name.
const NAME: &str = "people-read";
/// Their niceness (setpriority(2)): a busy core gives such a thread a tenth of what it gives another.
const NICENESS: i32 = 10;

/// The name of a connection's thread.
pub(super) fn thread_name(number: u64) -> String {
    format!("{NAME}-{number}")
}

/// Lowers the priority of all threads of this name, for which Linux lists them. Elsewhere all is as it was.
pub(super) fn lower() {
    for thread in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = fs::read_to_string(thread.path().join("comm"));
        let number = thread.file_name().to_str().and_then(|n| n.parse().ok());
        if let (Ok(name), Some(thread)) = (name, number.and_then(Pid::from_raw))
            && name.starts_with(NAME)
        {
            // What may not be lowered works all the same.
            let _ = setpriority_process(Some(thread), NICENESS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn reads_of_people_have_a_lower_priority() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&folder.path().join("n.db")).await.unwrap();
        let people = db.for_people();
        let _one = people.read().await.unwrap();
        let _devices = db.read().await.unwrap();
        let mut nice = Vec::new();
        for thread in fs::read_dir("/proc/self/task").unwrap().flatten() {
            let read = |name| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            if read("comm").starts_with(NAME) {
                // The 17th field behind the name, which is in brackets (proc(5)).
                let stat = read("stat");
                let fields = stat.rsplit(") ").next().unwrap().split(' ');
                nice.push(fields.clone().nth(16).unwrap().parse::<i32>().unwrap());
            }
        }
        assert!(
            !nice.is_empty() && nice.iter().all(|n| *n == NICENESS),
            "{nice:?}"
        );
    }
}
