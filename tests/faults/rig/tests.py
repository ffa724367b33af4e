"""The judge, judged: histories that were made up, good ones and bad ones."""
import unittest

from . import wire
from .checker import Checker
from .weather import Weather

MEMBERS, NODES = ["e1", "e2", "e3"], ["n1", "n2", "n3"]
TTL = 10.0


class Story:
    """A history in the making: two hosts of a service, a quiet world that began at 0 and is in touch from 20 on."""

    def __init__(self):
        self.records = []
        for machine in MEMBERS + NODES:
            self.state(machine, "start", 0.0)
        for node in NODES:
            self.records.append({"do": "ready", "node": node, "at": 1.0})
        self.register(20.0, "web/a", "10.0.0.1", "n1")
        self.register(20.0, "web/b", "10.0.0.2", "n2")

    def state(self, machine, what, at, other=None):
        self.records.append({"do": "state", "machine": machine, "what": what, "other": other, "at": at})

    def add(self, do, at, node, **fields):
        self.records.append({"do": do, "node": node, "begin": at, "end": at + 0.01, **fields})

    def register(self, at, host, address, node, outcome="ok", status=None):
        self.add("write", at, node, what="register", host=host, address=address, ttl=TTL, outcome=outcome, status=status)

    def deregister(self, at, host, node, outcome="ok"):
        self.add("write", at, node, what="deregister", host=host, outcome=outcome, status=None)

    def beats(self, host, node, begin, end):
        at = begin
        while at < end:
            self.beat(at, host, node)
            at += TTL / 3

    def beat(self, at, host, node, outcome="ok"):
        self.add("beat", at, node, host=host, outcome=outcome, status=None)

    def ask(self, at, node, *addresses, rcode=None, errors=(), lasts=0.01):
        rcode = rcode or ("NOERROR" if addresses else "NXDOMAIN")
        self.add("ask", at, node, service="web", rcode=None if rcode == "none" else rcode, addresses=list(addresses),
                 errors=list(errors), truncated=False)
        self.records[-1]["end"] = at + lasts

    def table(self, at, node, do="table", **hosts):
        self.add(do, at, node, hosts={f"web/{name}": address for name, address in hosts.items()})

    def rest(self, at):
        """Nothing is done until then."""
        self.records.append({"do": "quiet", "host": "web/none", "at": at})

    def kinds(self):
        return [fault.kind for fault in Checker(self.records, MEMBERS, NODES).check()]


A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


