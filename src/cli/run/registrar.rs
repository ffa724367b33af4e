//! Tells the server what it is to know of the host. One call at a time, each bounded: the next thing to tell waits.

use std::convert::Infallible;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::plan::Plan;
use super::standing::{Call, Outcome, Standing, Verdict};
use crate::cli::client::{Answer, Client, Refusal};
use crate::cli::say;
use crate::limits;

/// The check of the host that speaks for the program.
const CHECK: &str = "run";

/// Something for the registrar to do.
#[derive(Debug)]
enum Order {
    /// The server is to know this.
    Tell(Verdict),
    /// The host is to leave the answers: says whether it was in them until now.
    Drain(oneshot::Sender<bool>),
    /// The host is to be gone: says that it is, as far as we can do.
    Leave(oneshot::Sender<()>),
}

/// The way to the registrar.
#[derive(Clone, Debug)]
pub(super) struct Orders(mpsc::Sender<Order>);

impl Orders {
    /// Has the server told of the program's health.
    pub(super) async fn tell(&self, verdict: Verdict) {
        // It listens as long as there is anybody to speak.
        let _ = self.0.send(Order::Tell(verdict)).await;
    }

    /// Has the host taken out of the answers; says whether that was done, so that it is worth a wait.
    pub(super) async fn drain(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.0.send(Order::Drain(reply)).await;
        answer.await.unwrap_or_default()
    }

    /// Has the host deregistered, as far as the server can be reached.
    pub(super) async fn leave(&self) {
        let (reply, answer) = oneshot::channel();
        let _ = self.0.send(Order::Leave(reply)).await;
        let _ = answer.await;
    }
}

/// Speaks with the server about one host.
pub(super) struct Registrar<'a> {
    plan: &'a Plan,
    client: Client,
    standing: Standing,
    /// Whether the server may know the host: also where no answer came.
    may_be_there: bool,
    orders: mpsc::Receiver<Order>,
}

impl Registrar<'_> {
    /// Who tells this server of this plan, and the way to it.
    pub(super) fn new(plan: &Plan, client: Client) -> (Registrar<'_>, Orders) {
        let (sender, orders) = mpsc::channel(limits::RUN_ORDERS);
        // A call that hangs must not be what ends the lease.
        let client = client.within(limits::RUN_ANSWER_TIME.min(plan.ttl / 2));
        let standing = Standing::new(plan.ttl);
        (Registrar { plan, client, standing, may_be_there: false, orders }, Orders(sender))
    }

    /// Does what is due and what is ordered, for ever.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let due = self.standing.due();
            let clock = &self.plan.clock;
            let timer = async {
                match due {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(order) = self.orders.recv() => self.obey(order).await,
                () = timer => self.call().await,
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Tell(verdict) => self.standing.want(verdict),
            Order::Drain(reply) => {
                self.standing.leave();
                let _ = reply.send(self.may_be_there && self.drain().await);
            }
            Order::Leave(reply) => {
                self.standing.leave();
                if self.may_be_there {
                    self.deregister().await;
                }
                let _ = reply.send(());
            }
        }
    }

    /// Makes the call that is due.
    async fn call(&mut self) {
        let Some(call) = self.standing.next(self.plan.clock.now()) else { return };
        let sent = match &call {
            Call::Register(verdict) => {
                let sent = self.send(Method::PUT, None, Some(registration(self.plan, verdict))).await;
                self.may_be_there |= matches!(sent, Ok(_) | Err(Refusal::NoAnswer(_)));
                sent
            }
            Call::Undrain => self.send(Method::PUT, Some("drain"), Some(json!({"enable": false}))).await,
            Call::Report(Verdict { status, output }) => {
                let body = json!({"check": CHECK, "status": status.as_str(), "output": output});
                self.send(Method::PUT, Some("health"), Some(body)).await
            }
            Call::Renew => self.send(Method::POST, Some("renew"), None).await,
        };
        let outcome = outcome(&call, sent);
        if let Some(words) = self.standing.done(&call, outcome, self.plan.clock.now()) {
            say(&format!("{}: {words}", self.name()));
        }
    }

    async fn drain(&mut self) -> bool {
        match self.send(Method::PUT, Some("drain"), Some(json!({"enable": true}))).await {
            Ok(_) => return true,
            // Whether it is there is asked once more when it is deregistered.
            Err(Refusal::Answered(..)) => {}
            // Who is not reached now is not reached in a moment, and those who stop us have no time for two tries.
            Err(refusal @ (Refusal::NoConnection(_) | Refusal::NoAnswer(_))) => self.cannot_leave(refusal),
        }
        false
    }

    async fn deregister(&mut self) {
        match self.send(Method::DELETE, None, None).await {
            Ok(_) => say(&format!("{}: deregistered", self.name())),
            Err(Refusal::Answered(StatusCode::NOT_FOUND, _)) => {}
            Err(refusal) => self.cannot_leave(refusal),
        }
        self.may_be_there = false;
    }

    fn cannot_leave(&mut self, refusal: Refusal) {
        say(&format!("{}: not deregistered: {}; it leaves DNS when its lease ends", self.name(), words(refusal)));
        self.may_be_there = false;
    }

    async fn send(&self, method: Method, verb: Option<&str>, body: Option<Value>) -> Result<Answer, Refusal> {
        let mut segments = vec!["v1", "hosts", &self.plan.service, &self.plan.id];
        segments.extend(verb);
        // A host of another API with our id is not ours. A registration is always native.
        let query: &[_] = if verb.is_some() { &[("origin", "native")] } else { &[] };
        self.client.send(method, &segments, query, body.as_ref()).await
    }

    fn name(&self) -> String {
        format!("{}/{}", self.plan.service, self.plan.id)
    }
}

/// The body of a registration. The checks of somebody before us are not ours.
fn registration(plan: &Plan, verdict: &Verdict) -> Value {
    let mut fields = plan.fields.clone();
    let checks = match plan.terms {
        Some(_) => json!([{"id": CHECK, "status": verdict.status.as_str(), "output": verdict.output}]),
        None => json!([]),
    };
    fields.insert("checks".into(), checks);
    Value::Object(fields)
}

fn outcome(call: &Call, sent: Result<Answer, Refusal>) -> Outcome {
    match sent {
        Ok(answer) => {
            let drains = answer.json.get("draining").and_then(Value::as_bool).unwrap_or_default();
            Outcome::Done { drains }
        }
        Err(Refusal::Answered(StatusCode::NOT_FOUND, _)) if !matches!(call, Call::Register(_)) => Outcome::Gone,
        Err(refusal) => Outcome::Failed(words(refusal)),
    }
}

fn words(refusal: Refusal) -> String {
    format!("{:#}", anyhow::Error::from(refusal))
}
