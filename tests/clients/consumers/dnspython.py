"""Asks a server in every way that is legal and some that are not, and judges each reply as dnspython reads it, octet
by octet: nothing may be left over at its end. Arguments: address, port. Prints a line a group of questions: `ok` and
its title, or `FAILED` with the first reason."""

import itertools
import random
import socket
import struct
import sys

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])
ZONES = (
    "service.local.", "cluster.local.", "example.test.", "9.10.in-addr.arpa.", "0.10.in-addr.arpa.", "0.0.d.f.ip6.arpa.",
)
SERVICE, CLUSTER = ZONES[:2]
NAMES = [
    SERVICE, "ns." + SERVICE, "svc." + SERVICE, "addr." + SERVICE, "_tcp." + SERVICE, "default.svc." + SERVICE,
    "web." + SERVICE, "a.b.web." + SERVICE, "b.web." + SERVICE, "_web._tcp." + SERVICE, "_web._udp." + SERVICE,
    "_http._tcp.web." + SERVICE, "_tcp.web." + SERVICE, "web.default.svc." + SERVICE, "0a000001.addr." + SERVICE,
    "_services._dns-sd._udp." + SERVICE, "b._dns-sd._udp." + SERVICE, "web-1._web._tcp." + SERVICE,
    "six." + SERVICE, "silent." + SERVICE, "gone." + SERVICE, "some." + SERVICE, "many." + SERVICE,
    "_http._tcp.many." + SERVICE, "nothing." + SERVICE, "_no._tcp.web." + SERVICE, "0a0000ff.addr." + SERVICE,
    "a" * 63 + "." + SERVICE, ".".join(["x" * 60] * 3 + ["y" * 50, SERVICE]), "\\000\\255\\.\\032." + SERVICE,
    CLUSTER, "web.default.svc." + CLUSTER, "_http._tcp.web.default.svc." + CLUSTER, "_tcp.web.default.svc." + CLUSTER,
    "10-0-0-1.web.default.svc." + CLUSTER, "web-1.web.default.svc." + CLUSTER, "dns-version." + CLUSTER,
    "many.default.svc." + CLUSTER, "web.service.local.default.svc." + CLUSTER, "nothing.default.svc." + CLUSTER,
    "example.test.", "mail.example.test.", "any.apps.example.test.", "sub.example.test.", "below.sub.example.test.",
    "docs.example.test.", "chain.example.test.", "out.example.test.", "big.example.test.", "nothing.example.test.",
    "1.0.9.10.in-addr.arpa.", "0.9.10.in-addr.arpa.", "2.0.9.10.in-addr.arpa.",
    "0.10.in-addr.arpa.", "1.0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa.", "9.0.0.10.in-addr.arpa.",
    "1." + "0." * 27 + "0.0.d.f.ip6.arpa.", "0.0.0.0.d.f.ip6.arpa.", "2." + "0." * 27 + "0.0.d.f.ip6.arpa.",
    "az-a.pin._zone.web." + SERVICE, "az-b.prefer._zone.web." + SERVICE, "pin._zone.web." + SERVICE,
    ".", "local.", "com.", "example.com.", "10.in-addr.arpa.",
]
TYPES = "A AAAA SRV TXT PTR SOA NS CNAME MX HTTPS SVCB ANY CAA DS DNSKEY NSEC RRSIG HINFO TYPE65280 TYPE0".split()
OPTIONS = {
    "NSID": [dns.edns.GenericOption(3, b"")],
    "cookie": [dns.edns.GenericOption(10, b"12345678")],
    "cookie of 7 octets": [dns.edns.GenericOption(10, b"1234567")],
    "client subnet": [dns.edns.ECSOption("192.0.2.0", 24)],
    "keepalive": [dns.edns.GenericOption(11, b"")],
    "padding": [dns.edns.GenericOption(12, b"\0" * 50)],
    "unknown": [dns.edns.GenericOption(65001, b"what")],
    "two": [dns.edns.GenericOption(3, b""), dns.edns.GenericOption(10, b"87654321")],
}
# Title, EDNS version or None, payload size, flags, options. Cookies, NSID and so on are each asked alone.
VARIANTS = [("no EDNS", None, 0, 0, [])]
VARIANTS += [(f"payload {size}", 0, size, 0, []) for size in (0, 511, 512, 1232, 1400, 4096, 65535)]
VARIANTS += [("DO", 0, 1232, dns.flags.DO, []), ("unknown EDNS flags", 0, 1232, 0x0055, [])]
VARIANTS += [(title, 0, 1232, 0, options) for title, options in OPTIONS.items()]
VARIANTS += [("EDNS 1", 1, 1232, 0, []), ("EDNS 255 with DO and NSID", 255, 4096, dns.flags.DO, OPTIONS["NSID"])]
EVERY_TYPE = ("no EDNS", "payload 512", "payload 1232")  # the rest is asked for the first four types
HEADERS = [dns.flags.RD, 0, dns.flags.CD | dns.flags.AD, 0x0040, dns.flags.RD | dns.flags.AA | dns.flags.RA]
MAY_WORK = ("trailing octets",)  # of the odd messages: one that may be answered
chance = random.Random(8482)


