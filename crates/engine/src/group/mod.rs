//! Consumer groups: position, consumers, pending entries.
