//! What the safe wrapper of the client cannot do: the only `unsafe` code beside the hint in `index/prefetch`.
//!
//! Owns a few calls of librdkafka's C interface, each behind a safe function:
//! - the mock cluster lets a first consumer wait three seconds for others, which only C can turn off;
//! - the wrapper panics over a header whose name is not UTF-8, which any producer can send. A read must not be
//!   able to end the daemon, and catching the panic would still write one to the log for each such read;
//! - the wrapper takes reads one by one, see [`ReadQueue`].

#![expect(unsafe_code, reason = "the module's purpose, see its documentation")]

use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{IsError, KafkaError as ClientError};
use rdkafka::message::BorrowedMessage;

use super::KafkaError;

/// Lets the groups of a client's mock cluster begin with their first member.
///
/// # Errors
/// When the client was made without `test.mock.num.brokers`.
pub(super) fn let_first_member_begin<C: rdkafka::ClientContext>(
    client: &Client<C>,
) -> Result<(), KafkaError> {
    // SAFETY: the cluster is null without test.mock.num.brokers, which is checked; otherwise it lives as long as
    // the client, which is borrowed here. The setter takes the cluster's own lock.
    unsafe {
        let cluster = bindings::rd_kafka_handle_mock_cluster(client.native_ptr());
        if cluster.is_null() {
            return Err(KafkaError::Client("it has no mock cluster".to_owned()));
        }
        bindings::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
    }
    Ok(())
}

/// The reads of the partitions that were joined to it, apart from everything else that the client has to say.
///
/// By itself the client has one queue for reads, rebalances, statistics and errors. The wrapper takes one event at a
/// time from it, which costs each read an allocation, a lock on telemetry and four looks at the clock: a fifth of all
/// that a read costs. librdkafka can hand over many at once, but on that queue it would answer every rebalance by
/// itself, with an unassign. So reads get a queue of their own, and the client's is polled for the rest.
pub(super) struct ReadQueue<C: ConsumerContext> {
    native: *mut bindings::rd_kafka_queue_t,
    /// The client's own queue, for everything else.
    others: *mut bindings::rd_kafka_queue_t,
    /// Messages handed over and not given back: empty but within `take`.
    taken: Vec<*mut bindings::rd_kafka_message_t>,
    /// Lives at least as long as its queue.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues are used from any thread, under their own locks; `taken` is empty between calls.
unsafe impl<C: ConsumerContext> Send for ReadQueue<C> {}

/// Most messages that are handed over at once. More save nothing, and fewer are still in the cache.
const HANDFUL: usize = 256;

impl<C: ConsumerContext> ReadQueue<C> {
    pub(super) fn new(consumer: Arc<BaseConsumer<C>>) -> Self {
        let client = consumer.client().native_ptr();
        // SAFETY: the client is valid as long as the consumer, which is kept.
        let (native, others) =
            unsafe { (bindings::rd_kafka_queue_new(client), bindings::rd_kafka_queue_get_consumer(client)) };
        Self { native, others, taken: Vec::with_capacity(HANDFUL), consumer }
    }

    /// Whether the client has something to say besides reads. Its poll takes one event and does not tell one that it
    /// has dealt with from none: polled once a batch, statistics every 100 ms alone kept a rebalance waiting for ever.
    pub(super) fn has_events(&self) -> bool {
        // SAFETY: the queue is ours until it is given back, below. A consumer has one.
        !self.others.is_null() && unsafe { bindings::rd_kafka_queue_length(self.others) } > 0
    }

    /// Lets the reads of a partition come to this queue, until it is unassigned. To be called before it is assigned:
    /// those that came before would be behind the others. Where it fails they come to the client's queue.
    pub(super) fn join(&self, topic: &str, partition: i32) {
        let Ok(topic) = CString::new(topic) else { return };
        // SAFETY: client and name are valid, the partition's queue is checked and is given back after it was told
        // where to send its messages, which it keeps by itself.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let source = bindings::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition);
            if !source.is_null() {
                bindings::rd_kafka_queue_forward(source, self.native);
                bindings::rd_kafka_queue_destroy(source);
            }
        }
    }

