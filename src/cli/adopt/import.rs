//! `import`: from an export, and from foreign systems.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use axum::http::{HeaderValue, Method, StatusCode};
use bytes::Bytes;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::form::{Head, Lines};
use super::tally::Tally;
use super::{consul, lyft};
use crate::cli::client::{Client, Sent, interpret};
use crate::cli::{Failure, ServerFlag, runtime};
use crate::config::Environment;
use crate::limits;

pub(in crate::cli) const IMPORT_HELP: &str = "\
Examples:
  rollcall import hosts.jsonl
  rollcall import --dry-run --keep hosts.jsonl
  rollcall export --server http://old:8500 | rollcall import -
  rollcall import --lyft http://discovery.example.com:8080 web orders
  rollcall import --consul http://127.0.0.1:8501 --token-file token

A host that is there already is replaced by what comes; --keep leaves it. Leases begin anew.
Up to 500 lines are taken together or not at all; a line that is refused is named, the others
are taken, and the exit code is 1. A file that is cut is refused before anything is done; from
standard input, what came before the cut is done.

Lyft's service has no list of services: name them. (Where the URL is that of a rollcall, its
services are found.)";

/// `import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// File with an export, - for standard input; with --lyft the services
    #[arg(value_name = "FILE|SERVICE")]
    names: Vec<String>,
    /// Take the hosts of a Lyft discovery service
    #[arg(long, value_name = "URL", conflicts_with = "consul")]
    lyft: Option<String>,
    /// Take the catalog of a Consul
    #[arg(long, value_name = "URL")]
    consul: Option<String>,
    /// File with a token for Consul
    #[arg(long, value_name = "FILE", requires = "consul")]
    token_file: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace hosts that are there and say something else (the default)
    #[arg(long, conflicts_with = "keep")]
    replace: bool,
    /// Leave hosts that are there as they are
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    server: ServerFlag,
}

/// How an import goes about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) dry_run: bool,
    pub(super) keep: bool,
}

impl Import {
    pub(in crate::cli) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let to = Client::new(&self.server, environment)?;
        let manner = Manner { dry_run: self.dry_run, keep: self.keep };
        let mut tally = Tally::default();
        let ended = match (&self.lyft, &self.consul) {
            (Some(url), _) => {
                let from = Client::foreign("--lyft", url, None)?;
                runtime()?.block_on(lyft::import(&from, &to, &self.names, manner, &mut tally))
            }
            (None, Some(url)) => {
                if !self.names.is_empty() {
                    return Err(Failure::Usage("--consul takes the whole catalog: name nothing beside it".into()));
                }
                let token = self.token_file.as_deref().map(read_token).transpose()?;
                let from = Client::foreign("--consul", url, token)?;
                runtime()?.block_on(consul::import(&from, &to, manner, &mut tally))
            }
            (None, None) => {
                let [file] = self.names.as_slice() else {
                    return Err(Failure::Usage("name one file with an export, or - for standard input".into()));
                };
                import_file(file, &to, manner, &mut tally)
            }
        };
        tally.conclude(self.dry_run, ended)
    }
}

