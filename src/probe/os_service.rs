//! Asking systemd for a service of this machine.
//!
//! `systemctl` is the program that knows: it finds its way to systemd as root and as anybody, and its `show` is made for
//! programs. The name of a unit holds no sign that means anything to it, and stands behind `--`; no shell is asked.

use std::io::ErrorKind;
use std::process::{Output, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::net::{Failure, Heard, Net, at_fault};
use crate::limits;
use crate::table::Status;

/// Asks for a unit, whose name was tested when it was registered.
pub(super) async fn ask(net: &Net, unit: &str) -> Result<Heard, Failure> {
    // A bare number would be that of a job.
    let unit = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    let failed = |why: String| Failure::Critical(format!("OS service {unit}: {why}"));
    let told = match run(net, &unit).await {
        Ok(told) => told,
        Err(Failure::Critical(why)) => return Err(failed(why)),
        Err(Failure::PutOff) => return Err(Failure::PutOff),
    };
    let text = String::from_utf8_lossy(&told.stdout);
    let of = |property: &str| text.lines().find_map(|line| line.strip_prefix(property)?.strip_prefix('='));
    let (Some(load), Some(active), Some(sub)) = (of("LoadState"), of("ActiveState"), of("SubState")) else {
        let why = String::from_utf8_lossy(&told.stderr);
        return Err(failed(format!("systemctl does not say ({}): {}", told.status, why.trim())));
    };
    let not_loaded = if load == "loaded" { String::new() } else { format!(", {load}") };
    let output = format!("OS service {unit}: {active} ({sub}){not_loaded}");
    Ok(Heard { status: verdict(active, sub), output })
}

/// What a state is worth. A service that ended and waits for its next start does not run, whatever the word.
fn verdict(active: &str, sub: &str) -> Status {
    match active {
        "active" => Status::Passing,
        "activating" if sub.starts_with("auto-restart") => Status::Critical,
        "activating" | "deactivating" | "refreshing" | "reloading" => Status::Warning,
        _ => Status::Critical,
    }
}

/// What the program says; it ends with the probe, whatever it does.
async fn run(net: &Net, unit: &str) -> Result<Output, Failure> {
    let (program, _permit) = net.systemctl()?;
    let mut command = Command::new(program);
    command
        .args(["show", "--system", "--no-pager", "--no-ask-password"])
        .args(["--property=LoadState", "--property=ActiveState", "--property=SubState"])
        .args(["--", unit])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            Failure::Critical("there is no systemctl on the machine of the server".into())
        } else if error.kind() == ErrorKind::WouldBlock {
            // There are too many processes.
            Failure::PutOff
        } else {
            at_fault(&error)
        }
    })?;
    let (stdout, stderr) = tokio::join!(read(child.stdout.take()), read(child.stderr.take()));
    // Both pipes are closed by now: whoever still writes ends by that.
    let status = child.wait().await.map_err(|error| at_fault(&error))?;
    Ok(Output { status, stdout, stderr })
}

/// Reads up to the bound; the rest is never asked for.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut said = Vec::new();
    if let Some(pipe) = pipe {
        // What was read before an error is all there is.
        let _ = pipe.take(limits::PROBE_PROGRAM_OCTETS).read_to_end(&mut said).await;
    }
    said
}
