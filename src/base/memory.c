/* SPDX-License-Identifier: Apache-2.0
 *
 * A budget, arenas that draw on it, and one recovery point. An arena is a list of blocks, the newest first, from which
 * allocations are cut; what does not fit a block gets one of its own. */
#include "base/memory.h"

#include "base/environment.h"
#include "base/platform.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXACT_BLOCKS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define EXACT_BLOCKS
#endif

/* Under the address sanitizer every allocation is a block of its own, so that the first byte beyond it is guarded.
 * WebAssembly has no pages. */
#ifdef EXACT_BLOCKS
enum { HAS_PAGES = false, PIECE = 1 };
enum { ALIGNMENT = 16, HALF = 8, HEAD = 32, FIRST_BLOCK = 1, LARGEST_BLOCK = 1, LARGEST_KEPT = 0, MOST_KEPT = 0 };
#define LARGE SIZE_MAX
#else
#ifdef __wasm__
enum { HAS_PAGES = false };
#else
enum { HAS_PAGES = true };
#endif
enum {
    ALIGNMENT = 16,
    HALF = 8,
    HEAD = 32,
    PIECE = 16 << 10, /* the smallest */
    FIRST_BLOCK = PIECE - HEAD,
    LARGE = PIECE << PIECE_SIZES / 4, /* 2 MiB: from here on memory comes from the system, in large pages where it has
                                       * some */
    LARGEST_BLOCK = LARGE - HEAD,
    LARGEST_KEPT = LARGE, /* of the blocks of an emptied arena */
    MOST_KEPT = 4 << 20,  /* all together */
};
#endif

struct arena_block {
    struct arena_block *next;
    size_t size, used, dirty; /* of `bytes`; beyond `dirty` they are zero */
    _Alignas(ALIGNMENT) unsigned char bytes[];
};
_Static_assert(sizeof(void *) < 8 || offsetof(struct arena_block, bytes) == HEAD, "the largest block is a large page");

struct arena_deferred {
    struct arena_deferred *next;
    void (*release)(void *object);
    void *object;
};

static bool fail_spent(const struct memory *memory, struct bnfuse_error *error)
{
    if (memory->spent == SPENT_WORK)
        return fail(error, BNFUSE_UNSUPPORTED, "too much work for the limit (--work SECONDS allows more)");
    if (memory->refused == SIZE_MAX)
        return fail(error, BNFUSE_INTERNAL, "out of memory: more is needed than any machine has");
    if (memory->spent == SPENT_BUDGET)
        return fail(error, BNFUSE_INTERNAL,
                    "out of memory: %zu bytes in use, %zu more needed, the limit is %zu (--memory allows more)",
                    memory->used, memory->refused, memory->limit);
    return fail(error, BNFUSE_INTERNAL, "out of memory: %zu bytes in use, %zu more needed", memory->used,
                memory->refused);
}

static bool run_guarded(struct memory *memory, bool (*work)(void *context, struct bnfuse_error *error), void *context,
                        struct bnfuse_error *error)
{
    jmp_buf here;
    jmp_buf *const outer = memory->escape;
    if (setjmp(here)) {
        memory->escape = outer;
        return fail_spent(memory, error);
    }
    memory->escape = &here;
    bool ok = work(context, error);
    memory->escape = outer;
    return ok;
}

bool guarded(struct memory *memory, bool (*work)(void *context, struct bnfuse_error *error), void *context,
             struct bnfuse_error *error)
{
    struct environment theirs;
    if (memory->escape) return run_guarded(memory, work, context, error);
    environment_enter(&theirs);
    bool ok = run_guarded(memory, work, context, error);
    environment_leave(&theirs);
    return ok;
}

static _Noreturn void escape(struct memory *memory)
{
    assert(memory->escape && "memory ran out outside a guarded call");
    if (!memory->escape) abort();
    longjmp(*memory->escape, 1);
}

_Noreturn void memory_exhausted(struct memory *memory)
{
    memory->refused = SIZE_MAX;
    memory->spent = SPENT_BUDGET;
    escape(memory);
}

