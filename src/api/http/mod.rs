//! What all endpoints share: the contract, parameters, scopes of a request, answers and errors.

pub mod answer;
pub mod before;
pub mod body;
pub mod contract;
pub mod error;
pub mod extract;
pub mod params;
