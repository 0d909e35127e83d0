"""Restricts a process to computing, by a seccomp filter.

The filter allows the system calls that decoders make.

Every other call fails with EPERM. So the process cannot open files or sockets, nor start programs.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
from typing import NamedTuple

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
CLONE_THREAD, CLONE_NEWUSER, CLONE_NEWNET = 0x00010000, 0x10000000, 0x40000000
# Instructions of the packet filter (linux/filter.h): load a word, compare, test bits, return.
LOAD, EQUAL, BITS, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
# Offsets in struct seccomp_data: the number, the architecture, and the low half of each argument.
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, (16, 24)


class Machine(NamedTuple):
    """The kernel's code for an architecture, and its column in ``CALLS``."""

    audit: int
    column: int


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

# Allowed calls with their numbers on x86_64 and aarch64 (linux/unistd.h).
CALLS = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "nanosleep": (35, 101),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "newfstatat": (262, 79),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "rseq": (334, 293),
}
# Calls that are allowed only with certain arguments.
CLONE, FCNTL, TGKILL, PRLIMIT, CLONE3 = (56, 220), (72, 25), (234, 131), (302, 261), (435, 435)

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def give_up_rights() -> bool:
    """Restrict this process; return whether it gave up at least the network.

    If the kernel accepts no filter, the process moves to a network of its own without devices.
    """
    machine = MACHINES.get(platform.machine())
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if machine is not None:
        code = _filter(machine)
        program = _Program(len(code) // 8, code)
        if _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0:
            return True
    return bool(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)


def _filter(machine: Machine) -> bytes:
    column = machine.column
    code = _step(LOAD, ARCHITECTURE) + _step(EQUAL, machine.audit, then=1) + _step(RETURN, KILL)
    code += _step(LOAD, NUMBER)
    # Threads are allowed, processes are not. A filter cannot read clone3's arguments, which are in memory. If
    # clone3 reports ENOSYS, the C library uses clone.
    code += _when(CLONE3[column], _step(RETURN, REFUSE | errno.ENOSYS))
    code += _only_with(CLONE[column], 0, BITS, CLONE_THREAD)
    code += _only_with(FCNTL[column], 1, EQUAL, fcntl.F_DUPFD_CLOEXEC)
    # The process may signal and limit only itself.
    code += _only_with(TGKILL[column], 0, EQUAL, os.getpid())
    code += _only_with(PRLIMIT[column], 0, EQUAL, 0)
    for numbers in CALLS.values():
        number = numbers[column]
        if number is not None:
            code += _when(number, _step(RETURN, ALLOW))
    return code + _step(RETURN, REFUSE | errno.EPERM)


def _only_with(number: int, argument: int, test: int, value: int) -> bytes:
    """Allow a call if one of its arguments passes a test; refuse it otherwise."""
    passed = _step(RETURN, ALLOW) + _step(RETURN, REFUSE | errno.EPERM)
    return _when(number, _step(LOAD, ARGUMENTS[argument]) + _step(test, value, otherwise=1) + passed)


def _when(number: int, then: bytes) -> bytes:
    """The instructions ``then`` for one call; all other calls jump over them."""
    return _step(EQUAL, number, otherwise=len(then) // 8) + then


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction (struct sock_filter).

    It skips ``then`` instructions if its test succeeds, or else ``otherwise``.
    """
    return struct.pack("=HBBI", code, then, otherwise, value)