void memory_require_machine(struct memory *memory)
{
    if (memory->spent == SPENT_MACHINE && memory->escape) escape(memory);
}

void memory_work(struct memory *memory, int64_t count, int64_t units)
{
    uint64_t more, total;
    assert(count >= 0 && units >= 0);
    if (!memory->work_limit) return;
    if (!__builtin_mul_overflow((uint64_t)count, (uint64_t)units, &more)
        && !__builtin_add_overflow(memory->work, more, &total) && total <= memory->work_limit) {
        memory->work = total;
        return;
    }
    memory->spent = SPENT_WORK;
    escape(memory);
}

struct work_share work_begin(struct memory *memory, uint64_t *left, uint64_t most)
{
    const struct work_share share = { memory->work, memory->work_limit, left };
    uint64_t allowed = left ? (*left < most ? *left : most) : 0;
    memory->work = 1; /* a limit of 0 would be none */
    memory->work_limit = left ? allowed + 1 : 0;
    return share;
}

void work_end(struct memory *memory, const struct work_share *share)
{
    if (share->left) *share->left -= memory->work - 1;
    memory->work = share->work;
    memory->work_limit = share->limit;
}

/* Whether the budget allows it. What escapes after a yes was refused by the machine. */
static bool memory_allows(struct memory *memory, size_t size)
{
    size_t total;
    bool allowed = !__builtin_add_overflow(memory->used, size, &total) && (!memory->limit || total <= memory->limit);
    memory->refused = size;
    memory->spent = allowed ? SPENT_MACHINE : SPENT_BUDGET;
    return allowed;
}

/* ---- large pages, cut into pieces: one that is touched costs a fault, as a small one does ---- */

enum { FEW = 16 << 20, ENOUGH = 64 << 10 }; /* in use before blocks of 2 MiB are made; before the first is taken */

/* One that was given back. */
struct piece {
    struct piece *next;
};

/* The size of a piece for so many bytes, one of four between a power of two and the next, and the number of its list.
 * Pieces are neither smaller nor larger: there is no list, then. */
static size_t piece_size(size_t bytes, size_t *list)
{
    size_t quarter = PIECE / 4;
    *list = PIECE_SIZES;
    if (!HAS_PAGES || bytes < PIECE || bytes > LARGE / 8 * 7) return bytes;
    for (*list = 0; quarter * 8 <= bytes; quarter *= 2) *list += 4;
    const size_t quarters = (bytes + quarter - 1) / quarter;
    *list += quarters - 4;
    return quarters * quarter;
}

static void keep_piece(struct memory *memory, void *bytes, size_t list)
{
    struct piece *piece = bytes;
    piece->next = memory->pieces[list];
    memory->pieces[list] = piece;
}

/* What is left of the last page is made pieces of. */
static void cut_rest(struct memory *memory)
{
    for (size_t list = PIECE_SIZES; memory->page_count && list-- > 0;) {
        const size_t size = ((size_t)PIECE / 4 << list / 4) * (4 + list % 4);
        for (; LARGE - memory->cut >= size; memory->cut += size)
            keep_piece(memory, memory->pages[memory->page_count - 1] + memory->cut, list);
    }
}

/* Whether there is a piece, or may be. Pages are held beyond what is in use, so there are not many. */
static bool has_piece(const struct memory *memory, size_t size, size_t list)
{
    const size_t count = memory->page_count;
    if (!HAS_PAGES || list == PIECE_SIZES) return false;
    if (memory->pieces[list] || (count && LARGE - memory->cut >= size)) return true;
    if (count == MOST_PAGES || (!count && memory->used < ENOUGH)) return false;
    return !memory->limit || (count + 1) * LARGE <= memory->limit / 8;
}

static bool add_page(struct memory *memory)
{
    char *page = platform_map(LARGE);
    if (!page) return false;
    cut_rest(memory);
    memory->pages[memory->page_count++] = page;
    memory->cut = 0;
    return true;
}

