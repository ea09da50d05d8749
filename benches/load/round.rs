//! One measurement: users that work without a pause, for a time, through the gateway or without it.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Client, Numbered};
use crate::gateway::{Founder, Gateway};
use crate::ground::Ground;
use crate::limit::Limit;
use crate::process::{self, Taken};
use crate::tenant::{Mix, Tenant};
use crate::work::Work;

/// All that measurements need.
pub struct Stand<'a> {
    pub founder: Founder<'a>,
    pub ground: Ground,
    /// With the ledger.
    pub gateway: Gateway,
    /// Without it.
    pub forgetful: Gateway,
    pub time: Duration,
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    Limit,
    Gateway,
    /// The gateway with `idempotency: off`.
    Forgetful,
}

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Operations per second.
    pub rate: f64,
    /// Microseconds of processor time for one operation.
    pub taken: Taken,
}

/// One user at work.
struct Worker {
    tenant: Tenant,
    road: Road,
}

enum Road {
    Limit(Limit),
    Gateway(Client),
}

impl Stand<'_> {
    /// Measures one contender at one work, on a ground that is made anew; what was written is counted at the end.
    pub async fn measure(&self, work: &Work, contender: Contender) -> Figures {
        let count = match contender {
            Contender::Limit => work.connections,
            Contender::Gateway | Contender::Forgetful => work.clients,
        };
        let mut workers = Vec::new();
        for tenant in self.ground.settle(work.table, count).await {
            let road = self.road(contender, &tenant).await;
            workers.push(Worker { tenant, road });
        }
        // Pools fill, and plans become generic, before the clock runs.
        let warming = (self.time / 4).max(Duration::from_millis(500));
        let (workers, _) = all(workers, work, warming).await;
        let before = self.taken(contender);
        let began = Instant::now();
        let (workers, operations) = all(workers, work, self.time).await;
        let elapsed = began.elapsed().as_secs_f64();
        let taken = self.taken(contender) - before;
        let tenants: Vec<Tenant> = workers.into_iter().map(|worker| worker.tenant).collect();
        self.ground.verify(work.table, &tenants).await;
        let micros = |seconds: f64| seconds * 1e6 / operations;
        Figures {
            rate: operations / elapsed,
            taken: Taken {
                gateway: micros(taken.gateway),
                postgres: micros(taken.postgres),
                driver: micros(taken.driver),
            },
        }
    }

    async fn road(&self, contender: Contender, tenant: &Tenant) -> Road {
        match self.gateway(contender) {
            None => Road::Limit(Limit::connect(&self.founder.server.uri, tenant.table).await),
            Some(gateway) => {
                let token = self.founder.token(tenant.user);
                Road::Gateway(Client::connect(&gateway.address, token).await)
            }
        }
    }

    fn taken(&self, contender: Contender) -> Taken {
        let gateway = self.gateway(contender).map(Gateway::id);
        process::taken(gateway, self.founder.server.id())
    }

    fn gateway(&self, contender: Contender) -> Option<&Gateway> {
        match contender {
            Contender::Limit => None,
            Contender::Gateway => Some(&self.gateway),
            Contender::Forgetful => Some(&self.forgetful),
        }
    }
}

/// Lets all users work for a time; each ends what it has begun.
async fn all(workers: Vec<Worker>, work: &Work, time: Duration) -> (Vec<Worker>, f64) {
    let (mix, transactions) = (work.mix, work.transactions);
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        tasks.spawn(async move {
            let mut turns = 0_u32;
            while Instant::now() < until {
                worker.turn(mix, transactions).await;
                turns += 1;
            }
            (worker, turns)
        });
    }
    // A user that failed brings the bench down.
    let (workers, turns): (Vec<Worker>, Vec<u32>) = tasks.join_all().await.into_iter().unzip();
    let each = u32::try_from(mix.operations() * transactions).unwrap();
    (workers, f64::from(turns.iter().sum::<u32>() * each))
}

impl Worker {
    /// One request, or the same transactions one after another.
    async fn turn(&mut self, mix: Mix, count: usize) {
        let tenant = &mut self.tenant;
        match &mut self.road {
            Road::Limit(limit) => {
                for _ in 0..count {
                    let operations = tenant.transaction(mix);
                    limit.apply(tenant.user, &operations).await;
                }
            }
            Road::Gateway(client) => {
                let transactions: Vec<_> = (0..count).map(|_| tenant.transaction(mix)).collect();
                let numbered = transactions.iter().map(|operations| Numbered {
                    number: tenant.number(),
                    operations,
                });
                let numbered: Vec<Numbered> = numbered.collect();
                client.upload(tenant.table, &numbered).await;
            }
        }
    }
}
