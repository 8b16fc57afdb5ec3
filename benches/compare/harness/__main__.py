"""Measures proxies that end TLS and check tokens side by side, with the same work for each."""
import argparse
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import peer as peers
import report
import scenarios
from keys import AUDIENCE, Keys

ROOT = Path(__file__).resolve().parents[3]
INJECTED = "upstream-" + "0123456789abcdef" * 4
DEFAULT_PEERS = [name for name in peers.known() if name != "envoy"]


def options():
    parser = argparse.ArgumentParser(prog="benches/compare/run", description=__doc__)
    listed = lambda text: text.split(",")
    parser.add_argument("--peers", type=listed, default=DEFAULT_PEERS, metavar="A,B", help="of " + ", ".join(peers.known()))
    parser.add_argument("--scenarios", type=listed, default=scenarios.EVERY_ROUND + scenarios.ONCE, metavar="A,B",
                        help="of " + ", ".join(scenarios.EVERY_ROUND + scenarios.ONCE))
    parser.add_argument("--build", action="append", default=[], metavar="NAME=BINARY",
                        help="another build of the sidecar, as a peer of that name")
    parser.add_argument("--without-missing", action="store_true", help="leave out peers that are not installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="length of one timed sample")
    parser.add_argument("--reference", default="haproxy-static", help="the peer that ratios are against")
    parser.add_argument("--rate", type=int, default=1000, help="requests/s of the scenario latency")
    parser.add_argument("--mib", type=int, default=1024, help="size of the large bodies")
    parser.add_argument("--idle", type=int, default=5000, help="connections of the scenario memory")
    parser.add_argument("--cached", type=int, default=100_000, help="tokens of the scenario cached")
    parser.add_argument("--goal", action="append", default=[], metavar="GOAL",
                        help="exit 1 if missed, for instance 'ocient-sidecar:requests-32-cpu-us / haproxy-static:requests-32-cpu-us <= 0.95'")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a measured goal of the file `goals` is missed")
    parser.add_argument("--let-sleep", action="store_true", help="no spinners in scenarios with latencies")
    parser.add_argument("--proxy-cpu", default="0")
    parser.add_argument("--load-cpu", default="1", help="of load generator and origin")
    parser.add_argument("--markdown", type=Path, default=Path(os.environ["BENCH_TARGET"]) / "compare.md")
    parser.add_argument("--json", type=Path, help="where to write all samples")
    return parser.parse_args()


def main():
    chosen = options()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    builds = dict(pair.split("=", 1) for pair in chosen.build)
    goals = [report.Goal(text) for text in chosen.goal]
    descriptions = installed([peers.Description(name, builds) for name in [*chosen.peers, *builds]], chosen)
    scratch = Path(tempfile.mkdtemp(prefix="compare-"))
    scratch.chmod(0o755)
    try:
        run = Run(chosen, scratch)
        run.measure(descriptions)
    finally:
        machine.stop_all()
        shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(1 if conclude(chosen, run, descriptions, goals) else 0)


def installed(descriptions, chosen):
    """Those whose parts are there; whoever lacks one is named."""
    unknown = set(chosen.scenarios) - set(scenarios.EVERY_ROUND + scenarios.ONCE)
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(sorted(unknown))}")
    tools = {"openssl", "taskset"} | {scenarios.TOOLS[it] for it in chosen.scenarios if it in scenarios.TOOLS}
    lacking = sorted(tool for tool in tools if not shutil.which(tool))
    packages = {scenarios.PACKAGES[tool] for tool in lacking}
    absent = [it for it in descriptions if it.missing()]
    for description in absent:
        lacking.append(f"{description.name} ({', '.join(description.missing())})")
        packages |= set(description.packages.split())
    if lacking:
        print(f"missing: {', '.join(lacking)}", file=sys.stderr)
        if not chosen.without_missing or len(lacking) > len(absent):
            raise SystemExit(f"on Debian: apt-get install {' '.join(sorted(packages))}")
    return [it for it in descriptions if it not in absent]


