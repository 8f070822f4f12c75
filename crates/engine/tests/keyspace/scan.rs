//! What SCAN promises while keys come and go.

use crate::harness::Run;

/// Walks with `scan`, doing `meanwhile` between the calls, and returns all that came.
fn walk(run: &mut Run, scan: &str, mut meanwhile: impl FnMut(&mut Run, usize)) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), "0".to_owned());
    for round in 0.. {
        let reply = run.reply(&scan.replace("CURSOR", &cursor));
        let (next, elements) = reply.trim_matches(['[', ']']).split_once(" [").unwrap();
        found.extend(elements.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
        if next == "0" {
            return found;
        }
        next.clone_into(&mut cursor);
        meanwhile(run, round);
    }
    unreachable!("the loop has no end of its own")
}

#[test]
fn keys_that_stay_are_returned() {
    let mut run = Run::new();
    for key in 0..200 {
        run.check(&format!("SET stay{key} v"), "OK");
        run.check(&format!("SET go{key} v"), "OK");
    }
    let found = walk(&mut run, "SCAN CURSOR COUNT 7", |run, round| {
        for key in [round * 3, round * 3 + 1, 199 - round % 100] {
            run.reply(&format!("DEL go{key}"));
            run.reply(&format!("SET new{key} v"));
        }
    });
    for key in 0..200 {
        assert!(found.contains(&format!("stay{key}")), "stay{key} is missing");
    }
}

#[test]
fn fields_that_stay_are_returned() {
    let mut run = Run::new();
    for field in 0..100 {
        run.check(&format!("HSET h stay{field} 1 go{field} 2"), "2");
    }
    run.check(&format!("HSET h long {}", "x".repeat(100)), "1");
    // From 201 fields down to 101: across the change from one way of removal to the other.
    let found = walk(&mut run, "HSCAN h CURSOR COUNT 3", |run, round| {
        for field in [2 * round, 2 * round + 1] {
            run.reply(&format!("HDEL h go{field}"));
        }
    });
    for field in 0..100 {
        assert!(found.contains(&format!("stay{field}")), "stay{field} is missing");
    }
    run.check_whole();
}

#[test]
fn filters_and_bounds() {
    Run::table(&[
        ("MSET a 1 b 2 c 3", "OK"),
        ("HSET h f v", "1"),
        ("SCAN 0 COUNT 3", "[1 [h c b]]"),
        ("SCAN 1 COUNT 3", "[0 [a]]"),
        ("SCAN 0 MATCH [ab]", "[0 [b a]]"),
        ("SCAN 0 TYPE HASH", "[0 [h]]"),
        ("SCAN 0 TYPE nonsense", "[0 []]"),
        ("SCAN 18446744073709551615 COUNT 18446744073709551615", "[0 [h c b a]]"),
        ("FLUSHDB", "OK"),
        ("SCAN 0", "[0 []]"),
    ]);
}
