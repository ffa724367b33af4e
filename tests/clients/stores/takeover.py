"""The end of one of two servers, when all else has been tried."""
import signal
import time

from .battery import alone, story
from .tables import apart
from .wire import Checked


@story(alone, servers=2)
def equal(scene):
    """The tables of both have one digest, after all that was done, and when one of them was gone."""
    node, other = scene.node, scene.other
    seconds = scene.difference("seconds until tables of two servers are equal")
    scene.within("the digests are equal", seconds, True, lambda: node.digest() == other.digest(), why=lambda: apart(node, other))
    if scene.difference("revisions are the same at every server"):
        scene.within("the revisions, too", seconds, True, lambda: node.revision() == other.revision())


@story(alone, servers=2)
def takeover(scene):
    """Checks of a server that is gone are another's."""
    node, other, service = scene.node, scene.other, scene.service
    programs = [Checked() for _ in range(6)]
    for number, program in enumerate(programs):
        check = {"id": "up", "http": f"http://127.0.0.1:{program.port}/", "interval": "1s", "timeout": "1s"}
        node.call("PUT", f"/v1/hosts/{service}/{number}", {"address": "127.0.0.1", "port": 1000 + number, "checks": [check]})

    def well():
        return sum(row["status"] == "passing" for row in node.rows(service).values())

    scene.within("all are well", 6, 6, well)
    time.sleep(1)
    other.stop(signal.SIGKILL)
    for program in programs:
        program.status = 500
    seconds = scene.difference("seconds until another server does the checks of one that is gone")
    scene.within("those of the one that is gone are done", seconds, 0, well)
    for number, program in enumerate(programs):
        node.call("DELETE", f"/v1/hosts/{service}/{number}")
        program.close()
    other.start()
    equal(scene)
