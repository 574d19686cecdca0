//! Firmwares and archives: uploaded, kept, delivered.

mod archives;
mod bucket;
mod downloads;
mod downloads_wire;
mod esp_idf;
mod finder;
mod lists;
mod resume;
mod series;
mod summary;
mod uploads;
mod uploads_slow;
