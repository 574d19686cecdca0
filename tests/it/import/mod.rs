//! Data that comes from an original NervesHub.

mod nerves_hub;
