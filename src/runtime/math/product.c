/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocked matrix products. C is cut into tasks, each a block of rows by a block of columns; a task walks the depth in
 * steps of PRODUCT_DEPTH, several together where its columns are few. It packs their columns of B into panels as wide
 * as a tile (they stay in the second level cache), then runs along the panels for every few rows of A (those stay in
 * the first). A is read in place.
 *
 * After Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34(3), 2008. */
#include "runtime/math/product.h"
#include "runtime/math/simd.h"

#include <string.h>

#define PANEL_BYTES      (512 * 1024) /* of a task's packed columns: half a usual second level cache */
#define TASKS_PER_THREAD 4            /* so that no thread waits long for another's last task */
#define WORTH_THREADS    50000.0      /* multiplications; fewer are done sooner than threads are woken */
#define ROWS_IN_PLACE    32           /* up to which B is not worth packing */
#define FEW_ROWS         64
#define MOST_PANELS      64 /* in a block of columns */
#define LINE             64 /* bytes of a cache line */

struct work {
    const struct product *product;
    const struct simd *simd;
    int64_t element; /* bytes */
    int64_t tile_columns, block_rows, block_columns, row_blocks, column_blocks;
    int64_t steps;                              /* of the depth that are packed together */
    int64_t panel_bytes, row_bytes, room_bytes; /* per thread: packed columns; copied rows; all buffers */
    char *rooms;
    const char *packed; /* all of B in panels, or NULL */
    int64_t packed_columns;
};

/* A thread's buffers. */
struct room {
    char *panels, *rows, *tile;
};

struct task {
    const struct work *work;
    const struct operands *on;
    struct room room;
    int64_t row, row_end, column, column_end;
};

