//! What the safe wrapper of the client cannot do: the only `unsafe` code of the program.
//!
//! Owns two small calls of librdkafka's C interface, each behind a safe function:
//! - the mock cluster lets a first consumer wait three seconds for others, which only C can turn off;
//! - the wrapper panics over a header whose name is not UTF-8, which any producer can send. A read must not be
//!   able to end the daemon, and catching the panic would still write one to the log for each such read.

#![expect(unsafe_code, reason = "the module's purpose, see its documentation")]

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr;

use rdkafka::bindings;
use rdkafka::client::Client;
use rdkafka::error::IsError;
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

/// The headers of a message, in order.
#[derive(Clone)]
pub(super) struct Headers<'m> {
    /// Null for a message without headers.
    native: *const bindings::rd_kafka_headers_t,
    next: usize,
    message: PhantomData<&'m ()>,
}

/// Reads the headers of a message, whatever bytes their names are.
pub(super) fn headers<'m>(message: &'m BorrowedMessage<'_>) -> Headers<'m> {
    let mut native = ptr::null_mut();
    // SAFETY: the message is valid as long as it is borrowed, and so are its headers, which it owns. Parsing them
    // on the first call changes the message, but it is this thread's: librdkafka has handed it out.
    let error = unsafe { bindings::rd_kafka_message_headers(message.ptr(), &raw mut native) };
    let native = if error.is_error() { ptr::null() } else { native.cast_const() };
    Headers { native, next: 0, message: PhantomData }
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
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            Some((CStr::from_ptr(name), value))
        }
    }
}