/* Where there may be one; NULL when the machine has no page. What comes of a new page is zero. */
static void *take_piece(struct memory *memory, size_t size, size_t list, bool *is_new)
{
    struct piece *piece = memory->pieces[list];
    *is_new = !piece;
    if (piece) {
        memory->pieces[list] = piece->next;
        return piece;
    }
    if ((!memory->page_count || LARGE - memory->cut < size) && !add_page(memory)) return NULL;
    void *bytes = memory->pages[memory->page_count - 1] + memory->cut;
    memory->cut += size;
    return bytes;
}

static bool is_piece(const struct memory *memory, const void *block)
{
    for (size_t i = 0; i < memory->page_count; i++)
        if ((uintptr_t)block - (uintptr_t)memory->pages[i] < LARGE) return true;
    return false;
}

static void drop_pages(struct memory *memory)
{
    if (!HAS_PAGES || !memory->page_count) return;
    while (memory->page_count) platform_unmap(memory->pages[--memory->page_count], LARGE);
    memset(memory->pieces, 0, sizeof memory->pieces);
}

/* ---- against the budget ---- */

/* Whether all of it is zero is said in *is_zero. */
static void *take_bytes(struct memory *memory, size_t size, bool *is_zero)
{
    size_t list, rounded = piece_size(size, &list);
    void *block;
    if (!memory_allows(memory, size)) return NULL;
    *is_zero = size >= LARGE;
    if (size >= LARGE) block = platform_map(size);
    else if (has_piece(memory, rounded, list)) block = take_piece(memory, rounded, list, is_zero);
    else block = malloc(size ? size : 1);
    if (!block) return NULL;
    memory->used += size;
    memory->spent = SPENT_BUDGET;
    return block;
}

void *memory_take(struct memory *memory, size_t size)
{
    bool is_zero;
    void *block = take_bytes(memory, size, &is_zero);
    if (!block) escape(memory);
    return block;
}

void memory_give(struct memory *memory, void *block, size_t size)
{
    size_t list;
    if (!block) return;
    assert(memory->used >= size);
    memory->used -= size;
    piece_size(size, &list);
    if (size >= LARGE) platform_unmap(block, size);
    else if (HAS_PAGES && list < PIECE_SIZES && is_piece(memory, block)) keep_piece(memory, block, list);
    else free(block);
    if (!memory->used) drop_pages(memory);
}

void arena_open(struct arena *arena, struct memory *memory)
{
    *arena = (struct arena){ .memory = memory };
}

static void release_deferred(struct arena *arena)
{
    for (struct arena_deferred *deferred; (deferred = arena->deferred);) {
        arena->deferred = deferred->next;
        deferred->release(deferred->object);
    }
}

static void release_blocks(struct arena *arena, struct arena_block *list)
{
    for (struct arena_block *block; (block = list);) {
        list = block->next;
        memory_give(arena->memory, block, sizeof *block + block->size);
    }
}

void arena_close(struct arena *arena)
{
    release_deferred(arena);
    release_blocks(arena, arena->blocks);
    release_blocks(arena, arena->spare);
    arena->blocks = arena->spare = NULL;
}

/* Blocks stay for the next time, but for those of single large requests: what is needed once is needed again, and fresh
 * memory costs more than what is done with it. */
void arena_clear(struct arena *arena)
{
    size_t kept = 0;
    release_deferred(arena);
    for (const struct arena_block *block = arena->spare; block; block = block->next) kept += block->size;
    for (struct arena_block *block; (block = arena->blocks);) {
        arena->blocks = block->next;
        block->next = NULL;
        if (block->size > LARGEST_KEPT || block->size > MOST_KEPT - kept) {
            release_blocks(arena, block);
            continue;
        }
        kept += block->size;
        if (block->used > block->dirty) block->dirty = block->used;
        block->used = 0;
        block->next = arena->spare;
        arena->spare = block;
    }
}

static void close_scratch(void *scratch)
{
    arena_close(scratch);
}