    /// Waits for a message, or takes those that are ready, at most so many and never more than a handful, and shows
    /// them to `each`, in order of arrival. Returns how many there were, and whether there may be more at once.
    pub(super) fn take(
        &mut self,
        wait: Duration,
        most: usize,
        mut each: impl FnMut(&ReadMessage<'_>),
    ) -> (usize, bool) {
        // With time to wait, librdkafka goes on until it has all that it was asked for.
        let most = if wait.is_zero() { most.min(HANDFUL) } else { most.min(1) };
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: there is room for so many, as reserved in `new`; it writes as many as it says, each a valid
        // message that is ours until it is given back.
        unsafe {
            let count =
                bindings::rd_kafka_consume_batch_queue(self.native, wait, self.taken.as_mut_ptr(), most);
            self.taken.set_len(usize::try_from(count).unwrap_or(0));
        }
        let count = self.taken.len();
        for native in self.taken.drain(..) {
            each(&ReadMessage { native, owner: PhantomData });
            // SAFETY: it is ours, and nobody looks at it any more.
            unsafe { bindings::rd_kafka_message_destroy(native) };
        }
        (count, count == most)
    }
}

impl<C: ConsumerContext> Drop for ReadQueue<C> {
    fn drop(&mut self) {
        // SAFETY: they are ours; what still waits in the one is freed with it, and the client is there until after
        // this.
        unsafe {
            bindings::rd_kafka_queue_destroy(self.native);
            if !self.others.is_null() {
                bindings::rd_kafka_queue_destroy(self.others);
            }
        }
    }
}

/// A message, wherever it came from.
#[derive(Debug)]
pub(super) struct ReadMessage<'m> {
    /// Valid for 'm.
    native: *mut bindings::rd_kafka_message_t,
    owner: PhantomData<&'m ()>,
}

impl<'m> ReadMessage<'m> {
    /// One that the wrapper has taken.
    pub(super) fn wrapped(message: &'m BorrowedMessage<'_>) -> Self {
        Self { native: message.ptr(), owner: PhantomData }
    }

    fn fields(&self) -> &bindings::rd_kafka_message_t {
        // SAFETY: valid for 'm, and nothing changes it but `headers`, which changes none of its fields.
        unsafe { &*self.native }
    }

    /// What the client has to say in place of a message.
    pub(super) fn error(&self) -> Option<ClientError> {
        let code = self.fields().err;
        code.is_error().then(|| ClientError::MessageConsumption(code.into()))
    }

    pub(super) fn partition(&self) -> i32 {
        self.fields().partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.fields().offset
    }

    pub(super) fn payload(&self) -> &[u8] {
        bytes(self, self.fields().payload, self.fields().len).unwrap_or_default()
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        bytes(self, self.fields().key, self.fields().key_len)
    }

    /// In milliseconds since 1970, if there is one.
    pub(super) fn timestamp_ms(&self) -> Option<i64> {
        use bindings::rd_kafka_timestamp_type_t as Type;
        let mut kind = Type::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, and the kind is written to a place of our own.
        let timestamp = unsafe { bindings::rd_kafka_message_timestamp(self.native, &raw mut kind) };
        (timestamp >= 0 && kind != Type::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(timestamp)
    }

    /// The name of its topic; empty if it is no text, which no topic's is.
    pub(super) fn topic(&self) -> &str {
        // SAFETY: a message without an error has a topic, which it keeps, and whose name ends with a zero byte.
        let name = unsafe {
            match self.fields().rkt {
                none if none.is_null() => c"",
                topic => CStr::from_ptr(bindings::rd_kafka_topic_name(topic)),
            }
        };
        name.to_str().unwrap_or_default()
    }

    /// Where the client keeps its topic: the same for two messages at once means the same topic.
    pub(super) fn topic_address(&self) -> usize {
        self.fields().rkt.addr()
    }

    /// Its headers, in order, whatever bytes their names are.
    pub(super) fn headers(&self) -> Headers<'_> {
        let mut native = ptr::null_mut();
        // SAFETY: the message is valid, and so are its headers, which it owns. Parsing them on the first call
        // changes the message, but it is this thread's: librdkafka has handed it out.
        let error = unsafe { bindings::rd_kafka_message_headers(self.native, &raw mut native) };
        let native = if error.is_error() { ptr::null() } else { native.cast_const() };
        Headers { native, next: 0, message: PhantomData }
    }
}

/// Bytes of a message; none where there is null.
fn bytes<'a>(_owner: &'a ReadMessage<'_>, start: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, it is the start of so many bytes, which the message owns and nothing changes.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast::<u8>(), len) })
}

/// The headers of a message, in order.
#[derive(Clone)]
pub(super) struct Headers<'m> {
    /// Null for a message without headers.
    native: *const bindings::rd_kafka_headers_t,
    next: usize,
    message: PhantomData<&'m ()>,
}

impl<'m> Iterator for Headers<'m> {
    type Item = (&'m CStr, Option<&'m [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.native.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null::<c_void>(), 0);
        // SAFETY: the headers are valid for 'm; an index beyond the last one is an error and sets nothing.
        // Otherwise the name is terminated by a zero byte, and the value is null or has `size` bytes, both owned
        // by the headers.
        unsafe {
            let error = bindings::rd_kafka_header_get_all(
                self.native,
                self.next,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            );
            if error.is_error() {
                return None;
            }
            self.next += 1;
            let value = (!value.is_null()).then(|| slice::from_raw_parts(value.cast::<u8>(), size));
            Some((CStr::from_ptr(name), value))
        }
    }
}
