//! The addresses of this machine that devices connect from. One address has about 28,000 ports on Linux, all of which a larger
//! fleet would need.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Local addresses, as ranges, since a network may have millions of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(Vec<Span>);

/// Addresses of one family that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: u128,
    count: u128,
    v4: bool,
}

impl Span {
    fn nth(&self, n: u128) -> IpAddr {
        let bits = self.first + n;
        match u32::try_from(bits) {
            Ok(bits) if self.v4 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Addresses {
    /// Parses addresses (`127.0.1.1`), ranges (`127.0.1.1-127.0.1.9`) and networks (`127.0.1.0/24`), separated by commas.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|one| span(one.trim()).map_err(|why| format!("{one:?} {why}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The address of this number, counted over all ranges and from the beginning again after the last; `None` when there are none.
    pub(super) fn nth(&self, n: usize) -> Option<IpAddr> {
        let total: u128 = self.0.iter().map(|span| span.count).sum();
        let mut n = (n as u128).checked_rem(total)?;
        for span in &self.0 {
            if n < span.count {
                return Some(span.nth(n));
            }
            n -= span.count;
        }
        None
    }
}

fn span(text: &str) -> Result<Span, &'static str> {
    let address = |text: &str| {
        let parsed = text.trim().parse::<IpAddr>();
        parsed.map_err(|_| "is no IP address, range or network")
    };
    if let Some((network, length)) = text.split_once('/') {
        return subnet(address(network)?, length.parse().ok());
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (address(first)?, address(last)?);
    if first.is_ipv4() != last.is_ipv4() {
        return Err("begins with one kind of address and ends with another");
    }
    let distance = bits(last).checked_sub(bits(first));
    let distance = distance.ok_or("ends before it begins")?;
    Ok(Span {
        first: bits(first),
        count: distance.saturating_add(1),
        v4: first.is_ipv4(),
    })
}

/// All hosts of a network. The first and the last address of an IPv4 network stand for the network itself and for broadcasts.
fn subnet(address: IpAddr, length: Option<u32>) -> Result<Span, &'static str> {
    let width = if address.is_ipv4() { 32 } else { 128 };
    let length = length.filter(|length| *length <= width);
    let length = length.ok_or("has no length of a network behind the slash")?;
    // All IPv6 addresses are one more than the type can count.
    let size = 1_u128.checked_shl(width - length).unwrap_or(u128::MAX);
    let first = bits(address) & !(size - 1);
    let ends = u128::from(address.is_ipv4() && size > 2);
    Ok(Span {
        first: first + ends,
        count: size - 2 * ends,
        v4: address.is_ipv4(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, n: usize) -> Vec<String> {
        let all = Addresses::parse(text).unwrap();
        (0..n).map(|n| all.nth(n).unwrap().to_string()).collect()
    }

    #[test]
    fn addresses_ranges_and_networks_are_gone_through_in_turn() {
        assert_eq!(
            first("127.0.1.1-127.0.1.2, 127.0.2.7", 4),
            ["127.0.1.1", "127.0.1.2", "127.0.2.7", "127.0.1.1"]
        );
        assert_eq!(
            first("127.0.3.9/30", 3),
            ["127.0.3.9", "127.0.3.10", "127.0.3.9"]
        );
        assert_eq!(first("127.0.0.0/8", 2), ["127.0.0.1", "127.0.0.2"]);
        assert_eq!(first("10.0.0.1/32", 2), ["10.0.0.1", "10.0.0.1"]);
        assert_eq!(first("fd00::/64", 2), ["fd00::", "fd00::1"]);
        assert_eq!(Addresses::default().nth(3), None);
    }

    #[test]
    fn what_is_no_address_is_told() {
        for wrong in [
            "",
            "localhost",
            "127.0.0.1/33",
            "127.0.0.1/",
            "127.0.0.9-127.0.0.1",
            "127.0.0.1-::1",
            "127.0.0.1,,",
        ] {
            assert!(Addresses::parse(wrong).is_err(), "{wrong}");
        }
    }
}
