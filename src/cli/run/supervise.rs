//! From the start of the program to its exit code: what comes before what.

use std::ffi::OsString;
use std::pin::pin;

use anyhow::Context as _;
use tokio::sync::Notify;

use super::child::Child;
use super::health;
use super::plan::Plan;
use super::registrar::{Orders, Registrar};
use super::signals::{Kind, Signals};
use crate::cli::client::Client;
use crate::cli::env::Variable;
use crate::cli::{Failure, runtime, say};

/// Runs the program to its end; gives its exit code.
pub(super) fn run(plan: Plan, client: Client, command: &[OsString], variables: &[Variable]) -> Result<u8, Failure> {
    runtime()?.block_on(async {
        let signals = Signals::listen().context("cannot listen for signals")?;
        let child = Child::start(command, variables)?;
        let (registrar, orders) = Registrar::new(&plan, client);
        let supervisor = Supervisor { plan: &plan, child, signals, orders: orders.clone() };
        tokio::select! {
            code = supervisor.run() => Ok(code),
            never = registrar.run() => match never {},
            never = health::watch(&plan, orders) => match never {},
        }
    })
}

struct Supervisor<'a> {
    plan: &'a Plan,
    child: Child,
    signals: Signals,
    orders: Orders,
}

impl Supervisor<'_> {
    /// Passes signals on until one asks for the end, or the end comes by itself.
    async fn run(mut self) -> u8 {
        loop {
            tokio::select! {
                biased;
                code = self.child.ended() => {
                    self.orders.leave().await;
                    return code;
                }
                kind = self.signals.next() => match kind.stops() {
                    true => return self.stop(kind).await,
                    false => self.child.pass(kind),
                },
            }
        }
    }

    /// Takes the host out, waits, deregisters it, and only then passes the signal on. A second one is not argued with.
    async fn stop(mut self, first: Kind) -> u8 {
        let Plan { stop_signal, .. } = self.plan;
        let cut = Notify::new();
        let mut farewell = pin!(farewell(self.plan, &self.orders, first, &cut));
        let (mut is_passed, mut has_left) = (false, false);
        loop {
            tokio::select! {
                biased;
                code = self.child.ended() => {
                    if !has_left {
                        cut.notify_one();
                        farewell.await;
                    }
                    return code;
                }
                () = &mut farewell, if !has_left => {
                    has_left = true;
                    if !is_passed {
                        self.child.pass(stop_signal.unwrap_or(first));
                    }
                }
                kind = self.signals.next() => {
                    let asks_again = kind.stops();
                    self.child.pass(stop_signal.filter(|_| asks_again).unwrap_or(kind));
                    if asks_again {
                        is_passed = true;
                        cut.notify_one();
                    }
                }
            }
        }
    }
}

/// The host leaves: out of the answers, a wait for those who have them still, deregistered.
async fn farewell(plan: &Plan, orders: &Orders, signal: Kind, cut: &Notify) {
    if orders.drain().await && !plan.drain.is_zero() {
        say(&format!("{signal}: drained; the program gets it in {:?}", plan.drain));
        tokio::select! {
            () = plan.clock.sleep_until(plan.clock.now().after(plan.drain)) => {}
            () = cut.notified() => {}
        }
    }
    orders.leave().await;
}
