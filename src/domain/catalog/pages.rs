//! Pages of lists that are put into their order in the program, such as by semantic version.

/// The entries of page `number` (the first is 1) of `size` entries each.
pub(super) fn page_of<T>(all: Vec<T>, number: u64, size: u64) -> impl Iterator<Item = T> {
    let before = number.saturating_sub(1).saturating_mul(size);
    let skipped = usize::try_from(before).unwrap_or(usize::MAX);
    let most = usize::try_from(size).unwrap_or(usize::MAX);
    all.into_iter().skip(skipped).take(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_one_after_the_other() {
        let page = |number, size| page_of(vec![1, 2, 3], number, size).collect::<Vec<_>>();
        assert_eq!(page(1, 2), [1, 2]);
        assert_eq!(page(2, 2), [3]);
        assert!(page(3, 2).is_empty() && page(u64::MAX, u64::MAX).is_empty());
    }
}
