//! The parser of requests alone, as often as time allows: any bytes are requests or a refusal, and the
//! same ones wherever a read happens to end. What is made of requests is for [`super::resp`].
//!
//! Input: limits, a cut, then what a client sends.

use crate::{Script, wire};

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let limits = super::resp::limits(&mut script);
    let cut = usize::from(script.u16());
    let input = script.rest();
    let (before, after) = input.split_at(cut % (input.len() + 1));
    let whole = wire::decode(&[input], limits);
    assert_eq!(wire::decode(&[before, after], limits), whole, "cut at {}", before.len());
    for request in &whole.0 {
        super::resp::within(request, limits);
    }
}