class Wrong(Exception):
    """A reply that is not as it must be."""


def need(holds, rule):
    if not holds:
        raise Wrong(rule)


def mixed(name):
    """The name with random case, which the reply must have as well."""
    return "".join(chance.choice((c.upper(), c.lower())) for c in name)


def question(name, kind, variant, flags=dns.flags.RD, rdclass="IN"):
    _, version, payload, edns_flags, options = variant
    asked = dns.message.make_query(mixed(name), kind, rdclass, flags=flags)
    if version is None:
        asked.use_edns(False)
    else:
        asked.use_edns(version, edns_flags, payload, options=options)
    return asked


# ---- transport: packets as they are, so that nothing is mended on the way ----


class Udp:
    name = "UDP"

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(3)
        self.socket.connect((ADDRESS, PORT))

    def ask(self, packet):
        self.socket.send(packet)
        return self.socket.recv(65535)


class Tcp:
    name = "TCP"

    def __init__(self):
        self.connect()

    def connect(self):
        self.socket = socket.create_connection((ADDRESS, PORT), timeout=3)

    def ask(self, packet):
        try:
            self.socket.sendall(struct.pack("!H", len(packet)) + packet)
            return self.read(struct.unpack("!H", self.read(2))[0])
        except ConnectionError:
            self.connect()
            raise

    def read(self, count):
        octets = b""
        while len(octets) < count:
            more = self.socket.recv(count - len(octets))
            if not more:
                raise ConnectionError("the connection was closed")
            octets += more
        return octets


# ---- what every reply must be ----


def judge(asked, octets, transport):
    reply = dns.message.from_wire(octets, ignore_trailing=False, raise_on_truncation=False, one_rr_per_rrset=True)
    need(reply.id == asked.id, "the id is another")
    need(reply.flags & dns.flags.QR, "QR is not set")
    need(reply.opcode() == asked.opcode(), "the opcode is another")
    need(not reply.flags & 0x0040, "Z is set (RFC 1035 4.1.1)")
    need(not reply.flags & (dns.flags.RA | dns.flags.AD), "RA or AD is set, of a server that does neither")
    need((reply.flags ^ asked.flags) & dns.flags.RD == 0, "RD is not the one asked with (RFC 1035 4.1.1)")
    need(not reply.flags & dns.flags.CD, "CD is set (RFC 4035 3.1.6)")
    same_question(asked, reply)
    size_and_edns(asked, reply, octets, transport)
    if reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and not reply.flags & dns.flags.TC:
        sections(asked, reply)
    no_twins(reply)
    return reply


