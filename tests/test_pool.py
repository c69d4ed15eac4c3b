"""The pool: many callers, no thread to be had, idle, floating-point control, Ctrl-C; refused memory."""

from __future__ import annotations

import platform
import threading
from pathlib import Path

import numpy as np
import pytest
from processes import run, shared_library

import cnorm
import cnorm.functional as F


def holds(code: str, **environment: str) -> None:
    """What the code prints is True and nothing else."""
    done = run(code, **environment)
    assert done.stdout.strip() == "True", done.stdout + done.stderr


def test_eight_callers_at_once() -> None:
    """Each large enough for several threads; one has the helpers, the others compute alone."""
    x = np.random.default_rng(0).standard_normal((900, 768)).astype(np.float32)
    with cnorm.threads(1):
        expected = F.layer_norm(x, (768,)), cnorm.moments(x, 0)
    results: list[bool] = []
    together = threading.Barrier(8)

    def work() -> None:
        together.wait()
        for _ in range(25):
            mean, var = cnorm.moments(x, 0)
            good = np.array_equal(mean, expected[1][0]) and np.array_equal(var, expected[1][1])
            results.append(good and np.array_equal(F.layer_norm(x, (768,)), expected[0]))

    with cnorm.threads(4):
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [True] * 200


START = """
import ctypes, os, signal, sys, threading, time
import numpy as np
"""
ARRAYS = """
import cnorm, cnorm.functional as F
x = np.random.default_rng(0).standard_normal((2048, 768)).astype(np.float32)
with cnorm.threads(1):
    expected = F.layer_norm(x, (768,))
def right():
    return np.array_equal(F.layer_norm(x, (768,)), expected)
"""


def test_works_when_no_thread_can_be_made(tmp_path: Path) -> None:
    planted = shared_library(tmp_path, "int refused; int pthread_create(void) { refused++; return 11; }")
    code = f"""{START}{ARRAYS}
cnorm.set_num_threads(4)
good = [right() for _ in range(3)]
print(all(good) and ctypes.c_int.in_dll(ctypes.CDLL({planted!r}), "refused").value > 0)
"""
    holds(code, LD_PRELOAD=planted, OPENBLAS_NUM_THREADS="1")


def test_idle_helpers_use_no_cpu() -> None:
    """Calls 10 ms apart: of the pause a second thread uses less than a tenth, as it sleeps.

    Awake, it would use all of it in every round; a busy machine spoils some rounds.
    """
    holds(
        f"""{START}{ARRAYS}
def cpu(n):
    with cnorm.threads(n):
        right()
        start = time.process_time()
        for _ in range(20):
            F.layer_norm(x, (768,), out=y)
            time.sleep(0.01)
        return (time.process_time() - start) / 20
y = np.empty_like(x)
rounds = []
while len(rounds) < 20 and not (rounds and rounds[-1] < 1e-3):
    rounds.append(cpu(2) - cpu(1))
print(rounds[-1] < 1e-3 or rounds)
"""
    )


MXCSR = """
unsigned get(void) { return __builtin_ia32_stmxcsr(); }
void set(unsigned value) { __builtin_ia32_ldmxcsr(value); }
"""
x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="MXCSR is of x86")


@x86
def test_helpers_follow_the_caller_s_flushing(tmp_path: Path) -> None:
    """Denormal results: kept or flushed to zero, as the caller has it, by whichever thread computes them."""
    holds(
        f"""{START}{ARRAYS}
control = ctypes.CDLL({shared_library(tmp_path, MXCSR)!r})
zero, one, tiny = np.zeros(768, np.float32), np.ones(768, np.float32), np.full(768, 1e-40, np.float32)
def bits(n, mode):
    with cnorm.threads(n):
        right()  # the helpers are there
        control.set(mode)
        y = F.batch_norm(x, zero, one, tiny)
        control.set(usual)
        return y.tobytes()
def zeros(y):
    return not np.frombuffer(y, np.float32).any()
usual = control.get() & ~0x3f
flushed = [bits(n, usual | 0x8040) for n in (1, 2, 4)]
kept = [bits(n, usual) for n in (1, 2, 4)]
print(len(set(flushed)) == len(set(kept)) == 1 and not zeros(kept[0]) and zeros(flushed[0]))
"""
    )


