#pragma once

#include <stddef.h>
#include <stdint.h>

// libFuzzer's entry for programs with a main function of their own. The compiler links it where it is given -sanitize=fuzzer.
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*run)(const uint8_t *bytes, size_t size));
