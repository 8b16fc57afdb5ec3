"""Processes on pinned CPUs, what they use, and how quiet the machine is."""
import ctypes
import hashlib
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
children = []  # every process started here, newest last


def dies_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG


def spawn(command, cpus, **options):
    pinned = ["taskset", "-c", cpus, *map(str, command)]
    process = subprocess.Popen(pinned, preexec_fn=dies_with_us, **options)
    children.append(process)
    return process


def output(command, cpus, timeout=300, **options):
    """What the command printed, whether it failed or not."""
    process = spawn(command, cpus, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    try:
        return process.communicate(timeout=timeout)[0]
    finally:
        stop(process)


FIRST = ["chrt", "--rr", "1"]  # before a command: it runs before all ordinary ones on its CPU


@contextmanager
def running_first(process):
    """The same for one that runs already, for a while. Gives whether this is allowed: it takes a privilege."""
    def policy(name, priority):
        command = ["chrt", "--all-tasks", name, "--pid", priority, str(process.pid)]
        return subprocess.run(command, capture_output=True).returncode == 0

    is_allowed = policy("--rr", "1")
    try:
        yield is_allowed
    finally:
        if is_allowed and not policy("--other", "0"):
            raise SystemExit("chrt: a process stays before the others, and would spoil what comes next")


def tree(pid):
    """pid and all its living descendants."""
    kids = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # ended meanwhile
        parent = int(text.rsplit(")", 1)[1].split()[1])
        kids.setdefault(parent, []).append(int(text.split(" ", 1)[0]))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += kids.get(found[-1], [])
    return found


def stop(process):
    """Ends it, and workers that outlive their master. The sidecar drains until it is told a second time."""
    if process.poll() is None:
        pids = tree(process.pid)
        for end in (process.terminate, process.terminate, process.kill):
            end()
            try:
                process.wait(3)
                break
            except subprocess.TimeoutExpired:
                continue
        for pid in pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    if process in children:
        children.remove(process)


def stop_all():
    for process in reversed(children[:]):
        stop(process)


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory_mib(pids):
    """Proportional set size: pages that several processes share count once. Without the kernel's."""
    kib = 0
    for pid in pids:
        try:
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        except OSError:
            continue
        kib += int(found.group(1)) if found else 0
    return kib / 1024


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port, process, seconds=15):
    """Whether the process comes to accept connections."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as client:
            client.settimeout(0.2)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def keep_awake(cpus):
    """Spinners that yield to everybody: a virtual CPU that never halts has no costly wake-ups."""
    code = (
        "import os\n"
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
        "while os.getppid() > 1: sum(range(99999))"
    )
    return [spawn([sys.executable, "-c", code], cpu) for cpu in sorted(cpus)]


class Quiet:
    """Tells whether others disturbed the measurement."""

    def __init__(self):
        self.begin = self._ticks()
        self.spins = []

    @staticmethod
    def _ticks():
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return fields[7], sum(fields)  # stolen by the host, all

    def spin(self):
        """A fixed amount of work: how long does it take now?"""
        begin, block = time.perf_counter(), b"x" * (1 << 20)
        for _ in range(48):
            hashlib.sha256(block).digest()
        self.spins.append((time.perf_counter() - begin) * 1e3)

    def verdict(self):
        """In words, and whether the figures are fit to be used."""
        stolen, total = (now - then for now, then in zip(self._ticks(), self.begin))
        stolen = stolen / max(total, 1)
        spread = max(self.spins) / min(self.spins)
        words = f"steal {stolen:.1%}, fixed work {min(self.spins):.0f} to {max(self.spins):.0f} ms"
        return words, stolen < 0.01 and spread < 1.25


def describe():
    """The machine in words."""
    cpu = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M)
    release = dict(re.findall(r'^(\w+)="?(.*?)"?$', Path("/etc/os-release").read_text(), re.M))
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpu = cpu.group(1) if cpu else platform.machine()
    return f"{os.cpu_count()} CPUs ({cpu}), {gib:.0f} GiB, {release.get('PRETTY_NAME')}, Linux {platform.release()}"
