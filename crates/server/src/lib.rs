//! The `headwater` program: sockets, threads, clock, signals, configuration.
//!
//! # Reading order
//!
//! [`tools`] is the whole program; `bootstrap` puts the server together; `worker`, `connection` and `core` serve requests;
//! [`introspect`] answers INFO, CONFIG and CLIENT LIST; `housekeeping` is what happens by itself.

mod acl_commands;
mod acl_log;
mod alarm;
mod allocator;
mod archive;
mod blocking;
mod bootstrap;
mod busy;
mod check;
mod checkpoints;
mod claims;
pub mod cli;
mod client;
mod client_commands;
mod client_limits;
pub mod clock;
pub mod config;
mod connection;
mod core;
mod descriptors;
mod driver;
pub mod error;
mod execute;
mod histogram;
mod housekeeping;
pub mod introspect;
mod latency;
mod listener;
mod loading;
mod log_show;
pub mod logging;
mod monitor;
pub mod notify;
mod observe;
mod output;
mod pause;
mod permission;
mod pubsub;
mod push;
mod repair;
mod retention;
mod running;
mod scripting;
mod scrubbing;
mod secrets;
mod serve;
mod server_commands;
mod session;
pub mod shutdown;
mod slow_log;
pub mod sockets;
pub mod stats;
pub mod systemd;
mod times;
pub mod tls;
pub mod tools;
mod tracking;
mod tracking_commands;
mod transaction;
pub mod users;
mod watch;
mod worker;
