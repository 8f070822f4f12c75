//! What the subcommands do, and the exit code of each.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::archive;
use crate::check;
use crate::cli::Invocation;
use crate::config::{self, Config, ConfigError, Kind, Sources, UserLine};
use crate::error::{EX_IOERR, StartError};
use crate::log_show;
use crate::repair;

/// The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Variables that are not UTF-8 cannot be ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let invocation = Invocation::parse(arguments, environment.collect());
    let json = invocation.as_ref().is_ok_and(Invocation::wants_json);
    let result = match invocation {
        Ok(Invocation::Serve(sources)) => serve(sources),
        Ok(Invocation::ShowConfig { sources, origin }) => show_config(sources, origin),
        Ok(Invocation::ImportConfig { file }) => import_config(&file),
        Ok(Invocation::ExampleConfig) => Ok(print(&config::example())),
        Ok(Invocation::Check { dir, json }) => Ok(check::run(&dir, json)),
        Ok(Invocation::Repair(request)) => repair::run(&request),
        Ok(Invocation::Ping(sources)) => ping(sources),
        Ok(Invocation::LogShow(show)) => log_show::run(&show),
        Ok(Invocation::Drill(options)) => Ok(ExitCode::from(drill::main(&options))),
        Ok(Invocation::Backup(request)) => archive::backup(&request),
        Ok(Invocation::Restore(request)) => Ok(archive::restore(&request)),
        Err(error) => {
            // The text of --help goes to standard output, a mistake to standard error.
            return match error.print() {
                Err(cause) if !error.use_stderr() => unprinted(&cause),
                _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
            };
        }
    };
    result.unwrap_or_else(|error| failed(&error.to_string(), error.exit_code(), json))
}

fn serve(sources: Sources) -> Result<ExitCode, StartError> {
    for variable in config::unknown_variables(&sources.environment) {
        let _ = writeln!(io::stderr(), "headwater: warning: {variable} is no directive, ignored");
    }
    crate::bootstrap::run(Config::load(with_input(sources)?)?)
}

/// Reads standard input if the configuration is there (`-`).
fn with_input(mut sources: Sources) -> Result<Sources, StartError> {
    if sources.wants_standard_input() {
        let text = io::read_to_string(io::stdin());
        let path = || "standard input".into();
        sources.standard_input =
            Some(text.map_err(|cause| ConfigError::Unreadable { path: path(), cause })?);
    }
    Ok(sources)
}

fn import_config(file: &Path) -> Result<ExitCode, StartError> {
    Ok(print(&config::import(file)?))
}

fn show_config(sources: Sources, origin: bool) -> Result<ExitCode, StartError> {
    let config = Config::load(with_input(sources)?)?;
    let mut text = String::new();
    for value in config.values().iter() {
        let is_secret = config::directives::is_secret(value.directive.name);
        let shown = if is_secret && !value.text.is_empty() { "(hidden)" } else { &value.text };
        let shown = match value.directive.kind {
            // TOML knows no larger numbers.
            Kind::Integer { .. } | Kind::Signed { .. } | Kind::Memory { .. }
                if shown.parse::<i64>().is_ok() =>
            {
                shown.to_owned()
            }
            _ => serde_json::Value::from(shown).to_string(),
        };
        text += &format!("{} = {shown}", value.directive.name);
        if origin {
            text += &format!("  # {}", value.origin);
        }
        text.push('\n');
    }
    text += &users_shown(config.values().users());
    Ok(print(&text))
}

/// The `user` lines, without what could be a password or its hash.
fn users_shown(lines: &[UserLine]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let word = |word: &String| match word.chars().next() {
        Some(sign @ ('>' | '<' | '#' | '!')) => format!("{sign}(hidden)"),
        _ => word.clone(),
    };
    let line = |line: &UserLine| {
        let words: Vec<_> = line.words.iter().map(word).collect();
        format!("    {},\n", serde_json::Value::from(words.join(" ")))
    };
    format!("user = [\n{}]\n", lines.iter().map(line).collect::<String>())
}

/// Prints on standard output; the exit code of one who has nothing else to say.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => unprinted(&cause),
    }
}

/// Standard output may be a pipe that nobody reads any more; that is no failure. Everything else is, for
/// whoever wanted to read it.
fn unprinted(cause: &io::Error) -> ExitCode {
    if cause.kind() == io::ErrorKind::BrokenPipe {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stderr(), "headwater: cannot write to standard output: {cause}");
    ExitCode::from(EX_IOERR)
}

/// Says why a tool did not do what it was asked for; also to a program, if one asked.
pub(crate) fn failed(error: &str, exit_code: u8, json: bool) -> ExitCode {
    let _ = writeln!(io::stderr(), "headwater: {error}");
    if json {
        print(&format!("{}\n", serde_json::json!({"error": error, "exit_code": exit_code})));
    }
    ExitCode::from(exit_code)
}

/// Connects, says PING and expects PONG. A server that asks for a password is alive, too.
fn ping(sources: Sources) -> Result<ExitCode, StartError> {
    let config = Config::load(with_input(sources)?)?;
    let settings = config.settings();
    let timeout = Some(Duration::from_secs(5));
    let answer = match (&settings.unix_socket, settings.bind.first()) {
        (Some(path), _) => UnixStream::connect(path).and_then(|mut stream| {
            stream.set_read_timeout(timeout)?;
            say_ping(&mut stream)
        }),
        (None, _) if settings.port == 0 && settings.tls.is_some() => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the server speaks TLS only; try redis-cli --tls PING, or set 'unixsocket' for checks",
        )),
        (None, bind) => {
            let host = bind.map_or("127.0.0.1", |bind| match bind.host.as_str() {
                "*" | "0.0.0.0" => "127.0.0.1",
                "::*" | "::" => "::1",
                host => host,
            });
            TcpStream::connect((host, settings.port)).and_then(|mut stream| {
                stream.set_read_timeout(timeout)?;
                say_ping(&mut stream)
            })
        }
    };
    match answer {
        Ok(answer) if answer.starts_with("+PONG") || answer.starts_with("-NOAUTH") => {
            Ok(print("PONG\n"))
        }
        Ok(answer) => {
            let _ = writeln!(
                io::stderr(),
                "headwater: not ready: {}",
                answer.trim_end().escape_debug()
            );
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "headwater: no answer: {error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn say_ping(stream: &mut (impl Read + Write)) -> io::Result<String> {
    stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
    let mut answer = [0; 256];
    let mut length = 0;
    while length < answer.len() && !answer[..length].contains(&b'\n') {
        match stream.read(&mut answer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
