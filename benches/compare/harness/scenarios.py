"""What is measured. Each scenario gives figures, by name, of one peer."""
import random
import re
import subprocess
import time
from itertools import accumulate
from pathlib import Path

import machine
from peer import Fault, Usage, result_of

HERE = Path(__file__).resolve().parent


class Scenarios:
    """All of them, over the options and keys of one run."""

    def __init__(self, options, keys, issuer, origin):
        self.options, self.keys, self.issuer, self.origin = options, keys, issuer, origin
        self.notes = set()  # what a reader of the figures has to know
        self.storms = 0  # so far: each takes tokens that nobody has seen

    # Each in every round: name -> function(peer).

    def requests(self, peer):
        """Kept connections, 1 KiB of JSON."""
        figures = {}
        for connections in (32, 256):
            rate, cpu_us, share = self._wrk(peer, connections)
            figures |= {
                f"requests-{connections}-cpu-us": cpu_us,
                f"requests-{connections}-per-s": rate,
                f"requests-{connections}-cpu-share": share,
            }
        return figures

    def latency(self, peer):
        """A fixed rate."""
        result = faultless(peer.load("rate", peer.at("/json"), 16, self.options.rate, self.options.seconds))
        return {"latency-p50-us": result["p50_us"], "latency-p99-us": result["p99_us"]}

    def connect(self, peer):
        """New connections, each with a full handshake and one request; ECDSA certificate."""
        return self._connect(peer, "ecdsa")

    def connect_rsa(self, peer):
        """The same with an RSA certificate; the peer was started with one."""
        return self._connect(peer, "rsa")

    def download(self, peer):
        """One large answer."""
        usage = Usage(peer)
        return self._body("download", usage, peer.load("download", peer.at(f"/stream/{self.options.mib}")))

    def upload(self, peer):
        """One large request."""
        usage = Usage(peer)
        return self._body("upload", usage, peer.load("upload", peer.at("/upload"), self.options.mib))

    def http2(self, peer):
        """16 connections with 32 streams each."""
        usage = Usage(peer)
        text = machine.output(
            ["h2load", "-t1", "-c16", "-m32", "-D", self.options.seconds,
             "-H", f"authorization: Bearer {peer.bearer}", peer.at("/json")], self.options.load_cpu)
        codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        good, *bad = (int(count) for count in codes.groups()) if codes else (0, 1)
        if not good or any(bad) or "Application protocol: h2" not in text:
            raise Fault(f"h2load: {codes.group() if codes else text[-300:]}")
        return {"http2-cpu-us": usage.seconds() / good * 1e6, "http2-per-s": good / self.options.seconds,
                "http2-cpu-share": usage.share()}

    def tokens(self, peer):
        """Many tokens, all known to the peer: one of them, all in turn, and some more often than others."""
        file = self.keys.tokens("rs256", self.issuer, MANY, 1)
        faultless(peer.load("each", peer.at("/json"), 32, file))
        weights = list(accumulate(1 / rank for rank in range(1, MANY + 1)))  # Zipf's law, exponent 1
        orders = {
            "one": [1],
            "uniform": range(1, MANY + 1),
            "zipf": random.Random(1).choices(range(1, MANY + 1), cum_weights=weights, k=10 * MANY),
        }
        figures = {}
        for name, order in orders.items():
            numbers = peer.folder / f"order-{name}"
            numbers.write_text("\n".join(map(str, order)))
            script = ["-s", HERE / "tokens.lua", peer.at("/json"), "--", file, numbers]
            figures[f"tokens-{name}-cpu-us"] = self._wrk(peer, 32, script)[1]
        return figures

    def storm(self, peer):
        """Steady requests, alone and beside sign-ins. Their generator and the origin run before the generator of the
        sign-ins: on their one CPU they would wait for it longer than for the proxy."""
        with machine.running_first(self.origin) as is_allowed:
            if not is_allowed:
                self.notes.add("storm: SCHED_RR was not allowed (CAP_SYS_NICE), so that its figures hold what the generators waited for each other")
            return self._storm(peer, machine.FIRST if is_allowed else [])

    def _storm(self, peer, words):
        steady = ["rate", peer.at("/json"), 64, STEADY, self.options.seconds]
        calm = faultless(peer.load(*steady, words=words))
        count = STORM * self.options.seconds
        file = self.keys.tokens("rs256", self.issuer, count + STORM, 1_000_000 + self.storms * 100_000)
        self.storms += 1
        command = [f"{peer.environment['BENCH_TOOLS']}/load", "sign-in", peer.at("/v1/sso_token"),
                   16, STORM, self.options.seconds, file, 0]
        storm = machine.spawn(command, self.options.load_cpu, env=peer.environment,
                              stdout=subprocess.PIPE, text=True)
        try:
            beside = faultless(peer.load(*steady, words=words))
            text = storm.communicate(timeout=60)[0]
        finally:
            machine.stop(storm)
        sign_ins = result_of(text)
        if sign_ins.get("errors") or sign_ins.get("requests") != count or sign_ins["late_us"] > LATEST_US:
            raise Fault(f"sign-ins: {sign_ins}; log: {peer.end_of_log()}")
        return {"storm-without-p99-us": calm["p99_us"], "storm-with-p99-us": beside["p99_us"],
                "storm-sign-in-p99-us": sign_ins["p99_us"]}

    def slow_reader(self, peer):
        """Clients that ask for 1 GiB and read 1 MiB/s: memory above the idle connections, for each."""
        command = ["slow", peer.at("/json"), peer.at("/stream/1024"), SLOW, 1 << 20]
        with Held(peer, self.options.load_cpu, command, SLOW) as held:
            before = peer.memory_mib()
            held.begin()
            samples = []
            for _ in range(12):  # the buffers on the way are full within the first second
                time.sleep(0.5)
                samples.append(peer.memory_mib())
        return {"slow-reader-mib": (max(samples) - before) / SLOW}

    # Once, after all rounds.

    def memory(self, peer):
        """Idle connections that have had one request each."""
        loaded = peer.memory_mib()
        count = self.options.idle
        with Held(peer, self.options.load_cpu, ["idle", peer.at("/json"), count], count):
            time.sleep(1)
            held = peer.memory_mib()
        return {"memory-after-load-mib": loaded, "memory-idle-mib": held,
                "memory-idle-kib-per-connection": (held - loaded) * 1024 / count}

    def cached(self, peer):
        """Many cached tokens; on a peer that has done nothing before."""
        file = self.keys.tokens("es256", self.issuer, self.options.cached, 10_000_000)
        faultless(peer.load("each", peer.at("/json"), 16, file))
        time.sleep(1)
        return {"memory-cached-tokens-mib": peer.memory_mib()}

    def _wrk(self, peer, connections, script=None):
        usage = Usage(peer)
        seconds = self.options.seconds
        what = script or ["-H", f"Authorization: Bearer {peer.bearer}", peer.at("/json")]
        text = machine.output(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *what], self.options.load_cpu)
        cpu, share = usage.seconds(), usage.share()
        count = re.search(r"(\d+) requests in", text)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
        if re.search(r"Non-2xx|Socket errors", text) or not rate or not int(count.group(1)):
            raise Fault(f"wrk: {text[-300:]}")
        return float(rate.group(1)), cpu / int(count.group(1)) * 1e6, share

    def _connect(self, peer, kind):
        usage = Usage(peer)
        result = faultless(peer.load("connect", peer.at("/json"), 8, self.options.seconds))
        return {f"connect-{kind}-cpu-us": usage.seconds() / result["requests"] * 1e6,
                f"connect-{kind}-per-s": result["requests"] / result["seconds"]}

    def _body(self, name, usage, result):
        if (result.get("status"), result.get("bytes")) != (200, self.options.mib << 20):
            raise Fault(f"{name}: {result}")
        gib = self.options.mib / 1024
        return {f"{name}-cpu-s-per-gib": usage.seconds() / gib, f"{name}-gib-per-s": gib / result["seconds"],
                f"{name}-cpu-share": usage.share()}


