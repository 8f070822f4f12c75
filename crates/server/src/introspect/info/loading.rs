//! What INFO tells while the data is being loaded.

use super::Page;

/// How far the loading of the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadingFacts {
    /// When it began, Unix seconds.
    pub started_at: u64,
    /// How long it has taken.
    pub elapsed_ms: u64,
    /// Bytes read so far.
    pub bytes: u64,
    /// Bytes to read, at most.
    pub bytes_total: u64,
}

impl LoadingFacts {
    /// The fields of the section about persistence.
    pub(super) fn write(&self, page: &mut Page) {
        let Self { started_at, elapsed_ms, bytes, bytes_total } = *self;
        let left = bytes_total.saturating_sub(bytes);
        let percent = 100.0 * bytes.min(bytes_total) as f64 / bytes_total.max(1) as f64;
        let eta_ms = u128::from(elapsed_ms) * u128::from(left) / u128::from(bytes.max(1));
        page.field("loading_start_time", started_at);
        page.field("loading_total_bytes", bytes_total);
        page.field("loading_rdb_used_mem", 0);
        page.field("loading_loaded_bytes", bytes);
        page.field("loading_loaded_perc", format_args!("{percent:.2}"));
        page.field("loading_eta_seconds", eta_ms.div_ceil(1000));
    }
}
