//! A factory's CA, and the certificates that it makes for devices.

use super::Api;
use super::device::Pair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};

/// A CA of a test.
pub struct Ca {
    pub cert: String,
    pub key: String,
}

/// A root.
pub fn ca(name: &str) -> Ca {
    let key = KeyPair::generate().unwrap();
    let params = ca_params(name);
    Ca {
        cert: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// A root whose time is over.
pub fn expired_ca(name: &str) -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = ca_params(name);
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    Ca {
        cert: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// What goes into a device's certificate.
#[derive(Default)]
pub struct Leaf<'a> {
    pub key: Option<&'a str>,
    pub no_aki: bool,
    pub expired: bool,
}

impl Ca {
    fn issuer(&self) -> Issuer<'static, KeyPair> {
        Issuer::from_ca_cert_pem(&self.cert, KeyPair::from_pem(&self.key).unwrap()).unwrap()
    }

    /// A CA under this one.
    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params(name);
        params.use_authority_key_identifier_extension = true;
        Self {
            cert: params.signed_by(&key, &self.issuer()).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub fn leaf(&self, name: &str, leaf: Leaf<'_>) -> Pair {
        let key = leaf.key.map_or_else(
            || KeyPair::generate().unwrap(),
            |k| KeyPair::from_pem(k).unwrap(),
        );
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.use_authority_key_identifier_extension = !leaf.no_aki;
        params.serial_number = Some(rcgen::SerialNumber::from(rand::random::<u32>() as u64));
        if leaf.expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        Pair {
            cert: params.signed_by(&key, &self.issuer()).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate whose common name is empty.
    pub fn nameless(&self) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "");
        params.use_authority_key_identifier_extension = true;
        Pair {
            cert: params.signed_by(&key, &self.issuer()).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub fn proof(&self, token: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let uri = format!("urn:nerveshub:verify:{token}");
        params
            .subject_alt_names
            .push(SanType::URI(uri.as_str().try_into().unwrap()));
        params.signed_by(&key, &self.issuer()).unwrap().pem()
    }

    pub async fn register(&self, api: &Api, jitp: bool) {
        self.register_with(api, jitp, json!({})).await;
    }

    /// Registers it with further fields.
    pub async fn register_with(&self, api: &Api, jitp: bool, more: Value) {
        self.register_as(api, "acme", jitp, more).await;
    }

    /// Registers it in another organization.
    pub async fn register_in(&self, api: &Api, org: &str, jitp: bool) {
        self.register_as(api, org, jitp, json!({})).await;
    }

    async fn register_as(&self, api: &Api, org: &str, jitp: bool, more: Value) {
        let path = format!("/api/orgs/{org}/ca_certificates");
        let token = api.get(&format!("{path}/verification_token")).await.data();
        let token = token["verification_token"].as_str().unwrap();
        let mut body = json!({"cert": STANDARD.encode(&self.cert), "description": "line 1",
            "verification_cert": STANDARD.encode(self.proof(token))});
        if jitp {
            body["jitp"] = json!({"product_name": "fixture-product", "tags": ["prod"], "description": "made on line 1"});
        }
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let made = api.post(&path, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let serial = made.data()["serial"].as_str().unwrap().to_owned();
        assert_eq!(made.header("location"), format!("{path}/{serial}"));
        assert!(made.data()["not_after"].as_str().unwrap().ends_with('Z'));
        assert_eq!(
            api.get(&format!("{path}/{serial}")).await.data(),
            made.data()
        );
    }
}
