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
