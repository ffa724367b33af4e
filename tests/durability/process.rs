//! The real program as a child, and what it says.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Nothing that is waited for takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server over a directory; killed when it goes out of scope.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    pub(crate) http: SocketAddr,
    pub(crate) dns: SocketAddr,
    /// What it said before it was ready.
    pub(crate) said: Vec<String>,
}

/// The program over `data`, on free ports, with its log as JSON lines.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--log-format", "json", "--data-dir"]);
    command.arg(data).env_clear().stdin(Stdio::null());
    command
}

impl Process {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Process {
        let mut child = command(data).stderr(Stdio::piped()).spawn().expect("a program that starts");
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                // Nobody reads any more: the pipe is emptied all the same.
                let _ = sender.try_send(line);
            }
        });
        let mut said = Vec::new();
        let ready = loop {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it is not ready: {said:?}"));
            let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if value["message"] == "ready" {
                break value;
            }
            said.push(line);
        };
        let address = |name: &str| ready[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Process { child, lines, http: address("http"), dns: address("dns"), said }
    }

    /// Waits for a line with `text` in it.
    pub(crate) fn wait_for(&self, text: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it never says `{text}`"));
            if line.contains(text) {
                return;
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    /// `kill -TERM`.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("a kill command").success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("its end")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
