//! Records of the log (`docs/on-disk-format.md`, "Records").