class Held:
    """Connections that a load generator keeps open."""

    def __init__(self, peer, cpu, command, count):
        environment = dict(peer.environment, BENCH_BEARER=peer.bearer)
        self.load = machine.spawn([f"{environment['BENCH_TOOLS']}/load", *command], cpu, env=environment,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = count

    def __enter__(self):
        ready = self.load.stdout.readline().split()
        if ready != ["READY", str(self.count)]:
            machine.stop(self.load)
            raise Fault(f"of {self.count} connections: {' '.join(ready) or 'none'}")
        return self

    def begin(self):
        self.load.stdin.write("\n")
        self.load.stdin.flush()

    def __exit__(self, *_):
        machine.stop(self.load)


def faultless(result):
    if result.get("errors") or not result.get("requests"):
        raise Fault(str(result))
    return result


MANY = 10_000  # tokens of the scenario `tokens`
STEADY = 5_000  # requests/s of the scenario `storm`
STORM = 200  # sign-ins/s beside them
LATEST_US = 50_000  # any of them may begin late: ten sign-ins' time, so that they come as a storm and not in its place
SLOW = 8  # slow readers: one alone would drown in the noise of a whole process

EVERY_ROUND = ["requests", "latency", "connect", "connect-rsa", "download", "upload", "http2", "tokens",
               "storm", "slow-reader"]
ONCE = ["memory", "cached"]
TOOLS = {"requests": "wrk", "tokens": "wrk", "http2": "h2load", "storm": "chrt"}
PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client", "openssl": "openssl", "taskset": "util-linux", "chrt": "util-linux"}


def applies(scenario, description):
    """Whether the peer can do it at all."""
    if scenario in ("tokens", "storm", "cached"):
        return description.takes_any_token
    if description.cpus > 1:
        return scenario == "requests"
    return scenario != "http2" or description.speaks_http2
