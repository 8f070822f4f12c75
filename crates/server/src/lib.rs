//! The `headwater` program: sockets, threads, clock, signals, configuration.
//!
//! # Reading order
//!
//! `bootstrap` puts everything together; `worker`, `connection` and `core` serve requests;
//! [`introspect`] answers INFO, CONFIG and CLIENT LIST; `housekeeping` is what happens by itself.

pub mod clock;
pub mod config;
pub mod error;
pub mod introspect;
pub mod logging;
pub mod sockets;
pub mod stats;
pub mod systemd;