/* Columns of packed or plain B under one tile, for one step of the depth. */
struct panel {
    const char *b;
    int64_t b_step, step, depth, column, columns, vectors;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static const char *at(const void *base, int64_t index, int64_t element)
{
    return (const char *)base + index * element;
}

/* Panels of B packed as a whole: those of the first step side by side, then those of the next. */
static const char *packed_panel(const struct work *work, const struct panel *panel)
{
    return at(work->packed, panel->step * work->packed_columns + panel->depth * panel->column, work->element);
}

/* Where the panel's columns from `done` on go, up to the end of the span. */
static void find_place(const struct task *task, const struct panel *panel, int64_t row, int64_t done,
                       struct merge *merge)
{
    const struct work *work = task->work;
    const struct product *p = work->product;
    int64_t span = p->span ? p->span : p->columns, column = panel->column + done;
    int64_t before = column < span ? 0 : column / span; /* a division for every tile would be felt */
    int64_t within = column - before * span;
    int64_t offset = row * p->c_row + before * p->c_span + within * p->c_column;
    merge->columns = least(span - within, panel->columns - done);
    merge->c = (char *)task->on->c + offset * work->element;
}

/* A tile whose columns are side by side in C writes there itself. */
static void run_tile(const struct task *task, const struct panel *panel, const char *a, int64_t a_row, int64_t row,
                     int height)
{
    const struct work *work = task->work;
    const struct product *p = work->product;
    tile_loop *tile = work->simd->tile[height][panel->vectors - 1];
    int64_t width = panel->vectors * work->simd->width;
    bool last = panel->step + panel->depth == p->depth;
    struct merge merge = { .c_row = p->c_row,
                           .c_column = p->c_column,
                           .rows = TILE_ROWS >> height,
                           .first = panel->step == 0,
                           .bias = last && task->on->bias ? at(task->on->bias, row, work->element) : NULL };
    find_place(task, panel, row, 0, &merge);
    if (p->c_column == 1 && merge.columns == width) {
        tile(panel->depth, a, a_row, panel->b, panel->b_step, &merge);
        return;
    }
    struct merge room = { .c = task->room.tile, .c_row = width, .first = true };
    tile(panel->depth, a, a_row, panel->b, panel->b_step, &room);
    for (int64_t done = 0; done < panel->columns; done += merge.columns) {
        find_place(task, panel, row, done, &merge);
        work->simd->merge(task->room.tile + done * work->element, width, &merge);
    }
}

/* Sets the panel's elements: packs them to `room`, unless they are ready. Returns the bytes used. */
static int64_t fill_panel(const struct task *task, struct panel *panel, bool in_place, char *room)
{
    const struct work *work = task->work;
    const struct product *p = work->product;
    int64_t width = panel->vectors * work->simd->width, place = panel->step * p->b_step + panel->column * p->b_column;
    const void *from = p->pack ? task->on->b : at(task->on->b, place, work->element);
    if (work->packed) {
        panel->b = packed_panel(work, panel);
        panel->b_step = width;
        return 0;
    }
    if (in_place && width == panel->columns) {
        panel->b = from;
        panel->b_step = p->b_step;
        return 0;
    }
    if (p->pack) p->pack(p->context, from, panel->step, panel->depth, panel->column, panel->columns, width, room);
    else work->simd->pack(from, p->b_step, p->b_column, panel->depth, panel->columns, width, room);
    panel->b = room;
    panel->b_step = width;
    return width * panel->depth * work->element;
}

/* The panels of some steps from `step`, one step after the other. */
static int64_t make_panels(const struct task *task, int64_t step, struct panel *panels)
{
    const struct work *work = task->work;
    const struct product *p = work->product;
    int64_t count = 0, lanes = work->simd->width, end = least(step + work->steps * PRODUCT_DEPTH, p->depth);
    bool in_place = !p->pack && p->b_column == 1 && task->row_end - task->row <= ROWS_IN_PLACE;
    char *room = task->room.panels;
    int64_t across = (task->column_end - task->column + work->tile_columns - 1) / work->tile_columns;
    for (; step < end; step += PRODUCT_DEPTH)
        for (int64_t i = 0; i < across; i++) {
            int64_t j = task->column + (work->product->backwards ? across - 1 - i : i) * work->tile_columns;
            struct panel *panel = &panels[count++];
            *panel = (struct panel){ .step = step, .depth = least(PRODUCT_DEPTH, p->depth - step), .column = j };
            panel->columns = least(work->tile_columns, task->column_end - j);
            panel->vectors = (panel->columns + lanes - 1) / lanes;
            room += fill_panel(task, panel, in_place, room);
        }
    return count;
}

/* Rows of A whose elements are not adjacent, copied so that they do. */
static const char *gather_rows(const struct task *task, int64_t row, int64_t rows, int64_t step, int64_t depth)
{
    const struct product *p = task->work->product;
    const char *from = at(task->on->a, row * p->a_row + step * p->a_step, task->work->element);
    if (p->a_step == 1) return from;
    task->work->simd->pack(from, p->a_row, p->a_step, rows, depth, PRODUCT_DEPTH, task->room.rows);
    return task->room.rows;
}

/* The task's columns of some rows have all their terms. */
static void finish_rows(const struct task *task, int64_t row, int64_t rows)
{
    const struct work *work = task->work;
    const struct panel block = { .column = task->column, .columns = task->column_end - task->column };
    struct merge merge;
    for (int64_t done = 0; done < block.columns; done += merge.columns) {
        find_place(task, &block, row, done, &merge);
        epilogue_apply(work->product->epilogue, merge.c, merge.columns, rows, work->product->c_row);
    }
}

static void run_rows(const struct task *task, const struct panel *panels, int64_t panel_count, int64_t row, int height)
{
    const struct work *work = task->work;
    int64_t rows = TILE_ROWS >> height, a_row = work->product->a_step == 1 ? work->product->a_row : PRODUCT_DEPTH;
    const char *a = NULL;
    for (int64_t i = 0; i < panel_count; i++) {
        const struct panel *panel = &panels[i];
        if (i == 0 || panel->step != panels[i - 1].step) a = gather_rows(task, row, rows, panel->step, panel->depth);
        run_tile(task, panel, a, a_row, row, height);
    }
    const struct panel *last = &panels[panel_count - 1];
    if (work->product->epilogue && last->step + last->depth == work->product->depth) finish_rows(task, row, rows);
}

static void run_task(const struct task *task)
{
    const struct work *work = task->work;
    for (int64_t step = 0; step < work->product->depth; step += work->steps * PRODUCT_DEPTH) {
        struct panel panels[MOST_PANELS];
        int64_t panel_count = make_panels(task, step, panels);
        int height = work->simd->tallest;
        for (int64_t row = task->row; row < task->row_end; row += TILE_ROWS >> height) {
            while (TILE_ROWS >> height > task->row_end - row) height++;
            run_rows(task, panels, panel_count, row, height);
        }
    }
}

static void run_tasks(const void *context, int64_t first, int64_t end, int member)
{
    const struct work *work = context;
    const struct product *p = work->product;
    int64_t per_product = work->row_blocks * work->column_blocks;
    char *room = work->rooms + member * work->room_bytes;
    for (int64_t i = first; i < end; i++) {
        int64_t r = i % per_product / work->column_blocks, c = i % work->column_blocks;
        if (p->backwards) c = work->column_blocks - 1 - c;
        struct task task = { .work = work, .on = &p->each[i / per_product] };
        task.room = (struct room){ .panels = room, .rows = room + work->panel_bytes };
        task.room.tile = task.room.rows + work->row_bytes;
        task.row = r * work->block_rows;
        task.row_end = least(task.row + work->block_rows, p->rows);
        task.column = c * work->block_columns;
        task.column_end = least(task.column + work->block_columns, p->columns);
        run_task(&task);
    }
}

/* Cuts C so that there are tasks enough: narrower first, since narrow blocks cost nothing, then lower. */
static void cut(struct work *work, int threads)
{
    const struct product *p = work->product;
    int64_t wanted = threads == 1 ? 1 : (int64_t)threads * TASKS_PER_THREAD, tile = work->tile_columns;
    int64_t panels = (p->columns + tile - 1) / tile, most = PANEL_BYTES / (PRODUCT_DEPTH * tile * work->element);
    int64_t each = (wanted + p->count - 1) / p->count;
    int64_t per_block = least(least(most, MOST_PANELS), (panels + each - 1) / each);
    work->block_columns = per_block * tile;
    work->column_blocks = (panels + per_block - 1) / per_block;
    int64_t row_blocks = (each + work->column_blocks - 1) / work->column_blocks;
    work->block_rows = round_up((p->rows + row_blocks - 1) / row_blocks, TILE_ROWS);
    work->row_blocks = (p->rows + work->block_rows - 1) / work->block_rows;
    work->steps = least(least(most, MOST_PANELS) / per_block, (p->depth + PRODUCT_DEPTH - 1) / PRODUCT_DEPTH);
}

static void fill_bias(const struct product *p, const struct operands *on, int64_t element)
{
    int64_t span = p->span ? p->span : p->columns;
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t j = 0; j < p->columns; j++) {
            char *to = (char *)on->c + (r * p->c_row + j / span * p->c_span + j % span * p->c_column) * element;
            if (on->bias) memcpy(to, at(on->bias, r, element), (size_t)element);
            else memset(to, 0, (size_t)element);
            epilogue_apply(p->epilogue, to, 1, 1, 0);
        }
}

