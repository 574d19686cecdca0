use super::*;
use crate::clock::Clock;

#[test]
fn a_certificate_is_kept_until_its_names_change_or_its_time_runs_out() {
    let folder = tempfile::tempdir().unwrap();
    let now = Clock::default().now();
    let serial = || fs::read_to_string(folder.path().join("tls/server.pem")).unwrap();
    let ca = || fs::read_to_string(folder.path().join("tls/ca.pem")).unwrap();
    ServerIdentity::open(folder.path(), &[], now).unwrap();
    let (first, first_ca) = (serial(), ca());
    ServerIdentity::open(folder.path(), &[], now).unwrap();
    assert_eq!(serial(), first);
    let identity = ServerIdentity::open(folder.path(), &["ota.example.com".into()], now).unwrap();
    let second = serial();
    assert_ne!(second, first);
    assert!(!identity.renew(now).unwrap());
    let later = Micros(now.0 + 61 * 86_400 * 1_000_000);
    assert!(identity.renew(later).unwrap());
    assert!(!identity.renew(later).unwrap());
    assert_ne!(serial(), second);
    assert_eq!(ca(), first_ca);
    assert!(identity.server_config().is_ok());
}

/// Gives all that one side has to send to the other.
fn hand_over(from: &mut rustls::Connection, to: &mut rustls::Connection) {
    let mut flight = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut flight).unwrap();
    }
    let mut left = flight.as_slice();
    while !left.is_empty() {
        to.read_tls(&mut left).unwrap();
        to.process_new_packets().unwrap();
    }
}

#[test]
fn the_lighter_cipher_is_taken_of_those_that_a_client_offers() {
    let folder = tempfile::tempdir().unwrap();
    let now = Clock::default().now();
    let identity = ServerIdentity::open(folder.path(), &["ota.example.com".into()], now).unwrap();
    let server = identity.server_config().unwrap();
    let ca = CertificateDer::from_pem_file(folder.path().join("tls/ca.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca).unwrap();
    let is_light = |suite: &SupportedCipherSuite| {
        suite
            .suite()
            .as_str()
            .is_some_and(|name| name.contains("AES_128"))
    };
    for (version, without_light, wanted) in [
        (&rustls::version::TLS13, false, "TLS13_AES_128_GCM_SHA256"),
        (&rustls::version::TLS13, true, "TLS13_AES_256_GCM_SHA384"),
        (
            &rustls::version::TLS12,
            false,
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            &rustls::version::TLS12,
            true,
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ),
    ] {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if without_light {
            provider.cipher_suites.retain(|suite| !is_light(suite));
        }
        let client = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let name = "ota.example.com".try_into().unwrap();
        let client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        let server = rustls::ServerConnection::new(server.clone()).unwrap();
        let (mut client, mut server): (rustls::Connection, rustls::Connection) =
            (client.into(), server.into());
        while client.wants_write() || server.wants_write() {
            hand_over(&mut client, &mut server);
            hand_over(&mut server, &mut client);
        }
        let taken = client.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(taken.as_str(), Some(wanted));
    }
}
