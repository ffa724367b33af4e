//! A disk in memory that fills up, fails and loses power.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::store::disk::{Disk, is_unfinished};

/// A disk; its clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Platter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    octets: Vec<u8>,
    /// What a power failure is certain to leave.
    synced: Vec<u8>,
    /// What was done since, each of which a power failure may leave or not.
    unsynced: Vec<Step>,
    /// Writing steps until the fault; `None` for a disk that works.
    until_fault: Option<u64>,
    fault: Option<io::ErrorKind>,
    aside: Vec<Vec<u8>>,
    was_made: bool,
}

#[derive(Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// Numbers that look random; the same seed gives the same.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Less than `end`.
    pub(super) fn roll(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}

impl Platter {
    pub(super) fn holding(octets: Vec<u8>) -> Platter {
        let platter = Platter::default();
        platter.0.lock().octets.clone_from(&octets);
        platter.0.lock().synced = octets;
        platter
    }

    /// Every writing step after the next `steps` fails.
    pub(super) fn fail_after(&self, steps: u64, fault: io::ErrorKind) {
        let mut state = self.0.lock();
        state.until_fault = Some(steps);
        state.fault = Some(fault);
    }

    pub(super) fn mend(&self) {
        self.0.lock().until_fault = None;
    }

    pub(super) fn octets(&self) -> Vec<u8> {
        self.0.lock().octets.clone()
    }

    pub(super) fn set_aside_count(&self) -> usize {
        self.0.lock().aside.len()
    }

    /// The disk after a power failure: of what was not synced each 512 octets are there or not.
    pub(super) fn after_power_failure(&self, dice: &mut Dice) -> Platter {
        let state = self.0.lock();
        let mut octets = state.synced.clone();
        for step in &state.unsynced {
            match step {
                Step::Length(length) => octets.resize(*length, 0),
                Step::Write(offset, data) => {
                    for (sector, chunk) in data.chunks(512).enumerate() {
                        let start = offset + sector * 512;
                        if dice.roll(2) == 0 && start + chunk.len() <= octets.len() {
                            octets[start..start + chunk.len()].copy_from_slice(chunk);
                        }
                    }
                }
            }
        }
        Platter::holding(octets)
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.until_fault {
            Some(0) => Err(self.fault.unwrap_or(io::ErrorKind::Other).into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl redb::StorageBackend for Platter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().octets.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let end = offset.checked_add(out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(state.octets.get(offset..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if len > 1 << 28 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.octets.resize(len, 0);
        state.unsynced.push(Step::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.synced = state.octets.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let end = offset + data.len();
        if end > state.octets.len() {
            state.octets.resize(end, 0);
        }
        state.octets[offset..end].copy_from_slice(data);
        state.unsynced.push(Step::Write(offset, data.to_vec()));
        Ok(())
    }
}

impl Disk for Platter {
    fn path(&self) -> &Path {
        Path::new("platter")
    }

    fn open(&self, builder: &redb::Builder) -> Result<redb::Database, redb::DatabaseError> {
        let mut state = self.0.lock();
        state.was_made = state.octets.is_empty();
        drop(state);
        builder.create_with_backend(self.clone())
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let octets = self.octets();
        if octets.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(octets) }
    }

    fn set_aside(&self) -> io::Result<PathBuf> {
        let mut state = self.0.lock();
        let octets = std::mem::take(&mut state.octets);
        state.synced.clear();
        state.unsynced.clear();
        state.aside.push(octets);
        Ok("platter.damaged".into())
    }

    fn was_made(&self) -> bool {
        self.0.lock().was_made
    }

    fn is_unfinished(&self) -> bool {
        is_unfinished(&mut &self.octets()[..]).expect("octets in memory")
    }

    fn remove(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.octets.clear();
        state.synced.clear();
        state.unsynced.clear();
        Ok(())
    }
}