class Run:
    """One measurement of all peers."""

    def __init__(self, chosen, scratch):
        self.chosen = chosen
        self.figures, self.faults = report.Figures(), []
        port = machine.free_port()
        issuer = f"http://127.0.0.1:{port}"
        self.keys = Keys(scratch, os.environ["BENCH_TOOLS"])
        token = self.keys.tokens("rs256", issuer, 1, 0).read_text().strip()
        self.environment = dict(
            os.environ, **self.keys.variables("ecdsa"), BENCH_SCRATCH=str(scratch), BENCH_ISSUER=issuer,
            BENCH_UPSTREAM=f"127.0.0.1:{port}", BENCH_UPSTREAM_PORT=str(port), BENCH_ORIGIN=issuer,
            BENCH_AUDIENCE=AUDIENCE, BENCH_INJECT=INJECTED, BENCH_TOKEN=token)
        origin = machine.spawn([f"{os.environ['BENCH_TOOLS']}/origin", port], chosen.load_cpu, env=self.environment)
        if not machine.answers(port, origin):
            raise SystemExit("the origin did not start")
        self.scenarios = scenarios.Scenarios(chosen, self.keys, issuer, origin)
        self.quiet = machine.Quiet()

    def measure(self, descriptions):
        wanted = [name for name in scenarios.EVERY_ROUND if name in self.chosen.scenarios]
        running = {it.name: self.start(it) for it in descriptions}
        rsa = self.keys.variables("rsa")
        with_rsa = {it.name: self.start(it, **rsa) for it in descriptions
                    if "connect-rsa" in wanted and scenarios.applies("connect-rsa", it)}
        for number in range(self.chosen.rounds):
            print(f"round {number + 1} of {self.chosen.rounds}", file=sys.stderr)
            order = descriptions if number % 2 == 0 else descriptions[::-1]
            for name in wanted:
                self.quiet.spin()
                awake = self.awake(name)
                among = with_rsa if name == "connect-rsa" else running
                for description in order:
                    self.sample(name, among.get(description.name), number)
                for spinner in awake:
                    machine.stop(spinner)
        if "memory" in self.chosen.scenarios:
            for description in descriptions:
                self.sample("memory", running[description.name])
        if "cached" in self.chosen.scenarios:
            for description in descriptions:
                if scenarios.applies("cached", description):
                    self.sample("cached", self.start(description))
        self.quiet.spin()

    def start(self, description, **variables):
        """A peer that was seen to do the work."""
        try:
            peer = peers.Peer(description, self.cpus(description), dict(self.environment, **variables), self.chosen.load_cpu)
            is_first = self.figures.median(peer.name, "memory-start-mib") is None  # a later one shares its pages
            if "memory" in self.chosen.scenarios and is_first:
                self.figures.add(peer.name, {"memory-start-mib": peer.memory_mib()})
            peer.check()
            return peer
        except peers.Fault as fault:
            raise SystemExit(f"{description.name}: {fault}")

    def cpus(self, description):
        """The proxy's CPU, and for more workers others: the load's own last of all."""
        mine = [self.chosen.proxy_cpu]
        free = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]
        free = [cpu for cpu in free if cpu not in (self.chosen.proxy_cpu, self.chosen.load_cpu)]
        return ",".join((mine + free + [self.chosen.load_cpu])[: description.cpus])

    def awake(self, name):
        if name not in ("latency", "storm") or self.chosen.let_sleep:
            return []
        return machine.keep_awake({self.chosen.proxy_cpu, self.chosen.load_cpu})

    def sample(self, name, peer, number=0):
        if peer is None or not scenarios.applies(name, peer.about):
            return
        try:
            figures = getattr(self.scenarios, name.replace("-", "_"))(peer)
        except peers.Fault as fault:
            self.faults.append(f"{peer.name}, {name}: {fault}")
            print(self.faults[-1], file=sys.stderr)
            return
        self.figures.add(peer.name, figures, number)
        shown = ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
        print(f"  {peer.name}: {shown}", file=sys.stderr)


def conclude(chosen, run, descriptions, goals):
    """Prints and writes everything; whether something is wrong."""
    words, is_quiet = run.quiet.verdict()
    own = report.goals_of(Path(__file__).resolve().parent.parent / "goals")
    rows = list(run.figures.rows([it.name for it in descriptions], chosen.reference))
    builds = [it.name for it in descriptions if it.binary]
    goal_rows = [goal.row(run.figures, builds) for goal in [*own, *goals]]
    goals_head = report.goals_head(builds)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    facts = [
        f"{datetime.date.today()}, commit {commit.stdout.strip() or 'unknown'}",
        machine.describe(),
        versions(descriptions),
        f"{chosen.rounds} rounds of {chosen.seconds} s; ratio: against {chosen.reference}",
        words + ("" if is_quiet else ". NOISY: others used the machine, run it again"),
        *sorted(run.scenarios.notes),
        *(f"FAULT {fault}" for fault in run.faults),
    ]
    print("\n" + "\n".join(facts))
    for head, table in ((report.FIGURES_HEAD, rows), (goals_head, goal_rows)):
        if table:
            print("\n" + report.plain(head, table))
    text = "\n".join(f"- {fact}" for fact in facts)
    text += f"\n\n{report.markdown(goals_head, goal_rows)}\n\n{report.markdown(report.FIGURES_HEAD, rows)}\n"
    chosen.markdown.write_text(text)
    print(f"\nalso in {chosen.markdown}")
    if chosen.json:
        samples = {f"{peer}:{name}": values for (name, peer), values in run.figures.samples.items()}
        chosen.json.write_text(json.dumps(samples, indent=1))
    missed = [goal for goal in goals if not goal.is_met(run.figures)]
    missed += [goal for goal in own if chosen.strict and goal.is_met(run.figures) is False]
    for goal in missed:
        print(f"missed: {goal.figure}", file=sys.stderr)
    return bool(missed or run.faults)


def versions(descriptions):
    """Of the Debian packages behind the peers."""
    packages = sorted({package for it in descriptions for package in it.packages.split()})
    if not packages:
        return "no Debian packages"  # of no name, dpkg-query lists all
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages], capture_output=True, text=True)
    return shown.stdout.strip(", ") or "no Debian packages"


main()
