//! Kinds of certificates that factories make: each is registered and connects, or is refused at its registration with the reason;
//! and each comes as a stranger that a registered CA introduces. What happens is the table in `docs/certificates.md`.

use crate::support::api::Answer;
use crate::support::device::{Device, Pair};
use crate::support::{Api, Engine, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::{BmpString, Ia5String, PrintableString, TeletexString, UniversalString};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    date_time_ymd,
};
use serde_json::json;
use std::fs;
use std::path::Path;

/// A kind: its name, how its key is made, and what is special about it.
type Kind = (
    &'static str,
    fn() -> KeyPair,
    fn(&mut CertificateParams, &str),
);

fn p256() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn of(algorithm: &'static rcgen::SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

fn named(params: &mut CertificateParams, value: DnValue) {
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, value);
}

/// An extension that this server does not know, critical or not.
fn unknown(oid: &[u64], critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, vec![0x30, 0x00]);
    extension.set_criticality(critical);
    extension
}

/// `certificatePolicies` (RFC 5280, 4.2.1.4) with one policy.
fn policies(critical: bool) -> CustomExtension {
    let policy = vec![0x30, 0x08, 0x30, 0x06, 0x06, 0x04, 0x2a, 0x03, 0x04, 0x05];
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 32], policy);
    extension.set_criticality(critical);
    extension
}

