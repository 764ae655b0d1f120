#!/usr/bin/env python3
"""Follows the events of Nexus on AMQP and prints one line for each.

    pip install 'pika==1.3.2'
    python consumer.py --url amqp://guest:guest@localhost/%2f --tenant 3714240b-2e06-4c35-8856-ccc1c096323e

The queue is durable: what happens while this program or the broker is away is waiting when both are back. The broker
delivers at least once, so a message may come again; the position in the log says which ones were handled already. Write
the position to your own database in the transaction that handles the event, and nothing is ever handled twice.
"""

import argparse
import json
import random
import time

import pika
from pika.exceptions import AMQPError

EXCHANGE = "nexus.events"


def connect(url):
    parameters = pika.URLParameters(url)
    # Without an end to every wait, a broker that is frozen would freeze this program too.
    parameters.heartbeat = 10
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = 10
    return pika.BlockingConnection(parameters)


def declare(channel, queue, keys):
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    channel.queue_declare(queue, durable=True)
    for key in keys:
        channel.queue_bind(queue, EXCHANGE, key)
    channel.basic_qos(prefetch_count=100)


class Order:
    """Tells repeated messages from new ones and notices missing ones. Yours should outlive a restart."""

    def __init__(self):
        self.position = 0
        self.sequences = {}

    def repeated(self, headers):
        return headers["position"] <= self.position

    def missing(self, tenant, headers):
        """How many of the tenant's events should have come before this one and did not."""
        last = self.sequences.get(tenant)
        return 0 if last is None else headers["tenant_sequence"] - last - 1

    def handled(self, tenant, headers):
        self.position = headers["position"]
        self.sequences[tenant] = headers["tenant_sequence"]


def handle(order, properties, body, complete):
    headers = properties.headers
    if order.repeated(headers):
        return
    event = json.loads(body)
    tenant = event["tenantid"]
    missing = order.missing(tenant, headers) if complete else 0
    if missing:
        # Happens only where the queue was deleted or its length is limited.
        print(f"{missing} events are missing: ask GET /v1/events?after={order.position}", flush=True)
    # The work on the event goes here. An exception leaves the message unacknowledged, and it comes again.
    print(event["time"], event["type"], event["subject"], json.dumps(event["data"]), flush=True)
    order.handled(tenant, headers)


def follow(url, queue, keys, order, complete):
    connection = connect(url)
    try:
        channel = connection.channel()
        declare(channel, queue, keys)
        for method, properties, body in channel.consume(queue):
            handle(order, properties, body, complete)
            channel.basic_ack(method.delivery_tag)
    finally:
        if connection.is_open:
            connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="amqp://guest:guest@localhost/%2f")
    parser.add_argument("--queue", default="nexus-example", help="name of the durable queue")
    parser.add_argument("--tenant", default="*", help="a tenant's id; absent: all tenants")
    parser.add_argument("--event", action="append", help="such as key.revoked.v1, or key.#; absent: all events")
    arguments = parser.parse_args()
    keys = [f"{arguments.tenant}.{event}" for event in arguments.event or ["#"]]
    order = Order()
    pause = 0.2
    while True:
        began = time.monotonic()
        try:
            follow(arguments.url, arguments.queue, keys, order, complete=not arguments.event)
        except KeyboardInterrupt:
            return
        except (AMQPError, OSError) as error:
            # A long connection was a good one: begin with short pauses again.
            pause = 0.2 if time.monotonic() - began > 10 else min(pause * 2, 5)
            print(f"no broker ({type(error).__name__}), trying again", flush=True)
            time.sleep(pause * random.uniform(0.5, 1))


if __name__ == "__main__":
    main()
