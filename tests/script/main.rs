//! Scripts and functions from outside: that they are one record, that they survive, and that a hostile
//! or endless one can be ended.

mod atomic;
mod functions;
mod hog;
mod hostile;

use std::time::{Duration, Instant};

use support::{Client, Launch, Server, Value};

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// One worker, so that whoever asks is served by the thread that is with the script.
fn start_impatient() -> Server {
    launch().args(["--io-threads", "1", "--busy-reply-threshold", "100"]).start()
}

/// How long something may take that takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is as wanted.
fn ask_until(client: &mut Client, words: &[&str], is_wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let answer = client.try_command(words).expect("the server is there");
        if is_wanted(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{words:?} goes on answering {answer:?}");
    }
}

fn until_busy(client: &mut Client) {
    ask_until(client, &["PING"], |answer| {
        answer.is_error("BUSY Redis is busy running a script. You can only call ")
    });
}

fn eval(client: &mut Client, script: &str) -> Value {
    client.try_command(&["EVAL", script, "0"]).expect("an answer")
}