class Answers(unittest.TestCase):
    """What may be in an answer, and what must."""

    def setUp(self):
        self.story = Story()

    def good(self):
        self.assertEqual(self.story.kinds(), [])

    def bad(self, *kinds):
        self.assertEqual(self.story.kinds(), list(kinds))

    def test_all_is_well(self):
        self.story.beats("web/a", "n2", 22.0, 60.0)
        self.story.beats("web/b", "n3", 22.0, 60.0)
        for at in range(23, 60):
            for node in NODES:
                self.story.ask(float(at), node, A, B)
        self.good()

    def test_the_node_that_took_it_shows_it_at_once_the_others_soon(self):
        self.story.ask(20.02, "n1", A, B)
        self.story.ask(20.02, "n3")
        self.good()
        self.story.ask(20.02, "n1", B)
        self.bad("missing")

    def test_a_node_in_touch_shows_it_after_a_while(self):
        self.story.ask(23.0, "n3", A)
        self.bad("missing")

    def test_a_node_out_of_touch_need_not_know_it(self):
        self.story.state("n3", "unplug", 19.0)
        self.story.ask(23.0, "n3")
        self.good()

    def test_a_lapsed_host_may_be_missing_and_must_in_the_end(self):
        self.story.ask(30.5, "n1")
        self.story.ask(32.0, "n1", A)
        self.good()
        self.story.ask(36.0, "n1", A)
        self.bad("came back")

    def test_after_a_disturbance_a_lapsed_host_may_stay_for_longer(self):
        self.story.state("e1", "kill", 25.0)
        self.story.state("e1", "start", 26.0)
        self.story.ask(36.0, "n1", A)
        self.story.rest(80.0)
        self.good()
        self.story.ask(75.0, "n1", A)
        self.bad("came back")

    def test_renewals_keep_a_host(self):
        self.story.beats("web/a", "n1", 23.0, 60.0)
        self.story.ask(59.0, "n2", A)
        self.good()
        self.story.ask(59.0, "n2")
        self.bad("missing")

    def test_renewals_at_a_node_that_is_cut_off_keep_it_there_only(self):
        self.story.beats("web/a", "n1", 21.0, 60.0)
        self.story.state("n1", "unplug", 22.0)
        self.story.ask(50.0, "n2")
        self.story.ask(50.0, "n1", A, B, errors=[3])
        self.good()
        self.story.ask(50.0, "n1", B, errors=[3])
        self.bad("missing")

    def test_leases_stand_still_while_no_engine_works(self):
        for member in MEMBERS:
            self.story.state(member, "kill", 25.0)
        self.story.ask(90.0, "n3", A, B, errors=[3])
        self.good()
        self.story.ask(90.0, "n3", A, errors=[3])
        self.bad("missing")

    def test_after_the_engine_was_away_leases_are_whole(self):
        for member in MEMBERS:
            self.story.state(member, "kill", 25.0)
        for member in MEMBERS:
            self.story.state(member, "start", 60.0)
        self.story.ask(68.0, "n3", A, B)
        self.story.rest(90.0)
        self.good()
        self.story.ask(68.0, "n3", A)
        self.bad("missing")

    def test_a_deregistered_host_is_gone_at_once_and_elsewhere_soon(self):
        self.story.deregister(22.0, "web/a", "n1")
        self.story.ask(22.5, "n2", A, B)
        self.story.ask(26.0, "n2", B)
        self.good()
        self.story.ask(22.1, "n1", A, B)
        self.bad("came back")

    def test_a_deregistered_host_does_not_come_back(self):
        self.story.deregister(22.0, "web/a", "n1")
        self.story.ask(25.0, "n3", A, B)
        self.bad("came back")

    def test_a_node_that_knew_it_does_not_forget_it_when_cut_off(self):
        self.story.deregister(22.0, "web/a", "n1")
        self.story.state("n3", "unplug", 27.0)
        self.story.ask(28.0, "n3", A, B)
        self.bad("came back")

    def test_a_node_that_was_cut_off_before_may_show_it(self):
        self.story.state("n3", "unplug", 21.0)
        self.story.deregister(22.0, "web/a", "n1")
        self.story.ask(40.0, "n3", A, B, errors=[3])
        self.good()

    def test_registered_again_it_is_another(self):
        self.story.deregister(22.0, "web/a", "n1")
        self.story.register(23.0, "web/a", C, "n2")
        self.story.ask(23.1, "n2", B, C)
        self.story.ask(26.0, "n3", B, C)
        self.good()
        self.story.ask(26.0, "n3", A, B)
        self.bad("came back")

    def test_a_host_has_one_address(self):
        self.story.register(21.0, "web/a", C, "n1")
        self.story.ask(21.001, "n2", A, B, C)
        self.bad("two at a time")

    def test_a_change_that_was_acknowledged_replaces(self):
        self.story.register(21.0, "web/a", C, "n1")
        self.story.ask(21.5, "n1", A, B)
        self.bad("came back")

    def test_of_a_write_with_no_answer_either_is_right(self):
        self.story.register(21.0, "web/a", C, "n1", "open")
        self.story.ask(24.0, "n1", A, B)
        self.story.ask(24.0, "n2", B, C)
        self.good()

    def test_a_deregistration_with_no_answer_may_count(self):
        self.story.deregister(21.0, "web/a", "n1", "open")
        self.story.ask(24.0, "n1", B)
        self.story.ask(24.0, "n2", A, B)
        self.good()

    def test_a_refused_write_changes_nothing(self):
        self.story.register(21.0, "web/a", C, "n1", "no")
        self.story.ask(24.0, "n1", A, B)
        self.good()
        self.story.ask(24.0, "n1", B, C)
        self.bad("came back")

    def test_what_nobody_registered(self):
        self.story.ask(23.0, "n1", A, B, "10.9.9.9")
        self.bad("out of nowhere")

    def test_what_is_registered_later(self):
        self.story.register(30.0, "web/c", C, "n1")
        self.story.ask(23.0, "n1", A, B, C)
        self.bad("came back")


