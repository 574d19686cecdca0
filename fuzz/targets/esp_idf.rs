#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nervecenter::fuzz::esp_idf(data));
