//! `export`: what a server has, as lines.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::form::Head;
use crate::cli::client::Client;
use crate::cli::{Failure, ServerFlag, complain, runtime};
use crate::config::Environment;

pub(in crate::cli) const EXPORT_HELP: &str = "\
Examples:
  rollcall export hosts.jsonl
  rollcall export --server http://10.0.0.2:8500 | rollcall import -

A line has everything that makes the host again, also the values of headers that checks send:
the file is readable by its owner only. The first line says how many follow, so that a cut
file is noticed. A file that is there is replaced when the new one is whole.";

/// `export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// File to write; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    server: ServerFlag,
}

impl Export {
    pub(in crate::cli) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let client = Client::new(&self.server, environment)?;
        if self.file == Path::new("-") {
            let rows = write(&client, &mut std::io::stdout().lock())?;
            tracing::debug!(rows, "exported");
            return Ok(());
        }
        let partial = partial_of(&self.file);
        let written = write_file(&client, &partial);
        let rows = match written {
            Ok(rows) => rows,
            Err(error) => {
                // What is left of it is of no use to anybody.
                let _ = fs::remove_file(&partial);
                return Err(error.into());
            }
        };
        let named = |path: &Path| path.display().to_string();
        fs::rename(&partial, &self.file).with_context(|| format!("cannot write {}", named(&self.file)))?;
        complain(&format!("{rows} rows are in {}", named(&self.file)), 0);
        Ok(())
    }
}

fn partial_of(file: &Path) -> PathBuf {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    partial.into()
}

fn write_file(client: &Client, path: &Path) -> anyhow::Result<u64> {
    let context = || format!("cannot write {}", path.display());
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).with_context(context)?;
    let rows = write(client, &mut file)?;
    file.sync_all().with_context(context)?;
    Ok(rows)
}

/// Writes what the server sends; an error where it is not all that was said.
fn write(client: &Client, out: &mut impl Write) -> anyhow::Result<u64> {
    let mut count = Count::default();
    let copy = client.pieces(&["v1", "export"], |piece| {
        count.take(piece)?;
        Ok(out.write_all(piece)?)
    });
    runtime()?.block_on(copy)?;
    out.flush()?;
    count.finish()
}

/// What came so far: its first line, and the number of the others.
#[derive(Default)]
struct Count {
    first: Vec<u8>,
    head: Option<Head>,
    lines: u64,
}

impl Count {
    /// Longest first line.
    const FIRST_OCTETS: usize = 4096;

    fn take(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        let mut rest = piece;
        if self.head.is_none() {
            let end = piece.iter().position(|octet| *octet == b'\n');
            self.first.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            if self.first.len() > Self::FIRST_OCTETS {
                bail!("this is no export of rollcall: its first line is too long");
            }
            let Some(end) = end else { return Ok(()) };
            self.head = Some(Head::parse(&self.first)?);
            rest = &piece[end + 1..];
        }
        self.lines += rest.iter().filter(|octet| **octet == b'\n').count() as u64;
        match &self.head {
            // What never ends is not waited for.
            Some(head) if self.lines > head.rows => head.check(self.lines),
            Some(_) | None => Ok(()),
        }
    }

    fn finish(self) -> anyhow::Result<u64> {
        let head = self.head.context("the server sent nothing: is it rollcall that answers there?")?;
        head.check(self.lines)?;
        Ok(self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_counted_however_it_is_cut() {
        let text = b"{\"form\":\"rollcall export\",\"version\":1,\"rows\":2}\n{}\n{}\n";
        for size in 1..text.len() {
            let mut count = Count::default();
            text.chunks(size).for_each(|piece| count.take(piece).expect("fits"));
            assert_eq!(count.finish().expect("whole"), 2);
        }
        let mut cut = Count::default();
        cut.take(&text[..text.len() - 3]).expect("fits");
        assert!(cut.finish().is_err());
        let mut more = Count::default();
        more.take(text).expect("fits");
        assert!(more.take(b"{}\n").is_err());
        assert!(Count::default().finish().is_err());
    }
}
