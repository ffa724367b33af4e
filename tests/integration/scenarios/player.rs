//! Plays a scenario against a server of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::script::{Script, Step};
use super::views;
use crate::support::dns::Ask;
use crate::support::http::{self, Events, Reply};
use crate::support::{TestServer, in_time};

/// The server of a scenario, and what of it is going on.
pub(super) struct Player {
    server: TestServer,
    poll: Option<(JoinHandle<Reply>, Option<Vec<String>>)>,
    events: Option<Events>,
}

impl Player {
    /// Plays all of it; gives the lines that each command gave.
    pub(super) async fn play(script: &Script) -> Vec<Vec<String>> {
        let mut settings = String::new();
        let mut zones = Vec::new();
        for Step { command, below, .. } in &script.steps {
            if let Some(setting) = command.strip_prefix("set ") {
                let _ = writeln!(settings, "{setting}");
            } else if let Some(name) = command.strip_prefix("zone ") {
                zones.push((name.to_owned(), below.join("\n") + "\n"));
            }
        }
        let server = TestServer::with(&settings, &zones).await;
        let mut player = Player { server, poll: None, events: None };
        let mut given = Vec::new();
        for step in &script.steps {
            given.push(player.step(step).await);
        }
        let Player { server, events, .. } = player;
        drop(events);
        server.ask_to_stop();
        server.ended().await;
        given
    }

    async fn step(&mut self, step: &Step) -> Vec<String> {
        let (word, rest) = step.command.split_once(' ').unwrap_or((&step.command, ""));
        match word {
            "set" | "zone" => return step.below.clone(),
            "http" => {
                let (call, fields) = fields(rest);
                return show(&self.call(call).await, fields.as_deref());
            }
            "repeat" => return self.repeat(rest).await,
            "dig" => return self.dig(rest).await,
            "wait" => self.server.advance(duration(rest)),
            "tick" => self.server.tick(),
            "views" => return views::views(&self.server, rest).await,
            "restart" => self.server.restart().await,
            "poll" => {
                let (path, fields) = fields(rest);
                let (server, path) = (self.server.http, path.to_owned());
                let waiting = tokio::spawn(async move { http::call(server, "GET", &path, "").await });
                self.poll = Some((waiting, fields));
            }
            "polled" => {
                let (waiting, fields) = self.poll.take().expect("a poll before");
                let reply = in_time("the poll", waiting).await.expect("no panic");
                return show(&reply, fields.as_deref());
            }
            "watch" => self.events = Some(Events::open(self.server.http, rest).await),
            "event" => {
                let (_, fields) = fields(&step.command);
                let events = self.events.as_mut().expect("a watch before");
                let Some(event) = events.next().await else { return vec!["the end".into()] };
                return [vec![event.name], project(&event.data, fields.as_deref())].concat();
            }
            other => panic!("there is no command `{other}`"),
        }
        Vec::new()
    }

    async fn call(&self, call: &str) -> Reply {
        let mut parts = call.splitn(3, ' ');
        let method = parts.next().unwrap_or_default();
        let path = parts.next().expect("a path");
        http::call(self.server.http, method, path, parts.next().unwrap_or_default()).await
    }

    async fn repeat(&self, rest: &str) -> Vec<String> {
        let (times, call) = rest.split_once(" http ").expect("repeat N http ...");
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for i in 1..=times.parse::<u32>().expect("a number") {
            let address = format!("10.1.{}.{}", i / 256, i % 256);
            let reply = self.call(&call.replace("{i}", &i.to_string()).replace("{ip}", &address)).await;
            *statuses.entry(reply.status).or_default() += 1;
        }
        statuses.into_iter().map(|(status, times)| format!("{status} {times} times")).collect()
    }

    async fn dig(&self, question: &str) -> Vec<String> {
        let mut words = question.split(' ');
        let name = words.next().expect("a name");
        let mut ask = Ask::new(name, words.next().expect("a type"));
        let mut count = false;
        for option in words {
            let (option, value) = option.split_once('=').unwrap_or((option, "0"));
            let value: u16 = value.parse().expect("a number");
            let edns = ask.edns.unwrap_or((1232, 0));
            match option {
                "+tcp" => ask.tcp = true,
                "+rd" => ask.recursion_desired = true,
                "+count" => count = true,
                "+noedns" => ask.edns = None,
                "+bufsize" => ask.edns = Some((value, edns.1)),
                "+ednsver" => ask.edns = Some((edns.0, u8::try_from(value).expect("an octet"))),
                "+class" => ask.class = value,
                "+opcode" => ask.opcode = u8::try_from(value).expect("an octet"),
                other => panic!("dig has no option `{other}`"),
            }
        }
        let reply = ask.of(self.server.dns).await;
        if count { reply.counts() } else { reply.lines() }
    }
}

/// A call and the fields that are to be shown of its answer.
fn fields(text: &str) -> (&str, Option<Vec<String>>) {
    match text.split_once(" |") {
        None => (text, None),
        Some((call, fields)) => (call, Some(fields.split_whitespace().map(str::to_owned).collect())),
    }
}

fn duration(text: &str) -> Duration {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let number: u64 = text[..unit_at].parse().expect("a number");
    match &text[unit_at..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "h" => Duration::from_secs(3600 * number),
        unit => panic!("no unit of time: {unit}"),
    }
}

/// The status with the body, or with the chosen fields of it.
fn show(reply: &Reply, fields: Option<&[String]>) -> Vec<String> {
    let body = project(reply.body.trim_end(), fields);
    match fields {
        None => vec![format!("{} {}", reply.status, body.concat()).trim_end().to_owned()],
        Some(_) => [vec![reply.status.to_string()], body].concat(),
    }
}

/// The chosen fields of a JSON text, each object of a list on a line of its own; all of it without a choice.
fn project(text: &str, fields: Option<&[String]>) -> Vec<String> {
    let Some(fields) = fields else { return vec![text.to_owned()] };
    let mut lines = Vec::new();
    if let Ok(value) = serde_json::from_str(text) {
        let mut line = String::new();
        gather(&value, fields, &mut line, &mut lines);
        if !line.is_empty() {
            lines.insert(0, line);
        }
    }
    lines
}

fn gather(value: &Value, fields: &[String], line: &mut String, lines: &mut Vec<String>) {
    if let Value::Object(members) = value {
        for field in fields {
            if let Some(member) = members.get(field) {
                let space = if line.is_empty() { "" } else { " " };
                let _ = write!(line, "{space}{field}={member}");
            }
        }
        for (_, member) in members.iter().filter(|(name, _)| !fields.contains(name)) {
            gather(member, fields, line, lines);
        }
    } else if let Value::Array(items) = value {
        for item in items {
            let mut line = String::new();
            let mut nested = Vec::new();
            gather(item, fields, &mut line, &mut nested);
            if !line.is_empty() {
                lines.push(line);
            }
            lines.append(&mut nested);
        }
    }
}
