"""Instructions per proxied request, by callgrind; see benches/compare/instructions."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
from keys import AUDIENCE, Keys
from peer import Description, Peer

INJECTED = "upstream-" + "0123456789abcdef" * 4
FEW, MANY = 500, 2_500  # requests; the first fill caches and pools
MARGIN = 1.10


def main():
    record = Path(sys.argv[1])
    if not shutil.which("valgrind"):
        raise SystemExit("missing: valgrind; on Debian: apt-get install valgrind")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    scratch = Path(tempfile.mkdtemp(prefix="instructions-"))
    try:
        environment = prepare(scratch)
        few, _ = total(environment, FEW)
        many, profile = total(environment, MANY)
        if sys.argv[2:] == ["profile"]:
            print(subprocess.run(["callgrind_annotate", profile], capture_output=True, text=True).stdout)
    finally:
        machine.stop_all()
        shutil.rmtree(scratch, ignore_errors=True)
    each = round((many - few) / (MANY - FEW))
    if sys.argv[2:] == ["record"]:
        record.write_text(f"{each}\n")
        print(f"{each} instructions per request, recorded")
        return
    known = int(record.read_text())
    print(f"{each} instructions per request, {each / known:.3f} of the {known} on record")
    sys.exit(1 if each > known * MARGIN else 0)


def prepare(scratch):
    """Keys, an origin, and a sidecar's environment in which it starts under callgrind."""
    port = machine.free_port()
    issuer = f"http://127.0.0.1:{port}"
    keys = Keys(scratch, os.environ["BENCH_TOOLS"])
    token = keys.tokens("rs256", issuer, 1, 0).read_text().strip()
    wrapper = scratch / "sidecar"
    wrapper.write_text('#!/bin/sh\nexec valgrind --tool=callgrind --quiet --callgrind-out-file=callgrind.out '
                       f'"{os.environ["SIDECAR"]}" "$@"\n')
    wrapper.chmod(0o755)
    environment = dict(
        os.environ, **keys.variables("ecdsa"), SIDECAR=str(wrapper), BENCH_SCRATCH=str(scratch), BENCH_ISSUER=issuer,
        BENCH_UPSTREAM=f"127.0.0.1:{port}", BENCH_UPSTREAM_PORT=str(port), BENCH_ORIGIN=issuer,
        BENCH_AUDIENCE=AUDIENCE, BENCH_INJECT=INJECTED, BENCH_TOKEN=token)
    origin = machine.spawn([f"{os.environ['BENCH_TOOLS']}/origin", port], EVERYWHERE, env=environment)
    if not machine.answers(port, origin):
        raise SystemExit("the origin did not start")
    return environment


def total(environment, count):
    """Instructions of a whole life of the sidecar with so many requests on one connection, and its profile."""
    peer = Peer(Description("ocient-sidecar", {}), EVERYWHERE, environment, EVERYWHERE, PATIENCE)
    result = peer.load("count", peer.at("/json"), count)
    if result.get("requests") != count:
        raise SystemExit(f"{result}; log: {peer.end_of_log()}")
    peer.process.terminate()
    try:
        peer.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise SystemExit("the sidecar does not stop")
    profile = peer.folder / "callgrind.out"
    summary = re.search(r"^(?:summary|totals): (\d+)", profile.read_text(), re.M)
    return int(summary.group(1)), profile


EVERYWHERE = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
PATIENCE = 120  # seconds for its start and its end, which take so long under callgrind on a busy machine

main()
