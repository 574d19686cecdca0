//! The REST API as scripts, `nh` and strangers see it. Every answer is held against the OpenAPI document besides.

mod audit;
mod bodies;
mod bulk;
mod events;
mod lists;
mod logins;
mod mail;
mod matrix;
mod neighbours;
mod nh;
mod points;
mod refusals;
mod resources;
mod resume;
mod revoked;
mod tokens;
mod tour;
mod webhooks;
