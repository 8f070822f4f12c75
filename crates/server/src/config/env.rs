//! The environment layer: `HEADWATER_PORT`, `HEADWATER_APPENDFSYNC`, ...

use super::{Assignment, Origin, directives};

/// Variables of ours that are no directives.
const NOT_DIRECTIVES: &[&str] = &["HEADWATER_CONFIG", "HEADWATER_SKIP"];

/// The directives that the environment sets. Variables that name none are left alone: the
/// environment belongs to others too, and container platforms invent variables after the names of
/// services (`HEADWATER_PORT=tcp://10.0.0.1:6379`), which are recognised by their value.
pub(super) fn assignments(environment: &[(String, String)]) -> Vec<Assignment> {
    let assignment = |(variable, value): &(String, String)| {
        let name = directive_name(variable)?;
        let from_platform = value.starts_with("tcp://");
        (!from_platform).then(|| Assignment {
            name: name.to_owned(),
            value: value.clone(),
            origin: Origin::Environment(variable.clone()),
        })
    };
    environment.iter().filter_map(assignment).collect()
}

/// Variables with our prefix that are neither a directive nor known, to warn about.
#[must_use]
pub fn unknown(environment: &[(String, String)]) -> Vec<&str> {
    let unknown = |(variable, _): &&(String, String)| {
        variable.starts_with("HEADWATER_")
            && !NOT_DIRECTIVES.contains(&variable.as_str())
            && directive_name(variable).is_none()
    };
    environment.iter().filter(unknown).map(|(variable, _)| variable.as_str()).collect()
}

fn directive_name(variable: &str) -> Option<&'static str> {
    let name = variable.strip_prefix("HEADWATER_")?.replace('_', "-");
    directives::find(&name).map(|directive| directive.name)
}
