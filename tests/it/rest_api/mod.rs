//! The REST API as scripts, `nh` and strangers see it. Every answer is held against the OpenAPI document besides.

mod at_once;
mod bodies;
mod matrix;
mod neighbours;
mod nh;
mod operations;
mod points;
mod refusals;
mod resources;
mod tour;
