//! Organisations, people, products, devices, firmware files: what people manage and what devices report. It knows no
//! HTTP; every function for people takes a scope.

pub mod certificates;
pub mod devices;
pub mod extensions;
pub mod firmwares;
pub mod join;
pub mod keys;
pub mod links;
pub mod orgs;
pub mod products;
pub mod records;
pub mod refusal;
pub mod running;
pub mod scopes;
pub mod scripts;
pub mod users;
pub mod x509;

pub use refusal::{Refusal, Result};