class Nodes(unittest.TestCase):
    """Which nodes have to answer, and what with."""

    def setUp(self):
        self.story = Story()

    good, bad = Answers.good, Answers.bad

    def test_a_node_that_runs_answers(self):
        self.story.ask(23.0, "n1", rcode="none", lasts=2.0)
        self.story.ask(23.0, "n1", rcode="SERVFAIL")
        self.bad("failed query", "failed query")

    def test_a_node_that_does_not_run_need_not(self):
        self.story.state("n1", "stop", 24.0)
        self.story.state("n1", "resume", 28.0)
        self.story.ask(23.0, "n1", rcode="none", lasts=2.0)
        self.story.ask(26.0, "n1", rcode="none", lasts=2.0)
        self.story.rest(40.0)
        self.good()
        self.story.ask(29.0, "n1", rcode="none", lasts=2.0)
        self.bad("failed query")

    def test_a_node_that_was_killed_need_not_until_it_is_ready(self):
        self.story.state("n1", "kill", 24.0)
        self.story.state("n1", "start", 25.0)
        self.story.ask(26.0, "n1", rcode="SERVFAIL")
        self.story.records.append({"do": "ready", "node": "n1", "at": 27.0})
        self.story.ask(28.0, "n1", A, B)
        self.good()
        self.story.ask(28.0, "n1")
        self.bad("missing", "missing")

    def test_a_node_that_slept_removes_nothing_for_that(self):
        self.story.beats("web/a", "n2", 21.0, 60.0)
        self.story.state("n1", "stop", 26.0)
        self.story.state("n1", "resume", 50.0)
        self.story.ask(50.5, "n1", A)
        self.good()
        self.story.ask(50.5, "n1")
        self.bad("missing")

    def test_a_registration_that_changes_nothing_is_a_renewal(self):
        """Taken by a node that is cut off, it says nothing of what others know: the host has lapsed there."""
        self.story.beats("web/a", "n2", 20.5, 22.0)
        self.story.state("n3", "unplug", 21.0)
        for at in (23.0, 26.0, 29.0, 32.0, 35.0):
            self.story.register(at, "web/a", A, "n3")
        self.story.state("n1", "kill", 30.0)
        self.story.state("n1", "start", 36.0)
        self.story.records.append({"do": "ready", "node": "n1", "at": 36.5})
        self.story.ask(37.0, "n1")
        self.story.ask(37.0, "n3", A, errors=[3])
        self.good()
        self.story.register(35.5, "web/a", C, "n2")
        self.bad("missing")

    def test_a_registration_that_makes_a_host_anew_is_no_renewal(self):
        self.story.deregister(21.0, "web/a", "n1")
        self.story.register(22.0, "web/a", A, "n2", status=201)
        self.story.state("n2", "kill", 23.0)
        self.story.rest(40.0)
        self.story.ask(25.0, "n1", A, B)
        self.good()
        self.story.ask(25.0, "n1", B)
        self.bad("missing")

    def test_what_was_tried_before_it_was_taken_is_known_then(self):
        for at in (21.0, 24.0, 27.0, 30.0):
            self.story.register(at, "web/a", C, "n2", outcome="open")
        self.story.register(33.0, "web/a", C, "n2")
        self.story.ask(38.0, "n1", C)
        self.good()
        self.story.ask(38.0, "n1")
        self.bad("missing")

    def test_who_is_silent_may_lapse_by_the_clock_after_all_members_slept(self):
        self.story.beats("web/a", "n1", 20.5, 24.0)
        self.story.records.append({"do": "quiet", "host": "web/a", "at": 24.5})
        for member in MEMBERS:
            self.story.state(member, "stop", 25.0)
        for member in MEMBERS:
            self.story.state(member, "resume", 33.0)
        self.story.rest(60.0)
        self.story.ask(37.0, "n1", B)
        self.good()
        self.story.ask(24.9, "n1", B)
        self.bad("missing")

    def test_a_node_says_that_it_is_cut_off(self):
        self.story.state("n3", "unplug", 21.0)
        self.story.ask(35.0, "n3", A, B)
        self.bad("not marked as stale")

    def test_what_etcd_ended_too_early_is_back_in_a_moment(self):
        self.story.beats("web/a", "n1", 23.0, 60.0)
        self.story.beats("web/b", "n1", 23.0, 60.0)
        self.story.state("e1", "stop", 43.0)
        self.story.state("e1", "resume", 45.0)
        self.story.ask(45.0, "n2", A, B)
        self.story.ask(46.0, "n2", B)
        self.story.ask(47.0, "n2", A, B)
        self.story.rest(60.0)
        self.good()
        self.story.ask(48.5, "n2", B)
        self.bad("missing")

    def test_nothing_is_missing_for_a_moment_where_nothing_was_done_to_etcd(self):
        self.story.beats("web/a", "n1", 23.0, 60.0)
        self.story.beats("web/b", "n1", 23.0, 60.0)
        self.story.ask(45.0, "n2", A, B)
        self.story.ask(46.0, "n2", B)
        self.story.ask(47.0, "n2", A, B)
        self.bad("missing")

    def test_a_renewal_that_is_refused_is_as_bad_as_an_answer(self):
        self.story.beat(22.0, "web/a", "n1", "unknown")
        self.bad("missing")


