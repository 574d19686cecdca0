use super::*;

#[test]
fn an_address_has_half_of_the_connect_rate_and_takes_no_more_from_others() {
    let rate = address_share(10);
    let at = |text: &str| budget::counted(text.parse().unwrap()).unwrap();
    let taken = |from: &str| (0..20).filter(|_| rate.count(&at(from)).is_ok()).count();
    assert_eq!(taken("192.0.2.1"), 5);
    assert_eq!(taken("192.0.2.2"), 5);
    // All of a customer's IPv6 addresses are one, and an IPv4 address is the same in its IPv6 form.
    assert_eq!(taken("2001:db8::1"), 5);
    assert_eq!(taken("2001:db8::2"), 0);
    assert_eq!(taken("2001:db8:0:1::2"), 5);
    assert_eq!(taken("::ffff:192.0.2.1"), 0);
    // A proxy on this machine stands for all addresses.
    for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(budget::counted(own.parse().unwrap()), None, "{own}");
    }
}

#[test]
fn the_connect_rate_counts_by_the_second() {
    let rate = Rate {
        second: AtomicI64::new(0),
        count: AtomicU32::new(0),
        most: 2,
    };
    let at = |s: i64| Micros(s * 1_000_000);
    assert!(rate.allow(at(1)) && rate.allow(at(1)) && !rate.allow(at(1)) && rate.allow(at(2)));
}