def same_question(asked, reply):
    need(len(reply.question) == 1, "there is not one question")
    ours, theirs = asked.question[0], reply.question[0]
    # Names compare without regard to case; labels do not.
    need(ours.name.labels == theirs.name.labels, "the case of the name is another")
    need((ours.rdtype, ours.rdclass) == (theirs.rdtype, theirs.rdclass), "the question is another")


def size_and_edns(asked, reply, octets, transport):
    need((asked.edns < 0) == (reply.edns < 0), "OPT is there although nobody asked, or the other way (RFC 6891 6.1.1)")
    if transport.name == "UDP":
        limit = 512 if asked.edns < 0 else min(1232, max(512, asked.payload))
        need(len(octets) <= limit, f"{len(octets)} octets over UDP, more than {limit}")
    else:
        need(not reply.flags & dns.flags.TC, "TC over TCP")
    if asked.edns >= 0:
        need(reply.edns == 0, "the version of OPT is not 0")
        need((asked.ednsflags ^ reply.ednsflags) & dns.flags.DO == 0, "DO is not echoed (RFC 3225 3)")
        need(reply.ednsflags & 0x7FFF == 0, "unknown EDNS flags are set (RFC 6891 6.1.4)")
        need(reply.payload >= 512, "the payload size is below 512")
        wanted = {option.otype for option in asked.options}
        for option in reply.options:
            # Errors (15) need not be asked for (RFC 8914 2); nor is a subnet (8) or what is not known ever echoed.
            need(option.otype in (wanted | {15}) - {65001}, f"option {option.otype} was not asked for")
    need((reply.rcode() == dns.rcode.BADVERS) == (asked.edns > 0), "BADVERS and the version do not go together")


def sections(asked, reply):
    """An answer, a referral, or no answer with the SOA of its zone (RFC 2308 2)."""
    soa = [each for each in reply.authority if each.rdtype == dns.rdatatype.SOA]
    chain = {asked.question[0].name} | {each[0].target for each in reply.answer if each.rdtype == dns.rdatatype.CNAME}
    for each in reply.answer:
        need(each.name in chain or each.rdtype == dns.rdatatype.DNAME, f"{each.name} does not answer the question")
    delegated = any(each.rdtype == dns.rdatatype.NS for each in reply.authority) and not reply.answer
    aliases = reply.answer and all(each.rdtype == dns.rdatatype.CNAME for each in reply.answer)
    need(bool(reply.flags & dns.flags.AA) != delegated, "AA and a referral do not go together")
    if reply.rcode() == dns.rcode.NXDOMAIN or not (reply.answer or delegated):
        need(len(soa) == 1, "no answer, and no SOA")
    elif not aliases:
        need(not soa, "an SOA beside an answer")
    for each in soa:
        need(str(each.name).lower() in ZONES, f"the SOA is of {each.name}")
        need(each.ttl <= each[0].minimum, "the TTL of the SOA is above its minimum")


def no_twins(reply):
    for section in (reply.answer, reply.authority, reply.additional):
        records = [(each.name, each.rdtype, each[0]) for each in section]
        need(len(records) == len(set(records)), "a record is there twice (RFC 2181 5)")
        ttl = {}
        for each in section:
            need(ttl.setdefault((each.name, each.rdtype), each.ttl) == each.ttl, "TTLs of a set differ (RFC 2181 5.2)")


def attempt(title, questions, transport, check=lambda asked, reply: None):
    """Asks all the questions and prints the first fault, with how many there are."""
    faults = []
    for asked in questions:
        try:
            check(asked, judge(asked, transport.ask(asked.to_wire()), transport))
        except (Wrong, dns.exception.DNSException, OSError) as fault:
            flags = f"flags {int(asked.flags):#06x}, EDNS {asked.edns}, payload {asked.payload}"
            faults.append(f"{asked.question[0]}, {flags}: {type(fault).__name__} {fault}")
    if faults:
        print(f"FAILED dnspython over {transport.name}, {title}: {len(faults)} faults; {faults[0]}", flush=True)
    else:
        print(f"ok {transport.name} {title}", flush=True)


