//! What an import did, and what it was refused.

use anyhow::anyhow;
use serde_json::Value;

use crate::cli::{Failure, print, say};
use crate::limits;

/// Counts of rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) kept: u64,
    pub(super) skipped: u64,
    pub(super) refused: u64,
}

impl Tally {
    /// Adds what a server says of several lines.
    pub(super) fn add(&mut self, answer: &Value) {
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.created += count("created");
        self.updated += count("updated");
        self.unchanged += count("unchanged");
        self.kept += count("kept");
        self.skipped += count("skipped");
    }

    /// Counts a refusal, and says the first ones.
    pub(super) fn refuse(&mut self, what: &str, why: &str) {
        self.refused += 1;
        if self.refused <= limits::CLIENT_REFUSALS {
            say(&format!("{what}: {why}"));
        } else if self.refused == limits::CLIENT_REFUSALS + 1 {
            say("further refusals are only counted");
        }
    }

    /// Says what was done, whatever came between; a refusal is a failure of the whole.
    pub(super) fn conclude(&self, dry_run: bool, ended: anyhow::Result<()>) -> Result<(), Failure> {
        let Tally { created, updated, unchanged, kept, skipped, refused } = self;
        if created + updated + unchanged + kept + skipped + refused == 0 {
            // Nothing was begun.
            ended?;
            return print("there is nothing to import\n");
        }
        let would = if dry_run { "nothing is done; it would be: " } else { "" };
        print(&format!(
            "{would}created {created}, updated {updated}, unchanged {unchanged}, kept {kept}, skipped {skipped}, \
             refused {refused}\n"
        ))?;
        ended?;
        match refused {
            0 => Ok(()),
            1 => Err(Failure::Other(anyhow!("one was refused"))),
            several => Err(Failure::Other(anyhow!("{several} were refused"))),
        }
    }
}
