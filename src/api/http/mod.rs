//! What all endpoints share: the contract, parameters, scopes of a request, answers and errors.

pub mod answer;
pub mod before;
pub mod body;
pub mod contract;
pub mod endpoint;
pub mod error;
pub mod extract;
pub mod operation;
pub mod page;
pub mod params;
pub mod peer;
pub mod session_cookie;
pub mod span;
pub mod tag;
