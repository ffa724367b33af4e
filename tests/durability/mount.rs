//! A small file system of its own, where this process may mount one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted directory; gone when it goes out of scope.
pub(crate) struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Mounts `size`; says so on standard error and gives nothing where that is not allowed.
    pub(crate) fn mount(size: &str) -> Option<Tmpfs> {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            let _ = writeln!(std::io::stderr(), "SKIPPED: no tmpfs can be mounted here, so no disk gets full");
            return None;
        }
        Some(Tmpfs(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes all room that is left.
    pub(crate) fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives it back.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("a file to remove");
    }

    /// Mounts it again, `ro` or `rw`.
    pub(crate) fn remount(&self, mode: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{mode}")]).arg(self.path()).status();
        assert!(status.expect("a mount command").success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // What is left of it goes with its last process.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
