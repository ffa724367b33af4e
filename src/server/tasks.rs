//! The tasks of a server, each with a name: none ends unseen.

use std::future::Future;

use anyhow::{Result, anyhow};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;

use crate::limits;

/// What runs until the server stops.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<Result<()>>,
    names: Vec<(Id, &'static str)>,
}

impl Tasks {
    /// Starts a task that is to run until the server drains.
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = Result<()>> + Send + 'static) {
        let id = self.set.spawn(task).id();
        self.names.push((id, name));
    }

    /// Waits for the first task that ends; none should.
    pub(super) async fn ended_early(&mut self) -> Result<()> {
        match self.set.join_next_with_id().await {
            None => std::future::pending().await,
            Some(Ok((id, Ok(())))) => Err(anyhow!("{} has ended, and the server with it", self.name(id))),
            Some(Ok((id, Err(error)))) => Err(error.context(format!("{} failed", self.name(id)))),
            Some(Err(error)) => Err(self.panicked(&error)),
        }
    }

    /// Waits until every task has ended; cuts those that take longer than the drain may.
    pub(super) async fn join(&mut self) -> Result<()> {
        let mut result = Ok(());
        let bound = limits::DRAIN_TIME + limits::TASK_END_TIME;
        let all = async {
            while let Some(ended) = self.set.join_next_with_id().await {
                match ended {
                    Ok((_, Ok(()))) => {}
                    Ok((id, Err(error))) => result = Err(error.context(format!("{} failed", self.name(id)))),
                    Err(error) => result = Err(self.panicked(&error)),
                }
            }
        };
        if timeout(bound, all).await.is_err() {
            tracing::warn!(tasks = self.set.len(), "tasks are cut, the time to end is over");
            self.set.shutdown().await;
        }
        result
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.iter().find(|(known, _)| *known == id).map_or("a task", |(_, name)| name)
    }

    fn panicked(&self, error: &JoinError) -> anyhow::Error {
        anyhow!("{} failed: {error}", self.name(error.id()))
    }
}
