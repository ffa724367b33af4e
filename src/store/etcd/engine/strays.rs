//! What is still shown of hosts that are gone.

use std::sync::Arc;

use super::{Done, Engine};

impl Engine {
    /// Takes away what the news have left of hosts; it is tried once. Every server does, as one of them may just have ended:
    /// that several do is no harm.
    pub(super) fn take_away_strays(&mut self) {
        let strays = self.book.take_strays();
        if strays.is_empty() || !self.shows {
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