/* Packing a part of B at a time is for nothing where it is as a whole. Few rows read it in place, if they can. */
static bool is_kept(const struct product *p)
{
    if (!p->weights || p->pack || p->count != 1 || p->weights->store != p->store) return false;
    return p->repeats || (p->weights->lasts && (p->b_column != 1 || p->rows > TILE_ROWS));
}

/* With few rows and both operands running along k, the transposed product packs the smaller operand instead. */
static bool is_better_transposed(const struct product *p)
{
    if (p->pack || p->span || p->epilogue || p->a_step != 1 || p->b_step != 1 || p->b_column == 1 || is_kept(p))
        return false;
    for (int64_t i = 0; i < p->count; i++)
        if (p->each[i].bias) return false;
    return p->rows < FEW_ROWS && p->rows < p->columns;
}

static struct product transposed(const struct call *call, const struct product *p)
{
    struct operands *each = NEW_ARRAY(call->scratch, struct operands, (size_t)p->count);
    for (int64_t i = 0; i < p->count; i++)
        each[i] = (struct operands){ .a = p->each[i].b, .b = p->each[i].a, .c = p->each[i].c };
    return (struct product){ .store = p->store,
                             .rows = p->columns,
                             .columns = p->rows,
                             .depth = p->depth,
                             .a_row = p->b_column,
                             .a_step = p->b_step,
                             .b_step = p->a_step,
                             .b_column = p->a_row,
                             .c_row = p->c_column,
                             .c_column = p->c_row,
                             .each = each,
                             .count = p->count };
}

struct packing {
    const struct work *work;
    const void *b;
    char *to;
};

static void pack_panels(const void *context, int64_t first, int64_t end, int member)
{
    const struct packing *packing = context;
    const struct work *work = packing->work;
    const struct product *p = work->product;
    int64_t lanes = work->simd->width, per_step = (p->columns + work->tile_columns - 1) / work->tile_columns;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        struct panel panel = { .step = i / per_step * PRODUCT_DEPTH, .column = i % per_step * work->tile_columns };
        panel.depth = least(PRODUCT_DEPTH, p->depth - panel.step);
        panel.columns = least(work->tile_columns, p->columns - panel.column);
        int64_t place = panel.step * work->packed_columns + panel.depth * panel.column;
        const void *from = at(packing->b, panel.step * p->b_step + panel.column * p->b_column, work->element);
        work->simd->pack(from, p->b_step, p->b_column, panel.depth, panel.columns, round_up(panel.columns, lanes),
                         packing->to + place * work->element);
    }
}

