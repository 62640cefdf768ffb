#!/usr/bin/env bash
# Runs the tests under a sanitizer. Usage: Tools/sanitize.sh address|thread|undefined [FILTER]; FILTER is a regular expression
# of `swift test --filter`, all tests where none is given.
#
#   address    memory used beside or after its life, in Swift, C and C++, of the code built here
#   thread     data races, and undefined as well. libgomp and oneDNN are not built with it, so what they order is not seen: of
#              their own accesses nothing is said, and our regions of libgomp say themselves what they order
#   undefined  of the C targets: overflow, shifts, misaligned and null pointers end the process by SIGILL. The package manager
#              refuses --sanitize=undefined on Linux, so clang gets the option itself
#
# Optimised builds, each in a folder of its own below .build: tests of debug builds would take hours. C is built at -O1, as the
# sanitizers take many minutes for the vector kernels at -O2. A few tests are about limits of addresses, which address and
# thread make impossible: they read PREFIXTUNE_SANITIZER.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:?usage: Tools/sanitize.sh address|thread|undefined [FILTER]}
filter=${2:-.}
options=(-c release -Xswiftc -enable-testing -Xcc -O1 -Xcc -fno-omit-frame-pointer --scratch-path ".build/sanitize-$kind")
# Findings, also of the processes that tests start.
reports=$PWD/.build/sanitize-$kind.reports
rm -rf "$reports"
mkdir -p "$reports"
suppressions=$PWD/.build/sanitize-$kind.supp
# By traps, not by messages, with which the vector kernels take many minutes to compile. Not "function": calls through pointers
# to C functions carry no types in Swift.
undefined=(-Xcc -fsanitize=undefined,float-cast-overflow -Xcc -fno-sanitize=function,vptr
    -Xcc -fsanitize-trap=undefined,float-cast-overflow)
# A finding ends the test process, so that it cannot be overlooked.
case $kind in
address)
    options+=(--sanitize=address)
    # Foundation copies 256 bytes of names of folders that are shorter when it starts a process.
    echo "interceptor_via_fun:*findMaximumOpenFromProcSelfFD*" >"$suppressions"
    # Swift's runtime keeps what it allocates once.
    export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0:suppressions=$suppressions:log_path=$reports/report
    # In a pool, what is beside a block is nobody's, or another block.
    export PREFIXTUNE_EXACT_BLOCKS=1
    ;;
thread)
    options+=(--sanitize=thread "${undefined[@]}")
    # What Swift's Mutex guards, as its library is not built with the sanitizer: closures that take what it guards, which are
    # known by their type, (inout sending Value) -> sending Result.
    # Swift's one empty array: its count of 0 is written over again where an array of no elements is filled.
    printf '%s\n' called_from_lib:libgomp.so called_from_lib:libdnnl.so race:_swiftEmptyArrayStorage 'race:*zYuYTXE*' \
        >"$suppressions"
    export TSAN_OPTIONS=halt_on_error=1:suppressions=$suppressions:ignore_noninstrumented_modules=1:log_path=$reports/report
    ;;
undefined) options+=("${undefined[@]}") ;;
*)
    echo "error: \"$kind\" is none of address, thread, undefined" >&2
    exit 2
    ;;
esac

swift build --build-tests "${options[@]}"
export PREFIXTUNE_SANITIZER=$kind
export PREFIXTUNE_BINARY
PREFIXTUNE_BINARY=$(swift build "${options[@]}" --show-bin-path)/prefixtune
status=0
swift test --skip-build --disable-xctest "${options[@]}" --filter "$filter" || status=$?
if [ -n "$(ls "$reports")" ]; then
    head -n 40 "$reports"/* >&2
    echo "error: the $kind sanitizer has findings; they are in $reports" >&2
    exit 1
fi
exit "$status"
