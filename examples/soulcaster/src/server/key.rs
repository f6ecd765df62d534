//! Who asks: the credential of a request, and how much it may ask.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use governor::{DefaultKeyedRateLimiter, Quota};
use soulcaster_core::flow::Credential;
use soulcaster_core::model::Scope;

use super::App;
use super::problem::{Answer, Fault};

/// What a handler asks of a key.
pub(crate) trait Needs: Send + Sync {
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($name:ident)*) => {$(
        #[doc = concat!("Asks for a key that may do what `", stringify!($name), "` names.")]
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Needs for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}
needs!(Read Ingest Admin Operator);

/// A request with a key that may do it; stands for the key's project.
#[derive(Debug)]
pub(crate) struct Key<N>(Credential, PhantomData<N>);

impl<N> Deref for Key<N> {
    type Target = Credential;
    fn deref(&self) -> &Credential {
        &self.0
    }
}

impl<N: Needs> FromRequestParts<Arc<App>> for Key<N> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let credential = match parts.extensions.get::<Credential>() {
            Some(credential) => credential.clone(),
            None => authenticate(app, &parts.headers).await?,
        };
        if !credential.scope.allows(N::SCOPE) {
            let detail = format!(
                "this key may {}; what you ask for takes one that may {}",
                credential.scope.name(),
                N::SCOPE.name()
            );
            return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        Ok(Self(credential, PhantomData))
    }
}

/// The credential of a request.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Answer<Credential> {
    let key = presented(headers).ok_or_else(|| {
        Fault::unauthorized("give a key as `Authorization: Bearer KEY`; `soulcaster keys create` makes one")
    })?;
    let credential = app.soulcaster.authenticate(key).await?;
    app.limiter.admit(&credential.key)?;
    Ok(credential)
}

/// The key that a request shows: as bearer token or in `X-Api-Key`.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()).map(str::trim))
}

/// Counts requests by key.
#[derive(Debug)]
pub(crate) struct Limiter(Option<DefaultKeyedRateLimiter<String>>);

impl Limiter {
    /// So many requests a second and key, in bursts of twice as many; 0 for no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let limit = NonZeroU32::new(per_second).map(|rate| {
            let burst = NonZeroU32::new(per_second.saturating_mul(2)).unwrap_or(rate);
            DefaultKeyedRateLimiter::keyed(Quota::per_second(rate).allow_burst(burst))
        });
        Self(limit)
    }

    /// Lets a request of `key` pass, or says when to come again.
    pub(crate) fn admit(&self, key: &str) -> Answer<()> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(&key.to_owned()).map_err(|_| {
            metrics::counter!("soulcaster_rate_limited_total").increment(1);
            let detail = "too many requests with this key; slow down";
            Fault::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(1)
        })
    }

    /// Forgets keys that have not been used for a while.
    pub(crate) fn sweep(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
        }
    }
}
