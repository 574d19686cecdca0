use super::*;

#[test]
fn an_image_is_known_by_the_rules_of_its_upload() {
    let read = of_image(EspIdf {
        project: Some("thermo".into()),
        version: Some("v1.2".into()),
        elf_sha256: Some("00112233445566778899AABBCCDDEEFF".repeat(2)),
        idf_version: Some("v5.2.1".into()),
        chip_id: Some(5),
    });
    assert_eq!(
        read.uuid.as_deref(),
        Some("00112233-4455-6677-8899-aabbccddeeff")
    );
    assert_eq!(read.version.as_deref(), Some("1.2.0"));
    assert_eq!(read.platform.as_deref(), Some("esp32c3"));
    assert_eq!(read.architecture.as_deref(), Some("riscv"));
    assert_eq!(read.description.as_deref(), Some("ESP-IDF v5.2.1"));
    assert!(matches!(reported(read), Reported::Complete(_)));
}

#[test]
fn what_cannot_be_read_is_not_there_and_the_rest_stays() {
    let odd = of_image(EspIdf {
        version: Some("main".into()),
        elf_sha256: Some("00zz".into()),
        chip_id: Some(9),
        ..EspIdf::default()
    });
    assert_eq!((odd.uuid.as_deref(), odd.version.as_deref()), (None, None));
    assert_eq!(odd.platform.as_deref(), Some("esp32s3"));
    assert_eq!(reported(odd), Reported::Nothing);
}
