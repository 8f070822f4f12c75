//! `headwater check` and `headwater repair` as people and scripts meet them.

use crate::known;
use crate::{DATA_DAMAGED, tool};

#[test]
fn check_and_repair_say_what_they_found_and_ask_first() {
    let dir = support::temp_dir();
    known::fill_here(dir.path());
    let from = dir.path().to_str().unwrap();
    let (code, out, _) = tool(&["check", from]);
    assert!(code == 0 && out.ends_with("all sound\n"), "{out}");
    let to = dir.path().join("../repaired-of-nothing");
    let (code, out, _) = tool(&["repair", from, "--to", to.to_str().unwrap(), "--yes"]);
    assert!(code == 0 && out.contains("nothing is damaged") && !to.exists(), "{out}");

    let blocks = known::files(&dir.path().join("blocks"));
    let mut bytes = std::fs::read(&blocks[0]).unwrap();
    bytes[64 + 70] ^= 1;
    std::fs::write(&blocks[0], &bytes).unwrap();
    let (code, out, _) = tool(&["check", from, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["sound"]), (DATA_DAMAGED, &false.into()));
    let files = report["files"].as_array().unwrap();
    let damaged: Vec<_> =
        files.iter().filter(|file| !file["problems"].as_array().unwrap().is_empty()).collect();
    let problem = &damaged[0]["problems"][0];
    assert_eq!((damaged.len(), &problem["offset"]), (1, &64.into()), "{out}");
    let entries = &problem["entries"];
    let key = entries["key"].as_str().unwrap().to_owned();
    assert!(entries["first"].is_string() && entries["last"].is_string(), "{out}");

    // Not a terminal, and no --yes: the plan, and nothing is written.
    let to = support::temp_dir();
    let path = to.path().to_str().unwrap();
    let (code, out, _) = tool(&["repair", from, "--to", path]);
    assert_eq!(code, DATA_DAMAGED, "{out}");
    assert!(out.contains(&format!("goes: db0 \"{key}\", 4 entries")), "{out}");
    assert!(out.contains("--yes writes it"), "{out}");
    assert_eq!(to.path().read_dir().unwrap().count(), 0);
    let (code, out, _) = tool(&["repair", from, "--to", path, "--json"]);
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &plan["written"]), (DATA_DAMAGED, &false.into()));
    assert_eq!(plan["lost_entries"][0]["key"], *key);

    let (code, out, error) = tool(&["repair", from, "--to", path, "--yes", "--json"]);
    assert_eq!(code, 0, "{out}{error}");
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["written"], true);
    assert_eq!(tool(&["check", path]).0, 0);
    let (code, _, error) = tool(&["repair", from, "--to", path, "--yes"]);
    assert!(code == DATA_DAMAGED && error.contains("not empty"), "{error}");
}
