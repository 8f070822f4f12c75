//! The `headwater` program: sockets, threads, clock, signals, configuration.
//!
//! # Reading order
//!
//! `bootstrap` puts everything together; `worker`, `connection` and `core` serve requests;
//! [`introspect`] answers INFO, CONFIG and CLIENT LIST; `housekeeping` is what happens by itself.

mod blocking;
mod checkpoints;
mod client;
mod client_commands;
pub mod clock;
pub mod config;
mod connection;
mod core;
pub mod error;
mod execute;
pub mod introspect;
mod listener;
pub mod logging;
mod output;
mod running;
mod server_commands;
mod session;
pub mod sockets;
pub mod stats;
pub mod systemd;
mod transaction;
mod watch;
mod worker;
