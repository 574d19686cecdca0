//! A software authenticator with the browser around it (WebAuthn level 3): makes keys and signs what it is asked, so that what a
//! wrong browser, a copy or a thief would send can be sent as well.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The public address of a server that passkeys work on, and its host.
pub const ORIGIN: &str = "https://n.acme.org";
const HOST: &str = "n.acme.org";

/// One passkey, and where it says that it is used.
pub struct Authenticator {
    key: EcdsaKeyPair,
    pub id: Vec<u8>,
    /// What the server knows the person by; told at registration.
    pub handle: String,
    /// The page that asked, as the browser sees it.
    pub origin: String,
    /// What the authenticator takes the server for.
    pub rp_id: String,
    /// Whether a finger or a PIN unlocked it.
    pub verifies: bool,
    /// How often it has signed.
    pub counter: u32,
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

impl Default for Authenticator {
    fn default() -> Self {
        let rng = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref());
        let key = key.unwrap();
        Self {
            id: hash(key.public_key().as_ref())[..16].to_vec(),
            key,
            handle: String::new(),
            origin: ORIGIN.into(),
            rp_id: HOST.into(),
            verifies: true,
            counter: 0,
        }
    }
}

impl Authenticator {
    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false,
        });
        data.to_string().into_bytes()
    }

    /// The beginning of the authenticator data; further flags are for what follows it.
    fn data(&self, more_flags: u8) -> Vec<u8> {
        let verified = if self.verifies { 0x04 } else { 0 };
        let mut data = hash(self.rp_id.as_bytes());
        data.push(0x01 | verified | more_flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The public key as COSE has it: EC2, ES256, P-256.
    fn cose(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend(&point[1..33]);
        key.extend([0x22, 0x58, 0x20]);
        key.extend(&point[33..65]);
        key
    }

    /// Undoes what a test has spoilt.
    pub fn as_it_should_be(&mut self) {
        (self.origin, self.rp_id) = (ORIGIN.into(), HOST.into());
        self.verifies = true;
    }

    /// Answers to the options of a registration, as `toJSON` of the browser's credential does.
    pub fn register(&mut self, options: &Value) -> Value {
        self.handle = options["user"]["id"].as_str().unwrap().to_owned();
        let client = self.client_data("webauthn.create", options);
        let mut data = self.data(0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose());
        // A map of `fmt`, `attStmt` and `authData`, whose length takes one byte or two.
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec();
        let length = u16::try_from(data.len()).unwrap();
        object.push(0x59);
        object.extend(length.to_be_bytes());
        object.extend(data);
        json!({
            "id": text(&self.id), "rawId": text(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {
                "attestationObject": text(&object), "clientDataJSON": text(&client), "transports": ["internal"],
            },
        })
    }

    /// Answers to the options of a login, and counts it.
    pub fn sign(&mut self, options: &Value) -> Value {
        self.counter += 1;
        self.sign_uncounted(options)
    }

    /// The same with the counter as it is; 0 is that of passkeys that are kept on several devices.
    pub fn sign_uncounted(&self, options: &Value) -> Value {
        let client = self.client_data("webauthn.get", options);
        let data = self.data(0);
        let signed = [data.clone(), hash(&client)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": text(&self.id), "rawId": text(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "authenticatorData": text(&data), "clientDataJSON": text(&client),
                "signature": text(signature.as_ref()), "userHandle": self.handle,
            },
        })
    }
}