@x86
def test_floating_point_control_is_left_alone(tmp_path: Path) -> None:
    holds(
        f"""{START}
control = ctypes.CDLL({shared_library(tmp_path, MXCSR)!r})
before = control.get() & ~0x3f  # without the flags of past operations
{ARRAYS}
imported = control.get() & ~0x3f
cnorm.set_num_threads(2)
good = right()
F.local_response_norm(x[None], 5)
print(good and before == imported == control.get() & ~0x3f)
"""
    )


def test_control_c_arrives_after_the_call() -> None:
    """A call is not cut short, and the library stays usable."""
    holds(
        f"""{START}{ARRAYS}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started without
cnorm.set_num_threads(2)
wide = np.random.default_rng(1).standard_normal((4, 256, 64, 64)).astype(np.float32)
start = time.perf_counter()
whole = F.local_response_norm(wide, 255)
took = time.perf_counter() - start
out = np.full_like(wide, np.nan)
timer = threading.Timer(took / 3, os.kill, (os.getpid(), signal.SIGINT))
arrived = False
timer.start()
try:
    F.local_response_norm(wide, 255, out=out)
    timer.join()
    time.sleep(0.1)
except KeyboardInterrupt:
    arrived = True
print(arrived and np.array_equal(out, whole) and right())
"""
    )


# The mallocs of the code between low and high: `left` of them succeed.
MALLOC = """
#include <stddef.h>
void *__libc_malloc(size_t bytes);
char *low, *high;
int left, refused;
void *malloc(size_t bytes)
{
    char *caller = __builtin_return_address(0);
    if (caller >= low && caller < high && left-- <= 0) { refused++; return NULL; }
    return __libc_malloc(bytes);
}
"""


def test_refused_memory_is_a_memory_error(tmp_path: Path) -> None:
    """Every malloc of the core fails in turn: nothing has changed, and the next call works."""
    planted = shared_library(tmp_path, MALLOC)
    code = f"""{START}{ARRAYS}
from cnorm._native import core
planted = ctypes.CDLL({planted!r})
low, high = (ctypes.c_void_p.in_dll(planted, name) for name in ("low", "high"))
left, refused = (ctypes.c_int.in_dll(planted, name) for name in ("left", "refused"))
maps = [line.split()[0].split("-") for line in open("/proc/self/maps") if core.__file__ in line]
cnorm.set_num_threads(2)
shape = (6, 4000, 90)
x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
mean, var, out = np.zeros(4000, np.float32), np.ones(4000, np.float32), np.zeros_like(x)
few, one, last = x.reshape(6, 3, -1), x.reshape(1, 3, -1), x.transpose(0, 2, 1).copy().transpose(0, 2, 1)
arrays = [x, last, mean, var, out]
calls = {{
    "moments": lambda: cnorm.moments(x),
    "layer_norm": lambda: F.layer_norm(x, shape, out=out),
    "batch_norm": lambda: F.batch_norm(few, mean[:3], var[:3], training=True, out=out.reshape(few.shape)),
    "batch_norm of columns": lambda: F.batch_norm(last, mean, var, training=True),
    "batch_norm_eval": lambda: F.batch_norm(x, mean, var, out=out),
    "instance_norm": lambda: F.instance_norm(one, mean[:3], var[:3], out=out.reshape(one.shape)),
    "local_response_norm": lambda: F.local_response_norm(x, 5, out=out),
}}
wrong = []
for name, call in calls.items():
    errors = 0
    for k in range(20):
        before = [a.tobytes() for a in arrays]
        refused.value, left.value = 0, k
        low.value, high.value = int(maps[0][0], 16), int(maps[-1][1], 16)
        try:
            call()
        except MemoryError:
            errors += 1
            if [a.tobytes() for a in arrays] != before:
                wrong.append((name, k, "changed"))
        finally:
            low.value = high.value = 0
        if refused.value == 0:
            break
        if errors != k + 1:
            wrong.append((name, k, "no MemoryError"))
    if errors == 0:
        wrong.append((name, "nothing failed"))
print(wrong or True)
"""
    holds(code, LD_PRELOAD=planted)
