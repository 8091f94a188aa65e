//! The admin server: what the operator's tools ask of the daemon over HTTP.
//!
//! Owns the routes and their status codes, not the answers, which the daemon gives through [`Daemon`]:
//!
//! | route | answer |
//! |---|---|
//! | `GET /metrics` | Prometheus text |
//! | `GET /-/healthy` | 200 while the workers make progress, else 503 and why |
//! | `GET /-/ready` | 200 once lists are live and an assignment was seen, else 503 and what is missing |
//! | `POST /-/reload` | reloads config and lists; 200, or 500 with every reason by name |
//! | `GET /-/status` | JSON: version, lists, workers, partitions, lag |
//!
//! `HEAD` works where `GET` does, and `PUT` where `POST` does. Listens on the loopback address unless told
//! otherwise, since it asks nobody who they are.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::documented;

documented! {
    /// Where the admin server listens.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct AdminSettings {
        /// Whether there is an admin server.
        pub enabled: bool,
        /// Address and port. It asks nobody who they are: open it to a network only where that is meant.
        /// Port 0 takes a free one, which the log names.
        pub listen: SocketAddr,
        /// `/-/healthy` fails, and systemd's watchdog is not fed, when a worker has not come round its loop for so
        /// long, or has not advanced while reads wait.
        #[serde(with = "friendly")]
        pub stalled_after: Duration,
    }
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            stalled_after: Duration::from_secs(60),
        }
    }
}

/// What the admin server asks the daemon.
pub trait Daemon: Send + Sync + 'static {
    /// Whether it makes progress; if not, why.
    fn health(&self) -> Result<(), String>;

    /// Whether it does its work; if not yet or no longer, why.
    fn readiness(&self) -> Result<(), String>;

    /// The status as JSON.
    fn status(&self) -> String;

    /// The metrics in Prometheus' text format; may take a moment.
    fn metrics(&self) -> String;

    /// Reloads config and lists: what was done, or every reason why not.
    fn reload(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// The address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the admin server cannot listen on {address}: {source}; change admin.listen or stop what holds it")]
pub struct AdminError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A bound admin server that does not answer yet.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl AdminServer {
    /// Binds the address.
    ///
    /// # Errors
    /// If it is taken or not ours.
    pub async fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let failed = |source| AdminError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address it listens on, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is done and open requests are answered.
    ///
    /// # Errors
    /// If the socket fails.
    pub async fn serve<D: Daemon>(
        self,
        daemon: Arc<D>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(self.listener, routes(daemon)).with_graceful_shutdown(stop).await
    }
}

fn routes<D: Daemon>(daemon: Arc<D>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics::<D>))
        .route("/-/healthy", get(healthy::<D>))
        .route("/-/ready", get(ready::<D>))
        .route("/-/reload", post(reload::<D>).put(reload::<D>))
        .route("/-/status", get(status::<D>))
        .with_state(daemon)
}

async fn index() -> &'static str {
    "GET /metrics\nGET /-/healthy\nGET /-/ready\nGET /-/status\nPOST /-/reload\n"
}

async fn metrics<D: Daemon>(State(daemon): State<Arc<D>>) -> Response {
    // Rendering walks every series and drains every histogram: not on the runtime's own threads.
    match tokio::task::spawn_blocking(move || daemon.metrics()).await {
        Ok(text) => typed("text/plain; version=0.0.4", text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be rendered\n").into_response(),
    }
}

async fn healthy<D: Daemon>(State(daemon): State<Arc<D>>) -> Response {
    answer(daemon.health(), "healthy", StatusCode::SERVICE_UNAVAILABLE)
}

async fn ready<D: Daemon>(State(daemon): State<Arc<D>>) -> Response {
    answer(daemon.readiness(), "ready", StatusCode::SERVICE_UNAVAILABLE)
}

async fn reload<D: Daemon>(State(daemon): State<Arc<D>>) -> Response {
    match daemon.reload().await {
        Ok(done) => answer(Ok(()), &done, StatusCode::OK),
        Err(reasons) => answer(Err(reasons), "", StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn status<D: Daemon>(State(daemon): State<Arc<D>>) -> Response {
    typed("application/json", daemon.status())
}

fn answer(result: Result<(), String>, good: &str, bad: StatusCode) -> Response {
    match result {
        Ok(()) => (StatusCode::OK, format!("{good}\n")).into_response(),
        Err(reason) => (bad, format!("{reason}\n")).into_response(),
    }
}

fn typed(content_type: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response()
}

#[cfg(test)]
mod tests;
