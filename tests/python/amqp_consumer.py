#!/usr/bin/env python3
"""Consumes events for a test: one JSON line for each message into a file, through restarts of the broker.

    amqp_consumer.py URL QUEUE FILE --count 100 --seconds 60 [--key '#']

Creates the durable queue and prints `ready` once it is bound. Ends with status 0 after COUNT different message ids, with
status 1 when the time is over. Repeated messages are written as well, since the test wants to see them.
"""

import argparse
import json
import sys
import time

import pika
from pika.exceptions import AMQPError

EXCHANGE = "nexus.events"


class Consumer:
    def __init__(self, arguments):
        self.arguments = arguments
        self.deadline = time.monotonic() + arguments.seconds
        self.seen = set()
        self.ready = False

    def done(self):
        return len(self.seen) >= self.arguments.count

    def in_time(self):
        return time.monotonic() < self.deadline

    def connect(self):
        parameters = pika.URLParameters(self.arguments.url)
        parameters.heartbeat = 10
        parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = 10
        return pika.BlockingConnection(parameters)

    def bind(self, channel):
        channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
        channel.queue_declare(self.arguments.queue, durable=True)
        channel.queue_bind(self.arguments.queue, EXCHANGE, self.arguments.key)
        if not self.ready:
            self.ready = True
            print("ready", flush=True)

    def receive(self, file):
        connection = self.connect()
        try:
            channel = connection.channel()
            self.bind(channel)
            # A timeout of consume() yields Nones, so that the deadline is looked at.
            for method, properties, body in channel.consume(self.arguments.queue, inactivity_timeout=0.5):
                if method is not None:
                    self.write(file, method, properties, body)
                    channel.basic_ack(method.delivery_tag)
                if self.done() or not self.in_time():
                    break
            channel.cancel()
        finally:
            if connection.is_open:
                connection.close()

    def write(self, file, method, properties, body):
        message = {
            "message_id": properties.message_id,
            "routing_key": method.routing_key,
            "redelivered": method.redelivered,
            "content_type": properties.content_type,
            "delivery_mode": properties.delivery_mode,
            "type": properties.type,
            "timestamp": properties.timestamp,
            "headers": properties.headers,
            "body": json.loads(body),
        }
        # Written before it is acknowledged: a lost connection in between repeats the message and loses none.
        file.write(json.dumps(message, default=str) + "\n")
        file.flush()
        self.seen.add(properties.message_id)

    def run(self):
        with open(self.arguments.file, "a", encoding="utf-8") as file:
            while self.in_time() and not self.done():
                try:
                    self.receive(file)
                except (AMQPError, OSError) as error:
                    print(f"broken off: {error!r}", file=sys.stderr, flush=True)
                    time.sleep(0.3)
        print(f"{len(self.seen)} messages", flush=True)
        return 0 if self.done() else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("queue")
    parser.add_argument("file")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--key", default="#")
    sys.exit(Consumer(parser.parse_args()).run())


if __name__ == "__main__":
    main()
