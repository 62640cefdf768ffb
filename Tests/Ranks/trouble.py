"""Errors of one of several processes: all end soon, it is said whose error it was, and the state is whole."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

from launching import ENVIRONMENT, METHODS, check, command, contents, each, ended, launch, processes, run, start, wait_for_steps


def trouble(arguments, launcher, folder):
    """A disk that is full for rank 0, and an error of rank 1, at the start and in the middle: all end soon, and it is said whose error it was."""
    host = socket.gethostname()
    if os.geteuid() == 0:
        disk = folder / f"disk-{launcher}"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode == 0
    else:
        mounted = False
    if mounted:
        try:
            target = disk / "run"
            process = start(arguments, launcher, 3, target, "--quiet", *METHODS["flat prefix"], steps=2000)
            wait_for_steps(target, 5)
            with open(disk / "filler", "wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            begun = time.time()
            code = ended(process, 30)
            took, text = time.time() - begun, process.stderr.read() if code is not None else ""
            told = [line for line in text.splitlines() if line.startswith("Error")]
            check(f"{launcher}: a full disk on rank 0 ends all", code not in (0, None) and took < 10 and not processes(target)
                  and any("No space left" in line and str(disk) in line for line in told), f"{took:.1f} s, code {code}: {told or text[-300:]}")
            (disk / "filler").unlink()
            process = start(arguments, None, 1, target, "--resume", "--quiet", *METHODS["flat prefix"], steps=2000)
            went_on = wait_for_steps(target, 40)
            process.send_signal(signal.SIGTERM)
            code = ended(process, 30)
            check(f"{launcher}: the state is whole, and one process goes on from it", went_on and code in (-signal.SIGTERM, 143), code)
        finally:
            subprocess.run(["umount", "-l", str(disk)], capture_output=True)
    else:
        print(f"skipped: {launcher}: a full disk (no tmpfs can be mounted here)")
    target = folder / f"missing-{launcher}"
    process = each(arguments, launcher, folder, 1, target, ["--data", str(folder / "nowhere.jsonl")])
    begun = time.time()
    code = ended(process, 30)
    took, text = time.time() - begun, process.stderr.read() if code is not None else ""
    told = [line for line in text.splitlines() if line.startswith("Error")]
    check(f"{launcher}: an error of rank 1 ends all", code not in (0, None) and took < 10 and not processes(target)
          and any(line.startswith(f"Error on rank 1 ({host})") and "nowhere.jsonl" in line for line in told), f"{took:.1f} s, code {code}: {told or text[-300:]}")
    middle(arguments, launcher, folder, host)


def refusing(launcher, folder):
    """The launcher's MPI, but for one exchange that it refuses; None where it cannot be made."""
    name = "libmpi.so.40" if "openmpi" in launcher else "libmpich.so.12"
    found = re.search(rf"{re.escape(name)} .*=> (\S+)", subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout)
    compiler = shutil.which("cc") or shutil.which("clang")
    if not found or not compiler:
        return None
    library = folder / f"refusing-{launcher}.so"
    source = os.path.join(os.path.dirname(os.path.realpath(__file__)), "mpi_fault.c")
    words = [compiler, "-shared", "-fPIC", "-o", str(library), source, "-Wl,--no-as-needed", found.group(1), "-ldl"]
    done = subprocess.run(words, capture_output=True, text=True)
    return library if done.returncode == 0 else None


def middle(arguments, launcher, folder, host):
    """MPI refuses an exchange of rank 1 in the middle of a training."""
    library = refusing(launcher, folder)
    if library is None:
        print(f"skipped: {launcher}: an error in the middle (no C compiler, or its library is not where ldconfig looks)")
        return
    steps, target, alone = 60, folder / f"middle-{launcher}", folder / "faults-alone"
    if not alone.exists():
        run(arguments, None, 1, alone, "--quiet", *METHODS["prefix"], steps=steps)
    # Four exchanges a step: step 20, or a little before it.
    environment = dict(ENVIRONMENT, PREFIXTUNE_MPI=str(library), MPI_FAULT_RANK="1", MPI_FAULT_CALL="80")
    words = launch(launcher, 3) + command(arguments, target, "--quiet", *METHODS["prefix"], steps=steps)
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    begun = wait_for_steps(target, 15)
    start_ = time.time()
    code = ended(process, 30)
    took, text = time.time() - start_, process.stderr.read() if code is not None else ""
    told = [line for line in text.splitlines() if line.startswith("Error")]
    check(f"{launcher}: an error of rank 1 at a later step ends all", begun and code not in (0, None) and took < 10 and not processes(target)
          and any(line.startswith(f"Error on rank 1 ({host}): MPI refused an exchange") for line in told), f"{took:.1f} s, code {code}: {told or text[-300:]}")
    done = run(arguments, launcher, 2, target, "--resume", "--quiet", *METHODS["prefix"], steps=steps)
    check(f"{launcher}: two processes go on to the same bytes", done.returncode == 0 and contents(target) == contents(alone), done.stderr[-300:] or None)
