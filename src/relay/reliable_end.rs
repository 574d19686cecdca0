//! One end of a conversation, without a socket or a clock of its own: numbers what is said, keeps it until the other end has it, and
//! puts together what comes. The bus may lose, double, delay and reorder; both ends see the texts whole, once, and in order.

use crate::bus::Part;
use crate::limits::{PART_AGAIN, PART_BYTES, PARTS_UNDER_WAY, PARTS_WAITING};
use std::collections::VecDeque;
use tokio::time::Instant;

/// One end.
#[derive(Debug, Default)]
pub(super) struct ReliableEnd {
    /// Parts that the other end has not acknowledged, oldest first.
    unanswered: VecDeque<Part>,
    /// How many of them were sent.
    under_way: usize,
    /// When the oldest of those is sent again.
    again: Option<Instant>,
    /// The number of the next part.
    next: u64,
    /// The number of the part that comes next from the other end.
    expected: u64,
    /// The parts of a text that is not complete yet.
    gathered: String,
    /// Whether the other end does not know yet what has come.
    owes_answer: bool,
}

impl ReliableEnd {
    /// Whether there is room for more to say.
    pub(super) fn has_room(&self) -> bool {
        self.unanswered.len() < PARTS_WAITING
    }

    /// Whether the other end has all that was said.
    pub(super) fn is_answered(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// The number of the part that comes next: the other end's parts before it have come.
    pub(super) fn ack(&self) -> u64 {
        self.expected
    }

    /// Says a text.
    pub(super) fn say(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let mut end = rest.len().min(PART_BYTES);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (part, behind) = rest.split_at(end);
            self.unanswered.push_back(Part {
                number: self.next,
                text: part.to_owned(),
                more: !behind.is_empty(),
            });
            self.next += 1;
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Takes what the other end sent; a text, when it is complete now.
    pub(super) fn take(&mut self, ack: u64, part: Option<Part>, now: Instant) -> Option<String> {
        let mut moved = false;
        while self.unanswered.front().is_some_and(|p| p.number < ack) {
            self.unanswered.pop_front();
            self.under_way = self.under_way.saturating_sub(1);
            moved = true;
        }
        if moved {
            self.again = (self.under_way > 0).then(|| now + PART_AGAIN);
        }
        let part = part?;
        // What came before, or comes before its turn, is answered as well: the other end learns what is missing.
        self.owes_answer = true;
        if part.number != self.expected {
            return None;
        }
        self.expected += 1;
        self.gathered.push_str(&part.text);
        (!part.more).then(|| std::mem::take(&mut self.gathered))
    }

    /// What is to be sent now: parts that were not sent, or all under way once more. `None` stands for an answer without a part.
    pub(super) fn send(&mut self, now: Instant) -> Vec<Option<Part>> {
        if self.again.is_some_and(|at| at <= now) {
            self.under_way = 0;
        }
        let most = self.unanswered.len().min(PARTS_UNDER_WAY);
        let fresh = self
            .unanswered
            .range(self.under_way..most.max(self.under_way));
        let mut parts: Vec<_> = fresh.cloned().map(Some).collect();
        if !parts.is_empty() {
            self.under_way = most;
            self.again = Some(now + PART_AGAIN);
        } else if self.owes_answer {
            parts.push(None);
        }
        self.owes_answer = false;
        parts
    }

    /// When something has to be sent again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    /// What is under way between two ends: when it arrives, its answer, and its part.
    type Way = Vec<(u32, u64, Option<Part>)>;

    /// Gives what is under way to an end, at a time and as often as chance has it.
    fn arrive(
        way: &mut Way,
        step: u32,
        to: &mut ReliableEnd,
        now: Instant,
        heard: &mut Vec<String>,
    ) {
        let (here, still): (Way, Way) = std::mem::take(way).into_iter().partition(|w| w.0 <= step);
        *way = still;
        for (_, ack, part) in here {
            heard.extend(to.take(ack, part, now));
        }
    }

    fn depart(way: &mut Way, step: u32, from: &mut ReliableEnd, now: Instant, chance: &mut StdRng) {
        for part in from.send(now) {
            let times = [0, 1, 1, 1, 2][chance.random_range(0..5)];
            for _ in 0..times {
                let at = step + chance.random_range(1..12);
                way.push((at, from.ack(), part.clone()));
            }
        }
    }

    #[test]
    fn whatever_the_bus_does_each_text_comes_once_whole_and_in_order() {
        for seed in 0..200 {
            let mut chance = StdRng::seed_from_u64(seed);
            let (mut a, mut b) = (ReliableEnd::default(), ReliableEnd::default());
            let (mut there, mut back) = (Way::new(), Way::new());
            let (mut said, mut heard) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
            let begun = Instant::now();
            for step in 0..20_000 {
                let now = begun + std::time::Duration::from_millis(u64::from(step) * 20);
                for (end, said) in [&mut a, &mut b].into_iter().zip(&mut said) {
                    if said.len() < 30 && end.has_room() && chance.random_range(0..4) == 0 {
                        let length = chance.random_range(0..3 * PART_BYTES);
                        let text = format!("{}ü{}", said.len(), "é".repeat(length / 2));
                        end.say(&text);
                        said.push(text);
                    }
                }
                depart(&mut there, step, &mut a, now, &mut chance);
                depart(&mut back, step, &mut b, now, &mut chance);
                arrive(&mut there, step, &mut b, now, &mut heard[0]);
                arrive(&mut back, step, &mut a, now, &mut heard[1]);
                let all = said.iter().all(|s| s.len() == 30) && heard == said;
                if all && a.is_answered() && b.is_answered() {
                    break;
                }
            }
            assert!(
                heard == said,
                "seed {seed}: {} {}",
                heard[0].len(),
                heard[1].len()
            );
            assert!(a.is_answered() && b.is_answered(), "seed {seed}");
        }
    }

    #[test]
    fn no_more_is_under_way_than_may_be() {
        let (mut end, now) = (ReliableEnd::default(), Instant::now());
        for n in 0..PARTS_WAITING {
            assert!(end.has_room());
            end.say(&n.to_string());
        }
        assert!(!end.has_room());
        assert_eq!(end.send(now).len(), PARTS_UNDER_WAY);
        assert_eq!(end.send(now), []);
        end.take(2, None, now);
        assert_eq!(end.send(now).len(), 2);
        assert_eq!(end.send(now + PART_AGAIN).len(), PARTS_UNDER_WAY);
    }
}
