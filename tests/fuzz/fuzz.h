/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzzing targets share. A target is one program, NAME_fuzz.c: libFuzzer calls LLVMFuzzerTestOneInput with
 * bytes that it makes up, and looks for those that reach new code; without libFuzzer, main.c does so with fewer wits.
 * A target is in order as long as nothing aborts and no sanitizer complains. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Of libFuzzer, or main.c: changes the bytes in some way; the new size. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);

/* Hooks of libFuzzer that mutate.c serves, in targets whose bytes are a model, after so many others. */
extern const size_t fuzz_prefix;
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *to,
                                 size_t room, unsigned seed);

/* Says what does not hold and aborts. */
#define REQUIRE(condition) fuzz_require((condition), #condition, __FILE__, __LINE__)
void fuzz_require(bool holds, const char *what, const char *file, int line);

/* Makes a folder and enters it: in memory where there is such a file system, for what is written is brought to the disk
 * each time. */
void fuzz_enter_folder(void);

/* External data, whatever its name: a bnfuse_opener. */
bool fuzz_find_data(void *context, const char *location, const void **bytes, uint64_t *size);

#endif
