use std::error::Error;

use aws_sdk_sqs::{
    Client,
    config::{
        BehaviorVersion, Config, Credentials, IdentityCache, Region, StalledStreamProtectionConfig,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
    operation::send_message::SendMessageError,
    types::MessageAttributeValue,
};
use outbound::{Outbound, OutboundError, RetryAfter};

use crate::{Message, Queue, SqsError, connector, is_access_key_id, is_region};

/// Sends once: 15 seconds at the most, 64 KiB of answer, no redirect. Whoever calls decides about another attempt.
///
/// # Errors
/// Why the message is not there, or not known to be.
pub async fn send(outbound: &Outbound, queue: &Queue, message: &Message) -> Result<(), SqsError> {
    // The SDK panics where one cannot stand in a header.
    if !is_region(&queue.region) || !is_access_key_id(&queue.access_key_id) {
        return Err(SqsError::Rejected);
    }
    let mut call = Client::from_conf(config(outbound, queue))
        .send_message()
        .queue_url(queue.url.as_str())
        .message_body(&message.body);
    if queue.is_fifo() {
        call = call
            .set_message_group_id(message.group.clone())
            .set_message_deduplication_id(message.deduplication.clone());
    }
    for (name, text) in &message.attributes {
        let value = MessageAttributeValue::builder().data_type("String").string_value(text);
        call = call.message_attributes(name, value.build().map_err(|_| SqsError::Rejected)?);
    }
    call.send().await.map(drop).map_err(|error| judge(&error))
}

/// Nothing of it comes from the environment.
fn config(outbound: &Outbound, queue: &Queue) -> Config {
    let secret = queue.secret_access_key.expose();
    let credentials = Credentials::new(&queue.access_key_id, secret, None, None, "customer");
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(queue.region.clone()))
        .endpoint_url(queue.url.origin().ascii_serialization())
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .http_client(connector::client(outbound))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

fn judge(error: &SdkError<SendMessageError>) -> SqsError {
    if let SdkError::DispatchFailure(failure) = error {
        let cause = failure.as_connector_error().and_then(Error::source);
        return match cause.and_then(|cause| cause.downcast_ref::<OutboundError>()) {
            Some(error) => (*error).into(),
            None => SqsError::Unanswerable,
        };
    }
    match error.raw_response() {
        Some(answer) => {
            let after = answer.headers().get("retry-after").and_then(RetryAfter::parse);
            SqsError::judge(answer.status().as_u16(), error.code(), after)
        }
        // Nothing was sent: it could not be put into a request.
        None => SqsError::Rejected,
    }
}
