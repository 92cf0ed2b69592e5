/* The memory of QuickJS: one piece at a fixed address, handed out from its start and taken back into lists by size.
 *
 * Making a QuickJS context and loading the plugins takes longer than most of what a plugin does then. So build.ts lets
 * the executable do it once and puts the bytes of this piece, as they are then, into the executable: pointers stay true,
 * since it is linked to fixed addresses. A process that starts continues from there; the kernel copies the few pages
 * that it writes to. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "heap.h"
#include "native.h"

enum {
    KEPT = 640 << 10, /* bytes in the executable: build.ts fails when they do not do */
    CHUNK = 1 << 20,  /* what is taken at run time at once */
    HEADER = 8,
    STEP = 16,    /* block sizes up to LARGE are multiples of it, */
    LARGE = 1024, /* above they are powers of two */
    SMALL_CLASSES = LARGE / STEP + 1,
    CLASSES = SMALL_CLASSES + 64,
};

struct block {
    uint64_t class;     /* of the list that it goes back to */
    struct block *next; /* while free; else the first bytes of its user */
};

static struct {
    char mark[16]; /* build.ts finds the place by it */
    JSContext *context;
    struct block *free[CLASSES];
    uint8_t *position, *end; /* of what has not been handed out */
    uint8_t bytes[KEPT];
} heap __attribute__((aligned(4096))) = {.mark = "podroute-heap-1"};

static uint8_t first_chunk[CHUNK] __attribute__((aligned(4096)));

static size_t class_of(size_t size)
{
    size_t block = (size + HEADER + STEP - 1) & ~(size_t)(STEP - 1);
    return block <= LARGE ? block / STEP : SMALL_CLASSES + (64 - (size_t)__builtin_clzll(block - 1));
}

static size_t block_size(size_t class)
{
    return class < SMALL_CLASSES ? class * STEP : (size_t)1 << (class - SMALL_CLASSES);
}

static void *carve(size_t size)
{
    if (!heap.position) {
        heap.position = heap.bytes;
        heap.end = heap.bytes + KEPT;
    }
    if ((size_t)(heap.end - heap.position) < size) {
        size_t length = size > CHUNK ? size : CHUNK;
        uint8_t *chunk = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED)
            return NULL;
        heap.position = chunk;
        heap.end = chunk + length;
    }
    void *taken = heap.position;
    heap.position += size;
    return taken;
}

static void *take(JSMallocState *state, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    size_t class = class_of(size);
    struct block *block = heap.free[class];
    if (block)
        heap.free[class] = block->next;
    else if (!(block = carve(block_size(class))))
        return NULL;
    block->class = class;
    return &block->next;
}

static struct block *block_of(const void *memory) { return (struct block *)((uint8_t *)memory - HEADER); }

static size_t usable(const void *memory)
{
    return memory ? block_size(block_of(memory)->class) - HEADER : 0;
}

static void give(JSMallocState *state, void *memory)
{
    if (!memory)
        return;
    struct block *block = block_of(memory);
    block->next = heap.free[block->class];
    heap.free[block->class] = block;
}

static void *resize(JSMallocState *state, void *memory, size_t size)
{
    if (size == 0) {
        give(state, memory);
        return NULL;
    }
    size_t old = usable(memory);
    if (memory && size <= old)
        return memory;
    void *larger = take(state, size);
    if (larger && memory) {
        memcpy(larger, memory, old);
        give(state, memory);
    }
    return larger;
}

const JSMallocFunctions heap_functions = {take, give, resize, usable};

JSContext *heap_context(void)
{
    if (heap.context)
        JS_UpdateStackTop(JS_GetRuntime(heap.context));
    return heap.context;
}

int heap_write(int fd, JSContext *ctx)
{
    if (heap.position < heap.bytes || heap.position > heap.bytes + KEPT) {
        errno = ENOSPC;
        return -1;
    }
    /* What a process allocates lies together: few pages of its own. */
    memset(heap.free, 0, sizeof(heap.free));
    heap.position = first_chunk;
    heap.end = first_chunk + CHUNK;
    heap.context = ctx;
    return native_write_all(fd, (const char *)&heap, sizeof(heap));
}
