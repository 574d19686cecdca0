use super::*;

#[test]
fn the_table_has_256_instructions_in_the_order_of_the_rfc() {
    let t = default_table();
    assert_eq!(t.len(), 256);
    assert_eq!(t[1].0, add(0));
    assert_eq!(t[19].0, copy(0, 0));
    assert_eq!(t[162].0, copy(18, 8));
    assert_eq!(t[163], (add(1), copy(4, 0)));
    assert_eq!(t[235], (add(1), copy(4, 6)));
    assert_eq!(t[247], (copy(4, 0), add(1)));
    assert_eq!(t[255], (copy(4, 8), add(1)));
}

#[test]
fn integers_are_written_as_the_rfc_shows() {
    let mut out = Vec::new();
    put(&mut out, 123_456_789);
    assert_eq!(out, [186, 239, 154, 21]);
    assert_eq!((length(0), length(127), length(128)), (1, 1, 2));
}