/* All of B in panels, held by the array that B lies in; NULL where that would leave too little memory. */
static const char *pack_whole(const struct call *call, const struct work *work)
{
    const struct product *p = work->product;
    struct array *weights = p->weights;
    const struct memory *memory = call->pool->memory;
    int64_t as[] = { (const char *)p->each[0].b - (const char *)weights->data,
                     p->b_step,
                     p->b_column,
                     p->depth,
                     p->columns,
                     work->tile_columns };
    for (struct array *form = weights->packed; form; form = form->packed)
        if (memcmp(form->packed_as, as, sizeof as) == 0) return form->data;
    if (!p->repeats && memory->limit && memory->used >= memory->limit / 2) return NULL;
    struct array *form =
        array_room(call->pool, weights->type, weights->store, 2, (int64_t[]){ p->depth, work->packed_columns });
    memcpy(form->packed_as, as, sizeof as);
    form->packed = weights->packed;
    weights->packed = form;
    int64_t per_step = (p->columns + work->tile_columns - 1) / work->tile_columns;
    int64_t panels = (p->depth + PRODUCT_DEPTH - 1) / PRODUCT_DEPTH * per_step;
    team_run(call->team, panels, team_piece(panels, form->count), pack_panels,
             &(struct packing){ .work = work, .b = p->each[0].b, .to = form->data });
    return form->data;
}

void product_forget(struct array *weights)
{
    if (weights->lasts) return;
    array_drop(weights->packed);
    weights->packed = NULL;
}

static void run(const struct call *call, const struct product *p)
{
    struct work work = { .product = p,
                         .simd = simd_for(p->store, call->simd_row),
                         .element = (int64_t)store_size(p->store) };
    double size = (double)p->rows * (double)p->columns * (double)p->depth * (double)p->count;
    int threads = size < WORTH_THREADS ? 1 : call->threads;
    work.tile_columns = work.simd->width * (p->rows == 1 ? WIDE_VECTORS : TILE_VECTORS);
    work.packed_columns = round_up(p->columns, work.simd->width);
    if (is_kept(p)) work.packed = pack_whole(call, &work);
    cut(&work, threads);
    work.panel_bytes = work.steps * work.block_columns * PRODUCT_DEPTH * work.element;
    work.row_bytes = TILE_ROWS * PRODUCT_DEPTH * work.element;
    work.room_bytes = round_up(work.panel_bytes + work.row_bytes + TILE_ROWS * work.tile_columns * work.element, LINE);
    int64_t rooms = (work.room_bytes * threads + LINE) / (int64_t)sizeof(double);
    struct array *array = array_room(call->pool, DTYPE_DOUBLE, STORE_F64, 1, &rooms);
    work.rooms = (char *)round_up((int64_t)(intptr_t)array->data, LINE);
    team_run(threads > 1 ? call->team : NULL, work.row_blocks * work.column_blocks * p->count, 1, run_tasks, &work);
    array_drop(array);
}

static int64_t whole_sum(const struct product *p, const int64_t *a, const int64_t *b)
{
    uint64_t sum = 0;
    for (int64_t k = 0; k < p->depth; k++) sum += (uint64_t)a[k * p->a_step] * (uint64_t)b[k * p->b_step];
    return (int64_t)sum;
}

static void run_whole(const struct product *p)
{
    int64_t span = p->span ? p->span : p->columns;
    for (int64_t i = 0; i < p->count * p->rows * p->columns; i++) {
        const struct operands *on = &p->each[i / (p->rows * p->columns)];
        int64_t r = i / p->columns % p->rows, j = i % p->columns;
        int64_t sum = whole_sum(p, (const int64_t *)on->a + r * p->a_row, (const int64_t *)on->b + j * p->b_column);
        int64_t *to = (int64_t *)on->c + r * p->c_row + j / span * p->c_span + j % span * p->c_column;
        *to = on->bias ? (int64_t)((uint64_t)sum + (uint64_t)((const int64_t *)on->bias)[r]) : sum;
    }
}

void product_run(const struct call *call, const struct product *product)
{
    if (product->rows == 0 || product->columns == 0 || product->count == 0) return;
    CALL_WORK(call, product->rows, product->columns, product->depth + 1, product->count,
              product->store == STORE_I64 ? WORK_ELEMENT : 1);
    if (product->store == STORE_I64) {
        run_whole(product);
    } else if (product->depth == 0) {
        for (int64_t i = 0; i < product->count; i++)
            fill_bias(product, &product->each[i], (int64_t)store_size(product->store));
    } else if (is_better_transposed(product)) {
        struct product swapped = transposed(call, product);
        run(call, &swapped);
    } else {
        run(call, product);
    }
}

struct product product_packed(enum store store, int64_t rows, int64_t depth, int64_t columns)
{
    return (struct product){ .store = store,
                             .rows = rows,
                             .columns = columns,
                             .depth = depth,
                             .a_row = depth,
                             .a_step = 1,
                             .b_step = columns,
                             .b_column = 1,
                             .c_row = columns,
                             .c_column = 1 };
}