class Tables(unittest.TestCase):
    """What is left in the end."""

    def setUp(self):
        self.story = Story()

    good, bad = Answers.good, Answers.bad

    def test_tables_are_judged_as_answers(self):
        self.story.table(23.0, "n1", a=A)
        self.bad("missing")

    def test_tables_have_one_host_of_a_name(self):
        self.story.table(23.0, "n1", a=B, b=A)
        self.bad("out of nowhere", "out of nowhere")

    def test_a_host_that_was_renewed_all_the_time_is_there_in_the_end(self):
        """Even where it could have lapsed, as the node that took the renewals was cut off."""
        self.story.beats("web/a", "n1", 21.0, 80.0)
        self.story.state("n1", "unplug", 22.0)
        self.story.state("n1", "plug", 70.0)
        self.story.table(80.0, "n2", "last", a=A)
        self.good()
        self.story.table(80.0, "n2", "last")
        self.bad("lost")

    def test_a_host_that_could_not_be_renewed_may_be_gone(self):
        self.story.beats("web/a", "n1", 40.0, 80.0)
        self.story.records = [each for each in self.story.records if each["do"] != "beat" or each["begin"] < 45.0]
        self.story.table(80.0, "n2", "last")
        self.good()


class Sky(unittest.TestCase):
    """What the machines can do."""

    @staticmethod
    def weather(*changes):
        starts = [{"do": "state", "machine": machine, "what": "start", "at": 0.0} for machine in MEMBERS + NODES]
        ready = [{"do": "ready", "node": node, "at": 1.0} for node in NODES]
        later = [{"do": "state", "machine": machine, "what": what, "other": other, "at": at} for at, machine, what, other in changes]
        return Weather(starts + ready + later + [{"do": "quiet", "host": "x/y", "at": 99.0}], MEMBERS, NODES)

    def test_one_member_less_is_no_outage(self):
        weather = self.weather((20.0, "e1", "kill", None))
        self.assertEqual(weather.rests.spans, [])
        self.assertEqual(weather.touch["n1"].spans, [(6.0, 20.0), (30.0, 100.0)])

    def test_two_members_less_are_one(self):
        weather = self.weather((20.0, "e1", "stop", None), (20.0, "e2", "unplug", None), (40.0, "e1", "resume", None))
        self.assertEqual(weather.rests.spans, [(21.0, 40.0)])
        self.assertEqual(weather.away["n1"].spans, [(21.0, 40.0)])

    def test_members_that_do_not_hear_each_other_promise_nothing(self):
        weather = self.weather((20.0, "e1", "lose", "e2"))
        self.assertEqual(weather.rests.spans, [])
        self.assertEqual(weather.touch["n1"].spans, [(6.0, 20.0)])

    def test_a_node_that_hears_no_member_is_away_and_the_others_are_not(self):
        weather = self.weather((20.0, "n1", "lose", "e1"), (20.0, "n1", "lose", "e2"), (20.0, "e3", "lose", "n1"))
        self.assertEqual(weather.away["n1"].spans, [(21.0, 100.0)])
        self.assertEqual(weather.touch["n2"].spans, [(6.0, 100.0)])

    def test_a_node_has_its_time_after_it_is_ready(self):
        weather = self.weather((20.0, "n1", "kill", None), (21.0, "n1", "start", None))
        self.assertEqual(weather.touch["n1"].spans, [(6.0, 20.0)])


class Wire(unittest.TestCase):
    """Messages that were put together by hand."""

    def test_an_answer_has_its_addresses_and_why_it_is_stale(self):
        name = b"\x03web\x07service\x05local\x00"
        message = b"\x00\x07\x84\x00\x00\x01\x00\x02\x00\x00\x00\x01" + name + b"\x00\x01\x00\x01"
        for last, ttl in ((1, 5), (2, 3)):
            message += b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00" + bytes([ttl]) + b"\x00\x04\x0a\x00\x00" + bytes([last])
        message += b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x06\x00\x0f\x00\x02\x00\x03"
        answer = wire.Answer(message)
        self.assertEqual((answer.rcode, answer.addresses, answer.ttl, answer.errors), ("NOERROR", [A, B], 3, [3]))

    def test_a_body_in_pieces(self):
        reply = wire.parse_reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n")
        self.assertEqual((reply.status, reply.json()), (200, [1]))
        with self.assertRaises(ValueError):
            wire.parse_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[]")
