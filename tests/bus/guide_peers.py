#!/usr/bin/python3
"""guide_peers.py BROKER - plain MDP/0.1 peers, as the ZeroMQ Guide writes them, on the real broker.

Method: the program is started in a directory of its own. The client is a REQ, the worker a DEALER
with one thread; neither knows anything of Isekai. Then the program is stopped, killed, started
again.
"""
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import msgpack
import zmq

PATIENCE_MS = 10000
CLIENT, WORKER = b"MDPC01", b"MDPW01"
READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"


class Client:
    """The Guide's synchronous client."""

    def __init__(self, context, endpoint):
        self.socket = context.socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.rcvtimeo = PATIENCE_MS
        self.socket.connect(endpoint)

    def send(self, service, *body):
        self.socket.send_multipart([CLIENT, service, *body])
        header, name, *answer = self.socket.recv_multipart()
        assert header == CLIENT and name == service, (header, name)
        return answer

    def close(self):
        self.socket.close()


class Worker(threading.Thread):
    """The Guide's worker: one thread, so no heartbeat while it works. Ends when told to."""

    def __init__(self, context, endpoint, service, handle):
        super().__init__(daemon=True)
        self.context, self.endpoint, self.service, self.handle = context, endpoint, service, handle
        self.ending = threading.Event()
        self.registrations = 0
        self.trouble = None

    def connect(self):
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(self.endpoint)
        socket.send_multipart([b"", WORKER, READY, self.service])
        self.registrations += 1
        return socket

    def run(self):
        try:
            self.work()
        except Exception as trouble:
            self.trouble = trouble

    def work(self):
        socket = self.connect()
        beat_at = time.monotonic() + 0.5
        while not self.ending.is_set():
            if socket.poll(50):
                empty, header, command, *rest = socket.recv_multipart()
                assert empty == b"" and header == WORKER, (empty, header)
                if command == REQUEST:
                    address, gap, *body = rest
                    assert gap == b"", gap
                    answer = self.handle(body)
                    socket.send_multipart([b"", WORKER, REPLY, address, b"", *answer])
                elif command == DISCONNECT:
                    socket.close()
                    socket = self.connect()
                else:
                    assert command == HEARTBEAT, command
            if time.monotonic() > beat_at:
                socket.send_multipart([b"", WORKER, HEARTBEAT])
                beat_at = time.monotonic() + 0.5
        socket.send_multipart([b"", WORKER, DISCONNECT])
        socket.close(linger=1000)

    def end(self):
        self.ending.set()
        self.join(10)
        assert not self.is_alive()
        if self.trouble:
            raise self.trouble


class Broker:
    def __init__(self, program, directory):
        self.endpoint = f"ipc://{directory}/broker"
        self.command = [program, f"--bus-endpoints={self.endpoint}", "--log-level=warn"]
        if os.geteuid() == 0:
            self.command.append("--user=nobody")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command)

    def stop(self, number):
        """Send the signal; give the exit code and the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(10)
        return code, time.monotonic() - begun


def await_service(client, service, status):
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while client.send(b"mmi.service", service) != [status]:
        assert time.monotonic() < deadline, (service, status)


def test_echo(context, broker):
    worker = Worker(context, broker.endpoint, b"echo", lambda body: body)
    worker.start()
    client = Client(context, broker.endpoint)
    assert client.send(b"echo", b"Hello world") == [b"Hello world"]
    assert client.send(b"echo", b"several", b"", b"frames") == [b"several", b"", b"frames"]
    for number in range(200):
        assert client.send(b"echo", b"%d" % number) == [b"%d" % number]
    assert client.send(b"mmi.service", b"echo") == [b"200"]
    assert client.send(b"mmi.nonsense", b"echo") == [b"501"]
    worker.end()
    await_service(client, b"echo", b"404")
    client.close()


def test_many_clients(context, broker):
    """Each client gets its own answers, from three workers of one name."""
    workers = [Worker(context, broker.endpoint, b"double", lambda body: [body[0] * 2])
               for _ in range(3)]
    for worker in workers:
        worker.start()
    wrong = []

    def ask(name):
        client = Client(context, broker.endpoint)
        for number in range(50):
            text = b"%d.%d " % (name, number)
            if client.send(b"double", text) != [text * 2]:
                wrong.append(text)
        client.close()

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    for worker in workers:
        worker.end()


def test_five_lines(context, broker):
    """What a script needs to ask the broker itself."""
    client = Client(context, broker.endpoint)
    answer = client.send(b"broker", msgpack.packb([0, 1, "isekai.ping", [{}]]))
    kind, msgid, error, result = msgpack.unpackb(answer[0])
    assert (kind, msgid, error) == (1, 1, None), answer
    assert result["actor"] == "broker" and result["ok"] is True, result
    client.close()


def test_a_second_broker_is_refused(context, broker):
    second = subprocess.run(broker.command, capture_output=True, timeout=10)
    assert second.returncode == 1, second
    assert b"another broker serves" in second.stderr, second.stderr
    client = Client(context, broker.endpoint)
    assert client.send(b"mmi.service", b"echo") == [b"404"]
    client.close()


def test_peers_outlive_brokers(context, broker):
    """kill -9, then a new broker: the worker is told to register anew, and answers again."""
    worker = Worker(context, broker.endpoint, b"echo", lambda body: body)
    worker.start()
    client = Client(context, broker.endpoint)
    await_service(client, b"echo", b"200")
    broker.stop(signal.SIGKILL)
    client.close()
    broker.start()
    client = Client(context, broker.endpoint)
    assert client.send(b"echo", b"again") == [b"again"]
    assert worker.registrations == 2, worker.registrations
    client.close()
    worker.end()


def test_signals_end_it(context, broker):
    for number in signal.SIGTERM, signal.SIGINT:
        client = Client(context, broker.endpoint)
        assert client.send(b"mmi.service", b"echo") == [b"404"]
        code, seconds = broker.stop(number)
        assert code == 0, code
        assert seconds < 1.0, seconds
        assert os.listdir(os.path.dirname(broker.endpoint[6:])) == []
        client.close()
        broker.start()


def test_misuse(context, broker):
    def run(*flags):
        done = subprocess.run([broker.command[0], *flags], capture_output=True, timeout=10)
        return done.returncode, done.stdout + done.stderr

    code, said = run("--bus-endpoints=tcp://127.0.0.1:5555", *broker.command[3:])
    assert code == 78 and b"CURVE" in said, (code, said)
    code, said = run("--nope")
    assert code == 64 and b"--nope" in said, (code, said)
    code, said = run("--queue-messages-max=0")
    assert code == 64 and b"1..1000000" in said, (code, said)
    code, said = run("--help")
    assert code == 0 and b"QUEUE_MESSAGES_MAX" in said, (code, said)
    code, said = run("--version")
    assert code == 0 and said.startswith(b"isekai "), (code, said)


def main():
    directory = tempfile.mkdtemp(prefix="isekai-guide-")
    if os.geteuid() == 0:
        os.chown(directory, pwd.getpwnam("nobody").pw_uid, -1)
    broker = Broker(sys.argv[1], directory)
    context = zmq.Context()
    broker.start()
    try:
        for test in (test_echo, test_many_clients, test_five_lines,
                     test_a_second_broker_is_refused, test_peers_outlive_brokers,
                     test_signals_end_it, test_misuse):
            test(context, broker)
            print("passed", test.__name__, flush=True)
    finally:
        broker.process.kill()
        broker.process.wait()
        shutil.rmtree(directory)
    context.destroy(linger=0)


if __name__ == "__main__":
    main()
