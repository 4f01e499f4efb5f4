"""Does work that is shared among processes come back whole, in order, and with its errors?

Each script is a process of its own: the one that runs the tests may have threads, and no process
with threads is forked.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from litmus import parallel
from litmus.parallel import WORTH_IT, in_parallel
from tests.systems import WITHOUT_FORKS, environment

MANY = range(5 * WORTH_IT)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="nothing is shared there")

BEGIN = """
import json, os, sys, threading, time
from litmus import parallel

if hasattr(os, "fork"):
    os.sched_getaffinity = lambda _: {0, 1}
ME, MANY, BEGUN = os.getpid(), range(5 * parallel.WORTH_IT), sys.argv[1]

def square(number):
    # The first process has more to do until the second has begun.
    if os.getpid() != ME:
        open(BEGUN, "w").close()
    while number == 0 and forks and not os.path.exists(BEGUN):
        time.sleep(0.001)
    return number ** 2, os.getpid()

def processes(items=MANY, **how):
    global forks
    forks = parallel._cores() > 1 and len(items) == len(MANY) and not how
    results = parallel.in_parallel("Work", items, square, **how)
    assert [result for result, _ in results] == [n ** 2 for n in items]
    return len({process for _, process in results})

"""


@pytest.fixture
def said(tmp_path):
    """A function that returns what a process says."""

    def run(script, **about):
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + script, tmp_path / "begun"],
            **{"stdout": subprocess.PIPE, "check": True, "timeout": 60},
            **about,
        )
        return json.loads(done.stdout)

    return run


@on_linux
def test_many_items_are_shared_in_order_and_few_are_not(said):
    assert said("print([processes(), processes(MANY[:10]), processes(alone=True)])") == [2, 1, 1]


def test_the_work_goes_on_alone_where_there_are_no_forks(said, tmp_path):
    about = environment(tmp_path / "modules", sitecustomize=WITHOUT_FORKS)
    assert said("print(processes())", env=about) == 1


@on_linux
def test_when_work_has_been_shared_no_thread_is_left_and_more_can_be(said):
    again = "while len(os.listdir('/proc/self/task')) > 1: time.sleep(0.001)"
    script = f"a = processes()\n{again}\nprint(json.dumps([a, threading.active_count()]))"
    assert said(script) == [2, 1]


THREADS = {
    "of Python": "threading.Thread(target=threading.Event().wait, daemon=True).start()",
    "of V8": "from litmus.tex import katex; katex.typeset(katex.placeholder('x^2', False))",
    "that watch": "from litmus.material.server import Observer; Observer().start()",
    "of a pool": "import concurrent.futures as c; c.ThreadPoolExecutor(1).submit(time.sleep, 9)",
}


@on_linux
@pytest.mark.parametrize("begin", THREADS.values(), ids=THREADS)
def test_a_process_that_has_begun_threads_is_not_forked(said, begin):
    never = "os.fork = lambda: 1 / 0"
    assert said(f"{begin}\n{never}\nprint(processes(), flush=True)\nos._exit(0)") == 1


@pytest.mark.parametrize("number", [0, MANY[-1]])
def test_an_error_is_raised_whichever_process_it_happens_in(said, number):
    fails = f"parallel.in_parallel('Work', MANY, lambda item: 1 // (item - {number}))"
    script = f"try: {fails}\nexcept ZeroDivisionError as error: print(json.dumps(str(error)))"
    assert "by zero" in said(script)


def test_where_nobody_can_count_threads_the_work_goes_on_alone(monkeypatch):
    def list_nothing(_):
        raise FileNotFoundError

    monkeypatch.setattr(parallel.os, "listdir", list_nothing)
    processes = {os.getpid()}
    assert set(in_parallel("Work", MANY, lambda _: os.getpid())) == processes


# Each process says who it is when it has begun, and works for longer than the test lasts.
WORKS = """
os.sched_getaffinity = lambda _: {0, 1, 2}

def work(item):
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece
    time.sleep(600)

"""


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(process):
    """Does a process end within some seconds?"""
    until = time.monotonic() + 5
    while is_running(process) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_running(process)


@on_linux
@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_no_process_outlives_the_one_that_shares_its_work(tmp_path, number):
    script = f"{BEGIN}{WORKS}parallel.in_parallel('Work', MANY, work)"
    command = [sys.executable, "-c", script, tmp_path / "begun"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        try:
            others = {int(first.stdout.readline()) for _ in range(3)} - {first.pid}
            working = [process for process in others if is_running(process)]
            first.send_signal(getattr(signal, number))
            first.wait(60)
        finally:
            first.kill()
    assert len(working) == 2  # control: they do not end by themselves
    left = [process for process in others if not ends(process)]
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left