struct arena *arena_scratch(struct arena *arena)
{
    struct arena *scratch = NEW(arena, struct arena);
    arena_open(scratch, arena->memory);
    arena_defer(arena, close_scratch, scratch);
    return scratch;
}

/* A block that was kept and has the room; NULL if there is none. */
static struct arena_block *take_spare(struct arena *arena, size_t size)
{
    struct arena_block **link = &arena->spare;
    while (*link && (*link)->size < size) link = &(*link)->next;
    struct arena_block *block = *link;
    if (block) *link = block->next;
    return block;
}

static struct arena_block *take_block(struct memory *memory, size_t size)
{
    size_t total, list;
    bool is_zero;
    if (__builtin_add_overflow(sizeof(struct arena_block), size, &total)) return NULL;
    total = piece_size(total, &list);
    struct arena_block *block = take_bytes(memory, total, &is_zero);
    if (!block) return NULL;
    size = total - sizeof *block;
    *block = (struct arena_block){ .size = size, .dirty = is_zero ? 0 : size };
    return block;
}

/* A block for at least so much. It doubles the last one, so that their number stays logarithmic, and is the first in
 * the list; a large request gets one after the first, which may still have room. */
static struct arena_block *add_block(struct arena *arena, size_t size)
{
    struct arena_block *first = arena->blocks, *block = take_spare(arena, size);
    size_t usual = first ? first->size * 2 + HEAD : FIRST_BLOCK;
    if (usual < FIRST_BLOCK) usual = FIRST_BLOCK;
    const size_t most = HAS_PAGES && arena->memory->used < FEW ? LARGE / 8 - HEAD : LARGEST_BLOCK;
    if (usual > most) usual = most;
    bool own = first && size > usual / 2;
    if (!block) block = take_block(arena->memory, own || size > usual ? size : usual);
    if (!block) return NULL;
    block->next = own ? first->next : first;
    if (own) first->next = block;
    else arena->blocks = block;
    return block;
}

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

/* NULL rather than an escape. */
static void *try_room(struct arena *arena, size_t size, bool zeroed)
{
    arena->memory->refused = size;
    arena->memory->spent = SPENT_BUDGET;
    if (size > SIZE_MAX - ALIGNMENT) return NULL;
    if (!size) size = 1;
    const size_t alignment = size % ALIGNMENT ? HALF : ALIGNMENT;
    struct arena_block *block = arena->blocks;
    size_t at = block ? round_up(block->used, alignment) : 0;
    if (!block || at > block->size || size > block->size - at) {
        if (!(block = add_block(arena, size))) return NULL;
        at = 0;
    }
    block->used = at + size;
    if (at >= block->dirty) return block->bytes + at;
    if (zeroed) memset(block->bytes + at, 0, block->dirty - at < size ? block->dirty - at : size);
    return block->bytes + at;
}

static void *take_room(struct arena *arena, size_t size, bool zeroed)
{
    void *bytes = try_room(arena, size, zeroed);
    if (!bytes) escape(arena->memory);
    return bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return take_room(arena, size, true);
}

static size_t array_size(const struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) memory_exhausted(arena->memory);
    return total;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    return take_room(arena, array_size(arena, count, size), true);
}

void *arena_room(struct arena *arena, size_t count, size_t size)
{
    return take_room(arena, array_size(arena, count, size), false);
}

void *arena_grow(struct arena *arena, const void *old, size_t old_count, size_t new_count, size_t size)
{
    assert(old_count <= new_count);
    void *grown = arena_array(arena, new_count, size);
    if (old_count) memcpy(grown, old, old_count * size);
    return grown;
}

char *arena_copy_text(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(arena_room(arena, size, 1), text, size);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    assert(length >= 0);
    char *text = arena_room(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(list);
    return text;
}

void arena_defer(struct arena *arena, void (*release)(void *object), void *object)
{
    struct arena_deferred *deferred = try_room(arena, sizeof *deferred, false);
    if (!deferred) {
        release(object);
        escape(arena->memory);
    }
    *deferred = (struct arena_deferred){ arena->deferred, release, object };
    arena->deferred = deferred;
}
