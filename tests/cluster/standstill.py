#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""standstill.py FOLDER: tells on standard output, a line each with the time it ended, when this machine itself stood still: no
processor for a process that wants little of it, or no answer from the disk of the folder. Times are of CLOCK_BOOTTIME.

A node that resets itself while its machine stands still does what it is for; without these lines it looks like a defect."""
import os
import sys
import time

LOOK_S = 0.1
PROCESSOR_S = 0.3
DISK_S = 0.2


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def main():
    path = os.path.join(sys.argv[1], 'standstill')
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    while True:
        slept = now()
        time.sleep(LOOK_S)
        woke = now()
        os.pwrite(file, b'x' * 4096, 0)
        os.fsync(file)
        written = now()
        if woke - slept > LOOK_S + PROCESSOR_S:
            print(f'{woke:.2f} processor {woke - slept - LOOK_S:.2f} s', flush=True)
        if written - woke > DISK_S:
            print(f'{written:.2f} disk {written - woke:.2f} s', flush=True)


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
