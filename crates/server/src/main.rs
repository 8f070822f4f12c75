//! The `headwater` program: arguments and exit codes.

fn main() -> std::process::ExitCode {
    server::tools::main(std::env::args_os())
}