# ---- the questions ----


def whole_sets(transport):
    def three_hundred(asked, reply):
        whole = sum(each.rdtype == asked.question[0].rdtype for each in reply.answer) == 300
        need(whole or transport.name == "UDP" and reply.flags & dns.flags.TC, "neither TC nor 300 records")

    names = ["many." + SERVICE, "many.default.svc." + SERVICE, "many.default.svc." + CLUSTER]
    for name, kind in itertools.product(names, ("A", "SRV")):
        attempt(f"300 {kind} of {name}", (question(name, kind, each) for each in VARIANTS[:10]), transport, three_hundred)


def other_messages(transport):
    plain, sized = VARIANTS[0], VARIANTS[4]
    for kind, each in itertools.product(("AXFR", "IXFR"), (plain, sized)):
        attempt(f"{kind} {each[0]}", [question(SERVICE, kind, each)], transport)
    for rdclass, name in itertools.product(("CH", "HS", "ANY", "CLASS4660"), ("version.bind.", "id.server.", SERVICE)):
        kinds = [question(name, kind, sized, rdclass=rdclass) for kind in ("TXT", "A", "ANY")]
        attempt(f"class {rdclass} {name}", kinds, transport)


def packets():
    """Title and octets of messages that are no usual question."""
    good = question(SERVICE, "SOA", VARIANTS[4]).to_wire()
    for opcode in (dns.opcode.IQUERY, dns.opcode.STATUS, 3, dns.opcode.NOTIFY, dns.opcode.UPDATE, 6, 15):
        yield f"opcode {opcode}", good[:2] + bytes([opcode << 3]) + good[3:]
    for count in (0, 2, 65535):
        yield f"{count} questions", good[:4] + struct.pack("!H", count) + good[6:]
    yield "no question, nothing else", good[:4] + bytes(8)
    yield "a cut name", good[:14]
    yield "a pointer to itself", good[:4] + b"\0\1" + bytes(6) + b"\xc0\x0c" + b"\0\1\0\1"
    yield "trailing octets", good + b"more"
    yield "two OPT", good[:10] + b"\0\2" + good[12:] + good[-11:]
    yield "OPT of another name", good[:-11] + b"\1x" + good[-10:]
    yield "an option longer than OPT", good[:-2] + b"\0\4\0\3\0\x09"


def odd_messages(transport):
    """The reply, which there must be, is whole and refuses; what it repeats of the question is not looked at."""
    for title, packet in packets():
        try:
            octets = transport.ask(packet)
            reply = dns.message.from_wire(octets, ignore_trailing=False)
            need(octets[:2] == packet[:2] and reply.flags & dns.flags.QR, "that is no reply")
            need(octets[2] & 0x78 == packet[2] & 0x78, "the opcode is another")
            need(title in MAY_WORK or reply.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.REFUSED),
                 f"the response code is {dns.rcode.to_text(reply.rcode())}")
            print(f"ok {transport.name} {title}", flush=True)
        except (Wrong, dns.exception.DNSException, OSError) as fault:
            print(f"FAILED dnspython over {transport.name}, {title}: {type(fault).__name__} {fault}", flush=True)


def main():
    for connect in (Udp, Tcp):
        transport = connect()
        for variant in VARIANTS:
            types = TYPES if variant[0] in EVERY_TYPE else TYPES[:4]
            questions = [question(name, kind, variant) for name, kind in itertools.product(NAMES, types)]
            attempt(f"{len(questions)} questions, {variant[0]}", questions, transport)
        for flags in HEADERS:
            questions = [question(name, "A", VARIANTS[4], flags) for name in NAMES]
            attempt(f"header flags {int(flags):#06x}", questions, transport)
        whole_sets(transport)
        other_messages(transport)
        odd_messages(transport)


main()
