//! An in-process Kafka broker, for the demo and for tests of what a real broker does not do on demand.
//!
//! Knows its limits: it keeps 5 MiB a partition and drops the oldest silently, and it answers transactions
//! without keeping any of their promises.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{KafkaError, native};

/// An in-process broker that lives as long as this value.
pub struct MockBroker {
    /// The cluster belongs to this client, which is used for nothing else.
    owner: BaseProducer,
}

impl MockBroker {
    /// Starts it on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the client library cannot.
    pub fn start() -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let owner: BaseProducer = config.create().map_err(|error| KafkaError::Client(error.to_string()))?;
        native::let_first_member_begin(owner.client())?;
        Ok(Self { owner })
    }

    /// Its address, as host:port.
    ///
    /// # Errors
    /// When the client library has none.
    pub fn brokers(&self) -> Result<String, KafkaError> {
        self.cluster().map(|cluster| cluster.bootstrap_servers())
    }

    /// Creates a topic. One that is used without this has four partitions.
    ///
    /// # Errors
    /// When it exists already.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), KafkaError> {
        let created = self.cluster()?.create_topic(topic, partitions, 1);
        created.map_err(|error| KafkaError::Topic { topic: topic.to_owned(), error: error.to_string() })
    }

    /// Takes the broker off the network, or brings it back.
    ///
    /// # Errors
    /// When the client library cannot.
    pub fn set_reachable(&self, reachable: bool) -> Result<(), KafkaError> {
        let cluster = self.cluster()?;
        let set = if reachable { cluster.broker_up(1) } else { cluster.broker_down(1) };
        set.map_err(|error| KafkaError::Client(error.to_string()))
    }

    /// Lets every answer take so long.
    ///
    /// # Errors
    /// When the client library cannot.
    pub fn set_delay(&self, delay: Duration) -> Result<(), KafkaError> {
        let set = self.cluster()?.broker_round_trip_time(1, delay);
        set.map_err(|error| KafkaError::Client(error.to_string()))
    }

    /// Lets the next requests of a kind fail, one after the other, with these errors.
    ///
    /// # Errors
    /// When the client library cannot.
    pub fn fail_next(&self, requests: RDKafkaApiKey, errors: &[RDKafkaRespErr]) -> Result<(), KafkaError> {
        self.cluster()?.request_errors(requests, errors);
        Ok(())
    }

    fn cluster(&self) -> Result<rdkafka::mocking::MockCluster<'_, impl rdkafka::ClientContext>, KafkaError> {
        let cluster = self.owner.client().mock_cluster();
        cluster.ok_or_else(|| KafkaError::Client("it has no mock cluster".to_owned()))
    }
}
