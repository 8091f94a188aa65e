//! The `hotplate` command. Everything is in the library, so that tests and benches can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    hotplate::cli::main()
}
