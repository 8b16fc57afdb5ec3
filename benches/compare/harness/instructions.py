"""Instructions and allocations per proxied request, by callgrind; see benches/compare/instructions."""
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
MARGIN = 1.03
# Of the greatest length that is read laxly, without a credential: what a stranger can have done for nothing.
# Each escape stands for the begin of another one.
WORST_PATH = "/v1/" + "%25" * 339


def main():
    record = Path(sys.argv[1])
    if not shutil.which("valgrind"):
        raise SystemExit("missing: valgrind; on Debian: apt-get install valgrind")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    scratch = Path(tempfile.mkdtemp(prefix="instructions-"))
    try:
        environment = prepare(scratch)
        ours, profile = each(environment, "ocient-sidecar", "/json", 200)
        worst, _ = each(environment, "ocient-sidecar", WORST_PATH, 401, bearer="")
        if sys.argv[2:] == ["profile"]:
            print(subprocess.run(["callgrind_annotate", profile], capture_output=True, text=True).stdout)
        bare, _ = each(environment, "bare-hyper", "/json", 200)
    finally:
        machine.stop_all()
        shutil.rmtree(scratch, ignore_errors=True)
    found = {"instructions": ours["instructions"], "allocations": ours["allocations"],
             "allocations beyond a bare hyper proxy's": ours["allocations"] - bare["allocations"],
             "instructions for the worst path": worst["instructions"]}
    if sys.argv[2:] == ["record"]:
        record.write_text("".join(f"{name}: {count}\n" for name, count in found.items()))
    known = dict(line.split(": ") for line in record.read_text().splitlines())
    is_dearer = False
    for name in found.keys() - known.keys():
        raise SystemExit(f"{found[name]} {name} per request are not on record; see benches/compare/README.md")
    for name, count in found.items():
        bound = int(known[name]) * (MARGIN if name.startswith("instructions") else 1)
        is_dearer |= count > bound
        print(f"{count} {name} per request, at most {bound:.0f}{'  **too many**' * (count > bound)}")
    sys.exit(1 if is_dearer else 0)


def each(environment, name, path, status, bearer=None):
    """What one further request for `path`, which is answered with `status`, costs a peer, and its profile."""
    few, _ = total(environment, name, (path, status, bearer), FEW)
    many, profile = total(environment, name, (path, status, bearer), MANY)
    return {what: round((many[what] - few[what]) / (MANY - FEW)) for what in many}, profile


def prepare(scratch):
    """Keys, an origin, and a sidecar's environment in which it starts under callgrind."""
    port = machine.free_port()
    issuer = f"http://127.0.0.1:{port}"
    keys = Keys(scratch, os.environ["BENCH_TOOLS"])
    token = keys.tokens("rs256", issuer, 1, 0).read_text().strip()
    tools = scratch / "tools"
    tools.mkdir()
    for tool in Path(os.environ["BENCH_TOOLS"]).iterdir():
        (tools / tool.name).symlink_to(tool)
    for name, binary in (("sidecar", os.environ["SIDECAR"]), ("bare", (tools / "bare").resolve())):
        wrapper = tools / name
        wrapper.unlink(missing_ok=True)
        wrapper.write_text('#!/bin/sh\nexec valgrind --tool=callgrind --quiet --callgrind-out-file=callgrind.out '
                           f'"{binary}" "$@"\n')
        wrapper.chmod(0o755)
    environment = dict(
        os.environ, **keys.variables("ecdsa"), SIDECAR=str(tools / "sidecar"), BENCH_TOOLS=str(tools), BENCH_SCRATCH=str(scratch), BENCH_ISSUER=issuer,
        BENCH_UPSTREAM=f"127.0.0.1:{port}", BENCH_UPSTREAM_PORT=str(port), BENCH_ORIGIN=issuer,
        BENCH_AUDIENCE=AUDIENCE, BENCH_INJECT=INJECTED, BENCH_TOKEN=token)
    origin = machine.spawn([f"{os.environ['BENCH_TOOLS']}/origin", port], EVERYWHERE, env=environment)
    if not machine.answers(port, origin):
        raise SystemExit("the origin did not start")
    return environment


def total(environment, name, request, count):
    """What a whole life of a peer costs with so many requests on one connection, and its profile."""
    peer = Peer(Description(name, {}), EVERYWHERE, environment, EVERYWHERE, PATIENCE)
    path, status, bearer = request
    result = peer.load("count", peer.at(path), count, bearer=bearer)
    if (result.get("status"), result.get("requests")) != (status, count):
        raise SystemExit(f"{result}; log: {peer.end_of_log()}")
    peer.process.terminate()
    try:
        peer.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{name} does not stop")
    profile = peer.folder / "callgrind.out"
    text = profile.read_text()
    instructions = int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1))
    return {"instructions": instructions, "allocations": allocations(text)}, profile


def allocations(profile):
    """How often memory was asked for, of whichever allocator. Names are numbered at their first appearance."""
    names, called, calls = {}, None, 0
    for line in profile.splitlines():
        if match := FUNCTION.match(line):
            kind, number, name = match.groups()
            if name:
                names[number] = name
            if kind == "cfn":
                called = names[number]
        elif line.startswith("calls=") and ALLOCATOR.match(called):
            calls += int(line[len("calls="):].split()[0])
    return calls


FUNCTION = re.compile(r"(fn|cfn)=\((\d+)\)(?: (.*))?")
ALLOCATOR = re.compile(r"(_rjem_)?(malloc|mallocx|calloc|realloc|rallocx|aligned_alloc|posix_memalign)$")
EVERYWHERE = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
PATIENCE = 120  # seconds for its start and its end, which take so long under callgrind on a busy machine

main()
