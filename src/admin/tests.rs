//! The routes, over real sockets on free ports.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::*;

/// A daemon that is what the test says.
#[derive(Default)]
struct Fake {
    broken: AtomicBool,
}

impl Fake {
    fn say(&self, reason: &str) -> Result<(), String> {
        if self.broken.load(Ordering::SeqCst) { Err(reason.to_owned()) } else { Ok(()) }
    }
}

impl Daemon for Fake {
    fn health(&self) -> Result<(), String> {
        self.say("worker a-0 has not come round for 31 s")
    }

    fn readiness(&self) -> Result<(), String> {
        self.say("no assignment seen yet")
    }

    fn status(&self) -> String {
        "{\"version\":\"1\"}".to_owned()
    }

    fn metrics(&self) -> String {
        "hotplate_reads_total 1\n".to_owned()
    }

    async fn reload(&self) -> Result<String, String> {
        self.say("list stolen: line 3: no plate").map(|()| "reloaded 2 lists".to_owned())
    }
}

/// Status, head and body of an answer.
async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let exchange = move || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(exchange).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

async fn serve(daemon: Arc<Fake>) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let server = AdminServer::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        server.serve(daemon, async { drop(stopped.await) }).await.unwrap();
    });
    (address, stop, task)
}

#[tokio::test]
async fn routes_answer_what_the_daemon_says() {
    let daemon = Arc::new(Fake::default());
    let (address, stop, task) = serve(Arc::clone(&daemon)).await;
    let good = [
        ("GET", "/metrics", 200, "hotplate_reads_total 1\n"),
        ("GET", "/-/healthy", 200, "healthy\n"),
        ("HEAD", "/-/healthy", 200, ""),
        ("GET", "/-/ready", 200, "ready\n"),
        ("HEAD", "/-/ready", 200, ""),
        ("POST", "/-/reload", 200, "reloaded 2 lists\n"),
        ("PUT", "/-/reload", 200, "reloaded 2 lists\n"),
        ("GET", "/-/status", 200, "{\"version\":\"1\"}"),
        ("GET", "/-/reload", 405, ""),
        ("POST", "/-/ready", 405, ""),
        ("GET", "/health", 404, ""),
    ];
    for (method, path, status, body) in good {
        let answer = ask(address, method, path).await;
        assert_eq!((answer.0, answer.2.as_str()), (status, body), "{method} {path}");
    }
    daemon.broken.store(true, Ordering::SeqCst);
    let bad = [
        ("GET", "/-/healthy", 503, "worker a-0 has not come round for 31 s\n"),
        ("GET", "/-/ready", 503, "no assignment seen yet\n"),
        ("POST", "/-/reload", 500, "list stolen: line 3: no plate\n"),
        ("GET", "/metrics", 200, "hotplate_reads_total 1\n"),
    ];
    for (method, path, status, body) in bad {
        let answer = ask(address, method, path).await;
        assert_eq!((answer.0, answer.2.as_str()), (status, body), "{method} {path}");
    }
    stop.send(()).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn metrics_are_labeled_as_prometheus_text_and_status_as_json() {
    let (address, _stop, _task) = serve(Arc::new(Fake::default())).await;
    let metrics = ask(address, "GET", "/metrics").await.1;
    assert!(metrics.contains("content-type: text/plain; version=0.0.4\r\n"), "{metrics}");
    let status = ask(address, "GET", "/-/status").await.1;
    assert!(status.contains("content-type: application/json\r\n"), "{status}");
}

#[tokio::test]
async fn address_that_is_taken_is_named_with_the_key_that_changes_it() {
    let first = AdminServer::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let error = AdminServer::bind(first.address()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the admin server cannot listen on {}", first.address())), "{error}");
    assert!(error.ends_with("change admin.listen or stop what holds it"), "{error}");
}
