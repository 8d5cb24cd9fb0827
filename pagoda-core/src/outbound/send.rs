//! Sends one request, hop by hop.

use super::Caller;
use super::resolver::Reserved;
use pagoda_plugin_sdk::http::{
    Destination, OutboundError, OutboundRequest, OutboundResponse, OutboundResult, may_set_header,
};
use pagoda_plugin_sdk::route::Method;
use std::io::Read;
use std::time::Instant;
use ureq::http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use ureq::http::{Response, Uri};
use ureq::{Body, RequestBuilder};

/// Redirects that are followed.
const MOST_REDIRECTS: u32 = 5;

/// Whether the first hop of a request is allowed; nothing is sent for that.
pub(super) fn check(caller: &Caller, request: &OutboundRequest) -> OutboundResult<()> {
    allowed(caller, &Destination::parse(request.url())?)?;
    headers(request).map(drop)
}

fn allowed(caller: &Caller, destination: &Destination) -> OutboundResult<()> {
    if caller.policy.hosts.allow(destination) {
        return Ok(());
    }
    Err(OutboundError::HostNotAllowed { plugin: caller.name, host: destination.authority() })
}

/// Sends a request and follows its redirects; blocks until the whole answer is there, or `until`.
pub(super) fn send(
    caller: &Caller,
    request: &OutboundRequest,
    until: Instant,
) -> OutboundResult<OutboundResponse> {
    let started = Instant::now();
    let mut to = Destination::parse(request.url())?;
    let mut headers = headers(request)?;
    let mut method = request.method();
    let mut body = request.body();
    for _ in 0..=MOST_REDIRECTS {
        allowed(caller, &to)?;
        let failed = |error: ureq::Error| explain(error, &to, started, caller.policy.max_bytes);
        let response = exchange(caller, method, &to, &headers, body, until).map_err(failed)?;
        let Some(location) = redirect(&response) else {
            if caller.policy.status_only {
                return Ok(OutboundResponse::new(response.status().as_u16()));
            }
            return read(response, caller.policy.max_bytes).map_err(failed)?.ok_or_else(|| {
                OutboundError::TooLarge { host: to.authority(), limit: caller.policy.max_bytes }
            });
        };
        let next = to.follow(&location)?;
        let status = response.status().as_u16();
        // As browsers do: only 307 and 308 say that the same is to be sent again.
        if status == 303 || (matches!(status, 301 | 302) && method == Method::Post) {
            method = Method::Get;
            body = &[];
            headers.remove(ureq::http::header::CONTENT_TYPE);
        }
        if !next.is_same_origin(&to) {
            headers = harmless(&headers);
        }
        to = next;
    }
    Err(OutboundError::TooManyRedirects(MOST_REDIRECTS))
}

/// The caller's headers, checked.
fn headers(request: &OutboundRequest) -> OutboundResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        let bad = |what: &str| OutboundError::BadRequest(format!("the header {name:?} {what}"));
        if !may_set_header(name) {
            return Err(bad("is the host's to set"));
        }
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad("has no name that can be sent"))?;
        let mut value =
            HeaderValue::try_from(value.as_str()).map_err(|_| bad("has no value that can be sent"))?;
        value.set_sensitive(true);
        let too_many = |_| OutboundError::BadRequest("it has too many headers".to_owned());
        headers.try_append(key, value).map_err(too_many)?;
    }
    Ok(headers)
}

/// What may go on to another server: any header can be a credential, so only those that never are.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    const KEPT: [&str; 5] = ["accept", "accept-language", "content-type", "content-language", "user-agent"];
    let kept = headers.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn redirect(response: &Response<Body>) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// One hop.
fn exchange(
    caller: &Caller,
    method: Method,
    to: &Destination,
    headers: &HeaderMap,
    body: &[u8],
    until: Instant,
) -> Result<Response<Body>, ureq::Error> {
    let uri: Uri = to.as_str().parse().map_err(|error| ureq::Error::BadUri(format!("{error}")))?;
    // Two readers of one address must mean the same host.
    let port = uri.port_u16().or_else(|| if uri.scheme_str() == Some("http") { Some(80) } else { Some(443) });
    if uri.host() != Some(to.host()) || port != Some(to.port()) {
        return Err(ureq::Error::BadUri("it can be read in two ways".to_owned()));
    }
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ureq::Error::Timeout(ureq::Timeout::Global));
    }
    fn with<B>(
        builder: RequestBuilder<B>,
        headers: &HeaderMap,
        left: std::time::Duration,
    ) -> RequestBuilder<B> {
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        builder.config().timeout_global(Some(left)).build()
    }
    let agent = caller.agent();
    let with_body = match method {
        Method::Post => agent.post(uri),
        Method::Put => agent.put(uri),
        Method::Patch => agent.patch(uri),
        Method::Delete if body.is_empty() => return with(agent.delete(uri), headers, left).call(),
        Method::Delete => agent.delete(uri).force_send_body(),
        _ if body.is_empty() => return with(agent.get(uri), headers, left).call(),
        _ => agent.get(uri).force_send_body(),
    };
    with(with_body, headers, left).send(body)
}

/// The whole answer; none if it is larger than `limit`.
fn read(mut response: Response<Body>, limit: u64) -> Result<Option<OutboundResponse>, ureq::Error> {
    let length = response.body().content_length();
    if length.is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let mut answer = OutboundResponse::new(response.status().as_u16());
    for (name, value) in response.headers() {
        answer = answer.with_header(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
    }
    let mut body = Vec::new();
    response.body_mut().as_reader().take(limit.saturating_add(1)).read_to_end(&mut body)?;
    let too_large = u64::try_from(body.len()).unwrap_or(u64::MAX) > limit;
    Ok((!too_large).then(|| answer.with_body(body)))
}

fn explain(error: ureq::Error, to: &Destination, started: Instant, limit: u64) -> OutboundError {
    let host = to.authority();
    match error {
        ureq::Error::Timeout(_) => OutboundError::TimedOut { host, after: started.elapsed() },
        ureq::Error::BadUri(text) => OutboundError::BadUrl(text),
        ureq::Error::Http(error) => OutboundError::BadRequest(error.to_string()),
        ureq::Error::BodyExceedsLimit(_) => OutboundError::TooLarge { host, limit },
        ureq::Error::Tls(reason) => OutboundError::Tls { host, reason: reason.to_owned() },
        ureq::Error::Rustls(error) => OutboundError::Tls { host, reason: error.to_string() },
        ureq::Error::HostNotFound => OutboundError::Unreachable { host, reason: "no such host".to_owned() },
        ureq::Error::Other(other) => match other.downcast::<Reserved>() {
            Ok(reserved) => {
                let (address, kind) = (reserved.address.to_string(), reserved.kind);
                OutboundError::AddressNotAllowed { host, address, kind }
            }
            Err(other) => OutboundError::Internal(other.to_string()),
        },
        ureq::Error::Io(error) => {
            let reason = error.to_string();
            // So the client of TLS reports what it finds wrong while both sides introduce themselves.
            if to.is_secure() && error.kind() == std::io::ErrorKind::InvalidData {
                OutboundError::Tls { host, reason }
            } else {
                OutboundError::Unreachable { host, reason }
            }
        }
        other => OutboundError::Unreachable { host, reason: other.to_string() },
    }
}
