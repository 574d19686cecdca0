use super::*;

fn parsed(url: &str) -> Result<BucketSettings, String> {
    BucketSettings::parse(url.to_owned())
}

#[test]
fn an_address_names_service_bucket_and_prefix_or_says_what_is_wrong() {
    for (url, service, name, prefix) in [
        ("s3://firmware", Service::S3, "firmware", ""),
        ("s3://firmware/", Service::S3, "firmware", ""),
        ("gs://a.b/c/d/", Service::Google, "a.b", "c/d"),
        ("az://files/x", Service::Azure, "files", "x"),
    ] {
        let found = parsed(url).unwrap();
        let prefix = Key::from(prefix);
        assert_eq!(
            (found.service, &*found.name, found.prefix),
            (service, name, prefix),
            "{url}"
        );
    }
    for (url, why) in [
        ("firmware", "must be a URL"),
        ("https://firmware", "must begin with s3://"),
        ("s3://", "names no bucket"),
        ("s3://key:secret@firmware", "names no bucket"),
        ("s3://firmware/a//b", "prefix"),
        ("s3://firmware/../b", "prefix"),
    ] {
        let said = parsed(url).unwrap_err();
        assert!(said.contains(why), "{url}: {said}");
    }
    for endpoint in [
        "minio:9000",
        "https://key:secret@minio",
        "https://minio?key=1",
    ] {
        assert!(
            parsed("s3://a").unwrap().at(endpoint).is_err(),
            "{endpoint}"
        );
    }
    assert!(parsed("gs://a").unwrap().in_region("eu".into()).is_err());
}

#[tokio::test]
async fn each_service_signs_links_with_the_credentials_of_a_file() {
    // Another test may have installed it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let account = serde_json::json!({
        "type": "service_account", "private_key": key.serialize_pem(), "private_key_id": "1",
        "client_email": "ota@acme.org", "gcs_base_url": "https://storage.googleapis.com",
    });
    let google = file("gs", &account.to_string());
    let s3 = file(
        "s3",
        "aws_access_key_id=k\naws_secret_access_key = s\naws_session_token=t",
    );
    let azure = file("az", "account_name = acme\naccount_key = c2VjcmV0\n");
    let cases = [
        (
            "s3://firmware/p",
            s3,
            "https://s3.eu-central-1.amazonaws.com/firmware/p/firmware/1.fw?",
            "X-Amz-Signature=",
        ),
        (
            "az://firmware/p",
            azure,
            "https://acme.blob.core.windows.net/firmware/p/firmware/1.fw?",
            "sig=",
        ),
        (
            "gs://firmware/p",
            google,
            "https://storage.googleapis.com/firmware/p/firmware/1.fw?",
            "X-Goog-Signature=",
        ),
    ];
    for (url, credentials, begin, signature) in cases {
        let mut settings = parsed(url).unwrap().with_credentials(credentials);
        if url.starts_with("s3") {
            settings = settings.in_region("eu-central-1".into()).unwrap();
        }
        let bucket = Bucket::open(&settings).unwrap();
        let (file, life) = (Key::from("firmware/1.fw"), Duration::from_secs(60));
        let link = bucket.presigned(&file, life).await.unwrap().to_string();
        assert!(
            link.starts_with(begin) && link.contains(signature),
            "{link}"
        );
    }
}

#[test]
fn a_file_of_credentials_is_read_by_section_and_again_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let found = CredentialsFile::new(path.clone());
    assert!(
        found
            .read()
            .unwrap_err()
            .to_string()
            .contains("credentials")
    );
    std::fs::write(&path, "[work]\naws_access_key_id = no\n").unwrap();
    let lacks = found.read().unwrap_err().to_string();
    assert!(lacks.contains("aws_access_key_id"), "{lacks}");
    let write = |key: &str, at: u64| {
        let text = format!(
            "# keys\n[ default ]\naws_access_key_id={key}\naws_secret_access_key = a=b\n[work]\naws_access_key_id = no\n"
        );
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        file.set_modified(at).unwrap();
    };
    write("one", 1);
    let read = found.read().unwrap();
    assert_eq!((&*read.key_id, &*read.secret_key), ("one", "a=b"));
    write("two", 2);
    assert_eq!(found.read().unwrap().key_id, "two");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_waited_for_and_a_silent_bucket_is_not() {
    use futures_util::StreamExt as _;
    let pieces = futures_util::stream::iter(["a", "b"].map(|p| Ok(bytes::Bytes::from(p))));
    let silent = futures_util::stream::pending();
    let mut read = super::super::unless_silent(pieces.chain(silent).boxed());
    for piece in ["a", "b"] {
        tokio::time::sleep(10 * crate::limits::BUCKET_SILENCE).await;
        assert_eq!(read.next().await.unwrap().unwrap(), piece);
    }
    let over = read.next().await.unwrap().unwrap_err();
    assert_eq!(over.kind(), std::io::ErrorKind::TimedOut);
}
