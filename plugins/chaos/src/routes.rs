//! The routes that fail, below `/api/v2/plugins/chaos`.

use crate::fault;
use pagoda_plugin_sdk::prelude::*;

/// The size of `huge` where nothing is said: 64 MiB, past the limit of every sensible configuration.
const HUGE_BYTES: u64 = 64 * 1024 * 1024;

/// The largest size of `huge`: a drill is about the server's limit, not about the machine's memory.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// How much of it.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Amount {
    n: Option<u64>,
}

/// How long it slept.
#[derive(Debug, serde::Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Slept {
    slept_ms: u64,
}

/// How long it was asked to compute.
#[derive(Debug, serde::Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Spun {
    spun_ms: Option<u64>,
}

/// Fails.
#[get("/error/")]
async fn error() -> RouteResult<Json<()>> {
    Err(fault::error("a route").into())
}

/// Panics.
#[get("/panic/")]
async fn panic() -> RouteResult<Json<()>> {
    fault::panic("a route")
}

/// Answers after `n` milliseconds; waits on the async side, where it can be cut off.
#[get("/slow/")]
async fn slow(Query(amount): Query<Amount>) -> Json<Slept> {
    let time = fault::slow(amount.n);
    futures_timer::Delay::new(time).await;
    Json(Slept { slept_ms: amount_of(time) })
}

/// Computes for ever, or for `n` milliseconds; a plain function, which nobody can cut off.
#[get("/spin/")]
fn spin(Query(amount): Query<Amount>) -> Json<Spun> {
    fault::spin(amount.n);
    Json(Spun { spun_ms: amount.n })
}

/// The same, where nobody expects it: an async function that never awaits.
#[get("/spin/async/")]
async fn spin_async(Query(amount): Query<Amount>) -> Json<Spun> {
    fault::spin(amount.n);
    Json(Spun { spun_ms: amount.n })
}

/// Answers with `n` bytes.
#[get("/huge/", answers = { 200: "text/plain" })]
async fn huge(Query(amount): Query<Amount>) -> RouteResult<Response> {
    let bytes = amount.n.unwrap_or(HUGE_BYTES);
    let most = || Reject::field("n", format!("at most {MOST_BYTES}")).with_code(Code::LimitExceeded);
    if bytes > MOST_BYTES {
        return Err(most().into());
    }
    let size = usize::try_from(bytes).map_err(|_| most())?;
    Ok(Response::new(200, "text/plain", vec![b'.'; size]))
}

fn amount_of(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::PLUGIN;
    use pagoda_plugin_sdk::route::Method;
    use pagoda_plugin_sdk::serde_json::json;
    use pagoda_plugin_sdk::testing::{Answer, World};
    use std::panic::catch_unwind;
    use std::time::{Duration, Instant};

    fn get(path: &str) -> Answer {
        World::new().call(&PLUGIN, Method::Get, path).send()
    }

    #[test]
    fn error_and_panic() {
        let answer = get("/error/");
        assert_eq!(answer.status(), 500);
        let fault = answer.error.and_then(|error| error.source().map(ToString::to_string));
        assert_eq!(fault.as_deref(), Some("chaos: a drill fails in a route"));
        assert!(catch_unwind(|| get("/panic/")).is_err());
    }

    #[test]
    fn slow_and_spin_take_their_time_and_answer() {
        for (path, answer) in [
            ("/slow/?n=20", json!({"slept_ms": 20})),
            ("/spin/?n=20", json!({"spun_ms": 20})),
            ("/spin/async/?n=20", json!({"spun_ms": 20})),
        ] {
            let started = Instant::now();
            assert_eq!(get(path).json(), answer);
            assert!(started.elapsed() >= Duration::from_millis(20), "{path}");
        }
    }

    #[test]
    fn huge_is_as_large_as_asked() {
        assert_eq!(get("/huge/?n=5").text(), ".....");
        assert_eq!(get("/huge/").response.body.len(), 64 * 1024 * 1024);
        let refused = get("/huge/?n=1073741825");
        assert_eq!((refused.status(), &refused.json()["n"][0]["code"]), (400, &json!("AE-122000")));
        assert_eq!(get("/huge/?n=x").status(), 400);
    }

    #[test]
    fn there_is_nothing_for_nobody() {
        for path in ["/error/", "/panic/", "/slow/", "/spin/", "/spin/async/", "/huge/"] {
            let refused = World::new().anonymous().call(&PLUGIN, Method::Get, path).send();
            assert_eq!((refused.status(), &refused.json()["code"]), (403, &json!("AE-000000")), "{path}");
        }
    }
}
