"""Become another program, but one that the kernel kills when the parent dies.

Run as a script, with the standard library only, between the fork and the real program:
``python -I -S die_with_parent.py <parent's pid> <program> <arguments…>``. A ``preexec_fn``
would do the same inside the forked interpreter, where other threads' locks may be held.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask for SIGKILL at the parent's death, then replace this process."""
    parent, *command = arguments
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above; then nobody would send the signal.
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming that program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
