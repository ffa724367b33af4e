//! The program as a process: started, signaled, waited for.
//!
//! It is the leader of a process group of its own, so that a keyboard's Ctrl-C reaches us alone and it leaves DNS before it
//! hears of it. What is started is this program once more, which asks the system for SIGTERM when we die (`prctl(2)`,
//! PR_SET_PDEATHSIG, is a call about oneself) and then becomes the other one.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, kill_process_group,
    set_parent_process_death_signal, wait,
};
use tokio::signal::unix::{Signal as Heard, SignalKind, signal};

use super::signals::Kind;
use crate::cli::env::Variable;
use crate::cli::{Failure, say};

/// This program, whatever was put in its place since it was started.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// A program that was started.
pub(super) struct Child {
    pid: Pid,
    /// Says that a child has ended.
    children: Heard,
    /// Whether it was stopped, as by a terminal that is not its own.
    is_stopped: bool,
}

impl Child {
    /// Starts the program, with variables beside ours.
    pub(super) fn start(command: &[OsString], variables: &[Variable]) -> Result<Child, Failure> {
        // Before the start: who ends at once would not be heard.
        let children = signal(SignalKind::child()).map_err(|error| Failure::Other(error.into()))?;
        let mut guarded = Command::new(OWN_PROGRAM);
        guarded.arg0("rollcall").args(["run", "--guarded-by", &getpid().to_string(), "--"]).args(command);
        let spawned = spawn(guarded, variables).or_else(|_| {
            say("/proc is not there: the program outlives this one if this one is killed");
            spawn(program(command), variables)
        });
        let pid = spawned.map_err(|error| cannot_start(command, &error))?;
        Ok(Child { pid, children, is_stopped: false })
    }

    /// Waits for the end of the program; gives the exit code that a shell would show. Whoever else ended and has nobody to
    /// ask for it, as below process 1 of a container, is put to rest.
    pub(super) async fn ended(&mut self) -> u8 {
        loop {
            if let Some(code) = self.reap() {
                return code;
            }
            self.children.recv().await;
        }
    }

    /// Sends the program a signal. One that is stopped hears it when it goes on.
    pub(super) fn pass(&mut self, kind: Kind) {
        // It may have ended just now.
        let _ = match kind.is_for_all() {
            true => kill_process_group(self.pid, kind.signal),
            false => kill_process(self.pid, kind.signal),
        };
        if std::mem::take(&mut self.is_stopped) {
            let _ = kill_process_group(self.pid, Signal::CONT);
        }
    }

    fn reap(&mut self) -> Option<u8> {
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if pid == self.pid => match code_of(status) {
                    Some(code) => return Some(code),
                    None => {
                        self.is_stopped = true;
                        tell_stopped(status);
                    }
                },
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// Whether the program is there and may be started, so that nobody is told of one that is not. `search` is where programs
/// are looked for whose name has no slash, in the form of `PATH`.
pub(super) fn look_for(command: &[OsString], search: Option<&OsStr>) -> Result<(), Failure> {
    let Some(name) = command.first() else { return Ok(()) };
    let places: Vec<PathBuf> = match (Path::new(name).components().count() > 1, search) {
        (true, _) => vec![name.into()],
        (false, Some(search)) => std::env::split_paths(search).map(|folder| folder.join(name)).collect(),
        // The system knows where to look then.
        (false, None) => return Ok(()),
    };
    let mut found = Err(io::Error::from(io::ErrorKind::NotFound));
    for place in places {
        match std::fs::metadata(&place) {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => return Ok(()),
            Ok(_) => found = Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            Err(_) => {}
        }
    }
    found.map_err(|error| cannot_start(command, &error))
}

/// Becomes the program: nothing of us is left.
pub(super) fn become_it(command: &[OsString], variables: &[Variable]) -> Failure {
    let mut program = program(command);
    program.envs(variables.iter().map(|variable| (&variable.name, &variable.value)));
    let error = program.exec();
    cannot_start(command, &error)
}

/// The same in the place of a child of `guard`, with which it ends.
pub(super) fn become_guarded(command: &[OsString], guard: i32) -> Failure {
    // It runs without, too: then it outlives its guard.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    // Who has died before that was asked for sends no signal.
    if getppid().map(Pid::as_raw_pid) != Some(guard) {
        return Failure::Logged(128 + 15);
    }
    become_it(command, &[])
}

fn program(command: &[OsString]) -> Command {
    let (name, arguments) = command.split_first().unzip();
    let mut program = Command::new(name.cloned().unwrap_or_default());
    program.args(arguments.unwrap_or_default());
    program
}

fn spawn(mut command: Command, variables: &[Variable]) -> io::Result<Pid> {
    let variables = variables.iter().map(|variable| (&variable.name, &variable.value));
    let child = command.envs(variables).process_group(0).spawn()?;
    Ok(Pid::from_child(&child))
}

/// With the exit codes of a shell, and nearly in its words.
fn cannot_start(command: &[OsString], error: &io::Error) -> Failure {
    let name = command.first().map(Path::new).unwrap_or(Path::new("")).display().to_string();
    let (code, why) = if error.kind() == io::ErrorKind::NotFound {
        (127, "not found".to_owned())
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        (126, "permission denied".to_owned())
    } else {
        (126, error.to_string())
    };
    say(&format!("cannot start {name}: {why}"));
    Failure::Logged(code)
}

fn code_of(status: WaitStatus) -> Option<u8> {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))?;
    Some(u8::try_from(code).unwrap_or(u8::MAX))
}

/// A process that is not in the foreground is stopped when it wants a line of the terminal.
fn tell_stopped(status: WaitStatus) {
    if status.stopping_signal() == Some(Signal::TTIN.as_raw()) {
        say("the program is stopped: it reads from the terminal, which is not its own; give it < /dev/null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_for(name: &str, search: Option<&Path>) -> Option<u8> {
        match look_for(&[name.into()], search.map(Path::as_os_str)) {
            Ok(()) => None,
            Err(Failure::Logged(code)) => Some(code),
            Err(other) => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_program_is_looked_for_as_a_shell_does() {
        let folder = tempfile::tempdir().expect("a directory");
        for (name, mode) in [("tool", 0o755), ("text", 0o644)] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").expect("a file");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let here = Some(folder.path());
        assert_eq!([looked_for("tool", here), looked_for(&path("tool"), None)], [None, None]);
        assert_eq!([looked_for("text", here), looked_for(&path("text"), None)], [Some(126), Some(126)]);
        assert_eq!(looked_for(&path(""), None), Some(126), "a folder");
        assert_eq!([looked_for("other", here), looked_for(&path("other"), None)], [Some(127), Some(127)]);
        assert_eq!(looked_for("tool", None), None, "the system looks where it likes");
    }
}
