//! The part of the drill under load in which a function of a plugin never comes back: the process replaces itself,
//! and requests of that moment may be turned away.

use crate::client::{Answer, Client};
use crate::report::Report;
use crate::server::Server;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The server has to be back without the plugin within this time.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// The places where it spins, the most telling first.
const PLACES: [&str; 5] = ["before_create", "get_attrs", "route", "after_create", "validation"];

/// Lets the plugin spin in one place after the other while others work; `turmoil` is set as long as their requests
/// may be turned away.
pub(crate) fn spin_everywhere(
    server: &mut Server,
    token: &str,
    turmoil: &AtomicBool,
    short: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let client = server.client(token);
    let made = client.must("POST", "/entity/api/v2/", Some(&json!({"name": "spinning"})), 202)?;
    let entity = made["id"].as_i64().unwrap_or_default();
    for place in PLACES.iter().take(if short { 1 } else { PLACES.len() }) {
        // Its breaker may be open from before, and what is skipped does not spin.
        client.must("POST", "/api/v2/plugins/chaos/reset", Some(&json!({})), 200)?;
        server.skip_log();
        turmoil.store(true, Ordering::SeqCst);
        let began = Instant::now();
        let answer = spin(&client, entity, place);
        server.wait_until_it_serves()?;
        let fresh = server.client(token);
        let back = until_back(&fresh, began);
        turmoil.store(false, Ordering::SeqCst);
        let took = began.elapsed();
        report.say(&format!("  spin in {place}: answered with {}, back after {took:.1?}", answer.status()));
        report.expect(answered_as_it_should_be(place, &answer), || format!("spin in {place}: {answer:?}"));
        match back {
            Some(state) => report.expect(state == "failed", || format!("spin in {place}: chaos is {state}")),
            None => report.broken(format!("spin in {place}: not back within {BACK_WITHIN:?}")),
        }
        report.expect(took <= BACK_WITHIN, || format!("spin in {place}: back after {took:.1?}"));
        fresh.must("POST", "/api/v2/plugins/chaos/enable", Some(&json!({})), 200)?;
        // Everybody works a while with the plugin before it spins again.
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

fn spin(client: &Client, entity: i64, place: &str) -> Answer {
    if place == "route" {
        return client.get("/api/v2/plugins/chaos/spin/");
    }
    let body = json!({"name": format!("chaos.{place}.spin")});
    let made = client.send("POST", &format!("/entity/api/v2/{entity}/entries/"), Some(&body));
    match (&made, place) {
        (Answer::Status(202, made), "get_attrs") => client.get(&format!("/entry/api/v2/{}/", made["id"])),
        _ => made,
    }
}

/// Whoever is caught in it is answered; what was committed before is acknowledged.
fn answered_as_it_should_be(place: &str, answer: &Answer) -> bool {
    match answer.status() {
        202 => place == "after_create",
        503 | 504 => place != "after_create",
        _ => false,
    }
}

/// The state of the plugin, as soon as the server says it.
fn until_back(client: &Client, began: Instant) -> Option<String> {
    while began.elapsed() < BACK_WITHIN {
        if let Answer::Status(200, shown) = client.get("/api/v2/plugins/chaos/") {
            return Some(shown["state"].as_str().unwrap_or_default().to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
