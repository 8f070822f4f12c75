//! What the server tells about itself: INFO, CONFIG, CLIENT LIST and their relatives, as pure
//! functions over snapshots that the session code fills in.

mod client_list;

pub use client_list::{ClientFlags, ClientRow, client_list};
