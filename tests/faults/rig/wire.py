"""What clients say on the wire: HTTP and DNS, with sockets of a machine."""
import asyncio
import json
import random
import socket
import struct

A, SRV, OPT = 1, 33, 41
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Reply:
    """An answer of HTTP; `status` is 0 when nobody listens, and None when nobody knows what became of the request."""

    def __init__(self, status, headers=None, body=b""):
        self.status, self.headers, self.body = status, headers or {}, body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


async def call(machine, port, method, path, body=None, timeout=3.0):
    """One request over a connection of its own."""
    loop = asyncio.get_running_loop()
    connection = machine.socket(socket.SOCK_STREAM)
    payload = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {machine.name}\r\nConnection: close\r\nContent-Length: {len(payload)}\r\n\r\n"
    try:
        async with asyncio.timeout(timeout):
            try:
                await loop.sock_connect(connection, ("127.0.0.1", port))
            except ConnectionRefusedError:
                return Reply(0)
            await loop.sock_sendall(connection, head.encode() + payload)
            received = bytearray()
            while piece := await loop.sock_recv(connection, 1 << 20):
                received += piece
        return parse_reply(bytes(received))
    except (TimeoutError, OSError, ValueError, IndexError):
        return Reply(None)
    finally:
        connection.close()


def parse_reply(received):
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = unchunk(body)
    elif "content-length" in headers and len(body) < int(headers["content-length"]):
        raise ValueError("the body is cut off")
    return Reply(status, headers, body)


def unchunk(body):
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return whole
        if len(body) < length + 2:
            raise ValueError("the body is cut off")
        whole, body = whole + body[:length], body[length + 2:]


# ---- DNS ----


def question(number, name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    head = struct.pack(">HHHHHH", number, 0, 1, 0, 0, 1)
    return head + labels + b"\0" + struct.pack(">HH", kind, 1) + b"\0" + struct.pack(">HHIH", OPT, 1232, 0, 0)


class Answer:
    """What a reply says: the code, the addresses of its A records, the lowest TTL, and the EDE codes."""

    def __init__(self, message):
        self.number, flags, questions, answers, authorities, additionals = struct.unpack_from(">HHHHHH", message)
        self.rcode = RCODES.get(flags & 15, str(flags & 15))
        self.truncated = bool(flags & 0x200)
        self.addresses, self.ttl, self.errors = [], None, []
        place = 12
        for _ in range(questions):
            place = after_name(message, place) + 4
        for index in range(answers + authorities + additionals):
            place = after_name(message, place)
            kind, _, ttl, length = struct.unpack_from(">HHIH", message, place)
            place += 10
            data = message[place:place + length]
            place += length
            if kind == A and index < answers:
                self.addresses.append(socket.inet_ntoa(data))
                self.ttl = ttl if self.ttl is None else min(self.ttl, ttl)
            if kind == OPT:
                self.errors += extended_errors(data)


def extended_errors(data):
    """RFC 8914: option 15."""
    found = []
    while len(data) >= 4:
        code, length = struct.unpack_from(">HH", data)
        if code == 15:
            found.append(struct.unpack_from(">H", data, 4)[0])
        data = data[4 + length:]
    return found


def after_name(message, place):
    while True:
        length = message[place]
        if length >= 0xC0:
            return place + 2
        place += 1 + length
        if length == 0:
            return place


class Resolver(asyncio.DatagramProtocol):
    """Asks the DNS of one machine, many questions at a time."""

    def __init__(self, machine, port):
        self.machine, self.port = machine, port
        self.waiting = {}
        self.transport = None

    async def open(self):
        loop = asyncio.get_running_loop()
        made = self.machine.socket(socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=made)
        return self

    async def ask(self, name, kind=A, timeout=2.0):
        """The answer, or nothing when there was none in time."""
        number = random.getrandbits(16)
        while number in self.waiting:
            number = random.getrandbits(16)
        future = self.waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self.transport.sendto(question(number, name, kind), ("127.0.0.1", self.port))
            async with asyncio.timeout(timeout):
                return await future
        except (TimeoutError, OSError):
            return None
        finally:
            self.waiting.pop(number, None)

    def datagram_received(self, data, addr):
        try:
            answer = Answer(data)
        except (struct.error, IndexError):
            return
        future = self.waiting.get(answer.number)
        if future is not None and not future.done():
            future.set_result(answer)

    def error_received(self, exc):
        """Nobody listens: whoever waits finds that out by its time."""

    def close(self):
        self.transport.close()
