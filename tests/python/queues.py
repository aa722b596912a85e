"""Queues as Amazon SQS has them, on loopback, for tests.

Prints one line of JSON that says where they are and how to get in, then answers each line of its standard input:
`{"receive": "<queue url>"}` takes out what is there, in order. Ends with its standard input."""

import json
import os
import sys

os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "setup"
os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"

import boto3  # noqa: E402
from moto import settings  # noqa: E402
from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # noqa: E402

SEND = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def key(iam, name, statement):
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"id": made["AccessKeyId"], "secret": made["SecretAccessKey"]}


def take(sqs, url):
    """Whatever is there; in a FIFO queue one at a time, since a batch may mix groups."""
    taken = []
    while True:
        answer = sqs.receive_message(
            QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return taken
        for message in answer["Messages"]:
            attributes = message.get("MessageAttributes", {})
            taken.append({
                "body": message["Body"],
                "group": message["Attributes"].get("MessageGroupId"),
                "attributes": {name: value["StringValue"] for name, value in attributes.items()},
            })
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def main():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    iam = boto3.client("iam", endpoint_url=endpoint)
    sqs = boto3.client("sqs", endpoint_url=endpoint)
    limit = {"MaximumMessageSize": "262144"}
    plain = sqs.create_queue(QueueName="events", Attributes=limit)
    fifo = sqs.create_queue(QueueName="events.fifo", Attributes=limit | {"FifoQueue": "true"})
    writer, stranger = key(iam, "writer", SEND), key(iam, "stranger", NOTHING)
    # From here on whoever calls must have signed.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    reader = boto3.client(
        "sqs",
        endpoint_url=endpoint,
        aws_access_key_id=writer["id"],
        aws_secret_access_key=writer["secret"],
    )
    print(json.dumps({
        "region": "eu-west-1",
        "queue": plain["QueueUrl"],
        "fifo": fifo["QueueUrl"],
        "writer": writer,
        "stranger": stranger,
    }), flush=True)
    for line in sys.stdin:
        print(json.dumps(take(reader, json.loads(line)["receive"])), flush=True)
    server.stop()


main()