const DICE: &[u64] = &[2, 23, 133, 5, 4, 1];
const OWN: &[u64] = &[1, 3, 6, 1, 4, 1, 99_999, 1];

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    ("common name as UTF8String", p256, |_, _| {}),
    ("common name as PrintableString", p256, |p, n| named(p, DnValue::PrintableString(PrintableString::try_from(n).unwrap()))),
    ("common name as IA5String", p256, |p, n| named(p, DnValue::Ia5String(Ia5String::try_from(n).unwrap()))),
    ("common name as BMPString", p256, |p, n| named(p, DnValue::BmpString(BmpString::try_from(n).unwrap()))),
    ("common name as TeletexString", p256, |p, n| named(p, DnValue::TeletexString(TeletexString::try_from(n).unwrap()))),
    ("common name as UniversalString", p256, |p, n| named(p, DnValue::UniversalString(UniversalString::try_from(n).unwrap()))),
    ("subject with organization, unit and country", p256, |p, _| {
        p.distinguished_name.push(DnType::OrganizationName, "Acme");
        p.distinguished_name.push(DnType::OrganizationalUnitName, "Line 1");
        p.distinguished_name.push(DnType::CountryName, "DE");
    }),
    ("serial 0", p256, |p, _| p.serial_number = Some(SerialNumber::from_slice(&[0]))),
    ("serial 1", p256, |p, _| p.serial_number = Some(SerialNumber::from_slice(&[1]))),
    ("serial of 20 bytes", p256, |p, _| p.serial_number = Some(SerialNumber::from_slice(&[0x7f; 20]))),
    ("serial of 21 bytes", p256, |p, _| p.serial_number = Some(SerialNumber::from_slice(&[0x7f; 21]))),
    ("serial with its highest bit set", p256, |p, _| p.serial_number = Some(SerialNumber::from_slice(&[0xff; 8]))),
    ("valid from 1970", p256, |p, _| p.not_before = date_time_ymd(1970, 1, 1)),
    ("valid to 2051", p256, |p, _| p.not_after = date_time_ymd(2051, 1, 1)),
    ("valid to 9999 (RFC 5280, 4.1.2.5: for ever)", p256, |p, _| p.not_after = date_time_ymd(9999, 12, 31)),
    ("expired in 2021", p256, |p, _| {
        p.not_before = date_time_ymd(2020, 1, 1);
        p.not_after = date_time_ymd(2021, 1, 1);
    }),
    ("not valid before 2050", p256, |p, _| {
        p.not_before = date_time_ymd(2050, 1, 1);
        p.not_after = date_time_ymd(2060, 1, 1);
    }),
    ("key ECDSA P-384", || of(&rcgen::PKCS_ECDSA_P384_SHA384), |_, _| {}),
    ("key ECDSA P-521", || of(&rcgen::PKCS_ECDSA_P521_SHA512), |_, _| {}),
    ("key Ed25519", || of(&rcgen::PKCS_ED25519), |_, _| {}),
    ("key RSA 2048", || of(&rcgen::PKCS_RSA_SHA256), |_, _| {}),
    ("key RSA 2048, for SHA-384", || of(&rcgen::PKCS_RSA_SHA384), |_, _| {}),
    ("key RSA 2048, for SHA-512", || of(&rcgen::PKCS_RSA_SHA512), |_, _| {}),
    ("key usage digitalSignature", p256, |p, _| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
    ("key usage keyEncipherment only", p256, |p, _| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
    ("key usage keyCertSign", p256, |p, _| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]),
    ("extended use clientAuth", p256, |p, _| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
    ("extended use serverAuth only", p256, |p, _| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
    ("extended use anyExtendedKeyUsage", p256, |p, _| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
    ("extended use codeSigning", p256, |p, _| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]),
    ("extended use of a vendor", p256, |p, _| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 99_999, 2])]),
    ("says CA:TRUE", p256, |p, _| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    ("says CA:TRUE, path length 0", p256, |p, _| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
    ("says CA:FALSE", p256, |p, _| p.is_ca = IsCa::ExplicitNoCa),
    ("extension of a vendor", p256, |p, _| p.custom_extensions = vec![unknown(OWN, false)]),
    ("extension of a vendor, critical", p256, |p, _| p.custom_extensions = vec![unknown(OWN, true)]),
    ("DICE TcbInfo, critical", p256, |p, _| p.custom_extensions = vec![unknown(DICE, true)]),
    ("certificate policies", p256, |p, _| p.custom_extensions = vec![policies(false)]),
    ("certificate policies, critical", p256, |p, _| p.custom_extensions = vec![policies(true)]),
    ("alternative name DNS", p256, |p, n| p.subject_alt_names = vec![SanType::DnsName(n.try_into().unwrap())]),
    ("alternative name IP", p256, |p, _| p.subject_alt_names = vec![SanType::IpAddress("192.0.2.1".parse().unwrap())]),
    ("alternative name e-mail", p256, |p, _| p.subject_alt_names = vec![SanType::Rfc822Name("d@example.com".try_into().unwrap())]),
    ("alternative name URI", p256, |p, _| p.subject_alt_names = vec![SanType::URI("urn:example:d".try_into().unwrap())]),
    ("no authority key identifier", p256, |p, _| p.use_authority_key_identifier_extension = false),
];

struct Factory {
    issuer: Issuer<'static, KeyPair>,
    cert: String,
}

fn factory(says: DnValue, told: DnValue) -> Factory {
    factory_of(says, told, None)
}

/// A CA; `says` is how its name is written in its own certificate, and `told` in those that it makes.
fn factory_of(says: DnValue, told: DnValue, serial: Option<u64>) -> Factory {
    let params = |name: DnValue| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        named(&mut params, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.serial_number = serial.map(SerialNumber::from);
        params
    };
    let key = KeyPair::generate().unwrap();
    Factory {
        cert: params(says).self_signed(&key).unwrap().pem(),
        issuer: Issuer::new(params(told), key),
    }
}

impl Factory {
    fn certificate(&self, kind: &Kind, name: &str) -> Pair {
        let (_, key, special) = kind;
        let key = key();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        named(&mut params, DnValue::Utf8String(name.into()));
        params.use_authority_key_identifier_extension = true;
        special(&mut params, name);
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    async fn register(&self, api: &Api) {
        let path = "/api/orgs/acme/ca_certificates";
        let token = api.get(&format!("{path}/verification_token")).await.data();
        let uri = format!(
            "urn:nerveshub:verify:{}",
            token["verification_token"].as_str().unwrap()
        );
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
        let proof = params
            .signed_by(&KeyPair::generate().unwrap(), &self.issuer)
            .unwrap()
            .pem();
        let jitp = json!({"product_name": "fixture-product", "tags": [], "description": "x"});
        let body = json!({"cert": STANDARD.encode(&self.cert), "verification_cert": STANDARD.encode(proof), "jitp": jitp});
        let made = api.post(path, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
}

/// What the server says to a connect.
async fn connects(server: &Server, pair: &Pair) -> &'static str {
    match Device::certificate(server, pair).await {
        Ok(_) => "connects",
        Err(refusal) if refusal.status == 401 => "refused",
        Err(refusal) => panic!("the handshake failed: {} {}", refusal.status, refusal.head),
    }
}

async fn registered(api: &Api, name: &str, pem: &str) -> Result<(), String> {
    api.post(&Api::product("/devices"), json!({ "identifier": name }))
        .await
        .data();
    let path = Api::product(&format!("/devices/{name}/certificates"));
    let added = api.post(&path, json!({"cert": STANDARD.encode(pem)})).await;
    if added.status == 201 {
        return Ok(());
    }
    assert_eq!(added.status, 422, "{}", added.text);
    let reason = added.json()["errors"]["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!reason.is_empty());
    Err(reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_certificate_connects_or_is_refused_with_its_reason() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let utf8 = |name: &str| DnValue::Utf8String(name.into());
    let (unknown, known) = (
        factory(utf8("Nobody knows it"), utf8("Nobody knows it")),
        factory(utf8("Factory"), utf8("Factory")),
    );
    known.register(&api).await;
    let mut table = String::from(
        "| certificate of a device | registered for a device | introduced by a registered CA |\n|---|---|---|\n",
    );
    assert!(KINDS.len() >= 40);
    for (i, kind) in KINDS.iter().enumerate() {
        let pinned = unknown.certificate(kind, &format!("known-{i}"));
        let first = match registered(&api, &format!("known-{i}"), &pinned.cert).await {
            Ok(()) => {
                let came = connects(&server, &pinned).await;
                assert_eq!(came, "connects", "{}: what is registered is let in", kind.0);
                came.to_owned()
            }
            Err(reason) => format!("refused: {reason}"),
        };
        let new = known.certificate(kind, &format!("new-{i}"));
        let second = connects(&server, &new).await;
        table += &format!("| {} | {first} | {second} |\n", kind.0);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/certificates.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = format!("{before}<!-- table -->\n{table}<!-- end -->{after}");
        fs::write(path, text).unwrap();
    } else {
        assert_eq!(
            table, shown,
            "the table in docs/certificates.md; UPDATE_GOLDEN=1 writes it"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_signer_counts_and_not_how_it_is_written() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let utf8 = |name: &str| DnValue::Utf8String(name.into());
    let printable = |name: &str| DnValue::PrintableString(PrintableString::try_from(name).unwrap());
    let bmp = |name: &str| DnValue::BmpString(BmpString::try_from(name).unwrap());
    for (i, (says, told, comes)) in [
        (utf8("Line 1"), printable("Line 1"), "connects"),
        (printable("Line 2"), utf8("Line 2"), "connects"),
        (utf8("Line 3"), utf8("LINE 3"), "connects"),
        (utf8("Line 4"), utf8("  Line   4 "), "connects"),
        (utf8("Straße 5"), bmp("STRAßE 5"), "connects"),
        (utf8("Line 6"), utf8("Line 7"), "refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let factory = factory(says, told);
        if comes == "connects" {
            factory.register(&api).await;
        }
        let pair = factory.certificate(&KINDS[0], &format!("d-{i}"));
        assert_eq!(connects(&server, &pair).await, comes, "{i}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_is_a_signers_own_and_a_text_may_hold_more_than_the_certificate() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let utf8 = |name: &str| DnValue::Utf8String(name.into());
    let factories = ["a", "b"].map(|n| factory(utf8(n), utf8(n)));
    let serial_one = &KINDS[8];
    let pairs = factories
        .each_ref()
        .map(|f| f.certificate(serial_one, "twice"));
    api.post(&Api::product("/devices"), json!({"identifier": "twice"}))
        .await
        .data();
    let path = Api::product("/devices/twice/certificates");
    for pair in &pairs {
        let added = api
            .post(&path, json!({"cert": STANDARD.encode(&pair.cert)}))
            .await;
        assert_eq!(added.status, 201, "{}", added.text);
        assert_eq!(connects(&server, pair).await, "connects");
    }
    // One number for two is no name; the fingerprint is.
    let deleted = api.delete(&format!("{path}/1")).await;
    assert_eq!(deleted.status, 409, "{}", deleted.text);
    let named = |answer: &Answer| -> Vec<String> {
        let told = answer.json()["errors"]["detail"]
            .as_str()
            .unwrap()
            .to_owned();
        let words = told.split([' ', '.']).filter(|w| w.len() == 40);
        words.map(str::to_owned).collect()
    };
    let fingerprint = named(&deleted).remove(0);
    assert_eq!(
        api.delete(&format!("{path}/{fingerprint}")).await.status,
        204
    );
    assert_eq!(api.delete(&format!("{path}/1")).await.status, 204);
    // So it is with CAs.
    let roots = ["c", "d"].map(|n| factory_of(utf8(n), utf8(n), Some(4_242)));
    let path = "/api/orgs/acme/ca_certificates";
    for root in &roots {
        root.register(&api).await;
    }
    let shown = api.get(&format!("{path}/4242")).await;
    assert_eq!(shown.status, 409, "{}", shown.text);
    for ski in named(&shown) {
        assert_eq!(
            api.get(&format!("{path}/{ski}")).await.data()["serial"],
            "4242"
        );
    }
    assert_eq!(api.delete(&format!("{path}/4242")).await.status, 409);
    let ski = named(&shown).remove(1);
    assert_eq!(api.delete(&format!("{path}/{ski}")).await.status, 204);
    assert_eq!(api.get(&format!("{path}/4242")).await.status, 200);
    // What stands around a certificate is left alone; a chain that nobody knows takes nothing away from a known leaf.
    let pair = factories[0].certificate(&KINDS[0], "around");
    let key_first = format!("{}{}", pair.key, pair.cert);
    for (i, text) in [
        key_first,
        format!("\u{feff}{}", pair.cert),
        pair.cert.replace("CERTIFICATE", "X509 CERTIFICATE"),
        format!("subject=CN = around\n{}", pair.cert),
    ]
    .into_iter()
    .enumerate()
    {
        registered(&api, &format!("around-{i}"), &text)
            .await
            .unwrap();
        let path = Api::product(&format!("/devices/around-{i}"));
        assert_eq!(api.delete(&path).await.status, 204);
        assert_eq!(api.delete(&format!("{path}/destroy")).await.status, 204);
    }
    registered(&api, "around", &pair.cert).await.unwrap();
    let chain = Pair {
        cert: format!("{}{}", pair.cert, factories[1].cert),
        key: pair.key.clone(),
    };
    assert_eq!(connects(&server, &chain).await, "connects");
}
