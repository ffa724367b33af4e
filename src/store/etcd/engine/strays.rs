//! What is still shown of hosts that are gone, and is this server's to take away.

use std::sync::Arc;

use super::super::strays::Stray;
use super::{Done, Engine};
use crate::table::HostKey;

impl Engine {
    /// Takes away what the news have left of hosts that are this server's; it is tried once. A server that starts looks after
    /// all, as whoever should have may be gone: that several do is no harm.
    pub(super) fn take_away_strays(&mut self, is_own: impl Fn(&HostKey) -> bool) {
        let mut strays = self.book.take_strays();
        strays.retain(|stray: &Stray| self.shows && is_own(&stray.host));
        if strays.is_empty() {
            return;
        }
        let (client, places) = (Arc::clone(&self.client), Arc::clone(&self.places));
        self.running.spawn(async move {
            let mut taken = 0;
            for stray in strays {
                let _place = places.acquire().await;
                match stray.take_away(&client).await {
                    Ok(is_taken) => taken += usize::from(is_taken),
                    Err(trouble) => tracing::debug!(host = %stray.host, %trouble, "it is still shown below /services/"),
                }
            }
            if taken > 0 {
                tracing::info!(keys = taken, "what was shown of hosts whose rows somebody deleted is taken away");
            }
            Done::Nothing
        });
    }
}
