#!/usr/bin/env bash
# Runs the tests under a sanitizer. Usage: Tools/sanitize.sh address|thread|undefined [FILTER]; FILTER is a regular expression
# of `swift test --filter`, all tests where none is given.
#
#   address    memory used beside or after its life, in Swift, C and C++, of the code built here
#   thread     data races. libgomp and oneDNN are not built with it, so what they order is not seen: their frames are left out
#   undefined  of the C targets: overflow, shifts, misaligned and null pointers. The package manager refuses
#              --sanitize=undefined on Linux, so clang gets the option itself and the runtime is linked by name
#
# Optimised builds, each in a folder of its own below .build: tests of debug builds would take hours. C is built at -O1, as the
# sanitizers take many minutes for the vector kernels at -O2. A few tests are about limits of addresses, which address and
# thread make impossible: they read PREFIXTUNE_SANITIZER.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:?usage: Tools/sanitize.sh address|thread|undefined [FILTER]}
filter=${2:-.}
options=(-c release -Xswiftc -enable-testing -Xcc -O1 -Xcc -fno-omit-frame-pointer --scratch-path ".build/sanitize-$kind")
log=.build/sanitize-$kind.log
mkdir -p .build
# A finding ends the test process, so that it cannot be overlooked.
case $kind in
address)
    options+=(--sanitize=address)
    # Swift's runtime keeps what it allocates once. A process that a test starts has this as well.
    export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0
    ;;
thread)
    options+=(--sanitize=thread)
    suppressions=$PWD/.build/sanitize-thread.supp
    printf '%s\n' called_from_lib:libgomp.so called_from_lib:libdnnl.so >"$suppressions"
    export TSAN_OPTIONS=halt_on_error=1:suppressions=$suppressions:ignore_noninstrumented_modules=1
    ;;
undefined)
    # Not "function": calls through pointers to C functions carry no types in Swift.
    checks=undefined,float-cast-overflow
    options+=(-Xcc "-fsanitize=$checks" -Xcc -fno-sanitize=function,vptr -Xcc -fno-sanitize-recover=all)
    runtime=$(clang -print-file-name="libclang_rt.ubsan_standalone.a" 2>/dev/null || true)
    [ -e "$runtime" ] || runtime=$(find -L "$(dirname "$(command -v swift)")/../lib/clang" /usr/lib/llvm-* \
        -name "libclang_rt.ubsan_standalone*.a" ! -name "*cxx*" -path "*$(uname -m)*" 2>/dev/null | head -n 1)
    [ -e "$runtime" ] || {
        echo "error: clang's runtime libclang_rt.ubsan_standalone is not here; on Debian: apt-get install libclang-rt-dev" >&2
        exit 1
    }
    options+=(-Xlinker "$runtime" -Xlinker --export-dynamic)
    export UBSAN_OPTIONS=print_stacktrace=1
    ;;
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
swift test --skip-build --disable-xctest "${options[@]}" --filter "$filter" 2>&1 | tee "$log" || status=$?
# Tools that tests start report into files of their own; what reached this log is a finding in any case.
if grep -qE 'ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:' "$log"; then
    echo "error: the $kind sanitizer has findings; see $log" >&2
    exit 1
fi
exit "$status"
