//! The timer of the leases: sleeps until the next deadline, or an earlier one appears, then ticks.
//!
//! It removes rows and tells followers; what is in an answer does not wait for it (see `table::Lease`).

use tokio_util::sync::CancellationToken;

use super::Registry;

impl Registry {
    /// Ends leases at their deadlines until `shutdown`.
    pub async fn run_expiry(&self, shutdown: CancellationToken) {
        loop {
            let wait = async {
                match self.next_deadline() {
                    Some(deadline) => tokio::time::sleep(deadline.since(self.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.earlier_deadline.notified() => {}
                () = wait => {
                    while self.expire_due() {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }
}
