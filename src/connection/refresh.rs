//! Keeps the connections of one provider fresh, in the background.
mod plan;
mod renewal;

use super::{Connections, rows::Place};
use crate::{
    oidc::Provider,
    telemetry::{Telemetry, chain},
};
use plan::Plan;
use renewal::{Outcome, Renewal};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

impl Connections {
    /// Renews the connections to `provider` before their tokens end, one renewal of each at a
    /// time, until `stop`; what is under way then is finished, as the provider may have taken
    /// the old refresh token back already. A connection whose grant the provider has ended
    /// loses its refresh token and stays; an outage is waited out.
    pub async fn keep_fresh(
        self,
        provider: Arc<Provider>,
        telemetry: Telemetry,
        stop: CancellationToken,
    ) {
        let mut changes = self.changed.subscribe();
        let mut keeper = Keeper {
            renewal: Renewal {
                connections: self,
                provider,
                telemetry,
            },
            plan: Plan::default(),
            running: JoinSet::new(),
            keys: HashMap::new(),
        };
        while !stop.is_cancelled() {
            let pause = keeper.begin_due(SystemTime::now()).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
                Ok(()) = changes.changed() => {}
                Some(ended) = keeper.running.join_next_with_id() => {
                    keeper.settle(ended, SystemTime::now());
                }
            }
        }
        while keeper.running.join_next().await.is_some() {}
    }
}

/// The renewals of one provider.
struct Keeper {
    renewal: Renewal,
    plan: Plan,
    running: JoinSet<Outcome>,
    keys: HashMap<Id, Place>,
}

impl Keeper {
    /// Begins what is due, as far as there is room; how long to wait for the next.
    async fn begin_due(&mut self, now: SystemTime) -> Duration {
        let integration = &self.renewal.provider.config().name;
        let dues = self
            .renewal
            .connections
            .dues(integration, now + plan::HORIZON);
        let dues = dues.await.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "connections not kept fresh");
            Vec::new()
        });
        let (begin, pause) = self.plan.begin(dues, self.running.len(), now);
        for key in begin {
            let task = self.running.spawn(self.renewal.clone().run(key.clone()));
            self.keys.insert(task.id(), key);
        }
        pause
    }

    fn settle(&mut self, ended: Result<(Id, Outcome), JoinError>, now: SystemTime) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a renewal failed by a fault of ours");
                (error.id(), Outcome::Failed)
            }
        };
        if let Some(key) = self.keys.remove(&id) {
            self.plan.settle(key, outcome, now);
        }
    }
}
