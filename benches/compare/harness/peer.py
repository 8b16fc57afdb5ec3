"""A proxy under measurement: how it is described, started, checked and asked."""
import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import machine

PEERS = Path(__file__).resolve().parent.parent / "peers"


class Fault(Exception):
    """A peer that does not do the work."""


class Description:
    """The comment lines of peers/NAME/start.sh."""

    def __init__(self, name, builds):
        self.name = name
        self.binary = builds.get(name)  # another build of the sidecar
        self.script = PEERS / ("ocient-sidecar" if self.binary else name) / "start.sh"
        if not self.script.exists():
            raise SystemExit(f"no peer {name}; there are: {', '.join(known())}")
        notes = dict(re.findall(r"^# (\w+): (.*)$", self.script.read_text(), re.M))
        self.about = self.script.read_text().split("\n")[0].lstrip("# ")
        self.checks_token = notes["auth"] != "none"
        self.is_given_the_injected = notes.get("bearer") == "inject"
        self.speaks_http2 = notes.get("speaks") != "http/1.1"
        self.takes_any_token = notes.get("tokens") == "many"
        self.cpus = int(notes.get("cpus", "1"))
        self.needs = [os.path.expandvars(need) for need in notes.get("needs", "").split()]
        self.packages = notes.get("packages", "")

    def missing(self):
        """What is not installed of what it needs."""
        return [need for need in self.needs if not (shutil.which(need) or Path(need).is_file())]


def known():
    return sorted(script.parent.name for script in PEERS.glob("*/start.sh"))


class Peer:
    """A running one."""

    def __init__(self, description, cpus, environment, load_cpu, patience=15):
        self.about, self.name, self.load_cpu = description, description.name, load_cpu
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=environment["BENCH_SCRATCH"]))
        self.folder.chmod(0o755)  # workers of some change to another user
        port = machine.free_port()
        self.environment = dict(environment, BENCH_PORT=str(port), BENCH_DIR=str(self.folder), BENCH_PEERS=str(PEERS))
        if description.binary:
            self.environment["SIDECAR"] = description.binary
        self.url = f"https://127.0.0.1:{port}"
        self.bearer = environment["BENCH_INJECT" if description.is_given_the_injected else "BENCH_TOKEN"]
        self.log = self.folder / "log"
        with self.log.open("w") as log:
            self.process = machine.spawn(["sh", description.script], cpus, env=self.environment,
                                         stdout=log, stderr=log, cwd=self.folder)
        if not machine.answers(port, self.process, patience):
            raise Fault(f"did not start: {self.end_of_log()}")
        time.sleep(0.5)  # some start their workers later than they listen

    def pids(self):
        return machine.tree(self.process.pid)

    def memory_mib(self):
        return machine.memory_mib(self.pids())

    def end_of_log(self):
        return self.log.read_text(errors="replace")[-600:]

    def at(self, path):
        return self.url + path

    def load(self, *arguments, bearer=None, words=()):
        """One run of the load generator, with `words` before its command."""
        environment = dict(self.environment, BENCH_BEARER=self.bearer if bearer is None else bearer)
        command = [*words, f"{environment['BENCH_TOOLS']}/load", *arguments]
        return result_of(machine.output(command, self.load_cpu, env=environment))

    def check(self):
        """It must replace the field, stream both ways unchanged, and refuse bad tokens."""
        good = self.load("once", self.at("/json"))
        if (good.get("status"), good.get("bytes")) != (200, 1024):
            raise Fault(f"a good token gives {good}; log: {self.end_of_log()}")
        injected = self.environment["BENCH_INJECT"]
        direct = self.load("once", f"{self.environment['BENCH_ORIGIN']}/stream/3", bearer=injected)
        through = self.load("once", self.at("/stream/3"))
        if through != direct:
            raise Fault(f"a stream differs: {direct}, {through}")
        upload = self.load("upload", self.at("/upload"), 3)
        if (upload.get("status"), upload.get("bytes")) != (200, 3 << 20):
            raise Fault(f"an upload gives {upload}")
        if self.about.checks_token:
            token = self.environment["BENCH_TOKEN"]
            forged = token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]
            for bad in (forged, "junk", ""):
                refused = self.load("once", self.at("/json"), bearer=bad)
                if refused.get("status") not in (401, 403):
                    raise Fault(f"the bad token {bad[-8:]!r} gives {refused}")


def result_of(text):
    """What a load generator printed, or that it failed."""
    try:
        return json.loads(text)
    except ValueError:
        return {"status": 0, "requests": 0, "errors": 1, "failure": text.strip()[-200:]}


class Usage:
    """CPU time of a peer from now on."""

    def __init__(self, peer):
        self.pids = peer.pids()
        self.cpu, self.clock = machine.cpu_seconds(self.pids), time.monotonic()

    def seconds(self):
        return machine.cpu_seconds(self.pids) - self.cpu

    def share(self):
        """Of one CPU."""
        return self.seconds() / (time.monotonic() - self.clock)
