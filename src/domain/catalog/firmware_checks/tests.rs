use super::*;

#[test]
fn the_number_of_parts_is_right_at_exact_multiples_of_a_part() {
    for (size, parts) in [
        (1, 1),
        (CHECKSUM_PART_BYTES - 1, 1),
        (CHECKSUM_PART_BYTES, 1),
        (CHECKSUM_PART_BYTES + 1, 2),
        (2 * CHECKSUM_PART_BYTES, 2),
    ] {
        let mut sums = DigestWriter::default();
        for piece in vec![7u8; size].chunks(CHECKSUM_PART_BYTES) {
            sums.part(piece);
        }
        let sums = sums.finish();
        assert_eq!(sums.size, size as u64);
        assert_eq!(sums.parts.split(',').count(), parts, "{size}");
    }
}
