"""HTTP and DNS, as clients speak them, and a server for the checks that rollcall does."""
import http.client
import http.server
import json
import random
import socket
import struct
import threading
import urllib.parse

A, TXT, SRV = 1, 16, 33
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


class Reply:
    """An answer of HTTP."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def good(self):
        return 200 <= self.status < 300

    def __repr__(self):
        return f"{self.status} {self.body[:300].decode(errors='replace')}"


def quoted(text):
    """A text as one segment of a path."""
    return urllib.parse.quote(text, safe="")


def request(port, method, path, body=None, form=None, timeout=20):
    """One request over a connection of its own. `body` is JSON unless it is octets."""
    headers = {}
    if form is not None:
        body, headers = urllib.parse.urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    elif body is not None and not isinstance(body, bytes):
        body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except OSError as problem:
        return Reply(0, {}, repr(problem).encode())
    finally:
        connection.close()


# ---- DNS ----


class Answer:
    """The code and the records of a reply: addresses sorted, SRV as (priority, weight, port, address of the target)."""

    def __init__(self, message):
        flags, questions, answers = struct.unpack_from(">xxHHH", message)
        self.code, self.cut = RCODES.get(flags & 15, str(flags & 15)), bool(flags & 0x200)
        addresses, services = [], []
        place = 12
        for _ in range(questions):
            place = read_name(message, place)[1] + 4
        for _ in range(answers):
            place = read_name(message, place)[1]
            kind, _, _, length = struct.unpack_from(">HHIH", message, place)
            data = place + 10
            place = data + length
            if kind == A:
                addresses.append(socket.inet_ntoa(message[data:place]))
            if kind == SRV:
                numbers = struct.unpack_from(">HHH", message, data)
                services.append((*numbers, address_of(read_name(message, data + 6)[0])))
        self.addresses, self.services = sorted(addresses), sorted(services)


def address_of(target):
    """The address in `0a000001.addr.service.local`, else the name as it is."""
    label = target.split(".")[0]
    try:
        return socket.inet_ntoa(bytes.fromhex(label))
    except (ValueError, OSError):
        return target


def read_name(message, place):
    labels, after = [], None
    while length := message[place]:
        if length >= 0xC0:
            after = after or place + 2
            place = struct.unpack_from(">H", message, place)[0] & 0x3FFF
            continue
        labels.append(message[place + 1:place + 1 + length].decode())
        place += 1 + length
    return ".".join(labels), after or place + 1


def ask(port, name, kind=A):
    """Asks over UDP, and over TCP when that was cut, as resolvers do."""
    number = random.getrandbits(16)
    labels = b"".join(bytes([len(label)]) + label for label in (part.encode() for part in name.split(".")))
    question = struct.pack(">HHHHHH", number, 0, 1, 0, 0, 1) + labels + b"\0" + struct.pack(">HH", kind, 1)
    question += b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(5)
        datagrams.sendto(question, ("127.0.0.1", port))
        answer = Answer(datagrams.recv(65535))
    return over_tcp(port, question) if answer.cut else answer


def over_tcp(port, question):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
        stream.sendall(struct.pack(">H", len(question)) + question)
        reader = stream.makefile("rb")
        return Answer(reader.read(struct.unpack(">H", reader.read(2))[0]))


# ---- who is checked ----


class Checked:
    """A program that is asked for its health, and says what `status` is."""

    def __init__(self):
        self.status, self.asked = 200, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
