"""The list of what is tried, and the count of what passed."""
import threading
import time
import traceback

from . import differences

# Together: each story has services of its own. Crowds: those of many clients, who would make the others late. Alone: one after
# another, as they look at the whole table.
together, crowds, alone = [], [], []


def story(where, servers=1):
    """Puts a function in a list of those above. One that wants two servers is left out where there can be but one."""
    def put(function):
        function.servers = servers
        where.append(function)
        return function
    return put


class Tally:
    """What passed and failed of one store; one line each."""

    def __init__(self, store):
        self.store, self.passed, self.failed = store, 0, 0
        self.lock = threading.Lock()

    def say(self, title, good, detail=""):
        with self.lock:
            if good:
                self.passed += 1
                print(f"{self.store}: ok {title}", flush=True)
            else:
                self.failed += 1
                print(f"{self.store}: FAILED {title}: {detail}", flush=True)


class Scene:
    """What a story has: a server, the other one where there is one, and the words to say what must be."""

    def __init__(self, function, number, tally, node, other):
        self.name, self.tally, self.node, self.other = function.__name__.replace("_", " "), tally, node, other
        self.function, self.number, self.last = function, number, 0
        self.service = function.__name__.replace("_", "-")

    def run(self):
        started = time.monotonic()
        try:
            self.function(self)
        except Exception as problem:  # A story that breaks off is a failure, and the others go on.
            where = traceback.extract_tb(problem.__traceback__)[-1]
            self.tally.say(f"{self.name}: runs to its end", False, f"{problem!r} in {where.filename}:{where.lineno}")
        else:
            self.tally.say(f"{self.name}: runs to its end", True)
        self.took = time.monotonic() - started
        return self

    def difference(self, name):
        return differences.of(self.tally.store, name)

    def address(self):
        """An address that no other story has."""
        self.last += 1
        return f"10.{self.number}.{self.last // 250}.{self.last % 250 + 1}"

    def good(self, title, truth, detail=""):
        self.tally.say(f"{self.name}: {title}", bool(truth), detail)

    def same(self, title, expected, found):
        self.good(title, expected == found, f"expected {shown(expected)}, found {shown(found)}")

    def status(self, title, expected, reply):
        self.good(title, reply.status == expected, f"expected {expected}, found {reply}")

    def within(self, title, seconds, expected, function, *arguments, why=None):
        """What a function gives before some seconds are over. Says how long it took; `why` tells more where it does not."""
        started = time.monotonic()
        while True:
            found = function(*arguments)
            took = time.monotonic() - started
            if found == expected or took > seconds:
                break
            time.sleep(0.02)
        good = found == expected and took <= seconds + 0.2
        more = f"; {why()}" if why and not good else ""
        self.good(title, good, f"expected {shown(expected)} within {seconds} s, found {shown(found)} after {took:.2f} s{more}")
        return took


def shown(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)})"


def crowd(number, function):
    """Runs a function in as many threads, with their numbers; gives what each gave, in order."""
    results = [None] * number

    def run(place):
        results[place] = function(place)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
