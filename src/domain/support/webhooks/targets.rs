//! Where a webhook may point to: public addresses, unless the operator of the server allows private ones.

use super::*;

/// The label that the encryption of a webhook's secret is bound to.
pub const LABEL: &str = "webhook";

/// Whether an address is not on the public internet. A delivery to it would reach this server's own network.
pub fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0)
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => private(IpAddr::V4(v4)),
            None => {
                let first = v6.segments()[0];
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || (first & 0xfe00) == 0xfc00
                    || (first & 0xffc0) == 0xfe80
                    // Site-local addresses: deprecated (RFC 3879), but still routed inside networks.
                    || (first & 0xffc0) == 0xfec0
                    // IPv4-compatible (`::/96`) and SIIT addresses (`::ffff:0:0:0/96`) reach IPv4 hosts.
                    || v6.segments()[..6] == [0; 6]
                    || v6.segments()[..6] == [0, 0, 0, 0, 0xffff, 0]
                    // Translation prefixes reach IPv4 hosts, and documentation prefixes are never public.
                    || (first == 0x64 && v6.segments()[1] == 0xff9b)
                    || first == 0x2002
                    || (first == 0x2001 && v6.segments()[1] == 0xdb8)
            }
        },
    }
}

/// Whether the host of a URL is itself such an address. A host name is checked when it is resolved for the
/// delivery.
pub fn inside(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => private(ip),
        Err(_) => bare.eq_ignore_ascii_case("localhost") || bare.ends_with(".localhost"),
    }
}

pub(super) fn check_url(context: &Context, url: &str) -> Result<()> {
    if url.is_empty() {
        return Err(field("url", BLANK));
    }
    let parsed = reqwest::Url::parse(url).map_err(|_| field("url", "is no address"))?;
    let open = context.policy.private_webhooks;
    if !(parsed.scheme() == "https" || parsed.scheme() == "http" && open)
        || url.len() > crate::limits::URL_BYTES
    {
        return Err(field("url", "must begin with https://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(field(
            "url",
            "must not hold a user or a password; check the signature instead",
        ));
    }
    if inside(&parsed) && !open {
        return Err(field(
            "url",
            "is a private address, which the operator of this server does not allow",
        ));
    }
    Ok(())
}
