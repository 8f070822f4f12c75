//! hiredis, as Debian ships it, below a program that is compiled here.

use std::process::Command;

use support::require_tool;

use crate::scripts::{Script, root};

#[test]
fn hiredis() {
    let dir = support::temp_dir();
    let program = dir.path().join("hiredis");
    let output = Command::new(require_tool("cc"))
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(root("tests/clients/hiredis.c"))
        .arg("-lhiredis")
        .output()
        .expect("the compiler runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Script::of_program(program).run(&[]);
}
