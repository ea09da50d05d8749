//! The fault suite: promises 1 to 3 (nothing lost, nothing twice, an operator's mistake costs time only), proved with faults.
//!
//! Devices behave as the SDKs do, a proxy of the suite's own cuts the line to Postgres, processes are killed, operators err; a trigger in the
//! database writes down what was committed, and a checker compares. It shares no code with the gateway.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

mod checker;
mod counts;
mod device;
mod gateway;
mod http;
mod keeper;
mod operator;
mod proxy;
mod random;
mod run;
mod server;
mod told;
mod transaction;
mod wire;

use operator::Fault;
use proxy::Rates;
use run::{Outcome, Plan};

/// Every fault, and enough of each, in half a minute.
fn short() -> Plan {
    let mut faults = Fault::ALL.to_vec();
    faults.push(Fault::GatewayKilled);
    Plan {
        seed: 1,
        uploads: 200,
        kills: 2,
        crashes: 1,
        cuts: 10,
        rates: Rates::ROUGH,
        faults,
        settings: "",
        sabotage: "",
        is_tampered: false,
    }
}

/// The run whose totals are published. It has more deaths than mistakes.
fn long() -> Plan {
    let mut faults = Fault::ALL.to_vec();
    faults.extend([Fault::GatewayKilled; 6]);
    faults.extend([Fault::BackendKilled; 2]);
    Plan {
        uploads: 10_000,
        kills: 200,
        crashes: 50,
        cuts: 1000,
        rates: Rates::ROUGHER,
        faults,
        ..short()
    }
}

/// What the environment asks for.
fn asked() -> Plan {
    let is_long = std::env::var("RULEGATE_FAULTS").is_ok_and(|size| size == "long");
    let plan = if is_long { long() } else { short() };
    Plan {
        seed: number("RULEGATE_FAULTS_SEED", plan.seed),
        uploads: number("RULEGATE_FAULTS_UPLOADS", plan.uploads),
        kills: number("RULEGATE_FAULTS_KILLS", plan.kills),
        ..plan
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().expect(name))
}

/// Runs it, and holds it to the promises.
async fn is_kept(plan: Plan) {
    let Outcome {
        findings,
        broken,
        report,
    } = plan.run().await;
    let is_clean = findings.is_clean() && broken.is_empty();
    assert!(is_clean, "{report}\n{findings:#?}\n{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_applied_twice_whatever_breaks() {
    is_kept(asked()).await;
}

/// A short run in which something is planted: much happens on the line, and nothing else.
fn planted() -> Plan {
    Plan {
        seed: 7,
        uploads: 100,
        kills: 0,
        crashes: 0,
        cuts: 12,
        faults: Vec::new(),
        ..short()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_planted_the_planted_runs_are_clean() {
    is_kept(planted()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_its_ledger_is_caught() {
    let plan = Plan {
        // Only what was sent twice is applied twice: what becomes of a COMMIT is known without a ledger too.
        uploads: 250,
        settings: "idempotency: off\n",
        ..planted()
    };
    let found = plan.run().await.findings;
    assert!(!found.twice.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_under_another_key_is_caught() {
    let plan = Plan {
        sabotage: "
            CREATE FUNCTION rekey() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.key := gen_random_uuid(); RETURN NEW; END $$;
            CREATE TRIGGER rekey BEFORE INSERT ON rulegate.applied FOR EACH ROW EXECUTE FUNCTION rekey();",
        ..planted()
    };
    let found = plan.run().await.findings;
    assert!(!found.twice.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_does_not_wait_for_the_log_is_caught() {
    let plan = Plan {
        sabotage: "
            CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM set_config('synchronous_commit', 'off', true); RETURN NEW; END $$;
            CREATE TRIGGER hurry BEFORE INSERT ON rulegate.applied FOR EACH ROW EXECUTE FUNCTION hurry();
            CREATE TRIGGER hurry BEFORE INSERT OR UPDATE ON rulegate.dead_letters FOR EACH ROW EXECUTE FUNCTION hurry();
            ALTER FUNCTION pg_catalog.pg_logical_emit_message(boolean, text, text) RENAME TO emit_slowly;
            CREATE FUNCTION pg_catalog.pg_logical_emit_message(boolean, text, text) RETURNS pg_lsn LANGUAGE plpgsql AS $$
            BEGIN PERFORM set_config('synchronous_commit', 'off', true); RETURN pg_catalog.emit_slowly($1, $2, $3); END $$;",
        crashes: 3,
        cuts: 0,
        rates: Rates::default(),
        faults: vec![Fault::BackendKilled],
        ..planted()
    };
    let found = plan.run().await.findings;
    assert!(!found.lost.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_does_not_last_is_caught() {
    let plan = Plan {
        sabotage: "
            CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN DELETE FROM rulegate.dead_letters WHERE key = NEW.key; RETURN NULL; END $$;
            CREATE TRIGGER burn AFTER INSERT ON rulegate.dead_letters FOR EACH ROW EXECUTE FUNCTION burn();",
        ..planted()
    };
    let found = plan.run().await.findings;
    assert!(
        !found.lost.is_empty() && found.twice.is_empty(),
        "{found:#?}"
    );
}

/// In this run nothing goes wrong but that the database is read-only from time to time (25006).
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_an_operators_mistake_is_caught() {
    let plan = Plan {
        cuts: 0,
        rates: Rates::default(),
        faults: vec![Fault::ReadOnly],
        is_tampered: true,
        ..planted()
    };
    let found = plan.run().await.findings;
    // What comes after a write that was dropped finds another row than it should, so more than this is wrong.
    let is_caught = !found.wrongly_refused.is_empty() && !found.lost.is_empty();
    assert!(is_caught, "{found:#?}");
}
