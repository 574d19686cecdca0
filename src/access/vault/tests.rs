use super::*;

#[test]
fn a_secret_opens_only_with_its_key_and_label() {
    let vault = Vault::new(&[7; 32]);
    let secret = Secret::new("yVYwQRJn".into());
    let sealed = vault.seal(&secret, "nhp_1");
    assert_eq!(vault.open(&sealed, "nhp_1"), Ok(secret.clone()));
    assert_eq!(vault.open(&sealed, "nhp_2"), Err(Sealed));
    assert_eq!(Vault::new(&[8; 32]).open(&sealed, "nhp_1"), Err(Sealed));
    assert_eq!(vault.open(&sealed[..5], "nhp_1"), Err(Sealed));
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

#[test]
fn a_link_is_bound_to_path_and_time() {
    let vault = Vault::new(&[7; 32]);
    let s = vault.sign_link("/f/1.fw", 100);
    assert!(vault.link_signed("/f/1.fw", 100, &s));
    assert!(!vault.link_signed("/f/2.fw", 100, &s));
    assert!(!vault.link_signed("/f/1.fw", 101, &s));
}

#[test]
fn a_proof_is_bound_to_organization_and_time() {
    let vault = Vault::new(&[7; 32]);
    let t = vault.proof("acme", 100);
    assert!(vault.proven("acme", &t, 100));
    assert!(!vault.proven("acme", &t, 101));
    assert!(!vault.proven("other", &t, 99));
    assert!(!vault.proven("acme", "x", 99));
}
