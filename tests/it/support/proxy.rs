//! A bad network: a TCP proxy on the loopback that cuts, refuses, delays and holds connections.
//!
//! Owns its listener and two threads a connection. What it forwards arrives whole and in order or, after a cut, not
//! at all: it does to a connection what a network can, and nothing else.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// See the module.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    upstream: Option<SocketAddr>,
    refusing: bool,
    holding: bool,
    holding_produce: bool,
    delay: Duration,
    over: bool,
    connections: u64,
    open: HashMap<u64, [TcpStream; 2]>,
}

impl Proxy {
    /// Listens; forwards nothing before it knows where to.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.lock().over {
                    break;
                }
                // One that fails is a connection that was refused.
                let _ = Shared::connect(&accepting, client);
            }
        });
        Self { address, shared }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it forwards to.
    pub(crate) fn forward_to(&self, upstream: SocketAddr) {
        self.shared.lock().upstream = Some(upstream);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.shared.lock().open.drain().for_each(|(_, pair)| end(&pair));
    }

    /// Whether new connections are ended at once.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.shared.lock().refusing = refusing;
    }

    /// Keeps everything that passes for so long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Whether everything is kept, with all connections open: a cable that was pulled.
    pub(crate) fn hold(&self, holding: bool) {
        self.shared.lock().holding = holding;
        self.shared.changed.notify_all();
    }

    /// Whether what producers write is kept, while everything else passes: a broker that takes in nothing more.
    pub(crate) fn hold_produce(&self, holding: bool) {
        self.shared.lock().holding_produce = holding;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.hold(false);
        self.hold_produce(false);
        self.cut();
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn connect(shared: &Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let (upstream, refusing) = {
            let state = shared.lock();
            (state.upstream, state.refusing)
        };
        let Some(upstream) = upstream.filter(|_| !refusing) else { return client.shutdown(Shutdown::Both) };
        let broker = TcpStream::connect(upstream)?;
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        let mut state = shared.lock();
        state.connections += 1;
        let id = state.connections;
        state.open.insert(id, [client.try_clone()?, broker.try_clone()?]);
        drop(state);
        let ways = [(client.try_clone()?, broker.try_clone()?, true), (broker, client, false)];
        for (mut from, mut to, is_to_broker) in ways {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                let _ = shared.pump(&mut from, &mut to, is_to_broker);
                shared.lock().open.remove(&id).iter().for_each(end);
            });
        }
        Ok(())
    }

    /// Forwards one direction to its end.
    fn pump(&self, from: &mut TcpStream, to: &mut TcpStream, is_to_broker: bool) -> std::io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let mut requests = is_to_broker.then(Requests::default);
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            let produces = requests.as_mut().is_some_and(|requests| requests.produce(&buffer[..length]));
            let is_held = |state: &mut State| state.holding || (produces && state.holding_produce);
            let held = self.changed.wait_while(self.lock(), is_held).unwrap();
            let delay = held.delay;
            drop(held);
            if !delay.is_zero() {
                std::thread::park_timeout(delay);
            }
            to.write_all(&buffer[..length])?;
        }
    }
}

/// Where in the requests of a connection it is.
#[derive(Default)]
struct Requests {
    /// The first bytes of a request, so far: its length, and what it asks for.
    head: Vec<u8>,
    /// Bytes of a request that are still to come.
    left: usize,
}

impl Requests {
    /// Whether a request to write records begins among these bytes.
    fn produce(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                (self.left, bytes) = (self.left - passed, &bytes[passed..]);
                continue;
            }
            self.head.push(*first);
            bytes = rest;
            if self.head.len() == 6 {
                let (length, asks_for) = self.head.split_at(4);
                found |= asks_for == [0, 0];
                self.left = u32::from_be_bytes(length.try_into().unwrap()) as usize - 2;
                self.head.clear();
            }
        }
        found
    }
}

/// Both ways, so that both of its threads see it.
fn end(pair: &[TcpStream; 2]) {
    for stream in pair {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
