//! Which of the other nodes live, as far as this one sees: by whether they say something new, and not by anybody's clock.

use crate::clock::Micros;
use crate::ids::NodeId;
use crate::limits::HEARTBEATS_MISSED;
use crate::store::node::nodes::NodeRow;
use std::collections::HashMap;

/// What is seen of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// What it said last.
    at: Micros,
    /// How often in a row it has said nothing new.
    missed: u32,
}

/// Which of the other nodes are alive, as far as this one has seen.
#[derive(Debug, Default)]
pub(super) struct Watch(HashMap<NodeId, Seen>);

impl Watch {
    /// Looks at what the others say.
    pub(super) fn look(&mut self, rows: &[NodeRow], own: NodeId) {
        let others = rows.iter().filter(|n| n.id != own);
        let next = others.map(|n| {
            let before = self.0.get(&n.id).filter(|seen| seen.at == n.seen_at);
            let missed = before.map_or(0, |seen| seen.missed.saturating_add(1));
            let at = n.seen_at;
            (n.id, Seen { at, missed })
        });
        self.0 = next.collect();
    }

    /// Begins to count anew: nobody can say that they are alive while the database is away.
    pub(super) fn forgive(&mut self) {
        for seen in self.0.values_mut() {
            seen.missed = 0;
        }
    }

    pub(super) fn is_alive(&self, node: NodeId) -> bool {
        self.0
            .get(&node)
            .is_some_and(|seen| seen.missed < HEARTBEATS_MISSED)
    }

    pub(super) fn is_dead(&self, node: NodeId) -> bool {
        self.0
            .get(&node)
            .is_some_and(|seen| seen.missed >= HEARTBEATS_MISSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HEARTBEAT;
    use crate::store::words::NodeRole;

    fn row(id: i64, at: i64) -> NodeRow {
        NodeRow {
            id: NodeId(id),
            started_at: Micros(0),
            declared_dead_at: None,
            seen_at: Micros(at),
            role: NodeRole::All,
            version: "1.0.0".into(),
        }
    }

    #[test]
    fn who_says_nothing_new_for_long_enough_is_dead_whatever_the_clocks_say() {
        let mut watch = Watch::default();
        let own = NodeId(1);
        // The clock of node 2 is a year ahead, and that of node 3 stands still.
        for n in 0..HEARTBEATS_MISSED {
            watch.look(&[row(1, 0), row(2, 1 << 50), row(3, i64::from(n))], own);
            assert!(watch.is_alive(NodeId(2)) && watch.is_alive(NodeId(3)));
        }
        watch.look(&[row(2, 1 << 50), row(3, 0)], own);
        assert!(!watch.is_alive(NodeId(2)) && watch.is_alive(NodeId(3)));
        assert!(watch.is_dead(NodeId(2)) && !watch.is_dead(NodeId(3)));
        // It speaks again.
        watch.look(&[row(2, 1), row(3, 0)], own);
        assert!(watch.is_alive(NodeId(2)));
        // One that has gone is not alive, and nobody to close.
        watch.look(&[row(3, 0)], own);
        assert!(!watch.is_alive(NodeId(2)));
        assert!(!watch.is_dead(NodeId(2)));
    }

    #[test]
    fn nobody_is_dead_because_the_database_was_away() {
        let mut watch = Watch::default();
        for _ in 0..HEARTBEATS_MISSED {
            watch.look(&[row(2, 5)], NodeId(1));
        }
        watch.forgive();
        for _ in 0..HEARTBEATS_MISSED - 1 {
            watch.look(&[row(2, 5)], NodeId(1));
            assert!(watch.is_alive(NodeId(2)));
        }
        watch.look(&[row(2, 5)], NodeId(1));
        assert!(!watch.is_alive(NodeId(2)));
        let noticed = HEARTBEAT * (HEARTBEATS_MISSED + 1);
        assert!(noticed <= std::time::Duration::from_secs(15));
    }
}
