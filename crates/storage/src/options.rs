//! What the opener of a database may choose.

use engine::{IdmpSettings, Settings};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Choices for [`crate::Database::open`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Length of a log segment. Each segment knows its own, so this may change between starts.
    pub segment_bytes: u64,
    /// Length of the very first segment, which a start in a new directory has to write out before it
    /// can serve.
    pub first_segment_bytes: u64,
    /// Room in the log that only commands which free space may use: XACK, XDEL, XTRIM, DEL.
    pub reserve_bytes: u64,
    /// Segments kept ready beyond the active one.
    pub spares: usize,
    /// Block limits. Where they differ from those in force, opening records the change.
    pub settings: Settings,
    /// What new streams remember of their producers.
    pub idmp_settings: IdmpSettings,
    /// Protects the hash maps of the engine against chosen keys.
    pub hash_seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * MIB,
            first_segment_bytes: 8 * MIB,
            reserve_bytes: 256 * KIB,
            spares: 1,
            settings: Settings::default(),
            idmp_settings: IdmpSettings::default(),
            hash_seed: 0,
        }
    }
}