fn read_token(path: &Path) -> Result<HeaderValue, Failure> {
    let context = || format!("cannot read {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(context)?;
    file.take(limits::CLIENT_TOKEN_OCTETS).read_to_string(&mut text).with_context(context)?;
    let mut token = HeaderValue::from_str(text.trim())
        .map_err(|_| Failure::Usage(format!("{}: is no token: it has other characters", path.display())))?;
    token.set_sensitive(true);
    Ok(token)
}

fn import_file(name: &str, to: &Client, manner: Manner, tally: &mut Tally) -> anyhow::Result<()> {
    if name == "-" {
        return import_lines(Lines::new(std::io::stdin().lock()), to, manner, tally);
    }
    let open = || File::open(name).with_context(|| format!("cannot read {name}")).map(BufReader::new);
    // A file is read twice, so that one that is cut changes nothing.
    let mut lines = Lines::new(open()?);
    let head = read_head(&mut lines)?;
    let mut rows = 0;
    while lines.next()?.is_some() {
        rows += 1;
    }
    head.check(rows)?;
    import_lines(Lines::new(open()?), to, manner, tally)
}

fn read_head(lines: &mut Lines<impl BufRead>) -> anyhow::Result<Head> {
    match lines.next()? {
        Some((_, line)) => Head::parse(&line),
        None => bail!("this is no export of rollcall: it is empty"),
    }
}

fn import_lines(mut lines: Lines<impl BufRead>, to: &Client, manner: Manner, tally: &mut Tally) -> anyhow::Result<()> {
    let head = read_head(&mut lines)?;
    let runtime = runtime()?;
    let (mut seen, mut batch) = (Seen::default(), Batch::default());
    let mut rows = 0;
    let ended = loop {
        let (number, line) = match lines.next() {
            Ok(Some(next)) => next,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        rows += 1;
        if rows > head.rows {
            break Ok(());
        }
        if let Some(first) = seen.before(&line, number) {
            tally.refuse(&format!("line {number}"), &format!("the row of line {first} once more"));
            continue;
        }
        if !batch.has_room(line.len()) {
            runtime.block_on(batch.send(to, manner, tally))?;
        }
        batch.lines.push((number, line));
    };
    runtime.block_on(batch.send(to, manner, tally))?;
    ended?;
    head.check(rows)
}

/// The rows that came, by a hash of what identifies them: some ten octets each.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    lines: HashMap<u64, u32>,
}

#[derive(Deserialize)]
struct Key {
    service: String,
    dialect: String,
    id: String,
}

impl Seen {
    /// The line that had the same row before; the server says what is wrong with one that has no key.
    fn before(&mut self, line: &[u8], number: u64) -> Option<u32> {
        let Key { service, dialect, id } = serde_json::from_slice(line).ok()?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.lines.insert(self.hasher.hash_one((service, dialect, id)), number)
    }
}

/// Lines to be sent together.
#[derive(Default)]
struct Batch {
    lines: Vec<(u64, Vec<u8>)>,
}

/// A refusal of some lines.
#[derive(Deserialize)]
struct Refusal {
    lines: Vec<BadLine>,
}

#[derive(Deserialize)]
struct BadLine {
    line: usize,
    detail: String,
}

impl Batch {
    fn has_room(&self, octets: usize) -> bool {
        let taken: usize = self.lines.iter().map(|(_, line)| line.len() + 1).sum();
        self.lines.len() < limits::BATCH_HOSTS
            && (self.lines.is_empty() || taken + octets < limits::CLIENT_IMPORT_OCTETS)
    }

    /// Sends the lines, then those of them again that were not refused. A server that takes no writes for now is asked again.
    async fn send(&mut self, to: &Client, manner: Manner, tally: &mut Tally) -> anyhow::Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut tries = limits::CLIENT_IMPORT_TRIES;
        while !lines.is_empty() {
            let (status, body) = post(to, &lines, manner).await?;
            let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
            match refusal.filter(|refusal| status == StatusCode::BAD_REQUEST && !refusal.lines.is_empty()) {
                Some(refusal) => {
                    let before = lines.len();
                    drop_refused(&mut lines, &refusal, tally);
                    if lines.len() == before {
                        bail!("the server refuses lines that were not sent: is it rollcall that answers there?");
                    }
                }
                None if status == StatusCode::SERVICE_UNAVAILABLE && tries > 1 => {
                    tries -= 1;
                    tokio::time::sleep(limits::RUN_RETRY).await;
                }
                None => {
                    let first = lines.first().map_or(0, |(number, _)| *number);
                    let answer = interpret(status, &body).with_context(|| format!("line {first} and after it"))?;
                    tally.add(&answer.json);
                    break;
                }
            }
        }
        Ok(())
    }
}

fn drop_refused(lines: &mut Vec<(u64, Vec<u8>)>, refusal: &Refusal, tally: &mut Tally) {
    let mut kept = Vec::with_capacity(lines.len());
    for (place, (number, line)) in lines.drain(..).enumerate() {
        match refusal.lines.iter().find(|bad| bad.line == place + 1) {
            Some(bad) => tally.refuse(&format!("line {number}"), &bad.detail),
            None => kept.push((number, line)),
        }
    }
    *lines = kept;
}

async fn post(to: &Client, lines: &[(u64, Vec<u8>)], manner: Manner) -> anyhow::Result<(StatusCode, Bytes)> {
    let mut body = Vec::with_capacity(lines.iter().map(|(_, line)| line.len() + 1).sum());
    for (_, line) in lines {
        body.extend_from_slice(line);
        body.push(b'\n');
    }
    let mut query = Vec::new();
    if manner.keep {
        query.push(("keep", "true"));
    }
    if manner.dry_run {
        query.push(("dry_run", "true"));
    }
    let sent = Sent { media: "application/x-ndjson", octets: body.into() };
    to.raw(Method::POST, &["v1", "import"], &query, Some(sent)).await
}

/// The JSON of a good answer; else what went wrong, with the place that was asked.
pub(super) async fn ask(client: &Client, path: &[&str]) -> anyhow::Result<Value> {
    let (status, body) = client.raw(Method::GET, path, &[], None).await?;
    let (name, port) = client.place();
    let context = || format!("{name}:{port}/{}", path.join("/"));
    if status == StatusCode::NOT_FOUND {
        return Err(anyhow!("not found")).with_context(context);
    }
    Ok(interpret(status, &body).with_context(context)?.json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_known_again() {
        let mut seen = Seen::default();
        let row = |id: &str| format!("{{\"service\":\"web\",\"dialect\":\"native\",\"id\":\"{id}\",\"a\":[]}}");
        assert_eq!(seen.before(row("a").as_bytes(), 2), None);
        assert_eq!(seen.before(row("b").as_bytes(), 3), None);
        assert_eq!(seen.before(row("a").as_bytes(), 4), Some(2));
        assert_eq!(seen.before(b"garbage", 5), None);
    }

    #[test]
    fn batches_are_bounded_in_lines_and_octets() {
        let mut batch = Batch::default();
        assert!(batch.has_room(limits::IMPORT_OCTETS), "a long line goes alone");
        batch.lines.push((1, vec![b'x'; limits::CLIENT_IMPORT_OCTETS - 100]));
        assert!(batch.has_room(50) && !batch.has_room(200));
        batch.lines = (0..limits::BATCH_HOSTS as u64).map(|number| (number, Vec::new())).collect();
        assert!(!batch.has_room(0));
    }
}
